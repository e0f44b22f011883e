"""Extractive question answering with any encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from domain_core import register_task
from domain_core.backbone_outputs import gives, require_outputs
from domain_core.classifier import make_logits
from domain_core.task import Task
from keras_nlp.models.question_answerer_preprocessor import QuestionAnswererPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits


@dataclasses.dataclass(frozen=True)
class Answer:
    """A stretch of a context that answers a question.

    Attributes:
        text: the stretch itself, `context[start:end]`.
        score: probability of its first and its last token, multiplied; in `[0, 1]`.
        start: character at which it begins.
        end: character after its last.
    """

    text: str
    score: float
    start: int
    end: int


class QuestionAnswerer(Task):
    """Finds the stretch of a context that answers a question.

    The output is a dict of logits over token positions, "start" and "end", `(B, T)`
    each. `fit` takes `x={"question": ..., "context": ...}` and `y={"start": ...,
    "end": ...}` in characters of the context, the end exclusive. `answer` reads
    contexts of any length in overlapping windows.

    Args:
        backbone: a `Backbone` that gives "sequence_output".
        preprocessor: turns questions and contexts into inputs.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone lacks the output, or does not fit the
            preprocessor.
    """

    preprocessor_cls = QuestionAnswererPreprocessor
    preprocessor: QuestionAnswererPreprocessor | None

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: QuestionAnswererPreprocessor | None = None,
        *,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        require_outputs("QuestionAnswerer", backbone, "sequence_output")
        check_preprocessor_fits(preprocessor, backbone)
        span_logits = make_logits(backbone, 2, name="span_logits")
        # functional model
        outputs = backbone(backbone.input)
        if isinstance(outputs, dict):
            outputs = outputs["sequence_output"]
        spans = span_logits(outputs)  # (B, T, 2)
        super().__init__(
            backbone,
            backbone.input,
            {"start": spans[:, :, 0], "end": spans[:, :, 1]},
            preprocessor=preprocessor,
            features=("sequence_output",),
            name=name,
        )
        self.span_logits = span_logits
        if compile:
            self.compile()

    def compile(
        self, optimizer: Any = "auto", loss: Any = "auto", **kwargs: Any
    ) -> None:
        """Configures training; everything has a default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: "auto" for cross-entropy over positions, of starts and of ends.
            **kwargs: as in `keras.Model.compile`.
        """
        if isinstance(loss, str) and loss == "auto":
            loss = {
                end: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                for end in ("start", "end")
            }
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        *,
        num_answers: int = 1,
        max_answer_tokens: int = 30,
        batch_size: int = 8,
    ) -> list[Answer] | list[list[Answer]]:
        """Returns the best answers to each question, best first.

        Args:
            question: one question, or one for each context.
            context: one text of any length, or several.
            num_answers: how many answers to give at most.
            max_answer_tokens: longest answer, in tokens.
            batch_size: windows per batch.

        Returns:
            A list of `Answer` for one question; a list of such lists for several.

        Raises:
            ValueError: if there is no preprocessor, or the numbers of questions and
                contexts differ.
        """
        if self.preprocessor is None:
            raise ValueError(
                "Expected a preprocessor, received none. Build the task with "
                "`preprocessor=`, or load it from a preset with a vocabulary."
            )
        single = isinstance(question, str)
        questions = [question] if isinstance(question, str) else list(question)
        contexts = [context] if isinstance(context, str) else list(context)
        if len(questions) != len(contexts):
            raise ValueError(
                f"Expected one context per question, received {len(questions)} "
                f"questions and {len(contexts)} contexts."
            )
        windows = self.preprocessor.windows(questions, contexts)
        logits = self._predict_preprocessed(windows.inputs, batch_size)
        answers = [
            _best_spans(
                logits["start"][rows],
                logits["end"][rows],
                windows.offsets[rows],
                windows.context_mask[rows],
                contexts[sample],
                num_answers,
                max_answer_tokens,
            )
            for sample, rows in enumerate(
                np.flatnonzero(windows.sample == index)
                for index in range(len(questions))
            )
        ]
        return answers[0] if single else answers

    def _predict_preprocessed(self, inputs: Any, batch_size: int) -> Any:
        preprocessor, self.preprocessor = self.preprocessor, None
        try:
            return self.predict(inputs, batch_size=batch_size, verbose=0)
        finally:
            self.preprocessor = preprocessor


def _best_spans(
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    offsets: np.ndarray,
    context_mask: np.ndarray,
    context: str,
    num_answers: int,
    max_answer_tokens: int,
) -> list[Answer]:
    """Returns the best spans over all windows `(W, T)` of one context."""
    starts = _log_probabilities(start_logits, context_mask)
    ends = _log_probabilities(end_logits, context_mask)
    found: dict[tuple[int, int], float] = {}
    for window in range(len(starts)):
        scores = starts[window][:, None] + ends[window][None, :]  # (T, T)
        lengths = np.arange(scores.shape[1])[None, :] - np.arange(len(scores))[:, None]
        allowed = (lengths >= 0) & (lengths < max_answer_tokens)
        scores = np.where(allowed, scores, -np.inf)
        # Windows overlap: each gives enough candidates to survive the merge.
        best = np.argsort(scores, axis=None)[::-1][: 2 * num_answers]
        for first, last in zip(*np.unravel_index(best, scores.shape), strict=True):
            score = float(scores[first, last])
            span = (int(offsets[window, first, 0]), int(offsets[window, last, 1]))
            if np.isfinite(score) and score > found.get(span, -np.inf):
                found[span] = score
    ranked = sorted(found.items(), key=lambda item: -item[1])[:num_answers]
    return [
        Answer(context[start:end], float(np.exp(score)), start, end)
        for (start, end), score in ranked
    ]


def _log_probabilities(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Normalizes logits over the context tokens of all windows together."""
    logits = np.where(mask, logits.astype("float64"), -np.inf)
    if not mask.any():
        return logits
    top = logits.max()
    return logits - top - np.log(np.exp(logits - top).sum())


register_task(QuestionAnswerer, accepts=gives("sequence_output"), package="kerasnlp")
