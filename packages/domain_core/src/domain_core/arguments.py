"""Checks of constructor arguments that classes here share, and the default name."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

import keras


def is_positive_int(value: Any) -> bool:
    """Whether a value is an integer above zero, of Python or NumPy, and no bool."""
    is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_int and int(value) > 0


def as_positive_int(name: str, value: Any, at_most: int | None = None) -> int:
    """Returns an integer above zero.

    Args:
        name: of the argument.
        value: what was passed.
        at_most: largest value that makes sense.

    Raises:
        ValueError: if it is none.
    """
    if not is_positive_int(value) or (at_most is not None and value > at_most):
        limit = "" if at_most is None else f" of at most {at_most}"
        raise ValueError(
            f"Expected `{name}` to be a positive integer{limit}, received "
            f"{value!r:.200}."
        )
    return int(value)


def as_size(name: str, value: Any) -> tuple[int, int]:
    """Returns height and width, of one number for both or of two.

    Raises:
        ValueError: if it is neither, or a number is no integer above zero.
    """
    if is_positive_int(value):
        return (int(value), int(value))
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(
            f"Expected `{name}` to be a positive integer, or a height and a width, "
            f"received {value!r:.200}."
        )
    return as_positive_int(name, value[0]), as_positive_int(name, value[1])


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number, of Python or NumPy, and no bool."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def as_finite(name: str, value: Any) -> float:
    """Returns a finite number as a float.

    Raises:
        ValueError: if it is none.
    """
    if not is_finite(value):
        raise ValueError(f"Expected `{name}` to be a number, received {value!r:.200}.")
    return float(value)


def as_positive(name: str, value: Any) -> float:
    """Returns a finite number above zero, such as a factor, as a float.

    Raises:
        ValueError: if it is none.
    """
    if not is_finite(value) or value <= 0:
        raise ValueError(
            f"Expected `{name}` to be a number above 0, received {value!r:.200}."
        )
    return float(value)


def as_rate(name: str, value: Any) -> float:
    """Returns a share in `[0, 1)` as a float.

    Raises:
        ValueError: if it is none.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not 0 <= float(value) < 1
    ):
        raise ValueError(
            f"Expected `{name}` to be a number in [0, 1), the share to drop; received "
            f"{value!r:.200}."
        )
    return float(value)


def as_fraction(name: str, value: Any) -> float:
    """Returns a number in `[0, 1]`, such as an epsilon or a momentum, as a float.

    Raises:
        ValueError: if it is none.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not 0 <= float(value) <= 1
    ):
        raise ValueError(
            f"Expected `{name}` to be a number in [0, 1], received {value!r:.200}."
        )
    return float(value)


def check_choices(**arguments: tuple[Any, Collection[Any]]) -> None:
    """Raises ValueError if an argument is none of its choices.

    Args:
        **arguments: value and choices by name.
    """
    for name, (value, choices) in arguments.items():
        if value not in choices:
            raise ValueError(
                f"Expected `{name}` to be one of {sorted(choices, key=str)}, received "
                f"{value!r:.200}."
            )


def as_dtype_name(dtype: Any) -> str:
    """Returns the name of a dtype: of a string, a NumPy type, or a policy of Keras.

    A policy may be the dict that Keras makes of it, as configs hold it.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(dtype, Mapping):
        config = dtype.get("config")
        dtype = config.get("name") if isinstance(config, Mapping) else dtype
    elif isinstance(dtype, keras.DTypePolicy):
        dtype = dtype.name
    try:
        return str(keras.backend.standardize_dtype(dtype))
    except (TypeError, ValueError):
        raise ValueError(
            "Expected `dtype` to name a dtype, such as 'int32', received "
            f"{dtype!r:.80}."
        ) from None


def set_layer_arguments(instance: Any, kwargs: Mapping[str, Any], *names: str) -> None:
    """Makes attributes of what an object takes because upstream's is a Keras layer.

    Args:
        instance: a tokenizer, packer or the like; it has no weights.
        kwargs: what its constructor was given besides arguments of its own.
        names: of "name", "trainable" and "dtype", those that it takes.

    Raises:
        TypeError: if there are other arguments.
    """
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(
                f"{type(instance).__name__}.__init__() got an unexpected keyword "
                f"argument {name!r}"
            )
        if name == "dtype" and value is not None:
            value = as_dtype_name(value)
        setattr(instance, name, value)


def default_name(instance: Any) -> str:
    """Returns the name of an object's class in lower case, `random_swap`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(instance).__name__).lower()
