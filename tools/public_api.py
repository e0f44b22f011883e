"""Lists what a package exports: every name with its arguments, one per line.

    python tools/public_api.py keras_nlp    print the list
    python tools/public_api.py --write      renew public_api.txt of every package

Public is what the package and its subpackages export explicitly: by `__all__`, by
`from module import Name as Name`, or by `from module import *`, which gives what the
module exports and assigns. Further down, as in `keras_nlp.models.bert`, nothing
is unless the subpackage above exports the module. The list is checked in and compared
in a test, so that a change of the API is a line in the diff.
"""

import argparse
import ast
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"domain_core": "domain_core", "keras_cv": "kerascv", "keras_nlp": "kerasnlp"}
# Methods that Keras calls. Their meaning and their arguments are Keras', not ours.
DEFINED_BY_KERAS = {
    "build",
    "build_from_config",
    "call",
    "compute_loss",
    "compute_mask",
    "compute_output_shape",
    "compute_output_spec",
    "from_config",
    "get_build_config",
    "get_compile_config",
    "get_config",
    "load_own_variables",
    "quantized_call",
    "save_own_variables",
}


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="?", choices=sorted(FOLDERS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    for package in [options.package] if options.package else FOLDERS:
        text = "".join(f"{line}\n" for line in public_api(package))
        if options.write:
            listing(package).write_text(text)
        else:
            print(text, end="")
    return 0


def listing(package: str) -> Path:
    """Returns the file in which the public names of a package are checked in."""
    return ROOT / "packages" / FOLDERS[package] / "public_api.txt"


def public_api(package: str) -> list[str]:
    """Returns one line for each public name, class and method, sorted by name."""
    full_names = names_in_full("domain_core") | names_in_full(package)
    full_names |= {id(v): f"keras.layers.{k}" for k, v in vars(keras.layers).items()}
    lines = []
    for name, value in public_names(package):
        full_name = full_names.get(id(value), name)
        if full_name != name:
            lines.append(f"{name} = {full_name}")
        elif inspect.isclass(value):
            lines.append(name + parameters_text(constructor(value), skip_first=True))
            for method, kind, function in public_methods(value):
                text = parameters_text(function, skip_first=kind is not staticmethod)
                lines.append(f"{name}.{method}{'' if kind is property else text}")
        elif inspect.isfunction(value):
            lines.append(name + parameters_text(value))
        else:
            lines.append(name)
    return lines


def names_in_full(package: str) -> dict[int, str]:
    """Returns, by id, the name under which a class or function is listed in full.

    It is the first public name that ends in the object's own name; the others, the
    aliases, refer to it.
    """
    names: dict[int, str] = {}
    candidates = [
        (value.__name__ != name.rpartition(".")[2], name, value)
        for name, value in public_names(package)
        if inspect.isclass(value) or inspect.isfunction(value)
    ]
    for _, name, value in sorted(candidates, key=lambda candidate: candidate[:2]):
        names.setdefault(id(value), name)
    return names


def public_names(package: str) -> Iterator[tuple[str, Any]]:
    """Yields dotted name and value of all that is public in a package, sorted."""
    for namespace in namespaces(importlib.import_module(package)):
        for name in sorted(exported_names(namespace)):
            value = getattr(namespace, name)
            if not inspect.ismodule(value) and not name.startswith("_"):
                yield f"{namespace.__name__}.{name}", value


def namespaces(package: ModuleType) -> Iterator[ModuleType]:
    """Yields a package, its subpackages, and those which they in turn export."""
    yield package
    for part in pkgutil.iter_modules(package.__path__):
        if part.ispkg and not part.name.startswith("_"):
            subpackage = importlib.import_module(f"{package.__name__}.{part.name}")
            yield from _with_exported_modules(subpackage)


def _with_exported_modules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for name in sorted(exported_names(module)):
        if inspect.ismodule(value := getattr(module, name)):
            yield from _with_exported_modules(value)


def exported_names(module: ModuleType) -> list[str]:
    """Returns the names that a package exports explicitly, as mypy understands it."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    names = []
    for statement in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if alias.name == "*":
                    source = importlib.import_module(statement.module)
                    names += exported_names(source) + defined_names(source)
                elif alias.asname == alias.name:
                    names.append(alias.name)
    return list(dict.fromkeys(names))


def defined_names(module: ModuleType) -> list[str]:
    """Returns what a module without `__all__` gives by assignment to those who ask."""
    if hasattr(module, "__all__"):
        return []
    return [
        target.id
        for statement in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if not target.id.startswith("_")
    ]


def public_methods(cls: type) -> Iterator[tuple[str, type | None, Callable]]:
    """Yields name, kind of descriptor and function of the methods a class adds.

    Methods that come from another public class are listed there; those of a private
    base are listed with each class that has it.
    """
    found: dict[str, tuple[type | None, Callable]] = {}
    for base in reversed(cls.__mro__):
        listed_elsewhere = base is not cls and not base.__name__.startswith("_")
        if listed_elsewhere or not is_ours(base):
            continue
        where = base.__module__
        for name, member in vars(base).items():
            is_inherited_test = name.startswith("test_") and ".testing." in where
            if name.startswith("_") or is_inherited_test or name in DEFINED_BY_KERAS:
                continue
            if isinstance(member, property) and member.fget is not None:
                found[name] = (property, member.fget)
            elif isinstance(member, staticmethod | classmethod):
                found[name] = (type(member), member.__func__)
            elif inspect.isfunction(member):
                found[name] = (None, member)
    for name in sorted(found):
        yield name, *found[name]


def is_ours(value: Any) -> bool:
    """Returns whether a class or function is defined in one of the packages."""
    return (getattr(value, "__module__", None) or "").partition(".")[0] in FOLDERS


def parameters_text(function: Callable, skip_first: bool = False) -> str:
    """Returns the arguments of a function in parentheses, without annotations."""
    parts = []
    keyword_only = False
    for parameter in parameters(function, skip_first):
        text = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            text = f"*{text}"
            keyword_only = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            text = f"**{text}"
        elif parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            parts.append("*")
            keyword_only = True
        if parameter.default is not parameter.empty:
            text += f"={default_text(parameter.default)}"
        parts.append(text)
    return f"({', '.join(parts)})"


def constructor(cls: type) -> Callable:
    """Returns what reads a class's arguments: `__new__` where it writes only that."""
    if "__new__" in vars(cls) and "__init__" not in vars(cls):
        return cls.__new__
    return cls.__init__


def parameters(function: Callable, skip_first: bool) -> list[inspect.Parameter]:
    """Returns the parameters of a function, without `self` or `cls` if so asked."""
    if function is object.__init__:
        return []
    return list(inspect.signature(function).parameters.values())[skip_first:]


def default_text(value: Any) -> str:
    """Returns a default as it would be written, the same in every run."""
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"<{value.__qualname__}>"
    if repr(value) == "<factory>":  # Of a field of a dataclass.
        return "<factory>"
    if value is None or isinstance(
        value, bool | int | float | str | tuple | list | dict
    ):
        return repr(value)
    return f"<{type(value).__name__}>"


if __name__ == "__main__":
    sys.exit(main())
