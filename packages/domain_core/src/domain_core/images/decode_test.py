import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from domain_core.images.decode import Limits, as_channels, decode, read_file

LIMITS = Limits(10_000_000, 1_000_000)
PHOTO = load_sample_images().images[0][:100:2, :160:2]


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(data, channels=3, limits=LIMITS):
    return np.asarray(decode(data, "`x`", channels, limits))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_reads_lossless_formats(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(Image.fromarray(PHOTO), kind, **options)
    np.testing.assert_array_equal(pixels(data), PHOTO)


def test_reads_jpeg():
    data = encode(Image.fromarray(PHOTO), "JPEG", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(pixels(data), expected)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_reads_the_first_frame(kind):
    frames = [Image.new("RGB", (6, 4), color) for color in ("white", "red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (pixels(data) == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_upright(kind, orientation):
    # What a camera writes so that a viewer shows `upright`, by the EXIF standard: which
    # of its sides are the stored rows' and columns' beginning.
    upright = np.full((32, 48, 3), 255, "uint8")
    upright[:16, :16] = 0  # top left is dark
    upright[16:, :16] = 128
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    data = encode(Image.fromarray(stored.copy()), kind, exif=exif, **options)
    given = pixels(data).astype("int32")
    assert given.shape == upright.shape
    assert np.abs(given - upright).max() <= 4  # JPEG


def colours(mode):
    """An image of a mode, and the RGB it shows."""
    image = Image.fromarray(PHOTO)
    grey = np.asarray(image.convert("L"))
    as_rgb = np.repeat(grey[..., None], 3, axis=-1)
    if mode == "P":
        image = image.quantize(64)
        palette = np.array(image.getpalette()).reshape(-1, 3)
        return image, palette[np.asarray(image)]
    if mode == "1":
        image = image.convert("1")
        return image, np.repeat(np.asarray(image)[..., None], 3, axis=-1) * 255
    if mode == "L":
        return image.convert("L"), as_rgb
    half = Image.new("L", image.size, 77)
    if mode == "LA":
        return Image.merge("LA", (image.convert("L"), half)), as_rgb
    if mode == "RGBA":
        return Image.merge("RGBA", (*image.split(), half)), PHOTO
    raise AssertionError(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_gives_the_channels_asked_for(mode):
    image, shown = colours(mode)
    data = encode(image, "PNG")
    np.testing.assert_array_equal(pixels(data), shown)
    opacity = 77 if mode in ("LA", "RGBA") else 255
    rgba = pixels(data, channels=4)
    np.testing.assert_array_equal(rgba[..., :3], shown)
    assert (rgba[..., 3] == opacity).all()
    # The luma of ITU-R 601.
    luma = shown @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pixels(data, channels=1) - luma).max() <= 1


def test_drops_a_palettes_opacity_without_a_warning():
    image, shown = colours("P")
    data = encode(image, "PNG", transparency=bytes(range(64)))
    np.testing.assert_array_equal(pixels(data), shown)
    data = encode(image, "GIF", transparency=3)
    np.testing.assert_array_equal(pixels(data), shown)


def test_reads_cmyk():
    image = Image.fromarray(PHOTO)
    data = encode(image.convert("CMYK"), "TIFF")
    np.testing.assert_array_equal(pixels(data), PHOTO)
    data = encode(image.convert("CMYK"), "JPEG", quality=95, subsampling=0)
    assert np.abs(pixels(data).astype("int32") - PHOTO).mean() < 3


def test_reads_16_bit_grey_as_8():
    wide = (np.arange(12, dtype="uint16").reshape(3, 4) * 5461)[..., None]
    data = encode(Image.fromarray(wide[..., 0]), "PNG")
    np.testing.assert_array_equal(pixels(data, 1)[..., None], wide // 256)
    np.testing.assert_array_equal(pixels(data, 3), np.repeat(wide // 256, 3, -1))
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encode(Image.fromarray(wide[..., 0]), "PNG", exif=exif)
    np.testing.assert_array_equal(pixels(data, 1), wide[::-1, ::-1, 0] // 256)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_refuses_pixels_of_unknown_range(dtype):
    data = encode(Image.fromarray(np.ones((3, 4), dtype)), "TIFF")
    with pytest.raises(ValueError, match="`x` can't be decoded: the range of its mode"):
        pixels(data)


@pytest.mark.parametrize("channels", [2, 5])
def test_refuses_channels_no_file_has(channels):
    with pytest.raises(ValueError, match="gives 1, 3 or 4 channels"):
        as_channels(Image.fromarray(PHOTO), "`x`", channels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_refuses_damaged_files(kind):
    data = encode(Image.fromarray(PHOTO), kind)
    for length in (20, len(data) // 2, len(data) - len(data) // 10):
        with pytest.raises(ValueError, match="`x` (is a damaged|can't be decoded)"):
            pixels(data[:length])
    noise = np.random.default_rng(0).integers(0, 256, 500, "uint8").tobytes()
    with pytest.raises(ValueError, match="`x` (is a damaged|can't be decoded)"):
        pixels(data[:12] + noise)


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"%!PS-Adobe-3.0 EPSF"])
def test_refuses_what_is_no_image(data):
    with pytest.raises(ValueError, match="`x` is no image file: expected JPEG, PNG"):
        pixels(data)


def test_limits_come_before_pixels():
    # The header of a PNG of 60000 x 60000 pixels, and no pixel.
    header = encode(Image.new("L", (1, 1)), "PNG")
    size = (60_000).to_bytes(4, "big")
    with pytest.raises(ValueError, match="`x` (has 60000 x 60000|is a damaged)"):
        pixels(header[:16] + size + size + header[24:])
    data = encode(Image.fromarray(PHOTO), "PNG")
    with pytest.raises(ValueError, match="has 80 x 50 pixels, expected at most 3,999"):
        pixels(data, limits=Limits(10_000_000, 3_999))
    with pytest.raises(ValueError, match=f"{len(data):,} bytes, expected at most 99"):
        pixels(data, limits=Limits(99, 10_000))


def test_pillows_own_limit_is_not_asked(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = encode(Image.fromarray(PHOTO), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(pixels(data), PHOTO)


def test_draft_stays_above_the_size():
    photo = Image.fromarray(load_sample_images().images[0])  # 640 x 427
    data = encode(photo, "JPEG")

    def size(*enough):
        return decode(data, "`x`", 3, LIMITS, lambda height, width: enough).size

    assert size(427, 640) == (640, 427)
    assert size(214, 321) == (640, 427)
    assert size(213, 320) == (320, 214)
    assert size(50, 50) == (80, 54)


def test_reads_files(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"abc")
    assert read_file(path, "`x`", LIMITS) == b"abc"
    with pytest.raises(ValueError, match="`x` has 3 bytes, expected at most 2"):
        read_file(path, "`x`", Limits(2, 1))
    with pytest.raises(ValueError, match="`x` can't be read: No such file"):
        read_file(tmp_path / "y", "`x`", LIMITS)
    with pytest.raises(ValueError, match="`x` can't be read: embedded null"):
        read_file("a\0b", "`x`", LIMITS)
    with pytest.raises(ValueError, match="`x` is a directory; expected the path"):
        read_file(tmp_path, "`x`", LIMITS)
    with pytest.raises(ValueError, match="`x` is no regular file"):
        read_file(os.devnull, "`x`", LIMITS)


def gif(width, height):
    """The smallest GIF: one pixel on a canvas of any size."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    frame = b",\0\0\0\0" + b"\1\0\1\0" + b"\0" + b"\2\2\x44\1\0"
    return b"GIF89a" + size + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + frame + b";"


def test_files_that_are_too_small_for_what_they_announce():
    limits = Limits(10**8, 178_000_000)
    small = decode(gif(60, 50), "`image`", 3, limits)
    assert small.size == (60, 50)
    with pytest.raises(ValueError, match="13000 x 13000 pixels in 3. bytes"):
        decode(gif(13_000, 13_000), "`image`", 3, limits)
    # The most compressible images there are: one colour.
    for mode, format, options in (
        ("P", "GIF", {}),
        ("1", "PNG", {}),
        ("L", "JPEG", {}),
        ("1", "TIFF", {"compression": "group4"}),
    ):
        file = io.BytesIO()
        Image.new(mode, (3000, 3000)).save(file, format, **options)
        assert decode(file.getvalue(), "`image`", 1, limits).size == (3000, 3000)
