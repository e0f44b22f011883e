"""RetinaNet: a detector on any backbone, and the parts it is made of."""

from domain_core import register_task
from domain_core.presets.keras.converter import register_keras_task
from keras_cv.models.pyramid_levels import gives_levels
from keras_cv.models.retinanet.convert import FROM_KERAS
from keras_cv.models.retinanet.feature_pyramid import FeaturePyramid as FeaturePyramid
from keras_cv.models.retinanet.label_encoder import LabelEncoder as LabelEncoder
from keras_cv.models.retinanet.prediction_head import PredictionHead as PredictionHead
from keras_cv.models.retinanet.retinanet import LEVELS
from keras_cv.models.retinanet.retinanet import RetinaNet as RetinaNet

register_task(RetinaNet, accepts=gives_levels(*LEVELS), package="kerascv")
register_keras_task(FROM_KERAS, package="keras_cv")
