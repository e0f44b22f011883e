"""Images as NumPy arrays, changed by OpenCV: one after another, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.operations import as_rounded
from domain_core.images.parallel import cores, for_each
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.numpy_warp import (
    CHANNELS,
    FLIPS,
    by_channels,
    flip,
    warp,
)
from keras_cv.augmentation.sample_loops import in_parts_of
from keras_cv.augmentation.statistics import Statistics
from keras_cv.augmentation.transform import Transform, inverse

# How many samples go through several layers together.
_PART = 12
_LEVELS = np.arange(256, dtype="float32")[:, None]  # (256, 1)


class NumpyEngine(Engine):
    """What layers do to images, on NumPy arrays."""

    ops = operations.NUMPY
    on_host = True
    takes_out_samples = True

    def each(self, function: Callable[[int], np.ndarray], count: int) -> Any:
        """Returns the images that a function makes of each index.

        They are one array if they are of one shape.
        """
        if not count:
            raise ValueError("Expected at least one image, received an empty batch.")
        first = function(0)
        together = np.empty((count, *first.shape), first.dtype)
        results: list[np.ndarray | None] = [None] * count

        def run(i: int) -> None:
            image = first if i == 0 else function(i)
            if image.shape == first.shape:
                together[i] = image
            else:
                results[i] = image

        for_each(run, count)
        if all(image is None for image in results):
            return together
        return [together[i] if x is None else x for i, x in enumerate(results)]

    def each_like(
        self, images: Any, function: Callable[[int, np.ndarray], object]
    ) -> Any:
        """Returns images of the same shapes and dtype, which a function fills.

        Args:
            images: of the batch.
            function: takes an index and the array to fill.
        """
        if not len(images):
            raise ValueError("Expected at least one image, received an empty batch.")
        return self._fill([image.shape for image in images], images[0].dtype, function)

    def _fill(
        self,
        shapes: Sequence[tuple[int, ...]],
        dtype: Any,
        function: Callable[[int, np.ndarray], object],
    ) -> Any:
        """Returns images of some shapes, one array if they are alike, filled."""
        filled: Any = (
            np.empty((len(shapes), *shapes[0]), dtype)
            if len(set(shapes)) == 1
            else [np.empty(shape, dtype) for shape in shapes]
        )

        def run(i: int) -> None:
            function(i, filled[i])

        for_each(run, len(shapes))
        return filled

    def sizes(self, images: Any) -> np.ndarray:
        return np.array([image.shape[:2] for image in images], "float32")

    def take_samples(self, values: Any, indices: Any) -> Any:
        if isinstance(values, list):
            return [values[i] for i in indices]
        return values[indices]

    def places_of(self, choice: Any, number: int) -> np.ndarray:
        return np.flatnonzero(choice == number)

    def combined(
        self,
        batch: Any,
        places: Sequence[np.ndarray],
        parts: Sequence[Any],
    ) -> Any:

        def put(values: Any, *others: Any) -> Any:
            # Lists of images cost nothing to put.
            is_list = isinstance(values, list) or values.ndim == 4
            samples = list(values) if is_list else values.copy()
            for indices, other in zip(places, others, strict=True):
                for place, sample in zip(indices, other, strict=True):
                    samples[place] = sample
            return _stacked(samples) if is_list else samples

        return batch.map(put, *parts)

    def in_parts(
        self, function: Callable[[Any, Any], Any], batch: Any, rows: Any
    ) -> Any:
        # Whole parts go to threads: few images would wait for each other too often.
        count, threads = len(batch), cores()
        parts = -(-count // (_PART * threads)) * threads
        size = -(-count // parts)
        return in_parts_of(size, function, batch, rows, _joined, for_each)

    def map_values(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        *,
        dtype: str | None = None,
    ) -> Any:
        if images[0].dtype == np.uint8 and dtype is None:
            tables = self._tables(images, function, parameters)
            tables = as_rounded(tables, "uint8", self.ops)
            return self.each_like(
                images, lambda i, out: _look_up(images[i], tables[i], out)
            )
        return self.each(
            self._values_of(images, function, parameters, dtype), len(images)
        )

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        if transform.is_flip:
            return self._flip(images, transform)
        back = inverse(np.asarray(transform.matrix, "float64"), self.ops)
        windows, sizes, inners = (
            None if rows is None else rows.astype(int).tolist()
            for rows in (transform.window, transform.sizes, transform.inner)
        )
        if windows is not None:
            corner = transform.window.astype("float64")
            back[:, 0] -= back[:, 2] * corner[:, 0, None]
            back[:, 1] -= back[:, 2] * corner[:, 1, None]

        if sizes is None:
            sizes = [transform.size or image.shape[:2] for image in images]
        shapes = [
            (*size, image.shape[-1]) for size, image in zip(sizes, images, strict=True)
        ]

        def run(i: int, out: np.ndarray) -> None:
            image = images[i]
            if windows is not None:
                left, top, right, bottom = windows[i]
                image = image[top:bottom, left:right]
            if inners is not None:
                height, width = inners[i]
                out[height:] = out[:height, width:] = transform.fill_value
                out = out[:height, :width]
            warp(image, back[i], out, transform, interpolation)

        return self._fill(shapes, images[0].dtype, run)

    def _flip(self, images: Any, transform: Transform) -> Any:
        directions = np.sign(transform.matrix[:, [1, 0], [1, 0]]).astype(int).tolist()
        codes = [FLIPS.get((rows, columns)) for rows, columns in directions]

        def run(i: int, out: np.ndarray) -> None:
            code = codes[i]
            if code is None:
                out[:] = images[i]
            else:
                flip(images[i], code, out)

        return self.each_like(images, run)

    def mix_channels(self, images: Any, matrices: np.ndarray) -> Any:
        import cv2

        def run(i: int) -> np.ndarray:
            image, matrix = images[i], np.ascontiguousarray(matrices[i], "float32")
            # With integers, OpenCV does not round but on its own way for few sizes.
            mixed = cv2.transform(image, matrix)
            return mixed.reshape(*image.shape[:2], len(matrix))

        return self.each(run, len(images))

    def per_image(
        self,
        images: Any,
        function: Callable[..., np.ndarray],
        *parameters: Any,
    ) -> Any:
        """Calls a function for each image and its row of the parameters."""
        return self.each(
            lambda i: function(images[i], *(p[i] for p in parameters)), len(images)
        )

    def take_channels(self, images: Any, order: np.ndarray) -> Any:
        import cv2

        def run(i: int, out: np.ndarray) -> None:
            if out.shape[-1] > CHANNELS:
                # OpenCV takes a limited number of channels here, and is no faster.
                np.take(images[i], order[i], axis=-1, out=out, mode="clip")
                return
            pairs = np.stack([order[i], np.arange(out.shape[-1])], axis=1)
            cv2.mixChannels([images[i]], [out], pairs.ravel().tolist())

        return self.each_like(images, run)

    def adjust_hsv(
        self,
        images: Any,
        value_range: tuple[float, float],
        hue: np.ndarray,
        saturation: np.ndarray,
        *,
        function: Callable[..., Any] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Any:
        import cv2

        low = np.float32(value_range[0])
        rgb_of: Callable[[int], np.ndarray] = images.__getitem__
        if function is not None:
            rgb_of = self._values_of(images, function, parameters or {}, "float32")

        def run(i: int, out: np.ndarray) -> None:
            rgb = rgb_of(i)
            rgb = rgb - low if low else rgb.astype("float32", copy=False)
            # Hue in degrees and saturation; values keep their range.
            hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
            change = np.eye(3, 4, dtype="float32")
            change[0, 3] = 360 * (hue[i] % 1)  # more than a turn is understood
            change[1, 1] = saturation[i]
            cv2.transform(hsv, change, dst=hsv)
            if saturation[i] > 1:
                cv2.min(hsv, (np.inf, 1.0, np.inf, np.inf), dst=hsv)
            rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
            if out.dtype == np.uint8:
                cv2.convertScaleAbs(rgb, dst=out)
            else:
                np.add(rgb, low, out=out)

        return self.each_like(images, run)

    def blur(
        self,
        images: Any,
        x_kernels: np.ndarray,
        y_kernels: np.ndarray,
        fill_mode: str = "constant",
    ) -> Any:
        import cv2

        border = {
            "constant": cv2.BORDER_CONSTANT,
            "reflect": cv2.BORDER_REFLECT,
            "nearest": cv2.BORDER_REPLICATE,
        }[fill_mode]

        def run(i: int, out: np.ndarray) -> None:
            kernels = x_kernels[i], y_kernels[i]
            by_channels(
                lambda image, out, _: cv2.sepFilter2D(
                    image, -1, *kernels, dst=out, borderType=border
                ),
                images[i],
                out,
            )

        return self.each_like(images, run)

    def filter(self, images: Any, kernels: np.ndarray) -> Any:
        import cv2

        def run(i: int, out: np.ndarray) -> None:
            by_channels(
                lambda image, out, _: cv2.filter2D(image, -1, kernels[i], dst=out),
                images[i],
                out,
            )
            for edge in (0, -1):
                out[edge] = images[i][edge]
                out[:, edge] = images[i][:, edge]

        return self.each_like(images, run)

    def compress(
        self, images: Any, value_range: tuple[float, float], quality: np.ndarray
    ) -> Any:
        import cv2

        low, high = value_range

        def run(i: int) -> np.ndarray:
            image = images[i]
            levels = image
            if image.dtype != np.uint8:
                levels = (image - low) * (255 / (high - low))
                levels = as_rounded(levels, "uint8", self.ops)
            is_color = levels.shape[-1] == 3
            if is_color:
                levels = cv2.cvtColor(levels, cv2.COLOR_RGB2BGR)
            options = [cv2.IMWRITE_JPEG_QUALITY, int(quality[i])]
            _, data = cv2.imencode(".jpg", levels, options)
            flag = cv2.IMREAD_COLOR_RGB if is_color else cv2.IMREAD_GRAYSCALE
            decoded: Any = cv2.imdecode(data, flag)
            decoded = decoded.reshape(image.shape)
            if image.dtype == np.uint8:
                return decoded
            scale = np.float32((high - low) / 255)
            return (decoded * scale + np.float32(low)).astype(image.dtype)

        return self.each(run, len(images))

    def blend(self, first: Any, second: Any, share: np.ndarray) -> Any:
        import cv2

        def run(i: int) -> np.ndarray:
            weight = float(share[i])
            mixed = cv2.addWeighted(first[i], 1 - weight, second[i], weight, 0)
            return mixed.reshape(first[i].shape)

        return self.each(run, len(first))

    def add_weighted(self, total: Any, images: Any, weights: np.ndarray) -> Any:
        import cv2

        def run(i: int) -> np.ndarray:
            image = images[i]
            before, share = (image, 0.0) if total is None else (total[i], 1.0)
            weight = float(weights[i])
            out = cv2.addWeighted(before, share, image, weight, 0, dtype=cv2.CV_32F)
            return out.reshape(image.shape)

        return self.each(run, len(images))

    def paste(self, images: Any, others: Any, rectangles: np.ndarray) -> Any:
        pasted = np.array(images)
        for i, (left, top, right, bottom) in enumerate(rectangles.astype(int)):
            pasted[i, top:bottom, left:right] = others[i, top:bottom, left:right]
        return pasted

    def fill_rectangles(
        self, images: Any, rectangles: np.ndarray, patterns: np.ndarray
    ) -> Any:
        corners = rectangles.astype(int).tolist()

        def run(i: int, out: np.ndarray) -> None:
            out[:] = images[i]
            left, top, right, bottom = corners[i]
            pattern = as_rounded(patterns[i], out.dtype, self.ops)
            rows, columns = (
                np.arange(first, last) % length
                for first, last, length in zip(
                    (top, left), (bottom, right), pattern.shape[:2], strict=True
                )
            )
            if pattern.shape[:2] != (1, 1):
                pattern = pattern[rows[:, None], columns]
            out[top:bottom, left:right] = pattern

        return self.each_like(images, run)

    def fill_where(
        self,
        images: Any,
        mask: Callable[..., Any],
        parameters: dict[str, np.ndarray],
        patterns: np.ndarray,
    ) -> Any:
        def run(i: int, out: np.ndarray) -> None:
            out[:] = images[i]
            height, width = out.shape[:2]
            mine = {name: value[i : i + 1] for name, value in parameters.items()}
            chosen = mask(mine, height, width, self.ops)[0]
            pattern = as_rounded(patterns[i], out.dtype, self.ops)
            times = (-(-height // pattern.shape[0]), -(-width // pattern.shape[1]), 1)
            pattern = np.ascontiguousarray(np.tile(pattern, times)[:height, :width])
            _copy_where(chosen, pattern, out)

        return self.each_like(images, run)

    def select(self, mask: np.ndarray, others: Any, images: Any) -> Any:
        selected = np.array(images)
        for image, other, place in zip(selected, others, mask, strict=True):
            _copy_where(place, other, image)
        return selected

    def seeded_uniform(self, seed: np.ndarray, draw: int, shape: Any) -> np.ndarray:
        words = [int(part * 2**24) for part in seed]
        numbers = np.random.default_rng([*words, draw]).random(shape, "float32")
        return np.asarray(numbers)

    def kth(self, values: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.stack(
            [np.partition(row, n)[n] for row, n in zip(values, k, strict=True)]
        )

    def tile(self, images: Any, sources: np.ndarray, center: np.ndarray) -> Any:
        tiled = np.empty_like(images)
        height, width = images.shape[1:3]
        for i, (y, x) in enumerate(center.astype(int)):
            first, second, third, fourth = (images[source] for source in sources[i])
            tiled[i, :y, :x] = first[height - y :, width - x :]
            tiled[i, :y, x:] = second[height - y :, : width - x]
            tiled[i, y:, :x] = third[: height - y, width - x :]
            tiled[i, y:, x:] = fourth[: height - y, : width - x]
        return tiled

    def as_dtype(self, values: Any, dtype: Any) -> Any:
        return self.each(lambda i: as_rounded(values[i], dtype, self.ops), len(values))

    def _values_of(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        dtype: str | None,
    ) -> Callable[[int], np.ndarray]:
        """Returns what gives the changed image of each index; see `map_values`."""
        if images[0].dtype == np.uint8:
            tables = self._tables(images, function, parameters)
            return lambda i: _look_up(images[i], tables[i])

        def run(i: int) -> np.ndarray:
            image = images[i]
            values = image.reshape(1, -1, image.shape[-1])
            mine = {name: value[i : i + 1] for name, value in parameters.items()}
            changed = function(
                values, mine, Statistics(values, self.ops, len(image)), self.ops
            )
            changed = changed.reshape(image.shape)
            return changed.astype(dtype or image.dtype, copy=False)

        return run

    def _tables(
        self, images: Any, function: Callable[..., Any], parameters: dict[str, Any]
    ) -> np.ndarray:
        """Returns what becomes of each level, float32 `(B, 256, C or 1)`."""
        levels = np.broadcast_to(_LEVELS, (len(images), 256, 1))
        statistics = Statistics.of_images(images)
        tables = function(levels, parameters, statistics, self.ops)
        return np.broadcast_to(tables, (len(images), *tables.shape[1:]))


def _look_up(
    image: np.ndarray, table: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Returns what a table `(256, C or 1)` holds for each value, in `out` if given."""
    import cv2

    table = np.ascontiguousarray(table).reshape(1, 256, -1)
    if table.shape[-1] == 1:  # all channels are alike
        flat = image.reshape(len(image), -1)
        flat_out = None if out is None else out.reshape(flat.shape)
        return cv2.LUT(flat, table, dst=flat_out).reshape(image.shape)
    if out is None:
        out = np.empty(image.shape, table.dtype)

    def look_up(image: np.ndarray, out: np.ndarray, channels: slice) -> None:
        cv2.LUT(image, np.ascontiguousarray(table[..., channels]), dst=out)

    by_channels(look_up, image, out)
    return out


def _copy_where(mask: np.ndarray, source: np.ndarray, out: np.ndarray) -> None:
    """Copies the pixels `(C,)` of a mask, bool `(H, W)`."""
    import cv2

    flags = mask.view(np.uint8)
    by_channels(lambda image, out, _: cv2.copyTo(image, flags, out), source, out)


def _stacked(images: list[np.ndarray]) -> Any:
    if len({image.shape for image in images}) > 1:
        return images
    return np.stack(images)


def _joined(parts: list[Any]) -> Any:
    is_list = any(isinstance(part, list) for part in parts)
    if is_list or len({part.shape[1:] for part in parts}) > 1:
        return _stacked([sample for part in parts for sample in part])
    return np.concatenate(parts)
