"""Folders of `sentence-transformers`: an encoder, and what makes vectors of its output.

`modules.json` lists modules, each with a folder of its own. A table says of every key
whether it is understood, changes nothing, or may have one value only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap, dense_weights
from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.config_map import ConfigMap
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import (
    json_value,
    read_json,
    read_json_list,
    warn_of_unknown_keys,
)
from domain_core.presets.open_preset import open_folder
from domain_core.presets.safetensors_reader import TensorFiles
from domain_core.presets.sources import scheme_of

_MODULES, _OPTIONS = "modules.json", "config_sentence_transformers.json"
_ENCODER, _TOKENIZER = "sentence_bert_config.json", "tokenizer_config.json"
_POOLINGS = {
    "mean": "mean",
    "cls": "cls",
    "max": "max",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
}
# How the modes were written before version 6: each by a key of its own.
_FORMER_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS = {
    "Identity": None,
    "Tanh": "tanh",
    "ReLU": "relu",
    "GELU": "gelu",
    "Sigmoid": "sigmoid",
    "SiLU": "silu",
}
_NAMES = {
    "module_input_name": "sentence_embedding",
    "module_output_name": "sentence_embedding",
}
_POOLING_KEYS = ConfigMap(
    ignored=(
        *("embedding_dimension", "word_embedding_dimension", "pooling_mode"),
        *("include_prompt", *_FORMER_POOLINGS),
    ),
    among_others=True,
)
_DENSE_KEYS = ConfigMap(
    ignored=("in_features", "out_features", "bias", "activation_function"),
    only=_NAMES,
    among_others=True,
)
_NORMALIZE_KEYS = ConfigMap(only=_NAMES, among_others=True)
_OPTIONS_KEYS = ConfigMap(
    ignored=(
        *("__version__", "model_type", "similarity_fn_name", "prompts"),
        "default_prompt_name",
    ),
    only={"truncate_dim": None},
    among_others=True,
)
_ENCODER_KEYS = ConfigMap(
    ignored=("max_seq_length", "do_lower_case", "processing_kwargs"),
    only={
        "transformer_task": "feature-extraction",
        "module_output_name": "token_embeddings",
        "modality_config": {
            "text": {"method": "forward", "method_output_name": "last_hidden_state"}
        },
        "unpad_inputs": None,
    },
    among_others=True,
)


class SentenceFolder:
    """What a folder says of how a text becomes a vector.

    Args:
        folder: the preset, which holds `modules.json`.

    Attributes:
        arguments: of a `TextEmbedder`.
        max_length: the most tokens of a text, special ones included; None for as many
            as the encoder takes.
        lowercase: whether texts are to be put into lower case.

    Raises:
        ValueError: if something can't be expressed here; the message names it.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        kinds = [self._kind(module) for module in read_json_list(folder, _MODULES)]
        names = [kind for kind, _ in kinds]
        dense = names.count("Dense")
        normalize = names.count("Normalize")
        order = ["Transformer", "Pooling", *["Dense"] * dense]
        if names != order + ["Normalize"] * normalize or kinds[0][1] or normalize > 1:
            raise ValueError(
                f"Expected in {_MODULES!r} of the preset {folder.label!r} an encoder "
                "in the folder itself, pooling, dense layers and normalization, in "
                f"this order; received {kinds}."
            )
        self._dense = [path for kind, path in kinds if kind == "Dense"]
        if normalize:
            self._read(f"{kinds[-1][1]}/config.json", _NORMALIZE_KEYS)
        options = self._read(_OPTIONS, _OPTIONS_KEYS)
        prompts = self._prompts(options)
        self.arguments: dict[str, Any] = {
            "pooling_mode": self._pooling(f"{kinds[1][1]}/config.json", bool(prompts)),
            "normalize": bool(normalize),
            "projections": [self._layer(f"{path}/config.json") for path in self._dense],
            "prompts": prompts,
            "default_prompt_name": options.get("default_prompt_name"),
        }
        encoder = self._read(_ENCODER, _ENCODER_KEYS)
        self.lowercase = self._value(encoder, "do_lower_case", bool, _ENCODER, False)
        self.max_length = self._max_length(encoder)

    def assign(self, variables: Mapping[str, Any]) -> None:
        """Writes the weights of the dense layers, by attribute path."""
        for place, path in enumerate(self._dense):
            own = f"projection_{place}."
            weights = WeightMap(dense_weights("linear", own.removesuffix(".")))
            with TensorFiles(self._folder, f"{path}/model.safetensors") as tensors:
                weights.assign(
                    {p: v for p, v in variables.items() if p.startswith(own)},
                    tensors.shapes(),
                    tensors.read,
                )

    def _kind(self, module: Any) -> tuple[str, str]:
        """Returns the class of a module, and its folder."""
        name = json_value(module, "type", str, _MODULES, self._folder)
        return name.split(".")[-1], json_value(
            module, "path", str, _MODULES, self._folder
        )

    def _read(self, name: str, table: ConfigMap) -> dict[str, Any]:
        if name not in self._folder:
            return {}
        config = {
            k: v for k, v in read_json(self._folder, name).items() if v is not None
        }
        table.read(config, object, name)
        if unknown := table.unknown(config):
            warn_of_unknown_keys(self._folder, name, unknown)
        return config

    def _value(
        self, config: Mapping[str, Any], key: str, kind: type, file: str, absent: Any
    ) -> Any:
        if key not in config:
            return absent
        return json_value(config, key, kind, file, self._folder)

    def _pooling(self, file: str, has_prompts: bool) -> str:
        self._folder.require(file)
        config = self._read(file, _POOLING_KEYS)
        modes = config.get("pooling_mode")
        if modes is None:
            modes = [
                mode
                for key, mode in _FORMER_POOLINGS.items()
                if self._value(config, key, bool, file, False)
            ]
        mode = modes[0] if isinstance(modes, list) and len(modes) == 1 else modes
        if not isinstance(mode, str) or mode not in _POOLINGS:
            raise ValueError(
                f"Expected 'pooling_mode' in {file!r} to be one of "
                f"{sorted(_POOLINGS)}, received {mode!r:.200}."
            )
        if not self._value(config, "include_prompt", bool, file, True) and has_prompts:
            raise ValueError(
                f"The value False of 'include_prompt' in {file!r} can't be expressed "
                "here where there are prompts: they are pooled with the text."
            )
        return _POOLINGS[mode]

    def _layer(self, file: str) -> dict[str, Any]:
        """Returns the arguments of one dense layer."""
        self._folder.require(file)
        config = self._read(file, _DENSE_KEYS)
        name = self._value(
            config, "activation_function", str, file, "torch.nn.modules.activation.Tanh"
        )
        kind = name.split(".")[-1]
        if not name.startswith("torch.nn.modules.") or kind not in _ACTIVATIONS:
            raise ValueError(
                f"Expected 'activation_function' in {file!r} to be one of "
                f"{sorted(_ACTIVATIONS)} of torch, received {name!r:.80}."
            )
        return {
            "units": json_value(config, "out_features", int, file, self._folder),
            "activation": _ACTIVATIONS[kind],
            "use_bias": self._value(config, "bias", bool, file, True),
        }

    def _prompts(self, options: Mapping[str, Any]) -> dict[str, str] | None:
        prompts = self._value(options, "prompts", dict, _OPTIONS, {})
        if not all(isinstance(text, str) for text in prompts.values()):
            raise PresetCorruptError(
                f"Expected 'prompts' in {_OPTIONS!r} of the preset "
                f"{self._folder.label!r} to be texts by name, received "
                f"{prompts!r:.200}."
            )
        return prompts if any(prompts.values()) else None

    def _max_length(self, encoder: Mapping[str, Any]) -> int | None:
        length = self._value(encoder, "max_seq_length", int, _ENCODER, None)
        if length is None and _TOKENIZER in self._folder:
            length = read_json(self._folder, _TOKENIZER).get("model_max_length")
        # 10**30 stands for no limit.
        return length if isinstance(length, int) and 0 < length < 10**9 else None


def sentence_folder(preset: Any) -> SentenceFolder | None:
    """Returns what a folder says of vectors; None where it is no such folder."""
    name = os.fspath(preset)
    if not scheme_of(name) and not os.path.isdir(os.path.expanduser(name)):
        return None  # a declared preset
    folder = open_folder(preset)
    return SentenceFolder(folder) if _MODULES in folder else None
