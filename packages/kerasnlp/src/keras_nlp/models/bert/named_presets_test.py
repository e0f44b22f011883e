"""Presets by name: from the declaration to the files at Kaggle and back."""

import dataclasses

import pytest

import domain_core
from domain_core.testing import assert_close
from domain_core.testing.kaggle_case import kaggle_home as kaggle_home
from domain_core.testing.kaggle_case import kaggle_server as kaggle_server
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertClassifierPreprocessor,
    BertTokenizer,
)

NAME = "bert_tiny_en_uncased"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, *(f"word{i}" for i in range(30522 - len(SPECIAL)))]
TEXTS = ["word1 word2", "word30000 nothing"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What could lie at Kaggle: random weights, as KerasHub writes them."""
    backbone = BertBackbone.from_preset(NAME, load_weights=False)
    tokenizer = BertTokenizer(WORDS, lowercase=True, strip_accents=True)
    task = BertClassifier(backbone, 2, BertClassifierPreprocessor(tokenizer, 16))
    folder = tmp_path_factory.mktemp("published") / "preset"
    task.save_to_preset(folder, layout="keras")
    return task, {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def kaggle(kaggle_server, published):
    model, _, version = BertBackbone.presets[NAME].handle.rpartition("/")
    for _ in range(int(version)):
        kaggle_server.add(model.removeprefix("kaggle://"), published[1])
    return kaggle_server


def test_by_name_and_by_handle(kaggle, published):
    task, _ = published
    expected = task.predict(TEXTS, verbose=0)
    by_name = BertClassifier.from_preset(NAME, num_classes=2)
    inputs = task.preprocessor(TEXTS)
    received = by_name.preprocessor.tokenizer(TEXTS)
    assert received == task.preprocessor.tokenizer(TEXTS)
    assert_close(
        by_name.backbone(inputs)["sequence_output"],
        task.backbone(inputs)["sequence_output"],
        rtol=0,
        atol=0,
    )
    by_handle = BertClassifier.from_preset(BertBackbone.presets[NAME].handle)
    assert_close(by_handle.predict(TEXTS, verbose=0), expected)


def test_a_second_time_and_offline_nothing_is_asked_for(kaggle, monkeypatch):
    first = BertBackbone.from_preset(NAME)
    asked = len(kaggle.requests)
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    again = BertBackbone.from_preset(NAME)
    assert len(kaggle.requests) == asked
    for old, new in zip(first.weights, again.weights, strict=True):
        assert_close(new, old, rtol=0, atol=0)


def test_files_that_are_not_what_is_declared(kaggle, monkeypatch):
    presets = dict(BertBackbone.presets)
    config = {**presets[NAME].config, "hidden_dim": 256}
    wrong = {NAME: dataclasses.replace(presets[NAME], config=config)}
    entry = next(e for e in domain_core.registry.backbones() if e.cls is BertBackbone)
    monkeypatch.setitem(
        domain_core.registry._BACKBONES,
        BertBackbone,
        dataclasses.replace(entry, presets={**entry.presets, **wrong}),
    )
    with pytest.raises(
        domain_core.PresetCorruptError, match="hidden_dim: 256 declared, 128 found"
    ):
        BertBackbone.from_preset(NAME)


def test_no_weights_are_fetched_for_an_architecture(kaggle):
    backbone = BertBackbone.from_preset(NAME, load_weights=False)
    assert not kaggle.requests
    assert backbone.count_params() == BertBackbone.presets[NAME].parameters
