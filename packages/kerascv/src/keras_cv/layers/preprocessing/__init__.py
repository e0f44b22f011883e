"""Augmentation: layers that change images, and all that is said about them."""

from keras_cv.layers.preprocessing.augmenter import Augmenter as Augmenter
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer as BaseImageAugmentationLayer,
)
from keras_cv.layers.preprocessing.cut_mix import CutMix as CutMix
from keras_cv.layers.preprocessing.fourier_mix import FourierMix as FourierMix
from keras_cv.layers.preprocessing.mix_up import MixUp as MixUp
from keras_cv.layers.preprocessing.mosaic import Mosaic as Mosaic
from keras_cv.layers.preprocessing.random_apply import RandomApply as RandomApply
from keras_cv.layers.preprocessing.random_augmentation_pipeline import (
    RandomAugmentationPipeline as RandomAugmentationPipeline,
)
from keras_cv.layers.preprocessing.random_brightness import (
    RandomBrightness as RandomBrightness,
)
from keras_cv.layers.preprocessing.random_choice import RandomChoice as RandomChoice
from keras_cv.layers.preprocessing.random_flip import RandomFlip as RandomFlip
from keras_cv.layers.preprocessing.random_rotation import (
    RandomRotation as RandomRotation,
)
from keras_cv.layers.preprocessing.repeated_augmentation import (
    RepeatedAugmentation as RepeatedAugmentation,
)
