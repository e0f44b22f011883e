import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from keras_nlp.models import BertTokenizer, QuestionAnswererPreprocessor

WORDS = [f"w{n}" for n in range(30)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "?", *WORDS]
LONG = " ".join(WORDS)
X = {"question": ["who?", "who who?"], "context": [LONG, "w1  w2"]}


@pytest.fixture(scope="module")
def preprocessor():
    return QuestionAnswererPreprocessor(BertTokenizer(VOCABULARY), 16, stride=4)


def span(context, text):
    start = context.index(text)
    return start, start + len(text)


def tokens(preprocessor, ids):
    return [preprocessor.tokenizer.id_to_token(i) for i in np.asarray(ids).tolist()]


@pytest.mark.parametrize("answer", ["w0", "w13", "w13 w14 w15", "w29", "w5 w6"])
def test_trains_on_the_window_with_the_answer(preprocessor, answer):
    start, end = span(LONG, answer)
    inputs, y = preprocessor(X, {"start": [start, 4], "end": [end, 6]})
    assert {k: (v.shape, v.dtype.name) for k, v in inputs.items()} == {
        "token_ids": ((2, 16), "int32"),
        "padding_mask": ((2, 16), "int32"),
        "segment_ids": ((2, 16), "int32"),
    }
    for row, text in enumerate([answer, "w2"]):
        first, last = y["start"][row], y["end"][row]
        found = tokens(preprocessor, inputs["token_ids"][row, first : last + 1])
        assert found == text.split()
        assert (inputs["segment_ids"][row, first : last + 1] == 1).all()
    row = tokens(preprocessor, inputs["token_ids"][0])
    assert row[:4] == ["[CLS]", "who", "?", "[SEP]"] and row[-1] == "[SEP]"
    assert inputs["padding_mask"][1].tolist() == [1] * 8 + [0] * 8


@pytest.mark.parametrize(("start", "end"), [(0, 0), (-1, -1), (7, 7), (2, 3)])
def test_no_answer_points_at_the_start_token(preprocessor, start, end):
    """(2, 3) is the blank between two words: no token there."""
    inputs, y = preprocessor(X, {"start": [start, 0], "end": [end, 0]})
    assert y["start"].tolist() == y["end"].tolist() == [0, 0]
    assert tokens(preprocessor, inputs["token_ids"][0])[4] == "w0"


def test_an_answer_longer_than_a_window_has_none(preprocessor):
    start, end = span(LONG, " ".join(WORDS[3:20]))
    y = preprocessor(X, {"start": [start, 0], "end": [end, 0]})[1]
    assert (y["start"][0], y["end"][0]) == (0, 0)


def test_parts_of_words_count_as_the_word(preprocessor):
    start, _ = span(LONG, "w13")
    inputs, y = preprocessor(X, {"start": [start + 1, 0], "end": [start + 2, 2]})
    assert tokens(
        preprocessor, inputs["token_ids"][0, [y["start"][0], y["end"][0]]]
    ) == [
        "w13",
        "w13",
    ]


def test_without_answers(preprocessor):
    inputs = preprocessor(X)
    assert sorted(inputs) == ["padding_mask", "segment_ids", "token_ids"]
    pairs = preprocessor((X["question"], np.array(X["context"])))
    np.testing.assert_array_equal(pairs["token_ids"], inputs["token_ids"])
    single = preprocessor({"question": "who?", "context": LONG})
    np.testing.assert_array_equal(single["token_ids"], inputs["token_ids"][0])


def test_single_sample_with_answer_and_weight(preprocessor):
    x = {"question": "who?", "context": LONG}
    start, end = span(LONG, "w8")
    inputs, y, weight = preprocessor(x, {"start": start, "end": end}, 0.5)
    assert (y["start"].shape, weight) == ((), 0.5)
    assert tokens(preprocessor, inputs["token_ids"][[y["start"]]]) == ["w8"]


def test_windows(preprocessor):
    windows = preprocessor.windows(X["question"], X["context"])
    assert windows.sample.tolist() == [0] * (len(windows) - 1) + [1]
    assert windows.inputs["token_ids"].shape == (len(windows), 16)
    seen = set()
    for ids, offsets, mask, sample in zip(
        windows.inputs["token_ids"],
        windows.offsets,
        windows.context_mask,
        windows.sample,
        strict=True,
    ):
        context = X["context"][sample]
        words = [context[start:end] for start, end in offsets[mask]]
        assert words == tokens(preprocessor, ids[mask])
        seen |= {(int(sample), word) for word in words}
    assert seen == {(0, word) for word in WORDS} | {(1, "w1"), (1, "w2")}
    assert len(preprocessor.windows("who?", "w1")) == 1
    assert len(preprocessor.windows([], [])) == 0


def test_offsets_count_characters():
    vocabulary = [*VOCABULARY, "cafe", "漢", "字"]
    preprocessor = QuestionAnswererPreprocessor(BertTokenizer(vocabulary, True), 24)
    context = "👨‍👩‍👧 w1 CAFE\u0301, 漢字 w2"
    for answer, token in [("CAFE", "cafe"), ("字", "字"), ("w2", "w2")]:
        start, end = span(context, answer)
        inputs, y = preprocessor(
            {"question": "who?", "context": context}, {"start": start, "end": end}
        )
        assert tokens(preprocessor, inputs["token_ids"][[y["start"], y["end"]]]) == [
            token,
            token,
        ]


def test_cuts_long_questions():
    preprocessor = QuestionAnswererPreprocessor(
        BertTokenizer(VOCABULARY), 16, max_question_length=3
    )
    row = preprocessor({"question": "who " * 30, "context": "w1"})["token_ids"]
    assert tokens(preprocessor, row)[:6] == ["[CLS]", *["who"] * 3, "[SEP]", "w1"]
    preprocessor = QuestionAnswererPreprocessor(BertTokenizer(VOCABULARY), 16)
    with pytest.raises(ValueError, match="leave room for the context"):
        preprocessor({"question": "who " * 30, "context": "w1"})


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, {"start": [0, 0], "end": [200, 0]}, "end=200 for sample 0"),
        (X, {"start": [0, 5], "end": [1, 2]}, "start=5 and end=2 for sample 1"),
        (X, {"start": [0], "end": [1]}, "an answer per sample"),
        (X, {"start": [0.0, 0.0], "end": [1.0, 1.0]}, "integer characters"),
        (X, {"start": [0, 0]}, r"received \['start'\]"),
        (X, [0, 1], "received list"),
        (["a", "b"], None, "received list"),
        ({"question": ["a"]}, None, r"received \['question'\]"),
        ({"question": ["a"], "context": ["b", "c"]}, None, "one text per sample"),
        ({"question": ["a"], "context": [None]}, None, r"`x\['context'\]\[0\]`"),
    ],
)
def test_refuses_inputs(preprocessor, x, y, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(x, y)


def test_refuses_arguments(preprocessor):
    for name in ("sequence_length", "stride", "max_question_length"):
        with pytest.raises(ValueError, match=f"`{name}` to be a positive integer"):
            QuestionAnswererPreprocessor(preprocessor.tokenizer, **{name: 0})
    with pytest.raises(ValueError, match="Expected a tokenizer"):
        QuestionAnswererPreprocessor(None)


def test_config_round_trip(preprocessor):
    again = from_json(to_json(preprocessor))
    assert (again.sequence_length, again.stride, again.max_question_length) == (
        16,
        4,
        64,
    )
    np.testing.assert_array_equal(again(X)["token_ids"], preprocessor(X)["token_ids"])


def test_inside_tf_data(preprocessor):
    tf = pytest.importorskip("tensorflow")
    start, end = span(LONG, "w13 w14")
    y = {"start": [start, 4], "end": [end, 6]}
    expected = preprocessor(X, y)
    dataset = tf.data.Dataset.from_tensor_slices((X, y)).batch(2).map(preprocessor)
    received = dataset.get_single_element()
    for part in (0, 1):
        for name, array in expected[part].items():
            np.testing.assert_array_equal(received[part][name], array)
    assert dataset.element_spec[1]["start"].shape.as_list() == [None]
    plain = tf.data.Dataset.from_tensors(X).map(preprocessor).get_single_element()
    np.testing.assert_array_equal(plain["token_ids"], preprocessor(X)["token_ids"])
