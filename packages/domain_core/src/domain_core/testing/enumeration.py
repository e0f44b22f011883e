"""Finding the contracts of a package, and the classes that have none."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

from domain_core import registry
from domain_core.testing.decoder_family_contract import DecoderFamilyContract
from domain_core.testing.encoder_family_contract import EncoderFamilyContract
from domain_core.testing.seq2seq_family_contract import Seq2SeqFamilyContract

_FAMILIES = (EncoderFamilyContract, DecoderFamilyContract, Seq2SeqFamilyContract)


def contracts(package: ModuleType, contract: type) -> list[type]:
    """Imports the test modules of a package and returns its contracts.

    Args:
        package: an imported package.
        contract: `BackboneContract`, `TaskContract` or `TokenizerContract`.

    Returns:
        The subclasses of `contract` in that package's tests.
    """
    root = Path(str(package.__file__)).parent
    for path in sorted(root.rglob("*_test.py")):
        if "Contract" in path.read_text(encoding="utf-8"):
            parts = path.relative_to(root).with_suffix("").parts
            importlib.import_module(".".join([package.__name__, *parts]))
    return [
        kind
        for kind in subclasses(contract)
        if kind.__module__.startswith(package.__name__) and hasattr(kind, "cls")
    ]


def subclasses(kind: type) -> list[type]:
    """Returns the classes below one, all generations."""
    direct: list[type] = kind.__subclasses__()
    return direct + [further for one in direct for further in subclasses(one)]


def without_contract(package: ModuleType, kinds: list[type]) -> list[str]:
    """Returns the names of registered classes of a package that no contract tests.

    A contract of a subclass tests a task over any backbone too.

    Args:
        package: an imported package.
        kinds: the contracts found.
    """
    tested = {kind.cls for kind in kinds}  # type: ignore[attr-defined]
    for kind in kinds:
        if issubclass(kind, _FAMILIES):
            tested |= set(kind.tasks())
    registered = [entry.cls for entry in registry.backbones()]
    registered += [entry.cls for entry in registry.tasks()]
    return [
        cls.__name__
        for cls in registered
        if cls.__module__.startswith(package.__name__ + ".")
        and not cls.__module__.endswith("_test")  # a user's class, in a test
        and not any(issubclass(other, cls) for other in tested)
    ]


def public_subclasses(package: ModuleType, base: type) -> list[type]:
    """Returns the subclasses of `base` that a package or its subpackages export."""
    found: dict[type, None] = {}
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if not hasattr(module, "__path__") or not _is_inside(name, package):
            continue
        exported = [value for value in vars(module).values() if inspect.isclass(value)]
        found.update(dict.fromkeys(c for c in exported if _is_own(c, package, base)))
    return list(found)


def _is_own(cls: type, package: ModuleType, base: type) -> bool:
    return (
        issubclass(cls, base)
        and cls is not base
        and _is_inside(cls.__module__, package)
    )


def _is_inside(name: str, package: ModuleType) -> bool:
    return name == package.__name__ or name.startswith(package.__name__ + ".")
