"""Keypoints that lie in the image."""

from __future__ import annotations

from typing import Any

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor
from keras_cv.bounding_box import rows
from keras_cv.image_size import as_scale, read_size
from keras_cv.keypoint.convert_format import PADDING, check_groups, check_shapes


def filter_out_of_image(
    keypoints: Any, image: Any, *, output_dense: bool = False
) -> Any:
    """Drops the keypoints outside the image, and padding.

    Inside are `0 <= x < width` and `0 <= y < height`.

    Args:
        keypoints: `(N, 2 + n)` in pixels, `(B, N, 2 + n)` or in groups
            `(B, G, N, 2 + n)`; NumPy, a tensor of the backend or of TensorFlow.
        image: `(H, W, C)` or `(B, H, W, C)`, a ragged tensor or a list of images. Only
            its size is used.
        output_dense: whether keypoints stay in their rows, those outside with -1 for x
            and y. Shapes are static then, so that it can be compiled.

    Returns:
        `(M, 2 + n)` without a batch. Else a ragged tensor for TensorFlow's tensors, and
        a list (of lists, in groups) with an array for each image for others.

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> keras_cv.keypoint.filter_out_of_image(
        ...     np.array([[1.0, 2.0], [9.0, 2.0]]), np.zeros((4, 8, 3))).tolist()
        [[1.0, 2.0]]
    """
    if isinstance(keypoints, list | tuple):
        keypoints = operations.NUMPY.convert_to_tensor(keypoints)
    if is_ragged_tensor(keypoints):
        keypoints = keypoints.to_tensor(default_value=PADDING)
    check_shapes(keypoints)
    check_groups(keypoints, image)
    size = read_size(image, None)
    assert size is not None
    ops = operations.of(keypoints, *size)
    place = operations.as_float(keypoints, ops)[..., :2]
    scale = ops.cast(as_scale(size, len(place.shape), ops), place.dtype)
    kept = ops.all(ops.logical_and(place >= 0.0, place < scale), axis=-1)
    if not output_dense:
        return rows.select(keypoints, kept)
    padding = ops.cast(PADDING, keypoints.dtype)
    moved = ops.where(kept[..., None], keypoints[..., :2], padding)
    return ops.concatenate([moved, keypoints[..., 2:]], axis=-1)
