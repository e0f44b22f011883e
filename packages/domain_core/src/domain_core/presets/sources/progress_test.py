"""When a progress bar shows, and what ends a download."""

import io
import sys

import pytest

from domain_core.preset_errors import PresetCorruptError, PresetNetworkError
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.retries import Deadline

MEGABYTE = 2**20


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stderr", "size", "switch", "shown"),
    [
        (Terminal, MEGABYTE, "1", True),
        (Terminal, MEGABYTE - 1, "1", False),
        (Terminal, MEGABYTE, "0", False),
        (io.StringIO, MEGABYTE, "1", False),
    ],
)
def test_where_it_shows(monkeypatch, capsys, stderr, size, switch, shown):
    monkeypatch.setattr(sys, "stderr", stderr())
    monkeypatch.setenv("DOMAIN_CORE_PROGRESS", switch)
    with bar_class(size, Deadline(60), "x")(desc="model.safetensors") as bar:
        bar.update(size)
    assert ("model.safetensors" in sys.stderr.getvalue()) == shown
    assert capsys.readouterr().out == ""


def test_what_ends_a_download():
    with bar_class(10, Deadline(60), "x://y")(initial=4) as bar:
        bar.update(6)
        bar.update(-6)  # the server began anew
        bar.update(6)
        with pytest.raises(PresetCorruptError, match="10 bytes in 'x://y'"):
            bar.update(1)
    with bar_class(10, Deadline(0), "x://y")() as bar:
        with pytest.raises(PresetNetworkError, match="DOMAIN_CORE_TIMEOUT"):
            bar.update(1)
