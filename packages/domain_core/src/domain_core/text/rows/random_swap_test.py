"""Swaps equal those of a plain loop, on each of the three routes."""

import math
import pickle

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import RandomStream, share
from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.random_deletion import RandomDeletion
from domain_core.text.rows.random_swap import RandomSwap

WORDS = "the quick brown fox , jumps over the lazy dog .".split()
INPUTS = {
    "ragged": [[5, 6, 7, 8, 9, 10], [], [5], list(range(30))],
    "dense": np.arange(40).reshape(4, 10),
    "one row": np.arange(20),
    "empty": np.zeros((0, 3), np.int32),
    "words": [WORDS, ["ä"], [], WORDS[::-1]],
    "one row of words": np.array(WORDS),
}


def plain_swaps(rows, rate, limit, skipped, seed, call):
    """Does what RandomSwap says, token by token."""
    stream, out = RandomStream(seed, "RandomSwap"), []
    for number, row in enumerate(rows):
        row = list(row)
        places = [i for i, token in enumerate(row) if token not in skipped]
        n = len(places)
        lengths = np.array([0] * number + [n])
        hits = int((stream.word(call, lengths) < share(rate)).sum())
        for swap in range(min(hits, limit) if n > 1 else 0):
            one = np.array([number]), np.array([swap])
            first, second, *_ = (int(w[0]) for w in stream.words(call, *one, 1))
            first, second = first * n >> 32, second * (n - 1) >> 32
            a, b = places[first], places[second + (second >= first)]
            assert a != b
            row[a], row[b] = row[b], row[a]
        out.append(row)
    return out


@pytest.mark.parametrize("limit", [None, 2, 0])
@pytest.mark.parametrize("skipped", [[], [5, 7, 11]])
def test_swaps_one_after_another(limit, skipped):
    rows = [list(range(n)) for n in (0, 1, 2, 12, 5, 40)]
    swap = RandomSwap(0.5, limit, skip_list=skipped or None, seed=3)
    for call in range(3):
        most = math.inf if limit is None else limit
        expected = plain_swaps(rows, 0.5, most, skipped, 3, call)
        received = swap(rows)
        assert to_plain(received) == expected
        assert all(row.dtype == np.int32 for row in received)
        for row, moved in zip(rows, expected, strict=True):
            assert sorted(moved) == row
            assert all(moved[i] == i for i in skipped if i < len(row))


def test_one_swap_takes_each_pair_equally_often():
    moved = RandomSwap(1.0, 1, seed=0)(np.tile(np.arange(4), (6000, 1)))
    assert ((moved != np.arange(4)).sum(1) == 2).all()
    _, counts = np.unique(moved, axis=0, return_counts=True)
    assert len(counts) == 6 and abs(counts - 1000).max() < 5 * 1000**0.5


def test_the_number_is_binomial():
    # A token of a pair is away from its place after an odd number of swaps.
    moved = RandomSwap(0.3, seed=0)(np.tile([0, 1], (20_000, 1)))
    expected = 2 * 0.3 * 0.7
    assert abs((moved[:, 0] == 1).mean() - expected) < 5 * (0.25 / 20_000) ** 0.5
    rows = np.arange(60).reshape(2, 30)
    np.testing.assert_array_equal(RandomSwap(0, seed=0)(rows), rows)


def test_forms():
    swap = RandomSwap(0.5, seed=1, dtype="int64")
    assert swap(np.arange(6).reshape(2, 3)).dtype == np.int64
    assert swap(np.zeros((0, 3), int)).shape == (0, 3)
    assert sorted(swap(WORDS).tolist()) == sorted(WORDS)
    assert [row.shape for row in swap([["a"], ["b", "c"]])] == [(1,), (2,)]
    # Of another augmentation, as it comes.
    deleted = RandomDeletion(0.3, seed=1)([WORDS, WORDS])
    assert list(map(len, swap(deleted))) == list(map(len, deleted))
    assert RandomSwap(0.5, dtype="string")(np.arange(4)).dtype == np.int32


@pytest.mark.parametrize(
    "skip",
    [
        {"skip_list": [",", ".", b"the"]},
        {"skip_fn": lambda word: not word.isalpha() or word == "the"},
        {"skip_py_fn": lambda word: word in (",", ".", "the")},
    ],
)
def test_skips(skip):
    fixed = [word in (",", ".", "the") for word in WORDS]
    swap = RandomSwap(0.9, seed=0, **skip)
    for moved in swap([WORDS] * 20):
        assert [w for w, f in zip(moved, fixed, strict=True) if f] == [
            w for w, f in zip(WORDS, fixed, strict=True) if f
        ]
        assert (moved != WORDS).any()


def test_seeds():
    rows = [WORDS] * 4
    swap = RandomSwap(0.5, seed=1)
    first, second = to_plain(swap(rows)), to_plain(swap(rows))
    assert first != second and len({tuple(row) for row in first + second}) == 8
    again = RandomSwap(0.5, seed=1)
    assert to_plain(again(rows)) == first
    assert to_plain(pickle.loads(pickle.dumps(again))(rows)) == second
    assert to_plain(RandomSwap(0.5, seed=2)(rows)) != first
    # A row depends on its number in the batch, not on the other rows.
    assert to_plain(RandomSwap(0.5, seed=1)(rows[:2])) == first[:2]
    np.random.seed(3)
    unseeded = to_plain(RandomSwap(0.5)(rows))
    np.random.seed(3)
    assert to_plain(RandomSwap(0.5)(rows)) == unseeded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 1.2}, "`rate`"),
        ({"rate": -0.1}, "`rate`"),
        ({"rate": "0.1"}, "`rate`"),
        ({"max_swaps": -1}, "`max_swaps`"),
        ({"max_swaps": 1.5}, "`max_swaps`"),
        ({"skip_list": ["a"], "skip_fn": bool}, "at most one.*skip_list and skip_fn"),
        ({"skip_fn": bool, "skip_py_fn": bool}, "at most one"),
        ({"skip_py_fn": bool, "graph": True}, "`skip_py_fn` with graph=True"),
        ({"skip_list": "abc"}, "`skip_list`"),
        ({"skip_list": [1.5]}, "`skip_list`"),
        ({"dtype": "float32"}, "`dtype`"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        RandomSwap(**{"rate": 0.1, **options})
    with pytest.raises(ValueError, match="integer ids or string tokens"):
        RandomSwap(0.1)([1.5])


def test_config_round_trip():
    swap = RandomSwap(0.2, 3, ["a"], seed=4, dtype="int64", graph=True)
    clone = from_json(to_json(swap))
    assert clone.get_config() == swap.get_config()
    assert (clone.limit, clone.skip_list, clone.graph) == (3, ["a"], True)
    with pytest.raises(ValueError, match="registered objects"):
        to_json(RandomSwap(0.2, skip_py_fn=bool))


@pytest.mark.parametrize("inputs", INPUTS)
def test_inside_tf_data(tf, inputs):
    value = INPUTS[inputs]
    tensor = tf.ragged.constant(value) if isinstance(value, list) else value
    dataset = tf.data.Dataset.from_tensors(tensor).repeat(2)
    mapped = dataset.map(RandomSwap(0.5, seed=3))
    if not isinstance(value, list):
        assert mapped.element_spec.shape == value.shape
    for received, swap in zip(mapped, [RandomSwap(0.5, seed=3)] * 2, strict=True):
        assert to_plain(received) == to_plain(swap(value))


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ("ragged", {}),
        ("ragged", {"skip_list": [7, "7", 12], "max_swaps": 3}),
        ("dense", {"dtype": "int64", "rate": 1.0}),
        ("one row", {}),
        ("empty", {}),
        ("words", {"skip_list": [",", "ä", "the", 3]}),
        ("one row of words", {"rate": 0.0}),
    ],
)
def test_graph_equals_numpy(tf, inputs, options):
    options = {"rate": 0.5, "seed": 3, **options}
    run = in_graph(RandomSwap(**options, graph=True), INPUTS[inputs])
    swap = RandomSwap(**options)
    for _ in range(2):
        received, expected = run(), swap(INPUTS[inputs])
        assert to_plain(received) == to_plain(expected)
    if isinstance(expected, np.ndarray) and "words" not in inputs:
        assert received.dtype.name == expected.dtype.name


def test_a_skip_function_in_a_graph(tf):
    def in_tensorflow(word):
        return tf.reduce_any(word == tf.constant([",", ".", "the"]))

    run = in_graph(RandomSwap(0.9, skip_fn=in_tensorflow, seed=3, graph=True), [WORDS])
    swap = RandomSwap(0.9, skip_fn=in_tensorflow, seed=3)
    known = RandomSwap(0.9, skip_list=[",", ".", "the"], seed=3)
    assert to_plain(run()) == to_plain(swap([WORDS])) == to_plain(known([WORDS]))


def test_takes_ragged():
    rows = Ragged.from_rows([[1, 2, 3], [4]])
    expected = RandomSwap(0.9, seed=3)([[1, 2, 3], [4]])
    assert to_plain(RandomSwap(0.9, seed=3)(rows)) == to_plain(expected)
