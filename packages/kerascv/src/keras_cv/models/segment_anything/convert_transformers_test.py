"""Whole checkpoints of `transformers`' SAM, read and written."""

import json
import shutil

import pytest

from domain_core import PresetCorruptError, PresetUnsafeError
from domain_core.images import ImageConverter
from domain_core.serialization import flat_arguments
from domain_core.testing import assert_close, reference
from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    SegmentAnythingModel,
    TwoWayTransformer,
    ViTDetBackbone,
)

PIXELS, DIM = 32, 16
# Nothing is as by default.
CONFIG = {
    "vision_config": {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": PIXELS,
        "patch_size": 8,
        "mlp_dim": 12,
        "output_channels": DIM,
        "global_attn_indexes": [1],
        "window_size": 3,
        "num_pos_feats": DIM // 2,
    },
    "prompt_encoder_config": {
        "hidden_size": DIM,
        "image_size": PIXELS,
        "patch_size": 8,
        "mask_input_channels": 8,
        "hidden_act": "relu",
        "layer_norm_eps": 1e-2,
    },
    "mask_decoder_config": {
        "hidden_size": DIM,
        "hidden_act": "gelu",
        "mlp_dim": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_multimask_outputs": 2,
        "iou_head_depth": 4,
        "iou_head_hidden_dim": 12,
        "layer_norm_eps": 1e-3,
    },
}
SHAPE = (2, PIXELS, PIXELS, 3)


def sam(folder, shape, config=None, files=None):
    """Writes a random checkpoint, or reads one; returns what it computes, and from."""
    import numpy as np
    import torch
    import transformers

    size = shape[1]
    if files is None:
        parts = {
            "vision_config": transformers.SamVisionConfig,
            "prompt_encoder_config": transformers.SamPromptEncoderConfig,
            "mask_decoder_config": transformers.SamMaskDecoderConfig,
        }
        configs = {name: cls(**config[name]).to_dict() for name, cls in parts.items()}
        model = transformers.SamModel(transformers.SamConfig(**configs)).eval()
        torch.manual_seed(0)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.copy_(torch.rand_like(tensor) - 0.5)
        model.save_pretrained(folder)
        transformers.SamImageProcessorPil(
            size={"longest_edge": size},
            pad_size={"height": size, "width": size},
        ).save_pretrained(folder)
    else:
        model, info = transformers.SamModel.from_pretrained(
            files, output_loading_info=True
        )
        assert not any(info.values()), info
        model = model.eval()
    draw = np.random.default_rng(0)
    arrays = {
        "images": draw.normal(size=shape).astype("float32"),
        "points": draw.uniform(0, size, (2, 3, 2, 2)).astype("float32"),
        "labels": draw.integers(0, 2, (2, 3, 2)),
        "boxes": draw.uniform(0, size, (2, 3, 4)).astype("float32"),
        "photo": draw.integers(0, 256, (size + 9, 2 * size, 3)).astype("uint8"),
    }
    found = {"masks": [], "iou_pred": []}
    for multimask_output in (False, True):
        with torch.no_grad():
            outputs = model(
                pixel_values=torch.tensor(arrays["images"].transpose(0, 3, 1, 2)),
                input_points=torch.tensor(arrays["points"]),
                input_labels=torch.tensor(arrays["labels"]),
                input_boxes=torch.tensor(arrays["boxes"]),
                multimask_output=multimask_output,
            )
        found["masks"].append(outputs.pred_masks)
        found["iou_pred"].append(outputs.iou_scores)
    weights = {f"weight/{k}": t.numpy() for k, t in model.state_dict().items()}
    if files is None or (files / "preprocessor_config.json").exists():
        processor = transformers.SamProcessor.from_pretrained(files or folder)
        (pixels,) = processor(arrays["photo"]).pixel_values
        weights["pixels"] = np.asarray(pixels).transpose(1, 2, 0)
    found = {name: np.concatenate(parts, 2) for name, parts in found.items()}
    return {**arrays, **weights, **found}


@pytest.fixture(scope="module")
def theirs():
    return reference("transformers", sam, config=CONFIG, shape=SHAPE)


def check_outputs(model, arrays):
    found = model.predict_on_batch(
        {
            "images": arrays["images"],
            "points": arrays["points"],
            "labels": arrays["labels"],
            "boxes": arrays["boxes"].reshape(2, 3, 1, 2, 2),
        }
    )
    for name in ("masks", "iou_pred"):
        assert_close(found[name], arrays[name])


# That its parts compute the same on each backend is tested where they are.
def test_a_checkpoint_is_read(theirs):
    model = SegmentAnythingModel.from_preset(theirs.folder)
    assert type(model) is SegmentAnythingModel and model.preprocessor is None
    check_outputs(model, theirs.arrays)


def test_weights_go_both_ways(theirs, tmp_path):
    model = SegmentAnything.from_preset(theirs.folder)
    assert type(model) is SegmentAnything
    pixels, _ = model.preprocessor.convert([theirs.arrays["photo"]])
    # In normalized values, of about 0.02 per level.
    assert_close(pixels[0], theirs.arrays["pixels"], rtol=0, atol=2e-5)
    model.export_to_transformers(tmp_path / "out")
    back = reference("transformers", sam, shape=SHAPE, files=tmp_path / "out")
    for name, array in theirs.arrays.items():
        tolerance = 1e-6 if name in ("masks", "iou_pred") else 0
        assert_close(back.arrays[name], array, rtol=tolerance, atol=tolerance)
    assert back.arrays.keys() == theirs.arrays.keys()
    again = SegmentAnything.from_preset(tmp_path / "out")
    assert flat(again) == flat(model)
    # Without a preprocessor, as upstream's model is.
    model = SegmentAnythingModel.from_preset(theirs.folder)
    model.export_to_transformers(tmp_path / "model")
    files = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert files == ["config.json", "model.safetensors"]


def flat(model):
    """Returns the arguments of a model and its parts, but for names."""
    arguments = flat_arguments(model.get_config())
    return {k: v for k, v in arguments.items() if k.split(".")[-1] != "name"}


def test_the_image_encoder_alone(theirs):
    backbone = ViTDetBackbone.from_preset(theirs.folder)
    whole = SegmentAnythingModel.from_preset(theirs.folder)
    images = theirs.arrays["images"]
    assert_close(
        backbone.predict_on_batch(images),
        whole.backbone.predict_on_batch(images),
        rtol=0,
        atol=0,
    )


def test_a_processor_in_a_file_of_its_own(theirs, tmp_path):
    """As version 5 of theirs writes one."""
    shutil.copytree(theirs.folder, tmp_path / "new")
    old = tmp_path / "new" / "preprocessor_config.json"
    processor = {"image_processor": json.loads(old.read_text())}
    (tmp_path / "new" / "processor_config.json").write_text(json.dumps(processor))
    expected = ImageConverter.from_preset(tmp_path / "new")
    old.unlink()
    found = ImageConverter.from_preset(tmp_path / "new")
    assert found.get_config() == expected.get_config()


@pytest.fixture
def change(theirs, tmp_path):
    """Returns a function that changes a key of a part's config in a copy."""

    def changed(part, key, value):
        folder = shutil.copytree(theirs.folder, tmp_path / "copy", dirs_exist_ok=True)
        config = json.loads((folder / "config.json").read_text())
        config[part][key] = value
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return changed


@pytest.mark.parametrize(
    ("part", "key", "value", "error", "message"),
    [
        ("prompt_encoder_config", "num_point_embeddings", 5, ValueError, "'num_point"),
        ("prompt_encoder_config", "hidden_act", "tanh", ValueError, "'hidden_act'"),
        (
            "prompt_encoder_config",
            "image_size",
            64,
            ValueError,
            "is incompatible with",
        ),
        ("mask_decoder_config", "attention_downsample_rate", 4, ValueError, "rate"),
        ("mask_decoder_config", "num_hidden_layers", 2, PresetCorruptError, "missing"),
        ("mask_decoder_config", "iou_head_depth", 10**9, PresetUnsafeError, "larger"),
        (
            "mask_decoder_config",
            "num_multimask_outputs",
            10**9,
            PresetUnsafeError,
            "larger",
        ),
        ("vision_config", "attention_dropout", 0.1, ValueError, "'attention_dropout'"),
    ],
)
def test_configs_that_do_not_fit(change, part, key, value, error, message):
    with pytest.raises(error, match=message):
        SegmentAnythingModel.from_preset(change(part, key, value))


def test_keys_that_nobody_knows_are_named(change):
    folder = change("mask_decoder_config", "trick", True)
    with pytest.warns(UserWarning, match=r"mask_decoder_config\.trick"):
        SegmentAnythingModel.from_preset(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": {"include_rescaling": True}}, "include_rescaling=True"),
        ({"decoder": {"activation": "relu"}}, "mask_decoder.activation='relu' comes"),
        (
            {"transformer": {"attention_downsample_rate": 1}},
            "mask_decoder.transformer.attention_downsample_rate=1 comes back as 2",
        ),
        ({"width": 96}, "images are square there"),
    ],
)
def test_what_their_config_cannot_express_is_named(tmp_path, options, message):
    width = options.get("width", 64)
    model = SegmentAnythingModel(
        backbone=ViTDetBackbone(
            input_shape=(64, width, 3),
            embed_dim=8,
            depth=1,
            mlp_dim=8,
            num_heads=2,
            out_chans=16,
            **{"include_rescaling": False, **options.get("backbone", {})},
        ),
        prompt_encoder=SAMPromptEncoder(
            embed_dim=16,
            image_embedding_size=(4, width // 16),
            input_image_size=(64, width),
        ),
        mask_decoder=SAMMaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(
                embed_dim=16, num_heads=2, mlp_dim=8, **options.get("transformer", {})
            ),
            **options.get("decoder", {}),
        ),
    )
    with pytest.raises(ValueError, match=message):
        model.export_to_transformers(tmp_path / "out")
    assert not (tmp_path / "out").exists()
