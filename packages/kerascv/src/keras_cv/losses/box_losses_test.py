import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import gradients, tensors
from keras_cv.bounding_box.overlap_test import DEGENERATE, random_boxes
from keras_cv.losses import CIoULoss, GIoULoss, IoULoss

MAKERS = {
    "linear": lambda **options: IoULoss("xyxy", "linear", **options),
    "quadratic": lambda **options: IoULoss("xyxy", "quadratic", **options),
    "log": lambda **options: IoULoss("xyxy", "log", **options),
    "giou": lambda **options: GIoULoss("xyxy", **options),
    "ciou": lambda **options: CIoULoss("xyxy", **options),
}
each_loss = pytest.mark.parametrize("name", MAKERS)


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


@each_loss
def test_the_same_boxes_have_no_loss(name):
    boxes = random_boxes(2, 3)
    np.testing.assert_allclose(value(MAKERS[name]()(boxes, boxes)), 0, atol=1e-6)


@each_loss
def test_shapes(name):
    boxes = random_boxes(2, 3), random_boxes(2, 3, seed=1)
    for axis, shape in ((-1, (2,)), (0, (3,)), (None, ()), ("no_reduction", (2, 3))):
        found = MAKERS[name](axis=axis, reduction=None)(*boxes)
        assert tuple(found.shape) == shape


@each_loss
def test_weights_of_boxes_need_losses_of_boxes(name):
    boxes, found = random_boxes(3, 3), random_boxes(3, 3, seed=1)
    weights = np.arange(9.0).reshape(3, 3)
    with pytest.raises(ValueError, match='axis="no_reduction"'):
        MAKERS[name](axis=-1)(boxes, found, weights)
    each = value(MAKERS[name](axis="no_reduction", reduction=None)(boxes, found))
    loss = MAKERS[name](axis="no_reduction")
    np.testing.assert_allclose(
        value(loss(boxes, found, weights)), (each * weights).mean(), rtol=1e-5
    )
    loss = MAKERS[name](axis=-1)
    np.testing.assert_allclose(
        value(loss(boxes, found, weights[0])),
        (each.mean(-1) * weights[0]).mean(),
        rtol=1e-5,
    )


@each_loss
def test_padding_changes_nothing(name):
    boxes, found = random_boxes(2, 3), random_boxes(2, 3, seed=1)
    loss = MAKERS[name](axis=-1)
    expected = value(loss(boxes, found))
    boxes = np.concatenate([boxes, np.full((2, 2, 4), -1)], axis=1)
    found = np.concatenate([found, random_boxes(2, 2, seed=2)], axis=1)
    np.testing.assert_allclose(value(loss(boxes, found)), expected, rtol=1e-6)
    (gradient,) = gradients(lambda x: loss(tensors(boxes)[0], x), found)
    assert (gradient[:, 3:] == 0).all()
    each = MAKERS[name](axis="no_reduction", reduction=None)(boxes, found)
    assert (value(each)[:, 3:] == 0).all()
    assert value(loss(boxes[:, 3:], found[:, 3:])) == 0


@each_loss
@pytest.mark.backends
def test_degenerate_boxes_have_finite_losses_and_gradients(name):
    loss = MAKERS[name](axis="no_reduction")
    first, second = np.broadcast_arrays(DEGENERATE[:, None], DEGENERATE[None])
    assert np.isfinite(value(loss(first, second)))
    for gradient in gradients(loss, first, second):
        assert np.isfinite(gradient).all()


def test_no_matrix_of_all_pairs():
    """Upstream built one and took its diagonal: this one would have 4e10 numbers."""
    boxes = random_boxes(2, 100_000).astype("float32")
    for make in MAKERS.values():
        assert np.isfinite(value(make()(boxes, boxes[:, ::-1])))


def test_boxes_that_do_not_overlap_move_closer_but_with_iou():
    boxes, far = np.array([[0, 0, 2, 2.0]]), np.array([[5, 5, 8, 8.0]])
    moves = {}
    for name, make in MAKERS.items():
        moves[name] = gradients(make(), boxes, far)[1]
    for name in ("giou", "ciou"):
        assert (moves[name].sum(axis=-1) > 0).all()
    for name in ("linear", "quadratic", "log"):
        assert (moves[name] == 0).all()


@pytest.mark.backends
def test_fit_with_unknown_batch_size():
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model.compile(optimizer="sgd", loss=GIoULoss("center_xywh"))
    x = random_boxes(5, 3).astype("float32")
    history = model.fit(x, x, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
