"""ResNet against `keras.applications` and KerasHub, with weights copied by name."""

import re

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close
from keras_cv.models import ResNetBackbone, ResNetV2Backbone

# The first of their convolutions and norms in a v2 block has a name of its own.
_NORMS = {"preact": "norm_1", "pre_activation": "norm_1", "1": "norm_2", "2": "norm_3"}


def our_name(theirs, v2, first):
    """Returns the path of one of our layers from the name of theirs."""
    if theirs.startswith("conv1_"):
        return "stem." + {"conv": "conv", "bn": "norm"}[theirs[6:]]
    if theirs == "post_bn":
        return "last.norm"
    stage, block, part, kind = re.fullmatch(
        r"(?:conv|stack)(\d)_block(\d+)_(\w+)_(conv|bn)", theirs
    ).groups()
    if part == "0":
        part = {"conv": "shortcut_conv", "bn": "shortcut_norm"}[kind]
    elif kind == "conv":
        part = f"conv_{part}"
    else:
        part = _NORMS[part] if v2 else f"norm_{part}"
    return f"stages.{int(stage) - first[0]}.{int(block) - first[1]}.{part}"


def copy_weights(theirs, ours, first):
    """Draws weights for both, and writes each of ours exactly once."""
    rng = np.random.default_rng(0)
    left = ours.weight_paths()
    v2 = isinstance(ours, ResNetV2Backbone)
    for layer in theirs.layers:
        for weight in layer.weights:
            value = rng.normal(size=weight.shape) / np.prod(weight.shape[:-1]) ** 0.5
            if weight.name in ("gamma", "moving_variance"):
                value = rng.uniform(0.5, 1, weight.shape)
            weight.assign(value)
            path = f"{our_name(layer.name, v2, first)}.{weight.name}"
            left.pop(path).assign(value)
    assert not left


def check(theirs, ours, first, height, width):
    copy_weights(theirs, ours, first)
    x = np.random.default_rng(1).uniform(-1, 1, (2, height, width, 3))
    # Compiled: op by op, JAX takes a minute.
    assert_close(ours.predict_on_batch(x), theirs.predict_on_batch(x))


@pytest.mark.parametrize("v2", [False, True])
def test_keras_applications(v2):
    # Two of its four stages, which hold a stride and 6 % of the weights.
    make = keras.applications.ResNet50V2 if v2 else keras.applications.ResNet50
    whole = make(weights=None, include_top=False, input_shape=(65, 50, 3))
    end = whole.get_layer("conv3_block4_out").output
    if v2:
        post = keras.layers.BatchNormalization(epsilon=1.001e-5, name="post_bn")
        end = keras.ops.relu(post(end))
    cls, options = ResNetBackbone, {"strided_conv": 1, "use_bias": True}
    if v2:
        cls, options = ResNetV2Backbone, {"pool_counts_padding": True}
    ours = cls(
        stackwise_filters=[64, 128],
        stackwise_blocks=[3, 4],
        stackwise_strides=[2, 2] if v2 else [1, 2],
        include_rescaling=False,
        padding="symmetric",
        **options,
    )
    check(keras.Model(whole.input, end), ours, (2, 1), 65, 50)


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("block_type", ["block", "basic_block"])
def test_keras_hub(v2, block_type):
    hub = pytest.importorskip("keras_hub", reason="the reference")
    sizes = {"filters": [64, 8], "blocks": [2, 1], "strides": [1, 2]}
    theirs = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        **{f"stackwise_num_{name}": value for name, value in sizes.items()},
        block_type={"block": "bottleneck_block"}.get(block_type, block_type),
        use_pre_activation=v2,
    )
    ours = (ResNetV2Backbone if v2 else ResNetBackbone)(
        **{f"stackwise_{name}": value for name, value in sizes.items()},
        include_rescaling=False,
        block_type=block_type,
        strided_conv=2 if block_type == "block" else 1,
        padding="symmetric",
        batch_norm_epsilon=1e-5,
        **({"strided_block": "first", "use_bias": False} if v2 else {}),
    )
    check(theirs, ours, (0, 0), *((65, 50) if v2 else (32, 48)))
