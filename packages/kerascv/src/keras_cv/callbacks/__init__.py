"""What is done between the epochs of training."""

from keras_cv.callbacks.py_coco_callback import PyCOCOCallback as PyCOCOCallback
