"""The encoder block against KerasHub's, and as part of models."""

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
    "block/": "",
    "attention/": "self_attention_layer/",
    "/out/": "/attention_output/",
    "feedforward/up": "feedforward_intermediate_dense",
    "feedforward/down": "feedforward_output_dense",
    "attention_norm": "self_attention_layer_norm",
    "feedforward_norm": "feedforward_layer_norm",
}
ARGUMENTS = {"intermediate_dim": 6, "num_heads": 2, "activation": "gelu"}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 8)).astype("float32")
# Each row has something to attend to: what happens else is ours.
PADDING = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]], bool)
PAIRS = (RNG.random((3, 4, 4)) > 0.4) | (np.arange(4) == 0)
IDS = np.array([[3, 1, 4, 0], [1, 5, 0, 0], [9, 2, 6, 5]], "int32")


@pytest.fixture(scope="module", params=[False, True], ids=["post-norm", "pre-norm"])
def pair(request, share_weights):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    arguments = ARGUMENTS | {"normalize_first": request.param}
    ours, theirs = (
        layers.TransformerEncoder(**arguments),
        hub.TransformerEncoder(**arguments),
    )
    ours(X), theirs(X)
    share_weights(ours, theirs, NAMES)
    return ours, theirs


@pytest.mark.parametrize("padding_mask", [None, PADDING, PADDING.astype("int32")])
@pytest.mark.parametrize("attention_mask", [None, PAIRS])
def test_equal_to_keras_hub(pair, padding_mask, attention_mask):
    ours, theirs = (layer(X, padding_mask, attention_mask) for layer in pair)
    assert_close(ours, theirs)


@pytest.mark.parametrize("padding_mask", [None, PADDING])
def test_one_mask_for_all_samples(pair, padding_mask):
    repeated = np.repeat(PAIRS[:1], 3, 0)  # KerasHub's 0.32 wants it so
    assert_close(pair[0](X, padding_mask, PAIRS[0]), pair[1](X, padding_mask, repeated))
    each = np.stack([PAIRS] * 2, axis=1)  # (B, H, T, T)
    assert_close(pair[0](X, padding_mask, each), pair[0](X, padding_mask, PAIRS))


@pytest.mark.backends
@pytest.mark.parametrize("normalize_first", [False, True])
def test_compiled_and_by_hand(compiled, normalize_first):
    layer = layers.TransformerEncoder(6, 2, normalize_first=normalize_first)
    layer(X)
    randomize(layer)
    bias, block = as_bias(PADDING[:, None] & PAIRS), layer.block
    attend = functools.partial(attention_by_hand, block.attention, bias=bias)
    parts = [
        (lambda x: attend(x, x), block.attention_norm),
        (functools.partial(by_hand, block.feedforward), block.feedforward_norm),
    ]
    received = compiled(lambda x: layer(x, PADDING, PAIRS))(X)
    assert_close(received, block_by_hand(X, parts, normalize_first))


def test_attention_scores(pair):
    received, expected = (
        layer(X, padding_mask=PADDING, return_attention_scores=True) for layer in pair
    )
    for ours, theirs in zip(received, expected, strict=True):
        assert_close(ours, theirs)
    inputs = keras.Input((None, 8))
    spec = pair[0](inputs, return_attention_scores=True)
    assert [x.shape for x in spec] == [(None, None, 8), (None, 2, None, None)]


def test_masks_do_what_they_say():
    layer = layers.TransformerEncoder(6, 2)
    y = to_numpy(layer(X, padding_mask=PADDING))
    other = X.copy()
    other[~PADDING] = 5.0
    changed = to_numpy(layer(other, padding_mask=PADDING))
    assert_close(changed[PADDING], y[PADDING])
    assert np.abs(to_numpy(layer(other)) - to_numpy(layer(X)))[PADDING].max() > 1e-3
    nothing = np.zeros((3, 4), bool)
    assert np.isfinite(to_numpy(layer(X, padding_mask=nothing))).all()
    # An explicit mask counts instead of the one that the input carries.
    masked = keras.layers.Embedding(10, 8, mask_zero=True)(IDS)
    assert_close(layer(masked), layer(to_numpy(masked), padding_mask=IDS != 0))
    assert_close(layer(masked, padding_mask=PADDING), layer(to_numpy(masked), PADDING))


def model_of(**kwargs):
    return keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.TokenAndPositionEmbedding(10, 4, 8, mask_zero=True),
            layers.TransformerEncoder(6, 2, **kwargs),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )


@pytest.mark.backends
def test_learns_in_a_sequential_model():
    model = model_of(dropout=0.2)
    before = {weight.path: to_numpy(weight) for weight in model.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(IDS, np.array([[1.0], [2.0], [3.0]]), verbose=0)
    for weight in model.trainable_weights:
        moved = np.abs(to_numpy(weight) - before[weight.path]).max()
        # A constant added to all keys changes no probability.
        assert (moved > 1e-7) != weight.path.endswith("key/bias"), weight.path


def test_padding_changes_no_prediction():
    model = model_of()
    wide, narrow = model.predict(IDS[1:2], verbose=0), to_numpy(model(IDS[1:2, :2]))
    assert_close(wide, narrow)


def test_dropout_is_for_training():
    layer = layers.TransformerEncoder(6, 2, dropout=0.5)
    still = to_numpy(layer(X))
    assert_close(layer(X, training=False), still, rtol=0, atol=0)
    assert np.abs(to_numpy(layer(X, training=True)) - still).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"intermediate_dim": 0}, "`intermediate_dim` to be a positive integer"),
        ({"num_heads": 0}, "`num_heads` to be a positive integer"),
        ({"dropout": 2}, r"`dropout` to be a number in \[0, 1\)"),
        ({"num_heads": 3}, "num_heads=3 divides, received 8"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.TransformerEncoder(**(ARGUMENTS | arguments))(X)


@pytest.mark.parametrize(
    "masks",
    [
        {"padding_mask": PADDING[:, :3]},
        {"padding_mask": PAIRS},
        {"attention_mask": PADDING},
        {"attention_mask": PAIRS[:, :, :3]},
    ],
)
def test_bad_masks(masks):
    with pytest.raises(ValueError, match="mask to have the shape .*4"):
        layers.TransformerEncoder(**ARGUMENTS)(X, **masks)
