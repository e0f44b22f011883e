"""hf:// through the unmodified client, against a hub on this machine that fails."""

import hashlib
import sys
import time
import tracemalloc

import huggingface_hub
import pytest
from huggingface_hub import constants

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources import retries
from domain_core.presets.sources.hugging_face import source as hub_source
from domain_core.presets.sources.hugging_face.source import HuggingFaceSource
from domain_core.testing.hugging_face_server import HuggingFaceServer
from domain_core.testing.loopback import (
    LoopbackServer,
    Reply,
    bit_flip,
    close,
    cut,
    ignore_range,
    in_turn,
    json_reply,
    redirect,
    silent,
    stall,
    status,
    without_headers,
)
from domain_core.testing.many_processes import run_at_once

WEIGHTS = bytes(range(256)) * 400
FILES = {
    "config.json": b'{"model_type": "x"}',
    "model.safetensors": WEIGHTS,
    "assets/vocab.txt": b"[PAD]\n[UNK]\n",
}
HANDLE = "hf://org/name"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "20")
    for name in (
        *("DOMAIN_CORE_OFFLINE", "HF_HUB_OFFLINE"),
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.05)
    # What the client reads from the environment when it is imported.
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.7)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_source, "_SILENCE", 0.7)
    yield tmp_path / "cache"
    outside = [p.name for p in tmp_path.iterdir() if p.name not in ("cache", "hub")]
    assert not outside


@pytest.fixture
def hub(cache):
    with HuggingFaceServer() as hub:
        hub.add("org/name", FILES)
        yield hub


@pytest.fixture
def source(hub, tmp_path):
    return HuggingFaceSource(hub.url, str(tmp_path / "hub"))


def assert_only_asked_for(hub, name):
    """Asserts that there was no request but for the list and for one file."""
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    for request in hub.requests:
        assert (
            request.path == "/api/models/org/name/revision/main"
            or request.path.startswith("/org/name/resolve/")
            and request.path.endswith(f"/{name}")
            or digest in request.path
        ), request.path


def read_all(folder):
    return {name: folder.path(name).read_bytes() for name in folder.sizes()}


def test_files_come_when_they_are_asked_for(hub, source, capsys):
    folder = source.open(HANDLE)
    assert folder.sizes() == {name: len(content) for name, content in FILES.items()}
    assert [r.route for r in hub.requests] == ["GET /api/models/org/name/revision/main"]
    directory = folder.directory("assets")
    assert directory.joinpath("vocab.txt").read_bytes() == FILES["assets/vocab.txt"]
    assert not hub.count("*.safetensors")
    assert read_all(folder) == FILES
    before = len(hub.requests)
    assert read_all(folder) == FILES
    assert read_all(source.open(HANDLE)) == FILES
    assert len(hub.requests) == before + 1  # is there a newer commit?
    assert capsys.readouterr().out == ""


def test_revisions(hub, source):
    first = hub.files("org/name")
    pinned = f"{HANDLE}@{hub.add('org/name', {'config.json': b'[]'}, 'v2')}"
    assert read_all(source.open(f"{HANDLE}@v2")) == {"config.json": b"[]"}
    assert read_all(source.open(HANDLE, revision="v2")) == {"config.json": b"[]"}
    assert read_all(source.open(HANDLE)) == first
    before = len(hub.requests)
    assert read_all(source.open(pinned)) == {"config.json": b"[]"}
    assert len(hub.requests) == before
    hub.add("org/name", {"config.json": b"{}"})
    assert read_all(source.open(HANDLE)) == {"config.json": b"{}"}
    with pytest.raises(PresetNotFoundError, match="this revision"):
        source.open(f"{HANDLE}@v3")
    with pytest.raises(ValueError, match="received"):
        source.open(f"{HANDLE}@v2", revision="v2")
    with pytest.raises(ValueError, match="'version'"):
        source.open(HANDLE, version=2)


@pytest.mark.parametrize("switch", ["ours", "theirs"])
def test_offline(hub, source, monkeypatch, switch):
    def switch_off():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", switch == "theirs")
        monkeypatch.setenv("DOMAIN_CORE_OFFLINE", str(int(switch == "ours")))

    def switch_on():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "0")

    switch_off()
    with pytest.raises(PresetNetworkError, match="python -m domain_core download"):
        source.open(HANDLE)
    with pytest.raises(PresetNetworkError, match="forbids every request"):
        source.upload(HANDLE, None)
    assert not hub.requests
    switch_on()
    source.open(HANDLE).path("config.json")
    before = len(hub.requests)
    switch_off()
    folder = source.open(HANDLE)
    assert folder.path("config.json").read_bytes() == FILES["config.json"]
    with pytest.raises(PresetNetworkError, match=r"'model\.safetensors'"):
        folder.path("model.safetensors")
    assert len(hub.requests) == before


def test_offline_with_what_another_library_downloaded(
    hub, source, monkeypatch, tmp_path
):
    for name in FILES:
        huggingface_hub.hf_hub_download(
            "org/name", name, endpoint=hub.url, cache_dir=tmp_path / "hub"
        )
    before = len(hub.requests)
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    folder = source.open(HANDLE)
    assert isinstance(folder, LocalFolder)
    assert read_all(folder) == FILES
    assert len(hub.requests) == before


def test_without_network_the_cache_is_used_and_said(hub, source, monkeypatch):
    source.open(HANDLE).path("config.json")
    monkeypatch.setattr(hub_source, "_PATIENCE", 0.5)
    hub.inject("GET /api/*", close, forever=True)
    with pytest.warns(
        UserWarning, match=f"commit {hub._repos['org/name'].refs['main']}"
    ):
        folder = source.open(HANDLE)
    assert folder.path("config.json").read_bytes() == FILES["config.json"]


@pytest.mark.parametrize(
    "faults",
    [
        [status(429, Retry_After="0")],
        [status(503), status(503)],
        [close],
        [cut(70_000)],
        [cut(70_000, length=False)],
        [bit_flip],
        [stall],
        [silent],
        [lambda request, reply: Reply(body=WEIGHTS * 2)],
        [cut(70_000), ignore_range],
        [cut(70_000), in_turn(ignore_range, bit_flip)],
    ],
)
def test_faults_that_pass(hub, source, faults):
    folder = source.open(HANDLE)
    hub.inject("GET /cdn/*", *faults)
    assert folder.path("model.safetensors").read_bytes() == WEIGHTS
    damaged = faults[-1] is ignore_range  # took the place of the right answer
    assert hub.count("GET /cdn/*") == len(faults) + (not damaged)
    assert_only_asked_for(hub, "model.safetensors")
    before = len(hub.requests)
    assert folder.path("model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.requests) == before


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
def test_headers_with_hashes_that_are_missing(hub, source, monkeypatch, header):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "1")
    folder = source.open(HANDLE)
    hub.inject("HEAD *", without_headers(header), forever=True)
    hub.inject("GET /cdn/*", bit_flip)
    try:
        assert folder.path("model.safetensors").read_bytes() == WEIGHTS
    except PresetNetworkError as error:
        assert "DOMAIN_CORE_TIMEOUT" in str(error)
        assert not hub.count("GET /cdn/*"), "nothing unknown was fetched"
    assert_only_asked_for(hub, "model.safetensors")


@pytest.mark.parametrize("route", ["GET /api/*", "HEAD *", "GET *.json"])
def test_no_redirect_takes_the_token_elsewhere(hub, source, monkeypatch, route):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.8")
    with LoopbackServer() as elsewhere:
        monkeypatch.setattr(elsewhere, "respond", lambda request: json_reply({}))
        hub.inject(route, redirect(elsewhere.url_of("localhost")), forever=True)
        with pytest.raises(PresetError):
            source.open(HANDLE).path("config.json")
        for request in elsewhere.requests:
            assert hub.token not in str(request.headers) + str(request.query)


@pytest.mark.parametrize(
    "fault", [status(429), status(503), close, silent, status(200)]
)
def test_faults_of_the_list_that_pass(hub, source, fault):
    hub.inject("GET /api/*", fault)
    assert source.open(HANDLE).sizes()["model.safetensors"] == len(WEIGHTS)
    assert hub.count("GET /api/*") == 2


def test_retry_after_is_honoured(hub, source):
    hub.inject("GET /api/*", status(429, Retry_After="1"))
    started = time.monotonic()
    source.open(HANDLE)
    assert time.monotonic() - started >= 1


def test_a_small_file_with_a_flipped_bit(hub, source):
    folder = source.open(HANDLE)
    hub.inject("GET *vocab.txt", bit_flip)
    assert folder.path("assets/vocab.txt").read_bytes() == FILES["assets/vocab.txt"]
    assert hub.count("GET *vocab.txt") == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(503), PresetNetworkError),
        (status(429, Retry_After="3600"), PresetNetworkError),
        (silent, PresetNetworkError),
        (stall, PresetNetworkError),
        (bit_flip, PresetCorruptError),
        (
            lambda request, reply: Reply(body=WEIGHTS * 100, length=False),
            PresetCorruptError,
        ),
    ],
)
def test_faults_that_stay(hub, source, tmp_path, monkeypatch, fault, error):
    folder = source.open(HANDLE)
    if error is PresetNetworkError:
        monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.8")
    hub.inject("GET /cdn/*", fault, forever=True)
    started = time.monotonic()
    tracemalloc.start()
    with pytest.raises(error, match=HANDLE):
        folder.path("model.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - started < 10
    assert peak < 64 * 2**20
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert not list(tmp_path.rglob(digest))
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_hub_that_never_answers(hub, source, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.8")
    hub.inject("*", silent, forever=True)
    started = time.monotonic()
    with pytest.raises(PresetNetworkError, match="DOMAIN_CORE_TIMEOUT"):
        source.open(HANDLE)
    assert time.monotonic() - started < 10


def test_who_may_not_read(hub, source, monkeypatch):
    hub.add("org/gated", FILES)
    hub.refuse("org/gated", "GatedRepo")
    hub.add("org/private", FILES)
    hub.refuse("org/private", "RepoNotFound")
    monkeypatch.setenv("HF_TOKEN", "hf_wrongtoken")
    with pytest.raises(PresetAccessError, match="hf auth login") as gated:
        source.open("hf://org/gated")
    with pytest.raises(PresetNotFoundError, match="private") as private:
        source.open("hf://org/private")
    with pytest.raises(PresetNotFoundError, match="spelling"):
        source.open("hf://org/nmae")
    hub.inject("GET /api/models/org/name/*", status(401), status(403))
    for _ in range(2):
        with pytest.raises(PresetError, match="HF_TOKEN"):
            source.open(HANDLE)
    assert "wrongtoken" not in f"{gated.value} {private.value}"
    assert len(hub.requests) == 5
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert source.open("hf://org/gated").path("config.json").is_file()


def test_another_host_gets_no_token(hub, source, monkeypatch):
    hub.refuse("org/name", "GatedRepo")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    folder = source.open(HANDLE)
    assert folder.path("model.safetensors").read_bytes() == WEIGHTS
    *asked, moved = hub.requests
    assert {r.headers.get("authorization") for r in asked} == {f"Bearer {hub.token}"}
    assert moved.path.startswith("/cdn/")
    assert moved.headers["host"].startswith("localhost")
    assert "authorization" not in moved.headers


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "C:\\x",
        "a\\..\\b",
        "a/../../x",
        "a/./b",
        "x\0",
        "a/x.",
        "a/nul.txt",
        "\u00e9" * 128,
        "\ud800",
        "assets/vocab.txt/x",
        "assets",
        "CONFIG.json",
    ],
)
def test_hostile_names_write_nothing(hub, source, tmp_path, name):
    hub.add("org/name", {**FILES, name: b"bad"})
    with pytest.raises(PresetUnsafeError, match="Nothing was written"):
        source.open(HANDLE)
    assert len(hub.requests) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_too_many_files(hub, source, tmp_path):
    hub.add("org/name", {f"f{i}": b"" for i in range(10_001)})
    with pytest.raises(PresetUnsafeError, match="10000 files"):
        source.open(HANDLE)
    assert len(hub.requests) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_too_many_bytes(hub, source, tmp_path):
    files = [
        {"rfilename": f"{i}", "size": 6 * 10**11, "blobId": "0" * 40} for i in (1, 2)
    ]
    answer = {"id": "org/name", "sha": "0" * 40, "siblings": files}
    hub.inject("GET /api/*", lambda request, reply: json_reply(answer))
    with pytest.raises(PresetUnsafeError, match="lists 1200000000000. Nothing"):
        source.open(HANDLE)
    assert len(hub.requests) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "change",
    [
        {"sha": "../../x"},
        {"sha": None},
        {"siblings": [{"rfilename": "a", "size": 1}]},
        {"siblings": [{"rfilename": "a", "blobId": "0" * 40}]},
        {"siblings": [{"rfilename": "a", "size": -1, "blobId": "0" * 40}]},
        {"siblings": [{"rfilename": "a", "size": 1, "blobId": "../../x"}]},
    ],
)
def test_lists_that_make_no_sense(hub, source, tmp_path, change):
    answer = {"id": "org/name", "sha": "0" * 40, "siblings": [], **change}
    hub.inject("GET /api/*", lambda request, reply: json_reply(answer), forever=True)
    with pytest.raises(PresetCorruptError, match="HF_ENDPOINT"):
        source.open(HANDLE)
    assert len(hub.requests) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        3,
        None,
        {},
        {"id": "org/name", "sha": "0" * 40, "siblings": 5},
        {"id": "org/name", "sha": "0" * 40, "siblings": [3]},
        {"id": "org/name", "sha": "0" * 40, "siblings": [{}]},
        {"id": "org/name", "sha": "0" * 40, "lastModified": "soon"},
    ],
    ids=str,
)
def test_answers_of_another_shape(hub, source, tmp_path, answer):
    hub.inject("GET /api/*", lambda request, reply: json_reply(answer), forever=True)
    with pytest.raises(PresetError, match="HF_ENDPOINT"):
        source.open(HANDLE)
    assert len(hub.requests) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_larger_than_the_disk(hub, source):
    file = {"rfilename": "a.json", "size": 10**12, "blobId": "0" * 40}
    answer = {"id": "org/name", "sha": "0" * 40, "siblings": [file]}
    hub.inject("GET /api/*", lambda request, reply: json_reply(answer))
    folder = source.open(HANDLE)
    with pytest.raises(PresetError, match="free disk"):
        folder.path("a.json")
    assert len(hub.requests) == 1


def test_damage_in_the_cache_is_noticed(hub, source, tmp_path):
    path = source.open(HANDLE).path("model.safetensors")
    path.write_bytes(bytes(len(WEIGHTS)))
    again = source.open(HANDLE).path("model.safetensors")
    assert again.read_bytes() == WEIGHTS
    for kept in (tmp_path / "cache").rglob("*.json"):
        kept.write_bytes(b"{")
    assert read_all(source.open(HANDLE)) == FILES


@pytest.mark.parametrize(
    "handle",
    [
        "hf://",
        "hf://org/name/more",
        "hf:///name",
        "hf://org//name",
        "hf://org/name@",
        "hf://org/%2e%2e",
        "hf://org/na\0me",
        "hf://org/name\n",
        "hf://org/name.git",
        "hf://org/a--b",
        "hf://-org/name",
        "hf://org/name@main@main",
        "hf://org/" + "x" * 10_000,
    ],
)
def test_handles_that_are_none(handle, cache):
    with pytest.raises(ValueError, match="hf://org/name|name of a repository"):
        HuggingFaceSource("http://127.0.0.1:9").open(handle)
    assert not cache.exists()


@pytest.mark.parametrize(
    "handle", ["hf://../../x", "hf://org/..", "hf://org/name@../../x"]
)
def test_handles_that_leave_the_cache(handle, cache):
    with pytest.raises(PresetUnsafeError, match="No request was sent"):
        HuggingFaceSource("http://127.0.0.1:9").open(handle)
    assert not cache.exists()


@pytest.mark.parametrize("broken", [None, "raises"])
def test_without_the_client(monkeypatch, tmp_path, cache, broken):
    if broken is None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    else:
        place = tmp_path / "cache" / "broken"
        place.mkdir(parents=True)
        (place / "huggingface_hub.py").write_text("1 / 0")
        monkeypatch.syspath_prepend(place)
        monkeypatch.delitem(sys.modules, "huggingface_hub")
    with pytest.raises(PresetError, match=r'pip install "domain-core\[hf\]"'):
        HuggingFaceSource().open(HANDLE)


def test_four_processes_download_once(hub, tmp_path):
    code = """
        from domain_core.presets.sources.hugging_face.source import HuggingFaceSource

        folder = HuggingFaceSource(*sys.argv[1:3]).open("hf://org/name")
        print(len(folder.path("model.safetensors").read_bytes()))
    """
    hub.inject("GET /cdn/*", cut(60_000))
    outputs = run_at_once(code, hub.url, str(tmp_path / "hub"), HF_HUB_DISABLE_XET="1")
    assert outputs == [f"{len(WEIGHTS)}\n"] * 4
    assert hub.count("GET /cdn/*") == 2


# The client's own, in the upload of a large file.
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
def test_upload_then_download(hub, source, monkeypatch, cache, capsys):
    directory = cache / "mine"
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    with pytest.raises(PresetAccessError, match="HF_TOKEN"):
        source.upload("hf://org/new", directory)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.inject("POST *commit/main", status(503))
    handle = source.upload("hf://org/new", directory)
    assert read_all(source.open(handle)).items() >= FILES.items()
    # The next upload leaves nothing behind that would be read.
    (directory / "assets" / "vocab.txt").unlink()
    source.upload("hf://org/new", directory, commit_message="Less", private=True)
    assert set(hub.files("org/new")) >= {"config.json", "model.safetensors"}
    assert "assets/vocab.txt" not in hub.files("org/new")
    assert source.upload("hf://alone", directory).startswith("hf://somebody/alone@")
    assert capsys.readouterr() == ("", "")


def test_uploads_that_can_not_be(source, tmp_path):
    with pytest.raises(ValueError, match="revision"):
        source.upload(f"{HANDLE}@v2", tmp_path)
    with pytest.raises(ValueError, match="commit_message"):
        source.upload(HANDLE, tmp_path, message="x")
