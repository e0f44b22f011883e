"""TextClassifier over a user's own backbone, from raw text to a saved preset."""

import keras
import numpy as np
import pytest

import domain_core
from domain_core.testing import run_python
from keras_nlp.models import (
    BertTokenizer,
    MaskedLM,
    TextClassifier,
    TextClassifierPreprocessor,
)

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]

# What a user puts into a file of their own; the fresh process below imports it too.
USER_MODULE = """
import keras
import domain_core


class BagOfWords(domain_core.Backbone):
    def __init__(
        self, vocabulary_size, width, *, name=None, trainable=True, dtype=None
    ):
        # layers
        table = keras.layers.Embedding(vocabulary_size, width, dtype=dtype)
        # functional model
        inputs = {
            key: keras.Input((None,), dtype="int32", name=key)
            for key in ("token_ids", "padding_mask")
        }
        x = table(inputs["token_ids"])
        super().__init__(inputs, x, name=name, trainable=trainable, dtype=dtype)
        # config
        self.table = table
        self.set_config(vocabulary_size=vocabulary_size, width=width)


domain_core.register_backbone(BagOfWords)
"""


@pytest.fixture(scope="module")
def bag_of_words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "bag.py").write_text(USER_MODULE)
    names = {"__name__": "bag"}
    exec(USER_MODULE, names)
    return names["BagOfWords"], folder


def preprocess(x, y=None, sample_weight=None):
    """Drops what the backbone has no input for; any callable will do."""
    inputs = TextClassifierPreprocessor(BertTokenizer(VOCABULARY), 6)(x)
    inputs.pop("segment_ids")
    return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)


def test_own_backbone_learns_saves_and_loads(bag_of_words, tmp_path):
    cls, folder = bag_of_words
    task = TextClassifier(cls(8, 4), 2, preprocess, pooling="mean", hidden_dim=3)
    task.compile(optimizer=keras.optimizers.Adam(0.1))
    texts, labels = ["good film", "bad film", "good", "bad"], [1, 0, 1, 0]
    task.fit(texts, labels, epochs=30, verbose=0)
    assert task.evaluate(texts, labels, verbose=0)[1] == 1.0

    task.preprocessor = None  # a plain function cannot be stored
    task.save_to_preset(tmp_path / "preset")
    inputs = preprocess(texts)
    expected = task.predict(inputs, verbose=0)
    np.savez(tmp_path / "x.npz", **inputs, expected=expected)
    run_python(
        """
        import sys, numpy as np
        sys.path.insert(0, sys.argv[1])
        import keras_nlp, bag
        task = keras_nlp.models.TextClassifier.from_preset(sys.argv[2] + "/preset")
        assert type(task.backbone) is bag.BagOfWords
        data = dict(np.load(sys.argv[2] + "/x.npz"))
        expected = data.pop("expected")
        np.testing.assert_allclose(task.predict(data, verbose=0), expected, rtol=1e-6)
        """,
        str(folder),
        str(tmp_path),
    )


def test_a_class_that_is_not_imported_is_named(bag_of_words, tmp_path):
    cls, _ = bag_of_words
    cls(8, 4).save_to_preset(tmp_path / "preset")
    printed = run_python(
        """
        import sys, keras_nlp
        try:
            keras_nlp.models.Backbone.from_preset(sys.argv[1])
        except ValueError as error:
            print(error)
        """,
        str(tmp_path / "preset"),
    )
    assert "first import the module that registers" in printed


def test_a_function_as_preprocessor_cannot_be_saved(bag_of_words, tmp_path):
    task = TextClassifier(bag_of_words[0](8, 4), 2, preprocess)
    with pytest.raises(ValueError, match="serializable"):
        task.save_to_preset(tmp_path / "preset")
    assert not list(tmp_path.iterdir())


def test_poolings(bag_of_words):
    backbone = bag_of_words[0](8, 4)
    x = {
        "token_ids": np.array([[5, 6, 0], [7, 0, 0]], "int32"),
        "padding_mask": np.array([[1, 1, 0], [1, 0, 0]], "int32"),
    }
    table = keras.ops.convert_to_numpy(backbone.table.embeddings.value)
    for pooling, features in (
        ("first", table[[5, 7]]),
        ("mean", np.stack([table[[5, 6]].mean(0), table[7]])),
        ("max", np.stack([table[[5, 6]].max(0), table[7]])),
        (None, table[[5, 7]]),
    ):
        task = TextClassifier(backbone, 3, pooling=pooling)
        kernel = keras.ops.convert_to_numpy(task.logits.kernel.value)
        received = task.predict(x, verbose=0)
        np.testing.assert_allclose(received, features @ kernel, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="pooling='pooled'"):
        TextClassifier(backbone, 2, pooling="pooled")
    with pytest.raises(ValueError, match="one of"):
        TextClassifier(backbone, 2, pooling="sum")


def test_masked_lm_needs_a_token_embedding(bag_of_words):
    with pytest.raises(ValueError, match="BagOfWords has none"):
        MaskedLM(bag_of_words[0](8, 4))


def test_probabilities_and_their_loss(bag_of_words):
    task = TextClassifier(bag_of_words[0](8, 4), 3, preprocess, activation="softmax")
    rows = task.predict(["good", "bad film"], verbose=0)
    np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-5)
    assert not task.loss.from_logits


def test_domain_core_is_what_users_import():
    assert issubclass(TextClassifier, domain_core.Task)
