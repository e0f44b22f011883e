"""Images with masks of objects on them, in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_cv.visualization.draw_masks import draw_masks
from keras_cv.visualization.plot_image_gallery import import_pyplot, plot_image_gallery
from keras_cv.visualization.samples import take_samples

_SCALE, _DPI = 5, 100


def plot_mask_gallery(
    images: Any,
    value_range: Sequence[float],
    masks: Any,
    *,
    points: Any = None,
    labels: Any = None,
    boxes: Any = None,
    scores: Any = None,
    rows: int = 3,
    cols: int = 3,
    opacity: float = 0.45,
    **kwargs: Any,
) -> Any:
    """Plots images with masks of objects, and the prompts that they answer.

    Args:
        images: several, see `plot_image_gallery`.
        value_range: lowest and highest value of the images, such as (0, 1).
        masks: of each image, see `draw_masks`; and so are those that follow, up to
            `opacity`. What there is of more images than are shown is left out.
        points: of each image.
        labels: of each image.
        boxes: of each image.
        scores: of each image.
        rows: number of rows.
        cols: number of columns.
        opacity: of a mask, from 0 to 1.
        **kwargs: of `plot_image_gallery`; here `scale` is 5 and `dpi` 100.

    Returns:
        The figure of matplotlib.

    Raises:
        ImportError: without matplotlib: `pip install "kerascv[plots]"`.
        ValueError: if masks or prompts do not fit to the images.
    """
    import_pyplot()
    arrays, _ = take_samples(images, rows * cols)
    given = {
        "points": points,
        "labels": labels,
        "boxes": boxes,
        "scores": scores,
        "masks": masks,
    }
    shown = {
        key: value[: len(arrays)] if hasattr(value, "__getitem__") else value
        for key, value in given.items()
    }
    drawn = draw_masks(arrays, **shown, value_range=value_range, opacity=opacity)
    options = {"scale": _SCALE, "dpi": _DPI, **kwargs}
    return plot_image_gallery(drawn, (0, 255), rows=rows, cols=cols, **options)
