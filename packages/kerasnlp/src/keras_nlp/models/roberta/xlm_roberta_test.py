import io
from pathlib import Path
from typing import ClassVar

import numpy as np

import keras_nlp
from domain_core.testing import (
    BackboneContract,
    EncoderFamilyContract,
    MaskedLMContract,
    TaskContract,
    real_texts,
)
from keras_nlp.models import (
    XLMRobertaBackbone,
    XLMRobertaClassifier,
    XLMRobertaClassifierPreprocessor,
    XLMRobertaMaskedLM,
    XLMRobertaMaskedLMPreprocessor,
    XLMRobertaTextEmbedder,
    XLMRobertaTextEmbedderPreprocessor,
    XLMRobertaTokenizer,
)

TEXTS = ["a string!", "the  value of the", "é 漢字", "", "returns\n\tan int."]


def train():
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(real_texts(300)),
        model_writer=model,
        vocab_size=200,
        minloglevel=2,
        num_threads=1,
    )
    return model.getvalue()


MODEL = train()
SIZES = {
    "vocabulary_size": 202,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 36,
}


class TestXLMRoberta(EncoderFamilyContract):
    models = keras_nlp.models
    name = "XLMRoberta"
    sizes = SIZES
    foreign_name = "XLMRoberta"
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
    texts = TEXTS

    @classmethod
    def tokenizer(cls):
        return XLMRobertaTokenizer(MODEL)

    @classmethod
    def hub_tokenizer(cls, hub):
        return hub.XLMRobertaTokenizer(MODEL)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "sentencepiece.bpe.model").write_bytes(MODEL)


class TestXLMRobertaBackbone(BackboneContract):
    cls = XLMRobertaBackbone
    arguments = SIZES
    output_shapes = (2, 8, 16)
    tensors = 36

    @classmethod
    def inputs(cls):
        mask = np.ones((2, 8), "int32")
        mask[1, 5:] = 0
        ids = np.random.default_rng(0).integers(0, 20, (2, 8)).astype("int32")
        return {"token_ids": ids, "padding_mask": mask}


class TestXLMRobertaClassifier(TaskContract):
    cls = XLMRobertaClassifier

    @classmethod
    def make(cls):
        tokenizer = XLMRobertaTokenizer(MODEL)
        preprocessor = XLMRobertaClassifierPreprocessor(tokenizer, 12)
        return XLMRobertaClassifier(XLMRobertaBackbone(**SIZES), 4, preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, [0, 3, 1, 2, 0]


class TestXLMRobertaMaskedLM(MaskedLMContract):
    cls = XLMRobertaMaskedLM

    @classmethod
    def make(cls):
        preprocessor = XLMRobertaMaskedLMPreprocessor(
            XLMRobertaTokenizer(MODEL), 12, mask_selection_length=3
        )
        return XLMRobertaMaskedLM(XLMRobertaBackbone(**SIZES), preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, None


class TestXLMRobertaTextEmbedder(TaskContract):
    cls = XLMRobertaTextEmbedder

    @classmethod
    def make(cls):
        tokenizer = XLMRobertaTokenizer(MODEL)
        preprocessor = XLMRobertaTextEmbedderPreprocessor(tokenizer, 12)
        embedder = XLMRobertaTextEmbedder(XLMRobertaBackbone(**SIZES), preprocessor)
        embedder.compile(loss="mse")
        return embedder

    @classmethod
    def samples(cls):
        return TEXTS, np.zeros((5, 16), "float32")


def test_ids_are_those_of_fairseq():
    tokenizer = XLMRobertaTokenizer(MODEL, special_tokens="parse")
    names = ("start", "pad", "end", "unk", "mask")
    assert [getattr(tokenizer, f"{n}_token_id") for n in names] == [0, 1, 2, 3, 201]
    assert tokenizer.vocabulary_size() == 202
    assert tokenizer.get_vocabulary()[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    ids = tokenizer("the <mask> string</s>").tolist()
    assert (ids[-1], ids.count(201)) == (2, 1)
    assert tokenizer.detokenize(ids) == "the string"
    assert 3 in tokenizer("漢").tolist()
