"""Tasks that are written as upstream's are: attributes first, then the graph."""

import keras
import numpy as np
import pytest

from domain_core import Backbone, Preprocessor, Task

X = np.arange(10, dtype="float32").reshape(2, 5)


class Doubled(Preprocessor):
    def __call__(self, x, y=None, sample_weight=None):
        return keras.utils.pack_x_y_sample_weight({"x": 2 * x}, y, sample_weight)


class Table(Backbone):
    def __init__(self, dim, **kwargs):
        inputs = keras.Input((5,), name="x")
        dense = keras.layers.Dense(dim)
        super().__init__({"x": inputs}, dense(inputs), **kwargs)
        self.dense = dense


class Upstream(Task):
    def __init__(self, backbone, num_classes, preprocessor=None, **kwargs):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.scores = keras.layers.Dense(num_classes)
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.scores(backbone(inputs)), **kwargs)
        self.num_classes = num_classes


class Bare(Task):
    def __init__(self, **kwargs):
        inputs = keras.Input((5,))
        super().__init__(inputs, keras.layers.Dense(5)(inputs), **kwargs)


@pytest.mark.backends
def test_attributes_before_the_graph(tmp_path):
    backbone = Table(3)
    task = Upstream(backbone, 4, Doubled(), name="up", trainable=True)
    assert (task.backbone, task.name, len(task.weights)) == (backbone, "up", 4)
    assert sorted(task.head_weight_paths()) == ["scores.bias", "scores.kernel"]
    expected = keras.ops.convert_to_numpy(task({"x": 2 * X}))
    np.testing.assert_allclose(task.predict(X, verbose=0), expected)
    task.compile(optimizer="sgd", loss="mse")
    task.fit(X, np.zeros((2, 4)), verbose=0)
    task.save(tmp_path / "task.keras")
    objects = {"Upstream": Upstream, "Table": Table, "Doubled": Doubled}
    again = keras.saving.load_model(tmp_path / "task.keras", custom_objects=objects)
    outputs = again.predict(X, verbose=0)
    np.testing.assert_allclose(outputs, task.predict(X, verbose=0), rtol=1e-5)


@pytest.mark.backends
def test_without_a_backbone():
    task = Bare(name="bare")
    assert (task.backbone, task.preprocessor, task.name) == (None, None, "bare")
    assert task.predict(X, verbose=0).shape == (2, 5)
    assert len(task.weights) == len(task.trainable_weights) == 2


def test_says_what_it_takes():
    inputs = keras.Input((5,))
    for arguments in ((), (inputs,), (1, 2, inputs, inputs)):
        with pytest.raises(TypeError, match="inputs and outputs of a task"):
            Task(*arguments)
    with pytest.raises(TypeError, match="inputs and outputs of a task"):
        Task(inputs=inputs)
