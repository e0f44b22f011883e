"""Ids and offsets equal those of `tokenizers`, for each family's rule."""

import itertools
import json
import pickle
import random
import threading
import time

import pytest

from domain_core.testing.texts import mixed_corpus
from domain_core.text import chunk_cache
from domain_core.text.byte_pair.engine import BytePairEngine
from domain_core.text.byte_pair.patterns import PATTERNS, as_pattern

# What rules look at: blanks of all kinds, ends of lines, contractions, cases, marks.
PARTS = (
    *(" ", " ", " ", "\n", "\r", "\t", "\u3000", "\u00a0", "\x1c", "\x85", "\u2028"),
    *("'", "s", "S", "t", "l", "L", "v", "e", "\u017f", "ß", "İ", "Σ", "é", "中"),
    *("1", "29", "٣", "½", ".", "!", "|", "(", "_", "。", "<|startoftext|>", "<|X|>"),
    *(
        "\u0301",
        "e\u0301",
        "\u0338",
        "😀",
        "\u200d",
        "\u2000",
        "\u212a",
        "\u037e",
        "\0",
    ),
)


@pytest.fixture(scope="module", params=[5, pytest.param(1, marks=pytest.mark.large)])
def nasty_texts(request):
    """All pairs of parts; longer texts, and characters, of which one in so many."""
    draw = random.Random(0)
    pairs = itertools.product(PARTS, repeat=2)
    lengths = [draw.randint(3, 9) for _ in range(4000 // request.param)]
    codes = range(0x80, 0x3100, 3 * request.param)
    return [
        *map("".join, pairs),
        *("".join(draw.choices(PARTS, k=length)) for length in lengths),
        *(f"a {chr(c)}b'{chr(c)}x\n{chr(c)} " for c in codes),
    ]


@pytest.fixture(scope="module", params=sorted(PATTERNS))
def trained(request):
    """Returns an engine, and `tokenizers` with the same vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")
    pattern = PATTERNS[request.param]
    suffix = pattern.end_of_word
    options = {"end_of_word_suffix": suffix} if suffix else {}
    reference = tokenizers.Tokenizer(tokenizers.models.BPE(**options))
    reference.pre_tokenizer = pattern.pre_tokenizer()
    if normalizer := pattern.normalizer(pattern.normalization):
        reference.normalizer = normalizer
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1500, show_progress=False, initial_alphabet=alphabet, **options
    )
    reference.train_from_iterator(mixed_corpus(), trainer)
    model = json.loads(reference.to_str())["model"]
    vocabulary, merges = model["vocab"], [tuple(pair) for pair in model["merges"]]
    for character in alphabet:
        vocabulary.setdefault(character + suffix, len(vocabulary))
    reference.model = tokenizers.models.BPE(vocabulary, merges, **options)
    # Ids that are no numbers of the compiled code's own.
    vocabulary = {token: 3 * index + 5 for token, index in vocabulary.items()}
    engine = BytePairEngine(
        vocabulary, merges, pattern=pattern, normalization=pattern.normalization
    )
    return engine, lambda texts: reference.encode_batch(
        list(texts), add_special_tokens=False
    )


def batches(texts, size=256):
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def encode(engine, texts):
    return [row for batch in batches(texts) for row in engine.encode(batch).to_list()]


def test_equals_tokenizers_on_the_corpus(trained, corpus):
    engine, reference = trained
    expected = [[3 * i + 5 for i in e.ids] for e in reference(corpus)]
    assert encode(engine, corpus) == expected
    assert encode(engine, corpus[:3000]) == expected[:3000]  # from memory


def test_equals_tokenizers_with_offsets_where_rules_bite(trained, nasty_texts):
    engine, reference = trained
    texts = nasty_texts
    encodings = reference(texts)
    expected = [[3 * i + 5 for i in e.ids] for e in encodings]
    assert encode(engine, texts) == expected
    ids, offsets = engine.encode_with_offsets(texts)
    assert ids.to_list() == expected
    pairs = [[tuple(pair) for pair in row] for row in offsets.to_list()]
    assert pairs == [e.offsets for e in encodings]


def test_chunks_and_gaps_are_the_whole_text(trained, nasty_texts):
    pattern = trained[0].pattern
    if pattern.gap is not None:
        for text in nasty_texts[::5]:
            assert "".join(pattern.chunks.findall(text)) == text


def test_a_space_before_the_text():
    tokenizers = pytest.importorskip("tokenizers")
    engine = BytePairEngine({}, [], pattern=as_pattern("gpt2"), add_prefix_space=True)
    vocabulary = {token: index for index, token in enumerate(engine.tokens)}
    engine = BytePairEngine(
        vocabulary, [], pattern=as_pattern("gpt2"), add_prefix_space=True
    )
    reference = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    texts = ["", " ", "\n", "a", " a", "  a", "é b", "\u3000x"]
    expected = reference.encode_batch(texts)
    ids, offsets = engine.encode_with_offsets(texts)
    assert engine.encode(texts).to_list() == [e.ids for e in expected]
    assert ids.to_list() == [e.ids for e in expected]
    pairs = [[tuple(pair) for pair in row] for row in offsets.to_list()]
    assert pairs == [e.offsets for e in expected]


def test_tokens_that_the_vocabulary_lacks():
    merges = [("b", "u"), ("bu", "s")]
    pattern = as_pattern("gpt2")
    engine = BytePairEngine({"bus": 7}, merges, pattern=pattern)
    assert engine.encode(["busbus", ""]).to_list() == [[7, 7], []]
    with pytest.raises(ValueError, match=r"a text with 'bu', .* no token 'bu'"):
        engine.encode(["bus", "bub"])
    with pytest.raises(ValueError, match=r"'.xc3', for which"):
        engine.encode_with_offsets(["é"])
    engine = BytePairEngine({"bus": 7}, merges, pattern=pattern, unk_id=2)
    assert engine.encode(["bubusé"]).to_list() == [[2, 7, 2, 2]]


def test_whole_words_come_first_if_asked():
    vocabulary, merges = {"ab": 1, "a": 2, "abc": 3, "c": 4, "bc": 5}, [("b", "c")]
    for ignore, expected in ((False, [[2, 5], [2, 5, 4]]), (True, [[3], [2, 5, 4]])):
        engine = BytePairEngine(
            vocabulary, merges, pattern=as_pattern("llama3"), ignore_merges=ignore
        )
        assert engine.encode(["abc", "abcc"]).to_list() == expected


def test_memory_is_bounded(trained, monkeypatch):
    engine = pickle.loads(pickle.dumps(trained[0]))
    texts = list(mixed_corpus())
    expected = encode(trained[0], texts)
    monkeypatch.setattr(chunk_cache, "CAPACITY", 20_000)
    for batch, start in zip(batches(texts), itertools.count(0, 256), strict=False):
        assert engine.encode(batch).to_list() == expected[start : start + len(batch)]
        assert len(engine._chunks) + len(engine._words) < 1000


def test_is_pickled_and_shared_by_threads(trained):
    engine = pickle.loads(pickle.dumps(trained[0]))
    assert len(engine._chunks) == 0
    texts = list(mixed_corpus())
    expected = encode(trained[0], texts)
    results = {}

    def work(number):
        encode(engine, texts[number::4])
        results[number] = encode(engine, texts)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[n] for n in range(4)] == [expected] * 4


@pytest.mark.parametrize("kind", ["one letter", "a word again and again", "blanks"])
def test_a_long_word_takes_linear_time(kind):
    piece = {"one letter": "a", "blanks": " "}.get(kind, "abcdefgh")
    merges = [("a", "b"), ("c", "d"), ("ab", "cd"), ("a", "a"), ("Ġ", "Ġ")]
    seconds = []
    for size in (100_000, 1_000_000):
        engine = BytePairEngine({}, merges, pattern=as_pattern("gpt2"), unk_id=0)
        text = piece * (size // len(piece)) + "."
        started = time.process_time()
        [row] = engine.encode([text]).rows()
        seconds.append(time.process_time() - started)
        assert len(row) >= size // 8
    # Ten times as much; a square would take a hundred times.
    assert seconds[1] < 40 * max(seconds[0], 0.02)


def test_an_unknown_pattern():
    with pytest.raises(ValueError, match="`pattern` to be one of .*received 'gpt5'"):
        as_pattern("gpt5")
