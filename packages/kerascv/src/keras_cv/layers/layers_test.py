"""What all layers here promise: shapes, dtypes, config, files, jit and gradients."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from domain_core.weights.weight_paths import weight_paths
from keras_cv import layers

BACKEND = keras.config.backend()
MAKE = {
    "AddPositionalEmbedding": lambda **kw: layers.AddPositionalEmbedding(
        (18, 14), 2, 4, **kw
    ),
    "DropBlock2D": lambda **kw: layers.DropBlock2D(0.2, (2, 3), 0, **kw),
    "DropPath": lambda **kw: layers.DropPath(0.2, 0, **kw),
    "FeaturePyramid": lambda **kw: layers.FeaturePyramid(2, 3, 5, **kw),
    "FusedMBConvBlock": lambda **kw: layers.FusedMBConvBlock(
        4, 4, 2, se_ratio=0.5, survival_probability=0.9, seed=0, **kw
    ),
    "MBConvBlock": lambda **kw: layers.MBConvBlock(
        4, 4, 2, se_ratio=0.5, survival_probability=0.9, seed=0, **kw
    ),
    "SpatialPyramidPooling": lambda **kw: layers.SpatialPyramidPooling(
        [2, 3], 5, "tanh", 0.1, **kw
    ),
    "SqueezeAndExcite2D": lambda **kw: layers.SqueezeAndExcite2D(
        4, 2, "tanh", "tanh", **kw
    ),
    "StochasticDepth": lambda **kw: layers.StochasticDepth(0.2, seed=0, **kw),
    "ViTDetPatchingAndEmbedding": lambda **kw: layers.ViTDetPatchingAndEmbedding(
        (3, 3), (2, 2), 5, **kw
    ),
    "WindowedTransformerEncoder": lambda **kw: layers.WindowedTransformerEncoder(
        4, 8, 2, use_rel_pos=True, window_size=4, **kw
    ),
}
# Of boxes, not of maps: each has a test of its own that asks all of this.
OF_BOXES = ["AnchorGenerator", "BoxMatcher", "MultiClassNonMaxSuppression"]
OF_BOXES += ["NonMaxSuppression"]
# Of tokens: `segment_anything_layers_test.py` asks it.
OF_TOKENS = ["MultiHeadAttentionWithDownsampling", "TwoWayMultiHeadAttention"]
OF_TOKENS += ["RandomFrequencyPositionalEmbeddings", "AddRelativePositionalEmbedding"]
OF_TOKENS += ["MultiHeadAttentionWithRelativePE", "WindowPartitioning"]
# One shape for most tests: JAX compiles each operation anew for each.
FULL, HALF = (3, 9, 7, 4), (3, 5, 4, 4)
INPUT_SHAPES = {"FeaturePyramid": {2: FULL, 3: HALF}, "StochasticDepth": [FULL, FULL]}
OUTPUT_SHAPES = {
    "FeaturePyramid": {2: (3, 9, 7, 5), 3: (3, 5, 4, 5)},
    "SpatialPyramidPooling": (3, 9, 7, 5),
    "ViTDetPatchingAndEmbedding": (3, 4, 3, 5),
}


@pytest.fixture(params=sorted(MAKE))
def name(request):
    return request.param


def images():
    return np.random.default_rng(0).normal(size=FULL).astype("float32")


def apply(layer, x, half=None, **kwargs):
    """Calls a layer on one map, or on what it takes instead, as a list of outputs."""
    if isinstance(layer, layers.StochasticDepth):
        return [layer([x, x], **kwargs)]
    if isinstance(layer, layers.FeaturePyramid):
        return list(layer({2: x, 3: x[:, ::2, ::2] if half is None else half}).values())
    return [layer(x, **kwargs)]


def outputs_of(name, inputs, own_name):
    """Returns a tensor to whose every weight the layer can pass gradients."""
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    half = None
    if name == "FeaturePyramid":
        half = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    maps = apply(MAKE[name](name=own_name), x, half)
    pools = [keras.layers.GlobalAveragePooling2D()(y) for y in maps]
    return keras.layers.Concatenate()([inputs[:, 0, 0], *pools])


def test_every_public_layer_is_tested():
    modules = {
        name: getattr(kind, "__module__", "") for name, kind in vars(layers).items()
    }
    here = [
        name
        for name, module in modules.items()
        if module.startswith("keras_cv.layers.")
        and ".preprocessing." not in module  # `preprocessing/matrix_test.py` has those
    ]
    assert sorted(here) == sorted([*MAKE, *OF_BOXES, *OF_TOKENS])


def test_shape_and_dtype_are_known_before_the_call(name):
    layer = MAKE[name](dtype="mixed_bfloat16")
    x = keras.Input((None, None, 4), dtype="bfloat16")
    half = keras.Input((None, None, 4), dtype="bfloat16")
    expected = OUTPUT_SHAPES.get(name, FULL)
    for y in apply(layer, x, half):
        assert y.shape == (None, None, None, 5 if name in OUTPUT_SHAPES else 4)
        assert y.dtype == "bfloat16"
    assert layer.compute_output_shape(INPUT_SHAPES.get(name, FULL)) == expected


@pytest.mark.parametrize(
    "dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.backends)]
)
def test_half_precision_does_not_overflow(name, dtype):
    layer = MAKE[name](dtype=f"mixed_{dtype}")
    # A sum over one map is beyond what float16 holds.
    x = np.full(FULL, 2000, "float32")
    expected = OUTPUT_SHAPES.get(name, FULL)
    expected = list(expected.values()) if isinstance(expected, dict) else [expected]
    for training in (False, True):
        outputs = apply(layer, x, training=training)
        assert [tuple(y.shape) for y in outputs] == expected
        for y in outputs:
            assert keras.backend.standardize_dtype(y.dtype) == dtype
            assert np.isfinite(to_numpy(keras.ops.cast(y, "float32"))).all()
    assert {weight.dtype for weight in layer.weights} <= {"float32"}


def test_config_makes_an_equal_layer(name):
    layer = MAKE[name](name="mine", trainable=False, dtype="mixed_bfloat16")
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert (again.name, again.trainable) == ("mine", False)
    assert again.dtype_policy.name == "mixed_bfloat16"


@pytest.mark.backends
def test_all_train():
    """In one model, whose every weight gets gradients."""
    inputs = keras.Input((None, None, 4))
    outputs = [outputs_of(name, inputs, name) for name in sorted(MAKE)]
    model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
    before = [to_numpy(weight) for weight in model.trainable_weights]
    # On torch Keras does not compile unless asked, and then for most of a minute.
    model.compile("sgd", "mse", jit_compile=BACKEND != "torch")
    y = np.random.default_rng(1).normal(size=(3, model.output_shape[-1]))
    model.fit(images(), y, batch_size=3, verbose=0)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.isfinite(to_numpy(weight)).all(), weight.path
        assert (to_numpy(weight) != old).any(), weight.path
    assert_close(model.predict(images(), verbose=0), model(images()))


def test_a_model_survives_a_file(name, tmp_path):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, outputs_of(name, inputs, "layer"))
    expected = to_numpy(model(images()))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.get_layer("layer")) is type(model.get_layer("layer"))
    assert_close(again(images()), expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "FeaturePyramid",
            ["lateral_layers.2", "lateral_layers.3", "output_layers.2"]
            + ["output_layers.3"],
        ),
        (
            "SpatialPyramidPooling",
            [f"branch_{part}s.{i}" for part in ("conv", "norm") for i in range(3)]
            + ["output_conv", "output_norm", "pool_conv", "pool_norm"],
        ),
        ("SqueezeAndExcite2D", ["excite", "squeeze"]),
        (
            "MBConvBlock",
            [
                f"{part}_{kind}"
                for part in ("depthwise", "expand", "project")
                for kind in ("conv", "norm")
            ]
            + ["squeeze_excite.excite", "squeeze_excite.squeeze"],
        ),
        (
            "FusedMBConvBlock",
            ["expand_conv", "expand_norm", "project_conv", "project_norm"]
            + ["squeeze_excite.excite", "squeeze_excite.squeeze"],
        ),
        ("DropPath", []),
    ],
)
def test_weight_names(name, expected):
    layer = MAKE[name]()
    apply(layer, images())
    assert sorted({path.rpartition(".")[0] for path in weight_paths(layer)}) == expected
