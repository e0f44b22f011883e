"""Keypoints in another format."""

from __future__ import annotations

from typing import Any

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor
from keras_cv.image_size import as_scale, is_batched, read_size

_FORMATS = ("xy", "rel_xy")
PADDING = -1


def convert_format(
    keypoints: Any,
    source: str,
    target: str,
    images: Any = None,
    dtype: Any = None,
    *,
    image_shape: Any = None,
) -> Any:
    """Converts keypoints from pixels to relative numbers, or back.

    Rows of padding, whose x and y are -1, stay as they are, and so do the numbers that
    follow x and y.

    Args:
        keypoints: `(N, 2 + n)`, `(B, N, 2 + n)` or in groups `(B, G, N, 2 + n)`;
            NumPy, a tensor of the backend or of TensorFlow, ragged ones too.
        source: their format: "xy", in pixels, or "rel_xy", as fractions of the image's
            width and height. Capitals do not matter.
        target: the format to return.
        images: `(H, W, C)` for keypoints `(N, 2 + n)`, else `(B, H, W, C)`, a ragged
            tensor or a list of images of different sizes. Only their size is used; not
            needed if the formats are the same.
        dtype: of the numbers returned; None for that of `keypoints`, where integers
            become float32. They are computed in float32 or float64.
        image_shape: instead of images: `(height, width, channels)`, of numbers or
            tensors, or one such row per image.

    Returns:
        The keypoints in the form in which they came.

    Raises:
        ValueError: if a format is unknown, the size of the images is missing, or
            shapes do not fit.

    Example:
        >>> keras_cv.keypoint.convert_format(
        ...     np.array([[5.0, 5.0]]), "xy", "rel_xy", image_shape=(10, 20, 3)
        ... ).tolist()
        [[0.25, 0.5]]
    """
    names = [_check_format(name) for name in (source, target)]
    size = read_size(images, image_shape)
    if names[0] != names[1] and size is None:
        raise ValueError(
            f"Expected `images` to convert from {source!r} to {target!r}: one is "
            "relative to the size of the image, received none."
        )
    if is_ragged_tensor(keypoints):
        return _convert_ragged(keypoints, source, target, images, dtype, image_shape)
    if isinstance(keypoints, list | tuple):
        keypoints = operations.NUMPY.convert_to_tensor(keypoints)
    check_shapes(keypoints)
    if images is not None and is_batched(images) != (len(keypoints.shape) > 2):
        raise _bad_batch(keypoints, images)
    ops = operations.of(keypoints, *(size or ()))
    points = operations.as_float(keypoints, ops)
    if dtype is None:
        dtype = keypoints.dtype if "float" in str(keypoints.dtype) else "float32"
    if names[0] != names[1] and size is not None:
        scale = ops.cast(as_scale(size, len(points.shape), ops), points.dtype)
        place = points[..., :2]
        moved = place * scale if names[1] == "xy" else place / scale
        is_padding = ops.all(ops.equal(place, PADDING), axis=-1, keepdims=True)
        moved = ops.where(is_padding, place, moved)
        points = ops.concatenate([moved, points[..., 2:]], axis=-1)
    return ops.cast(points, dtype)


def check_shapes(keypoints: Any) -> None:
    """Raises ValueError unless keypoints, which are dense, are such."""
    axes = len(keypoints.shape)
    width = keypoints.shape[-1] if axes else None
    if axes not in (2, 3, 4) or (width is not None and width < 2):
        raise ValueError(
            "Expected keypoints as (N, 2 + n), (B, N, 2 + n) or (B, G, N, 2 + n), "
            f"received the shape {tuple(keypoints.shape)}."
        )


def check_groups(keypoints: Any, images: Any) -> None:
    """Raises ValueError unless keypoints are of a batch, or in groups, as images are.

    Three axes are groups of one image, or a batch.
    """
    axes = len(keypoints.shape)
    if axes != 3 and is_batched(images) != (axes == 4):
        raise _bad_batch(keypoints, images)


def _bad_batch(keypoints: Any, images: Any) -> ValueError:
    return ValueError(
        "Expected keypoints with an axis of the batch for images that have one, and "
        f"without for one image; received the shapes {tuple(keypoints.shape)} and "
        f"{getattr(images, 'shape', 'of a list')}. Of one image, pass `images[None]`, "
        "or `image_shape`."
    )


def _convert_ragged(keypoints: Any, *arguments: Any) -> Any:
    import tensorflow as tf

    source, target, images, dtype, image_shape = arguments
    dense = convert_format(
        keypoints.to_tensor(default_value=PADDING),
        source,
        target,
        images,
        dtype,
        image_shape=image_shape,
    )
    lengths = keypoints.nested_row_lengths()
    return tf.RaggedTensor.from_tensor(dense, lengths=lengths)


def _check_format(name: str) -> str:
    lowered = name.lower() if isinstance(name, str) else ""
    if lowered not in _FORMATS:
        raise ValueError(
            f"Expected a keypoint format, one of {', '.join(_FORMATS)}; received "
            f"{name!r:.200}."
        )
    return lowered
