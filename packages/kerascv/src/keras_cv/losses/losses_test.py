"""What holds for all losses: equal to NumPy in float64, configs, half precision."""

import math

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from keras_cv import losses
from keras_cv.backend_functions_test import compiled, gradients, tensors
from keras_cv.bounding_box.overlap_test import measures_by_hand, random_boxes


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def focal(y, x, alpha, gamma, smoothing=0.0, from_logits=True):
    """The formula, number by number, with nothing but `math`."""
    total = np.zeros(y.shape[:-1])
    for index in np.ndindex(*y.shape):
        p = sigmoid(x[index]) if from_logits else x[index]
        weight = alpha if y[index] == 1 else 1 - alpha
        label = y[index] * (1 - smoothing) + 0.5 * smoothing
        p_t = label * p + (1 - label) * (1 - p)
        entropy = -(label * math.log(p) + (1 - label) * math.log(1 - p))
        total[index[:-1]] += weight * (1 - p_t) ** gamma * entropy
    return total


def penalty_reduced(y, x, alpha=2.0, beta=4.0, weights=(1.0, 1.0), threshold=0.99):
    result = np.zeros(y.shape)
    for index in np.ndindex(*y.shape):
        p = sigmoid(x[index])
        if y[index] > threshold:
            result[index] = -weights[0] * (1 - p) ** alpha * math.log(p)
        else:
            far = (1 - y[index]) ** beta
            result[index] = -weights[1] * far * p**alpha * math.log(1 - p)
    return result


def nt_xent(a, b, temperature):
    """Both directions, one view at a time."""
    views = np.concatenate([a, b])
    views = views / np.linalg.norm(views, axis=1, keepdims=True)
    count = len(a)
    result = np.zeros(count)
    for i in range(2 * count):
        likeness = [views[i] @ views[j] / temperature for j in range(2 * count)]
        others = sum(math.exp(likeness[j]) for j in range(2 * count) if j != i)
        partner = (i + count) % (2 * count)
        result[i % count] -= math.log(math.exp(likeness[partner]) / others)
    return result


def center_net(y, x, bins, anchor):
    def l1(difference):
        size = abs(difference)
        return 4.5 * size**2 if size < 1 / 9 else size - 0.5 / 9

    result = np.zeros(len(y))
    for i, (true, found) in enumerate(zip(y, x, strict=True)):
        for axis in range(3):
            result[i] += l1(true[axis] - found[axis])
            result[i] += l1(true[3 + axis] / anchor[axis] - found[axis - 3] - 1)
        logits, residuals = found[3 : 3 + bins], found[3 + bins : 3 + 2 * bins]
        # The bin whose middle is closest, around the circle.
        turns = [true[6] - k * 2 * math.pi / bins for k in range(bins)]
        turns = [math.remainder(turn, 2 * math.pi) for turn in turns]
        best = int(np.argmin(np.abs(turns)))
        result[i] -= math.log(np.exp(logits[best]) / np.exp(logits).sum())
        result[i] += l1(turns[best] / (math.pi / bins) - residuals[best])
    return result


def of_boxes(name, change):
    def loss(y, x):
        values = [
            change(measures_by_hand(a, b)[name])
            for a, b in zip(y.reshape(-1, 4), x.reshape(-1, 4), strict=True)
        ]
        return np.reshape(values, y.shape[:-1])

    return loss


RNG = np.random.default_rng(0)
ONE_HOT = np.eye(5)[RNG.integers(0, 5, (3, 4))]
LOGITS = RNG.normal(0, 3, (3, 4, 5))
HEAT = np.where(RNG.random((3, 4, 5)) < 0.3, 1.0, RNG.random((3, 4, 5)) * 0.9)
# Small shifts, so that all boxes overlap and the logarithm is not cut.
BOXES = random_boxes(3, 4), random_boxes(3, 4) + RNG.uniform(-0.4, 0.4, (3, 4, 4))
PROJECTIONS = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 6))
SPACE = RNG.normal(size=(5, 7)) * 3, RNG.normal(size=(5, 6 + 2 * 4))
ANCHOR = [3.9, 1.6, 1.5]
each_box = {"axis": "no_reduction"}
# Loss, arguments, labels and predictions, and what they give by the formula.
CASES = {
    "focal": (
        losses.FocalLoss(0.3, 1.5, True),
        (ONE_HOT, LOGITS),
        lambda y, x: focal(y, x, 0.3, 1.5),
    ),
    "focal of probabilities": (
        losses.FocalLoss(),
        (ONE_HOT, sigmoid(LOGITS)),
        lambda y, x: focal(y, x, 0.25, 2, from_logits=False),
    ),
    "focal smoothed": (
        losses.FocalLoss(from_logits=True, label_smoothing=0.2),
        (ONE_HOT, LOGITS),
        lambda y, x: focal(y, x, 0.25, 2, 0.2),
    ),
    "smooth l1": (
        losses.SmoothL1Loss(0.5),
        (LOGITS / 4, ONE_HOT),
        lambda y, x: np.where(
            np.abs(y - x) < 0.5, (y - x) ** 2, np.abs(y - x) - 0.25
        ).mean(-1),
    ),
    "linear iou": (
        losses.IoULoss("xyxy", "linear", **each_box),
        BOXES,
        of_boxes("iou", lambda v: 1 - v),
    ),
    "quadratic iou": (
        losses.IoULoss("xyxy", "quadratic", **each_box),
        BOXES,
        of_boxes("iou", lambda v: 1 - v * v),
    ),
    "log iou": (
        losses.IoULoss("xyxy", **each_box),
        BOXES,
        of_boxes("iou", lambda v: -math.log(v)),
    ),
    "log iou over boxes": (
        losses.IoULoss("xyxy"),
        BOXES,
        lambda y, x: of_boxes("iou", lambda v: -math.log(v))(y, x).mean(-1),
    ),
    "giou": (
        losses.GIoULoss("xyxy", **each_box),
        BOXES,
        of_boxes("giou", lambda v: 1 - v),
    ),
    "ciou": (losses.CIoULoss("xyxy"), BOXES, of_boxes("ciou", lambda v: 1 - v)),
    "penalty reduced": (
        losses.BinaryPenaltyReducedFocalCrossEntropy(from_logits=True),
        (HEAT, LOGITS),
        penalty_reduced,
    ),
    "penalty reduced of probabilities": (
        losses.PenaltyReducedFocalLoss(1.5, 3, positive_weight=2, negative_weight=0.5),
        (HEAT, sigmoid(LOGITS)),
        lambda y, x: penalty_reduced(y, np.log(x / (1 - x)), 1.5, 3, (2, 0.5)),
    ),
    "simclr": (losses.SimCLRLoss(0.5), PROJECTIONS, lambda y, x: nt_xent(y, x, 0.5)),
    "center net": (
        losses.CenterNetBoxLoss(4, ANCHOR),
        SPACE,
        lambda y, x: center_net(y, x, 4, ANCHOR),
    ),
}
each_case = pytest.mark.parametrize("name", CASES)


def unreduced(loss):
    return type(loss).from_config({**loss.get_config(), "reduction": None})


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_every_loss_has_a_case():
    exported = {x for x in vars(losses).values() if isinstance(x, type)}
    assert exported == {type(loss) for loss, *_ in CASES.values()}


@each_case
def test_agrees_with_the_formula(name):
    loss, arrays, formula = CASES[name]
    expected = formula(*arrays)
    found = value(unreduced(loss)(*arrays))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(value(loss(*arrays)), expected.mean(), rtol=1e-5)


@each_case
@pytest.mark.backends
def test_compiled_with_gradients(name):
    loss, arrays, formula = CASES[name]
    expected = value(loss(*arrays))
    np.testing.assert_allclose(
        value(compiled(loss)(*tensors(*arrays))), expected, rtol=1e-5
    )
    found = gradients(lambda x: loss(tensors(arrays[0])[0], x), arrays[1])[0]
    # So small that no edge of a box passes that of another.
    step = np.random.default_rng(1).normal(size=found.shape) * 1e-6
    high, low = (formula(arrays[0], arrays[1] + s).mean() for s in (step, -step))
    if name != "ciou":  # whose weight of the aspect ratio is a constant
        np.testing.assert_allclose((found * step).sum() * 2, high - low, rtol=1e-2)
    assert np.isfinite(found).all() and np.abs(found).max() > 0


@each_case
def test_config_round_trip(name):
    """Upstream's CIoULoss forgot its format (defect 23)."""
    loss, arrays, _ = CASES[name]
    expected = value(loss(*arrays))
    copies = [
        type(loss).from_config(loss.get_config()),
        from_json(to_json(loss)),
        keras.losses.deserialize(keras.losses.serialize(loss)),
    ]
    for copy in copies:
        assert type(copy) is type(loss)
        assert copy.get_config() == loss.get_config()
        np.testing.assert_array_equal(value(copy(*arrays)), expected)


@each_case
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name, dtype):
    loss, arrays, _ = CASES[name]
    halves = [keras.ops.cast(x, dtype) for x in tensors(*arrays)]
    wide = [keras.ops.cast(x, "float32") for x in halves]
    found = loss(*halves)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_array_equal(value(found), value(loss(*wide)))
    np.testing.assert_allclose(
        value(loss.call(*halves)), value(loss.call(*wide)), rtol=1e-6
    )


@each_case
def test_sample_weights(name):
    loss, arrays, formula = CASES[name]
    expected = formula(*arrays)
    weights = RNG.random(expected.shape)
    found = value(loss(*arrays, sample_weight=weights))
    np.testing.assert_allclose(found, (expected * weights).mean(), rtol=1e-5)


LARGE = np.array([-1e30, -1e4, -120.0, -20.0, 0.0, 20.0, 120.0, 1e4, 1e30])


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("penalty_reduced", [False, True])
@pytest.mark.backends
def test_extreme_logits_have_finite_values_and_gradients(gamma, label, penalty_reduced):
    if penalty_reduced:
        loss = losses.PenaltyReducedFocalLoss(gamma, gamma, from_logits=True)
    else:
        loss = losses.FocalLoss(gamma=gamma, from_logits=True)
    labels = np.full((9, 1), label)
    logits = LARGE[:, None]
    if gamma != 0:
        logits = logits[1:-1]
        labels = labels[1:-1]
    found = value(unreduced(loss)(labels, logits))
    assert np.isfinite(found).all()
    gradient = gradients(lambda x: loss(tensors(labels)[0], x), logits)[0]
    assert np.isfinite(gradient).all()
    # Far on the wrong side the slope is still there.
    wrong = -1 if label == 0 else 0
    assert abs(gradient[wrong, 0]) > 0


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("cls", [losses.FocalLoss, losses.PenaltyReducedFocalLoss])
@pytest.mark.backends
def test_certain_probabilities_have_finite_values_and_gradients(cls, label):
    loss, labels = cls(), np.full((2, 1), label)
    probabilities = np.array([[0.0], [1.0]])
    assert np.isfinite(value(loss(labels, probabilities)))
    gradient = gradients(lambda x: loss(tensors(labels)[0], x), probabilities)[0]
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    "name,scale", [("smooth l1", 1e30), ("center net", 1e30), ("simclr", 0.0)]
)
@pytest.mark.backends
def test_extreme_predictions_have_finite_gradients(name, scale):
    loss, (y_true, y_pred), _ = CASES[name]
    found = gradients(lambda x: loss(tensors(y_true)[0], x), y_pred * scale)[0]
    assert np.isfinite(found).all()
    assert np.isfinite(value(loss(y_true, y_pred * scale)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.FocalLoss(alpha=2),
        lambda: losses.FocalLoss(gamma=-1),
        lambda: losses.FocalLoss(label_smoothing=-0.1),
        lambda: losses.SmoothL1Loss(0),
        lambda: losses.SmoothL1Loss("1"),
        lambda: losses.IoULoss("xyxy", mode="cubic"),
        lambda: losses.IoULoss("xyxy", axis="all"),
        lambda: losses.GIoULoss("xxyy"),
        lambda: losses.SimCLRLoss(0.0),
        lambda: losses.CenterNetBoxLoss(0, ANCHOR),
        lambda: losses.CenterNetBoxLoss(4, [1, 2]),
        lambda: losses.CenterNetBoxLoss(4, [1, 2, 0]),
        lambda: losses.PenaltyReducedFocalLoss(positive_threshold=3),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match="Expected"):
        make()


@pytest.mark.parametrize(
    "loss,shapes,message",
    [
        (losses.FocalLoss(), [(3,), (3, 5)], "one-hot"),
        (losses.GIoULoss("xyxy"), [(3, 4), (2, 4)], "of one shape"),
        (losses.CIoULoss("xyxy"), [(3, 5), (3, 5)], "four numbers"),
        (losses.CenterNetBoxLoss(4, ANCHOR), [(3, 7), (3, 13)], "14 in `y_pred`"),
        (losses.SimCLRLoss(1.0), [(3, 4), (2, 4)], "of one shape"),
    ],
)
def test_shapes_that_do_not_fit(loss, shapes, message):
    with pytest.raises(ValueError, match=message):
        loss.call(*(tensors(np.zeros(shape))[0] for shape in shapes))
