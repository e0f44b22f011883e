"""Images in rows and columns."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from keras_cv.value_range import as_value_range
from keras_cv.visualization.samples import take_samples, to_uint8

_FONT = 10  # points
_GAP = 0.04  # inches
_TITLE = 0.25
_LEGEND_LINE, _LEGEND_COLUMN = 0.22, 1.5


def plot_image_gallery(
    images: Any,
    value_range: Sequence[float],
    scale: float = 2,
    rows: int | None = None,
    cols: int | None = None,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: float = 60,
    legend_handles: Sequence[Any] | None = None,
    *,
    titles: Sequence[str] | None = None,
) -> Any:
    """Plots images in rows and columns.

    Args:
        images: `(B, H, W, C)` with 1, 3 or 4 channels, an array or tensor; a list of
            images of different sizes; a dict of them as "images" or "image"; or a
            `tf.data.Dataset`, a loader or a data set of such.
        value_range: lowest and highest value of the images, such as (0, 255).
        scale: width of an image in inches.
        rows: number of rows. None for as many as make it about a square.
        cols: number of columns. None for as many as are needed.
        path: file to write, such as "gallery.png".
        show: whether to show it in a window; not together with `path`.
        transparent: whether the background of the file is.
        dpi: pixels per inch.
        legend_handles: artists of matplotlib that a legend explains.
        titles: text above the first images; tabs part what stands above the parts of
            an image, which are equally wide.

    Returns:
        The figure of matplotlib. It shows in a notebook as the last value of a cell.

    Raises:
        ImportError: without matplotlib: `pip install "kerascv[plots]"`.
        ValueError: if there are no images, or both `path` and `show`.
    """
    pyplot = import_pyplot()
    if path is not None and show:
        raise ValueError(
            f"Expected one of `path` and `show`, received {path!r} and {show!r}."
        )
    as_value_range(value_range)
    for name, value in (("rows", rows), ("cols", cols)):
        if value is not None:
            as_positive_int(name, value)
    if not scale > 0 or not dpi > 0:
        raise ValueError(
            f"Expected `scale` and `dpi` above 0, received {scale!r} and {dpi!r}."
        )
    arrays, _ = take_samples(images, rows * cols if rows and cols else None)
    rows, cols = _grid(len(arrays), rows, cols)
    shown = [to_uint8(image, value_range) for image in arrays[: rows * cols]]
    make = pyplot.figure if show else pyplot.Figure
    ratio = float(np.mean([image.shape[0] / image.shape[1] for image in shown]))
    layout = _Layout(rows, cols, scale, ratio, titles, legend_handles)
    figure = make(figsize=layout.size, dpi=dpi)
    for place, image in enumerate(shown):
        axis = figure.add_axes(layout.place(*divmod(place, cols)))
        axis.set_axis_off()
        axis.imshow(image, interpolation="antialiased")
        if titles and place < len(titles):
            _write_title(axis, titles[place].split("\t"))
    if legend_handles:
        figure.legend(
            handles=list(legend_handles),
            loc="lower center",
            ncols=layout.legend_columns,
            fontsize=_FONT,
            frameon=False,
            borderaxespad=0.2,
        )
    if path is not None:
        figure.savefig(path, dpi=dpi, transparent=transparent)
    if show:
        pyplot.show()
    return figure


def import_pyplot() -> Any:
    """Imports `matplotlib.pyplot`.

    Raises:
        ImportError: if it is not installed, with the line that installs it.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib: `pip install "kerascv[plots]"`.'
        ) from error
    return pyplot


def _write_title(axis: Any, parts: Sequence[str]) -> None:
    for number, text in enumerate(parts):
        axis.text(
            (number + 0.5) / len(parts),
            1.0,
            text,
            transform=axis.transAxes,
            ha="center",
            va="bottom",
            fontsize=_FONT,
        )


class _Layout:
    """Where images go. Each takes a whole number of pixels, so that it stays sharp."""

    def __init__(
        self,
        rows: int,
        cols: int,
        scale: float,
        ratio: float,
        titles: Sequence[str] | None,
        legend_handles: Sequence[Any] | None,
    ) -> None:
        self._scale, self._height = scale, scale * ratio
        width = cols * (scale + _GAP) + _GAP
        # Titles stand above the rows that have some.
        self._titled = math.ceil(len(titles or ()) / cols)
        count = len(legend_handles or ())
        self.legend_columns = max(min(count, int(width / _LEGEND_COLUMN)), 1)
        legend = math.ceil(count / self.legend_columns) * _LEGEND_LINE
        height = rows * (self._height + _GAP) + _GAP
        height += min(self._titled, rows) * _TITLE + legend + (0.1 if count else 0)
        self.size = width, height

    def place(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Returns left, bottom, width and height as shares of the figure."""
        width, height = self.size
        top = row * (self._height + _GAP) + _GAP
        top += min(row + 1, self._titled) * _TITLE
        left = column * (self._scale + _GAP) + _GAP
        bottom = height - top - self._height
        share = self._scale / width, self._height / height
        return left / width, bottom / height, *share


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    if rows is None:
        rows = math.ceil(count / cols) if cols else math.ceil(math.sqrt(count))
    return rows, cols or math.ceil(count / rows)
