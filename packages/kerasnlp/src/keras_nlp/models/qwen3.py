"""Qwen3, a Llama that normalizes the heads of its queries and keys.

Paper: Yang et al., "Qwen3 Technical Report", 2025, https://arxiv.org/abs/2505.09388.
Original code: https://github.com/QwenLM/Qwen3.
Unusual: norms of queries and keys, head by head; heads are wider than the width allows;
no token begins a text.
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
    "Qwen3Backbone",
    "Qwen3CausalLM",
    "Qwen3CausalLMPreprocessor",
    "Qwen3Tokenizer",
]


class Qwen3Backbone(LlamaLikeBackbone):
    """A Qwen3 decoder: token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_query_heads: heads of queries per block.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        head_dim: width of a head.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        rope_max_wavelength: of the slowest pair of features that positions turn, in
            positions, over `2 pi`.
        rope_scaling_factor: what positions are divided by.
        layer_norm_epsilon: added to mean squares.
        dropout: share of features and attention probabilities to drop in training.
        tie_word_embeddings: whether the output is the embedding's table.
        sliding_window_size: number of tokens that a token sees, itself among them,
            where attention is local.
        dtype: dtype policy of layers and weights.
        use_sliding_window_attention: whether it is, in the blocks.
        num_full_attention_layers: number of first blocks that see all tokens even so.
        activation: of the feed-forward parts' gates.
        attention_bias: whether the projections of attention have biases.
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
        >>> backbone = keras_nlp.models.Qwen3Backbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4,
        ...     num_key_value_heads=2, head_dim=8, hidden_dim=16, intermediate_dim=32,
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
        head_dim: int,
        hidden_dim: int,
        intermediate_dim: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        dropout: float = 0.0,
        tie_word_embeddings: bool = True,
        sliding_window_size: int = 32768,
        dtype: Any = None,
        *,
        use_sliding_window_attention: bool = False,
        num_full_attention_layers: int = 0,
        activation: str = "silu",
        attention_bias: bool = False,
        rope_scaling: Mapping[str, Any] | None = None,
        max_sequence_length: int | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(**llama_like.with_window(self.arguments), norms_heads=True)


@serializable("kerasnlp")
class Qwen3Tokenizer(BytePairTokenizer):
    """Byte pairs with digits apart; see `BytePairTokenizer`."""

    named_tokens: ClassVar = {"end_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|endoftext|>",)
    usual_pattern: ClassVar[str] = "qwen"


class Qwen3CausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Qwen3's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = Qwen3Backbone
    tokenizer_cls = Qwen3Tokenizer


class Qwen3CausalLM(CausalLM):
    """Writes on with Qwen3; see `CausalLM`."""

    preprocessor_cls = Qwen3CausalLMPreprocessor


def _size(*values: int) -> Config:
    more = {"rope_max_wavelength": 1e6, "tie_word_embeddings": values[4] < 4096}
    return decoder_presets.sizes(*values, head_dim=128, **more)


_06B, _4B = (28, 16, 8, 1024, 3072), (36, 32, 8, 2560, 9728)
_17B, _8B = (28, 16, 8, 2048, 6144), (36, 32, 8, 4096, 12288)
_14B = _size(151936, 40, 40, 8, 5120, 17408)
_32B = _size(151936, 64, 64, 8, 5120, 25600)
_VECTORS = "qwen-3-embedding/1"

register_family(
    Qwen3Backbone,
    tasks=(Qwen3CausalLM,),
    presets=decoder_presets.preset_table(
        "Qwen3",
        ("Apache-2.0", "Alibaba", "2505.09388"),
        ("qwen3_0.6b_en", _size(151936, *_06B), 596049920, "qwen-3/1"),
        ("qwen3_1.7b_en", _size(151936, *_17B), 1720574976, "qwen-3/1"),
        ("qwen3_4b_en", _size(151936, *_4B), 4022468096, "qwen-3/1"),
        ("qwen3_8b_en", _size(151936, *_8B), 8190735360, "qwen-3/1"),
        ("qwen3_14b_en", _14B, 14768307200, "qwen-3/1"),
        ("qwen3_32b_en", _32B, 32762123264, "qwen-3/1"),
        ("qwen3_embedding_0.6b_en", _size(151669, *_06B), 595776512, _VECTORS),
        ("qwen3_embedding_4b_en", _size(151665, *_4B), 4021774336, _VECTORS),
        ("qwen3_embedding_8b_en", _size(151665, *_8B), 8188515328, _VECTORS),
    ),
    converters=(
        llama_like.transformers_converter(
            Qwen3Backbone,
            "qwen3",
            Qwen3Tokenizer,
            tokenizer_name="Qwen2Tokenizer",
            config={
                **llama_like.WINDOW,
                **llama_like.ATTENTION_BIAS,
                "head_dim": ("head_dim", 128),
            },
        ),
        llama_like.keras_converter(
            Qwen3Backbone,
            Qwen3CausalLM,
            layer="qwen3_transformer_decoder",
            norm="qwen3_layer_norm",
        ),
    ),
    sharding={**llama_like.SHARDING, **llama_like.BIAS_SHARDING},
    package="kerasnlp",
)
