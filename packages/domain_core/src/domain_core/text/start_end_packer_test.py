"""Packing equals KerasHub's where that works; by hand elsewhere."""

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.text.start_end_packer import StartEndPacker


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


def test_strings():
    tokens, mask = StartEndPacker(
        5, start_value="[S]", end_value="[E]", return_padding_mask=True
    )([["a"], ["b", "c", "d", "e"]])
    assert tokens.tolist() == [
        ["[S]", "a", "[E]", "", ""],
        ["[S]", "b", "c", "d", "[E]"],
    ]
    assert mask.tolist() == [[True, True, True, False, False], [True] * 5]


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
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    packer = StartEndPacker(6, [1, 3], 2, pad_value=4, return_padding_mask=True)
    assert from_json(to_json(packer)).get_config() == packer.get_config()


def test_inside_tf_data(tf):
    rows = [[5, 6, 7], [8]]
    packer = StartEndPacker(4, 1, 2, return_padding_mask=True)
    mapped = tf.data.Dataset.from_tensors(tf.ragged.constant(rows)).map(packer)
    assert [spec.shape.as_list() for spec in mapped.element_spec] == [[2, 4]] * 2
    received = mapped.get_single_element()
    for array, expected in zip(received, packer(rows), strict=True):
        np.testing.assert_array_equal(array, expected)
    words = tf.data.Dataset.from_tensors(["a", "b"]).map(StartEndPacker(3, "S"))
    assert words.element_spec.shape.as_list() == [3]
    assert words.get_single_element().numpy().tolist() == [b"S", b"a", b"b"]
