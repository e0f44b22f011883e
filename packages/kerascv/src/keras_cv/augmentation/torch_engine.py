"""Images as tensors of torch: what is faster there than `keras.ops`.

Not compiled, shapes may depend on values, and every operation goes through memory: a
batch is handled in parts that stay in the cache.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import keras

from keras_cv.augmentation.keras_engine import KerasEngine
from keras_cv.augmentation.resampling import source_axis
from keras_cv.augmentation.sample_loops import in_parts_of, in_turn
from keras_cv.augmentation.transform import Transform, inverse

# What torch calls our fill modes.
_PADDING = {"reflect": "reflection", "constant": "zeros", "nearest": "border"}
# In how many parts a batch is handled, but of no fewer values each.
_PARTS, _CACHED = 16, 2**19
# How many samples go through several layers together.
_TOGETHER = 16


class TorchEngine(KerasEngine):
    """On tensors of torch, also while they are traced."""

    @property
    def takes_out_samples(self) -> bool:
        import torch

        return not torch.compiler.is_compiling()

    def places_of(self, choice: Any, number: int) -> Any:
        return (choice == number).nonzero()[:, 0]

    def combined(self, batch: Any, places: Any, parts: Any) -> Any:
        import torch

        indices = [place for some in places for place in some.tolist()]

        def put(values: Any, *others: Any) -> Any:
            # One copy of all; `index_copy_` into a copy takes three times as long.
            samples = list(values.unbind())
            for place, sample in zip(indices, itertools.chain(*others), strict=True):
                samples[place] = sample
            return torch.stack(samples)

        return batch.map(put, *parts)

    def take_samples(self, values: Any, indices: Any) -> Any:
        if len(indices) == 1:  # without a copy
            first = int(indices[0])
            return values[first : first + 1]
        return values.index_select(0, indices)

    def in_parts(
        self, function: Callable[[Any, Any], Any], batch: Any, rows: Any
    ) -> Any:
        if not self.takes_out_samples:
            return function(batch, rows)
        join = self.ops.concatenate
        return in_parts_of(_TOGETHER, function, batch, rows, join, in_turn)

    def each(
        self, function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
    ) -> Any:
        if not self.takes_out_samples or not len(images):
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

    def seeded_uniform(self, seed: Any, draw: int, shape: Any) -> Any:
        import torch

        first, second = (int(part * 2**24) for part in seed)
        generator = torch.Generator().manual_seed((first << 24) + second + (draw << 48))
        return torch.rand(shape, generator=generator).to(seed.device)

    def tile(self, images: Any, sources: Any, center: Any) -> Any:
        tile = super().tile
        return self.each(lambda _, rows: tile(images, *rows), images, (sources, center))

    def blend(self, first: Any, second: Any, share: Any) -> Any:
        values, others = (self.ops.cast(x, "float32") for x in (first, second))
        mixed = values.lerp(others, share[:, None, None, None])
        return self.as_dtype(mixed, first.dtype)

    def add_weighted(self, total: Any, images: Any, weights: Any) -> Any:
        if total is None:
            return super().add_weighted(total, images, weights)
        values = self.ops.cast(images, "float32")
        return total.addcmul(values, weights[:, None, None, None])

    def take_rows(self, values: Any, indices: Any) -> Any:
        return values.index_select(0, indices)  # Keras looks for negative ones

    def warp_points(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        padding = _PADDING.get(transform.fill_mode)
        if (
            interpolation != "bilinear"
            or padding is None
            or transform.window is not None
        ):
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
        mode, window = transform.fill_mode, transform.window
        is_known = mode == "nearest" if window is not None else mode in _PADDING
        if interpolation != "bilinear" or not is_known:
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
        """Looks up points of images, x and y in [-1, 1], `(B, h, w)` each."""
        from torch.nn.functional import grid_sample

        fill = transform.fill_value if transform.fill_mode == "constant" else 0.0
        values = self.ops.cast(images, "float32")
        values = (values - fill if fill else values).permute(0, 3, 1, 2)
        sampled = grid_sample(
            values,
            self.ops.stack(points, axis=-1),
            "bilinear",
            _PADDING[transform.fill_mode],
            align_corners=False,
        ).permute(0, 2, 3, 1)
        return sampled + fill if fill else sampled

    def convolve(
        self, values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
    ) -> Any:
        is_eager = self.takes_out_samples and not values.requires_grad
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
    """Convolves one image after another, which a cache holds.

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
