import tracemalloc

import pytest

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.json_files import (
    MAX_BYTES,
    json_text,
    json_value,
    read_json,
)
from domain_core.strict_json import parse_json


def read(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    return read_json(LocalFolder(tmp_path), "a.json")


def test_an_object(tmp_path):
    assert read(tmp_path, b'{"a": [1, 2.5, "x", null]}') == {"a": [1, 2.5, "x", None]}
    assert read(tmp_path, b'\xef\xbb\xbf{"a": true}') == {"a": True}, (
        "a byte order mark"
    )
    assert read(tmp_path, b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expected JSON"),
        (b"\xff\xfe{}", "Expected JSON"),
        (b'{"a": 1', "Expected JSON"),
        (b"[1]", "received a list"),
        (b"3", "received a int"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice"),
        (b'{"a": NaN}', "NaN is not a number that it may hold"),
        (b'{"a": -Infinity}', "-Infinity is not"),
        (b'{"a": 1e400}', "1e400 is not"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Expected JSON"),
        (b'{"a": ' + b"[" * 80 + b"]" * 80 + b"}", "more than 64 deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "Expected JSON|at most"),
        (b'{"a": "' + b"x" * 2**20 + b'"}', "at most 1048576 bytes"),
    ],
    ids=range(13),
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(PresetCorruptError, match=message) as error:
        read(tmp_path, content)
    assert "'a.json'" in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": "' + b"x" * 50_000_000 + b'"}',
        b'{"a": [' + b"[]," * 2_700_000 + b"0]}",
        b'{"a": [' + b'{"a":1},' * 1_000_000 + b"0]}",
        b'{"a":' * 1_600_000,
        b"[" * 8_000_000,
    ],
    ids=range(5),
)
def test_much_text_takes_little_memory(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    for limit in (MAX_BYTES, 8 * 2**20):  # that of a config, and of a manifest
        tracemalloc.start()
        try:
            with pytest.raises(PresetCorruptError, match="at most|values|Expected"):
                read_json(LocalFolder(tmp_path), "a.json", limit)
            assert tracemalloc.get_traced_memory()[1] < 2**25
        finally:
            tracemalloc.stop()


def test_what_is_written_is_read(tmp_path):
    value = {"a": [1, 2.5, "\u2028é", None, {"b": True}], "c": ""}
    assert parse_json(json_text(value, "it").encode()) == value
    for bad in ((1,), {1: 2}, {1}, float("inf"), "\ud800", "x" * MAX_BYTES, object()):
        with pytest.raises(ValueError, match="JSON data") as error:
            json_text(bad, "it")
        assert len(str(error.value)) < 500


def test_a_missing_file(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(PresetCorruptError, match=r"hold 'a.json'; it holds \['b.json'"):
        read_json(LocalFolder(tmp_path), "a.json")


@pytest.mark.parametrize("data", [{}, {"a": "1"}, {"a": True}, {"a": None}, [], None])
def test_values_of_another_type(tmp_path, data):
    with pytest.raises(PresetCorruptError, match="Expected 'a' in 'x.json'"):
        json_value(data, "a", int, "x.json", LocalFolder(tmp_path))
