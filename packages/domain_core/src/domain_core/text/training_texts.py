"""Reads the texts that a vocabulary is computed from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from domain_core.arrays.host_call import to_host


def training_texts(data: Any) -> Iterator[str]:
    """Yields texts one by one.

    Args:
        data: paths of UTF-8 files, as a list or tuple, each file one text; or a
            `tf.data.Dataset` of strings or of batches of strings; or any other iterable
            of strings, such as a generator. (A list of texts is one as `iter(texts)`.)

    Raises:
        ValueError: if it is something else; what is wrong with an element is told when
            its turn comes.
    """
    if isinstance(data, list | tuple):
        return map(_read, data)
    if isinstance(data, str | bytes | os.PathLike | Mapping) or not isinstance(
        data, Iterable
    ):
        raise ValueError(
            "Expected `data` to be a list of file paths, a `tf.data.Dataset` or an "
            f"iterable of texts, received {data!r:.80} of type {type(data).__name__}. "
            "Put a single path in a list."
        )
    return _texts(data)


def _read(path: Any) -> str:
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"Expected a list of file paths, received {path!r:.80} in it. Pass texts "
            "as an iterator, `iter(texts)`."
        )
    try:
        found = Path(path).is_file()
    except (OSError, ValueError):  # a text is no name of a file
        found = False
    if not found:
        raise ValueError(
            f"Expected a list of file paths; there is no file {str(path)[:200]!r}. "
            "Check the path, or pass texts as an iterator, `iter(texts)`."
        )
    return _decoded(Path(path).read_bytes(), f"the file {str(path)!r}")


def _texts(data: Iterable[Any]) -> Iterator[str]:
    for number, element in enumerate(data):
        values = np.asarray(to_host(element), object).ravel().tolist()
        for text in values:
            if isinstance(text, bytes):
                text = _decoded(text, f"element {number}")
            if not isinstance(text, str):
                raise ValueError(
                    f"Expected texts, received {text!r:.80} of type "
                    f"{type(text).__name__} as element {number} of `data`."
                )
            if not text.isascii():
                _decoded(text.encode("utf-8", "surrogatepass"), f"element {number}")
            yield text


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected {what} of `data` to be valid UTF-8 ({error}). Convert or "
            "repair it."
        ) from None
