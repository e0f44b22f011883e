import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled, tensors
from keras_cv.keypoint import REL_XY, XY, convert_format, filter_out_of_image

# x, y, class, confidence; the third row is padding.
POINTS = np.array(
    [[10, 20, 3, 0.5], [50, 40, 1, 1], [-1, -1, -1, -1], [60, 10, 2, 1]], "float32"
)
IMAGE = np.zeros((40, 50, 3), "float32")
RELATIVE = np.array(
    [[0.2, 0.5, 3, 0.5], [1, 1, 1, 1], [-1, -1, -1, -1], [1.2, 0.25, 2, 1]], "float32"
)


class TestConvertFormat:
    @pytest.mark.parametrize("axes", [2, 3, 4])
    def test_there_and_back(self, axes):
        batch = (1,) * (axes - 2)
        points, relative = (x.reshape(*batch, 4, 4) for x in (POINTS, RELATIVE))
        image = IMAGE[None] if axes > 2 else IMAGE
        found = convert_format(points, "XY", "rel_xy", images=image)
        np.testing.assert_allclose(found, relative, rtol=1e-6)
        back = convert_format(found, "rel_xy", "xy", images=image)
        np.testing.assert_allclose(back, points, rtol=1e-6)

    def test_images_of_different_sizes(self):
        points = np.broadcast_to(POINTS, (2, 3, 4, 4))  # two groups of images
        images = [IMAGE, np.zeros((80, 100, 3))]
        found = convert_format(points, "xy", "rel_xy", images=images)
        np.testing.assert_allclose(found[0], [RELATIVE] * 3, rtol=1e-6)
        half = RELATIVE * [0.5, 0.5, 1, 1]
        np.testing.assert_allclose(found[1][:, [0, 1, 3]], [half[[0, 1, 3]]] * 3)
        np.testing.assert_array_equal(found[1][:, 2], -np.ones((3, 4)))

    @pytest.mark.parametrize("dtype,expected", [(None, "float32"), ("int32", "int32")])
    def test_same_format_needs_no_image(self, dtype, expected):
        points = POINTS.astype("int64")
        found = convert_format(points, "xy", "xy", dtype=dtype)
        assert found.dtype == expected
        np.testing.assert_array_equal(found, points)

    @pytest.mark.backends
    def test_compiled_on_the_backend(self):
        def convert(points, image):
            return convert_format(points, "xy", "rel_xy", images=image)

        found = compiled(convert)(*tensors(POINTS, IMAGE))
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(found), RELATIVE, rtol=1e-6
        )

    def test_ragged_in_tf_data_with_dynamic_images(self):
        tf = pytest.importorskip("tensorflow")
        points = tf.RaggedTensor.from_row_lengths(
            np.concatenate([POINTS, POINTS[:1]]), [4, 1]
        )
        images = np.stack([IMAGE, IMAGE])
        dataset = tf.data.Dataset.from_generator(
            lambda: iter([(images, points)]),
            output_signature=(
                tf.TensorSpec((None, None, None, 3)),
                tf.RaggedTensorSpec((None, None, 4), ragged_rank=1),
            ),
        )
        (found,) = dataset.map(
            lambda images, points: convert_format(points, "xy", "rel_xy", images=images)
        )
        assert found.row_lengths().numpy().tolist() == [4, 1]
        np.testing.assert_allclose(found[0], RELATIVE, rtol=1e-6)

    @pytest.mark.parametrize(
        "change,message",
        [
            ({"source": "xyxy"}, "one of xy, rel_xy.*'xyxy'"),
            ({"images": None}, "Expected `images` to convert from 'xy' to 'rel_xy'"),
            ({"images": IMAGE[None]}, "axis of the batch"),
            ({"keypoints": POINTS[None]}, "without for one image"),
            ({"keypoints": POINTS[None, None]}, "without for one image"),
            ({"keypoints": np.zeros(4)}, r"keypoints as \(N, 2"),
            ({"keypoints": np.zeros((3, 1))}, r"keypoints as \(N, 2"),
            ({"image_shape": (4, 4, 3)}, "received both"),
        ],
    )
    def test_bad_input(self, change, message):
        arguments = {
            "keypoints": POINTS,
            "source": "xy",
            "target": "rel_xy",
            "images": IMAGE,
        }
        with pytest.raises(ValueError, match=message):
            convert_format(**{**arguments, **change})


class TestFilterOutOfImage:
    def test_one_image(self):
        found = filter_out_of_image(POINTS, IMAGE)
        np.testing.assert_array_equal(found, POINTS[:1])

    def test_the_far_edges_lie_outside(self):
        """They are not pixels; an image of 40 x 50 ends at 39.99 and 49.99."""
        edges = [[0, 0], [49.9, 39.9], [50, 0], [0, 40], [50, 40], [-0.1, 3], [3, -0.1]]
        found = filter_out_of_image(np.array(edges), IMAGE)
        assert found.tolist() == edges[:2]

    def test_batch_and_groups(self):
        points = np.stack([POINTS, POINTS[::-1]])
        found = filter_out_of_image(points, [IMAGE, IMAGE[:20]])
        assert [x[:, 2].tolist() for x in found] == [[3], []]
        found = filter_out_of_image(points[:, None], [IMAGE, IMAGE[:20]])
        assert [[x[:, 2].tolist() for x in groups] for groups in found] == [
            [[3]],
            [[]],
        ]

    def test_tensorflow_gives_ragged_tensors_in_tf_data(self):
        tf = pytest.importorskip("tensorflow")
        dataset = tf.data.Dataset.from_tensors((np.stack([POINTS] * 2), IMAGE))
        (found,) = dataset.map(filter_out_of_image)
        assert isinstance(found, tf.RaggedTensor)
        assert found.to_list() == [POINTS[:1].tolist()] * 2

    @pytest.mark.backends
    def test_dense_is_compiled_on_the_backend(self):
        def keep(points, image):
            return filter_out_of_image(points, image, output_dense=True)

        found = keras.ops.convert_to_numpy(compiled(keep)(*tensors(POINTS, IMAGE)))
        np.testing.assert_array_equal(found[[0, 2]], POINTS[[0, 2]])
        assert found[1].tolist() == [-1, -1, 1, 1]
        assert found[3].tolist() == [-1, -1, 2, 1]

    def test_bad_input(self):
        with pytest.raises(ValueError, match=r"keypoints as \(N, 2"):
            filter_out_of_image(np.zeros(4), IMAGE)


def test_indices_name_the_numbers():
    assert POINTS[0, XY.CLASS] == 3
    assert RELATIVE[0, [REL_XY.X, REL_XY.Y, REL_XY.CONFIDENCE]].tolist() == (
        RELATIVE[0, [0, 1, 3]].tolist()
    )
