"""Draws what each augmentation layer does to a photograph, into docs/.

    hatch run python tools/augmentation_gallery.py --photo PHOTO --other PHOTO

The table below says how each layer is made. A layer that is exported and not in it is
an error, so that the picture stays complete.
"""

import argparse
import inspect
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from PIL import Image

from keras_cv.layers import preprocessing as P
from keras_cv.visualization import draw_bounding_boxes, plot_image_gallery

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, WIDTH = 96, 144
COLUMNS = 6
MAX_KILOBYTES = 400
BOXES = {"bounding_box_format": "xyxy"}
# Where the truck is on shared/data/photos/truck.jpg, as a share of width and height.
TRUCK = (0.02, 0.22, 0.96, 0.76)

# Of each layer, with strong settings and a seed for which it can be seen.
CASES: dict[str, Callable[[], Any]] = {
    "AugMix": lambda: P.AugMix((0, 255), 0.6, seed=3),
    "Augmenter": lambda: P.Augmenter(
        [P.RandomRotation(0.08, seed=1, **BOXES), P.RandomHue(0.6, seed=1)]
    ),
    "AutoContrast": lambda: P.AutoContrast((0, 255)),
    "CenterCrop": lambda: P.CenterCrop(72, 108, **BOXES),
    "ChannelShuffle": lambda: P.ChannelShuffle(seed=3),
    "CutMix": lambda: P.CutMix(seed=1, **BOXES),
    "Equalization": lambda: P.Equalization((0, 255)),
    "FourierMix": lambda: P.FourierMix(1.0, seed=5),
    "Grayscale": lambda: P.Grayscale(3),
    "GridMask": lambda: P.GridMask((0.4, 0.5), seed=1),
    "JitteredResize": lambda: P.JitteredResize(
        (HEIGHT, WIDTH), (0.5, 0.7), seed=1, **BOXES
    ),
    "MixUp": lambda: P.MixUp(8.0, seed=1),
    "Mosaic": lambda: P.Mosaic(seed=1, **BOXES),
    "Normalize": lambda: P.Normalize(),
    "Posterization": lambda: P.Posterization((0, 255), 2),
    "RandAugment": lambda: P.RandAugment((0, 255), seed=4, **BOXES),
    "RandomApply": lambda: P.RandomApply(P.Solarization((0, 255)), 1.0, seed=1),
    "RandomAspectRatio": lambda: P.RandomAspectRatio((1.4, 1.6), seed=1, **BOXES),
    "RandomAugmentationPipeline": lambda: P.RandomAugmentationPipeline(
        [P.RandomShear(0.4, seed=1, **BOXES), P.RandomContrast((0, 255), 0.8, seed=1)],
        2,
        seed=2,
    ),
    "RandomBrightness": lambda: P.RandomBrightness((0.3, 0.4), seed=1),
    "RandomChannelShift": lambda: P.RandomChannelShift((0, 255), 0.6, seed=1),
    "RandomChoice": lambda: P.RandomChoice(
        [P.RandomFlip("vertical", 1.0, seed=1, **BOXES), P.Grayscale(3)], seed=2
    ),
    "RandomColorDegeneration": lambda: P.RandomColorDegeneration((0.8, 0.9), seed=1),
    "RandomColorJitter": lambda: P.RandomColorJitter(
        (0, 255), 0.3, 0.5, (0.3, 0.8), 0.5, seed=3
    ),
    "RandomContrast": lambda: P.RandomContrast((0, 255), 0.8, seed=2),
    "RandomCrop": lambda: P.RandomCrop(72, 108, seed=1, **BOXES),
    "RandomCropAndResize": lambda: P.RandomCropAndResize(
        (HEIGHT, WIDTH), (0.3, 0.5), (0.8, 1.2), seed=1, **BOXES
    ),
    "RandomCutout": lambda: P.RandomCutout((0.4, 0.5), (0.3, 0.4), seed=4),
    "RandomErasing": lambda: P.RandomErasing(1.0, seed=1),
    "RandomFlip": lambda: P.RandomFlip(rate=1.0, seed=1, **BOXES),
    "RandomGaussianBlur": lambda: P.RandomGaussianBlur(9, (2.0, 3.0), seed=1),
    "RandomHue": lambda: P.RandomHue((0.6, 0.9), seed=1),
    "RandomJpegQuality": lambda: P.RandomJpegQuality((4, 8), seed=1),
    "RandomPerspective": lambda: P.RandomPerspective(seed=1, **BOXES),
    "RandomRotation": lambda: P.RandomRotation((0.02, 0.05), seed=1, **BOXES),
    "RandomSaturation": lambda: P.RandomSaturation((0.7, 0.75), seed=1),
    "RandomSharpness": lambda: P.RandomSharpness((0.9, 1.0), seed=1),
    "RandomShear": lambda: P.RandomShear(0.5, 0.2, seed=1, **BOXES),
    "RandomTranslation": lambda: P.RandomTranslation(0.3, 0.3, seed=1, **BOXES),
    "RandomZoom": lambda: P.RandomZoom((-0.4, -0.3), seed=1, **BOXES),
    "RepeatedAugmentation": lambda: P.RepeatedAugmentation(
        [P.RandomFlip(rate=1.0, seed=1, **BOXES), P.Grayscale(3)], seed=1
    ),
    "Rescaling": lambda: P.Rescaling(-1.0, 255.0),
    "Resizing": lambda: P.Resizing(
        HEIGHT, HEIGHT, pad_to_aspect_ratio=True, **BOXES
    ),
    "Solarization": lambda: P.Solarization((0, 255), seed=1),
}  # fmt: skip


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--photo", type=Path, default=ROOT.parent / "shared/data/photos/truck.jpg"
    )
    parser.add_argument(
        "--other",
        type=Path,
        default=ROOT.parent / "shared/data/photos/groceries.jpg",
        help="what layers that mix images mix the photograph with",
    )
    default = ROOT / "docs" / "augmentation_gallery.png"
    parser.add_argument("--png", type=Path, default=default)
    options = parser.parse_args()
    content = gallery(options.photo, options.other)
    options.png.write_bytes(content)
    print(f"wrote {options.png}, {len(content) / 1000:.0f} kB")


def gallery(photo: Path, other: Path) -> bytes:
    """Returns the PNG.

    Raises:
        ValueError: if a layer has no case, or the file becomes too large.
    """
    missing = sorted(exported() - set(CASES))
    if missing:
        raise ValueError(f"Expected a case for each exported layer, not for {missing}.")
    names = sorted(exported())
    images = np.stack([read(photo), read(other)])
    shown = [with_boxes(images[0], sample(images)["bounding_boxes"])]
    shown += [augmented(CASES[name](), images) for name in names]
    figure = plot_image_gallery(
        shown,
        (0, 255),
        scale=WIDTH / 100,
        dpi=100,
        cols=COLUMNS,
        titles=["the photograph", *names],
    )
    for text in figure.findobj(lambda artist: hasattr(artist, "set_fontsize")):
        text.set_fontsize(7)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100, facecolor="white")
    # 256 colors make a file of a fifth, and dots of them all others.
    picture = Image.open(buffer).convert("RGB")
    colors = picture.quantize(256, kmeans=2)
    picture = picture.quantize(palette=colors, dither=Image.Dither.FLOYDSTEINBERG)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    if packed.tell() > MAX_KILOBYTES * 1000:
        raise ValueError(
            f"Expected at most {MAX_KILOBYTES} kB, received {packed.tell() / 1000:.0f}."
        )
    return packed.getvalue()


def exported() -> set[str]:
    """Returns the names of all layers that can be made."""
    base = P.BaseImageAugmentationLayer
    return {
        name
        for name, value in vars(P).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def read(path: Path) -> np.ndarray:
    """Returns a photograph, cut to the shape of the gallery."""
    from PIL import ImageOps

    image = Image.open(path).convert("RGB")
    return np.array(ImageOps.fit(image, (WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def sample(images: np.ndarray) -> dict[str, Any]:
    """Returns the photographs with a box and a label."""
    box = np.array(TRUCK, "float32") * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    boxes = np.full((len(images), 1, 4), -1.0, "float32")
    classes = np.full((len(images), 1), -1.0, "float32")
    boxes[0, 0], classes[0, 0] = box, 0
    return {
        "images": images,
        "labels": np.eye(len(images), dtype="float32"),
        "bounding_boxes": {"boxes": boxes, "classes": classes},
    }


def augmented(layer: Any, images: np.ndarray) -> np.ndarray:
    """Returns the photograph after a layer, with its box."""
    # The other image is chosen at random, and some layers change their order: take
    # the first call after which there is something to see.
    if isinstance(layer, P.AugMix):  # it refuses boxes
        return layer(images, index=1)[0]
    for index in range(20):
        outputs = layer(sample(images), index=index)
        image = np.asarray(outputs["images"][0])
        if isinstance(layer, P.Normalize):
            image = (image - image.min()) / (image.max() - image.min()) * 255
        image = np.clip(np.rint(image), 0, 255).astype("uint8")
        is_there = outputs["bounding_boxes"]["classes"][0, 0] == 0
        is_changed = (
            image.shape != images[0].shape or (image != images[0]).mean() > 0.01
        )
        if is_there and is_changed:
            break
    boxes = {key: value[:1] for key, value in outputs["bounding_boxes"].items()}
    return with_boxes(image, boxes)


def with_boxes(image: np.ndarray, boxes: dict[str, np.ndarray]) -> np.ndarray:
    """Returns an image with its boxes drawn, at the size it has."""
    boxes = {key: value[:1] for key, value in boxes.items()}
    return draw_bounding_boxes(
        image[None], boxes, (255, 235, 59), "xyxy", class_mapping={0: ""}
    )[0]


if __name__ == "__main__":
    main()
