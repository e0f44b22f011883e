"""What all layers that a user composes models of have in common."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, run_python, to_numpy

IDS = np.array([[3, 1, 4, 0], [1, 5, 0, 0], [9, 0, 0, 0]], "int32")
X = np.random.default_rng(0).normal(size=(3, 4, 8)).astype("float32")
SCORES = np.random.default_rng(1).normal(size=(3, 2, 4, 4)).astype("float32")

# Class, arguments that are not the defaults, input, and its shape in a model.
CASES = [
    (layers.AlibiBias, {"alibi_bias_max": 4}, SCORES, (2, None, None)),
    (
        layers.FNetEncoder,
        {"intermediate_dim": 5, "dropout": 0.1, "activation": "gelu"},
        X,
        (None, 8),
    ),
    (
        layers.PositionEmbedding,
        {"sequence_length": 6, "initializer": keras.initializers.RandomNormal(0, 2)},
        X,
        (None, 8),
    ),
    (
        layers.RotaryEmbedding,
        {
            "max_wavelength": 100,
            "scaling_factor": 2.0,
            "sequence_axis": 2,
            "feature_axis": 1,
            "rope_type": "yarn",
            "beta_fast": 16.0,
            "beta_slow": 2.0,
            "original_max_position_embeddings": 64,
            "truncate": False,
        },
        X,
        (4, None),
    ),
    (layers.SinePositionEncoding, {"max_wavelength": 100}, X, (None, 8)),
    (
        layers.TokenAndPositionEmbedding,
        {
            "vocabulary_size": 10,
            "sequence_length": 6,
            "embedding_dim": 8,
            "tie_weights": False,
            "embeddings_initializer": "normal",
            "mask_zero": True,
        },
        IDS,
        (None,),
    ),
    *(
        (
            cls,
            {
                "intermediate_dim": 5,
                "num_heads": 2,
                "dropout": 0.1,
                "activation": "silu",
                "layer_norm_epsilon": 1e-3,
                "kernel_initializer": keras.initializers.RandomNormal(stddev=0.5),
                "bias_initializer": "ones",
                "normalize_first": True,
            },
            X,
            (None, 8),
        )
        for cls in (layers.TransformerDecoder, layers.TransformerEncoder)
    ),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case[0].__name__)
def case(request):
    return request.param


def build(case, **kwargs):
    cls, arguments, inputs, _ = case
    layer = cls(**arguments, **kwargs)
    return layer, layer(inputs)


def test_config_round_trip(case):
    layer, y = build(case, name="mine", trainable=False)
    config = layer.get_config()
    assert config == {
        **config,
        **{
            name: value
            for name, value in case[1].items()
            if not name.endswith("initializer")
        },
        "name": "mine",
        "trainable": False,
        "dtype": "float32",
    }
    again = type(layer).from_config(config)
    assert again.get_config() == config
    again(case[2])
    again.set_weights(layer.get_weights())
    assert_close(again(case[2]), y, rtol=0, atol=1e-6)


@pytest.mark.backends
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_half_precision(case, policy):
    layer, y = build(case, dtype=policy)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert np.isfinite(to_numpy(keras.ops.cast(y, "float32"))).all()
    full = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    full(case[2])
    full.set_weights(layer.get_weights())
    expected = to_numpy(full(case[2]))
    # Eight bits of mantissa, over a few sums.
    assert_close(keras.ops.cast(y, "float32"), expected, rtol=0.1, atol=0.1)


def in_a_model(case):
    cls, arguments, x, shape = case
    inputs = keras.Input(shape, dtype=x.dtype)
    layer = cls(**arguments)
    return layer, keras.Model(inputs, layer(inputs))


def test_survives_a_file(case, tmp_path):
    _, model = in_a_model(case)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again(case[2]), model(case[2]))


@pytest.mark.backends
def test_in_a_functional_model(case):
    """Compiles on JAX and TensorFlow; with unknown lengths."""
    layer, model = in_a_model(case)
    x, outputs = case[2], model.output
    assert outputs.dtype == "float32"
    y = model.predict(x, verbose=0)
    assert len(outputs.shape) == y.ndim
    assert all(a in (None, b) for a, b in zip(outputs.shape, y.shape, strict=True))
    assert_close(y, layer(x))


def test_masks_reach_the_layers_behind(case):
    cls, arguments, x, _ = case
    if x.ndim == 4:
        pytest.skip("scores have no mask")
    if x.ndim == 3:
        x = keras.layers.Embedding(10, 8, mask_zero=True)(IDS)
    received = []

    class Behind(keras.layers.Layer):
        supports_masking = True

        def call(self, inputs, mask=None):
            received.append(mask)
            return inputs

    Behind()(cls(**arguments)(x))
    assert_close(received[0], IDS != 0)


SCRIPT = """
import sys
import keras, numpy as np
from domain_core import layers
ids = np.ones((2, 4), "int32")
embed = layers.TokenAndPositionEmbedding(10, 4, 8, mask_zero=True)
parts = [
    layers.PositionEmbedding(4), layers.SinePositionEncoding(),
    layers.RotaryEmbedding(), layers.FNetEncoder(4),
    layers.TransformerEncoder(4, 2), layers.TransformerDecoder(4, 2),
]
attention = layers.CachedMultiHeadAttention(2, 4, kernel_regularizer="l2")
inputs = keras.Input((4,), dtype="int32")
x = embed(inputs)
for part in parts:
    x = part(x)
keras.Model(inputs, attention(x, x))(ids)
for layer in [embed, attention, layers.AlibiBias(), *parts]:
    type(layer).from_config(layer.get_config())
assert "tensorflow" not in sys.modules
"""


@pytest.mark.backends("torch", "jax")
def test_without_tensorflow():
    run_python(SCRIPT)
