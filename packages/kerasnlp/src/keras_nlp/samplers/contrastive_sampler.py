"""A likely token that does not repeat what was said."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_fraction, as_positive_int
from domain_core.serialization import serializable
from keras_nlp.samplers.loop import Loop, repeat_rows, take_rows
from keras_nlp.samplers.sampler import Sampler


@serializable(package="kerasnlp")
class ContrastiveSampler(Sampler):
    """Chooses among the `k` likeliest tokens one that is unlike those before it.

    It is the one with the highest `(1 - alpha) * probability - alpha * similarity`,
    where the similarity is the largest cosine between the hidden state that the token
    would have and those of all tokens before.

    How it is called, and what that returns: see `Sampler`. Here `next` returns hidden
    states, and gets `B * k` rows at each step, so that it is asked for the position
    after the last, too; `hidden_states` is needed, and so is a token before `index`.

    Args:
        k: number of tokens to choose from, 1 or more; all of a smaller vocabulary.
        alpha: weight of the similarity, in `[0, 1]`; 0 is greedy.
        **kwargs: `temperature`.

    Raises:
        ValueError: if an argument is out of range; in a call, if there are no hidden
            states.

    Reference:
        [Su et al., 2022](https://arxiv.org/abs/2202.06417)

    Example:
        >>> states = np.eye(3, dtype="float32")  # of each token
        >>> def next(prompt, cache, index):
        ...     last = keras.ops.take(prompt, index - 1, axis=1)
        ...     logits = keras.ops.zeros((prompt.shape[0], 3))
        ...     return logits, keras.ops.take(states, last, axis=0), cache
        >>> prompt = np.array([[2, 0, 0]])
        >>> sampler = keras_nlp.samplers.ContrastiveSampler(k=3)
        >>> filled = sampler(next, prompt, index=1, hidden_states=states[prompt])
        >>> keras.ops.convert_to_numpy(filled).tolist()
        [[2, 0, 1]]
    """

    def __init__(self, k: int = 5, alpha: float = 0.6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = as_positive_int("k", k)
        self.alpha = as_fraction("alpha", alpha)

    def __call__(
        self,
        next: Callable[..., Any],
        prompt: Any,
        cache: Any = None,
        index: Any = 0,
        mask: Any = None,
        stop_token_ids: Any = None,
        hidden_states: Any = None,
        model: Any = None,
    ) -> Any:
        loop = Loop(next, prompt, cache, index, mask, stop_token_ids)
        if isinstance(index, numbers.Integral) and index < 1:
            raise ValueError(
                "Expected `index` to be 1 or more in contrastive search, which "
                f"compares with the tokens before it, received {index}."
            )
        logits, state, cache = loop.next(loop.prompt, loop.cache, loop.index)
        directions = _directions_of(hidden_states, loop)
        directions = ops.write_rows(
            directions, _direction(state)[:, None], loop.index - 1
        )
        k = min(self.k, logits.shape[-1])

        def goes_on(
            prompt: Any, cache: Any, index: Any, done: Any, logits: Any, before: Any
        ) -> Any:
            return loop.goes_on(index, done)

        def body(
            prompt: Any, cache: Any, index: Any, done: Any, logits: Any, before: Any
        ) -> Any:
            best, ids = keras.ops.top_k(self.compute_probabilities(logits), k)  # (B, k)
            tokens, is_given = loop.given(index)
            ids = keras.ops.cast(ids, tokens.dtype)
            ids = keras.ops.where(is_given[:, None], tokens[:, None], ids)

            prompt, cache = repeat_rows((prompt, cache), k)
            prompt = ops.write_rows(prompt, keras.ops.reshape(ids, (-1, 1)), index)
            logits, state, cache = loop.next(prompt, cache, index + 1)
            state = _direction(state)  # (B * k, D)

            candidates = keras.ops.reshape(state, (-1, k, state.shape[-1]))
            cosines = candidates @ keras.ops.swapaxes(before, 1, 2)  # (B, k, L)
            cosines = keras.ops.where(loop.positions < index, cosines, -1.0)
            similarity = keras.ops.max(cosines, axis=-1)
            scores = (1 - self.alpha) * best - self.alpha * similarity
            # What can't be is not better for being unlike.
            scores = keras.ops.where((best > 0) | is_given[:, None], scores, -1e9)
            choice = keras.ops.cast(keras.ops.argmax(scores, axis=-1), "int32")
            first = keras.ops.arange(keras.ops.shape(ids)[0], dtype="int32") * k
            prompt, cache, logits, state = take_rows(
                (prompt, cache, logits, state), first + choice
            )
            chosen = keras.ops.take(prompt, index, axis=1)
            done = done | (loop.stops(chosen) & ~is_given)
            before = ops.write_rows(before, state[:, None], index)
            return prompt, cache, index + 1, done, logits, before

        return keras.ops.while_loop(
            goes_on,
            body,
            (loop.prompt, cache, loop.index, loop.done, logits, directions),
        )[0]


def _directions_of(hidden_states: Any, loop: Loop) -> Any:
    """Returns the directions of all hidden states, float32 `(B, L, D)`."""
    shape = tuple(loop.prompt.shape)
    if hidden_states is None:
        raise ValueError(
            "Expected `hidden_states` of the prompt in contrastive search, of shape "
            f"(batch, length, width) with {shape} at first, received None. Pass them, "
            "or use another sampler."
        )
    directions = _direction(hidden_states)
    if len(directions.shape) != 3 or tuple(directions.shape[:2]) != shape:
        raise ValueError(
            "Expected `hidden_states` of shape (batch, length, width) with "
            f"{shape} at first, received {tuple(directions.shape)}."
        )
    return directions


def _direction(hidden_states: Any) -> Any:
    """Returns vectors of length 1, float32."""
    if hidden_states is None:
        raise ValueError(
            "Expected `next` to return hidden states in contrastive search, received "
            "None in their place. Return them, or use another sampler."
        )
    hidden_states = keras.ops.convert_to_tensor(hidden_states)
    return keras.ops.normalize(keras.ops.cast(hidden_states, "float32"), axis=-1)
