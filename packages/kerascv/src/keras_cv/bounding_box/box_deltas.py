import keras
from keras import ops
from keras_cv.bounding_box.convert_format import convert_format
import math

_M = math.log(1000 / 16)


def encode_box_to_deltas(
    anchors, boxes, anchor_format, box_format, variance=None, image_shape=None
):
    a = convert_format(anchors, anchor_format, "center_yxhw", image_shape=image_shape)
    b = convert_format(boxes, box_format, "center_yxhw", image_shape=image_shape)
    s = ops.maximum(a[..., 2:], 1e-7)
    t = ops.maximum(b[..., 2:], 1e-7)
    d = ops.concatenate([(b[..., :2] - a[..., :2]) / s, ops.log(t / s)], -1)
    return (
        d if variance is None else d / ops.convert_to_tensor(list(variance), "float32")
    )


def decode_deltas_to_boxes(
    anchors, deltas, anchor_format, box_format, variance=None, image_shape=None
):
    a = convert_format(anchors, anchor_format, "center_yxhw", image_shape=image_shape)
    d = (
        deltas
        if variance is None
        else deltas * ops.convert_to_tensor(list(variance), "float32")
    )
    s = a[..., 2:]
    b = ops.concatenate(
        [d[..., :2] * s + a[..., :2], ops.exp(ops.minimum(d[..., 2:], _M)) * s], -1
    )
    return convert_format(b, "center_yxhw", box_format, image_shape=image_shape)
