"""Loads that another process saves into."""

import contextlib

import keras
import numpy as np
import pytest

import domain_core
from domain_core import PresetError, register_backbone
from domain_core.presets import consistent_reads
from domain_core.presets.consistent_reads import consistent
from domain_core.presets.folder import LocalFolder
from domain_core.presets.native.reader import NativeLayout
from domain_core.testing import to_numpy


class Value(domain_core.Backbone):
    """One weight, and what its config says of it."""

    def __init__(self, said, *, name=None, trainable=True, dtype=None):
        scale = keras.layers.Embedding(1, 1, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="ids")
        super().__init__(
            {"ids": ids}, scale(ids), name=name, trainable=trainable, dtype=dtype
        )
        self.scale = scale


register_backbone(Value, package="testing")


def save(number, folder):
    model = Value(number)
    model.scale.embeddings.assign([[number]])
    model.save_to_preset(folder, overwrite=True)


@pytest.mark.parametrize("saves", [1, 2])
def test_no_mixture_of_two_saves(tmp_path, monkeypatch, saves):
    save(1, tmp_path / "p")
    numbers = iter(range(2, 2 + saves))
    read = NativeLayout.backbone

    def read_then_saved(self, load_weights):
        found = read(self, load_weights)
        if (number := next(numbers, None)) is not None:
            save(number, tmp_path / "p")
        return found

    monkeypatch.setattr(NativeLayout, "backbone", read_then_saved)
    loaded = Value.from_preset(tmp_path / "p")
    assert loaded.said == 1 + saves
    assert np.array_equal(to_numpy(loaded.scale.embeddings), [[1 + saves]])


def test_errors_of_a_mixture_are_none(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("1")
    answers = iter([KeyError("mixture"), 7])

    @consistent
    def load(directory):
        LocalFolder(directory).path("file")
        answer = next(answers)
        if isinstance(answer, Exception):
            path.write_text("22")
            raise answer
        return answer

    assert load(tmp_path) == 7


def test_what_is_wrong_and_stays_so_is_said_at_once(tmp_path):
    calls = []

    @consistent
    def load(directory):
        LocalFolder(directory)
        calls.append(1)
        raise KeyError("wrong")

    with pytest.raises(KeyError, match="wrong"):
        load(tmp_path)
    assert len(calls) == 1


def test_saves_are_held_off_in_the_end(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr(
        consistent_reads,
        "saving",
        lambda path: held.append(path) or contextlib.nullcontext(),
    )
    (tmp_path / "file").write_text("")

    @consistent
    def load(directory):
        folder = LocalFolder(directory)
        with folder.path("file").open("a") as file:
            file.write("more")

    with pytest.raises(PresetError, match="saved again each time"):
        load(tmp_path)
    assert held and set(held) == {tmp_path}


def test_files_beside_it_may_come_and_go(tmp_path):
    (tmp_path / "file").write_text("")
    number = iter(range(100))

    @consistent
    def load(directory):
        LocalFolder(directory).path("file")
        (tmp_path / f"log{next(number)}").write_text("")
        return "loaded"

    assert load(tmp_path) == "loaded"
