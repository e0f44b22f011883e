"""The loss against one written on NumPy, mask by mask."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import gradients
from keras_cv.models.segment_anything.mask_loss import mask_loss, mean_of_sets

SETS, MASKS, SIZE = 6, 3, (5, 7)
TERMS = ("focal_loss", "dice_loss", "iou_loss")
FACTORS = {"focal_weight": 20.0, "dice_weight": 1.0, "iou_weight": 1.0}


def case():
    """Six sets: two with empty masks, two with full ones, some logits of great size."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(SETS, MASKS, *SIZE)).astype("float32")
    logits[1] = [[[-200.0]], [[200.0]], [[-1.0]]]
    logits[3] = [[[-1.0]], [[1.0]], [[200.0]]]
    masks = (draw.uniform(size=(SETS, *SIZE)) < 0.4).astype("float32")
    masks[[1, 2]], masks[[3, 4]] = 0, 1
    scores = draw.uniform(size=(SETS, MASKS)).astype("float32")
    return logits, scores, masks


def loss(logits, scores, masks, weights):
    terms = mask_loss(logits, scores, masks, **FACTORS)
    weights = keras.ops.convert_to_tensor(weights, dtype="float32")
    return sum(mean_of_sets(terms[name], weights) for name in TERMS)


def expected(logits, scores, masks):
    """The terms of one set as the paper has them, in float64, a mask at a time."""
    rows = []
    for logit, score, true in zip(
        *map(np.float64, (logits, scores, masks)), strict=True
    ):
        each = []
        for x, quality in zip(logit, score, strict=True):
            p = 1 / (1 + np.exp(-x))
            # log(1 - p) loses what is small: log(p) - x is the same.
            log_p = -np.logaddexp(0, -x)
            ce = -(true * log_p + (1 - true) * (log_p - x))
            p_true = true * p + (1 - true) * (1 - p)
            alpha = true * 0.25 + (1 - true) * 0.75
            focal = (alpha * (1 - p_true) ** 2 * ce).mean()
            dice = 1 - (2 * (p * true).sum() + 1) / (p.sum() + true.sum() + 1)
            found = p > 0.5
            union = (found | (true > 0)).sum()
            iou = (found & (true > 0)).sum() / union if union else 1.0
            each.append((focal, dice, (quality - iou) ** 2, iou))
        best = min(each, key=lambda terms: 20 * terms[0] + terms[1] + terms[2])
        error = np.mean([terms[2] for terms in each])
        rows.append((*best[:2], error, each[int(score.argmax())][3]))
    return dict(zip((*TERMS, "mask_iou"), np.transpose(rows), strict=True))


@pytest.mark.backends
def test_terms():
    logits, scores, masks = case()
    found = mask_loss(logits, scores, masks, **FACTORS)
    for name, value in expected(logits, scores, masks).items():
        assert_close(found[name], value, rtol=1e-5, atol=1e-6)
    half = mask_loss(
        keras.ops.cast(logits, "bfloat16"), scores, masks.astype("uint8"), **FACTORS
    )
    rounded = to_numpy(keras.ops.cast(keras.ops.cast(logits, "bfloat16"), "float32"))
    for name, value in expected(rounded, scores, masks).items():
        assert_close(half[name], value, rtol=1e-5, atol=1e-6)


def test_which_mask_learns():
    """A factor changes which mask is the best one."""
    logits = np.stack([np.full(SIZE, -1.0), np.full(SIZE, 1.5)])[None]
    masks = np.zeros((1, *SIZE))
    masks[0, 0] = 1
    scores = np.array([[0.2, 0.7]])
    by_focal = mask_loss(logits, scores, masks, dice_weight=0.0, iou_weight=0.0)
    by_dice = mask_loss(logits, scores, masks, focal_weight=0.0, iou_weight=0.0)
    assert float(by_focal["focal_loss"][0]) < float(by_dice["focal_loss"][0])
    assert float(by_focal["dice_loss"][0]) > float(by_dice["dice_loss"][0])


@pytest.mark.backends
def test_gradients():
    """Finite everywhere; one mask of a set learns, and none of padding."""
    logits, scores, masks = case()
    for weights in ([1.0, 1.0, 0.5, 1.0, 0.0, 1.0], [0.0] * SETS):
        found = gradients(lambda x, s, w=weights: loss(x, s, masks, w), logits, scores)
        for gradient in found:
            assert np.isfinite(gradient).all()
        moved = np.abs(found[0]).sum(axis=(2, 3)) > 0  # (R, K)
        # Of sets 1 and 3 a mask is perfect, so far away from 0 that nothing is left.
        number = [w > 0 and i not in (1, 3) for i, w in enumerate(weights)]
        np.testing.assert_array_equal(moved.sum(axis=1), number)
        scored = np.abs(found[1]).sum(axis=1) > 0
        np.testing.assert_array_equal(scored, np.array(weights) > 0)


def test_mean_of_sets():
    values = expected(*case())
    weights = np.array([1.0, 0.5, 0.0, 1.0, 0.0, 1.0])
    rows = sum(values[name] for name in TERMS)
    assert float(loss(*case(), weights)) == pytest.approx(rows @ weights / 4, rel=1e-5)
    assert float(loss(*case(), np.zeros(SETS))) == 0
