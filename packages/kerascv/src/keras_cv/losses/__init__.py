"""Losses of detection and of contrastive training."""

from keras_cv.losses.binary_penalty_reduced_focal_cross_entropy import (
    BinaryPenaltyReducedFocalCrossEntropy as BinaryPenaltyReducedFocalCrossEntropy,
)
from keras_cv.losses.center_net_box_loss import CenterNetBoxLoss as CenterNetBoxLoss
from keras_cv.losses.ciou_loss import CIoULoss as CIoULoss
from keras_cv.losses.focal_loss import FocalLoss as FocalLoss
from keras_cv.losses.giou_loss import GIoULoss as GIoULoss
from keras_cv.losses.iou_loss import IoULoss as IoULoss
from keras_cv.losses.simclr_loss import SimCLRLoss as SimCLRLoss
from keras_cv.losses.smooth_l1_loss import SmoothL1Loss as SmoothL1Loss

# The name of the same in short.
PenaltyReducedFocalLoss = BinaryPenaltyReducedFocalCrossEntropy
