"""Images beside their masks, in rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.pipeline.samples import as_numpy
from keras_cv.visualization.drawing import as_names
from keras_cv.visualization.plot_image_gallery import import_pyplot, plot_image_gallery
from keras_cv.visualization.samples import take_samples, to_uint8

# Eight colors that people who see no difference of red and green tell apart, and that
# differ in lightness. Reference: Okabe and Ito, 2008, "Color Universal Design".
_COLORS = (
    *((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167)),
)
_OPACITY = 0.6
_GAP = 4  # pixels between an image and its masks
_SCALE, _DPI = 3, 80  # of one image


def plot_segmentation_mask_gallery(
    images: Any,
    value_range: Sequence[float],
    num_classes: int,
    y_true: Any = None,
    y_pred: Any = None,
    rows: int = 3,
    cols: int = 3,
    *,
    class_mapping: Mapping[int, str] | Sequence[str] | None = None,
    **kwargs: Any,
) -> Any:
    """Plots each image beside itself with its true, then with its predicted mask.

    The eight first classes have the colors of Okabe and Ito, which nearly everybody
    tells apart; class 0, mostly the background, is black. Edges of a class are opaque.
    Pixels of other classes, such as -1 or 255 for "ignore", stay as they are.

    Args:
        images: see `plot_image_gallery`. If they come in a dict, or a data set of such,
            its "segmentation_masks" are the true ones where `y_true` is None.
        value_range: lowest and highest value of the images, such as (0, 255).
        num_classes: number of classes.
        y_true: true masks `(B, H, W)` or `(B, H, W, 1)` of classes, or one-hot, or
            scores, `(B, H, W, num_classes)`; a list for images of different sizes.
        y_pred: predicted masks, likewise.
        rows: number of rows.
        cols: number of columns.
        class_mapping: names by class, for a legend below the images.
        **kwargs: of `plot_image_gallery`; here `scale` is 3 for each of the pictures
            that stand side by side, and `dpi` 80.

    Returns:
        The figure of matplotlib.

    Raises:
        ImportError: without matplotlib: `pip install "kerascv[plots]"`.
        ValueError: if masks do not fit to the images.
    """
    import_pyplot()
    num_classes = as_positive_int("num_classes", num_classes)
    arrays, others = take_samples(images, rows * cols)
    if y_true is None:
        y_true = others.get("segmentation_masks")
    shown = [to_uint8(image, value_range) for image in arrays]
    colors = palette(num_classes)
    columns, names = [shown], ["image"]
    for name, masks in (("y_true", y_true), ("y_pred", y_pred)):
        if masks is not None:
            classes = _classes(masks, shown, num_classes, name)
            names.append({"y_true": "ground truth", "y_pred": "prediction"}[name])
            columns.append(
                [_overlaid(x, y, colors) for x, y in zip(shown, classes, strict=True)]
            )
    strips = [_beside(parts) for parts in zip(*columns, strict=True)]
    titles = ["\t".join(names)] * cols
    options = {"dpi": _DPI, "legend_handles": None, "titles": titles, **kwargs}
    options["scale"] = options.get("scale", _SCALE) * len(columns)
    if options["legend_handles"] is None and class_mapping is not None:
        mapping = as_names(class_mapping, "class_mapping")
        options["legend_handles"] = _handles(mapping, colors)
    return plot_image_gallery(strips, (0, 255), rows=rows, cols=cols, **options)


def palette(num_classes: int) -> np.ndarray:
    """Returns a color for each class, uint8 `(num_classes, 3)`.

    After the first eight, each is as far from all before it as there are colors.
    """
    colors = np.array(_COLORS, "float32")
    if num_classes > len(colors):
        levels = np.linspace(0, 255, 8)
        choices = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
        distance = np.full(len(choices), np.inf)
        for place in range(num_classes):
            if place == len(colors):
                colors = np.concatenate([colors, choices[[distance.argmax()]]])
            offset = np.linalg.norm(choices - colors[place], axis=-1)
            distance = np.minimum(distance, offset)
    return np.rint(colors[:num_classes]).astype("uint8")


def _classes(
    masks: Any, images: Sequence[np.ndarray], num_classes: int, name: str
) -> list[np.ndarray]:
    """Returns the class of each pixel, int64 `(H, W)` for each image."""
    if hasattr(masks, "shape") and len(masks.shape) == 2 and len(images) == 1:
        masks = [masks]
    items = [as_numpy(mask) for mask in masks[: len(images)]]
    if len(items) != len(images):
        raise ValueError(
            f"Expected `{name}` for {len(images)} images, received {len(items)}."
        )
    found = []
    for mask, image in zip(items, images, strict=True):
        channels = mask.shape[2] if mask.ndim == 3 else 1
        if mask.shape[:2] != image.shape[:2] or channels not in (1, num_classes):
            height, width = image.shape[:2]
            raise ValueError(
                f"Expected `{name}` to have the shape ({height}, {width}), ({height}, "
                f"{width}, 1) or one-hot ({height}, {width}, {num_classes}) for each "
                f"image, received {mask.shape}."
            )
        if mask.ndim == 3:
            mask = mask[..., 0] if channels == 1 else mask.argmax(axis=-1)
        found.append(np.rint(mask).astype("int64"))
    return found


def _overlaid(image: np.ndarray, classes: np.ndarray, colors: np.ndarray) -> np.ndarray:
    is_known = (classes >= 0) & (classes < len(colors))
    paint = colors[np.where(is_known, classes, 0)].astype("float32")
    opacity = np.where(_is_edge(classes), 1.0, _OPACITY) * is_known
    mixed = image + (paint - image) * opacity[..., None].astype("float32")
    return np.rint(mixed).astype("uint8")


def _is_edge(classes: np.ndarray) -> np.ndarray:
    """Returns where a pixel is of another class than one at its right or below."""
    edge = np.zeros(classes.shape, bool)
    edge[:, :-1] |= classes[:, :-1] != classes[:, 1:]
    edge[:-1] |= classes[:-1] != classes[1:]
    return edge


def _beside(parts: Sequence[np.ndarray]) -> np.ndarray:
    gap = np.full((parts[0].shape[0], _GAP, 3), 255, "uint8")
    joined = [parts[0]]
    for part in parts[1:]:
        joined += [gap, part]
    return np.concatenate(joined, axis=1)


def _handles(names: Mapping[int, str], colors: np.ndarray) -> list[Any]:
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=tuple(color / 255), edgecolor="black", label=str(names[number]))
        for number, color in enumerate(colors)
        if number in names
    ]
