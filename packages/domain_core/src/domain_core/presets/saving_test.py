"""Parts saved one after another, and what a save leaves alone."""

import sys

import keras
import numpy as np
import pytest

import domain_core
from domain_core import Preprocessor, Task, register_backbone, register_task
from domain_core.presets.parts import stored_parts
from domain_core.testing import to_numpy
from domain_core.tokenizers import WordPieceTokenizer

WORDS = ["[UNK]", "a", "b", "c"]


class Words(domain_core.Backbone):
    """Embeds token ids."""

    def __init__(
        self, vocabulary_size, width, max_sequence_length=8, *, name=None,
        trainable=True, dtype=None,
    ):  # fmt: skip
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        table = keras.layers.Embedding(vocabulary_size, width, dtype=dtype)
        super().__init__(
            {"token_ids": ids}, table(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.table = table


class WordIds(Preprocessor):
    """Texts to ids."""

    backbone_cls = Words
    tokenizer_cls = WordPieceTokenizer

    def __init__(self, tokenizer, sequence_length=8):
        self.tokenizer, self.sequence_length = tokenizer, sequence_length


class Scores(Task):
    """One number per text."""

    preprocessor_cls = WordIds

    def __init__(self, backbone, preprocessor=None, *, name=None):
        head = keras.layers.Dense(1, name="head")
        super().__init__(
            backbone,
            backbone.input,
            head(backbone(backbone.input)),
            preprocessor=preprocessor,
            name=name,
        )
        self.head = head


register_backbone(Words, package="testing")
register_task(Scores, backbone=Words, package="testing")


def words(size=4, width=2):
    return Words(size, width)


def tokenizer(*more):
    return WordPieceTokenizer([*WORDS, *more])


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.json"))


@pytest.mark.parametrize("backbone_first", [True, False])
def test_parts_make_one_preset(tmp_path, backbone_first):
    backbone, folder = words(), tmp_path / "p"
    parts = [backbone, WordIds(tokenizer(), 5)]
    for part in parts if backbone_first else reversed(parts):
        part.save_to_preset(folder)
    domain_core.verify(folder)
    again = domain_core.Backbone.from_preset(folder)
    assert np.array_equal(
        to_numpy(again.table.embeddings), to_numpy(backbone.table.embeddings)
    )
    assert WordPieceTokenizer.from_preset(folder)("c").tolist() == [3]
    with pytest.warns(UserWarning, match="The head of Scores, head, is new"):
        assert Scores.from_preset(folder).preprocessor.sequence_length == 5


def test_a_part_of_the_same_kind_needs_overwrite_which_replaces_it_alone(tmp_path):
    folder = tmp_path / "p"
    Scores(words(), WordIds(tokenizer())).save_to_preset(folder)
    for part in (words(), tokenizer(), Scores(words())):
        with pytest.raises(ValueError, match="which has it. Pass overwrite=True"):
            part.save_to_preset(folder)
    task = Scores.from_preset(folder)
    other = words()
    other.save_to_preset(folder, overwrite=True)
    again = Scores.from_preset(folder)
    assert np.array_equal(to_numpy(again.head.kernel), to_numpy(task.head.kernel))
    assert np.array_equal(
        to_numpy(again.backbone.table.embeddings), to_numpy(other.table.embeddings)
    )
    WordIds(tokenizer(), 3).save_to_preset(folder, overwrite=True)
    assert Scores.from_preset(folder).preprocessor.sequence_length == 3
    WordPieceTokenizer(WORDS[::-1]).save_to_preset(folder, overwrite=True)
    preprocessor = Scores.from_preset(folder).preprocessor
    assert preprocessor.sequence_length == 3
    assert preprocessor.tokenizer.get_vocabulary() == WORDS[::-1]
    domain_core.verify(folder)


@pytest.mark.parametrize(
    ("stored", "added", "message"),
    [
        (words(3), tokenizer(), "ids below 3"),
        (tokenizer(), words(3), "ids below 3"),
        (words(), WordIds(tokenizer(), 9), "`sequence_length`.*at most 8"),
        (Scores(words()), words(width=3), "of the same class and sizes"),
    ],
)
def test_parts_that_do_not_fit(tmp_path, stored, added, message):
    stored.save_to_preset(tmp_path / "p")
    before = names(tmp_path)
    with pytest.raises(ValueError, match=message):
        added.save_to_preset(tmp_path / "p", overwrite=True)
    assert names(tmp_path) == before
    domain_core.verify(tmp_path / "p")


def test_files_of_the_user_stay(tmp_path):
    folder = tmp_path / "p"
    words().save_to_preset(folder)
    (folder / "runs").mkdir()
    (folder / "runs" / "log.txt").write_text("mine")
    words().save_to_preset(folder, overwrite=True)
    assert (folder / "runs" / "log.txt").read_text() == "mine"


def test_what_no_manifest_lists_is_not_adopted(tmp_path):
    folder = tmp_path / "p"
    words().save_to_preset(folder)
    (folder / "task.json").write_text("{}")
    tokenizer().save_to_preset(folder)
    with pytest.raises(domain_core.PresetCorruptError, match="task.json is not in"):
        domain_core.verify(folder)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_preset_is_not_replaced(tmp_path, overwrite):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    for target, message in {
        "photos": r"holds \['a.jpg'\]",
        "file": "is a file",
    }.items():
        with pytest.raises(ValueError, match=f"{message}.*Choose another path"):
            words().save_to_preset(tmp_path / target, overwrite=overwrite)
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"x"


def test_paths_with_dots_and_links(tmp_path):
    words().save_to_preset(tmp_path / "m" / ".." / "m")
    assert names(tmp_path) == ["m/backbone.json", "m/manifest.json"]
    (tmp_path / "link").symlink_to(tmp_path / "m")
    words(5).save_to_preset(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert Words.from_preset(tmp_path / "m").vocabulary_size == 5


@pytest.mark.skipif(sys.platform != "linux", reason="looks for places of Linux")
@pytest.mark.parametrize("target", ["/proc", "/proc/domain_core_is_no_process/p"])
def test_places_that_nothing_can_be_put_in(target):
    with pytest.raises(ValueError, match="Choose a"):
        words().save_to_preset(target)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_diverged_model_replaces_nothing(tmp_path, value, dtype):
    Words(4, 2).save_to_preset(tmp_path / "p")
    diverged = Words(4, 2, dtype=dtype)
    diverged.table.embeddings.assign(keras.ops.full((4, 2), value, dtype))
    with pytest.raises(ValueError, match="'table.embeddings' holds NaN or infinity"):
        diverged.save_to_preset(tmp_path / "p", overwrite=True)
    assert Words.from_preset(tmp_path / "p").dtype == "float32"


def test_another_layout_is_not_mixed_in(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "p" / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="'native' to add to.*a preprocessor would be"):
        words().save_to_preset(tmp_path / "p", overwrite=True)


def test_weights_of_the_user_below_an_exported_folder_stay(tmp_path):
    (tmp_path / "2_Dense").mkdir()
    for name in ("model.safetensors", "2_Dense/model.safetensors"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    stored = stored_parts(tmp_path)
    assert stored.layout == "transformers"
    assert stored.files == {"backbone": ["config.json", "model.safetensors"]}
