"""Qwen2 and 2.5, a Llama whose queries, keys and values have biases.

Paper: Yang et al., "Qwen2 Technical Report", 2024, https://arxiv.org/abs/2407.10671;
"Qwen2.5 Technical Report", 2024, https://arxiv.org/abs/2412.15115.
Original code: https://github.com/QwenLM/Qwen2.5.
Unusual: biases in attention, but not in its output; no token begins a text. KerasHub
calls it Qwen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from domain_core import register_family, serializable
from domain_core.presets.config_map import Config
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from keras_nlp.models import decoder_presets, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone

__all__ = [
    "Qwen2Backbone",
    "Qwen2CausalLM",
    "Qwen2CausalLMPreprocessor",
    "Qwen2Tokenizer",
]


class Qwen2Backbone(LlamaLikeBackbone):
    """A Qwen2 decoder: token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_query_heads: heads of queries per block.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        rope_max_wavelength: of the slowest pair of features that positions turn, in
            positions, over `2 pi`.
        rope_scaling_factor: what positions are divided by.
        layer_norm_epsilon: added to mean squares.
        dropout: share of features and attention probabilities to drop in training.
        dtype: dtype policy of layers and weights.
        tie_word_embeddings: whether the output is the embedding's table.
        use_sliding_window_attention: whether blocks see the last tokens alone.
        sliding_window_size: how many, the token itself among them.
        num_full_attention_layers: number of first blocks that see all tokens even so.
        activation: of the feed-forward parts' gates.
        rope_scaling: how positions are stretched to longer texts in other ways, a dict
            with "rope_type" and what belongs to it; see
            `domain_core.layers.rotary_rates`.
        max_sequence_length: the most tokens that a text is written on to; None for no
            limit.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, numbers of heads don't
            divide what they should, or a scaling lacks something.

    Example:
        >>> backbone = keras_nlp.models.Qwen2Backbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4,
        ...     num_key_value_heads=2, hidden_dim=16, intermediate_dim=32,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_query_heads: int,
        num_key_value_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        dropout: float = 0,
        dtype: Any = None,
        tie_word_embeddings: bool = True,
        use_sliding_window_attention: bool = False,
        sliding_window_size: int = 32768,
        *,
        num_full_attention_layers: int = 0,
        activation: str = "silu",
        rope_scaling: Mapping[str, Any] | None = None,
        max_sequence_length: int | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            **llama_like.with_window(self.arguments),
            attention_bias=True,
            output_bias=False,
        )


@serializable("kerasnlp")
class Qwen2Tokenizer(BytePairTokenizer):
    """Byte pairs with digits apart; see `BytePairTokenizer`.

    Padding has the id 0, which is a token like any other: only masks tell it.
    """

    named_tokens: ClassVar = {"end_token": "<|endoftext|>"}
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|im_end|>",)
    usual_pattern: ClassVar[str] = "qwen"


class Qwen2CausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Qwen2's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = Qwen2Backbone
    tokenizer_cls = Qwen2Tokenizer


class Qwen2CausalLM(CausalLM):
    """Writes on with Qwen2; see `CausalLM`."""

    preprocessor_cls = Qwen2CausalLMPreprocessor


# Of each size: vocabulary and blocks, and parameters.
_SIZES = {
    "0.5b": ((151936, 24, 14, 2, 896, 4864), 494032768),
    "1.5b": ((151936, 28, 12, 2, 1536, 8960), 1543714304),
    "3b": ((151936, 36, 16, 2, 2048, 11008), 3085938688),
    "7b": ((152064, 28, 28, 4, 3584, 18944), 7615616512),
    "14b": ((152064, 48, 40, 8, 5120, 13824), 14770033664),
    "32b": ((152064, 64, 40, 8, 5120, 27648), 32763876352),
    "72b": ((152064, 80, 64, 8, 8192, 29568), 72706203648),
}


def _row(
    kinds: str, size: str, place: str, base: float = 1e6, end: str = "_en"
) -> tuple[str, Config, int, str]:
    values, parameters = _SIZES[size]
    more = {"rope_max_wavelength": base, "tie_word_embeddings": values[0] == 151936}
    if size in ("3b", "72b"):  # the others are free
        place += " LicenseRef-Qwen"
    names = " ".join(f"qwen2.5_{kind}{size}{end}" for kind in kinds.split(","))
    return names, decoder_presets.sizes(*values, **more), parameters, place


_CODERS, _MATH = "coder_,coder_instruct_", "math_,math_instruct_"

register_family(
    Qwen2Backbone,
    tasks=(Qwen2CausalLM,),
    presets=decoder_presets.preset_table(
        "Qwen2.5",
        ("Apache-2.0", "Alibaba", "2412.15115"),
        _row(",instruct_", "0.5b", "qwen/1"),
        _row("", "3b", "qwen/1"),
        _row("", "7b", "qwen/3"),
        *(_row("instruct_", size, "qwen/2") for size in ("32b", "72b")),
        *(_row(_CODERS, s, "qwen2-5-coder/1", end="") for s in _SIZES if s != "72b"),
        *(_row(_MATH, size, "qwen2-5-math/1", 1e4) for size in ("1.5b", "7b")),
    ),
    converters=(
        llama_like.transformers_converter(
            Qwen2Backbone,
            "qwen2",
            Qwen2Tokenizer,
            config=llama_like.WINDOW,
        ),
        llama_like.keras_converter(
            Qwen2Backbone,
            Qwen2CausalLM,
            name="Qwen",
            layer="qwen_transformer_decoder",
            norm="qwen_layer_norm",
        ),
    ),
    sharding={**llama_like.SHARDING, **llama_like.BIAS_SHARDING},
    package="kerasnlp",
)
