"""Llama, the decoder that most others resemble, in its three generations.

Papers: Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023,
https://arxiv.org/abs/2302.13971; "Llama 2", 2023, https://arxiv.org/abs/2307.09288;
Grattafiori et al., "The Llama 3 Herd of Models", 2024,
https://arxiv.org/abs/2407.21783.
Original code: https://github.com/meta-llama/llama-models.
Unusual: rotary positions, gated feed-forwards and root-mean-square norms, which became
usual by it. 1 and 2 cut texts by SentencePiece; 3 into byte pairs, and from 3.1 on it
stretches the slow pairs of rotated features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from domain_core import register_family, serializable
from domain_core.presets.config_map import Config, Entry
from domain_core.presets.folder import Folder
from domain_core.text.tokenizer_json import read_tokenizer_json
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_nlp.models import decoder_presets, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone

__all__ = [
    "Llama3Backbone",
    "Llama3CausalLM",
    "Llama3CausalLMPreprocessor",
    "Llama3Tokenizer",
    "LlamaBackbone",
    "LlamaCausalLM",
    "LlamaCausalLMPreprocessor",
    "LlamaTokenizer",
]


class LlamaDecoder(LlamaLikeBackbone):
    """A Llama decoder: token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_query_heads: heads of queries per block.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        rope_max_wavelength: of the slowest pair of features that positions turn, in
            positions, over `2 pi`.
        rope_scaling_factor: what positions are divided by.
        layer_norm_epsilon: added to mean squares.
        dropout: share of features and attention probabilities to drop in training.
        dtype: dtype policy of layers and weights.
        head_dim: width of a head; None for `hidden_dim / num_query_heads`.
        activation: of the feed-forward parts' gates.
        attention_bias: whether the projections of attention have biases.
        mlp_bias: whether the projections of the feed-forward parts have biases.
        rope_scaling: how positions are stretched to longer texts in other ways, a dict
            with "rope_type" and what belongs to it; see
            `domain_core.layers.rotary_rates`.
        max_sequence_length: the most tokens that a text is written on to; None for no
            limit.
        tie_word_embeddings: whether the output is the embedding's table.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, numbers of heads don't
            divide what they should, or a scaling lacks something.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_query_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        num_key_value_heads: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        dropout: float = 0,
        dtype: Any = None,
        *,
        head_dim: int | None = None,
        activation: str = "silu",
        attention_bias: bool = False,
        mlp_bias: bool = False,
        rope_scaling: Mapping[str, Any] | None = None,
        max_sequence_length: int | None = None,
        tie_word_embeddings: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(**self.arguments)


class LlamaBackbone(LlamaDecoder):
    """A Llama 1 or 2 decoder; arguments are those of `LlamaDecoder`.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Example:
        >>> backbone = keras_nlp.models.LlamaBackbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4, hidden_dim=16,
        ...     intermediate_dim=32, num_key_value_heads=2,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """


class Llama3Backbone(LlamaDecoder):
    """A Llama 3 decoder; arguments are those of `LlamaDecoder`.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Example:
        >>> backbone = keras_nlp.models.Llama3Backbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4, hidden_dim=16,
        ...     intermediate_dim=32, num_key_value_heads=2, rope_max_wavelength=500000,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """


@serializable("kerasnlp")
class LlamaTokenizer(SentencePieceTokenizer):
    """Pieces, and tokens that bound texts; see `SentencePieceTokenizer`.

    Padding has the id 0, that of the unknown token: only masks tell it.
    """

    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "</s>"}
    cuts_at_added_tokens: ClassVar[bool] = True


@serializable("kerasnlp")
class Llama3Tokenizer(BytePairTokenizer):
    """Byte pairs of words cut as tiktoken does; see `BytePairTokenizer`.

    Padding has the id 0, which is a token like any other: only masks tell it.
    """

    named_tokens: ClassVar = {
        "start_token": "<|begin_of_text|>",
        "end_token": "<|end_of_text|>",
    }
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|eot_id|>", "<|eom_id|>")
    usual_pattern: ClassVar[str] = "llama3"
    usually_ignores_merges: ClassVar[bool] = True


class LlamaCausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Llama's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = LlamaBackbone
    tokenizer_cls = LlamaTokenizer


class Llama3CausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Llama 3's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = Llama3Backbone
    tokenizer_cls = Llama3Tokenizer


class LlamaCausalLM(CausalLM):
    """Writes on with Llama; see `CausalLM`."""

    preprocessor_cls = LlamaCausalLMPreprocessor


class Llama3CausalLM(CausalLM):
    """Writes on with Llama 3; see `CausalLM`."""

    preprocessor_cls = Llama3CausalLMPreprocessor


def _cuts_into_byte_pairs(config: Mapping[str, Any], folder: Folder) -> bool:
    """Whether a folder of model type "llama" is of the third generation."""
    if "tokenizer.model" in folder:
        return False
    if "tokenizer.json" in folder:
        model = read_tokenizer_json(folder.require("tokenizer.json"))["model"]
        return model.get("type", "BPE") == "BPE" and not model.get("byte_fallback")
    if "merges.txt" in folder:
        return True
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return scaling.get("rope_type") == "llama3"


_KEYS: dict[str, Entry] = {
    **llama_like.HEAD_DIM,
    **llama_like.ATTENTION_BIAS,
    "mlp_bias": llama_like.flag("mlp_bias"),
}


def _converters(backbone: type, task: Any, is_third: bool) -> tuple[Any, ...]:
    tokenizer = task.preprocessor_cls.tokenizer_cls
    return (
        llama_like.transformers_converter(
            backbone,
            "llama",
            tokenizer,
            architecture="Llama",
            tokenizer_name="PreTrainedTokenizerFast" if is_third else "",
            config=_KEYS,
            accepts=lambda config, folder: (
                _cuts_into_byte_pairs(config, folder) is is_third
            ),
            variant=backbone.__name__,
        ),
        llama_like.keras_converter(
            backbone,
            task,
            config={
                # KerasNLP's name and KerasHub's.
                "rope_scaling_factor": "rope_scaling_factor",
                "rope_position_scaling_factor": ("rope_scaling_factor", 1.0),
                **{name: (name, None) for name in _FREQUENCIES},
                "tie_word_embeddings": ("tie_word_embeddings", False),
            },
            layer="llama_transformer_decoder",
            norm="llama_layer_norm",
            after_reading=_with_scaling,
            before_writing=_without_scaling,
        ),
    )


# KerasHub's arguments for Llama 3's scaling, and what they are called in it.
_FREQUENCIES = {
    "rope_frequency_adjustment_factor": "factor",
    "rope_low_freq_factor": "low_freq_factor",
    "rope_high_freq_factor": "high_freq_factor",
    "rope_pretraining_sequence_length": "original_max_position_embeddings",
}


def _with_scaling(arguments: Config) -> Config:
    values = {key: arguments.pop(name) for name, key in _FREQUENCIES.items()}
    if any(value is not None for value in values.values()):
        arguments["rope_scaling"] = {"rope_type": "llama3", **values}
    return arguments


def _without_scaling(arguments: Config) -> Config:
    scaling = arguments["rope_scaling"] or {}
    if scaling.get("rope_type") == "llama3":
        arguments["rope_scaling"] = None
        arguments |= {name: scaling[key] for name, key in _FREQUENCIES.items()}
    return arguments


_THIRD = {"rope_max_wavelength": 500000, "layer_norm_epsilon": 1e-5}
_7B = decoder_presets.sizes(32000, 32, 32, 32, 4096, 11008, layer_norm_epsilon=1e-5)
_8B = decoder_presets.sizes(128256, 32, 32, 8, 4096, 14336, **_THIRD)
_1B = decoder_presets.sizes(128256, 16, 32, 8, 2048, 8192, **_THIRD)
_3B = decoder_presets.sizes(128256, 28, 24, 8, 3072, 8192, **_THIRD)


def _stretched(config: Config, factor: float) -> Config:
    values = dict(zip(_FREQUENCIES.values(), (factor, 1.0, 4.0, 8192), strict=True))
    return {**config, "rope_scaling": {"rope_type": "llama3", **values}}


_SECOND = decoder_presets.preset_table(
    "Llama 2",
    ("LicenseRef-Llama-2", "Meta", "2307.09288"),
    ("llama2_7b_en llama2_instruct_7b_en", _7B, 6738415616, "llama2/3"),
    ("vicuna_1.5_7b_en", _7B, 6738415616, "vicuna/3"),
)
_LONG, _SHORT = "LicenseRef-Llama-3.1", "LicenseRef-Llama-3.2"
_THIRD_PRESETS = decoder_presets.preset_table(
    "Llama 3",
    ("LicenseRef-Llama-3", "Meta", "2407.21783"),
    ("llama3_8b_en llama3_instruct_8b_en", _8B, 8030261248, "llama3/5"),
    (
        "llama3.1_8b llama3.1_instruct_8b llama3.1_guard_8b",
        *(_stretched(_8B, 8.0), 8030261248, f"llama3/2 {_LONG}"),
    ),
    (
        "llama3.2_1b llama3.2_instruct_1b llama3.2_guard_1b",
        *(_stretched(_1B, 32.0), 1498482688, f"llama3/1 {_SHORT}"),
    ),
    (
        "llama3.2_3b llama3.2_instruct_3b",
        *(_stretched(_3B, 32.0), 3606752256, f"llama3/1 {_SHORT}"),
    ),
)

for _backbone, _task, _known in (
    (LlamaBackbone, LlamaCausalLM, _SECOND),
    (Llama3Backbone, Llama3CausalLM, _THIRD_PRESETS),
):
    register_family(
        _backbone,
        tasks=(_task,),
        presets=_known,
        converters=_converters(_backbone, _task, _backbone is Llama3Backbone),
        sharding={**llama_like.SHARDING, **llama_like.BIAS_SHARDING},
        package="kerasnlp",
    )
