"""Preprocessing by TensorFlow operations: in `tf.data`, and inside a SavedModel."""

import numpy as np
import pytest

import domain_core
from domain_core.testing import run_python
from domain_core.testing.graphs import operations
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertTokenizer,
    MaskedLMPreprocessor,
    TextClassifierPreprocessor,
    TextEmbedderPreprocessor,
)

pytestmark = pytest.mark.backends("tensorflow")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "##es", "é"]
TEXTS = ["The foxes!", "fox é [SEP] the É", "", "a\0fox\x0bes fo\u0301x " + "fox" * 40]

# What a server runs: it knows nothing of Keras or of this project.
SERVER = """
    import sys
    import numpy as np
    import tensorflow as tf
    import tensorflow_text

    folder, outputs, *texts = sys.argv[1:]
    loaded = tf.saved_model.load(folder)
    np.save(outputs, loaded.serve(tf.constant(texts)).numpy())
    assert not {"domain_core", "keras_nlp"}.intersection(sys.modules)
"""


@pytest.fixture(scope="module")
def tf():
    pytest.importorskip("tensorflow_text")
    return pytest.importorskip("tensorflow")


def make_tokenizer(policy="text", graph=True):
    return BertTokenizer(VOCABULARY, lowercase=True, special_tokens=policy, graph=graph)


@pytest.mark.parametrize("policy", ["text", "parse"])
def test_saved_model_takes_texts(tf, tmp_path, policy):
    preprocessor = TextClassifierPreprocessor(make_tokenizer(policy), 12)
    backbone = BertBackbone(len(VOCABULARY), 1, 2, 8, 16, max_sequence_length=12)
    classifier = BertClassifier(backbone, num_classes=3, preprocessor=preprocessor)
    draw = np.random.default_rng(0)
    for weight in classifier.weights:  # larger than those of the start
        weight.assign(draw.normal(0, 0.5, weight.shape))
    texts = [text.replace("\0", "") for text in TEXTS]  # not on a command line
    expected = classifier.predict(texts, verbose=0)
    assert np.ptp(expected, axis=0).max() > 1e-2

    module = domain_core.as_tf_module(classifier)
    module.serve = tf.function(
        lambda texts: module(preprocessor(texts)),
        input_signature=[tf.TensorSpec([None], "string")],
    )
    assert not [
        name
        for name in operations(module.serve.get_concrete_function())
        if "PyFunc" in name or "HashTable" in name
    ]
    tf.saved_model.save(module, tmp_path / "served")
    run_python(SERVER, str(tmp_path / "served"), str(tmp_path / "logits.npy"), *texts)

    received = np.load(tmp_path / "logits.npy")
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("policy", ["text", "parse"])
@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (TextClassifierPreprocessor, {}),
        (TextEmbedderPreprocessor, {"pad_to": (4, 8, 12)}),
        (MaskedLMPreprocessor, {"seed": 3, "mask_selection_length": 4}),
    ],
)
def test_equals_the_host_call(tf, cls, options, policy):
    data = tf.data.Dataset.from_tensor_slices(TEXTS * 3).batch(4)
    by_host, in_graph = (
        data.map(cls(make_tokenizer(policy, graph), 12, **options))
        for graph in (False, True)
    )
    assert in_graph.element_spec == by_host.element_spec
    for expected, received in zip(by_host, in_graph, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, received, expected)
