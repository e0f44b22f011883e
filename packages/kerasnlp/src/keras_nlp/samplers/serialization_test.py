import json

import keras
import pytest

from keras_nlp import samplers
from keras_nlp.samplers import (
    BeamSampler,
    ContrastiveSampler,
    GreedySampler,
    RandomSampler,
    TopKSampler,
    TopPSampler,
)

BEAMS = {
    "num_beams": 3,
    "return_all_beams": True,
    "length_penalty": 1.0,
    "early_stopping": False,
}


@pytest.mark.parametrize(
    ("name", "sampler", "config"),
    [
        ("beam", BeamSampler(3, True), BEAMS),
        ("contrastive", ContrastiveSampler(7, 0.2), {"k": 7, "alpha": 0.2}),
        ("greedy", GreedySampler(), {}),
        ("random", RandomSampler(9), {"seed": 9}),
        ("top_k", TopKSampler(3, 9), {"k": 3, "seed": 9}),
        ("top_p", TopPSampler(0.2, 3, 9), {"p": 0.2, "k": 3, "seed": 9}),
    ],
)
def test_round_trip(name, sampler, config):
    sampler.temperature = 0.7
    data = json.loads(json.dumps(samplers.serialize(sampler)))
    class_name = type(sampler).__name__
    assert data["registered_name"] == f"kerasnlp>{class_name}"
    assert data["config"] == {**config, "temperature": 0.7}
    # As KerasNLP and KerasHub write them, those of old under `class_name` alone.
    upstream = [
        {**data, "module": "keras_nlp.samplers", "registered_name": f"{p}>{class_name}"}
        for p in ("keras_nlp", "keras_hub")
    ]
    upstream += [{"class_name": f"keras_nlp>{class_name}", "config": data["config"]}]
    for received in (
        samplers.deserialize(data),
        samplers.get(data),
        keras.saving.deserialize_keras_object(data),
        *map(samplers.deserialize, upstream),
    ):
        assert type(received) is type(sampler)
        assert received.get_config() == data["config"]
    assert type(samplers.get(name)) is type(sampler)


@keras.saving.register_keras_serializable(package="samplers_test")
class Own(samplers.Sampler):
    def __init__(self, bias=0, **kwargs):
        super().__init__(**kwargs)
        self.bias = bias


class Unregistered(Own):
    pass


def test_ones_own():
    data = samplers.serialize(Own(bias=2))
    assert data["registered_name"] == "samplers_test>Own"
    assert samplers.get(json.loads(json.dumps(data))).bias == 2
    config = {"class_name": "Unregistered", "config": {"bias": 3}}
    with pytest.raises(ValueError, match="Register a class of your own"):
        samplers.deserialize(config)
    custom_objects = {"Unregistered": Unregistered}
    assert samplers.deserialize(config, custom_objects).bias == 3


def test_what_is_called_like_a_sampler_is_one():
    sampler = TopKSampler()
    assert samplers.get(sampler) is sampler
    assert samplers.get(len) is len
    assert samplers.get(None) is None


@pytest.mark.parametrize("identifier", ["top-k", "", 5, TopKSampler, {"config": {}}])
def test_what_is_no_sampler(identifier):
    with pytest.raises(ValueError, match="Expected a sampler"):
        samplers.serialize(identifier)
    with pytest.raises(ValueError, match="Expected .* sampler"):
        samplers.get(identifier)


def test_nothing_is_imported():
    """Nor is what Keras has registered made one, if it is no sampler."""
    for name, module in [("Popen", "subprocess"), ("Dense", "keras.layers")]:
        data = {"module": module, "class_name": name, "config": {}}
        with pytest.raises(ValueError, match="'top_k'.*received"):
            samplers.deserialize({**data, "registered_name": name})
