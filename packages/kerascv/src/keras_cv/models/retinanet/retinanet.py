"""RetinaNet: one box and one score per class for each of many anchors.

Paper: Lin et al., "Focal Loss for Dense Object Detection", 2017,
https://arxiv.org/abs/1708.02002.
Unusual: it is the loss that makes it work. Nearly all anchors lie on background, and
those that the model is sure of, at first nearly all, hardly count in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from domain_core.arguments import as_positive_int
from domain_core.preprocessor import Preprocessor
from keras_cv.bounding_box.box_deltas import decode_deltas_to_boxes
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.layers.anchor_generator import AnchorGenerator
from keras_cv.layers.non_max_suppression import NonMaxSuppression
from keras_cv.losses.focal_loss import FocalLoss
from keras_cv.losses.smooth_l1_loss import SmoothL1Loss
from keras_cv.models.detection_recipe import DetectionRecipe
from keras_cv.models.object_detector import ObjectDetector
from keras_cv.models.pyramid_levels import require_levels
from keras_cv.models.retinanet.feature_pyramid import FeaturePyramid
from keras_cv.models.retinanet.label_encoder import LabelEncoder
from keras_cv.models.retinanet.prediction_head import AnchorRows, PredictionHead

LEVELS = ("P3", "P4", "P5")
_SCALES = [2**0, 2 ** (1 / 3), 2 ** (2 / 3)]
_ASPECT_RATIOS = [0.5, 1.0, 2.0]
# How probable each class is at each anchor before training.
_PRIOR = 0.01


class RetinaNet(ObjectDetector):
    """Finds objects with the levels P3 to P5 of any backbone.

    Outputs are "box" `(B, N, 4)`, how each of `N` anchors has to move, and
    "classification" `(B, N, num_classes)`, logits.

    Args:
        backbone: a `Backbone` with the levels P3, P4 and P5.
        num_classes: number of classes.
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        anchor_generator: an `AnchorGenerator` for the levels P3 to P7; None for sizes
            of 32 to 512 pixels, three scales and three shapes at each place.
        label_encoder: matches true boxes to anchors; None for `LabelEncoder`.
        prediction_decoder: see `ObjectDetector`; None for `NonMaxSuppression`.
        feature_pyramid: from P3 to P5 to P3 to P7; None for `FeaturePyramid`.
        classification_head: a `PredictionHead` that gives `num_classes` logits for each
            anchor; None for one.
        box_head: likewise four numbers.
        num_head_layers: convolutions of each head made here, before its last: 4 as in
            the paper; KerasCV had 3.
        preprocessor: see `ObjectDetector`.
        class_names: see `ObjectDetector`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone lacks a level or an argument does not fit.

    Example:
        >>> detector = keras_cv.models.RetinaNet.from_preset(
        ...     "resnet18", num_classes=2, class_names=["cell", "platelet"]
        ... )
        >>> found = detector.predict([np.zeros((60, 90, 3), "uint8")], verbose=0)
        >>> found["boxes"].shape
        (1, 100, 4)
    """

    box_losses: ClassVar = {
        "smoothl1": lambda: SmoothL1Loss(l1_cutoff=1.0, reduction="sum"),
        "huber": lambda: keras.losses.Huber(reduction="sum"),
    }
    classification_losses: ClassVar = {
        "focal": lambda: FocalLoss(from_logits=True, reduction="sum")
    }

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int = 80,
        bounding_box_format: str = "xyxy",
        anchor_generator: AnchorGenerator | None = None,
        label_encoder: Any = None,
        prediction_decoder: Any = None,
        feature_pyramid: keras.layers.Layer | None = None,
        classification_head: keras.layers.Layer | None = None,
        box_head: keras.layers.Layer | None = None,
        *,
        num_head_layers: int = 4,
        preprocessor: Preprocessor | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        levels = require_levels("RetinaNet", backbone, *LEVELS)
        as_positive_int("num_classes", num_classes)
        as_positive_int("num_head_layers", num_head_layers)
        dtype = backbone.dtype_policy
        anchors = anchor_generator or AnchorGenerator(
            **anchor_arguments(bounding_box_format)
        )
        per_place = _anchors_per_place(anchors)
        decoder = prediction_decoder or NonMaxSuppression(
            bounding_box_format, from_logits=True
        )
        pyramid = feature_pyramid or FeaturePyramid(dtype=dtype, name="feature_pyramid")
        classes = classification_head or PredictionHead(
            per_place * num_classes,
            keras.initializers.Constant(-math.log((1 - _PRIOR) / _PRIOR)),
            num_head_layers,
            dtype=dtype,
            name="classification_head",
        )
        boxes = box_head or PredictionHead(
            per_place * 4, "zeros", num_head_layers, dtype=dtype, name="box_head"
        )
        # functional model
        features = pyramid(levels)
        super().__init__(
            backbone,
            backbone.input,
            {
                "box": AnchorRows(4, name="box")(boxes(features)),
                "classification": AnchorRows(num_classes, name="classification")(
                    classes(features)
                ),
            },
            num_classes=num_classes,
            bounding_box_format=bounding_box_format,
            prediction_decoder=decoder,
            preprocessor=preprocessor,
            class_names=class_names,
            name=name,
        )
        self.feature_pyramid = pyramid
        self.classification_head = classes
        self.box_head = boxes
        self.anchor_generator = anchors
        self.label_encoder = label_encoder or LabelEncoder(bounding_box_format, anchors)
        self.matched = keras.metrics.Mean(name="percent_boxes_matched_with_anchor")
        if compile:
            self.compile()

    def compile(  # type: ignore[override]  # as upstream's
        self,
        box_loss: Any = None,
        classification_loss: Any = None,
        loss: None = None,
        metrics: Any = None,
        *,
        optimizer: Any = "auto",
        recipe: DetectionRecipe | None = None,
        box_loss_weight: float = 1.0,
        classification_loss_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Configures training; everything has a default.

        Args:
            box_loss: "smoothl1", "huber" or a loss of four numbers per anchor; None for
                "smoothl1". The loss of each anchor counts, not its reduction.
            classification_loss: "focal" or a loss of logits; None for "focal".
            loss: has no place here.
            metrics: see `ObjectDetector.configure`.
            optimizer: likewise.
            recipe: likewise.
            box_loss_weight: factor of the boxes' loss.
            classification_loss_weight: factor of that of the classes.
            **kwargs: as in `keras.Model.compile`.

        Raises:
            ValueError: if a loss is unknown or not of logits, or `loss` is passed.
        """
        if loss is not None:
            raise ValueError(
                "Expected `box_loss` and `classification_loss`, received "
                f"loss={loss!r:.200}."
            )
        if getattr(classification_loss, "from_logits", True) is False:
            raise ValueError(
                "Expected a `classification_loss` of logits, received one of "
                "probabilities. Make it with `from_logits=True`."
            )
        self.configure(
            box_loss or "smoothl1",
            classification_loss or "focal",
            optimizer=optimizer,
            recipe=recipe,
            metrics=metrics,
            loss_weights={
                "box_loss": box_loss_weight,
                "classification_loss": classification_loss_weight,
            },
            **kwargs,
        )

    def decode_boxes(
        self, outputs: Any, image_shape: tuple[Any, Any]
    ) -> tuple[Any, Any]:
        format = self.anchor_generator.bounding_box_format
        boxes = decode_deltas_to_boxes(
            self._anchors(image_shape),
            outputs["box"],
            anchor_format=format,
            box_format="xyxy",
            variance=self.label_encoder.box_variance,
            image_shape=image_shape,
        )
        return boxes, outputs["classification"]

    def loss_terms(
        self,
        outputs: Any,
        boxes: Any,
        classes: Any,
        images: Any,
        image_weights: Any,
    ) -> dict[str, Any]:
        encoder = self.label_encoder
        boxes = convert_format(
            boxes,
            "xyxy",
            encoder.bounding_box_format,
            image_shape=ops.shape(images)[1:],
        )
        labels = {"boxes": boxes, "classes": classes}
        box_targets, class_targets, share = encoder.encode(images, labels)
        self.matched.update_state(share)
        is_object = ops.cast(class_targets >= 0, "float32")  # (B, N)
        counts = ops.cast(class_targets != encoder.ignore_class, "float32")
        total = ops.maximum(ops.sum(is_object), 1.0)
        true = ops.one_hot(
            ops.cast(ops.maximum(class_targets, 0), "int32"), self.num_classes
        )
        true = ops.cast(true, "float32") * is_object[..., None]
        if image_weights is not None:
            weights = ops.cast(image_weights, "float32")[:, None]
            is_object, counts = is_object * weights, counts * weights
        losses = {
            "box_loss": self.box_loss.call(box_targets, outputs["box"]) * is_object,
            "classification_loss": self.classification_loss.call(
                true, outputs["classification"]
            )
            * counts,
        }
        return {name: ops.sum(loss) / total for name, loss in losses.items()}

    def _anchors(self, image_shape: tuple[Any, Any]) -> Any:
        levels = self.anchor_generator(image_shape=(*image_shape, 3))
        return ops.concatenate([ops.convert_to_tensor(x) for x in levels.values()])


def anchor_arguments(bounding_box_format: str) -> dict[str, Any]:
    """Returns the arguments of the `AnchorGenerator` that RetinaNet makes."""
    return {
        "bounding_box_format": bounding_box_format,
        "sizes": {f"P{level}": 2.0 ** (level + 2) for level in range(3, 8)},
        "scales": _SCALES,
        "aspect_ratios": _ASPECT_RATIOS,
        "strides": {f"P{level}": 2**level for level in range(3, 8)},
        "clip_boxes": True,
    }


def _anchors_per_place(generator: AnchorGenerator) -> int:
    """Returns how many anchors there are at each place of a level.

    Raises:
        ValueError: if levels differ.
    """
    # An image of one pixel is one place on all levels.
    levels = generator(image_shape=(1, 1, 3))
    counts = {level: len(anchors) for level, anchors in levels.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(
            "Expected an `anchor_generator` with as many anchors at each place on all "
            f"levels, which share their heads, received {counts}."
        )
    return next(iter(counts.values()))
