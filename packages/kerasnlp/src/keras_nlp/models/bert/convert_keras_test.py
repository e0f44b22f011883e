"""BERT's presets of KerasHub and KerasNLP, read and written."""

import contextlib
import json
import shutil
import warnings

import keras
import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.testing import assert_close, to_numpy
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertMaskedLM,
    BertQuestionAnswerer,
    BertTextEmbedder,
    BertTokenizer,
    TextClassifier,
)

hub = pytest.importorskip("keras_hub", reason="the reference").models

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
WORDS += [*"abcdefgh.,!?", "##s", "é"]
TEXTS = ["A good film!", "badly BAD goodlys", "é [MASK] films\n\tgood.", "", "unknown"]
SIZES = {
    "vocabulary_size": len(WORDS),
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 10,
    "dropout": 0.2,
}
ENDS = ("module", "class_name", "registered_name")


@pytest.fixture(scope="module")
def theirs():
    """Returns a classifier and a masked LM over one backbone."""
    tokenizer = hub.BertTokenizer(WORDS, lowercase=True)
    backbone = hub.BertBackbone(**SIZES)
    classifier = hub.BertTextClassifier(
        backbone,
        num_classes=3,
        preprocessor=hub.BertTextClassifierPreprocessor(tokenizer, sequence_length=9),
    )
    masked_lm = hub.BertMaskedLM(
        backbone, hub.BertMaskedLMPreprocessor(tokenizer, sequence_length=9)
    )
    rng = np.random.default_rng(0)
    for weight in {
        id(w): w for m in (classifier, masked_lm) for w in m.weights
    }.values():
        weight.assign(rng.normal(size=weight.shape, scale=0.4))
    return classifier, masked_lm


@pytest.fixture(scope="module")
def saved(theirs, tmp_path_factory):
    """Returns the folders of both, written by KerasHub."""
    folder = tmp_path_factory.mktemp("keras_hub")
    for model, name in zip(theirs, ("classifier", "masked_lm"), strict=True):
        model.save_to_preset(str(folder / name))
    return folder / "classifier", folder / "masked_lm"


@pytest.fixture(scope="module")
def ids():
    rng = np.random.default_rng(0)
    mask = np.ones((3, 10), "int32")
    mask[1, 7:] = 0
    return {
        "token_ids": rng.integers(0, len(WORDS), (3, 10)).astype("int32"),
        "segment_ids": np.repeat([[0] * 6 + [1] * 4], 3, 0).astype("int32"),
        "padding_mask": mask,
    }


@pytest.fixture
def copy(saved, tmp_path):
    """Returns a copy of the classifier's preset, to be changed."""
    shutil.copytree(saved[0], tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder, file, change):
    """Applies a function to all objects in a JSON file, from the outside in."""

    def walk(value):
        if isinstance(value, dict):
            change(value)
        for item in value.values() if isinstance(value, dict) else ():
            walk(item)

    data = json.loads((folder / file).read_text())
    walk(data)
    (folder / file).write_text(json.dumps(data))


def positions():
    return np.array([[1, 3], [0, 2], [9, 4]], "int32")


def check_backbones(left, right, ids):
    left, right = to_numpy(left(ids)), to_numpy(right(ids))
    real = ids["padding_mask"].astype(bool)
    assert_close(left["sequence_output"][real], right["sequence_output"][real])
    assert_close(left["pooled_output"], right["pooled_output"])


@contextlib.contextmanager
def missing_optimizer():
    """KerasHub keeps the optimizer's state in a preset, and warns where it is not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        yield


def test_classifier(theirs, saved, ids):
    for cls in (BertClassifier, TextClassifier):
        task = cls.from_preset(saved[0])
        assert type(task) is BertClassifier
        assert_close(task(ids), theirs[0](ids))
    check_backbones(task.backbone, theirs[0].backbone, ids)
    assert task.backbone.dropout == 0.2
    inputs, expected = task.preprocessor(TEXTS), theirs[0].preprocessor(TEXTS)
    assert inputs["token_ids"].shape == (5, 9)
    for name, value in inputs.items():
        np.testing.assert_array_equal(value, to_numpy(expected[name]))
    assert_close(task.predict(TEXTS, verbose=0), theirs[0].predict(TEXTS, verbose=0))


def test_masked_lm(theirs, saved, ids):
    task = BertMaskedLM.from_preset(saved[1])
    inputs = {**ids, "mask_positions": positions()}
    assert_close(task(inputs), theirs[1](inputs))
    assert task.preprocessor.mask_selection_length == 96


def test_tokenizer(theirs, saved):
    tokenizer = BertTokenizer.from_preset(saved[0])
    reference = theirs[0].preprocessor.tokenizer
    assert tokenizer.get_vocabulary() == WORDS
    assert tokenizer.lowercase and tokenizer.strip_accents is False
    for text in TEXTS[:3]:
        assert list(tokenizer(text)) == to_numpy(reference(text)).tolist()


def test_a_new_head_on_their_backbone(theirs, saved, ids):
    task = BertClassifier.from_preset(saved[1], num_classes=4)
    check_backbones(task.backbone, theirs[1].backbone, ids)
    assert task.preprocessor.sequence_length == 10
    assert task(ids).shape == (3, 4)


def test_there_and_back(theirs, saved, ids, tmp_path):
    ours = BertClassifier.from_preset(saved[0])
    ours.save_to_preset(tmp_path / "ours", layout="keras")
    with missing_optimizer():
        back = hub.BertTextClassifier.from_preset(str(tmp_path / "ours"))
    assert_close(back(ids), theirs[0](ids), rtol=0, atol=0)
    np.testing.assert_array_equal(
        to_numpy(back.preprocessor(TEXTS)["token_ids"]),
        to_numpy(theirs[0].preprocessor(TEXTS)["token_ids"]),
    )
    config = back.backbone.get_config()
    assert config == theirs[0].backbone.get_config() | {"name": config["name"]}


def test_shards(theirs, saved, ids, tmp_path):
    check = {**ids, "mask_positions": positions()}
    ours = BertMaskedLM.from_preset(saved[1])
    ours.save_to_preset(tmp_path / "ours", layout="keras", max_shard_size=2e-6)
    assert len(list((tmp_path / "ours").glob("model_*.weights.h5"))) > 2
    with missing_optimizer():
        back = hub.BertMaskedLM.from_preset(str(tmp_path / "ours"))
    assert_close(back(check), theirs[1](check), rtol=0, atol=0)
    again = BertMaskedLM.from_preset(tmp_path / "ours")
    assert_close(again(check), ours(check), rtol=0, atol=0)
    # Theirs, too.
    theirs[1].backbone.save_to_preset(str(tmp_path / "theirs"), max_shard_size=2e-6)
    assert (tmp_path / "theirs" / "model.weights.json").is_file()
    backbone = BertBackbone.from_preset(tmp_path / "theirs")
    check_backbones(backbone, theirs[1].backbone, ids)


def test_an_equal_dropout_of_attention(tmp_path):
    with without_initialization():
        equal = BertBackbone(**SIZES, attention_dropout=0.2)
    equal.save_to_preset(tmp_path / "ours", layout="keras")
    assert BertBackbone.from_preset(tmp_path / "ours").attention_dropout is None


def test_half_precision(tmp_path):
    theirs = hub.BertBackbone(**SIZES | {"num_layers": 1}, dtype="bfloat16")
    theirs.save_to_preset(str(tmp_path / "theirs"))
    ours = BertBackbone.from_preset(tmp_path / "theirs")
    assert {v.dtype for v in ours.weights} == {"bfloat16"}
    ours.save_to_preset(tmp_path / "ours", layout="keras")
    back = hub.BertBackbone.from_preset(str(tmp_path / "ours"), dtype="bfloat16")
    for left, right in zip(back.weights, theirs.weights, strict=True):
        assert left.dtype == "bfloat16"
        left, right = (keras.ops.cast(w, "float32") for w in (left, right))
        assert_close(left, right, rtol=0, atol=0)


def test_keras_nlp_had_other_names(theirs, copy, ids):
    def rename(value):
        for key in ENDS:
            if isinstance(value.get(key), str):
                value[key] = (
                    value[key]
                    .replace("keras_hub", "keras_nlp")
                    .replace("BertTextClassifierPreprocessor", "BertPreprocessor")
                    .replace("BertTextClassifier", "BertClassifier")
                )
        value.pop("config_file", None)
        if "lowercase" in value:
            value["dtype"] = "int32"
            del value["special_tokens"], value["special_tokens_in_strings"]
        elif "config" not in value:
            value.pop("dtype", None)

    for file in ("config", "task", "preprocessor", "tokenizer"):
        edit(copy, f"{file}.json", rename)
    assert "keras_hub" not in (copy / "task.json").read_text()
    task = BertClassifier.from_preset(copy)
    assert_close(task(ids), theirs[0](ids))
    assert task.preprocessor.sequence_length == 9
    assert list(task.preprocessor.tokenizer("good")) == [5]


def test_embedder(tmp_path, ids):
    tokenizer = hub.BertTokenizer(WORDS, lowercase=True)
    preprocessor = hub.BertTextEmbedderPreprocessor(tokenizer, sequence_length=9)
    for mode, normalize in (("mean", True), ("cls", False), ("max", True)):
        theirs = hub.BertTextEmbedder(
            hub.BertBackbone(**SIZES), preprocessor, mode, normalize
        )
        folder = tmp_path / mode
        theirs.save_to_preset(str(folder))
        ours = BertTextEmbedder.from_preset(folder)
        assert_close(ours(ids), theirs(ids))
        assert_close(ours.encode(TEXTS), theirs.predict(TEXTS, verbose=0))
        ours.save_to_preset(tmp_path / "back", layout="keras", overwrite=True)
        with missing_optimizer():
            back = hub.BertTextEmbedder.from_preset(str(tmp_path / "back"))
        assert_close(back(ids), theirs(ids), rtol=0, atol=0)
    classifier = BertClassifier.from_preset(folder, num_classes=2)
    assert classifier(ids).shape == (3, 2)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"activation": "gelu"}, "activation"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"),
        ({"attention_dropout": 0.5}, "attention_dropout"),
        ({"include_pooler": False}, "include_pooler"),
    ],
)
def test_arguments_that_keras_hub_lacks(tmp_path, options, name):
    with without_initialization():
        backbone = BertBackbone(**SIZES, **options)
    with pytest.raises(ValueError, match=f"'{name}' can't be .* KerasHub's Bert"):
        backbone.save_to_preset(tmp_path / "ours", layout="keras")
    assert not (tmp_path / "ours").exists()


def test_tasks_that_keras_hub_lacks(saved, tmp_path):
    ours = BertClassifier.from_preset(saved[0])
    answerer = BertQuestionAnswerer(ours.backbone)
    with pytest.raises(ValueError, match="type BertQuestionAnswerer. Save with layout"):
        answerer.save_to_preset(tmp_path / "ours", layout="keras")
    ours.class_names = ["a", "b", "c"]
    with pytest.raises(ValueError, match="'class_names' can't be expressed"):
        ours.save_to_preset(tmp_path / "ours", layout="keras")
    ours.preprocessor.tokenizer.split_on_cjk = False
    with pytest.raises(ValueError, match="'split_on_cjk' can't be expressed"):
        ours.preprocessor.save_to_preset(tmp_path / "ours", layout="keras")
    assert not (tmp_path / "ours").exists()


def test_a_tokenizer_alone(saved, tmp_path):
    tokenizer = BertTokenizer.from_preset(saved[0])
    tokenizer.save_to_preset(tmp_path / "ours", layout="keras")
    again = BertTokenizer.from_preset(tmp_path / "ours")
    assert again.get_config() == tokenizer.get_config()
    theirs, ours = (
        json.loads((f / "tokenizer.json").read_text())["config"]
        for f in (saved[0], tmp_path / "ours")
    )
    assert {k: theirs[k] for k in ours if k != "dtype"} == {
        k: v for k, v in ours.items() if k != "dtype"
    }


def test_a_generation_config_and_a_chat_template_go_along(saved, ids, tmp_path):
    ours = BertClassifier.from_preset(saved[0])
    ours.backbone.set_generation_config({"top_k": 3})
    ours.preprocessor.tokenizer.chat_template = "{{ messages }}"
    ours.save_to_preset(tmp_path / "ours", layout="keras")
    with missing_optimizer():  # KerasHub does not mind them
        back = hub.BertTextClassifier.from_preset(str(tmp_path / "ours"))
    assert_close(back(ids), ours(ids))
    again = BertClassifier.from_preset(tmp_path / "ours")
    assert again.backbone.generation_config == {"top_k": 3}
    assert again.preprocessor.tokenizer.chat_template == "{{ messages }}"


def test_a_vocabulary_elsewhere_is_not_read(copy):
    edit(
        copy,
        "tokenizer.json",
        lambda v: "vocabulary" in v and v.update(vocabulary="/etc/passwd"),
    )
    with pytest.raises(PresetUnsafeError, match="no 'vocabulary' in 'tokenizer.json'"):
        BertTokenizer.from_preset(copy)


@pytest.mark.parametrize("file", ["task.json", "preprocessor.json", "tokenizer.json"])
def test_foreign_classes_in_any_file(copy, file):
    gadget = {"class_name": "Lambda", "module": "keras.layers", "config": {}}
    edit(copy, file, lambda v: "lowercase" in v and v.update(special_tokens=[gadget]))
    with pytest.raises(PresetUnsafeError, match=f"in '{file}'.* received 'Lambda'"):
        BertClassifier.from_preset(copy)


@pytest.mark.parametrize("file", ["task.json", "preprocessor.json", "tokenizer.json"])
def test_unknown_keys_in_any_file(copy, file):
    edit(copy, file, lambda v: "dropout" in v and "backbone" in v and v.update(x=1))
    edit(copy, file, lambda v: "truncate" in v and v.update(x=1))
    edit(copy, file, lambda v: "lowercase" in v and v.update(x=1))
    with pytest.raises(PresetCorruptError, match=f"in '{file}'.* received 'x'"):
        BertClassifier.from_preset(copy)


def test_a_head_that_does_not_fit(copy):
    def more_classes(value):
        if "num_classes" in value:
            value["num_classes"] = 4

    edit(copy, "task.json", more_classes)
    with pytest.raises(PresetCorruptError, match=r"logits.kernel has shape \(8, 4\)"):
        BertClassifier.from_preset(copy)
    (copy / "task.weights.h5").unlink()
    with pytest.raises(PresetCorruptError, match=r"to hold 'task.weights.h5'"):
        BertClassifier.from_preset(copy)


def test_heads_of_attention_that_do_not_fit(copy):
    edit(copy, "config.json", lambda v: "num_heads" in v and v.update(num_heads=4))
    with pytest.raises(PresetCorruptError, match=r"gives \(8, 2, 4\)"):
        BertBackbone.from_preset(copy)


def test_a_directory_without_a_model(saved, tmp_path):
    for name in ("tokenizer.json", "assets"):
        copy = shutil.copytree if (saved[0] / name).is_dir() else shutil.copy
        copy(saved[0] / name, tmp_path / name)
    assert BertTokenizer.from_preset(tmp_path).get_vocabulary() == WORDS
    with pytest.raises(PresetCorruptError, match=r"to hold 'config.json'"):
        BertBackbone.from_preset(tmp_path)
