import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import SpatialPyramidPooling


def images(batch=3):
    random = np.random.default_rng(0)
    return random.normal(size=(batch, 9, 7, 4)).astype("float32")


def peer():
    """Returns transformers' ASPP with random weights and statistics."""
    torch = pytest.importorskip("torch")
    from transformers import MobileViTConfig
    from transformers.models.mobilevit.modeling_mobilevit import MobileViTASPP

    config = MobileViTConfig(
        neck_hidden_sizes=[4] * 7,
        aspp_out_channels=5,
        atrous_rates=[1, 2, 3],
        aspp_dropout_prob=0.0,
    )
    model = MobileViTASPP(config)
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():
            scale = 0.3 if "convolution" in name else 1.0
            torch.nn.init.uniform_(weight, 0 if "var" in name else -scale, scale)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3  # Keras' default and upstream's
    return model


def copy_weights(theirs, ours):
    pairs = [
        *zip(ours.branch_convs, ours.branch_norms, strict=True),
        (ours.pool_conv, ours.pool_norm),
        (ours.output_conv, ours.output_norm),
    ]
    units = [*theirs.convs[:-1], theirs.convs[-1].conv_1x1, theirs.project]
    for (conv, norm), unit in zip(pairs, units, strict=True):
        kernel = unit.convolution.weight.detach().numpy()
        conv.kernel.assign(kernel.transpose(2, 3, 1, 0))
        bn = unit.normalization
        values = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
        for ours_weight, value in zip(norm.weights, values, strict=True):
            ours_weight.assign(value.detach().numpy())


@pytest.mark.backends
@pytest.mark.parametrize("training", [False, True])
def test_parity_with_transformers(training):
    theirs, ours = peer(), SpatialPyramidPooling([1, 2, 3], num_channels=5)
    import torch

    ours.build((None, None, None, 4))
    copy_weights(theirs, ours)
    with torch.no_grad():
        expected = theirs.train(training)(torch.tensor(images()).permute(0, 3, 1, 2))
    # Statistics of three pooled vectors are as small as the differences they divide.
    rtol = 1e-4 if training else 1e-5
    expected = expected.permute(0, 2, 3, 1).numpy()
    assert_close(ours(images(), training=training), expected, rtol=rtol, atol=rtol)


def test_training_drops_what_inference_keeps():
    layer = SpatialPyramidPooling([2, 3], 5, activation=None, dropout=0.5)
    y = to_numpy(layer(images(), training=True))
    assert 0.4 < (y == 0).mean() < 0.6
    assert (to_numpy(layer(images())) != 0).all()


def test_one_image_of_one_cell():
    layer = SpatialPyramidPooling([2, 3], 5)
    y = to_numpy(layer(np.ones((1, 1, 1, 4), "float32"), training=True))
    assert y.shape == (1, 1, 1, 5)
    assert np.isfinite(y).all()


@pytest.mark.backends("tensorflow")
def test_sizes_unknown_to_a_tensorflow_graph():
    import tensorflow as tf

    layer = SpatialPyramidPooling([2, 3], 5)
    layer.build((None, None, None, 4))

    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x, training=True)))
        return tape.gradient(loss, layer.trainable_weights[0].value)

    spec = [tf.TensorSpec((None, None, None, 4))]
    expected = gradient(images())
    for jit_compile in (False, True):
        function = tf.function(gradient, spec, jit_compile=jit_compile)
        # Gradients of norms over three pooled vectors magnify the last digits.
        assert_close(function(images()), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((6,), "`dilation_rates` to be a list"),
        (([6, 0],), r"`dilation_rates\[1\]` to be a positive integer"),
        (([6], 0), "`num_channels` to be a positive integer"),
        (([6], 4, "relu", 1.0), r"`dropout` to be a number in \[0, 1\)"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpatialPyramidPooling(*arguments)


def test_bad_rank():
    with pytest.raises(ValueError, match=r"shape \(B, H, W, C\)"):
        SpatialPyramidPooling([2])(np.ones((2, 3, 4), "float32"))
