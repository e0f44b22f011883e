"""Extractive question answering with any encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core import register_task
from domain_core.backbone_outputs import gives, require_outputs
from domain_core.classifier import check_labels, make_logits
from domain_core.task import Task
from keras_nlp.models.question_answerer_preprocessor import QuestionAnswererPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits


@dataclasses.dataclass(frozen=True)
class Answer:
    """A stretch of a context that answers a question, or that there is none.

    Attributes:
        text: the stretch itself, `context[start:end]`; empty if the context has no
            answer, as `start == end == 0` then says, too.
        score: probability of its first and its last token, multiplied; in `[0, 1]`.
            That of no answer is the start token's.
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

    def check_targets(self, y: Any) -> None:
        """Raises ValueError for answers that are no columns of a row."""
        if not isinstance(y, Mapping):
            return
        length = getattr(self.preprocessor, "sequence_length", np.inf)
        for end, columns in y.items():
            check_labels(
                columns,
                length,
                loss=self.loss.get(end)
                if isinstance(self.loss, Mapping)
                else self.loss,
                name=f"columns of y[{end!r}]",
                advice="Pass columns of tokens, 0 where there is no answer.",
            )

    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        *,
        num_answers: int = 1,
        max_answer_tokens: int = 30,
        batch_size: int = 8,
        no_answer_threshold: float = 0.0,
    ) -> list[Answer] | list[list[Answer]]:
        """Returns the best answers to each question, best first.

        That the context has no answer is one of them, with an empty text: as in SQuAD 2
        the start token competes with all spans, and of several windows the one that is
        the least for it counts. May be called from several threads.

        Args:
            question: one question, or one for each context.
            context: one text of any length, or several. Bytes are read as UTF-8; the
                places of an answer are characters of the text.
            num_answers: how many answers to give at most.
            max_answer_tokens: longest answer, in tokens.
            batch_size: windows per batch.
            no_answer_threshold: by how much the logarithm of the score of no answer has
                to exceed that of a span to rank before it; infinity for spans only.

        Returns:
            A list of `Answer` for one question; a list of such lists for several. It is
            empty where the context has no tokens.

        Raises:
            ValueError: if there is no preprocessor, or the numbers of questions and
                contexts differ.
        """
        if self.preprocessor is None:
            raise ValueError(
                "Expected a preprocessor, received none. Build the task with "
                "`preprocessor=`, or load it from a preset with a vocabulary."
            )
        tokenizer = self.preprocessor.tokenizer
        questions, single = tokenizer.read_texts(question, "question")
        contexts, _ = tokenizer.read_texts(context, "context")
        if len(questions) != len(contexts):
            raise ValueError(
                f"Expected one context per question, received {len(questions)} "
                f"questions and {len(contexts)} contexts."
            )
        windows = self.preprocessor.windows(questions, contexts)
        logits = self.predict_preprocessed(windows.inputs, batch_size=batch_size)
        answers = [
            _best_spans(
                logits["start"][rows],
                logits["end"][rows],
                windows.offsets[rows],
                windows.context_mask[rows],
                contexts[sample],
                num_answers,
                max_answer_tokens,
                no_answer_threshold,
            )
            for sample, rows in enumerate(
                np.flatnonzero(windows.sample == index)
                for index in range(len(questions))
            )
        ]
        return answers[0] if single else answers


def _best_spans(
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    offsets: np.ndarray,
    context_mask: np.ndarray,
    context: str,
    num_answers: int,
    max_answer_tokens: int,
    no_answer_threshold: float,
) -> list[Answer]:
    """Returns the best spans over all windows `(W, T)` of one context."""
    if not context_mask.any():
        return []
    # The start token stands for no answer, in the window that speaks most against it.
    least = np.argmin(start_logits[:, 0] + end_logits[:, 0])
    allowed = context_mask.copy()
    allowed[least, 0] = True
    starts = _log_probabilities(start_logits, allowed)
    ends = _log_probabilities(end_logits, allowed)
    nothing = float(starts[least, 0] + ends[least, 0])
    starts[least, 0] = ends[least, 0] = -np.inf
    found: dict[tuple[int, int], float] = {}
    for window in range(len(starts)):
        scores = starts[window][:, None] + ends[window][None, :]  # (T, T)
        lengths = np.arange(scores.shape[1])[None, :] - np.arange(len(scores))[:, None]
        is_span = (lengths >= 0) & (lengths < max_answer_tokens)
        scores = np.where(is_span, scores, -np.inf)
        # Windows overlap: each gives enough candidates to survive the merge.
        best = np.argsort(scores, axis=None)[::-1][: 2 * num_answers]
        for first, last in zip(*np.unravel_index(best, scores.shape), strict=True):
            score = float(scores[first, last])
            span = (int(offsets[window, first, 0]), int(offsets[window, last, 1]))
            if np.isfinite(score) and score > found.get(span, -np.inf):
                found[span] = score
    ranked = [(score, score, span) for span, score in found.items()]
    if no_answer_threshold < np.inf:
        ranked.append((nothing - no_answer_threshold, nothing, (0, 0)))
    ranked.sort(key=lambda candidate: -candidate[0])
    return [
        Answer(context[start:end], float(np.exp(score)), start, end)
        for _, score, (start, end) in ranked[:num_answers]
    ]


def _log_probabilities(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Normalizes logits over the tokens of a mask, of all windows together."""
    logits = np.where(mask, logits.astype("float64"), -np.inf)
    top = logits.max()
    return logits - top - np.log(np.exp(logits - top).sum())


register_task(QuestionAnswerer, accepts=gives("sequence_output"), package="kerasnlp")
