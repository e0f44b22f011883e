"""In a graph the ids are those that the engine itself gives."""

import collections
import gc
import pickle
import random
import re
import sys
import unicodedata

import pytest

from domain_core.testing.graphs import in_graph
from domain_core.text.graph_special_tokens import forbid_in_graph
from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine
from domain_core.text.word_piece.graph import _GRAPHS, word_piece_graph
from domain_core.text.word_piece.keras_engine import KerasWordPieceEngine

SPECIAL = ("[UNK]", "[CLS]", "[MASK]")
ENGINES = (BertWordPieceEngine, KerasWordPieceEngine)


pytest.importorskip("tensorflow_text")


@pytest.fixture(scope="module")
def lines(few_lines):
    """Lines of the corpus, some with a special token, or what nearly is one."""
    draw = random.Random(0)
    tokens = (*SPECIAL, " [MASK] ", "[mask]", "[CL\u0301S]", "[CLS")
    found = list(few_lines)
    for index in range(0, len(found), 5):
        place = draw.randint(0, len(found[index]))
        token = draw.choice(tokens)
        found[index] = found[index][:place] + token + found[index][place:]
    return found


@pytest.fixture(scope="module")
def vocabulary(lines):
    """Special tokens, frequent words, and half of the characters in all forms."""
    text = "\n".join(lines)
    words = collections.Counter(re.findall(r"\w+", text.lower()))
    pieces = [word for word, _ in words.most_common(2000)]
    for character in sorted(set(text))[::2]:
        for form in (character, character.lower(), character.casefold()):
            pieces += [unicodedata.normalize(name, form) for name in ("NFKC", "NFD")]
    pieces = [p for p in pieces if p.split() == [p] and "\0" not in p]
    return list(dict.fromkeys([*SPECIAL, *pieces, *(f"##{p}" for p in pieces)]))


def encoded(tf, engine, texts, errors="strict"):
    """Returns the ids that a graph gives, 512 texts at a time."""
    graph = word_piece_graph(engine)
    run = tf.function(
        lambda texts: graph.encode(texts, errors),
        input_signature=[tf.TensorSpec([None], "string")],
        autograph=False,
    )
    batches = [texts[start : start + 512] for start in range(0, len(texts), 512)]
    return [row for batch in batches for row in run(tf.constant(batch)).to_list()]


def assert_agrees(tf, engine, texts):
    expected = engine.encode(texts).to_list()
    received = encoded(tf, engine, texts)
    for text, want, got in zip(texts, expected, received, strict=True):
        assert got == want, ascii(text)


@pytest.mark.parametrize(
    "options",
    [
        {"lowercase": True, "strip_accents": True},
        {"lowercase": True, "strip_accents": False},
        {"strip_accents": True, "split_on_cjk": False},
        {},
        {"lowercase": True, "strip_accents": True, "atomic_tokens": SPECIAL},
        {"split": False, "lowercase": True, "strip_accents": True},
        {"split": False, "lowercase": True, "atomic_tokens": SPECIAL},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize("cls", ENGINES)
def test_agrees(tf, cls, options, vocabulary, lines):
    texts = lines
    if not options.get("split", True):
        texts = sorted({word for line in lines for word in line.split()})
    assert_agrees(tf, cls(vocabulary, **options), texts)


def test_is_one_graph_without_python(tf, vocabulary):
    for cls in ENGINES:
        graph = word_piece_graph(cls(vocabulary, lowercase=True, split=False))
        run = in_graph(lambda t, graph=graph: graph.encode(t, "strict"), [["a", "I"]])
        assert len(run().to_list()[0]) == 2


@pytest.mark.parametrize("suffix", ["##", "", "#", "a"])
@pytest.mark.parametrize("cls", ENGINES)
def test_any_suffix_and_vocabulary(tf, cls, suffix):
    draw = random.Random(suffix)
    alphabet = (
        "abA#'-é[]ÉΣσß…¨ﬁ漢한\u0301\u0327\xad\u200d\xa0\U0001d15e\U0001d165\u302e"
    )

    def word(letters):
        return "".join(draw.choice(letters) for _ in range(draw.randint(1, 3)))

    pieces = [word(draw.choice(("abA#", "abé'[", alphabet))) for _ in range(60)]
    pieces += [
        "#",
        "ba",
        "[a",
        "##",
        "[",
        "a" * 100,
        "a" * 300,
        "é" * 60,
        f"{suffix}#",
        f"{suffix}a",
    ]
    tokens = list(dict.fromkeys(["[UNK]", *pieces, *(suffix + p for p in pieces)]))
    texts = [
        "".join(draw.choice(letters) for _ in range(draw.randint(0, 12)))
        for letters in ("ab", "ab#'-[] ", alphabet + " \t\0\x0b\x1c\u2028") * 60
    ]
    texts += [c * n for c in "aéÉ한漢" for n in (33, 34, 50, 51, 100, 101, 300)]
    for options in (
        {"lowercase": True},
        {"strip_accents": True, "atomic_tokens": ("#", "ba", "[a")},
        {"lowercase": True, "split": False},
    ):
        engine = cls(tokens, suffix_indicator=suffix, **options)
        assert_agrees(tf, engine, texts)


@pytest.mark.parametrize("cls", ENGINES)
def test_marks_in_any_order(tf, cls):
    draw = random.Random(0)
    codes = [c for c in range(sys.maxunicode) if unicodedata.combining(chr(c))]
    # The last three are not assigned in all versions of Unicode.
    letters = [*"aeΑ日\u0345\U0001d15e", "\U00016d67", "\U000105d2", "\U0001e042"]
    tokens = [chr(code) for code in codes] + letters
    tokens = list(dict.fromkeys(tokens))
    vocabulary = ["[UNK]", *tokens, *(f"##{token}" for token in tokens)]
    texts = [
        "".join(chr(draw.choice(codes)) for _ in range(4)) + draw.choice(letters)
        for _ in range(1500)
    ]
    for lowercase in (True, False):
        engine = cls(vocabulary, lowercase=lowercase, strip_accents=True)
        assert_agrees(tf, engine, texts)


@pytest.mark.large
@pytest.mark.parametrize("strip_accents", [True, False])
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("cls", ENGINES)
def test_all_of_unicode(tf, cls, lowercase, strip_accents):
    codes = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    some = [chr(c) for c in codes if c < 0x3000 or 0xF900 <= c < 0x10000]
    forms = [
        unicodedata.normalize(name, form)
        for character in some
        for form in (character, character.casefold())
        for name in ("NFKC", "NFD")
    ]
    forms = [form for form in forms if form.split() == [form] and "\0" not in form]
    tokens = ["[UNK]", "a", "##a", *forms, *(f"##{form}" for form in forms)]
    engine = cls(
        list(dict.fromkeys(tokens)), lowercase=lowercase, strip_accents=strip_accents
    )
    assert_agrees(tf, engine, [f"a{chr(code)}a" for code in codes])


def test_texts_that_are_no_utf8(tf):
    engine = BertWordPieceEngine(["[UNK]", "a", "##b"], atomic_tokens=["[UNK]"])
    plain = BertWordPieceEngine(["[UNK]", "a", "##b"])
    for each in (engine, plain):
        with pytest.raises(tf.errors.InvalidArgumentError):
            encoded(tf, each, [b"a", b"a\xffb"])
        assert encoded(tf, each, [b"a\xffb", b"\xff"], "ignore") == [[1, 2], []]
        assert encoded(tf, each, [b"a\xffb"], "replace") == [[1, 2]]  # U+FFFD vanishes


def test_rows_of_words(tf):
    graph = word_piece_graph(KerasWordPieceEngine(["[UNK]", "a", "##b"], split=False))
    rows = graph.encode(tf.constant([["ab", "a b"], ["", "b"]]), "strict")
    assert rows.to_list() == [[1, 2, 0], [0]]
    rows = graph.encode(tf.ragged.constant([["ab", "a"], []], dtype="string"), "strict")
    assert rows.to_list() == [[1, 2, 1], []]


def test_decodes(tf):
    graph = word_piece_graph(BertWordPieceEngine(["[UNK]", "a", "##b", "é", "##"]))
    rows = tf.ragged.constant([[1, 2, 3, 0], [], [2, 4]], dtype="int32")
    assert [t.decode() for t in graph.decode(rows).numpy()] == ["ab é [UNK]", "", "##b"]
    for wrong in (-1, 5):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"ids in \[0, 4\]"):
            graph.decode(tf.ragged.constant([[wrong]], dtype="int32"))


def test_what_it_cannot_do(tf):
    with pytest.raises(ValueError, match="tokens with a NUL"):
        word_piece_graph(KerasWordPieceEngine(["[UNK]", "a\0"], split=False))
    with pytest.raises(ValueError, match="tokens of more than 256 bytes"):
        word_piece_graph(BertWordPieceEngine(["[UNK]", "漢" * 90]))
    with pytest.raises(ValueError, match="WordPieceEngine has no form for graphs"):
        word_piece_graph(WordPieceEngine(["[UNK]"]))
    # Beyond reach, so they do no harm.
    engine = KerasWordPieceEngine(["[UNK]", "a\0", "漢" * 90, "a"])
    assert encoded(tf, engine, ["a", "a\0", "漢" * 90]) == [[3], [3], [0] * 90]


def test_is_made_once_and_goes_with_its_engine(tf):
    engine = BertWordPieceEngine(["[UNK]", "a"])
    assert word_piece_graph(engine) is word_piece_graph(engine)
    again = pickle.loads(pickle.dumps(engine))
    assert again not in _GRAPHS
    before = len(_GRAPHS)
    del engine
    gc.collect()
    assert len(_GRAPHS) < before


def test_tokens_in_texts(tf):
    tokens = ["[UNK]", "ab", "##aa", "ba"]
    engine = BertWordPieceEngine(tokens, lowercase=True, atomic_tokens=["ba"])
    # One is not found that only lower case brings about, one is behind a NUL.
    texts = ["AbAa ba", "ab\0ba", "\0ba\0"]
    assert engine.encode(texts).to_list() == [[1, 2, 3], [1, 3], [3]]
    assert_agrees(tf, engine, texts)


def test_forbids_tokens_whatever_is_beside_them(tf):
    texts = tf.constant([b"ba", "é\n".encode(), b"\xff"])
    assert forbid_in_graph(texts, ["[UNK]"]).numpy().tolist() == texts.numpy().tolist()
    for text in (b"[UNK]", b"\0[UNK]", b"\xff\n[UNK]\xff", "é[UNK]".encode()):
        with pytest.raises(tf.errors.InvalidArgumentError, match="without special"):
            forbid_in_graph(tf.constant([b"a", text]), ["[UNK]", "[CLS]"])
