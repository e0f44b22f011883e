"""A preset known only by what its family declares: no weights, no vocabulary."""

from __future__ import annotations

from typing import Any, NoReturn

from domain_core.preset import Preset
from domain_core.presets.layout import Layout
from domain_core.registry import BackboneEntry
from domain_core.serialization import registered_class


class DeclaredLayout(Layout):
    """Builds from the declared config alone.

    Args:
        name: name of the preset.
        entry: the backbone that declares it.
        preset: the declaration.
    """

    def __init__(self, name: str, entry: BackboneEntry, preset: Preset) -> None:
        self._name = name
        self._entry = entry
        self._preset = preset

    def backbone(self) -> tuple[type, dict[str, Any]]:
        return self._entry.cls, dict(self._preset.config)

    def has_weights(self) -> bool:
        return self._preset.handle is not None

    def assign_backbone(self, backbone: Any) -> None:
        self._refuse("weights")

    def task(self) -> tuple[type, dict[str, Any]] | None:
        if self._preset.task is None:
            return None
        return registered_class(self._preset.task), dict(self._preset.task_config)

    def assign_head(self, task: Any) -> None:
        self._refuse("weights")

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        return None

    def image_converter(self) -> Any:
        if self._preset.image_converter is None:
            return None
        from domain_core.images import ImageConverter

        return ImageConverter(**self._preset.image_converter)

    def preprocessor(self) -> Any:
        return None

    def _refuse(self, what: str) -> NoReturn:
        if self._preset.handle is None:
            raise ValueError(
                f"Expected a preset with {what}; {self._name!r} is an architecture "
                "without published weights. Pass load_weights=False for random "
                "weights, or a preset that has some."
            )
        raise ValueError(
            f"Expected a preset directory to load {what} from; {self._name!r} is a "
            f"declared preset whose files are at {self._preset.handle!r}. Download "
            "them and pass the folder's path, or pass load_weights=False for random "
            "weights."
        )
