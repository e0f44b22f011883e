"""KerasHub's counterparts of our text classes: their names and arguments.

Where a name says "Classifier" theirs says "TextClassifier"; KerasNLP had our names.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasTask,
)
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from domain_core.tokenizers.word_piece_tokenizer import WordPieceTokenizer
from domain_core.weights.weight_map import Target, WeightMap
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.seq2seq_lm_preprocessor import Seq2SeqLMPreprocessor
from keras_nlp.models.text_classifier import HiddenTextClassifier, TextClassifier
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder


def tokenizer_class(cls: type) -> KerasClass:
    """Returns the counterpart of a tokenizer."""
    table = of_base(_TOKENIZERS, cls)
    return KerasClass(cls, (cls.__name__,), table(cls) if callable(table) else table)


def preprocessor_class(cls: type) -> KerasClass:
    """Returns the counterpart of a preprocessor."""
    return KerasClass(cls, _names(cls, ""), of_base(_PREPROCESSORS, cls))


def task_class(cls: type) -> KerasTask:
    """Returns the counterpart of a task."""
    config, weights = of_base(_TASKS, cls)
    return KerasTask(
        cls,
        _names(cls, "Classifier"),
        config,
        weights=None if weights is None else WeightMap(weights),
    )


def dense(theirs: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a dense layer."""
    return {f"{theirs}/vars/0": f"{ours}.kernel", f"{theirs}/vars/1": f"{ours}.bias"}


def norm(theirs: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a layer normalization."""
    return {f"{theirs}/vars/0": f"{ours}.gamma", f"{theirs}/vars/1": f"{ours}.beta"}


def of_base(table: Mapping[type[Any], Any], cls: type) -> Any:
    """Returns the first entry of a class that `cls` is derived from."""
    return next(value for base, value in table.items() if issubclass(cls, base))


def _names(cls: type, before: str) -> tuple[str, ...]:
    name = cls.__name__
    names = (
        name.replace("Classifier", "TextClassifier"),
        name.replace("Classifier", before),
    )
    return tuple(dict.fromkeys(names))


def _added_by(cls: type) -> dict[str, Any]:
    """Returns arguments that a tokenizer adds to SentencePiece's, and defaults."""
    usual = inspect.signature(SentencePieceTokenizer).parameters
    return {
        parameter.name: parameter.default
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in usual
    }


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is no bool")
    return value


def _as_bools(config: Config) -> Config:
    if config["strip_accents"] is None:
        config["strip_accents"] = config["lowercase"]
    policies = {"parse": True, "text": False}
    policy = config["special_tokens_in_strings"]
    config["special_tokens_in_strings"] = policies.get(policy, policy)
    return config


def _hub_pooling(mode: str) -> str:
    if mode not in ("mean", "cls", "max"):
        raise ValueError("KerasHub has 'mean', 'cls' and 'max'")
    return mode


_IGNORED = ("trainable", "dtype")
# What only our tokenizers have.
_OURS = {"added_tokens": [], "errors": "strict", "graph": False}
_TOKENIZERS = {
    WordPieceTokenizer: ConfigMap(
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
        # Theirs forgets `strip_accents` when it is saved.
        ours={
            "split_on_cjk": True,
            "strip_accents": False,
            "errors": "strict",
            "graph": False,
        },
        before_writing=_as_bools,
    ),
    BytePairTokenizer: lambda cls: ConfigMap(
        *("sequence_length", "add_prefix_space", "unsplittable_tokens"),
        renamed={"dtype": DTYPE},
        ignored=("trainable",),
        theirs={"vocabulary": None, "merges": None},
        ours={
            **_OURS,
            "special_tokens": "parse",
            # Theirs cuts all texts as GPT-2 does; the models were trained otherwise.
            "pattern": cls.usual_pattern,
            "normalization": None,
            "unk_token": None,
            "ignore_merges": cls.usually_ignores_merges,
        },
    ),
    SentencePieceTokenizer: lambda cls: ConfigMap(
        *("sequence_length", "add_bos", "add_eos"),
        renamed={"dtype": DTYPE},
        ignored=("trainable",),
        theirs={"proto": None},
        # Of what a class of ours adds, theirs knows nothing: there is no text in which
        # it would have found it.
        ours={**_OURS, "special_tokens": "text", **_added_by(cls)},
    ),
}
_PREPROCESSORS = {
    MaskedLMPreprocessor: ConfigMap(
        *("sequence_length", "truncate", "mask_selection_rate"),
        *("mask_selection_length", "mask_token_rate", "random_token_rate"),
        ours={"pad_to": None, "seed": None},
        ignored=_IGNORED,
    ),
    TextClassifierPreprocessor: ConfigMap(
        *("sequence_length", "truncate"), ours={"pad_to": None}, ignored=_IGNORED
    ),
    Seq2SeqLMPreprocessor: ConfigMap(
        *("encoder_sequence_length", "decoder_sequence_length"),
        ours={"pad_to": None, "decoder_start_tokens": None},
        ignored=_IGNORED,
    ),
    CausalLMPreprocessor: ConfigMap(
        *("sequence_length", "add_start_token", "add_end_token"),
        ours={"pad_to": None},
        ignored=_IGNORED,
    ),
}
_MLM_HEAD = "layers/masked_lm_head_0"
_CLASSIFIER: dict[str, Any] = {
    "renamed": {"activation": ACTIVATION},
    "ours": {"class_names": None},
    "ignored": _IGNORED,
}
_TASKS: dict[type, tuple[ConfigMap, dict[str, Target] | None]] = {
    CausalLM: (ConfigMap(ignored=_IGNORED), None),  # the output is the backbone's
    MaskedLM: (
        ConfigMap(
            ours={
                "intermediate_activation": "gelu",
                "layer_norm_epsilon": 1e-5,
                "tie_word_embeddings": True,
            },
            ignored=_IGNORED,
        ),
        {
            **dense(f"{_MLM_HEAD}/_intermediate_dense", "mlm_head.transform"),
            **norm(f"{_MLM_HEAD}/_intermediate_layer_norm", "mlm_head.norm"),
            f"{_MLM_HEAD}/vars/0": "mlm_head.output_bias",
        },
    ),
    TextEmbedder: (
        ConfigMap(
            "normalize",
            renamed={"pooling_mode": Argument("pooling_mode", write=_hub_pooling)},
            ours={"projections": [], "prompts": None, "default_prompt_name": None},
            ignored=_IGNORED,
        ),
        None,
    ),
    HiddenTextClassifier: (
        ConfigMap("num_classes", "dropout", "hidden_dim", **_CLASSIFIER),
        {**dense("layers/dense_0", "hidden"), **dense("layers/dense_1", "logits")},
    ),
    TextClassifier: (
        ConfigMap("num_classes", "dropout", **_CLASSIFIER),
        dense("layers/dense_0", "logits"),
    ),
}
