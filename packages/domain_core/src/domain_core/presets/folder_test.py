import os

import pytest

from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.folder import LocalFolder, check_names

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:\\x",
        "C:x",
        "a\\..\\b",
        "a//b",
        "a/",
        "",
        ".",
        "a/./b",
        "a\x00b",
        "a\nb",
        "x.",
        "x ",
        "a*b",
    ],
)
def test_hostile_names(name):
    with pytest.raises(PresetUnsafeError):
        check_names(["config.json", name], "kaggle://a")


def test_names_that_are_one_on_some_systems():
    with pytest.raises(PresetUnsafeError, match="more than case"):
        check_names(["Config.json", "config.json"], "kaggle://a")
    with pytest.raises(PresetUnsafeError, match="at most 10000 files"):
        check_names((f"{i}.json" for i in range(10_001)), "kaggle://a")


def test_a_directory_of_too_many_files(tmp_path):
    for i in range(10_001):
        (tmp_path / str(i)).touch()
    with pytest.raises(PresetUnsafeError, match="at most 10000 files .* it has more"):
        LocalFolder(tmp_path)


def test_plain_names():
    check_names(["config.json", "assets/tokenizer/vocabulary.txt", ".hidden"], "a")


def test_a_directory(tmp_path):
    (tmp_path / "assets" / "tokenizer").mkdir(parents=True)
    (tmp_path / "assets" / "tokenizer" / "words.txt").write_text("abc")
    folder = LocalFolder(tmp_path)
    assert folder.sizes() == {"assets/tokenizer/words.txt": 3}
    assert folder.directory("assets") == tmp_path / "assets"
    assert folder.directory("assets/tokenizer") == tmp_path / "assets" / "tokenizer"
    assert folder.directory("") == tmp_path
    with pytest.raises(PresetCorruptError, match="hold 'weights/'"):
        folder.directory("weights")


@needs_links
def test_links_that_leave_the_directory(tmp_path):
    (tmp_path / "secret").write_text("secret")
    preset = tmp_path / "preset"
    preset.mkdir()
    (preset / "vocab.txt").symlink_to(tmp_path / "secret")
    (preset / "same.txt").symlink_to(preset / "own.txt")
    (preset / "own.txt").write_text("own")
    folder = LocalFolder(preset)
    assert folder.path("same.txt").read_text() == "own"
    with pytest.raises(PresetUnsafeError, match="'vocab.txt' is a link"):
        folder.path("vocab.txt")


@needs_links
def test_links_to_a_directory_elsewhere_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("secret")
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "assets").symlink_to(tmp_path / "elsewhere")
    assert LocalFolder(tmp_path / "preset").sizes() == {}


@needs_links
def test_links_of_hugging_faces_cache(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "abc").write_text("{}")
    snapshot = tmp_path / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to("../../blobs/abc")
    assert LocalFolder(snapshot).path("config.json").read_text() == "{}"
