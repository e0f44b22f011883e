import keras
import numpy as np
import pytest

from domain_core.testing import to_numpy
from keras_cv.backend_functions_test import compiled, tensors
from keras_cv.layers import BoxMatcher

THRESHOLDS, VALUES = [0.4, 0.5], [-1, -2, 1]
TABLE = [
    [0.1, 0.39, -1, 0.2],
    [0.4, 0.3, -1, 0.4],
    [0.45, 0.49, -1, 0.1],
    [0.3, 0.5, -1, 0.9],
    [0.0, 0.0, -1, 0.0],
]
COLUMNS, MATCHES = [1, 0, 1, 3, 0], [-1, -2, -2, 1, -1]


def found(matcher, table):
    return [to_numpy(x).tolist() for x in matcher(np.array(table, "float32"))]


@pytest.mark.backends
def test_bands_and_batches():
    matcher = BoxMatcher(THRESHOLDS, VALUES)
    tables = np.array([TABLE, np.full((5, 4), -1), np.zeros((5, 4)), np.ones((5, 4))])
    columns, values = compiled(lambda x: matcher(x))(*tensors(tables))
    assert keras.backend.standardize_dtype(columns.dtype) == "int32"
    assert keras.backend.standardize_dtype(values.dtype) == "int32"
    assert to_numpy(columns).tolist() == [COLUMNS] + [[0] * 5] * 3
    assert to_numpy(values).tolist() == [MATCHES, [-1] * 5, [-1] * 5, [1] * 5]


def test_without_a_batch():
    assert found(BoxMatcher(THRESHOLDS, VALUES), TABLE) == [COLUMNS, MATCHES]


@pytest.mark.parametrize("shape", [(5, 0), (2, 5, 0)])
def test_without_columns(shape):
    columns, values = BoxMatcher([0, 0.5], [-2, -1, 1])(np.zeros(shape))
    np.testing.assert_array_equal(to_numpy(columns), np.zeros(shape[:-1]))
    np.testing.assert_array_equal(to_numpy(values), np.full(shape[:-1], -2))


@pytest.mark.parametrize("batch", [False, True])
def test_each_column_can_have_a_row(batch):
    matcher = BoxMatcher(THRESHOLDS, VALUES, force_match_for_each_col=True)
    # The third column is padding; the second and the fourth claim one row.
    table = [TABLE, TABLE] if batch else TABLE
    columns, values = found(matcher, table)
    if batch:
        assert columns[0] == columns[1] and values[0] == values[1]
        columns, values = columns[0], values[0]
    assert columns == [1, 0, 0, 3, 0]
    assert values == [-1, -2, 1, 1, -1]


def test_columns_without_any_similarity_claim_no_row():
    matcher = BoxMatcher([0.5], [0, 1], force_match_for_each_col=True)
    assert found(matcher, [[0, -1, 0.2], [0, -1, 0.1]]) == [[2, 2], [1, 0]]


def test_arguments_stay_as_they_are():
    thresholds, values = [0.4, 0.5], [-1, -2, 1]
    matcher = BoxMatcher(thresholds, values, True, name="mine")
    assert (thresholds, values) == ([0.4, 0.5], [-1, -2, 1])
    config = matcher.get_config()
    assert (config["thresholds"], config["match_values"]) == (thresholds, values)
    assert config["force_match_for_each_col"] and config["name"] == "mine"
    assert BoxMatcher.from_config(config).get_config() == config


def test_in_a_model():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, BoxMatcher(THRESHOLDS, VALUES)(inputs))
    assert [(x.shape, x.dtype) for x in model.outputs] == [((None, 5), "int32")] * 2
    columns, _ = model.predict(np.array([TABLE]), verbose=0)
    assert columns.tolist() == [COLUMNS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.4], VALUES), "ascending"),
        ((["a"], [0, 1]), "`thresholds` to be numbers"),
        ((THRESHOLDS, [0, 1]), "3 whole numbers"),
        ((THRESHOLDS, [0, 1, 0.5]), "3 whole numbers"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BoxMatcher(*arguments)


def test_bad_table():
    with pytest.raises(ValueError, match="similarity matrix"):
        BoxMatcher(THRESHOLDS, VALUES)(np.zeros(4))
