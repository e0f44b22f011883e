"""How good a detector is."""

from keras_cv.metrics.box_coco_metrics import BoxCOCOMetrics as BoxCOCOMetrics
from keras_cv.metrics.coco_evaluator import COCOEvaluator as COCOEvaluator
from keras_cv.metrics.coco_metrics import coco_metrics as coco_metrics
