"""Attention with a cache against KerasHub's, and without against Keras'."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 6)).astype("float32")
SOURCE = RNG.normal(size=(2, 3, 6)).astype("float32")
CACHE = np.zeros((2, 2, 4, 2, 5), "float32")
CAUSAL = np.tril(np.ones((2, 4, 4), bool))


@pytest.fixture(scope="module")
def layer():
    layer = layers.CachedMultiHeadAttention(2, key_dim=5)
    layer(X, X)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    return layer


@pytest.fixture(scope="module")
def peer(layer):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    peer = hub.CachedMultiHeadAttention(2, key_dim=5)
    peer(X, X)
    peer.set_weights([to_numpy(weight) for weight in layer.weights])
    return peer


def test_without_a_cache(layer, peer):
    mask = RNG.random((2, 4, 3)) > 0.3
    mask[..., 0] = True
    masks = [{"attention_mask": m} for m in (mask, mask[0])]
    for arguments in ({}, {"key": SOURCE * 2}, *masks):
        ours, theirs = (a(X, SOURCE, **arguments) for a in (layer, peer))
        assert_close(ours, theirs)
    received, expected = (
        a(X, SOURCE, return_attention_scores=True) for a in (layer, peer)
    )
    assert_close(received[1], expected[1])


def test_writes_and_attends(layer, peer):
    full = to_numpy(layer(X, X, attention_mask=CAUSAL))
    cache = their_cache = CACHE
    for at, width in ((0, 2), (2, 1), (3, 1)):
        x, mask = X[:, at : at + width], CAUSAL[:, at : at + width]
        step = {"attention_mask": mask, "cache_update_index": at}
        y, cache = layer(x, x, cache=cache, **step)
        assert_close(y, full[:, at : at + width])
        theirs, their_cache = peer(x, x, cache=their_cache, **step)
        assert_close(y, theirs)
        theirs, _ = peer(x, x, cache=their_cache, **step)
        step["attention_mask"] = mask[0]
        assert_close(layer(x, x, cache=cache, **step)[0], theirs)
    assert_close(cache, their_cache)


@pytest.mark.backends
def test_compiles_with_the_place_as_a_tensor(layer, compiled):
    """Step by step, what Keras' layer gives all at once."""
    all_at_once = compiled(lambda x: layer(x, x, attention_mask=CAUSAL))
    expected = to_numpy(all_at_once(keras.ops.convert_to_tensor(X)))

    @compiled
    def step(x, mask, cache, place):
        return layer(x, x, None, mask, cache, place)

    cache = keras.ops.convert_to_tensor(CACHE)
    for place in range(4):
        at = slice(place, place + 1)
        x, mask = (keras.ops.convert_to_tensor(t[:, at]) for t in (X, CAUSAL))
        y, filled = step(x, mask, cache, keras.ops.convert_to_tensor(place))
        assert_close(y, expected[:, at])
        assert_close(filled[:, :, :place], cache[:, :, :place], rtol=0, atol=0)
        cache = filled


def test_reads_alone(layer, peer):
    _, cache = layer(X, SOURCE, cache=CACHE[:, :, :3], cache_update_index=0)
    ours, unchanged = layer(X, SOURCE * 0, cache=cache)
    assert_close(ours, layer(X, SOURCE))
    assert_close(ours, peer(X, SOURCE * 0, cache=to_numpy(cache))[0])
    assert_close(unchanged, cache, rtol=0, atol=0)


def test_a_query_that_may_see_nothing_is_finite(layer):
    nothing = np.zeros((2, 4, 4), bool)
    y, _ = layer(X, X, attention_mask=nothing, cache=CACHE, cache_update_index=0)
    assert np.isfinite(to_numpy(y)).all()
    assert np.isfinite(to_numpy(layer(X, X, attention_mask=nothing))).all()


def test_masks_that_inputs_carry(layer):
    mask = np.array([[1, 1, 0], [1, 0, 0]])
    source = keras.layers.Embedding(2, 6, mask_zero=True)(mask)
    expected = layer(X, to_numpy(source), attention_mask=mask[:, None].repeat(4, 1) > 0)
    assert_close(layer(X, source), expected)


def test_options_of_keras():
    x = RNG.normal(size=(2, 3, 4, 6)).astype("float32")
    options = {"attention_axes": (2,), "use_gate": True, "output_shape": 7}
    ours = layers.CachedMultiHeadAttention(2, 5, 3, **options)
    theirs = keras.layers.MultiHeadAttention(2, 5, 3, **options)
    ours(x, x), theirs(x, x)
    theirs.set_weights(ours.get_weights())
    assert_close(ours(x, x), theirs(x, x))


def test_config_round_trip():
    arguments = {
        "num_heads": 2,
        "key_dim": 5,
        "value_dim": 3,
        "dropout": 0.1,
        "use_bias": False,
        "output_shape": 7,
        "attention_axes": (1,),
        "sliding_window": None,
        "flash_attention": False,
        "use_gate": True,
        "seed": 3,
    }
    layer = layers.CachedMultiHeadAttention(
        **arguments,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(0.3),
        bias_constraint="non_neg",
        name="mine",
    )
    config = layer.get_config()
    assert config == config | arguments | {"name": "mine", "bias_regularizer": None}
    again = layers.CachedMultiHeadAttention.from_config(config)
    assert again.get_config() == config
    assert_close(again(X, X), layer(X, X))
    assert_close(sum(again.losses), sum(layer.losses))
    assert len(again.losses) == len(layer.losses) > 0


def test_in_a_functional_model(layer, tmp_path):
    x, cache = keras.Input((None, 6)), keras.Input((2, 4, 2, 5))
    y, filled = layer(x, x, cache=cache, cache_update_index=1)
    assert y.shape == (None, None, 6)
    model = keras.Model([x, cache], [y, filled])
    inputs = [X[:, :2], CACHE]
    expected = model.predict(inputs, verbose=0)
    step = {"cache": CACHE, "cache_update_index": 1}
    assert_close(expected[0], layer(X[:, :2], X[:, :2], **step)[0])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(again.predict(inputs, verbose=0), expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_half_precision(policy):
    layer = layers.CachedMultiHeadAttention(2, 5, dtype=policy)
    for y in (layer(X, X), layer(X, X, cache=CACHE, cache_update_index=0)[0]):
        assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
        assert np.isfinite(to_numpy(keras.ops.cast(y, "float32"))).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value_dim": 3}, "Expected no `value_dim`"),
        ({"use_gate": True, "sliding_window": 2}, "`sliding_window` or `use_gate`"),
    ],
)
def test_options_that_a_cache_excludes(options, message):
    layer = layers.CachedMultiHeadAttention(2, 5, **options)
    with pytest.raises(ValueError, match=message):
        layer(X, X, cache=CACHE, cache_update_index=0)


def test_too_short_a_cache(layer):
    with pytest.raises(ValueError, match="room for 4 positions from 1 on"):
        layer(X, X, cache=CACHE, cache_update_index=1)
