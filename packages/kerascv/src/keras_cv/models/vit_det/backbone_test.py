from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import BlockContract, assert_close, draw_weights, to_numpy
from keras_cv.models import ViTDetBackbone

SIZES = {
    "include_rescaling": True,
    "input_shape": (32, 48, 3),
    "embed_dim": 8,
    "depth": 2,
    "mlp_dim": 12,
    "num_heads": 2,
    "patch_size": 8,
    "out_chans": 6,
    "window_size": 4,
    "global_attention_indices": [1],
}


class TestViTDetBackbone(BlockContract):
    cls = ViTDetBackbone
    # One block is enough here, and less to compile.
    arguments: ClassVar = {**SIZES, "depth": 1}
    output_shapes: ClassVar = (2, 4, 6, 6)
    tensors = 27
    short_ways = (
        "keras_cv.layers.conv_norm.takes_short_way",
        "keras_cv.layers.map_attention.bound_dense",
        "keras_cv.models.vit_det.neck.normalize",
    )
    rounding = 1e-5  # magnified by two norms over the six channels of the neck

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return rng.uniform(0, 255, (2, 32, 48, 3)).astype("float32")


def test_rescaling():
    scaled = ViTDetBackbone(**SIZES)
    plain = ViTDetBackbone(**{**SIZES, "include_rescaling": False})
    draw_weights(scaled)
    plain.set_weights(scaled.get_weights())
    x = TestViTDetBackbone.inputs()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert_close(scaled(x), plain((x / 255 - mean) / std))
    normalized = ViTDetBackbone(
        **{**SIZES, "include_rescaling": False, "include_normalization": True}
    )
    normalized.set_weights(scaled.get_weights())
    assert_close(scaled(x), normalized(x / 255))
    with pytest.raises(ValueError, match="3 channels"):
        ViTDetBackbone(**{**SIZES, "input_shape": (32, 48, 1)})


def test_positions_follow_the_input_shape():
    backbone = ViTDetBackbone(**SIZES)
    assert backbone.position_embedding.positions.shape == (4, 6, 8)
    paths = backbone.weight_paths()
    assert paths["blocks.0.attention.column_positions"].shape == (7, 4)
    assert paths["blocks.1.attention.row_positions"].shape == (7, 4)
    assert paths["blocks.1.attention.column_positions"].shape == (11, 4)
    other = ViTDetBackbone(
        **{**SIZES, "input_shape": (None, None, 3), "pretrain_image_size": [32, 48]}
    )
    draw_weights(backbone)
    other.set_weights(backbone.get_weights())
    x = TestViTDetBackbone.inputs()
    assert_close(other(x), backbone(x))
    assert tuple(other(x[:, :24, :40]).shape) == (2, 3, 5, 6)
    assert list(other.pyramid_level_inputs) == ["P3"]
    usual = ViTDetBackbone(**{**SIZES, "input_shape": (None, None, 3)})
    assert usual.position_embedding.positions.shape == (128, 128, 8)


def test_without_positions_and_biases():
    backbone = ViTDetBackbone(
        **SIZES, use_abs_pos=False, use_rel_pos=False, use_bias=False
    )
    assert len(backbone.weights) == 45 - 1 - 4 - 6
    assert tuple(backbone(TestViTDetBackbone.inputs()).shape) == (2, 4, 6, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embed_dim": 9}, "divide project_dim=9"),
        ({"num_heads": 0}, "num_heads"),
        ({"depth": 0}, "depth"),
        ({"window_size": -1}, "window_size"),
        ({"patch_size": 7}, "`patch_size` .7, 7. divides"),
        ({"input_shape": (32, 3)}, "input_shape"),
        ({"pretrain_image_size": 30}, "divides, received"),
        ({"pretrain_image_size": [32, 32, 3]}, "a height and a width"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        ViTDetBackbone(**{**SIZES, **change})


def test_images_that_patches_do_not_fill():
    backbone = ViTDetBackbone(**{**SIZES, "input_shape": (None, None, 3)})
    with pytest.raises(ValueError, match="multiples of `patch_size`, 8 x 8"):
        backbone(np.zeros((1, 32, 44, 3), "float32"))


def test_it_trains():
    backbone = ViTDetBackbone(**SIZES)
    draw_weights(backbone)
    before = [to_numpy(weight) for weight in backbone.weights]
    backbone.compile(keras.optimizers.SGD(0.1), "mse")
    x = TestViTDetBackbone.inputs()
    y = np.random.default_rng(1).normal(size=(2, 4, 6, 6))
    backbone.fit(x, y, epochs=1, verbose=0)
    for old, weight in zip(before, backbone.weights, strict=True):
        # Scores of all keys move by the same with the bias: it has no gradient.
        if not weight.path.endswith("key/bias"):
            assert not np.array_equal(old, to_numpy(weight)), weight.path
