"""RetinaNet: one-stage detection with anchors."""

from keras_cv.models.retinanet.label_encoder import LabelEncoder as LabelEncoder
