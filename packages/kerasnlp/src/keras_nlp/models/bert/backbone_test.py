from typing import ClassVar

import numpy as np
import pytest

from domain_core.testing import BlockContract, assert_close, to_numpy
from keras_nlp.models import BertBackbone

SIZES = {
    "vocabulary_size": 20,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 8,
}


class TestBertBackbone(BlockContract):
    cls = BertBackbone
    arguments = SIZES
    output_shapes: ClassVar = {"sequence_output": (2, 8, 16), "pooled_output": (2, 16)}
    tensors = 23

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        mask = np.ones((2, 8), "int32")
        mask[1, 5:] = 0
        return {
            "token_ids": rng.integers(0, 20, (2, 8)).astype("int32"),
            "segment_ids": np.repeat([[0, 0, 0, 1, 1, 1, 0, 0]], 2, 0).astype("int32"),
            "padding_mask": mask,
        }

    @pytest.mark.backends
    def test_padding_changes_nothing(self, backbone, outputs):
        inputs = self.inputs()
        inputs["token_ids"][1, 5:] = 7
        received = to_numpy(backbone.predict_on_batch(inputs))
        assert_close(
            received["sequence_output"][1, :5], outputs["sequence_output"][1, :5]
        )
        assert_close(received["pooled_output"], outputs["pooled_output"])

    @pytest.mark.backends
    def test_a_row_of_padding_is_finite(self, backbone):
        inputs = self.inputs()
        inputs["padding_mask"][:] = 0
        received = backbone.predict_on_batch(inputs)["pooled_output"]
        assert np.isfinite(received).all()


def test_without_pooler():
    backbone = BertBackbone(**SIZES, include_pooler=False)
    assert list(backbone.output) == ["sequence_output"]
    assert not [p for p in backbone.weight_paths() if p.startswith("pooler")]


@pytest.mark.backends
def test_dropout_in_training_only():
    backbone = BertBackbone(**SIZES, dropout=0.5)
    ones = {key: np.ones((2, 8), "int32") for key in ("token_ids", "padding_mask")}
    ones["segment_ids"] = np.zeros((2, 8), "int32")
    still = backbone(ones)["pooled_output"]
    assert_close(still, backbone(ones)["pooled_output"], rtol=0, atol=0)
    moved = backbone(ones, training=True)["pooled_output"]
    assert not np.allclose(to_numpy(still), to_numpy(moved))


def test_heads_must_divide_width():
    with pytest.raises(ValueError, match="num_heads=3"):
        BertBackbone(**{**SIZES, "num_heads": 3})


def test_longer_than_the_positions():
    backbone = BertBackbone(**SIZES)
    inputs = {key: np.ones((1, 9), "int32") for key in backbone.input}
    with pytest.raises(ValueError, match="at most 8 positions"):
        backbone(inputs)
