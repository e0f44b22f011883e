"""What `download` puts into a directory, and what it leaves out."""

import pytest

import domain_core
from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.presets.download import download
from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources import register_source
from domain_core.presets.sources import source as sources

MANIFEST = b'{"format": "domain-core preset", "format_version": 1, "files": {}}'
FILES = {"manifest.json": MANIFEST, "assets/vocabulary.txt": b"a", "README.md": b"b"}


class Elsewhere(sources.Source):
    """Opens `elsewhere://`, whose files lie in a local directory."""

    def __init__(self, directory):
        self.directory = directory
        self.missing = set()

    def open(self, handle, **options):
        source = self

        class Folder(LocalFolder):
            def path(self, name):
                if name in source.missing:
                    raise PresetNetworkError(f"no {name}")
                return super().path(name)

        return Folder(self.directory, handle)


@pytest.fixture
def elsewhere(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "elsewhere" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    source = Elsewhere(tmp_path / "elsewhere")
    register_source("elsewhere", source)
    return source


def read(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_all_files(elsewhere, tmp_path, capsys):
    target = tmp_path / "deep" / "target"
    assert download("elsewhere://x", target) == target
    assert read(target) == FILES
    assert capsys.readouterr() == ("", "")
    assert read(download(target, tmp_path / "copy")) == FILES


def test_files_that_are_never_read(elsewhere, tmp_path):
    for name in ("a.bin", "b.PT", "tf_model.h5", "c/d.onnx"):
        (elsewhere.directory / "c").mkdir(exist_ok=True)
        (elsewhere.directory / name).write_bytes(b"x")
    (elsewhere.directory / "model.weights.h5").write_bytes(b"y")
    found = read(download("elsewhere://x", tmp_path / "target"))
    assert found == {**FILES, "model.weights.h5": b"y"}


def test_what_is_there_stays(elsewhere, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    with pytest.raises(ValueError, match="holds \\['old'\\]. Choose another path"):
        download("elsewhere://x", target, overwrite=True)
    old = {"manifest.json": b'{"files": {"backbone.json": {}}}', "backbone.json": b"{}"}
    for name, content in old.items():
        (target / name).write_bytes(content)
    with pytest.raises(ValueError, match="overwrite=True"):
        download("elsewhere://x", target)
    elsewhere.missing = {"README.md"}
    with pytest.raises(PresetNetworkError, match="no README"):
        download("elsewhere://x", target, overwrite=True)
    assert read(target) == {**old, "old": b"old"}
    elsewhere.missing = set()
    download("elsewhere://x", target, overwrite=True)
    assert read(target) == FILES


def test_what_is_no_preset(elsewhere, tmp_path):
    (elsewhere.directory / "manifest.json").unlink()
    with pytest.raises(PresetCorruptError, match="elsewhere://x"):
        download("elsewhere://x", tmp_path / "target")
    (elsewhere.directory / "model.bin").write_bytes(b"x")
    with pytest.raises(PresetUnsafeError, match=r"model\.bin"):
        download("elsewhere://x", tmp_path / "target")
    with pytest.raises(PresetNotFoundError):
        download("no_such_preset", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_an_architecture_without_weights(tmp_path):
    class Bare(domain_core.Backbone):
        """Never built."""

    preset = domain_core.Preset("", {}, None, 0, "none", "none", "none")
    domain_core.register_backbone(Bare, presets={"bare": preset}, package="download")
    with pytest.raises(PresetNotFoundError, match="without published weights"):
        download("bare", tmp_path / "target")


def test_a_preset_that_is_saved_while_it_is_copied(elsewhere, tmp_path, monkeypatch):
    source = download("elsewhere://x", tmp_path / "source")
    path = LocalFolder.path

    def path_then_saved(self, name):
        found = path(self, name)
        (source / "added by another save").write_bytes(b"")
        return found

    monkeypatch.setattr(LocalFolder, "path", path_then_saved)
    with pytest.raises(PresetError, match="saved again meanwhile"):
        download(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
