"""Presets of a user's own backbone: saved, loaded, damaged."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import domain_core
from domain_core.images.converter import ImageConverter
from domain_core.preset_errors import (
    PresetCorruptError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.testing import assert_close
from domain_core.tokenizers.byte_tokenizer import ByteTokenizer


class Bag(domain_core.Backbone):
    """Embeds token ids; what a user might write."""

    def __init__(
        self, vocabulary_size, width, *, name=None, trainable=True, dtype=None
    ):
        table = keras.layers.Embedding(vocabulary_size, width, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__(
            {"token_ids": ids}, table(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.table = table
        self.set_config(vocabulary_size=vocabulary_size, width=width)


class Other(Bag):
    """A second backbone, to be mistaken for the first."""


domain_core.register_backbone(Bag, package="testing")
domain_core.register_backbone(Other, package="testing")
IDS = {"token_ids": np.array([[0, 4, 2]], "int32")}


@pytest.fixture
def saved(tmp_path):
    bag = Bag(5, 3)
    bag.save_to_preset(tmp_path / "bag")
    return bag, tmp_path / "bag"


@pytest.mark.backends
def test_round_trip(saved):
    bag, folder = saved
    for cls in (Bag, domain_core.Backbone):
        again = cls.from_preset(folder)
        assert type(again) is Bag
        assert_close(again(IDS), bag(IDS), rtol=0, atol=0)
    assert sorted(load_file(folder / "backbone.safetensors")) == ["table.embeddings"]


def test_files(saved):
    _, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(manifest["files"]) == [
        "README.md",
        "backbone.json",
        "backbone.safetensors",
    ]
    stored = json.loads((folder / "backbone.json").read_text())
    assert stored["class"] == "testing>Bag"
    assert not list(folder.parent.glob(".bag*")), "nothing is left aside"


def test_arguments_override_the_stored_ones(saved):
    _, folder = saved
    assert Bag.from_preset(folder, dtype="bfloat16").compute_dtype == "bfloat16"
    fresh = Bag.from_preset(folder, load_weights=False, width=7)
    assert fresh(IDS).shape == (1, 3, 7)
    with pytest.raises(ValueError, match=r"table.embeddings has shape \(5, 7\)"):
        Bag.from_preset(folder, width=7)


def test_wrong_class(saved):
    with pytest.raises(ValueError, match="Call `Bag.from_preset` instead"):
        Other.from_preset(saved[1])


def test_nothing_is_overwritten_unasked(saved):
    bag, folder = saved
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="overwrite=True"):
        Bag(6, 2).save_to_preset(folder)
    assert (folder / "manifest.json").read_bytes() == before
    Bag(6, 2).save_to_preset(folder, overwrite=True)
    assert Bag.from_preset(folder).vocabulary_size == 6


def test_the_card_is_made_once(saved):
    bag, folder = saved
    card = (folder / "README.md").read_text()
    assert "| Parameters | 15 |" in card
    assert "Bag.from_preset(" in card
    (folder / "README.md").write_text("# My bag\n")
    bag.save_to_preset(folder, overwrite=True)
    assert (folder / "README.md").read_text() == "# My bag\n"
    domain_core.verify(folder)


def test_only_listed_files_are_read(saved):
    _, folder = saved
    (folder / "task.json").write_text('{"class": "os>system", "config": {}}')
    assert type(domain_core.Backbone.from_preset(folder)) is Bag
    with pytest.raises(domain_core.PresetCorruptError, match="task.json is not in"):
        domain_core.verify(folder)


@pytest.mark.parametrize("name", ["backbone.json", "backbone.safetensors"])
def test_a_missing_file_is_named(saved, name):
    (saved[1] / name).unlink()
    with pytest.raises(ValueError, match=f"to hold '{name}'; it holds"):
        Bag.from_preset(saved[1])


def test_a_truncated_file_is_named(saved):
    path = saved[1] / "backbone.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="backbone.safetensors.*bytes, received"):
        Bag.from_preset(saved[1])


def test_a_later_format_says_to_upgrade(saved):
    path = saved[1] / "manifest.json"
    path.write_text(
        path.read_text().replace('"format_version": 1', '"format_version": 9')
    )
    with pytest.raises(ValueError, match="pip install -U domain-core"):
        Bag.from_preset(saved[1])


def test_broken_json(saved):
    path = saved[1] / "manifest.json"
    path.write_text(path.read_text()[:30])
    with pytest.raises(ValueError, match=r"Expected JSON in .*manifest\.json"):
        Bag.from_preset(saved[1])


def test_unknown_presets(tmp_path):
    with pytest.raises(PresetNotFoundError, match="which is neither"):
        Bag.from_preset("nowhere")
    with pytest.raises(PresetNotFoundError, match="there is none. Check the path"):
        Bag.from_preset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="received 3 of type int"):
        Bag.from_preset(3)
    with pytest.raises(ValueError, match="starts with one of"):
        Bag.from_preset("ftp://keras/bert")
    (tmp_path / "letter.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"holds \['letter.txt'\]"):
        Bag.from_preset(tmp_path)


def put(folder, name, value):
    """Writes a file into a preset, as an attacker would."""
    (folder / name).write_text(json.dumps(value))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"size": (folder / name).stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Lines(domain_core.Preprocessor):
    """Counts bytes: what a user might write."""

    def __init__(self, tokenizer=None, image_converter=None, length=4):
        self.tokenizer, self.image_converter = tokenizer, image_converter
        self.length = length


domain_core.serializable("testing")(Lines)
BAG = {"class": "testing>Bag", "config": {"vocabulary_size": 5, "width": 3}}
BYTES = {"class": "kerasnlp>ByteTokenizer", "config": {}}
ADAM = {"class": "domain_core>FusedAdam", "config": {}}
CONVERTER = {"class": "domain_core>ImageConverter", "config": {"image_size": [4, 4]}}
LINES = {"class": "testing>Lines", "config": {"tokenizer": BYTES}}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("backbone.json", LINES, "backbone"),
        ("backbone.json", BYTES, "backbone"),
        ("backbone.json", ADAM, "backbone"),
        ("preprocessor.json", BAG, "preprocessor"),
        ("preprocessor.json", ADAM, "preprocessor"),
        ("preprocessor.json", {**LINES, "config": {"tokenizer": BAG}}, "tokenizer"),
        ("preprocessor.json", {**LINES, "config": {"tokenizer": ADAM}}, "tokenizer"),
        (
            "preprocessor.json",
            {**LINES, "config": {"image_converter": BYTES}},
            "image converter",
        ),
        ("preprocessor.json", {**LINES, "config": {"length": BAG}}, "no model inside"),
        ("task.json", BAG, "task"),
        ("task.json", BYTES, "task"),
    ],
)
def test_classes_have_roles(saved, name, value, kind):
    put(saved[1], name, value)
    load = {
        "backbone.json": domain_core.Backbone,
        "preprocessor.json": Lines,
        "task.json": domain_core.Task,
    }[name]
    with pytest.raises(PresetUnsafeError, match=kind):
        load.from_preset(saved[1])


def test_one_more_key_is_an_error(saved):
    for name, value, load in (
        ("backbone.json", BAG, Bag),
        ("preprocessor.json", LINES, Lines),
        ("task.json", BAG, domain_core.Task),
    ):
        put(saved[1], name, {**value, "module": "os"})
        with pytest.raises(PresetCorruptError, match="received the key 'module'"):
            load.from_preset(saved[1])


@pytest.mark.parametrize(
    "size",
    [{"image_size": [20_000, 20_000]}, {"channels": 10**9}, {"crop_ratio": 1e-9}],
    ids=str,
)
def test_images_larger_than_any_model_takes(saved, size):
    large = {**CONVERTER, "config": {**CONVERTER["config"], **size}}
    for value in (large, {**LINES, "config": {"image_converter": large}}):
        put(saved[1], "preprocessor.json", value)
        with pytest.raises(PresetUnsafeError, match="image_size="):
            ImageConverter.from_preset(saved[1])
    with pytest.raises(PresetUnsafeError, match="image_size="):
        Lines.from_preset(saved[1])


def test_what_preset_files_hold_is_all_that_is_saved(tmp_path):
    with pytest.raises(ValueError, match="holds a Bag, whose weights"):
        Lines(length=Bag(5, 3)).save_to_preset(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    Lines(ByteTokenizer(), ImageConverter(4)).save_to_preset(tmp_path / "b")
    again = Lines.from_preset(tmp_path / "b")
    assert again.image_converter.image_size == (4, 4)
    assert again.tokenizer("a").tolist() == [97]
