"""Images and their labels from files, one sample at a time, for any loader."""

from keras_cv.datasets.coco import read_coco as read_coco
from keras_cv.datasets.collate import collate as collate
from keras_cv.datasets.image_dataset import ImageDataset as ImageDataset
from keras_cv.datasets.image_folder import read_image_folder as read_image_folder
from keras_cv.datasets.pascal_voc import read_pascal_voc as read_pascal_voc
