"""Moves and resamples one image on the host, in the fastest way that gives the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from domain_core.arrays import operations
from keras_cv.augmentation.resampling import BETWEEN, axis_weights, fill_indices
from keras_cv.augmentation.transform import INTERPOLATIONS, Transform

# OpenCV takes at most four channels at a time where it needs a value of each, and this
# many everywhere else.
CHANNELS = 4
_MOST_CHANNELS = 128
# OpenCV's BORDER_CONSTANT, _REPLICATE, _REFLECT and _WRAP.
_BORDERS = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}
# What `_shift` takes.
_SHIFTED = (np.uint8, np.float32)
# OpenCV's codes, by the directions of rows and columns.
FLIPS = {(-1, -1): -1, (-1, 1): 0, (1, -1): 1}


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    out: np.ndarray,
    transform: Transform,
    interpolation: str,
) -> None:
    """Resamples one image.

    Args:
        image: `(H, W, C)`, all that is read.
        matrix: float64 `(3, 3)`, from the output to the input.
        out: `(h, w, C)` to fill, of the same dtype.
        transform: how to fill.
        interpolation: one of `RESIZE_INTERPOLATIONS`.
    """
    if interpolation not in INTERPOLATIONS:
        _resize_by_filter(image, matrix, out, interpolation)
        return
    (a, b, c), (d, e, f), last = matrix.tolist()
    if b == d == 0 and last == [0, 0, 1]:
        rows = _Axis(e, f, out.shape[0], image.shape[0])
        columns = _Axis(a, c, out.shape[1], image.shape[1])
        if rows.is_run and columns.is_run:
            _cut(image, rows, columns, out)
            return
        if interpolation == "nearest":
            _pick(image, rows, columns, transform, out)
            return
        if rows.is_whole and columns.is_whole:
            _resize(image, rows, columns, out)
            return
        is_shift = a == e == 1 and 0 in (c, f) and image.shape == out.shape
        is_shift = is_shift and abs(c or f) < image.shape[1 if c else 0]
        if is_shift and image.dtype in _SHIFTED and image.shape[-1] <= CHANNELS:
            _shift(image, c or f, 1 if c else 0, transform, out)
            return
    _warp_points(image, matrix, out, transform, interpolation)


class _Axis:
    """Where the pixels of an output's axis come from.

    Attributes:
        size: number of pixels of the output.
        direction: 1 or -1.
        first: the smallest coordinate that is looked at, in pixels of the input.
        is_run: whether they are pixels of the input, one beside the other.
        is_whole: whether they spread over all of the input evenly.
    """

    def __init__(self, scale: float, shift: float, size: int, source: int) -> None:
        self.size = size
        self.direction = 1 if scale >= 0 else -1
        first, last = shift, shift + scale * size
        first, last = (first, last) if scale >= 0 else (last, first)
        self.first = first
        is_inside = first >= 0 and last <= source
        self.is_run = abs(scale) == 1 and is_inside and first == int(first)
        self.is_whole = abs(first) < 1e-3 and abs(last - source) < 1e-3
        self._line = scale, shift, source

    def indices(self, fill_mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the nearest pixels, and which of them lie inside."""
        scale, shift, source = self._line
        centers = scale * (np.arange(self.size) + 0.5) + shift
        index = np.floor(centers + BETWEEN).astype(int)
        inside = (index >= 0) & (index < source)
        return fill_indices(index, source, fill_mode, operations.NUMPY), inside


def _cut(image: np.ndarray, rows: _Axis, columns: _Axis, out: np.ndarray) -> None:
    """Takes a part as it is, or flipped."""
    top, left = int(rows.first), int(columns.first)
    part = image[top : top + rows.size, left : left + columns.size]
    code = FLIPS.get((rows.direction, columns.direction))
    if code is None:
        out[:] = part
        return
    flip(part, code, out)


def flip(image: np.ndarray, code: int, out: np.ndarray) -> None:
    """Flips by a code of OpenCV's, see `FLIPS`."""
    import cv2

    by_channels(lambda image, out, _: cv2.flip(image, code, dst=out), image, out)


def by_channels(
    function: Callable[[np.ndarray, np.ndarray, slice], object],
    image: np.ndarray,
    out: np.ndarray,
) -> None:
    """Calls a function for as many channels at a time as OpenCV takes.

    Args:
        function: takes `(H, W, c)`, an array to fill and which channels these are.
        image: `(H, W, C)`.
        out: `(h, w, C)` to fill, or to change.
    """
    channels = out.shape[-1]
    if channels <= _MOST_CHANNELS:
        function(image, out, slice(channels))
        return
    for start in range(0, channels, _MOST_CHANNELS):
        part = slice(start, min(start + _MOST_CHANNELS, channels))
        filled = np.ascontiguousarray(out[..., part])
        function(np.ascontiguousarray(image[..., part]), filled, part)
        out[..., part] = filled


def _pick(
    image: np.ndarray,
    rows: _Axis,
    columns: _Axis,
    transform: Transform,
    out: np.ndarray,
) -> None:
    """Takes whole rows and columns."""
    row, row_inside = rows.indices(transform.fill_mode)
    column, column_inside = columns.indices(transform.fill_mode)
    out[:] = image.take(row, axis=0).take(column, axis=1)
    if transform.fill_mode == "constant":
        out[~row_inside] = transform.fill_value
        out[:, ~column_inside] = transform.fill_value


def _resize(image: np.ndarray, rows: _Axis, columns: _Axis, out: np.ndarray) -> None:
    """Stretches all of an image."""
    import cv2

    if -1 in (rows.direction, columns.direction):
        image = image[:: rows.direction, :: columns.direction]
        image = np.ascontiguousarray(image)
    size = columns.size, rows.size
    by_channels(
        lambda image, out, _: cv2.resize(
            image, size, dst=out, interpolation=cv2.INTER_LINEAR
        ),
        image,
        out,
    )


def _shift(
    image: np.ndarray, offset: float, axis: int, transform: Transform, out: np.ndarray
) -> None:
    """Blends an image that is moved along one axis with itself, a pixel further."""
    import cv2

    length, first = image.shape[axis], math.floor(offset)
    share = offset - first
    before, after = max(-first, 0), max(first + 1, 0)
    top, bottom, left, right = (0, 0, before, after) if axis else (before, after, 0, 0)
    border, fill = _BORDERS[transform.fill_mode], [transform.fill_value] * CHANNELS
    padded = cv2.copyMakeBorder(image, top, bottom, left, right, border, value=fill)
    padded = padded.reshape(*padded.shape[:2], -1)
    start = before + first
    here, there = (
        padded[(slice(None),) * axis + (slice(start + step, start + step + length),)]
        for step in range(2)
    )
    cv2.addWeighted(here, 1.0 - share, there, share, 0.0, dst=out)


def _resize_by_filter(
    image: np.ndarray, matrix: np.ndarray, out: np.ndarray, interpolation: str
) -> None:
    """Resizes all of an image by products with the weights of a filter."""
    transform = Transform(np.linalg.inv(matrix)[None].astype("float32"))
    height, width = image.shape[:2]
    rows, columns = (
        axis_weights(
            transform, axis, out.shape[axis], length, interpolation, operations.NUMPY
        )
        for axis, length in enumerate((height, width))
    )
    values = rows[0].astype("float32") @ image.reshape(height, -1).astype("float32")
    values = columns[0].astype("float32") @ values.reshape(len(out), width, -1)
    if image.dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    out[:] = values


def _warp_points(
    image: np.ndarray,
    matrix: np.ndarray,
    out: np.ndarray,
    transform: Transform,
    interpolation: str,
) -> None:
    """Looks up each pixel where it comes from."""
    import cv2

    height, width, channels = out.shape
    # OpenCV counts from the centre of the first pixel.
    matrix = shift(-0.5, -0.5) @ matrix @ shift(0.5, 0.5)
    flags = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[interpolation]
    arguments: dict[str, Any] = {
        "dsize": (width, height),
        "flags": flags | cv2.WARP_INVERSE_MAP,
        "borderMode": _BORDERS[transform.fill_mode],
        "borderValue": [transform.fill_value] * CHANNELS,
    }
    is_affine = matrix[2].tolist() == [0, 0, 1]
    function = cv2.warpAffine if is_affine else cv2.warpPerspective
    matrix = matrix[:2] if is_affine else matrix
    source = image if channels <= CHANNELS else np.ascontiguousarray(image)
    if source.dtype not in (np.uint8, np.float32):
        source = source.astype("float32")
    if channels == 3 and source is image:
        # Four channels take OpenCV two thirds of the time of three.
        warped = function(cv2.cvtColor(source, cv2.COLOR_RGB2RGBA), matrix, **arguments)
        cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=out)
        return
    for start in range(0, channels, CHANNELS):
        part = source[..., start : start + CHANNELS]
        count = part.shape[-1]
        if count == 2:
            # OpenCV is precise with one, three or four.
            part = part[..., [0, 1, 1]]
        warped = function(part, matrix, **arguments).reshape(height, width, -1)
        out[..., start : start + count] = warped[..., :count]


def shift(x: float, y: float) -> np.ndarray:
    """Returns the matrix that adds to x and y."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
