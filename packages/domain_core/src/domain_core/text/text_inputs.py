"""Reads texts and tokens in the forms in which users hand them over."""

from __future__ import annotations

import codecs
import contextlib
import functools
import re
from itertools import chain
from typing import Any, cast

import numpy as np

from domain_core.arrays.ragged import Ragged

# What may be done with text that is no valid Unicode.
ERRORS = ("strict", "replace", "ignore")

_SURROGATE = re.compile("[\ud800-\udfff]")


def as_texts(
    inputs: Any, name: str = "inputs", errors: str = "strict", replacement: int = 0xFFFD
) -> tuple[list[str], bool]:
    """Reads a string, or a flat collection of strings.

    Args:
        inputs: str, UTF-8 bytes, or a list, tuple, NumPy array or pandas Series of
            such.
        name: what to call `inputs` in errors.
        errors: what to do with bytes that are no UTF-8: "strict" raises, "replace" puts
            `replacement` in place of each malformed sequence, "ignore" drops it.
        replacement: code point of a character.

    Returns:
        The texts, and whether `inputs` was a single one.

    Raises:
        ValueError: if anything else is found; the message names the place.
    """
    if isinstance(inputs, str | bytes):
        return [_as_text(inputs, name, errors, replacement)], True
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
            return [_as_text(texts, name, errors, replacement)], True
    kinds = set(map(type, texts))
    if kinds == {str}:
        return list(texts), False
    if kinds == {bytes}:
        with contextlib.suppress(UnicodeDecodeError):  # told below which one it is
            return [text.decode() for text in texts], False
    return [
        _as_text(text, f"{name}[{i}]", errors, replacement)
        for i, text in enumerate(texts)
    ], False


def decode_bytes(
    data: bytes, errors: str, replacement: int = 0xFFFD, encoding: str = "UTF-8"
) -> str:
    """Decodes bytes as TensorFlow does.

    Args:
        data: the bytes.
        errors: one of `ERRORS`; see `as_texts`.
        replacement: code point that "replace" puts in place of a malformed sequence.
        encoding: what they are in.

    Raises:
        UnicodeDecodeError: if they are not, and `errors` is "strict".
    """
    if errors == "replace" and replacement != 0xFFFD:
        errors = _replacing_by(replacement)
    return data.decode(encoding, errors)


@functools.cache
def _replacing_by(replacement: int) -> str:
    """Returns the name of an error handler that Python's decoders then know."""
    name = f"domain_core.replace_by_{replacement}"
    codecs.register_error(name, lambda error: (chr(replacement), cast(Any, error).end))
    return name


def as_unicode(
    texts: list[str], errors: str = "strict", replacement: str = "\ufffd"
) -> list[str]:
    """Checks texts for lone surrogates, which are no characters.

    Args:
        texts: any strings.
        errors: "strict" raises, "replace" puts `replacement` in their places, "ignore"
            drops them.
        replacement: see `errors`.

    Raises:
        ValueError: if a text holds one; the message says where.
    """
    if all(map(str.isascii, texts)):
        return texts
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        if errors != "strict":
            instead = replacement if errors == "replace" else ""
            return [_SURROGATE.sub(instead, text) for text in texts]
    else:
        return texts
    index, found = next(
        (index, found)
        for index, text in enumerate(texts)
        if (found := _SURROGATE.search(text))
    )
    raise ValueError(
        f"Expected valid Unicode text, received the lone surrogate {found.group()!r} "
        f"in text {index} at character {found.start()}. Repair the text, or construct "
        "the tokenizer with `errors='replace'`."
    )


def as_given(texts: list[str], offsets: Ragged) -> Ragged:
    """Moves offsets in texts whose lone surrogates were dropped to those with them.

    Args:
        texts: as they were given.
        offsets: `(start, end)` characters of each token in what was left of the text.
    """
    if all(map(str.isascii, texts)) or not any(map(_SURROGATE.search, texts)):
        return offsets
    moved = []
    for text, spans in zip(texts, offsets.rows(), strict=True):
        kept = [
            i for i, character in enumerate(text) if not _SURROGATE.match(character)
        ]
        starts = np.array([*kept, len(text)], np.int32)[spans[:, 0]]
        ends = np.array([0, *(i + 1 for i in kept)], np.int32)[spans[:, 1]]
        is_empty = spans[:, 0] == spans[:, 1]
        moved.append(np.stack([np.where(is_empty, ends, starts), ends], 1))
    return Ragged(np.concatenate(moved), offsets.lengths)


def _as_text(
    text: Any, name: str, errors: str = "strict", replacement: int = 0xFFFD
) -> str:
    if isinstance(text, str):
        return str(text)
    if isinstance(text, bytes):
        try:
            return decode_bytes(text, errors, replacement)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Expected `{name}` to be UTF-8, received {text[:40]!r} ({error}). "
                "Decode it yourself, e.g. `data.decode('latin-1')`, or construct the "
                "tokenizer with `errors='replace'`."
            ) from None
    raise _not_text(text, name, "a string")


def _not_text(
    value: Any, name: str, expected: str = "a string or a flat collection of strings"
) -> ValueError:
    shown = repr(value)
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    advice = (
        "Drop missing texts or replace them by ''."
        if value is None or (isinstance(value, float) and value != value)
        else "Convert it with `str()` if it is meant as text."
    )
    return ValueError(
        f"Expected `{name}` to be {expected}, received {shown} of type "
        f"{type(value).__name__}. {advice}"
    )


def as_segments(
    inputs: Any, name: str = "x", errors: str = "strict", replacement: int = 0xFFFD
) -> tuple[list[list[str]], bool]:
    """Reads one text per sample, or several that belong together.

    Args:
        inputs: what `as_texts` reads; or a tuple or dict of such, one per segment, as
            in `(first, second)`.
        name: what to call `inputs` in errors.
        errors: see `as_texts`.
        replacement: see there.

    Returns:
        The texts of each segment, and whether `inputs` was a single sample.

    Raises:
        ValueError: if anything else is found, or segments differ in length.
    """
    if isinstance(inputs, dict):
        named = {f"{name}[{key!r}]": value for key, value in inputs.items()}
    elif isinstance(inputs, tuple):
        named = {f"{name}[{i}]": value for i, value in enumerate(inputs)}
    else:
        named = {name: inputs}
    read = {
        key: as_texts(value, key, errors, replacement) for key, value in named.items()
    }
    sizes = {
        key: "a single string" if single else f"{len(texts)} texts"
        for key, (texts, single) in read.items()
    }
    if len(set(sizes.values())) != 1:
        raise ValueError(
            f"Expected segments with one text per sample each, received {sizes}. Pass "
            "a list of texts, or a tuple of equally long lists for pairs."
        )
    return [texts for texts, _ in read.values()], next(iter(read.values()))[1]


def as_rows(
    inputs: Any, name: str = "inputs", errors: str = "strict", replacement: int = 0xFFFD
) -> tuple[Ragged, bool]:
    """Reads one row of tokens, or a batch of rows of any lengths.

    Args:
        inputs: int ids or str tokens as `(T,)` or `(B, T)`: nested lists, NumPy arrays
            or tensors of the backend; or a `Ragged`.
        name: what to call `inputs` in errors.
        errors: what to do with tokens that are no UTF-8; see `as_texts`.
        replacement: see there.

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
        tokens = _as_tokens(array.ravel(), inputs, name, errors, replacement)
        return Ragged(tokens, lengths), single
    single = not any(isinstance(row, list | tuple | np.ndarray) for row in inputs)
    rows = [inputs] if single else inputs
    try:
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat: Any = list(chain.from_iterable(rows))
        if flat and not isinstance(flat[0], str | bytes):
            flat = np.asarray(flat)
    except (TypeError, ValueError):  # NumPy's, for rows of rows
        raise _not_rows(inputs, name) from None
    if isinstance(flat, np.ndarray) and (flat.ndim > 1 or flat.dtype.kind not in "iu"):
        raise _not_rows(inputs, name)
    tokens = _as_tokens(flat, inputs, name, errors, replacement)
    return Ragged(tokens, lengths), single


def _as_tokens(
    values: Any, inputs: Any, name: str, errors: str, replacement: int
) -> np.ndarray:
    """Returns flat tokens as int32, or as objects where they are strings."""
    if len(values) == 0:
        return np.empty(0, np.int32)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "iu":
            ids = values.astype(np.int32)
            if (ids != values).any():
                raise ValueError(
                    f"Expected `{name}` to be ids of a vocabulary, received "
                    f"{values[ids != values][0]}, which no int32 holds."
                )
            return ids
        if values.dtype.kind not in "OSUT":
            raise _not_rows(inputs, name)
        values = values.tolist()
    tokens = np.empty(len(values), object)
    tokens[:] = [
        _as_text(value, f"{name}[{i}]", errors, replacement)
        for i, value in enumerate(values)
    ]
    return tokens


def _not_rows(inputs: Any, name: str) -> ValueError:
    return ValueError(
        f"Expected `{name}` to be integer ids or string tokens, one row or a batch of "
        f"rows, received {inputs!r:.80} of type {type(inputs).__name__}. Tokenize "
        "text first, and drop None."
    )
