"""The Segment Anything Model: what it is made of."""

from domain_core import extend_family, register_task
from domain_core.presets.keras.converter import register_keras_task
from keras_cv.models.segment_anything import (
    convert_keras,
    convert_transformers,
    presets,
)
from keras_cv.models.segment_anything.image_embeddings import (
    ImageEmbeddings as ImageEmbeddings,
)
from keras_cv.models.segment_anything.mask_decoder import (
    SAMMaskDecoder as SAMMaskDecoder,
)
from keras_cv.models.segment_anything.mask_embedding import (
    MaskEmbedding as MaskEmbedding,
)
from keras_cv.models.segment_anything.multi_layer_perceptron import (
    MultiLayerPerceptron as MultiLayerPerceptron,
)
from keras_cv.models.segment_anything.preprocessor import (
    SegmentAnythingPreprocessor as SegmentAnythingPreprocessor,
)
from keras_cv.models.segment_anything.prompt_encoder import (
    SAMPromptEncoder as SAMPromptEncoder,
)
from keras_cv.models.segment_anything.segment_anything import (
    SegmentAnything as SegmentAnything,
)
from keras_cv.models.segment_anything.segment_anything_model import (
    SegmentAnythingModel as SegmentAnythingModel,
)
from keras_cv.models.segment_anything.segment_anything_model import lacks_feature_map
from keras_cv.models.segment_anything.two_way_transformer import (
    TwoWayTransformer as TwoWayTransformer,
)

register_task(SegmentAnything, accepts=lacks_feature_map, package="kerascv")
register_task(SegmentAnythingModel, accepts=lacks_feature_map, package="kerascv")
extend_family(
    "kerascv>ViTDetBackbone",
    SegmentAnythingModel,
    presets=presets.PRESETS,
    converters=(convert_transformers.FROM_TRANSFORMERS,),
)
for package, tasks in convert_keras.TASKS.items():
    for task in tasks:
        register_keras_task(task, package=package)
