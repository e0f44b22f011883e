import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.text.text_inputs import as_rows, as_segments, as_texts


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "é"],
        ("a", "é"),
        ["a", "é".encode()],
        np.array(["a", "é"]),
        np.array(["a", "é"], dtype=object),
        np.array(["a", "é"], dtype=np.dtypes.StringDType()),
        np.array([b"a", "é".encode()]),
        [np.str_("a"), np.bytes_("é".encode())],
    ],
)
def test_reads_collections(texts):
    read, single = as_texts(texts)
    assert (read, single) == (["a", "é"], False)
    assert {type(text) for text in read} == {str}


@pytest.mark.parametrize("text", ["é", "é".encode(), np.str_("é"), np.array("é")])
def test_reads_one(text):
    assert as_texts(text) == (["é"], True)


def test_reads_none_at_all():
    assert as_texts([]) == ([], False)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "Expected `x` .* None of type NoneType. Drop missing"),
        (3, "`x` .* received 3 of type int"),
        ({"a": "b"}, "`x` .* of type dict"),
        (["a", None], r"`x\[1\]` to be a string, received None .* Drop missing"),
        (["a", 1], r"`x\[1\]` to be a string, received 1"),
        (["a", float("nan")], r"`x\[1\]` .* nan of type float. Drop missing"),
        (np.array(["a", None]), r"`x\[1\]` .* None"),
        ([["a"], ["b"]], r"`x\[0\]` to be a string, received \['a'\]"),
        (np.array([["a"]]), r"shape \(1, 1\). Flatten"),
        (np.array([1.0]), "`x` .* of type ndarray"),
        (b"\xff", "`x` to be UTF-8.*Decode"),
        (["a", b"\xff"], r"`x\[1\]` to be UTF-8"),
    ],
)
def test_refuses(texts, message):
    with pytest.raises(ValueError, match=message):
        as_texts(texts, "x")


def test_reads_segments():
    assert as_segments("a") == ([["a"]], True)
    assert as_segments(["a", "b"]) == ([["a", "b"]], False)
    assert as_segments(("a", "b")) == ([["a"], ["b"]], True)
    pairs = ["a", "b"], np.array(["c", "d"])
    assert as_segments(pairs) == ([["a", "b"], ["c", "d"]], False)
    assert as_segments({"q": ["a"], "p": ["b"]}) == ([["a"], ["b"]], False)


@pytest.mark.parametrize("x", [(["a"], ["b", "c"]), (["a"], "b"), ()])
def test_refuses_segments_that_do_not_match(x):
    with pytest.raises(ValueError, match="one text per sample"):
        as_segments(x)
    with pytest.raises(ValueError, match=r"`x\[1\]\[0\]` to be a string"):
        as_segments((["a"], [None]))


@pytest.mark.parametrize(
    ("inputs", "rows", "single"),
    [
        ([1, 2], [[1, 2]], True),
        ([], [[]], True),
        ([[1, 2], [3]], [[1, 2], [3]], False),
        ([[], []], [[], []], False),
        ([np.array([1, 2]), np.array([3])], [[1, 2], [3]], False),
        (np.array([[1, 2], [3, 4]], np.int64), [[1, 2], [3, 4]], False),
        (np.array([1, 2], np.uint8), [[1, 2]], True),
        (["a", b"b"], [["a", "b"]], True),
        (np.array([["a"], ["b"]]), [["a"], ["b"]], False),
        (Ragged.from_rows([[1], []]), [[1], []], False),
    ],
)
def test_reads_rows_of_tokens(inputs, rows, single):
    read, is_single = as_rows(inputs)
    assert (read.to_list(), is_single) == (rows, single)
    assert read.values.dtype in (np.int32, object)


@pytest.mark.parametrize("inputs", [None, 1, [1.5], [None], [1, "a"], [[1], 2]])
def test_refuses_what_is_no_row(inputs):
    with pytest.raises(ValueError, match="integer ids or string tokens"):
        as_rows(inputs)
