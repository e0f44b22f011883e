"""After `fit`, `evaluate` and `predict` nothing holds their input, nor the model."""

import gc
import time
import weakref

import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel
from domain_core.pipeline.batches import BatchDataset
from domain_core.pipeline.sources import open_source

pytestmark = pytest.mark.backends


def make():
    inputs = keras.Input((3,))
    model = PipelineModel(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", "mse")
    return model


def fail(*args, **kwargs):
    raise ZeroDivisionError


def fit_and_fail(model, x, y):
    for event in ("on_train_batch_end", "on_test_batch_end"):
        callback = keras.callbacks.LambdaCallback(**{event: fail})
        with pytest.raises(ZeroDivisionError):
            model.fit(x, y, validation_data=(x, y), callbacks=[callback], verbose=0)


class Pairs(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.x, self.y


CALLS = {
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "fit": lambda model, x, y: model.fit(x, y, validation_data=(x, y), verbose=0),
    "split": lambda model, x, y: model.fit(x, y, validation_split=0.5, verbose=0),
    "failed": fit_and_fail,
    "dataset": lambda model, x, y: model.fit(Pairs(x, y), verbose=0),
    "on_batch": lambda model, x, y: model.train_on_batch(x, y),
}


def test_data_and_model_are_free():
    for name, call in CALLS.items():
        model = make()
        x, y = np.zeros((64, 3), "float32"), np.zeros((64, 2), "float32")
        held = [weakref.ref(each) for each in (x, y, model)]
        call(model, x, y)
        del x, y, model
        for _ in range(50):  # a thread that read ahead may be about to end
            gc.collect()
            if not any(reference() is not None for reference in held):
                break
            time.sleep(0.1)
        assert [reference() for reference in held] == [None] * 3, name


def test_a_closed_dataset_is_empty():
    """For TensorFlow keeps the dataset itself."""
    data = np.zeros((8, 3))
    held = weakref.ref(data)
    dataset = BatchDataset(open_source(data, batch_size=2), lambda x, y, w: (x,))
    dataset[0], dataset[1]
    del data
    dataset.close()
    gc.collect()
    assert held() is None
    assert dataset.num_batches is None
    dataset.close()
