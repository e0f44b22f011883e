"""Boxes in COCO's JSON."""

from __future__ import annotations

import json
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
    keys = sorted(categories, key=lambda key: (isinstance(key, str), key))
    numbers = {key: number for number, key in enumerate(keys)}
    names = [_class_name(categories[key]) for key in keys]
    images = _by_id(data["images"], "images", path)
    boxes: dict[Any, list[list[float]]] = {key: [] for key in images}
    classes: dict[Any, list[int]] = {key: [] for key in images}
    for place, annotation in enumerate(data["annotations"]):
        where = f'"annotations"[{place}] of {str(path)!r}'
        image = _known(annotation, "image_id", images, where)
        number = numbers[_known(annotation, "category_id", categories, where)]
        x, y, width, height = _numbers(annotation.get("bbox"), where)
        is_crowd = _is_crowd(annotation, where)
        if width <= 0 or height <= 0 or (is_crowd and not include_crowd):
            continue
        boxes[image].append([x, y, x + width, y + height])
        classes[image].append(number)
    files = [
        ImageFile(
            inside(folder, image.get("file_name"), f"{str(path)!r}"),
            as_boxes(boxes[key], classes[key]),
            _size(image, f'"images"[{place}] of {str(path)!r}'),
        )
        for place, (key, image) in enumerate(images.items())
    ]
    check_files(files, str(path))
    return ImageFiles(
        files,
        names,
        class_ids=[categories[key]["id"] for key in keys],
        max_pixels=max_pixels,
        max_bytes=max_bytes,
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
        number = _id(item, "id")
        if number is None or number in found:
            raise ValueError(
                f'Expected an object with an "id" of its own in "{key}"[{place}] of '
                f"{str(path)!r}, received {item!r:.200}."
            )
        found[number] = item
    return found


def _known(annotation: Any, key: str, items: dict[Any, Any], where: str) -> Any:
    number = _id(annotation, key)
    if number is None or number not in items:
        raise ValueError(
            f'Expected "{key}" in {where} to be one that the file lists, received '
            f"{annotation!r:.200}."
        )
    return number


def _id(item: Any, key: str) -> int | str | None:
    """Returns an id as an integer where it says one, in whatever type; None if none."""
    value = item.get(key) if isinstance(item, dict) else None
    number = _number(value)
    # "007" is a name; and an integer may be larger than a number in a box.
    is_name = isinstance(value, str) and not (
        number is not None and value == str(int(number))
    )
    if is_name or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return None if number is None or number != int(number) else int(number)


def _class_name(category: dict[str, Any]) -> str:
    name = category.get("name")
    return str(category["id"] if name is None else name)


def _is_crowd(annotation: dict[str, Any], where: str) -> bool:
    value = annotation.get("iscrowd")
    flag = {"true": 1, "false": 0, "": 0}.get(str(value).lower(), value)
    number = 0 if flag is None else _number(flag)
    if number not in (0, 1):
        raise ValueError(
            f'Expected "iscrowd" in {where} to be 0 or 1, received {value!r:.200}.'
        )
    return bool(number)


def _numbers(box: Any, where: str) -> list[float]:
    numbers = list(map(_number, box)) if isinstance(box, list) else []
    known = [number for number in numbers if number is not None]
    if len(known) != 4 or len(numbers) != 4:
        raise ValueError(
            f'Expected "bbox" in {where} as x, y, width, height, received {box!r:.200}.'
        )
    return known


def _number(value: Any) -> float | None:
    """Returns a number that may be written as a string; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    # No image is as large.
    return number if -1e9 < number < 1e9 else None


def _size(image: dict[str, Any], where: str) -> tuple[int, int] | None:
    lengths = []
    for side in ("width", "height"):
        # Some programs write none, or zeros.
        value = image.get(side)
        length = 0 if value is None else _number(value)
        if length is None or length < 0 or length != int(length):
            raise ValueError(
                f'Expected "{side}" in {where} to be a number of pixels, received '
                f"{value!r:.200}."
            )
        lengths.append(int(length))
    width, height = lengths
    return (width, height) if width and height else None
