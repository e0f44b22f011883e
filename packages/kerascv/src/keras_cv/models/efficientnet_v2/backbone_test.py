from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import BlockContract, assert_close, to_numpy
from keras_cv.models import EfficientNetV2Backbone, ImageClassifier

# Both kinds of block, one with a shortcut, one with expansion, stride and squeeze.
SIZES = {
    "include_rescaling": True,
    "width_coefficient": 1.0,
    "depth_coefficient": 1.0,
    "stackwise_kernel_sizes": [3, 3],
    "stackwise_num_repeats": [1, 1],
    "stackwise_input_filters": [8, 8],
    "stackwise_output_filters": [8, 8],
    "stackwise_expansion_ratios": [1, 2],
    "stackwise_squeeze_and_excite_ratios": [0, 0.25],
    "stackwise_strides": [1, 2],
    "stackwise_conv_types": ["fused", "unfused"],
    "top_filters": 12,
}


def images(*shape):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, shape or (2, 17, 10, 3)).astype("float32")


class TestEfficientNetV2Backbone(BlockContract):
    cls = EfficientNetV2Backbone
    # A block of all kinds of layers. JAX takes most of a second of the processor for
    # each shape of a kernel to draw, so there are few.
    arguments: ClassVar = {
        **SIZES,
        "stackwise_kernel_sizes": [3],
        "stackwise_num_repeats": [1],
        "stackwise_input_filters": [8],
        "stackwise_output_filters": [8],
        "stackwise_expansion_ratios": [1],
        "stackwise_squeeze_and_excite_ratios": [0.25],
        "stackwise_strides": [1],
        "stackwise_conv_types": ["unfused"],
        "top_filters": 8,
        "skip_connection_dropout": 0.3,
    }
    output_shapes = (2, 9, 5, 8)
    tensors = 24
    short_ways = ("keras_cv.layers.conv_norm.takes_short_way",)

    @classmethod
    def inputs(cls):
        return images()


@pytest.fixture(scope="module")
def backbone():
    """A backbone of five strides."""
    return EfficientNetV2Backbone(
        **{
            **SIZES,
            "include_rescaling": False,
            "stackwise_kernel_sizes": [3, 3, 5, 3, 3],
            "stackwise_num_repeats": [1, 1, 1, 1, 1],
            "stackwise_input_filters": [8, 8, 8, 16, 16],
            "stackwise_output_filters": [8, 8, 16, 16, 24],
            "stackwise_expansion_ratios": [1, 2, 2, 2, 2],
            "stackwise_squeeze_and_excite_ratios": [0, 0, 0, 0.25, 0.25],
            "stackwise_strides": [1, 2, 2, 2, 2],
            "stackwise_conv_types": ["fused"] * 3 + ["unfused"] * 2,
            "input_shape": (None, None, 2),
        }
    )


@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_pyramid_of_any_size(backbone, padding):
    config = {**backbone.get_config(), "padding": padding}
    model = EfficientNetV2Backbone.from_config(config)
    pyramid = keras.Model(model.input, model.pyramid_outputs)
    channels = {"P1": 8, "P2": 8, "P3": 16, "P4": 16, "P5": 12}
    for height, width in ((64, 32), (75, 59), (1, 1)):
        x = images(1, height, width, 2)
        features = pyramid(x)
        assert {level: y.shape[3] for level, y in features.items()} == channels
        for level, y in features.items():
            step = 2 ** int(level[1:])
            assert tuple(y.shape[1:3]) == (-(-height // step), -(-width // step))
        assert_close(features["P5"], model(x), rtol=0, atol=0)


def test_more_samples_lose_later_blocks():
    model = EfficientNetV2Backbone(
        **{**SIZES, "stackwise_num_repeats": [2, 3]}, skip_connection_dropout=0.5
    )
    shares = [
        (block.survival_probability, block.drop_path is not None)
        for block in sum(map(list, model.stages), [])
    ]
    # A first block of a stage has no shortcut where its shape changes.
    assert shares == [(1, False), (0.9, True), (0.8, False), (0.7, True), (0.6, True)]


def test_coefficients():
    model = EfficientNetV2Backbone(
        **{**SIZES, "top_filters": None, "depth_coefficient": 1.2},
    )
    assert list(map(len, model.stages)) == [2, 2]
    assert model.output.shape[-1] == 1280
    wide = {**SIZES, "top_filters": None, "width_coefficient": 1.6}
    model = EfficientNetV2Backbone(**wide)
    assert model.stem.filters == model.stages[1][0].output_filters == 16
    assert model.output.shape[-1] == 2048
    model = EfficientNetV2Backbone(**wide, min_depth=24, depth_divisor=4)
    assert model.stem.filters == 24


def test_rescaling_and_an_input_tensor():
    tensor = keras.Input((17, 10, 3))
    scaled = EfficientNetV2Backbone(**SIZES, input_tensor=tensor)
    plain = EfficientNetV2Backbone(**{**SIZES, "include_rescaling": False})
    plain.set_weights(scaled.get_weights())
    x = images()
    whole = keras.Model(tensor, scaled.output)
    assert_close(whole(x), plain(x / 255))
    assert scaled.get_config()["input_shape"] == (17, 10, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stackwise_strides": [1]}, "equal length"),
        ({"stackwise_conv_types": ["fused"]}, "equal length"),
        ({"stackwise_conv_types": ["fused", "fuse"]}, r"types\[1\]` to be one of"),
        ({"stackwise_num_repeats": [1, 0]}, "positive"),
        ({"stackwise_num_repeats": [1, 2000]}, "at most 1000"),
        ({"stackwise_input_filters": [8, 16]}, "channels of the stage before"),
        ({"stackwise_squeeze_and_excite_ratios": [0, 1.5]}, r"ratios\[1\]"),
        ({"stackwise_expansion_ratios": [1, None]}, r"ratios\[1\]"),
        ({"stackwise_strides": [1, 3]}, "powers of 2"),
        ({"width_coefficient": None}, "`width_coefficient`"),
        ({"depth_coefficient": -1}, "`depth_coefficient`"),
        ({"skip_connection_dropout": 1}, "`skip_connection_dropout`"),
        ({"padding": "valid"}, "`padding`"),
        ({"depthwise_padding": "valid"}, "`depthwise_padding`"),
        ({"top_filters": -4}, "`top_filters`"),
        ({"batch_norm_momentum": 2}, "`batch_norm_momentum`"),
        ({"input_shape": (32, 3)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetV2Backbone(**{**SIZES, **change})


def test_a_classifier_learns_noise_by_heart():
    task = ImageClassifier(
        EfficientNetV2Backbone(**SIZES, batch_norm_momentum=0.8), num_classes=3
    )
    task.compile(optimizer=keras.optimizers.Adam(0.01))
    x, labels = images(12, 16, 16, 3), np.arange(12) % 3
    task.fit(x, labels, batch_size=12, epochs=60, verbose=0)
    assert task.evaluate(x, labels, batch_size=12, verbose=0)[1] == 1.0


def test_float16():
    half = EfficientNetV2Backbone(**SIZES, dtype="mixed_float16")
    features = to_numpy(half(images()))
    assert features.dtype == "float16"
    full = EfficientNetV2Backbone(**SIZES)
    full.set_weights(half.get_weights())
    # 11 bits of mantissa, a dozen layers.
    expected = to_numpy(full(images()))
    assert_close(features.astype("float32"), expected, rtol=0, atol=0.02)
