"""Samplers by name, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_nlp.samplers.beam_sampler import BeamSampler
from keras_nlp.samplers.contrastive_sampler import ContrastiveSampler
from keras_nlp.samplers.greedy_sampler import GreedySampler
from keras_nlp.samplers.random_sampler import RandomSampler
from keras_nlp.samplers.sampler import Sampler
from keras_nlp.samplers.top_k_sampler import TopKSampler
from keras_nlp.samplers.top_p_sampler import TopPSampler

_BY_NAME: dict[str, type[Sampler]] = {
    "beam": BeamSampler,
    "contrastive": ContrastiveSampler,
    "greedy": GreedySampler,
    "random": RandomSampler,
    "top_k": TopKSampler,
    "top_p": TopPSampler,
}
# Upstream's registered names mean the same samplers.
_PACKAGES = ("kerasnlp", "keras_nlp", "keras_hub")
_BY_REGISTERED_NAME = {
    f"{package}>{cls.__name__}": cls
    for package in _PACKAGES
    for cls in _BY_NAME.values()
}


def serialize(sampler: Sampler) -> dict[str, Any]:
    """Returns a sampler as plain data, in Keras' form.

    Args:
        sampler: a sampler. A class of your own should be registered with Keras.

    Returns:
        Dict with the registered name, `kerasnlp>TopKSampler`, and the config.

    Raises:
        ValueError: if it is no `Sampler`.

    Example:
        >>> keras_nlp.samplers.serialize(keras_nlp.samplers.TopKSampler(7))["config"]
        {'k': 7, 'seed': None, 'temperature': 1.0}
    """
    if not isinstance(sampler, Sampler):
        raise ValueError(f"Expected a sampler, received {sampler!r:.200}.")
    cls = type(sampler)
    # As Keras' own function gives it, which imports TensorFlow.
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": sampler.get_config(),
        "registered_name": keras.saving.get_registered_name(cls),
    }


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Returns the sampler of plain data; the inverse of `serialize`.

    Nothing is imported because the data say so: a class of your own must be registered
    with Keras, or be in `custom_objects`.

    Args:
        config: dict of `serialize`, or of KerasNLP's or KerasHub's. `class_name` may
            also be a name that `get` takes.
        custom_objects: more classes by name.

    Raises:
        ValueError: if it is no such dict, or there is no such class.

    Example:
        >>> config = {"class_name": "top_k", "config": {"k": 7}}
        >>> keras_nlp.samplers.deserialize(config).k
        7
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise ValueError(
            "Expected the dict of a sampler, with 'class_name' and 'config', received "
            f"{config!r:.200}."
        )
    names = [config.get("registered_name"), config["class_name"]]
    found = (_class_of(name, custom_objects or {}) for name in names if name)
    cls = next((cls for cls in found if cls is not None), None)
    if cls is None:
        raise _unknown(config["class_name"])
    return cls.from_config(dict(config.get("config") or {}))


def get(identifier: Any) -> Any:
    """Returns a sampler.

    Args:
        identifier: a name, "beam", "contrastive", "greedy", "random", "top_k" or
            "top_p"; a dict of `serialize`; or a sampler, or another callable that is
            called like one, which is returned as it is. None is None.

    Raises:
        ValueError: if it is nothing of this kind.

    Example:
        >>> keras_nlp.samplers.get("top_k").k
        5
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    raise _unknown(identifier)


def _class_of(name: Any, custom_objects: Mapping[str, Any]) -> Any:
    if not isinstance(name, str):
        return None
    ours = {cls.__name__: cls for cls in _BY_NAME.values()}
    for classes in (custom_objects, _BY_REGISTERED_NAME, _BY_NAME, ours):
        if name in classes:
            return classes[name]
    cls = keras.saving.get_registered_object(name)
    return cls if isinstance(cls, type) and issubclass(cls, Sampler) else None


def _unknown(identifier: Any) -> ValueError:
    return ValueError(
        f"Expected a sampler, its dict, or one of the names {sorted(_BY_NAME)}; "
        f"received {identifier!r:.200}. Register a class of your own with "
        "`keras.saving.register_keras_serializable`, or pass a sampler of it."
    )
