import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing import reference
from keras_nlp.models import BertTokenizer, TextClassifierPreprocessor
from keras_nlp.tokenizers import ByteTokenizer

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e fox".split()
PAIRS = ["a b c d e", "a"], ["e d c", "b b b b b b"]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer(VOCABULARY)


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def as_lists(inputs):
    return {name: np.asarray(array).tolist() for name, array in inputs.items()}


def test_packs_texts(tokenizer):
    inputs = TextClassifierPreprocessor(tokenizer, 6)(["a fox", "", "a b c d e"])
    assert as_lists(inputs) == {
        "token_ids": [[2, 5, 10, 3, 0, 0], [2, 3, 0, 0, 0, 0], [2, 5, 6, 7, 8, 3]],
        "padding_mask": [[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0], [1] * 6],
        "segment_ids": [[0] * 6] * 3,
    }
    assert {array.dtype.name for array in inputs.values()} == {"int32"}
    assert {type(array) for array in inputs.values()} == {np.ndarray}


@pytest.mark.parametrize(
    "x",
    [
        ("a fox", "b"),
        (["a fox"], ["b"]),
        (np.array(["a fox"]), np.array([b"b"])),
        {"first": np.array(["a fox"], object), "second": ["b"]},
    ],
)
def test_packs_pairs(tokenizer, x):
    inputs = as_lists(TextClassifierPreprocessor(tokenizer, 8)(x))
    single = isinstance(x, tuple) and isinstance(x[0], str)
    for name, row in {
        "token_ids": [2, 5, 10, 3, 6, 3, 0, 0],
        "padding_mask": [1, 1, 1, 1, 1, 1, 0, 0],
        "segment_ids": [0, 0, 0, 0, 1, 1, 0, 0],
    }.items():
        assert inputs[name] == (row if single else [row])


@pytest.mark.parametrize(
    ("truncate", "expected"),
    [
        ("round_robin", [[2, 5, 6, 7, 3, 9, 8, 3], [2, 5, 3, 6, 6, 6, 6, 3]]),
        ("waterfall", [[2, 5, 6, 7, 8, 9, 3, 3], [2, 5, 3, 6, 6, 6, 6, 3]]),
    ],
)
def test_truncates(tokenizer, truncate, expected):
    inputs = TextClassifierPreprocessor(tokenizer, 8, truncate=truncate)(PAIRS)
    assert inputs["token_ids"].tolist() == expected


def test_passes_labels_on(tokenizer):
    preprocessor = TextClassifierPreprocessor(tokenizer, 6)
    y, weight = np.array([1, 0]), np.array([0.5, 1.0])
    x, labels = preprocessor(["a", "b"], y)
    assert x["token_ids"].shape == (2, 6) and labels is y
    assert preprocessor(["a", "b"], y, weight)[2] is weight
    assert preprocessor(["a", "b"], y=y, sample_weight=weight)[1] is y


def test_single_and_empty(tokenizer):
    preprocessor = TextClassifierPreprocessor(tokenizer, 6)
    assert preprocessor("a fox")["token_ids"].tolist() == [2, 5, 10, 3, 0, 0]
    assert {array.shape for array in preprocessor([]).values()} == {(0, 6)}


def test_padding_mask_knows_where_the_text_ends():
    """Also where a text holds the padding token itself."""
    tokenizer = BertTokenizer(VOCABULARY, special_tokens_in_strings=True)
    inputs = TextClassifierPreprocessor(tokenizer, 6)("a [PAD] b")
    assert inputs["token_ids"].tolist() == [2, 5, 0, 6, 3, 0]
    assert inputs["padding_mask"].tolist() == [1, 1, 1, 1, 1, 0]


def test_config_round_trip(tokenizer):
    preprocessor = TextClassifierPreprocessor(tokenizer, 6, "waterfall")
    again = from_json(to_json(preprocessor))
    assert again.tokenizer.get_config() == tokenizer.get_config()
    assert (again.sequence_length, again.truncate) == (6, "waterfall")
    assert as_lists(again(PAIRS)) == as_lists(preprocessor(PAIRS))


def test_the_vocabulary_may_come_later():
    preprocessor = TextClassifierPreprocessor(BertTokenizer(), 6)
    with pytest.raises(ValueError, match="No vocabulary has been set"):
        preprocessor(["a"])
    preprocessor.tokenizer.set_vocabulary(VOCABULARY)
    assert preprocessor(["a"])["token_ids"].tolist() == [[2, 5, 3, 0, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokenizer": None}, "Expected a tokenizer for TextClassifierPreprocessor"),
        ({"tokenizer": len}, "Expected a tokenizer for TextClassifierPreprocessor"),
        ({"tokenizer": ByteTokenizer()}, "Expected a tokenizer with `start_token_id`"),
        ({"sequence_length": 0}, "`sequence_length`"),
        ({"sequence_length": None}, "`sequence_length`"),
        ({"truncate": "left"}, "`truncate`"),
    ],
)
def test_refuses_arguments(tokenizer, arguments, message):
    with pytest.raises(ValueError, match=message):
        TextClassifierPreprocessor(**{"tokenizer": tokenizer} | arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (["a", None], r"`x\[1\]` to be a string, received None"),
        ((["a"], ["a", "b"]), "one text per sample"),
        ((["a"], [3]), r"`x\[1\]\[0\]` to be a string, received 3"),
        (None, "received None"),
    ],
)
def test_refuses_inputs(tokenizer, x, message):
    with pytest.raises(ValueError, match=message):
        TextClassifierPreprocessor(tokenizer, 6)(x)


def preprocessed(folder, words, texts):
    import keras
    import keras_hub

    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(
        keras_hub.models.BertTokenizer(words), sequence_length=7
    )
    inputs = preprocessor(texts).items()
    return {
        name: keras.ops.convert_to_numpy(keras.ops.cast(value, "int32"))
        for name, value in inputs
    }


def test_equals_upstream():
    texts = ["a fox", "", "a b c d e a b c", "what?"]
    expected = reference("keras_hub", preprocessed, words=VOCABULARY, texts=texts)
    received = TextClassifierPreprocessor(BertTokenizer(VOCABULARY), 7)(texts)
    assert sorted(received) == sorted(expected.arrays)
    for name, array in received.items():
        np.testing.assert_array_equal(array, expected.arrays[name])


@pytest.mark.parametrize("batch_size", [None, 2])
def test_inside_tf_data(tf, tokenizer, batch_size):
    preprocessor = TextClassifierPreprocessor(tokenizer, 6)
    texts, labels = ["a fox", "", "a b c d e"], [0, 1, 2]
    dataset = tf.data.Dataset.from_tensor_slices((texts, labels))
    if batch_size:
        dataset = dataset.batch(batch_size)
    dataset = dataset.map(preprocessor)
    shape = [None, 6] if batch_size else [6]
    assert all(s.shape.as_list() == shape for s in dataset.element_spec[0].values())
    received = list(dataset.unbatch() if batch_size else dataset)
    expected = preprocessor(texts)
    for index, (x, y) in enumerate(received):
        assert y == labels[index]
        for name, array in expected.items():
            np.testing.assert_array_equal(x[name], array[index])


def test_pairs_inside_tf_data(tf, tokenizer):
    preprocessor = TextClassifierPreprocessor(tokenizer, 8)
    expected = as_lists(preprocessor(PAIRS))
    dataset = tf.data.Dataset.from_tensors((PAIRS, [0, 1]))
    assert as_lists(dataset.map(preprocessor).get_single_element()[0]) == expected
    # Outside of a graph tensors are as good as arrays.
    assert as_lists(preprocessor(tuple(map(tf.constant, PAIRS)))) == expected
