"""Uploads to Kaggle, and models that Kaggle notebooks mount."""

import time

import pytest

from domain_core.preset_errors import (
    PresetAccessError,
    PresetError,
    PresetNetworkError,
)
from domain_core.presets.sources import source_of
from domain_core.presets.sources.kaggle import notebook as kaggle_notebook
from domain_core.testing import loopback
from domain_core.testing.kaggle_case import (
    FILES,
    HANDLE,
    MODEL,
    contents,
    open_kaggle,
)
from domain_core.testing.loopback import json_reply

# Uploads.


@pytest.fixture
def directory(kaggle_home):
    for name, body in FILES.items():
        path = kaggle_home / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return kaggle_home / "mine"


@pytest.mark.parametrize("variation", ["tiny", "small"])
def test_upload_and_download(kaggle_server, directory, variation, capfd):
    handle = f"kaggle://keras/bert/keras/{variation}"
    (directory / "empty").touch()
    uploaded = source_of(handle).upload(handle, directory, license_name="MIT")
    assert uploaded == f"{handle}/{2 if variation == 'tiny' else 1}"
    assert contents(open_kaggle(uploaded)) == {**FILES, "empty": b""}
    assert capfd.readouterr() == ("", "")


def test_upload_of_a_new_model(kaggle_server, directory):
    handle = "kaggle://me/mine/keras/base"
    assert source_of(handle).upload(handle, directory) == f"{handle}/1"
    (created,) = [
        r.json() for r in kaggle_server.requests if r.path.endswith("/CreateModel")
    ]
    assert created["isPrivate"] is True


def test_upload_of_many_files(kaggle_server, directory):
    for i in range(60):
        (directory / f"{i}.txt").write_text(str(i))
    handle = f"kaggle://{MODEL}"
    uploaded = source_of(handle).upload(handle, directory)
    assert len(open_kaggle(uploaded).sizes()) == 60 + len(FILES)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (loopback.status(403), PresetAccessError),
        (loopback.status(500), PresetNetworkError),
        (loopback.close, PresetNetworkError),
        (lambda *_: json_reply({"error": "full", "errorCode": 400}), PresetError),
    ],
    ids=["403", "500", "closed", "refused"],
)
def test_upload_that_fails(kaggle_server, directory, monkeypatch, fault, error):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_0123")
    kaggle_server.inject("POST *CreateModelInstance", fault, forever=True)
    handle = f"kaggle://{MODEL}"
    with pytest.raises(error) as caught:
        source_of(handle).upload(handle, directory)
    assert "KGAT_0123" not in str(caught.value)
    assert kaggle_server.count("POST *CreateModelInstance") == 1
    assert len(kaggle_server.models[MODEL]) == 1


@pytest.mark.parametrize("kept", [0, 1000, None])
def test_upload_goes_on_where_it_was_cut(kaggle_server, directory, kept):
    def cut(request, reply):
        kaggle_server.room = None
        return loopback.close(request, reply)

    kaggle_server.room = kept
    kaggle_server.inject("PUT *", cut)
    handle = f"kaggle://{MODEL}"
    uploaded = source_of(handle).upload(handle, directory)
    assert contents(open_kaggle(uploaded)) == FILES
    assert kaggle_server.count("PUT *") == len(FILES) + (1 if kept is None else 2)


def test_upload_waits_for_its_turn(kaggle_server, directory):
    kaggle_server.inject("POST *GetModel", loopback.status(429, Retry_After="0"))
    handle = f"kaggle://{MODEL}"
    assert source_of(handle).upload(handle, directory) == f"{handle}/2"


@pytest.mark.parametrize(
    ("handle", "options"),
    [(HANDLE, {}), (f"kaggle://{MODEL}", {"private": False})],
)
def test_upload_arguments(kaggle_server, directory, handle, options):
    with pytest.raises(ValueError, match="without a version"):
        source_of(handle).upload(handle, directory, **options)
    assert kaggle_server.requests == []


def test_no_upload_offline(kaggle_server, directory, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    handle = f"kaggle://{MODEL}"
    with pytest.raises(PresetNetworkError, match="OFFLINE"):
        source_of(handle).upload(handle, directory)
    assert kaggle_server.requests == []


# Notebooks of Kaggle.


@pytest.mark.parametrize("place", ["bert/keras/tiny", f"models/{MODEL}"])
def test_mounted_input(kaggle_server, kaggle_home, monkeypatch, place):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(kaggle_home / "mine"))
    for version in (2, 10):
        directory = kaggle_home / "mine" / place / str(version)
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(str(version))
    for handle, content in ((f"{MODEL}/2", "2"), (MODEL, "10")):
        folder = open_kaggle(f"kaggle://{handle}")
        assert folder.path("config.json").read_text() == content
    assert kaggle_server.requests == []


@pytest.fixture
def notebook(kaggle_server, kaggle_home, monkeypatch):
    """A notebook that can mount what is asked for."""
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(kaggle_home / "mine"))
    monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "jwt")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_TOKEN", "proxy")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", kaggle_server.url)
    monkeypatch.setattr(kaggle_notebook, "_PATIENCE", 0.5)
    return kaggle_server


def test_notebook_mounts(notebook, kaggle_home):
    notebook.mounts = kaggle_home / "mine"
    folder = open_kaggle()
    assert contents(folder) == FILES
    assert folder.path("config.json").is_relative_to(kaggle_home / "mine")
    assert [r.path for r in notebook.requests] == [
        "/kaggle-jwt-handler/AttachDatasourceUsingJwtRequest"
    ]


def test_notebook_that_never_mounts(notebook):
    begin = time.monotonic()
    with pytest.raises(PresetNetworkError, match="Add the model as an input"):
        open_kaggle()
    assert time.monotonic() - begin < 5


def test_the_users_patience_with_mounts(notebook, monkeypatch):
    monkeypatch.setattr(kaggle_notebook, "_PATIENCE", 60.0)
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.5")
    begin = time.monotonic()
    with pytest.raises(PresetNetworkError, match="Add the model as an input"):
        open_kaggle()
    assert time.monotonic() - begin < 10


def test_notebook_without_internet(notebook):
    notebook.inject("*", loopback.close, forever=True)
    with pytest.raises(PresetNetworkError, match="Add the model as an input"):
        open_kaggle()


class Colab(loopback.LoopbackServer):
    """Mounts one model."""

    def respond(self, request):
        assert request.path.startswith("/kagglehub/models/")
        if "/".join(str(value) for value in request.json().values()) != f"{MODEL}/1":
            return loopback.status(404)(request, None)
        return json_reply({"slug": MODEL})


def test_colab_mounts(kaggle_server, kaggle_home, monkeypatch):
    (kaggle_home / "mine" / MODEL).mkdir(parents=True)
    (kaggle_home / "mine" / MODEL / "config.json").write_text("mounted")
    monkeypatch.setenv("COLAB_CACHE_MOUNT_FOLDER", str(kaggle_home / "mine"))
    with Colab() as colab:
        monkeypatch.setenv("TBE_RUNTIME_ADDR", colab.url.removeprefix("http://"))
        assert open_kaggle().path("config.json").read_text() == "mounted"
        assert kaggle_server.requests == []
        kaggle_server.add(MODEL, FILES)
        assert contents(open_kaggle(f"kaggle://{MODEL}/2")) == FILES
        monkeypatch.setenv("DISABLE_COLAB_CACHE", "true")
        assert contents(open_kaggle()) == FILES


def test_notebook_offline(notebook, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(PresetNetworkError):
        open_kaggle()
    assert notebook.requests == []
