"""Decoding image files with Pillow, limits first."""

from __future__ import annotations

import dataclasses
import io
import os
import stat
from collections.abc import Callable
from typing import Any

import numpy as np

# What the file of a format begins with. Other formats are not read: each decoder is
# code that runs on files of strangers, and some start other programs.
_SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "PPM": (b"P4", b"P5", b"P6"),
}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION = 0x0112
# What the most compressible image, of one colour, takes in a format; and how many
# pixels may be announced by any file. TIFF has an encoding for blank pages.
_PIXELS_PER_BYTE = {"GIF": 3_000, "TIFF": 100_000}
_MOST_PIXELS_PER_BYTE = 10_000
_FREE_PIXELS = 2**23


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a file may cost: its bytes, and the pixels its header announces."""

    max_bytes: int
    max_pixels: int


def import_pillow() -> Any:
    """Imports `PIL.Image`.

    Raises:
        ImportError: if it is not installed, with the line that installs it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Decoding and resizing images needs Pillow: `pip install pillow` (it comes "
            "with `pip install kerascv`)."
        ) from error
    return Image


def read_file(path: str | os.PathLike[str], name: str, limits: Limits) -> bytes:
    """Reads a file that is not too large.

    Args:
        path: of a regular file.
        name: what to call the image in errors.
        limits: see `Limits`.

    Raises:
        ValueError: if it can't be read or is too large.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        raise _unreadable(name, error) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ValueError(f"{name} is {kind}; expected the path of an image file.")
    _check_bytes(status.st_size, name, limits)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _unreadable(name, error) from error


def decode(
    data: bytes,
    name: str,
    channels: int,
    limits: Limits,
    draft_size: Callable[[int, int], tuple[int, int]] | None = None,
) -> Any:
    """Decodes an image file; of several frames, the first.

    Args:
        data: content of a JPEG, PNG, GIF, BMP, WebP, TIFF or PPM file.
        name: what to call the image in errors.
        channels: see `as_channels`.
        limits: checked before any pixel is decoded.
        draft_size: from height and width of a JPEG to those that are enough: the
            decoder may halve it one to three times, down to these.

    Returns:
        A Pillow image of mode "L", "RGB" or "RGBA", upright.

    Raises:
        ValueError: if it is too large, damaged or no image.
    """
    _check_bytes(len(data), name, limits)
    image = _open(data, name)
    check_pixels(image, name, limits)
    _check_compression(image, len(data), name)
    if draft_size is not None:
        height, width = draft_size(image.height, image.width)
        image.draft(image.mode, (width, height))
    return as_channels(image, name, channels)


def check_pixels(image: Any, name: str, limits: Limits) -> None:
    """Raises ValueError if a Pillow image, perhaps not yet decoded, is too large."""
    if not image.width * image.height:
        raise ValueError(
            f"{name} has no pixels: {image.width} x {image.height}. Drop it."
        )
    if image.width * image.height > limits.max_pixels:
        raise ValueError(
            f"{name} has {image.width} x {image.height} pixels, expected at most "
            f"{limits.max_pixels:,}. If it is from a source you trust, raise "
            "`max_pixels`."
        )


def as_channels(image: Any, name: str, channels: int) -> Any:
    """Decodes a Pillow image, turns it upright, and gives it 1, 3 or 4 channels.

    Transparency is dropped, not blended with a background; without any, a fourth
    channel is 255. Grey PNGs of 16 bit lose the lower 8, as Pillow does with colours.

    Args:
        image: any mode but 32 bit.
        name: what to call it in errors.
        channels: 1 for grey, 3 for RGB, 4 for RGBA.

    Returns:
        A Pillow image of mode "L", "RGB" or "RGBA".

    Raises:
        ValueError: if its pixels can't be decoded or have no range known to be 255.
    """
    from PIL import Image, ImageOps

    if channels not in _MODES:
        raise ValueError(
            f"{name} is a file or a Pillow image, which gives 1, 3 or 4 channels; "
            f"this converter has channels={channels}. Pass an array."
        )
    mode = _MODES[channels]
    try:
        image.load()
        is_png = image.format == "PNG"
        # Asked after decoding: a TIFF is then upright, a PNG may tell at its end.
        if image.getexif().get(_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode == "I;16" and is_png:
            image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
        if image.mode in ("I", "F") or image.mode.startswith("I;"):
            raise ValueError(f"the range of its mode {image.mode!r} is not known")
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")  # Pillow warns of the direct way
        return image if image.mode == mode else image.convert(mode)
    # Decoders meet a damaged file with all kinds of exceptions.
    except Exception as error:
        raise ValueError(
            f"{name} can't be decoded: {error}. Expected a whole image of 8 bit per "
            "channel: replace the file, or convert it."
        ) from error


def _check_compression(image: Any, size: int, name: str) -> None:
    """Refuses large images that are announced by files too small to hold them."""
    pixels = image.width * image.height
    at_most = _PIXELS_PER_BYTE.get(image.format, _MOST_PIXELS_PER_BYTE)
    if pixels > max(size * at_most, _FREE_PIXELS):
        raise ValueError(
            f"{name} announces {image.width} x {image.height} pixels in {size:,} "
            f"bytes, more than a {image.format} file can hold. Drop it, or convert it "
            "with a program that you trust."
        )


def _unreadable(name: str, error: Exception) -> ValueError:
    reason = getattr(error, "strerror", None) or error
    return ValueError(
        f"{name} can't be read: {reason}. Expected the path of an image file."
    )


def _check_bytes(size: int, name: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise ValueError(
            f"{name} has {size:,} bytes, expected at most {limits.max_bytes:,}. If it "
            "is from a source you trust, raise `max_bytes`."
        )


def _open(data: bytes, name: str) -> Any:
    """Reads the header.

    Not by `Image.open`: it would also try other formats, and warn of a limit of its own
    that the user can't change here.
    """
    formats = (kind for kind, starts in _SIGNATURES.items() if data.startswith(starts))
    kind = next(formats, None)
    if kind is None:
        raise ValueError(
            f"{name} is no image file: expected {', '.join(_SIGNATURES)}, received "
            f"{len(data)} bytes that begin with {data[:12]!r}."
        )
    image_module = import_pillow()
    for load_plugins in (image_module.preinit, image_module.init):
        if kind not in image_module.OPEN:
            load_plugins()
    if kind not in image_module.OPEN:
        raise ValueError(f"{name} is a {kind} file, which your Pillow can't read.")
    open_image = image_module.OPEN[kind][0]
    try:
        return open_image(io.BytesIO(data), "")
    except Exception as error:
        raise ValueError(f"{name} is a damaged {kind} file: {error}.") from error
