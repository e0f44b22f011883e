"""Perplexity equals its formula in NumPy and KerasHub's, and works in `fit`."""

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from keras_nlp.metrics import Perplexity

BATCH, TOKENS, VOCABULARY = 6, 5, 7


@pytest.fixture(scope="module")
def batch():
    """Returns labels, logits and weights."""
    random = np.random.default_rng(0)
    return (
        random.integers(0, VOCABULARY, (BATCH, TOKENS)),
        random.normal(size=(BATCH, TOKENS, VOCABULARY)).astype("float32"),
        random.random((BATCH, TOKENS)).astype("float32"),
    )


def probabilities(logits):
    exponents = np.exp(logits)
    return exponents / exponents.sum(-1, keepdims=True)


def formula(labels, logits, weights=1.0):
    chosen = np.take_along_axis(probabilities(logits), labels[..., None], -1)[..., 0]
    weights = np.broadcast_to(weights, labels.shape)
    return np.exp(-(np.log(chosen) * weights).sum() / weights.sum())


@pytest.mark.backends
def test_equals_the_formula(batch):
    labels, logits, weights = batch
    expected = formula(labels, logits)
    received = float(Perplexity(from_logits=True)(labels, logits))
    assert received == pytest.approx(expected, rel=1e-6)
    assert float(Perplexity()(labels, probabilities(logits))) == pytest.approx(
        expected, rel=1e-6
    )
    for given in (weights, weights[:, :1], weights[:, 0]):
        expected = formula(labels, logits, given if given.ndim == 2 else given[:, None])
        received = float(Perplexity(from_logits=True)(labels, logits, given))
        assert received == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mask", [0, -100, 1000])
def test_masks(batch, mask):
    labels, logits, weights = batch
    hidden = np.arange(TOKENS) >= np.arange(BATCH)[:, None]
    masked = np.where(hidden, mask, np.maximum(labels, 1))
    metric = Perplexity(from_logits=True, mask_token_id=mask)
    expected = formula(np.maximum(labels, 1), logits, weights * ~hidden)
    assert float(metric(masked, logits, weights)) == pytest.approx(expected, rel=1e-6)


def test_equals_upstream(batch):
    hub = pytest.importorskip("keras_hub").metrics
    options = {"from_logits": True, "mask_token_id": 0}
    ours, theirs = Perplexity(**options), hub.Perplexity(**options)
    for _ in range(2):
        assert float(ours(*batch)) == pytest.approx(float(theirs(*batch)), rel=1e-6)


def test_counts_tokens_not_batches(batch):
    labels, logits, weights = batch
    weights = weights * (np.arange(BATCH) < 3)[:, None]
    whole = Perplexity(from_logits=True)
    expected = float(whole(labels, logits, weights))
    parts = [Perplexity(from_logits=True) for _ in range(3)]
    batches = Perplexity(from_logits=True)
    # The last of them hold no tokens.
    for part, rows in zip(parts, [slice(0, 1), slice(1, 4), slice(4, 6)], strict=True):
        part.update_state(labels[rows], logits[rows], weights[rows])
        batches.update_state(labels[rows], logits[rows], weights[rows])
    assert float(batches.result()) == pytest.approx(expected, rel=1e-6)
    assert float(parts[2].result()) == 0
    parts[0].merge_state(parts[1:])
    assert float(parts[0].result()) == pytest.approx(expected, rel=1e-6)
    batches.reset_state()
    assert float(batches.result()) == 0
    with pytest.raises(ValueError, match="constructed like"):
        batches.merge_state([keras.metrics.Mean()])


@pytest.mark.backends
def test_in_fit(batch):
    labels, _, weights = batch
    inputs = keras.Input((TOKENS,), dtype="int32")
    outputs = keras.layers.Dense(VOCABULARY)(
        keras.layers.Embedding(VOCABULARY, 4)(inputs)
    )
    model = keras.Model(inputs, outputs)
    metric = Perplexity(from_logits=True, mask_token_id=0)
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[metric],
    )
    logs = model.fit(labels, labels, BATCH // 2, sample_weight=weights, verbose=0)
    assert np.isfinite(logs.history["perplexity"]).all()
    logs = model.evaluate(
        labels, labels, 4, sample_weight=weights, verbose=0, return_dict=True
    )
    expected = formula(labels, model.predict(labels, verbose=0), weights * (labels > 0))
    assert logs["perplexity"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.backends
def test_half_precision(batch):
    labels, logits, _ = batch
    metric = Perplexity(from_logits=True, dtype="bfloat16")
    received = metric(labels, keras.ops.cast(logits, "bfloat16"))
    assert keras.backend.standardize_dtype(received.dtype) == "bfloat16"
    assert {str(v.dtype) for v in metric.variables} == {"float32"}
    # Three digits of the logits and of the result.
    assert float(received) == pytest.approx(formula(labels, logits), rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Perplexity(dtype="int32"), "`dtype`"),
        (lambda: Perplexity()(np.zeros(3, int), np.ones((3, 2))), "`y_true` of shape"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    metric = Perplexity(True, 3, "float16", "p")
    clone = from_json(to_json(metric))
    assert clone.get_config() == metric.get_config()
    assert (clone.from_logits, clone.mask_token_id, clone.name) == (True, 3, "p")
