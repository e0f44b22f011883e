"""What can be done to images, written down once; layers call nothing else.

NumPy's, TensorFlow's and Keras' engine implement it, and agree on given parameters:
"exact" primitives bit for bit, all others within one level of uint8 images and within
1e-4 of the value range of float ones. `engine_test.py` compares them.

`B` images of height `H`, width `W` and `C` channels are an array `(B, H, W, C)`; on the
host also a list of arrays `(H, W, C)` where they differ in size. They are uint8 or
float, and keep their dtype: uint8 is rounded and clipped to [0, 255], floats are
computed as float32. Rows, which hold something for each image, are float32 if nothing
else is said. Nothing is ever written to what was passed.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import keras

from domain_core.arrays.operations import Operations
from keras_cv.augmentation.statistics import Statistics
from keras_cv.augmentation.transform import Transform

Array = Any
Images = Any
# Of what gets a row for each image: nested dicts, lists and tuples of arrays.
Rows = Any
# A `Batch`, which knows its engine, and so is not imported here.
Samples = Any
ChangeValues = Callable[[Array, dict[str, Array], Statistics, Any], Array]


class Engine(abc.ABC):
    """Primitives of images, and loops over samples.

    Attributes:
        ops: functions of the arrays, by the names of `keras.ops`.
        on_host: whether it takes what a user may have: lists, images of different
            sizes, arrays of any library. Others take tensors of their own.
        draws_from_backend: whether random numbers come from the backend's generator.
            Others use the counter that all of them share.
    """

    ops: Operations
    on_host = False
    draws_from_backend = False

    @property
    def takes_out_samples(self) -> bool:
        """Whether `places_of` and `combined` are there: sizes may depend on values."""
        return False

    @abc.abstractmethod
    def sizes(self, images: Images) -> Array:
        """Returns heights and widths `(B, 2)` in pixels. Exact."""

    @abc.abstractmethod
    def as_dtype(self, values: Array, dtype: Any) -> Array:
        """Casts; rounds and clips floats that become integers. Exact."""

    @abc.abstractmethod
    def take_samples(self, values: Any, indices: Array) -> Any:
        """Returns samples of an array `(B, ...)` or of images, int32 `(n,)`. Exact."""

    # Colours.

    @abc.abstractmethod
    def map_values(
        self,
        images: Images,
        function: ChangeValues,
        parameters: dict[str, Array],
        *,
        dtype: str | None = None,
    ) -> Images:
        """Changes each value by itself, by a function of it and of whole-image figures.

        Args:
            images: of the batch.
            function: takes values `(b, n, C or 1)`, parameters, `Statistics` of the
                images and functions of arrays; gives values of the same shape, or with
                all channels.
            parameters: arrays `(B, 1, 1)` or `(B, 1, C)`.
            dtype: of the result; None for that of the images.
        """

    @abc.abstractmethod
    def mix_channels(self, images: Images, matrices: Array) -> Images:
        """Makes each channel a weighted sum of channels; matrices `(B, C_out, C)`."""

    @abc.abstractmethod
    def take_channels(self, images: Images, order: Array) -> Images:
        """Returns channels in another order, int32 `(B, C)`. Exact."""

    @abc.abstractmethod
    def adjust_hsv(
        self,
        images: Images,
        value_range: tuple[float, float],
        hue: Array,
        saturation: Array,
        *,
        function: ChangeValues | None = None,
        parameters: dict[str, Array] | None = None,
    ) -> Images:
        """Turns hues and scales saturations.

        Args:
            images: of three channels: red, green and blue.
            value_range: of the images.
            hue: `(B,)`, what is added, as a fraction of the circle.
            saturation: `(B,)`, what is multiplied; it stays in [0, 1].
            function: changes values first, without rounding; see `map_values`.
            parameters: of the function.
        """

    @abc.abstractmethod
    def compress(
        self, images: Images, value_range: tuple[float, float], quality: Array
    ) -> Images:
        """Returns what is left after JPEG with a quality, int32 `(B,)` in [0, 100].

        Decoders differ by some levels, and tensors of the backend raise ValueError:
        JPEG is made on the host.
        """

    # Neighbours.

    @abc.abstractmethod
    def blur(
        self,
        images: Images,
        x_kernels: Array,
        y_kernels: Array,
        fill_mode: str = "constant",
    ) -> Images:
        """Convolves rows and columns.

        Args:
            images: of the batch.
            x_kernels: `(B, k)`, of odd length, along the rows.
            y_kernels: likewise, along the columns.
            fill_mode: what lies outside: "constant" (zeros), "reflect" (the edge is
                repeated) or "nearest".
        """

    @abc.abstractmethod
    def filter(self, images: Images, kernels: Array) -> Images:
        """Convolves with kernels `(B, 3, 3)`; pixels at the edges stay."""

    @abc.abstractmethod
    def warp(self, images: Images, transform: Transform, interpolation: str) -> Images:
        """Moves and resamples images; see `Transform`.

        Exact where each pixel is one of the input. "nearest" may choose either of two
        pixels where their edge is hit to 1e-3 of a pixel.

        Raises:
            ValueError: if images of one tensor were to become of different sizes.
        """

    # Several images, and parts of them.

    @abc.abstractmethod
    def blend(self, first: Images, second: Images, share: Array) -> Images:
        """Returns `first + share * (second - first)`; share is `(B,)`."""

    @abc.abstractmethod
    def add_weighted(
        self, total: Array | None, images: Images, weights: Array
    ) -> Array:
        """Returns float32 `total + weights * images`.

        Args:
            total: float32 images, which are not kept; None for nothing yet.
            images: of the batch.
            weights: `(B,)`.
        """

    @abc.abstractmethod
    def paste(self, images: Array, others: Array, rectangles: Array) -> Array:
        """Returns images with rectangles of others, `(B, 4)` as "xyxy". Exact."""

    @abc.abstractmethod
    def select(self, mask: Array, others: Array, images: Array) -> Array:
        """Returns images with others' pixels where `(B, H, W)` is True. Exact."""

    @abc.abstractmethod
    def tile(self, images: Array, sources: Array, center: Array) -> Array:
        """Puts four images together where they meet at a point. Exact.

        Args:
            images: of the batch.
            sources: int32 `(B, 4)`, which images: top left, top right, bottom left,
                bottom right.
            center: `(B, 2)`, y and x where they meet, whole pixels.
        """

    @abc.abstractmethod
    def fill_rectangles(
        self, images: Images, rectangles: Array, patterns: Array
    ) -> Images:
        """Fills rectangles with patterns, which are repeated over the image. Exact.

        Args:
            images: of the batch.
            rectangles: `(B, 4)` of whole numbers, "xyxy" in pixels within.
            patterns: `(B, h, w, C)`, in the value range.
        """

    @abc.abstractmethod
    def fill_where(
        self,
        images: Images,
        mask: Callable[..., Array],
        parameters: dict[str, Array],
        patterns: Array,
    ) -> Images:
        """Fills pixels with patterns, which are repeated over the image. Exact.

        Args:
            images: of the batch.
            mask: takes parameters, the height and the width of images, and functions of
                arrays; gives bool `(b, height, width)`.
            parameters: arrays with a row for each sample.
            patterns: see `fill_rectangles`.
        """

    @abc.abstractmethod
    def kth(self, values: Array, k: Array) -> Array:
        """Returns of each row `(B, N)` the value above `k` others, `(B,)`. Exact."""

    @abc.abstractmethod
    def seeded_uniform(self, seed: Array, draw: int, shape: Any) -> Array:
        """Returns float32 numbers in [0, 1) of a shape.

        They differ between engines.

        Args:
            seed: float32 `(2,)` in [0, 1).
            draw: a small number; others give other numbers.
            shape: of the numbers.
        """

    # Samples with all that belongs to them. By default the batch is taken at once, in
    # Python. A compiled program holds each body once: it loops over single samples,
    # which then take a branch of their own, and need little memory.

    def is_compiled(self, array: Array) -> bool:
        """Whether an array is part of a program that is being made."""
        return False

    def takes_branches(self, batch: Samples) -> bool:
        """Whether it is one sample, of which a program can look at the values."""
        return self.is_compiled(batch.images) and batch.images.shape[0] == 1

    def in_parts(
        self, function: Callable[[Samples, Rows], Samples], batch: Samples, rows: Rows
    ) -> Samples:
        """Calls a function for as many samples at a time as is best.

        Args:
            function: takes a part of the batch and of the rows; gives samples of the
                same shapes and dtypes.
            batch: the samples.
            rows: arrays with a row for each sample.
        """
        return function(batch, rows)

    def repeat(
        self, function: Callable[[Any, Rows], Any], state: Any, rows: Rows
    ) -> Any:
        """Calls a function again and again, each time with what it gave before.

        Args:
            function: takes the state and the next of the rows; gives the state.
            state: a `Batch` or an array.
            rows: arrays `(B, steps, ...)`.
        """
        for step in range(steps_of(rows)):
            state = function(state, at_step(rows, step))
        return state

    def loop(
        self,
        function: Callable[[Any], Any],
        batch: Samples,
        join: Callable[[list[Any]], Any],
    ) -> Any:
        """Returns what a user's function gives for each sample, as one batch.

        Args:
            function: takes the index of a sample; gives nested dicts of arrays.
            batch: the samples.
            join: puts results together.
        """
        return join([function(index) for index in range(len(batch))])

    def branch(
        self, number: Array, branches: Sequence[Callable[[], Samples]], batch: Samples
    ) -> Samples:
        """Returns what one of the branches makes of a batch.

        Args:
            number: int32 scalar, which one.
            branches: give batches, all of the same shapes and dtypes.
            batch: what they change.
        """
        return branches[int(number)]()

    def places_of(self, choice: Array, number: int) -> Array:
        """Returns the indices `(n,)` at which a number was chosen, out of `(B,)`."""
        raise NotImplementedError(f"{type(self).__name__} takes out no samples.")

    def combined(
        self, batch: Samples, places: Sequence[Array], parts: Sequence[Samples]
    ) -> Samples:
        """Returns a batch with samples of others in its places.

        Args:
            batch: the samples.
            places: indices of the samples of each part, `(n,)`.
            parts: batches of as many samples.
        """
        raise NotImplementedError(f"{type(self).__name__} takes out no samples.")


def steps_of(rows: Rows) -> int:
    """Returns how many steps rows `(B, steps, ...)` are for."""
    return int(keras.tree.flatten(rows)[0].shape[1])


def at_step(rows: Rows, step: Any) -> Rows:
    """Returns what rows `(B, steps, ...)` hold for one step, `(B, ...)`."""
    return keras.tree.map_structure(lambda array: array[:, step], rows)
