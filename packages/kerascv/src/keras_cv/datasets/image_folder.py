"""Images in a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_cv.datasets.image_files import MAX_BYTES, MAX_PIXELS, ImageFile, ImageFiles
from keras_cv.datasets.paths import SUFFIXES, as_folder, is_hidden


def read_image_folder(
    path: str | os.PathLike[str],
    *,
    one_hot: bool = False,
    class_names: Sequence[str] | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> ImageFiles:
    """Finds the images of a classifier: `path/class/image.jpg`.

    Classes and images are in the order of their names. Images may lie deeper, in
    folders of the class; links to folders are followed. Other files are left out, and
    so are hidden ones and those beside the folders of the classes.

    Args:
        path: folder that holds one for each class.
        one_hot: whether "labels" are one-hot float32 `(classes,)`, as layers that mix
            images need them, or int32 numbers.
        class_names: names of the folders to read, in the order of their numbers. None
            for all. Pass those of the training data for other parts of it.
        max_pixels: largest height times width to accept, before decoding.
        max_bytes: largest file to accept.

    Returns:
        A data set with samples of "images" uint8 `(H, W, 3)`, turned upright, and
        "labels".

    Raises:
        ValueError: if there are no folders or no images, or a folder can't be read. A
            file that can't be decoded raises when it is read, and is named.
    """
    folder = as_folder("path", path)
    found = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and not is_hidden(entry.name)
    )
    names = found if class_names is None else list(class_names)
    missing = sorted(set(names) - set(found))
    if not names or missing or len(set(names)) < len(names):
        raise ValueError(
            f"Expected a folder for each class in {str(folder)!r}, received "
            f"{found[:20]}" + (f" without {missing[:20]}." if missing else ".")
        )
    labels = np.eye(len(names), dtype="float32") if one_hot else np.arange(len(names))
    files = [
        ImageFile(
            file, {"labels": np.asarray(label, "float32" if one_hot else "int32")}
        )
        for name, label in zip(names, labels, strict=True)
        for file in _images(folder / name, (folder.resolve(),))
    ]
    if not files:
        raise ValueError(
            f"Expected images in the folders of {str(folder)!r}, files that end with "
            f"{', '.join(SUFFIXES)}; received none."
        )
    return ImageFiles(files, names, max_pixels=max_pixels, max_bytes=max_bytes)


def _images(folder: Path, above: tuple[Path, ...]) -> list[Path]:
    """Returns the images in a folder, and in those in it, links to folders too.

    Args:
        folder: where to look.
        above: the folders it lies in; a link to one of them adds nothing.
    """
    here = folder.resolve()
    if here in above:
        return []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(
            f"Expected a folder that can be read, received {str(folder)!r}: "
            f"{error.strerror}."
        ) from error
    entries = [entry for entry in entries if not is_hidden(entry.name)]
    folders = [entry for entry in entries if entry.is_dir()]
    found = [
        Path(entry.path)
        for entry in entries
        if entry not in folders and entry.name.lower().endswith(SUFFIXES)
    ]
    for entry in folders:
        found += _images(Path(entry.path), (*above, here))
    return found
