"""What a set of prompts loses: the error of the best of its masks.

Shapes: `R` sets of prompts, `K` masks of each, `h` and `w` size of a mask.
"""

from __future__ import annotations

from typing import Any

from keras import ops

_FOCUS = 2  # gamma of the focal loss
_SHARE = 0.25  # its alpha: the weight of pixels that belong to an object


def mask_loss(
    logits: Any,
    scores: Any,
    masks: Any,
    *,
    focal_weight: float = 20.0,
    dice_weight: float = 1.0,
    iou_weight: float = 1.0,
) -> dict[str, Any]:
    """Computes the loss of each set of prompts.

    A prompt may mean several things, so the mask with the lowest weighted sum of the
    three terms is the one that learns. Scores learn for all masks, as they are what a
    mask is chosen by later. All is computed in float32.

    Args:
        logits: `(R, K, h, w)`.
        scores: the overlap with the true mask that the model expects, `(R, K)`.
        masks: true masks `(R, h, w)`, 0 or 1.
        focal_weight: factor of the focal loss, the mean over pixels.
        dice_weight: factor of the dice loss.
        iou_weight: factor of the squared error of scores.

    Returns:
        Dict of float32 tensors `(R,)`, before their factors: "focal_loss", "dice_loss"
        and "iou_loss"; and "mask_iou", the overlap of the mask with the highest score.
    """
    logits, scores, masks = (
        ops.cast(x, "float32") for x in (logits, scores, masks[:, None])
    )
    ious = ops.stop_gradient(_ious(logits, masks))
    errors = ops.square(scores - ious)
    focal, dice = _focal(logits, masks), _dice(logits, masks)
    total = focal_weight * focal + dice_weight * dice + iou_weight * errors
    number = logits.shape[1]
    best = ops.one_hot(ops.argmin(total, axis=1), number, dtype="float32")
    believed = ops.one_hot(ops.argmax(scores, axis=1), number, dtype="float32")
    return {
        "focal_loss": ops.sum(best * focal, axis=1),
        "dice_loss": ops.sum(best * dice, axis=1),
        "iou_loss": ops.mean(errors, axis=1),
        "mask_iou": ops.sum(believed * ious, axis=1),
    }


def mean_of_sets(values: Any, weights: Any) -> Any:
    """Returns the weighted sum over the number of sets that have a weight.

    Args:
        values: `(R,)`.
        weights: `(R,)`, 0 for what is padding.
    """
    count = ops.sum(ops.cast(weights != 0, values.dtype))
    return ops.sum(values * weights) / ops.maximum(count, 1)


def _focal(logits: Any, masks: Any) -> Any:
    """Returns the focal loss of masks, `(R, K)`."""
    wrong = ops.where(masks > 0.5, -logits, logits)
    share = ops.where(masks > 0.5, _SHARE, 1 - _SHARE)
    losses = share * ops.sigmoid(wrong) ** _FOCUS * ops.softplus(wrong)
    return ops.mean(losses, axis=(-2, -1))


def _dice(logits: Any, masks: Any) -> Any:
    """Returns the dice loss of masks, `(R, K)`; 1 pixel more on both sides of it."""
    found = ops.sigmoid(logits)
    both = ops.sum(found * masks, axis=(-2, -1))
    either = ops.sum(found, axis=(-2, -1)) + ops.sum(masks, axis=(-2, -1))
    return 1 - (2 * both + 1) / (either + 1)


def _ious(logits: Any, masks: Any) -> Any:
    """Returns the overlap of masks, `(R, K)`; 1 where both are empty."""
    found = ops.cast(logits > 0, "float32")
    both = ops.sum(found * masks, axis=(-2, -1))
    either = ops.sum(ops.maximum(found, masks), axis=(-2, -1))
    return ops.where(either > 0, both / ops.maximum(either, 1), 1.0)
