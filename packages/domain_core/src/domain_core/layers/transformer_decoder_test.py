"""The decoder block against KerasHub's, step by step, and as part of models."""

import functools

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.layers.attention_test import (
    as_bias,
    attention_by_hand,
    block_by_hand,
    by_hand,
    randomize,
)
from domain_core.testing import assert_close, to_numpy

NAMES = {
    "/out/": "/attention_output/",
    "attention_norm": "attention_layer_norm",
    "feedforward/up": "feedforward_intermediate_dense",
    "feedforward/down": "feedforward_output_dense",
    "feedforward_norm": "feedforward_layer_norm",
}
ARGUMENTS = {"intermediate_dim": 6, "num_heads": 2}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 8)).astype("float32")
SOURCE = RNG.normal(size=(3, 5, 8)).astype("float32")
PADDING = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]], bool)
PAIRS = (RNG.random((3, 4, 4)) > 0.4) | (np.arange(4) == 0)
SOURCE_PADDING = np.arange(5) < np.array([[5], [2], [3]])
SOURCE_PAIRS = (RNG.random((3, 4, 5)) > 0.4) | (np.arange(5) == 0)
CACHE, SOURCE_CACHE = (np.zeros((3, 2, size, 2, 4), "float32") for size in (4, 5))


def build(share_weights, source, **arguments):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    arguments = ARGUMENTS | arguments
    ours, theirs = (module.TransformerDecoder(**arguments) for module in (layers, hub))
    ours(X, source), theirs(X, source)
    share_weights(ours, theirs, NAMES)
    return ours, theirs


@pytest.fixture(scope="module", params=[False, True], ids=["post-norm", "pre-norm"])
def pair(request, share_weights):
    return build(share_weights, None, normalize_first=request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["post-norm", "pre-norm"])
def cross_pair(request, share_weights):
    return build(share_weights, SOURCE, normalize_first=request.param)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("padding_mask", [None, PADDING])
@pytest.mark.parametrize("attention_mask", [None, PAIRS])
def test_equal_to_keras_hub(pair, padding_mask, attention_mask, causal):
    ours, theirs = (
        layer(
            X,
            decoder_padding_mask=padding_mask,
            decoder_attention_mask=attention_mask,
            use_causal_mask=causal,
        )
        for layer in pair
    )
    assert_close(ours, theirs)


def test_one_mask_for_all_samples(cross_pair):
    ours, theirs = cross_pair
    pairs, source_pairs = (np.repeat(m[:1], 3, 0) for m in (PAIRS, SOURCE_PAIRS))
    expected = theirs(X, SOURCE, PADDING, pairs, SOURCE_PADDING, source_pairs)
    masks = PADDING, PAIRS[0], SOURCE_PADDING, SOURCE_PAIRS[0]
    assert_close(ours(X, SOURCE, *masks), expected)


@pytest.mark.parametrize("padding_mask", [None, SOURCE_PADDING])
@pytest.mark.parametrize("attention_mask", [None, SOURCE_PAIRS])
def test_cross_attention_equal_to_keras_hub(cross_pair, padding_mask, attention_mask):
    ours, theirs = (
        layer(X, SOURCE, PADDING, PAIRS, padding_mask, attention_mask)
        for layer in cross_pair
    )
    assert_close(ours, theirs)


@pytest.mark.backends
@pytest.mark.parametrize("normalize_first", [False, True])
def test_compiled_steps_and_by_hand(compiled, normalize_first):
    layer = layers.TransformerDecoder(**ARGUMENTS, normalize_first=normalize_first)
    layer(X, SOURCE)
    randomize(layer)
    attend = functools.partial(
        attention_by_hand, layer.self_attention, bias=as_bias(np.tri(4)[None])
    )
    look = functools.partial(
        attention_by_hand,
        layer.cross_attention,
        source=SOURCE,
        bias=as_bias(SOURCE_PADDING[:, None]),
    )
    parts = [
        (lambda x: attend(x, x), layer.self_attention_norm),
        (look, layer.cross_attention_norm),
        (functools.partial(by_hand, layer.feedforward), layer.feedforward_norm),
    ]
    expected = block_by_hand(X, parts, normalize_first)

    @compiled
    def step(x, cache, to_cross, index):
        return layer(
            x,
            SOURCE,
            encoder_padding_mask=SOURCE_PADDING,
            self_attention_cache=cache,
            self_attention_cache_update_index=index,
            cross_attention_cache=to_cross,
            cross_attention_cache_update_index=0,
        )

    caches = [keras.ops.convert_to_tensor(cache) for cache in (CACHE, SOURCE_CACHE)]
    for index in range(4):
        x = keras.ops.convert_to_tensor(X[:, index : index + 1])
        y, *caches = step(x, *caches, keras.ops.convert_to_tensor(index))
        assert_close(y, expected[:, index : index + 1])


def test_step_by_step_equals_all_at_once(pair):
    layer, peer = pair
    mask = np.array([[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]], bool)  # left padding
    mask[:, 0] = True
    full = to_numpy(layer(X, decoder_padding_mask=mask))
    cache = their_cache = CACHE
    for step, width in ((0, 2), (2, 1), (3, 1)):
        x = X[:, step : step + width]
        y, cache = layer(
            x,
            decoder_padding_mask=mask,
            self_attention_cache=cache,
            self_attention_cache_update_index=step,
        )
        assert_close(y, full[:, step : step + width])
        y, their_cache = peer(
            x,
            decoder_padding_mask=mask,
            self_attention_cache=their_cache,
            self_attention_cache_update_index=step,
        )
    assert_close(cache, their_cache)


def test_step_by_step_with_an_encoder(cross_pair, compiled):
    layer, peer = cross_pair
    full = to_numpy(layer(X, SOURCE, encoder_padding_mask=SOURCE_PADDING))
    cache, to_cross = CACHE, SOURCE_CACHE
    _, _, to_cross = layer(
        X[:, :1],
        SOURCE,
        self_attention_cache=cache,
        self_attention_cache_update_index=0,
        cross_attention_cache=to_cross,
        cross_attention_cache_update_index=0,
    )
    _, _, their_cache = peer(
        X[:, :1],
        SOURCE,
        self_attention_cache=cache,
        self_attention_cache_update_index=0,
        cross_attention_cache=SOURCE_CACHE,
        cross_attention_cache_update_index=0,
    )
    assert_close(to_cross, their_cache)

    def step(x, cache, to_cross, index):
        return layer(
            x,
            encoder_padding_mask=SOURCE_PADDING,
            self_attention_cache=cache,
            self_attention_cache_update_index=index,
            cross_attention_cache=to_cross,
        )

    step = compiled(step)
    cache = keras.ops.convert_to_tensor(cache)
    for index in range(4):
        x = keras.ops.convert_to_tensor(X[:, index : index + 1])
        y, cache, unchanged = step(
            x, cache, to_cross, keras.ops.convert_to_tensor(index)
        )
        assert_close(y, full[:, index : index + 1])
        assert_close(unchanged, to_cross, rtol=0, atol=0)


def test_a_step_keeps_the_cache_in_its_dtype(cross_pair):
    inputs = [keras.Input(x.shape[1:], dtype="bfloat16") for x in (X[:, :1], CACHE)]
    layer = layers.TransformerDecoder(**ARGUMENTS, dtype="mixed_bfloat16")
    step = {"self_attention_cache_update_index": 1}
    spec = layer(inputs[0], self_attention_cache=inputs[1], **step)
    tensors = (keras.ops.cast(x, "bfloat16") for x in (X[:, :1], CACHE))
    received = layer(next(tensors), self_attention_cache=next(tensors), **step)
    model = keras.Model(inputs, spec)
    tensors = (keras.ops.cast(x, "bfloat16") for x in (X[:, :1], CACHE))
    for x, y in zip(model(list(tensors)), received, strict=True):
        x, y = (keras.ops.cast(tensor, "float32") for tensor in (x, y))
        assert_close(x, y)
    for symbolic, tensor in zip(spec, received, strict=True):
        assert symbolic.dtype == "bfloat16"
        assert keras.backend.standardize_dtype(tensor.dtype) == "bfloat16"
        assert symbolic.shape[1:] == tuple(tensor.shape)[1:]


def test_masks_that_inputs_carry(cross_pair):
    layer, _ = cross_pair
    embed = keras.layers.Embedding(2, 8, mask_zero=True)
    x, source = (embed(m.astype("int32")) for m in (PADDING, SOURCE_PADDING))
    expected = layer(to_numpy(x), to_numpy(source), PADDING, None, SOURCE_PADDING)
    assert_close(layer(x, source), expected)
    other = layer(to_numpy(x), to_numpy(source))
    assert np.abs(to_numpy(other) - to_numpy(expected)).max() > 1e-3
    alone = layers.TransformerDecoder(**ARGUMENTS)
    assert_close(alone(x), alone(to_numpy(x), decoder_padding_mask=PADDING))


def test_a_row_of_padding_is_finite(cross_pair):
    nothing = [np.zeros(mask.shape, bool) for mask in (PADDING, SOURCE_PADDING)]
    y = cross_pair[0](X, SOURCE, nothing[0], None, nothing[1])
    assert np.isfinite(to_numpy(y)).all()


def test_learns_and_survives_a_file(tmp_path):
    """Two sequences of different widths and unknown lengths."""
    inputs = [keras.Input((None, width)) for width in (8, 6)]
    outputs = layers.TransformerDecoder(**ARGUMENTS, dropout=0.1)(*inputs)
    model = keras.Model(inputs, outputs)
    before = {weight.path: to_numpy(weight) for weight in model.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = [X, SOURCE[..., :6]]
    model.fit(x, X[..., ::-1], verbose=0)
    for weight in model.trainable_weights:
        moved = np.abs(to_numpy(weight) - before[weight.path]).max()
        # A constant added to all keys changes no probability.
        assert (moved > 1e-7) != weight.path.endswith("key/bias"), weight.path
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again.predict(x, verbose=0), model.predict(x, verbose=0))


STEP = {"self_attention_cache": CACHE, "self_attention_cache_update_index": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Expected an `encoder_sequence`"),
        ({"encoder_sequence": SOURCE, **STEP}, "received the first alone"),
        (
            {"encoder_sequence": SOURCE, "cross_attention_cache": SOURCE_CACHE},
            "received the second alone",
        ),
        ({"self_attention_cache": CACHE}, "Expected `self_attention_cache_update"),
        (
            {"encoder_sequence": SOURCE, "encoder_padding_mask": PADDING},
            r"padding mask to have the shape \(batch, 5\)",
        ),
    ],
)
def test_bad_calls(cross_pair, arguments, message):
    with pytest.raises(ValueError, match=message):
        cross_pair[0](X, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder_sequence": SOURCE}, "Expected no `encoder_sequence`"),
        (STEP | {"self_attention_cache_update_index": 1}, "4 positions from 1 on"),
        (STEP | {"self_attention_cache": CACHE[:, 0]}, "Expected a cache of the shape"),
    ],
)
def test_bad_calls_without_an_encoder(pair, arguments, message):
    with pytest.raises(ValueError, match=message):
        pair[0](X, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"intermediate_dim": 0}, {"num_heads": -1}, {"dropout": 1}, {"num_heads": 3}],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        layers.TransformerDecoder(**(ARGUMENTS | arguments))(X)
