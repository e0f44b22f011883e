"""Vision models: backbones, tasks, and what feeds them."""

from domain_core import Backbone as Backbone
from domain_core import Preprocessor as Preprocessor
from domain_core import Task as Task
from keras_cv.models import retinanet as retinanet
from keras_cv.models import yolov8 as yolov8
from keras_cv.models.aliases import CSPDarkNetLBackbone as CSPDarkNetLBackbone
from keras_cv.models.aliases import CSPDarkNetMBackbone as CSPDarkNetMBackbone
from keras_cv.models.aliases import CSPDarkNetSBackbone as CSPDarkNetSBackbone
from keras_cv.models.aliases import CSPDarkNetTinyBackbone as CSPDarkNetTinyBackbone
from keras_cv.models.aliases import CSPDarkNetXLBackbone as CSPDarkNetXLBackbone
from keras_cv.models.aliases import EfficientNetV2B0Backbone as EfficientNetV2B0Backbone
from keras_cv.models.aliases import EfficientNetV2B1Backbone as EfficientNetV2B1Backbone
from keras_cv.models.aliases import EfficientNetV2B2Backbone as EfficientNetV2B2Backbone
from keras_cv.models.aliases import EfficientNetV2B3Backbone as EfficientNetV2B3Backbone
from keras_cv.models.aliases import EfficientNetV2LBackbone as EfficientNetV2LBackbone
from keras_cv.models.aliases import EfficientNetV2MBackbone as EfficientNetV2MBackbone
from keras_cv.models.aliases import EfficientNetV2SBackbone as EfficientNetV2SBackbone
from keras_cv.models.aliases import MobileNetV3LargeBackbone as MobileNetV3LargeBackbone
from keras_cv.models.aliases import MobileNetV3SmallBackbone as MobileNetV3SmallBackbone
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
from keras_cv.models.aliases import ViTDetBBackbone as ViTDetBBackbone
from keras_cv.models.aliases import ViTDetHBackbone as ViTDetHBackbone
from keras_cv.models.aliases import ViTDetLBackbone as ViTDetLBackbone
from keras_cv.models.csp_darknet import CSPDarkNetBackbone as CSPDarkNetBackbone
from keras_cv.models.detection_recipe import DetectionRecipe as DetectionRecipe
from keras_cv.models.efficientnet_v2 import (
    EfficientNetV2Backbone as EfficientNetV2Backbone,
)
from keras_cv.models.image_backbone import ImageBackbone as ImageBackbone
from keras_cv.models.image_classifier import ImageClassifier as ImageClassifier
from keras_cv.models.image_classifier_preprocessor import (
    ImageClassifierPreprocessor as ImageClassifierPreprocessor,
)
from keras_cv.models.mobilenet_v3 import MobileNetV3Backbone as MobileNetV3Backbone
from keras_cv.models.object_detector import ObjectDetector as ObjectDetector
from keras_cv.models.object_detector_preprocessor import (
    ObjectDetectorPreprocessor as ObjectDetectorPreprocessor,
)
from keras_cv.models.resnet import ResNetBackbone as ResNetBackbone
from keras_cv.models.resnet import ResNetV2Backbone as ResNetV2Backbone
from keras_cv.models.retinanet import RetinaNet as RetinaNet
from keras_cv.models.segment_anything import ImageEmbeddings as ImageEmbeddings
from keras_cv.models.segment_anything import SAMMaskDecoder as SAMMaskDecoder
from keras_cv.models.segment_anything import SAMPromptEncoder as SAMPromptEncoder
from keras_cv.models.segment_anything import SegmentAnything as SegmentAnything
from keras_cv.models.segment_anything import (
    SegmentAnythingModel as SegmentAnythingModel,
)
from keras_cv.models.segment_anything import (
    SegmentAnythingPreprocessor as SegmentAnythingPreprocessor,
)
from keras_cv.models.segment_anything import TwoWayTransformer as TwoWayTransformer
from keras_cv.models.vit import ViTBackbone as ViTBackbone
from keras_cv.models.vit_det import ViTDetBackbone as ViTDetBackbone
from keras_cv.models.yolov8 import YOLOV8Backbone as YOLOV8Backbone
from keras_cv.models.yolov8 import YOLOV8Detector as YOLOV8Detector
