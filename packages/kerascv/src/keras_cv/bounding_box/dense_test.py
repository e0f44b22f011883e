import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled, tensors
from keras_cv.bounding_box import (
    ensure_tensor,
    mask_invalid_detections,
    to_dense,
    to_ragged,
    validate_format,
)

ROWS = {
    "boxes": [[[0.0, 0, 4, 4], [1, 1, 2, 2]], [], [[5, 5, 9, 9]]],
    "classes": [[3.0, 0], [], [1]],
    "confidence": [[0.5, 0.25], [], [1.0]],
}
DENSE = {
    "boxes": np.array(
        [
            [[0, 0, 4, 4], [1, 1, 2, 2]],
            [[-1] * 4, [-1] * 4],
            [[5, 5, 9, 9], [-1] * 4],
        ],
        "float32",
    ),
    "classes": np.array([[3, 0], [-1, -1], [1, -1]], "float32"),
    "confidence": np.array([[0.5, 0.25], [-1, -1], [1, -1]], "float32"),
}


def as_ragged():
    tf = pytest.importorskip("tensorflow")
    ranks = {"boxes": 1, "classes": 1, "confidence": 1}
    return {
        key: tf.ragged.constant(
            ROWS[key],
            ragged_rank=ranks[key],
            inner_shape=(4,) if key == "boxes" else (),
        )
        for key in ROWS
    }


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for key in expected:
        value = found[key]
        if not isinstance(value, np.ndarray):
            value = np.asarray(value)
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


class TestToDense:
    @pytest.mark.parametrize("source", ["lists", "arrays", "ragged"])
    def test_pads(self, source):
        boxes = as_ragged() if source == "ragged" else ROWS
        if source == "arrays":
            boxes = {
                key: [np.asarray(row, "float32") for row in rows]
                for key, rows in ROWS.items()
            }
        assert_equal(to_dense(boxes), DENSE)

    @pytest.mark.parametrize("source", ["lists", "ragged", "dense", "tensors"])
    @pytest.mark.parametrize("max_boxes", [1, 4])
    def test_max_boxes_pads_and_cuts(self, source, max_boxes):
        boxes = {"lists": ROWS, "dense": DENSE}.get(source)
        if source == "ragged":
            boxes = as_ragged()
        elif source == "tensors":
            boxes = dict(zip(DENSE, tensors(*DENSE.values()), strict=True))
        found = to_dense(boxes, max_boxes=max_boxes, default_value=-2)
        assert found["boxes"].shape == (3, max_boxes, 4)
        assert found["classes"].shape == (3, max_boxes)
        classes = np.asarray(found["classes"])
        assert classes[0, :2].tolist() == [3, 0][:max_boxes]
        if max_boxes > 2:
            assert (classes[:, 2:] == -2).all()

    def test_shape_is_static_in_tf_data(self):
        tf = pytest.importorskip("tensorflow")
        dataset = tf.data.Dataset.from_tensors(as_ragged())
        dataset = dataset.map(lambda boxes: to_dense(boxes, max_boxes=5))
        assert dataset.element_spec["boxes"].shape[1:] == (5, 4)
        assert dataset.element_spec["classes"].shape[1:] == (5,)

    def test_dense_is_copied_as_it_is(self):
        found = to_dense(DENSE)
        assert found is not DENSE
        assert all(found[key] is DENSE[key] for key in DENSE)

    def test_image_without_boxes(self):
        found = to_dense({"boxes": [[], []], "classes": [[], []]}, max_boxes=2)
        assert found["boxes"].tolist() == [[[-1] * 4] * 2] * 2

    @pytest.mark.parametrize("max_boxes", [0, 1.5])
    def test_bad_max_boxes(self, max_boxes):
        with pytest.raises(ValueError, match="`max_boxes`"):
            to_dense(DENSE, max_boxes=max_boxes)


class TestToRagged:
    def test_arrays_give_lists(self):
        found = to_ragged(DENSE)
        for key, images in ROWS.items():
            for ours, expected in zip(found[key], images, strict=True):
                assert ours.dtype == "float32"
                assert ours.tolist() == expected

    def test_back_and_forth(self):
        assert_equal(to_dense(to_ragged(DENSE)), DENSE)

    def test_tensors_of_the_backend(self):
        """Upstream refused to do it on any backend of Keras 3."""
        boxes = dict(zip(DENSE, tensors(*DENSE.values()), strict=True))
        found = to_ragged(boxes)
        for key, images in ROWS.items():
            for ours, expected in zip(found[key], images, strict=True):
                assert keras.ops.convert_to_numpy(ours).tolist() == expected

    def test_tensorflow_in_tf_data(self):
        tf = pytest.importorskip("tensorflow")
        (found,) = tf.data.Dataset.from_tensors(DENSE).map(to_ragged)
        for key, images in ROWS.items():
            assert isinstance(found[key], tf.RaggedTensor)
            assert found[key].to_list() == images

    def test_one_image_one_hot_and_sentinel(self):
        boxes = {
            "boxes": DENSE["boxes"][0],
            "classes": np.array([[0, 1], [9, 9]]),
        }
        found = to_ragged(boxes, sentinel=9, dtype="int32")
        assert found["boxes"].tolist() == [[0, 0, 4, 4]]
        assert found["classes"].tolist() == [[0, 1]]
        assert found["classes"].dtype == "int32"


class TestMaskInvalidDetections:
    boxes = {
        "boxes": np.arange(24.0).reshape(2, 3, 4),
        "classes": np.arange(6).reshape(2, 3),
        "confidence": np.ones((2, 3)),
        "num_detections": np.array([1, 3]),
    }

    def test_rows_behind_the_last_are_padding(self):
        found = mask_invalid_detections(self.boxes)
        assert found["classes"].tolist() == [[0, -1, -1], [3, 4, 5]]
        assert (found["boxes"][0, 1:] == -1).all()
        assert (found["confidence"][0] == [1, -1, -1]).all()
        np.testing.assert_array_equal(found["boxes"][1], self.boxes["boxes"][1])
        assert self.boxes["classes"][0, 1] == 1

    def test_ragged(self):
        found = mask_invalid_detections(self.boxes, output_ragged=True)
        assert [len(x) for x in found["boxes"]] == [1, 3]

    def test_one_image(self):
        boxes = {key: value[0] for key, value in self.boxes.items()}
        assert mask_invalid_detections(boxes)["classes"].tolist() == [0, -1, -1]

    @pytest.mark.backends
    def test_compiled_on_the_backend(self):
        def mask(boxes, classes, count):
            found = mask_invalid_detections(
                {"boxes": boxes, "classes": classes, "num_detections": count}
            )
            return found["boxes"], found["classes"]

        keys = ("boxes", "classes", "num_detections")
        found = compiled(mask)(*tensors(*(self.boxes[key] for key in keys)))
        expected = mask_invalid_detections(self.boxes)
        for ours, key in zip(found, keys, strict=False):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(ours), expected[key]
            )

    def test_bad_input(self):
        with pytest.raises(ValueError, match="num_detections"):
            mask_invalid_detections(DENSE)
        with pytest.raises(ValueError, match="to_dense"):
            mask_invalid_detections({**ROWS, "num_detections": [1, 0, 1]})


class TestValidateFormat:
    @pytest.mark.parametrize(
        "boxes,batched,ragged,one_hot",
        [
            (DENSE, True, False, False),
            (ROWS, True, True, False),
            ({key: value[0] for key, value in DENSE.items()}, False, False, False),
            ({"boxes": np.zeros((2, 4)), "classes": np.eye(2)}, False, False, True),
            ({"boxes": np.zeros((1, 2, 4)), "classes": np.eye(2)[None]}, 1, 0, 1),
            ({"boxes": [], "classes": []}, False, False, False),
        ],
    )
    def test_says_what_it_is(self, boxes, batched, ragged, one_hot):
        assert validate_format(boxes) == {
            "is_batched": batched,
            "ragged": ragged,
            "classes_one_hot": one_hot,
        }

    def test_ragged_tensors(self):
        assert validate_format(as_ragged())["ragged"]

    @pytest.mark.parametrize(
        "boxes,message",
        [
            (np.zeros((2, 4)), '`targets` to be a dict with "boxes".*ndarray'),
            ({"boxes": np.zeros((2, 4))}, r"received a dict with \['boxes'\]"),
            ({"boxes": np.zeros((2, 3)), "classes": np.zeros(2)}, "four numbers"),
            ({"boxes": np.zeros((2, 4)), "classes": np.zeros(3)}, 'as many "classes"'),
            (
                {"boxes": np.zeros((2, 3, 4)), "classes": np.zeros((2, 2))},
                'as many "classes"',
            ),
            ({"boxes": np.zeros((2, 4)), "classes": np.zeros(())}, "one class"),
            ({"boxes": ROWS["boxes"], "classes": DENSE["classes"]}, "both ragged"),
            (
                {"boxes": ROWS["boxes"], "classes": [[1.0], [], [1.0]]},
                r"for each image.*\[1, 0, 1\] and \[2, 0, 1\]",
            ),
        ],
    )
    def test_bad_input(self, boxes, message):
        with pytest.raises(ValueError, match=message):
            validate_format(boxes, "targets")


class TestEnsureTensor:
    def test_arrays_and_lists_become_tensors_of_the_backend(self):
        boxes = {"boxes": [[0, 0, 4, 4]], "classes": np.array([1]), "id": "a"}
        found = ensure_tensor(boxes, dtype="float32")
        assert keras.ops.is_tensor(found["boxes"])
        assert keras.backend.standardize_dtype(found["classes"].dtype) == "float32"
        assert found["id"] == "a"
        assert boxes["boxes"] == [[0, 0, 4, 4]]

    def test_tensorflow_stays(self):
        tf = pytest.importorskip("tensorflow")
        found = ensure_tensor(
            {"boxes": tf.zeros((1, 4)), "classes": np.array([1])}, "float64"
        )
        assert tf.is_tensor(found["classes"])
        assert found["boxes"].dtype == tf.float64
        assert isinstance(ensure_tensor(as_ragged())["boxes"], tf.RaggedTensor)
