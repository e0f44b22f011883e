"""The command line, run in this process with a toy family, and once from outside."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import domain_core
from domain_core import Converter, WeightMap, registry
from domain_core.cli import main as cli
from domain_core.cli import verify as verify_command
from domain_core.testing import to_numpy

COMMANDS = ("presets", "info", "download", "verify", "convert", "doctor")


class Toy(domain_core.Backbone):
    def __init__(self, size, trick=False, *, name=None, trainable=True, dtype=None):
        table = keras.layers.Embedding(size, 3, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__(
            {"token_ids": ids}, table(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.table = table
        self.set_config(size=size, trick=trick)


CONVERTER = Converter(
    layout="transformers",
    model_type="cli_toy",
    config=lambda config, names: {"size": config["vocab_size"]},
    weights=WeightMap({"table": "table.embeddings"}),
    to_config=lambda ours: {"vocab_size": ours["size"]},
)
PRESETS = {
    name: domain_core.Preset(
        "A toy.", {"size": size}, handle, 3 * size, "MIT", "none", "here"
    )
    for name, size, handle in [
        ("toy_small", 5, None),
        ("toy_large", 10**6, "kaggle://us/toy/keras/toy_large/1"),
    ]
}


@pytest.fixture(autouse=True)
def only_toys(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", {})
    monkeypatch.setattr(registry, "_TASKS", {})
    monkeypatch.setattr(cli, "packages_with_presets", list)
    domain_core.register_backbone(
        Toy, presets=PRESETS, converters=(CONVERTER,), package="clitoys"
    )


@pytest.fixture
def run(capsys):
    """Runs a command line and returns its status, answer and errors."""

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def saved(tmp_path):
    toy = Toy(5)
    toy.save_to_preset(tmp_path / "saved")
    return toy, tmp_path / "saved"


def assert_one_line(text, *words):
    assert text.startswith("error: ") and text.count("\n") == 1, text
    for word in words:
        assert word in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert f"examples:\n  python -m domain_core {command}" in out
    assert "--json" in out
    assert all(len(line) <= 88 for line in out.splitlines())


def test_without_a_command_help_is_shown(run):
    status, out, err = run()
    assert (status, out) == (2, "")
    assert all(f"    {command} " in err for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [["prests"], ["presets", "--familiy", "x"], ["convert", "a", "b"], ["info"]],
    ids=str,
)
def test_wrong_usage(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "usage: " in err


def test_unknown_options_show_the_usage_of_their_command(run):
    _, _, err = run("download", "a", "b", "--overwite")
    assert "usage: python -m domain_core download" in err
    assert "unknown arguments: --overwite" in err


def test_an_empty_directory_is_not_verified(run, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path, tmp_path / "empty"):
        status, out, err = run("verify", place)
        assert (status, out) == (1, "")
        assert_one_line(err, "manifest.json")
    assert_one_line(run("info", tmp_path / "file")[2], "that is a file")


def test_version(run):
    assert run("--version") == (0, f"{domain_core.__version__}\n", "")


def test_presets(run):
    status, out, err = run("presets")
    assert (status, err) == (0, "")
    header, *rows = out.splitlines()
    assert header.split()[:4] == ["NAME", "PARAMETERS", "BACKBONE", "WEIGHTS"]
    assert [row.split()[:4] for row in rows] == [
        ["toy_small", "15", "Toy", "none"],
        ["toy_large", "3.0M", "Toy", "yes"],
    ]
    _, out, _ = run("presets", "--with-weights", "--json")
    assert list(json.loads(out)) == ["toy_large"]
    assert json.loads(out)["toy_large"]["parameters"] == 3 * 10**6
    status, out, _ = run("presets", "--family", "*nothing*")
    assert (status, out.splitlines()[0][:23]) == (0, "No preset is like this.")


def test_unknown_family(run):
    status, out, err = run("presets", "--family", "tou")
    assert (status, out) == (2, "")
    assert_one_line(err, "'tou'", "Known: toy.")


def test_info_of_a_name(run):
    status, out, err = run("info", "toy_large")
    assert (status, err) == (0, "")
    assert "kaggle://us/toy/keras/toy_large/1" in out
    assert "3.0M (3,000,000)" in out
    assert 'Toy.from_preset("toy_large")' in out
    data = json.loads(run("info", "toy_large", "--json")[1])
    assert (data["backbone"], data["config"]) == ("Toy", {"size": 10**6})


def test_info_of_a_directory(run, saved):
    _, folder = saved
    status, out, err = run("info", folder)
    assert (status, err) == (0, "")
    assert "native" in out and f'Toy.from_preset("{folder}")' in out
    data = json.loads(run("info", folder, "--json")[1])
    assert data["layout"] == "native"
    assert data["config"]["size"] == 5
    assert data["files"]["backbone.safetensors"] > 60


def test_presets_that_are_not_there(run, tmp_path):
    status, out, err = run("info", "toy_smal")
    assert (status, out) == (1, "")
    assert_one_line(err, "toy_small")
    for command in ("info", "verify"):
        status, out, err = run(command, tmp_path / "nowhere")
        assert (status, out) == (1, "")
        assert_one_line(err, "nowhere")


def test_verify(run, saved):
    _, folder = saved
    status, out, err = run("verify", folder, "--json")
    assert (status, err) == (0, "")
    assert len(json.loads(out)["sha256"]["backbone.json"]) == 64
    assert run("verify", folder)[1] == f"{folder}: 3 files, all as saved\n"
    weights = folder / "backbone.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    status, out, err = run("verify", folder)
    assert (status, out) == (1, "")
    assert_one_line(err, "backbone.safetensors has another content")


def test_download(run, saved, tmp_path):
    toy, folder = saved
    status, out, err = run("download", folder, tmp_path / "copy", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["directory"] == str(tmp_path / "copy")
    again = Toy.from_preset(tmp_path / "copy")
    assert np.array_equal(
        to_numpy(again.table.embeddings), to_numpy(toy.table.embeddings)
    )
    status, out, err = run("download", folder, tmp_path / "copy")
    assert (status, out) == (2, "")
    assert_one_line(err, "overwrite=True")
    assert run("download", folder, tmp_path / "copy", "--overwrite")[0] == 0


def test_convert_there_and_back(run, saved, tmp_path):
    toy, folder = saved
    there, back = tmp_path / "there", tmp_path / "back"
    status, out, err = run("convert", folder, there, "--layout", "transformers")
    assert (status, err) == (0, "")
    assert "Toy, 2 files" in out
    assert json.loads((there / "config.json").read_text())["model_type"] == "cli_toy"
    assert run("convert", there, back, "--layout", "native")[0] == 0
    again = Toy.from_preset(back)
    assert np.array_equal(
        to_numpy(again.table.embeddings), to_numpy(toy.table.embeddings)
    )


def test_convert_to_another_dtype(run, saved, tmp_path):
    _, folder = saved
    half = tmp_path / "half"
    arguments = ("--layout", "native", "--dtype", "bfloat16", "--json")
    status, out, _ = run("convert", folder, half, *arguments)
    assert (status, json.loads(out)["class"]) == (0, "Toy")
    assert Toy.from_preset(half).table.embeddings.dtype == "bfloat16"


def test_what_cannot_be_converted_is_not_written(run, tmp_path):
    Toy(5, trick=True).save_to_preset(tmp_path / "saved")
    target = tmp_path / "target"
    status, out, err = run(
        "convert", tmp_path / "saved", target, "--layout", "transformers"
    )
    assert (status, out) == (2, "")
    assert_one_line(err, "trick=True")
    assert not target.exists()


def test_doctor(run):
    status, out, _ = run("doctor", "--json")
    data = json.loads(out)
    assert data["backend"] == keras.config.backend()
    assert data["packages"]["keras"] == keras.__version__
    assert data["devices"]
    assert set(data["caches"]) == {"kaggle", "hugging_face", "domain_core"}
    assert status == (1 if data["problems"] else 0)
    assert keras.__version__ in run("doctor")[1]


def test_doctor_finds_caches_and_upstream(run, tmp_path, monkeypatch):
    information = tmp_path / "keras_nlp-0.15.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: keras-nlp\nVersion: 0.15.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    (tmp_path / "cache" / "web").mkdir(parents=True)
    (tmp_path / "cache" / "web" / "file").write_bytes(b"12345")
    status, out, _ = run("doctor", "--json")
    data = json.loads(out)
    assert status == 1
    assert any("pip uninstall -y keras-nlp" in line for line in data["problems"])
    assert data["caches"]["domain_core"] == {
        "path": str(tmp_path / "cache"),
        "size": 5,
    }
    assert data["offline"] is True


def test_a_package_that_cannot_be_imported_is_no_end(run, monkeypatch):
    monkeypatch.setattr(cli, "packages_with_presets", lambda: ["no_such_package"])
    status, out, err = run("presets")
    assert (status, len(out.splitlines())) == (0, 3)
    assert err.startswith("warning: `import no_such_package` failed: No module named")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RuntimeError("a\nb"), 1, "error: RuntimeError: a b (DOMAIN_CORE_DEBUG=1 "),
        (PermissionError(13, "no", "/x"), 1, "error: [Errno 13] no: '/x'\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
    ids=str,
)
def test_unexpected_errors(run, monkeypatch, error, status, message):
    def fail(arguments):
        print("noise")
        raise error

    monkeypatch.setattr(verify_command, "_run", fail)
    received, out, err = run("verify", "x")
    assert (received, out) == (status, "")
    assert message in err and "Traceback" not in err and "noise" in err
    if status == 1:
        monkeypatch.setenv("DOMAIN_CORE_DEBUG", "1")
        assert "Traceback" in run("verify", "x")[2]


NOISY = """
import os, sys
import domain_core
print("noise from Python")
os.write(1, b"noise from C")
class Loud(domain_core.Backbone):
    pass
preset = domain_core.Preset("Loud.", {}, None, 7, "MIT", "none", "here")
domain_core.register_backbone(Loud, presets={"loud": preset}, package="loud")
"""


@pytest.fixture
def loud(tmp_path):
    """Pretends that a package with presets is installed; returns how to run with it."""
    (tmp_path / "loud.py").write_text(NOISY)
    information = tmp_path / "loud-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: loud\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[domain_core.presets]\nloud = loud\n"
    )
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KERAS_BACKEND": "numpy",  # the quickest: nothing is computed
    }

    def call(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
        )

    return call


def test_installed_packages_are_imported_and_their_noise_is_kept_apart(loud):
    done = loud("-m", "domain_core", "presets", "--family", "loud", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["loud"]["parameters"] == 7
    assert "noise from Python" in done.stderr and "noise from C" in done.stderr


def test_only_the_command_line_imports_installed_packages(loud):
    done = loud(
        "-c",
        "import sys, domain_core\n"
        "try:\n    domain_core.Backbone.from_preset('loud')\n"
        "except ValueError as error:\n    print(error)\n"
        "assert 'loud' not in sys.modules\n"
        "from domain_core.cli.main import main\n"
        "sys.exit(main(['info', 'loudd']))",
    )
    assert done.returncode == 1, done.stderr
    assert "`import loud`" in done.stdout
    assert "Nearest names: loud." in done.stderr and "Traceback" not in done.stderr
