"""What the encoders that resemble BERT share in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.presets.config_map import Argument, ConfigMap
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasTask,
)
from domain_core.weights.weight_map import Target, Transform, WeightMap

_LAYER, _BLOCK = "layers/transformer_encoder_{i}", "blocks.{i}"
_ATTENTION = f"{_LAYER}/_self_attention_layer"
_IGNORED = ("trainable", "dtype")
# What only our tokenizers have.
_TOKENIZER = {"added_tokens": [], "errors": "strict", "graph": False}


def pair(theirs: str, first: str, second: str) -> dict[str, Target]:
    """Returns the entries of a layer's two weights."""
    layer = first.rpartition(".")[0]
    return {f"{theirs}/vars/0": first, f"{theirs}/vars/1": f"{layer}.{second}"}


def dense(theirs: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a dense layer."""
    return pair(theirs, f"{ours}.kernel", "bias")


def norm(theirs: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a layer normalization."""
    return pair(theirs, f"{ours}.gamma", "beta")


def blocks(num_heads: int) -> dict[str, Target]:
    """Returns the entries of all blocks."""
    # Theirs have an axis of heads `H`, ours join it with that of their width `h`.
    kernel = _joined("(D, H, h) to (D, H * h)", 1, num_heads)
    bias = _joined("(H, h) to (H * h)", 0, num_heads)
    out = _joined("(H, h, D) to (H * h, D)", 0, num_heads)
    table: dict[str, Target] = {
        **norm(f"{_ATTENTION}_norm", f"{_BLOCK}.attention_norm"),
        **norm(f"{_LAYER}/_feedforward_layer_norm", f"{_BLOCK}.feedforward_norm"),
        **dense(
            f"{_LAYER}/_feedforward_intermediate_dense", f"{_BLOCK}.feedforward.up"
        ),
        **dense(f"{_LAYER}/_feedforward_output_dense", f"{_BLOCK}.feedforward.down"),
        f"{_ATTENTION}/output_dense/vars/0": (f"{_BLOCK}.attention.out.kernel", out),
        f"{_ATTENTION}/output_dense/vars/1": f"{_BLOCK}.attention.out.bias",
    }
    for part in ("query", "key", "value"):
        theirs, ours = f"{_ATTENTION}/{part}_dense/vars", f"{_BLOCK}.attention.{part}"
        table[f"{theirs}/0"] = (f"{ours}.kernel", kernel)
        table[f"{theirs}/1"] = (f"{ours}.bias", bias)
    return table


def encoder_weights(config: Mapping[str, Any]) -> WeightMap:
    """Returns the map of an encoder without segments and pooler."""
    tables = "layers/token_and_position_embedding_0"
    return WeightMap(
        {
            f"{tables}/token_embedding/vars/0": (
                "embeddings.token_embedding.embeddings"
            ),
            f"{tables}/position_embedding/vars/0": "embeddings.positions",
            **norm("layers/layer_normalization_0", "embeddings.norm"),
            **blocks(config["num_heads"]),
        }
    )


def hidden_head() -> dict[str, Target]:
    """Returns the entries of a classifier's head with a hidden layer."""
    return {
        **dense("layers/dense_0", "hidden"),
        **dense("layers/dense_1", "logits"),
    }


def backbone_class(
    cls: type, name: str, *more: str, ours: dict[str, Any]
) -> KerasClass:
    """Returns the map of a backbone's arguments.

    Args:
        cls: our class.
        name: theirs.
        *more: arguments that both have besides the usual ones.
        ours: arguments that only ours has, with what theirs amounts to.
    """
    return KerasClass(
        cls,
        (name,),
        ConfigMap(
            *("vocabulary_size", "num_layers", "num_heads", "hidden_dim"),
            *("intermediate_dim", "dropout", "max_sequence_length", "trainable"),
            *more,
            renamed={"dtype": DTYPE},
            ours={"attention_dropout": None, **ours},
            before_writing=_without_equal_dropout,
        ),
    )


def word_piece_class(cls: type, name: str) -> KerasClass:
    """Returns the map of a WordPiece tokenizer's arguments."""
    return KerasClass(
        cls,
        (name,),
        ConfigMap(
            *("sequence_length", "lowercase", "strip_accents", "split"),
            *("suffix_indicator", "oov_token", "special_tokens"),
            renamed={
                "dtype": DTYPE,
                "special_tokens_in_strings": Argument(
                    "special_tokens_in_strings", _as_bool, _as_bool
                ),
            },
            ignored=("trainable",),
            theirs={"vocabulary": None},
            # Theirs forgets this one when it is saved.
            ours={
                "split_on_cjk": True,
                "strip_accents": False,
                "errors": "strict",
                "graph": False,
            },
            before_writing=_as_bools,
        ),
    )


def byte_pair_class(cls: type, name: str) -> KerasClass:
    """Returns the map of a byte-pair tokenizer's arguments."""
    return KerasClass(
        cls,
        (name,),
        ConfigMap(
            *("sequence_length", "add_prefix_space", "unsplittable_tokens"),
            renamed={"dtype": DTYPE},
            ignored=("trainable",),
            theirs={"vocabulary": None, "merges": None},
            ours={
                **_TOKENIZER,
                "special_tokens": "parse",
                "pattern": "gpt2",
                "normalization": None,
                "unk_token": None,
                "ignore_merges": False,
            },
        ),
    )


def sentence_piece_class(cls: type, name: str) -> KerasClass:
    """Returns the map of a SentencePiece tokenizer's arguments."""
    return KerasClass(
        cls,
        (name,),
        ConfigMap(
            *("sequence_length", "add_bos", "add_eos"),
            renamed={"dtype": DTYPE},
            ignored=("trainable",),
            theirs={"proto": None},
            ours={**_TOKENIZER, "special_tokens": "text"},
        ),
    )


def preprocessor_class(cls: type, names: Sequence[str]) -> KerasClass:
    """Returns the map of a classifier's preprocessor."""
    return KerasClass(
        cls,
        tuple(names),
        ConfigMap(
            *("sequence_length", "truncate"), ours={"pad_to": None}, ignored=_IGNORED
        ),
    )


def masked_lm_preprocessor_class(cls: type, name: str) -> KerasClass:
    """Returns the map of a masked language model's preprocessor."""
    return KerasClass(
        cls,
        (name,),
        ConfigMap(
            *("sequence_length", "truncate", "mask_selection_rate"),
            *("mask_selection_length", "mask_token_rate", "random_token_rate"),
            ours={"pad_to": None, "seed": None},
            ignored=_IGNORED,
        ),
    )


def classifier_class(
    cls: type, names: Sequence[str], *more: str, weights: dict[str, Target]
) -> KerasTask:
    """Returns the map of a classifier.

    Args:
        cls: our class.
        names: theirs.
        *more: arguments that both have besides the usual ones.
        weights: entries of the head.
    """
    return KerasTask(
        cls,
        tuple(names),
        ConfigMap(
            *("num_classes", "dropout"),
            *more,
            renamed={"activation": ACTIVATION},
            ours={"class_names": None},
            ignored=_IGNORED,
        ),
        weights=WeightMap(weights),
    )


def embedder_class(cls: type, name: str) -> KerasTask:
    """Returns the map of an embedder."""
    return KerasTask(
        cls,
        (name,),
        ConfigMap(
            "normalize",
            renamed={"pooling_mode": Argument("pooling_mode", write=_hub_pooling)},
            ignored=_IGNORED,
        ),
        weights=None,
    )


def masked_lm_class(cls: type, name: str, activation: str = "gelu") -> KerasTask:
    """Returns the map of a masked language model whose head has this activation."""
    head = "layers/masked_lm_head_0"
    return KerasTask(
        cls,
        (name,),
        ConfigMap(
            ours={"intermediate_activation": activation, "layer_norm_epsilon": 1e-5},
            ignored=_IGNORED,
        ),
        weights=WeightMap(
            {
                **dense(f"{head}/_intermediate_dense", "mlm_head.transform"),
                **norm(f"{head}/_intermediate_layer_norm", "mlm_head.norm"),
                f"{head}/vars/0": "mlm_head.output_bias",
            }
        ),
    )


def _joined(name: str, axis: int, heads: int) -> Transform:
    """Returns the transform that joins the axis of heads with the next one."""

    def forward(array: np.ndarray) -> np.ndarray:
        if array.ndim < axis + 2 or array.shape[axis] != heads:
            return array  # to be reported with its shape
        size = array.shape[axis] * array.shape[axis + 1]
        return array.reshape(*array.shape[:axis], size, *array.shape[axis + 2 :])

    def backward(array: np.ndarray) -> np.ndarray:
        rest = array.shape[:axis], array.shape[axis + 1 :]
        size = array.shape[axis] // heads
        return array.reshape(*rest[0], heads, size, *rest[1])

    return Transform(name, forward, backward)


def _without_equal_dropout(config: dict[str, Any]) -> dict[str, Any]:
    if config["attention_dropout"] == config["dropout"]:
        config["attention_dropout"] = None
    return config


def _hub_pooling(mode: str) -> str:
    if mode not in ("mean", "cls", "max"):
        raise ValueError("KerasHub has 'mean', 'cls' and 'max'")
    return mode


def _as_bools(config: dict[str, Any]) -> dict[str, Any]:
    if config["strip_accents"] is None:
        config["strip_accents"] = config["lowercase"]
    policies = {"parse": True, "text": False}
    policy = config["special_tokens_in_strings"]
    config["special_tokens_in_strings"] = policies.get(policy, policy)
    return config


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is no bool")
    return value
