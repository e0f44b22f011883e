"""The short way through sublayers leads where their ordinary calls lead.

For each block that models are made of: in bfloat16, with LoRA, quantized. So no family
has to ask for it again.
"""

import gc

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.layers.projection import bound_norm
from domain_core.testing import assert_close, to_numpy

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 8)).astype("float32")
IDS = RNG.integers(0, 11, (2, 3)).astype("int32")
TABLES = (
    np.cos(np.arange(12, dtype="float32")).reshape(1, 3, 1, 4),
    np.sin(np.arange(12, dtype="float32")).reshape(1, 3, 1, 4),
)
# Of each block, the sublayers that it takes short ways through.
PARTS = {
    "attention": ("query", "key", "value", "out"),
    "feedforward": ("up", "down"),
    "pooler": ("dense",),
    "embedding": ("token_embedding", "norm"),
    "head": ("transform", "norm", "token_embedding"),
    "untied head": ("scores",),
    "gated": ("gate", "up", "down"),
    "grouped": ("query", "key", "value", "out", "query_norm"),
    "decoder": ("token_embedding",),
}


def blocks_of(dtype="float32"):
    table = keras.layers.ReversibleEmbedding(11, 8, dtype=dtype)
    table.build((None, None))
    return {
        "attention": layers.SelfAttention(2, dtype=dtype),
        "feedforward": layers.FeedForward(12, "gelu", dtype=dtype),
        "pooler": layers.FirstTokenPooler(dtype=dtype),
        "embedding": layers.TextEmbedding(11, 3, hidden_dim=8, dtype=dtype),
        "head": layers.MaskedLMHead(token_embedding=table, dtype=dtype),
        "untied head": layers.MaskedLMHead(11, dtype=dtype),
        "gated": layers.GatedFeedForward(12, "silu", use_bias=True, dtype=dtype),
        "grouped": layers.SelfAttention(
            4,
            num_key_value_heads=2,
            head_dim=4,
            rotary="rotary",
            head_norm=layers.RMSNorm(dtype=dtype),
            dtype=dtype,
        ),
        "decoder": layers.DecoderEmbedding(11, 8, scale=1.5, dtype=dtype),
    }


def apply(block, x, ids):
    if isinstance(block, layers.SelfAttention):
        return block(x, context={"attention_bias": None, "rotary": TABLES})
    if isinstance(block, layers.DecoderEmbedding):
        features = block(ids, {})
        return block.bind_scores()(features)
    if isinstance(block, layers.MaskedLMHead):
        return block(x, ids % 3)
    return block(ids if isinstance(block, layers.TextEmbedding) else x)


@pytest.fixture(scope="module")
def outputs(compiled):
    """Returns a function: what blocks give, by one program for all of them."""

    def run(blocks):
        def program(x, ids):
            return {name: apply(block, x, ids) for name, block in blocks.items()}

        return {
            name: (
                keras.backend.standardize_dtype(y.dtype),
                to_numpy(keras.ops.cast(y, "float32")),
            )
            for name, y in compiled(program)(
                keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(IDS)
            ).items()
        }

    return run


@pytest.fixture
def blocks():
    """Blocks whose every weight, biases too, takes part."""
    made = blocks_of()
    for block in made.values():
        apply(block, X, IDS)
        for weight in block.weights:
            weight.assign(RNG.normal(0, 0.4, weight.shape))
    return made


def parts_of(blocks, kinds):
    """Yields the sublayers of some kinds, each once."""
    named = [getattr(blocks[name], part) for name in PARTS for part in PARTS[name]]
    return [layer for layer in named if isinstance(layer, kinds)]


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_bfloat16(blocks, outputs, policy):
    half = blocks_of(policy)
    for name, block in half.items():
        apply(block, X, IDS)
        for new, old in zip(block.weights, blocks[name].weights, strict=True):
            new.assign(old.value)
    stored = {weight.dtype for block in half.values() for weight in block.weights}
    assert stored == {"bfloat16" if policy == "bfloat16" else "float32"}
    received = outputs(half)
    for name, (_, y) in outputs(blocks).items():
        assert received[name][0] == "bfloat16"
        # Eight bits of mantissa, over a few sums.
        assert_close(received[name][1], y, rtol=0, atol=0.03 * np.ptp(y))


def test_the_same_as_by_layer_calls(blocks, outputs):
    check_ordinary_calls(blocks, outputs, outputs(blocks))


def check_ordinary_calls(blocks, outputs, short):
    """Compares with what sublayers give under policies that are equal, not the same."""
    for layer in parts_of(blocks, keras.layers.Layer):
        layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
    for name, (_, y) in outputs(blocks).items():
        assert_close(short[name][1], y, rtol=1e-6, atol=1e-6)


def test_lora_takes_part(blocks, outputs):
    plain = outputs(blocks)
    for layer in parts_of(blocks, keras.layers.Dense | keras.layers.Embedding):
        layer.enable_lora(2)
        for weight in layer.trainable_weights:
            if "lora" in weight.path:
                weight.assign(RNG.normal(0, 0.4, weight.shape))
    received = outputs(blocks)
    for name, (_, y) in plain.items():
        assert np.abs(received[name][1] - y).max() > 0.05 * np.ptp(y), name
    check_ordinary_calls(blocks, outputs, received)


@pytest.mark.filterwarnings("ignore:The use of `x.T`")  # Keras, on torch
def test_int8_is_honoured(blocks, outputs):
    plain = outputs(blocks)
    gc.collect()
    gc.freeze()  # Keras collects garbage after each layer: let there be little
    for layer in parts_of(blocks, keras.layers.Dense | keras.layers.Embedding):
        layer.quantize("int8")
    gc.unfreeze()
    for name, (_, y) in outputs(blocks).items():
        expected = plain[name][1]
        # 127 steps per row: a percent of the range, where codes as numbers are far off.
        assert 0 < np.abs(y - expected).max() < 0.05 * np.ptp(expected), name


@pytest.mark.backends("torch")
@pytest.mark.parametrize(
    "norm", [layers.RMSNorm, keras.layers.LayerNormalization], ids=lambda n: n.__name__
)
def test_a_decoder_takes_short_ways_through_its_norms(norm):
    policy = keras.DTypePolicy("bfloat16")
    block = layers.DecoderBlock(
        layers.SelfAttention(2, head_norm=norm(dtype=policy), dtype=policy),
        layers.FeedForward(12, "gelu", dtype=policy),
        norm=norm(dtype=policy),
        norms_after=True,
        dtype=policy,
    )
    block.build((None, None, 8))
    attention = block.attention
    for owner, part in (
        *((block, part) for part in block._norms()),
        *((attention, part) for part in (attention.query_norm, attention.key_norm)),
    ):
        assert bound_norm(part, owner.dtype_policy) is not part
