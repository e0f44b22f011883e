from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import BackboneContract, assert_close
from keras_cv.models import ImageClassifier, MobileNetV3Backbone

SIZES = {
    "stackwise_expansion": [1, 2],
    "stackwise_filters": [16, 8],
    "stackwise_kernel_size": [3, 5],
    "stackwise_stride": [1, 2],
    "stackwise_se_ratio": [None, 0.25],
    "stackwise_activation": ["relu", "hard_swish"],
    "include_rescaling": True,
}


def images(*shape):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, shape or (2, 17, 10, 3)).astype("float32")


class TestMobileNetV3Backbone(BackboneContract):
    cls = MobileNetV3Backbone
    arguments: ClassVar = {**SIZES, "top_filters": 12}
    output_shapes = (2, 5, 3, 12)
    tensors = 39

    @classmethod
    def inputs(cls):
        return images()


def test_pyramid_of_any_size():
    backbone = MobileNetV3Backbone(
        **{
            **SIZES,
            "stackwise_stride": [2, 2],
            "input_shape": (None, None, 1),
        }
    )
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    for height, width in ((64, 32), (75, 59), (1, 1)):
        features = pyramid(images(1, height, width, 1))
        assert sorted(features) == ["P1", "P2", "P3"]
        for level, y in features.items():
            step = 2 ** int(level[1:])
            assert tuple(y.shape[1:3]) == (-(-height // step), -(-width // step))
        # The output has more channels than the last level.
        y = backbone(images(1, height, width, 1))
        assert y.shape[:3] == features["P3"].shape[:3]
        assert (features["P3"].shape[3], y.shape[3]) == (8, 48)


def test_channels_are_rounded():
    model = MobileNetV3Backbone(**SIZES, alpha=1.8)
    # 28.8, and 14.4; for a quarter of 64 there is nothing to round.
    assert [b.output_filters for b in model.blocks] == [32, 16]
    assert [b.squeeze_filters for b in model.blocks] == [0, 16]
    assert model.output.shape[-1] == 96
    model = MobileNetV3Backbone(**SIZES, alpha=1.35)
    # 10.8 would lose more than a tenth as 8; 21.6 is nearer to 24; a quarter of 48.
    assert [b.output_filters for b in model.blocks] == [24, 16]
    assert [b.squeeze_filters for b in model.blocks] == [0, 16]
    narrow = MobileNetV3Backbone(**SIZES, alpha=0.1)
    assert [b.output_filters for b in narrow.blocks] == [8, 8]
    assert narrow.get_config()["stackwise_se_ratio"] == [None, 0.25]


def test_rescaling_and_an_input_tensor():
    tensor = keras.Input((17, 10, 3))
    scaled = MobileNetV3Backbone(**SIZES, input_tensor=tensor)
    plain = MobileNetV3Backbone(**{**SIZES, "include_rescaling": False})
    plain.set_weights(scaled.get_weights())
    x = images()
    assert_close(keras.Model(tensor, scaled.output)(x), plain(x / 255))
    assert scaled.get_config()["input_shape"] == (17, 10, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stackwise_stride": [1]}, "equal length"),
        ({"stackwise_activation": ["relu"]}, "equal length"),
        ({"stackwise_activation": ["relu", "wish"]}, "wish"),
        ({"stackwise_filters": [16, 0]}, "positive"),
        ({"stackwise_kernel_size": [3, 2.5]}, "positive"),
        ({"stackwise_se_ratio": [None, 2]}, r"ratio\[1\]"),
        ({"stackwise_expansion": [1, "2"]}, r"expansion\[1\]"),
        ({"alpha": None}, "`alpha`"),
        ({"alpha": -1}, "`alpha`"),
        ({"top_filters": "8"}, "`top_filters`"),
        ({"stem_filters": 0}, "`stem_filters`"),
        ({"padding": "valid"}, "`padding`"),
        ({"batch_norm_epsilon": -1}, "`batch_norm_epsilon`"),
        ({"input_shape": (32, 32, None)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV3Backbone(**{**SIZES, **change})


def test_a_classifier_learns_noise_by_heart():
    backbone = MobileNetV3Backbone(**SIZES, batch_norm_momentum=0.8)
    task = ImageClassifier(backbone, num_classes=3, hidden_units=16)
    task.compile(optimizer=keras.optimizers.Adam(0.01))
    x, labels = images(12, 16, 16, 3), np.arange(12) % 3
    task.fit(x, labels, batch_size=12, epochs=60, verbose=0)
    assert task.evaluate(x, labels, batch_size=12, verbose=0)[1] == 1.0
