from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import BlockContract, assert_close, to_numpy
from keras_cv.models import ResNetBackbone, ResNetV2Backbone

SIZES = {
    "stackwise_filters": [4, 6],
    "stackwise_blocks": [2, 1],
    "stackwise_strides": [1, 2],
    "stem_filters": 5,
    "include_rescaling": True,
}


# A block that projects and one that does not, one of them with a stride.
BLOCKS = {
    **SIZES,
    "stackwise_filters": [4],
    "stackwise_blocks": [2],
    "stackwise_strides": [2],
}


class Shared:
    output_shapes: ClassVar = (2, 3, 2, 16)
    tensors = 40
    short_ways = ("keras_cv.layers.conv_norm.takes_short_way",)

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return rng.uniform(0, 255, (2, 17, 10, 3)).astype("float32")


class TestResNetBackbone(Shared, BlockContract):
    cls = ResNetBackbone
    arguments = BLOCKS


class TestResNetV2Backbone(Shared, BlockContract):
    cls = ResNetV2Backbone
    arguments: ClassVar = {**BLOCKS, "stackwise_dilations": [1]}


@pytest.fixture(scope="module", params=[ResNetBackbone, ResNetV2Backbone])
def backbone(request):
    """A backbone of four small stages."""
    return request.param(
        stackwise_filters=[4, 4, 6, 6],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=False,
        block_type="basic_block",
        stem_filters=4,
        input_shape=(None, None, 1),
    )


def test_pyramid(backbone):
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    for height, width in ((64, 32), (65, 50)):
        features = pyramid(np.ones((1, height, width, 1), "float32"))
        assert sorted(features) == ["P2", "P3", "P4", "P5"]
        for level, x in features.items():
            step = 2 ** int(level[1:])
            assert tuple(x.shape[1:3]) == (-(-height // step), -(-width // step))
            assert x.shape[3] == (4 if level in ("P2", "P3") else 6)
    if isinstance(backbone, ResNetBackbone):
        x = np.ones((1, 65, 50, 1), "float32")
        assert_close(features["P5"], backbone(x), rtol=0, atol=0)


def test_symbolic_shapes(backbone):
    assert backbone.output.shape == (None, None, None, 6)
    shape = backbone.compute_output_shape((2, 33, 64, 1))
    assert tuple(shape) == tuple(backbone(np.ones((2, 33, 64, 1))).shape)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 32, 32, 3), r"width, 1\)"),
        ((32, 32), "Stack single images"),
        ((32, 32, 1), "Stack single images"),
        ((1, 0, 0, 1), "at least 1 x 1"),
    ],
)
def test_what_is_no_image(backbone, shape, message):
    with pytest.raises(ValueError, match=message):
        backbone(np.zeros(shape, "float32"))


def test_one_pixel_is_an_image(backbone):
    assert tuple(backbone(np.ones((1, 1, 1, 1))).shape) == (1, 1, 1, 6)


@pytest.mark.parametrize("cls", [ResNetBackbone, ResNetV2Backbone])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stackwise_blocks": [1]}, "equal length"),
        ({"stackwise_filters": [4, 0]}, "positive"),
        ({"stackwise_strides": [1, 0.5]}, "positive"),
        ({"stem_filters": -1}, "positive"),
        (
            {"block_type": "bottleneck"},
            "'block'., received 'bottleneck'",
        ),
        ({"strided_conv": 3}, "one of .1, 2., received 3"),
        ({"padding": "valid"}, "'symmetric'"),
        ({"input_shape": (32, 3)}, "input_shape"),
        ({"input_shape": (32, 32, None)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(cls, change, message):
    with pytest.raises(ValueError, match=message):
        cls(**{**SIZES, **change})


def test_rescaling():
    plain = ResNetBackbone(**{**SIZES, "include_rescaling": False})
    scaled = ResNetBackbone(**SIZES)
    scaled.set_weights(plain.get_weights())
    x = Shared.inputs()
    assert_close(scaled(x), plain(x / 255))
    assert_close(scaled(x.astype("uint8")), plain(np.floor(x) / 255))


def test_input_tensor():
    images = keras.Input((17, 10, 3))
    backbone = ResNetBackbone(**SIZES, input_tensor=images)
    whole = keras.Model(images, backbone.output)
    x = Shared.inputs()
    assert_close(whole(x), backbone(x))
    assert backbone.get_config()["input_shape"] == (17, 10, 3)


def test_dilation_replaces_the_stride():
    backbone = ResNetV2Backbone(**SIZES, stackwise_dilations=[1, 2])
    assert tuple(backbone(Shared.inputs()).shape) == (2, 5, 3, 24)
    wide = ResNetV2Backbone(
        **{**SIZES, "stackwise_blocks": [1, 2], "stackwise_dilations": [1, 2]}
    )
    assert wide.stages[1][0].conv_2.dilation_rate == (1, 1)
    assert wide.stages[1][1].conv_2.dilation_rate == (2, 2)
    x = Shared.inputs()
    for padding in ("same", "symmetric"):
        config = {**wide.get_config(), "padding": padding, "name": padding}
        other = ResNetV2Backbone.from_config(config)
        other.set_weights(wide.get_weights())
        assert_close(other(x)[:, 1:-1, 1:-1].shape, (2, 3, 1, 24))


def test_float16():
    half = ResNetBackbone(**SIZES, dtype="mixed_float16")
    features = to_numpy(half(Shared.inputs()))
    assert features.dtype == "float16"
    full = ResNetBackbone(**SIZES)
    full.set_weights(half.get_weights())
    expected = to_numpy(full(Shared.inputs()))
    # 11 bits of mantissa, a dozen layers.
    assert_close(features.astype("float32"), expected, rtol=0, atol=0.02)
