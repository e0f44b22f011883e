"""What the loops of all samplers share.

Shapes: `B` rows, `L` positions, `V` tokens of the vocabulary, `D` width of the model.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import keras


class Loop:
    """What a sampler was called with, checked, as tensors.

    Args:
        next: see `Sampler`; so are the others.
        prompt: int `(B, L)`.
        cache: tree of tensors, or None.
        index: int, or int tensor.
        mask: bool `(B, L)`; None if all before `index` was given, and nothing else.
        stop_token_ids: int ids, or None.

    Attributes:
        prompt: a copy of its own, int `(B, L)`.
        length: `L`, an int, or an int tensor where it is not known yet.
        cache: tree of tensors; an empty one for None.
        index: int32 scalar.
        mask: bool `(B, L)`.
        positions: int32 `(L,)`.
        done: bool `(B,)`, rows that hold a stop token already that was not given.
        stop_count: number of stop tokens.

    Raises:
        ValueError: if a shape, a dtype or `index` does not fit.
    """

    def __init__(
        self,
        next: Callable[..., Any],
        prompt: Any,
        cache: Any,
        index: Any,
        mask: Any,
        stop_token_ids: Any,
    ) -> None:
        prompt = keras.ops.convert_to_tensor(prompt)
        dtype = keras.backend.standardize_dtype(prompt.dtype)
        if len(prompt.shape) != 2 or "int" not in dtype:
            raise ValueError(
                "Expected `prompt` to hold integers of shape (batch, length), received "
                f"{dtype} of shape {tuple(prompt.shape)}. Pad the rows to one length."
            )
        self.length = length = keras.ops.shape(prompt)[1]
        if isinstance(index, numbers.Integral) and (
            int(index) < 0 or (isinstance(length, int) and int(index) > length)
        ):
            raise ValueError(
                f"Expected `index` to be a position from 0 to the length of `prompt`, "
                f"{length}; received {index}."
            )
        self.prompt = keras.ops.copy(prompt)
        self.index = keras.ops.cast(keras.ops.convert_to_tensor(index), "int32")
        self.positions = keras.ops.arange(length, dtype="int32")
        before = self.positions < self.index  # (L,)
        self.mask = keras.ops.ones_like(prompt, dtype="bool") & before
        if mask is not None:
            self.mask = keras.ops.cast(keras.ops.convert_to_tensor(mask), "bool")
            if tuple(self.mask.shape) != tuple(prompt.shape):
                raise ValueError(
                    f"Expected `mask` of the shape of `prompt`, {tuple(prompt.shape)}, "
                    f"received {tuple(self.mask.shape)}."
                )
        self._stop_ids, self.stop_count = None, 0
        if stop_token_ids is not None:
            ids = keras.ops.convert_to_tensor(stop_token_ids)
            self._stop_ids = keras.ops.reshape(keras.ops.cast(ids, dtype), (-1,))
            self.stop_count = self._stop_ids.shape[0]
        stopped = self.stops(self.prompt) & before & ~self.mask
        self.done = keras.ops.any(stopped, axis=1)
        self._next = next
        self._has_cache = cache is not None
        self.cache = cache if self._has_cache else ()

    def next(self, prompt: Any, cache: Any, index: Any) -> tuple[Any, Any, Any]:
        """Asks for scores.

        Returns:
            Float32 logits `(B, V)`, hidden states `(B, D)` or None, and the cache.
        """
        logits, hidden_states, cache = self._next(
            prompt, cache if self._has_cache else None, index
        )
        logits = _detached(logits)
        if len(logits.shape) != 2:
            raise ValueError(
                "Expected `next` to return logits of one position, of shape (batch, "
                f"vocabulary), received shape {tuple(logits.shape)}. Return "
                "`logits[:, index - 1, :]` of a model that gives those of all."
            )
        if hidden_states is not None:
            hidden_states = _detached(hidden_states)
        cache = keras.tree.map_structure(_detached, cache) if self._has_cache else ()
        return keras.ops.cast(logits, "float32"), hidden_states, cache

    def goes_on(self, index: Any, done: Any) -> Any:
        """Returns whether there is room, and something that is not done."""
        has_room = index < self.length
        return keras.ops.logical_and(has_room, ~keras.ops.all(done))

    def given(self, index: Any) -> tuple[Any, Any]:
        """Returns a column of the prompt, and which of its tokens are given, `(B,)`."""
        tokens = keras.ops.take(self.prompt, index, axis=1)
        return tokens, keras.ops.take(self.mask, index, axis=1)

    def stops(self, tokens: Any) -> Any:
        """Returns which tokens are stop tokens, bool of the same shape."""
        if self._stop_ids is None:
            return keras.ops.zeros_like(tokens, dtype="bool")
        return keras.ops.any(tokens[..., None] == self._stop_ids, axis=-1)


def _detached(values: Any) -> Any:
    # On torch, what is carried along would keep the graphs of all steps alive.
    return keras.ops.stop_gradient(keras.ops.convert_to_tensor(values))


def take_rows(tree: Any, rows: Any) -> Any:
    """Returns rows of all tensors in a nest.

    Args:
        tree: tensors `(B, ...)`.
        rows: int tensor `(R,)`.

    Returns:
        Tensors `(R, ...)`.
    """
    return keras.tree.map_structure(lambda x: keras.ops.take(x, rows, axis=0), tree)


def repeat_rows(tree: Any, times: int) -> Any:
    """Returns each row of all tensors in a nest several times, one after the other.

    Copies: on torch `keras.ops.repeat` gives views, and a cache is written in place.

    Args:
        tree: tensors `(B, ...)`.
        times: number of times.

    Returns:
        Tensors `(B * times, ...)`.
    """
    batch = keras.ops.shape(keras.tree.flatten(tree)[0])[0]
    return take_rows(tree, keras.ops.arange(batch * times, dtype="int32") // times)
