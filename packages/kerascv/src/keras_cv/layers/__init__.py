"""Layers that vision models share."""

from domain_core.images import ImageConverter as ImageConverter
from keras_cv.layers.drop_block_2d import DropBlock2D as DropBlock2D
from keras_cv.layers.drop_path import DropPath as DropPath
from keras_cv.layers.feature_pyramid import FeaturePyramid as FeaturePyramid
from keras_cv.layers.spatial_pyramid_pooling import (
    SpatialPyramidPooling as SpatialPyramidPooling,
)
from keras_cv.layers.squeeze_and_excite_2d import (
    SqueezeAndExcite2D as SqueezeAndExcite2D,
)
from keras_cv.layers.stochastic_depth import StochasticDepth as StochasticDepth
