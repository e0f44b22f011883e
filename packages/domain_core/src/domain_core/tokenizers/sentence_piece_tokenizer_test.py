import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.data import shared_data
from domain_core.testing.texts import real_texts
from domain_core.text.sentence_piece.model import (
    NORMAL,
    USER_DEFINED,
    Piece,
    read_pieces,
    with_pieces,
    with_types,
)
from domain_core.tokenizers import SentencePieceTokenizer

spm = pytest.importorskip("sentencepiece")


def train(**options):
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(real_texts()),
        model_writer=model,
        vocab_size=options.pop("vocab_size", 800),
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def unigram():
    return train(pad_id=0, unk_id=1, bos_id=2, eos_id=3)


@pytest.fixture(scope="module")
def models(unigram):
    return {
        "unigram": unigram,
        "byte-pair": train(model_type="bpe", byte_fallback=True, vocab_size=1000),
        "llama": shared_data("tokenizers/llama2.model").read_bytes(),
    }


@pytest.fixture(scope="module")
def tf(tf):
    pytest.importorskip("tensorflow_text")
    return tf


class Chat(SentencePieceTokenizer):
    """With a symbol of its users as special token, and one that models lack."""

    named_tokens = {"turn_token": "<turn>", "mask_token": "<mask>"}
    appended = ("<mask>",)
    strip_left = ("<mask>",)


@pytest.fixture(scope="module")
def chat_model(unigram):
    return with_pieces(unigram, [Piece("<turn>", 0.0, USER_DEFINED)])


@pytest.mark.parametrize("name", ["unigram", "byte-pair", "llama"])
def test_ids_equal_those_of_sentencepiece(models, corpus, name):
    texts = list(corpus)
    processor = spm.SentencePieceProcessor(model_proto=models[name])
    tokenizer = SentencePieceTokenizer(models[name])
    ids = tokenizer.encode_batch(texts).to_list()
    assert ids == processor.encode(texts)
    assert tokenizer.detokenize(ids[::7]) == processor.decode(ids[::7])
    ids, offsets = tokenizer.tokenize_with_offsets(texts[::50])
    for text, row, spans in zip(texts[::50], ids, offsets, strict=True):
        found = processor.encode_as_offset_mapping(text)
        assert row.tolist() == found["ids"]
        assert list(map(tuple, spans.tolist())) == found["offsets"]


@pytest.mark.parametrize("name", ["unigram", "byte-pair", "llama"])
@pytest.mark.parametrize("ends", [{}, {"add_bos": True, "add_eos": True}])
@pytest.mark.parametrize("graph", [False, True])
def test_routes_agree(tf, models, few_lines, name, ends, graph):
    texts = [t for t in few_lines if len(t) < 2000]
    expected = SentencePieceTokenizer(models[name], **ends)(texts)
    tokenizer = SentencePieceTokenizer(models[name], **ends, graph=graph)
    assert tf.function(tokenizer)(tf.constant(texts)).to_list() == expected
    assert (
        tf.function(tokenizer)(tf.constant("a b")).numpy().tolist()
        == tokenizer("a b").tolist()
    )
    ids = tf.ragged.constant(expected[:60])
    back = tf.function(tokenizer.detokenize)(ids).numpy()
    assert [text.decode() for text in back] == tokenizer.detokenize(expected[:60])


@pytest.mark.parametrize("graph", [False, True])
def test_special_tokens_in_graph(tf, chat_model, graph):
    texts = ["a <turn> the <mask> fox<mask>", "", "<turn>", " <mask>"]
    for policy in ("parse", "text"):
        expected = Chat(chat_model, special_tokens=policy)(texts)
        tokenizer = Chat(chat_model, special_tokens=policy, graph=graph)
        assert tf.function(tokenizer)(tf.constant(texts)).to_list() == expected


def test_equal_to_keras_hub(tf, unigram, few_lines):
    hub = pytest.importorskip("keras_hub").tokenizers.SentencePieceTokenizer
    texts = [t for t in few_lines if len(t) < 2000]
    for options in ({}, {"add_bos": True, "sequence_length": 9}):
        ours = SentencePieceTokenizer(unigram, **options)
        theirs = hub(unigram, **options)(texts)
        np.testing.assert_array_equal(
            np.array(ours(texts), object), np.array(theirs, object)
        )
    assert ours.get_vocabulary() == hub(unigram).get_vocabulary()


def test_special_tokens_in_texts(chat_model):
    size = len(read_pieces(chat_model))
    turn, mask = size - 1, size
    parse = Chat(chat_model, special_tokens="parse")
    plain = Chat(chat_model)
    assert (parse.turn_token_id, parse.mask_token_id) == (turn, mask)
    assert parse.vocabulary_size() == size + 1
    assert set(parse.special_tokens) == {"<pad>", "<s>", "</s>", "<turn>", "<mask>"}
    the, fox = parse("the").tolist(), parse("fox").tolist()
    found = parse("the <mask> fox<turn></s>").tolist()
    assert found == [*the, mask, *fox, turn, parse.token_to_id("</s>")]
    for text in ("the <mask> fox<turn></s>", "<turn>", "x<turn>y", "<<turn>>"):
        ids = plain(text).tolist()
        assert not {turn, mask, *plain.special_token_ids} & set(ids)
    assert plain.detokenize([turn, *the]) == "<turn> the"
    with pytest.raises(ValueError, match="found '<turn>' in text 1 at character 2"):
        Chat(chat_model, special_tokens="error")(["a", "b <turn>"])
    ids, offsets = parse.tokenize_with_offsets("the <mask> fox<turn>")
    assert ids.tolist() == [*the, mask, *fox, turn]
    assert offsets[len(the)].tolist() == [3, 10]
    assert offsets[-1].tolist() == [14, 20]


def test_added_tokens(unigram):
    tokenizer = SentencePieceTokenizer(unigram, added_tokens=["<one>", "zwölf"])
    size = len(read_pieces(unigram))
    found = tokenizer("the <one> zwölf").tolist()
    assert [i for i in found if i >= size] == [size, size + 1]
    assert tokenizer.detokenize(found) == "the <one> zwölf"
    assert tokenizer.special_tokens == SentencePieceTokenizer(unigram).special_tokens
    assert tokenizer.vocabulary_size() == size + 2


def test_config_assets_pickle(unigram, tmp_path):
    tokenizer = SentencePieceTokenizer(
        unigram, 7, add_bos=True, added_tokens=["<one>"], special_tokens="parse"
    )
    tokenizer.save_assets(tmp_path)
    config = tokenizer.get_config()
    loaded = SentencePieceTokenizer.from_config({**config, "proto": None})
    with pytest.raises(ValueError, match="No model has been set"):
        loaded("a")
    loaded.load_assets(tmp_path)
    expected = tokenizer(["the <one>", "<s>"]).tolist()
    for other in (
        loaded,
        SentencePieceTokenizer(
            str(tmp_path / "vocabulary.spm"),
            **{key: value for key, value in config.items() if key != "proto"},
        ),
        SentencePieceTokenizer.from_config(config),
        from_json(to_json(tokenizer)),
        pickle.loads(pickle.dumps(tokenizer)),
    ):
        assert other(["the <one>", "<s>"]).tolist() == expected
        assert other.get_config() == config
    with pytest.raises(ValueError, match="base64"):
        SentencePieceTokenizer.from_config({**config, "proto": "/etc/passwd"})


def test_threads(unigram):
    tokenizer = SentencePieceTokenizer(unigram)
    texts = list(real_texts(200))
    expected = tokenizer(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(ids == expected for ids in pool.map(tokenizer, [texts] * 8))


def test_damaged_models(unigram):
    draw = np.random.default_rng(0)
    for cut in draw.integers(0, len(unigram), 60):
        try:
            tokenizer = SentencePieceTokenizer(unigram[:cut])
        except ValueError as error:
            assert "SentencePiece model" in str(error)
        else:
            tokenizer(["the fox", "\0"])
    for _ in range(60):
        data = bytearray(unigram)
        for place in draw.integers(0, len(data), 5):
            data[place] = draw.integers(256)
        try:
            SentencePieceTokenizer(bytes(data))(["the fox"])
        except ValueError:
            pass


def test_edits_of_models(unigram):
    assert with_types(unigram, {}) == with_pieces(unigram, []) == unigram
    changed = with_types(unigram, {"▁the": USER_DEFINED})
    before, after = read_pieces(unigram), read_pieces(changed)
    different = [i for i, piece in enumerate(before) if piece != after[i]]
    assert [after[i] for i in different] == [
        Piece("▁the", before[different[0]].score, USER_DEFINED)
    ]
    assert read_pieces(with_types(changed, {"▁the": NORMAL})) == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: SentencePieceTokenizer(b""), "model of 1 to"),
        (lambda m: SentencePieceTokenizer(b"junk"), "Expected a SentencePiece model"),
        (lambda m: SentencePieceTokenizer("no.model"), "no file 'no.model'"),
        (lambda m: SentencePieceTokenizer(3), "received int"),
        (lambda m: SentencePieceTokenizer("!" * 3000), "base64"),
        (lambda m: SentencePieceTokenizer(m, 0), "received 0"),
        (lambda m: SentencePieceTokenizer()("a"), "No model has been set"),
        (lambda m: SentencePieceTokenizer(m)(None), "received None"),
        (lambda m: SentencePieceTokenizer(m)("\ud800"), "lone surrogate"),
        (lambda m: SentencePieceTokenizer(m).detokenize([10**6]), "received 1000000"),
        (lambda m: SentencePieceTokenizer(m).detokenize([-1]), "received -1"),
        (lambda m: Chat(m), r"lacks \['<turn>'\]"),
        (
            lambda m: SentencePieceTokenizer(train(bos_id=-1), add_bos=True),
            "add_bos=True",
        ),
    ],
)
def test_refuses(unigram, call, message):
    with pytest.raises(ValueError, match=message):
        call(unigram)


def test_defined_results(unigram):
    tokenizer = SentencePieceTokenizer(unigram)
    assert tokenizer([]) == []
    assert tokenizer(["", "  "]) == [[], []]
    assert tokenizer("").shape == (0,)
    assert tokenizer.detokenize([[], [5]])[0] == ""
    assert len(tokenizer("x" * 10_000_000)) > 0
    assert SentencePieceTokenizer(unigram, errors="replace")("a\ud800").tolist() == (
        tokenizer("a\ufffd").tolist()
    )
