"""Reads and checks byte-pair vocabularies: tokens with ids, and merges in order."""

from __future__ import annotations

import base64
import binascii
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from domain_core.strict_json import read_file, read_object, write_object
from domain_core.text.byte_pair.byte_level import bytes_to_token

_HEADER = "#version"


def read_ids(path: str | os.PathLike[str]) -> dict[str, int]:
    """Reads a `vocab.json`, an object from token to id."""
    return check_ids(read_object(path, "a vocabulary (`vocab.json`)"), str(path))


def check_ids(ids: Mapping[Any, Any], source: str = "vocabulary") -> dict[str, int]:
    """Returns a vocabulary as a dict in the order of ids.

    Raises:
        ValueError: if it is empty, a token is no string or empty, an id no integer from
            0 to 2**31 - 1, or there twice.
    """
    if not isinstance(ids, Mapping) or not ids:
        raise ValueError(
            f"Expected `{source}` to map tokens to ids, received {ids!r:.80}. Pass a "
            "dict, or the path of a `vocab.json`."
        )
    for token, index in ids.items():
        if not isinstance(token, str) or not token:
            raise ValueError(
                f"Expected tokens of `{source}` to be strings, not empty; received "
                f"{token!r}, with the id {index!r}."
            )
        if type(index) is not int or not 0 <= index < 2**31:
            raise ValueError(
                f"Expected ids of `{source}` to be integers from 0 to 2**31 - 1, "
                f"received {index!r} for {token!r}."
            )
    if len(set(ids.values())) < len(ids):
        twice, times = Counter(ids.values()).most_common(1)[0]
        tokens = [token for token, index in ids.items() if index == twice]
        raise ValueError(
            f"Expected ids of `{source}` to be unique, received {twice} {times} times, "
            f"for {tokens[:5]}. Number the tokens anew."
        )
    return {str(token): ids[token] for token in sorted(ids, key=ids.__getitem__)}


def read_merges(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Reads a `merges.txt`: two tokens a line, the first pair to merge first.

    A first line with a version, line ends of Windows, a byte order mark and empty lines
    at the end are no merges.
    """
    what = "merges (`merges.txt`)"
    try:
        text = read_file(path, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected {what} to be UTF-8 text, received {str(path)!r} ({error}). "
            "Convert the file."
        ) from None
    lines = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    if lines[0].startswith(_HEADER) or lines == [""]:
        del lines[0]
    return check_merges(lines, str(path))


def check_merges(
    merges: Iterable[Any], source: str = "merges"
) -> list[tuple[str, str]]:
    """Returns merges as pairs.

    Args:
        merges: strings of two tokens with a space between them, or pairs.
        source: what to call them in errors.

    Raises:
        ValueError: if one is neither, or there twice.
    """
    if isinstance(merges, str | bytes | Mapping):
        raise ValueError(
            f"Expected `{source}` to be a list of merges, received {merges!r:.80}."
        )
    pairs = []
    for place, merge in enumerate(merges):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(part, str) and part for part in pair)
        ):
            raise ValueError(
                f"Expected merges of `{source}` to be two tokens with a space between "
                f"them, received {merge!r:.80} as number {place}."
            )
        pairs.append((str(pair[0]), str(pair[1])))
    if len(set(pairs)) < len(pairs):
        twice = Counter(pairs).most_common(1)[0][0]
        raise ValueError(
            f"Expected merges of `{source}` to be unique, received {' '.join(twice)!r} "
            "more than once. Keep the first."
        )
    return pairs


def write_ids(path: str | os.PathLike[str], ids: Mapping[str, int]) -> None:
    """Writes a vocabulary so that `read_ids` gives it back."""
    write_object(path, dict(ids))


def write_merges(
    path: str | os.PathLike[str], merges: Iterable[tuple[str, str]]
) -> None:
    """Writes merges so that `read_merges` gives them back."""
    lines = [f"{_HEADER}: 0.2\n", *(f"{a} {b}\n" for a, b in merges)]
    Path(path).write_bytes("".join(lines).encode("utf-8"))


def read_tiktoken(
    path: str | os.PathLike[str],
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Reads a file of tiktoken's: a token in base64 and its rank per line.

    Tiktoken merges two neighbours whenever together they are a token, the lowest rank
    first. So a token of several bytes only ever comes from the two parts in which the
    merges of lower ranks leave it: that is its merge. One that they leave in more parts
    does not come about by merging; tiktoken finds it where it is a whole word.

    Returns:
        Ids by token, and merges in order.

    Raises:
        ValueError: if a line is something else, or a token or rank there twice.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(read_file(path, "a tiktoken file").splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            encoded, rank = parts
            token, index = base64.b64decode(encoded, validate=True), int(rank)
        except (ValueError, binascii.Error):
            token, index = b"", -1
        if not token or token in ranks:
            raise ValueError(
                "Expected a token in base64 and its rank on each line of a tiktoken "
                f"file, each token once; received {line[:80]!r} in line {number} of "
                f"{str(path)!r}. Check the path."
            )
        ranks[token] = index
    ids = check_ids({bytes_to_token(t): i for t, i in ranks.items()}, str(path))
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1 and len(parts := _merged(token, ranks)) == 2:
            merges.append((bytes_to_token(parts[0]), bytes_to_token(parts[1])))
    return ids, merges


def _merged(token: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """Merges the bytes of a token as far as lower ranks go."""
    parts = [token[i : i + 1] for i in range(len(token))]
    limit = ranks[token]
    while True:
        pairs = [
            ranks.get(first + second, limit)
            for first, second in zip(parts, parts[1:], strict=False)
        ]
        lowest = min(pairs, default=limit)
        if lowest >= limit:
            return parts
        place = pairs.index(lowest)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
