"""Which presets there are."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from fnmatch import fnmatchcase

from domain_core._installation import import_advice
from domain_core.preset import Preset
from domain_core.registry import BackboneEntry, backbones, presets_of, tasks

_WILDCARDS = "*?["


def list_presets(
    family: str | type | None = None,
    task: str | type | None = None,
    with_weights: bool | None = None,
) -> dict[str, Preset]:
    """Returns the declared presets of all imported packages by name.

    Args:
        family: a backbone's class or its name, such as "BertBackbone" or "bert"; or a
            pattern with wildcards, such as "*res*", for names of presets or families.
        task: class or name of a task, such as "TextClassifier", that is to load them.
        with_weights: True for those with published weights, False for those without.

    Raises:
        ValueError: if there is no such family or task.

    Example:
        >>> import keras_nlp
        >>> presets = domain_core.list_presets("bert", with_weights=True)
        >>> presets["bert_base_en"].parameters
        108310272
    """
    if not any(backbones()) and (advice := import_advice()):
        warnings.warn(f"No presets are known. {advice}", stacklevel=2)
    usable = None if task is None else _usable_by(task)
    return {
        name: preset
        for entry, named in _of_family(family)
        for name, preset in entry.presets.items()
        if (named or _fits(name, family))
        and (usable is None or name in usable)
        and (with_weights is None or with_weights == (preset.handle is not None))
    }


def _of_family(family: str | type | None) -> list[tuple[BackboneEntry, bool]]:
    """Returns the backbones to look through, and whether all of their presets count."""
    entries = list(backbones())
    if family is None:
        return [(entry, True) for entry in entries]
    if isinstance(family, type):
        return [(entry, True) for entry in entries if issubclass(entry.cls, family)]
    if any(character in family for character in _WILDCARDS):
        return [(entry, _fits(entry.cls.__name__, family)) for entry in entries]
    wanted = _short(family, "backbone")
    found = [e for e in entries if _short(e.cls.__name__, "backbone") == wanted]
    if not found:
        names = [_short(entry.cls.__name__, "backbone") for entry in entries]
        raise _unknown("family", family, names)
    return [(entry, True) for entry in found]


def _usable_by(task: str | type) -> set[str]:
    classes = [entry.cls for entry in tasks()]
    if isinstance(task, type):
        found = [cls for cls in classes if issubclass(cls, task)]
    else:
        found = [c for c in classes if _short(c.__name__) == _short(task)]
        if not found:
            raise _unknown("task", task, [c.__name__ for c in classes])
        found = [cls for cls in classes if issubclass(cls, tuple(found))]
    return {name for cls in found for name in presets_of(cls)}


def _fits(name: str, pattern: str | type | None) -> bool:
    return isinstance(pattern, str) and fnmatchcase(name.lower(), pattern.lower())


def _short(name: str, suffix: str = "") -> str:
    return name.lower().replace("_", "").replace(" ", "").removesuffix(suffix)


def _unknown(what: str, name: str, known: Iterable[str]) -> ValueError:
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known
    return ValueError(
        f"Expected the name of a {what}, received {name!r}. "
        f"Known: {', '.join(near) or 'none'}. {import_advice()}".rstrip()
    )
