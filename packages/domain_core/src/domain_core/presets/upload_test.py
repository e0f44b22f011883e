"""Presets that go to a hub, come back from it, and are downloaded for offline use."""

import sys

import keras
import numpy as np
import pytest
from huggingface_hub import constants

import domain_core
from domain_core.images import ImageConverter
from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets import open_preset, save_preset
from domain_core.presets.download import download
from domain_core.presets.sources import register_source
from domain_core.presets.sources.hugging_face.source import HuggingFaceSource
from domain_core.presets.sources.schemes import _SOURCES
from domain_core.presets.upload import upload_preset
from domain_core.testing import assert_close
from domain_core.testing.hugging_face_server import HuggingFaceServer


class Tint(domain_core.Backbone):
    """One dense layer over colours."""

    def __init__(self, width, *, name=None, trainable=True, dtype=None):
        dense = keras.layers.Dense(width, dtype=dtype)
        images = keras.Input((4, 4, 3), name="images")
        super().__init__(
            images, dense(images), name=name, trainable=trainable, dtype=dtype
        )
        self.dense = dense
        self.set_config(width=width)


@domain_core.serializable("upload")
class TintPreprocessor(domain_core.Preprocessor):
    """Converts images."""

    def __init__(self, image_converter):
        self.image_converter = image_converter

    def get_config(self):
        return {"image_converter": self.image_converter}


domain_core.register_backbone(Tint, package="upload")
IMAGES = np.linspace(0, 1, 48, dtype="float32").reshape(1, 4, 4, 3)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOMAIN_CORE_TIMEOUT", "20")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # CI sets the variable
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with HuggingFaceServer() as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        before = dict(_SOURCES)
        register_source("hf", HuggingFaceSource(hub.url, str(tmp_path / "hub")))
        yield hub
        _SOURCES.clear()
        _SOURCES.update(before)


@pytest.fixture
def saved(tmp_path):
    model = Tint(2)
    preprocessor = TintPreprocessor(ImageConverter(image_size=(4, 4)))
    save_preset(tmp_path / "tint", backbone=model, preprocessor=preprocessor)
    return model, tmp_path / "tint"


# The client's own, in the upload of a large file.
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
def test_up_and_down_again(hub, saved, tmp_path, monkeypatch):
    model, directory = saved
    handle = upload_preset("hf://org/tint", directory)
    assert handle == f"hf://org/tint@{hub._repos['org/tint'].refs['main']}"
    before = len(hub.requests)
    bare = domain_core.Backbone.from_preset("hf://org/tint", load_weights=False)
    assert type(bare) is Tint
    assert not hub.count("GET /cdn/*")
    assert len(hub.requests) > before
    again = domain_core.Backbone.from_preset(handle)
    assert_close(again(IMAGES), model(IMAGES), rtol=0, atol=0)
    assert open_preset(handle, verify=True).image_converter().image_size == (4, 4)
    offline = download("hf://org/tint", tmp_path / "offline")
    before = len(hub.requests)
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    for place in (offline, handle, "hf://org/tint"):
        again = Tint.from_preset(place)
        assert_close(again(IMAGES), model(IMAGES), rtol=0, atol=0)
    with pytest.raises(PresetNetworkError, match="python -m domain_core download"):
        Tint.from_preset("hf://org/other")
    assert len(hub.requests) == before


def test_what_would_not_load_is_not_uploaded(hub, saved, tmp_path):
    _, directory = saved
    with pytest.raises(PresetNotFoundError, match="save_to_preset"):
        upload_preset("hf://org/tint", tmp_path / "nowhere")
    (directory / "preprocessor.json").unlink()
    with pytest.raises(PresetCorruptError, match=r"preprocessor\.json"):
        upload_preset("hf://org/tint", directory)
    with pytest.raises(ValueError, match=r"one with 'http://'") as raised:
        upload_preset("http://me:5ecret@host/tint", directory)
    assert "5ecret" not in str(raised.value)
    assert not hub.requests


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
def test_an_incomplete_preset(hub, saved, tmp_path):
    model, _ = saved
    model.save_to_preset(tmp_path / "bare")
    with pytest.raises(PresetCorruptError, match="allow_incomplete"):
        upload_preset("hf://org/bare", tmp_path / "bare")
    assert not hub.requests
    handle = upload_preset("hf://org/bare", tmp_path / "bare", allow_incomplete=True)
    assert type(domain_core.Backbone.from_preset(handle)) is Tint


def test_broken_clients_break_their_handles_only(saved, monkeypatch):
    model, directory = saved
    for client in ("huggingface_hub", "kagglehub", "requests"):
        monkeypatch.setitem(sys.modules, client, None)
    assert_close(Tint.from_preset(directory)(IMAGES), model(IMAGES), rtol=0, atol=0)
    with pytest.raises(PresetError, match=r'pip install "domain-core\[hf\]"'):
        Tint.from_preset("hf://org/tint")
    with pytest.raises(PresetError, match="pip install"):
        Tint.from_preset("https://127.0.0.1:9/tint")
