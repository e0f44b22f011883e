"""Layers that vision models share."""

from domain_core.images import ImageConverter as ImageConverter
from keras_cv.layers import preprocessing as preprocessing
from keras_cv.layers.add_positional_embedding import (
    AddPositionalEmbedding as AddPositionalEmbedding,
)
from keras_cv.layers.add_relative_positional_embedding import (
    AddRelativePositionalEmbedding as AddRelativePositionalEmbedding,
)
from keras_cv.layers.anchor_generator import AnchorGenerator as AnchorGenerator
from keras_cv.layers.box_matcher import BoxMatcher as BoxMatcher
from keras_cv.layers.drop_block_2d import DropBlock2D as DropBlock2D
from keras_cv.layers.drop_path import DropPath as DropPath
from keras_cv.layers.feature_pyramid import FeaturePyramid as FeaturePyramid
from keras_cv.layers.fused_mb_conv_block import FusedMBConvBlock as FusedMBConvBlock
from keras_cv.layers.mb_conv_block import MBConvBlock as MBConvBlock
from keras_cv.layers.multi_class_non_max_suppression import (
    MultiClassNonMaxSuppression as MultiClassNonMaxSuppression,
)
from keras_cv.layers.multi_head_attention_with_downsampling import (
    MultiHeadAttentionWithDownsampling as MultiHeadAttentionWithDownsampling,
)
from keras_cv.layers.multi_head_attention_with_relative_pe import (
    MultiHeadAttentionWithRelativePE as MultiHeadAttentionWithRelativePE,
)
from keras_cv.layers.non_max_suppression import NonMaxSuppression as NonMaxSuppression
from keras_cv.layers.preprocessing import Augmenter as Augmenter
from keras_cv.layers.preprocessing import AugMix as AugMix
from keras_cv.layers.preprocessing import AutoContrast as AutoContrast
from keras_cv.layers.preprocessing import (
    BaseImageAugmentationLayer as BaseImageAugmentationLayer,
)
from keras_cv.layers.preprocessing import CenterCrop as CenterCrop
from keras_cv.layers.preprocessing import ChannelShuffle as ChannelShuffle
from keras_cv.layers.preprocessing import CutMix as CutMix
from keras_cv.layers.preprocessing import Equalization as Equalization
from keras_cv.layers.preprocessing import FourierMix as FourierMix
from keras_cv.layers.preprocessing import Grayscale as Grayscale
from keras_cv.layers.preprocessing import GridMask as GridMask
from keras_cv.layers.preprocessing import JitteredResize as JitteredResize
from keras_cv.layers.preprocessing import MixUp as MixUp
from keras_cv.layers.preprocessing import Mosaic as Mosaic
from keras_cv.layers.preprocessing import Normalize as Normalize
from keras_cv.layers.preprocessing import Posterization as Posterization
from keras_cv.layers.preprocessing import RandAugment as RandAugment
from keras_cv.layers.preprocessing import RandomApply as RandomApply
from keras_cv.layers.preprocessing import RandomAspectRatio as RandomAspectRatio
from keras_cv.layers.preprocessing import (
    RandomAugmentationPipeline as RandomAugmentationPipeline,
)
from keras_cv.layers.preprocessing import RandomBrightness as RandomBrightness
from keras_cv.layers.preprocessing import RandomChannelShift as RandomChannelShift
from keras_cv.layers.preprocessing import RandomChoice as RandomChoice
from keras_cv.layers.preprocessing import (
    RandomColorDegeneration as RandomColorDegeneration,
)
from keras_cv.layers.preprocessing import RandomColorJitter as RandomColorJitter
from keras_cv.layers.preprocessing import RandomContrast as RandomContrast
from keras_cv.layers.preprocessing import RandomCrop as RandomCrop
from keras_cv.layers.preprocessing import RandomCropAndResize as RandomCropAndResize
from keras_cv.layers.preprocessing import RandomCutout as RandomCutout
from keras_cv.layers.preprocessing import RandomErasing as RandomErasing
from keras_cv.layers.preprocessing import RandomFlip as RandomFlip
from keras_cv.layers.preprocessing import RandomGaussianBlur as RandomGaussianBlur
from keras_cv.layers.preprocessing import RandomHue as RandomHue
from keras_cv.layers.preprocessing import RandomJpegQuality as RandomJpegQuality
from keras_cv.layers.preprocessing import RandomPerspective as RandomPerspective
from keras_cv.layers.preprocessing import RandomRotation as RandomRotation
from keras_cv.layers.preprocessing import RandomSaturation as RandomSaturation
from keras_cv.layers.preprocessing import RandomSharpness as RandomSharpness
from keras_cv.layers.preprocessing import RandomShear as RandomShear
from keras_cv.layers.preprocessing import RandomTranslation as RandomTranslation
from keras_cv.layers.preprocessing import RandomZoom as RandomZoom
from keras_cv.layers.preprocessing import RepeatedAugmentation as RepeatedAugmentation
from keras_cv.layers.preprocessing import Rescaling as Rescaling
from keras_cv.layers.preprocessing import Resizing as Resizing
from keras_cv.layers.preprocessing import Solarization as Solarization
from keras_cv.layers.preprocessing.color_augmentation import (
    ColorAugmentation as ColorAugmentation,
)
from keras_cv.layers.preprocessing.color_augmentation import (
    ValueAugmentation as ValueAugmentation,
)
from keras_cv.layers.preprocessing.geometric_augmentation import (
    GeometricAugmentation as GeometricAugmentation,
)
from keras_cv.layers.preprocessing.vectorized_base_image_augmentation_layer import (
    VectorizedBaseImageAugmentationLayer as VectorizedBaseImageAugmentationLayer,
)
from keras_cv.layers.random_frequency_positional_embeddings import (
    RandomFrequencyPositionalEmbeddings as RandomFrequencyPositionalEmbeddings,
)
from keras_cv.layers.spatial_pyramid_pooling import (
    SpatialPyramidPooling as SpatialPyramidPooling,
)
from keras_cv.layers.squeeze_and_excite_2d import (
    SqueezeAndExcite2D as SqueezeAndExcite2D,
)
from keras_cv.layers.stochastic_depth import StochasticDepth as StochasticDepth
from keras_cv.layers.two_way_multi_head_attention import (
    TwoWayMultiHeadAttention as TwoWayMultiHeadAttention,
)
from keras_cv.layers.vit_det_patching_and_embedding import (
    ViTDetPatchingAndEmbedding as ViTDetPatchingAndEmbedding,
)
from keras_cv.layers.window_partitioning import WindowPartitioning as WindowPartitioning
from keras_cv.layers.windowed_transformer_encoder import (
    WindowedTransformerEncoder as WindowedTransformerEncoder,
)
