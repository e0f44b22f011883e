import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from keras_nlp.models import BertTokenizer, MaskedLMPreprocessor

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e fox".split()
TEXTS = ["a b c d e", "fox " * 20, ""]


@pytest.fixture
def preprocessor():
    return MaskedLMPreprocessor(
        BertTokenizer(VOCABULARY),
        sequence_length=12,
        mask_selection_rate=0.4,
        mask_selection_length=5,
        seed=0,
    )


def test_hides_tokens_and_gives_them_as_labels(preprocessor):
    plain = MaskedLMPreprocessor(preprocessor.tokenizer, 12, mask_selection_rate=0.0)
    original = plain(TEXTS)[0]["token_ids"]
    x, y, weight = preprocessor(TEXTS)
    assert {k: (v.shape, v.dtype.name) for k, v in x.items()} == {
        "token_ids": ((3, 12), "int32"),
        "padding_mask": ((3, 12), "int32"),
        "segment_ids": ((3, 12), "int32"),
        "mask_positions": ((3, 5), "int32"),
    }
    assert (y.shape, y.dtype.name) == ((3, 5), "int32")
    assert (weight.shape, weight.dtype.name) == ((3, 5), "float32")
    # 5 and 10 selectable tokens, and none.
    assert weight.sum(axis=1).tolist() == [2, 4, 0]
    hidden = np.take_along_axis(original, x["mask_positions"], axis=1)
    np.testing.assert_array_equal(y, hidden * weight)
    assert not np.isin(y[weight == 1], [0, 2, 3, 4]).any()
    changed = x["token_ids"] != original
    places = np.zeros_like(changed)
    np.put_along_axis(places, x["mask_positions"], True, axis=1)
    assert not changed[~places].any()


def test_single_pairs_and_empty(preprocessor):
    x, y, weight = preprocessor("a b c")
    assert x["token_ids"].shape == (12,) and y.shape == weight.shape == (5,)
    x, y, weight = preprocessor((["a b c"], ["d e"]))
    assert x["segment_ids"].tolist() == [[0] * 5 + [1] * 3 + [0] * 4]
    x, y, weight = preprocessor([])
    assert x["token_ids"].shape == (0, 12) and y.shape == weight.shape == (0, 5)


def test_seeds(preprocessor):
    config = preprocessor.get_config()
    first = [preprocessor(TEXTS)[1].tolist() for _ in range(3)]
    again = MaskedLMPreprocessor.from_config(config)
    assert first == [again(TEXTS)[1].tolist() for _ in range(3)]
    assert first[0] != first[1]


def test_config_round_trip(preprocessor):
    config = preprocessor.get_config()
    again = from_json(to_json(preprocessor)).get_config()
    assert again == config
    assert (config["mask_selection_length"], config["seed"]) == (5, 0)


def test_refuses(preprocessor):
    with pytest.raises(ValueError, match=r"`mask_selection_rate` in \[0, 1\]"):
        MaskedLMPreprocessor(preprocessor.tokenizer, 8, mask_selection_rate=2.0)(["a"])
    with pytest.raises(ValueError, match=r"`x\[0\]`"):
        preprocessor([None])
    with pytest.raises(ValueError, match="Expected a tokenizer"):
        MaskedLMPreprocessor(None)


def test_inside_tf_data(preprocessor):
    tf = pytest.importorskip("tensorflow")
    expected = MaskedLMPreprocessor.from_config(preprocessor.get_config())(TEXTS)
    dataset = tf.data.Dataset.from_tensors(TEXTS).map(preprocessor)
    x, y, weight = dataset.element_spec
    assert x["token_ids"].shape.as_list() == [3, 12]
    assert y.shape.as_list() == weight.shape.as_list() == [3, 5]
    received = dataset.get_single_element()
    for name, array in expected[0].items():
        np.testing.assert_array_equal(received[0][name], array)
    np.testing.assert_array_equal(received[1], expected[1])
    np.testing.assert_array_equal(received[2], expected[2])
