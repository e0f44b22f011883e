"""What RandomDeletion adds to what random_swap_test.py asks of both."""

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.random_deletion import RandomDeletion

WORDS = "the quick brown fox , jumps over the lazy dog .".split()
INPUTS = {
    "ragged": [[5, 6, 7, 8, 9, 10], [], [5], list(range(30))],
    "dense": np.arange(40).reshape(4, 10),
    "one row": np.arange(20),
    "empty": np.zeros((0, 3), np.int32),
    "words": [WORDS, ["ä"], [], WORDS[::-1]],
    "one row of words": np.array(WORDS),
}


def is_part(part, whole):
    rest = iter(whole)
    return all(token in rest for token in part)


def test_deletes_each_token_with_the_rate():
    rows = np.tile(np.arange(20), (3000, 1))
    left = RandomDeletion(0.3, seed=0)(rows)
    assert all(is_part(row, range(20)) for row in left)
    counts = np.bincount(np.concatenate(left), minlength=20)
    assert abs(counts - 2100).max() < 5 * (3000 * 0.21) ** 0.5
    lengths = np.array(list(map(len, left)))
    # The variance of a binomial, with its standard error.
    assert abs(lengths.var() - 20 * 0.21) < 5 * 20 * 0.21 * (2 / 3000) ** 0.5
    assert [len(row) for row in RandomDeletion(1.0)(rows[:2])] == [0, 0]
    assert to_plain(RandomDeletion(0.0)(rows[:2])) == rows[:2].tolist()


def test_caps_at_random():
    rows = np.tile(np.arange(6), (3000, 1))
    left = RandomDeletion(1.0, 2, seed=0)(rows)
    assert {len(row) for row in left} == {4}
    _, counts = np.unique(np.stack(left), axis=0, return_counts=True)
    assert len(counts) == 15 and abs(counts - 200).max() < 5 * 200**0.5
    # Rows below the cap lose what they lose without it.
    free, capped = (
        RandomDeletion(0.3, seed=1)(rows),
        RandomDeletion(0.3, 2, seed=1)(rows),
    )
    for row, other in zip(free, capped, strict=True):
        assert len(other) == max(len(row), 4)
        assert len(row) < 4 or row.tolist() == other.tolist()
        assert is_part(row, other)
    assert to_plain(RandomDeletion(1.0, 0)(rows[:2])) == rows[:2].tolist()


def test_skips():
    kept = [",", ".", "the"]
    for skip in (
        {"skip_list": kept},
        {"skip_fn": lambda word: word in kept},
        {"skip_py_fn": lambda word: word in kept},
    ):
        left = RandomDeletion(1.0, **skip)([WORDS, ["fox"]])
        assert to_plain(left) == [["the", ",", "the", "."], []]
        assert RandomDeletion(1.0, 2, **skip)(WORDS).shape == (9,)


def test_seeds():
    rows = np.tile(np.arange(30), (4, 1))
    first = to_plain(RandomDeletion(0.5, seed=1)(rows))
    assert to_plain(RandomDeletion(0.5, seed=1)(rows)) == first
    assert to_plain(RandomDeletion(0.5, seed=1)(rows[:2])) == first[:2]
    assert len({tuple(row) for row in first}) == 4
    delete = RandomDeletion(0.5, seed=1)
    assert to_plain(delete(rows)) == first != to_plain(delete(rows))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 1.2}, "`rate`"),
        ({"max_deletions": -1}, "`max_deletions`"),
        ({"skip_list": ["a"], "skip_py_fn": bool}, "at most one"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        RandomDeletion(**{"rate": 0.1, **options})


def test_config_round_trip():
    delete = RandomDeletion(0.2, 3, ["a"], seed=4, dtype="int64", graph=True)
    clone = from_json(to_json(delete))
    assert clone.get_config() == delete.get_config() and clone.limit == 3


@pytest.mark.parametrize("inputs", INPUTS)
def test_inside_tf_data(tf, inputs):
    value = INPUTS[inputs]
    tensor = tf.ragged.constant(value) if isinstance(value, list) else value
    dataset = tf.data.Dataset.from_tensors(tensor).repeat(2)
    mapped = dataset.map(RandomDeletion(0.5, seed=3))
    assert isinstance(mapped.element_spec, tf.RaggedTensorSpec) == ("row" not in inputs)
    delete = RandomDeletion(0.5, seed=3)
    for received in mapped:
        assert to_plain(received) == to_plain(delete(value))


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ("ragged", {}),
        ("ragged", {"skip_list": [7, 12], "max_deletions": 3}),
        ("dense", {"dtype": "int64", "max_deletions": 2}),
        ("one row", {"max_deletions": 2}),
        ("empty", {"max_deletions": 2}),
        ("words", {"skip_list": [",", "ä", "the"]}),
        ("one row of words", {"rate": 1.0}),
    ],
)
def test_graph_equals_numpy(tf, inputs, options):
    options = {"rate": 0.5, "seed": 3, **options}
    run = in_graph(RandomDeletion(**options, graph=True), INPUTS[inputs])
    delete = RandomDeletion(**options)
    for _ in range(2):
        received, expected = run(), delete(INPUTS[inputs])
        assert to_plain(received) == to_plain(expected)
