"""Boxes in the XML of Pascal VOC."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
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
from keras_cv.datasets.paths import (
    SUFFIXES,
    as_folder,
    inside,
    is_hidden,
    read_text_file,
)

_ANNOTATIONS, _IMAGES = ("Annotations", "annotations"), ("JPEGImages", "images")
_MAX_XML_BYTES = 2**24
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = dict.fromkeys(("1", "true", "yes"), True) | dict.fromkeys(
    ("", "0", "false", "no"), False
)
# Whether an image shows a class: -1, 0 for a difficult one, 1.
_FLAG = re.compile(r"\s+-?[01]$")


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
    are in the order of their names, hidden ones are left out, and images without boxes
    stay. Boxes whose maximum
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
    paths = sorted(
        path
        for path in annotations.iterdir()
        if path.suffix.lower() == ".xml" and not is_hidden(path.name)
    )
    if split is not None:
        known = {path.stem: path for path in paths}
        names = _listed(root, split, known)
        paths = [known.get(name, annotations / f"{name}.xml") for name in names]
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
    lookup = _Images(images)
    files = [
        ImageFile(
            lookup.find(annotation),
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
        self.file_name = (root.findtext("filename") or "").strip() or f"{path.stem}.jpg"
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
            is_difficult = self._is_difficult(item, place)
            if (
                right <= left
                or bottom <= top
                or (is_difficult and not include_difficult)
            ):
                continue
            box = [left - first_pixel, top - first_pixel, right, bottom]
            self.boxes.append(box)
            self.names.append(name)

    def _is_difficult(self, item: Any, place: int) -> bool:
        text = (item.findtext("difficult") or "").strip()
        if text.lower() not in _FLAGS:
            raise ValueError(
                f"Expected 0 or 1 as <difficult> of object {place} of "
                f"{str(self.path)!r}, received {text!r:.200}."
            )
        return _FLAGS[text.lower()]

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

    def _read_size(self, root: Any) -> tuple[int, int] | None:
        lengths = []
        for side in ("width", "height"):
            # Some programs write none, or zeros.
            text = (root.findtext(f"size/{side}") or "").strip() or "0"
            try:
                length = float(text)
            except ValueError:
                length = -1
            if not 0 <= length < 1e9 or length != int(length):
                raise ValueError(
                    f"Expected a number of pixels as <{side}> in the <size> of "
                    f"{str(self.path)!r}, received {text!r:.200}."
                )
            lengths.append(int(length))
        width, height = lengths
        return (width, height) if width and height else None


class _Images:
    """Finds image files by what annotations call them.

    Args:
        folder: of the images.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[Path, dict[str, str]] = {}

    def find(self, annotation: _Annotation) -> Path:
        """Returns the path of an image, of the one named if there is none.

        It may have another suffix than its name says, or its name none, as some
        programs write it. It may also be named as the XML is: files are renamed, and
        their XML often is not told.
        """
        path = inside(self._folder, annotation.file_name, f"{str(annotation.path)!r}")
        if path.is_file():
            return path
        for folder, stem in (
            (path.parent, _stem(path.name)),
            (self._folder, annotation.path.stem),
        ):
            name = self._names_in(folder).get(stem)
            if name is not None:
                return folder / name
        return path

    def _names_in(self, folder: Path) -> dict[str, str]:
        """Returns the names of image files in a folder by those without suffix."""
        if folder not in self._names:
            found = sorted(os.listdir(folder)) if folder.is_dir() else []
            self._names[folder] = {
                _stem(name): name
                for name in reversed(found)
                if name.lower().endswith(SUFFIXES) and not is_hidden(name)
            }
        return self._names[folder]


def _stem(name: str) -> str:
    """Returns a name without the suffix of an image, which may be in capitals."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name


def _parse(path: Path) -> Any:
    """Parses XML that has no DOCTYPE, so no entities that grow or reach elsewhere."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    has_doctype = False

    def refuse(*arguments: Any) -> None:
        nonlocal has_doctype
        has_doctype = True
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
    except (LookupError, UnicodeError, TypeError) as error:
        raise _bad_encoding(path, error) from error
    except ValueError as error:
        if has_doctype:
            raise
        raise _bad_encoding(path, error) from error
    root = builder.close()
    if root.tag != "annotation":
        raise ValueError(
            f"Expected an <annotation> in {str(path)!r}, received <{root.tag}>."
        )
    return root


def _bad_encoding(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"Expected XML in an encoding that can be read in {str(path)!r}, received "
        f"another: {error}. Save it as UTF-8."
    )


def _first(root: Path, names: Sequence[str]) -> Path:
    return next((root / name for name in names if (root / name).is_dir()), root)


def _listed(root: Path, split: str, known: Collection[str]) -> list[str]:
    """Returns the names in a list of images, which lists of one class have a flag for.

    Args:
        root: of the data set.
        split: name of the list.
        known: names of XML files. One may end like a flag, or a name in the list like
            an image.
    """
    folder = root / "ImageSets" / "Main"
    path = inside(folder, f"{split}.txt", "`split`")
    content = read_text_file(path, _MAX_XML_BYTES, "names of images")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeError as error:
        raise _bad_encoding(path, error) from error
    names = []
    for name in filter(None, map(str.strip, lines)):
        without_flag = _FLAG.sub("", name)
        choices = (name, without_flag, _stem(name), _stem(without_flag))
        name = next((choice for choice in choices if choice in known), without_flag)
        inside(root, name, f"{str(path)!r}")
        names.append(name)
    return names
