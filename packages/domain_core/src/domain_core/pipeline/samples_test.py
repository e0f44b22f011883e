import collections

import keras
import numpy as np
import pytest

from domain_core.pipeline.samples import (
    as_arrays,
    as_samples,
    count_samples,
    take,
    unpack,
)


def test_lists_stay_lists_and_tensors_become_arrays():
    images = [np.zeros((2, 3)), np.zeros((4, 5))]
    given = {
        "texts": ["a", "b"],
        "images": images,
        "pair": (("c", "d"), keras.ops.ones((2, 3))),
        "range": range(2),
    }
    samples = as_samples(collections.UserDict(given), "x")
    assert samples["texts"] == ["a", "b"]
    assert samples["images"][1] is images[1]
    assert samples["pair"][0] == ["c", "d"]
    assert isinstance(samples["pair"][1], np.ndarray)
    assert samples["range"] == [0, 1]
    assert count_samples(samples) == 2


def test_tensors_of_other_frameworks():
    torch = pytest.importorskip("torch")
    tensor = torch.ones((2, 3), requires_grad=True)
    np.testing.assert_array_equal(as_samples(tensor, "x"), np.ones((2, 3)))


def test_take_keeps_the_structure():
    samples = {"texts": ["a", "b", "c"], "rows": (np.arange(3), None)}
    taken = take(samples, np.array([2, 0]))
    assert taken["texts"] == ["c", "a"]
    np.testing.assert_array_equal(taken["rows"][0], [2, 0])
    assert taken["rows"][1] is None
    assert take(samples, slice(1, None))["texts"] == ["b", "c"]


def test_arrays_for_a_model():
    arrays = as_arrays(
        {
            "lists": [[1, 2], [3, 4]],
            "rows": [np.ones(2, "uint8"), np.zeros(2, "uint8")],
            "floats": np.ones(2, "float64"),
            "halves": np.ones(2, "float16"),
            "flags": [True, False],
        },
        "x",
    )
    dtypes = {name: array.dtype.name for name, array in arrays.items()}
    assert dtypes == {
        "lists": "int64",
        "rows": "uint8",
        "floats": "float32",
        "halves": "float32",
        "flags": "bool",
    }
    assert as_arrays(None, "y") is None


@pytest.mark.parametrize(
    ("element", "parts"),
    [
        ({"a": [1]}, ({"a": [1]}, None, None)),
        (["a", "b"], (["a", "b"], None, None)),
        (("a", "b"), (("a", "b"), None, None)),
        ([1, 2], ([1, 2], None, None)),
        ((["a"],), (["a"], None, None)),
        ((["a"], [0]), (["a"], [0], None)),
        ([["a"], [0], [1.0]], (["a"], [0], [1.0])),
        (("a", 0), ("a", 0, None)),  # a single sample, refused later
    ],
)
def test_unpack(element, parts):
    assert unpack(element) == parts


def test_unpack_refuses_a_bare_list_of_arrays():
    with pytest.raises(ValueError, match=r"4 parts. .* wrap them: `\(samples,\)`"):
        unpack([np.zeros(3)] * 4)


@pytest.mark.parametrize("empty", [{}, (), [], np.zeros((0, 3))])
def test_empty_input(empty):
    with pytest.raises(ValueError, match="empty"):
        as_samples(empty, "x")


def test_missing_samples_are_named():
    with pytest.raises(ValueError, match=r"`x\['a'\]\[2\]` is None"):
        as_samples({"a": ["b", "c", None]}, "x")
    with pytest.raises(ValueError, match=r"`x\[1\]\[0\]` is None"):
        as_samples((["a", "b"], np.array([None, "c"])), "x")


def test_ragged_images_become_a_list_of_arrays():
    """As a tensor, and as `tf.data` gives it to NumPy."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    rng = np.random.default_rng(0)
    for sizes in (
        ((4, 5), (6, 3)),
        ((4, 5), (4, 5)),
        ((4, 5), (6, 5)),
        ((1, 1), (2, 1)),
    ):
        images = [rng.integers(0, 256, (*size, 3), "uint8") for size in sizes]
        ragged = tf.ragged.stack(images)
        (iterated,) = tf.data.Dataset.from_tensors(ragged).as_numpy_iterator()
        for given in (ragged, iterated):
            for found, image in zip(as_samples(given, "x"), images, strict=True):
                np.testing.assert_array_equal(found, image)
                assert found.dtype == "uint8"
    texts = tf.ragged.constant([["a", "b"], ["c"]])
    assert [list(row) for row in as_samples(texts, "x")] == [[b"a", b"b"], [b"c"]]
    nested = tf.ragged.constant([[[1], [2, 3]], [[4]]])
    first, second = as_samples(nested, "x")
    assert [list(row) for row in first] == [[1], [2, 3]]
    assert [list(row) for row in second] == [[4]]
