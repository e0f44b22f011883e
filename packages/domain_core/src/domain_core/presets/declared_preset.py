"""A preset known by its name: what its family declares, and the files it points to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

from domain_core.preset import Preset
from domain_core.preset_errors import PresetCorruptError, PresetNotFoundError
from domain_core.presets.layout import IMAGE_CONVERTER, Layout
from domain_core.registry import BackboneEntry
from domain_core.serialization import flat_arguments, from_json, registered_class

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task


class DeclaredLayout(Layout):
    """Builds from the declared config alone, or from the files at the handle.

    Args:
        name: name of the preset.
        entry: the backbone that declares it.
        preset: the declaration.
        open_handle: opens the files at the handle, once they are asked for; None if
            the declaration has to do.
    """

    def __init__(
        self,
        name: str,
        entry: BackboneEntry,
        preset: Preset,
        open_handle: Callable[[str], Layout] | None,
    ) -> None:
        self._name = name
        self._entry = entry
        self._preset = preset
        self._open_handle = open_handle

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        declared = self._entry.cls, dict(self._preset.config)
        if not load_weights:
            return declared
        found = self._files.backbone(load_weights)
        self._check_equal(declared, found)
        return found

    def has_backbone(self) -> bool:
        return True

    def has_weights(self) -> bool:
        return self._preset.handle is not None

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        return self._files.weight_shapes(head)

    def weight_bytes(self) -> int | None:
        return None

    def assign_backbone(self, backbone: Backbone) -> None:
        self._files.assign_backbone(backbone)

    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        if self._preset.task is None:
            return None
        declared: tuple[type, dict[str, Any]] = (
            registered_class(self._preset.task),
            {k: from_json(value) for k, value in self._preset.task_config.items()},
        )
        if not load_weights:
            return declared
        found = self._files.task(declared[0], load_weights=True)
        if found is None:
            return declared
        # What nobody could check yet gives way to the files.
        checked = {
            key: value
            for key, value in self._preset.task_config.items()
            if key not in self._preset.unverified
        }
        self._check_equal((declared[0], checked), found)
        # What is declared beside, such as names of classes, the files do not know.
        return found[0], declared[1] | found[1]

    def assign_head(self, task: Task) -> None:
        self._files.assign_head(task)

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        if self._preset.handle is None or self._open_handle is None:
            return None
        return self._files.tokenizer(cls, **kwargs)

    def image_converter(self) -> Any:
        if self._preset.image_converter is None:
            return None
        return registered_class(IMAGE_CONVERTER)(**self._preset.image_converter)

    def preprocessor(self) -> Any:
        return None

    def generation_config(self) -> dict[str, Any] | None:
        if self._preset.handle is None or self._open_handle is None:
            return None
        return self._files.generation_config()

    def _check_equal(
        self,
        declared: tuple[type, dict[str, Any]],
        found: tuple[type, dict[str, Any]],
    ) -> None:
        """Checks that class and arguments found in the files are those declared.

        Raises:
            PresetCorruptError: if they differ; it names both.
        """
        (cls, config), (found_cls, found_config) = declared, found
        config, found_config = flat_arguments(config), flat_arguments(found_config)
        differences = [
            f"{key}: {value!r} declared, {found_config[key]!r} found"
            for key, value in config.items()
            if key in found_config and found_config[key] != value
        ]
        if found_cls is not cls:
            differences.append(
                f"class: {cls.__name__} declared, {found_cls.__name__} found"
            )
        if differences:
            raise PresetCorruptError(
                f"Expected the files of {self._name!r} to be what is declared; those "
                f"at {self._preset.handle!r} differ. {'; '.join(differences)}. Load "
                "them by their handle if they are right, and report the difference."
            )

    @cached_property
    def _files(self) -> Layout:
        if self._preset.handle is None or self._open_handle is None:
            raise PresetNotFoundError(
                f"Expected a preset with files; {self._name!r} is an architecture "
                "without published weights. Pass load_weights=False for random "
                "weights, or a preset that has some."
            )
        return self._open_handle(self._preset.handle)
