import pickle
import sys

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing import NASTY_TEXTS
from domain_core.tokenizers import WordPieceTokenizer
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer

VOCABULARY = ["[UNK]", "the", "qu", "##ick", "br", "##own", "fox", ".", "[MASK]", "é"]


def test_example_of_the_paper():
    tokenizer = WordPieceTokenizer(
        vocabulary=["[UNK]", "the", "qu", "##ick", "br", "##own", "fox", "."],
        sequence_length=10,
        lowercase=True,
    )
    ids = tokenizer(["The quick brown fox."])
    np.testing.assert_array_equal(ids, [[1, 2, 3, 4, 5, 6, 7, 0, 0, 0]])
    assert (ids.dtype, isinstance(ids, np.ndarray)) == (np.int32, True)


def test_outputs():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    assert tokenizer("the quick").tolist() == [1, 2, 3]
    assert tokenizer(["the quick", "", "cat"]) == [[1, 2, 3], [], [0]]
    assert tokenizer(np.array([b"the", b"fox"])) == [[1], [6]]
    assert WordPieceTokenizer(VOCABULARY, dtype="string")("quick") == ["qu", "##ick"]


def test_detokenizes_as_upstream():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    assert tokenizer.detokenize([1, 2, 3, 6, 7]) == "the quick fox ."
    assert tokenizer.detokenize([[3, 1], [3, 3], [], [0]]) == [
        "##ick the",
        "##ickick",
        "",
        "[UNK]",
    ]
    for ids in ([10], [[1], [-1]]):
        with pytest.raises(ValueError, match=r"Expected an id in \[0, 9\]"):
            tokenizer.detokenize(ids)


def test_offsets():
    text = "The  quick\tcat."
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=True)
    ids, offsets = tokenizer.tokenize_with_offsets(text)
    assert ids.tolist() == [1, 2, 3, 0, 7]
    pieces = [text[start:end] for start, end in offsets]
    assert pieces == ["The", "qu", "ick", "cat", "."]
    ids, offsets = tokenizer.tokenize_with_offsets([text, ""])
    assert [row.shape for row in ids] == [(5,), (0,)]
    assert [row.shape for row in offsets] == [(5, 2), (0, 2)]


def test_vocabulary():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    assert tokenizer.get_vocabulary() == VOCABULARY
    assert tokenizer.vocabulary_size() == 10
    assert (tokenizer.id_to_token(6), tokenizer.token_to_id("fox")) == ("fox", 6)
    for wrong in (-1, 10):
        with pytest.raises(ValueError, match="Expected an id in"):
            tokenizer.id_to_token(wrong)
    with pytest.raises(ValueError, match="received 'cat'"):
        tokenizer.token_to_id("cat")


def test_vocabulary_from_a_file(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes("\ufeff[UNK]\r\nthe\r\né\r\n".encode())
    for given in (path, str(path)):
        assert WordPieceTokenizer(given).get_vocabulary() == ["[UNK]", "the", "é"]


def test_without_splitting():
    tokenizer = WordPieceTokenizer(VOCABULARY, split=False, lowercase=True)
    # A row of words is one text.
    assert tokenizer(["The", "quick", "the fox"]).tolist() == [1, 2, 3, 0]
    assert tokenizer([["The", "quick"], ["fox"]]) == [[1, 2, 3], [6]]
    assert tokenizer("QUICK").tolist() == [2, 3]
    tokenizer = WordPieceTokenizer(VOCABULARY, split=False, sequence_length=2)
    assert tokenizer([["the", "quick"], []]).tolist() == [[1, 2], [0, 0]]


@pytest.mark.parametrize("cls", [WordPieceTokenizer, BertWordPieceTokenizer])
@pytest.mark.parametrize("policy", ["text", "parse"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_a_word_that_is_a_special_token(tf, cls, policy, lowercase):
    """Also in a graph, with offsets, and where the rules would change it."""
    special = ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[MÁSK]"]
    own = {"special_tokens": special, "special_tokens_in_strings": policy}
    vocabulary = ["[UNK]", *special, "word", "##x"]
    options = {**own, "split": False, "lowercase": lowercase, "strip_accents": True}
    tokenizer = cls(vocabulary, **options)
    rows = [["[MÁSK]", "word", "[MÁSK]"], ["x[MÁSK]"], ["[MÁSK]x"], []]
    found = tokenizer(rows)
    assert found[0] == [5, 6, 5]
    if policy == "text":
        assert found[1:] == [[0], [0], []]
    if cls is BertWordPieceTokenizer:
        assert tokenizer(["[MASK]", "[CLS]"]).tolist() == [4, 1]
    graph = cls(vocabulary, **options, graph=True)
    run = tf.function(
        graph, input_signature=[tf.RaggedTensorSpec([None, None], "string")]
    )
    assert run(tf.ragged.constant(rows, dtype="string")).to_list() == found
    ids, offsets = tokenizer.tokenize_with_offsets(rows[0])
    assert [row.tolist() for row in ids] == [[5], [6], [5]]
    assert [row.tolist() for row in offsets] == [[[0, 6]], [[0, 4]], [[0, 6]]]


def test_a_special_token_given_as_upstream():
    vocabulary = ["[UNK]", "[MASK]", "word"]
    options = {"split": False, "special_tokens": ["[MASK]"]}
    tokenizer = WordPieceTokenizer(vocabulary, **options)
    assert tokenizer(["[MASK]", "word"]).tolist() == [1, 2]
    assert tokenizer("[MASK]").tolist() == [1]
    again = WordPieceTokenizer.from_config(tokenizer.get_config())
    assert again([["[MASK]"], ["word"]]) == [[1], [2]]
    refused = WordPieceTokenizer(
        vocabulary, **options, special_tokens_in_strings="error"
    )
    with pytest.raises(ValueError, match="without special tokens"):
        refused(["[MASK]"])


def test_special_tokens_in_strings():
    def tokens(policy):
        return WordPieceTokenizer(
            VOCABULARY,
            special_tokens=["[MASK]"],
            special_tokens_in_strings=policy,
            lowercase=True,
            dtype="string",
        )

    for policy in (False, "text"):
        assert tokens(policy)("the [MASK]") == ["the", "[UNK]", "[UNK]", "[UNK]"]
    for policy in (True, "parse"):
        assert tokens(policy)("the[MASK]FOX") == ["the", "[MASK]", "fox"]
        assert tokens(policy)("[mask]") == ["[UNK]"] * 3
    assert tokens("error")(["the fox"]) == [["the", "fox"]]
    with pytest.raises(ValueError, match=r"'\[MASK\]' in text 1 at character 2"):
        tokens("error")(["the", "a [MASK]"])
    assert (tokens(True).special_tokens, tokens(True).special_token_ids) == (
        ["[MASK]"],
        [8],
    )


def test_config_is_complete():
    options = {
        "sequence_length": 5,
        "lowercase": True,
        "strip_accents": True,
        "split": False,
        "split_on_cjk": False,
        "suffix_indicator": "@@",
        "oov_token": "é",
        "special_tokens": ["[MASK]"],
        "special_tokens_in_strings": "error",
        "errors": "replace",
        "graph": True,
        "dtype": "int64",
        "name": "words",
    }
    tokenizer = WordPieceTokenizer(VOCABULARY, **options)
    config = tokenizer.get_config()
    assert config == {"vocabulary": VOCABULARY, **options}
    assert WordPieceTokenizer.from_config(config).get_config() == config
    assert from_json(to_json(tokenizer)).get_config() == config
    again = keras.saving.deserialize_keras_object(
        {
            "module": None,
            "class_name": "WordPieceTokenizer",
            "config": config,
            "registered_name": "kerasnlp>WordPieceTokenizer",
        }
    )
    assert again.get_config() == config
    del config["vocabulary"]
    assert WordPieceTokenizer.from_config(config).get_config()["vocabulary"] is None


def test_config_reads_no_files(tmp_path):
    (tmp_path / "v.txt").write_text("[UNK]\n")
    with pytest.raises(ValueError, match="'vocabulary' of a WordPieceTokenizer config"):
        WordPieceTokenizer.from_config({"vocabulary": str(tmp_path / "v.txt")})


def test_assets(tmp_path):
    tokenizer = WordPieceTokenizer(VOCABULARY)
    tokenizer.save_assets(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == list(tokenizer.file_assets)
    again = WordPieceTokenizer()
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == VOCABULARY
    assert again(["the fox"]) == [[1, 6]]


def test_is_pickled():
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=True)
    tokenizer("the")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again(list(NASTY_TEXTS)) == tokenizer(list(NASTY_TEXTS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary": ["a"]}, r"lacks \['\[UNK\]'\]"),
        ({"vocabulary": ["a"], "oov_token": None}, "`oov_token` to be a token"),
        ({"vocabulary": ["[UNK]", "a", "a"]}, r"'a' 2 times, at ids \[1, 2\]"),
        ({"vocabulary": ["[UNK]", ""]}, "received '' at id 1"),
        ({"vocabulary": ["[UNK]", 3]}, "received 3 of type int at id 1"),
        ({"vocabulary": []}, "received none"),
        ({"vocabulary": "no/such/file"}, "no file 'no/such/file'"),
        ({"vocabulary": ["[UNK]"], "special_tokens": ["[X]"]}, r"lacks \['\[X\]'\]"),
        ({"special_tokens_in_strings": "maybe"}, "received 'maybe'"),
        ({"sequence_length": 0}, "`sequence_length`"),
        ({"dtype": "float32"}, "`dtype`"),
    ],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(**arguments)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "None of type NoneType"),
        (3, "received 3"),
        (["a", None], r"`inputs\[1\]` to be a string, received None"),
        ([b"\xff"], r"`inputs\[0\]` to be UTF-8"),
        (["a", "\ud800"], "lone surrogate '.ud800' in text 1 at character 0"),
        ([["a"]], r"`inputs\[0\]` to be a string"),
    ],
)
def test_refuses_inputs(inputs, message):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(VOCABULARY)(inputs)


def test_needs_a_vocabulary():
    for use in (
        lambda t: t("a"),
        lambda t: t.detokenize([1]),
        lambda t: t.vocabulary_size(),
        lambda t: t.token_to_id("a"),
    ):
        with pytest.raises(ValueError, match="No vocabulary has been set"):
            use(WordPieceTokenizer())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match="pip install tokenizers"):
        WordPieceTokenizer(VOCABULARY)("a")


def test_inside_tf_data(tf):
    texts = [text for text in NASTY_TEXTS if "\0" not in text]
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=True)
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(5)
    received = [row for batch in dataset.map(tokenizer) for row in batch.to_list()]
    assert received == tokenizer(texts)
    words = tf.data.Dataset.from_tensors(["the quick", "fox"]).map(tf.strings.split)
    rows = words.map(WordPieceTokenizer(VOCABULARY, split=False)).get_single_element()
    assert rows.to_list() == [[1, 2, 3], [6]]
    broken = tf.data.Dataset.from_tensors([b"a", b"\xff"]).map(tokenizer)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`inputs\[1\]` to be UTF"
    ):
        broken.get_single_element()
