"""What all layers that move things hold: what is in a box stays in it."""

import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation

SIZE, BATCH = (64, 80), 8
BLACK = {"fill_mode": "constant", **BOXES}
LAYERS = {
    "CenterCrop": lambda: P.CenterCrop(50, 70, **BOXES),
    "CenterCrop larger": lambda: P.CenterCrop(50, 100, **BOXES),
    "JitteredResize": lambda: P.JitteredResize((60, 60), (0.7, 1.1), seed=1, **BOXES),
    "RandomAspectRatio": lambda: P.RandomAspectRatio((0.6, 1.5), seed=1, **BOXES),
    "RandomCrop": lambda: P.RandomCrop(50, 70, seed=1, **BOXES),
    "RandomCrop larger": lambda: P.RandomCrop(90, 70, seed=1, **BOXES),
    "RandomCropAndResize": lambda: P.RandomCropAndResize(
        (48, 50), (0.8, 1.0), (0.9, 1.1), seed=1, **BOXES
    ),
    "RandomFlip": lambda: P.RandomFlip("horizontal_and_vertical", seed=1, **BOXES),
    "RandomPerspective": lambda: P.RandomPerspective(seed=1, **BLACK),
    "RandomRotation": lambda: P.RandomRotation(0.1, seed=1, **BLACK),
    "RandomShear": lambda: P.RandomShear(0.2, 0.15, seed=1, **BLACK),
    "RandomTranslation": lambda: P.RandomTranslation(0.2, 0.2, seed=1, **BLACK),
    "RandomZoom": lambda: P.RandomZoom((-0.3, 0.5), (-0.3, 0.5), seed=1, **BLACK),
    "Resizing": lambda: P.Resizing(70, 60, **BOXES),
    "Resizing crop": lambda: P.Resizing(50, 52, crop_to_aspect_ratio=True, **BOXES),
    "Resizing pad": lambda: P.Resizing(70, 60, pad_to_aspect_ratio=True, **BOXES),
}


def test_all_layers_that_move_things_are_here():
    moving = {
        name.partition(" ")[0]
        for name in CASES
        if issubclass(getattr(P, name.partition(" ")[0]), GeometricAugmentation)
    }
    assert moving == {name.partition(" ")[0] for name in LAYERS}


@pytest.mark.parametrize("name", LAYERS)
def test_box_of_a_moved_mask_is_the_moved_box(name):
    rng = np.random.default_rng(0)
    top_left = rng.uniform([24, 20], [30, 24], (BATCH, 2)).round()  # x, y
    boxes = np.concatenate([top_left, top_left + rng.integers(16, 24, (BATCH, 2))], 1)
    masks = np.zeros((BATCH, *SIZE, 1), "uint8")
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top:bottom, left:right] = 1
    inputs = {
        "images": masks.repeat(3, -1) * 255,
        "segmentation_masks": masks,
        "bounding_boxes": {
            "boxes": boxes[:, None].astype("float32"),
            "classes": np.zeros((BATCH, 1), "float32"),
        },
        "keypoints": boxes[:, None, :2].astype("float32") + 8,
    }
    outputs = LAYERS[name]()(inputs)
    assert (outputs["bounding_boxes"]["classes"] == 0).all()
    for i, mask in enumerate(outputs["segmentation_masks"]):
        y, x = np.nonzero(mask[..., 0])
        found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        expected = outputs["bounding_boxes"]["boxes"][i, 0]
        np.testing.assert_allclose(found, expected, atol=1.0)
        # The image moved with it, and a point in the box is where the mask is.
        image = outputs["images"][i][..., 0]
        assert ((image > 127) != (mask[..., 0] == 1)).mean() < 0.02
        x, y = outputs["keypoints"][i, 0].astype(int)
        assert mask[y, x, 0] == 1
