"""ROUGE equals that of the package rouge-score."""

import builtins
import random

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.texts import NASTY_TEXTS, real_texts
from keras_nlp.metrics import RougeL, RougeN
from keras_nlp.metrics import rouge as module
from keras_nlp.metrics.rouge import common_subsequence_length

KEYS = ("precision", "recall", "f1_score")


@pytest.fixture(scope="module")
def corpus(noisy):
    source = random.Random(0)
    texts = [*real_texts(30), *NASTY_TEXTS[:15], "", "running runs easily", "!"]
    return texts, [noisy(text, source) for text in texts[:-3]] + ["a", "run ease", ""]


def expected_scores(kind, references, texts, use_stemmer):
    rouge_score = pytest.importorskip("rouge_score.rouge_scorer")
    scorer = rouge_score.RougeScorer([kind], use_stemmer=use_stemmer)
    scores = [
        scorer.score(reference, text)[kind]
        for reference, text in zip(references, texts, strict=True)
    ]
    return dict(zip(KEYS, np.mean(scores, axis=0).tolist(), strict=True))


def as_floats(result):
    return {key: float(value) for key, value in result.items()}


@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rouge9", "rougeL"])
def test_equals_rouge_score(corpus, kind, use_stemmer):
    metric = (
        RougeL(use_stemmer) if kind == "rougeL" else RougeN(int(kind[5:]), use_stemmer)
    )
    expected = expected_scores(kind, *corpus, use_stemmer)
    assert expected["f1_score"] > 0.05
    assert as_floats(metric(*corpus)) == pytest.approx(expected, abs=1e-6)


def test_common_subsequences():
    source = random.Random(0)
    for _ in range(300):
        first, second = (source.choices("abc", k=source.randrange(9)) for _ in range(2))
        table = np.zeros((len(first) + 1, len(second) + 1), int)
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                table[i + 1, j + 1] = (
                    table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
                )
        assert common_subsequence_length(first, second) == table[-1, -1]
    long = source.choices("ab", k=300)
    assert common_subsequence_length(long, long) == 300


@pytest.mark.parametrize("metric", [RougeN, RougeL])
def test_batches_weights_and_merging(corpus, metric):
    references, texts = corpus
    whole = as_floats(metric()(references, texts))
    batches, parts = metric(), []
    for start in range(0, len(texts), 9):
        batch = references[start : start + 9], texts[start : start + 9]
        batches.update_state(*batch)
        parts.append(metric())
        parts[-1].update_state(*batch)
    assert as_floats(batches.result()) == pytest.approx(whole, abs=1e-6)
    parts[0].merge_state(parts[1:])
    assert as_floats(parts[0].result()) == pytest.approx(whole, abs=1e-6)
    weighted = metric()(references[:3], texts[:3], [1, 0, 3])
    repeated = [0, 2, 2, 2]
    expected = metric()([references[i] for i in repeated], [texts[i] for i in repeated])
    assert as_floats(weighted) == pytest.approx(as_floats(expected), abs=1e-6)
    batches.reset_state()
    assert as_floats(batches.result()) == dict.fromkeys(KEYS, 0.0)
    with pytest.raises(ValueError, match="constructed like"):
        batches.merge_state([keras.metrics.Mean()])


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ("a b c", "a b d"),
        (["a b c"], ["a b d"]),
        ([["a b c"]], [["a b d"]]),
        (np.array([["a b c"]]), np.array(["a b d"])),
    ],
)
def test_forms(y_true, y_pred):
    expected = dict.fromkeys(KEYS, 0.5)
    assert as_floats(RougeN()(y_true, y_pred)) == pytest.approx(expected)


@pytest.mark.backends("tensorflow")
def test_tensorflow_tensors():
    import tensorflow as tf

    for shape in ((), (1,), (1, 1)):
        y_true, y_pred = tf.fill(shape, "a b c"), tf.fill(shape, "a b d")
        assert float(RougeN()(y_true, y_pred)["recall"]) == 0.5


def test_nothing_is_zero():
    for metric in (RougeN(), RougeL()):
        assert as_floats(metric([], [])) == dict.fromkeys(KEYS, 0.0)
        assert as_floats(metric(["", "a b"], ["a b", ""])) == dict.fromkeys(KEYS, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RougeN(0), "`order`"),
        (lambda: RougeN(10), "`order`"),
        (lambda: RougeL(dtype="int32"), "`dtype`"),
        (lambda: RougeL()(["a"], ["a", "b"]), "same number of samples"),
        (lambda: RougeL()([["a", "b"]], ["a"]), "`y_true"),
        (lambda: RougeL()(["a"], ["b"], [1.0, 2.0]), "`sample_weight`"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_says_how_to_install_the_stemmer(monkeypatch):
    real = builtins.__import__

    def without_nltk(name, *args, **kwargs):
        if name.startswith("nltk"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_nltk)
    module._stemmer.cache_clear()
    with pytest.raises(ImportError, match="pip install nltk"):
        RougeN(use_stemmer=True)


def test_config_round_trip():
    metric = RougeN(3, True, "r", "float64")
    clone = from_json(to_json(metric))
    assert clone.get_config() == metric.get_config()
    assert (clone.order, clone.use_stemmer, clone.name) == (3, True, "r")
    clone = from_json(to_json(RougeL(True)))
    assert (clone.use_stemmer, clone.name) == (True, "rouge-l")
