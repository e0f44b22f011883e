"""BART's tokenizer: its special tokens, and the files of Hugging Face."""

import functools
import json

import numpy as np
import pytest

import keras_nlp
from domain_core.presets.folder import LocalFolder
from domain_core.presets.transformers.tokenizer_files import (
    byte_pair_arguments,
    write_byte_pair,
)
from domain_core.testing import reference
from domain_core.testing.texts import NASTY_TEXTS, mixed_corpus
from keras_nlp.models import BartTokenizer

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
TEXTS = [*NASTY_TEXTS[:-2], *mixed_corpus()[::20], "a  <mask>b</s> <s>x<pad> <unk>"]
# `transformers` 5 saves it under the name of RoBERTa's.
READ = byte_pair_arguments(BartTokenizer, ("RobertaTokenizer",))


@functools.cache
def pairs():
    train = keras_nlp.tokenizers.compute_byte_pair_vocabulary
    return train(iter(mixed_corpus()[::3]), 700, special_tokens=SPECIAL)


def without(token):
    ids, merges = pairs()
    kept = [t for t in sorted(ids, key=ids.get) if t != token]
    return {t: i for i, t in enumerate(kept)}, merges


def theirs(folder, *, files, texts):
    import numpy as np
    import transformers

    tokenizer = transformers.BartTokenizer.from_pretrained(files)
    tokenizer.save_pretrained(folder / "saved")
    rows = tokenizer(texts).input_ids
    lengths = np.array(list(map(len, rows)))
    return {"ids": np.concatenate(rows), "lengths": lengths}


def assert_same(tokenizer, folder):
    """Returns the folder in which they saved what they made of ours."""
    answer = reference("transformers", theirs, files=folder, texts=TEXTS)
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    rows = [[start, *row, end] for row in tokenizer(TEXTS)]
    assert list(map(len, rows)) == answer.arrays["lengths"].tolist()
    assert np.concatenate(rows).tolist() == answer.arrays["ids"].tolist()
    return answer.folder / "saved"


@pytest.mark.parametrize("strip_left", [[], ["<mask>"]])
def test_ids_and_files_are_those_of_transformers(strip_left, tmp_path):
    source, ours = tmp_path / "source", tmp_path / "ours"
    source.mkdir()
    ids, merges = pairs()
    (source / "vocab.json").write_text(json.dumps(ids))
    (source / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    if strip_left:  # as version 4 wrote it
        flags = {"lstrip": True, "rstrip": False, "single_word": False}
        mask = {"content": "<mask>", "normalized": True, "special": True, **flags}
        options = {"mask_token": {"__type": "AddedToken", **mask}}
        (source / "tokenizer_config.json").write_text(json.dumps(options))
    tokenizer = BartTokenizer(**READ(LocalFolder(source)))
    assert list(tokenizer.strip_left) == strip_left
    saved = assert_same(tokenizer, source)
    assert BartTokenizer(**READ(LocalFolder(saved)))(TEXTS) == tokenizer(TEXTS)
    ours.mkdir()
    write_byte_pair(tokenizer, ours, 512)
    assert_same(tokenizer, ours)
    assert BartTokenizer(**READ(LocalFolder(ours)))(TEXTS) == tokenizer(TEXTS)


def test_mask_is_there_where_a_vocabulary_holds_it():
    tokenizer = BartTokenizer(*pairs())
    assert tokenizer.mask_token == "<mask>"
    assert tokenizer.mask_token_id == tokenizer.token_to_id("<mask>")
    assert tokenizer("a <mask>").tolist()[1:] == [tokenizer.mask_token_id]
    assert tokenizer("<unk>").tolist() == [tokenizer.token_to_id("<unk>")]
    other = BartTokenizer(*without("<mask>"))
    assert other.mask_token is other.mask_token_id is None
    assert other.special_tokens == ["<s>", "</s>", "<pad>"]
    assert len(other("a <mask>")) > 2
    # A vocabulary may take the place of another.
    tokenizer.set_vocabulary_and_merges(*without("<mask>"))
    assert tokenizer.mask_token_id is None and tokenizer("a <mask>").tolist() == (
        other("a <mask>").tolist()
    )
    other.set_vocabulary_and_merges(*pairs())
    assert other.mask_token_id == other.token_to_id("<mask>")
    with pytest.raises(ValueError, match=r"lacks \['<pad>'\]"):
        BartTokenizer(*without("<pad>"))


def test_policy_and_ends():
    plain = BartTokenizer(*pairs(), special_tokens="text")
    special = {plain.token_to_id(token) for token in SPECIAL}
    assert special.isdisjoint(plain("a <mask></s> <s> <unk><pad>").tolist())
    ids = plain.encode("a", add_special_tokens=True).token_ids.tolist()
    assert ids == [[plain.token_to_id(token) for token in ("<s>", "a", "</s>")]]
    assert plain.decode(ids[0], skip_special_tokens=True) == "a"
