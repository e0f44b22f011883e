"""The base class of models that take raw text or images."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import keras

from domain_core.backbone import PresetsProperty
from domain_core.pipeline import PipelineModel
from domain_core.serialization import revive
from domain_core.weight_paths import weight_paths


class Task(PipelineModel):
    """A backbone, a head, and the preprocessor that feeds them.

    `fit`, `evaluate` and `predict` take raw samples; see `PipelineModel`. A subclass
    builds its head as a functional graph on `backbone(backbone.input)`, writes
    `get_config`, and says in `compile` what to compile with by default.

    Args:
        backbone: a `Backbone`.
        inputs: the graph's inputs.
        outputs: the graph's outputs.
        preprocessor: a `Preprocessor`, any callable `(x, y, sample_weight)`, or None
            if samples come preprocessed.
        name: name of the model.

    Attributes:
        backbone_cls: class of its backbone, for a task of one family.
        preprocessor_cls: class of its preprocessor, for `from_preset`.
    """

    backbone_cls: ClassVar[type | None] = None
    preprocessor_cls: ClassVar[type | None] = None
    presets: ClassVar[PresetsProperty] = PresetsProperty()

    def __init__(
        self,
        backbone: keras.Model,
        inputs: Any,
        outputs: Any,
        *,
        preprocessor: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.backbone = backbone
        self.preprocessor = preprocessor
        # Under the backbone's policy `compile` scales the loss where float16 needs it.
        self.dtype_policy = backbone.dtype_policy

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(inputs, labels, sample weights)`."""
        if self.preprocessor is None:
            return x, y, sample_weight
        return keras.utils.unpack_x_y_sample_weight(
            self.preprocessor(x, y=y, sample_weight=sample_weight)
        )

    def base_config(self) -> dict[str, Any]:
        """Returns the arguments that every task has, for `get_config`."""
        return {
            "backbone": self.backbone,
            "preprocessor": self.preprocessor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        return cls(**revive(config))

    def head_weight_paths(self) -> dict[str, keras.Variable]:
        """Maps attribute paths to the weights outside the backbone."""
        return weight_paths(self, exclude=self.backbone)

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Builds the task of a preset, or a new head on its backbone.

        Args:
            preset: path of a preset directory (this library's layout or Hugging
                Face's), or the name of a declared preset.
            load_weights: if False, weights are drawn at random.
            **kwargs: constructor arguments that override the preset's. `num_classes`
                asks for a new head; `dtype` goes to the backbone.

        Raises:
            ValueError: if the preset is unknown, holds another kind of model, or its
                weights do not fit.
        """
        from domain_core.presets import load_task

        return load_task(cls, preset, load_weights, **kwargs)

    def save_to_preset(
        self, preset_dir: str | os.PathLike[str], *, overwrite: bool = False
    ) -> None:
        """Writes backbone, head and preprocessor as a preset directory.

        Args:
            preset_dir: directory to make; its parent must exist.
            overwrite: replace a preset that is there.

        Raises:
            ValueError: if the directory is not empty and `overwrite` is False.
        """
        from domain_core.presets import save_preset

        save_preset(
            preset_dir,
            backbone=self.backbone,
            task=self,
            preprocessor=self.preprocessor,
            overwrite=overwrite,
        )
