"""Names and JSON for the objects a preset may hold.

A class is written under a registered name, ``package>ClassName``, and found again in
our own table: nothing is ever imported because a file says so. The JSON form is
``{"class": "kerasnlp>BertTokenizer", "config": {...}}``, nested as needed.
Initializers, regularizers, constraints and dtype policies of Keras have names of the
same form, ``keras>TruncatedNormal``, in a table that is fixed. Keras' own forms of
objects, which its deserializer would follow anywhere, have no place in it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import keras
import numpy as np

from domain_core._installation import import_name
from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetUnsafeError,
)
from domain_core.strict_json import check_plain

T = TypeVar("T", bound=type)

_CLASSES: dict[str, type] = {}
# What a class is in a preset follows from the base class that it has.
_ROLES: dict[str, type] = {}
_OF_WEIGHTS = (
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)
# Of a dtype policy map in a file.
_POLICY_PATH, _MAX_STARS = re.compile(r"[\w/.*-]{1,500}"), 4
_MAX_POLICIES = 20_000


def role(name: str) -> Callable[[T], T]:
    """Makes a base class that of a role, such as "tokenizer".

    Which file of a preset may hold an object depends on its role: all classes below
    the base have it.

    Returns:
        A class decorator.
    """

    def register(cls: T) -> T:
        _ROLES[name] = cls
        return cls

    return register


def has_role(cls: type, *roles: str) -> bool:
    """Whether a class has one of these roles."""
    return any(issubclass(cls, _ROLES[name]) for name in roles if name in _ROLES)


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


def registered_class(name: str, *roles: str) -> type:
    """Returns the class of a registered name.

    Args:
        name: of the class.
        *roles: of which it must have one; none for any class.

    Raises:
        PresetUnsafeError: if no class has the name, and then the message says what to
            import, or it has none of the roles.
    """
    if isinstance(name, str) and name in _CLASSES:
        cls = _CLASSES[name]
        if roles and not has_role(cls, *roles):
            raise PresetUnsafeError(
                f"Expected the name of a {' or '.join(roles).replace('_', ' ')} here, "
                f"received {name!r}, which is none. Save the preset again, or do not "
                "use it."
            )
        return cls
    module = import_name(str(name).partition(">")[0])
    advice = "import the module that registers your class"
    if module is not None:
        advice = f"`import {module}`"
    raise PresetUnsafeError(
        f"Expected the name of a registered class, received {name!r:.200}. If you "
        f"trust it, first {advice}. Nothing is imported because a file says so."
    )


def registered_classes(role: str) -> list[type]:
    """Returns the registered classes of a role, in the order of registration."""
    return [cls for cls in _CLASSES.values() if has_role(cls, role)]


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
    if isinstance(value, keras.dtype_policies.DTypePolicy):
        return _policy_to_json(value)
    if isinstance(value, _OF_WEIGHTS):
        value = config_value(value)
    if isinstance(value, dict):
        return _dict_to_json(value)
    name = registered_name(type(value))
    if name is None:
        raise _no_json(value)
    return {"class": name, "config": to_json(value.get_config())}


def _dict_to_json(value: dict[Any, Any]) -> dict[str, Any]:
    if not {"class_name", "registered_name"} & value.keys():
        if {"class", "config"} <= value.keys():
            raise _no_json(value)
        return {str(key): to_json(item) for key, item in value.items()}
    # An object as Keras serializes it.
    name = value.get("registered_name")
    if name not in _CLASSES:
        name = f"keras>{value.get('class_name')}"
        if name in _policies_of_keras():
            return _policy_to_json(keras.dtype_policies.get(value))
        if name not in _values_of_keras():
            raise _no_json(value)
    return {"class": name, "config": to_json(value["config"])}


def _no_json(value: Any) -> ValueError:
    return ValueError(
        "Expected numbers, strings, lists, dicts and registered objects in a "
        f"config, received {value!r:.200} of type {type(value).__name__}. Register "
        "its class with `domain_core.serializable`."
    )


def from_json(value: Any) -> Any:
    """Rebuilds what `to_json` wrote; the inverse of `to_json`.

    Raises:
        PresetUnsafeError: if it names a class that is not registered, or holds an
            object in Keras' form.
        PresetCorruptError: if a config does not fit its class.
    """
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    check_plain([value])
    if not {"class", "config"} <= value.keys():
        return {key: from_json(item) for key, item in value.items()}
    name, config = value["class"], value["config"]
    if len(value) > 2 or not isinstance(config, dict):
        raise PresetCorruptError(
            f"Expected the class and the config, an object, of a {name!r:.200} and "
            f"nothing else, received {value!r:.200}."
        )
    if isinstance(name, str) and name in _policies_of_keras():
        return _policy_from_json(name, config)
    if isinstance(name, str) and name in _values_of_keras():
        if any(isinstance(item, dict) for item in config.values()):
            raise PresetUnsafeError(
                f"Expected numbers, strings and lists in the config of a {name}, "
                f"received {config!r:.200}."
            )
        return _value_of_keras(name, config)
    cls = registered_class(name)
    arguments = {key: from_json(item) for key, item in config.items()}
    return object_of(cls, arguments)


def object_of(cls: Any, config: dict[str, Any]) -> Any:
    """Returns an object of a class with the arguments that a file gives.

    Raises:
        PresetCorruptError: if the class does not take them.
    """
    try:
        return cls.from_config(config)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, PresetError):
            raise
        raise PresetCorruptError(
            f"Expected the config of a {cls.__name__} to hold its arguments: "
            f"{str(error)[:1000]}"
        ) from error


def flat_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments, with those of objects among them under names with dots.

    An object `a` with an argument `b` gives its registered name as "a", and "a.b".

    Args:
        arguments: by name; registered objects alive, as Keras serializes them, or as
            JSON.
    """
    flat: dict[str, Any] = {}
    for key, value in arguments.items():
        stored = isinstance(value, dict) and value.get("registered_name") in _CLASSES
        if stored or registered_name(type(value)) is not None:
            value = to_json(value)
        if isinstance(value, dict) and value.keys() == {"class", "config"}:
            inner = flat_arguments(value["config"])
            flat |= {key: value["class"], **{f"{key}.{k}": v for k, v in inner.items()}}
        else:
            flat[key] = value
    return flat


def classes_in(value: Any) -> Iterator[type]:
    """Yields the registered classes that JSON data names, at any depth."""
    if isinstance(value, dict):
        name = value.get("class")
        if isinstance(name, str) and name in _CLASSES:
            yield _CLASSES[name]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from classes_in(item)


@functools.cache
def _values_of_keras() -> dict[str, Any]:
    """Returns the modules of what a config may say of weights, by names in JSON."""
    return {
        f"keras>{cls.__name__}": module
        for module in (keras.initializers, keras.regularizers, keras.constraints)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls not in _OF_WEIGHTS
    }


def _value_of_keras(name: str, config: dict[str, Any]) -> Any:
    stored = {"class_name": name.removeprefix("keras>"), "config": config}
    try:
        # By name: within a budget, that is an initializer that counts.
        return _values_of_keras()[name].get(stored)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise PresetCorruptError(
            f"Expected the config of a {name} to hold its arguments: "
            f"{str(error)[:1000]}"
        ) from error


@functools.cache
def _policies_of_keras() -> dict[str, type]:
    classes = inspect.getmembers(keras.dtype_policies, inspect.isclass)
    return {f"keras>{cls.__name__}": cls for _, cls in classes}


def _policy_to_json(policy: Any) -> Any:
    """Returns the name of a policy, or class and config where that does not do."""
    name = f"keras>{type(policy).__name__}"
    if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
        members = {path: _policy_to_json(policy[path]) for path in policy}
        default = _policy_to_json(policy.default_policy)
        config = {"default_policy": default, "policy_map": members}
        return {"class": name, "config": config}
    if keras.dtype_policies.get(policy.name) == policy:
        return policy.name
    return {"class": name, "config": to_json(policy.get_config())}


def _policy_from_json(name: str, config: dict[str, Any]) -> Any:
    cls = _policies_of_keras()[name]
    if not issubclass(cls, keras.dtype_policies.DTypePolicyMap):
        check_plain(config)
        return object_of(cls, config)
    members = config.get("policy_map")
    if config.keys() != {"default_policy", "policy_map"} or not isinstance(
        members, dict
    ):
        raise PresetCorruptError(
            "Expected 'default_policy' and 'policy_map' of a dtype policy map, "
            f"received {config!r:.200}."
        )
    for path in members:
        # They are regular expressions, which can be made to take for ever.
        if not _POLICY_PATH.fullmatch(path) or path.count("*") > _MAX_STARS:
            raise PresetUnsafeError(
                f"Expected paths of layers, with {_MAX_STARS} '*' at most, in a dtype "
                f"policy map, received {path!r:.200}. Do not use this preset."
            )
    if len(members) > _MAX_POLICIES:
        raise PresetUnsafeError(
            f"Expected at most {_MAX_POLICIES} layers in a dtype policy map, received "
            f"{len(members)}. Do not use this preset."
        )
    default, *policies = (
        _one_policy(item) for item in (config["default_policy"], *members.values())
    )
    return cls(default, dict(zip(members, policies, strict=True)))


def _one_policy(value: Any) -> Any:
    policy = from_json(value)
    try:
        if not isinstance(policy, str | keras.dtype_policies.DTypePolicy):
            raise TypeError("it is no policy")
        return keras.dtype_policies.get(policy)
    except (LookupError, TypeError, ValueError) as error:
        raise PresetCorruptError(
            f"Expected dtype policies in a dtype policy map, received {value!r:.200}: "
            f"{error}"
        ) from error


def revive(config: dict[str, Any]) -> dict[str, Any]:
    """Copies a config, turning objects that Keras serialized back into objects.

    Every `from_config` here calls it, because Keras hands over nested objects in
    serialized form and our own reader hands them over alive.
    """
    return {key: _revived(value) for key, value in config.items()}


def _revived(value: Any) -> Any:
    if isinstance(value, list):
        return [_revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "registered_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return revive(value)


def policy_config(policy: Any) -> Any:
    """Returns a dtype policy as stored in configs, which Keras reads.

    That is its name, where this says it all; of maps and the like what Keras' own
    serialization gives, which would import TensorFlow.
    """
    policy = keras.dtype_policies.get(policy)
    if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
        members = {path: _policy_of_keras(policy[path]) for path in policy}
        default = policy_config(policy.default_policy)
        config = {"default_policy": default, "policy_map": members}
        return _policy_of_keras(policy, config)
    if keras.dtype_policies.get(policy.name) == policy:
        return policy.name
    return _policy_of_keras(policy)


def _policy_of_keras(policy: Any, config: Any = None) -> dict[str, Any]:
    # The names under which Keras exports them first.
    is_plain = type(policy) is keras.DTypePolicy
    return {
        "module": "keras" if is_plain else "keras.dtype_policies",
        "class_name": type(policy).__name__,
        "config": policy.get_config() if config is None else config,
        "registered_name": None,
    }


def layer_config(layer: keras.Layer) -> dict[str, Any]:
    """Returns the arguments every layer has, without importing TensorFlow."""
    return {
        "name": layer.name,
        "trainable": layer.trainable,
        "dtype": policy_config(layer.dtype_policy),
    }


def config_value(value: Any) -> Any:
    """Returns an argument as a config holds it.

    Initializers, regularizers and constraints become what Keras' `get` reads back, as
    by its `serialize`, which imports TensorFlow; dtype policies and registered objects
    likewise; lists and dicts, which Keras tracks where they are attributes, plain
    copies. What nobody registered stays as it is, but for layers of Keras.
    """
    if isinstance(value, _OF_WEIGHTS):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, keras.dtype_policies.DTypePolicy):
        return policy_config(value)
    if isinstance(value, list):
        return [config_value(item) for item in value]
    if isinstance(value, dict):
        return {key: config_value(item) for key, item in value.items()}
    if (name := registered_name(type(value))) is not None:
        return {
            "module": type(value).__module__,
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": name,
        }
    if isinstance(value, keras.Layer):
        return keras.saving.serialize_keras_object(value)
    return value
