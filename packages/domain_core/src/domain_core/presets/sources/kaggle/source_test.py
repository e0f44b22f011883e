"""`kaggle://` against a server on this machine: what works."""

import hashlib
import sys

import keras
import pytest

import domain_core
from domain_core.preset_errors import (
    PresetAccessError,
    PresetError,
    PresetNetworkError,
)
from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources import source_of
from domain_core.testing import assert_close, loopback
from domain_core.testing.kaggle_case import (
    ASK,
    DATA,
    FETCH,
    FILES,
    HANDLE,
    LIST,
    MODEL,
    WEIGHTS,
    contents,
    open_kaggle,
)
from domain_core.testing.kaggle_server import KaggleServer
from domain_core.testing.many_processes import run_at_once

# What works.


def test_files_come_when_asked_for(kaggle_server):
    folder = open_kaggle()
    assert folder.sizes() == {name: len(body) for name, body in FILES.items()}
    assert kaggle_server.count("*") == kaggle_server.count(LIST) == 1
    assert folder.path("config.json").read_bytes() == FILES["config.json"]
    assert (kaggle_server.count(FETCH), kaggle_server.count(DATA)) == (1, 1)
    assert contents(folder) == FILES
    assert (kaggle_server.count("*"), kaggle_server.count(DATA)) == (7, 3)


def test_cached_version_needs_no_request(kaggle_server, monkeypatch):
    contents(open_kaggle())
    before = kaggle_server.count("*")
    assert contents(open_kaggle()) == FILES
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    assert contents(open_kaggle()) == FILES
    assert kaggle_server.count("*") == before


def test_directory_is_fetched_whole(kaggle_server):
    directory = open_kaggle().directory("assets")
    assert (directory / "tokenizer/vocabulary.txt").read_bytes() == b"a\nb\n"
    assert kaggle_server.count(DATA) == 1


def test_more_files_than_a_page(kaggle_server):
    many = {f"assets/{i}.txt": str(i).encode() for i in range(60)}
    kaggle_server.add(MODEL, many)
    folder = open_kaggle(f"kaggle://{MODEL}/2")
    assert set(folder.sizes()) == set(many)
    assert kaggle_server.count(LIST) == 3
    assert folder.path("assets/59.txt").read_bytes() == b"59"


def test_newest_version_is_asked_for_once(kaggle_server):
    kaggle_server.add(MODEL, {"config.json": b"{}"})
    folder = open_kaggle(f"kaggle://{MODEL}")
    assert folder.label == f"kaggle://{MODEL}/2"
    assert folder.path("config.json").read_bytes() == b"{}"
    assert kaggle_server.count(ASK) == 1


def test_what_the_client_fetched_itself_is_used(kaggle_server, monkeypatch):
    import kagglehub

    kagglehub.model_download(f"{MODEL}/1")
    before = kaggle_server.count("*")
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    assert contents(open_kaggle()) == FILES
    assert kaggle_server.count("*") == before


def test_the_client_uses_what_we_fetched(kaggle_server):
    import kagglehub

    path = open_kaggle().path("config.json")
    before = kaggle_server.count(DATA)
    assert kagglehub.model_download(f"{MODEL}/1", path="config.json") == str(path)
    assert kaggle_server.count(DATA) == before


def test_nothing_on_stdout(kaggle_server, capfd):
    big = {"big": bytes(3 * 2**20)}
    kaggle_server.add(MODEL, big)
    contents(open_kaggle(f"kaggle://{MODEL}"))
    assert capfd.readouterr() == ("", "")  # no terminal, so no bar


def test_bars_for_large_files_on_a_terminal(kaggle_server, monkeypatch, capfd):
    kaggle_server.add(MODEL, {"big": bytes(3 * 2**20), "small": b"1"})
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    contents(open_kaggle(f"kaggle://{MODEL}"))
    out, err = capfd.readouterr()
    assert out == "" and "big: 100%" in err and "small" not in err
    kaggle_server.add(MODEL, {"big": bytes(3 * 2**20)})
    monkeypatch.setenv("DOMAIN_CORE_PROGRESS", "0")
    contents(open_kaggle(f"kaggle://{MODEL}"))
    assert capfd.readouterr() == ("", "")


# Without a network.


@pytest.mark.parametrize("handle", [HANDLE, f"kaggle://{MODEL}"])
def test_offline_and_not_cached(kaggle_server, monkeypatch, handle):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(PresetNetworkError, match=f"domain_core download {handle} "):
        open_kaggle(handle)
    assert kaggle_server.requests == []


def test_offline_with_a_part_in_the_cache(kaggle_server, monkeypatch):
    open_kaggle().path("config.json")
    before = kaggle_server.count("*")
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    folder = open_kaggle()
    assert folder.path("config.json").read_bytes() == FILES["config.json"]
    with pytest.raises(PresetNetworkError, match=r"model\.weights\.h5"):
        folder.path("model.weights.h5")
    assert kaggle_server.count("*") == before


@pytest.mark.parametrize("offline", [False, True])
def test_newest_complete_version_without_network(kaggle_server, monkeypatch, offline):
    for _ in range(2):
        kaggle_server.add(MODEL, FILES)
    for version in (1, 2):
        contents(open_kaggle(f"kaggle://{MODEL}/{version}"))
    open_kaggle(f"kaggle://{MODEL}/3").path("config.json")
    before = kaggle_server.count("*")
    if offline:
        monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    else:
        kaggle_server.inject("*", loopback.close, forever=True)
    with pytest.warns(UserWarning, match=f"version 2 of 'kaggle://{MODEL}'"):
        folder = open_kaggle(f"kaggle://{MODEL}")
    assert contents(folder) == FILES
    assert kaggle_server.count(ASK) == kaggle_server.count("*") - before
    assert (kaggle_server.count("*") == before) is offline


def test_refused_is_not_the_same_as_unreachable(kaggle_server):
    contents(open_kaggle())
    kaggle_server.users = {"secret"}
    with pytest.raises(PresetAccessError):
        open_kaggle(f"kaggle://{MODEL}")


def test_damaged_record_is_made_anew(kaggle_server, kaggle_home):
    contents(open_kaggle())
    (record,) = (kaggle_home / "cache").rglob(".domain_core/1.json")
    for text in ("", "[]", '{"files": {"a": 3}}', '{"files": {"../a": {"size": 1}}}'):
        record.write_text(text)
        before = kaggle_server.count(DATA)
        assert contents(open_kaggle()) == FILES
        assert kaggle_server.count(DATA) == before


def test_file_that_lost_bytes_in_the_cache(kaggle_server):
    path = open_kaggle().path("model.weights.h5")
    path.write_bytes(WEIGHTS[:1000])
    assert open_kaggle().path("model.weights.h5").read_bytes() == WEIGHTS


class Bag(domain_core.Backbone):
    """Embeds token ids; what a user might write."""

    def __init__(self, rows, *, name=None, trainable=True, dtype=None):
        table = keras.layers.Embedding(rows, 3, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__(
            {"token_ids": ids}, table(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.table = table
        self.set_config(rows=rows)


domain_core.register_backbone(Bag, package="testing_kaggle")


def test_model_out_and_in_again(kaggle_server, kaggle_home):
    bag = Bag(5)
    bag.save_to_preset(kaggle_home / "mine" / "bag")
    handle = "kaggle://me/bags/keras/small"
    uploaded = source_of(handle).upload(handle, kaggle_home / "mine" / "bag")
    other = domain_core.Backbone.from_preset(uploaded, load_weights=False)
    assert type(other) is Bag and kaggle_server.count("GET *safetensors") == 0
    again = domain_core.Backbone.from_preset(uploaded)
    assert_close(again.table.embeddings, bag.table.embeddings, rtol=0, atol=0)


# The client itself.


@pytest.mark.parametrize("broken", [False, True])
def test_client_that_can_not_be_imported(kaggle_home, monkeypatch, broken):
    directory = kaggle_home / "mine"
    directory.mkdir()
    (directory / "kagglehub.py").write_text("1 / 0")
    if broken:
        monkeypatch.syspath_prepend(directory)
        for name in [n for n in sys.modules if n.split(".")[0] == "kagglehub"]:
            monkeypatch.delitem(sys.modules, name)
    else:
        monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(PresetError, match="pip install -U kagglehub"):
        open_kaggle()
    assert "kagglehub.py" in LocalFolder(directory)


def test_four_processes_of_a_user_download_once(kaggle_home, monkeypatch):
    """Nothing patched: TLS, through a proxy that plays Kaggle, in fresh processes."""
    context, certificate = loopback.certificates("api.kaggle.com", "data.example")
    monkeypatch.delenv("NO_PROXY")
    code = f"""
        import hashlib
        import kagglehub  # as others do, who want its words on stdout
        from domain_core.presets.sources import source_of
        folder = source_of({HANDLE!r}).open({HANDLE!r})
        for name in sorted(folder.sizes()):
            print(hashlib.sha256(folder.path(name).read_bytes()).hexdigest())
    """
    with KaggleServer(tls=context, proxy=True) as kaggle_server:
        kaggle_server.data_url = "https://data.example"
        kaggle_server.users = {"KGAT_0123"}
        kaggle_server.add(MODEL, FILES)
        # So that all of them are there before the first has the list.
        kaggle_server.inject(LIST, loopback.late(1.0))
        kaggle_server.inject(DATA, loopback.late(0.1), forever=True)
        printed = run_at_once(
            code,
            HTTPS_PROXY=kaggle_server.url,
            REQUESTS_CA_BUNDLE=certificate,
            KAGGLE_API_TOKEN="KGAT_0123",
        )
        digests = [hashlib.sha256(FILES[name]).hexdigest() for name in sorted(FILES)]
        assert [text.split() for text in printed] == [digests] * 4
        assert (kaggle_server.count(LIST), kaggle_server.count(DATA)) == (1, 3)
        for request in kaggle_server.requests:
            sent = request.headers.get("authorization")
            assert (sent is None) is (request.method != "POST")
