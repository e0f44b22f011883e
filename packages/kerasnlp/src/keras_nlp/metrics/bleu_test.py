"""BLEU equals sacreBLEU's; smoothing, which is another there, equals KerasHub's."""

import random

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.texts import NASTY_TEXTS, real_texts
from keras_nlp.metrics import Bleu

SYMBOLS = (
    "&amp;lt; &quot;hi&quot; don't 3,000.5 a-b 1-2 x.y .5 5. ...",
    "A_B^c`d @e /f :g ;h <i> =j ? [x]{y}|~ $5 50% a,b 1,b a,1 — “x” é",
    "line-\nbreak <skipped> and\nanother-\n",
)


@pytest.fixture(scope="module")
def corpus(noisy):
    """Returns references in lists of 1 to 3, and translations."""
    source = random.Random(0)
    texts = [*real_texts(40), *NASTY_TEXTS[1:15], *SYMBOLS]
    translations = [noisy(text, source) for text in texts]
    references = [
        [text, *(noisy(text, source) for _ in range(source.randrange(3)))]
        for text in texts
    ]
    return references, translations


def reference_bleu(references, translations, order=4):
    BLEU = pytest.importorskip("sacrebleu.metrics").BLEU
    widest = max(map(len, references))
    columns = [
        [texts[i] if i < len(texts) else None for texts in references]
        for i in range(widest)
    ]
    bleu = BLEU(tokenize="13a", smooth_method="none", max_ngram_order=order)
    return bleu.corpus_score(translations, columns).score / 100


@pytest.mark.parametrize("order", [1, 4, 6])
def test_equals_sacrebleu(corpus, order):
    references, translations = corpus
    received = float(Bleu(max_order=order)(references, translations))
    expected = reference_bleu(references, translations, order)
    assert 0.1 < expected < 1
    assert received == pytest.approx(expected, abs=1e-6)


def test_equals_sacrebleu_on_each_text(corpus):
    for references, translation in zip(*corpus, strict=True):
        for texts in (references, references[:1]):
            received = float(Bleu(max_order=2)([texts], [translation]))
            expected = reference_bleu([texts], [translation], 2)
            assert received == pytest.approx(expected, abs=1e-6), translation


def test_tokens_are_those_of_sacrebleu(corpus):
    module = pytest.importorskip("sacrebleu.tokenizers.tokenizer_13a")
    split = module.Tokenizer13a()
    for text in [*corpus[1], *NASTY_TEXTS, *SYMBOLS]:
        assert Bleu()._tokenized([text]) == [split(text.rstrip()).split()]


@pytest.mark.backends("tensorflow")
def test_smoothing_equals_upstream():
    upstream = pytest.importorskip("keras_hub").metrics.Bleu(smooth=True)
    references = [["a b c d e"], ["f g h"], ["i"]]
    translations = ["a b c x", "f g h", ""]
    expected = float(upstream(references[:2], translations[:2]))
    assert float(Bleu(smooth=True)(references[:2], translations[:2])) == pytest.approx(
        expected, abs=1e-6
    )
    assert 0 < float(Bleu(smooth=True)(references, translations)) < expected


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ("a b c d e", "a b c d f"),
        (["a b c d e"], ["a b c d f"]),
        ([["a b c d e"]], ["a b c d f"]),
        ([["a b c d e"]], [["a b c d f"]]),
        (["a b c d e", "z"], "a b c d f"),
        ([[["a b c d e", "z"]]], [["a b c d f"]]),
        (np.array([[["a b c d e", "z"]]]), ["a b c d f"]),
        (np.array([["a b c d e", "z"]]), np.array(["a b c d f"])),
        (np.array([["a b c d e"]]), np.array([["a b c d f"]])),
        (b"a b c d e", b"a b c d f"),
    ],
)
def test_forms(y_true, y_pred):
    expected = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert float(Bleu()(y_true, y_pred)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.backends("tensorflow")
def test_tensorflow_tensors():
    import tensorflow as tf

    expected = float(Bleu()([["a b c d e", "z"], ["f"]], ["a b c d f", "f"]))
    references = tf.ragged.constant([["a b c d e", "z"], ["f"]])
    assert float(Bleu()(references, tf.constant(["a b c d f", "f"]))) == expected
    assert float(Bleu()(tf.constant("a"), tf.constant("a"))) == 0
    with pytest.raises(ValueError, match="run_eagerly"):
        tf.function(Bleu().update_state)(tf.constant(["a"]), tf.constant(["a"]))


@pytest.mark.parametrize("smooth", [False, True])
def test_nothing_is_zero(smooth):
    assert float(Bleu(smooth=smooth).result()) == 0
    assert float(Bleu(smooth=smooth)(["a b"], [""])) == 0
    assert float(Bleu(smooth=smooth)([""], [""])) == 0
    assert float(Bleu(smooth=smooth)([], [])) == 0
    assert float(Bleu(max_order=1)([""], ["a"])) == 0


@pytest.mark.backends
def test_batches_and_merging(corpus):
    references, translations = corpus
    whole = float(Bleu()(references, translations))
    batches, parts = Bleu(), []
    for start in range(0, len(references), 7):
        batch = references[start : start + 7], translations[start : start + 7]
        batches.update_state(*batch)
        part = Bleu()
        part.update_state(*batch)
        parts.append(part)
    assert float(batches.result()) == pytest.approx(whole, abs=1e-6)
    parts[0].merge_state(parts[1:])
    assert float(parts[0].result()) == pytest.approx(whole, abs=1e-6)
    batches.reset_state()
    assert float(batches.result()) == 0
    with pytest.raises(ValueError, match="constructed like"):
        batches.merge_state([Bleu(max_order=3)])


def test_counts_stay_exact():
    bleu = Bleu(max_order=1)
    bleu.update_state([["a"] * 1, ["a"]], ["a", "b"], [2.0**26, 0])
    for _ in range(3):
        bleu.update_state(["a"], ["b"])
    assert bleu.sums().tolist() == [2.0**26, 2.0**26 + 3, 2.0**26 + 3, 2.0**26 + 3]


def test_sample_weights(corpus):
    references, translations = (column[:3] for column in corpus)
    weighted = float(Bleu()(references, translations, sample_weight=[2, 0, 1]))
    repeated = [references[i] for i in (0, 0, 2)], [translations[i] for i in (0, 0, 2)]
    assert weighted == pytest.approx(float(Bleu()(*repeated)), abs=1e-6)
    weights = keras.ops.convert_to_tensor([[2.0], [0.0], [1.0]])
    assert float(Bleu()(references, translations, weights)) == weighted


def test_tokenizers():
    def lower(texts):
        return [text.lower().split() for text in texts]

    assert float(Bleu(lower)(["A b C d"], ["a B c D"])) == 1
    assert float(Bleu(lambda texts: [list(map(ord, t)) for t in texts])("abcd", "abcd"))
    with pytest.raises(ValueError, match="each of 2 texts"):
        Bleu(lambda texts: [["a"]])("a", "b")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Bleu(max_order=0), "`max_order`"),
        (lambda: Bleu(tokenizer="13a"), "`tokenizer`"),
        (lambda: Bleu(dtype="int32"), "`dtype`"),
        (lambda: Bleu()(["a"], ["a", "b"]), "same number of samples"),
        (lambda: Bleu()([[]], ["a"]), "a reference for each"),
        (lambda: Bleu()([1], [1]), "`y_pred.0.`"),
        (lambda: Bleu()([[["a"], ["b"]]], ["a"]), r"`y_true\[0\]\[0\]`"),
        (lambda: Bleu()(["a", "b"], ["a", "b"], [1.0]), "`sample_weight`"),
        (lambda: Bleu()(["a"], ["b"], [-1.0]), "negative"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    bleu = Bleu(max_order=3, smooth=True, dtype="bfloat16", name="b")
    clone = from_json(to_json(bleu))
    assert clone.get_config() == bleu.get_config()
    assert (clone.max_order, clone.smooth, clone.name) == (3, True, "b")
    assert keras.backend.standardize_dtype(clone("a b c", "a b c").dtype) == "bfloat16"
    assert (
        keras.metrics.get({"class_name": "kerasnlp>Bleu", "config": {}}).name == "bleu"
    )
