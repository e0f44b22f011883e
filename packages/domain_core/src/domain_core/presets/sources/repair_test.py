"""Files that change in a cache after a download: noticed, and fetched again."""

import os

import pytest

from domain_core.cli import main as cli
from domain_core.preset_errors import PresetCorruptError, PresetNetworkError
from domain_core.presets.download import download
from domain_core.presets.folder import LocalFolder
from domain_core.presets.integrity import check_folder, drop_damaged
from domain_core.presets.sources import source_of
from domain_core.presets.sources.hugging_face import source as hugging_face
from domain_core.presets.sources.hugging_face.source import HuggingFaceSource
from domain_core.presets.sources.web import reader
from domain_core.presets.sources.web import source as web
from domain_core.presets.verifying import repair, verify
from domain_core.testing import loopback
from domain_core.testing.hugging_face_server import HuggingFaceServer
from domain_core.testing.kaggle_case import (
    DATA,
    FILES,
    HANDLE,
    MODEL,
    WEIGHTS,
    contents,
    native,
    open_kaggle,
)

NATIVE = native({"backbone.safetensors": WEIGHTS, "backbone.json": b"{}"})
SECOND = f"kaggle://{MODEL}/2"


def flip(path):
    """Changes one bit, neither the size nor, as far as the system says, the time."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def fetched(kaggle_server):
    """Returns the path of every file of a native preset that was downloaded."""
    kaggle_server.add(MODEL, NATIVE)
    folder = open_kaggle(SECOND)
    assert contents(folder) == NATIVE
    assert len(verify(SECOND)) == 2
    return {name: folder.path(name) for name in folder.sizes()}


def test_a_changed_file_is_fetched_again(kaggle_server, fetched):
    flip(fetched["backbone.safetensors"])
    before = kaggle_server.count(DATA)
    advice = f"domain_core verify {SECOND} --repair"
    with pytest.raises(PresetCorruptError, match=f"has another content.*{advice}"):
        verify(SECOND)
    assert kaggle_server.count(DATA) == before
    digests, names = repair(SECOND)
    assert (sorted(digests), names) == (
        ["backbone.json", "backbone.safetensors"],
        ["backbone.safetensors"],
    )
    assert kaggle_server.count(DATA) == before + 1
    assert contents(open_kaggle(SECOND)) == NATIVE
    assert repair(SECOND)[1] == []
    assert kaggle_server.count(DATA) == before + 1, "nothing is fetched needlessly"


@pytest.mark.parametrize("what", ["no JSON", "other hashes", "gone"])
def test_a_changed_manifest(kaggle_server, fetched, what):
    path = fetched["manifest.json"]
    text = path.read_bytes()
    if what == "gone":
        path.unlink()
    elif what == "no JSON":
        path.write_bytes(text[:-1] + b" ")
    else:
        digest = text.split(b'"sha256": "')[1][:64]
        path.write_bytes(text.replace(digest, digest[::-1]))
    before = kaggle_server.count(DATA)
    names = repair(SECOND)[1]
    assert names == ([] if what == "gone" else ["manifest.json"])
    assert kaggle_server.count(DATA) == before + 1
    assert contents(open_kaggle(SECOND)) == NATIVE


def test_without_a_manifest_the_download_counts(kaggle_server):
    path = open_kaggle().path("model.weights.h5")
    assert sorted(verify(HANDLE)) == sorted(FILES)
    flip(path)
    with pytest.raises(PresetCorruptError, match=r"\['model.weights.h5'\] changed"):
        verify(HANDLE)
    assert repair(HANDLE)[1] == ["model.weights.h5"]
    assert contents(open_kaggle()) == FILES


def test_what_the_client_fetched_itself(kaggle_server):
    import kagglehub

    kaggle_server.add(MODEL, NATIVE)
    kagglehub.model_download(f"{MODEL}/2")
    flip(open_kaggle(SECOND).path("backbone.safetensors"))
    assert repair(SECOND)[1] == ["backbone.safetensors"]
    assert contents(open_kaggle(SECOND)) == NATIVE
    with pytest.raises(PresetCorruptError, match="'manifest.json'.*to compare"):
        kagglehub.model_download(f"{MODEL}/1")
        repair(HANDLE)


def test_offline_nothing_is_asked(kaggle_server, fetched, monkeypatch):
    flip(fetched["backbone.json"])
    before = kaggle_server.count("*")
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(PresetNetworkError, match=r"'backbone\.json'"):
        repair(SECOND)
    assert kaggle_server.count("*") == before
    monkeypatch.delenv("DOMAIN_CORE_OFFLINE")
    assert contents(open_kaggle(SECOND)) == NATIVE


def test_a_source_that_has_the_damage_itself(kaggle_server, fetched):
    flip(fetched["backbone.safetensors"])
    kaggle_server.inject(f"GET /data/{MODEL}/2/*", loopback.bit_flip, forever=True)
    before = kaggle_server.count(DATA)
    with pytest.raises(PresetCorruptError, match="two downloads did not"):
        repair(SECOND)
    assert kaggle_server.count(DATA) == before + 2


def test_download_copies_nothing_damaged(kaggle_server, fetched, kaggle_home):
    flip(fetched["backbone.safetensors"])
    target = download(SECOND, kaggle_home / "mine" / "copy")
    assert (target / "backbone.safetensors").read_bytes() == WEIGHTS
    assert sorted(verify(target)) == ["backbone.json", "backbone.safetensors"]


def test_command(kaggle_server, fetched, capsys):
    flip(fetched["backbone.safetensors"])
    assert cli.main(["verify", SECOND]) == 1
    assert f"verify {SECOND} --repair" in capsys.readouterr().err
    assert cli.main(["verify", SECOND, "--repair"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        f"{SECOND}: 2 files, all as saved; fetched again: backbone.safetensors\n"
    )
    assert cli.main(["verify", SECOND]) == 0


def test_a_directory_is_never_changed(kaggle_home, capsys):
    directory = kaggle_home / "mine" / "preset"
    directory.mkdir(parents=True)
    for name, content in NATIVE.items():
        (directory / name).write_bytes(content)
    flip(directory / "backbone.json")
    before = (directory / "backbone.json").read_bytes()
    assert cli.main(["verify", str(directory), "--repair"]) == 1
    assert "a directory whose 'backbone.json' is damaged" in capsys.readouterr().err
    assert (directory / "backbone.json").read_bytes() == before
    with pytest.raises(PresetCorruptError, match="Save or download it again"):
        verify(directory)
    assert drop_damaged(LocalFolder(directory)) == []


def test_hugging_face(kaggle_home, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(kaggle_home / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    files = {**FILES, "config.json": b'{"model_type": "x"}'}
    with HuggingFaceServer() as hub:
        hub.add("org/name", files)
        source = HuggingFaceSource(hub.url, str(kaggle_home / "cache" / "hub"))
        monkeypatch.setattr(hugging_face.SOURCE, "endpoint", source.endpoint)
        monkeypatch.setattr(hugging_face.SOURCE, "cache", source.cache)
        handle = "hf://org/name"
        path = source_of(handle).open(handle).path("model.weights.h5")
        assert sorted(verify(handle)) == sorted(files)
        flip(path)
        assert path.read_bytes() != WEIGHTS
        with pytest.raises(PresetCorruptError, match=f"verify {handle} --repair"):
            verify(handle)
        before = hub.count("GET /cdn/*")
        assert repair(handle)[1] == ["model.weights.h5"]
        assert hub.count("GET /cdn/*") == before + 1
        assert contents(source_of(handle).open(handle)) == files


@pytest.mark.parametrize("name", ["backbone.safetensors", "manifest.json"])
def test_a_web_server(kaggle_home, monkeypatch, name):
    served = []

    def fetch_small(address, file, max_bytes, deadline):
        served.append(file)
        if file not in NATIVE:
            raise web.PresetNotFoundError(file)
        return NATIVE[file]

    def fetch_file(url, partial, size, deadline, label):
        served.append(url.rsplit("/", 1)[1])
        partial.write_bytes(NATIVE[served[-1]])

    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(kaggle_home / "cache"))
    monkeypatch.setattr(web, "fetch_small", fetch_small)
    monkeypatch.setattr(reader, "fetch_file", fetch_file)
    handle = "https://host/preset"
    folder = source_of(handle).open(handle)
    assert contents(folder) == NATIVE
    flip(folder.path(name))
    served.clear()
    assert repair(handle)[1] == ([] if name == "manifest.json" else [name])
    assert served.count(name) == (3 if name == "manifest.json" else 1)
    assert contents(source_of(handle).open(handle)) == NATIVE
    check_folder(source_of(handle).open(handle))
