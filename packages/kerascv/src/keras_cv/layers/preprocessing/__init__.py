"""Augmentation: layers that change images, and all that is said about them."""

from keras_cv.layers.preprocessing.aug_mix import AugMix as AugMix
from keras_cv.layers.preprocessing.augmenter import Augmenter as Augmenter
from keras_cv.layers.preprocessing.auto_contrast import AutoContrast as AutoContrast
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer as BaseImageAugmentationLayer,
)
from keras_cv.layers.preprocessing.center_crop import CenterCrop as CenterCrop
from keras_cv.layers.preprocessing.channel_shuffle import (
    ChannelShuffle as ChannelShuffle,
)
from keras_cv.layers.preprocessing.cut_mix import CutMix as CutMix
from keras_cv.layers.preprocessing.equalization import Equalization as Equalization
from keras_cv.layers.preprocessing.fourier_mix import FourierMix as FourierMix
from keras_cv.layers.preprocessing.grayscale import Grayscale as Grayscale
from keras_cv.layers.preprocessing.grid_mask import GridMask as GridMask
from keras_cv.layers.preprocessing.jittered_resize import (
    JitteredResize as JitteredResize,
)
from keras_cv.layers.preprocessing.mix_up import MixUp as MixUp
from keras_cv.layers.preprocessing.mosaic import Mosaic as Mosaic
from keras_cv.layers.preprocessing.normalize import Normalize as Normalize
from keras_cv.layers.preprocessing.posterization import Posterization as Posterization
from keras_cv.layers.preprocessing.rand_augment import RandAugment as RandAugment
from keras_cv.layers.preprocessing.random_apply import RandomApply as RandomApply
from keras_cv.layers.preprocessing.random_aspect_ratio import (
    RandomAspectRatio as RandomAspectRatio,
)
from keras_cv.layers.preprocessing.random_augmentation_pipeline import (
    RandomAugmentationPipeline as RandomAugmentationPipeline,
)
from keras_cv.layers.preprocessing.random_brightness import (
    RandomBrightness as RandomBrightness,
)
from keras_cv.layers.preprocessing.random_channel_shift import (
    RandomChannelShift as RandomChannelShift,
)
from keras_cv.layers.preprocessing.random_choice import RandomChoice as RandomChoice
from keras_cv.layers.preprocessing.random_color_degeneration import (
    RandomColorDegeneration as RandomColorDegeneration,
)
from keras_cv.layers.preprocessing.random_color_jitter import (
    RandomColorJitter as RandomColorJitter,
)
from keras_cv.layers.preprocessing.random_contrast import (
    RandomContrast as RandomContrast,
)
from keras_cv.layers.preprocessing.random_crop import RandomCrop as RandomCrop
from keras_cv.layers.preprocessing.random_crop_and_resize import (
    RandomCropAndResize as RandomCropAndResize,
)
from keras_cv.layers.preprocessing.random_cutout import RandomCutout as RandomCutout
from keras_cv.layers.preprocessing.random_erasing import RandomErasing as RandomErasing
from keras_cv.layers.preprocessing.random_flip import RandomFlip as RandomFlip
from keras_cv.layers.preprocessing.random_gaussian_blur import (
    RandomGaussianBlur as RandomGaussianBlur,
)
from keras_cv.layers.preprocessing.random_hue import RandomHue as RandomHue
from keras_cv.layers.preprocessing.random_jpeg_quality import (
    RandomJpegQuality as RandomJpegQuality,
)
from keras_cv.layers.preprocessing.random_perspective import (
    RandomPerspective as RandomPerspective,
)
from keras_cv.layers.preprocessing.random_rotation import (
    RandomRotation as RandomRotation,
)
from keras_cv.layers.preprocessing.random_saturation import (
    RandomSaturation as RandomSaturation,
)
from keras_cv.layers.preprocessing.random_sharpness import (
    RandomSharpness as RandomSharpness,
)
from keras_cv.layers.preprocessing.random_shear import RandomShear as RandomShear
from keras_cv.layers.preprocessing.random_translation import (
    RandomTranslation as RandomTranslation,
)
from keras_cv.layers.preprocessing.random_zoom import RandomZoom as RandomZoom
from keras_cv.layers.preprocessing.repeated_augmentation import (
    RepeatedAugmentation as RepeatedAugmentation,
)
from keras_cv.layers.preprocessing.rescaling import Rescaling as Rescaling
from keras_cv.layers.preprocessing.resizing import Resizing as Resizing
from keras_cv.layers.preprocessing.solarization import Solarization as Solarization
