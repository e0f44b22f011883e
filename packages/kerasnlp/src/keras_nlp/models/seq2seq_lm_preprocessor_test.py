"""Pairs of texts to the inputs of an encoder and a decoder, and to labels."""

import functools
from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing import sentence_piece_model
from domain_core.text import SpanCorruption
from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER
from keras_nlp.models import (
    BartPreprocessor,
    BartTokenizer,
    Seq2SeqLMPreprocessor,
    T5Tokenizer,
)
from keras_nlp.tokenizers import BytePairTokenizer

LETTERS = [BYTE_TO_CHARACTER[ord(a)] for a in "abcdefghijklmnopqrstuvwxyz ,."]
TOKENS = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, "th"]
IDS = {token: i for i, token in enumerate(TOKENS)}
A, B, C = (IDS[letter] for letter in "abc")
X = [
    *("encoder_token_ids", "encoder_padding_mask"),
    *("decoder_token_ids", "decoder_padding_mask"),
]


def bart(*lengths, **options):
    return Seq2SeqLMPreprocessor(BartTokenizer(IDS, ["t h"]), *lengths, **options)


@functools.cache
def model():
    return sentence_piece_model(200, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def t5(*lengths, graph=False, **options):
    tokenizer = T5Tokenizer(model(), extra_ids=9, graph=graph)
    return Seq2SeqLMPreprocessor(tokenizer, *lengths, **options)


def test_what_bart_reads_and_learns():
    x, y, weights = bart(6, 5)(["ab", "abcabc"], ["c", "abca"])
    assert list(x) == X
    assert x["encoder_token_ids"].tolist() == [
        [0, A, B, 2, 1, 1],
        [0, A, B, C, A, 2],
    ]
    assert x["encoder_padding_mask"].tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    # `</s> <s> target </s>`, of which the first five are read, the last five learned.
    assert x["decoder_token_ids"].tolist() == [[2, 0, C, 2, 1], [2, 0, A, B, C]]
    assert x["decoder_padding_mask"].tolist() == [[1, 1, 1, 1, 0], [1] * 5]
    assert y.tolist() == [[0, C, 2, 1, 1], [0, A, B, C, 2]]
    assert weights.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert {value.dtype.name for value in x.values()} == {"int32"}
    assert (y.dtype.name, weights.dtype.name) == ("int32", "float32")


def test_inputs_alone_as_keras_nlp_had_them():
    """With an end token, where a target is cut, too; labels are passed on."""
    tokenizer = BartTokenizer(IDS, ["t h"])
    pairs = {"encoder_text": ["the a", "a"], "decoder_text": ["a", "a a a a"]}
    found, labels = BartPreprocessor(tokenizer, 6, 5)(pairs, np.array([0, 1]))
    expected, _, _ = Seq2SeqLMPreprocessor(tokenizer, 6, 5)(pairs)
    assert found.keys() == expected.keys() and labels.tolist() == [0, 1]
    for key in ("encoder_token_ids", "encoder_padding_mask"):
        np.testing.assert_array_equal(found[key], expected[key])
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    ids = found["decoder_token_ids"]
    assert ids.shape == (2, 5) and ids[:, :2].tolist() == [[end, start]] * 2
    assert ids[0, 3] == end == ids[1, 4]
    assert found["decoder_padding_mask"].tolist() == [[1, 1, 1, 1, 0], [1] * 5]


def test_what_t5_reads_and_learns():
    preprocessor = t5(8, 6)
    (source,) = preprocessor.tokenizer(["the value"])
    (target,) = preprocessor.tokenizer(["of"])
    x, y, weights = preprocessor("the value", "of")
    length = len(target)
    assert x["encoder_token_ids"].tolist() == [*source, 1, *[0] * 8][:8]
    assert x["decoder_token_ids"].tolist() == [0, *target, 1, *[0] * 6][:6]
    assert x["decoder_padding_mask"].sum() == length + 2  # `<pad>` that begins counts
    assert y.tolist() == [*target, 1, *[0] * 6][:6]
    assert weights.tolist() == [1] * (length + 1) + [0] * (5 - length)


def test_all_forms_of_pairs_give_the_same():
    preprocessor = bart(6, 5)
    expected = keras.tree.flatten(preprocessor(["ab", "c"], ["c", "ab"]))
    ids = {"encoder_token_ids": [[A, B], [C]], "decoder_token_ids": [[C], [A, B]]}
    texts = {"decoder_text": ["c", "ab"], "encoder_text": np.array(["ab", "c"])}
    for given in (
        [texts],
        [{"encoder_text": ("ab", "c")}, np.array(["c", "ab"])],
        [ids],
        [{name: [np.array(row) for row in rows] for name, rows in ids.items()}],
    ):
        for found, wanted in zip(
            keras.tree.flatten(preprocessor(*given)), expected, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
    single = keras.tree.flatten(preprocessor("ab", "c"))
    assert [value.tolist() for value in single] == [v[0].tolist() for v in expected]
    single = preprocessor({"encoder_token_ids": [A, B], "decoder_token_ids": [C]})
    assert single[1].tolist() == expected[4][0].tolist()


def test_lengths():
    preprocessor = bart(6, 5)
    texts = ["abc"], ["abc"]
    x, y, _ = preprocessor(*texts, encoder_sequence_length=4, sequence_length=3)
    assert x["encoder_token_ids"].tolist() == [[0, A, B, 2]]
    assert (x["decoder_token_ids"].tolist(), y.tolist()) == ([[2, 0, A]], [[0, A, 2]])
    x, y, _ = preprocessor(*texts, decoder_sequence_length=4, sequence_length=3)
    assert y.shape == (1, 4)
    assert preprocessor.sequence_length == 5
    preprocessor.sequence_length = 7
    assert preprocessor.decoder_sequence_length == 7
    assert preprocessor(*texts)[1].shape == (1, 7)
    x, y, _ = bart(20, 30, pad_to="longest")(*texts)
    assert (x["encoder_token_ids"].shape, y.shape) == ((1, 5), (1, 5))
    x, y, _ = bart(20, 30, pad_to=[5, 8])(["abc", "a"], ["abcabc", "a"])
    assert x["encoder_token_ids"].shape == (2, 5)
    assert x["decoder_token_ids"].shape == y.shape == (2, 8)


def test_sources_are_what_an_engine_goes_on_from():
    read, written, single = bart(6, 5).sources(["ab", ""])
    assert [row.tolist() for row in read] == [[0, A, B, 2], [0, 2]]
    assert [row.tolist() for row in written] == [[2, 0], [2, 0]] and not single
    assert {row.dtype.name for row in (*read, *written)} == {"int32"}
    begun = {"encoder_text": "ab", "decoder_text": "c"}
    read, written, single = bart(6, 5).sources(begun)
    assert [row.tolist() for row in written] == [[2, 0, C]] and single
    assert t5(9, 9).sources("the")[1][0].tolist() == [0]
    with pytest.raises(ValueError, match="at most 4 tokens.*source 1 has 6"):
        bart(6, 5).sources(["a", "abcabc"])
    read, _, _ = bart(6, 5).sources(["a", "abcabc"], truncate=True)
    assert read[1].tolist() == [0, A, B, C, A, 2]
    assert bart(6, 5).sources([])[:2] == ([], [])
    assert bart().stop_token_ids == [2] and t5().stop_token_ids == [1]


def test_generate_preprocess_and_its_inverse():
    preprocessor = bart(6, 5)
    inputs = preprocessor.generate_preprocess(["ab", "abcabc"])
    assert list(inputs) == X
    assert inputs["encoder_token_ids"][1].tolist() == [0, A, B, C, A, 2]
    assert inputs["decoder_token_ids"].tolist() == [[2, 0, 1, 1, 1]] * 2
    assert inputs["decoder_padding_mask"].tolist() == [[1, 1, 0, 0, 0]] * 2
    begun = {"encoder_text": "ab", "decoder_text": "ca"}
    inputs = preprocessor.generate_preprocess(begun, sequence_length=4)
    assert inputs["decoder_token_ids"].tolist() == [2, 0, C, A]
    assert preprocessor.generate_postprocess(inputs) == "ca"
    ids = np.array([[2, 0, A, B, 2], [2, 0, C, 1, 1]])
    mask = np.array([[1] * 5, [1, 1, 1, 0, 0]])
    answer = {"decoder_token_ids": ids, "decoder_padding_mask": mask}
    assert preprocessor.generate_postprocess(answer) == ["ab", "c"]


class Named(BytePairTokenizer):
    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "</s>"}


def test_how_a_decoder_begins():
    assert bart(decoder_start_tokens=["<s>"]).decoder_start_token_ids == [0]
    assert Seq2SeqLMPreprocessor(Named(IDS, [])).decoder_start_token_ids == [0]
    with pytest.raises(ValueError, match="BytePairTokenizer names none"):
        Seq2SeqLMPreprocessor(BytePairTokenizer(IDS, []))
    with pytest.raises(ValueError, match="holds '<en>', which the decoder begins with"):
        bart(decoder_start_tokens=["<en>"])("a", "b")
    with pytest.raises(ValueError, match="holds '<en>'"):
        t5(decoder_start_tokens=["<en>"]).sources("a")  # not the unknown token
    again = from_json(to_json(bart(9, 7, decoder_start_tokens=["<s>"], pad_to=[4])))
    assert again.get_config() == bart(
        9, 7, decoder_start_tokens=["<s>"], pad_to=[4]
    ).get_config() | {"tokenizer": again.get_config()["tokenizer"]}
    assert again("ab", "c")[1].tolist() == [C, 2, 1, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((["a"],), "received no target.*Pass texts as `x` and as `y`"),
        (({"encoder_text": ["a"]},), "received no target"),
        (({"encoder_text": "a", "decoder_text": "b"}, "c"), "both 'decoder_text' and"),
        ((["a", "b"], ["c"]), "as many targets as sources, received 2 as .* and 1"),
        ((["a"], "c"), "received 1 as sources and a single one as targets"),
        (({"text": ["a"]}, ["b"]), r"Expected a dict with 'encoder_text'.*\['text'\]"),
        (({"encoder_text": ["a"], "encoder": 1}, ["b"]), "and no more than"),
        (({"encoder_token_ids": [[1]]},), "'decoder_token_ids' beside"),
        (({"encoder_token_ids": [[1]], "decoder_token_ids": [["a"]]},), "to be ids"),
        (([1], ["a"]), r"encoder_text"),
        ((["a"], [1]), r"decoder_text"),
    ],
)
def test_refuses_other_pairs(given, message):
    with pytest.raises(ValueError, match=message):
        bart(6, 5)(*given)


def test_refuses_other_arguments():
    for name in ("encoder_sequence_length", "decoder_sequence_length"):
        with pytest.raises(ValueError, match=f"`{name}`"):
            bart(**{name: 0})
        with pytest.raises(ValueError, match=f"`{name}`"):
            bart()("a", "b", **{name: 0})
    with pytest.raises(ValueError, match="`pad_to`"):
        bart(pad_to="shortest")
    with pytest.raises(ValueError, match="`decoder_start_tokens`"):
        bart(decoder_start_tokens="<s>")
    with pytest.raises(ValueError, match="Expected a tokenizer"):
        Seq2SeqLMPreprocessor(None)
    with pytest.raises(ValueError, match="at least 3"):
        bart(6, 1)("a", "b")


@pytest.mark.parametrize("graph", [False, True])
def test_inside_tf_data(graph):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    pytest.importorskip("tensorflow_text")
    texts = ["the value", "of the string is returned", ""], ["an", "", "int of the."]
    pairs = tf.data.Dataset.from_tensor_slices(texts)
    preprocessor = t5(8, 6, graph=graph)
    expected = preprocessor(*texts)
    data = pairs.batch(3, drop_remainder=True).map(preprocessor)
    equal = np.testing.assert_array_equal
    keras.tree.map_structure(equal, data.get_single_element(), expected)
    spec = data.element_spec
    assert {key: tuple(value.shape) for key, value in spec[0].items()} == {
        **dict.fromkeys(X[:2], (3, 8)),
        **dict.fromkeys(X[2:], (3, 6)),
    }
    assert (spec[1].shape, spec[2].dtype) == ((3, 6), "float32")
    # Pairs of their own, in a dict.
    named = pairs.map(lambda x, y: {"encoder_text": x, "decoder_text": y})
    first = next(iter(named.map(preprocessor)))
    keras.tree.map_structure(equal, first, preprocessor(texts[0][0], texts[1][0]))
    # Ids, and widths that batches need.
    ids = {
        name: tf.ragged.constant(preprocessor.tokenizer(list(part)), "int32")
        for name, part in zip(
            ("encoder_token_ids", "decoder_token_ids"), texts, strict=True
        )
    }
    preprocessor = t5(30, 30, graph=graph, pad_to=[20, 25])
    data = tf.data.Dataset.from_tensors(ids).map(preprocessor)
    expected = preprocessor(*texts)
    assert expected[1].shape == (3, 20)
    keras.tree.map_structure(equal, data.get_single_element(), expected)


def test_spans_that_are_left_out():
    """What `SpanCorruption` gives is what a model learns from, inside `tf.data` too."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    preprocessor = t5(30, 30)
    tokenizer = preprocessor.tokenizer
    rows = tokenizer(["the value of the string is returned", "returns an int"])

    def corrupt():
        return SpanCorruption(tokenizer.sentinel_ids, 0.3, seed=0)

    expected = preprocessor(corrupt()(rows))
    assert tokenizer.sentinel_id(0) in expected[0]["encoder_token_ids"][0]
    assert (expected[1][:, 0] == tokenizer.sentinel_id(0)).all()
    data = tf.data.Dataset.from_tensors(tf.ragged.constant(rows, "int32"))
    received = data.map(corrupt()).map(preprocessor).get_single_element()
    keras.tree.map_structure(np.testing.assert_array_equal, received, expected)
