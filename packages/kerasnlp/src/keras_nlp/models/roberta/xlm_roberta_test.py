from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import EncoderFamilyContract, sentence_piece_model
from keras_nlp.models import XLMRobertaTokenizer


class TestXLMRoberta(EncoderFamilyContract):
    models = keras_nlp.models
    name = "XLMRoberta"
    arguments: ClassVar = {
        "vocabulary_size": 202,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "max_sequence_length": 36,
    }
    output_shapes = (3, 12, 16)
    tensors = 36
    foreign_config: ClassVar = {
        "vocab_size": 202,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 38,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
    }
    foreign_epsilon = 1e-5
    export_options: ClassVar = {"num_segments": 1}
    hub_tokenizer: ClassVar = {"proto": "sentencepiece.bpe.model"}
    texts: ClassVar = [
        *("a string!", "the  value of the", "é 漢字", "", "returns\n\tan int."),
    ]

    @classmethod
    def tokenizer(cls):
        return XLMRobertaTokenizer(sentence_piece_model())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "sentencepiece.bpe.model").write_bytes(sentence_piece_model())


def test_ids_are_those_of_fairseq():
    tokenizer = XLMRobertaTokenizer(sentence_piece_model(), special_tokens="parse")
    names = ("start", "pad", "end", "unk", "mask")
    assert [getattr(tokenizer, f"{n}_token_id") for n in names] == [0, 1, 2, 3, 201]
    assert tokenizer.vocabulary_size() == 202
    assert tokenizer.get_vocabulary()[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    ids = tokenizer("the <mask> string</s>").tolist()
    assert (ids[-1], ids.count(201)) == (2, 1)
    assert tokenizer.detokenize(ids) == "the string"
    assert 3 in tokenizer("漢").tolist()
