"""Boxes in the XML of Pascal VOC."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from keras_cv.datasets.image_files import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageFile,
    ImageFiles,
    as_boxes,
    check_files,
)
from keras_cv.datasets.paths import SUFFIXES, as_folder, inside, read_text_file

_ANNOTATIONS, _IMAGES = ("Annotations", "annotations"), ("JPEGImages", "images")
_MAX_XML_BYTES = 2**24
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_pascal_voc(
    folder: str | os.PathLike[str],
    *,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    include_difficult: bool = True,
    first_pixel: int = 1,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> ImageFiles:
    """Reads images and boxes of a detector from a folder as Pascal VOC has it.

    It holds a folder "Annotations" or "annotations" with an XML file per image and a
    folder "JPEGImages" or "images"; where these are missing, all files lie in it. Files
    are in the order of their names, and images without boxes stay. Boxes whose maximum
    is not above their minimum, which are slips, are dropped; boxes that reach over the
    edge are clipped to the image.

    VOC counts pixels from 1 and the last one belongs to the box: its 1, 1, 10, 10 are
    the first ten pixels, 0, 0, 10, 10 here. Programs that write its XML, labelImg for
    one, count from 0.

    Args:
        folder: of the data set, such as "VOC2012".
        split: name of a list of images in "ImageSets/Main", such as "train"; None for
            all.
        class_names: the classes in the order of their numbers; None for those found,
            in the order of their names. Pass those of the training data for other
            parts of it.
        include_difficult: whether to keep objects marked as difficult.
        first_pixel: what the XML calls the first pixel, 1 or 0.
        max_pixels: largest height times width to accept, before decoding.
        max_bytes: largest image file to accept.

    Returns:
        A data set with samples of "images" uint8 `(H, W, 3)` and "bounding_boxes": a
        dict of "boxes" float32 `(N, 4)`, xyxy in pixels, and "classes" float32 `(N,)`.

    Raises:
        ValueError: if a file is no such XML or has a DOCTYPE, through which XML can
            reach for other files; if images are missing, or a class is not one of
            `class_names`. A file that can't be decoded, or has another size than its
            XML says, raises when it is read. All are named.
    """
    if first_pixel not in (0, 1):
        raise ValueError(
            f"Expected `first_pixel` to be 0 or 1, received {first_pixel}."
        )
    root = as_folder("folder", folder)
    annotations, images = (_first(root, names) for names in (_ANNOTATIONS, _IMAGES))
    paths = sorted(annotations.glob("*.xml"))
    if split is not None:
        paths = [annotations / f"{name}.xml" for name in _listed(root, split)]
    if not paths:
        raise ValueError(f"Expected XML files in {str(annotations)!r}, received none.")
    parsed = [_Annotation(path, first_pixel, include_difficult) for path in paths]
    found = {name for annotation in parsed for name in annotation.names}
    names = sorted(found) if class_names is None else list(class_names)
    numbers = {name: number for number, name in enumerate(names)}
    for annotation in parsed:
        unknown = sorted(set(annotation.names) - set(names))
        if unknown:
            raise ValueError(
                f"Expected the classes {names[:20]} in {str(annotation.path)!r}, "
                f"received {unknown[:20]}."
            )
    files = [
        ImageFile(
            annotation.image(images),
            as_boxes(annotation.boxes, [numbers[name] for name in annotation.names]),
            annotation.size,
        )
        for annotation in parsed
    ]
    check_files(files, str(annotations))
    return ImageFiles(files, names, max_pixels=max_pixels, max_bytes=max_bytes)


class _Annotation:
    """What an XML file says."""

    def __init__(self, path: Path, first_pixel: int, include_difficult: bool) -> None:
        self.path = path
        root = _parse(path)
        self._file_name = (root.findtext("filename") or "").strip()
        self.size = self._read_size(root)
        self.boxes: list[list[float]] = []
        self.names: list[str] = []
        for place, item in enumerate(root.iterfind("object")):
            name = (item.findtext("name") or "").strip()
            if not name:
                raise ValueError(
                    f"Expected a <name> in object {place} of {str(path)!r}."
                )
            left, top, right, bottom = (
                self._number(item, side, place) for side in _SIDES
            )
            is_difficult = (item.findtext("difficult") or "").strip() == "1"
            if (
                right <= left
                or bottom <= top
                or (is_difficult and not include_difficult)
            ):
                continue
            box = [left - first_pixel, top - first_pixel, right, bottom]
            self.boxes.append(box)
            self.names.append(name)

    def image(self, folder: Path) -> Path:
        """Returns the path of the image: the file named, or one named as the XML is."""
        name = self._file_name or f"{self.path.stem}.jpg"
        path = inside(folder, name, f"{str(self.path)!r}")
        if path.is_file():
            return path
        # Files are renamed, and their XML often is not told.
        others = (folder / f"{self.path.stem}{suffix}" for suffix in SUFFIXES)
        return next((other for other in others if other.is_file()), path)

    def _number(self, item: Any, side: str, place: int) -> float:
        text = item.findtext(f"bndbox/{side}")
        try:
            number = float(text)
        except (TypeError, ValueError):
            number = float("nan")
        if not -1e9 < number < 1e9:
            raise ValueError(
                f"Expected a number as <{side}> in the <bndbox> of object {place} of "
                f"{str(self.path)!r}, received {text!r:.200}."
            )
        return number

    @staticmethod
    def _read_size(root: Any) -> tuple[int, int] | None:
        try:
            width, height = (
                int(root.findtext(f"size/{x}")) for x in ("width", "height")
            )
        except (TypeError, ValueError):
            return None
        # Some programs write zeros.
        return (width, height) if width > 0 and height > 0 else None


def _parse(path: Path) -> Any:
    """Parses XML that has no DOCTYPE, so no entities that grow or reach elsewhere."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*arguments: Any) -> None:
        raise ValueError(
            f"{str(path)!r} has a DOCTYPE, which annotations have no use for. Remove "
            "it if you trust the file."
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    content = read_text_file(path, _MAX_XML_BYTES, "annotations in XML")
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"{str(path)!r} is no XML: {error}.") from error
    root = builder.close()
    if root.tag != "annotation":
        raise ValueError(
            f"Expected an <annotation> in {str(path)!r}, received <{root.tag}>."
        )
    return root


def _first(root: Path, names: Sequence[str]) -> Path:
    return next((root / name for name in names if (root / name).is_dir()), root)


def _listed(root: Path, split: str) -> list[str]:
    folder = root / "ImageSets" / "Main"
    path = inside(folder, f"{split}.txt", "`split`")
    text = read_text_file(path, _MAX_XML_BYTES, "names of images").decode("utf-8-sig")
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    for name in names:
        inside(root, name, f"{str(path)!r}")
    return names
