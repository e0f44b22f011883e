import keras
from keras import ops
from domain_core import ops as our
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.convert_format import convert_format


@serializable("kerascv")
class NonMaxSuppression(RemembersArguments, keras.layers.Layer):
    def __init__(
        self,
        bounding_box_format,
        from_logits,
        iou_threshold=0.5,
        confidence_threshold=0.5,
        max_detections=100,
        *,
        class_aware=False,
        name=None,
        trainable=True,
        dtype=None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.bounding_box_format = bounding_box_format
        self.from_logits = from_logits
        self.iou_threshold = iou_threshold
        self.confidence_threshold = confidence_threshold
        self.max_detections = max_detections
        self.class_aware = class_aware

    def __call__(self, box_prediction, class_prediction, images=None, image_shape=None):
        p = ops.sigmoid(class_prediction) if self.from_logits else class_prediction
        score = ops.max(p, -1)
        cls = ops.cast(ops.argmax(p, -1), "int32")
        n = score.shape[1] if isinstance(score.shape[1], int) else None
        score = ops.where(score > self.confidence_threshold, score, 0.0)
        xyxy = convert_format(
            box_prediction, self.bounding_box_format, "xyxy", image_shape=image_shape
        )
        corners = tuple(xyxy[..., i] for i in range(4))
        idx, s = our.pick_boxes(
            corners,
            score,
            self.max_detections,
            iou_threshold=self.iou_threshold,
            groups=cls if self.class_aware else None,
        )
        safe = ops.maximum(idx, 0)
        ok = idx >= 0
        boxes = ops.where(
            ok[..., None], ops.take_along_axis(box_prediction, safe[..., None], 1), -1.0
        )
        c = ops.where(ok, ops.take_along_axis(cls, safe, 1), -1)
        return {
            "idx": idx,
            "boxes": boxes,
            "confidence": ops.where(ok, s, -1.0),
            "classes": c,
            "num_detections": ops.sum(ops.cast(ok, "int32"), -1),
        }
