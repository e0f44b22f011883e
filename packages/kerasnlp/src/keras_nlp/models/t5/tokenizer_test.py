"""T5's tokenizer: its sentinels, and the files of Hugging Face."""

import functools
import json

import numpy as np
import pytest

from domain_core.presets.folder import LocalFolder
from domain_core.testing import reference, sentence_piece_model
from domain_core.testing.texts import NASTY_TEXTS, mixed_corpus
from domain_core.text import SpanCorruption
from domain_core.text.sentence_piece.model import USER_DEFINED, Piece, with_pieces
from keras_nlp.models import T5Tokenizer
from keras_nlp.models.t5 import tokenizer_files

# `transformers` takes U+0085 for white space, SentencePiece, which T5 was trained
# with, for a character.
TEXTS = [
    text for text in (*NASTY_TEXTS[:-2], *mixed_corpus()[::20]) if "\x85" not in text
]
TEXTS += [
    "the value <extra_id_0> of<extra_id_1>the </s><pad> x <unk>y",
    "a <extra_id_2>",
]


@functools.cache
def model():
    return sentence_piece_model(400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


@functools.cache
def model_of_mt5():
    """One that holds sentinels itself, each with a space."""
    sentinels = (f"▁<extra_id_{number}>" for number in (2, 1, 0))
    return with_pieces(model(), [Piece(t, 0.0, USER_DEFINED) for t in sentinels])


def theirs(folder, *, files, texts):
    import numpy as np
    import transformers

    tokenizer = transformers.T5Tokenizer.from_pretrained(files)
    tokenizer.save_pretrained(folder / "saved")
    rows = tokenizer(texts).input_ids
    return {
        "ids": np.concatenate(rows),
        "lengths": np.array(list(map(len, rows))),
        "size": np.array(len(tokenizer)),
    }


def load(folder):
    arguments = tokenizer_files.READ(LocalFolder(folder))
    return T5Tokenizer(**arguments, special_tokens="parse")


def assert_same(tokenizer, folder):
    """Returns the folder in which they saved what they made of ours."""
    answer = reference("transformers", theirs, files=folder, texts=TEXTS)
    rows = [[*row, tokenizer.end_token_id] for row in tokenizer(TEXTS)]
    assert list(map(len, rows)) == answer.arrays["lengths"].tolist()
    assert np.concatenate(rows).tolist() == answer.arrays["ids"].tolist()
    assert tokenizer.vocabulary_size() == answer.arrays["size"]
    return answer.folder / "saved"


@pytest.mark.parametrize(
    ("proto", "extra_ids"), [("of T5", None), ("of T5", 3), ("of mT5", 0)]
)
def test_ids_and_files_are_those_of_transformers(proto, extra_ids, tmp_path):
    proto = model() if proto == "of T5" else model_of_mt5()
    source = tmp_path / "source"
    source.mkdir()
    (source / "spiece.model").write_bytes(proto)
    if extra_ids is not None:
        options = {"extra_ids": extra_ids, "tokenizer_class": "T5Tokenizer"}
        (source / "tokenizer_config.json").write_text(json.dumps(options))
    tokenizer = load(source)
    assert len(tokenizer.sentinel_ids) == (100 if extra_ids is None else 3)
    saved = assert_same(tokenizer, source)
    # They write `tokenizer.json` alone, which has sentinels among its pieces.
    again = load(saved)
    assert again(TEXTS) == tokenizer(TEXTS)
    assert again.sentinel_ids == tokenizer.sentinel_ids
    for number, either in enumerate((tokenizer, again)):
        folder = tmp_path / f"ours {number}"
        folder.mkdir()
        tokenizer_files.write(either, folder, 512)
        assert_same(tokenizer, folder)
        assert load(folder)(TEXTS) == tokenizer(TEXTS)


def test_sentinels_follow_the_pieces_the_last_one_first():
    tokenizer = T5Tokenizer(model())
    assert tokenizer.vocabulary_size() == 500
    assert tokenizer.sentinel_ids == list(range(499, 399, -1))
    assert tokenizer.sentinel_id(0) == tokenizer.token_to_id("<extra_id_0>") == 499
    assert tokenizer.sentinel_id(99) == 400
    more = T5Tokenizer(model(), added_tokens=["covid"], extra_ids=2)
    assert more.sentinel_ids == [401, 400] and more.token_to_id("covid") == 402
    assert T5Tokenizer(model(), extra_ids=0).sentinel_ids == []
    for number in (-1, 2):
        with pytest.raises(ValueError, match="from 0 to 1.*`extra_ids`"):
            more.sentinel_id(number)
    for number in (-1, 1.5, True, None, 10**6):
        with pytest.raises(ValueError, match="`extra_ids`"):
            T5Tokenizer(model(), extra_ids=number)
    with pytest.raises(ValueError, match="No model has been set"):
        T5Tokenizer().sentinel_id(0)


def test_sentinels_that_a_model_holds():
    tokenizer = T5Tokenizer(model_of_mt5(), special_tokens="parse", extra_ids=3)
    assert tokenizer.sentinel_ids == [402, 401, 400]
    assert tokenizer.vocabulary_size() == 403
    text = "the <extra_id_0> of"
    assert tokenizer(text).tolist()[1] == 402
    assert tokenizer.decode(tokenizer(text)) == text
    assert 402 not in T5Tokenizer(model_of_mt5())(text).tolist()
    with pytest.raises(ValueError, match="found '<extra_id_0>' in text 0"):
        T5Tokenizer(model_of_mt5(), special_tokens="error")(text)
    # Of two spellings neither is added.
    again = T5Tokenizer(tokenizer.get_proto(), extra_ids=4)
    assert again.sentinel_ids == [402, 401, 400, 403]


def test_what_stands_around_texts():
    tokenizer = T5Tokenizer(model(), special_tokens="parse")
    assert (tokenizer.pad_token_id, tokenizer.end_token_id) == (0, 1)
    assert tokenizer.start_token_id is None
    ids = tokenizer.encode("the", add_special_tokens=True).token_ids
    assert ids.tolist() == [[*tokenizer("the").tolist(), 1]]
    text = "<extra_id_0> the value<extra_id_1> of"
    ids = tokenizer(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the value of"


def test_spans_are_left_out_of_texts():
    """The example of a sentence and its target, from text to text."""
    tokenizer = T5Tokenizer(model(), special_tokens="parse")
    corrupt = SpanCorruption(tokenizer.sentinel_ids, 0.3, seed=2)
    read, written = map(
        tokenizer.decode, corrupt(tokenizer("the value of the string")).values()
    )
    assert read.count("<extra_id_") + 1 == written.count("<extra_id_")
    for number in range(read.count("<extra_id_")):
        first = written.index(f"<extra_id_{number}>") + len(f"<extra_id_{number}>")
        end = written.index(f"<extra_id_{number + 1}>")
        read = read.replace(f"<extra_id_{number}>", written[first:end])
    assert read.replace(" ", "") == "thevalueofthestring"
