"""Images as tensors: no call to the host, shapes as static as they come.

The same code serves TensorFlow's graphs and the backend of Keras; each brings what it
does faster. Images are `(B, H, W, C)`; uint8 stays uint8 and is rounded, floats keep
their type and are computed as float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_cv import array_ops
from keras_cv.augmentation.numpy_engine import fill_indices
from keras_cv.augmentation.statistics import Statistics
from keras_cv.augmentation.transform import Transform, inverse


class TensorEngine:
    """What layers do to images, on tensors.

    Args:
        ops: functions of the tensors.
    """

    name = "tensor"

    def __init__(self, ops: Any) -> None:
        self.ops = ops

    def sizes(self, images: Any) -> Any:
        """Returns heights and widths, float32 `(B, 2)`."""
        ops = self.ops
        batch, height, width, _ = ops.shape(images)
        one = ops.ones((batch, 1), "float32")
        sizes = [one * ops.cast(length, "float32") for length in (height, width)]
        return ops.concatenate(sizes, axis=1)

    def take_samples(self, values: Any, indices: Any) -> Any:
        """Returns samples of a tensor."""
        return self.ops.take(values, indices, axis=0)

    def map_values(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        *,
        dtype: str | None = None,
    ) -> Any:
        """Changes each value by itself; see `NumpyEngine.map_values`."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        values = ops.cast(ops.reshape(images, (batch, -1, channels)), "float32")
        changed = function(values, parameters, Statistics(values, ops), ops)
        changed = ops.reshape(changed, (batch, height, width, channels))
        return self.as_dtype(changed, dtype or images.dtype)

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        """Moves and resamples images; see `Transform`."""
        ops = self.ops
        height, width = transform.size or ops.shape(images)[1:3]
        centers = self.source_points(transform, height, width)
        x, y = centers[..., 0], centers[..., 1]  # (B, h * w), in pixels of the input
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
        shape = (-1, height, width, ops.shape(images)[-1])
        return self.as_dtype(ops.reshape(sampled, shape), images.dtype)

    def source_points(self, transform: Transform, height: Any, width: Any) -> Any:
        """Returns where the centres of the output's pixels come from.

        Returns:
            Float32 `(B, height * width, 2)`, x and y in pixels of the input.
        """
        ops = self.ops
        back = inverse(transform.matrix, ops)
        x = ops.cast(ops.arange(width), "float32")[None, None, :] + 0.5
        y = ops.cast(ops.arange(height), "float32")[None, :, None] + 0.5
        column = [
            back[:, row, 0, None, None] * x
            + back[:, row, 1, None, None] * y
            + back[:, row, 2, None, None]
            for row in range(3)
        ]
        points = ops.stack([column[0] / column[2], column[1] / column[2]], axis=-1)
        return ops.reshape(points, (-1, height * width, 2))

    def _pixels(self, images: Any, x: Any, y: Any, transform: Transform) -> Any:
        """Returns the values `(B, N, C)` of pixels `(B, N)`."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        low_x, low_y, high_x, high_y = 0, 0, width, height
        if transform.window is not None:
            window = ops.cast(transform.window, "int32")[:, :, None]  # (B, 4, 1)
            low_x, low_y, high_x, high_y = (window[:, side] for side in range(4))
        mode = transform.fill_mode
        inner_x = fill_indices(x - low_x, high_x - low_x, mode, ops) + low_x
        inner_y = fill_indices(y - low_y, high_y - low_y, mode, ops) + low_y
        first = ops.cast(ops.arange(batch), "int32")[:, None] * (height * width)
        index = ops.reshape(first + inner_y * width + inner_x, (-1,))
        values = ops.take(ops.reshape(images, (-1, channels)), index, axis=0)
        values = ops.reshape(values, (batch, -1, channels))
        if mode == "constant" and not transform.stays_inside:
            inside = (inner_x == x) & (inner_y == y)
            fill = ops.cast(transform.fill_value, values.dtype)
            values = ops.where(inside[..., None], values, fill)
        return values

    def mix_channels(self, images: Any, matrices: Any) -> Any:
        """Makes channels weighted sums of channels; see `NumpyEngine.mix_channels`."""
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        values = ops.cast(ops.reshape(images, (batch, -1, channels)), "float32")
        mixed = ops.matmul(values, ops.transpose(matrices, (0, 2, 1)))
        mixed = ops.reshape(mixed, (batch, height, width, ops.shape(matrices)[1]))
        return self.as_dtype(mixed, images.dtype)

    def blend(self, first: Any, second: Any, share: Any) -> Any:
        """Returns `first + share * (second - first)`; share is float32 `(B,)`."""
        ops = self.ops
        share = share[:, None, None, None]
        values = ops.cast(first, "float32")
        values = values + share * (ops.cast(second, "float32") - values)
        return self.as_dtype(values, first.dtype)

    def paste(self, images: Any, others: Any, rectangle: Any) -> Any:
        """Returns images with rectangles `(B, 4)`, "xyxy" in pixels, of others."""
        return self.ops.where(self.rectangle_mask(images, rectangle), others, images)

    def select(self, mask: Any, others: Any, images: Any) -> Any:
        """Returns images with the pixels of others where `(B, H, W)` is True."""
        return self.ops.where(mask[..., None], others, images)

    def kth(self, values: Any, k: Any) -> Any:
        """Returns of each row `(B, N)` the value with `k` smaller ones, `(B,)`."""
        order = self.ops.sort(values, axis=1)
        return self.ops.take_along_axis(order, k[:, None], axis=1)[:, 0]

    def rectangle_mask(self, images: Any, rectangle: Any) -> Any:
        """Returns which pixels lie in rectangles, bool `(B, H, W, 1)`."""
        ops = self.ops
        _, height, width, _ = ops.shape(images)
        x = ops.cast(ops.arange(width), "float32")[None]
        y = ops.cast(ops.arange(height), "float32")[None]
        left, top, right, bottom = (rectangle[:, side, None] for side in range(4))
        columns, rows = (x >= left) & (x < right), (y >= top) & (y < bottom)
        return (rows[:, :, None] & columns[:, None])[..., None]

    def tile(self, images: Any, sources: Any, center: Any) -> Any:
        """Puts four images together where they meet at a point.

        Args:
            images: of the batch.
            sources: int32 `(B, 4)`, which images: top left, top right, bottom left,
                bottom right.
            center: float32 `(B, 2)`, y and x where they meet, whole pixels.
        """
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        center = ops.cast(center, "int32")
        y = ops.cast(ops.arange(height), "int32")[None, :, None]
        x = ops.cast(ops.arange(width), "int32")[None, None, :]
        middle_y, middle_x = center[:, 0, None, None], center[:, 1, None, None]
        is_low, is_right = y >= middle_y, x >= middle_x
        quarter = 2 * ops.cast(is_low, "int32") + ops.cast(is_right, "int32")
        quarter = ops.reshape(quarter, (batch, -1))
        source = ops.reshape(
            ops.take_along_axis(sources, quarter, axis=1), (batch, height, width)
        )
        row, column = ops.mod(y - middle_y, height), ops.mod(x - middle_x, width)
        index = ops.reshape((source * height + row) * width + column, (-1,))
        pixels = ops.take(ops.reshape(images, (-1, channels)), index, axis=0)
        return ops.reshape(pixels, (batch, height, width, channels))

    def as_dtype(self, values: Any, dtype: Any) -> Any:
        """Casts; rounds and clips if it is to uint8."""
        ops = self.ops
        if is_uint8(dtype) and not is_uint8(values.dtype):
            values = ops.clip(ops.round(values), 0.0, 255.0)
        return ops.cast(values, dtype)


class KerasEngine(TensorEngine):
    """On tensors of the backend of Keras, also while they are traced."""

    name = "keras"

    def __init__(self) -> None:
        super().__init__(keras.ops)


class TensorFlowEngine(TensorEngine):
    """On TensorFlow tensors, whatever the backend of Keras is."""

    name = "tensorflow"

    def __init__(self) -> None:
        super().__init__(array_ops.tensorflow_ops())

    def places_of(self, choice: Any, number: int) -> Any:
        """Returns the indices at which a number was chosen, int32 `(n,)`."""
        return self.ops.cast(self.ops.where(choice == number)[:, 0], "int32")

    def unstacked(self, batch: Any) -> Any:
        """Returns the batch, which is tensors already."""
        return batch

    stacked = unstacked

    def put_samples(self, values: Any, indices: Any, new: Any) -> Any:
        """Returns values with others at some indices."""
        return self.ops.tensor_scatter_nd_update(values, indices[:, None], new)


@functools.cache
def keras_engine() -> KerasEngine:
    """Returns the engine of the backend."""
    return KerasEngine()


@functools.cache
def tensorflow_engine() -> TensorFlowEngine:
    """Returns the engine of TensorFlow, which it imports."""
    return TensorFlowEngine()


def is_float(dtype: Any) -> bool:
    """Whether a dtype of any library is of floating point."""
    return "float" in str(getattr(dtype, "name", dtype))


def is_uint8(dtype: Any) -> bool:
    """Whether a dtype of any library is uint8."""
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2] == "uint8"
