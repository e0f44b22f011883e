"""The base class of what stands between raw samples and a model."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

from domain_core.arguments import set_layer_arguments
from domain_core.registry import PresetsProperty
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import role
from domain_core.tokenizers.tokenizer import Tokenizer


@role("preprocessor")
class Preprocessor(RemembersArguments):
    """Turns batches of raw samples into a model's inputs, on NumPy.

    A subclass writes `__call__`; the constructor's arguments are remembered, each an
    attribute that it sets. It is a plain object, not a Keras layer: it runs ahead of
    the model, in background threads, without TensorFlow.

    Attributes:
        tokenizer_cls: class of its tokenizer, for `from_preset`; None without one.
        backbone_cls: class of the backbone it feeds; None if it feeds several.

    Args:
        **kwargs: `name`, `trainable` and `dtype`, which upstream's preprocessors have
            as Keras layers. They mean nothing here.
    """

    presets: ClassVar[PresetsProperty] = PresetsProperty()
    tokenizer_cls: ClassVar[type | None] = None
    backbone_cls: ClassVar[type | None] = None
    tokenizer: Tokenizer | None = None

    def __init__(self, **kwargs: Any) -> None:
        set_layer_arguments(self, kwargs, "name", "trainable", "dtype")

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Preprocesses one batch (or one sample).

        Args:
            x: raw samples.
            y: labels, or None.
            sample_weight: weights of the samples, or None.

        Returns:
            `x`, `(x, y)` or `(x, y, sample_weight)`, as
            `keras.utils.pack_x_y_sample_weight` gives them.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `__call__`.")

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Builds the preprocessor of a preset.

        Args:
            preset: name, handle or directory, see `Backbone.from_preset`.
            **kwargs: constructor arguments that override the preset's.
        """
        from domain_core.presets import load_preprocessor

        return load_preprocessor(cls, preset, **kwargs)

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        layout: str = "native",
        sign_key: str | os.PathLike[str] | None = None,
    ) -> None:
        """Writes the preprocessor and its tokenizer as a preset directory.

        Arguments are those of `Backbone.save_to_preset`.
        """
        from domain_core.presets import save_preset

        save_preset(
            preset_dir,
            preprocessor=self,
            overwrite=overwrite,
            layout=layout,
            sign_key=sign_key,
        )
