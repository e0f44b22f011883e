"""What every family's presets refuse, in all three layouts.

```
class TestPresets(TextPresetAbuse):
    arguments = {"native": [("num_layers", 0, "positive"), ...], "keras": ..., ...}

    @classmethod
    def task(cls, layout):
        return BertClassifier(...)
```

Files are changed as somebody would who means harm: the manifest of the native layout
always fits.
"""

from __future__ import annotations

import json
import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from domain_core.preset_errors import PresetCorruptError

LAYOUTS = ("native", "keras", "transformers")
_CONFIG = {
    "native": "backbone.json",
    "keras": "config.json",
    "transformers": "config.json",
}
_WEIGHTS = {
    "native": "backbone.safetensors",
    "keras": "model.weights.h5",
    "transformers": "model.safetensors",
}
_CASE = "layout", "key", "value", "message"
_TEXTS = {
    "empty": b"",
    "no UTF-8": b'{"model_type": "\xff"}',
    "a list": b"[]",
    "no end": b'{"model_type": "',
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "wide": b'{"a": [' + b"[]," * 340_000 + b"0]}",
    "twice": b'{"model_type": 1, "model_type": 2}',
    "NaN": b'{"model_type": NaN}',
    "infinity": b'{"model_type": -Infinity}',
    "beyond floats": b'{"model_type": 1e400}',
}
_CHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "shape": (lambda a: a[None], "shape|gives"),
    "type": (lambda a: np.ones(a.shape, "int32"), "dtype int32"),
    "NaN": (lambda a: a * np.nan, "not finite"),
    "infinity": (lambda a: a + np.inf, "not finite"),
}
# Of a vocabulary; a byte order mark and the line ends of Windows are no harm.
_VOCABULARIES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "twice": (lambda v: [*v, v[-1]], "unique"),
    "an empty line": (lambda v: [*v[:-1], b"", v[-1]], "received ''"),
    "no UTF-8": (lambda v: [*v[:-1], b"\xff\xfe"], "UTF-8"),
    "no special tokens": (lambda v: [b"a%d" % i for i in range(len(v))], r"\["),
    "more than embeddings": (lambda v: [*v, b"more", b"words"], "ids below"),
    "empty": (lambda v: [], "received ''"),
}


class PresetAbuse:
    """Inherited by the test of a family; subclasses write `task` and `arguments`.

    Attributes:
        arguments: by layout, what a hostile config could say: key, value, and a part
            of the message that refuses it.
    """

    arguments: ClassVar[dict[str, list[tuple[str, Any, str]]]]

    @classmethod
    def task(cls, layout: str) -> Any:
        """Returns a tiny task that a layout can hold, with its preprocessor."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, tmp_path_factory: Any) -> Path:
        """Presets in all layouts, which tests copy."""
        folder: Path = tmp_path_factory.mktemp("saved")
        for layout in ("native", "keras"):
            cls.task(layout).save_to_preset(folder / layout, layout=layout)
        task = cls.task("transformers")
        task.export_to_transformers(folder / "transformers")
        return folder

    @pytest.fixture(params=LAYOUTS)
    @classmethod
    def preset(cls, request: Any, saved: Path, tmp_path: Path) -> Iterator[Path]:
        """A preset that a test may change; nothing may appear beside it."""
        shutil.copytree(saved / request.param, tmp_path / request.param)
        yield tmp_path / request.param
        assert [path.name for path in tmp_path.iterdir()] == [request.param]

    def load(self, preset: Path) -> Any:
        """Loads the task, as a user would."""
        from domain_core import Task

        return Task.from_preset(preset)

    def refuses(self, preset: Path, message: str, error: type = ValueError) -> None:
        """Asserts that a preset is refused at once, and without taking memory."""
        _fit_manifest(preset)
        before = sorted(preset.rglob("*"))
        tracemalloc.start()
        started = time.process_time()
        try:
            with pytest.raises(error, match=message) as caught:
                self.load(preset)
            seconds = time.process_time() - started
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # Slow machines under a tracer, beside other programs, took 6 s; 50,000 layers
        # would take a minute.
        assert seconds < 15 and peak < 64 * 2**20
        assert len(str(caught.value)) < 2500
        assert sorted(preset.rglob("*")) == before

    def test_they_load_unharmed(self, preset: Path) -> None:
        assert self.load(preset) is not None

    @pytest.mark.parametrize("text", _TEXTS)
    def test_configs_that_are_none(self, preset: Path, text: str) -> None:
        file = _CONFIG[preset.name]
        (preset / file).write_bytes(_TEXTS[text])
        self.refuses(preset, file, PresetCorruptError)

    def test_a_config_of_50_megabytes(self, preset: Path) -> None:
        file = _CONFIG[preset.name]
        with (preset / file).open("r+b") as opened:
            opened.truncate(50_000_000)
        self.refuses(preset, f"{file}.* at most 1048576 bytes", PresetCorruptError)

    def test_arguments(self, preset: Path) -> None:
        file = _CONFIG[preset.name]
        whole = (preset / file).read_text()
        for key, value, message in self.arguments[preset.name]:
            data = json.loads(whole)
            config = data if preset.name == "transformers" else data["config"]
            assert key in config or message == key, "the case must hit something"
            config[key] = value
            (preset / file).write_text(json.dumps(data))
            self.refuses(preset, message)

    def test_weights_that_are_cut(self, preset: Path) -> None:
        path = preset / _WEIGHTS[preset.name]
        whole = path.read_bytes()
        for tenth in range(10):
            path.write_bytes(whole[: len(whole) * tenth // 10])
            self.refuses(preset, path.name, PresetCorruptError)
        path.write_bytes(np.random.default_rng(0).bytes(len(whole)))
        self.refuses(preset, path.name, PresetCorruptError)

    @pytest.mark.parametrize("change", _CHANGES)
    def test_weights_that_do_not_fit(self, preset: Path, change: str) -> None:
        alter, message = _CHANGES[change]
        tensors = _tensors(preset)
        name = max(tensors, key=lambda name: (tensors[name].size, name))
        _write_tensors(preset, {**tensors, name: alter(tensors[name])})
        self.refuses(preset, message, PresetCorruptError)

    def test_weights_too_many_or_too_few(self, preset: Path) -> None:
        tensors = _tensors(preset)
        _write_tensors(preset, {**tensors, "layers/extra/vars/0": np.ones(3, "f4")})
        self.refuses(preset, "extra", PresetCorruptError)
        name = max(tensors, key=lambda name: (tensors[name].size, name))
        del tensors[name]
        _write_tensors(preset, tensors)
        self.refuses(preset, "is missing", PresetCorruptError)


class TextPresetAbuse(PresetAbuse):
    """The same, for a family with a vocabulary of one token per line."""

    @pytest.mark.parametrize("fault", _VOCABULARIES)
    def test_vocabularies(self, preset: Path, fault: str) -> None:
        path = _vocabulary(preset)
        alter, message = _VOCABULARIES[fault]
        path.write_bytes(b"\n".join(alter(path.read_bytes().split())) + b"\n")
        self.refuses(preset, message)

    def test_a_vocabulary_of_100_megabytes(self, preset: Path) -> None:
        with _vocabulary(preset).open("r+b") as opened:
            opened.truncate(10**8)
        self.refuses(preset, "at most 67108864 bytes", PresetCorruptError)

    def test_a_vocabulary_of_windows(self, preset: Path) -> None:
        path = _vocabulary(preset)
        expected = path.read_text(encoding="utf-8").split()
        path.write_bytes(
            b"\xef\xbb\xbf" + "".join(f"{w}\r\n" for w in expected).encode()
        )
        _fit_manifest(preset)
        tokenizer = self.load(preset).preprocessor.tokenizer
        assert list(tokenizer.get_vocabulary()) == expected


def _vocabulary(preset: Path) -> Path:
    (found,) = preset.rglob("voc*.txt")
    return found


def _fit_manifest(preset: Path) -> None:
    path = preset / "manifest.json"
    if path.exists():
        manifest = json.loads(path.read_text())
        for name, entry in manifest["files"].items():
            entry["size"] = (preset / name).stat().st_size
        path.write_text(json.dumps(manifest))


def _tensors(preset: Path) -> dict[str, np.ndarray]:
    path = preset / _WEIGHTS[preset.name]
    if path.suffix != ".h5":
        from safetensors.numpy import load_file

        return load_file(path)
    import h5py

    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if hasattr(item, "shape") else None
            )
        )
    return found


def _write_tensors(preset: Path, tensors: dict[str, np.ndarray]) -> None:
    path = preset / _WEIGHTS[preset.name]
    if path.suffix != ".h5":
        from safetensors.numpy import save_file

        ordered = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
        save_file(ordered, path)
        return
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in tensors.items():
            file[name] = array
