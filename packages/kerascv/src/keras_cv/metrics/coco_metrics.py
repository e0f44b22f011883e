"""COCO's numbers of a detector, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_cv.metrics.coco_evaluator import AreaRanges, ClassNames, COCOEvaluator


def coco_metrics(
    y_true: Any,
    y_pred: Any,
    bounding_box_format: str,
    *,
    image_shape: Any = None,
    per_class: bool = False,
    class_names: ClassNames | None = None,
    iou_thresholds: Sequence[float] | None = None,
    area_ranges: AreaRanges | None = None,
    max_detections: Sequence[int] = (1, 10, 100),
) -> dict[str, float]:
    """Computes average precision and recall of detections, as COCO does.

    A detection is right if its IoU with a true box of its class, which none of more
    confidence has taken, reaches a threshold. Precision is read off at 101 values of
    recall, and averaged over these, thresholds and classes. The numbers are those of
    `pycocotools`, which is not needed: a class that no image has does not count, and
    neither do crowds, boxes outside an area range, and detections of these.

    Args:
        y_true: true boxes: a dict of "boxes" `(B, N, 4)` and "classes" `(B, N)`, or
            one-hot `(B, N, C)`; and, if there are some, "is_crowd" `(B, N)`, whether a
            box is around a group of objects, and "area" `(B, N)`, that of the objects
            in square pixels where it is not that of their boxes. Arrays or tensors of
            any library, ragged, or lists with `(N, 4)` of each image; without the axis
            of images; or a list with a dict for each image.
        y_pred: predicted boxes likewise, with "confidence" `(B, N)` and, if it is
            there, "num_detections" `(B,)`. Rows with a class or a confidence below 0,
            and those that are -1 alone, are padding here and there.
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        image_shape: `(height, width, channels)`, or one such row for each image, of
            formats that are relative to it.
        per_class: whether to add the average precision of each class that there is.
        class_names: names of the classes 0, 1, ..., or a dict of them, for the keys of
            single classes.
        iou_thresholds: rising; None for 0.5, 0.55, ..., 0.95.
        area_ranges: from names to lowest and highest area in square pixels. None for
            COCO's "small", "medium" and "large", from 32 x 32 and 96 x 96 on.
        max_detections: how many of an image and a class count, those of most
            confidence first; the last number holds for all but recalls of their own.

    Returns:
        Dict of floats: "MaP", "MaP@[IoU=50]", "MaP@[IoU=75]", "MaP@[area=small]" and
        so on, "Recall@[max_detections=1]" and so on, "Recall@[area=small]" and so on;
        with `per_class` "MaP@[class=0]" and "MaP@[class=0, IoU=50]" and so on. As in
        COCO -1 where there is nothing to find.

    Raises:
        ValueError: if shapes do not fit, `y_true` and `y_pred` are not of the same
            number of images, a true box is NaN, or an argument makes no sense.

    Reference:
        [Lin et al., 2014](https://arxiv.org/abs/1405.0312)

    Example:
        >>> truth = {"boxes": [[[0, 0, 9, 9]], []], "classes": [[1], []]}
        >>> found = {**truth, "confidence": [[0.8], []]}
        >>> keras_cv.metrics.coco_metrics(truth, found, "xyxy")["MaP"]
        1.0
    """
    evaluator = COCOEvaluator(
        bounding_box_format,
        iou_thresholds=iou_thresholds,
        area_ranges=area_ranges,
        max_detections=max_detections,
    )
    evaluator.update_state(y_true, y_pred, image_shape=image_shape)
    return evaluator.result(per_class=per_class, class_names=class_names)
