"""Images with true and predicted boxes, in rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_cv.visualization.draw_bounding_boxes import as_style, kind_of
from keras_cv.visualization.drawing import as_color, as_names, draw
from keras_cv.visualization.plot_image_gallery import import_pyplot, plot_image_gallery
from keras_cv.visualization.samples import boxes_of, take_samples, to_uint8

_Names = Mapping[int, str] | Sequence[str] | None
# Large enough to read labels.
_SCALE, _DPI = 5, 100


def plot_bounding_box_gallery(
    images: Any,
    value_range: Sequence[float],
    bounding_box_format: str,
    y_true: Any = None,
    y_pred: Any = None,
    true_color: Any = (0, 188, 212),
    pred_color: Any = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: _Names = None,
    ground_truth_mapping: _Names = None,
    prediction_mapping: _Names = None,
    legend: bool = False,
    legend_handles: Sequence[Any] | None = None,
    rows: int = 3,
    cols: int = 3,
    **kwargs: Any,
) -> Any:
    """Plots images with true boxes and, in front of them, predicted ones.

    Images are enlarged or reduced to the size in which they are shown before boxes are
    drawn, so that lines and labels are the same on all.

    Args:
        images: see `plot_image_gallery`. If they come in a dict, or a data set of such,
            its "bounding_boxes" are the true boxes where `y_true` is None.
        value_range: lowest and highest value of the images, such as (0, 1).
        bounding_box_format: see `convert_format`.
        y_true: true boxes, see `draw_bounding_boxes`.
        y_pred: predicted boxes, likewise; a "confidence" is written beside the class.
        true_color: (red, green, blue) from 0 to 255.
        pred_color: likewise.
        line_thickness: in pixels as shown.
        font_scale: 1 for a font of 13 pixels as shown.
        text_thickness: 1 for normal letters, 2 for bold ones; None for 1.
        class_mapping: names by class; others go by their number.
        ground_truth_mapping: names for the true boxes, if others.
        prediction_mapping: names for the predicted boxes, if others.
        legend: whether to explain both colors below the images.
        legend_handles: artists of matplotlib for a legend of your own.
        rows: number of rows.
        cols: number of columns.
        **kwargs: of `plot_image_gallery`; here `scale` is 5 and `dpi` 100.

    Returns:
        The figure of matplotlib.

    Raises:
        ImportError: without matplotlib: `pip install "kerascv[plots]"`.
        ValueError: if boxes do not fit to the images, or there are both `legend` and
            `legend_handles`.
    """
    import_pyplot()
    if legend and legend_handles:
        raise ValueError(
            "Expected one of `legend` and `legend_handles`, received both. Drop one."
        )
    style = as_style(line_thickness, text_thickness or 1, font_scale)
    arrays, others = take_samples(images, rows * cols)
    if y_true is None:
        y_true = others.get("bounding_boxes")
    options = {"scale": _SCALE, "dpi": _DPI, **kwargs}
    width = max(round(options["scale"] * options["dpi"]), 1)
    common = as_names(class_mapping, "class_mapping")
    kinds = [
        (
            name,
            as_color(color, name),
            as_names(mapping, name_of_mapping) or common,
            boxes,
        )
        for name, color, name_of_mapping, mapping, boxes in (
            (
                "true_color",
                true_color,
                "ground_truth_mapping",
                ground_truth_mapping,
                y_true,
            ),
            (
                "pred_color",
                pred_color,
                "prediction_mapping",
                prediction_mapping,
                y_pred,
            ),
        )
        if boxes is not None
    ]
    drawn = [_resized(to_uint8(image, value_range), width) for image in arrays]
    layers: list[list[Any]] = [[] for _ in drawn]
    for name, color, names, boxes in kinds:
        argument = "y_true" if name == "true_color" else "y_pred"
        found = boxes_of(boxes, bounding_box_format, arrays, argument)
        for layer, item, image, shown in zip(layers, found, arrays, drawn, strict=True):
            scale = np.array([shown.shape[1], shown.shape[0]]) / image.shape[1::-1]
            item["boxes"] = item["boxes"] * np.tile(scale, 2)
            layer.append(kind_of(item, names, color))
    drawn = [
        draw(image, layer, *style) for image, layer in zip(drawn, layers, strict=True)
    ]
    if legend:
        legend_handles = _handles(kinds)
    return plot_image_gallery(
        drawn, (0, 255), rows=rows, cols=cols, legend_handles=legend_handles, **options
    )


def _resized(image: np.ndarray, width: int) -> np.ndarray:
    from PIL import Image

    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    kind = Image.Resampling.BOX if width < image.shape[1] else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(image).resize((width, height), kind))


def _handles(kinds: Sequence[Any]) -> list[Any]:
    from matplotlib.patches import Patch

    labels = {"true_color": "Ground truth", "pred_color": "Predictions"}
    return [
        Patch(
            facecolor=tuple(value / 255 for value in color),
            edgecolor="black",
            label=labels[name],
        )
        for name, color, *_ in kinds
    ]
