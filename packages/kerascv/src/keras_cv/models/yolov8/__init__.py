"""YOLOv8: what it is made of and what it can load."""

from domain_core import register_family
from domain_core.presets.keras.converter import register_keras_task
from keras_cv.models.yolov8 import convert, convert_keras, presets
from keras_cv.models.yolov8.anchor_points import get_anchors as get_anchors
from keras_cv.models.yolov8.backbone import YOLOV8Backbone as YOLOV8Backbone
from keras_cv.models.yolov8.convert import (
    load_reference_weights as load_reference_weights,
)
from keras_cv.models.yolov8.convert import reference_weights as reference_weights
from keras_cv.models.yolov8.detector import YOLOV8Detector as YOLOV8Detector
from keras_cv.models.yolov8.distribution import decode_boxes as decode_boxes
from keras_cv.models.yolov8.distribution import (
    distribution_focal_loss as distribution_focal_loss,
)
from keras_cv.models.yolov8.head import YOLOV8Head as YOLOV8Head
from keras_cv.models.yolov8.label_encoder import LabelEncoder as LabelEncoder
from keras_cv.models.yolov8.loss import yolov8_losses as yolov8_losses
from keras_cv.models.yolov8.path_aggregation import PathAggregation as PathAggregation

register_family(
    YOLOV8Backbone,
    tasks=(YOLOV8Detector,),
    presets=presets.PRESETS,
    converters=(convert_keras.FROM_KERAS,),
    sharding=convert.SHARDING,
    package="kerascv",
)
register_keras_task(convert_keras.DETECTOR, package="keras_cv")
