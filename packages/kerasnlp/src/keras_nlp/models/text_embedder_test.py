import keras
import numpy as np
import pytest

from domain_core.testing import TaskContract, assert_close
from keras_nlp.models import (
    BertBackbone,
    BertTextEmbedder,
    BertTextEmbedderPreprocessor,
    BertTokenizer,
    TextEmbedder,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
TEXTS = ["a", "b c d e f g h a b c d e f g h a b", "c d", "", "h g f", "a a", "d"]
SIZES = {
    "vocabulary_size": len(WORDS),
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 24,
}


def make_bert(**options):
    preprocessor = BertTextEmbedderPreprocessor(BertTokenizer(WORDS), 24)
    return BertTextEmbedder(BertBackbone(**SIZES), preprocessor, **options)


class TestBertTextEmbedder(TaskContract):
    cls = BertTextEmbedder
    make = staticmethod(make_bert)

    @classmethod
    def samples(cls):
        return TEXTS, np.ones((len(TEXTS), 8), "float32") / 8**0.5

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls):
        task = cls.make()
        task.compile(loss="mse")
        x, y = cls.samples()
        history = task.fit(x, y, batch_size=8, epochs=3, verbose=0).history["loss"]
        assert history[-1] < history[0]
        return task

    def test_encodes_as_it_predicts(self, task):
        vectors = task.encode(TEXTS, batch_size=3)
        assert_close(vectors, task.predict(TEXTS, verbose=0))
        assert_close((vectors**2).sum(axis=1), np.ones(len(TEXTS)))
        assert vectors.dtype == np.float32
        for index in (0, 1, 3):
            assert_close(task.encode(TEXTS[index]), vectors[index])
        assert_close(task.encode(np.array(TEXTS, object)), vectors)
        assert_close(task.encode_text(TEXTS), vectors)
        assert task.encode([]).shape == (0, 8)


@pytest.mark.parametrize(
    "pooling",
    [
        *(pytest.param(name, marks=pytest.mark.backends) for name in ("mean", "max")),
        *("cls", "first", "pooled"),
    ],
)
def test_poolings(pooling):
    embedder = make_bert()
    inputs = embedder.preprocessor(TEXTS)
    outputs = embedder.backbone(inputs)
    features = keras.ops.convert_to_numpy(outputs["sequence_output"])
    lengths = inputs["padding_mask"].sum(axis=1)
    expected = {
        "mean": [x[:n].mean(axis=0) for x, n in zip(features, lengths, strict=True)],
        "max": [x[:n].max(axis=0) for x, n in zip(features, lengths, strict=True)],
        "pooled": keras.ops.convert_to_numpy(outputs["pooled_output"]),
    }
    found = embedder.encode(TEXTS, pooling=pooling, normalize=False)
    assert_close(found, np.array(expected.get(pooling, features[:, 0])))
    other = make_bert(pooling_mode=pooling, normalize=False)
    other.set_weights(embedder.get_weights())
    assert_close(other.encode(TEXTS), found)


def test_pairs_and_a_users_backbone():
    embedder = make_bert()
    pairs = (TEXTS[:3], TEXTS[3:6])
    assert_close(embedder.encode(pairs), embedder.predict(pairs, verbose=0))
    plain = TextEmbedder(embedder.backbone)
    with pytest.raises(ValueError, match="has a NoneType"):
        plain.encode(["a"])
    with pytest.raises(ValueError, match="received 'sum'"):
        make_bert(pooling_mode="sum")
    with pytest.raises(ValueError, match="received 0"):
        embedder.encode(["a"], batch_size=0)
    with pytest.raises(ValueError, match="received None"):
        embedder.encode(["a", None])
