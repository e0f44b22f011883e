import pickle

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.masking import MaskedLMMaskGenerator

MASK = 99


def generator(rate=0.15, **options):
    return MaskedLMMaskGenerator(100, rate, MASK, **{"seed": 0, **options})


def test_masks_exactly_the_rate_of_each_row():
    lengths = np.arange(0, 60)
    rows = Ragged.from_rows([[*range(5, 5 + n), 0, 1] for n in lengths])
    for rate in (0.0, 0.1, 0.15, 0.3, 1.0):
        masker = generator(rate, unselectable_token_ids=[0, 1])
        masked, positions = masker.mask(rows)
        expected = [-(-round(rate * 100) * n // 100) for n in lengths.tolist()]
        assert positions.lengths.tolist() == expected
        for row, places in zip(rows.rows(), positions.rows(), strict=True):
            assert (np.diff(places) > 0).all()
            assert not np.isin(row[places], [0, 1]).any()


def test_gives_originals_and_weights():
    ids = np.random.default_rng(0).integers(5, 90, (40, 30), dtype=np.int32)
    outputs = generator(0.3, mask_selection_length=12)(ids)
    places, weights = outputs["mask_positions"], outputs["mask_weights"]
    assert {name: (v.shape, v.dtype.name) for name, v in outputs.items()} == {
        "token_ids": ((40, 30), "int32"),
        "mask_positions": ((40, 12), "int32"),
        "mask_ids": ((40, 12), "int32"),
        "mask_weights": ((40, 12), "float32"),
    }
    np.testing.assert_array_equal(weights, [[1.0] * 9 + [0.0] * 3] * 40)
    originals = np.take_along_axis(ids, places, axis=1)
    np.testing.assert_array_equal(outputs["mask_ids"], originals * (weights == 1))
    untouched = np.ones_like(ids, bool)
    np.put_along_axis(untouched, places[:, :9], False, axis=1)
    np.testing.assert_array_equal(outputs["token_ids"][untouched], ids[untouched])


def test_caps_the_selection():
    outputs = generator(1.0, mask_selection_length=4)([[5] * 9, [5] * 2])
    assert outputs["mask_weights"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    # Cut at random, not from the end.
    places = generator(1.0, mask_selection_length=4)(np.full((500, 9), 5))
    counts = np.bincount(places["mask_positions"].ravel(), minlength=9)
    assert counts.min() > 500 * 4 / 9 * 0.8


def test_replaces_80_10_10():
    ids = np.full((200, 100), 5, np.int32)
    masked = generator(1.0)(ids)["token_ids"]
    shares = [(masked == MASK).mean(), (masked == 5).mean()]
    # Random tokens may be either, once in a hundred.
    np.testing.assert_allclose(shares, [0.801, 0.101], atol=0.01)
    assert (
        generator(1.0, mask_token_rate=1, random_token_rate=0)(ids)["token_ids"] == MASK
    ).all()
    assert (
        generator(1.0, mask_token_rate=0, random_token_rate=0)(ids)["token_ids"] == 5
    ).all()


def test_rows_of_different_lengths_and_single_rows():
    outputs = generator(0.5)([[5, 6, 7, 8], [9], [0]])
    assert [row.shape for row in outputs["token_ids"]] == [(4,), (1,), (1,)]
    assert [row.shape for row in outputs["mask_ids"]] == [(2,), (1,), (0,)]
    outputs = generator(0.5, mask_selection_length=3)([5, 6, 7, 8])
    assert [v.shape for v in outputs.values()] == [(4,), (3,), (3,), (3,)]
    outputs = generator(0.5, mask_selection_length=3)(np.zeros((0, 4), np.int32))
    assert [v.shape for v in outputs.values()] == [(0, 4), (0, 3), (0, 3), (0, 3)]


def test_seeds():
    ids = np.arange(5, 55, dtype=np.int32)[None].repeat(4, axis=0)

    def calls(masker):
        return np.stack([masker(ids)["token_ids"] for _ in range(3)])

    first = calls(generator())
    assert len(np.unique(first.reshape(12, -1), axis=0)) == 12
    np.testing.assert_array_equal(first, calls(generator()))
    assert (first != calls(generator(seed=1))).any()
    # A copy goes on where the original stands.
    masker = generator()
    masker(ids)
    copy = pickle.loads(pickle.dumps(masker))
    np.testing.assert_array_equal(copy(ids)["token_ids"], first[1])
    # Without a seed NumPy's global one decides.
    np.random.seed(3)
    unseeded = calls(generator(seed=None))
    assert (unseeded != calls(generator(seed=None))).any()
    np.random.seed(3)
    np.testing.assert_array_equal(unseeded, calls(generator(seed=None)))


def test_a_row_does_not_depend_on_the_others():
    rows = [list(range(5, 5 + n)) for n in (9, 4, 0, 30, 12)]
    every = generator(0.4)(rows)
    for count in (1, 3):
        part = generator(0.4)(rows[:count])
        assert to_plain(part) == {k: to_plain(v)[:count] for k, v in every.items()}
    longer = generator(0.4)([[*rows[0], 0, 0], *rows[1:]])
    assert to_plain(longer["mask_ids"]) == to_plain(every["mask_ids"])


def test_every_set_is_equally_likely():
    places = generator(0.5)(np.full((3000, 4), 5))["mask_positions"]
    _, counts = np.unique(places, axis=0, return_counts=True)
    assert len(counts) == 6 and abs(counts - 500).max() < 5 * 500**0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_selection_rate": 1.5}, "`mask_selection_rate`"),
        ({"mask_token_rate": -0.1}, "`mask_token_rate`"),
        ({"mask_token_rate": 0.8, "random_token_rate": 0.3}, r"\+"),
        ({"mask_token_id": 100}, "`mask_token_id`"),
        ({"mask_token_id": -1}, "`mask_token_id`"),
        ({"mask_selection_length": 0}, "`mask_selection_length`"),
    ],
)
def test_refuses(arguments, message):
    given = {"vocabulary_size": 100, "mask_selection_rate": 0.1, "mask_token_id": MASK}
    with pytest.raises(ValueError, match=message):
        MaskedLMMaskGenerator(**given | arguments)
    with pytest.raises(ValueError, match="integer ids"):
        generator()(["a"])


def test_config_round_trip():
    masker = generator(
        0.2, mask_selection_length=3, unselectable_token_ids=[0, 3], graph=True
    )
    clone = from_json(to_json(masker))
    assert clone.get_config() == masker.get_config() and clone.graph


def test_inside_tf_data(tf):
    rows = [[5, 6, 7, 8], [9, 10]]
    ragged = tf.data.Dataset.from_tensors(tf.ragged.constant(rows))
    expected = generator(0.5)(rows)
    for name, received in ragged.map(generator(0.5)).get_single_element().items():
        assert received.to_list() == [row.tolist() for row in expected[name]]
    ids = np.arange(5, 25, dtype=np.int32).reshape(2, 10)
    mapped = tf.data.Dataset.from_tensors(ids).map(
        generator(0.5, mask_selection_length=4)
    )
    assert mapped.element_spec["mask_ids"].shape.as_list() == [2, 4]
    expected = generator(0.5, mask_selection_length=4)(ids)
    for name, received in mapped.get_single_element().items():
        np.testing.assert_array_equal(received, expected[name])


INPUTS = {
    "ragged": [[5, 6, 7, 8, 9, 0], [], [0], list(range(5, 60))],
    "dense": np.arange(120).reshape(4, 30) % 90,
    "one row": np.arange(40),
    "empty": np.zeros((0, 3), np.int32),
}


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ("ragged", {}),
        ("ragged", {"mask_selection_length": 7, "unselectable_token_ids": [0, 8, 9]}),
        ("dense", {"mask_selection_length": 4}),
        ("dense", {"unselectable_token_ids": []}),
        ("one row", {}),
        ("one row", {"mask_selection_length": 30}),
        ("empty", {"mask_selection_length": 4}),
    ],
)
def test_graph_equals_numpy(tf, inputs, options):
    options = {"seed": 2**33 + 1, **options}
    run = in_graph(generator(0.4, graph=True, **options), INPUTS[inputs])
    masker = generator(0.4, **options)
    for _ in range(3):
        assert to_plain(run()) == to_plain(masker(INPUTS[inputs]))


def test_graph_inside_tf_data(tf):
    dataset = tf.data.Dataset.from_tensors(INPUTS["dense"]).repeat(3)
    masked = dataset.map(generator(0.4, mask_selection_length=9, graph=True))
    assert {name: spec.shape for name, spec in masked.element_spec.items()} == {
        "token_ids": (4, 30),
        "mask_positions": (4, 9),
        "mask_ids": (4, 9),
        "mask_weights": (4, 9),
    }
    masker = generator(0.4, mask_selection_length=9)
    for received in masked:
        assert to_plain(received) == to_plain(masker(INPUTS["dense"]))
    words = tf.data.Dataset.from_tensors(["a"])
    with pytest.raises(ValueError, match="integer ids"):
        words.map(generator(graph=True))
