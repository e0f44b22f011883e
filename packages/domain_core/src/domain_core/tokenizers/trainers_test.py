"""Vocabularies computed from texts: right, the same each time, and good to use."""

import json
import subprocess
import sys

import pytest

from domain_core.testing.texts import mixed_corpus, real_texts
from domain_core.tokenizers import (
    BytePairTokenizer,
    WordPieceTokenizer,
    compute_byte_pair_vocabulary,
    compute_word_piece_vocabulary,
)

PATTERNS = ("gpt2", "llama3", "qwen", "bloom", "neox", "clip")
AGAIN = """
import json
from domain_core.testing.texts import mixed_corpus
from domain_core.tokenizers import compute_byte_pair_vocabulary as pairs
from domain_core.tokenizers import compute_word_piece_vocabulary as pieces
texts = mixed_corpus()[::4]
print(json.dumps([pairs(iter(texts), 700, pattern="clip"), pieces(iter(texts), 900)]))
"""


@pytest.mark.parametrize("pattern", PATTERNS)
def test_byte_pair(pattern):
    texts = mixed_corpus()[::4]
    vocabulary, merges = compute_byte_pair_vocabulary(
        iter(texts), 900, pattern=pattern, special_tokens=["<pad>", "<s>"]
    )
    assert list(vocabulary.values()) == list(range(900))
    assert list(vocabulary)[:2] == ["<pad>", "<s>"]
    assert len(merges) >= 900 - 2 - 512
    tokenizer = BytePairTokenizer(
        vocabulary, merges, pattern=pattern, unsplittable_tokens=["<pad>", "<s>"]
    )
    other = mixed_corpus()[1::30]
    if pattern in ("gpt2", "llama3", "bloom"):
        assert tokenizer.detokenize(tokenizer(other)) == list(other)
    assert all(tokenizer.token_to_id(m.replace(" ", "")) for m in merges)


def test_byte_pair_equals_the_trainer_of_tokenizers():
    tokenizers = pytest.importorskip("tokenizers")
    texts = real_texts(400)
    kinds = tokenizers.pre_tokenizers
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = kinds.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1000,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=kinds.ByteLevel.alphabet(),
    )
    reference.train_from_iterator(texts, trainer)
    expected = json.loads(reference.to_str())["model"]["merges"]
    _, merges = compute_byte_pair_vocabulary(iter(texts), 1000)
    assert [merge.split(" ") for merge in merges] == expected


def test_special_tokens_are_no_part_of_words():
    texts = ["ab<s>ab<s>ab"] * 5
    vocabulary, merges = compute_byte_pair_vocabulary(
        iter(texts), 300, special_tokens=["<s>"]
    )
    assert merges == ["a b"]
    assert len(vocabulary) == 258


def test_word_piece():
    texts = ["the quick brown fox", "The QUICK, brown fix", "quick fix"]
    vocabulary = compute_word_piece_vocabulary(iter(texts), 60, lowercase=True)
    assert vocabulary[:5] == ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    assert {"the", "quick", "brown", ","} <= set(vocabulary)
    assert len(vocabulary) <= 60
    tokenizer = WordPieceTokenizer(vocabulary, lowercase=True, dtype="string")
    assert tokenizer("The quick, fox")[:3] == ["the", "quick", ","]


@pytest.mark.parametrize("size", [6, 50, 300, 2000])
def test_word_piece_cuts_words_as_the_tokenizer(size):
    texts = mixed_corpus()[::6]
    flags = {"lowercase": True, "strip_accents": True}
    vocabulary = compute_word_piece_vocabulary(iter(texts), size, **flags)
    if size < 2000:
        assert len(vocabulary) == size
    else:  # all letters and frequent pairs found room
        assert 300 < len(vocabulary) <= size
        # Folded to plain spaces within words, and no token ends in one.
        spaces = {"\u00a0", "\u3000", "\u309c"}
        texts = [t for t in texts if not spaces & set(t)]
        # Words, too.
        short = [t for t in texts if len(t) <= 50 and len(t.encode()) < 100]
        ids = WordPieceTokenizer(vocabulary, **flags)(short)
        assert len(ids) > 50
        assert not any(vocabulary.index("[UNK]") in row for row in ids)


def test_word_piece_knows_letters_wherever_they_stand():
    words = ["baa maa caa saa aaa"]
    vocabulary = compute_word_piece_vocabulary(iter(words), 80, reserved_tokens=["?"])
    tokenizer = WordPieceTokenizer(vocabulary, oov_token="?", dtype="string")
    assert tokenizer("abba scam")[:4] == ["a", "##b", "##b", "##a"]
    assert "?" not in tokenizer("abba scam mmm")
    # The letters as they were seen come first.
    few = compute_word_piece_vocabulary(iter(words), 6, reserved_tokens=[])
    assert few == ["##a", "a", "b", "c", "m", "s"]
    every = compute_word_piece_vocabulary(
        iter(words), 80, reserved_tokens=[], suffix_indicator=""
    )
    assert set("abcms") <= set(every)


@pytest.mark.parametrize("split", [True, False])
def test_word_piece_leaves_out_long_words(split):
    """As upstream: of more than 50 characters, however many bytes those have."""
    vocabulary = compute_word_piece_vocabulary(
        iter(["x" * 51] * 3 + ["สวัสดี" * 8] * 3), 40, split=split, reserved_tokens=[]
    )
    assert not any("x" in token for token in vocabulary)
    assert set("สวัสดี") <= set(vocabulary)
    assert compute_word_piece_vocabulary(iter(["x" * 51]), 9, reserved_tokens=[]) == []
    kept = compute_word_piece_vocabulary(iter(["x" * 50]), 9, reserved_tokens=[])
    assert set(kept[:2]) == {"x", "##x"}


def test_word_piece_to_a_file(tmp_path):
    path = tmp_path / "vocabulary.txt"
    (tmp_path / "texts.txt").write_text("low lower lowest low")
    data = [tmp_path / "texts.txt"]
    assert compute_word_piece_vocabulary(data, 40, str(path)) is None
    expected = compute_word_piece_vocabulary(data, 40)
    assert WordPieceTokenizer(path).get_vocabulary() == expected
    assert "low" in expected


def test_word_piece_of_words():
    words = iter(["two words", "two words", "two"])
    vocabulary = compute_word_piece_vocabulary(
        words, 40, split=False, reserved_tokens=["[UNK]"], suffix_indicator="@@"
    )
    assert {"two words", "@@wo"} <= set(vocabulary)
    assert "@@ " not in vocabulary


def test_are_the_same_in_another_process():
    texts = mixed_corpus()[::4]
    expected = [
        list(compute_byte_pair_vocabulary(iter(texts), 700, pattern="clip")),
        compute_word_piece_vocabulary(iter(texts), 900),
    ]
    output = subprocess.check_output([sys.executable, "-c", AGAIN], text=True)
    assert json.loads(output) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary_size": 255}, "at least 256, for 0 special tokens"),
        ({"vocabulary_size": 512, "pattern": "clip", "special_tokens": ["<x>"]}, "513"),
        ({"vocabulary_size": 0}, "positive integer"),
        ({"vocabulary_size": 300, "min_frequency": 0}, "`min_frequency`"),
        ({"vocabulary_size": 300, "pattern": "x"}, "`pattern`"),
    ],
)
def test_byte_pair_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        compute_byte_pair_vocabulary(iter(["a"]), **arguments)


def test_word_piece_refuses(tmp_path):
    with pytest.raises(ValueError, match="split=True for a list of files"):
        compute_word_piece_vocabulary(["a"], 10, split=False)
    with pytest.raises(ValueError, match="positive integer"):
        compute_word_piece_vocabulary(iter(["a"]), 0)
