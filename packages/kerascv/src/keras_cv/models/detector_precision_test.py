"""Backbones in bfloat16; what a detector gives stays float32."""

import keras
import numpy as np
import pytest

from domain_core.testing.values import to_numpy
from keras_cv.testing.shapes import draw_shapes
from keras_cv.testing.tiny_detectors import tiny_retinanet, tiny_yolov8

# From 65 pixels on no map that a stride of 2 halves has a single pixel: TensorFlow's
# oneDNN leaves the gradient of such a kernel unwritten in bfloat16.
SIZE, COUNT = 96, 2


def check(task, **options):
    task.compile(optimizer=keras.optimizers.SGD(1e-3), **options)
    x, y = draw_shapes(COUNT, SIZE)
    logs = task.train_on_batch(x, y, return_dict=True)
    assert np.isfinite(list(logs.values())).all() and logs["box_loss"] > 0
    wrong = [w.path for w in task.weights if not np.isfinite(to_numpy(w)).all()]
    assert not wrong
    found = task.predict(x, batch_size=COUNT, verbose=0)
    assert found["boxes"].shape == (COUNT, 100, 4)
    assert np.isfinite(found["boxes"]).all() and np.isfinite(found["confidence"]).all()
    return task


def check_types(task, dtype):
    assert {str(x.dtype) for x in task.output.values()} == {"float32"}
    policy = keras.dtype_policies.get(dtype)
    assert task.backbone.dtype_policy == policy
    # The last convolutions of a head may stay in float32.
    backbone = task.backbone.trainable_variables
    kernels = [v for v in backbone if v.path.endswith("kernel")]
    assert {v.dtype for v in kernels} == {policy.variable_dtype}


@pytest.mark.backends
def test_mixed_precision():
    check_types(check(tiny_retinanet(dtype="mixed_bfloat16")), "mixed_bfloat16")


@pytest.mark.parametrize("factory", [tiny_retinanet, tiny_yolov8])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16"])
def test_half_precision(factory, dtype):
    check_types(check(factory(dtype=dtype)), dtype)


@pytest.mark.large
@pytest.mark.backends
@pytest.mark.filterwarnings("ignore:Dynamo detected a call:UserWarning")
@pytest.mark.parametrize(
    ("factory", "dtype"),
    [
        (tiny_retinanet, "bfloat16"),
        (tiny_yolov8, "mixed_bfloat16"),
        (tiny_retinanet, "float32"),
        (tiny_yolov8, "float32"),
    ],
)
def test_compiled_whole(factory, dtype):
    check(factory(dtype=dtype), jit_compile=True)
