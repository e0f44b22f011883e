"""Boxes in COCO's JSON."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from keras_cv.datasets.image_files import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageFile,
    ImageFiles,
    as_boxes,
    check_files,
)
from keras_cv.datasets.paths import as_folder, inside, read_text_file

# COCO's own largest has 0.45 GB.
_MAX_JSON_BYTES = 4 * 2**30


def read_coco(
    annotations_json: str | os.PathLike[str],
    image_folder: str | os.PathLike[str],
    *,
    include_crowd: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> ImageFiles:
    """Reads images and boxes of a detector from a file as COCO's `instances_*.json`.

    Classes are numbered from 0 in the order of their ids, which have gaps in COCO; the
    attribute `class_ids` holds the ids. Images keep the order of the file, and those
    without boxes stay. Boxes without an area are dropped, boxes that reach over the
    edge are clipped to the image.

    Args:
        annotations_json: path of the JSON: an object with the lists "images",
            "annotations" and "categories".
        image_folder: where the images are; a "file_name" that leaves it is refused.
        include_crowd: whether to keep boxes around groups of objects, "iscrowd": 1,
            which detectors are not trained on.
        max_pixels: largest height times width to accept, before decoding.
        max_bytes: largest image file to accept.

    Returns:
        A data set with samples of "images" uint8 `(H, W, 3)` and "bounding_boxes": a
        dict of "boxes" float32 `(N, 4)`, xyxy in pixels, and "classes" float32 `(N,)`.

    Raises:
        ValueError: if the file is no such JSON, or images are missing; it names them.
            A file that can't be decoded, or has another size than the JSON says, raises
            when it is read.
    """
    path, folder = Path(annotations_json), as_folder("image_folder", image_folder)
    data = _read_json(path)
    categories = _by_id(data["categories"], "categories", path)
    ids = sorted(categories, key=lambda key: (isinstance(key, str), key))
    numbers = {key: number for number, key in enumerate(ids)}
    names = [str(categories[key].get("name", key)) for key in ids]
    images = _by_id(data["images"], "images", path)
    boxes: dict[Any, list[list[float]]] = {key: [] for key in images}
    classes: dict[Any, list[int]] = {key: [] for key in images}
    for place, annotation in enumerate(data["annotations"]):
        where = f'"annotations"[{place}] of {str(path)!r}'
        image = _known(annotation, "image_id", images, where)
        number = numbers[_known(annotation, "category_id", categories, where)]
        x, y, width, height = _numbers(annotation.get("bbox"), where)
        is_crowd = bool(annotation.get("iscrowd", 0))
        if width <= 0 or height <= 0 or (is_crowd and not include_crowd):
            continue
        boxes[image].append([x, y, x + width, y + height])
        classes[image].append(number)
    files = [
        ImageFile(
            inside(folder, image.get("file_name"), f"{str(path)!r}"),
            as_boxes(boxes[key], classes[key]),
            _size(image),
        )
        for key, image in images.items()
    ]
    check_files(files, str(path))
    return ImageFiles(
        files, names, class_ids=ids, max_pixels=max_pixels, max_bytes=max_bytes
    )


def _read_json(path: Path) -> dict[str, Any]:
    content = read_text_file(path, _MAX_JSON_BYTES, "COCO annotations")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is no JSON: {error}.") from error
    lists = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(
        isinstance(data.get(key), list) for key in lists
    ):
        kind = sorted(data)[:20] if isinstance(data, dict) else type(data).__name__
        raise ValueError(
            f"Expected an object with the lists {', '.join(lists)} in {str(path)!r}, "
            f"received {kind}. Pass a file as COCO's instances_val2017.json."
        )
    return data


def _by_id(items: list[Any], key: str, path: Path) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for place, item in enumerate(items):
        number = item.get("id") if isinstance(item, dict) else None
        if not isinstance(number, int | str) or number in found:
            raise ValueError(
                f'Expected an object with an "id" of its own in "{key}"[{place}] of '
                f"{str(path)!r}, received {item!r:.200}."
            )
        found[number] = item
    return found


def _known(annotation: Any, key: str, items: dict[Any, Any], where: str) -> Any:
    number = annotation.get(key) if isinstance(annotation, dict) else None
    if not isinstance(number, int | str) or number not in items:
        raise ValueError(
            f'Expected "{key}" in {where} to be one that the file lists, received '
            f"{annotation!r:.200}."
        )
    return number


def _numbers(box: Any, where: str) -> list[float]:
    is_box = (
        isinstance(box, list)
        and len(box) == 4
        and all(
            isinstance(x, int | float) and not isinstance(x, bool) and _is_finite(x)
            for x in box
        )
    )
    if not is_box:
        raise ValueError(
            f'Expected "bbox" in {where} as x, y, width, height, received {box!r:.200}.'
        )
    return [float(x) for x in box]


def _is_finite(x: float) -> bool:
    # No image is as large, and an integer may not even be a float.
    return -1e9 < x < 1e9 and math.isfinite(x)


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None
