"""What every trainable model promises to those who do without Keras' loop.

```python
class TestBert(TrainingContract):
    @classmethod
    def make(cls):
        return BertClassifier(..., num_classes=3, dropout=0.0)

    @classmethod
    def inputs(cls):
        return {"token_ids": ...}  # of 4 samples
```
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from domain_core.testing.fresh_process import run_python
from domain_core.testing.values import assert_close, to_numpy

_RATE = 0.1
_LABELS = np.array([0, 2, 1, 2], "int32")


class TrainingContract:
    """One step by each framework's own means equals `fit`'s, moving statistics too."""

    @classmethod
    def make(cls) -> Any:
        """Returns a model that gives logits `(B, 3)`, without dropout."""
        raise NotImplementedError

    @classmethod
    def inputs(cls) -> Any:
        """Returns the inputs of 4 samples, an array or a dict of arrays."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def start(cls) -> list[np.ndarray]:
        """The weights that all models start from."""
        return [to_numpy(w).copy() for w in cls.make().weights]

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, start: list[np.ndarray]) -> list[np.ndarray]:
        """The weights after one step of `fit`."""
        model = cls._make(start)
        model.compile(
            optimizer=keras.optimizers.SGD(_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=None,
        )
        model.fit(cls.inputs(), _LABELS, batch_size=4, shuffle=False, verbose=0)
        return [to_numpy(w) for w in model.weights]

    @pytest.mark.backends
    def test_fit_moves_the_weights(self, start: Any, fitted: Any) -> None:
        moved = [np.abs(a - b).max() for a, b in zip(fitted, start, strict=True)]
        assert max(moved) > 1e-3

    @pytest.mark.backends("torch")
    def test_plain_torch(self, start: Any, fitted: Any) -> None:
        import torch

        model = self._make(start)
        optimizer = torch.optim.SGD(model.parameters(), lr=_RATE)
        inputs = keras.tree.map_structure(torch.tensor, self.inputs())
        logits = model(inputs, training=True)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(_LABELS).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self._check(model, fitted)

    @pytest.mark.backends("jax")
    def test_pure_jax(self, start: Any, fitted: Any) -> None:
        import jax

        model, inputs = self._make(start), self.inputs()

        def loss(trainable: Any, rest: Any) -> Any:
            logits, rest = model.stateless_call(trainable, rest, inputs, training=True)
            scores = jax.nn.log_softmax(logits)
            return -scores[np.arange(4), _LABELS].mean(), rest

        @jax.jit
        def step(trainable: Any, rest: Any) -> Any:
            (_, rest), slopes = jax.value_and_grad(loss, has_aux=True)(trainable, rest)
            new = [w - _RATE * s for w, s in zip(trainable, slopes, strict=True)]
            return new, rest

        groups = (model.trainable_variables, model.non_trainable_variables)
        values = step(*([v.value for v in group] for group in groups))
        for group, new in zip(groups, values, strict=True):
            for variable, value in zip(group, new, strict=True):
                variable.assign(value)
        self._check(model, fitted)

    @pytest.mark.backends("tensorflow")
    @pytest.mark.parametrize("jit", [False, True])
    def test_plain_tensorflow(self, start: Any, fitted: Any, jit: bool) -> None:
        import tensorflow as tf

        model = self._make(start)

        @tf.function(jit_compile=jit)
        def step(x: Any, y: Any) -> None:
            with tf.GradientTape() as tape:
                logits = model(x, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
                loss = tf.reduce_mean(losses)
            variables = [v.value for v in model.trainable_variables]
            slopes = tape.gradient(loss, variables)
            for variable, slope in zip(variables, slopes, strict=True):
                variable.assign_sub(_RATE * tf.convert_to_tensor(slope))

        step(keras.tree.map_structure(tf.constant, self.inputs()), tf.constant(_LABELS))
        self._check(model, fitted)

    @pytest.mark.backends("tensorflow")
    def test_saved_model_in_plain_tensorflow(self, start: Any, tmp_path: Any) -> None:
        import tensorflow as tf

        from domain_core import as_tf_module

        model = self._make(start)
        tf.saved_model.save(as_tf_module(model), str(tmp_path / "saved"))
        # Another batch than was traced.
        inputs = keras.tree.map_structure(lambda x: x[:3], self.inputs())
        named = inputs if isinstance(inputs, dict) else {"": inputs}
        np.savez(tmp_path / "x.npz", **named, expected=to_numpy(model(inputs)))
        run_python(
            """
            import sys, numpy as np, tensorflow as tf
            folder = sys.argv[1]
            data = dict(np.load(folder + "/x.npz"))
            expected = data.pop("expected")
            data = {name: tf.constant(value) for name, value in data.items()}
            module = tf.saved_model.load(folder + "/saved")
            received = module(data[""] if "" in data else data)
            np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
            ours = {"domain_core", "keras_cv", "keras_nlp"}
            assert not ours & set(sys.modules)
            """,
            str(tmp_path),
        )

    @classmethod
    def _make(cls, start: list[np.ndarray]) -> Any:
        model = cls.make()
        model.set_weights(start)
        return model

    @staticmethod
    def _check(model: Any, fitted: list[np.ndarray]) -> None:
        for received, expected in zip(model.weights, fitted, strict=True):
            assert_close(received, expected)
