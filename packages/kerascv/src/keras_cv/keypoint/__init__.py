"""Points of things in images."""

from keras_cv.keypoint.convert_format import convert_format as convert_format
from keras_cv.keypoint.filter_out_of_image import (
    filter_out_of_image as filter_out_of_image,
)
from keras_cv.keypoint.indices import REL_XY as REL_XY
from keras_cv.keypoint.indices import XY as XY
