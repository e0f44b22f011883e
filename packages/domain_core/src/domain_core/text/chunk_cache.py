"""Remembers the ids of stretches of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, filterfalse

import numpy as np

from domain_core.arrays.ragged import Ragged

# What a cache holds before it starts anew: characters, plus a fixed amount per chunk
# for the objects around them. In memory up to some 100 MB, 40 for English.
CAPACITY = 1 << 24
_CHUNK_COST = 64


class ChunkCache:
    """A table from chunks of text to their ids, in front of code that computes them.

    For tokenizers whose rules treat a chunk on its own, whatever stands beside it: a
    text whose chunks are all known costs one look-up per chunk, several times less
    than compiled code needs.

    Threads may share it without a lock: entries are only added to a table, and a full
    table is replaced, not emptied.

    Args:
        encode: returns for different chunks their ids, as `ids_as_bytes` writes them.
    """

    def __init__(self, encode: Callable[[list[str]], list[bytes]]) -> None:
        self._encode = encode
        self._table: dict[str, bytes] = {}
        self._cost = 0

    def __len__(self) -> int:
        return len(self._table)

    def look_up(self, rows: Sequence[list[str]]) -> list[bytes]:
        """Returns the ids of each row of chunks, one after another."""
        table = self._table
        known = table.__getitem__
        found: list[bytes] = []
        late: list[int] = []
        for index, row in enumerate(rows):
            try:
                found.append(b"".join(map(known, row)))
            except KeyError:
                found.append(b"")
                late.append(index)
        if late:
            chunks = chain.from_iterable(rows[index] for index in late)
            missing = list(dict.fromkeys(filterfalse(table.__contains__, chunks)))
            table.update(zip(missing, self._encode(missing), strict=True))
            for index in late:
                found[index] = b"".join(map(known, rows[index]))
            self._cost += sum(map(len, missing)) + _CHUNK_COST * len(missing)
            if self._cost > CAPACITY:
                self._table, self._cost = {}, 0
        return found


def ids_as_bytes(ids: np.ndarray, ends: Iterable[int]) -> list[bytes]:
    """Cuts ids behind each place in `ends`; a piece is the memory of an int32 array."""
    data = ids.astype(np.int32, copy=False).tobytes()
    stops = [4 * int(end) for end in ends]
    return [data[i:j] for i, j in zip([0, *stops], stops, strict=False)]


def rows_from_bytes(rows: Sequence[bytes]) -> Ragged:
    """Turns what `ChunkCache.look_up` gives into int32 rows."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows)) // 4
    # A bytearray, because arrays over bytes cannot be written to.
    return Ragged(np.frombuffer(bytearray().join(rows), np.int32), lengths)
