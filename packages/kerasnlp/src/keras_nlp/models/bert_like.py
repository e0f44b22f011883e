"""What encoders that resemble BERT share: foreign names, and how they are sharded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from domain_core import (
    Converter,
    Head,
    Transform,
    WeightMap,
    dense_weights,
    norm_weights,
)
from domain_core.presets.config_map import Argument, Config, ConfigMap, Entry
from domain_core.presets.keras.converter import DTYPE, KerasClass, KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import (
    activation_name,
    foreign_activation,
    is_tied,
)
from domain_core.presets.transformers.tokenizer_files import (
    byte_pair_arguments,
    sentence_piece_arguments,
    word_piece_arguments,
    write_byte_pair,
    write_sentence_piece,
    write_word_piece,
)
from domain_core.registry import Sharding
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from domain_core.tokenizers.tokenizer import Tokenizer
from domain_core.weights.joined_heads import joined_heads
from domain_core.weights.weight_map import IDENTITY, TRANSPOSE, Target
from keras_nlp.models.keras_hub_classes import (
    dense,
    norm,
    of_base,
    preprocessor_class,
    task_class,
    tokenizer_class,
)

# Axes: "vocabulary", "width" (features between blocks), "heads" and "intermediate" (the
# axes that a model-parallel mesh splits).
SHARDING: dict[str, Sharding] = {
    r"embeddings\.token_embedding\.embeddings": ("vocabulary", "width"),
    r"embeddings\.positions": (None, "width"),
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": ("width", "heads"),
    r"blocks\.\d+\.attention\.(query|key|value)\.bias": ("heads",),
    r"blocks\.\d+\.attention\.out\.kernel": ("heads", "width"),
    r"blocks\.\d+\.feedforward\.up\.kernel": ("width", "intermediate"),
    r"blocks\.\d+\.feedforward\.up\.bias": ("intermediate",),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("intermediate", "width"),
}
_BLOCK = "blocks.{i}"
# Positions that are counted from the id of padding, 1: the first two rows are unused.
UNUSED_POSITIONS = 2
LATE_POSITIONS = Transform(
    "positions from the third row",
    lambda array: array[UNUSED_POSITIONS:],
    lambda array: np.concatenate([np.zeros_like(array[:UNUSED_POSITIONS]), array]),
)


def _one_dropout(config: Config) -> Config:
    if config["attention_dropout"] == config["dropout"]:
        config["attention_dropout"] = None
    return config


# Hugging Face.


def _two_dropouts(config: Config) -> Config:
    if config["attention_dropout"] is None:
        config["attention_dropout"] = config["dropout"]
    return config


def _activation(name: str) -> str:
    return activation_name({"hidden_act": name})


ACTIVATION = Argument("activation", _activation, foreign_activation, absent="gelu")
CONFIG: dict[str, Entry] = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "hidden_dropout_prob": ("dropout", 0.1),
    "attention_probs_dropout_prob": ("attention_dropout", 0.1),
    "max_position_embeddings": ("max_sequence_length", 512),
    "type_vocab_size": ("num_segments", 2),
    "hidden_act": ACTIVATION,
    "layer_norm_eps": ("layer_norm_epsilon", 1e-12),
}
FIXED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
# Ours to theirs.
BLOCKS = {
    "attention.query": "encoder.layer.{i}.attention.self.query",
    "attention.key": "encoder.layer.{i}.attention.self.key",
    "attention.value": "encoder.layer.{i}.attention.self.value",
    "attention.out": "encoder.layer.{i}.attention.output.dense",
    "attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
    "feedforward.up": "encoder.layer.{i}.intermediate.dense",
    "feedforward.down": "encoder.layer.{i}.output.dense",
    "feedforward_norm": "encoder.layer.{i}.output.LayerNorm",
}


@dataclasses.dataclass(frozen=True)
class TransformersHead:
    """A head of a family.

    Args:
        task: our class.
        weights: entries of the tensors outside the encoder.
        unread: pattern of tensors that are not this head's.
        untied: further entries where the scores do not repeat the token embedding.
        instead: as in `WeightMap`, for these.
        read: their config to the task's arguments.
        write: the inverse, as in `Head`.
        mistaken_for: as in `Head`, what follows the family's name.
    """

    task: type
    weights: Mapping[str, Target]
    read: Callable[[Mapping[str, Any]], Config] = lambda config: {}
    write: Callable[[Mapping[str, Any]], Config] = lambda arguments: {}
    unread: str = ""
    untied: Mapping[str, Target] | None = None
    instead: Mapping[str, str] | None = None
    mistaken_for: tuple[str, ...] = ()

    def under(self, encoder: str, name: str) -> Head:
        """Returns it as a `Head`.

        Args:
            encoder: prefix of the encoder's tensors.
            name: of the family.
        """
        ignored = (re.escape(encoder) + ".*", self.unread)
        untied = None
        if self.untied is not None:
            entries = {**self.weights, **self.untied}
            untied = WeightMap(entries, ignored=ignored, instead=self.instead)
        # What repeats the token embedding.
        repeated = tuple(map(re.escape, self.untied or ()))
        return Head(
            self.task.__name__,
            self.read,
            WeightMap(self.weights, ignored=(*ignored, *repeated)),
            self.write,
            untied,
            tuple(f"{name}{part}" for part in self.mistaken_for),
        )


def masked_lm_head(
    task: type,
    transform: str,
    norm: str,
    bias: str,
    decoder: str,
    read: Callable[[Mapping[str, Any]], Config],
    *,
    unread: str = "",
) -> TransformersHead:
    """Returns the head of a masked language model.

    Args:
        task: our class.
        transform: their name of the hidden layer.
        norm: of the normalization.
        bias: of the scores' bias.
        decoder: of the layer that makes the scores. It may have a bias of its own,
            which counts where it is not tied.
        read: as in `TransformersHead`, but for what is said of ties.
        unread: pattern of tensors of other heads.
    """
    weight, own_bias = f"{decoder}.weight", f"{decoder}.bias"
    table: dict[str, Target] = {
        **dense_weights(transform, "mlm_head.transform"),
        **norm_weights(norm, "mlm_head.norm"),
        bias: "mlm_head.output_bias",
    }
    untied: dict[str, Target] = {weight: ("mlm_head.scores.kernel", TRANSPOSE)}
    if own_bias != bias:
        untied[own_bias] = "mlm_head.output_bias"
    return TransformersHead(
        task,
        table,
        lambda config: {**read(config), **is_tied(config)},
        lambda arguments: {"tie_word_embeddings": arguments["tie_word_embeddings"]},
        unread=unread,
        untied=untied,
        instead={bias: own_bias} if own_bias != bias else None,
    )


_TOKENIZERS: dict[type, Callable[[Any], tuple[Any, Any]]] = {
    BertWordPieceTokenizer: lambda cls: (word_piece_arguments(cls), write_word_piece),
    BytePairTokenizer: lambda cls: (byte_pair_arguments(cls), write_byte_pair),
    SentencePieceTokenizer: lambda cls: (
        sentence_piece_arguments(cls),
        write_sentence_piece,
    ),
}


def transformers_converter(
    backbone: type,
    model_type: str,
    encoder: str,
    *,
    config: Mapping[str, Entry],
    fixed: Mapping[str, Any] | None = None,
    harmless: Sequence[str] = (),
    written: Mapping[str, Any] | None = None,
    told_by_weights: Callable[[Collection[str] | None], Config] = lambda names: {},
    blocks: Mapping[str, str] = BLOCKS,
    positions: Transform = IDENTITY,
    more: Mapping[str, Target] | None = None,
    unread: str,
    heads: Mapping[str, TransformersHead],
    tokenizer: type[Tokenizer],
) -> Converter:
    """Returns the converter of a family in Hugging Face's layout.

    Args:
        backbone: our class.
        model_type: how their config names the family.
        encoder: prefix of the encoder's tensors in a model with a head.
        config: their keys, and our arguments.
        fixed: keys with the one value that we have.
        harmless: further keys that change nothing, or that heads read.
        written: further keys that are written.
        told_by_weights: arguments that follow from the tensors' names.
        blocks: the parts of a block.
        positions: changes the table of positions.
        more: further entries of the backbone's weights.
        unread: pattern of tensors that are none of the backbone's.
        heads: heads by what follows the family's name in their class.
        tokenizer: our tokenizer's class.
    """
    name = backbone.__name__.removesuffix("Backbone")
    read_tokenizer, write_tokenizer = of_base(_TOKENIZERS, tokenizer)(tokenizer)
    where = "Hugging Face's config"
    table = ConfigMap(
        renamed=config,
        ignored=(*HARMLESS, *harmless),
        theirs=fixed,
        only=ONLY,
        among_others=True,
        after_reading=_one_dropout,
        before_writing=_two_dropouts,
    )
    weights: dict[str, Target] = {
        "embeddings.word_embeddings.weight": "embeddings.token_embedding.embeddings",
        "embeddings.position_embeddings.weight": ("embeddings.positions", positions),
        "embeddings.token_type_embeddings.weight": "embeddings.segments",
        **norm_weights("embeddings.LayerNorm", "embeddings.norm"),
        **(more or {}),
    }
    for ours, theirs in blocks.items():
        entries = norm_weights if ours.endswith("norm") else dense_weights
        weights |= entries(theirs, f"{_BLOCK}.{ours}")
    return Converter(
        layout="transformers",
        model_type=model_type,
        config=lambda theirs, names: {
            **table.read(theirs, backbone, where),
            **told_by_weights(names),
        },
        to_config=lambda ours: {
            "architectures": [f"{name}Model"],
            **(written or {}),
            **table.write(dict(ours), where),
        },
        weights=WeightMap(weights, ignored=(unread,), optional_prefix=encoder),
        heads={
            f"{name}{part}": head.under(encoder, name) for part, head in heads.items()
        },
        unknown=table.unknown,
        tokenizer_cls=tokenizer,
        tokenizer=read_tokenizer,
        write_tokenizer=write_tokenizer,
    )


# KerasHub and KerasNLP.


def keras_converter(
    backbone: type,
    tasks: Sequence[Any],
    weights: Callable[[Mapping[str, Any]], WeightMap],
    *more: str,
    ours: Mapping[str, Any],
) -> KerasConverter:
    """Returns the converter of a family in the layout of KerasNLP and KerasHub.

    Args:
        backbone: our class.
        tasks: our tasks that they have, too.
        weights: arguments of our backbone to the map of its weights.
        *more: arguments that both backbones have besides the usual ones.
        ours: arguments that only ours has, with what theirs amounts to.
    """
    preprocessors = [task.preprocessor_cls for task in tasks]
    config = ConfigMap(
        *("vocabulary_size", "num_layers", "num_heads", "hidden_dim"),
        *("intermediate_dim", "dropout", "max_sequence_length", "trainable", *more),
        renamed={"dtype": DTYPE},
        ours={"attention_dropout": None, **ours},
        before_writing=_one_dropout,
    )
    return KerasConverter(
        package="keras_hub",
        backbone=KerasClass(backbone, (backbone.__name__,), config),
        weights=weights,
        tokenizer=tokenizer_class(preprocessors[0].tokenizer_cls),
        preprocessors=tuple(map(preprocessor_class, preprocessors)),
        tasks=tuple(map(task_class, tasks)),
    )


def keras_weights(config: Mapping[str, Any]) -> WeightMap:
    """Returns the map of an encoder without segments and pooler."""
    tables = "layers/token_and_position_embedding_0"
    return WeightMap(
        {
            f"{tables}/token_embedding/vars/0": (
                "embeddings.token_embedding.embeddings"
            ),
            f"{tables}/position_embedding/vars/0": "embeddings.positions",
            **keras_blocks(config["num_heads"]),
        }
    )


def keras_blocks(num_heads: int) -> dict[str, Target]:
    """Returns the entries of the first normalization and all blocks."""
    layer = "layers/transformer_encoder_{i}"
    attention = f"{layer}/_self_attention_layer"
    # Theirs have an axis of heads `H`, ours join it with that of their width `h`.
    kernel = joined_heads(1, num_heads)
    bias = joined_heads(0, num_heads)
    out = joined_heads(0, num_heads)
    table: dict[str, Target] = {
        **norm("layers/layer_normalization_0", "embeddings.norm"),
        **norm(f"{attention}_norm", f"{_BLOCK}.attention_norm"),
        **norm(f"{layer}/_feedforward_layer_norm", f"{_BLOCK}.feedforward_norm"),
        **dense(f"{layer}/_feedforward_intermediate_dense", f"{_BLOCK}.feedforward.up"),
        **dense(f"{layer}/_feedforward_output_dense", f"{_BLOCK}.feedforward.down"),
        f"{attention}/output_dense/vars/0": (f"{_BLOCK}.attention.out.kernel", out),
        f"{attention}/output_dense/vars/1": f"{_BLOCK}.attention.out.bias",
    }
    for part in ("query", "key", "value"):
        theirs, ours = f"{attention}/{part}_dense/vars", f"{_BLOCK}.attention.{part}"
        table[f"{theirs}/0"] = (f"{ours}.kernel", kernel)
        table[f"{theirs}/1"] = (f"{ours}.bias", bias)
    return table
