"""Losses of ids: Keras', on one matrix, and with smoothed labels."""

import keras
import numpy as np
import pytest

from keras_nlp.models.smoothed_crossentropy import SmoothedCrossentropy
from keras_nlp.models.token_crossentropy import TokenCrossentropy

DRAW = np.random.default_rng(0)
SCORES = DRAW.normal(size=(3, 5, 7)).astype("float32")
IDS = DRAW.integers(0, 7, (3, 5))
WEIGHTS = DRAW.integers(0, 2, (3, 5)).astype("float32")


def value(loss, ids=IDS):
    return float(keras.ops.convert_to_numpy(loss(ids, SCORES, WEIGHTS)))


@pytest.mark.backends
def test_it_is_the_loss_of_keras():
    for options in ({}, {"reduction": "sum"}, {"ignore_class": int(IDS[0, 0])}):
        theirs = keras.losses.SparseCategoricalCrossentropy(True, **options)
        ours = TokenCrossentropy(True, **options)
        assert value(ours) == pytest.approx(value(theirs), rel=1e-6)
        assert value(ours, IDS[..., None]) == pytest.approx(value(theirs), rel=1e-6)
    single = keras.ops.convert_to_numpy(
        TokenCrossentropy(True, reduction=None)(IDS, SCORES)
    )
    assert single.shape == IDS.shape


@pytest.mark.backends
def test_smoothed_labels_are_those_of_keras_for_one_hot_labels():
    theirs = keras.losses.CategoricalCrossentropy(True, label_smoothing=0.2)
    one_hot = np.eye(7, dtype="float32")[IDS]
    ours = SmoothedCrossentropy(0.2)
    assert value(ours) == pytest.approx(value(theirs, one_hot), rel=1e-6)
    assert value(SmoothedCrossentropy()) == pytest.approx(
        value(TokenCrossentropy(True)), rel=1e-6
    )


@pytest.mark.parametrize(
    "loss", [TokenCrossentropy(True, ignore_class=3), SmoothedCrossentropy(0.2)]
)
def test_it_is_made_again_from_its_config(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert value(again) == value(loss)
