"""COCO's numbers of a detector, as a metric of Keras."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import keras

from domain_core.arguments import is_finite
from domain_core.arrays.host_call import is_symbolic
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.metrics.coco_evaluator import ClassNames, COCOEvaluator

_OWN_NAME = "box_coco_metrics"


@serializable("kerascv")
class BoxCOCOMetrics(RemembersArguments, keras.metrics.Metric):
    """Average precision and recall of detections, as COCO computes them.

    It is computed on the host: call it on boxes, not in a compiled step. While a model
    is trained, `keras_cv.callbacks.PyCOCOCallback` computes the same numbers.

    See `keras_cv.metrics.coco_metrics` for what is computed, and for other thresholds,
    area ranges and limits.

    Args:
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        evaluate_freq: after how many updates `result` computes anew; in between it
            returns what it did the last time. A large number leaves it to
            `result(force=True)`.
        name: of the metric. Keys of the result begin with one that you choose.
        image_shape: `(height, width, channels)` of all images, of formats that are
            relative to it.
        per_class: whether to add the average precision of each class that there is.
        class_names: for the keys of single classes, see `coco_metrics`.

    Call arguments:
        y_true: dict of "boxes" `(B, N, 4)` and "classes" `(B, N)`, see `coco_metrics`.
        y_pred: dict of "boxes", "classes" and "confidence".

    Returns:
        Dict of scalars: "MaP", "MaP@[IoU=50]", ..., "Recall@[area=large]", the keys of
        `coco_metrics`. They are 0 before they are computed for the first time, and
        where there is nothing to find.

    Raises:
        ValueError: if it is called in a compiled step, with a `sample_weight`, or with
            boxes that do not fit.

    Reference:
        [Lin et al., 2014](https://arxiv.org/abs/1405.0312)

    Example:
        >>> metric = keras_cv.metrics.BoxCOCOMetrics("xyxy", evaluate_freq=1)
        >>> boxes = {"boxes": np.array([[[0, 0, 9, 9]]]), "classes": np.array([[1]])}
        >>> metric.update_state(boxes, {**boxes, "confidence": np.array([[0.8]])})
        >>> float(metric.result()["MaP@[IoU=50]"])
        1.0
    """

    def __init__(
        self,
        bounding_box_format: str,
        evaluate_freq: int,
        name: str | None = None,
        *,
        image_shape: Any = None,
        per_class: bool = False,
        class_names: ClassNames | None = None,
    ) -> None:
        super().__init__(name=name)
        self.bounding_box_format = bounding_box_format
        self.evaluate_freq = _as_frequency(evaluate_freq)
        self.image_shape = image_shape
        self.per_class = per_class
        self.class_names = class_names
        self._evaluator = COCOEvaluator(bounding_box_format)
        self._updates = self._updates_seen = 0
        self._result: dict[str, float] = {}
        self.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if sample_weight is not None:
            raise ValueError(
                f"Expected no `sample_weight` in {type(self).__name__}, whose boxes "
                "all count alike. Leave out of `y_true` what is not to count."
            )
        if _is_compiled((y_true, y_pred)):
            raise ValueError(
                f"{type(self).__name__} is computed on the host, but was called in a "
                "compiled step. Pass a `keras_cv.callbacks.PyCOCOCallback` to `fit`, "
                "or call the metric on what `predict` returns."
            )
        self._evaluator.update_state(y_true, y_pred, image_shape=self.image_shape)
        self._updates += 1

    def merge_state(self, metrics: Iterable[Self]) -> None:
        """Adds what other metrics have seen, of other images.

        Args:
            metrics: of this class.

        Raises:
            ValueError: if one is of another.
        """
        for metric in metrics:
            if not isinstance(metric, BoxCOCOMetrics):
                raise ValueError(
                    f"Expected metrics of type {type(self).__name__}, received "
                    f"{type(metric).__name__}."
                )
            self._evaluator.merge_state([metric._evaluator])
            self._updates += metric._updates

    def result(self, force: bool = False) -> dict[str, Any]:
        """Returns COCO's numbers.

        Args:
            force: whether to compute them anew in any case.
        """
        if force or self._updates - self._updates_seen >= self.evaluate_freq:
            self._result = self._evaluator.result(
                per_class=self.per_class, class_names=self.class_names
            )
            self._updates_seen = self._updates
        prefix = "" if self.name.startswith(_OWN_NAME) else f"{self.name}_"
        return {
            prefix + key: keras.ops.convert_to_tensor(max(value, 0.0), self.dtype)
            for key, value in self._result.items()
        }

    def reset_state(self) -> None:
        self._evaluator.reset_state()
        self._updates = self._updates_seen = 0
        self._result = dict.fromkeys(self._evaluator.names(), 0.0)


def _as_frequency(value: Any) -> int:
    """Returns a number of updates, which may be written as 9e9."""
    if not is_finite(value) or value < 1 or value != int(value):
        raise ValueError(
            "Expected `evaluate_freq` to be a positive integer, received "
            f"{value!r:.200}."
        )
    return int(value)


def _is_compiled(boxes: Any) -> bool:
    """Whether any tensor has no value yet."""
    if is_symbolic(boxes):
        return True
    return any(
        base.__name__ in ("Tracer", "KerasTensor")
        for leaf in keras.tree.flatten(boxes)
        for base in type(leaf).__mro__
    )
