import keras
from keras import ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.box_deltas import encode_box_to_deltas
from keras_cv.bounding_box.compute_iou import compute_iou


@serializable("kerascv>retinanet")
class LabelEncoder(RemembersArguments, keras.layers.Layer):
    def __init__(
        self,
        bounding_box_format,
        anchor_generator,
        positive_threshold=0.5,
        negative_threshold=0.4,
        box_variance=(0.1, 0.1, 0.2, 0.2),
        background_class=-1.0,
        ignore_class=-2.0,
        *,
        name=None,
    ):
        super().__init__(name=name)
        self.bounding_box_format = bounding_box_format
        self.anchor_generator = anchor_generator
        self.positive_threshold = positive_threshold
        self.negative_threshold = negative_threshold
        self.box_variance = list(box_variance)
        self.background_class = background_class
        self.ignore_class = ignore_class

    def __call__(self, images, box_labels):
        shape = images if isinstance(images, tuple) else ops.shape(images)[-3:]
        a = ops.concatenate(
            [
                ops.convert_to_tensor(x)
                for x in self.anchor_generator(image_shape=shape).values()
            ]
        )
        boxes = ops.cast(box_labels["boxes"], "float32")
        classes = ops.cast(box_labels["classes"], "float32")
        iou = compute_iou(a, boxes, self.bounding_box_format)
        iou = ops.where(classes[:, None] >= 0, iou, -1.0)
        best = ops.argmax(iou, -1)
        m = ops.max(iou, -1)
        g = ops.take_along_axis(boxes, best[..., None], 1)
        c = ops.take_along_axis(classes, best, 1)
        t = encode_box_to_deltas(
            a,
            g,
            self.anchor_generator.bounding_box_format,
            self.bounding_box_format,
            self.box_variance,
            image_shape=shape,
        )
        pos = m >= self.positive_threshold
        neg = m < self.negative_threshold
        t = ops.where(pos[..., None], t, 0.0)
        return t, ops.where(
            pos, c, ops.where(neg, self.background_class, self.ignore_class)
        )
