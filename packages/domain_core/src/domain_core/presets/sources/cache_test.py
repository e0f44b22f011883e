"""Where the cache is, and how files get into it."""

import os
import sys
from pathlib import Path

import pytest

from domain_core.presets.sources.cache import cache_directory, write_whole


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", "home/.cache/domain_core"),
        ("darwin", "home/Library/Caches/domain_core"),
        ("win32", "home/AppData/Local/domain_core"),
    ],
)
def test_usual_place(monkeypatch, platform, expected):
    for name in ("DOMAIN_CORE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_directory() == Path(expected)


def test_chosen_place(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("DOMAIN_CORE_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_directory() == tmp_path / "xdg" / "domain_core"
    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.setenv("DOMAIN_CORE_CACHE", "mine")
    assert cache_directory() == Path.cwd() / "mine"


def test_written_whole_or_not_at_all(monkeypatch, tmp_path):
    path = tmp_path / "deep" / "file"
    write_whole(path, b"old")
    assert path.read_bytes() == b"old"

    def fail(*paths):
        raise OSError("full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
