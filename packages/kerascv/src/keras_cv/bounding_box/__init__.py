"""Boxes around things in images."""

from keras_cv.bounding_box.box_deltas import (
    decode_deltas_to_boxes as decode_deltas_to_boxes,
)
from keras_cv.bounding_box.box_deltas import (
    encode_box_to_deltas as encode_box_to_deltas,
)
from keras_cv.bounding_box.clip_to_image import clip_to_image as clip_to_image
from keras_cv.bounding_box.compute_ciou import compute_ciou as compute_ciou
from keras_cv.bounding_box.compute_ciou import compute_diou as compute_diou
from keras_cv.bounding_box.compute_ciou import compute_giou as compute_giou
from keras_cv.bounding_box.compute_iou import compute_iou as compute_iou
from keras_cv.bounding_box.convert_format import convert_format as convert_format
from keras_cv.bounding_box.dense import (
    mask_invalid_detections as mask_invalid_detections,
)
from keras_cv.bounding_box.dense import to_dense as to_dense
from keras_cv.bounding_box.dense import to_ragged as to_ragged
from keras_cv.bounding_box.formats import as_relative as as_relative
from keras_cv.bounding_box.formats import is_relative as is_relative
from keras_cv.bounding_box.indices import CENTER_XYWH as CENTER_XYWH
from keras_cv.bounding_box.indices import REL_XYWH as REL_XYWH
from keras_cv.bounding_box.indices import REL_XYXY as REL_XYXY
from keras_cv.bounding_box.indices import REL_YXYX as REL_YXYX
from keras_cv.bounding_box.indices import XYWH as XYWH
from keras_cv.bounding_box.indices import XYXY as XYXY
from keras_cv.bounding_box.indices import YXYX as YXYX
from keras_cv.bounding_box.non_max_suppression import (
    non_max_suppression as non_max_suppression,
)
from keras_cv.bounding_box.validate_format import ensure_tensor as ensure_tensor
from keras_cv.bounding_box.validate_format import validate_format as validate_format
