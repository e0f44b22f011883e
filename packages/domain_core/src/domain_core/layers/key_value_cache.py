"""What a block keeps of the tokens before: keys and values, each in its place.

Shapes: `B` batch, `T` tokens of this call, `S` slots, `K` heads of keys, `h` width of a
head. Token `i` of a row stands in slot `i` plus the padding before the row; all rows
end in the same slot.

A cache is an object around tensors. It changes in place on torch; elsewhere it holds
new tensors after a call, and a compiled loop carries `tensors` on.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops


class KeyValueCache:
    """Keys and values `(B, K, S, h)` of all tokens.

    Args:
        key: tensor `(B, K, S, h)`.
        value: tensor `(B, K, S, h)`.
    """

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value

    @property
    def tensors(self) -> tuple[Any, Any]:
        """What to carry through a loop; the constructor takes it."""
        return self.key, self.value

    @property
    def slots(self) -> int:
        """Number of slots `S`."""
        return self.key.shape[2]

    def update(self, key: Any, value: Any, context: dict[str, Any]) -> tuple[Any, Any]:
        """Writes what this call has made, and returns what it attends to.

        Args:
            key: tensor `(B, K, T, h)`.
            value: tensor `(B, K, T, h)`.
            context: of `DecoderContext.cached`.
        """
        self._write(key, value, context["slot"])
        if context["is_first"]:
            return key, value
        return self._first(context["filled"])

    def grow(self, slots: int) -> None:
        """Makes room for `slots` slots."""
        more = slots - self.slots
        if more > 0:
            widths = ((0, 0), (0, 0), (0, more), (0, 0))
            self.key = keras.ops.pad(self.key, widths)
            self.value = keras.ops.pad(self.value, widths)

    def reorder(self, rows: Any) -> None:
        """Takes rows of the batch, int `(N,)`, in their order; some may come twice."""
        self.key = keras.ops.take(self.key, rows, axis=0)
        self.value = keras.ops.take(self.value, rows, axis=0)

    def _write(self, key: Any, value: Any, slot: Any) -> None:
        self.key = ops.write_rows(self.key, key, slot, 2)
        self.value = ops.write_rows(self.value, value, slot, 2)

    def _first(self, filled: int | None) -> tuple[Any, Any]:
        if filled is None or filled >= self.slots:
            return self.key, self.value
        return self.key[:, :, :filled], self.value[:, :, :filled]


class WindowCache(KeyValueCache):
    """Keys and values of the last tokens alone: slot `s` is kept in place `s mod S`."""

    def update(self, key: Any, value: Any, context: dict[str, Any]) -> tuple[Any, Any]:
        slot, time, size = context["slot"], key.shape[2], self.slots
        if time == 1:
            self._write(key, value, slot % size)
            if context["is_first"]:
                return key, value
            return self._first(context["filled"])
        if not context["is_first"]:
            key = keras.ops.concatenate((self.key, key), axis=2)
            value = keras.ops.concatenate((self.value, value), axis=2)
            # Where the last slot that belongs in each place stands now.
            places = keras.ops.arange(size, dtype="int32")
            newest = slot + time - 1
            age = (newest - places) % size
            taken = keras.ops.where(age < time, size + time - 1 - age, places)
            self._take(key, value, taken)
            return key, value
        if time <= size:
            self._write(key, value, 0)
        else:
            newest = time - 1
            self._take(
                key, value, [newest - (newest - place) % size for place in range(size)]
            )
        return key, value

    def grow(self, slots: int) -> None:
        """Does nothing: the window is all that there will be."""

    def _take(self, key: Any, value: Any, rows: Any) -> None:
        self.key = keras.ops.take(key, rows, axis=2)
        self.value = keras.ops.take(value, rows, axis=2)


def kept_slots(
    slot: Any, length: int, size: int, *, is_window: bool, is_first: bool
) -> Any:
    """Returns the slots of what `update` returns, int `(N,)`; negative for none.

    Args:
        slot: of the first token of the call; an int or an int tensor.
        length: number of tokens `T`.
        size: number of slots of the cache.
        is_window: whether it is a `WindowCache`.
        is_first: whether nothing came before.
    """
    new = slot + keras.ops.arange(length, dtype="int32")
    if is_first:
        return new
    places = keras.ops.arange(size, dtype="int32")
    if not is_window:
        return places
    newest = slot if length == 1 else slot - 1
    kept = newest - (newest - places) % size
    return kept if length == 1 else keras.ops.concatenate((kept, new), axis=0)
