"""Every operation gives the same on both engines."""

import numpy as np
import pytest

from domain_core.arrays.operations import NUMPY, ArrayEngine, tensorflow_engine
from domain_core.arrays.ragged import Ragged

LENGTHS = np.array([2, 0, 3, 1])
ROWS = Ragged.from_rows([[5, 6], [], [7, 8, 5], [9]])
WORDS = np.array(["a", "b", "a", "c"], object)

CASES = {
    "arange": lambda e: e.arange(4),
    "argsort": lambda e: e.argsort(np.array([3, 1, 3, 0, 1])),
    "bincount": lambda e: e.bincount(np.array([0, 2, 2]), 4),
    "cast": lambda e: e.cast(np.array([1.9, 0.0]), "int64"),
    "ceil": lambda e: e.ceil(np.array([1.1, 2.0])),
    "concat": lambda e: e.concat([LENGTHS, LENGTHS]),
    "copy": lambda e: e.copy(LENGTHS),
    "cumsum": lambda e: e.cumsum(np.stack([LENGTHS, LENGTHS])),
    "flatnonzero": lambda e: e.flatnonzero(LENGTHS > 1),
    "full": lambda e: e.full(3, "x", e.text),
    "holds": lambda e: e.holds(LENGTHS, lambda x: x > 1),
    "isin": lambda e: e.isin(LENGTHS, [3, "3", 0]),
    "isin words": lambda e: e.isin(WORDS, ["a", 3, "z"]),
    "max": lambda e: e.max(LENGTHS),
    "max of none": lambda e: e.max(LENGTHS[:0]),
    "maximum": lambda e: e.maximum(LENGTHS, 1),
    "minimum": lambda e: e.minimum(LENGTHS, 1),
    "put": lambda e: e.put(e.copy(LENGTHS), np.array([3, 0]), np.array([8, 9])),
    "put words": lambda e: e.put(e.full(3, "", e.text), np.array([0, 2]), WORDS[:2]),
    "put one": lambda e: e.put(e.full(3, 0, "int32"), np.array([0, 2]), 7),
    "repeat": lambda e: e.repeat(np.array([4, 5, 6, 7]), LENGTHS),
    "repeat none": lambda e: e.repeat(LENGTHS, LENGTHS * 0),
    "reshape": lambda e: e.reshape(LENGTHS, (2, 2)),
    "shift_right": lambda e: e.shift_right(LENGTHS, 1),
    "size": lambda e: e.size(np.stack([LENGTHS, LENGTHS])),
    "sort": lambda e: e.sort(np.array([[3, 1], [1, 2]])),
    "stack": lambda e: e.stack((LENGTHS, LENGTHS), 1),
    "sum": lambda e: e.sum(np.stack([LENGTHS, LENGTHS])),
    "take": lambda e: e.take(WORDS, np.array([3, 3, 0])),
    "where": lambda e: e.where(LENGTHS > 1, LENGTHS, 0 * LENGTHS),
    "zeros_like": lambda e: e.zeros_like(LENGTHS),
    "starts": lambda e: e.starts(LENGTHS),
    "row_indices": lambda e: e.row_indices(LENGTHS),
    "runs": lambda e: e.runs(np.array([7, 0, 3, 1]), LENGTHS),
    "to_dense": lambda e: e.to_dense(ROWS, 4, 1),
    "cut right": lambda e: e.cut(ROWS, np.array([1, 0, 2, 1]), "right").values,
    "cut left": lambda e: e.cut(ROWS, np.array([1, 0, 2, 1]), "left").values,
    "repeat_step": lambda e: e.repeat_step(
        np.int64(4), lambda i, x: x * 2 + i, np.int64(1)
    ),
    "blockwise": lambda e: e.blockwise(lambda x: (x + 1, x * 2), LENGTHS)[1],
}


def test_every_operation_has_a_case():
    operations = {*ArrayEngine.__annotations__, *vars(ArrayEngine)}
    named = {name for name in operations if not name.startswith("_")}
    tested = {name.split(" ")[0] for name in CASES}
    assert tested == named - {"in_graph", "is_text", "text"}


@pytest.mark.parametrize("name", CASES)
def test_engines_agree(name):
    tf = pytest.importorskip("tensorflow")
    expected = CASES[name](NUMPY)
    received = tf.function(lambda: CASES[name](tensorflow_engine()))().numpy()
    if received.dtype == object:
        expected = [word.encode() for word in expected]
    else:
        assert received.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(received, expected)


def test_sorts_what_does_not_fit_beside_its_place():
    x = np.array([2**62, 5, 2**62, 0])
    assert NUMPY.argsort(x).tolist() == [3, 1, 0, 2]
    assert NUMPY.argsort(np.array([3, 1, 3, 0, 1])).tolist() == [3, 1, 4, 0, 2]
    assert NUMPY.argsort(x[:0]).tolist() == []


def test_a_predicate_is_asked_once_for_each_token():
    asked = []
    assert NUMPY.holds(WORDS, lambda x: asked.append(x) or x == "a").tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert sorted(asked) == ["a", "b", "c"]
