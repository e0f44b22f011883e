"""YOLOv8: a box and a score per class at each place of three levels, without anchors.

No paper. Targets are assigned as in Feng et al., "TOOD: Task-aligned One-stage Object
Detection", 2021, https://arxiv.org/abs/2108.07755; boxes are learned as in Li et al.,
"Generalized Focal Loss", 2020, https://arxiv.org/abs/2006.04388.
Unusual: what a place learns depends on what it predicts; a side of a box is a
distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from domain_core.arguments import as_fraction, as_positive_int
from domain_core.preprocessor import Preprocessor
from keras_cv.layers.non_max_suppression import NonMaxSuppression
from keras_cv.losses.ciou_loss import CIoULoss
from keras_cv.models.detection_recipe import DetectionRecipe
from keras_cv.models.object_detector import ObjectDetector
from keras_cv.models.pyramid_levels import require_levels
from keras_cv.models.yolov8 import convert, loss
from keras_cv.models.yolov8.anchor_points import get_anchors
from keras_cv.models.yolov8.distribution import decode_boxes
from keras_cv.models.yolov8.head import YOLOV8Head
from keras_cv.models.yolov8.label_encoder import LabelEncoder
from keras_cv.models.yolov8.path_aggregation import LEVELS, PathAggregation

# Of the prediction decoder.
CONFIDENCE, OVERLAP = 0.2, 0.7


class YOLOV8Detector(ObjectDetector):
    """Finds objects with the levels P3 to P5 of any backbone, YOLOv8's above all.

    Outputs are "boxes" `(B, N, 64)`, and "classes" `(B, N, num_classes)`, logits; see
    `YOLOV8Head`.

    Args:
        backbone: a `Backbone` with the levels P3, P4 and P5.
        num_classes: number of classes.
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        fpn_depth: bottlenecks of each block of the neck: 1 for sizes xs and s, 2 for m,
            3 for l and xl.
        label_encoder: assigns true boxes to places; None for `LabelEncoder`.
        prediction_decoder: see `ObjectDetector`; it gets logits. None for
            `NonMaxSuppression` with a confidence of 0.2 and an overlap of 0.7.
        bottom_up_depth: `fpn_depth` of the blocks from fine to coarse, where it
            differs: in KerasCV it was always 2.
        batch_norm_momentum: of neck and head: share of the old moving statistics kept
            per step. Less where training takes few steps.
        preprocessor: see `ObjectDetector`.
        class_names: see `ObjectDetector`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone lacks a level or an argument does not fit.

    Example:
        >>> detector = keras_cv.models.YOLOV8Detector.from_preset(
        ...     "yolo_v8_xs_backbone", num_classes=2, bounding_box_format="xywh",
        ... )
        >>> found = detector.predict([np.zeros((60, 90, 3), "uint8")], verbose=0)
        >>> found["boxes"].shape
        (1, 100, 4)
    """

    box_losses: ClassVar = {"ciou": lambda: CIoULoss("xyxy", reduction="sum")}
    classification_losses: ClassVar = {
        "binary_crossentropy": lambda: keras.losses.BinaryCrossentropy(
            from_logits=True, reduction="sum"
        )
    }
    term_names = ("box_loss", "classification_loss", "distribution_loss")

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int = 80,
        bounding_box_format: str = "xyxy",
        fpn_depth: int = 2,
        label_encoder: Any = None,
        prediction_decoder: Any = None,
        *,
        bottom_up_depth: int | None = None,
        batch_norm_momentum: float = 0.97,
        preprocessor: Preprocessor | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        levels = require_levels("YOLOV8Detector", backbone, *LEVELS)
        as_positive_int("num_classes", num_classes)
        options: dict[str, Any] = {
            "batch_norm_momentum": as_fraction(
                "batch_norm_momentum", batch_norm_momentum
            ),
            "dtype": backbone.dtype_policy,
        }
        neck = PathAggregation(
            fpn_depth,
            bottom_up_depth=bottom_up_depth,
            name="path_aggregation",
            **options,
        )
        head = YOLOV8Head(num_classes, name="head", **options)
        decoder = prediction_decoder or NonMaxSuppression(
            bounding_box_format,
            from_logits=True,
            confidence_threshold=CONFIDENCE,
            iou_threshold=OVERLAP,
        )
        # functional model
        super().__init__(
            backbone,
            backbone.input,
            head(neck(levels)),
            num_classes=num_classes,
            bounding_box_format=bounding_box_format,
            prediction_decoder=decoder,
            preprocessor=preprocessor,
            class_names=class_names,
            name=name,
        )
        self.path_aggregation = neck
        self.head = head
        self.label_encoder = label_encoder or LabelEncoder(num_classes)
        if compile:
            self.compile()

    def compile(  # type: ignore[override]  # as upstream's
        self,
        box_loss: Any = "ciou",
        classification_loss: Any = "binary_crossentropy",
        box_loss_weight: float = loss.BOX_WEIGHT,
        classification_loss_weight: float = loss.CLASS_WEIGHT,
        metrics: Any = None,
        *,
        distribution_loss_weight: float = loss.DISTRIBUTION_WEIGHT,
        optimizer: Any = "auto",
        recipe: DetectionRecipe | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training; everything has a default.

        Args:
            box_loss: "ciou" or a loss of boxes, "xyxy" in pixels. The loss of each box
                counts, not its reduction.
            classification_loss: "binary_crossentropy" or a loss of logits, which gives
                the mean over the classes.
            box_loss_weight: factor of the boxes' loss.
            classification_loss_weight: factor of that of the classes.
            metrics: see `ObjectDetector.configure`.
            distribution_loss_weight: factor of the distribution focal loss of the
                boxes' sides.
            optimizer: see `ObjectDetector.configure`.
            recipe: likewise.
            **kwargs: as in `keras.Model.compile`.

        Raises:
            ValueError: if a loss is unknown.
        """
        self.configure(
            box_loss,
            classification_loss,
            optimizer=optimizer,
            recipe=recipe,
            metrics=metrics,
            loss_weights={
                "box_loss": box_loss_weight,
                "classification_loss": classification_loss_weight,
                "distribution_loss": distribution_loss_weight,
            },
            **kwargs,
        )

    def decode_boxes(
        self, outputs: Any, image_shape: tuple[Any, Any]
    ) -> tuple[Any, Any]:
        boxes = decode_boxes(outputs["boxes"], get_anchors(image_shape))
        return boxes, outputs["classes"]

    def loss_terms(
        self,
        outputs: Any,
        boxes: Any,
        classes: Any,
        images: Any,
        image_weights: Any,
    ) -> dict[str, Any]:
        anchors = get_anchors(ops.shape(images)[1:3])
        target_boxes, target_scores, foreground = self.label_encoder(
            ops.stop_gradient(ops.sigmoid(outputs["classes"])),
            ops.stop_gradient(decode_boxes(outputs["boxes"], anchors)),
            anchors[0],
            ops.maximum(classes, 0),
            boxes,
            classes >= 0,
        )
        return loss.yolov8_losses(
            outputs,
            anchors,
            target_boxes=target_boxes,
            target_scores=target_scores,
            foreground=foreground,
            box_loss=self._box_losses,
            classification_loss=self._class_losses,
            image_weights=image_weights,
        )

    def load_reference_weights(self, tensors: Mapping[str, Any]) -> None:
        """Writes all weights from a checkpoint of the reference YOLOv8.

        Args:
            tensors: NumPy arrays, or torch tensors on the CPU, by their names in the
                checkpoint, such as "model.0.conv.weight".

        Raises:
            PresetCorruptError: if a weight would be left out, or a tensor, or a shape
                differs; nothing is written then.
        """
        convert.load_reference_weights(self._parts(), tensors)

    def reference_weights(self) -> dict[str, np.ndarray]:
        """Returns all weights as the reference YOLOv8 names them."""
        return convert.reference_weights(self._parts())

    def _box_losses(self, true: Any, predicted: Any) -> Any:
        return self.box_loss.call(true, predicted)

    def _class_losses(self, true: Any, logits: Any) -> Any:
        loss = self.classification_loss
        if getattr(loss, "from_logits", True) is False:
            logits = ops.sigmoid(logits)
        return loss.call(true, logits) * self.num_classes

    def _parts(self) -> dict[str, Any]:
        names = ("backbone", "path_aggregation", "head")
        return {name: getattr(self, name) for name in names}
