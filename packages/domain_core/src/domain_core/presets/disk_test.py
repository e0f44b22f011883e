"""A directory is the old one or the new one, whenever its writer is stopped."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from domain_core.preset_errors import PresetError
from domain_core.presets import open_preset
from domain_core.presets.disk import check_free_disk, surviving, whole_directory
from domain_core.testing.many_processes import light_program

# Writes presets of random size over each other until it is killed.
WRITER = """
    import sys
    from pathlib import Path

    import numpy as np
    from safetensors.numpy import save_file

    from domain_core.presets.disk import whole_directory

    target = Path(sys.argv[1])
    for number in range(10**9):
        array = np.full(10 ** (2 + number % 4), number, "float32")
        with whole_directory(target) as directory:
            for i in range(3):
                save_file({str(i): array}, directory / f"{i}.safetensors")
            (directory / "number").write_text(str(number))
        if number == 0:
            print("ready", flush=True)
"""


def is_whole(directory):
    from safetensors.numpy import load_file

    number = int((directory / "number").read_text())
    arrays = [load_file(directory / f"{i}.safetensors")[str(i)] for i in range(3)]
    return all((array == number).all() for array in arrays)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL and fork")
def test_fifty_kills(tmp_path):
    # One process imports, and forks a writer for each kill.
    parent = """
    import os, signal
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            write()
        os.wait()
        print("dead", flush=True)
    """
    head, body = textwrap.dedent(WRITER).split("target = ")
    script = (
        head
        + "def write():\n"
        + textwrap.indent("target = " + body, "    ")
        + textwrap.dedent(parent)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", light_program(script), str(tmp_path / "preset")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    draw = random.Random(0)
    cut = 0
    with process:
        for _ in range(50):
            process.stdin.write("\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            assert process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0, 0.03))
            os.kill(pid, signal.SIGKILL)
            assert process.stdout.readline() == "dead\n"
            directory = surviving(tmp_path / "preset")
            assert is_whole(directory)
            cut += len(list(tmp_path.iterdir())) > 1
        process.stdin.close()
    assert cut > 5, "the kills must hit the writer at work"
    with whole_directory(tmp_path / "preset") as directory:
        (directory / "number").write_text("last")
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


def test_a_swap_cut_in_two(tmp_path):
    old = tmp_path / ".preset.old.abc" / "preset"
    old.mkdir(parents=True)
    (old / "file").write_text("old")
    assert surviving(tmp_path / "preset") == old
    with pytest.raises(KeyboardInterrupt):
        with whole_directory(tmp_path / "preset"):
            raise KeyboardInterrupt
    assert (tmp_path / "preset" / "file").read_text() == "old"


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
def test_a_save_leaves_alone_what_belongs_to_others(tmp_path):
    others = [".abc.new.12345678", ".a*.new.b.new.12345678"]
    for name in others:
        (tmp_path / name).mkdir()
    own = tmp_path / ".a*.old.12345678" / "preset"
    own.mkdir(parents=True)
    (own / "file").write_text("old")
    assert surviving(tmp_path / "a*") == own
    with whole_directory(tmp_path / "a*") as directory:
        (directory / "file").write_text("new")
    assert (tmp_path / "a*" / "file").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*others, "a*"])


def test_an_exception_leaves_the_old_directory(tmp_path):
    target = tmp_path / "preset"
    with whole_directory(target) as directory:
        (directory / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with whole_directory(target) as directory:
            (directory / "file").write_text("new")
            raise KeyboardInterrupt
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


@pytest.mark.skipif(os.name == "nt", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_directory(tmp_path):
    target = tmp_path / "preset"
    with whole_directory(target) as directory:
        (directory / "number").write_text("old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))\n"
    process = subprocess.run(
        [sys.executable, "-c", limit + light_program(WRITER), str(target)],
        capture_output=True,
        text=True,
    )
    assert "File too large" in process.stderr
    assert surviving(target) == target
    assert is_whole(target), "the last that fitted"
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


def test_room_is_checked_before_writing(tmp_path):
    check_free_disk(tmp_path, 1, "a preset")
    with pytest.raises(ValueError, match="GB of free disk for 'a preset'"):
        check_free_disk(tmp_path / "not" / "there", 10**18, "a preset")


@pytest.mark.skipif(os.name == "nt", reason="needs links and modes of POSIX")
@pytest.mark.parametrize("trap", ["link", "open"])
def test_a_place_for_locks_that_another_made(tmp_path, monkeypatch, trap):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / f"domain_core-{os.getuid()}"
    victim = tmp_path / "victim"
    victim.mkdir()
    if trap == "link":
        place.symlink_to(victim)
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(PresetError, match="you alone can write to"):
        with whole_directory(tmp_path / "preset"):
            pass
    assert not list(victim.iterdir()) and not (tmp_path / "preset").exists()


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800"])
def test_names_that_no_system_takes(tmp_path, name):
    with pytest.raises(ValueError, match="Expected a path that this system takes"):
        with whole_directory(tmp_path / name):
            pass
    with pytest.raises(PresetError):
        open_preset(name)
    assert not list(tmp_path.iterdir())
