"""ResNet trains by its short ways as by layer calls, with `fit` and without."""

from typing import ClassVar
from unittest import mock

import keras
import numpy as np

from domain_core.testing import TrainingContract, assert_close
from keras_cv.models import ImageClassifier, ResNetBackbone, ResNetV2Backbone


class TestResNet(TrainingContract):
    backbone_cls: ClassVar = ResNetBackbone
    padding = "symmetric"

    @classmethod
    def make(cls):
        backbone = cls.backbone_cls(
            stackwise_filters=[4, 6],
            stackwise_blocks=[1, 1],
            stackwise_strides=[1, 2],
            include_rescaling=False,
            stem_filters=5,
            padding=cls.padding,
        )
        return ImageClassifier(backbone, num_classes=3, activation=None)

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return rng.normal(size=(4, 33, 34, 3)).astype("float32")

    def test_fit_by_layer_calls(self):
        short, plain = self.make(), self.make()
        plain.set_weights(short.get_weights())
        for model in (short, plain):
            model.compile(keras.optimizers.SGD(0.1), metrics=None)
        y = np.array([0, 2, 1, 2])
        short.fit(self.inputs(), y, batch_size=4, shuffle=False, verbose=0)
        choice = "keras_cv.layers.conv_norm.takes_short_way"
        with mock.patch(choice, lambda *arguments: False):
            plain.fit(self.inputs(), y, batch_size=4, shuffle=False, verbose=0)
        for received, expected in zip(short.weights, plain.weights, strict=True):
            assert_close(received, expected)


class TestResNetV2(TestResNet):
    backbone_cls = ResNetV2Backbone
    padding = "same"
