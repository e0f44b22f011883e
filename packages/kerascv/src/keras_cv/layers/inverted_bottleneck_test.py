"""Both inverted bottlenecks against the same made of Keras' layers, and what drops."""

import keras
import numpy as np
import pytest
from keras import layers

from domain_core.testing import assert_close, draw_weights, to_numpy
from keras_cv.layers import FusedMBConvBlock, MBConvBlock

SHAPE = (7, 6, 4)


def images(count=2):
    return np.random.default_rng(1).normal(size=(count, *SHAPE)).astype("float32")


def norm(x, activation="silu"):
    return layers.Activation(activation)(layers.BatchNormalization(epsilon=1e-3)(x))


def squeezed(x, filters):
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Dense(filters, "silu")(gate)
    return layers.Multiply()([x, layers.Dense(x.shape[-1], "sigmoid")(gate)])


def mb_conv(x, expanded, squeeze, filters, size, strides):
    same = {"padding": "same", "use_bias": False}
    if expanded != 4:
        x = norm(layers.Conv2D(expanded, 1, **same)(x))
    x = norm(layers.DepthwiseConv2D(size, strides, **same)(x))
    x = squeezed(x, squeeze) if squeeze else x
    return norm(layers.Conv2D(filters, 1, **same)(x), "linear")


def fused(x, expanded, squeeze, filters, size, strides):
    same = {"padding": "same", "use_bias": False}
    if expanded == 4:
        x = squeezed(x, squeeze) if squeeze else x
        return norm(layers.Conv2D(filters, size, strides, **same)(x))
    x = norm(layers.Conv2D(expanded, size, strides, **same)(x))
    x = squeezed(x, squeeze) if squeeze else x
    return norm(layers.Conv2D(filters, 1, **same)(x), "linear")


@pytest.mark.parametrize(
    ("block", "reference", "sizes"),
    [
        (MBConvBlock(4, 4, 2, 3, 1, 0.5), mb_conv, (8, 2, 4, 3, 1)),
        (MBConvBlock(4, 6, 1, 5, 2, 0.1), mb_conv, (4, 1, 6, 5, 2)),
        (FusedMBConvBlock(4, 4, 2, 3, 1, 0.5), fused, (8, 2, 4, 3, 1)),
        (FusedMBConvBlock(4, 4, 1, 3, 1), fused, (4, 0, 4, 3, 1)),
        (FusedMBConvBlock(4, 6, 1, 3, 2, 0.5), fused, (4, 2, 6, 3, 2)),
    ],
)
def test_the_same_of_keras_layers(block, reference, sizes):
    inputs = keras.Input(SHAPE)
    outputs = reference(inputs, *sizes)
    if outputs.shape == inputs.shape:
        outputs = layers.Add()([inputs, outputs])
    expected = keras.Model(inputs, outputs)
    draw_weights(expected)
    x = images()
    block(x)
    block.set_weights(expected.get_weights())
    assert_close(block(x), expected(x))


def test_without_an_expansion_a_fused_block_may_project():
    block = FusedMBConvBlock(4, 6, always_project=True)
    block(images())
    assert block.expand_conv.kernel.shape == (3, 3, 4, 4)
    assert block.project_conv.kernel.shape == (1, 1, 4, 6)
    assert block.get_config()["always_project"] is True


@pytest.mark.parametrize("cls", [MBConvBlock, FusedMBConvBlock])
def test_single_samples_survive_with_the_probability_given(cls):
    block = cls(4, 4, survival_probability=0.25, seed=1)
    x = images(400)
    block(x[:1])
    for weight in block.weights:  # the norms of a batch give zero and that of 1
        if weight.name == "gamma":
            weight.assign(0 * weight)
        if weight.name == "beta":
            weight.assign(0 * weight + 1)
    rest = to_numpy(block(x, training=True)) - x
    value = rest.max()
    assert set(np.unique(rest.round(4))) == {0, value.round(4)}
    kept = rest.reshape(400, -1) > 0
    assert (kept.all(1) | ~kept.any(1)).all()
    # Four standard deviations of a mean of 400.
    assert abs(kept.mean() - 0.25) < 0.09
    # What survives is enlarged: the expectation is what inference gives.
    assert_close(value, 4 * (to_numpy(block(x)) - x).max(), rtol=1e-4)


def test_nothing_drops_without_a_shortcut():
    assert MBConvBlock(4, 6).drop_path is None
    assert MBConvBlock(4, 4, strides=2).drop_path is None
    assert MBConvBlock(4, 4, survival_probability=1).drop_path is None


@pytest.mark.parametrize("cls", [MBConvBlock, FusedMBConvBlock])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"survival_probability": 0}, r"in \(0, 1\].* received 0. Leave the block out"),
        ({"survival_probability": 1.5}, "`survival_probability`"),
        ({"se_ratio": -0.1}, "`se_ratio`"),
        ({"expand_ratio": 0}, r"`input_filters \* expand_ratio`"),
        ({"strides": 0}, "`strides`"),
        ({"kernel_size": 2.5}, "`kernel_size`"),
        ({"bn_momentum": 2}, "`bn_momentum`"),
        ({"activation": "wish"}, "wish"),
    ],
)
def test_wrong_arguments(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(4, 4, **options)


def test_other_channels():
    with pytest.raises(ValueError, match=r"shape \(B, H, W, 5\)"):
        MBConvBlock(5, 4)(images())
