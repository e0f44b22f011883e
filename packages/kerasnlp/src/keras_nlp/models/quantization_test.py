"""Quantized models, and those under policy maps: what is saved loads back equal."""

import keras
import numpy as np
import pytest

from domain_core.quantization import quantized_layers
from keras_nlp import models

# Keras says it of layers that it leaves as they are, and of optimizers without steps.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`"),
    pytest.mark.filterwarnings("ignore:Invalid quantization mode"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading"),
]
SIZE = {
    "vocabulary_size": 30,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 6,
}
IDS = np.array([[1, 5, 3, 2]], "int32")
X = {"token_ids": IDS, "padding_mask": np.ones_like(IDS), "segment_ids": 0 * IDS}
MASKED = {**X, "mask_positions": np.array([[1, 2]], "int32")}
INT8, BFLOAT16 = (
    keras.dtype_policies.get(name) for name in ("int8_from_float32", "mixed_bfloat16")
)


def backbone(dtype=None):
    return models.BertBackbone(**SIZE, dtype=dtype)


def policies(path, policy):
    return keras.dtype_policies.DTypePolicyMap("float32", {path: policy})


def outputs(model):
    given = MASKED if isinstance(model, models.MaskedLM) else X
    flat = [keras.ops.convert_to_numpy(v) for v in keras.tree.flatten(model(given))]
    return np.concatenate([v.astype("float32").ravel() for v in flat])


def assert_loads_back(model, folder):
    expected = outputs(model)
    model.save_to_preset(folder / "preset")
    model.save(folder / "model.keras")
    for again in (
        type(model).from_preset(folder / "preset"),
        keras.saving.load_model(folder / "model.keras"),
    ):
        assert quantized_layers(again) == quantized_layers(model)
        assert [w.dtype for w in again.weights] == [w.dtype for w in model.weights]
        np.testing.assert_array_equal(outputs(again), expected)


@pytest.mark.backends
def test_a_table_by_policy(tmp_path):
    plain = backbone()
    table = "embeddings/token_embedding"
    quantized = backbone(policies(table, INT8))
    assert quantized_layers(quantized) == {table: "int8_from_float32"}
    for path, variable in plain.weight_paths().items():
        if path != "embeddings.token_embedding.embeddings":
            quantized.weight_paths()[path].assign(variable)
    embeddings = keras.ops.convert_to_numpy(plain.token_embedding.embeddings)
    scale = 127 / np.abs(embeddings).max(-1)  # Keras keeps what to divide by
    stored = quantized.token_embedding
    stored.embeddings_scale.assign(scale)
    rounded = np.rint(embeddings * scale[:, None]).astype("int8")
    stored._embeddings.assign(rounded)
    # A rounded table is off by 1/254 of a row's largest value.
    difference = np.abs(outputs(plain) - outputs(quantized)).max()
    assert 0 < difference < 0.02
    assert_loads_back(quantized, tmp_path)


@pytest.mark.backends
def test_another_precision_by_policy(tmp_path):
    mixed = backbone(policies("pooler/dense", BFLOAT16))
    assert mixed.pooler.dense.compute_dtype == "bfloat16"
    assert_loads_back(mixed, tmp_path)
    again = models.BertBackbone.from_config(mixed.get_config())
    assert again.pooler.dense.compute_dtype == "bfloat16"
    assert again.blocks[0].compute_dtype == "float32"


@pytest.mark.backends
def test_a_quantized_task(tmp_path):
    task = models.BertClassifier(backbone(), num_classes=2)
    before = outputs(task)
    task.quantize("int8")
    # A step of int8 is 1/127 of the largest weight, of some 0.05 here.
    np.testing.assert_allclose(outputs(task), before, atol=1e-3)
    assert task.logits.quantization_mode == "int8"
    assert_loads_back(task, tmp_path)


@pytest.mark.large  # int8 goes the same way, above
@pytest.mark.parametrize("mode", ["int4", "float8"])
@pytest.mark.parametrize("tied", [False, True])
def test_other_modes(tmp_path, mode, tied):
    model = models.BertMaskedLM(backbone()) if tied else backbone("mixed_bfloat16")
    model.quantize(mode)
    assert set(quantized_layers(model).values())
    assert_loads_back(model, tmp_path)


@pytest.mark.large
def test_a_whole_model_by_policy(tmp_path):
    model = backbone("int8_from_mixed_bfloat16")
    assert model.compute_dtype == "bfloat16"
    assert len(quantized_layers(model)) == 8
    assert_loads_back(model, tmp_path)


def test_what_a_policy_does_not_say_is_refused_before_anything_is_written(tmp_path):
    model = backbone()
    quantizer = keras.quantizers.AbsMaxQuantizer(axis=0, value_range=(-63, 63))
    config = keras.quantizers.Int8QuantizationConfig(weight_quantizer=quantizer)
    model.blocks[0].feedforward.up.quantize(config=config)
    for save in (
        lambda: model.save_to_preset(tmp_path / "preset"),
        lambda: model.save_to_preset(tmp_path / "preset", layout="keras"),
        lambda: model.save(tmp_path / "model.keras"),
    ):
        with pytest.raises(ValueError, match="quantizers of its own"):
            save()
    assert not list(tmp_path.iterdir())


def test_layouts_that_know_no_quantization_refuse_it(tmp_path):
    model = backbone()
    model.quantize("int8")
    with pytest.raises(ValueError, match="can't be expressed in KerasHub"):
        model.save_to_preset(tmp_path / "preset", layout="keras")
    with pytest.raises(ValueError, match="kernel_scale has no entry"):
        model.export_to_transformers(tmp_path / "preset")
    assert not list(tmp_path.iterdir())


def test_policies_that_are_refused():
    mixed = policies("embeddings/token_embedding", INT8)
    mixed["pooler/dense"] = BFLOAT16
    with pytest.raises(ValueError, match="quantized entries over one precision"):
        backbone(mixed)
    with pytest.raises(ValueError, match="which needs data to calibrate"):
        backbone("gptq/4/128_from_float32")
    from keras_nlp.layers import TransformerEncoder

    with pytest.raises(ValueError, match="Quantize the model that it is part of"):
        TransformerEncoder(8, 2, dtype="int8_from_float32")
