"""YOLOv8: one-stage detection without anchors."""

from keras_cv.models.yolov8.label_encoder import LabelEncoder as LabelEncoder
