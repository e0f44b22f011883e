"""https:// against a server on this machine that fails in every way it can."""

import hashlib
import json
import time
import tracemalloc

import pytest

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.presets.sources import retries
from domain_core.presets.sources.web import client, source
from domain_core.testing.loopback import (
    LoopbackServer,
    Reply,
    bit_flip,
    certificates,
    close,
    cut,
    ignore_range,
    in_turn,
    redirect,
    silent,
    stall,
    status,
)
from domain_core.testing.many_processes import run_at_once

WEIGHTS = bytes(range(256)) * 400
FILES = {
    "backbone.json": b'{"class": "x"}',
    "backbone.safetensors": WEIGHTS,
    "assets/vocabulary.txt": b"[PAD]\n[UNK]\n",
    "empty.txt": b"",
}


class WebServer(LoopbackServer):
    """Serves the files below /models/one/."""

    def __init__(self, files, manifest=None, **options):
        super().__init__(**options)
        self.files = {**files, "manifest.json": manifest or manifest_of(files)}

    def respond(self, request):
        name = request.path.removeprefix("/models/one/")
        if request.path.startswith("/elsewhere/"):
            name = request.path.removeprefix("/elsewhere/")
        if name not in self.files:
            return Reply(404)
        return Reply(body=self.files[name], ranges=True)

    @property
    def handle(self):
        return f"{self.url}/models/one/"


def manifest_of(files, **changes):
    entries = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    entries.update(changes)
    manifest = {"format": "domain-core preset", "format_version": 1, "files": entries}
    return json.dumps(manifest).encode()


@pytest.fixture
def tls():
    return certificates()


@pytest.fixture
def cache(tmp_path, tls, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls[1])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "20")
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.05)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.delenv("DOMAIN_CORE_OFFLINE", raising=False)
    yield tmp_path / "cache"
    outside = [p.name for p in tmp_path.iterdir() if p.name not in ("cache", "netrc")]
    assert not outside


@pytest.fixture
def server(tls, cache):
    with WebServer(FILES, tls=tls[0]) as server:
        yield server


def read_all(folder):
    return {n: folder.path(n).read_bytes() for n in FILES}


def parts_in(cache):
    return [path for path in cache.rglob("partial/*") if path.is_file()]


def test_files_come_when_they_are_asked_for(server, capsys):
    folder = source.SOURCE.open(server.handle)
    assert folder.sizes()["backbone.safetensors"] == len(WEIGHTS)
    assert [r.path[len("/models/one/") :] for r in server.requests] == [
        "manifest.json",
        "model.sig",
    ]
    assert folder.directory("assets").joinpath("vocabulary.txt").read_bytes()
    assert not server.count("GET *safetensors")
    assert read_all(folder) == FILES
    before = len(server.requests)
    assert read_all(source.SOURCE.open(server.handle.rstrip("/"))) == FILES
    assert [r.path for r in server.requests[before:]] == ["/models/one/manifest.json"]
    assert capsys.readouterr() == ("", "")


def test_a_new_manifest_is_a_new_preset(server):
    first = read_all(source.SOURCE.open(server.handle))
    server.files["backbone.json"] = b"{}"
    server.files["manifest.json"] = manifest_of({**FILES, "backbone.json": b"{}"})
    again = source.SOURCE.open(server.handle)
    assert read_all(again) == {**first, "backbone.json": b"{}"}


def test_offline(server, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(PresetNetworkError, match="python -m domain_core download"):
        source.SOURCE.open(server.handle)
    monkeypatch.delenv("DOMAIN_CORE_OFFLINE")
    source.SOURCE.open(server.handle).path("backbone.json")
    before = len(server.requests)
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    folder = source.SOURCE.open(server.handle)
    assert folder.path("backbone.json").read_bytes() == FILES["backbone.json"]
    with pytest.raises(PresetNetworkError, match=r"'backbone\.safetensors'"):
        folder.path("backbone.safetensors")
    assert len(server.requests) == before


def test_without_network_the_cache_is_used_and_said(server, monkeypatch):
    source.SOURCE.open(server.handle).path("backbone.json")
    monkeypatch.setattr(source, "_PATIENCE", 0.5)
    server.inject("GET *", close, forever=True)
    with pytest.warns(UserWarning, match="from the cache"):
        folder = source.SOURCE.open(server.handle)
    assert folder.path("backbone.json").read_bytes() == FILES["backbone.json"]


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        ([status(429, Retry_After="0")], 2),
        ([status(503), status(503)], 3),
        ([close], 2),
        ([cut(70_000)], 2),
        ([cut(70_000, length=False)], 2),
        ([cut(70_000), in_turn(ignore_range, cut(90_000)), cut(5)], 4),
        ([bit_flip], 2),
        ([in_turn(bit_flip, cut(70_000))], 3),
        ([stall], 2),
        ([silent], 2),
        (
            [lambda request, reply: Reply(206, b"x", {"Content-Range": "bytes 7-7/8"})],
            2,
        ),
    ],
)
def test_faults_that_pass(server, monkeypatch, cache, faults, requests):
    folder = source.SOURCE.open(server.handle)
    if faults in ([stall], [silent]):
        monkeypatch.setattr(client, "_SILENCE", 0.5)
    server.inject("GET *.safetensors", *faults)
    assert folder.path("backbone.safetensors").read_bytes() == WEIGHTS
    assert server.count("GET *.safetensors") == requests
    assert not parts_in(cache)


def test_retry_after_is_honoured(server):
    server.inject("GET *manifest.json", status(429, Retry_After="1"))
    started = time.monotonic()
    source.SOURCE.open(server.handle)
    assert time.monotonic() - started >= 1


def test_a_cut_download_goes_on(server):
    folder = source.SOURCE.open(server.handle)
    server.inject("GET *.safetensors", cut(70_000))
    folder.path("backbone.safetensors")
    start = server.requests[-1].headers["range"]
    assert start == f"bytes={70_000 // client._CHUNK * client._CHUNK}-"


@pytest.mark.parametrize(
    ("fault", "error", "times"),
    [
        (status(503), PresetNetworkError, None),
        (status(429, Retry_After="3600"), PresetNetworkError, 1),
        (silent, PresetNetworkError, None),
        (stall, PresetNetworkError, None),
        (bit_flip, PresetCorruptError, 2),
        (lambda request, reply: Reply(body=WEIGHTS[:-1]), PresetCorruptError, 2),
        (
            lambda request, reply: Reply(body=WEIGHTS * 100, length=False),
            PresetCorruptError,
            2,
        ),
        (
            lambda request, reply: Reply(
                body=WEIGHTS, headers={"Content-Encoding": "gzip"}
            ),
            PresetCorruptError,
            2,
        ),
        (status(401), PresetAccessError, 1),
        (status(403), PresetAccessError, 1),
        (status(404), PresetNotFoundError, 1),
        (status(418), PresetError, 1),
    ],
)
def test_faults_that_stay(server, monkeypatch, cache, fault, error, times):
    folder = source.SOURCE.open(server.handle)
    if error is PresetNetworkError:
        monkeypatch.setattr(client, "_SILENCE", 0.2)
        monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.6")
    server.inject("GET *.safetensors", fault, forever=True)
    started = time.monotonic()
    tracemalloc.start()
    with pytest.raises(error, match="127") as raised:
        folder.path("backbone.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - started < 10
    assert peak < 16 * 2**20
    assert type(raised.value) is error
    assert times is None or server.count("GET *.safetensors") == times
    assert not list(cache.rglob("backbone.safetensors"))


def test_bytes_that_trickle_end_at_the_deadline(server, monkeypatch):
    class Trickle(bytes):
        def __getitem__(self, key):
            server.stopped.wait(20)
            return bytes(self)[key]

    folder = source.SOURCE.open(server.handle)
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.5")
    body = Trickle(WEIGHTS)
    server.inject("GET *.safetensors", lambda request, reply: Reply(body=body))
    started = time.monotonic()
    with pytest.raises(PresetNetworkError, match="DOMAIN_CORE_TIMEOUT"):
        folder.path("backbone.safetensors")
    assert time.monotonic() - started < 10


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
        "assets/vocabulary.txt/x",
        "assets",
        "BACKBONE.json",
    ],
)
def test_hostile_names_write_nothing(tls, cache, name):
    files = {**FILES, name: b"bad"}
    with WebServer(files, tls=tls[0]) as server:
        with pytest.raises(PresetUnsafeError, match="Nothing was written"):
            source.SOURCE.open(server.handle)
        assert [r.path for r in server.requests] == ["/models/one/manifest.json"]
    assert not [p for p in cache.rglob("*") if p.is_file() and p.name != "lock"]


@pytest.mark.parametrize(
    ("manifest", "error"),
    [
        (b"<html>Log in to the hotel</html>", PresetNetworkError),
        (b"", PresetCorruptError),
        (b"[]", PresetCorruptError),
        (b'{"files": {}, "files": {}}', PresetCorruptError),
        (b'{"files": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", PresetCorruptError),
        (b'{"files": ["a"]}', PresetCorruptError),
        (
            b'{"files": {"a": {"size": -1, "sha256": "' + b"0" * 64 + b'"}}}',
            PresetCorruptError,
        ),
        (b'{"files": {"a": {"size": 1, "sha256": "../../x"}}}', PresetCorruptError),
        (b'{"files": {"a": {"size": true, "sha256": ""}}}', PresetCorruptError),
        (
            b'{"files": {"a": {"size": %d, "sha256": "%s"}}}' % (2**60, b"0" * 64),
            PresetUnsafeError,
        ),
        (b" " * (9 * 2**20), PresetUnsafeError),
        (
            manifest_of({f"f{i}": b"" for i in range(10_001)}),
            PresetUnsafeError,
        ),
    ],
)
def test_manifests_that_make_no_sense(tls, cache, manifest, error):
    with WebServer({}, manifest or b" ", tls=tls[0]) as server:
        tracemalloc.start()
        with pytest.raises(error):
            source.SOURCE.open(server.handle)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 64 * 2**20
        assert server.count("GET *") <= 2
    assert not [p for p in cache.rglob("*") if p.is_file() and p.name != "lock"]


def test_a_page_of_the_network_between_is_no_manifest(server):
    assert read_all(source.SOURCE.open(server.handle)) == FILES
    page = Reply(body=b"\n<!DOCTYPE html><title>Welcome to the hotel</title>")
    server.inject("GET *manifest.json", lambda request, reply: page, forever=True)
    with pytest.warns(UserWarning, match="from the cache.*a web page came instead"):
        assert read_all(source.SOURCE.open(server.handle)) == FILES


def test_a_manifest_damaged_once(server):
    server.inject("GET *manifest.json", cut(50, length=False))
    assert read_all(source.SOURCE.open(server.handle)) == FILES


def test_a_file_larger_than_the_disk(tls, cache):
    entry = {"size": 10**12, "sha256": "0" * 64}
    manifest = manifest_of({}, **{"backbone.safetensors": entry})
    with WebServer({}, manifest, tls=tls[0]) as server:
        folder = source.SOURCE.open(server.handle)
        with pytest.raises(PresetError, match="free disk"):
            folder.path("backbone.safetensors")
        assert not server.count("GET *safetensors")


def test_another_host_gets_no_password(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password 5ecret\n")
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.05)
    monkeypatch.setenv("NETRC", str(netrc))
    folder = source.SOURCE.open(server.handle)
    elsewhere = f"{server.url_of('localhost')}/elsewhere/backbone.safetensors"
    server.inject("GET /models/*.safetensors", redirect(elsewhere))
    assert folder.path("backbone.safetensors").read_bytes() == WEIGHTS
    *_, asked, moved = server.requests
    assert asked.headers["authorization"].startswith("Basic ")
    assert moved.path.startswith("/elsewhere/")
    assert "authorization" not in moved.headers


def test_redirects_without_end(server, cache, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "1")
    folder = source.SOURCE.open(server.handle)
    circle = redirect(f"{server.handle}backbone.safetensors")
    server.inject("GET *.safetensors", circle, forever=True)
    with pytest.raises(PresetError):
        folder.path("backbone.safetensors")
    assert not list(cache.rglob("backbone.safetensors"))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirects_to_what_is_no_web_server(server, cache, target):
    folder = source.SOURCE.open(server.handle)
    server.inject("GET *.safetensors", redirect(target))
    with pytest.raises(PresetUnsafeError, match="encryption"):
        folder.path("backbone.safetensors")
    assert not list(cache.rglob("backbone.safetensors"))


def test_no_redirect_leaves_https(server, cache):
    folder = source.SOURCE.open(server.handle)
    with WebServer(FILES) as plain:
        target = f"{plain.url}/elsewhere/backbone.safetensors"
        server.inject("GET *.safetensors", redirect(target))
        with pytest.raises(PresetUnsafeError, match="encryption"):
            folder.path("backbone.safetensors")
        assert not plain.requests
    assert not list(cache.rglob("backbone.safetensors"))


def test_a_server_that_is_not_who_it_says(server, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(PresetNetworkError, match="certificate"):
        source.SOURCE.open(server.handle)
    assert not server.requests


def test_a_signature_comes_along(server):
    server.files["model.sig"] = b"{}"
    folder = source.SOURCE.open(server.handle)
    assert folder.path("model.sig").read_bytes() == b"{}"


@pytest.mark.parametrize(
    "handle",
    [
        "https://",
        "https:///models",
        "https://me:5ecret@host/x",
        "https://host/x?token=5ecret",
        "https://host/x#5ecret",
        "https://host:port5ecret/x",
        "https://[5ecret/x",
        "https://host/a b5ecret",
        "https://host/a\n5ecret",
        "https://host\\@5ecret/x",
        "https://host/" + "5ecret" * 2000,
    ],
)
def test_handles_that_are_none(cache, handle):
    with pytest.raises(ValueError, match="https://host/path/") as raised:
        source.SOURCE.open(handle)
    assert "5ecret" not in str(raised.value)
    assert not cache.exists()


def test_no_options_and_no_upload(tmp_path, cache):
    with pytest.raises(ValueError, match="revision"):
        source.SOURCE.open("https://host/x", revision="main")
    with pytest.raises(ValueError, match="takes uploads"):
        source.SOURCE.upload("https://host/x", tmp_path)


def test_four_processes_download_once(server):
    code = """
        from domain_core.presets.sources import retries
        from domain_core.presets.sources.web import client, source

        folder = source.SOURCE.open(sys.argv[1])
        print(len(folder.path("backbone.safetensors").read_bytes()))
    """
    server.inject("GET *.safetensors", cut(60_000))
    assert run_at_once(code, server.handle) == [f"{len(WEIGHTS)}\n"] * 4
    assert server.count("GET *.safetensors") == 2
