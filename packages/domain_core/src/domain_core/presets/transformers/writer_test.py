"""What every export keeps to, shown by a toy family; real ones compare with theirs."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import domain_core
from domain_core import Converter, Head, Transform, WeightMap, registry
from domain_core.images import ImageConverter
from domain_core.presets import export_to_transformers
from domain_core.testing import to_numpy
from domain_core.tokenizers import ByteTokenizer

ONE_WAY = Transform("one way", lambda a: a, None)


class Toy(domain_core.Backbone):
    """A table, with an argument that Hugging Face's config has no key for."""

    def __init__(
        self, size, width, scale=None, trick=False, *, name=None, dtype=None, **kwargs
    ):
        table = keras.layers.Embedding(size, width, dtype=dtype)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__({"token_ids": ids}, table(ids), name=name, dtype=dtype)
        self.table = table
        self.set_config(size=size, width=width, scale=scale, trick=trick)


class Labels(domain_core.Task):
    def __init__(self, backbone, count=2, preprocessor=None, name=None):
        head = keras.layers.Dense(count)
        outputs = head(backbone(backbone.input))
        super().__init__(backbone, backbone.input, outputs, preprocessor=preprocessor)
        self.head = head
        self.count = count

    def get_config(self):
        return {**self.base_config(), "count": self.count}


class Unknown(Labels):
    pass


def converter(transform=None, heads=None):
    entry = ("table.embeddings", transform) if transform else "table.embeddings"
    return Converter(
        layout="transformers",
        model_type="toy",
        config=lambda config, names: {
            "size": config["vocab_size"],
            "width": config["hidden_size"],
            "scale": config["scale"],
        },
        weights=WeightMap({"table": entry}, ignored=("head.*",), optional_prefix="t."),
        to_config=lambda ours: {
            "architectures": ["ToyModel"],
            "vocab_size": ours["size"],
            "hidden_size": ours["width"],
            "scale": ours["width"] if ours["scale"] is None else ours["scale"],
        },
        heads=heads or {},
    )


HEAD = Head(
    "Labels",
    lambda config: {"count": config["num_labels"]},
    WeightMap(domain_core.dense_weights("head", "head"), ignored=(r"t\..*",)),
    lambda ours: {"num_labels": ours["count"]},
)


@pytest.fixture
def register(monkeypatch):
    """Makes the toy family known, until the end of the test."""
    monkeypatch.setattr(registry, "_BACKBONES", dict(registry._BACKBONES))
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))

    def with_converter(*converters):
        domain_core.register_backbone(Toy, converters=converters, package="toys")
        for task in (Labels, Unknown):
            domain_core.register_task(task, backbone=Toy, package="toys")

    return with_converter


def test_config_and_weights_come_back(register, tmp_path):
    register(converter())
    toy = Toy(5, 3)
    toy.export_to_transformers(tmp_path / "toy")
    assert sorted(p.name for p in (tmp_path / "toy").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    config = json.loads((tmp_path / "toy" / "config.json").read_text())
    assert config["model_type"] == "toy"
    assert config["dtype"] == "float32"
    again = Toy.from_preset(tmp_path / "toy")
    assert np.array_equal(
        to_numpy(again.table.embeddings), to_numpy(toy.table.embeddings)
    )


def test_half_precision_comes_back(register, tmp_path):
    register(converter())
    toy = Toy(5, 3, dtype="bfloat16")
    toy.export_to_transformers(tmp_path / "toy")
    again = Toy.from_preset(tmp_path / "toy")
    assert again.dtype_policy.name == again.table.embeddings.dtype == "bfloat16"
    assert np.array_equal(
        to_numpy(again.table.embeddings), to_numpy(toy.table.embeddings)
    )
    assert Toy.from_preset(tmp_path / "toy", dtype="float32").dtype == "float32"


def test_an_argument_without_a_place_is_named(register, tmp_path):
    register(converter())
    with pytest.raises(ValueError, match="trick=True comes back as False"):
        Toy(5, 3, trick=True).export_to_transformers(tmp_path / "toy")
    assert not list(tmp_path.iterdir())


def test_none_that_stands_for_another_argument_is_written_as_that(register, tmp_path):
    register(converter())
    Toy(5, 3).export_to_transformers(tmp_path / "toy")
    assert Toy.from_preset(tmp_path / "toy").scale == 3


def test_models_without_a_counterpart(register, tmp_path):
    register(converter(heads={"ToyForLabels": HEAD}))

    class Changed(Toy):
        pass

    with pytest.raises(ValueError, match=r"received a Changed\..*'Toy'"):
        Changed(5, 3).export_to_transformers(tmp_path / "toy")
    with pytest.raises(ValueError, match=r"received a Unknown\..*\['Labels'\]"):
        Unknown(Toy(5, 3)).export_to_transformers(tmp_path / "toy")
    assert not list(tmp_path.iterdir())


def test_heads(register, tmp_path):
    register(converter(heads={"ToyForLabels": HEAD}))
    task = Labels(Toy(5, 3), 4)
    task.export_to_transformers(tmp_path / "toy")
    tensors = load_file(tmp_path / "toy" / "model.safetensors")
    assert sorted(tensors) == ["head.bias", "head.weight", "t.table"]
    again = Labels.from_preset(tmp_path / "toy")
    assert again.count == 4
    assert np.array_equal(to_numpy(again.head.kernel), to_numpy(task.head.kernel))


def test_a_map_that_only_reads_names_its_entries(register, tmp_path):
    register(converter(ONE_WAY))
    with pytest.raises(ValueError, match="table only reads, by 'one way'"):
        Toy(5, 3).export_to_transformers(tmp_path / "toy")
    assert not list(tmp_path.iterdir())


def test_shards(register, tmp_path):
    register(converter(heads={"ToyForLabels": HEAD}))
    task = Labels(Toy(50, 30), 4)
    task.export_to_transformers(tmp_path / "toy", max_shard_size=4e-6)
    index = json.loads((tmp_path / "toy/model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) == 2
    again = Labels.from_preset(tmp_path / "toy")
    assert np.array_equal(to_numpy(again.head.kernel), to_numpy(task.head.kernel))


def test_what_is_there_stays_until_the_new_one_is_whole(register, tmp_path):
    register(converter())
    toy = Toy(5, 3)
    toy.export_to_transformers(tmp_path / "toy")
    with pytest.raises(ValueError, match="overwrite=True"):
        toy.export_to_transformers(tmp_path / "toy")
    with pytest.raises(ValueError, match="a tokenizer that Hugging Face has too"):
        export_to_transformers(
            tmp_path / "toy",
            backbone=Toy(9, 3),
            tokenizer=ByteTokenizer(),
            overwrite=True,
        )
    assert Toy.from_preset(tmp_path / "toy").size == 5
    Toy(9, 3).export_to_transformers(tmp_path / "toy", overwrite=True)
    assert Toy.from_preset(tmp_path / "toy").size == 9
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


CONVERTERS = {
    "crop": {"image_size": 224, "crop_ratio": 0.875, "scale": 1 / 255},
    "odd crop": {"image_size": 200, "crop_ratio": 0.9, "interpolation": "bicubic"},
    "large": {"image_size": 400, "crop_ratio": 0.9, "interpolation": "lanczos"},
    "stretch": {"image_size": (96, 128), "crop_to_aspect_ratio": False},
    "stretch and crop": {
        "image_size": (90, 180),
        "crop_to_aspect_ratio": False,
        "crop_ratio": 0.9,
    },
    "normalize": {
        "image_size": 64,
        "scale": 1 / 255,
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
    },
    "one number": {"image_size": 64, "scale": 2.0, "mean": 0.5, "std": 0.25},
    "fill up": {
        "image_size": 64,
        "crop_to_aspect_ratio": False,
        "pad_to_aspect_ratio": True,
        "pad_position": "top_left",
        "pad_value": [123.675, 116.28, 103.53],
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
}
PADDED = {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": True}


@pytest.mark.parametrize("name", CONVERTERS)
def test_image_converters_come_back_and_equal_theirs(register, tmp_path, name):
    transformers = pytest.importorskip("transformers", reason="the reference")
    register(converter())
    images = ImageConverter(**CONVERTERS[name])
    export_to_transformers(tmp_path / "toy", backbone=Toy(5, 3), image_converter=images)
    again = ImageConverter.from_preset(tmp_path / "toy")
    config, ours = again.get_config(), images.get_config()
    # Theirs keeps whole pixels: of 100, a pixel is a hundredth. That the images are the
    # same, bit for bit, is asserted below.
    assert config.pop("crop_ratio") == pytest.approx(ours.pop("crop_ratio"), rel=0.01)
    assert config.pop("pad_value") == pytest.approx(ours.pop("pad_value"), rel=1e-12)
    assert config == ours
    photo = np.random.default_rng(0).integers(0, 256, (300, 210, 3), "uint8")
    assert np.array_equal(again(photo), images(photo))
    theirs = transformers.AutoImageProcessor.from_pretrained(
        tmp_path / "toy", backend="pil"
    )
    expected = np.asarray(theirs(photo).pixel_values[0]).transpose(1, 2, 0)
    # A thousandth of a level: unscaled images reach 255.
    level = CONVERTERS[name].get("scale") or 1
    atol = 1e-3 * level / min(np.ravel(CONVERTERS[name].get("std") or 1))
    np.testing.assert_allclose(images(photo), expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PADDED, "pad_position='center' comes back as 'top_left'"),
        ({**PADDED, "image_size": (64, 32)}, "pad_to_aspect_ratio=True comes back"),
        ({**PADDED, "pad_position": "top_left", "pad_value": 9}, "pad_value=9.0 comes"),
        ({"antialias": False}, "antialias=False comes back as True"),
        ({"scale": [1.0, 2.0, 3.0]}, "one `scale` for all channels"),
        ({"channels": 1}, "channels=1 comes back as 3"),
        ({"image_size": (64, 32)}, "a square `image_size`"),
        ({"mean": 0.5}, "std=None comes back as 1.0"),
    ],
)
def test_image_converters_without_a_counterpart(register, tmp_path, options, message):
    register(converter())
    images = ImageConverter(**{"image_size": 64, **options})
    with pytest.raises(ValueError, match=message):
        export_to_transformers(
            tmp_path / "toy", backbone=Toy(5, 3), image_converter=images
        )
    assert not list(tmp_path.iterdir())
