"""Distributions that augmentation layers draw their factors from."""

from keras_cv.core.factor_sampler import ConstantFactorSampler as ConstantFactorSampler
from keras_cv.core.factor_sampler import FactorSampler as FactorSampler
from keras_cv.core.factor_sampler import NormalFactorSampler as NormalFactorSampler
from keras_cv.core.factor_sampler import UniformFactorSampler as UniformFactorSampler
