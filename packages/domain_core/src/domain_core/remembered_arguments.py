"""Objects that remember what their constructor was called with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

import keras

from domain_core.serialization import config_value, dtype_name, revive

# The arguments of the constructors that run, the outermost first.
_CALLS = "_constructor_calls"
# Among them until it is known what a `*args` stands for.
_VARIABLE = "*"
# Names that mean something else further in.
_CHANGED = "_changed_arguments"


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

        What came as `*args` has the names that the next constructor gives to it.
        """
        return self.constructor_calls()[-1]

    def constructor_calls(self) -> tuple[Mapping[str, Any], ...]:
        """Returns the arguments of the constructors that run, the outermost first."""
        return tuple(vars(self).get(_CALLS, ({},)))

    def keep_arguments(self, *calls: Mapping[str, Any]) -> None:
        """Makes attributes of arguments, where there are none of that name yet.

        Not of layers: an attribute that holds one names its weights.

        Args:
            *calls: of `constructor_calls`; the innermost wins.
        """
        for name, value in {k: v for call in calls for k, v in call.items()}.items():
            ours = inspect.getattr_static(type(self), name, None)
            if name in vars(self) or inspect.isdatadescriptor(ours):
                continue
            if not any(map(_is_of_a_graph, keras.tree.flatten(value))):
                # Configs are compared with what JSON makes of them.
                setattr(self, name, list(value) if type(value) is tuple else value)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        passed, changed = self.arguments, vars(self).get(_CHANGED, ())
        config = {
            name: value if name in changed else getattr(self, name, value)
            for name, value in passed.items()
        }
        if isinstance(self, keras.Layer):
            # Keras' attribute `dtype` is that of the weights.
            kept = {
                "name": self.name,
                "trainable": self.trainable,
                "dtype": dtype_name(self.dtype_policy),
            }
            more = _takes_more(type(self))
            config |= {k: v for k, v in kept.items() if more or k in passed}
        return {name: config_value(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Returns an object of a config; the inverse of `get_config`."""
        return cls(**revive(dict(config)))


def _takes_more(cls: type) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _is_of_a_graph(value: Any) -> bool:
    return isinstance(value, keras.Layer | keras.KerasTensor)


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    """Returns a constructor that keeps its arguments before it runs."""
    signature = inspect.signature(init)
    kinds = {p.kind: p.name for p in signature.parameters.values()}
    flat = kinds.get(inspect.Parameter.VAR_KEYWORD)
    variable = kinds.get(inspect.Parameter.VAR_POSITIONAL)

    @functools.wraps(init)
    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        own: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            if name == variable:
                value = {_VARIABLE: True} if value else {}
            own |= value if name in (flat, variable) else {name: value}
        # Past `__setattr__`: Keras and torch look at what becomes an attribute.
        state = vars(self)
        calls = state.setdefault(_CALLS, [])
        changed = state.setdefault(_CHANGED, set())
        for outer in calls:
            if outer.pop(_VARIABLE, False):
                outer |= {n: value for n, value in own.items() if n not in outer}
        if calls:
            outer = calls[0]
            changed |= {n for n in own.keys() & outer.keys() if own[n] is not outer[n]}
        calls.append(own)
        try:
            init(self, *args, **kwargs)
        finally:
            if len(calls) > 1:
                calls.pop()

    # Keras reads it in a way that does not look through wrappers.
    remember.__signature__ = signature  # type: ignore[attr-defined]
    return remember
