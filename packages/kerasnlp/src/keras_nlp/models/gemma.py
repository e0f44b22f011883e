"""Gemma 1 and 2, Llamas with wide heads, a large vocabulary and scaled embeddings.

Papers: Gemma Team, "Gemma: Open Models Based on Gemini Research and Technology", 2024,
https://arxiv.org/abs/2403.08295, and "Gemma 2: Improving Open Language Models at a
Practical Size", 2024, https://arxiv.org/abs/2408.00118.
Original code: https://github.com/google-deepmind/gemma.
Unusual: embeddings are multiplied by the root of their width, norms by one more than
their scale. Gemma 2 normalizes before and after each part, bends scores of attention
and of tokens, and every other block, the first among them, sees a window alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from domain_core import register_family, serializable
from domain_core.presets.config_map import Argument, Config, Entry
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_nlp.models import decoder_presets, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_arguments import check_arguments
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone

_sizes = decoder_presets.sizes

__all__ = [
    "GemmaBackbone",
    "GemmaCausalLM",
    "GemmaCausalLMPreprocessor",
    "GemmaTokenizer",
]


class GemmaBackbone(LlamaLikeBackbone):
    """A Gemma decoder, of the first or second generation.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_query_heads: heads of queries per block.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        hidden_dim: width `D` of the features.
        intermediate_dim: twice the width inside the feed-forward parts: that of their
            two first projections together.
        head_dim: width of a head.
        query_head_dim_normalize: whether scores of attention are divided by the root of
            `head_dim`, else by that of `hidden_dim / num_query_heads`, as in Gemma 2
            27B. (KerasHub does the former whatever is said.)
        use_post_ffw_norm: as `use_post_attention_norm`; both or neither.
        use_post_attention_norm: whether the result of each part of a block is
            normalized, too.
        attention_logit_soft_cap: bends scores of attention; None for not at all.
        final_logit_soft_cap: bends scores of tokens; None for not at all.
        use_sliding_window_attention: whether blocks 0, 2, 4 and so on see a window
            alone.
        sliding_window_size: number of tokens in it, the last one among them.
        layer_norm_epsilon: added to mean squares.
        dropout: share of features and attention probabilities to drop in training.
        dtype: dtype policy of layers and weights.
        activation: of the gates; the default is GELU's tanh form.
        query_scale_dim: what scores of attention are divided by the root of, if it is
            neither; None for what `query_head_dim_normalize` says.
        rope_max_wavelength: of the slowest pair of rotated features, over `2 pi`.
        rope_scaling: how positions are stretched to longer texts, a dict with
            "rope_type" and what belongs to it; None for not at all.
        attention_bias: whether the projections of attention have biases.
        tie_word_embeddings: whether the output is the embedding's table.
        max_sequence_length: the most tokens that a text is written on to; None for no
            limit.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, `intermediate_dim` is
            odd, or the norms after parts are half there.

    Example:
        >>> backbone = keras_nlp.models.GemmaBackbone(
        ...     vocabulary_size=100, num_layers=2, num_query_heads=4,
        ...     num_key_value_heads=1, hidden_dim=16, intermediate_dim=64, head_dim=8,
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
        head_dim: int,
        query_head_dim_normalize: bool = True,
        use_post_ffw_norm: bool = False,
        use_post_attention_norm: bool = False,
        attention_logit_soft_cap: float | None = None,
        final_logit_soft_cap: float | None = None,
        use_sliding_window_attention: bool = False,
        sliding_window_size: int = 4096,
        layer_norm_epsilon: float = 1e-6,
        dropout: float = 0,
        dtype: Any = None,
        *,
        activation: str = "gelu_approximate",
        query_scale_dim: float | None = None,
        rope_max_wavelength: float = 10000,
        rope_scaling: Mapping[str, Any] | None = None,
        attention_bias: bool = False,
        tie_word_embeddings: bool = True,
        max_sequence_length: int | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        check_arguments(self.arguments, optional=("max_sequence_length",))
        if use_post_ffw_norm != use_post_attention_norm or intermediate_dim % 2:
            raise ValueError(
                "Expected an even `intermediate_dim`, and norms after both parts of a "
                f"block or after none; received {intermediate_dim}, and norms after "
                f"them: {use_post_attention_norm} and {use_post_ffw_norm}."
            )
        window = sliding_window_size if use_sliding_window_attention else None
        super().__init__(
            **{key: self.arguments[key] for key in self.arguments if key not in _OWN},
            intermediate_dim=intermediate_dim // 2,
            norm_offset=1.0,
            norms_after=use_post_ffw_norm,
            window=window,
            is_local=[bool(window) and i % 2 == 0 for i in range(num_layers)],
            attention_scale=_scale_dim(self.arguments) ** -0.5,
            embedding_scale=hidden_dim**0.5,
            embeddings_initializer="variance_scaling",
        )


def _scale_dim(arguments: Mapping[str, Any]) -> float:
    """Returns what scores of attention are divided by the root of."""
    share = arguments["hidden_dim"] / arguments["num_query_heads"]
    usual = arguments["head_dim"] if arguments["query_head_dim_normalize"] else share
    return arguments["query_scale_dim"] or usual


@serializable("kerasnlp")
class GemmaTokenizer(SentencePieceTokenizer):
    """Pieces, and tokens that bound and pad texts; see `SentencePieceTokenizer`."""

    named_tokens: ClassVar = {
        "start_token": "<bos>",
        "end_token": "<eos>",
        "pad_token": "<pad>",
    }


class GemmaCausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to Gemma's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = GemmaBackbone
    tokenizer_cls = GemmaTokenizer


class GemmaCausalLM(CausalLM):
    """Writes on with Gemma; see `CausalLM`."""

    preprocessor_cls = GemmaCausalLMPreprocessor


_AFTER = {"use_post_ffw_norm": True, "use_post_attention_norm": True}
# What other decoders take in another form.
_OWN = {
    *("intermediate_dim", "query_head_dim_normalize", "query_scale_dim"),
    *("use_sliding_window_attention", "sliding_window_size", *_AFTER),
}
_SECOND = {
    **{"attention_logit_soft_cap": 50.0, "final_logit_soft_cap": 30.0},
    **{"head_dim": 256, "use_sliding_window_attention": True, **_AFTER},
}
_27B = {**_SECOND, "head_dim": 128, "query_head_dim_normalize": False}
# By generation and billions of parameters.
_SIZES = {
    (1, 2): (_sizes(256000, 18, 8, 1, 2048, 32768, head_dim=256), 2506172416),
    (1, 7): (_sizes(256000, 28, 16, 16, 3072, 49152, head_dim=256), 8537680896),
    (2, 2): (_sizes(256000, 26, 8, 4, 2304, 18432, **_SECOND), 2614341888),
    (2, 9): (_sizes(256000, 42, 16, 8, 3584, 28672, **_SECOND), 9241705984),
    (2, 27): (_sizes(256000, 46, 32, 16, 4608, 73728, **_27B), 27227128320),
}
_ROWS = (
    ("gemma", "2403.08295", 1, (2, 7), "gemma", "not tuned"),
    ("gemma", "2403.08295", 1, (2, 7), "gemma_instruct", "instructed"),
    ("gemma", "2403.08295", 1, (2, 7), "gemma_1.1_instruct", "instructed"),
    ("codegemma", "2406.11409", 1, (2, 7), "code_gemma", "trained on code"),
    ("codegemma", "2406.11409", 1, (2,), "code_gemma_1.1", "trained on code"),
    ("codegemma", "2406.11409", 1, (7,), "code_gemma_instruct", "instructed"),
    ("codegemma", "2406.11409", 1, (7,), "code_gemma_1.1_instruct", "instructed"),
    ("gemma2", "2408.00118", 2, (2, 9, 27), "gemma2", "not tuned"),
    ("gemma2", "2408.00118", 2, (2, 9, 27), "gemma2_instruct", "instructed"),
    ("shieldgemma", "2407.21772", 2, (2, 9, 27), "shieldgemma", "a moderator"),
    ("cell2sentence", "2408.00118", 2, (2, 27), "c2s_scale_gemma_2", "of genes"),
)
_ORIGIN: Any = {"licence": "LicenseRef-Gemma", "origin": "Google"}
_PRESETS = {
    name: preset
    for folder, paper, generation, sizes, stem, text in _ROWS
    for size in sizes
    for name, preset in decoder_presets.presets(
        *_SIZES[generation, size],
        f"{folder}/1",
        {f"{stem}_{size}b_en": f"Gemma {generation} with {size}B weights, {text}"},
        **{"paper": paper, **_ORIGIN},
    ).items()
}

# Hugging Face.


def _types(number: int) -> list[str]:
    return (["sliding_attention", "full_attention"] * number)[:number]


def _read_first(config: Config) -> Config:
    if config["activation"] == "gelu":  # so it said once, and meant the other form
        config["activation"] = "gelu_approximate"
    return config


def _read_second(config: Config) -> Config:
    types, dim = config.pop("layer_types"), config["query_scale_dim"]
    if types is not None and types != (expected := _types(len(types))):
        raise ValueError(f"Expected 'layer_types' to be {expected}, received {types}.")
    is_share = dim * config["num_query_heads"] == config["hidden_dim"]
    if dim == config["head_dim"] or is_share:
        config["query_scale_dim"] = None
        config["query_head_dim_normalize"] = dim == config["head_dim"]
    return {**config, **_AFTER, "use_sliding_window_attention": True}


def _write_second(config: Config) -> Config:
    dim, types = int(_scale_dim(config)), _types(config["num_layers"])
    return {**config, "query_scale_dim": dim, "layer_types": types}


_WIDTH = Argument("intermediate_dim", lambda n: 2 * n, lambda n: n // 2)
_KEYS: dict[str, Entry] = {
    **llama_like.ATTENTION_BIAS,
    "head_dim": ("head_dim", 256),
    "intermediate_size": _WIDTH,
    "hidden_act": llama_like.activation("gelu_pytorch_tanh"),
    "tie_word_embeddings": llama_like.flag("tie_word_embeddings", True),
}
_SECOND_KEYS: dict[str, Entry] = {
    **_KEYS,
    "hidden_activation": llama_like.activation("gelu_pytorch_tanh"),
    "query_pre_attn_scalar": ("query_scale_dim", 256),
    "sliding_window": ("sliding_window_size", 4096),
    "layer_types": ("layer_types", None),
    "attn_logit_softcapping": ("attention_logit_soft_cap", 50.0),
    "final_logit_softcapping": ("final_logit_soft_cap", 30.0),
}
_HUB_BLOCKS = {
    **{f"attention.{p}": f"attention/{p}_dense" for p in ("query", "key", "value")},
    "attention.out": "attention/output_dense",
    **{"attention_norm": "pre_attention_norm", "feedforward_norm": "pre_ffw_norm"},
    "attention_norm_after": "post_attention_norm",
    "feedforward_norm_after": "post_ffw_norm",
    **{"feedforward.gate": "gating_ffw", "feedforward.up": "gating_ffw_2"},
    "feedforward.down": "ffw_linear",
}

register_family(
    GemmaBackbone,
    tasks=(GemmaCausalLM,),
    presets=_PRESETS,
    converters=(
        llama_like.transformers_converter(
            *(GemmaBackbone, "gemma", GemmaTokenizer),
            config=_KEYS,
            after_reading=_read_first,
            writes=lambda ours: not ours["use_post_ffw_norm"],
        ),
        llama_like.transformers_converter(
            *(GemmaBackbone, "gemma2", GemmaTokenizer),
            architecture="Gemma2",
            config=_SECOND_KEYS,
            norms=llama_like.NORMS_AFTER,
            after_reading=_read_second,
            before_writing=_write_second,
            writes=lambda ours: ours["use_post_ffw_norm"],
        ),
        llama_like.keras_converter(
            *(GemmaBackbone, GemmaCausalLM),
            layer="gemma_decoder_block",
            norm="rms_normalization",
            blocks=_HUB_BLOCKS,
            heads_first=True,
        ),
    ),
    sharding={**llama_like.SHARDING, **llama_like.BIAS_SHARDING},
    package="kerasnlp",
)
