"""GPT-2, a decoder that learns where tokens stand.

Paper: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019,
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf.
Original code: https://github.com/openai/gpt-2.
Unusual: learned positions; layer normalization and biases everywhere; the output is
the embedding's table; one token both begins and ends a text, and none pads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from domain_core import Preset, WeightMap, norm_weights, register_family, serializable
from domain_core.presets.config_map import Config, ConfigMap, Entry
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.weights.weight_map import TRANSPOSE, Fused, Target
from keras_nlp.models import bert_like, llama_like
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import GPTLikeBackbone
from keras_nlp.models.keras_hub_classes import norm

__all__ = [
    "GPT2Backbone",
    "GPT2CausalLM",
    "GPT2CausalLMPreprocessor",
    "GPT2Tokenizer",
]

_WEB = "40 GB of text from the web"
_NEWS = f"{_WEB}, then on news of CNN and the Daily Mail"


class GPT2Backbone(GPTLikeBackbone):
    """A GPT-2 decoder: token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`.
        max_sequence_length: number of positions `T` at most.
        dtype: dtype policy of layers and weights.
        activation: of the feed-forward parts; the default is GELU's tanh form.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        embedding_dropout: share of embedded tokens to drop; None for `dropout`.
        layer_norm_epsilon: added to variances.
        tie_word_embeddings: whether the output is the embedding's table.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.

    Example:
        >>> backbone = keras_nlp.models.GPT2Backbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 1024,
        dtype: Any = None,
        *,
        activation: str = "gelu_approximate",
        attention_dropout: float | None = None,
        embedding_dropout: float | None = None,
        layer_norm_epsilon: float = 1e-5,
        tie_word_embeddings: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(**self.arguments)


@serializable("kerasnlp")
class GPT2Tokenizer(BytePairTokenizer):
    """Byte pairs, of which one token bounds texts; see `BytePairTokenizer`.

    Padding has the id 0, which is a token like any other: only masks tell it.
    """

    named_tokens: ClassVar = {
        "start_token": "<|endoftext|>",
        "end_token": "<|endoftext|>",
    }
    pad_token_id: int | None = 0


class GPT2CausalLMPreprocessor(CausalLMPreprocessor):
    """Texts to GPT-2's inputs; see `CausalLMPreprocessor`."""

    backbone_cls = GPT2Backbone
    tokenizer_cls = GPT2Tokenizer


class GPT2CausalLM(CausalLM):
    """Writes on with GPT-2; see `CausalLM`."""

    preprocessor_cls = GPT2CausalLMPreprocessor


_PRESETS = {
    f"gpt2_{name}": Preset(
        description=f"{layers}-layer GPT-2 trained on {data}.",
        config={
            "vocabulary_size": 50257,
            "num_layers": layers,
            "num_heads": heads,
            "hidden_dim": width,
            "intermediate_dim": 4 * width,
        },
        handle=f"kaggle://keras/gpt2/keras/gpt2_{name}/2",
        parameters=parameters,
        licence="MIT",
        paper="https://openai.com/index/better-language-models/",
        origin=f"{origin}, converted by the Keras team",
        unverified=("handle",),
    )
    for name, layers, heads, width, parameters, data, origin in (
        ("base_en", 12, 12, 768, 124439808, _WEB, "OpenAI"),
        ("medium_en", 24, 16, 1024, 354823168, _WEB, "OpenAI"),
        ("large_en", 36, 20, 1280, 774030080, _WEB, "OpenAI"),
        ("extra_large_en", 48, 25, 1600, 1557611200, _WEB, "OpenAI"),
        ("base_en_cnn_dailymail", 12, 12, 768, 124439808, _NEWS, "Keras"),
    )
}

# Hugging Face. Their three rates of dropout are as a rule the same.
_RATES = {"attn_pdrop": "attention_dropout", "embd_pdrop": "embedding_dropout"}
_TOKENS = "embeddings.token_embedding"
_CONFIG: dict[str, Entry] = {
    "vocab_size": "vocabulary_size",
    "n_layer": "num_layers",
    "n_head": "num_heads",
    "n_embd": "hidden_dim",
    "n_inner": ("intermediate_dim", None),
    "n_positions": ("max_sequence_length", 1024),
    "resid_pdrop": ("dropout", 0.1),
    **{key: (name, 0.1) for key, name in _RATES.items()},
    "activation_function": llama_like.activation("gelu_new"),
    "layer_norm_epsilon": ("layer_norm_epsilon", 1e-5),
    "tie_word_embeddings": llama_like.flag("tie_word_embeddings", True),
}


def _read(config: Config) -> Config:
    if config["intermediate_dim"] is None:
        config["intermediate_dim"] = 4 * config["hidden_dim"]
    same = [name for name in _RATES.values() if config[name] == config["dropout"]]
    return {**config, **dict.fromkeys(same)}


def _write(config: Config) -> Config:
    open_ = [name for name in _RATES.values() if config[name] is None]
    return {**config, **dict.fromkeys(open_, config["dropout"])}


_TABLE = ConfigMap(
    renamed=_CONFIG,
    ignored=HARMLESS,
    only={
        **ONLY,
        **{"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False},
        **{"reorder_and_upcast_attn": False, "add_cross_attention": False},
    },
    among_others=True,
    after_reading=_read,
    before_writing=_write,
)


def _layer(theirs: str, *ours: str) -> dict[str, Target]:
    """Returns the entries of a layer; its kernel is as ours are, side by side."""
    return {
        f"h.{{i}}.{theirs}.{part}": Fused(
            tuple(f"blocks.{{i}}.{path}.{own}" for path in ours), axis=axis
        )
        for part, own, axis in (("weight", "kernel", 1), ("bias", "bias", 0))
    }


_WEIGHTS = WeightMap(
    {
        "wte.weight": f"{_TOKENS}.embeddings",
        "wpe.weight": "embeddings.positions",
        **norm_weights("ln_f", "norm"),
        **norm_weights("h.{i}.ln_1", "blocks.{i}.attention_norm"),
        **norm_weights("h.{i}.ln_2", "blocks.{i}.feedforward_norm"),
        **_layer("attn.c_attn", *(f"attention.{x}" for x in ("query", "key", "value"))),
        **_layer("attn.c_proj", "attention.out"),
        **_layer("mlp.c_fc", "feedforward.up"),
        **_layer("mlp.c_proj", "feedforward.down"),
    },
    outside={"lm_head.weight": (f"{_TOKENS}.reverse_embeddings", TRANSPOSE)},
    # Masks, and heads for other tasks.
    ignored=(
        r"(transformer\.)?h\.\d+\.attn\.(masked_)?bias",
        r"(score|classifier|qa_outputs|multiple_choice_head)\..*",
    ),
    optional_prefix="transformer.",
)


def _hub_weights(config: Mapping[str, Any]) -> WeightMap:
    blocks = bert_like.keras_blocks(config["num_heads"])
    return WeightMap(
        {
            "layers/reversible_embedding_0/vars/0": f"{_TOKENS}.embeddings",
            "layers/position_embedding_0/vars/0": "embeddings.positions",
            **{k.replace("encoder", "decoder"): path for k, path in blocks.items()},
            **norm("layers/layer_normalization_0", "norm"),
        }
    )


register_family(
    GPT2Backbone,
    tasks=(GPT2CausalLM,),
    presets=_PRESETS,
    converters=(
        llama_like.decoder_converter(
            *(GPT2Backbone, "gpt2", GPT2Tokenizer, _TABLE, _WEIGHTS),
            name="GPT2",
            head="LMHeadModel",
        ),
        bert_like.keras_converter(
            GPT2Backbone,
            (GPT2CausalLM,),
            _hub_weights,
            ours={
                "activation": "gelu_approximate",
                "embedding_dropout": None,
                "layer_norm_epsilon": 1e-5,
                "tie_word_embeddings": True,
            },
        ),
    ),
    sharding=bert_like.SHARDING,
    package="kerasnlp",
)
