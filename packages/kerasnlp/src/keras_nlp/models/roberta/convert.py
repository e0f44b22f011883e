"""RoBERTa and XLM-RoBERTa as Hugging Face and KerasHub have them."""

from __future__ import annotations

from domain_core import Converter, dense_weights
from domain_core.presets.config_map import Argument
from domain_core.presets.transformers.reader import (
    classifier_arguments,
    classifier_config,
)
from keras_nlp.models import bert_like
from keras_nlp.models.bert_like import TransformersHead
from keras_nlp.models.roberta import tasks
from keras_nlp.models.roberta.backbone import RobertaBackbone, XLMRobertaBackbone

_LENGTH = Argument(
    "max_sequence_length",
    lambda rows: rows - bert_like.UNUSED_POSITIONS,
    lambda length: length + bert_like.UNUSED_POSITIONS,
    absent=514,
)


def _from_transformers(
    backbone: type, model_type: str, classifier: type, masked_lm: type, tokenizer: type
) -> Converter:
    return bert_like.transformers_converter(
        backbone,
        model_type,
        "roberta.",
        config={
            **bert_like.CONFIG,
            "max_position_embeddings": _LENGTH,
            "type_vocab_size": ("num_segments", 1),
            "layer_norm_eps": ("layer_norm_epsilon", 1e-5),
        },
        fixed={**bert_like.FIXED, "pad_token_id": 1},
        written={"bos_token_id": 0, "eos_token_id": 2},
        positions=bert_like.LATE_POSITIONS,
        # The pooler was never trained.
        unread=r"(roberta\.)?(embeddings\.position_ids|pooler\..*)"
        r"|(lm_head|classifier|qa_outputs)\..*",
        heads={
            "ForSequenceClassification": TransformersHead(
                classifier,
                dense_weights("classifier.dense", "hidden")
                | dense_weights("classifier.out_proj", "logits"),
                lambda theirs: {
                    **classifier_arguments(theirs),
                    "hidden_dim": theirs["hidden_size"],
                },
                classifier_config,
                unread=r"(lm_head|qa_outputs)\..*",
            ),
            "ForMaskedLM": bert_like.masked_lm_head(
                masked_lm,
                "lm_head.dense",
                "lm_head.layer_norm",
                "lm_head.bias",
                "lm_head.decoder",
                lambda theirs: {
                    "intermediate_activation": "gelu",
                    "layer_norm_epsilon": theirs.get("layer_norm_eps", 1e-5),
                },
                unread=r"(classifier|qa_outputs)\..*",
            ),
        },
        tokenizer=tokenizer,
    )


_OURS = {"activation": "gelu", "layer_norm_epsilon": 1e-5, "num_segments": 0}
ROBERTA_TASKS = (
    tasks.RobertaClassifier,
    tasks.RobertaMaskedLM,
    tasks.RobertaTextEmbedder,
)
XLM_ROBERTA_TASKS = (
    tasks.XLMRobertaClassifier,
    tasks.XLMRobertaMaskedLM,
    tasks.XLMRobertaTextEmbedder,
)
ROBERTA = (
    _from_transformers(
        RobertaBackbone,
        "roberta",
        *ROBERTA_TASKS[:2],
        tasks.RobertaTokenizer,
    ),
    bert_like.keras_converter(
        RobertaBackbone, ROBERTA_TASKS, bert_like.keras_weights, ours=_OURS
    ),
)
XLM_ROBERTA = (
    _from_transformers(
        XLMRobertaBackbone,
        "xlm-roberta",
        *XLM_ROBERTA_TASKS[:2],
        tasks.XLMRobertaTokenizer,
    ),
    bert_like.keras_converter(
        XLMRobertaBackbone, XLM_ROBERTA_TASKS, bert_like.keras_weights, ours=_OURS
    ),
)
