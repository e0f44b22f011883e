"""Long contexts as overlapping windows, each behind its question."""

from __future__ import annotations

import dataclasses

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.multi_segment_packer import MultiSegmentPacker


@dataclasses.dataclass(frozen=True)
class Windows:
    """Rows to feed a model, and what they stand for: `W` windows of `T` tokens.

    Attributes:
        inputs: "token_ids", "padding_mask" and "segment_ids", int32 `(W, T)` each.
        sample: int64 `(W,)`, the sample a window belongs to; in ascending order.
        offsets: int32 `(W, T, 2)`, start and end of each context token in characters of
            the context, 0 elsewhere.
        context_mask: bool `(W, T)`, True at tokens of the context.
        first_column: int64 `(W,)`, where the context begins in the row.
        first_token: int64 `(W,)`, which token of the context stands there.
        num_tokens: int64 `(W,)`, how many tokens of the context the window holds.
    """

    inputs: dict[str, np.ndarray]
    sample: np.ndarray
    offsets: np.ndarray
    context_mask: np.ndarray
    first_column: np.ndarray
    first_token: np.ndarray
    num_tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, rows: np.ndarray) -> Windows:
        """Returns some of the windows."""
        arrays = {
            field.name: getattr(self, field.name)[rows]
            for field in dataclasses.fields(self)
            if field.name != "inputs"
        }
        inputs = {name: array[rows] for name, array in self.inputs.items()}
        return Windows(inputs=inputs, **arrays)

    def best_for(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Chooses for each sample the window with most context around a span.

        Args:
            first: int `(B,)`, first context token of each sample's span.
            last: int `(B,)`, its last; below `first` where there is no span.

        Returns:
            Int `(B,)`, a window of each sample: its first one where no window holds the
            span whole.
        """
        before = first[self.sample] - self.first_token
        after = self.first_token + self.num_tokens - 1 - last[self.sample]
        margin = np.minimum(before, after)
        margin[(margin < 0) | (last < first)[self.sample]] = -1
        # Of equal margins the earliest, because the sort is stable.
        order = np.lexsort((-margin, self.sample))
        starts = np.searchsorted(self.sample, np.arange(len(first)))
        return order[starts]


def overlapping(
    lengths: np.ndarray, room: np.ndarray, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covers rows by windows; the last of a row ends where the row ends.

    Args:
        lengths: int `(B,)`, lengths of the rows.
        room: int `(B,)`, the most tokens a window of the row may have.
        stride: tokens from the beginning of one window to that of the next.

    Returns:
        For each window its row, first token and length, int64 `(W,)` each. A row has
        one window at least, even if it is empty.
    """
    beyond = np.maximum(lengths - room, 0)
    step = np.minimum(stride, room)
    counts = 1 + -(-beyond // step)
    sample = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(sample)) - (np.cumsum(counts) - counts)[sample]
    first = np.minimum(number * step[sample], beyond[sample])
    return sample, first, np.minimum(lengths, room)[sample]


def pack_windows(
    questions: Ragged,
    contexts: Ragged,
    offsets: Ragged,
    packer: MultiSegmentPacker,
    *,
    stride: int,
) -> Windows:
    """Packs each question with every window of its context.

    Args:
        questions: ids of each sample's question.
        contexts: ids of its context.
        offsets: `(start, end)` characters of each context token.
        packer: joins question and context; it sets the length of a window.
        stride: tokens from the beginning of one window to that of the next.

    Raises:
        ValueError: if a question leaves no room for its context.
    """
    fixed = packer.num_special_tokens(2)
    room = packer.sequence_length - fixed - questions.lengths
    if len(room) and room.min() < 1:
        raise ValueError(
            f"Expected `sequence_length` to leave room for the context, received "
            f"{packer.sequence_length} for a question of {questions.lengths.max()} "
            f"tokens and {fixed} special ones. Raise `sequence_length`, or cut the "
            "questions."
        )
    sample, first, counts = overlapping(contexts.lengths, room, stride)
    question = questions.take(sample, np.zeros_like(sample), questions.lengths[sample])
    packed = packer.pack([question, contexts.take(sample, first, counts)])
    width = packed.token_ids.shape[1]
    dense_offsets = np.zeros((len(sample), width, 2), np.int32)
    column = packed.ends - counts - packer.num_end_tokens
    written = offsets.take(sample, first, counts).write(dense_offsets, column)
    context_mask = np.zeros((len(sample), width), bool)
    context_mask.reshape(-1)[written] = True
    return Windows(
        inputs={
            "token_ids": packed.token_ids,
            "padding_mask": packed.padding_mask.astype(np.int32),
            "segment_ids": packed.segment_ids,
        },
        sample=sample,
        offsets=dense_offsets,
        context_mask=context_mask,
        first_column=column,
        first_token=first,
        num_tokens=counts,
    )


def token_spans(
    offsets: Ragged, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the tokens that cover a stretch of characters.

    Args:
        offsets: `(start, end)` characters of each token, in ascending order.
        start: int `(B,)`, first character of each row's stretch.
        end: int `(B,)`, character after its last.

    Returns:
        First and last token, int64 `(B,)` each; last is below first where no token
        covers any of the characters.
    """
    row = offsets.row_indices
    before = offsets.values[:, 1] <= start[row]
    begun = offsets.values[:, 0] < end[row]
    batch = len(offsets)
    first = np.bincount(row, weights=before, minlength=batch).astype(np.int64)
    last = np.bincount(row, weights=begun, minlength=batch).astype(np.int64) - 1
    return first, last
