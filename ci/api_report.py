"""Prints as JSON what the tests of the public API ask about one package.

    python -m ci.api_report keras_nlp [DOTTED NAME ...]

A process of its own, so that no test has both leaves imported.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tools import public_api


def main() -> None:
    """Prints the listing, the problems and the signatures of the names given."""
    package, *names = sys.argv[1:]
    report = {
        "listing": public_api.public_api(package),
        "problems": list(problems(package)),
        "signatures": {name: signature(name) for name in names},
    }
    print(json.dumps(report))


def problems(package: str) -> Iterator[str]:
    """Yields a line for each public name that lacks annotations or a docstring."""
    seen = set()
    for name, value in public_api.public_names(package):
        if id(value) in seen or not public_api.is_ours(value):
            continue
        seen.add(id(value))
        if inspect.isclass(value):
            if "__init__" in vars(value):
                yield from _without_annotation(name, value.__init__, skip_first=True)
            for method, kind, function in public_api.public_methods(value):
                full_name = f"{name}.{method}"
                skip_first = kind is not staticmethod
                yield from _without_annotation(full_name, function, skip_first)
                if not inspect.getdoc(getattr(value, method)):
                    yield f"{full_name}: no docstring"
        elif inspect.isfunction(value):
            yield from _without_annotation(name, value, skip_first=False)
        else:
            continue
        if not value.__doc__:
            yield f"{name}: no docstring"


def signature(name: str) -> list[dict[str, str | None]] | None:
    """Returns the arguments of a class, function or method; None if it isn't there."""
    found = _look_up(name)
    if found is None:
        return None
    owner, value = found
    if inspect.isclass(value):
        function, skip_first = public_api.constructor(value), True
    else:
        function = value
        # A class method comes bound, a static one has no first argument to leave out.
        skip_first = inspect.isclass(owner) and not (
            inspect.ismethod(value)
            or isinstance(inspect.getattr_static(owner, value.__name__), staticmethod)
        )
    return [
        {
            "name": parameter.name,
            "kind": parameter.kind.name,
            "default": None
            if parameter.default is parameter.empty
            else public_api.default_text(parameter.default),
        }
        for parameter in public_api.parameters(function, skip_first)
    ]


def _look_up(name: str) -> tuple[Any, Any] | None:
    """Returns the object of a dotted name and what holds it."""
    package, *path = name.split(".")
    owner, value = None, importlib.import_module(package)
    for part in path:
        owner, value = value, getattr(value, part, None)
        if value is None:
            return None
    return owner, value


def _without_annotation(
    name: str, function: Callable, skip_first: bool
) -> Iterator[str]:
    for parameter in public_api.parameters(function, skip_first):
        if parameter.annotation is parameter.empty:
            yield f"{name}: argument `{parameter.name}` has no annotation"
    returns = inspect.signature(function).return_annotation
    if returns is inspect.Signature.empty and function.__name__ != "__init__":
        yield f"{name}: no annotation of what it returns"


if __name__ == "__main__":
    main()
