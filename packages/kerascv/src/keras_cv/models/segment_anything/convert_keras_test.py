"""SAM's presets of KerasHub, read and written."""

import json
import shutil

import h5py
import pytest

from domain_core import PresetCorruptError, PresetUnsafeError
from domain_core.images import ImageConverter
from domain_core.testing import assert_close, reference
from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    SegmentAnythingModel,
    SegmentAnythingPreprocessor,
    TwoWayTransformer,
    ViTDetBackbone,
)

PIXELS, SIZE, DIM = 32, 4, 16
# Nothing is as by default.
PARTS = {
    "image_encoder": {
        "hidden_size": 8,
        "num_layers": 2,
        "intermediate_dim": 12,
        "num_heads": 2,
        "global_attention_layer_indices": [1],
        "image_shape": [PIXELS, PIXELS, 3],
        "patch_size": 8,
        "num_output_channels": DIM,
        "window_size": 3,
    },
    "prompt_encoder": {
        "hidden_size": DIM,
        "image_embedding_size": [SIZE, SIZE],
        "input_image_size": [PIXELS, PIXELS],
        "mask_in_channels": 8,
        "activation": "relu",
    },
    "mask_decoder": {
        "hidden_size": DIM,
        "num_layers": 2,
        "intermediate_dim": 24,
        "num_heads": 2,
        "embedding_dim": DIM,
        "num_multimask_outputs": 2,
        "iou_head_depth": 4,
        "iou_head_hidden_dim": 12,
        "activation": "relu",
    },
}


def sam(folder, pixels, parts=None, files=None):
    """Writes a random preset, or reads one; returns what it computes, and from."""
    import json

    import keras
    import keras_hub
    import numpy as np

    draw = np.random.default_rng(0)
    size = pixels // 8
    inputs = {
        "images": draw.random((2, pixels, pixels, 3), "float32"),
        "points": draw.uniform(0, pixels, (2, 3, 2)).astype("float32"),
        "labels": np.array([[1, 0, -1], [0, 1, -1]], "float32"),
        "boxes": np.zeros((2, 0, 2, 2), "float32"),
        "masks": draw.normal(size=(2, 1, 4 * size, 4 * size, 1)).astype("float32"),
    }
    if files is None:
        backbone = keras_hub.models.SAMBackbone(
            keras_hub.models.ViTDetBackbone(**parts["image_encoder"]),
            keras_hub.layers.SAMPromptEncoder(**parts["prompt_encoder"]),
            keras_hub.layers.SAMMaskDecoder(**parts["mask_decoder"]),
        )
        for weight in backbone.weights:
            fan = max(1, np.prod(weight.shape[:-1]))
            weight.assign(draw.normal(size=weight.shape) / fan**0.5)
        converter = keras_hub.layers.SAMImageConverter(
            image_size=(pixels, pixels), scale=1 / 255
        )
        preprocessor = keras_hub.models.SAMImageSegmenterPreprocessor(converter)
        model = keras_hub.models.SAMImageSegmenter(backbone, preprocessor)
        model.save_to_preset(str(folder / "preset"))
    else:
        model = keras_hub.models.SAMImageSegmenter.from_preset(str(files))
    config = keras.saving.serialize_keras_object(model.backbone)
    (folder / "config.json").write_text(json.dumps(config))
    found = keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs))
    return {**inputs, **{f"outputs/{name}": found[name] for name in found}}


@pytest.fixture(scope="module")
def theirs():
    return reference("keras_hub", sam, parts=PARTS, pixels=PIXELS)


def plain(value):
    """Returns a config without the names of objects and places of classes."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    aside = ("name", "module", "build_config")
    return {key: plain(item) for key, item in value.items() if key not in aside}


def weight_names(folder):
    names = []
    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: names.append(name) if hasattr(item, "shape") else None
        )
    return sorted(names)


@pytest.mark.parametrize("cls", [SegmentAnythingModel, SegmentAnything])
def test_there_and_back(theirs, tmp_path, cls):
    model = cls.from_preset(theirs.folder / "preset")
    assert type(model) is cls
    inputs = {name: theirs.arrays[name] for name in ("points", "labels", "masks")}
    # Theirs counts a point of -1 beside others as ours does: there is no box.
    found = model.segment(model.encode_images(theirs.arrays["images"]), inputs)
    for name in ("masks", "iou_pred"):
        assert_close(found[name], theirs.arrays[f"outputs/{name}"])
    converter = model.preprocessor.image_converter
    assert converter.image_size == (PIXELS, PIXELS) and converter.scale == 1 / 255
    # Theirs can't fill up as ours does.
    with pytest.raises(ValueError, match="'pad_to_aspect_ratio'"):
        model.save_to_preset(tmp_path / "ours", layout="keras")
    model.preprocessor = None
    model.save_to_preset(tmp_path / "ours", layout="keras")
    back = reference("keras_hub", sam, files=tmp_path / "ours", pixels=PIXELS)
    for name, array in theirs.arrays.items():
        assert_close(back.arrays[name], array, rtol=1e-6, atol=1e-6)
    assert weight_names(tmp_path / "ours") == weight_names(theirs.folder / "preset")
    configs = [
        json.loads((r.folder / "config.json").read_text()) for r in (theirs, back)
    ]
    assert plain(configs[0]) == plain(configs[1])


def make(preprocessor=None, transformer=None, **options):
    """Returns a tiny model that KerasHub has, but for options."""
    arguments = {"embed_dim": DIM, "num_heads": 2, "mlp_dim": 8, "depth": 1}
    return SegmentAnything(
        backbone=ViTDetBackbone(
            include_rescaling=False,
            include_normalization=True,
            input_shape=(PIXELS, PIXELS, 3),
            patch_size=8,
            embed_dim=8,
            depth=1,
            mlp_dim=8,
            num_heads=2,
            out_chans=DIM,
        ),
        prompt_encoder=SAMPromptEncoder(
            embed_dim=DIM,
            image_embedding_size=(SIZE, SIZE),
            input_image_size=(PIXELS, PIXELS),
            mask_in_chans=4,
            **options,
        ),
        mask_decoder=SAMMaskDecoder(
            transformer_dim=DIM,
            transformer=transformer or TwoWayTransformer(**arguments),
            iou_head_hidden_dim=8,
        ),
        preprocessor=preprocessor,
    )


def stretching():
    """Returns a preprocessor that KerasHub has."""
    options = {"crop_to_aspect_ratio": False, "antialias": False}
    return SegmentAnythingPreprocessor(ImageConverter(PIXELS, scale=1 / 255, **options))


def test_a_preprocessor_comes_back(tmp_path):
    preprocessor = stretching()
    make(preprocessor).save_to_preset(tmp_path / "sam", layout="keras")
    again = SegmentAnything.from_preset(tmp_path / "sam").preprocessor
    assert (
        again.image_converter.get_config() == preprocessor.image_converter.get_config()
    )
    task = json.loads((tmp_path / "sam" / "task.json").read_text())
    assert task["registered_name"] == "keras_hub>SAMImageSegmenter"
    stored = json.loads((tmp_path / "sam" / "preprocessor.json").read_text())
    assert task["config"]["preprocessor"] == stored


class Other(TwoWayTransformer):
    """A user's own."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer_norm_epsilon": 1e-3}, "'layer_norm_epsilon' .* SAMPromptEncoder"),
        (
            {
                "transformer": TwoWayTransformer(
                    embed_dim=DIM, num_heads=2, mlp_dim=8, layer_norm_epsilon=1e-6
                )
            },
            "layer_norm_epsilon=1e-06, only 1e-05",
        ),
        (
            {"transformer": Other(embed_dim=DIM, num_heads=2, mlp_dim=8)},
            "transformer=.*Other",
        ),
    ],
    ids=["prompts", "epsilon", "class"],
)
def test_what_keras_hub_lacks(tmp_path, options, message):
    model = make(stretching(), **options)
    with pytest.raises(ValueError, match=message) as caught:
        model.save_to_preset(tmp_path / "a", layout="keras")
    assert "KerasHub" in str(caught.value)
    assert not (tmp_path / "a").exists()


HUGE = 10**9
GADGET = {"class_name": "Lambda", "module": "keras.layers", "config": {"f": "4wEA"}}


@pytest.mark.parametrize(
    ("part", "key", "value", "error", "message"),
    [
        ("mask_decoder", "num_layers", 1, PresetCorruptError, "has no place"),
        ("mask_decoder", "num_heads", None, PresetCorruptError, "'num_heads'"),
        ("mask_decoder", "hidden_size", 8, ValueError, "the same 'hidden_size'"),
        ("mask_decoder", "iou_head_depth", HUGE, PresetUnsafeError, "larger"),
        ("mask_decoder", "num_multimask_outputs", HUGE, PresetUnsafeError, "larger"),
        ("mask_decoder", "num_layers", HUGE, PresetUnsafeError, "larger"),
        ("mask_decoder", "activation", GADGET, PresetUnsafeError, "Do not use"),
        ("prompt_encoder", "trick", True, PresetCorruptError, "'trick'"),
        ("prompt_encoder", "embed_dim", "x", PresetCorruptError, "embed_dim"),
    ],
)
def test_hostile_parts(theirs, tmp_path, part, key, value, error, message):
    folder = shutil.copytree(theirs.folder / "preset", tmp_path / "copy")
    data = json.loads((folder / "config.json").read_text())
    config = data["config"][part]["config"]
    if value is None:
        del config[key]
    else:
        config[key] = value
    (folder / "config.json").write_text(json.dumps(data))
    with pytest.raises(error, match=message):
        SegmentAnythingModel.from_preset(folder)
