"""Reads and checks vocabularies: one token per line, its number is its id."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def read_vocabulary(path: str | os.PathLike[str]) -> list[str]:
    """Reads a vocabulary file.

    Line ends of Windows, a byte order mark and spaces at the end of a line are no part
    of a token.

    Raises:
        ValueError: if the file is missing, not UTF-8, has an empty line or a token
            twice.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(
            f"Expected `vocabulary` to be a list of tokens or the path of a file with "
            f"one token per line; there is no file {str(path)!r}. Check the path."
        )
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected the vocabulary {str(path)!r} to be UTF-8 text ({error}). "
            "Convert the file."
        ) from None
    # Only line feeds end a line: `splitlines` would also cut at U+0085 or U+2028,
    # which are tokens in some vocabularies.
    lines = text.removesuffix("\n").split("\n")
    return check_vocabulary([line.rstrip(" \t\r") for line in lines], str(path))


def write_vocabulary(path: str | os.PathLike[str], vocabulary: Iterable[str]) -> None:
    """Writes a vocabulary so that `read_vocabulary` gives it back."""
    Path(path).write_bytes("".join(f"{t}\n" for t in vocabulary).encode("utf-8"))


def check_vocabulary(tokens: Iterable[Any], source: str = "vocabulary") -> list[str]:
    """Returns a vocabulary as a list.

    Args:
        tokens: strings; NumPy strings are taken too.
        source: what to call it in errors.

    Raises:
        ValueError: if a token is no string, empty, there twice, or ends in white space.
    """
    vocabulary = [str(t) if isinstance(t, str) else t for t in tokens]
    for index, token in enumerate(vocabulary):
        if not isinstance(token, str):
            raise ValueError(
                f"Expected tokens of `{source}` to be strings, received {token!r} of "
                f"type {type(token).__name__} at id {index}. Pass a list of strings."
            )
        if not token or token[-1] in " \t\r\n" or "\n" in token:
            raise ValueError(
                f"Expected tokens of `{source}` to be visible strings, received "
                f"{token!r} at id {index}. Remove the empty line or the space at its "
                "end; ids are line numbers, so put a placeholder like '[unused1]' "
                "where an id must stay free."
            )
    if not vocabulary:
        raise ValueError(f"Expected `{source}` to hold tokens, received none.")
    if len(set(vocabulary)) < len(vocabulary):
        token, times = Counter(vocabulary).most_common(1)[0]
        ids = [i for i, other in enumerate(vocabulary) if other == token]
        raise ValueError(
            f"Expected tokens of `{source}` to be unique, received {token!r} {times} "
            f"times, at ids {ids[:5]}. Rename or remove the others."
        )
    return vocabulary
