"""Generation configs and chat templates: kept by every layout, and never run."""

import json
import re

import keras
import pytest

import domain_core
from domain_core import Converter, WeightMap, registry
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.chat_and_generation import (
    read_chat_template,
    write_chat_template,
)
from domain_core.presets.config_map import Argument, ConfigMap
from domain_core.presets.folder import LocalFolder
from domain_core.presets.keras.converter import KerasClass, KerasConverter

GENERATION = {
    "eos_token_id": [1, 4],
    "pad_token_id": None,
    "top_p": 0.9,
    "do_sample": True,
    "forced_decoder_ids": [[1, 2], [2, 3]],
    "lang_to_id": {"<|en|>": 3},
    "_from_model_config": True,
}
TEMPLATE = "{% for m in messages %}\r\n{{ m['content'] }}é\n{% endfor %}"


class Pouch(domain_core.Backbone):
    """Embeds token ids."""

    def __init__(self, vocabulary_size, *, name=None, trainable=True, dtype=None):
        table = keras.layers.Embedding(vocabulary_size, 2, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__(
            {"token_ids": ids}, table(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.table = table
        self.set_config(vocabulary_size=vocabulary_size)


@domain_core.serializable("side_files")
class Letters(domain_core.Tokenizer):
    """Takes letters for tokens; has no files of its own."""

    def get_vocabulary(self):
        return ["a", "b"]


@pytest.fixture(autouse=True)
def pouches(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", {})
    from_transformers = Converter(
        layout="transformers",
        model_type="pouch",
        config=lambda config, names: {"vocabulary_size": config["vocab_size"]},
        weights=WeightMap({"table": "table.embeddings"}),
        tokenizer_cls=Letters,
        tokenizer=lambda folder: {},
        to_config=lambda ours: {"vocab_size": ours["vocabulary_size"]},
        write_tokenizer=lambda tokenizer, directory, length: None,
    )
    dtype = {"dtype": Argument("dtype", lambda v: v, lambda v: v)}
    from_keras = KerasConverter(
        package="keras_hub",
        backbone=KerasClass(
            Pouch,
            ("PouchBackbone",),
            ConfigMap("vocabulary_size", "trainable", renamed=dtype),
        ),
        weights=lambda config: WeightMap(
            {"layers/embedding_0/vars/0": "table.embeddings"}
        ),
        tokenizer=KerasClass(
            Letters,
            ("PouchTokenizer",),
            ConfigMap(
                "sequence_length",
                ours={"special_tokens": "text", "errors": "strict", "graph": False},
                renamed=dtype,
            ),
        ),
    )
    domain_core.register_backbone(
        Pouch, converters=(from_transformers, from_keras), package="side_files"
    )


@pytest.fixture(params=["native", "keras", "transformers"])
def save(request, tmp_path):
    """Writes a preset in a layout, and returns its directory."""

    def write(backbone=None, tokenizer=None):
        target = tmp_path / request.param
        if request.param == "transformers":
            domain_core.presets.export_to_transformers(
                target, backbone=backbone or Pouch(5), tokenizer=tokenizer
            )
        elif backbone is not None:
            backbone.save_to_preset(target, layout=request.param)
        else:
            tokenizer.save_to_preset(target, layout=request.param)
        return target

    return write


def test_a_generation_config_is_kept(save):
    pouch = Pouch(5)
    assert pouch.generation_config is None
    pouch.set_generation_config(GENERATION)
    folder = save(pouch)
    assert json.loads((folder / "generation_config.json").read_text()) == GENERATION
    for load_weights in (True, False):
        again = Pouch.from_preset(folder, load_weights=load_weights)
        assert again.generation_config == GENERATION
    again.set_generation_config(None)
    assert again.generation_config is None


def test_without_a_generation_config_there_is_no_file(save):
    folder = save(Pouch(5))
    assert not (folder / "generation_config.json").exists()
    assert Pouch.from_preset(folder).generation_config is None


def test_a_generation_config_is_read_only():
    pouch = Pouch(5)
    pouch.set_generation_config({"top_k": 3})
    with pytest.raises(TypeError):
        pouch.generation_config["top_k"] = 4


@pytest.mark.parametrize(
    "config",
    [
        {"x": float("nan")},
        {"x": object()},
        {"x": (1, 2)},
        {1: "x"},
        {"x": "y" * 2**20},
        {"x": "\ud800"},
    ],
    ids=range(6),
)
def test_what_is_no_generation_config(config):
    with pytest.raises(ValueError, match="generation config") as error:
        Pouch(5).set_generation_config(config)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected JSON"),
        ("[]", "received a list"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": Infinity}', "Infinity"),
        ('{"a": 1e999}', "1e999"),
        ('{"a":' * 99 + "1" + "}" * 99, "more than 64 deep"),
        (" " * 2**20 + "{}", "at most 1048576 bytes"),
        ('{"eos_token_id": 5}', r"'eos_token_id'.* from 0 to 4, received 5"),
        ('{"bos_token_id": [0, -1]}', r"from 0 to 4, received \[0, -1\]"),
        ('{"decoder_start_token_id": true}', "received True"),
        ('{"pad_token_id": "0"}', "received '0'"),
    ],
    ids=range(11),
)
def test_hostile_generation_configs(tmp_path, text, message):
    Pouch(5).export_to_transformers(tmp_path / "pouch")
    (tmp_path / "pouch" / "generation_config.json").write_text(text)
    with pytest.raises(PresetCorruptError, match=message) as error:
        Pouch.from_preset(tmp_path / "pouch")
    assert "generation_config.json" in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    "template", [TEMPLATE, "", {"default": TEMPLATE, "tool_use": "x"}, {"rag": "y"}]
)
def test_a_chat_template_is_kept(save, template):
    letters = Letters(chat_template=template)
    folder = save(tokenizer=letters)
    again = Letters.from_preset(folder)
    assert again.chat_template == template
    assert again.get_config() == letters.get_config()
    assert Letters.from_preset(folder, chat_template="other").chat_template == "other"


def test_without_a_chat_template_nothing_changes(save):
    assert "chat_template" not in Letters().get_config()
    folder = save(tokenizer=Letters())
    assert not list(folder.rglob("*.jinja"))
    assert Letters.from_preset(folder).chat_template is None


def read(folder, options=None):
    return read_chat_template(LocalFolder(folder), options)


def test_what_stands_in_the_tokenizers_config(tmp_path):
    named = [{"name": "default", "template": "a"}, {"name": "rag", "template": "b"}]
    assert read(tmp_path, {"chat_template": "a"}) == "a"
    assert read(tmp_path, {"chat_template": named[:1]}) == "a"
    assert read(tmp_path, {"chat_template": named}) == {"default": "a", "rag": "b"}
    (tmp_path / "chat_template.jinja").write_text("c")
    assert read(tmp_path, {"chat_template": named}) == "c", "a file goes first"


@pytest.mark.parametrize(
    "value",
    [
        3,
        [],
        {},
        [3],
        ["a"],
        [{"name": "a"}],
        [{"template": "a"}],
        [{"name": "a", "template": "b"}, {"name": "a", "template": "c"}],
        "x" * (2**17 + 1),
    ],
    ids=range(9),
)
def test_templates_in_the_tokenizers_config_that_are_none(tmp_path, value):
    with pytest.raises(PresetCorruptError, match=re.escape(str(tmp_path))) as error:
        read(tmp_path, {"chat_template": value})
    assert len(str(error.value)) < 800


def test_files_that_are_no_templates(tmp_path):
    path = tmp_path / "chat_template.jinja"
    path.write_bytes(b"\xff")
    with pytest.raises(PresetCorruptError, match="UTF-8 text in 'chat_template.jinja'"):
        read(tmp_path)
    with path.open("wb") as file:
        file.truncate(10**9)  # takes no room on the disk
    with pytest.raises(PresetCorruptError, match="at most 131072 bytes"):
        read(tmp_path)


def test_a_template_elsewhere_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "chat_template.jinja").symlink_to(tmp_path / "secret")
    with pytest.raises(PresetUnsafeError, match="a link to a file elsewhere"):
        read(tmp_path / "preset")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 200, "ü"])
def test_names_that_are_no_files(tmp_path, name):
    with pytest.raises(ValueError, match="names of chat templates"):
        write_chat_template(tmp_path, {"default": "a", name: "b"})
    assert not [p for p in tmp_path.rglob("*") if p.name != "chat_template.jinja"]
