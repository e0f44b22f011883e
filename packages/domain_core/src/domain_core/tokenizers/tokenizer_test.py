"""What the base class does for a tokenizer that somebody else writes."""

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.tokenizers.tokenizer import Tokenizer


class Letters(Tokenizer):
    """One id per letter, 1 for "a"; 0 is padding."""

    named_tokens = {"pad_token": "_"}

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._set_special_token_ids()

    def encode_batch(self, texts):
        return Ragged.from_rows([[self.token_to_id(c) for c in text] for text in texts])

    def decode_batch(self, rows):
        return ["".join(map(self.id_to_token, row)) for row in rows.to_list()]

    def get_vocabulary(self):
        return list("_abcdefghij")

    def id_to_token(self, id):
        return self.get_vocabulary()[id]

    def token_to_id(self, token):
        return self.get_vocabulary().index(token)


class Words(Tokenizer):
    """Written the way upstream's subclasses are: `tokenize` alone."""

    def tokenize(self, inputs):
        return [[len(word) for word in text.split()] for text in inputs]


def test_shapes_and_types():
    single = Letters()("abc")
    assert (single.tolist(), single.dtype) == ([1, 2, 3], np.int32)
    assert Letters()(["abc", "a"]) == [[1, 2, 3], [1]]
    assert Letters()([]) == []
    padded = Letters(sequence_length=2, dtype="uint8")
    assert padded(["abc", "a"]).tolist() == [[1, 2], [1, 0]]
    assert padded("a").tolist() == [1, 0]
    assert padded([]).shape == (0, 2)
    assert padded("a").dtype == np.uint8
    tokens = Letters(dtype="string")
    assert tokens("ab") == ["a", "b"]
    assert tokens(["ab", "c"]) == [["a", "b"], ["c"]]
    assert Letters(dtype="string", sequence_length=2)(["c"]) == [["c", ""]]


def test_detokenizes():
    for ids in ([1, 2], np.array([1, 2]), (1, 2)):
        assert Letters().detokenize(ids) == "ab"
    for ids in ([[1, 2], [3]], Ragged.from_rows([[1, 2], [3]])):
        assert Letters().detokenize(ids) == ["ab", "c"]
    with pytest.raises(ValueError, match="received strings"):
        Letters().detokenize(["a"])


def test_special_tokens():
    tokenizer = Letters()
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("_", 0)
    assert (tokenizer.special_tokens, tokenizer.special_token_ids) == (["_"], [0])
    assert tokenizer.vocabulary_size() == 11
    assert tokenizer.name == "letters"


def test_a_subclass_that_writes_tokenize_can_be_packed():
    assert Words().encode_batch(["a bcd", ""]).to_list() == [[1, 3], []]
    with pytest.raises(NotImplementedError, match="does not tell offsets"):
        Words().tokenize_with_offsets("a")
    with pytest.raises(NotImplementedError, match="must write `encode_batch`"):
        Tokenizer()("a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 0}, "`sequence_length` to be a positive integer"),
        ({"sequence_length": 1.5}, "`sequence_length` to be a positive integer"),
        ({"sequence_length": True}, "`sequence_length` to be a positive integer"),
        ({"dtype": "float32"}, "integer type or 'string'"),
        ({"dtype": "bool"}, "integer type or 'string'"),
    ],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Letters(**arguments)


@pytest.mark.parametrize("length", [None, 3])
@pytest.mark.parametrize("dtype", ["int32", "int64", "string"])
def test_inside_tf_data(tf, length, dtype):
    texts = ["abc", "", "abcdef", "j"]
    tokenizer = Letters(sequence_length=length, dtype=dtype)
    singles = tf.data.Dataset.from_tensor_slices(texts)
    mapped = singles.map(tokenizer)
    assert mapped.element_spec == tf.TensorSpec((length,), dtype)
    for text, received in zip(texts, mapped, strict=True):
        np.testing.assert_array_equal(received, tf.constant(tokenizer(text), dtype))
    mapped = singles.batch(2).map(tokenizer)
    assert mapped.element_spec.dtype == dtype
    assert mapped.element_spec.shape.as_list() == [None, length]
    for start, received in zip((0, 2), mapped, strict=True):
        expected = tokenizer(texts[start : start + 2])
        if length is None:
            expected = tf.ragged.constant(expected, dtype).to_list()
            assert received.to_list() == expected
        else:
            np.testing.assert_array_equal(received, tf.constant(expected, dtype))
    # Outside of a graph tensors are as good as arrays.
    eager = tokenizer(tf.constant(texts))
    assert (
        np.array_equal(eager, tokenizer(texts)) if length else eager == tokenizer(texts)
    )


def test_detokenizes_inside_tf_data(tf):
    ids = tf.data.Dataset.from_tensors(["ab", "c"]).map(Letters())
    texts = ids.map(Letters().detokenize).get_single_element()
    assert texts.numpy().tolist() == [b"ab", b"c"]


def test_tensors_that_hold_no_texts(tf):
    with pytest.raises(ValueError, match="flat batch of strings"):
        tf.data.Dataset.from_tensors([["a"]]).map(Letters())
    with pytest.raises(ValueError, match="`inputs` to be a string"):
        Letters()(tf.constant([1, 2]))
