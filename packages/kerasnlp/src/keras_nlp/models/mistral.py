"""Mistral, a Llama whose tokens look back so far and no further.

Paper: Jiang et al., "Mistral 7B", 2023, https://arxiv.org/abs/2310.06825.
Original code: https://github.com/mistralai/mistral-inference.
Unusual: every block sees a window of the last tokens alone, which versions after the
first gave up again; in larger models heads are narrower than the width allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from domain_core import register_family, serializable
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_nlp.models import decoder_presets, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone

__all__ = [
    "MistralBackbone",
    "MistralCausalLM",
    "MistralCausalLMPreprocessor",
    "MistralTokenizer",
]


class MistralBackbone(LlamaLikeBackbone):
    """A Mistral decoder: token ids to features per token.

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
        sliding_window: number of tokens that a token sees, itself among them; None for
            all before it.
        dropout: share of features and attention probabilities to drop in training.
        dtype: dtype policy of layers and weights.
        head_dim: width of a head; None for `hidden_dim / num_query_heads`.
        activation: of the feed-forward parts' gates.
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

    Example:
        >>> backbone = keras_nlp.models.MistralBackbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4, hidden_dim=16,
        ...     intermediate_dim=32, num_key_value_heads=2, sliding_window=8,
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
        hidden_dim: int,
        intermediate_dim: int,
        num_key_value_heads: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        sliding_window: int | None = 512,
        dropout: float = 0,
        dtype: Any = None,
        *,
        head_dim: int | None = None,
        activation: str = "silu",
        rope_scaling: Mapping[str, Any] | None = None,
        max_sequence_length: int | None = None,
        tie_word_embeddings: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        arguments = dict(self.arguments)
        del arguments["sliding_window"]
        super().__init__(**arguments, window=sliding_window)


@serializable("kerasnlp")
class MistralTokenizer(SentencePieceTokenizer):
    """Pieces, and tokens that bound texts; see `SentencePieceTokenizer`.

    Padding has the id 0, that of the unknown token: only masks tell it.
    """

    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "</s>"}
    cuts_at_added_tokens: ClassVar[bool] = True


class MistralCausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Mistral's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = MistralBackbone
    tokenizer_cls = MistralTokenizer


class MistralCausalLM(CausalLM):
    """Writes on with Mistral; see `CausalLM`."""

    preprocessor_cls = MistralCausalLMPreprocessor


_BLOCKS = (32, 32, 8, 4096, 14336)
_FIRST = {"layer_norm_epsilon": 1e-5, "sliding_window": 4096}
_LATER = {**_FIRST, "sliding_window": None, "rope_max_wavelength": 1e6}
_SMALL = {**_LATER, "rope_max_wavelength": 1e9, "head_dim": 128}
_7B = [decoder_presets.sizes(32000, *_BLOCKS, **more) for more in (_FIRST, _LATER)]
_7B += [decoder_presets.sizes(32768, *_BLOCKS, **_LATER)]
_24B = decoder_presets.sizes(131072, 40, 32, 8, 5120, 32768, **_SMALL)

register_family(
    MistralBackbone,
    tasks=(MistralCausalLM,),
    presets=decoder_presets.preset_table(
        "Mistral",
        ("Apache-2.0", "Mistral AI", "2310.06825"),
        ("mistral_7b_en mistral_instruct_7b_en", _7B[0], 7241732096, "mistral/8"),
        ("mistral_0.2_instruct_7b_en", _7B[1], 7241732096, "mistral/3"),
        (
            "mistral_0.3_7b_en mistral_0.3_instruct_7b_en",
            _7B[2],
            7248023552,
            "mistral/1",
        ),
        (
            "magistral_small_2506_en magistral_small_2507_en",
            *(_24B, 23572403200, "magistral/1"),
        ),
    ),
    converters=(
        llama_like.transformers_converter(
            MistralBackbone,
            "mistral",
            MistralTokenizer,
            tokenizer_name="LlamaTokenizer",
            config={**llama_like.HEAD_DIM, "sliding_window": ("sliding_window", 4096)},
        ),
        llama_like.keras_converter(
            MistralBackbone,
            MistralCausalLM,
            config=llama_like.HEAD_DIM,
            layer="mistral_transformer_decoder",
            norm="mistral_layer_normalization",
        ),
    ),
    sharding=llama_like.SHARDING,
    package="kerasnlp",
)
