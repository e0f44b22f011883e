"""Every operation gives the same on NumPy, in a graph of TensorFlow and on Keras."""

import keras
import numpy as np
import pytest

from domain_core.arrays import operations
from domain_core.arrays.operations import NUMPY, tensorflow_operations
from domain_core.arrays.ragged import Ragged

LENGTHS = np.array([2, 0, 3, 1])
ROWS = Ragged.from_rows([[5, 6], [], [7, 8, 5], [9]])
WORDS = np.array(["a", "b", "a", "c"], object)
X = np.array([[0.5, -1.5, 2.5], [3.0, -0.25, 1.0]], "float32")
INDEX = np.array([[1, 0, 1], [0, 0, 2]], "int32")
TRUTH = X > 0.75

# What `keras.ops` has, called as there.
CASES = {
    **{
        name: lambda o, name=name: getattr(o, name)(X)
        for name in (
            *("abs", "arctan", "ceil", "copy", "cos", "exp", "floor", "isfinite"),
            *("isnan", "ones_like", "round", "sin", "sort", "transpose", "zeros_like"),
        )
    },
    **{
        name: lambda o, name=name: getattr(o, name)(X, X[::-1].copy())
        for name in ("arctan2", "equal", "maximum", "minimum", "not_equal")
    },
    **{
        name: lambda o, name=name: getattr(o, name)(X, axis=1)
        for name in ("argsort", "cumsum", "flip", "max", "mean", "min", "prod", "sum")
    },
    **{
        name: lambda o, name=name: getattr(o, name)(TRUTH, axis=0)
        for name in ("all", "any")
    },
    **{
        name: lambda o, name=name: getattr(o, name)(TRUTH, TRUTH[::-1].copy())
        for name in ("logical_and", "logical_or")
    },
    "arange": lambda o: o.arange(4),
    "arange between": lambda o: o.arange(1, 9, 3, dtype="int32"),
    "argsort of equals": lambda o: o.cast(o.argsort(INDEX[0]), "int32"),
    "bincount": lambda o: o.bincount(INDEX[1], minlength=4),
    "broadcast_to": lambda o: o.broadcast_to(X[:1], (2, 3)),
    "cast": lambda o: o.cast(X, "int32"),
    "clip": lambda o: o.clip(X, -1.0, 1.0),
    "concatenate": lambda o: o.concatenate([X, X], axis=1),
    "concatenate rows": lambda o: o.concatenate([X, X]),
    "convert_to_tensor": lambda o: o.convert_to_tensor([1.0, 2.0], dtype="float32"),
    "cumsum of all": lambda o: o.cumsum(X),
    "expand_dims": lambda o: o.expand_dims(X, 1),
    "eye": lambda o: o.eye(3, dtype="float32"),
    "fori_loop": lambda o: o.fori_loop(1, 4, lambda i, x: x * 2.0, np.float32(1)),
    "full": lambda o: o.full((2, 2), 7, "int32"),
    "log": lambda o: o.log(o.abs(X)),
    "logical_not": lambda o: o.logical_not(TRUTH),
    "matmul": lambda o: o.matmul(X, X.T),
    "mod": lambda o: o.mod(INDEX - 1, 2),
    "nonzero": lambda o: o.stack([o.cast(i, "int32") for i in o.nonzero(TRUTH)]),
    "ones": lambda o: o.ones((2, 1), "float32"),
    "pad": lambda o: o.pad(X, [[1, 0], [0, 2]]),
    "repeat": lambda o: o.repeat(X, 2, axis=1),
    "repeat by numbers": lambda o: o.repeat(X[0], np.array([2, 0, 1])),
    "power": lambda o: o.power(o.abs(X), X),
    "reshape": lambda o: o.reshape(X, (3, 2)),
    "right_shift": lambda o: o.right_shift(INDEX, 1),
    "scatter_update": lambda o: o.scatter_update(X[0], np.array([[2], [0]]), X[1, :2]),
    "shape": lambda o: o.reshape(X, (o.shape(X)[1], -1)),
    "size": lambda o: o.cast(o.size(X), "int32"),
    "sqrt": lambda o: o.sqrt(o.abs(X)),
    "stack": lambda o: o.stack([X, X], axis=-1),
    "stop_gradient": lambda o: o.stop_gradient(o.convert_to_tensor(X)),
    "take": lambda o: o.take(X, INDEX[0], axis=1),
    "take of all": lambda o: o.take(X, INDEX),
    "take_along_axis": lambda o: o.take_along_axis(X, INDEX, axis=1),
    "tile": lambda o: o.tile(X, (2, 1)),
    "unstack": lambda o: o.unstack(o.convert_to_tensor(X))[1],
    "where": lambda o: o.where(TRUTH, X, 0.0),
    "zeros": lambda o: o.zeros((2, 1), "float32"),
}
# What text needs besides, on NumPy and TensorFlow.
OF_TEXT = {
    "cut right": lambda o: o.cut(ROWS, np.array([1, 0, 2, 1]), "right").values,
    "cut left": lambda o: o.cut(ROWS, np.array([1, 0, 2, 1]), "left").values,
    "full of words": lambda o: o.full(3, "x", o.text),
    "holds": lambda o: o.holds(LENGTHS, lambda x: x > 1),
    "isin": lambda o: o.isin(LENGTHS, [3, "3", 0]),
    "isin words": lambda o: o.isin(WORDS, ["a", 3, "z"]),
    "scatter_update words": lambda o: o.scatter_update(
        o.full(3, "", o.text), np.array([[0], [2]]), WORDS[:2]
    ),
    "scatter_update one": lambda o: o.scatter_update(
        o.full(3, 0, "int32"), np.array([[0], [2]]), 7
    ),
    "put": lambda o: o.put(o.full(4, 0, "int32"), np.array([2, 0]), INDEX[0, :2]),
    "put words": lambda o: o.put(o.full(3, "", o.text), np.array([1, 2]), WORDS[:2]),
    "max of none": lambda o: o.max(LENGTHS[:0], initial=0),
    "repeat none": lambda o: o.repeat(LENGTHS, LENGTHS * 0),
    "arange long": lambda o: o.arange(o.size(LENGTHS), dtype="int64"),
    "starts": lambda o: o.starts(LENGTHS),
    "row_indices": lambda o: o.row_indices(LENGTHS),
    "runs": lambda o: o.runs(np.array([7, 0, 3, 1]), LENGTHS),
    "to_dense": lambda o: o.to_dense(ROWS, 4, 1),
    "blockwise": lambda o: o.blockwise(lambda x: (x + 1, x * 2), LENGTHS)[1],
}
# Indices are of 32 or of 64 bits, as libraries have it.
INDICES = ("argsort", "bincount", "nonzero")


def test_every_operation_has_a_case():
    pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    tested = {name.split(" ")[0] for name in (*CASES, *OF_TEXT)}
    for ops in (NUMPY, tensorflow_operations()):
        names = {*dir(operations.Operations), *dir(type(ops)), *vars(ops)}
        named = {name for name in names if not name.startswith("_")}
        assert named - {"in_graph", "is_text", "text", "run"} == tested
    with pytest.raises(AttributeError, match="list it in"):
        NUMPY.softmax(X)


def agree(received, expected, name):
    assert received.dtype == np.asarray(expected).dtype or name.startswith(INDICES)
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_tensorflow_in_a_graph():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    ops = tensorflow_operations()

    def run():
        return {name: case(ops) for name, case in {**CASES, **OF_TEXT}.items()}

    for name, received in tf.function(lambda: ops.run(run))().items():
        expected, received = {**CASES, **OF_TEXT}[name](NUMPY), received.numpy()
        if received.dtype == object:
            assert received.tolist() == [word.encode() for word in expected], name
        else:
            agree(received, expected, name)


@pytest.mark.backends
def test_keras():
    for name, case in CASES.items():
        received = keras.ops.convert_to_numpy(case(keras.ops))
        agree(received, case(NUMPY), name)


def test_sorts_what_does_not_fit_beside_its_place():
    x = np.array([2**62, 5, 2**62, 0])
    assert NUMPY.argsort(x).tolist() == [3, 1, 0, 2]
    assert NUMPY.argsort(np.array([3, 1, 3, 0, 1])).tolist() == [3, 1, 4, 0, 2]
    assert NUMPY.argsort(np.array([3, -1, 3])).tolist() == [1, 0, 2]
    assert NUMPY.argsort(x[:0]).tolist() == []


def test_a_predicate_is_asked_once_for_each_token():
    asked = []
    assert NUMPY.holds(WORDS, lambda x: asked.append(x) or x == "a").tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert sorted(asked) == ["a", "b", "c"]
