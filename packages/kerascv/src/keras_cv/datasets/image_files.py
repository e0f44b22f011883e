"""Image files, each with what is said about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from domain_core.images.decode import Limits, decode, read_file
from keras_cv.datasets.image_dataset import ImageDataset
from keras_cv.datasets.tf_data import Sample

# As `ImageConverter` has them.
MAX_PIXELS = 178_000_000
MAX_BYTES = 100_000_000
_BOXES = "bounding_boxes"


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image.

    Attributes:
        path: of the file.
        labels: arrays by their key in the sample: "labels", or "bounding_boxes" as a
            dict of "boxes" float32 `(N, 4)`, xyxy in pixels, and "classes" float32
            `(N,)`.
        size: width and height that the boxes were drawn for, None if not known.
    """

    path: Path
    labels: dict[str, Any]
    size: tuple[int, int] | None = None


class ImageFiles(ImageDataset):
    """Reads images when they are asked for.

    Boxes are clipped to the image, those outside it dropped.

    Args:
        files: the images.
        class_names: names of the classes 0, 1, ...
        class_ids: by what the annotations call these classes.
        max_pixels: largest height times width to accept, before decoding.
        max_bytes: largest file to accept.

    Attributes:
        files: what is known of each image without reading it.
        class_ids: see above.
    """

    def __init__(
        self,
        files: Sequence[ImageFile],
        class_names: Sequence[str],
        *,
        class_ids: Sequence[Any] | None = None,
        max_pixels: int = MAX_PIXELS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.files = tuple(files)
        self.class_names = tuple(class_names)
        self.class_ids = tuple(class_names if class_ids is None else class_ids)
        self._limits = Limits(max_bytes, max_pixels)

    def __len__(self) -> int:
        return len(self.files)

    def sample(self, index: int, epoch: int) -> Sample:
        file = self.files[index]
        name = f"image {str(file.path)!r}"
        data = read_file(file.path, name, self._limits)
        # A copy: that of Pillow is for reading only, which torch warns of.
        image = np.array(decode(data, name, 3, self._limits))
        height, width = image.shape[:2]
        if file.size is not None and file.size != (width, height):
            raise ValueError(
                f"Expected {name} to have {file.size[0]} x {file.size[1]} pixels, as "
                f"its annotations say, received {width} x {height}, turned as its EXIF "
                "data say. Its boxes would be elsewhere: mend the file or its size in "
                "the annotations."
            )
        sample: Sample = {"images": image}
        for key, value in file.labels.items():
            if key == _BOXES:
                sample[key] = _clipped(value, width, height)
            else:
                sample[key] = value.copy()
        return sample


def check_files(files: Sequence[ImageFile], source: str) -> None:
    """Raises ValueError that names files that are not there.

    Args:
        files: what to look for.
        source: where their names come from, for the error.
    """
    missing = [file.path for file in files if not file.path.is_file()]
    if missing:
        names = ", ".join(repr(str(path)) for path in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(
            f"{len(missing)} of {len(files)} images of {source} are missing: {names}"
            f"{more}. Expected them all: download them again, or pass another folder."
        )


def _clipped(value: dict[str, np.ndarray], width: int, height: int) -> dict[str, Any]:
    limits = np.array([width, height, width, height], "float32")
    boxes = np.clip(value["boxes"], 0, limits)
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return {"boxes": boxes[kept], "classes": value["classes"][kept]}


def as_boxes(rows: Sequence[Sequence[float]], classes: Sequence[int]) -> dict[str, Any]:
    """Returns labels with boxes, xyxy in pixels; degenerate ones must be out by now."""
    boxes = np.asarray(rows, "float32").reshape(-1, 4)
    return {_BOXES: {"boxes": boxes, "classes": np.asarray(classes, "float32")}}
