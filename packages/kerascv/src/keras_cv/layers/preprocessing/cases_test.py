"""One table of all augmentation layers, for the tests of what holds for each.

The tests in `matrix_test.py` take every layer through every engine, label type, dtype
and form of input. A layer whose class is exported but not listed here fails them. Cells
that are impossible are listed with the error they give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cv.layers import preprocessing as P

CONTENTS = (
    *("images", "labels", "bounding_boxes", "segmentation_masks", "keypoints"),
    "id",
)
BOXES = {"bounding_box_format": "xyxy"}


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, and what it can't do.

    Attributes:
        make: returns the layer; takes `seed` and `graph` if `is_random` else `graph`.
        float_range: value range of float images.
        uint8_tolerance: levels that engines may differ by, with the reason if not 1.
        float_tolerance: the same of floats, as part of the range.
        reason: why a tolerance is larger.
        impossible: errors, as patterns, by cell: "single", "sizes" (a list of images of
            different sizes), "jit", "graph", "backend", or the name of a label type.
        takes: keyword arguments of the sample that is made for it.
        has_own_seed: False of a layer whose layers alone have seeds.
    """

    make: Callable[..., Any]
    float_range: tuple[float, float] = (0.0, 255.0)
    uint8_tolerance: float = 1.0
    float_tolerance: float = 1e-4
    reason: str = ""
    impossible: dict[str, str] = dataclasses.field(default_factory=dict)
    takes: dict[str, Any] = dataclasses.field(default_factory=dict)
    has_own_seed: bool = True


def some_layers():
    return [
        P.RandomFlip(seed=1, rate=1.0, **BOXES),
        P.RandomRotation(0.1, seed=2, **BOXES),
        P.RandomBrightness(0.2, seed=3),
    ]


MIXES = {"single": "received a single image", "sizes": "of different sizes"}
CASES: dict[str, Case] = {
    "Augmenter": Case(
        lambda **k: P.Augmenter(
            [
                P.RandomFlip(seed=1, **BOXES),
                P.RandomRotation(0.1, seed=2, **BOXES),
                P.RandomBrightness(0.2, seed=3),
            ],
            **k,
        ),
        has_own_seed=False,
    ),
    # One layer after another: equalization makes much of a level that engines may
    # differ by before it.
    "AugMix": Case(
        lambda **k: P.AugMix(severity=0.5, num_chains=2, chain_depth=1, **k),
        impossible=dict.fromkeys(
            ("bounding_boxes", "segmentation_masks", "keypoints"),
            "cannot tell where .* belong",
        ),
    ),
    "RandAugment": Case(
        lambda **k: P.RandAugment(augmentations_per_image=1, **BOXES, **k)
    ),
    "FourierMix": Case(lambda **k: P.FourierMix(**k), impossible=MIXES),
    "RandomApply": Case(
        lambda **k: P.RandomApply(P.RandomRotation(0.1, seed=2, **BOXES), **k)
    ),
    "RandomAugmentationPipeline": Case(
        lambda **k: P.RandomAugmentationPipeline(some_layers(), 2, 0.8, **k)
    ),
    "RandomChoice": Case(lambda **k: P.RandomChoice(some_layers(), **k)),
    "RepeatedAugmentation": Case(
        lambda **k: P.RepeatedAugmentation(some_layers(), **k),
        impossible={**MIXES, "id": "Take them out of the dict"},
    ),
    "CutMix": Case(lambda **k: P.CutMix(**BOXES, **k), impossible=MIXES),
    "MixUp": Case(
        lambda **k: P.MixUp(**k),
        impossible={**MIXES, "segmentation_masks": "Convert them to one-hot floats"},
    ),
    "Mosaic": Case(lambda **k: P.Mosaic(**BOXES, **k), impossible=MIXES),
    "RandomBrightness": Case(lambda **k: P.RandomBrightness(0.3, **k)),
    "RandomFlip": Case(
        lambda **k: P.RandomFlip("horizontal_and_vertical", **BOXES, **k)
    ),
    "RandomRotation": Case(lambda **k: P.RandomRotation(0.1, **BOXES, **k)),
    "RandomRotation constant": Case(
        lambda **k: P.RandomRotation(0.1, "constant", fill_value=7, **BOXES, **k)
    ),
    "RandomRotation wrap": Case(
        lambda **k: P.RandomRotation(0.1, "wrap", "nearest", **BOXES, **k)
    ),
    "AutoContrast": Case(lambda **k: P.AutoContrast(**k)),
    "ChannelShuffle": Case(lambda **k: P.ChannelShuffle(**k)),
    "Equalization": Case(lambda **k: P.Equalization(**k)),
    "Grayscale": Case(lambda **k: P.Grayscale(**k)),
    "Grayscale three": Case(lambda **k: P.Grayscale(3, **k)),
    "Normalize": Case(lambda **k: P.Normalize(**k)),
    "Posterization": Case(lambda **k: P.Posterization(bits=3, **k)),
    "RandomChannelShift": Case(lambda **k: P.RandomChannelShift(factor=0.4, **k)),
    "RandomColorDegeneration": Case(lambda **k: P.RandomColorDegeneration(0.8, **k)),
    "RandomContrast": Case(lambda **k: P.RandomContrast(factor=0.5, **k)),
    "RandomHue": Case(lambda **k: P.RandomHue(0.6, **k)),
    "RandomSaturation": Case(lambda **k: P.RandomSaturation((0.2, 0.9), **k)),
    "GridMask": Case(lambda **k: P.GridMask((0.3, 0.6), **k)),
    "GridMask noise": Case(
        lambda **k: P.GridMask((0.3, 0.6), fill_mode="gaussian_noise", **k)
    ),
    "RandomColorJitter": Case(
        lambda **k: P.RandomColorJitter((0, 255), 0.3, 0.4, (0.3, 0.7), 0.2, **k)
    ),
    "RandomCutout": Case(lambda **k: P.RandomCutout(0.5, 0.6, fill_value=7, **k)),
    "RandomErasing": Case(lambda **k: P.RandomErasing(0.9, **k)),
    "RandomGaussianBlur": Case(lambda **k: P.RandomGaussianBlur(7, 2.0, **k)),
    "RandomGaussianBlur reflect": Case(
        lambda **k: P.RandomGaussianBlur((4, 5), 2.0, fill_mode="reflect", **k)
    ),
    "RandomJpegQuality": Case(
        lambda **k: P.RandomJpegQuality((20, 80), **k),
        impossible={"jit": "compresses on the host"},
    ),
    "RandomSharpness": Case(lambda **k: P.RandomSharpness(1.0, **k)),
    "Rescaling": Case(lambda **k: P.Rescaling(1 / 255, -0.5, **k)),
    "Solarization": Case(
        lambda **k: P.Solarization((0, 255), (0, 90), (100, 200), **k)
    ),
    "CenterCrop": Case(lambda **k: P.CenterCrop(20, 30, **BOXES, **k)),
    "CenterCrop larger": Case(lambda **k: P.CenterCrop(20, 48, **BOXES, **k)),
    "JitteredResize": Case(
        lambda **k: P.JitteredResize((24, 28), (0.5, 2.0), **BOXES, **k)
    ),
    "JitteredResize crop": Case(
        lambda **k: P.JitteredResize((40, 28), (0.8, 2.0), (30, 20), **BOXES, **k)
    ),
    "RandomAspectRatio": Case(
        lambda **k: P.RandomAspectRatio((0.8, 1.2), **BOXES, **k),
        impossible=dict.fromkeys(("jit", "graph"), "no place in one tensor"),
    ),
    "RandomCrop": Case(lambda **k: P.RandomCrop(20, 30, **BOXES, **k)),
    "RandomCrop larger": Case(lambda **k: P.RandomCrop(20, 48, **BOXES, **k)),
    "RandomCropAndResize": Case(
        lambda **k: P.RandomCropAndResize(
            (24, 28), (0.3, 1.0), (0.7, 1.4), **BOXES, **k
        )
    ),
    "RandomPerspective": Case(lambda **k: P.RandomPerspective(**BOXES, **k)),
    "RandomShear": Case(lambda **k: P.RandomShear(0.4, 0.2, **BOXES, **k)),
    "RandomTranslation": Case(lambda **k: P.RandomTranslation(0.3, 0.4, **BOXES, **k)),
    "RandomTranslation constant": Case(
        lambda **k: P.RandomTranslation(
            0.3, 0.4, "constant", fill_value=7, **BOXES, **k
        )
    ),
    "RandomZoom": Case(lambda **k: P.RandomZoom(0.4, 0.3, **BOXES, **k)),
    "RandomZoom wrap": Case(lambda **k: P.RandomZoom(0.6, None, "wrap", **BOXES, **k)),
    "Resizing": Case(lambda **k: P.Resizing(24, 52, **BOXES, **k)),
    "Resizing bicubic": Case(
        lambda **k: P.Resizing(
            24, 20, "bicubic", crop_to_aspect_ratio=True, **BOXES, **k
        )
    ),
    "Resizing pad": Case(
        lambda **k: P.Resizing(50, 28, pad_to_aspect_ratio=True, **BOXES, **k)
    ),
}


def sample(
    dtype: str = "uint8",
    batch: int = 4,
    size: tuple[int, int] = (32, 40),
    value_range: tuple[float, float] = (0.0, 255.0),
    channels: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns a batch of smooth images with labels of all types."""
    rng = np.random.default_rng(seed)
    height, width = size
    # Noise has no neighbours alike: half a pixel would be a different image.
    y, x = np.mgrid[:height, :width] / max(size)
    waves = rng.uniform(1, 6, (batch, 1, 1, channels, 2))
    phase = rng.uniform(0, 6, (batch, 1, 1, channels))
    images = np.sin(waves[..., 0] * x[..., None] + waves[..., 1] * y[..., None] + phase)
    low, high = value_range
    images = low + (high - low) * (images + 1) / 2
    if dtype == "uint8":
        images = np.rint(images)
    corner = rng.uniform(0, 0.6, (batch, 3, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.1, 0.4, (batch, 3, 2))], -1)
    boxes = (boxes * [width, height, width, height]).astype("float32")
    classes = rng.integers(0, 5, (batch, 3)).astype("float32")
    boxes[1:, 2], classes[1:, 2] = -1, -1  # padding
    points = rng.uniform(0, 1, (batch, 5, 2)) * [width, height]
    return {
        "images": images.astype(dtype),
        "labels": np.eye(batch, 6, dtype="float32"),
        "bounding_boxes": {"boxes": boxes, "classes": classes},
        "segmentation_masks": rng.integers(0, 4, (batch, *size, 1)).astype("uint8"),
        "keypoints": points.astype("float32"),
        "id": np.arange(batch),
    }
