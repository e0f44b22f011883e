"""The one list of backbones and tasks, filled by explicit calls at import.

Loading looks classes, presets and converters up here. Order is the order of imports;
two entries that claim the same thing are an error that names both.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from domain_core._installation import import_advice
from domain_core.preset import Preset
from domain_core.preset_errors import PresetNotFoundError
from domain_core.serialization import (
    has_role,
    registered_classes,
    registered_name,
    serializable,
)

if TYPE_CHECKING:
    from domain_core.presets.folder import Folder
    from domain_core.presets.keras.converter import KerasConverter
    from domain_core.presets.transformers.converter import Converter


# A logical axis for each dimension of a weight; None for one that is not split.
Sharding = tuple[str | None, ...]


class OtherConverter(Protocol):
    """What reads a layout that only one package knows, which looks for it here."""

    @property
    def layout(self) -> str:
        """Name of the layout."""

    @property
    def model_type(self) -> str:
        """Name of the family there."""

    @property
    def variant(self) -> str:
        """What tells converters apart that share a model type."""


@dataclasses.dataclass(frozen=True)
class BackboneEntry:
    """A registered backbone with all that its family declares."""

    cls: type
    presets: Mapping[str, Preset]
    converters: tuple[Converter | KerasConverter | OtherConverter, ...]
    sharding: Mapping[str, Sharding] | None


@dataclasses.dataclass(frozen=True)
class TaskEntry:
    """A registered task: of one backbone, or of any that `accepts` approves."""

    cls: type
    backbone: type | None
    accepts: Callable[[Any], str | None] | None


_BACKBONES: dict[type, BackboneEntry] = {}
_TASKS: dict[type, TaskEntry] = {}
# What tasks declare for a backbone, with the registered name of its class.
_EXTENSIONS: dict[type, tuple[str, BackboneEntry]] = {}


def register_backbone(
    cls: type,
    *,
    presets: Mapping[str, Preset] | None = None,
    converters: tuple[Converter | KerasConverter | OtherConverter, ...] = (),
    sharding: Mapping[str, Sharding] | None = None,
    package: str = "custom",
) -> type:
    """Makes a backbone known to presets and tasks.

    Args:
        cls: subclass of `Backbone`.
        presets: declared presets by name.
        converters: how to read foreign layouts of this family.
        sharding: patterns of weight paths to how such weights are sharded.
        package: prefix of the registered name.

    Returns:
        `cls`, so that the call also serves as a decorator.

    Raises:
        ValueError: if a preset name or a foreign model type is already taken.
    """
    serializable(package)(cls)
    _forget_earlier_definition(cls, _BACKBONES)
    entry = BackboneEntry(cls, dict(presets or {}), tuple(converters), sharding)
    _check_new(entry)
    _BACKBONES[cls] = entry
    return cls


def extend_family(
    backbone: str,
    task: type,
    *,
    presets: Mapping[str, Preset] | None = None,
    converters: Iterable[Converter | OtherConverter] = (),
) -> None:
    """Adds presets and converters of a task that is made around another's backbone.

    Folders of families do not import each other: the one of the task names the class of
    the backbone, before or after that is registered. Such presets name the task, whose
    further parts stand in their `task_config`; such converters have heads.

    Args:
        backbone: registered name of the backbone's class, "kerascv>ViTDetBackbone".
        task: class of the task.
        presets: as in `register_backbone`.
        converters: as in `register_backbone`.

    Raises:
        ValueError: if a preset name or a foreign model type is already taken.
    """
    _forget_earlier_definition(task, _EXTENSIONS)
    extension = BackboneEntry(task, dict(presets or {}), tuple(converters), None)
    _check_new(extension)
    _EXTENSIONS[task] = (backbone, extension)


def register_task(
    cls: type,
    *,
    backbone: type | None = None,
    accepts: Callable[[Any], str | None] | None = None,
    package: str = "custom",
) -> type:
    """Makes a task, and its preprocessor's class, known to presets.

    Args:
        cls: subclass of `Task`.
        backbone: the backbone class of a task of one family.
        accepts: for a task over any fitting backbone, a function of a backbone that
            returns None if it fits, else what it lacks.
        package: prefix of the registered name.

    Returns:
        `cls`.

    Raises:
        ValueError: if neither or both of `backbone` and `accepts` are given.
    """
    if (backbone is None) == (accepts is None):
        raise ValueError(
            f"Expected either `backbone` or `accepts` for {cls.__name__}, received "
            f"backbone={backbone}, accepts={accepts}."
        )
    serializable(package)(cls)
    preprocessor_cls = getattr(cls, "preprocessor_cls", None)
    if preprocessor_cls is not None and registered_name(preprocessor_cls) is None:
        serializable(package)(preprocessor_cls)
    _forget_earlier_definition(cls, _TASKS)
    _TASKS[cls] = TaskEntry(cls, backbone, accepts)
    return cls


def register_family(
    backbone: type,
    *,
    tasks: Iterable[type] = (),
    presets: Mapping[str, Preset] | None = None,
    converters: Iterable[Converter | KerasConverter | OtherConverter] = (),
    sharding: Mapping[str, Sharding] | None = None,
    package: str = "custom",
) -> None:
    """Makes a backbone, and the tasks that are for it alone, known to presets.

    Args:
        backbone: subclass of `Backbone`.
        tasks: subclasses of `Task`.
        presets: as in `register_backbone`.
        converters: as in `register_backbone`.
        sharding: as in `register_backbone`.
        package: prefix of the registered names.

    Raises:
        ValueError: if a preset name or a foreign model type is already taken.
    """
    register_backbone(
        backbone,
        presets=presets,
        converters=tuple(converters),
        sharding=sharding,
        package=package,
    )
    for task in tasks:
        register_task(task, backbone=backbone, package=package)


def backbones() -> Iterator[BackboneEntry]:
    """Yields the registered backbones in the order of registration."""
    for entry in _BACKBONES.values():
        name = registered_name(entry.cls) if _EXTENSIONS else None
        for backbone, more in _EXTENSIONS.values():
            if backbone == name:
                entry = dataclasses.replace(
                    entry,
                    presets={**entry.presets, **more.presets},
                    converters=entry.converters + more.converters,
                )
        yield entry


def tasks() -> Iterator[TaskEntry]:
    """Yields the registered tasks in the order of registration."""
    yield from _TASKS.values()


def presets_of(cls: type) -> dict[str, Preset]:
    """Returns the declared presets that a class can load."""
    found: dict[str, Preset] = {}
    for entry in backbones():
        for name, preset in entry.presets.items():
            if issubclass(entry.cls, cls) or _task_can_use(cls, entry.cls, preset):
                found[name] = preset
    if found:
        return found
    # Of a tokenizer or preprocessor: those of the backbones that it feeds.
    fed = [
        known.backbone_cls
        for known in cast("list[Any]", registered_classes("preprocessor"))
        if _family_of(known) is not None
        and (issubclass(known, cls) or _fits_tokenizer(known, cls))
    ]
    return {
        name: preset
        for entry in backbones()
        if entry.cls in fed
        for name, preset in entry.presets.items()
    }


def _fits_tokenizer(preprocessor_cls: Any, cls: type) -> bool:
    tokenizer_cls = preprocessor_cls.tokenizer_cls
    return tokenizer_cls is not None and issubclass(tokenizer_cls, cls)


class PresetsProperty:
    """The presets that a class can load, as a class attribute."""

    def __get__(self, instance: Any, owner: type) -> Mapping[str, Preset]:
        return presets_of(owner)


def find_preset(name: str) -> tuple[BackboneEntry, Preset]:
    """Returns the backbone and the declaration of a preset name.

    Raises:
        PresetNotFoundError: if no family declares it; the nearest names are listed.
    """
    known = {p: entry for entry in backbones() for p in entry.presets}
    if name in known:
        return known[name], known[name].presets[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Nearest names: {', '.join(near)}." if near else _no_name_is_near(known)
    raise PresetNotFoundError(
        "Expected the name of a preset or the path of a preset directory, received "
        f"{name!r}, which is neither. {hint} {import_advice()}".rstrip()
    )


def find_keras_converter(
    name: str, config: Mapping[str, Any], label: str
) -> tuple[BackboneEntry, KerasConverter]:
    """Returns who reads a class of KerasNLP, KerasCV or KerasHub.

    Args:
        name: of the class, `keras_hub>X` or `keras_cv>X`.
        config: its arguments.
        label: the preset, for messages.

    Raises:
        ValueError: if nobody does.
    """
    for entry, converter in _keras_converters():
        if converter.named(name) is None:
            continue
        if name.split(">")[1] not in converter.backbone.names:
            return entry, converter
        if converter.accepts(config):
            return entry, converter
    known = sorted({c.backbone.names[0] for _, c in _keras_converters()})
    raise ValueError(
        f"Expected a preset of one of {known or 'the families of an imported package'},"
        f" received {name!r} in {label!r}. Import the package that has this family, or "
        "check that there is one."
    )


def keras_converter_of(cls: type) -> KerasConverter:
    """Returns who writes a class of ours, and its parts, for KerasHub.

    Raises:
        ValueError: if nobody does, or several do.
    """
    found = [
        converter
        for _, converter in _keras_converters()
        if converter.package == "keras_hub" and converter.of(cls) is not None
    ]
    if len(found) == 1:
        return found[0]
    raise ValueError(
        f"Expected an object of one family that KerasHub has, too; {cls.__name__} is "
        + ("of several. Save the model that it belongs to." if found else "of none.")
    )


def _keras_converters() -> Iterator[tuple[BackboneEntry, KerasConverter]]:
    for entry in backbones():
        for converter in entry.converters:
            if converter.layout == "keras":
                yield entry, cast("KerasConverter", converter)


def find_converter(
    layout: str,
    model_type: str,
    config: Mapping[str, Any] | None = None,
    folder: Folder | None = None,
) -> tuple[BackboneEntry, Converter]:
    """Returns who reads a foreign model type.

    Args:
        layout: name of the layout.
        model_type: see `Converter`.
        config: that of the preset, and
        folder: the preset, where one model type stands for several of our classes.

    Raises:
        ValueError: if nobody does; the nearest model types are listed.
    """
    known: dict[str, list[tuple[BackboneEntry, Converter]]] = {}
    for entry in backbones():
        for converter in entry.converters:
            if converter.layout == layout:
                found = known.setdefault(converter.model_type, [])
                found.append((entry, cast("Converter", converter)))
    for entry, one in known.get(model_type, ()):
        if config is None or folder is None or one.accepts is None:
            return entry, one
        if one.accepts(config, folder):
            return entry, one
    near = difflib.get_close_matches(str(model_type), known, n=3, cutoff=0.5)
    raise ValueError(
        f"Expected a supported {layout} model type, received {model_type!r}. "
        f"Supported: {', '.join(near or sorted(known)) or 'none'}. "
        f"{import_advice()}".rstrip()
    )


def task_for(cls: type, backbone_cls: type) -> type:
    """Returns the most specific registered task below `cls` for a backbone class.

    That is one of the backbone's family. A class that is not registered itself also
    stands for the task below it that takes any fitting backbone.

    Raises:
        ValueError: if two tasks fit equally well.
    """
    fitting = [
        entry.cls
        for entry in _TASKS.values()
        if entry.backbone is not None
        and issubclass(entry.cls, cls)
        and issubclass(backbone_cls, entry.backbone)
    ]
    if not fitting and cls not in _TASKS:
        fitting = [
            entry.cls
            for entry in _TASKS.values()
            if entry.accepts is not None and issubclass(entry.cls, cls)
        ]
    if cls in fitting or not fitting:
        return cls
    if len(fitting) > 1:
        names = ", ".join(c.__name__ for c in fitting)
        raise ValueError(
            f"Expected one {cls.__name__} for {backbone_cls.__name__}, found {names}. "
            "Call `from_preset` on the one you want."
        )
    return fitting[0]


def preprocessor_for(
    cls: type,
    backbone_cls: type | None,
    tokenizer_cls: type | None,
    *,
    required: bool = True,
) -> type:
    """Returns the preprocessor of a family that stands for a generic one.

    Args:
        cls: class that the user called; one of a family stands for itself.
        backbone_cls: class of the backbone that it feeds; None if that is not known.
        tokenizer_cls: class of its tokenizer, which then says the family; or None.
        required: whether a family that has none is an error, rather than `cls`.

    Raises:
        ValueError: if the family has several such preprocessors, or others but none.
    """
    fed: Any = backbone_cls if backbone_cls is not None else tokenizer_cls
    if fed is None or _family_of(cls) is not None:
        return cls
    family = [
        known
        for known in cast("list[Any]", registered_classes("preprocessor"))
        if _fits(
            fed, known.tokenizer_cls if backbone_cls is None else _family_of(known)
        )
    ]
    fitting = [known for known in family if _generic(known) is cls]
    if len(fitting) == 1:
        return fitting[0]
    if not family or not (fitting or required):
        return cls  # of nobody: a user's own, or images
    names = ", ".join(known.__name__ for known in fitting or family)
    raise ValueError(
        f"Expected one {cls.__name__} for {fed.__name__}, found "
        f"{'' if fitting else 'none among '}{names}. Call `from_preset` on the "
        "one you want, or pass `preprocessor=` to that of a task."
    )


def _family_of(preprocessor_cls: Any) -> type | None:
    family: type | None = preprocessor_cls.backbone_cls
    return family


def _fits(cls: type, family: type | None) -> bool:
    return family is not None and issubclass(cls, family)


def _generic(preprocessor_cls: type) -> type | None:
    """Returns the nearest base of a family's preprocessor that is of no family."""
    bases = [
        base for base in preprocessor_cls.__mro__ if has_role(base, "preprocessor")
    ]
    return next((base for base in bases if _family_of(base) is None), None)


def _task_can_use(cls: type, backbone_cls: type, preset: Preset) -> bool:
    entry = _TASKS.get(cls)
    if entry is None:
        return False
    names = [base.__name__ for base in cls.__mro__]  # a subclass loads it as well
    if preset.task is not None and preset.task.split(">")[-1] not in names:
        return False
    if entry.backbone is not None:
        return issubclass(backbone_cls, entry.backbone)
    # Which of them fit is known once they are built; those of one package may.
    return _package(cls) in (_package(backbone_cls), "custom")


def _check_new(entry: BackboneEntry) -> None:
    """Raises ValueError if another entry has one of these names already."""
    for other in (*_BACKBONES.values(), *(more for _, more in _EXTENSIONS.values())):
        taken = sorted(set(other.presets) & set(entry.presets)) + [
            f"{mine.layout} model type {mine.model_type!r}"
            for mine in entry.converters
            for theirs in other.converters
            if (mine.layout, mine.model_type, mine.variant)
            == (theirs.layout, theirs.model_type, theirs.variant)
        ]
        if taken:
            raise ValueError(
                f"Expected presets and model types to belong to one backbone. "
                f"{other.cls.__name__} and {entry.cls.__name__} both claim {taken}."
            )


def _package(cls: type) -> str:
    return str(registered_name(cls)).partition(">")[0]


def _forget_earlier_definition(cls: type, table: dict[type, Any]) -> None:
    """Drops the class that a notebook cell defined before it was run again."""
    for known in list(table):
        if (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__):
            del table[known]


def _no_name_is_near(known: Mapping[str, Any]) -> str:
    if not known:
        return "No package with presets is imported."
    return (
        f"There are {len(known)}: see `domain_core.list_presets()`, or run `python -m "
        "domain_core presets`."
    )
