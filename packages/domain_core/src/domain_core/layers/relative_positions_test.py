"""Buckets of distances, and what they add to attention with and without caches."""

import math

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy


def bucket(ahead, count, furthest, both_ways):
    """One distance from query to key, as the paper has it."""
    first = 0
    if both_ways:
        count //= 2
        first = count if ahead > 0 else 0
    distance = abs(ahead) if both_ways else max(-ahead, 0)
    exact = count // 2
    if distance < exact:
        return first + distance
    share = math.log(distance / exact) / math.log(furthest / exact)
    # A distance that begins a bucket may come out a little below its number.
    return first + min(exact + int(share * (count - exact) + 1e-6), count - 1)


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize(("count", "furthest"), [(32, 128), (8, 20), (6, 7)])
def test_buckets(count, furthest, both_ways):
    layer = layers.RelativePositions(
        2, num_buckets=count, max_distance=furthest, is_bidirectional=both_ways
    )
    layer.build()
    numbers = np.arange(count)
    layer.embeddings.assign(np.stack([numbers, -numbers], 1))
    queries, keys = np.arange(5, dtype="int32"), np.arange(300, dtype="int32") - 150
    found = to_numpy(layer(queries, keys))
    assert found.shape == (1, 2, 5, 300)
    for i, query in enumerate(queries):
        expected = [bucket(k - query, count, furthest, both_ways) for k in keys]
        assert found[0, 0, i].tolist() == expected
    assert_close(found[:, 1], -found[:, 0])
    before = to_numpy(layer.before(9))
    places = np.arange(9, dtype="int32")
    assert_close(before, to_numpy(layer(places[8:], places)))
    assert_close(before[..., 4:], to_numpy(layer(places[4:5], places[:5])))


def test_too_few_buckets():
    for options in ({"num_buckets": 1}, {"num_buckets": 32, "max_distance": 16}):
        with pytest.raises(ValueError, match="that are told apart"):
            layers.RelativePositions(2, **options)


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("padding", [None, [0, 2]])
def test_a_decoder_through_caches(padding, filled):
    """In two calls, and token by token; over all slots, or by tables over some."""
    time, width = 9, 8
    relative = layers.RelativePositions(2, num_buckets=4, max_distance=5)
    context = layers.DecoderContext(relative=relative)
    attention = layers.SelfAttention(2, use_bias=False, scale=1.0, head_dim=3)
    block = layers.DecoderBlock(
        attention, layers.FeedForward(6, "relu"), norm=layers.RMSNorm()
    )
    draw = np.random.default_rng(0)
    context(np.ones((2, time), "int32"))
    block.build((None, None, width))
    for weight in (*relative.weights, *block.weights):
        weight.assign(draw.normal(0, 0.7, weight.shape))
    x = draw.normal(size=(2, time, width)).astype("float32")
    before = np.zeros(2, "int32") if padding is None else np.array(padding, "int32")
    mask = (np.arange(time) >= before[:, None]).astype("int32")
    expected = to_numpy(block(x, context(mask)))
    tables = context.tables_of(time) if filled else None
    for calls in ((4, 5), (3, *[1] * 6)):
        cache, slot = block.make_cache(2, time, None), 0
        for count in calls:
            shared = context.cached(
                slot,
                count,
                time,
                None if padding is None else keras.ops.convert_to_tensor(before),
                is_first=slot == 0,
                filled=slot + count if filled else None,
                tables=tables,
            )
            y = keras.ops.convert_to_tensor(x[:, slot : slot + count])
            y = to_numpy(block.bind()(y, shared, False, cache))
            real = mask[:, slot : slot + count] == 1
            assert_close(y[real], expected[:, slot : slot + count][real])
            slot += count
