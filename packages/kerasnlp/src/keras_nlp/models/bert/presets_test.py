import gc

import numpy as np
import pytest

from domain_core import PresetNetworkError
from keras_nlp.models import BertBackbone, BertClassifier, BertTokenizer

SMALL = ("bert_tiny_en_uncased", "paraphrase_minilm_l3_v2_en", "bge_small_v1.5_zh")
LARGE = sorted(set(BertBackbone.presets) - set(SMALL))
MINUTES = [
    pytest.mark.large,
    pytest.mark.backends("torch"),  # sizes do not depend on it
]


def test_names():
    assert len(BertBackbone.presets) == 36
    assert "bert_tiny_en_uncased_sst2" in BertClassifier.presets


@pytest.mark.parametrize(
    "name",
    [
        # Small ones of different sizes here; the rest take gigabytes.
        *SMALL,
        *(pytest.param(name, marks=MINUTES) for name in LARGE),
    ],
)
def test_declared_sizes_are_right(name):
    backbone = BertBackbone.from_preset(name, load_weights=False)
    assert backbone.count_params() == BertBackbone.presets[name].parameters
    del backbone
    gc.collect()  # models are full of cycles, and these take gigabytes


def test_without_weights_nothing_is_needed():
    task = BertClassifier.from_preset(
        "bert_tiny_en_uncased", load_weights=False, num_classes=3
    )
    assert task.preprocessor is None
    ids = {key: np.ones((1, 4), "int32") for key in task.backbone.input}
    assert task.predict(ids, verbose=0).shape == (1, 3)
    sst2 = BertClassifier.from_preset("bert_tiny_en_uncased_sst2", load_weights=False)
    assert sst2.num_classes == 2


def test_errors(monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(ValueError, match="Nearest names: bert_base_en"):
        BertBackbone.from_preset("bert_bas_en")
    with pytest.raises(PresetNetworkError, match="python -m domain_core download"):
        BertBackbone.from_preset("bert_tiny_en_uncased")
    with pytest.raises(ValueError, match="num_classes"):
        BertClassifier.from_preset("bert_tiny_en_uncased", load_weights=False)
    with pytest.raises(PresetNetworkError, match="kaggle://keras/bert"):
        BertTokenizer.from_preset("bert_tiny_en_uncased")
