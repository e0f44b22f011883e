"""Reads texts and tokens in the forms in which users hand them over."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from domain_core.text.ragged import Ragged


def as_texts(inputs: Any, name: str = "inputs") -> tuple[list[str], bool]:
    """Reads a string, or a flat collection of strings.

    Args:
        inputs: str, UTF-8 bytes, or a list, tuple, NumPy array or pandas Series of
            such.
        name: what to call `inputs` in errors.

    Returns:
        The texts, and whether `inputs` was a single one.

    Raises:
        ValueError: if anything else is found; the message names the place.
    """
    if isinstance(inputs, str | bytes):
        return [_as_text(inputs, name)], True
    if isinstance(inputs, list | tuple):
        texts: Any = inputs
    else:
        array = np.asarray(inputs)
        if array.dtype.kind not in "OSUT" or (array.ndim == 0 and inputs is not array):
            raise _not_text(inputs, name)
        if array.ndim > 1:
            raise ValueError(
                f"Expected `{name}` to be a string or a flat collection of strings, "
                f"received an array of shape {array.shape}. Flatten it, or pass its "
                "columns as a tuple of segments."
            )
        texts = array.tolist()
        if array.ndim == 0:
            return [_as_text(texts, name)], True
    if set(map(type, texts)) == {str}:
        return list(texts), False
    return [_as_text(text, f"{name}[{i}]") for i, text in enumerate(texts)], False


def _as_text(text: Any, name: str) -> str:
    if isinstance(text, str):
        return str(text)
    if isinstance(text, bytes):
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Expected `{name}` to be UTF-8, received {text[:40]!r} ({error}). "
                "Decode it yourself, e.g. "
                "`data.decode('latin-1')` or `data.decode('utf-8', 'replace')`."
            ) from None
    raise _not_text(text, name)


def _not_text(value: Any, name: str) -> ValueError:
    shown = repr(value)
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    advice = (
        "Drop missing texts or replace them by ''."
        if value is None or (isinstance(value, float) and value != value)
        else "Convert it with `str()` if it is meant as text."
    )
    return ValueError(
        f"Expected `{name}` to be a string or a flat collection of strings, received "
        f"{shown} of type {type(value).__name__}. {advice}"
    )


def as_rows(inputs: Any, name: str = "inputs") -> tuple[Ragged, bool]:
    """Reads one row of tokens, or a batch of rows of any lengths.

    Args:
        inputs: int ids or str tokens as `(T,)` or `(B, T)`: nested lists, NumPy arrays
            or tensors of the backend; or a `Ragged`.
        name: what to call `inputs` in errors.

    Returns:
        The rows, int32 or object; and whether `inputs` was a single one.

    Raises:
        ValueError: if anything else is found.
    """
    if isinstance(inputs, Ragged):
        return inputs, False
    if not isinstance(inputs, list | tuple):
        array = np.asarray(inputs)
        if array.ndim not in (1, 2):
            raise _not_rows(inputs, name)
        single = array.ndim == 1
        rows: Any = array[None] if single else array
        lengths = np.full(len(rows), rows.shape[1])
        return Ragged(_as_tokens(array.ravel(), inputs, name), lengths), single
    single = not any(isinstance(row, list | tuple | np.ndarray) for row in inputs)
    rows = [inputs] if single else inputs
    try:
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = list(chain.from_iterable(rows))
    except TypeError:
        raise _not_rows(inputs, name) from None
    values = np.empty(len(flat), object) if _has_text(flat) else np.asarray(flat)
    if values.dtype == object:
        values[:] = flat
    return Ragged(_as_tokens(values, inputs, name), lengths), single


def _has_text(flat: list[Any]) -> bool:
    return bool(flat) and isinstance(flat[0], str | bytes)


def _as_tokens(values: np.ndarray, inputs: Any, name: str) -> np.ndarray:
    if not values.size or values.dtype.kind in "iu":
        return values.astype(np.object_ if values.dtype.kind in "OU" else np.int32)
    if values.dtype.kind not in "OSUT":
        raise _not_rows(inputs, name)
    return np.array([_as_text(value, name) for value in values.tolist()], object)


def _not_rows(inputs: Any, name: str) -> ValueError:
    return ValueError(
        f"Expected `{name}` to be integer ids or string tokens, one row or a batch of "
        f"rows, received {inputs!r:.80} of type {type(inputs).__name__}. Tokenize "
        "text first, and drop None."
    )
