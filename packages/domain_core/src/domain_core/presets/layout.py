"""What loading asks of a preset, whatever its layout."""

from __future__ import annotations

import abc
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task


# Registered by `domain_core.images`, which stands above presets.
IMAGE_CONVERTER = "domain_core>ImageConverter"


class Layout(abc.ABC):
    """One preset, opened. Subclasses write all methods."""

    @abc.abstractmethod
    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        """Returns the class of the backbone and its constructor arguments.

        Args:
            load_weights: whether weights will be loaded; else their file is not to be
                asked for anything.
        """

    @abc.abstractmethod
    def has_backbone(self) -> bool:
        """Returns whether a backbone is described at all."""

    @abc.abstractmethod
    def has_weights(self) -> bool:
        """Returns whether it comes with weights, here or at its handle."""

    @abc.abstractmethod
    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        """Returns the shapes in the file of the weights, without reading them.

        Args:
            head: of the weights outside the backbone, rather than of the backbone.
        """

    @abc.abstractmethod
    def weight_bytes(self) -> int | None:
        """Returns the size of the files of the weights, without opening them.

        None where the config does not come from such files, but from a declaration.
        """

    @abc.abstractmethod
    def assign_backbone(self, backbone: Backbone) -> None:
        """Writes every weight of a backbone."""

    @abc.abstractmethod
    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        """Returns the class and arguments of a task with a trained head, or None.

        Args:
            cls: class of the task, preferred where there are several heads.
            load_weights: as in `backbone`.
        """

    @abc.abstractmethod
    def assign_head(self, task: Task) -> None:
        """Writes every weight outside the backbone."""

    @abc.abstractmethod
    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        """Returns the tokenizer, or None where the preset has none.

        Args:
            cls: class that the tokenizer must have.
            **kwargs: constructor arguments that override the preset's.
        """

    @abc.abstractmethod
    def image_converter(self) -> Any:
        """Returns the image converter, or None where the preset has none."""

    @abc.abstractmethod
    def preprocessor(self) -> Any:
        """Returns the stored preprocessor, or None."""

    @abc.abstractmethod
    def generation_config(self) -> dict[str, Any] | None:
        """Returns how to generate with the backbone, or None if nothing is said."""
