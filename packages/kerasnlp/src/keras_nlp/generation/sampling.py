"""How the next token is chosen from scores.

All is a function of the scores, one draw per row and a few numbers; the draws are made
ahead on the host, so that a seed gives the same text on each backend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_nlp.generation.thresholds import top_k_threshold, top_p_threshold

_RANGES = {
    "temperature": (0, float("inf")),
    "top_k": (1, 0),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "repetition_penalty": (0, float("inf")),
}
# Beginnings of ranges that do not belong to them.
_NEVER = {"top_p": 0, "repetition_penalty": 0}


@dataclasses.dataclass(frozen=True)
class Sampling:
    """The numbers that say how to choose; neutral by default.

    Attributes:
        temperature: divides the scores; 0 for the best token always.
        top_k: number of the best tokens to choose from; 0 for all.
        top_p: share of the probability that the best tokens to choose from make up.
        min_p: probability, as a share of the best token's, that a token needs.
        repetition_penalty: divides positive scores, and multiplies negative ones, of
            tokens that were there before.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @property
    def is_greedy(self) -> Any:
        """Whether nothing is drawn; a bool, or a tensor where the numbers are."""
        return self.temperature == 0


def choose(scores: Any, draws: Any, sampling: Sampling, seen: Callable[[], Any]) -> Any:
    """Chooses the next token of each row.

    Args:
        scores: float32 `(B, V)`.
        draws: float32 `(B,)` in `(0, 1]`; the token is the first, in the order of the
            vocabulary, at which the probabilities of those kept sum to that share.
        sampling: numbers on torch, tensors where they are to change in a compiled
            program.
        seen: returns which tokens were there before, bool `(B, V)`.

    Returns:
        int32 `(B,)`.
    """

    def penalized() -> Any:
        penalty = sampling.repetition_penalty
        lower = keras.ops.where(scores < 0, scores * penalty, scores / penalty)
        return keras.ops.where(seen(), lower, scores)

    allowed = when(sampling.repetition_penalty != 1, penalized, lambda: scores)
    return when(
        sampling.is_greedy,
        lambda: keras.ops.cast(keras.ops.argmax(allowed, axis=-1), "int32"),
        lambda: _draw(allowed, draws, sampling),
    )


def _draw(scores: Any, draws: Any, sampling: Sampling) -> Any:
    probabilities = keras.ops.softmax(scores / sampling.temperature, axis=-1)
    return draw_token(keep_best(probabilities, sampling), draws)


def keep_best(probabilities: Any, sampling: Sampling) -> Any:
    """Returns the probabilities of the tokens to choose from, and 0 for all others.

    Args:
        probabilities: float32 `(B, V)`.
        sampling: of which `top_k`, `top_p` and `min_p` count here. `top_p` is a share
            of what `top_k` leaves.

    Returns:
        Float32 `(B, V)`; they need not sum to 1.
    """

    def above(values: Any, threshold: Any) -> Any:
        return values * keras.ops.cast(values >= threshold, values.dtype)

    kept = when(
        sampling.top_k > 0,
        lambda: above(probabilities, top_k_threshold(probabilities, sampling.top_k)),
        lambda: probabilities,
    )
    kept = when(
        sampling.top_p < 1,
        lambda: above(kept, top_p_threshold(kept, sampling.top_p)),
        lambda: kept,
    )
    best = keras.ops.max(probabilities, axis=-1, keepdims=True)
    return above(kept, sampling.min_p * best)


def draw_token(probabilities: Any, draws: Any) -> Any:
    """Returns the first token at which the probabilities sum to a share of all.

    Args:
        probabilities: float32 `(B, V)`; they need not sum to 1.
        draws: shares in `(0, 1]`, float32 `(B,)`.

    Returns:
        int32 `(B,)`.
    """
    sums = keras.ops.cumsum(probabilities, axis=-1)
    reached = sums >= draws[:, None] * sums[:, -1:]
    return keras.ops.cast(keras.ops.argmax(reached, axis=-1), "int32")


def when(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """Returns one of two results, by a Python bool or by a tensor in a program."""
    if isinstance(condition, bool):
        return then() if condition else otherwise()
    return keras.ops.cond(condition, then, otherwise)


def log_probability(scores: Any, tokens: Any) -> Any:
    """Returns the logarithm of the probability of one token per row.

    Args:
        scores: float32 `(B, V)`.
        tokens: int `(B,)`.

    Returns:
        Float32 `(B,)`.
    """
    chosen = keras.ops.take_along_axis(scores, tokens[:, None], axis=-1)
    return (chosen - keras.ops.logsumexp(scores, axis=-1, keepdims=True))[:, 0]


def merged_sampling(
    sampling: Sampling | None, vocabulary_size: int, **numbers: float | None
) -> Sampling | None:
    """Returns how to choose, where a call says more than a sampler.

    Args:
        sampling: of the sampler; None if it chooses in its own way.
        vocabulary_size: number of tokens.
        **numbers: those of `Sampling`; None for what the sampler says.

    Raises:
        ValueError: if a number is out of range, or the sampler knows no numbers.
    """
    given: dict[str, Any] = {n: v for n, v in numbers.items() if v is not None}
    for name, value in given.items():
        lowest, highest = _RANGES[name]
        if name == "top_k":
            highest = vocabulary_size
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest or value == _NEVER.get(name):
            raise ValueError(
                f"Expected `{name}` to be a number from {lowest} to {highest}"
                f"{', above 0' if name in _NEVER else ''}; received {value!r:.80}."
            )
    if sampling is None:
        if given:
            raise ValueError(
                f"Expected no {', '.join(given)} for a sampler that chooses in its own "
                "way. Compile the model with another one, such as "
                "`compile(sampler='random')`, or say it to the sampler."
            )
        return None
    if sampling.is_greedy and given.keys() & {"top_k", "top_p", "min_p"}:
        given = {"temperature": 1.0, **given}
    return dataclasses.replace(sampling, **given)


def make_draws(seed: int | Sequence[int] | None, rows: int, steps: int) -> np.ndarray:
    """Returns draws in `(0, 1]`, each row's the same whatever rows are beside it.

    Args:
        seed: of all; None for another one each time.
        rows: number of rows.
        steps: number of tokens to draw.

    Returns:
        Float32 `(rows, steps)`.
    """
    sequence = np.random.SeedSequence(seed)
    draws = [
        np.random.Generator(np.random.Philox(child)).random(steps, "float32")
        for child in sequence.spawn(rows)
    ]
    return 1 - np.stack(draws)
