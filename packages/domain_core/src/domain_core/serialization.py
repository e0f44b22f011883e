"""Names and JSON for the objects a preset may hold.

A class is written under a registered name, ``package>ClassName``, and found again in
our own table: nothing is ever imported because a file says so. The JSON form is
``{"class": "kerasnlp>BertTokenizer", "config": {...}}``, nested as needed.

The same ``get_config`` feeds Keras' ``.keras`` files: it returns the constructor's
arguments, registered objects among them as they are (`remembered_arguments.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import keras
import numpy as np

from domain_core._installation import import_name
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError

T = TypeVar("T", bound=type)

_CLASSES: dict[str, type] = {}
_OF_WEIGHTS = (
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)


def serializable(package: str = "custom") -> Callable[[T], T]:
    """Registers a class under ``package>ClassName``, here and with Keras.

    Args:
        package: prefix of the registered name. Leaves use their distribution's name.

    Returns:
        A class decorator.

    Raises:
        ValueError: if another class already has the name.
    """

    def register(cls: T) -> T:
        name = f"{package}>{cls.__name__}"
        known = _CLASSES.get(name, cls)
        # A notebook cell that is run again defines the same class anew.
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                f"Expected one class per registered name. {name!r} is taken by "
                f"{known.__module__}.{known.__qualname__}; received "
                f"{cls.__module__}.{cls.__qualname__}. Rename the class or pass "
                "another `package`."
            )
        _CLASSES[name] = cls
        keras.saving.register_keras_serializable(package=package)(cls)
        return cls

    return register


def registered_name(cls: type) -> str | None:
    """Returns the name a class was registered under, or None."""
    return next((name for name, known in _CLASSES.items() if known is cls), None)


def registered_class(name: str) -> type:
    """Returns the class of a registered name.

    Raises:
        PresetUnsafeError: if no class has the name; the message says what to import.
    """
    if isinstance(name, str) and name in _CLASSES:
        return _CLASSES[name]
    module = import_name(str(name).partition(">")[0])
    advice = "import the module that registers your class"
    if module is not None:
        advice = f"`import {module}`"
    raise PresetUnsafeError(
        f"Expected the name of a registered class, received {name!r:.200}. If you "
        f"trust it, first {advice}. Nothing is imported because a file says so."
    )


def to_json(value: Any) -> Any:
    """Turns a registered object, or a config of such objects, into plain JSON data.

    Raises:
        ValueError: if a value has no JSON form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    name = registered_name(type(value))
    if name is None:
        raise ValueError(
            "Expected numbers, strings, lists, dicts and registered objects in a "
            f"config, received {value!r} of type {type(value).__name__}. Register "
            "its class with `domain_core.serializable`."
        )
    return {"class": name, "config": to_json(value.get_config())}


def from_json(value: Any) -> Any:
    """Rebuilds what `to_json` wrote; the inverse of `to_json`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"class", "config"}:
        cls: Any = registered_class(value["class"])
        if not isinstance(value["config"], dict):
            raise PresetCorruptError(
                f"Expected the config of a {value['class']} to be an object, received "
                f"{value['config']!r:.200}."
            )
        config = {key: from_json(item) for key, item in value["config"].items()}
        try:
            return cls.from_config(config)
        except TypeError as error:
            raise PresetCorruptError(
                f"Expected the config of a {value['class']} to hold its arguments: "
                f"{error}"
            ) from error
    return {key: from_json(item) for key, item in value.items()}


def revive(config: dict[str, Any]) -> dict[str, Any]:
    """Copies a config, turning objects that Keras serialized back into objects.

    Every `from_config` here calls it, because Keras hands over nested objects in
    serialized form and our own reader hands them over alive.
    """
    return {key: _revived(value) for key, value in config.items()}


def _revived(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "registered_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return revive(value)


def dtype_name(policy: Any) -> str:
    """Returns the name of a dtype policy, as stored in configs.

    Keras' own serialization of a policy imports TensorFlow; the name is enough, and
    quantized policies have one too ("int8_from_float32").
    """
    return keras.dtype_policies.get(policy).name


def layer_config(layer: keras.Layer) -> dict[str, Any]:
    """Returns the arguments every layer has, without importing TensorFlow."""
    return {
        "name": layer.name,
        "trainable": layer.trainable,
        "dtype": dtype_name(layer.dtype_policy),
    }


def config_value(value: Any) -> Any:
    """Returns an argument as a config holds it.

    Initializers, regularizers and constraints become what Keras' `get` reads back, as
    by its `serialize`, which imports TensorFlow; dtype policies their names; lists and
    dicts, which Keras tracks where they are attributes, plain copies.
    """
    if isinstance(value, _OF_WEIGHTS):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, keras.dtype_policies.DTypePolicy):
        return dtype_name(value)
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return dict(value)
    return value
