"""Images as tensors: no call to the host, shapes as static as they come.

The same code serves TensorFlow's graphs and the backend of Keras; each brings what it
does faster. Images are `(B, H, W, C)`; uint8 stays uint8 and is rounded, floats keep
their type and are computed as float32.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keras_cv.augmentation.resampling import (
    BETWEEN,
    axis_weights,
    fill_indices,
    inner_indices,
    source_axis,
)
from keras_cv.augmentation.tensor_colors import TensorColors
from keras_cv.augmentation.transform import Transform, inverse


class TensorEngine(TensorColors):
    """What layers do to images, on tensors.

    Args:
        ops: functions of the tensors.
    """

    # XLA makes one pass of it; elsewhere to look up pixels is faster.
    flips_by_reversing = False

    def sizes(self, images: Any) -> Any:
        ops = self.ops
        batch, height, width, _ = ops.shape(images)
        one = ops.ones((batch, 1), "float32")
        sizes = [one * ops.cast(length, "float32") for length in (height, width)]
        return ops.concatenate(sizes, axis=1)

    def take_samples(self, values: Any, indices: Any) -> Any:
        return self.ops.take(values, indices, axis=0)

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        """Calls a function that looks up pixels, for few images where that is faster.

        Args:
            function: takes images and rows of a part of the batch; gives images.
            images: of the batch.
            rows: arrays with a row for each image.
        """
        return function(images, rows)

    def take_rows(self, values: Any, indices: Any) -> Any:
        """Returns rows of `(N, M)` at int32 `(n,)`, none of them negative."""
        return self.ops.take(values, indices, axis=0)

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        if transform.sizes is not None:
            raise ValueError("Images of different sizes have no place in one tensor.")
        if transform.is_flip and self.flips_by_reversing:
            return self._flip(images, transform)
        rows = {
            name: value
            for name in ("matrix", "window", "inner")
            if (value := getattr(transform, name)) is not None
        }

        def warp(images: Any, rows: Any) -> Any:
            moved = dataclasses.replace(transform, **rows)
            return self._warp(images, moved, interpolation)

        return self.each_looked_up(warp, images, rows)

    def _warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        ops = self.ops
        source = tuple(ops.shape(images)[1:3])
        size = tuple(transform.size or source)
        if transform.is_exact and (transform.keeps_size or _is_within(size, source)):
            interpolation = "nearest"
        if transform.is_axis_aligned and interpolation != "nearest":
            warped = self._warp_axes(images, transform, size, interpolation)
        elif transform.is_axis_aligned:
            warped = self._pick_axes(images, transform, size)
        else:
            warped = self.warp_points(images, transform, size, interpolation)
        if transform.inner is not None:
            height, width = (transform.inner[:, axis][:, None] for axis in range(2))
            rows = (
                ops.cast(ops.arange(size[0], dtype="int32"), "float32")[None] < height
            )
            columns = (
                ops.cast(ops.arange(size[1], dtype="int32"), "float32")[None] < width
            )
            is_inner = rows[:, :, None, None] & columns[:, None, :, None]
            fill = ops.cast(transform.fill_value, warped.dtype)
            warped = ops.where(is_inner, warped, fill)
        return self.as_dtype(warped, images.dtype)

    def _warp_axes(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        """Resamples rows, then columns.

        Both stand first for it, as rows of all that lies beside them: moving what is
        one piece in memory is what is fast.
        """
        ops = self.ops
        _, height, width, channels = ops.shape(images)
        resample = (
            self._between_two if interpolation == "bilinear" else self._by_weights
        )
        values = ops.reshape(images, (-1, height, width * channels))
        if transform.along != 1:
            values = resample(values, transform, 0, size[0], interpolation)
        values = ops.reshape(values, (-1, size[0], width, channels))
        if transform.along == 0:
            return values
        values = ops.reshape(
            ops.transpose(values, (0, 2, 1, 3)), (-1, width, size[0] * channels)
        )
        values = resample(values, transform, 1, size[1], interpolation)
        values = ops.reshape(values, (-1, size[1], size[0], channels))
        return ops.transpose(values, (0, 2, 1, 3))

    def _by_weights(
        self, values: Any, transform: Transform, axis: int, size: Any, name: str
    ) -> Any:
        """Resamples values `(B, N, M)` to `(B, size, M)` by a filter."""
        ops = self.ops
        length = ops.shape(values)[1]
        weights = axis_weights(transform, axis, size, length, name, ops)
        return ops.matmul(weights, ops.cast(values, "float32"))

    def _between_two(
        self, values: Any, transform: Transform, axis: int, size: Any, name: str
    ) -> Any:
        """Resamples values `(B, N, M)` to `(B, size, M)` between two each."""
        ops = self.ops
        batch, length, breadth = ops.shape(values)
        lines = ops.reshape(values, (-1, breadth))
        first = ops.arange(batch, dtype="int32")[:, None, None] * length
        _, centers = source_axis(transform, axis, size, ops)
        left = ops.floor(centers - 0.5)
        share = centers - 0.5 - left
        taken, pair = ops.cast(left, "int32"), []
        for step in (0, 1):
            inner = inner_indices(taken + step, transform, axis, length, ops)
            line = self.take_rows(lines, ops.reshape(first + inner, (-1,)))
            line = ops.cast(ops.reshape(line, (-1, size, breadth)), "float32")
            if transform.fill_mode == "constant" and not transform.stays_inside:
                line = ops.where(inner == taken + step, line, transform.fill_value)
            pair.append(line)
        return pair[0] + (pair[1] - pair[0]) * share

    def _pick_axes(
        self, images: Any, transform: Transform, size: tuple[Any, Any]
    ) -> Any:
        """Takes whole rows and columns, the nearest ones."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        picked, inside = [], []
        for axis, length in enumerate((height, width)):
            _, centers = source_axis(transform, axis, size[axis], ops)
            index = ops.cast(ops.floor(centers + BETWEEN), "int32")
            inner = inner_indices(index, transform, axis, length, ops)
            picked.append(inner[..., 0])
            inside.append((inner == index)[..., 0])
        first = ops.arange(batch, dtype="int32")[:, None] * height
        rows = (first + picked[0])[:, :, None] * width  # (B, h, 1)
        index = ops.reshape(rows + picked[1][:, None], (-1,))
        values = self.take_rows(ops.reshape(images, (-1, channels)), index)
        values = ops.reshape(values, (batch, *size, channels))
        if transform.fill_mode == "constant" and not transform.stays_inside:
            is_inside = inside[0][:, :, None, None] & inside[1][:, None, :, None]
            fill = ops.cast(transform.fill_value, values.dtype)
            values = ops.where(is_inside, values, fill)
        return values

    def _flip(self, images: Any, transform: Transform) -> Any:
        ops = self.ops
        for axis, place in ((2, 0), (1, 1)):
            is_flipped = transform.matrix[:, place, place] < 0
            images = ops.where(
                is_flipped[:, None, None, None], ops.flip(images, axis), images
            )
        return images

    def warp_points(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        """Looks up each pixel of the output where it comes from.

        Args:
            images: of the batch.
            transform: see `Transform`; not all of it is left to here.
            size: height and width of the output.
            interpolation: "bilinear" or "nearest".

        Returns:
            Float32 or the dtype of the images.
        """
        ops = self.ops
        height, width = size
        if transform.along is not None and interpolation == "bilinear":
            return self._warp_along(images, transform, transform.along)
        x, y = (
            ops.reshape(axis, (-1, height * width))
            for axis in self.source_points(inverse(transform.matrix, ops), size)
        )
        if interpolation == "nearest":
            x, y = (ops.cast(ops.floor(axis), "int32") for axis in (x, y))
            sampled = self._pixels(images, x, y, transform)
        else:
            floats = ops.cast(images, "float32")
            x, y = x - 0.5, y - 0.5
            left, top = ops.floor(x), ops.floor(y)
            right_share, low_share = (x - left)[..., None], (y - top)[..., None]
            left, top = ops.cast(left, "int32"), ops.cast(top, "int32")
            rows = []
            for step in (0, 1):
                first = self._pixels(floats, left, top + step, transform)
                second = self._pixels(floats, left + 1, top + step, transform)
                rows.append(first + (second - first) * right_share)
            sampled = rows[0] + (rows[1] - rows[0]) * low_share
        return ops.reshape(sampled, (-1, height, width, ops.shape(images)[-1]))

    def _warp_along(self, images: Any, transform: Transform, axis: int) -> Any:
        """Resamples between two pixels that lie beside each other, or below."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        length = (height, width)[axis]
        y, x = (ops.arange(side, dtype="int32") for side in (height, width))
        back = inverse(transform.matrix, ops)[:, 1 - axis, :, None, None]
        columns, rows = (ops.cast(side, "float32") + 0.5 for side in (x, y))
        centers = back[:, 0] * columns + (back[:, 1] * rows[:, None] + back[:, 2])
        left = ops.floor(centers - 0.5)
        share = (centers - 0.5 - left)[..., None]
        first = ops.arange(batch, dtype="int32")[:, None, None] * (height * width)
        first, step = (first + y[:, None] * width, 1) if axis else (first + x, width)
        pixels = ops.reshape(images, (-1, channels))
        taken, pair = ops.cast(left, "int32"), []
        for index in (taken, taken + 1):
            inner = fill_indices(index, length, transform.fill_mode, ops)
            places = ops.reshape(first + inner * step, (-1,))
            values = ops.cast(self.take_rows(pixels, places), "float32")
            values = ops.reshape(values, (batch, height, width, channels))
            if transform.fill_mode == "constant":
                is_inside = (inner == index)[..., None]
                values = ops.where(is_inside, values, transform.fill_value)
            pair.append(values)
        return pair[0] + (pair[1] - pair[0]) * share

    def source_points(self, back: Any, size: tuple[Any, Any]) -> tuple[Any, Any]:
        """Returns where the centres of the output's pixels come from.

        Args:
            back: float32 `(B, 3, 3)`, from the output to the input.
            size: height and width of the output.

        Returns:
            x and y, float32 `(B, height, width)`.
        """
        ops = self.ops
        y, x = (
            ops.cast(ops.arange(length, dtype="int32"), "float32") + 0.5
            for length in size
        )
        # Few sums over all pixels: what is small is added first.
        column = [
            back[:, row, 0, None, None] * x
            + (back[:, row, 1, None, None] * y[:, None] + back[:, row, 2, None, None])
            for row in range(3)
        ]
        return column[0] / column[2], column[1] / column[2]

    def _pixels(self, images: Any, x: Any, y: Any, transform: Transform) -> Any:
        """Returns the values `(B, N, C)` of pixels `(B, N)`."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        mode = transform.fill_mode
        inner_x, inner_y = (
            inner_indices(index[..., None], transform, axis, length, ops)[..., 0]
            for index, axis, length in ((x, 1, width), (y, 0, height))
        )
        first = ops.arange(batch, dtype="int32")[:, None] * (height * width)
        index = ops.reshape(first + inner_y * width + inner_x, (-1,))
        values = self.take_rows(ops.reshape(images, (-1, channels)), index)
        values = ops.reshape(values, (batch, -1, channels))
        if mode == "constant" and not transform.stays_inside:
            inside = (inner_x == x) & (inner_y == y)
            fill = ops.cast(transform.fill_value, values.dtype)
            values = ops.where(inside[..., None], values, fill)
        return values

    def compress(self, images: Any, value_range: Any, quality: Any) -> Any:
        raise ValueError(
            "RandomJpegQuality compresses on the host, and cannot do so in a compiled "
            "function, nor inside a model. Apply it ahead of them: directly, in a data "
            "loader or in `tf.data`."
        )

    def blend(self, first: Any, second: Any, share: Any) -> Any:
        ops = self.ops

        def blend(first: Any, rows: Any) -> Any:
            second, share = rows
            values = ops.cast(first, "float32")
            difference = ops.cast(second, "float32") - values
            values = values + share[:, None, None, None] * difference
            return self.as_dtype(values, first.dtype)

        return self.each(blend, first, (second, share))

    def add_weighted(self, total: Any, images: Any, weights: Any) -> Any:
        part = weights[:, None, None, None] * self.ops.cast(images, "float32")
        return part if total is None else total + part

    def paste(self, images: Any, others: Any, rectangles: Any) -> Any:
        mask = self.rectangle_mask(images, rectangles)
        return self.ops.where(mask, others, images)

    def fill_rectangles(self, images: Any, rectangles: Any, patterns: Any) -> Any:
        mask = self.rectangle_mask(images, rectangles)
        return self.ops.where(mask, self._repeated(patterns, images), images)

    def fill_where(
        self,
        images: Any,
        mask: Callable[..., Any],
        parameters: dict[str, Any],
        patterns: Any,
    ) -> Any:
        height, width = self.ops.shape(images)[1:3]
        chosen = mask(parameters, height, width, self.ops)[..., None]
        return self.ops.where(chosen, self._repeated(patterns, images), images)

    def _repeated(self, patterns: Any, images: Any) -> Any:
        """Returns patterns, repeated to the size of images and in their dtype."""
        ops = self.ops
        patterns = self.as_dtype(patterns, images.dtype)
        for axis in (1, 2):
            if patterns.shape[axis] != 1:
                places = ops.arange(ops.shape(images)[axis], dtype="int32")
                index = ops.mod(places, patterns.shape[axis])
                patterns = ops.take(patterns, index, axis=axis)
        return patterns

    def select(self, mask: Any, others: Any, images: Any) -> Any:
        return self.ops.where(mask[..., None], others, images)

    def kth(self, values: Any, k: Any) -> Any:
        order = self.ops.sort(values, axis=1)
        return self.ops.take_along_axis(order, k[:, None], axis=1)[:, 0]

    def rectangle_mask(self, images: Any, rectangle: Any) -> Any:
        """Returns which pixels lie in rectangles, bool `(B, H, W, 1)`."""
        ops = self.ops
        _, height, width, _ = ops.shape(images)
        x = ops.cast(ops.arange(width, dtype="int32"), "float32")[None]
        y = ops.cast(ops.arange(height, dtype="int32"), "float32")[None]
        left, top, right, bottom = (rectangle[:, side][:, None] for side in range(4))
        columns, rows = (x >= left) & (x < right), (y >= top) & (y < bottom)
        return (rows[:, :, None] & columns[:, None])[..., None]

    def tile(self, images: Any, sources: Any, center: Any) -> Any:
        ops = self.ops
        batch = ops.shape(sources)[0]
        _, height, width, channels = ops.shape(images)
        center = ops.cast(center, "int32")
        y = ops.arange(height, dtype="int32")[None, :, None]
        x = ops.arange(width, dtype="int32")[None, None, :]
        middle_y, middle_x = (center[:, i][:, None, None] for i in range(2))
        is_low, is_right = y >= middle_y, x >= middle_x
        quarter = 2 * ops.cast(is_low, "int32") + ops.cast(is_right, "int32")
        quarter = ops.reshape(quarter, (batch, -1))
        source = ops.reshape(
            ops.take_along_axis(sources, quarter, axis=1), (batch, height, width)
        )
        row, column = ops.mod(y - middle_y, height), ops.mod(x - middle_x, width)
        index = ops.reshape((source * height + row) * width + column, (-1,))
        pixels = self.take_rows(ops.reshape(images, (-1, channels)), index)
        return ops.reshape(pixels, (batch, height, width, channels))


def _is_within(size: tuple[Any, ...], source: tuple[Any, ...]) -> bool:
    """Whether a size is known to be no larger than another."""
    return all(
        isinstance(length, int) and isinstance(whole, int) and length <= whole
        for length, whole in zip(size, source, strict=True)
    )
