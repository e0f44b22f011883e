"""`kaggle://` where networks fail, access is refused and lists are hostile."""

import dataclasses
import hashlib
import json
import socket
import time
import traceback
import tracemalloc

import pytest
from kagglesdk import kaggle_env

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.presets.open_preset import layout_of
from domain_core.presets.sources import (
    retries,
    source_of,
)
from domain_core.testing import loopback
from domain_core.testing.archives import ZIP, archive
from domain_core.testing.kaggle_case import (
    ASK,
    DATA,
    FETCH,
    FILES,
    HANDLE,
    LIST,
    MODEL,
    WEIGHTS,
    WEIGHTS_DATA,
    cached_files,
    contents,
    native,
    open_kaggle,
)
from domain_core.testing.loopback import json_reply

# Networks and servers that fail.


def test_waits_as_long_as_the_server_asks(kaggle_server):
    kaggle_server.inject(LIST, loopback.status(429, Retry_After="1"))
    kaggle_server.inject(FETCH, loopback.status(429, Retry_After="0"))
    begin = time.monotonic()
    assert open_kaggle().path("config.json").read_bytes() == FILES["config.json"]
    assert time.monotonic() - begin >= 1
    assert (kaggle_server.count(LIST), kaggle_server.count(FETCH)) == (2, 2)


@pytest.mark.parametrize("route", [LIST, FETCH, DATA])
@pytest.mark.parametrize(
    "fault", [loopback.status(503), loopback.close], ids=["503", "closed"]
)
def test_recovers(kaggle_server, route, fault):
    kaggle_server.inject(route, fault, fault)
    assert open_kaggle().path("config.json").read_bytes() == FILES["config.json"]
    assert kaggle_server.count(route) == 3


@pytest.mark.parametrize(
    "fault",
    [loopback.status(503), loopback.close, loopback.silent, loopback.stall],
    ids=["503", "closed", "silent", "stalled"],
)
@pytest.mark.parametrize("route", [ASK, LIST, FETCH, DATA])
def test_gives_up_at_the_deadline(kaggle_server, monkeypatch, route, fault):
    if route == FETCH and fault is loopback.stall:
        fault = loopback.silent  # its answer has no body
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "0.6")
    monkeypatch.setattr(retries, "_SLOW", 2**40)
    kaggle_server.inject(route, fault, forever=True)
    begin = time.monotonic()
    with pytest.raises(PresetNetworkError, match="DOMAIN_CORE_TIMEOUT"):
        open_kaggle(f"kaggle://{MODEL}").path("config.json")
    assert time.monotonic() - begin < 5


def test_a_byte_now_and_then_is_not_enough(kaggle_server, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "1")
    monkeypatch.setattr(retries, "_SLOW", 2**40)
    kaggle_server.inject(WEIGHTS_DATA, loopback.drip(0.2), forever=True)
    begin = time.monotonic()
    with pytest.raises(PresetNetworkError, match="DOMAIN_CORE_TIMEOUT"):
        open_kaggle().path("model.weights.h5")
    assert time.monotonic() - begin < 5


def test_no_connection(kaggle_home, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        endpoints = kaggle_env._env_to_endpoint
        monkeypatch.setitem(endpoints, kaggle_env.KaggleEnv.PROD, url)
        monkeypatch.setattr(retries, "_LONGEST_WITHOUT_CONNECTION", 0.3)
        begin = time.monotonic()
        with pytest.raises(PresetNetworkError, match="no connection .*HTTPS_PROXY"):
            open_kaggle()
        assert time.monotonic() - begin < 3


def test_cut_body_is_resumed(kaggle_server):
    chunk = 2**16  # what is read at once
    kaggle_server.add(MODEL, {"big": WEIGHTS})
    kaggle_server.inject(f"GET /data/{MODEL}/2/big", loopback.cut(2 * chunk + 5))
    kaggle_server.inject(FETCH, loopback.status(503))
    folder = open_kaggle(f"kaggle://{MODEL}/2")
    assert folder.path("big").read_bytes() == WEIGHTS
    ranges = [
        r.headers.get("range") for r in kaggle_server.requests if "data" in r.route
    ]
    assert ranges == [None, f"bytes={2 * chunk}-"]


@pytest.mark.parametrize(
    "fault",
    [
        loopback.bit_flip,
        loopback.in_turn(loopback.cut(1000, length=False)),
        loopback.in_turn(
            loopback.cut(1000, length=False), loopback.without_headers("x-goog-hash")
        ),
    ],
    ids=["bit flip", "cut, no length", "cut, no length, no hash"],
)
def test_damage_is_fetched_again_once(kaggle_server, fault):
    kaggle_server.inject(WEIGHTS_DATA, fault)
    assert open_kaggle().path("model.weights.h5").read_bytes() == WEIGHTS
    assert kaggle_server.count(WEIGHTS_DATA) == 2


def test_damage_that_stays(kaggle_server, kaggle_home):
    kaggle_server.inject(WEIGHTS_DATA, loopback.bit_flip, forever=True)
    folder = open_kaggle()
    with pytest.raises(PresetCorruptError, match=r"model\.weights\.h5.*MD5"):
        folder.path("model.weights.h5")
    assert kaggle_server.count(WEIGHTS_DATA) == 2
    assert not [name for name in cached_files(kaggle_home) if "weights" in name]


def test_ignored_range(kaggle_server):
    no_hash = loopback.without_headers("x-goog-hash")
    kaggle_server.inject(
        WEIGHTS_DATA,
        loopback.in_turn(loopback.cut(1000), no_hash),
        no_hash,
        loopback.in_turn(loopback.ignore_range, no_hash),
    )
    assert open_kaggle().path("model.weights.h5").read_bytes() == WEIGHTS


def test_manifest_catches_what_has_no_hash(kaggle_server):
    files = native({"backbone.safetensors": WEIGHTS, "backbone.json": b"{}"})
    kaggle_server.add(MODEL, files)
    data = f"GET /data/{MODEL}/2/backbone.safetensors"
    no_hash = loopback.without_headers("x-goog-hash")
    kaggle_server.inject(data, loopback.in_turn(loopback.bit_flip, no_hash))
    folder = open_kaggle(f"kaggle://{MODEL}/2")
    assert folder.path("backbone.safetensors").read_bytes() == WEIGHTS
    assert kaggle_server.count(data) == 2


@pytest.mark.parametrize("wrong", ["no JSON", "another hash"])
def test_damaged_manifest_does_not_stay(kaggle_server, wrong):
    files = native({"backbone.safetensors": WEIGHTS})
    kaggle_server.add(MODEL, files)
    manifest = files["manifest.json"]
    if wrong == "no JSON":
        broken = manifest[:-1] + b" "
    else:
        digest = hashlib.sha256(WEIGHTS).hexdigest().encode()
        broken = manifest.replace(digest, digest[::-1])

    def change(request, reply):
        return dataclasses.replace(reply, body=broken, headers={})

    data = f"GET /data/{MODEL}/2/manifest.json"
    kaggle_server.inject(data, change)
    folder = open_kaggle(f"kaggle://{MODEL}/2")
    if wrong == "another hash":
        with pytest.raises(PresetCorruptError, match="SHA-256"):
            contents(folder)
    assert contents(folder) == files
    assert kaggle_server.count(data) == 2


@pytest.mark.parametrize("extra", [0, 10])
def test_leftover_that_is_not_the_file(kaggle_server, extra):
    folder = open_kaggle()
    path = folder._cached.root / "model.weights.h5"
    path.parent.mkdir()
    path.write_bytes(bytes(len(WEIGHTS) + extra))
    assert folder.path("model.weights.h5").read_bytes() == WEIGHTS
    (request,) = [r for r in kaggle_server.requests if r.route == WEIGHTS_DATA]
    assert "range" not in request.headers


def test_server_that_sends_more_than_it_listed(kaggle_server, kaggle_home):
    def more(request, reply):
        return dataclasses.replace(reply, body=reply.body + bytes(2**20))

    kaggle_server.inject(WEIGHTS_DATA, more, forever=True)
    with pytest.raises(PresetCorruptError, match=r"model\.weights\.h5"):
        open_kaggle().path("model.weights.h5")
    assert not [name for name in cached_files(kaggle_home) if "weights" in name]


def test_other_page_in_place_of_an_answer(kaggle_server):
    kaggle_server.inject(LIST, loopback.status(200))
    with pytest.raises(PresetNetworkError, match="browser"):
        open_kaggle()
    assert kaggle_server.count("*") == 1


@pytest.mark.parametrize("seconds", ["soon", "-1", "nan", "1e400"])
def test_timeout_that_is_none(kaggle_server, monkeypatch, seconds):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", seconds)
    with pytest.raises(ValueError, match="DOMAIN_CORE_TIMEOUT"):
        open_kaggle()
    assert kaggle_server.requests == []


def test_full_disk(kaggle_server, monkeypatch):
    folder = open_kaggle()
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(PresetError, match="free disk"):
        folder.path("model.weights.h5")
    assert kaggle_server.count(FETCH) == 0


# Who may.


@pytest.mark.parametrize("route", [LIST, FETCH])
def test_access(kaggle_server, monkeypatch, caplog, route):
    secret = "KGAT_0123456789abcdef"
    monkeypatch.setenv("KAGGLE_API_TOKEN", secret)
    caplog.set_level("DEBUG")
    kaggle_server.inject(
        route, lambda request, reply: json_reply({"code": 403, "message": secret}, 403)
    )
    with pytest.raises(PresetAccessError, match="licence at") as caught:
        open_kaggle().path("config.json")
    assert "https://www.kaggle.com/models/keras/bert" in str(caught.value)
    assert "token was sent" in str(caught.value)
    assert secret not in str(caught.value) + caplog.text
    assert kaggle_server.count(route) == 1


def test_no_credentials(kaggle_server):
    kaggle_server.users = {"secret"}
    with pytest.raises(PresetAccessError, match="No credentials were sent"):
        open_kaggle()
    assert kaggle_server.count("*") == 1


def test_name_and_key(kaggle_server, kaggle_home):
    (kaggle_home / "home").mkdir()
    key = json.dumps({"username": "somebody", "key": "0123secret"})
    (kaggle_home / "home" / "kaggle.json").write_text(key)
    kaggle_server.users = set()
    with pytest.raises(PresetAccessError, match="user name with a key") as caught:
        open_kaggle()
    assert kaggle_server.requests[0].headers["authorization"].startswith("Basic ")
    assert "0123secret" not in "".join(traceback.format_exception(caught.value))


def test_credentials_file_that_makes_no_sense(kaggle_server, kaggle_home):
    (kaggle_home / "home").mkdir()
    (kaggle_home / "home" / "kaggle.json").write_text("{0123secret")
    with pytest.raises(PresetAccessError, match="could not be read") as caught:
        open_kaggle()
    assert "0123secret" not in str(caught.value)


def test_token_goes_to_kaggle_alone(kaggle_server, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_0123")
    kaggle_server.users = {"KGAT_0123"}
    open_kaggle().path("config.json")
    sent = {r.route: r.headers.get("authorization") for r in kaggle_server.requests}
    assert sent.pop(f"GET /data/{MODEL}/1/config.json") is None
    assert set(sent.values()) == {"Bearer KGAT_0123"}


@pytest.mark.parametrize("route", [LIST, ASK, FETCH, DATA])
def test_no_redirect_takes_the_token_elsewhere(kaggle_server, monkeypatch, route):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_0123")
    kaggle_server.users = {"KGAT_0123"}
    with loopback.LoopbackServer(kaggle_server.tls) as elsewhere:
        monkeypatch.setattr(elsewhere, "respond", lambda request: json_reply({}))
        target = elsewhere.url_of("localhost")
        kaggle_server.inject(route, loopback.redirect(target), forever=True)
        with pytest.raises(PresetError):
            open_kaggle(f"kaggle://{MODEL}").path("config.json")
        assert bool(elsewhere.requests) is (route in (FETCH, DATA))
        for request in elsewhere.requests:
            assert "KGAT_0123" not in str(request.headers) + str(request.query)
            assert request.body == b""


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x", "data:,x", ""]
)
@pytest.mark.parametrize("route", [LIST, FETCH, DATA])
def test_redirect_to_what_is_no_web_server(
    kaggle_server, kaggle_home, monkeypatch, route, target
):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "1")
    monkeypatch.setattr(retries, "_SLOW", 2**40)
    kaggle_server.inject(route, loopback.redirect(target), forever=True)
    with pytest.raises(PresetError):
        open_kaggle().path("config.json")
    assert not [name for name in cached_files(kaggle_home) if "config" in name]


@pytest.mark.parametrize("route", [LIST, FETCH, DATA])
def test_redirects_without_end(kaggle_server, kaggle_home, monkeypatch, route):
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "1")
    monkeypatch.setattr(retries, "_SLOW", 2**40)
    circle = loopback.redirect(f"{kaggle_server.url}/data/{MODEL}/1/config.json")
    kaggle_server.inject(route, circle, forever=True)
    kaggle_server.inject(DATA, circle, forever=True)
    begin = time.monotonic()
    with pytest.raises(PresetError):
        open_kaggle().path("config.json")
    assert time.monotonic() - begin < 5
    assert not [name for name in cached_files(kaggle_home) if "config" in name]


@pytest.mark.parametrize("hidden", [False, True])
def test_not_found(kaggle_server, hidden):
    if hidden:  # in an answer that says 200
        kaggle_server.inject(
            LIST, lambda request, reply: json_reply({"code": 404, "message": "no"})
        )
    handle = HANDLE if hidden else f"kaggle://{MODEL}/7"
    with pytest.raises(PresetNotFoundError, match="tiny"):
        open_kaggle(handle)
    assert kaggle_server.count("*") == 1


def test_version_without_files(kaggle_server, kaggle_home):
    kaggle_server.add(MODEL, {})
    with pytest.raises(PresetNotFoundError, match="lists none"):
        open_kaggle(f"kaggle://{MODEL}/2")
    assert cached_files(kaggle_home) == set()


# Handles and names made up by somebody.


@pytest.mark.parametrize(
    "handle",
    ["kaggle://../../keras/x/1", "kaggle://a/b/../d", f"kaggle://{MODEL}/.."],
)
def test_handle_that_leaves_the_cache(kaggle_server, kaggle_home, handle):
    with pytest.raises(PresetUnsafeError, match="No request"):
        open_kaggle(handle)
    assert kaggle_server.requests == [] and cached_files(kaggle_home) == set()


@pytest.mark.parametrize(
    "handle",
    [
        "kaggle://",
        "kaggle://a/b/c",
        "kaggle://a/b/c/d/1/f",
        "kaggle://a//c/d",
        "kaggle:///b/c/d",
        "kaggle://a/b/c/d/",
        "kaggle://a/%2e%2e/c/d",
        "kaggle://a/b\0/c/d",
        "kaggle://a/b/c/d\n",
        "kaggle://a/b/c/.d",
        "kaggle://a/b/c\\..\\d/e",
        "kaggle://a/b/c/d?x=1",
        "kaggle://" + "a" * 10_000,
        "kaggle://a/b/c/" + "d" * 101,
        *(f"kaggle://{MODEL}/{v}" for v in ("0", "-1", "abc", "1.0", "01", "1" * 10)),
    ],
)
def test_handle_that_is_none(kaggle_server, kaggle_home, handle):
    with pytest.raises(ValueError, match="Expected 'kaggle://owner") as caught:
        open_kaggle(handle)
    assert len(str(caught.value)) < 500 and kaggle_server.requests == []
    assert list(kaggle_home.iterdir()) == []


def test_unknown_framework(kaggle_server):
    with pytest.raises(ValueError, match="'keras'"):
        open_kaggle("kaggle://keras/bert/cakes/tiny/1")
    assert kaggle_server.requests == []


def test_options(kaggle_server):
    with pytest.raises(ValueError, match="revision"):
        source_of(HANDLE).open(HANDLE, revision="main")


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "C:\\x", "a\\..\\b", "a//b", "x\0", "CONFIG.JSON"],
)
def test_listed_name_that_is_unsafe(kaggle_server, kaggle_home, name):
    kaggle_server.add(MODEL, {"config.json": b"{}", name: b"0"})
    with pytest.raises(PresetUnsafeError):
        open_kaggle(f"kaggle://{MODEL}/2")
    assert kaggle_server.count("*") == 1 and cached_files(kaggle_home) == set()


@pytest.mark.parametrize("listed", ["files", "bytes", "for ever"])
def test_list_without_end(kaggle_server, kaggle_home, listed):
    def many(request, reply):
        page = int(request.json().get("pageToken", 0))
        if listed == "bytes":
            files = [{"name": "x", "size": 2**50}]
        else:
            files = [{"name": f"{page}.{i}", "size": 1} for i in range(1000)]
        return json_reply({"files": files, "nextPageToken": str(page + 1)})

    kaggle_server.inject(LIST, many, forever=True)
    tracemalloc.start()
    try:
        with pytest.raises(PresetUnsafeError, match="at most"):
            open_kaggle()
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
    assert kaggle_server.count("*") <= 11 and cached_files(kaggle_home) == set()


@pytest.mark.parametrize("size", [-5, None, "7"])
def test_size_that_is_none(kaggle_server, kaggle_home, size):
    kaggle_server.inject(
        LIST,
        lambda request, reply: json_reply({"files": [{"name": "a", "size": size}]}),
    )
    with pytest.raises(PresetError):
        open_kaggle()
    assert cached_files(kaggle_home) == set()


@pytest.mark.parametrize(
    "answer", [[], 3, {"files": 5}, {"files": [3]}, {"files": [{"name": 3}]}]
)
def test_answer_of_another_shape(kaggle_server, kaggle_home, answer):
    kaggle_server.inject(LIST, lambda request, reply: json_reply(answer))
    with pytest.raises(PresetError):
        open_kaggle()
    assert kaggle_server.count("*") == 1 and cached_files(kaggle_home) == set()


@pytest.mark.parametrize("kind", ["application/zip", "application/gzip"])
def test_archives_are_files_and_stay_packed(kaggle_server, kaggle_home, kind):
    packed = {"config.json": archive("w:gz"), "a.tar.gz": archive("w:gz"), "b.zip": ZIP}
    kaggle_server.add(MODEL, packed)
    kaggle_server.inject(
        DATA,
        lambda request, reply: dataclasses.replace(
            reply, headers={**reply.headers, "Content-Type": kind}
        ),
        forever=True,
    )
    folder = open_kaggle(f"kaggle://{MODEL}/2")
    assert contents(folder) == packed
    found = {name for name in cached_files(kaggle_home) if f"{MODEL}/2/" in name}
    assert {name.rpartition("/2/")[2] for name in found if ".complete" not in name} == {
        *packed
    }
    with pytest.raises(PresetCorruptError, match=r"JSON in 'config\.json'"):
        layout_of(folder)


@pytest.mark.parametrize("version", [0, -3])
def test_version_that_is_none(kaggle_server, version):
    kaggle_server.inject(
        ASK, lambda request, reply: json_reply({"versionNumber": version, "slug": "x"})
    )
    with pytest.raises(PresetCorruptError, match="version"):
        open_kaggle(f"kaggle://{MODEL}")
    assert kaggle_server.count("*") == 1
