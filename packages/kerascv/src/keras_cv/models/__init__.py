"""Vision models: backbones, tasks, and what feeds them."""

from domain_core import Backbone as Backbone
from domain_core import Preprocessor as Preprocessor
from domain_core import Task as Task
from keras_cv.models import retinanet as retinanet
from keras_cv.models import yolov8 as yolov8
from keras_cv.models.aliases import ResNet18Backbone as ResNet18Backbone
from keras_cv.models.aliases import ResNet18V2Backbone as ResNet18V2Backbone
from keras_cv.models.aliases import ResNet34Backbone as ResNet34Backbone
from keras_cv.models.aliases import ResNet34V2Backbone as ResNet34V2Backbone
from keras_cv.models.aliases import ResNet50Backbone as ResNet50Backbone
from keras_cv.models.aliases import ResNet50V2Backbone as ResNet50V2Backbone
from keras_cv.models.aliases import ResNet101Backbone as ResNet101Backbone
from keras_cv.models.aliases import ResNet101V2Backbone as ResNet101V2Backbone
from keras_cv.models.aliases import ResNet152Backbone as ResNet152Backbone
from keras_cv.models.aliases import ResNet152V2Backbone as ResNet152V2Backbone
from keras_cv.models.image_backbone import ImageBackbone as ImageBackbone
from keras_cv.models.image_classifier import ImageClassifier as ImageClassifier
from keras_cv.models.image_classifier_preprocessor import (
    ImageClassifierPreprocessor as ImageClassifierPreprocessor,
)
from keras_cv.models.resnet import ResNetBackbone as ResNetBackbone
from keras_cv.models.resnet import ResNetV2Backbone as ResNetV2Backbone
