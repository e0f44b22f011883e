import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged

ROWS = [[1, 2, 3], [], [4], [5, 6]]


@pytest.fixture
def ragged():
    return Ragged.from_rows(ROWS)


def test_keeps_the_rows(ragged):
    assert ragged.to_list() == ROWS
    assert [row.tolist() for row in ragged.rows()] == ROWS
    assert ragged.values.dtype == np.int32
    assert len(ragged) == 4
    assert ragged.row_indices.tolist() == [0, 0, 0, 2, 3, 3]


def test_pads_and_cuts(ragged):
    expected = [[1, 2], [9, 9], [4, 9], [5, 6]]
    assert ragged.to_dense(2, 9).tolist() == expected
    assert ragged.padded(2, 9).to_list() == expected
    assert ragged.cut(1).to_list() == [[1], [], [4], [5]]
    assert ragged.cut(np.array([2, 1, 0, 2])).to_list() == [[1, 2], [], [], [5, 6]]


def test_takes_stretches_of_rows(ragged):
    taken = ragged.take(np.array([3, 0, 0, 1]), np.array([1, 0, 1, 0]), [1, 2, 2, 0])
    assert taken.to_list() == [[6], [1, 2], [2, 3], []]


def test_writes_rows_into_an_array(ragged):
    dense = np.zeros((4, 5), np.int32)
    index = ragged.write(dense, np.array([2, 0, 4, 1]))
    assert dense.tolist() == [
        [0, 0, 1, 2, 3],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 4],
        [0, 5, 6, 0, 0],
    ]
    assert dense.reshape(-1)[index].tolist() == ragged.values.tolist()


def test_values_may_have_axes():
    pairs = Ragged.from_rows([[(0, 1), (1, 4)], []], np.dtype((np.int32, 2)))
    assert pairs.values.shape == (2, 2)
    assert pairs.to_dense(1).tolist() == [[[0, 1]], [[0, 0]]]


def test_no_rows():
    empty = Ragged.from_rows([])
    assert empty.to_list() == [] == empty.rows()
    assert empty.to_dense(3).shape == (0, 3)
