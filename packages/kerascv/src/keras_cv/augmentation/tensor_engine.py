"""Images as tensors: no call to the host, shapes as static as they come.

The same code serves TensorFlow's graphs and the backend of Keras; each brings what it
does faster. Images are `(B, H, W, C)`; uint8 stays uint8 and is rounded, floats keep
their type and are computed as float32.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import Any

import keras

from keras_cv import array_ops
from keras_cv.augmentation.resampling import (
    BETWEEN,
    axis_weights,
    inner_indices,
    source_axis,
)
from keras_cv.augmentation.tensor_colors import TensorColors
from keras_cv.augmentation.tensor_colors import is_float as is_float
from keras_cv.augmentation.tensor_colors import is_uint8 as is_uint8
from keras_cv.augmentation.transform import Transform, about, inverse

# What PyTorch calls our fill modes, and what TensorFlow's warp takes.
_TORCH_PADDING = {"reflect": "reflection", "constant": "zeros", "nearest": "border"}
_TENSORFLOW_WARPS = ("uint8", "int32", "int64", "float32")
# In how many parts torch handles a batch, but of no fewer values each.
_PARTS, _CACHED = 8, 2**19


class TensorEngine(TensorColors):
    """What layers do to images, on tensors.

    Args:
        ops: functions of the tensors.
    """

    name = "tensor"
    # XLA makes one pass of it; elsewhere to look up pixels is faster.
    flips_by_reversing = False

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

    def take_rows(self, values: Any, indices: Any) -> Any:
        """Returns rows of `(N, M)` at int32 `(n,)`, none of them negative."""
        return self.ops.take(values, indices, axis=0)

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        """Moves and resamples images; see `Transform`."""
        if transform.sizes is not None:
            raise ValueError("Images of different sizes have no place in one tensor.")
        ops = self.ops
        source = tuple(ops.shape(images)[1:3])
        size = tuple(transform.size or source)
        if transform.is_exact and (transform.keeps_size or _is_within(size, source)):
            interpolation = "nearest"
        if transform.is_axis_aligned and interpolation != "nearest":
            warped = self._warp_axes(images, transform, size, interpolation)
        elif transform.is_flip and self.flips_by_reversing:
            warped = self._flip(images, transform)
        elif transform.is_axis_aligned:
            warped = self._pick_axes(images, transform, size)
        else:
            warped = self.warp_points(images, transform, size, interpolation)
        if transform.inner is not None:
            height, width = (transform.inner[:, axis][:, None] for axis in range(2))
            rows = ops.cast(ops.arange(size[0]), "float32")[None] < height
            columns = ops.cast(ops.arange(size[1]), "float32")[None] < width
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
        values = resample(values, transform, 0, size[0], interpolation)
        values = ops.reshape(values, (-1, size[0], width, channels))
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
        first = ops.cast(ops.arange(batch), "int32")[:, None, None] * length
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
        first = ops.cast(ops.arange(batch), "int32")[:, None] * height
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

    def source_points(self, back: Any, size: tuple[Any, Any]) -> tuple[Any, Any]:
        """Returns where the centres of the output's pixels come from.

        Args:
            back: float32 `(B, 3, 3)`, from the output to the input.
            size: height and width of the output.

        Returns:
            x and y, float32 `(B, height, width)`.
        """
        ops = self.ops
        y, x = (ops.cast(ops.arange(length), "float32") + 0.5 for length in size)
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
        first = ops.cast(ops.arange(batch), "int32")[:, None] * (height * width)
        index = ops.reshape(first + inner_y * width + inner_x, (-1,))
        values = self.take_rows(ops.reshape(images, (-1, channels)), index)
        values = ops.reshape(values, (batch, -1, channels))
        if mode == "constant" and not transform.stays_inside:
            inside = (inner_x == x) & (inner_y == y)
            fill = ops.cast(transform.fill_value, values.dtype)
            values = ops.where(inside[..., None], values, fill)
        return values

    def compress(self, images: Any, value_range: Any, quality: Any) -> Any:
        """Raises ValueError: JPEG is made on the host."""
        raise ValueError(
            "RandomJpegQuality compresses on the host, and cannot do so for tensors of "
            "the backend, nor inside a model. Apply it to NumPy arrays, in a data "
            "loader or in `tf.data`."
        )

    def blend(self, first: Any, second: Any, share: Any) -> Any:
        """Returns `first + share * (second - first)`; share is float32 `(B,)`."""
        ops = self.ops

        def blend(first: Any, rows: Any) -> Any:
            second, share = rows
            values = ops.cast(first, "float32")
            difference = ops.cast(second, "float32") - values
            values = values + share[:, None, None, None] * difference
            return self.as_dtype(values, first.dtype)

        return self.each(blend, first, (second, share))

    def add_weighted(self, total: Any, images: Any, weights: Any) -> Any:
        """Returns float32 `total + weights * images`; None adds to nothing."""
        part = weights[:, None, None, None] * self.ops.cast(images, "float32")
        return part if total is None else total + part

    def paste(self, images: Any, others: Any, rectangle: Any) -> Any:
        """Returns images with rectangles `(B, 4)`, "xyxy" in pixels, of others."""
        return self.ops.where(self.rectangle_mask(images, rectangle), others, images)

    def fill_rectangles(self, images: Any, rectangles: Any, patterns: Any) -> Any:
        """Fills rectangles with patterns; see `NumpyEngine.fill_rectangles`."""
        mask = self.rectangle_mask(images, rectangles)
        return self.ops.where(mask, self._repeated(patterns, images), images)

    def fill_where(
        self,
        images: Any,
        mask: Callable[..., Any],
        parameters: dict[str, Any],
        patterns: Any,
    ) -> Any:
        """Fills pixels with patterns; see `NumpyEngine.fill_where`."""
        height, width = self.ops.shape(images)[1:3]
        chosen = mask(parameters, height, width, self.ops)[..., None]
        return self.ops.where(chosen, self._repeated(patterns, images), images)

    def _repeated(self, patterns: Any, images: Any) -> Any:
        """Returns patterns, repeated to the size of images and in their dtype."""
        ops = self.ops
        patterns = self.as_dtype(patterns, images.dtype)
        for axis in (1, 2):
            if patterns.shape[axis] != 1:
                places = ops.arange(ops.shape(images)[axis])
                index = ops.mod(places, patterns.shape[axis])
                patterns = ops.take(patterns, index, axis=axis)
        return patterns

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
        left, top, right, bottom = (rectangle[:, side][:, None] for side in range(4))
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
        batch = ops.shape(sources)[0]
        _, height, width, channels = ops.shape(images)
        center = ops.cast(center, "int32")
        y = ops.cast(ops.arange(height), "int32")[None, :, None]
        x = ops.cast(ops.arange(width), "int32")[None, None, :]
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


class KerasEngine(TensorEngine):
    """On tensors of the backend of Keras, also while they are traced."""

    name = "keras"

    def __init__(self) -> None:
        super().__init__(keras.ops)
        backend = keras.backend.backend()
        self._is_torch = backend == "torch"
        self._is_jax = self.flips_by_reversing = backend == "jax"

    @property
    def has_static_shapes(self) -> bool:
        """Whether no shape may depend on values, as while models are compiled."""
        if not self._is_torch:
            return True
        import torch

        return torch.compiler.is_compiling()

    def places_of(self, choice: Any, number: int) -> Any:
        """Returns the indices at which a number was chosen, int64 `(n,)`, on torch."""
        return (choice == number).nonzero()[:, 0]

    def combined(self, batch: Any, choice: Any, places: Any, parts: Any) -> Any:
        """Returns a batch with samples of others in its places, on torch."""

        def put(values: Any, *others: Any) -> Any:
            values = values.clone()
            for indices, other in zip(places, others, strict=True):
                values.index_copy_(0, indices, other)
            return values

        return batch.map(put, *parts)

    def mix_channels(self, images: Any, matrices: Any) -> Any:
        if not self._is_jax:
            return super().mix_channels(images, matrices)
        # A tenth of the time of products with matrices as small as these.
        values = self.ops.cast(images, "float32")
        mixed = sum(
            values[..., channel : channel + 1] * matrices[:, None, None, :, channel]
            for channel in range(images.shape[-1])
        )
        return self.as_dtype(mixed, images.dtype)

    def each(
        self, function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
    ) -> Any:
        if self.has_static_shapes or not len(images):
            return function(images, rows)
        count, results = len(images), None
        size = max(-(-count // _PARTS), _CACHED // images[0].numel())
        if size >= count:
            return function(images, rows)
        for start in range(0, count, size):
            take = operator.itemgetter(slice(start, start + size))
            result = function(*keras.tree.map_structure(take, (images, rows)))
            if results is None:
                results = result.new_empty((count, *result.shape[1:]))
            results[start : start + size] = result
        return results

    def tile(self, images: Any, sources: Any, center: Any) -> Any:
        tile = super().tile
        return self.each(lambda _, rows: tile(images, *rows), images, (sources, center))

    def blend(self, first: Any, second: Any, share: Any) -> Any:
        if not self._is_torch:
            return super().blend(first, second, share)
        values, others = (self.ops.cast(x, "float32") for x in (first, second))
        mixed = values.lerp(others, share[:, None, None, None])
        return self.as_dtype(mixed, first.dtype)

    def add_weighted(self, total: Any, images: Any, weights: Any) -> Any:
        if not self._is_torch or total is None:
            return super().add_weighted(total, images, weights)
        values = self.ops.cast(images, "float32")
        return total.addcmul(values, weights[:, None, None, None])

    def take_rows(self, values: Any, indices: Any) -> Any:
        if not self._is_torch:
            return super().take_rows(values, indices)
        return values.index_select(0, indices)  # Keras looks for negative ones

    def warp_points(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        padding = _TORCH_PADDING.get(transform.fill_mode)
        is_bilinear = self._is_torch and interpolation == "bilinear"
        if not is_bilinear or padding is None or transform.window is not None:
            return super().warp_points(images, transform, size, interpolation)
        back, ops = inverse(transform.matrix, self.ops), self.ops
        # Torch counts from -1 to 1.
        rows = [
            back[:, row] * (2.0 / length) - back[:, 2]
            for row, length in enumerate((images.shape[2], images.shape[1]))
        ]
        back = ops.stack([*rows, back[:, 2]], axis=1)
        return self._sample(images, self.source_points(back, size), transform)

    def _warp_axes(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        is_bilinear = self._is_torch and interpolation == "bilinear"
        mode, window = transform.fill_mode, transform.window
        is_known = mode == "nearest" if window is not None else mode in _TORCH_PADDING
        if not is_bilinear or not is_known:
            return super()._warp_axes(images, transform, size, interpolation)
        points = []
        for axis, length in ((1, images.shape[2]), (0, images.shape[1])):
            _, centers = source_axis(transform, axis, size[axis], self.ops)
            if window is not None:
                low, high = (
                    window[:, side][:, None, None] for side in (1 - axis, 3 - axis)
                )
                centers = centers.clamp(low + 0.5, high - 0.5)
            points.append(centers * (2.0 / length) - 1.0)
        x, y = points[0].transpose(1, 2), points[1]
        shape = (len(images), *size)
        points = [x.expand(shape), y.expand(shape)]
        return self._sample(images, points, transform)

    def _sample(self, images: Any, points: Any, transform: Transform) -> Any:
        """Looks up points of images of torch, x and y in [-1, 1], `(B, h, w)` each."""
        from torch.nn.functional import grid_sample

        fill = transform.fill_value if transform.fill_mode == "constant" else 0.0
        values = self.ops.cast(images, "float32")
        values = (values - fill if fill else values).permute(0, 3, 1, 2)
        sampled = grid_sample(
            values,
            self.ops.stack(points, axis=-1),
            "bilinear",
            _TORCH_PADDING[transform.fill_mode],
            align_corners=False,
        ).permute(0, 2, 3, 1)
        return sampled + fill if fill else sampled

    def convolve(
        self, values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
    ) -> Any:
        if not self._is_torch:
            return super().convolve(values, x_kernels, y_kernels, reaches)
        is_eager = not (self.has_static_shapes or values.requires_grad)
        if is_eager and values.device.type == "cpu":
            return _convolve_each(values, x_kernels, y_kernels, reaches)
        from torch.nn.functional import conv2d

        # Rows hold the channels of a pixel side by side, a kernel jumps over them.
        batch, height, width, channels = values.shape
        y, x = reaches
        values = values.reshape(1, batch, height, width * channels)
        values = conv2d(values, y_kernels[:, None, :, None], None, 1, (y, 0), 1, batch)
        values = conv2d(
            values,
            x_kernels[:, None, None],
            None,
            1,
            (0, x * channels),
            (1, channels),
            batch,
        )
        return values.reshape(batch, values.shape[2], -1, channels)


def _convolve_each(
    values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
) -> Any:
    """Convolves one image of torch after another, which a cache holds.

    It takes half the time of torch's convolutions, which are made for many channels.
    """
    import torch

    batch, height, width, channels = values.shape
    y, x = reaches
    padded = values.new_zeros(height + 2 * y, (width + 2 * x) * channels)
    inner = padded[y : y + height, x * channels : (x + width) * channels]
    rows = len(padded) - y_kernels.shape[1] + 1
    columns = width + 2 * x - x_kernels.shape[1] + 1
    results = values.new_empty(batch, rows, columns * channels)
    between = values.new_empty(rows, padded.shape[1])
    images = values.reshape(batch, height, -1)
    kernels = x_kernels.tolist(), y_kernels.tolist()
    for image, out, x_kernel, y_kernel in zip(images, results, *kernels, strict=True):
        inner.copy_(image)
        for axis, step, kernel, source, total in (
            (0, 1, y_kernel, padded, between),
            (1, channels, x_kernel, between, out),
        ):
            length = total.shape[axis]
            torch.mul(source.narrow(axis, 0, length), kernel[0], out=total)
            for tap, weight in enumerate(kernel[1:], 1):
                part = source.narrow(axis, tap * step, length)
                total.add_(part, alpha=weight)
    return results.reshape(batch, rows, columns, channels)


class TensorFlowEngine(TensorEngine):
    """On TensorFlow tensors, whatever the backend of Keras is."""

    name = "tensorflow"
    has_static_shapes = False

    def __init__(self) -> None:
        super().__init__(array_ops.tensorflow_ops())

    def each(
        self, function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
    ) -> Any:
        ops = self.ops

        def run(sample: Any) -> Any:
            one = ops.nest.map_structure(lambda value: value[None], sample)
            return function(*one)[0]

        return ops.map_fn(
            run, (images, rows), fn_output_signature=dtype or images.dtype
        )

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        warp = super().warp
        rows = {
            name: value
            for name in ("matrix", "sizes", "window", "inner")
            if (value := getattr(transform, name)) is not None
        }
        return self.each(
            lambda images, rows: warp(
                images, dataclasses.replace(transform, **rows), interpolation
            ),
            images,
            rows,
        )

    def warp_points(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        mode, ops = transform.fill_mode, self.ops
        if interpolation == "bilinear":
            images = ops.cast(images, "float32")
        is_known = images.dtype.name in _TENSORFLOW_WARPS
        if transform.window is not None or mode == "wrap" or not is_known:
            return super().warp_points(images, transform, size, interpolation)
        # TensorFlow counts from the centre of the first pixel.
        half = transform.matrix[:, 0, 0] * 0.0 + 0.5
        back = about(inverse(transform.matrix, ops), -half, -half, ops)
        entries = ops.reshape(back, (-1, 9))
        return ops.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=entries[:, :8] / entries[:, 8:],
            output_shape=ops.stack(size),
            interpolation=interpolation.upper(),
            fill_mode=mode.upper(),
            fill_value=transform.fill_value,
        )

    def convolve(
        self, values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
    ) -> Any:
        ops = self.ops
        batch, height, width, channels = ops.shape(values)
        # The images become channels of one, each with kernels of its own.
        values = ops.transpose(ops.reshape(values, (batch, -1)))
        values = ops.reshape(values, (1, height, width, channels * batch))
        for axis, kernels in ((1, y_kernels), (2, x_kernels)):
            reach = reaches[axis - 1]
            pads = [[0, 0]] * 4
            pads[axis] = [reach, reach]
            weights = ops.tile(ops.transpose(kernels), (1, channels))
            weights = ops.expand_dims(weights[:, :, None], 2 - axis)
            values = ops.nn.depthwise_conv2d(values, weights, [1, 1, 1, 1], pads)
        _, height, width, _ = ops.shape(values)
        values = ops.transpose(ops.reshape(values, (-1, batch)))
        return ops.reshape(values, (batch, height, width, channels))

    def compress(
        self, images: Any, value_range: tuple[float, float], quality: Any
    ) -> Any:
        """Returns what is left after JPEG; see `NumpyEngine.compress`."""
        ops = self.ops
        low, high = value_range
        levels = images
        if not is_uint8(images.dtype):
            scaled = (ops.cast(images, "float32") - low) * (255 / (high - low))
            levels = self.as_dtype(scaled, "uint8")

        def run(sample: tuple[Any, Any]) -> Any:
            # Not the fast and rougher way that is the default here.
            return ops.image.adjust_jpeg_quality(*sample, dct_method="INTEGER_ACCURATE")

        decoded = ops.map_fn(run, (levels, quality), fn_output_signature=levels.dtype)
        decoded = ops.reshape(decoded, ops.shape(images))
        if is_uint8(images.dtype):
            return decoded
        values = ops.cast(decoded, "float32") * ((high - low) / 255) + low
        return self.as_dtype(values, images.dtype)

    def places_of(self, choice: Any, number: int) -> Any:
        """Returns the indices at which a number was chosen, int32 `(n,)`."""
        return self.ops.cast(self.ops.where(choice == number)[:, 0], "int32")

    def combined(self, batch: Any, choice: Any, places: Any, parts: Any) -> Any:
        """Returns a batch with samples of others in its places."""
        ops = self.ops
        rest = self.places_of(choice, -1)

        def put(values: Any, *others: Any) -> Any:
            samples = [*others, self.take_samples(values, rest)]
            together = ops.dynamic_stitch([*places, rest], samples)
            return ops.ensure_shape(together, values.shape)

        return batch.map(put, *parts)


def _is_within(size: tuple[Any, ...], source: tuple[Any, ...]) -> bool:
    """Whether a size is known to be no larger than another."""
    return all(
        isinstance(length, int) and isinstance(whole, int) and length <= whole
        for length, whole in zip(size, source, strict=True)
    )


@functools.cache
def keras_engine() -> KerasEngine:
    """Returns the engine of the backend."""
    return KerasEngine()


@functools.cache
def tensorflow_engine() -> TensorFlowEngine:
    """Returns the engine of TensorFlow, which it imports."""
    return TensorFlowEngine()
