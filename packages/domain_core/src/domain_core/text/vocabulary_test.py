import numpy as np
import pytest

from domain_core.text.vocabulary import (
    check_vocabulary,
    read_vocabulary,
    write_vocabulary,
)


@pytest.mark.parametrize(
    "data", ["a\nb\né\n", "a\nb\né", "a\r\nb\r\né\r\n", "\ufeffa\nb \né\t\n"]
)
def test_reads_files(tmp_path, data):
    (tmp_path / "v.txt").write_bytes(data.encode())
    assert read_vocabulary(tmp_path / "v.txt") == ["a", "b", "é"]


def test_writes_what_it_reads(tmp_path):
    # Characters at which `str.splitlines` would cut.
    tokens = ["a", "\u2028", "\x85", "\x1c", "\u3000", "#", "漢"]
    write_vocabulary(tmp_path / "v.txt", tokens)
    assert read_vocabulary(tmp_path / "v.txt") == tokens


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\n\nb\n", "received '' at id 1"),
        (b"", "received '' at id 0"),
        (b"a\nb\na\n", r"received 'a' 2 times, at ids \[0, 2\]"),
        (b"a\n\xff\n", "to be UTF-8"),
    ],
)
def test_refuses_files(tmp_path, data, message):
    (tmp_path / "v.txt").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_vocabulary(tmp_path / "v.txt")
    with pytest.raises(ValueError, match="there is no file"):
        read_vocabulary(tmp_path / "other.txt")


@pytest.mark.parametrize(
    "tokens", [[], ["a", 1], ["a", None], ["a\nb"], ["a "], ["", "a"]]
)
def test_refuses_lists(tokens):
    with pytest.raises(ValueError, match="Expected"):
        check_vocabulary(tokens)


def test_takes_numpy_strings():
    assert check_vocabulary(np.array(["a", "b"])) == ["a", "b"]
