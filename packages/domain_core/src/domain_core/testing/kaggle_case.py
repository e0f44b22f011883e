"""What tests of `kaggle://` share: a user, a server, a model."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from domain_core.presets.folder import Folder
from domain_core.presets.sources import retries, source_of
from domain_core.presets.sources.kaggle import reader
from domain_core.testing.kaggle_server import KaggleServer
from domain_core.testing.loopback import certificates

MODEL = "keras/bert/keras/tiny"
HANDLE = f"kaggle://{MODEL}/1"
WEIGHTS = bytes(range(256)) * 1200
FILES = {
    "config.json": b'{"layers": 2}',
    "model.weights.h5": WEIGHTS,
    "assets/tokenizer/vocabulary.txt": b"a\nb\n",
}
LIST = "POST *ListModelInstanceVersionFiles"
ASK = "POST *GetModelInstance"
FETCH = "POST *DownloadModelInstanceVersion"
DATA = "GET /data/*"
WEIGHTS_DATA = f"GET /data/{MODEL}/1/model.weights.h5"


@pytest.fixture
def kaggle_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without credentials, whose cache is empty."""
    for name in list(os.environ):
        if name.startswith(("KAGGLE", "DOMAIN_CORE_", "DISABLE_", "TBE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.01)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates()[1])
    # It reads the source of all callers, which are many in a test: 0.2 s for a request.
    monkeypatch.setattr("kagglehub.clients.get_user_agent", lambda: "test")
    monkeypatch.setattr(reader, "_PATIENCE", 0.5)
    yield tmp_path
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "home", "mine"}


@pytest.fixture
def kaggle_server(
    kaggle_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KaggleServer]:
    """A server with a model, which the client takes for Kaggle."""
    from kagglesdk import kaggle_env

    with KaggleServer(certificates()[0]) as server:
        server.add(MODEL, FILES)
        endpoints = kaggle_env._env_to_endpoint
        monkeypatch.setitem(endpoints, kaggle_env.KaggleEnv.PROD, server.url)
        yield server
        # Archives hold paths of their own: none is ever asked for.
        assert all("path" in r.json() for r in server.requests if FETCH[6:] in r.route)


def open_kaggle(handle: str = HANDLE) -> Folder:
    """Opens a preset."""
    return source_of(handle).open(handle)


def contents(folder: Folder) -> dict[str, bytes]:
    """Fetches and reads every file."""
    return {name: folder.path(name).read_bytes() for name in folder.sizes()}


def cached_files(kaggle_home: Path) -> set[str]:
    """Returns what is in the cache beside locks."""
    cache = kaggle_home / "cache"
    return {
        path.relative_to(cache).as_posix()
        for path in cache.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    }


def native(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Returns the files with a manifest as `save_to_preset` writes it."""
    entries = {
        name: {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in files.items()
    }
    manifest = {"format": "domain-core preset", "format_version": 1, "files": entries}
    return {**files, "manifest.json": json.dumps(manifest).encode()}
