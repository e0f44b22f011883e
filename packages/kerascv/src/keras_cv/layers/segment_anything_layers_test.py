"""The layers that the Segment Anything Model is made of; its parity tests run them."""

import keras
import numpy as np
import pytest

from domain_core import weight_paths
from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import (
    AddRelativePositionalEmbedding,
    MultiHeadAttentionWithDownsampling,
    MultiHeadAttentionWithRelativePE,
    RandomFrequencyPositionalEmbeddings,
    TwoWayMultiHeadAttention,
    WindowPartitioning,
)

ATTENTION = ("query", "key", "value", "out")
MAKE = {
    "attention": lambda **kw: MultiHeadAttentionWithDownsampling(2, 4, 2, **kw),
    "positions": lambda **kw: RandomFrequencyPositionalEmbeddings(4, 0.5, **kw),
    "block": lambda **kw: TwoWayMultiHeadAttention(
        2, 4, 16, False, activation="gelu", layer_norm_epsilon=1e-6, **kw
    ),
}


@pytest.fixture(params=sorted(MAKE))
def name(request):
    return request.param


def sequence(length):
    return np.random.default_rng(0).normal(size=(2, length, 8)).astype("float32")


def apply(name, layer, tokens, places):
    """Returns the outputs of a layer as a list."""
    if name == "attention":
        return [layer(tokens, places)]
    if name == "positions":
        return [layer(size=(3, 5))]
    return [*layer(tokens, places, tokens, places)]


def test_shape_and_dtype_are_known_before_the_call(name):
    inputs = [keras.Input((size, 8), dtype="bfloat16") for size in (None, 15)]
    layer = MAKE[name](dtype="mixed_bfloat16")
    found = apply(name, layer, sequence(4), sequence(15))
    if name == "positions":
        assert layer.compute_output_spec(size=(3, 5)).shape == found[0].shape
    else:
        known = apply(name, layer, *inputs)
        shapes = [(None, None, 8), (None, 15, 8)][: len(known)]
        assert [x.shape for x in known] == shapes
        assert {x.dtype for x in known} == {"bfloat16"}
    for output in found:
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        assert np.isfinite(to_numpy(keras.ops.cast(output, "float32"))).all()
    assert {weight.dtype for weight in layer.weights} == {"float32"}


def test_config_makes_an_equal_layer(name):
    layer = MAKE[name](name="mine", trainable=False, dtype="mixed_bfloat16")
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert (again.name, again.trainable) == ("mine", False)
    assert again.dtype_policy.name == "mixed_bfloat16"


def test_weight_names():
    block = MAKE["block"]()
    apply("block", block, sequence(4), sequence(15))
    attentions = ("self_attention", "token_to_image", "image_to_token")
    norms = {f"{part}_norm" for part in (*attentions, "mlp")}
    projections = {f"{part}.{name}" for part in attentions for name in ATTENTION}
    paths = {path.rpartition(".")[0] for path in weight_paths(block)}
    assert paths == {"mlp.up", "mlp.down"} | norms | projections
    assert len({weight.path for weight in block.weights}) == len(block.weights)


def test_what_is_masked_changes_nothing():
    block, tokens, places = MAKE["block"](), sequence(4), sequence(15)
    bias = np.array([[[[0, 0, -1e9, -1e9]]]], "float32")
    padded = block(tokens, places, tokens, places, bias)
    alone = block(tokens[:, :2], places, tokens[:, :2], places)
    assert_close(padded[0][:, :2], alone[0], rtol=1e-5, atol=1e-5)
    assert_close(padded[1], alone[1], rtol=1e-5, atol=1e-5)


def test_positions_are_waves():
    layer = RandomFrequencyPositionalEmbeddings(3, 2.0)
    grid = to_numpy(layer(size=(2, 4)))
    places = np.array([[2 * 3.5 / 4 - 1, 2 * 0.5 / 2 - 1]])  # x and y of [0, 3]
    angles = 2 * np.pi * places @ to_numpy(layer.frequencies)
    expected = np.concatenate([np.sin(angles), np.cos(angles)], -1)[0]
    assert grid.shape == (2, 4, 6)
    assert_close(grid[0, 3], expected, rtol=1e-5, atol=1e-5)
    assert_close(layer.encode_coordinates([[3.5, 0.5]], (2, 4))[0], expected)


def test_attention_is_that_of_keras():
    """With heads of the width that remains, it is Keras' with an own projection."""
    query, value = (np.random.default_rng(0).normal(size=(2, n, 8)) for n in (3, 5))
    ours = MultiHeadAttentionWithDownsampling(2, 4, 2)
    ours(query, value)
    theirs = keras.layers.MultiHeadAttention(2, 2, output_shape=8)
    theirs(query, value)
    weights = []
    for name in ("query", "key", "value"):
        kernel, bias = getattr(ours, name).get_weights()
        weights += [kernel.reshape(8, 2, 2), bias.reshape(2, 2)]
    kernel, bias = ours.out.get_weights()
    theirs.set_weights([*weights, kernel.reshape(2, 2, 8), bias])
    assert_close(ours(query, value), theirs(query, value), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiHeadAttentionWithDownsampling(2, 4, 8), "downsample_rate"),
        (lambda: MultiHeadAttentionWithDownsampling(0, 4), "num_heads"),
        (lambda: RandomFrequencyPositionalEmbeddings(4, 0), "scale"),
        (lambda: TwoWayMultiHeadAttention(2, 4, 0, True), "mlp_dim"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_windows_and_back():
    layer = WindowPartitioning(3)
    x = np.random.default_rng(0).normal(size=(2, 4, 7, 5)).astype("float32")
    windows, padded = layer.partition(x)
    assert windows.shape == (2 * 6, 3, 3, 5) and padded == (6, 9)
    assert_close(windows[0], x[0, :3, :3])
    assert_close(windows[5, :1, :1], x[0, 3:, 6:])
    assert not to_numpy(windows)[5, 1:].any()
    assert_close(layer.unpartition(windows, padded, (4, 7)), x)
    assert type(layer).from_config(layer.get_config()).window_size == 3


def test_relative_positions_added_to_scores():
    """By hand, for the attention that adds them itself."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2, 2, 3, 10)).astype("float32")
    attention = MultiHeadAttentionWithRelativePE(2, 4, use_rel_pos=True)
    attention.build(x.shape)
    layer = AddRelativePositionalEmbedding((2, 3), 4)
    layer.build()
    for name in ("row_positions", "column_positions"):
        values = draw.normal(size=getattr(layer, name).shape)
        getattr(layer, name).assign(values)
        getattr(attention, name).assign(values)
    query, key, value = (
        to_numpy(part(x)).reshape(2, 6, 2, 4)
        for part in (attention.query, attention.key, attention.value)
    )
    mixed = []
    for head in range(2):
        q, k = query[:, :, head], key[:, :, head]
        scores = layer(
            q @ k.transpose(0, 2, 1) / 2, q, query_size=(2, 3), key_size=(2, 3)
        )
        mixed.append(to_numpy(keras.ops.softmax(scores)) @ value[:, :, head])
    expected = attention.out(np.concatenate(mixed, -1).reshape(2, 2, 3, 8))
    assert_close(attention(x), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="queries and keys of one map"):
        layer(scores, q, query_size=(2, 3), key_size=(3, 2))
