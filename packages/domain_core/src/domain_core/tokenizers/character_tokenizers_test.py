"""ByteTokenizer and UnicodeCodepointTokenizer."""

import pickle
import random
import sys

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.text import StreamDecoder
from domain_core.tokenizers import ByteTokenizer, UnicodeCodepointTokenizer

CLASSES = (ByteTokenizer, UnicodeCodepointTokenizer)
PLAIN = {"lowercase": False}


@pytest.fixture(scope="module")
def tf(tf):
    pytest.importorskip("tensorflow_text")
    return tf


def test_corpus_is_its_bytes_and_code_points(corpus):
    rows = ByteTokenizer(**PLAIN).encode_batch(corpus)
    assert [bytes(row) for row in rows.to_list()] == [t.encode() for t in corpus]
    rows = UnicodeCodepointTokenizer(**PLAIN).encode_batch(corpus)
    assert ["".join(map(chr, row)) for row in rows.to_list()] == corpus


@pytest.mark.parametrize("cls", CLASSES)
def test_round_trip_but_for_padding(corpus, cls):
    tokenizer = cls(**PLAIN)
    texts = [text.replace("\0", "") for text in corpus]
    assert tokenizer.detokenize(tokenizer(texts)) == texts


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "options",
    [PLAIN, {}, {"normalization_form": "NFD"}, {**PLAIN, "normalization_form": "NFC"}],
)
def test_offsets_lead_back(corpus, cls, options):
    tokenizer = cls(**options)
    texts = corpus[::4]
    ids, offsets = tokenizer.tokenize_with_offsets(texts)
    for text, row, spans in zip(texts, ids, offsets, strict=True):
        assert row.tolist() == tokenizer(text).tolist()
        parts = [text[i:j] for i, j in dict.fromkeys(map(tuple, spans.tolist()))]
        if options is PLAIN:
            assert "".join(parts) == text
        assert "".join(map(tokenizer._normalize, parts)) == tokenizer._normalize(text)


@pytest.mark.parametrize("cls", CLASSES)
def test_streams_whole_characters(corpus, cls):
    tokenizer = cls(**PLAIN)
    for text in corpus[5:-1:40]:
        decoder = StreamDecoder(tokenizer)
        parts = [decoder.push(i) for i in tokenizer(text).tolist()]
        assert not any("\ufffd" in part for part in parts) or "\ufffd" in text
        assert "".join([*parts, decoder.flush()]) == text.replace("\0", "")


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "options", [{}, PLAIN, {"normalization_form": "NFKD"}, {"sequence_length": 7}]
)
@pytest.mark.parametrize("graph", [False, True])
def test_routes_agree(tf, few_lines, cls, options, graph):
    texts = [t for t in few_lines if len(t) < 2000]
    expected = cls(**options)(texts)
    tokenizer = cls(**options, graph=graph)
    found = tf.function(tokenizer)(tf.constant(texts))
    ids = expected[:50]
    if isinstance(expected, list):
        assert found.to_list() == expected
        ids = tf.ragged.constant(ids)
    else:
        np.testing.assert_array_equal(found, expected)
    back = tf.function(tokenizer.detokenize)(ids).numpy()
    assert [text.decode() for text in back] == tokenizer.detokenize(expected[:50])


@pytest.mark.parametrize("cls", CLASSES)
def test_equal_to_keras_hub(tf, few_lines, cls):
    hub = getattr(pytest.importorskip("keras_hub").tokenizers, cls.__name__)
    texts = [t for t in few_lines if len(t) < 2000]
    for options in ({}, {"normalization_form": "NFC", **PLAIN}):
        theirs = next(iter(tf.data.Dataset.from_tensors(texts).map(hub(**options))))
        assert theirs.to_list() == cls(**options)(texts)
    for ids in ([104, 0, 105], [104, 0xC3, 0xA9, 0x61]):
        assert cls().detokenize(ids) == hub().detokenize(ids)


@pytest.mark.parametrize("graph", [False, True])
def test_other_encodings(tf, graph):
    text = "Straße 👍"
    for encoding in ("UTF-16-BE", "UTF-32-BE"):
        tokenizer = UnicodeCodepointTokenizer(
            input_encoding=encoding, output_encoding=encoding, graph=graph
        )
        data = text.encode(encoding)
        expected = [ord(c) for c in "strasse 👍"]
        assert tokenizer(data).tolist() == tokenizer(text).tolist() == expected
        dataset = tf.data.Dataset.from_tensor_slices([data]).map(tokenizer)
        ids = next(iter(dataset))
        assert ids.numpy().tolist() == expected
        back = tf.function(tokenizer.detokenize)(ids).numpy()
        assert back.decode(encoding) == "strasse 👍"


def test_vocabularies():
    tokenizer = ByteTokenizer()
    assert (tokenizer.vocabulary_size(), tokenizer.get_vocabulary()["a"]) == (256, 97)
    assert (tokenizer.id_to_token(255), tokenizer.token_to_id("ÿ")) == ("ÿ", 255)
    tokenizer = UnicodeCodepointTokenizer(vocabulary_size=100)
    assert tokenizer("az").tolist() == [97, 99]
    assert tokenizer.vocabulary_size() == len(tokenizer.get_vocabulary()) == 100
    assert ByteTokenizer(dtype="string")("é") == ["Ã", "©"]
    assert UnicodeCodepointTokenizer(dtype="string")("é") == ["é"]


@pytest.mark.parametrize("cls", CLASSES)
def test_config_and_pickle(cls):
    tokenizer = cls(
        sequence_length=4,
        lowercase=False,
        normalization_form="NFC",
        errors="ignore",
        replacement_char=63,
    )
    for other in (
        from_json(to_json(tokenizer)),
        cls.from_config(tokenizer.get_config()),
        pickle.loads(pickle.dumps(tokenizer)),
    ):
        assert other.get_config() == tokenizer.get_config()
        assert other("aé").tolist() == tokenizer("aé").tolist()


@pytest.mark.parametrize(
    ("errors", "replacement", "expected"),
    [("replace", 0xFFFD, "h\ufffda"), ("replace", 63, "h?a"), ("ignore", 63, "ha")],
)
def test_what_is_no_character(errors, replacement, expected):
    options = {"errors": errors, "replacement_char": replacement}
    assert ByteTokenizer(**options).detokenize([104, 0xE2, 0x82, 97]) == expected
    for cls in CLASSES:
        tokenizer = cls(**options)
        assert tokenizer.detokenize(tokenizer("h\ud800a")) == expected
    codes = UnicodeCodepointTokenizer(**options)
    for wrong in (0xD800, 0xDFFF, -1, 0x110000, 2**31 - 1):
        assert codes.detokenize([104, wrong, 97]) == expected


@pytest.mark.parametrize(
    "options",
    [{"errors": "replace"}, {"errors": "ignore"}, {"replacement_char": ord("?")}],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_no_character_is_the_same_in_a_graph(tf, cls, options):
    plain, graph = cls(**PLAIN, **options), cls(**PLAIN, **options, graph=True)
    draw = random.Random(0)
    parts = [b"a", "é€😀".encode(), b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f"]
    parts += [b"\xff", b"\xf4\x90", b"\xc0\xaf", b"\x80"]
    texts = [b"".join(draw.choices(parts, k=4)) for _ in range(300)]
    assert plain(texts) == plain(np.array(texts, object))
    assert tf.function(graph)(tf.constant(texts)).to_list() == plain(texts)
    ids = [[104, 0xD800, 97], [-1, 0x110000, 98]]
    if cls is UnicodeCodepointTokenizer:
        found = tf.function(graph.detokenize)(tf.constant(ids)).numpy()
        assert [text.decode() for text in found] == plain.detokenize(ids)


@pytest.mark.parametrize("form", [None, "NFC", "NFKD"])
def test_case_and_forms_in_a_graph(tf, form):
    """Python and TensorFlow Text know other versions of Unicode."""
    options = {"normalization_form": form}
    codes = [0x1C89, 0xA7CB, 0x10D50, 0x105C9, 0x1CCD6, 0x11383]
    texts = [f"a{chr(code)}b" for code in codes]
    texts += [f"a\u0345{chr(code)}b" for code in (0x301, 0x897, 0x10D69, *codes)]
    plain, graph = (
        UnicodeCodepointTokenizer(**options, graph=graph) for graph in (False, True)
    )
    assert tf.function(graph)(tf.constant(texts)).to_list() == plain(texts)


@pytest.mark.large
@pytest.mark.parametrize("form", [None, "NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_all_of_unicode_in_a_graph(tf, form, lowercase):
    codes = [c for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    options = {"normalization_form": form, "lowercase": lowercase}
    plain, graph = (
        UnicodeCodepointTokenizer(**options, graph=graph) for graph in (False, True)
    )
    run = tf.function(graph)
    for pattern in ("a{}b", "a\u0345{}b", "a{}\u0301\u0345b"):
        texts = [pattern.format(chr(code)) for code in codes]
        assert run(tf.constant(texts)).to_list() == plain.encode_batch(texts).to_list()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ByteTokenizer(normalization_form="NFX"), "received 'NFX'"),
        (lambda: ByteTokenizer(errors="loud"), "received 'loud'"),
        (lambda: ByteTokenizer(replacement_char=0xD800), "received 55296"),
        (lambda: UnicodeCodepointTokenizer(input_encoding="latin-1"), "'latin-1'"),
        (lambda: UnicodeCodepointTokenizer(vocabulary_size=0), "received 0"),
        (lambda: UnicodeCodepointTokenizer(0), "received 0"),
        (lambda: ByteTokenizer().detokenize([256]), "received 256"),
        (
            lambda: UnicodeCodepointTokenizer(errors="strict").detokenize([-1]),
            "received -1",
        ),
        (
            lambda: UnicodeCodepointTokenizer(
                input_encoding="UTF-16-BE", errors="strict"
            )(b"a"),
            "Expected bytes in UTF-16-BE",
        ),
        (lambda: ByteTokenizer(errors="strict").detokenize([255]), "bytes are UTF-8"),
        (lambda: ByteTokenizer(errors="strict")("\ud800"), "lone surrogate"),
        (lambda: ByteTokenizer()(None), "received None"),
        (lambda: ByteTokenizer().token_to_id("ab"), "received 'ab'"),
        (lambda: UnicodeCodepointTokenizer().token_to_id(""), "received ''"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
