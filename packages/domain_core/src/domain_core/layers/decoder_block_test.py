import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

WIDTH, TIME = 8, 11


def make_blocks(window):
    blocks = [
        layers.DecoderBlock(
            layers.SelfAttention(
                4,
                num_key_value_heads=2,
                rotary="rotary",
                is_local=is_local and window is not None,
            ),
            layers.GatedFeedForward(12, "silu"),
            norm=layers.RMSNorm(),
            norms_after=is_local,
        )
        for is_local in (False, True)
    ]
    context = layers.DecoderContext(layers.Rotary(2), window=window)
    draw = np.random.default_rng(0)
    for block in blocks:
        block.build((None, None, WIDTH))
        for weight in block.weights:
            weight.assign(draw.normal(0, 0.5, weight.shape))
    return blocks, context


def whole(blocks, context, x, mask):
    shared = context(mask)
    for block in blocks:
        x = block(x, shared)
    return to_numpy(x)


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("calls", [(5, *[1] * 6), (1, *[1] * 10), (3, 2, 1, 4, 1)])
def test_through_caches_as_all_at_once(window, calls):
    """In prefill, single steps and several tokens at a time; with padding before."""
    check_caches(window, calls)


@pytest.mark.backends("jax", "tensorflow")
def test_through_caches_on_other_backends():
    check_caches(4, (3, 2, 1, 4, 1))


def check_caches(window, calls):
    blocks, context = make_blocks(window)
    x = np.random.default_rng(1).normal(size=(2, TIME, WIDTH)).astype("float32")
    padding = np.array([0, 2], "int32")
    mask = (np.arange(TIME) >= padding[:, None]).astype("int32")
    expected = whole(blocks, context, x, mask)
    caches = [block.make_cache(2, TIME, window) for block in blocks]
    sizes = [cache.slots for cache in caches]
    assert sizes == [TIME, TIME if window is None else window]
    slot = 0
    for count in calls:
        shared = context.cached(
            slot,
            count,
            TIME,
            keras.ops.convert_to_tensor(padding),
            is_first=slot == 0,
            filled=slot + count if keras.config.backend() == "torch" else None,
        )
        y = keras.ops.convert_to_tensor(x[:, slot : slot + count])
        for block, cache in zip(blocks, caches, strict=True):
            y = block.bind()(y, shared, False, cache)
        real = mask[:, slot : slot + count] == 1
        received = to_numpy(y)[real]
        assert_close(received, expected[:, slot : slot + count][real])
        slot += count


@pytest.mark.backends
def test_padding_does_not_change_a_text():
    blocks, context = make_blocks(4)
    x = np.random.default_rng(1).normal(size=(1, 6, WIDTH)).astype("float32")
    alone = whole(blocks, context, x, np.ones((1, 6), "int32"))
    for before, after in ((2, 0), (0, 3), (1, 2)):
        room = ((0, 0), (before, after), (0, 0))
        mask = np.pad(np.ones((1, 6), "int32"), room[:2])
        padded = whole(blocks, context, np.pad(x, room), mask)
        assert_close(padded[:, before : before + 6], alone)


@pytest.mark.backends
def test_caches_are_reordered_and_grow():
    cache = layers.KeyValueCache(
        *(
            keras.ops.convert_to_tensor(np.arange(24.0).reshape(3, 2, 2, 2) + n)
            for n in (0, 1)
        )
    )
    cache.reorder(np.array([2, 0, 0]))
    assert to_numpy(cache.key)[:, 0, 0, 0].tolist() == [16, 0, 0]
    cache.grow(5)
    assert cache.slots == 5
    assert to_numpy(cache.value)[0, 0, :, 0].tolist() == [17, 19, 0, 0, 0]
    ring = layers.WindowCache(*cache.tensors)
    ring.grow(9)
    assert ring.slots == 5


def test_config_round_trip():
    block = make_blocks(4)[0][1]
    again = layers.DecoderBlock.from_config(block.get_config())
    again.build((None, None, WIDTH))
    assert again.get_config() == block.get_config()
    names = [weight.path.split("/", 1)[1] for weight in block.weights]
    assert [weight.path.split("/", 1)[1] for weight in again.weights] == names


def test_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="divide num_heads=4, received 3"):
        layers.SelfAttention(4, num_key_value_heads=3).build((None, None, 8))


def make_pair(normalize_first):
    """Returns a block with cross-attention, a sequence, a source, and its context."""
    block = layers.DecoderBlock(
        layers.SelfAttention(2),
        layers.FeedForward(12, "gelu"),
        norm=keras.layers.LayerNormalization(),
        cross_attention=layers.CrossAttention(2, head_dim=3, use_bias=False),
        normalize_first=normalize_first,
    )
    block.build((None, None, WIDTH))
    draw = np.random.default_rng(0)
    for weight in block.weights:
        weight.assign(draw.normal(0, 0.5, weight.shape))
    x, source = (draw.normal(size=(2, n, WIDTH)).astype("float32") for n in (3, 5))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "int32")
    context = layers.DecoderContext()
    return block, x, source, context(np.ones((2, 3), "int32"), mask)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_attention_to_a_source(normalize_first):
    """By its parts, called one after the other."""
    block, x, source, context = make_pair(normalize_first)
    received = block(x, {**context, "source": source})
    expected = keras.ops.convert_to_tensor(x)
    for norm, part in (
        (block.attention_norm, lambda y: block.attention(y, context)),
        (
            block.cross_attention_norm,
            lambda y: block.cross_attention(
                y, source, {"attention_bias": context["source_bias"]}
            ),
        ),
        (block.feedforward_norm, block.feedforward),
    ):
        if normalize_first:
            expected = expected + part(norm(expected))
        else:
            expected = norm(expected + part(expected))
    assert_close(received, expected)
    source[1, 2:] = 9  # padding
    assert_close(block(x, {**context, "source": source}), expected)


@pytest.mark.backends
def test_what_a_source_gives_is_made_once():
    """And shared by the rows that are about it."""
    block, x, source, context = make_pair(True)
    expected = to_numpy(block(x, {**context, "source": source}))
    made = block.cross_attention.bind_source()(keras.ops.convert_to_tensor(source))
    assert [tuple(part.shape) for part in made] == [(2, 2, 5, 3)] * 2
    rows = np.repeat(x, 3, axis=0)
    shared = layers.DecoderContext()(np.ones((6, 3), "int32"))
    shared |= {"source_bias": context["source_bias"], "source": made}
    received = block.bind()(keras.ops.convert_to_tensor(rows), shared)
    assert_close(received, np.repeat(expected, 3, axis=0))
