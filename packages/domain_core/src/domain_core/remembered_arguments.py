"""Objects that remember what their constructor was called with."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

import keras

from domain_core.arguments import as_dtype_name
from domain_core.quantization import (
    is_quantized,
    quantize_by_policy,
    without_quantization,
)
from domain_core.serialization import config_value, layer_config, revive

# The arguments of the constructors that run, the outermost first. Keras saves what
# lists, dicts and tuples hold under the name of an attribute, but not with two `_`.
_CALLS = "__constructor_calls__"
# Names that mean something else further in.
_CHANGED = "__changed_arguments__"
_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class _Call(dict[str, Any]):
    """The arguments of a constructor by name.

    Attributes:
        takes_more: whether it has a `**kwargs`.
        has_more: whether it was given values for an `*args`.
    """

    takes_more = False
    has_more = False


class RemembersArguments:
    """Keeps the arguments of its constructor, defaults too, and gives them as config.

    `self.arguments` is there from the first line of a constructor on: its own, so that
    `super().__init__(**self.arguments)` hands them all over. Afterwards they are those
    that the object was made with. The written signature is all there is to say.

    `get_config` reads each argument from the attribute of its name, because that is the
    checked form, and users set some of them later; where there is no such attribute, or
    a subclass handed something else to its base under that name, it is as passed. A
    subclass may write `get_config` itself.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", _remembering(vars(cls)["__init__"]))  # noqa: B010

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What was passed, or is the default, by name; a `**kwargs` counts as many.

        Once the base's constructor has run, that is also its defaults that a `**kwargs`
        would have reached, and what it calls the values of an `*args`.
        """
        # No dict, or Keras would save the layers among them under this name.
        return types.MappingProxyType(self.constructor_calls()[-1])

    def constructor_calls(self) -> tuple[_Call, ...]:
        """Returns the arguments of the constructors that run, the outermost first."""
        return tuple(vars(self).get(_CALLS, (_Call(),)))

    def keep_arguments(self, *calls: Mapping[str, Any]) -> None:
        """Makes attributes of arguments, where there are none of that name yet.

        Not of layers: an attribute that holds one names its weights.

        Args:
            *calls: of `constructor_calls`; the innermost wins.
        """
        for name, value in {k: v for call in calls for k, v in call.items()}.items():
            ours = inspect.getattr_static(type(self), name, None)
            is_other = callable(ours) or inspect.isdatadescriptor(ours)
            if name in vars(self) or is_other:
                continue
            if not any(map(_is_of_a_graph, keras.tree.flatten(value))):
                # Configs are compared with what JSON makes of them.
                setattr(self, name, list(value) if type(value) is tuple else value)

    def forget(self, *names: str) -> None:
        """Drops arguments that are large, and kept elsewhere in another form.

        A constructor calls it, and a `get_config` gives them.
        """
        for call in vars(self)[_CALLS]:
            call.update(dict.fromkeys(call.keys() & set(names)))

    def current_arguments(self) -> dict[str, Any]:
        """Returns the constructor's arguments as they are now, objects among them."""
        passed, changed = self.arguments, vars(self).get(_CHANGED, ())
        return {
            # A method of the same name is something else, too.
            name: value
            if name in changed or callable(getattr(type(self), name, None))
            else getattr(self, name, value)
            for name, value in passed.items()
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain data, as Keras serializes."""
        config = self.current_arguments()
        if isinstance(self, keras.Layer):
            # Keras' attribute `dtype` is that of the weights.
            more = self.constructor_calls()[0].takes_more
            kept = layer_config(self).items()
            config |= {k: v for k, v in kept if more or k in self.arguments}
        return {name: config_value(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Returns an object of a config; the inverse of `get_config`."""
        config = dict(config)
        dtype = config.get("dtype")
        if isinstance(dtype, Mapping) and dtype.get("class_name") == "DTypePolicy":
            config["dtype"] = as_dtype_name(dtype)  # Keras would import TensorFlow
        return cls(**revive(config))


def _is_of_a_graph(value: Any) -> bool:
    return isinstance(value, keras.Layer | keras.KerasTensor)


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    """Returns a constructor that keeps its arguments before it runs."""
    signature = inspect.signature(init)
    parameters = list(signature.parameters.values())[1:]
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    # In the order of the signature. What has no default here is passed, or it raises.
    defaults = {p.name: p.default for p in parameters if p.kind not in _MANY}
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters)

    @functools.wraps(init)
    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        # `Signature.bind` would say the same, ten times slower.
        given = dict(zip(positional, args, strict=False)) | kwargs
        own = _Call(defaults | given)
        own.takes_more = takes_more
        own.has_more = len(args) > len(positional)
        outermost = not vars(self).get(_CALLS)
        quantized = outermost and isinstance(self, keras.Layer) and own.get("dtype")
        if quantized and is_quantized(quantized):
            _check_quantizes(self)
            own["dtype"] = without_quantization(quantized)
            place = positional.index("dtype") if "dtype" in positional else len(args)
            if place < len(args):
                args = (*args[:place], own["dtype"], *args[place + 1 :])
            else:
                kwargs["dtype"] = own["dtype"]
        else:
            quantized = None
        # Past `__setattr__`: Keras and torch look at what becomes an attribute.
        state = vars(self)
        calls = state.setdefault(_CALLS, [])
        changed = state.setdefault(_CHANGED, set())
        if calls:
            outer = calls[0]
            changed |= {n for n in own.keys() & outer.keys() if own[n] is not outer[n]}
            _hand_out(calls, own, given)
        calls.append(own)
        try:
            init(self, *args, **kwargs)
        finally:
            if len(calls) > 1:
                calls.pop()
        if quantized:
            quantize_by_policy(self, quantized)

    # Keras reads it in a way that does not look through wrappers.
    remember.__signature__ = signature  # type: ignore[attr-defined]
    return remember


def _check_quantizes(layer: keras.Layer) -> None:
    """Raises ValueError for a layer that is no model: its parts can't be quantized."""
    if not isinstance(layer, keras.Model):
        raise ValueError(
            f"Expected a dtype policy of one precision for a {type(layer).__name__}, "
            "received a quantized one. Quantize the model that it is part of, by "
            "`quantize`."
        )


def _hand_out(calls: list[_Call], own: _Call, given: Mapping[str, Any]) -> None:
    """Adds arguments of a constructor to those that call it and would pass them on.

    They are defaults, which a `**kwargs` reaches, and the names of an `*args`.
    """
    for call in reversed(calls):
        if not (call.takes_more or call.has_more):
            return
        for name, value in own.items():
            if name not in call and (call.has_more or name not in given):
                call[name] = value
