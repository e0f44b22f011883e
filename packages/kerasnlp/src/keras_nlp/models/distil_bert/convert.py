"""DistilBERT as Hugging Face and KerasHub have it."""

from __future__ import annotations

from domain_core import dense_weights
from domain_core.presets.transformers.reader import (
    activation_name,
    label_arguments,
    label_config,
)
from keras_nlp.models import bert_like
from keras_nlp.models.bert_like import TransformersHead
from keras_nlp.models.distil_bert import tasks
from keras_nlp.models.distil_bert.backbone import DistilBertBackbone

FROM_TRANSFORMERS = bert_like.transformers_converter(
    DistilBertBackbone,
    "distilbert",
    "distilbert.",
    config={
        "vocab_size": "vocabulary_size",
        "n_layers": "num_layers",
        "n_heads": "num_heads",
        "dim": "hidden_dim",
        "hidden_dim": "intermediate_dim",
        "dropout": ("dropout", 0.1),
        "attention_dropout": ("attention_dropout", 0.1),
        "max_position_embeddings": ("max_sequence_length", 512),
        "activation": bert_like.ACTIVATION,
    },
    # How positions begin; what they became stands in the file.
    harmless=(
        "sinusoidal_pos_embds",
        "seq_classif_dropout",
        "qa_dropout",
        "tie_weights_",
    ),
    written={"sinusoidal_pos_embds": False},
    blocks={
        "attention.query": "transformer.layer.{i}.attention.q_lin",
        "attention.key": "transformer.layer.{i}.attention.k_lin",
        "attention.value": "transformer.layer.{i}.attention.v_lin",
        "attention.out": "transformer.layer.{i}.attention.out_lin",
        "attention_norm": "transformer.layer.{i}.sa_layer_norm",
        "feedforward.up": "transformer.layer.{i}.ffn.lin1",
        "feedforward.down": "transformer.layer.{i}.ffn.lin2",
        "feedforward_norm": "transformer.layer.{i}.output_layer_norm",
    },
    unread=r"(pre_classifier|classifier|vocab_\w+|qa_outputs)\..*",
    heads={
        "ForSequenceClassification": TransformersHead(
            tasks.DistilBertClassifier,
            dense_weights("pre_classifier", "hidden")
            | dense_weights("classifier", "logits"),
            lambda config: {
                **label_arguments(config),
                "hidden_dim": config["dim"],
                "dropout": config.get("seq_classif_dropout", 0.2),
            },
            lambda arguments: {
                **label_config(arguments),
                "seq_classif_dropout": arguments["dropout"],
            },
            unread=r"(vocab_\w+|qa_outputs)\..*",
            mistaken_for=("ForMultipleChoice",),
        ),
        "ForMaskedLM": bert_like.masked_lm_head(
            tasks.DistilBertMaskedLM,
            "vocab_transform",
            "vocab_layer_norm",
            "vocab_projector.bias",
            "vocab_projector",
            lambda config: {
                "intermediate_activation": activation_name(config, "activation"),
                "layer_norm_epsilon": 1e-12,
            },
            unread=r"(pre_classifier|classifier|qa_outputs)\..*",
        ),
    },
    tokenizer=tasks.DistilBertTokenizer,
)
FROM_KERAS = bert_like.keras_converter(
    DistilBertBackbone,
    (tasks.DistilBertClassifier, tasks.DistilBertMaskedLM),
    bert_like.keras_weights,
    ours={"activation": "gelu"},
)
