"""BERT's presets in all layouts, changed by somebody who means harm."""

from domain_core.testing.preset_abuse import TextPresetAbuse
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertClassifierPreprocessor,
    BertTokenizer,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
GADGET = {"class_name": "Lambda", "module": "keras.layers", "config": {"f": "4wEA"}}


def cases(vocabulary, layers, heads, width, dropout, unknown):
    """Returns hostile arguments by the names of a layout."""
    return [
        (layers, 0, "`num_layers` to be a positive integer of at most 1000"),
        (layers, -1, "`num_layers` to be a positive integer of at most 1000"),
        (layers, 50_000, "`num_layers` to be a positive integer of at most 1000"),
        (layers, 900, "describes a larger one"),
        (layers, 1.5, "`num_layers` to be a positive integer"),
        (layers, True, "`num_layers` to be a positive integer"),
        (heads, "4", "`num_heads` to be a positive integer"),
        (width, 33, "num_heads=4 divides"),
        (width, 99_996, "describes a larger one"),
        (vocabulary, 2_000_000_000, "`vocabulary_size` to be a positive integer"),
        (vocabulary, 9_000_000, "describes a larger one"),
        (vocabulary, None, "`vocabulary_size` to be a positive integer"),
        (dropout, 2.0, r"`dropout` to be a number in \[0, 1\)"),
        (dropout, "0.1", r"`dropout` to be a number in \[0, 1\)"),
        *((layers, value, "Expected") for value in ([], {}, GADGET, "x" * 10_000)),
        *unknown,
    ]


OURS = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "dropout")
THEIRS = (
    *("vocab_size", "num_hidden_layers", "num_attention_heads", "hidden_size"),
    "hidden_dropout_prob",
)


class TestPresets(TextPresetAbuse):
    arguments = {
        "native": cases(
            *OURS,
            [
                ("dtype", "object", "object"),
                ("layer_norm_epsilon", -1, r"`layer_norm_epsilon` .* in \[0, 1\]"),
                ("layer_norm_epsilon", "1", r"`layer_norm_epsilon` .* in \[0, 1\]"),
                (
                    "attention_dropout",
                    2.0,
                    r"`attention_dropout` to be a number in \[0, 1\)",
                ),
                ("max_sequence_length", -1, "`max_sequence_length` to be a positive"),
                ("dtype", GADGET, "Expected"),
                ("module", "os", "module"),
                ("vocabulary", "/etc/passwd", "vocabulary"),
                ("activation", "__import__('os')", "Expected|[Cc]ould not"),
            ],
        ),
        "keras": cases(
            *OURS,
            [
                ("dtype", "object", "'dtype' can't be expressed"),
                ("dtype", GADGET, "Lambda"),
                ("module", "os", "module"),
                ("vocabulary", "/etc/passwd", "vocabulary"),
            ],
        ),
        "transformers": cases(
            *THEIRS,
            [
                ("hidden_act", "__import__('os')", "'hidden_act' to be one of"),
                ("hidden_act", GADGET, "hidden_act|unhashable"),
                ("architectures", [GADGET], "config.json"),
                ("model_type", "os", "os"),
                ("id2label", {"x": "y"}, "id2label"),
            ],
        ),
    }

    @classmethod
    def task(cls, layout):
        backbone = BertBackbone(len(WORDS), 2, 4, 32, 48, max_sequence_length=12)
        tokenizer = BertTokenizer(WORDS, lowercase=True, strip_accents=True)
        preprocessor = BertClassifierPreprocessor(tokenizer, 12)
        return BertClassifier(backbone, 3, preprocessor)
