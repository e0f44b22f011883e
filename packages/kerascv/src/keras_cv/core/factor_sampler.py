"""Distributions of a number that says how strong an augmentation is."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from domain_core.arguments import as_finite, is_finite
from domain_core.arrays import operations
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import (
    config_value,
    from_json,
    revive,
    serializable,
)
from keras_cv.augmentation import seeded_generator
from keras_cv.augmentation.random_draws import Draws


class FactorSampler(RemembersArguments):
    """A distribution, to be subclassed: write `draw` and `bounds`.

    Args:
        seed: of calls of the sampler itself. What layers draw depends on their seeds.
    """

    # The number or pair that a user wrote for it, if any.
    written: float | list[float] | None = None

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._drawn = 0

    def draw(self, draws: Draws) -> Any:
        """Returns float32 numbers `(batch,)`."""
        raise NotImplementedError(f"{type(self).__name__} must write `draw`.")

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest number it draws."""
        return -math.inf, math.inf

    def __call__(self, shape: Sequence[int] = (), dtype: Any = "float32") -> Any:
        """Returns numbers as a tensor of the backend.

        In methods of custom layers they are of the kind that these get, and depend on
        the seed of the layer instead.
        """
        size = math.prod(shape)
        generator = seeded_generator.current()
        ops = operations.KERAS if generator is None else generator.ops

        def uniform(columns: int, draw: int) -> Any:
            if generator is not None:
                return generator.numbers((size, columns))
            seed = None if self.seed is None else self.seed + self._drawn
            self._drawn += 1
            return keras.random.uniform((size, columns), dtype="float32", seed=seed)

        draws = Draws(size, ops, uniform)
        return ops.cast(ops.reshape(self.draw(draws), shape), dtype)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self), *self.get_config().items()))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


@serializable("kerascv")
class ConstantFactorSampler(FactorSampler):
    """Always the same number.

    Args:
        value: the number.

    Example:
        >>> import keras_cv
        >>> keras_cv.core.ConstantFactorSampler(0.3).bounds
        (0.3, 0.3)
    """

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = as_finite("value", value)

    def draw(self, draws: Draws) -> Any:
        return draws.ops.zeros((draws.batch,), "float32") + self.value

    @property
    def bounds(self) -> tuple[float, float]:
        return self.value, self.value


@serializable("kerascv")
class UniformFactorSampler(FactorSampler):
    """All numbers of an interval, equally likely.

    Args:
        lower: smallest number.
        upper: largest number.
        seed: see `FactorSampler`.

    Example:
        >>> import keras_cv
        >>> keras_cv.core.UniformFactorSampler(0.0, 0.5).bounds
        (0.0, 0.5)
    """

    def __init__(self, lower: float, upper: float, seed: int | None = None) -> None:
        super().__init__(seed)
        self.lower, self.upper = as_finite("lower", lower), as_finite("upper", upper)
        _check_order(self.lower, self.upper)

    def draw(self, draws: Draws) -> Any:
        return draws.between(self.lower, self.upper)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.lower, self.upper


@serializable("kerascv")
class NormalFactorSampler(FactorSampler):
    """A normal distribution, clipped.

    Args:
        mean: of the distribution before it is clipped.
        stddev: standard deviation before it is clipped.
        min_value: smallest number.
        max_value: largest number.
        seed: see `FactorSampler`.

    Example:
        >>> import keras_cv
        >>> keras_cv.core.NormalFactorSampler(0.5, 0.1, 0.0, 1.0).bounds
        (0.0, 1.0)
    """

    def __init__(
        self,
        mean: float,
        stddev: float,
        min_value: float = -math.inf,
        max_value: float = math.inf,
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        self.mean = as_finite("mean", mean)
        self.stddev = as_finite("stddev", stddev)
        self.min_value, self.max_value = float(min_value), float(max_value)
        if self.stddev < 0:
            raise ValueError(f"Expected `stddev` to be 0 or more, received {stddev!r}.")
        _check_order(self.min_value, self.max_value)

    def draw(self, draws: Draws) -> Any:
        factors = self.mean + self.stddev * draws.normal()[:, 0]
        return draws.ops.clip(factors, self.min_value, self.max_value)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.min_value, self.max_value


Factor = float | Sequence[float] | FactorSampler | Mapping[str, Any]


def as_factor(
    name: str,
    factor: Factor,
    low: float = 0.0,
    high: float = 1.0,
) -> FactorSampler:
    """Turns what a user may write into a distribution.

    Args:
        name: of the argument.
        factor: a number `f` for `[low, f]`, a pair for that interval (a constant if
            both are equal), a `FactorSampler`, or a stored one.
        low: the smallest number allowed.
        high: the largest number allowed.

    Raises:
        ValueError: if it is none of these, reversed, or leaves `[low, high]`.
    """
    if isinstance(factor, Mapping):
        factor = from_json(revive({"factor": dict(factor)}))["factor"]
    if not isinstance(factor, FactorSampler):
        written = factor
        if isinstance(factor, numbers.Real) and not isinstance(factor, bool):
            factor = (low, float(factor))
        if not isinstance(factor, Sequence) or isinstance(factor, str):
            raise _bad_factor(name, factor, low, high)
        if len(factor) != 2 or not all(map(is_finite, factor)):
            raise _bad_factor(name, factor, low, high)
        first, last = map(float, factor)
        if first > last:
            raise _bad_factor(name, factor, low, high)
        factor = (
            ConstantFactorSampler(first)
            if first == last
            else UniformFactorSampler(first, last)
        )
        as_written(factor, written)
    first, last = factor.bounds
    if first < low or last > high:
        raise _bad_factor(name, factor, low, high)
    return factor


def as_signed_factor(
    name: str, factor: Factor, low: float = -1.0, high: float = 1.0
) -> FactorSampler:
    """The same where a single number `f` stands for `[-f, f]`."""
    if not is_finite(factor):
        return as_factor(name, factor, low, high)
    size = abs(float(factor))
    return as_written(as_factor(name, (-size, size), low, high), factor)


def as_interval(name: str, factor: Factor, high: float) -> FactorSampler:
    """The same where there is no number that changes nothing to begin at.

    Args:
        name: of the argument.
        factor: a pair above 0, a `FactorSampler`, or a stored one.
        high: the largest number allowed.

    Raises:
        ValueError: if it is none of these, or leaves `(0, high]`.
    """
    if not isinstance(factor, numbers.Real):
        sampler = as_factor(name, factor, 0.0, high)
        if sampler.bounds[0] > 0:
            return sampler
    raise ValueError(
        f"Expected `{name}` to be a pair (smallest, largest) or a FactorSampler, all "
        f"above 0 and at most {high:g}; received {factor!r}."
    )


def as_config(factor: FactorSampler) -> Any:
    """Returns a distribution as a config holds it, in a form that is JSON.

    The number or pair that a user wrote, else what Keras' own serialization gives. One
    that is not registered stays as it is.
    """
    return config_value(factor) if factor.written is None else factor.written


def as_written(factor: FactorSampler, written: Any) -> FactorSampler:
    """Returns a distribution that remembers what a user wrote for it."""
    if isinstance(written, numbers.Real):
        factor.written = float(written)
    else:
        factor.written = list(map(float, written))
    return factor


def _check_order(low: float, high: float) -> None:
    if not low <= high:
        raise ValueError(
            f"Expected the smallest number first, received {low!r} and {high!r}."
        )


def _bad_factor(name: str, factor: Any, low: float, high: float) -> ValueError:
    return ValueError(
        f"Expected `{name}` to be a number, a pair (smallest, largest) or a "
        f"FactorSampler, all within [{low:g}, {high:g}]; received {factor!r}."
    )
