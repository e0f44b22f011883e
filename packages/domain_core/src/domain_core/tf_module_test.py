import subprocess
import sys

import keras
import numpy as np
import pytest

from domain_core.tf_module import as_tf_module

RELOAD = """
import sys
import numpy as np
import tensorflow as tf
module = tf.saved_model.load(sys.argv[1])
data = np.load(sys.argv[2])
for case in "ab":
    inputs = {k: tf.constant(data[f"{k}_{case}"]) for k in ("ids", "padding_mask")}
    outputs = module(inputs)["scores"].numpy()
    np.testing.assert_allclose(outputs, data[f"scores_{case}"], rtol=1e-5, atol=1e-6)
print(len(module.model_variables))
"""


def make_model():
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    embedded = keras.layers.Embedding(11, 4, name="tokens")(ids)
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(embedded)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    hidden = hidden * keras.ops.cast(mask, "float32")[..., None]
    scores = keras.layers.Dense(3, name="scores")(keras.ops.mean(hidden, axis=1))
    return keras.Model({"ids": ids, "padding_mask": mask}, {"scores": scores})


def make_inputs(batch, length):
    rng = np.random.default_rng(batch)
    return {
        "ids": rng.integers(0, 11, (batch, length)).astype("int32"),
        "padding_mask": rng.integers(0, 2, (batch, length)).astype("int32"),
    }


@pytest.mark.backends("torch", "jax")
def test_other_backends_say_what_is_needed():
    with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
        as_tf_module(make_model())


@pytest.mark.backends("tensorflow")
class TestOnTensorFlow:
    def test_it_is_a_module_that_shares_its_variables(self):
        import tensorflow as tf

        model = make_model()
        module = as_tf_module(model)
        inputs = make_inputs(2, 5)
        before = module(inputs)["scores"].numpy()
        np.testing.assert_allclose(before, model(inputs)["scores"], atol=1e-6)
        model.get_layer("scores").bias.assign([1.0, 2.0, 3.0])
        after = module(inputs)["scores"].numpy()

        assert isinstance(module, tf.Module)
        assert all(isinstance(v, tf.Variable) for v in module.variables)
        assert len(module.variables) == len(model.variables) == 9
        assert len(module.trainable_variables) == len(model.trainable_variables) == 7
        np.testing.assert_allclose(after, before + [1.0, 2.0, 3.0], atol=1e-6)
        model.get_layer("tokens").trainable = False
        assert len(module.trainable_variables) == 6

    def test_gradients_reach_its_variables(self):
        import tensorflow as tf

        module = as_tf_module(make_model())
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(module(make_inputs(2, 5))["scores"] ** 2)
        gradients = tape.gradient(loss, module.trainable_variables)
        assert all(gradient is not None for gradient in gradients)

    def test_saved_model_is_reloaded_by_plain_tensorflow(self, tmp_path):
        import tensorflow as tf

        model = make_model()
        arrays = {}
        for case, inputs in {"a": make_inputs(2, 5), "b": make_inputs(7, 3)}.items():
            arrays |= {f"{name}_{case}": value for name, value in inputs.items()}
            arrays[f"scores_{case}"] = model(inputs)["scores"].numpy()
        np.savez(tmp_path / "data.npz", **arrays)
        tf.saved_model.save(as_tf_module(model), str(tmp_path / "saved"))

        result = subprocess.run(
            [sys.executable, "-c", RELOAD, tmp_path / "saved", tmp_path / "data.npz"],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == "9"

    def test_a_model_without_a_graph_is_refused(self):
        class Subclassed(keras.Model):
            def call(self, inputs):
                return inputs

        with pytest.raises(ValueError, match="functional"):
            as_tf_module(Subclassed())
