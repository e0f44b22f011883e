import pytest

from domain_core.testing.texts import real_texts
from domain_core.tokenizers import SentencePieceTokenizer, compute_sentence_piece_proto


@pytest.mark.parametrize("model_type", ["unigram", "bpe", "word", "char"])
def test_trains(model_type):
    texts = list(real_texts(400))
    size = 80 if model_type == "char" else 300
    model = compute_sentence_piece_proto(iter(texts), size, model_type)
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocabulary_size() == size
    assert tokenizer.get_vocabulary()[:4] == ["<pad>", "<unk>", "<s>", "</s>"]
    assert model == compute_sentence_piece_proto(iter(texts), size, model_type)
    if model_type != "word":
        assert tokenizer.detokenize(tokenizer("the text")) == "the text"


def test_files_and_case(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(real_texts(400)))
    out = tmp_path / "out.spm"
    assert compute_sentence_piece_proto([tmp_path / "a.txt"], 300, "bpe", out) is None
    folded = compute_sentence_piece_proto(
        [str(tmp_path / "a.txt")], 300, "bpe", lowercase=True
    )
    plain, folding = SentencePieceTokenizer(str(out)), SentencePieceTokenizer(folded)
    assert plain("THE").tolist() != plain("the").tolist()
    assert folding("THE").tolist() == folding("the").tolist()


def test_dataset(tf):
    texts = list(real_texts(400))
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(64)
    expected = compute_sentence_piece_proto(iter(texts), 300)
    assert compute_sentence_piece_proto(dataset, 300) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((iter(["a b"]), 5000), "unigram model of 5000 pieces"),
        ((iter(["a b"]), 0), "received 0"),
        ((iter(["a b"]), 10, "tree"), "received 'tree'"),
        ((["a b"], 10), "no file 'a b'"),
        ((iter([3]), 10), "received 3"),
        ((None, 10), "received None"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        compute_sentence_piece_proto(*arguments)
