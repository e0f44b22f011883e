"""Images as NumPy arrays, changed by OpenCV: one after another, on all cores.

Images of a batch are an array `(B, H, W, C)`, or a list of arrays `(H, W, C)` where
they differ in size. uint8 stays uint8 and is rounded, all else is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.images.parallel import for_each
from keras_cv import array_ops
from keras_cv.augmentation.statistics import Statistics
from keras_cv.augmentation.transform import Transform, inverse

# OpenCV takes at most four channels at a time where it needs a value of each.
_CHANNELS = 4
_LEVELS = np.arange(256, dtype="float32")[:, None]  # (256, 1)


class NumpyEngine:
    """What layers do to images, on NumPy arrays."""

    ops = array_ops.NUMPY
    name = "numpy"

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

    def sizes(self, images: Any) -> np.ndarray:
        """Returns heights and widths, float32 `(B, 2)`."""
        return np.array([image.shape[:2] for image in images], "float32")

    def take_samples(self, values: Any, indices: Any) -> Any:
        """Returns samples of an array or of a list of images."""
        if isinstance(values, list):
            return [values[i] for i in indices]
        return values[indices]

    def put_samples(self, values: Any, indices: Any, new: Any) -> Any:
        """Returns values with others at some indices."""
        if isinstance(values, list):
            samples = list(values)
            for place, sample in zip(indices, new, strict=True):
                samples[place] = sample
            return samples
        values = values.copy()
        values[indices] = new
        return values

    def places_of(self, choice: Any, number: int) -> np.ndarray:
        """Returns the indices at which a number was chosen, `(n,)`."""
        return np.flatnonzero(choice == number)

    def unstacked(self, batch: Any) -> Any:
        """Returns a batch with lists of images and masks, which cost nothing to put."""
        masks = None if batch.masks is None else list(batch.masks)
        return batch.replace(images=list(batch.images), masks=masks)

    def stacked(self, batch: Any) -> Any:
        """Returns a batch with arrays of images and masks where they are of one size."""
        return batch.replace(
            images=_stacked(batch.images),
            masks=None if batch.masks is None else _stacked(batch.masks),
        )

    def map_values(
        self,
        images: Any,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        *,
        dtype: str | None = None,
    ) -> Any:
        """Changes each value by itself, by a function of it and of whole-image figures.

        Args:
            images: of the batch.
            function: takes values `(b, n, C or 1)`, parameters, `Statistics` of the
                images and functions of arrays; gives values of the same shape, or with
                all channels.
            parameters: arrays `(B, 1, 1)` or `(B, 1, C)`.
            dtype: of the result; None for that of the images, rounded and clipped if
                they are uint8.
        """
        if images[0].dtype != np.uint8:
            return self.each(
                lambda i: self._map_floats(images[i], function, parameters, i, dtype),
                len(images),
            )
        statistics = Statistics.of_images(images)
        levels = np.broadcast_to(_LEVELS, (len(images), 256, 1))
        tables = function(levels, parameters, statistics, self.ops)
        if dtype is None:
            tables = self.as_uint8(tables)
        tables = np.ascontiguousarray(
            np.broadcast_to(tables, (len(images), *tables.shape[1:]))
        )
        return self.each(lambda i: self._look_up(images[i], tables[i]), len(images))

    def warp(self, images: Any, transform: Transform, interpolation: str) -> Any:
        """Moves and resamples images; see `Transform`."""
        back = inverse(np.asarray(transform.matrix, "float64"), self.ops)
        window = transform.window

        def run(i: int) -> np.ndarray:
            image = images[i]
            size = transform.size or image.shape[:2]
            if transform.sizes is not None:
                size = tuple(int(length) for length in transform.sizes[i])
            matrix = back[i]
            if window is not None:
                left, top, right, bottom = (int(side) for side in window[i])
                image = image[top:bottom, left:right]
                matrix = _shift(-left, -top) @ matrix
            return _warp(image, matrix, size, transform, interpolation)

        return self.each(run, len(images))

    def mix_channels(self, images: Any, matrices: np.ndarray) -> Any:
        """Makes each channel of the output a weighted sum of channels.

        Args:
            images: of the batch.
            matrices: float32 `(B, C_out, C_in)`.
        """
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

    def blend(self, first: Any, second: Any, share: np.ndarray) -> Any:
        """Returns `first + share * (second - first)`; share is float32 `(B,)`."""
        import cv2

        def run(i: int) -> np.ndarray:
            weight = float(share[i])
            mixed = cv2.addWeighted(first[i], 1 - weight, second[i], weight, 0)
            return mixed.reshape(first[i].shape)

        return self.each(run, len(first))

    def paste(self, images: Any, others: Any, rectangle: np.ndarray) -> Any:
        """Returns images with rectangles `(B, 4)`, "xyxy" in pixels, of others."""
        pasted = np.array(images)
        for i, (left, top, right, bottom) in enumerate(rectangle.astype(int)):
            pasted[i, top:bottom, left:right] = others[i, top:bottom, left:right]
        return pasted

    def select(self, mask: np.ndarray, others: Any, images: Any) -> Any:
        """Returns images with the pixels of others where `(B, H, W)` is True."""
        import cv2

        selected = np.array(images)
        for image, other, place in zip(selected, others, mask, strict=True):
            cv2.copyTo(other, place.view(np.uint8), image)
        return selected

    def kth(self, values: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Returns of each row `(B, N)` the value with `k` smaller ones, `(B,)`."""
        return np.stack(
            [np.partition(row, n)[n] for row, n in zip(values, k, strict=True)]
        )

    def tile(self, images: Any, sources: np.ndarray, center: np.ndarray) -> Any:
        """Puts four images together where they meet; see `TensorEngine.tile`."""
        tiled = np.empty_like(images)
        height, width = images.shape[1:3]
        for i, (y, x) in enumerate(center.astype(int)):
            first, second, third, fourth = (images[source] for source in sources[i])
            tiled[i, :y, :x] = first[height - y :, width - x :]
            tiled[i, :y, x:] = second[height - y :, : width - x]
            tiled[i, y:, :x] = third[: height - y, width - x :]
            tiled[i, y:, x:] = fourth[: height - y, : width - x]
        return tiled

    def as_uint8(self, values: np.ndarray) -> np.ndarray:
        """Rounds and clips."""
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def _map_floats(
        self,
        image: np.ndarray,
        function: Callable[..., Any],
        parameters: dict[str, Any],
        index: int,
        dtype: str | None,
    ) -> np.ndarray:
        values = image.reshape(1, -1, image.shape[-1])
        mine = {name: value[index : index + 1] for name, value in parameters.items()}
        changed = function(values, mine, Statistics(values, self.ops), self.ops)
        return changed.reshape(image.shape).astype(dtype or image.dtype, copy=False)

    def _look_up(self, image: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Returns what a table `(256, C or 1)` holds for each value."""
        import cv2

        channels = image.shape[-1]
        if table.shape[-1] == 1:
            return cv2.LUT(image, table).reshape(image.shape)
        return cv2.LUT(image, table.reshape(1, 256, channels)).reshape(image.shape)


def _warp(
    image: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int],
    transform: Transform,
    interpolation: str,
) -> np.ndarray:
    """Resamples one image.

    Args:
        image: `(H, W, C)`.
        matrix: float64 `(3, 3)`, from the output to the input.
        size: height and width of the output.
        transform: how to fill.
        interpolation: "bilinear" or "nearest".
    """
    import cv2

    height, width = size
    is_aligned = matrix[0, 1] == matrix[1, 0] == 0 and (matrix[2] == (0, 0, 1)).all()
    if is_aligned:
        columns = _Axis(matrix[0, 0], matrix[0, 2], width, image.shape[1])
        rows = _Axis(matrix[1, 1], matrix[1, 2], height, image.shape[0])
        if interpolation == "nearest" or (rows.is_exact and columns.is_exact):
            return _pick(image, rows, columns, transform)
        if rows.is_whole and columns.is_whole:
            flipped = image[:: rows.direction, :: columns.direction]
            resized = cv2.resize(
                np.ascontiguousarray(flipped),
                (width, height),
                interpolation=cv2.INTER_LINEAR,
            )
            return resized.reshape(height, width, -1)
    # OpenCV counts from the centre of the first pixel.
    matrix = _shift(-0.5, -0.5) @ matrix @ _shift(0.5, 0.5)
    flags = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[interpolation]
    arguments: dict[str, Any] = {
        "dsize": (width, height),
        "flags": flags | cv2.WARP_INVERSE_MAP,
        "borderMode": _BORDERS[transform.fill_mode],
        "borderValue": [transform.fill_value] * _CHANNELS,
    }
    is_affine = (matrix[2] == (0, 0, 1)).all()
    function = cv2.warpAffine if is_affine else cv2.warpPerspective
    matrix = matrix[:2] if is_affine else matrix
    source = np.ascontiguousarray(image)
    if source.dtype not in (np.uint8, np.float32):
        source = source.astype("float32")
    parts: list[Any] = [
        function(source[..., start : start + _CHANNELS], matrix, **arguments)
        for start in range(0, image.shape[-1], _CHANNELS)
    ]
    parts = [part.reshape(height, width, -1) for part in parts]
    warped = parts[0] if len(parts) == 1 else np.concatenate(parts, -1)
    return warped.astype(image.dtype, copy=False)


class _Axis:
    """Where the pixels of an output's axis come from.

    Attributes:
        centers: float64 `(n,)`, of the output's pixels, in pixels of the input.
        is_exact: whether each is the centre of a pixel, one beside the other.
        is_whole: whether they spread over all of the input evenly.
        direction: 1 or -1.
    """

    def __init__(self, scale: float, shift: float, size: int, source: int) -> None:
        self.centers = scale * (np.arange(size) + 0.5) + shift
        self.direction = 1 if scale >= 0 else -1
        self.is_exact = abs(scale) == 1 and shift == round(shift)
        first, last = sorted((shift, shift + scale * size))
        self.is_whole = abs(first) < 1e-3 and abs(last - source) < 1e-3
        self.source = source

    def indices(self, fill_mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the nearest pixels, and which of them lie outside."""
        index = np.floor(self.centers).astype(int)
        inside = (index >= 0) & (index < self.source)
        return fill_indices(index, self.source, fill_mode, array_ops.NUMPY), inside


def fill_indices(index: Any, length: Any, fill_mode: str, ops: Any) -> Any:
    """Returns the pixels that stand for those outside `[0, length)`."""
    if fill_mode == "wrap":
        return ops.mod(index, length)
    if fill_mode == "reflect":
        index = ops.mod(index, 2 * length)
        return ops.minimum(index, 2 * length - 1 - index)
    return ops.minimum(ops.maximum(index, 0), length - 1)


def _pick(
    image: np.ndarray, rows: _Axis, columns: _Axis, transform: Transform
) -> np.ndarray:
    """Takes whole rows and columns."""
    row, row_inside = rows.indices(transform.fill_mode)
    column, column_inside = columns.indices(transform.fill_mode)
    is_inside = bool(row_inside.all() and column_inside.all())
    if is_inside and rows.is_exact and columns.is_exact and len(row) and len(column):
        import cv2

        top, left = min(row[0], row[-1]), min(column[0], column[-1])
        part = image[top : top + len(row), left : left + len(column)]
        flip = {(-1, -1): -1, (-1, 1): 0, (1, -1): 1}.get(
            (rows.direction, columns.direction)
        )
        if flip is None:
            return part
        return cv2.flip(np.ascontiguousarray(part), flip).reshape(part.shape)
    picked = image[row[:, None], column]
    if not is_inside and transform.fill_mode == "constant":
        picked[~row_inside] = transform.fill_value
        picked[:, ~column_inside] = transform.fill_value
    return picked


def _stacked(images: list[np.ndarray]) -> Any:
    if len({image.shape for image in images}) > 1:
        return images
    return np.stack(images)


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


# OpenCV's BORDER_CONSTANT, _REPLICATE, _REFLECT and _WRAP.
_BORDERS = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}

ENGINE = NumpyEngine()

Images = np.ndarray | Sequence[np.ndarray]
