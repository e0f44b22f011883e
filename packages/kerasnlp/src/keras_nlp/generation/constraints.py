"""What may not be chosen, and what must, whatever the scores say.

Shapes: `B` rows, `S` slots, `V` tokens of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

import keras

from keras_nlp.generation.rows import column, held


@dataclasses.dataclass(frozen=True)
class Constraints:
    """Rules of what may follow; none by default. They are a part of a program's key.

    Args:
        no_repeat_ngram_size: number of tokens that may not come twice in a row in the
            same order, those of its prompt among them; 0 for no such rule.
        min_new_tokens: number of new tokens that come before a stop token may.
        forced_first_token_id: id of the first new token; None for any.
        forced_last_token_id: id of the token with which a row reaches its limit; None
            for any.

    Raises:
        ValueError: if one is no integer of at least 0.
    """

    no_repeat_ngram_size: int = 0
    min_new_tokens: int = 0
    forced_first_token_id: int | None = None
    forced_last_token_id: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not is_int or value < 0:
                raise ValueError(
                    f"Expected `{field.name}` to be an integer of at least 0, received "
                    f"{value!r:.80}."
                )

    def __bool__(self) -> bool:
        """Whether there is a rule."""
        return self != NONE

    def after(self, count: int) -> Constraints:
        """Returns what is left of them for rows that hold new tokens already.

        Args:
            count: number of new tokens.
        """
        if not count:
            return self
        return dataclasses.replace(
            self,
            min_new_tokens=max(self.min_new_tokens - count, 0),
            forced_first_token_id=None,
        )

    def apply(
        self,
        scores: Any,
        tokens: Any,
        slot: Any,
        *,
        padding: Any,
        counts: Any,
        limits: Any,
        stop_ids: Any,
    ) -> Any:
        """Returns scores of what may follow: -inf for what may not.

        A token that must come has 0, and all others have -inf. Where everything is
        barred that is not forced, nothing is.

        Args:
            scores: float32 `(B, V)`.
            tokens: int32 `(B, S)`.
            slot: of the last token; an int, or an int tensor.
            padding: slots before each prompt, int32 `(B,)`; None for none at all.
            counts: number of new tokens, int32 `(B,)`, or of all rows.
            limits: number of new tokens at most, int32 `(B,)`, or of all rows.
            stop_ids: ids that end a row, int32 `(N,)`; -1 for none.

        Returns:
            Float32 `(B, V)`.
        """
        ids = keras.ops.arange(scores.shape[-1], dtype="int32")
        zero = keras.ops.zeros_like(scores)
        never = zero - float("inf")
        barred = []
        if self.no_repeat_ngram_size:
            barred.append(self._repeats(tokens, slot, padding, scores.shape[-1]))
        if self.min_new_tokens:
            is_stop = keras.ops.any(ids[:, None] == stop_ids[None, :], axis=-1)
            barred.append(is_stop & _rows(counts < self.min_new_tokens))
        if barred:
            some = barred[0] if len(barred) == 1 else barred[0] | barred[1]
            some = some & ~keras.ops.all(some, axis=-1, keepdims=True)
            scores = keras.ops.where(some, never, scores)
        if self.forced_first_token_id is not None:
            only = keras.ops.where(ids == self.forced_first_token_id, zero, never)
            scores = keras.ops.where(_rows(counts == 0), only, scores)
        if self.forced_last_token_id is not None:
            only = keras.ops.where(ids == self.forced_last_token_id, zero, never)
            scores = keras.ops.where(_rows(counts == limits - 1), only, scores)
        return scores

    def _repeats(self, tokens: Any, slot: Any, padding: Any, size: int) -> Any:
        """Returns which tokens would end a row of some that was there, `(B, V)`."""
        before = self.no_repeat_ngram_size - 1
        places = keras.ops.arange(tokens.shape[1], dtype="int32")[None, :]
        count = max(tokens.shape[1] - before, 0)  # of places where one may begin
        there = places[:, before:] <= slot
        if padding is not None:
            there = there & (places[:, :count] >= padding[:, None])
        for place in range(before):
            # Below 0 nothing is there: then any column will do.
            last = column(tokens, abs(slot - (before - 1 - place)))
            there = there & (tokens[:, place : place + count] == last)
        return held(tokens[:, before:], there, size)


NONE = Constraints()


def _rows(condition: Any) -> Any:
    """Returns a condition of each row, or of all, as `(B, 1)` or `(1, 1)`."""
    return keras.ops.reshape(condition, (-1, 1))
