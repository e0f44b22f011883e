"""The base class of every pretrained model body."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import keras

from domain_core.quantization import policy_of, quantized_layers
from domain_core.registry import PresetsProperty as PresetsProperty
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import policy_config, role
from domain_core.weights.weight_paths import weight_paths


@role("backbone")
class Backbone(RemembersArguments, keras.Model):
    """A functional Keras model without a head, built from plain arguments.

    A subclass writes its constructor in two parts:

    ```python
    @domain_core.register_backbone
    class Bag(domain_core.Backbone):
        def __init__(self, vocabulary_size, dim, **kwargs):
            # layers
            table = keras.layers.Embedding(
                vocabulary_size, dim, dtype=kwargs.get("dtype")
            )
            # functional model
            ids = keras.Input((None,), dtype="int32", name="token_ids")
            super().__init__({"token_ids": ids}, table(ids), **kwargs)
            self.table = table
    ```

    Layers become attributes after `super().__init__`; the attribute is the name of
    their weights in saved presets. The constructor's arguments are attributes, too, but
    for layers among them; `get_config` gives them.

    Args:
        inputs: a dict of `keras.Input`, each named by its key.
        outputs: one tensor, or a dict of tensors.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy; the layers must have been made under the same one.
    """

    presets: ClassVar[PresetsProperty] = PresetsProperty()
    # As text: Keras wraps dicts that become attributes.
    generation_config_text: str | None = None

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, trainable=trainable)
        if dtype is not None:
            self.dtype_policy = keras.dtype_policies.get(dtype)
        self.keep_arguments(*self.constructor_calls()[:-1])

    @property
    def token_embedding(self) -> Any:
        """The layer that embeds token ids, or None."""
        return None

    def set_config(self, **arguments: Any) -> None:
        """Sets attributes. Nothing needs it: arguments are remembered.

        Args:
            **arguments: values by name of the attribute.
        """
        for name, value in arguments.items():
            setattr(self, name, value)

    @property
    def generation_config(self) -> Mapping[str, Any] | None:
        """How its authors generate with it, as JSON data, or None; read-only.

        The keys are Hugging Face's: `{"eos_token_id": 2, "top_p": 0.9}`.
        """
        text = self.generation_config_text
        return None if text is None else MappingProxyType(json.loads(text))

    def set_generation_config(self, config: Mapping[str, Any] | None) -> None:
        """Replaces `generation_config`, which presets keep and `.keras` files do not.

        Args:
            config: JSON data with the keys of Hugging Face's `GenerationConfig`; None
                for none.

        Raises:
            ValueError: if it is no JSON data, or more than a mebibyte.
        """
        from domain_core.presets.json_files import json_text

        text = None if config is None else json_text(dict(config), "generation config")
        self.generation_config_text = text

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; of quantized layers, which they are."""
        config = super().get_config()
        # As they are, so that Keras knows again what several models share.
        parts = self.current_arguments().items()
        config |= {name: v for name, v in parts if isinstance(v, keras.Layer)}
        if "dtype" in config:
            config["dtype"] = policy_config(policy_of(self))
        return config

    def weight_paths(self) -> dict[str, keras.Variable]:
        """Maps attribute paths to weights; see `domain_core.weight_paths`."""
        return weight_paths(self)

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Saves as `keras.Model.save`, after a look whether a config says it all."""
        quantized_layers(self)
        super().save(filepath, *args, **kwargs)

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Builds the backbone of a preset.

        Args:
            preset: name of a declared preset, handle ("kaggle://...", "hf://...",
                "https://..."), or path of a directory, in any of the three layouts.
            load_weights: whether to load weights or draw them at random, which for a
                declared preset needs no file at all; None loads them where the preset
                has some, as a mere architecture does not.
            **kwargs: constructor arguments that override the preset's, `dtype` among
                them. Also `verify=True`, to compare every file with its hash first,
                and `verify_key`, the path of a public key that must have signed them;
                and `max_parameters`, how large a model may be whose weights are not
                loaded, by default as large as the preset's weight files say, or
                8,388,608 where it has none. A declared preset has no such limit.

        Raises:
            ValueError: if the preset belongs to another class.
            PresetError: the subclass that says why the preset can't be loaded.
        """
        from domain_core.presets import load_backbone

        return load_backbone(cls, preset, load_weights, **kwargs)

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        max_shard_size: float = 10,
        *,
        overwrite: bool = False,
        layout: str = "native",
        sign_key: str | os.PathLike[str] | None = None,
    ) -> None:
        """Writes config and weights as a preset directory.

        Args:
            preset_dir: directory to make, with its parents.
            max_shard_size: gigabytes above which weights are split over files.
            overwrite: replace parts of the same kind in a preset that is there.
            layout: "native", or "keras" for what KerasHub reads.
            sign_key: path of a private key (PEM) to sign the files with.

        Raises:
            ValueError: if the directory is not empty and `overwrite` is False, or
                KerasHub has no class that can express this one.
        """
        from domain_core.presets import save_preset

        save_preset(
            preset_dir,
            backbone=self,
            overwrite=overwrite,
            layout=layout,
            max_shard_size=max_shard_size,
            sign_key=sign_key,
        )

    def export_to_transformers(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        max_shard_size: float = 10,
    ) -> None:
        """Writes config and weights as a folder that Hugging Face `transformers` loads.

        Args:
            path: directory to make, with its parents.
            overwrite: replace parts of the same kind in a folder that is there.
            max_shard_size: gigabytes above which weights are split over files.

        Raises:
            ValueError: if Hugging Face has no such model, its config has no place for
                an argument, or the directory is not empty and `overwrite` is False.
        """
        from domain_core.presets import export_to_transformers

        export_to_transformers(
            path, backbone=self, overwrite=overwrite, max_shard_size=max_shard_size
        )
