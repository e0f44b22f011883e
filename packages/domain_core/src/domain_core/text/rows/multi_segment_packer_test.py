"""Packing equals KerasHub's where that works; by hand elsewhere."""

import itertools

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.multi_segment_packer import MultiSegmentPacker, _round_robin


@pytest.fixture(scope="module")
def upstream():
    return pytest.importorskip("keras_hub").layers


def random_rows(random, batch, longest):
    return [
        random.integers(10, 100, random.integers(0, longest)).tolist()
        for _ in range(batch)
    ]


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
@pytest.mark.parametrize("separator", [None, [3, 4]])
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_multi_segment_packer_equals_upstream(upstream, truncate, separator, segments):
    random = np.random.default_rng(0)
    inputs = tuple(random_rows(random, 12, 9) for _ in range(segments))
    options = {
        "sequence_length": 12,
        "start_value": 1,
        "end_value": [2],
        "sep_value": separator,
        "pad_value": 5,
        "truncate": truncate,
    }
    ours, theirs = MultiSegmentPacker(**options), upstream.MultiSegmentPacker(**options)
    for call in ({}, {"sequence_length": 9, "add_start_value": False}):
        for received, expected in zip(
            ours(inputs, **call), theirs(inputs, **call), strict=True
        ):
            np.testing.assert_array_equal(received, expected)
            assert received.dtype == np.int32


def test_round_robin_deals_token_by_token():
    lengths = np.array(list(itertools.product(range(5), repeat=3))).T
    for room in range(14):
        expected = []
        for row in lengths.T:
            kept, left = [0, 0, 0], room
            while left and any(k < n for k, n in zip(kept, row, strict=True)):
                for segment in range(3):
                    if left and kept[segment] < row[segment]:
                        kept[segment] += 1
                        left -= 1
            expected.append(kept)
        np.testing.assert_array_equal(_round_robin(lengths, room).T, expected)


def test_waterfall_and_segment_ids():
    packer = MultiSegmentPacker(9, 1, 2, sep_value=3, truncate="waterfall")
    tokens, segments = packer(([5] * 4, [6] * 4, [7]))
    assert tokens.tolist() == [1, 5, 5, 5, 5, 3, 6, 3, 2]
    # The separator belongs to the segment before it, the end to the last.
    assert segments.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 2]


def test_pads_on_the_left_and_to_less():
    segments = ([5, 6], [7]), ([8], [9])
    options = {"start_value": 1, "end_value": 2, "sep_value": 3}
    tokens, ids = MultiSegmentPacker(9, **options, padding_side="left")(segments)
    assert tokens.tolist() == [
        [0, 0, 0, 0, 1, 5, 6, 3, 8, 2][1:],
        [0, 0, 0, 0, 1, 7, 3, 9, 2],
    ]
    assert ids.tolist() == [[0, 0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1, 1]]
    tokens, ids = MultiSegmentPacker(9, **options, pad_to="longest")(segments)
    assert tokens.tolist() == [[1, 5, 6, 3, 8, 2], [1, 7, 3, 9, 2, 0]]
    tokens, ids = MultiSegmentPacker(9, **options, pad_to=[4, 7])(segments)
    assert tokens.shape == ids.shape == (2, 7)


def test_left_padding_equals_upstream(upstream):
    random = np.random.default_rng(0)
    inputs = tuple(random_rows(random, 12, 9) for _ in range(2))
    options = {
        "sequence_length": 12,
        "start_value": 1,
        "end_value": 2,
        "pad_value": 5,
        "padding_side": "left",
    }
    ours, theirs = MultiSegmentPacker(**options), upstream.MultiSegmentPacker(**options)
    for received, expected in zip(ours(inputs), theirs(inputs), strict=True):
        np.testing.assert_array_equal(received, expected)


def test_strings():
    tokens, segments = MultiSegmentPacker(5, "S", "E", pad_value="P")((["a"], ["b"]))
    assert tokens.tolist() == ["S", "a", "E", "b", "E"]
    assert segments.tolist() == [0, 0, 0, 1, 1]


def test_a_list_holds_rows_and_a_tuple_segments():
    packer = MultiSegmentPacker(6, 1, 2)
    assert packer([[5, 6], [7]])[0].shape == (2, 6)
    assert packer(([5, 6], [7]))[0].shape == (6,)
    assert packer(np.array([[5, 6], [7, 8]]))[0].shape == (2, 6)
    assert packer(Ragged.from_rows([[5], []]))[0].tolist() == [
        [1, 5, 2, 0, 0, 0],
        [1, 2, 0, 0, 0, 0],
    ]
    assert packer(Ragged.from_rows([]))[0].shape == (0, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiSegmentPacker(4, 1, 2, truncate="first"), "`truncate`"),
        (lambda: MultiSegmentPacker(3, 1, 2)(([5], [6], [7])), "at least 4"),
        (lambda: MultiSegmentPacker(9, 1, 2)(([5], [[6]])), "same number of rows"),
        (lambda: MultiSegmentPacker(9, 1, 2)(([[5]], [[6], [7]])), "same number"),
        (lambda: MultiSegmentPacker(9, 1, 2)(()), "at least one segment"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    packer = MultiSegmentPacker(
        6,
        1,
        [2],
        sep_value=3,
        truncate="waterfall",
        padding_side="left",
        pad_to="longest",
        graph=True,
    )
    clone = from_json(to_json(packer))
    assert clone.get_config() == packer.get_config()
    assert clone.sep_value == 3 and clone.truncate == "waterfall"
    assert clone.padding_side == "left" and clone.pad_to == "longest" and clone.graph


def test_inside_tf_data(tf):
    segments = [[5, 6, 7], [8]], [[9, 9], [8, 8]]
    packer = MultiSegmentPacker(8, 1, 2)
    dataset = tf.data.Dataset.from_tensors(
        (tf.ragged.constant(segments[0]), segments[1])
    )
    mapped = dataset.map(lambda first, second: packer((first, second)))
    assert [spec.shape.as_list() for spec in mapped.element_spec] == [[2, 8]] * 2
    received = mapped.get_single_element()
    for array, expected in zip(received, packer(segments), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
@pytest.mark.parametrize("options", [{}, {"padding_side": "left", "pad_to": [4, 9]}])
def test_graph_equals_numpy(tf, truncate, options):
    random = np.random.default_rng(0)
    packer = MultiSegmentPacker(
        11, [1, 4], 2, sep_value=[3, 3], truncate=truncate, graph=True, **options
    )
    ragged = [random_rows(random, 20, 9) for _ in range(3)]
    dense = [random.integers(5, 90, (20, width)) for width in (3, 5)]
    for segments in (ragged, [ragged[0]], dense, [ragged[0], dense[1]]):
        run = in_graph(lambda *x: packer(x, 9, add_end_value=False), *segments)
        assert to_plain(run()) == to_plain(
            packer(tuple(segments), 9, add_end_value=False)
        )
    words = [["a", "b"], []], [["c"], list("defghijkl")]
    packer = MultiSegmentPacker(9, "S", "E", truncate=truncate, graph=True, **options)
    run = in_graph(lambda *x: packer(x), *words)
    assert to_plain(run()) == to_plain(packer(words))


def test_graph_of_a_single_row(tf):
    packer, single = (
        MultiSegmentPacker(8, 1, 2, graph=True),
        (np.arange(6), np.arange(3)),
    )
    run = in_graph(lambda *x: packer(x), *single)
    assert to_plain(run()) == to_plain(packer(single))


def test_refuses_segments_that_do_not_match_in_a_graph(tf):
    packer = MultiSegmentPacker(9, 1, 2, graph=True)
    with pytest.raises(ValueError, match="same number of rows"):
        in_graph(lambda *x: packer(x), np.arange(3), np.ones((2, 2), int))
    run = in_graph(lambda *x: packer(x), np.ones((3, 2), int), np.ones((2, 2), int))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run()
