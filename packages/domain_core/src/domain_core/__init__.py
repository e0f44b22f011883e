"""The core that kerascv and kerasnlp share: models, tasks, presets, blocks."""

from domain_core import layers as layers
from domain_core import ops as ops
from domain_core import text as text
from domain_core import tokenizers as tokenizers
from domain_core._version import __version__ as __version__
from domain_core.backbone import Backbone as Backbone
from domain_core.pipeline import PipelineModel as PipelineModel
from domain_core.preprocessor import Preprocessor as Preprocessor
from domain_core.preset import Preset as Preset
from domain_core.preset_errors import PresetAccessError as PresetAccessError
from domain_core.preset_errors import PresetCorruptError as PresetCorruptError
from domain_core.preset_errors import PresetError as PresetError
from domain_core.preset_errors import PresetNetworkError as PresetNetworkError
from domain_core.preset_errors import PresetNotFoundError as PresetNotFoundError
from domain_core.preset_errors import PresetUnsafeError as PresetUnsafeError
from domain_core.presets import Converter as Converter
from domain_core.presets import Head as Head
from domain_core.presets import download as download
from domain_core.presets import list_presets as list_presets
from domain_core.presets import register_source as register_source
from domain_core.presets import upload_preset as upload_preset
from domain_core.presets import verify as verify
from domain_core.registry import extend_family as extend_family
from domain_core.registry import register_backbone as register_backbone
from domain_core.registry import register_family as register_family
from domain_core.registry import register_task as register_task
from domain_core.serialization import serializable as serializable
from domain_core.task import Task as Task
from domain_core.tf_module import as_tf_module as as_tf_module
from domain_core.tokenizers.tokenizer import Tokenizer as Tokenizer
from domain_core.weights.initialization import initializer as initializer
from domain_core.weights.initialization import (
    without_initialization as without_initialization,
)
from domain_core.weights.weight_map import CONV as CONV
from domain_core.weights.weight_map import TRANSPOSE as TRANSPOSE
from domain_core.weights.weight_map import Transform as Transform
from domain_core.weights.weight_map import WeightMap as WeightMap
from domain_core.weights.weight_map import batch_norm_weights as batch_norm_weights
from domain_core.weights.weight_map import conv_weights as conv_weights
from domain_core.weights.weight_map import dense_weights as dense_weights
from domain_core.weights.weight_map import norm_weights as norm_weights
from domain_core.weights.weight_paths import weight_paths as weight_paths
