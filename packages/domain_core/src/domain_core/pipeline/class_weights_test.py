import numpy as np
import pytest

from domain_core.pipeline.class_weights import add_class_weights

CLASS_WEIGHT = {0: 0.5, 2: 3.0}


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2, 0]),
        np.array([[0.0], [1.0], [2.0], [0.0]]),
        np.eye(3)[[0, 1, 2, 0]],
    ],
)
def test_each_form_of_labels(y):
    weights = add_class_weights(CLASS_WEIGHT, y, None)
    assert weights.dtype == "float32"
    np.testing.assert_array_equal(weights, [0.5, 1.0, 3.0, 0.5])
    weights = add_class_weights(CLASS_WEIGHT, y, np.array([2.0, 2.0, 2.0, 0.0]))
    np.testing.assert_array_equal(weights, [1.0, 2.0, 6.0, 0.0])


def test_it_needs_one_array_of_targets():
    with pytest.raises(ValueError, match="received none"):
        add_class_weights(CLASS_WEIGHT, None, None)
    with pytest.raises(ValueError, match="received dict"):
        add_class_weights(CLASS_WEIGHT, {"a": np.zeros(2)}, None)
