import numpy as np
import pytest

from domain_core.text import chunk_cache
from domain_core.text.chunk_cache import ChunkCache, ids_as_bytes, rows_from_bytes


def codes(chunks):
    ids = np.array([ord(c) for chunk in chunks for c in chunk], np.int64)
    return ids_as_bytes(ids, np.cumsum([len(chunk) for chunk in chunks]))


def test_asks_once_for_each_chunk():
    asked = []

    def encode(chunks):
        asked.append(chunks)
        return codes(chunks)

    cache = ChunkCache(encode)
    rows = rows_from_bytes(cache.look_up([["a", "bc", "a"], [], ["bc", "d"]]))
    assert rows.to_list() == [[97, 98, 99, 97], [], [98, 99, 100]]
    assert (rows.values.dtype, rows.values.flags.writeable) == (np.int32, True)
    assert rows_from_bytes(cache.look_up([["d"], ["e", "a"]])).to_list() == [
        [100],
        [101, 97],
    ]
    assert asked == [["a", "bc", "d"], ["e"]]
    assert cache.look_up([]) == []


def test_an_error_leaves_nothing_behind():
    def encode(chunks):
        if "bad" in chunks:
            raise ValueError("no")
        return codes(chunks)

    cache = ChunkCache(encode)
    with pytest.raises(ValueError, match="no"):
        cache.look_up([["a"], ["bad"]])
    assert len(cache) == 0
    assert rows_from_bytes(cache.look_up([["a"]])).to_list() == [[97]]


def test_starts_anew_when_full(monkeypatch):
    monkeypatch.setattr(chunk_cache, "CAPACITY", 700)
    cache = ChunkCache(codes)
    for number in range(100):
        text = f"{number:03}"
        [row] = rows_from_bytes(cache.look_up([[text]])).to_list()
        assert row == [ord(c) for c in text]
        assert len(cache) <= 10
    cache.look_up([["x" * 1000]])
    assert len(cache) == 0
