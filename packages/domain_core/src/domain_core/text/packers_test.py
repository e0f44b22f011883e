"""Packing equals KerasHub's where that works, and is checked by hand elsewhere."""

import itertools

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.text.packers import MultiSegmentPacker, StartEndPacker, _round_robin
from domain_core.text.ragged import Ragged


@pytest.fixture(scope="module")
def upstream():
    if keras.backend.backend() != "jax":
        pytest.skip("does not depend on the backend")
    return pytest.importorskip("keras_hub").layers


@pytest.fixture(scope="module")
def tf():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("does not depend on the backend")
    return pytest.importorskip("tensorflow")


def random_rows(random, batch, longest):
    return [
        random.integers(10, 100, random.integers(0, longest)).tolist()
        for _ in range(batch)
    ]


@pytest.mark.parametrize("start", [None, 1, [1, 3]])
@pytest.mark.parametrize("end", [None, 2, [2, 4]])
@pytest.mark.parametrize("pad", [None, 7])
def test_start_end_packer_equals_upstream(upstream, start, end, pad):
    rows = random_rows(np.random.default_rng(0), 6, 9)
    options = {
        "sequence_length": 6,
        "start_value": start,
        "end_value": end,
        "pad_value": pad,
        "return_padding_mask": True,
    }
    ours, theirs = StartEndPacker(**options), upstream.StartEndPacker(**options)
    for call in ({}, {"sequence_length": 8, "add_end_value": False}):
        for inputs in (rows, rows[0]):
            for received, expected in zip(
                ours(inputs, **call), theirs(inputs, **call), strict=True
            ):
                np.testing.assert_array_equal(received, expected)


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


def test_strings():
    tokens, mask = StartEndPacker(
        5, start_value="[S]", end_value="[E]", return_padding_mask=True
    )([["a"], ["b", "c", "d", "e"]])
    assert tokens.tolist() == [
        ["[S]", "a", "[E]", "", ""],
        ["[S]", "b", "c", "d", "[E]"],
    ]
    assert mask.tolist() == [[True, True, True, False, False], [True] * 5]
    tokens, segments = MultiSegmentPacker(5, "S", "E", pad_value="P")((["a"], ["b"]))
    assert tokens.tolist() == ["S", "a", "E", "b", "E"]


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
        (lambda: StartEndPacker(0), "`sequence_length` to be a positive"),
        (lambda: StartEndPacker(None), "`sequence_length` to be a positive"),
        (lambda: StartEndPacker(4, start_value=1.5), "`start_value` to be a token"),
        (lambda: StartEndPacker(4, end_value=[None]), "`end_value` to be a token"),
        (lambda: StartEndPacker(2, [1, 1], [2])([5]), "at least 3"),
        (lambda: StartEndPacker(2)([5], sequence_length=0), "positive"),
        (lambda: StartEndPacker(2)([1.5]), "integer ids or string tokens"),
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
    for packer in (
        StartEndPacker(6, [1, 3], 2, pad_value=4, return_padding_mask=True),
        MultiSegmentPacker(6, 1, [2], sep_value=3, truncate="waterfall"),
    ):
        again = from_json(to_json(packer))
        assert type(again) is type(packer)
        assert again.get_config() == packer.get_config()


def test_inside_tf_data(tf):
    rows = [[5, 6, 7], [8]]
    dataset = tf.data.Dataset.from_tensors((tf.ragged.constant(rows), [[9, 9], [8, 8]]))
    start_end = StartEndPacker(4, 1, 2, return_padding_mask=True)
    multi = MultiSegmentPacker(8, 1, 2)
    mapped = dataset.map(lambda a, b: (start_end(a), multi((a, b))))
    assert [s.shape.as_list() for s in tf.nest.flatten(mapped.element_spec)] == [
        [2, 4],
        [2, 4],
        [2, 8],
        [2, 8],
    ]
    (first, second) = mapped.get_single_element()
    for received, expected in zip(first, start_end(rows), strict=True):
        np.testing.assert_array_equal(received, expected)
    for received, expected in zip(second, multi((rows, [[9, 9], [8, 8]])), strict=True):
        np.testing.assert_array_equal(received, expected)
    words = tf.data.Dataset.from_tensors(["a", "b"]).map(StartEndPacker(3, "S"))
    assert words.element_spec.shape.as_list() == [3]
    assert words.get_single_element().numpy().tolist() == [b"S", b"a", b"b"]
