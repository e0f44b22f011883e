"""The core that kerascv and kerasnlp share: models, tasks, presets, blocks."""

from domain_core import layers as layers
from domain_core import ops as ops
from domain_core import text as text
from domain_core._version import __version__ as __version__
from domain_core.backbone import Backbone as Backbone
from domain_core.initialization import initializer as initializer
from domain_core.initialization import without_initialization as without_initialization
from domain_core.pipeline import PipelineModel as PipelineModel
from domain_core.preprocessor import Preprocessor as Preprocessor
from domain_core.preset import Preset as Preset
from domain_core.presets import Converter as Converter
from domain_core.presets import Head as Head
from domain_core.registry import register_backbone as register_backbone
from domain_core.registry import register_task as register_task
from domain_core.serialization import serializable as serializable
from domain_core.task import Task as Task
from domain_core.tf_module import as_tf_module as as_tf_module
from domain_core.tokenizer import Tokenizer as Tokenizer
from domain_core.weight_map import TRANSPOSE as TRANSPOSE
from domain_core.weight_map import Transform as Transform
from domain_core.weight_map import WeightMap as WeightMap
from domain_core.weight_map import dense_weights as dense_weights
from domain_core.weight_map import norm_weights as norm_weights
from domain_core.weight_paths import weight_paths as weight_paths
