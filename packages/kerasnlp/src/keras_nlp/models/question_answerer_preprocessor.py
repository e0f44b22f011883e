"""Questions and contexts to the inputs of an extractive question answerer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from domain_core import Preprocessor, serializable
from domain_core.arguments import as_positive_int
from domain_core.arrays.host_call import (
    Spec,
    host_call,
    is_symbolic,
    leading_shape,
    to_host,
)
from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.context_windows import Windows, pack_windows, token_spans
from domain_core.text.rows.multi_segment_packer import MultiSegmentPacker
from domain_core.tokenizers.tokenizer import Tokenizer
from keras_nlp.models.text_classifier_preprocessor import packing_of, require_tokenizer


@serializable(package="kerasnlp")
class QuestionAnswererPreprocessor(Preprocessor):
    """Packs each question with a window of its context.

    A context that is too long for a row is read in overlapping windows. Calling gives
    one row per sample, for training: the window with the most text around the answer,
    and the first one where there is no answer. `windows` gives all, for inference.

    Call arguments:
        x: `{"question": ..., "context": ...}` or `(questions, contexts)`, a string or
            a collection of strings each.
        y: `{"start": ..., "end": ...}`, int `(B,)` each: the answer is
            `context[start:end]`. Equal numbers mean that the context has no answer; so
            does -1.
        sample_weight: passed on as it is.

    Returns:
        A dict of int32 arrays `(B, sequence_length)`, without `B` for a single sample:
        "token_ids", "padding_mask", "segment_ids" (0 question, 1 context). With `y`,
        `(dict, y)` or `(dict, y, sample_weight)`, where `y["start"]` and `y["end"]` are
        the columns of the answer's first and last token, int32 `(B,)`; both 0, the
        start token, where no window holds the answer.

    Args:
        tokenizer: a `Tokenizer` that tells offsets, with `start_token`, `end_token` and
            `pad_token`.
        sequence_length: length of a row in tokens.
        stride: tokens of the context from the beginning of one window to that of the
            next. Answers longer than the room for the context minus `stride` may be
            split by every window.
        max_question_length: cut questions to this many tokens.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no tokenizer, an argument is out of range, or an answer
            lies outside its context.

    Reference:
        [Devlin et al., 2018](https://arxiv.org/abs/1810.04805), section 4.2
    """

    tokenizer: Tokenizer

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 384,
        *,
        stride: int = 128,
        max_question_length: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_tokenizer(tokenizer, type(self))
        for name, value in {
            "sequence_length": sequence_length,
            "stride": stride,
            "max_question_length": max_question_length,
        }.items():
            as_positive_int(name, value)
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.stride = stride
        self.max_question_length = max_question_length

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        if is_symbolic(x):
            batch = leading_shape(x)
            row = Spec("int32", (*batch, self.sequence_length))
            names = ("token_ids", "padding_mask", "segment_ids")
            out: Any = dict.fromkeys(names, row)
            if y is not None:
                column = Spec("int32", batch)
                out = out, {"start": column, "end": column}
            outputs = host_call(self._call, (x, y), out)
        else:
            outputs = self._call(to_host(x), to_host(y))
        inputs, y = outputs if y is not None else (outputs, None)
        return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)

    def windows(self, questions: Any, contexts: Any) -> Windows:
        """Returns all windows of all contexts.

        Args:
            questions: a string or a collection of strings.
            contexts: as many.
        """
        (questions, contexts), _ = self._read((questions, contexts))
        return self._windows(questions, contexts)[0]

    def make_packer(self) -> MultiSegmentPacker:
        """Returns what joins a question and a window."""
        return MultiSegmentPacker(self.sequence_length, **packing_of(self.tokenizer))

    def _call(self, x: Any, y: Any) -> Any:
        (questions, contexts), single = self._read(x)
        windows, offsets = self._windows(questions, contexts)
        if y is None:
            first = np.zeros(len(questions), np.int64)
            last = first - 1
        else:
            first, last = token_spans(offsets, *_read_answers(y, contexts))
        chosen = windows.take(windows.best_for(first, last))
        inputs = {k: v[0] if single else v for k, v in chosen.inputs.items()}
        if y is None:
            return inputs
        shift = chosen.first_column - chosen.first_token
        inside = (first <= last) & (first >= chosen.first_token)
        inside &= last < chosen.first_token + chosen.num_tokens
        columns = {
            "start": np.where(inside, first + shift, 0).astype(np.int32),
            "end": np.where(inside, last + shift, 0).astype(np.int32),
        }
        return inputs, {k: v[0] if single else v for k, v in columns.items()}

    def _windows(
        self, questions: list[str], contexts: list[str]
    ) -> tuple[Windows, Ragged]:
        """Returns all windows, and the offsets of all tokens of the contexts."""
        question_ids = self.tokenizer.encode_batch(questions)
        ids, offsets = self.tokenizer.encode_with_offsets(contexts)
        windows = pack_windows(
            question_ids.cut(self.max_question_length),
            ids,
            offsets,
            self.make_packer(),
            stride=self.stride,
        )
        return windows, offsets

    def _read(self, x: Any) -> tuple[list[list[str]], bool]:
        if isinstance(x, dict) and set(x) == {"question", "context"}:
            x = {"question": x["question"], "context": x["context"]}
            return self.tokenizer.read_segments(x)
        if isinstance(x, tuple) and len(x) == 2:
            return self.tokenizer.read_segments(x)
        found = sorted(x) if isinstance(x, dict) else type(x).__name__
        raise ValueError(
            "Expected {'question': ..., 'context': ...} or (questions, contexts), "
            f"received {found}. Pass both, as strings or lists of strings."
        )


def _read_answers(y: Any, contexts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns start and end characters; an empty stretch where there is no answer."""
    if not isinstance(y, dict) or set(y) != {"start", "end"}:
        found = sorted(y) if isinstance(y, dict) else type(y).__name__
        raise ValueError(
            "Expected `y` to be {'start': ..., 'end': ...}, the answers' characters in "
            f"their contexts, received {found}."
        )
    start, end = (np.asarray(y[name]).reshape(-1) for name in ("start", "end"))
    lengths = np.array([len(context) for context in contexts])
    if start.dtype.kind not in "iu" or end.dtype.kind not in "iu":
        raise ValueError(
            "Expected answers as integer characters of the context, received "
            f"{start.dtype} and {end.dtype}."
        )
    if not len(start) == len(end) == len(contexts):
        raise ValueError(
            f"Expected an answer per sample, received {len(start)} starts and "
            f"{len(end)} ends for {len(contexts)} contexts."
        )
    none = (start < 0) | (end < 0) | (start == end)
    wrong = np.flatnonzero(~none & ((start > end) | (end > lengths)))
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"Expected 0 <= start < end <= {lengths[i]}, the length of the context, "
            f"received start={start[i]} and end={end[i]} for sample {i}. Pass start = "
            "end = 0 where the context holds no answer."
        )
    return np.where(none, 0, start), np.where(none, 0, end)
