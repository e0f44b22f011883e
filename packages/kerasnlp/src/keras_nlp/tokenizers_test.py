"""Every tokenizer keeps the contract; none goes without."""

import functools
import multiprocessing

import pytest

import keras_nlp
from domain_core.testing import (
    DecoderFamilyContract,
    TokenizerContract,
    sentence_piece_model,
)
from domain_core.testing.enumeration import contracts, public_subclasses, subclasses
from domain_core.testing.loader_workers import (
    Together,
    in_grain_workers,
    in_torch_workers,
)
from domain_core.testing.texts import mixed_corpus
from domain_core.testing.tokenizer_case import corpus
from domain_core.testing.tokenizer_files_contract import TokenizerFilesContract
from domain_core.testing.tokenizer_policy_contract import TokenizerPolicyContract

Tokenizer = keras_nlp.tokenizers.Tokenizer
BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FAIRSEQ = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@functools.cache
def words():
    """A WordPiece vocabulary, with pieces that special tokens could be made of."""
    train = keras_nlp.tokenizers.compute_word_piece_vocabulary
    return [*train(iter(mixed_corpus()[::3]), 1200, reserved_tokens=BERT), "mask"]


@functools.cache
def pairs(pattern, special):
    train = keras_nlp.tokenizers.compute_byte_pair_vocabulary
    texts = iter(mixed_corpus()[::3])
    return train(texts, 900, pattern=pattern, special_tokens=list(special))


class TestWordPiece(TokenizerContract):
    cls = keras_nlp.tokenizers.WordPieceTokenizer
    special = ("[PAD]", "[MASK]", "mask")
    policy_argument = "special_tokens_in_strings"

    @classmethod
    def make(cls, **options):
        options = {"special_tokens": list(cls.special), "lowercase": True, **options}
        return cls.cls(words(), **options)


class TestBytePair(TokenizerContract):
    cls = keras_nlp.tokenizers.BytePairTokenizer
    special = ("<pad>", "<|end|>", "[the]")
    lossless = True

    @classmethod
    def make(cls, **options):
        vocabulary, merges = pairs("gpt2", cls.special)
        return cls.cls(
            vocabulary, merges, unsplittable_tokens=list(cls.special), **options
        )


class TestBytePairOfQwen(TokenizerContract):
    cls = keras_nlp.tokenizers.BytePairTokenizer
    special = ("<|im_start|>", "<|im_end|>")

    @classmethod
    def make(cls, **options):
        vocabulary, merges = pairs("qwen", cls.special)
        return cls.cls(
            vocabulary,
            merges,
            pattern="qwen",
            unsplittable_tokens=list(cls.special),
            **options,
        )


class TestSentencePiece(TokenizerContract):
    cls = keras_nlp.tokenizers.SentencePieceTokenizer
    special = ("<pad>", "<s>", "</s>")

    @classmethod
    def make(cls, **options):
        return cls.cls(
            sentence_piece_model(600, pad_id=0, unk_id=1, bos_id=2, eos_id=3), **options
        )


class TestSentencePieceOfBytePairs(TokenizerContract):
    cls = keras_nlp.tokenizers.SentencePieceTokenizer
    special = ("<s>", "</s>")

    @classmethod
    def make(cls, **options):
        return cls.cls(
            sentence_piece_model(600, model_type="bpe", byte_fallback=True), **options
        )


class TestBytes(TokenizerContract):
    cls = keras_nlp.tokenizers.ByteTokenizer
    lossless = True
    drops_nul = True

    @classmethod
    def make(cls, **options):
        return cls.cls(lowercase=False, **options)


class TestCodePoints(TokenizerContract):
    cls = keras_nlp.tokenizers.UnicodeCodepointTokenizer

    @classmethod
    def make(cls, **options):
        return cls.cls(normalization_form="NFD", **options)


class TestBert(TokenizerContract):
    cls = keras_nlp.models.BertTokenizer
    special = ("[CLS]", "[SEP]", "[PAD]", "[MASK]")

    @classmethod
    def make(cls, **options):
        return cls.cls(words(), **{"lowercase": True, **options})


class TestDistilBert(TestBert):
    cls = keras_nlp.models.DistilBertTokenizer


class TestRoberta(TokenizerContract):
    cls = keras_nlp.models.RobertaTokenizer
    special = ("<s>", "</s>", "<pad>", "<mask>")
    strip_left = ("<mask>",)
    lossless = True

    @classmethod
    def make(cls, **options):
        return cls.cls(*pairs("gpt2", FAIRSEQ), **options)


class TestXLMRoberta(TokenizerContract):
    cls = keras_nlp.models.XLMRobertaTokenizer
    special = FAIRSEQ
    unknown = ("<unk>",)
    strip_left = ("<mask>",)

    @classmethod
    def make(cls, **options):
        return cls.cls(sentence_piece_model(600), **options)


class TestBart(TokenizerPolicyContract, TokenizerFilesContract):
    """It names other tokens than RoBERTa's, whose engine and graphs it has."""

    cls = keras_nlp.models.BartTokenizer
    special = ("<s>", "</s>", "<pad>", "<mask>")
    strip_left = ("<mask>",)
    lossless = True

    @classmethod
    def make(cls, **options):
        return cls.cls(*pairs("gpt2", FAIRSEQ), **options)


class TestT5(TokenizerContract):
    cls = keras_nlp.models.T5Tokenizer
    special = ("</s>", "<pad>", "<unk>", "<extra_id_0>")
    unknown = ("<unk>",)

    @classmethod
    def make(cls, **options):
        model = sentence_piece_model(600, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
        return cls.cls(model, extra_ids=1, **options)


@pytest.mark.parametrize("inputs", [None, 3, ["a", None], [["a"]], {"a"}])
def test_other_encodings_refuse_what_is_no_text(inputs):
    tokenizer = keras_nlp.tokenizers.UnicodeCodepointTokenizer(
        input_encoding="UTF-16-BE"
    )
    with pytest.raises(ValueError, match="Expected `inputs"):
        tokenizer(inputs)


def test_every_tokenizer_has_a_contract():
    tested = {contract.cls for contract in contracts(keras_nlp, TokenizerContract)}
    # Those of decoders only name tokens: their families compare ids.
    families = contracts(keras_nlp, DecoderFamilyContract)
    tested |= {family.ours("Tokenizer") for family in families} | {TestBart.cls}
    here = [*vars(keras_nlp.tokenizers).values()]
    exported = {cls for cls in subclasses(Tokenizer) if cls in here}
    assert {*public_subclasses(keras_nlp, Tokenizer)} | exported == tested


@pytest.fixture(scope="module")
def together():
    kinds = contracts(keras_nlp, TokenizerContract)
    texts = list(corpus()[:100])
    tokenizers = Together([kind.make(sequence_length=12) for kind in kinds])
    return tokenizers, texts, tokenizers(texts)


# JAX warns of forks once it has started, on whichever test that was.
@pytest.mark.parametrize(
    "start", [pytest.param("fork", marks=pytest.mark.backends("torch")), "spawn"]
)
def test_in_workers_of_torch(together, start):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"processes cannot {start} here")
    tokenizers, texts, expected = together
    found = in_torch_workers(tokenizers, texts, start)
    for rows, wanted in zip(found, expected, strict=True):
        assert [row.tolist() for row in rows] == [row.tolist() for row in wanted]


@pytest.mark.large  # they start as those of torch do, and are as slow
def test_in_workers_of_grain(together):
    tokenizers, texts, expected = together
    found = in_grain_workers(tokenizers, texts)
    for rows, wanted in zip(found, expected, strict=True):
        assert [row.tolist() for row in rows] == [row.tolist() for row in wanted]
