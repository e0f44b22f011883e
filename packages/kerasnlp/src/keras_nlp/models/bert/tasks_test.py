"""BERT's tasks: the contract, the paper's examples, learning, bad input."""

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import keras
import numpy as np
import pytest

import keras_nlp
from domain_core.testing import MaskedLMContract, TaskContract
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertClassifierPreprocessor,
    BertMaskedLM,
    BertMaskedLMPreprocessor,
    BertQuestionAnswerer,
    BertQuestionAnswererPreprocessor,
    BertTokenizer,
)

TEXTS = [
    "the quick brown fox jumped",
    "i forgot my homework",
    "the brown homework",
    "my fox forgot",
    "quick quick fox",
]
WORDS = sorted(set(" ".join(TEXTS).split())) + ["who", "what", "?", "."]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
LENGTH = 12


def make_backbone(**options):
    sizes = {
        "vocabulary_size": len(VOCABULARY),
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 32,
        "intermediate_dim": 64,
        "max_sequence_length": LENGTH,
    }
    return BertBackbone(**{**sizes, **options})


class TestBertClassifier(TaskContract):
    cls = BertClassifier

    @classmethod
    def make(cls):
        preprocessor = BertClassifierPreprocessor(BertTokenizer(VOCABULARY), LENGTH)
        return BertClassifier(make_backbone(), 4, preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, [0, 3, 1, 2, 0]

    @pytest.mark.backends
    def test_it_learns(self):
        # Narrower ones get stuck, by the draw of their weights.
        backbone = make_backbone(dropout=0.0, hidden_dim=64, intermediate_dim=128)
        task = BertClassifier(backbone, 4, self.make().preprocessor, dropout=0.0)
        task.compile(optimizer=keras.optimizers.Adam(5e-3))
        task.fit(*self.samples(), batch_size=5, epochs=80, verbose=0)
        assert task.evaluate(*self.samples(), verbose=0)[1] == 1.0

    @pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4], [0, -1, 0, 0, 0]])
    def test_labels_outside_the_classes(self, task, labels):
        with pytest.raises(ValueError, match=r"labels in \[0, 4\)"):
            task.fit(TEXTS, labels, verbose=0)

    def test_predicts_one_text_and_none(self, task):
        assert task.predict(TEXTS[:1], verbose=0).shape == (1, 4)
        with pytest.raises(ValueError, match="[Ee]mpty|no samples|at least one"):
            task.predict([], verbose=0)

    def test_none_among_texts(self, task):
        with pytest.raises(ValueError, match="1"):
            task.fit(["a", None], [0, 1], verbose=0)


class TestBertMaskedLM(MaskedLMContract):
    cls = BertMaskedLM
    texts: ClassVar = TEXTS * 5

    @classmethod
    def make(cls):
        preprocessor = BertMaskedLMPreprocessor(
            BertTokenizer(VOCABULARY), LENGTH, mask_selection_length=3
        )
        return BertMaskedLM(make_backbone(), preprocessor)

    @classmethod
    def samples(cls):
        return cls.texts, None

    def test_the_output_table_is_the_embedding(self, task):
        paths = task.head_weight_paths()
        assert not [p for p in paths if "embedding" in p]
        assert "mlm_head.output_bias" in paths

    def test_labels_that_are_no_ids(self):
        task = BertMaskedLM(make_backbone())
        x = {**self.make().preprocessor(TEXTS)[0]}
        for wrong in (np.nan, -1, len(VOCABULARY), 0.5):
            with pytest.raises(ValueError, match=rf"received {wrong}.* at position 1"):
                y = np.zeros((len(TEXTS), 3))
                y[1, 2] = wrong
                task.fit(x, y, verbose=0)
        with pytest.raises(ValueError, match="one-hot"):
            task.fit(x, np.zeros((len(TEXTS), 3, len(VOCABULARY))), verbose=0)

    @pytest.mark.backends
    def test_it_learns(self):
        task = self.make()
        task.compile(optimizer=keras.optimizers.Adam(3e-3))
        losses = task.fit(self.texts, batch_size=25, epochs=50, verbose=0).history
        assert losses["loss"][-1] < 0.6 * losses["loss"][0]


class TestBertQuestionAnswerer(TaskContract):
    cls = BertQuestionAnswerer
    questions: ClassVar = ["what forgot ?", "who jumped ?", "what forgot ?"]
    contexts: ClassVar = ["my fox forgot", "the quick fox jumped", "i forgot homework"]
    answers: ClassVar = ["my fox", "the quick fox", "homework"]

    @classmethod
    def make(cls):
        preprocessor = BertQuestionAnswererPreprocessor(
            BertTokenizer(VOCABULARY), LENGTH, stride=2
        )
        return BertQuestionAnswerer(make_backbone(dropout=0.0), preprocessor)

    @classmethod
    def samples(cls):
        pairs = list(zip(cls.contexts, cls.answers, strict=True))
        start = [context.index(answer) for context, answer in pairs]
        end = [context.index(answer) + len(answer) for context, answer in pairs]
        x = {"question": cls.questions, "context": cls.contexts}
        return x, {"start": start, "end": end}

    @pytest.mark.backends
    def test_it_learns_and_reads_long_contexts(self):
        task = self.make()
        task.compile(optimizer=keras.optimizers.Adam(3e-3))
        task.fit(*self.samples(), batch_size=3, epochs=40, verbose=0)
        best = task.answer(self.questions, self.contexts, num_answers=2)
        assert [answers[0].text for answers in best] == self.answers
        for context, answers in zip(self.contexts, best, strict=True):
            assert answers[0].score > answers[1].score
            for answer in answers:
                assert context[answer.start : answer.end] == answer.text
        # More tokens than one window holds: the best span of all windows is found.
        filler = "homework . " * 8
        found = task.answer(self.questions[1], filler + self.contexts[1], num_answers=3)
        assert len({(a.start, a.end) for a in found}) == 3
        assert sum(a.score for a in found) <= 1 + 1e-6

    @pytest.mark.backends
    def test_it_learns_that_there_is_no_answer(self):
        task = self.make()
        task.compile(optimizer=keras.optimizers.Adam(5e-3))
        questions, context = ["who ?", "what ?"], "the quick fox"
        x = {"question": questions * 4, "context": [context] * 8}
        y = {"start": [0, -1] * 4, "end": [len(context), -1] * 4}
        task.fit(x, y, batch_size=8, epochs=40, verbose=0)
        some, none = task.answer(questions, [context] * 2, num_answers=2)
        assert (some[0].text, some[1].score < 0.5) == (context, True)
        assert (none[0].text, none[0].start, none[0].end) == ("", 0, 0)
        assert none[0].score > 0.5 > none[1].score
        # Neither one window nor another gives one.
        long = task.answer("what ?", f"{context} " * 6)
        assert long[0].text == ""
        forced = task.answer("what ?", context, no_answer_threshold=float("inf"))
        assert forced[0].text and forced[0].score < 0.5
        never = task.answer("who ?", context, no_answer_threshold=-100.0)
        assert never[0].text == ""

    @pytest.mark.backends
    def test_threads_share_a_task(self, task):
        contexts = [f"{text} fox" for text in TEXTS] * 3
        expected = [task.answer("who ?", context) for context in contexts]
        preprocessor = task.preprocessor
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda c: task.answer("who ?", c), contexts))
        assert found == expected
        assert task.preprocessor is preprocessor

    def test_bytes_are_texts(self, task):
        contexts = ["été: the quick fox", "my fox"]
        expected = task.answer(["who ?"] * 2, contexts)
        data = [context.encode() for context in contexts]
        for form in (data, np.array(contexts), tuple(data)):
            assert task.answer([b"who ?"] * 2, form) == expected
        alone = task.answer("who ?", contexts[0])  # a batch of one rounds otherwise
        assert task.answer(b"who ?", data[0]) == alone
        with pytest.raises(ValueError, match="`context` to be UTF-8"):
            task.answer("who ?", "été".encode("latin-1"))

    def test_answers_that_are_no_columns(self, task):
        x, y = self.samples()
        bare = BertQuestionAnswerer(task.backbone)
        inputs, columns = task.preprocessor(x, y)
        bare.evaluate(inputs, columns, verbose=0)
        for wrong in (np.nan, -1, 1.5):
            start = np.array([1, wrong, 1])
            with pytest.raises(ValueError, match=rf"y\['start'\] in .*{wrong}"):
                bare.evaluate(inputs, {**columns, "start": start}, verbose=0)

    def test_lengths_of_answers(self, task):
        for limit in (1, 3):
            answers = task.answer(
                "who ?", TEXTS[0], num_answers=99, max_answer_tokens=limit
            )
            assert max(len(a.text.split()) for a in answers) == limit

    def test_an_empty_context_has_no_answer(self, task):
        assert task.answer("who ?", "") == []

    def test_questions_need_contexts(self, task):
        with pytest.raises(ValueError, match="one context per question"):
            task.answer(["who ?"], TEXTS)


def test_the_papers_example():
    tokenizer = keras_nlp.models.BertTokenizer(
        vocabulary=["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
        + ["The", "quick", "brown", "fox", "jumped", "."]
    )
    preprocessor = keras_nlp.models.BertClassifierPreprocessor(
        tokenizer=tokenizer, sequence_length=16
    )
    backbone = keras_nlp.models.BertBackbone(
        vocabulary_size=30552,
        num_layers=1,
        num_heads=4,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=16,
    )
    classifier = keras_nlp.models.BertClassifier(
        backbone=backbone, preprocessor=preprocessor, num_classes=4
    )
    x = ["The quick brown fox jumped.", "I forgot my homework."]
    classifier.fit(x=x, y=[0, 3], batch_size=2, verbose=0)
    assert classifier.predict(x=x, batch_size=2, verbose=0).shape == (2, 4)


def test_aliases_are_the_same_classes():
    models = keras_nlp.models
    assert models.BertTextClassifier is BertClassifier
    assert models.Classifier is models.TextClassifier
    assert models.BertPreprocessor is BertClassifierPreprocessor
    assert models.BertTextClassifierPreprocessor is BertClassifierPreprocessor


def test_a_tokenizer_larger_than_the_embedding():
    preprocessor = BertClassifierPreprocessor(BertTokenizer(VOCABULARY), LENGTH)
    backbone = make_backbone(vocabulary_size=6)
    with pytest.raises(ValueError, match="at most 6 tokens"):
        BertClassifier(backbone, 2, preprocessor)


def test_sequences_longer_than_the_positions():
    preprocessor = BertClassifierPreprocessor(BertTokenizer(VOCABULARY), 64)
    with pytest.raises(ValueError, match="at most 12, the backbone's"):
        BertClassifier(make_backbone(), 2, preprocessor)


def test_a_backbone_without_the_outputs():
    inputs = keras.Input((3,), name="x")
    other = keras.Model({"x": inputs}, {"scores": keras.layers.Dense(2)(inputs)})
    with pytest.raises(ValueError, match=r"it gives \['scores'\], not 'pooled_output'"):
        keras_nlp.models.TextClassifier(other, 2)


def test_half_precision_predicts_float32():
    preprocessor = BertClassifierPreprocessor(BertTokenizer(VOCABULARY), LENGTH)
    task = BertClassifier(make_backbone(dtype="bfloat16"), 2, preprocessor)
    assert task.predict(TEXTS[:1], verbose=0).dtype == "float32"
