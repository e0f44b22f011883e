"""Preprocessing objects load configs of upstream's, where they are Keras layers."""

import inspect
import io
import json

import numpy as np
import pytest

import keras_nlp
from domain_core import Preprocessor
from domain_core.tokenizers import Tokenizer

layers, models, tokenizers = keras_nlp.layers, keras_nlp.models, keras_nlp.tokenizers
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]
ROBERTA = {t: i for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])}
ARGUMENTS = {
    layers.StartEndPacker: {"sequence_length": 5},
    layers.MultiSegmentPacker: {
        "sequence_length": 5,
        "start_value": 1,
        "end_value": 2,
    },
    layers.MaskedLMMaskGenerator: {
        "vocabulary_size": 9,
        "mask_selection_rate": 0.5,
        "mask_token_id": 1,
    },
    layers.RandomSwap: {"rate": 0.5},
    layers.RandomDeletion: {"rate": 0.5},
}


def policy(name):
    """As Keras writes one into a config."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": name},
        "registered_name": None,
    }


def subclasses(base, *modules):
    every = [vars(module).values() for module in modules]
    found = {c for v in every for c in v if inspect.isclass(c) and issubclass(c, base)}
    return sorted(found - {base}, key=lambda cls: cls.__name__)


def check(cls, arguments, dtypes):
    for dtype in dtypes:
        for given in (dtype, policy(dtype)):
            config = {"name": "x", "trainable": True, "dtype": given, **arguments}
            made = cls.from_config(config)
            assert (made.name, made.trainable, made.dtype) == ("x", True, dtype)
            assert cls(**config).get_config() == made.get_config()
            again = cls.from_config(made.get_config())
            assert again.get_config() == made.get_config()
            kept = {k: v for k, v in made.get_config().items() if k != "tokenizer"}
            assert json.loads(json.dumps(kept))["dtype"] == dtype
    with pytest.raises(TypeError, match=f"{cls.__name__}.*'activity_regularizer'"):
        cls(**arguments, activity_regularizer=None)


@pytest.mark.parametrize("cls", ARGUMENTS, ids=lambda cls: cls.__name__)
def test_layers(cls):
    is_free = cls not in (layers.RandomSwap, layers.RandomDeletion)
    check(cls, ARGUMENTS[cls], ["int32", "int64"] + ["float32"] * is_free)


@pytest.mark.parametrize(
    "cls", subclasses(Tokenizer, tokenizers, models), ids=lambda cls: cls.__name__
)
def test_tokenizers(cls):
    check(cls, {}, ["int32", "string"])


@pytest.mark.parametrize(
    "cls", subclasses(Preprocessor, models), ids=lambda cls: cls.__name__
)
def test_preprocessors(cls):
    tokenizer = models.BertTokenizer(BERT)
    if "Roberta" in cls.__name__:
        tokenizer = models.RobertaTokenizer(ROBERTA, [])
    check(cls, {"tokenizer": tokenizer}, ["float32"])


def test_vocabularies_are_attributes():
    assert models.BertTokenizer(BERT).vocabulary == BERT
    roberta = models.RobertaTokenizer(ROBERTA | {"a": 5, "b": 6, "ab": 7}, ["a b"])
    assert roberta.vocabulary == roberta.get_vocabulary()
    assert roberta.merges == ["a b"]
    proto = sentence_piece(["a b ab"] * 9)
    assert tokenizers.SentencePieceTokenizer(proto).proto == proto
    for empty in (models.BertTokenizer(), models.RobertaTokenizer()):
        assert empty.vocabulary is None
    assert models.RobertaTokenizer().merges is None
    assert tokenizers.SentencePieceTokenizer().proto is None


@pytest.mark.parametrize("cls", subclasses(Tokenizer, tokenizers, models))
def test_invalid_bytes(cls):
    """As `errors` says, for every tokenizer and route on the host."""
    arguments = {"vocabulary": BERT, "proto": None, "merges": []}
    if issubclass(cls, tokenizers.BytePairTokenizer):
        # Byte pairs of "a" and of the replacement character.
        tokens = [*ROBERTA, "a", "ï", "¿", "½", *cls.named_tokens.values()]
        arguments["vocabulary"] = {
            token: i for i, token in enumerate(dict.fromkeys(tokens))
        }
    names = inspect.signature(cls).parameters
    arguments = {name: arguments[name] for name in arguments if name in names}
    if "proto" in arguments:
        text = ["a b ab"] * 9
        special = {"bos_id": 0, "eos_id": 2, "unk_id": 3, "pad_id": 1}
        for name, role in (("bos", "start"), ("eos", "end"), ("pad", "pad")):
            if token := cls.named_tokens.get(f"{role}_token"):
                special[f"{name}_piece"] = token
        arguments["proto"] = sentence_piece(text, **special)
    for errors, text in (("replace", "a\ufffda"), ("ignore", "aa")):
        made = cls(**arguments, errors=errors)
        expected = made(text).tolist()
        assert made(b"a\xffa").tolist() == expected
        assert made([b"a\xffa", "a"])[0] == expected
        assert made.tokenize_with_offsets(b"a\xffa")[0].tolist() == expected
        assert made.encode([b"a\xffa"]).token_ids[0].tolist() == expected
    with pytest.raises(ValueError, match="to be UTF-8"):
        cls(**arguments, errors="strict")([b"a\xffa"])


def sentence_piece(texts, **ids):
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=8,
        hard_vocab_limit=False,
        minloglevel=2,
        **ids,
    )
    return model.getvalue()


def test_a_sentence_piece_model_without_the_tokens():
    proto = sentence_piece(["a b ab"] * 9, bos_id=-1)
    with pytest.raises(ValueError, match=r"it lacks \['<s>'\]"):
        models.XLMRobertaTokenizer(proto)


def test_preprocessors_read_bytes_as_their_tokenizer():
    tokenizer = models.BertTokenizer(BERT, errors="replace")
    preprocessor = models.BertTextClassifierPreprocessor(tokenizer, 6)
    found = preprocessor([b"a \xff", b"a"])["token_ids"].tolist()
    assert found == preprocessor(["a \ufffd", "a"])["token_ids"].tolist()


@pytest.mark.parametrize("graph", [False, True])
def test_the_dtype_of_a_packer(graph):
    tf = pytest.importorskip("tensorflow")
    packer = layers.StartEndPacker(5, 1, 2, dtype="int64", graph=graph)
    ids = packer([[5, 6], [7]])
    assert ids.dtype == np.int64
    assert ids.tolist() == [[1, 5, 6, 2, 0], [1, 7, 2, 0, 0]]
    data = tf.data.Dataset.from_tensors([[5, 6]]).map(packer)
    assert data.element_spec.dtype == tf.int64
    assert next(iter(data)).numpy().tolist() == ids[:1].tolist()
    text = layers.StartEndPacker(3, "<", ">", dtype="int64")
    assert text([["a"]]).tolist() == [["<", "a", ">"]]
    with pytest.raises(ValueError, match="that fit the `dtype` 'int8'"):
        layers.StartEndPacker(3, dtype="int8")([300])
