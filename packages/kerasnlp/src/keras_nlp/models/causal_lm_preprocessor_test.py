"""Texts to the input of a causal language model, and to what it learns."""

from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER
from keras_nlp.models import CausalLMPreprocessor
from keras_nlp.tokenizers import BytePairTokenizer


class Tokenizer(BytePairTokenizer):
    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "</s>"}


def make_tokenizer():
    letters = [*"abcdefghijklmnopqrstuvwxyz ,."]
    tokens = ["<s>", "</s>", *(BYTE_TO_CHARACTER[ord(a)] for a in letters), "th"]
    return Tokenizer({token: i for i, token in enumerate(tokens)}, ["t h"])


def test_labels_are_the_next_tokens():
    preprocessor = CausalLMPreprocessor(make_tokenizer(), 5)
    x, y, weights = preprocessor(["ab", "quick fox"])
    a, b = 2, 3
    assert x["token_ids"][0].tolist() == [0, a, b, 1, 0]
    assert y[0].tolist() == [a, b, 1, 0, 0]
    assert weights[0].tolist() == [1, 1, 1, 0, 0]
    assert x["padding_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert y[1].tolist() == [*x["token_ids"][1, 1:], 1]
    plain = CausalLMPreprocessor(
        make_tokenizer(), 5, add_start_token=False, add_end_token=False
    )
    x, y, weights = plain("ab")
    assert x["token_ids"].tolist() == [a, b, 0, 0, 0]
    assert weights.tolist() == [1, 0, 0, 0, 0]
    assert plain.prompts("ab")[0][0].tolist() == [a, b]
    x, _, _ = preprocessor(["ab"], sequence_length=3)
    assert x["token_ids"].shape == (1, 3)


def test_labels_inside_tf_data():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    texts = ["ab", "the quick fox"]
    preprocessor = CausalLMPreprocessor(make_tokenizer(), 6)
    expected = preprocessor(texts)
    dataset = tf.data.Dataset.from_tensors(texts).map(preprocessor)
    for received, wanted in zip(
        keras.tree.flatten(next(iter(dataset))),
        keras.tree.flatten(expected),
        strict=True,
    ):
        np.testing.assert_array_equal(received, wanted)
