import copy
import json

import pytest

from domain_core.testing import byte_fallback_model, real_texts, sentence_piece_model
from domain_core.text.sentence_piece.engine import SentencePieceEngine
from domain_core.text.sentence_piece.model import adds_prefix, read_pieces
from domain_core.text.sentence_piece.tokenizer_json import (
    byte_pairs_to_json,
    sentence_piece_from_json,
)

TEXTS = [*real_texts(200), "  two  blanks ", "é 漢字 👍\n\t1234", ""]


@pytest.fixture(scope="module")
def model():
    return byte_fallback_model()


@pytest.fixture(scope="module")
def components(model):
    return byte_pairs_to_json(
        read_pieces(model),
        adds_prefix=True,
        start="<s>",
        special_tokens={"<unk>": 0, "<s>": 1, "</s>": 2},
        added_tokens={},
    )


def test_byte_pairs_as_the_library_of_hugging_face_runs_them(model, components):
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.Tokenizer.from_str(json.dumps({"version": "1.0", **components}))
    expected = [theirs.encode(text, add_special_tokens=False).ids for text in TEXTS]
    assert SentencePieceEngine(model).encode(TEXTS).to_list() == expected
    assert theirs.encode("a").ids[0] == 1


def test_byte_pairs_come_back(model, components):
    read, ids = sentence_piece_from_json(components, named=("<s>", "</s>"))
    assert list(ids) == [piece.text for piece in read_pieces(model)]
    assert adds_prefix(read) is adds_prefix(model) is True
    received = SentencePieceEngine(read).encode(TEXTS).to_list()
    assert received == SentencePieceEngine(model).encode(TEXTS).to_list()
    bare = copy.deepcopy(components)
    del bare["normalizer"]["normalizers"][0]
    assert adds_prefix(sentence_piece_from_json(bare, named=())[0]) is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].update(byte_fallback=False), "model.byte_fallback"),
        (lambda c: c["model"]["merges"].pop(), "model.merges.* is missing"),
        (lambda c: c.update(normalizer={"type": "NFC"}), "'normalizer'"),
        (lambda c: c.update(pre_tokenizer={"type": "ByteLevel"}), "'pre_tokenizer'"),
        (lambda c: c["model"]["vocab"].update(x=9999), "model.vocab"),
    ],
)
def test_refuses(components, change, message):
    changed = copy.deepcopy(components)
    change(changed)
    with pytest.raises(ValueError, match=message):
        sentence_piece_from_json(changed, named=())


def test_other_models_are_no_byte_pairs():
    assert adds_prefix(sentence_piece_model()) is None
