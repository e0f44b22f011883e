from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.testing import BackboneContract, assert_close, draw_weights, to_numpy
from keras_cv.models import ImageClassifier, ViTBackbone

SIZES = {
    "patch_size": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "mlp_dim": 12,
    "input_shape": (16, 24, 3),
}


class TestViTBackbone(BackboneContract):
    cls = ViTBackbone
    arguments = SIZES
    output_shapes: ClassVar = (2, 7, 8)
    tensors = 4 + 2 * 16 + 2

    @classmethod
    def inputs(cls):
        return np.random.default_rng(0).random((2, 16, 24, 3), "float32")


def test_bfloat16():
    half = ViTBackbone(**SIZES, dtype="mixed_bfloat16")
    full = ViTBackbone(**SIZES)
    full.set_weights(half.get_weights())
    x = TestViTBackbone.inputs()
    features = half(x)
    assert keras.backend.standardize_dtype(features.dtype) == "bfloat16"
    received = to_numpy(keras.ops.cast(features, "float32"))
    # 8 bits of mantissa, two blocks.
    assert_close(received, full(x), rtol=0, atol=0.1)


def test_options():
    options = {
        "use_mha_bias": False,
        "use_mlp_bias": False,
        "use_class_token": False,
        "use_patch_bias": False,
    }
    backbone = ViTBackbone(**SIZES, **options, include_rescaling=True)
    assert len(backbone.weights) == TestViTBackbone.tensors - 2 * 6 - 2
    assert backbone.output_shape == (None, 6, 8)
    plain = ViTBackbone(**SIZES, **options)
    plain.set_weights(backbone.get_weights())
    x = TestViTBackbone.inputs()
    assert_close(backbone(255 * x), plain(x))
    backbone = ViTBackbone(**SIZES, use_mha_bias=False, use_output_bias=True)
    assert len(backbone.weights) == TestViTBackbone.tensors - 2 * 3


def test_dropout():
    backbone = ViTBackbone(**SIZES, dropout_rate=0.5, attention_dropout=0.5)
    x = TestViTBackbone.inputs()
    plain = ViTBackbone(**SIZES)
    plain.set_weights(backbone.get_weights())
    assert_close(backbone(x), plain(x))
    assert np.abs(to_numpy(backbone(x, training=True)) - to_numpy(plain(x))).max() > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_dim": 9}, "num_heads=2 divides"),
        ({"num_layers": 0}, "num_layers"),
        ({"patch_size": 7}, "multiples of `patch_size`, 7 x 7"),
        ({"patch_size": [8, 7]}, "multiples of `patch_size`, 8 x 7"),
        ({"pretrain_image_size": 30}, "multiples of `patch_size`"),
        ({"dropout_rate": 1.0}, "dropout_rate"),
        ({"input_shape": (32, 3)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        ViTBackbone(**{**SIZES, **change})


def test_images_that_patches_do_not_fill():
    backbone = ViTBackbone(**{**SIZES, "input_shape": (None, None, 3)})
    with pytest.raises(ValueError, match="multiples of `patch_size`"):
        backbone(np.zeros((1, 16, 20, 3), "float32"))


def test_presets():
    assert sorted(ViTBackbone.presets) == [
        "vit_base_patch16",
        "vit_base_patch32",
        "vit_huge_patch14",
        "vit_large_patch16",
        "vit_large_patch32",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "vit_base_patch32",
        *(
            pytest.param(name, marks=[pytest.mark.large, pytest.mark.backends("torch")])
            for name in ("vit_base_patch16", "vit_large_patch16", "vit_large_patch32")
        ),
        pytest.param(
            "vit_huge_patch14",
            marks=[pytest.mark.large, pytest.mark.backends("torch")],
        ),
    ],
)
def test_declared_sizes_are_right(name):
    with without_initialization():
        backbone = ViTBackbone.from_preset(name, load_weights=False)
    assert backbone.count_params() == ViTBackbone.presets[name].parameters


def test_pooling_of_a_classifier():
    backbone = ViTBackbone(**SIZES)
    draw_weights(backbone)
    x = TestViTBackbone.inputs()
    sequence = to_numpy(backbone(x))
    pooled = {
        "token": sequence[:, 0],
        "avg": sequence.mean(1),
        "max": sequence.max(1),
    }
    for pooling, expected in pooled.items():
        task = ImageClassifier(backbone, 3, pooling=pooling, activation=None)
        kernel = to_numpy(task.predictions.kernel)
        assert_close(task(x), expected @ kernel)


def test_a_classifier_learns():
    backbone = ViTBackbone(**SIZES, include_rescaling=True)
    classifier = ImageClassifier(backbone, num_classes=2, pooling="token")
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), "uint8")
    labels = np.arange(4) % 2
    classifier.compile(keras.optimizers.Adam(0.01))
    history = classifier.fit(images, labels, batch_size=4, epochs=30, verbose=0)
    assert history.history["loss"][-1] < 0.1
