"""Colours of images as tensors; see `TensorEngine`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain_core.arrays.operations import Operations, as_rounded
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.resampling import fill_indices
from keras_cv.augmentation.statistics import Statistics


class TensorColors(Engine):
    """What layers do to the values of images, and nothing to their places.

    Args:
        ops: functions of the tensors.
    """

    def __init__(self, ops: Operations) -> None:
        self.ops = ops

    def each(
        self, function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
    ) -> Any:
        """Calls a function for few images at a time where that is faster.

        What one operation leaves is then still in the cache for the next, and what is
        in between takes little memory.

        Args:
            function: takes images and rows of a part of the batch; gives images.
            images: of the batch, or anything else with a row for each image.
            rows: a dict or tuple of tensors with a row for each image.
            dtype: of what the function gives; None for that of the images.
        """
        return function(images, rows)

    def map_values(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        *,
        dtype: str | None = None,
    ) -> Any:
        return self.each(
            lambda images, rows: self._map_values(images, function, rows, dtype),
            images,
            parameters,
            dtype,
        )

    def _map_values(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        dtype: str | None,
    ) -> Any:
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        values = ops.cast(ops.reshape(images, (batch, -1, channels)), "float32")
        changed = function(values, parameters, Statistics(values, ops, height), ops)
        changed = ops.reshape(changed, (batch, height, width, channels))
        return self.as_dtype(changed, dtype or images.dtype)

    def mix_channels(self, images: Any, matrices: Any) -> Any:
        ops = self.ops
        batch, height, width, channels = ops.shape(images)
        values = ops.cast(ops.reshape(images, (batch, -1, channels)), "float32")
        mixed = ops.matmul(values, ops.transpose(matrices, (0, 2, 1)))
        mixed = ops.reshape(mixed, (batch, height, width, ops.shape(matrices)[1]))
        return self.as_dtype(mixed, images.dtype)

    def take_channels(self, images: Any, order: Any) -> Any:
        ops = self.ops
        channels = ops.arange(images.shape[-1], dtype="int32")
        is_taken = ops.cast(order, "int32")[:, :, None] == ops.cast(channels, "int32")
        return self.mix_channels(images, ops.cast(is_taken, "float32"))

    def adjust_hsv(
        self,
        images: Any,
        value_range: tuple[float, float],
        hue: Any,
        saturation: Any,
        *,
        function: Callable[..., Any] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Any:
        rows = {"hue": hue, "saturation": saturation, "parameters": parameters or {}}

        def change(images: Any, rows: Any) -> Any:
            dtype = images.dtype
            if function is not None:
                values = rows["parameters"]
                images = self._map_values(images, function, values, "float32")
            changed = self._change_hsv(
                images, value_range[0], rows["hue"], rows["saturation"]
            )
            return self.as_dtype(changed, dtype)

        return self.each(change, images, rows)

    def _change_hsv(self, images: Any, low: float, hue: Any, saturation: Any) -> Any:
        ops = self.ops
        red, green, blue = (
            ops.cast(images[..., channel], "float32") - low for channel in range(3)
        )
        value = ops.maximum(ops.maximum(red, green), blue)
        chroma = value - ops.minimum(ops.minimum(red, green), blue)
        is_red, is_green = value == red, value == green
        difference = ops.where(
            is_red, green - blue, ops.where(is_green, blue - red, red - green)
        )
        first = ops.where(is_red, 0.0, ops.where(is_green, 2.0, 4.0))
        turns = (difference / ops.maximum(chroma, 1e-12) + first) / 6.0
        turns = turns + hue[:, None, None]
        sixths = 6.0 * (turns - ops.floor(turns))
        # A grey pixel stays grey, and no saturation is above 1.
        chroma = ops.minimum(chroma * saturation[:, None, None], value)
        shares = [
            2.0 - ops.abs(sixths - 3.0),
            ops.abs(sixths - 2.0) - 1.0,
            ops.abs(sixths - 4.0) - 1.0,
        ]
        value = value + low
        channels = [value - chroma * ops.clip(share, 0.0, 1.0) for share in shares]
        return ops.stack(channels, axis=-1)

    def blur(
        self,
        images: Any,
        x_kernels: Any,
        y_kernels: Any,
        fill_mode: str = "constant",
    ) -> Any:
        ops = self.ops
        values = ops.cast(images, "float32")
        reaches = y_kernels.shape[1] // 2, x_kernels.shape[1] // 2
        if fill_mode != "constant":
            for axis, reach in enumerate(reaches, 1):
                length = ops.shape(images)[axis]
                places = ops.arange(-reach, length + reach, dtype="int32")
                index = fill_indices(places, length, fill_mode, ops)
                values = ops.take(values, index, axis=axis)
            reaches = 0, 0
        blurred = self.convolve(values, x_kernels, y_kernels, reaches)
        return self.as_dtype(blurred, images.dtype)

    def convolve(
        self, values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
    ) -> Any:
        """Convolves rows and columns.

        Args:
            values: float32 `(B, H, W, C)`.
            x_kernels: see `Engine.blur`.
            y_kernels: likewise.
            reaches: how many zeros to put beside the columns and beside the rows; less
                than half a kernel makes the result smaller.
        """
        y, x = reaches
        values = self.ops.pad(values, [[0, 0], [y, y], [x, x], [0, 0]])
        for axis, kernels in ((1, y_kernels), (2, x_kernels)):
            size = kernels.shape[1]
            length = self.ops.shape(values)[axis] - size + 1
            total: Any = 0.0
            for tap in range(size):
                part = (slice(None),) * axis + (slice(tap, tap + length),)
                total = total + values[part] * kernels[:, tap, None, None, None]
            values = total
        return values

    def filter(self, images: Any, kernels: Any) -> Any:
        ops = self.ops
        _, height, width, _ = ops.shape(images)
        padded = ops.pad(ops.cast(images, "float32"), [[0, 0], [1, 1], [1, 1], [0, 0]])
        total = 0.0
        for row in range(3):
            for column in range(3):
                moved = padded[:, row : row + height, column : column + width]
                total = total + moved * kernels[:, row, column, None, None, None]
        y, x = ops.arange(height, dtype="int32"), ops.arange(width, dtype="int32")
        is_row, is_column = (y > 0) & (y < height - 1), (x > 0) & (x < width - 1)
        is_inner = (is_row[:, None] & is_column)[None, :, :, None]
        return ops.where(is_inner, self.as_dtype(total, images.dtype), images)

    def as_dtype(self, values: Any, dtype: Any) -> Any:
        return as_rounded(values, dtype, self.ops)
