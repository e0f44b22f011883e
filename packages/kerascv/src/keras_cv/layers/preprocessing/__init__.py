"""Augmentation: layers that change images, and all that is said about them."""

from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer as BaseImageAugmentationLayer,
)
from keras_cv.layers.preprocessing.random_brightness import (
    RandomBrightness as RandomBrightness,
)
from keras_cv.layers.preprocessing.random_flip import RandomFlip as RandomFlip
from keras_cv.layers.preprocessing.random_rotation import (
    RandomRotation as RandomRotation,
)
