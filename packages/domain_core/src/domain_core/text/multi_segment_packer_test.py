"""Packing equals KerasHub's where that works; by hand elsewhere."""

import itertools

import keras
import numpy as np
import pytest

from domain_core.ragged import Ragged
from domain_core.serialization import from_json, to_json
from domain_core.text.multi_segment_packer import MultiSegmentPacker, _round_robin


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
    packer = MultiSegmentPacker(6, 1, [2], sep_value=3, truncate="waterfall")
    assert from_json(to_json(packer)).get_config() == packer.get_config()


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
