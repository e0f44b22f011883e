"""From raw images to batches of pixels that a model takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from domain_core.arguments import as_positive_int, check_choices, is_positive_int
from domain_core.arrays.host_call import (
    Spec,
    host_call,
    is_ragged_tensor,
    is_symbolic,
    is_tensorflow,
    rank,
    to_host,
)
from domain_core.images import image_inputs, resize
from domain_core.images.decode import (
    Limits,
    as_channels,
    check_pixels,
    decode,
    import_pillow,
)
from domain_core.images.parallel import for_each
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import role, serializable

Values = float | Sequence[float] | None


@role("image_converter")
@serializable("domain_core")
class ImageConverter(RemembersArguments):
    """Decodes, resizes, crops and normalizes images.

    A plain object, not a Keras layer: it works on files and arrays, without
    TensorFlow, in any thread. Inside `tf.data` the same code runs behind one host call;
    tensors of the backend stay on their device.

    The result is `(pixels * scale - mean) / std`. Pixels are in [0, 255] whatever their
    type: uint8 and float images of the same values give the same result, but that
    uint8 is rounded after each pass of resizing, as in Pillow and Hugging Face.

    Images of any size become `image_size` in one of three ways: keeping their aspect
    ratio and losing what stands out (`crop_to_aspect_ratio`, as most classifiers are
    evaluated), keeping it and filling up (`pad_to_aspect_ratio`), or stretched
    (neither).

    Args:
        image_size: `(height, width)` of the output in pixels, or an int for both.
        crop_to_aspect_ratio: resize until the image just covers `image_size` divided by
            `crop_ratio`, then crop the centre.
        pad_to_aspect_ratio: resize until the image just fits, then fill up.
        crop_ratio: the part of the resized image's edge that the crop keeps, in (0, 1];
            stretched images are cropped by it too.
        crop_first: crop to the aspect ratio before resizing, at whole pixels, as Keras'
            `Resizing` does; for `crop_to_aspect_ratio` with a `crop_ratio` of 1.
        interpolation: "bilinear", "bicubic", "nearest", "box", "hamming" or "lanczos"
            (also "lanczos3"): Pillow's filters.
        antialias: whether reducing takes all pixels into account, as Pillow does. False
            is faster, for "bilinear" and "nearest" only, and what `tf.image.resize`
            does by default.
        scale: factor of the pixels, a number or one per channel; None for 1.
        mean: subtracted after scaling; None for 0.
        std: divided by at last; None for 1.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA) for files, which are converted; any
            number for arrays, which must have it. Opacity is dropped, not blended.
        pad_value: of the pixels filled up, in [0, 255], a number or one per channel;
            `mean / scale` makes them 0 in the result.
        pad_position: where the image goes in a padded one, "center" or "top_left".
        draft: let the decoder of JPEG files halve large images, as long as both edges
            stay twice as long as needed: faster, and up to some levels different.
        max_pixels: largest height times width to accept, before decoding.
        max_bytes: largest file to accept.

    Raises:
        ValueError: if an argument is out of range, or crop and pad are both asked for.

    Example:
    ```python
    >>> from domain_core.images import ImageConverter
    >>> converter = ImageConverter(4, scale=1 / 255)
    >>> converter(np.full((6, 8, 3), 255, "uint8")).shape
    (4, 4, 3)
    >>> images = [np.zeros((6, 8, 3), "uint8"), np.zeros((5, 5, 3), "uint8")]
    >>> converter(images).shape
    (2, 4, 4, 3)

    ```
    """

    def __init__(
        self,
        image_size: int | Sequence[int] = (224, 224),
        *,
        crop_to_aspect_ratio: bool = True,
        pad_to_aspect_ratio: bool = False,
        crop_ratio: float = 1.0,
        interpolation: str = "bilinear",
        antialias: bool = True,
        scale: Values = None,
        mean: Values = None,
        std: Values = None,
        channels: int = 3,
        pad_value: float | Sequence[float] = 0,
        pad_position: str = "center",
        draft: bool = False,
        max_pixels: int = 178_000_000,
        max_bytes: int = 100_000_000,
        crop_first: bool = False,
    ) -> None:
        self.image_size = _checked_size(image_size)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Expected at most one of `crop_to_aspect_ratio` (True by default) and "
                "`pad_to_aspect_ratio`, received both. Set the other to False."
            )
        crop_ratio = float(crop_ratio)
        if not 0 < crop_ratio <= 1 or (pad_to_aspect_ratio and crop_ratio != 1):
            raise ValueError(
                "Expected `crop_ratio` in (0, 1], and 1 with `pad_to_aspect_ratio`, "
                f"received {crop_ratio!r}."
            )
        if crop_first and not (crop_to_aspect_ratio and crop_ratio == 1):
            raise ValueError(
                "Expected `crop_to_aspect_ratio` and a `crop_ratio` of 1 with "
                f"`crop_first`, received {crop_to_aspect_ratio!r} and {crop_ratio!r}."
            )
        interpolation = "lanczos" if interpolation == "lanczos3" else interpolation
        check_choices(interpolation=(interpolation, resize.INTERPOLATIONS))
        if not antialias and interpolation not in resize.ALIASED:
            raise ValueError(
                f"Expected `interpolation` to be one of {sorted(resize.ALIASED)} with "
                f"antialias=False, received {interpolation!r}."
            )
        check_choices(pad_position=(pad_position, ("center", "top_left")))
        for name, number in {
            "channels": channels,
            "max_pixels": max_pixels,
            "max_bytes": max_bytes,
        }.items():
            as_positive_int(name, number)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.crop_ratio = crop_ratio
        self.interpolation = interpolation
        self.antialias = antialias
        self.scale = _checked_values("scale", scale, channels)
        self.mean = _checked_values("mean", mean, channels)
        self.std = _checked_values("std", std, channels)
        if self.std is not None and not np.all(self.std):
            raise ValueError(f"Expected `std` without a 0, received {std!r}.")
        self.channels = channels
        self.pad_value = _checked_values("pad_value", pad_value, channels)
        self.pad_position = pad_position
        self.draft = draft
        self.max_pixels = max_pixels
        self.max_bytes = max_bytes
        self.crop_first = crop_first

    def __call__(self, images: Any) -> Any:
        """Converts one image or a batch.

        Args:
            images: one image or a batch. Arrays `(H, W, C)` or `(B, H, W, C)`, uint8 or
                float; or paths, contents of files (JPEG, PNG, GIF, BMP, WebP, TIFF,
                PPM; the first frame), Pillow images and arrays of any sizes, alone or
                in lists and flat arrays. Or a tensor: one of the backend is converted
                by `convert_tensors`; a symbolic one of TensorFlow, as in `tf.data`,
                behind a host call, strings too (paths, contents).

        Returns:
            Floats `(B, height, width, channels)`, without `B` for one image, of
            `keras.config.floatx()`. Tensors for tensors of the backend and symbolic
            ones, else a NumPy array.

        Raises:
            ValueError: if an image can't be read or does not fit; the message names
                it. Tensors of the backend are not searched for NaN.
        """
        if is_symbolic(images):
            return self._convert_in_graph(images)
        if _is_backend_tensor(images):
            shape = tuple(images.shape)
            image_inputs.check_shape(shape, "`images`", self.channels)
            if len(shape) == 4:
                return self.convert_tensors(images)
            return self.convert_tensors(keras.ops.expand_dims(images, 0))[0]
        return self._convert_on_host(to_host(images))

    def load(self, images: Any) -> list[np.ndarray]:
        """Decodes a batch, and leaves sizes and values as they are.

        Args:
            images: a batch, as of a call; no symbolic tensors.

        Returns:
            Arrays `(H, W, channels)`, uint8 or float32, which a call takes.

        Raises:
            ValueError: as of a call, or for a single image.
        """
        items, names, single = self._items(to_host(images))
        if single:
            raise ValueError(
                "Expected a batch of images, received a single one. Wrap it in a list: "
                "`[image]`."
            )
        loaded: list[Any] = [None] * len(items)

        def load(i: int) -> None:
            image = np.asarray(self._loaded(items[i], names[i]))
            loaded[i] = image[..., None] if image.ndim == 2 else image

        for_each(load, len(items))
        return loaded

    def convert_and_place(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Converts a batch on the host, and says where the pixels of each image went.

        Args:
            images: as of `load`.

        Returns:
            Floats `(B, height, width, channels)`, and float32 `(B, 6)`: what to
            multiply x and y of the image by and what to add then for those of the
            output (x, y, x, y), in pixels, and the image's height and width.

        Raises:
            ValueError: as of `load`.
        """
        arrays = self.load(images)
        sizes = [array.shape[:2] for array in arrays]
        placements = [[*self.placement(*size), *size] for size in sizes]
        return self._convert_on_host(arrays), np.array(placements, "float32")

    def placement(self, height: int, width: int) -> np.ndarray:
        """Returns where in the output the pixels of an image go.

        Args:
            height: of the image in pixels.
            width: likewise.

        Returns:
            Float32 `(4,)`: what to multiply x and y of the image by, and what to add to
            them then, for x and y in the output, in pixels.
        """
        top, left, bottom, right = 0, 0, height, width
        window = self._window(height, width)
        if self.crop_first:
            window = resize.center_cropped(self.image_size, self.image_size)
            top, left, bottom, right = self._box(height, width)
        scale_y = window.resized[0] / (bottom - top)
        scale_x = window.resized[1] / (right - left)
        y = window.offset[0] - window.start[0] - top * scale_y
        x = window.offset[1] - window.start[1] - left * scale_x
        return np.array([scale_x, scale_y, x, y], "float32")

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """Returns `(pixels * scale - mean) / std` of arrays `(..., channels)`."""
        factor, shift = self._affine()
        normalized = pixels.astype("float32")
        if factor is not None:
            normalized *= factor
        if shift is not None:
            normalized += shift
        return normalized.astype(keras.config.floatx(), copy=False)

    def convert_tensors(self, images: Any) -> Any:
        """Converts a batch of tensors of one size, on their device.

        To be used inside a model or a compiled function, too: it is differentiable, and
        all shapes but `B` are static. Values equal those of float images on the host;
        nothing is rounded to uint8.

        Args:
            images: uint8, float or other integer tensor `(B, H, W, C)` of the backend.

        Returns:
            Tensor `(B, height, width, channels)` of `keras.config.floatx()`.

        Raises:
            ValueError: if shape or dtype do not fit.
        """
        shape = tuple(images.shape)
        if len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                "Expected a batch of images (batch, height, width, channels) of known "
                f"size, received the shape {shape}. Fix the size with "
                "`keras.Input((height, width, channels))`, or convert ahead of the "
                "model."
            )
        image_inputs.check_shape(shape, "`images`", self.channels)
        image_inputs.check_dtype(
            keras.backend.standardize_dtype(images.dtype), "`images`"
        )
        window = self._window(shape[1], shape[2])
        if self.crop_first:
            window = resize.center_cropped(self.image_size, self.image_size)
            top, left, bottom, right = self._box(shape[1], shape[2])
            images = images[:, top:bottom, left:right]
        x = resize.resize_tensors(
            keras.ops.cast(images, "float32"),
            window,
            self.interpolation,
            self.antialias,
        )
        if self.pad_to_aspect_ratio:
            around = [
                (start, whole - start - size)
                for start, whole, size in zip(
                    window.offset, self.image_size, window.size, strict=True
                )
            ]
            # `pad` knows one value for all channels.
            inside = np.pad(np.ones((*window.size, 1), "bool"), (*around, (0, 0)))
            x = keras.ops.pad(x, ((0, 0), *around, (0, 0)))
            x = keras.ops.where(inside, x, np.asarray(self.pad_value, "float32"))
        factor, shift = self._affine()
        if factor is not None:
            x = keras.ops.multiply(x, factor)
        if shift is not None:
            x = keras.ops.add(x, shift)
        return keras.ops.cast(x, keras.config.floatx())

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Builds the image converter of a preset.

        Args:
            preset: name, handle or directory, see `Backbone.from_preset`.
            **kwargs: constructor arguments that override the preset's.

        Raises:
            ValueError: if the preset is unknown or has no image converter.
        """
        from domain_core.presets import load_image_converter

        stored = load_image_converter(preset)
        return cls.from_config({**stored.get_config(), **kwargs}) if kwargs else stored

    def _convert_in_graph(self, images: Any) -> Any:
        if isinstance(images, tuple | dict) or is_ragged_tensor(images):
            raise ValueError(
                f"Expected one dense tensor of images, received {images}. Map a "
                "function that picks it, as in `lambda image, label: "
                "(converter(image), label)`; before `batch`, if sizes differ."
            )
        axes = rank(images, "images")
        image_axes = 0 if images.dtype.name == "string" else 3
        if image_axes:
            image_inputs.check_shape(tuple(images.shape), "`images`", self.channels)
            image_inputs.check_dtype(images.dtype.name, "`images`")
        if axes not in (image_axes, image_axes + 1):
            raise ValueError(
                "Expected paths or contents of files as a string or a flat batch of "
                f"strings, received a tensor of shape {images.shape}. Flatten it."
            )
        batch = tuple(images.shape)[: axes - image_axes]
        spec = Spec(keras.config.floatx(), (*batch, *self.image_size, self.channels))
        return host_call(self._convert_on_host, (images,), spec)

    def _items(self, images: Any) -> tuple[list[Any], list[str], bool]:
        """Returns the images, what to call them, and whether there is a single one."""
        items, single = image_inputs.as_items(images)
        import_pillow()
        names = (
            ["`images`"] if single else [f"`images[{i}]`" for i in range(len(items))]
        )
        for i, item in enumerate(items):
            # Here, not in threads: the same lazy image may be there twice.
            if image_inputs.is_pillow(item):
                check_pixels(item, names[i], self._limits)
                items[i] = as_channels(item, names[i], self.channels)
        return items, names, single

    @property
    def _limits(self) -> Limits:
        return Limits(self.max_bytes, self.max_pixels)

    def _loaded(self, item: Any, name: str, draft_size: Any = None) -> Any:
        """Returns one of the items as an array `(H, W, C)` or a Pillow image."""
        name, image = image_inputs.load(item, name, self.channels, self._limits)
        if isinstance(image, bytes):
            image = decode(image, name, self.channels, self._limits, draft_size)
        return image

    def _convert_on_host(self, images: Any) -> np.ndarray:
        items, names, single = self._items(images)
        shape = (*self.image_size, self.channels)
        converted = np.empty((len(items), *shape), "float32")
        factor, shift = self._affine(columns=self.image_size[1])
        draft_size = self._draft_size if self.draft else None

        def convert(i: int) -> None:
            image = self._loaded(items[i], names[i], draft_size)
            # Rows of all columns and channels: NumPy is five times slower on an axis
            # of three.
            rows = converted[i].reshape(shape[0], -1)
            rows[...] = self._resized(image).reshape(rows.shape)
            if factor is not None:
                rows *= factor
            if shift is not None:
                rows += shift

        for_each(convert, len(items))
        converted = converted.astype(keras.config.floatx(), copy=False)
        return converted[0] if single else converted

    def _resized(self, image: Any) -> np.ndarray:
        """Returns pixels `(height, width, channels)`."""
        if isinstance(image, np.ndarray):
            height, width = image.shape[:2]
        else:
            width, height = image.size
        window = self._window(height, width)
        if self.crop_first:
            window = resize.center_cropped(self.image_size, self.image_size)
            top, left, bottom, right = self._box(height, width)
            if isinstance(image, np.ndarray):
                image = image[top:bottom, left:right]
            else:
                image = image.crop((left, top, right, bottom))
        pixels = resize.resize_on_host(
            image, window, self.interpolation, self.antialias
        )
        if window.size == self.image_size:
            return pixels
        filled = np.full((*self.image_size, self.channels), self.pad_value, "float32")
        (top, left), (h, w) = window.offset, window.size
        filled[top : top + h, left : left + w] = pixels
        return filled

    def _window(self, height: int, width: int) -> resize.Window:
        """Returns what to resize of an image of this size."""
        if self.pad_to_aspect_ratio:
            centered = self.pad_position == "center"
            return resize.padded((height, width), self.image_size, centered)
        h, w = self.image_size
        resized = int(h / self.crop_ratio), int(w / self.crop_ratio)
        if self.crop_to_aspect_ratio:
            resized = resize.covering((height, width), resized)
        return resize.center_cropped(resized, self.image_size)

    def _box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Returns top, left, bottom, right of the centre with the target's shape.

        Sizes and places are rounded down, as Keras does.
        """
        h, w = self.image_size
        rows = max(min(height, width * h // w), 1)
        columns = max(min(width, height * w // h), 1)
        top, left = (height - rows) // 2, (width - columns) // 2
        return top, left, top + rows, left + columns

    def _draft_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns the size that decoding must not fall below, upright or not."""
        upright = self._window(height, width).resized
        turned = self._window(width, height).resized
        return 2 * max(upright[0], turned[1]), 2 * max(upright[1], turned[0])

    def _affine(self, columns: int = 1) -> tuple[Any, Any]:
        """Returns factor and shift of the pixels, per channel in each of the columns.

        None where there is nothing to do.
        """
        factor = np.ones(self.channels)
        shift = np.zeros(self.channels)
        if self.scale is not None:
            factor = factor * self.scale
        if self.mean is not None:
            shift = shift - self.mean
        if self.std is not None:
            factor, shift = factor / self.std, shift / self.std
        return (
            None if (factor == 1).all() else np.tile(factor, columns).astype("float32"),
            None if (shift == 0).all() else np.tile(shift, columns).astype("float32"),
        )


def _is_backend_tensor(images: Any) -> bool:
    """Whether it holds numbers in a tensor of the active backend, or of Keras."""
    if isinstance(images, keras.KerasTensor):
        return True
    if isinstance(images, list | tuple | np.ndarray) or not keras.ops.is_tensor(images):
        return False
    return not is_tensorflow(images) or images.dtype.name != "string"


def _checked_size(image_size: Any) -> tuple[int, int]:
    size = image_size
    if not isinstance(size, Sequence | np.ndarray):
        size = (size, size)
    if len(size) != 2 or not all(map(is_positive_int, size)):
        raise ValueError(
            "Expected `image_size` to be a positive integer or (height, width), in "
            f"pixels, received {image_size!r}."
        )
    return int(size[0]), int(size[1])


def _checked_values(name: str, values: Any, channels: int) -> Values:
    if values is None:
        return None
    array = np.asarray(values, dtype="float64")
    if array.shape not in ((), (channels,)) or not np.isfinite(array).all():
        raise ValueError(
            f"Expected `{name}` to be a number or {channels} numbers, one per channel, "
            f"received {values!r}."
        )
    return array.tolist()
