"""`from_preset` of a generic class gives the family's, whatever is stored or passed."""

import json

import numpy as np
import pytest

from keras_nlp import models

SIZE = {
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 6,
}
LETTERS = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh", "Ġ", "<mask>"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]
PACKED = [0, 4, 2, 2, 5, 2]  # <s> a </s> </s> b </s>
GENERIC = {
    models.TextClassifierPreprocessor: models.RobertaClassifierPreprocessor,
    models.MaskedLMPreprocessor: models.RobertaMaskedLMPreprocessor,
    models.TextEmbedderPreprocessor: models.RobertaTextEmbedderPreprocessor,
}


def tokenizer():
    return models.RobertaTokenizer({t: i for i, t in enumerate(LETTERS)}, [])


def backbone():
    return models.RobertaBackbone(vocabulary_size=14, **SIZE)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    saved = {
        "a tokenizer": tokenizer(),
        "the family's task": models.RobertaClassifier(
            backbone(), 2, models.RobertaClassifierPreprocessor(tokenizer(), 6)
        ),
        "another task": models.RobertaMaskedLM(
            backbone(), models.RobertaMaskedLMPreprocessor(tokenizer(), 6)
        ),
        "a generic task": models.TextClassifier(
            backbone(), 2, models.TextClassifierPreprocessor(tokenizer(), 6)
        ),
        "a generic preprocessor": models.MaskedLMPreprocessor(tokenizer(), 6),
    }
    for name, item in saved.items():
        item.save_to_preset(folder / name)
    return {name: folder / name for name in saved}


@pytest.mark.parametrize("generic", GENERIC)
def test_preprocessors(presets, generic):
    for name, preset in presets.items():
        for given in ({}, {"sequence_length": 6}, {"truncate": "waterfall"}):
            found = generic.from_preset(preset, **given)
            assert type(found) is GENERIC[generic], (name, given)
            if "truncate" in given:
                assert found.truncate == "waterfall"
    if generic is models.MaskedLMPreprocessor:
        found = generic.from_preset(preset, mask_selection_rate=0.0)
        inputs = found((["a"], ["b"]))[0]
    else:
        inputs = generic.from_preset(preset, sequence_length=6)((["a"], ["b"]))
    assert np.asarray(inputs["token_ids"])[0].tolist() == PACKED
    assert "segment_ids" not in inputs


def test_stored_arguments_are_kept(presets):
    generic = models.TextClassifierPreprocessor
    for name in ("the family's task", "a generic task"):
        assert generic.from_preset(presets[name]).sequence_length == 6
    stored = models.Preprocessor.from_preset(presets["a generic task"])
    assert type(stored) is models.RobertaClassifierPreprocessor
    with pytest.raises(ValueError, match="the parts of a Preprocessor"):
        models.Preprocessor.from_preset(presets["a tokenizer"])


def test_a_family_that_has_none_is_an_error(presets):
    for preset in presets.values():
        with pytest.raises(ValueError, match="found none among Roberta"):
            models.QuestionAnswererPreprocessor.from_preset(preset)


def test_tasks_and_their_parts(presets):
    preset = presets["another task"]
    for generic, task in (
        (models.MaskedLM, models.RobertaMaskedLM),
        (models.TextEmbedder, models.RobertaTextEmbedder),
    ):
        found = generic.from_preset(preset)
        assert type(found) is task
        assert type(found.preprocessor) is task.preprocessor_cls
    classifier = models.TextClassifier.from_preset(preset, num_classes=2)
    assert type(classifier) is models.RobertaClassifier
    assert type(models.Tokenizer.from_preset(preset)) is models.RobertaTokenizer
    assert type(models.Backbone.from_preset(preset)) is models.RobertaBackbone
    stored = models.Task.from_preset(presets["a generic task"])
    assert type(stored.preprocessor) is models.RobertaClassifierPreprocessor
    with pytest.raises(ValueError, match="found none among Roberta"):
        models.QuestionAnswerer.from_preset(preset)


def test_a_generic_class_packs_as_the_tokenizer_asks():
    pair = (["a"], ["b"])
    masked = models.MaskedLMPreprocessor(tokenizer(), 6, mask_selection_rate=0.0)
    assert masked(pair)[0]["token_ids"][0].tolist() == PACKED
    classifier = models.TextClassifierPreprocessor(tokenizer(), 6)
    assert classifier(pair)["token_ids"][0].tolist() == PACKED
    answerer = models.QuestionAnswererPreprocessor(tokenizer(), 6)
    assert answerer(pair)["token_ids"][0].tolist() == PACKED


def test_presets_of_each_class():
    bert = models.BertBackbone.presets
    assert bert and models.BertTokenizer.presets == bert
    assert models.BertClassifierPreprocessor.presets == bert
    assert models.BertTokenizer(WORDS).presets == bert
    everything = models.Tokenizer.presets
    assert everything.keys() >= {*bert, *models.RobertaBackbone.presets}
    assert models.TextClassifierPreprocessor.presets.keys() < everything.keys()
    assert models.RobertaTokenizer.presets.keys().isdisjoint(bert)


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        (models.RobertaClassifier, {"num_classes": 2}),
        (models.TextClassifier, {"num_classes": 2}),
        (models.RobertaMaskedLM, {}),
        (models.RobertaTextEmbedder, {}),
        (models.QuestionAnswerer, {"preprocessor": None}),
    ],
)
@pytest.mark.filterwarnings("ignore:The head of .* is new")
def test_tasks_that_are_not_compiled(presets, task, arguments):
    assert task(backbone(), **arguments).compiled
    model = task(backbone(), **arguments, compile=False)
    assert not model.compiled
    assert "compile" not in model.get_config()
    preset = presets["another task"]
    assert not task.from_preset(preset, **arguments, compile=False).compiled
    assert task.from_preset(preset, **arguments).compiled


@pytest.mark.parametrize("generic", GENERIC)
def test_configs_of_preprocessors_are_plain(generic):
    preprocessor = GENERIC[generic](tokenizer(), 6)
    config = json.loads(json.dumps(preprocessor.get_config()))
    assert config["tokenizer"]["registered_name"] == "kerasnlp>RobertaTokenizer"
    again = type(preprocessor).from_config(config)
    assert again.tokenizer.get_vocabulary() == tokenizer().get_vocabulary()
    assert again.get_config() == preprocessor.get_config()
    with_object = {**config, "tokenizer": tokenizer()}
    assert type(preprocessor).from_config(with_object).sequence_length == 6


def test_configs_of_tasks_are_plain():
    preprocessor = models.RobertaMaskedLMPreprocessor(tokenizer(), 6)
    task = models.RobertaMaskedLM(backbone(), preprocessor)
    config = json.loads(json.dumps(task.get_config()))
    again = models.RobertaMaskedLM.from_config(config)
    assert again.get_config() == task.get_config()
    assert again.backbone.get_config() == task.backbone.get_config()
    head = task.mlm_head
    config = json.loads(json.dumps(head.get_config()))
    assert config["token_embedding"]["class_name"] == "ReversibleEmbedding"
    again = type(head).from_config(config)
    assert again.token_embedding.input_dim == 14
    del config["token_embedding"]
    assert config.items() <= again.get_config().items()
    shared = type(head).from_config({**config, "token_embedding": head.token_embedding})
    assert shared.token_embedding is head.token_embedding


def test_what_the_paper_calls_by_a_slip():
    with pytest.raises(AttributeError, match="pip install kerascv"):
        models.RetinaNet  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        models.Nothing  # noqa: B018
