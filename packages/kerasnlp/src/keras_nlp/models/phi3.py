"""Phi-3, a Llama whose long versions stretch each pair of features by itself.

Paper: Abdin et al., "Phi-3 Technical Report", 2024, https://arxiv.org/abs/2404.14219.
Original code: https://huggingface.co/microsoft/Phi-3-mini-4k-instruct.
Unusual: one set of factors of the rotary rates for texts up to the length that it was
trained with, another for longer ones; checkpoints join queries, keys and values, and
gates and what they let through, in one matrix each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from domain_core import register_family, serializable
from domain_core.arguments import as_positive_int
from domain_core.presets.config_map import Config
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_nlp.models import decoder_presets, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone

__all__ = [
    "Phi3Backbone",
    "Phi3CausalLM",
    "Phi3CausalLMPreprocessor",
    "Phi3Tokenizer",
]

_SU = (
    *("pretraining_sequence_length", "rope_scaling_type"),
    *("rope_scaling_short_factor", "rope_scaling_long_factor"),
)


class Phi3Backbone(LlamaLikeBackbone):
    """A Phi-3 decoder: token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        num_query_heads: heads of queries per block; divides `hidden_dim`.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        layer_norm_epsilon: added to mean squares.
        dropout: share of features and attention probabilities to drop in training.
        max_sequence_length: the most tokens that a text is written on to.
        pretraining_sequence_length: length of the longest text of the first training.
        rope_max_wavelength: of the slowest pair of features that positions turn, in
            positions, over `2 pi`.
        rope_scaling_type: "su" to stretch positions by the two lists that follow.
        rope_scaling_short_factor: what the rate of each pair of features is divided by
            in texts of up to `pretraining_sequence_length` tokens.
        rope_scaling_long_factor: the same in longer texts.
        dtype: dtype policy of layers and weights.
        activation: of the feed-forward parts' gates.
        partial_rotary_factor: share of the features of a head that are turned.
        rope_scaling: how positions are stretched to longer texts in other ways, a dict
            with "rope_type" and what belongs to it; see
            `domain_core.layers.rotary_rates`.
        sliding_window: number of tokens that a token sees, itself among them; None for
            all before it.
        tie_word_embeddings: whether the output is the embedding's table.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, numbers of heads don't
            divide what they should, or a scaling is unknown or lacks something.

    Example:
        >>> backbone = keras_nlp.models.Phi3Backbone(
        ...     vocabulary_size=100, num_layers=2, hidden_dim=16, intermediate_dim=32,
        ...     num_query_heads=4, num_key_value_heads=2,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        hidden_dim: int,
        intermediate_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        layer_norm_epsilon: float = 1e-6,
        dropout: float = 0.0,
        max_sequence_length: int = 4096,
        pretraining_sequence_length: int = 4096,
        rope_max_wavelength: float = 10000,
        rope_scaling_type: str | None = None,
        rope_scaling_short_factor: Sequence[float] | None = None,
        rope_scaling_long_factor: Sequence[float] | None = None,
        dtype: Any = None,
        *,
        activation: str = "silu",
        partial_rotary_factor: float = 1.0,
        rope_scaling: Mapping[str, Any] | None = None,
        sliding_window: int | None = None,
        tie_word_embeddings: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        as_positive_int("max_sequence_length", max_sequence_length)
        as_positive_int("pretraining_sequence_length", pretraining_sequence_length)
        arguments = _with_scaling(dict(self.arguments))
        del arguments["sliding_window"]
        super().__init__(**arguments, window=sliding_window)


def _with_scaling(arguments: Config) -> Config:
    """Puts what KerasNLP says of a scaling in Hugging Face's form."""
    original, kind, short, long = map(arguments.pop, _SU)
    if kind is None:
        return arguments
    if kind != "su" or arguments["rope_scaling"] is not None:
        raise ValueError(
            "Expected `rope_scaling_type` to be 'su', and no other `rope_scaling`; "
            f"received {kind!r:.80} and {arguments['rope_scaling']!r:.80}."
        )
    scaling = {"rope_type": "longrope", "short_factor": short, "long_factor": long}
    scaling["original_max_position_embeddings"] = original
    scaling["factor"] = arguments["max_sequence_length"] / original
    return {**arguments, "rope_scaling": scaling}


def _without_scaling(arguments: Config) -> Config:
    """Does the inverse, where it can."""
    found = {**arguments, "rope_scaling_type": "su", "rope_scaling": None}
    scaling = arguments["rope_scaling"] or {}
    for name in ("short_factor", "long_factor"):
        found[f"rope_scaling_{name}"] = scaling.get(name)
    if scaling == _with_scaling(dict(found))["rope_scaling"]:
        return found
    return arguments


def _with_scaling_beside(arguments: Config) -> Config:
    original = arguments["pretraining_sequence_length"]
    return {**_with_scaling(arguments), "pretraining_sequence_length": original}


@serializable("kerasnlp")
class Phi3Tokenizer(SentencePieceTokenizer):
    """Llama's pieces, and tokens for conversations; see `SentencePieceTokenizer`.

    Padding has the id 0, that of the unknown token: only masks tell it.
    """

    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "<|endoftext|>"}
    stop_tokens: ClassVar[tuple[str, ...]] = ("<|end|>",)
    appended: ClassVar[tuple[str, ...]] = ("<|endoftext|>",)
    cuts_at_added_tokens: ClassVar[bool] = True


class Phi3CausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Phi-3's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = Phi3Backbone
    tokenizer_cls = Phi3Tokenizer


class Phi3CausalLM(CausalLM):
    """Writes on with Phi-3; see `CausalLM`."""

    preprocessor_cls = Phi3CausalLMPreprocessor


_MINI = decoder_presets.sizes(32064, 32, 32, 32, 3072, 8192, layer_norm_epsilon=1e-5)
# But for the factors of its scaling, which stand in its files alone.
_LONG = {**_MINI, "max_sequence_length": 131072}

register_family(
    Phi3Backbone,
    tasks=(Phi3CausalLM,),
    presets=decoder_presets.preset_table(
        "Phi-3 mini",
        ("MIT", "Microsoft", "2404.14219"),
        ("phi3_mini_4k_instruct_en", _MINI, 3821079552, "phi3/2"),
        ("phi3_mini_128k_instruct_en", _LONG, 3821079552, "phi3/2"),
    ),
    converters=(
        llama_like.transformers_converter(
            Phi3Backbone,
            "phi3",
            Phi3Tokenizer,
            tokenizer_name="LlamaTokenizer",
            config={
                "max_position_embeddings": ("max_sequence_length", 4096),
                "original_max_position_embeddings": (
                    *("pretraining_sequence_length", 4096),
                ),
                "partial_rotary_factor": ("partial_rotary_factor", 1.0),
                "sliding_window": ("sliding_window", None),
            },
            only={
                **dict.fromkeys(("attention_bias", "mlp_bias", "lm_head_bias"), False),
                **{"resid_pdrop": 0.0, "embd_pdrop": 0.0},
                **{"full_attn_mod": 1, "interpolate_factor": 1},
            },
            scalings={"yarn": "longrope"},
            fused=llama_like.FUSED,
            after_reading=_without_scaling,
            before_writing=_with_scaling_beside,
        ),
        llama_like.keras_converter(
            Phi3Backbone,
            Phi3CausalLM,
            layer="phi3_decoder",
            norm="phi3_layer_norm",
            blocks={
                "attention.query": "attention/query_dense",
                "attention.key": "attention/key_dense",
                "attention.value": "attention/value_dense",
                "attention.out": "attention/output_dense",
                "attention_norm": "pre_attention_layernorm",
                "feedforward_norm": "post_attention_layernorm",
                "feedforward.gate": "feedforward_gate_dense",
                "feedforward.up": "feedforward_intermediate_dense",
                "feedforward.down": "feedforward_output_dense",
            },
        ),
    ),
    sharding=llama_like.SHARDING,
    package="kerasnlp",
)
