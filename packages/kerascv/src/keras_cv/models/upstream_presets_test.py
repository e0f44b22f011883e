"""Presets that KerasCV itself writes, read: one test for all families."""

import json
import os
import site
import subprocess
import textwrap
import venv
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_cv
from domain_core.testing import assert_close, to_numpy
from keras_cv.models import ImageClassifier, ObjectDetector, SegmentAnythingModel

# KerasCV and what it imports but does not need here.
KERAS_CV = ["--no-deps", "keras-cv==0.9.0", "dm-tree"]
RESNET = {
    "stackwise_filters": [64, 6],
    "stackwise_blocks": [2, 2],
    "stackwise_strides": [1, 2],
}
STAGES = {"stackwise_channels": [8, 12, 16], "stackwise_depth": [1, 2, 1]}
EFFICIENTNET = {
    "width_coefficient": 1.1,
    "depth_coefficient": 1.2,
    "stackwise_kernel_sizes": [3, 3, 5],
    "stackwise_num_repeats": [1, 2, 1],
    "stackwise_input_filters": [32, 16, 24],
    "stackwise_output_filters": [16, 24, 40],
    "stackwise_expansion_ratios": [1, 4, 6],
    "stackwise_squeeze_and_excite_ratios": [0, 0, 0.25],
    "stackwise_strides": [1, 2, 2],
    "stackwise_conv_types": ["fused", "fused", "unfused"],
}
MOBILENET = {
    "stackwise_expansion": [1, 72 / 16, 88 / 24, 4],
    "stackwise_filters": [16, 24, 24, 40],
    "stackwise_kernel_size": [3, 3, 3, 5],
    "stackwise_stride": [2, 2, 1, 2],
    "stackwise_se_ratio": [0.25, None, None, 0.25],
    "stackwise_activation": ["relu", "relu", "relu", "hard_swish"],
    "alpha": 0.75,
}
VITDET = {
    "input_shape": (64, 64, 3),
    "embed_dim": 8,
    "depth": 3,
    "mlp_dim": 12,
    "num_heads": 2,
    "out_chans": 6,
    "window_size": 3,
    "global_attention_indices": [1],
}
# Class, arguments, height and width of images. CSPDarkNet's have to be even there, and
# MobileNet's stay so down to the last map.
BACKBONES = [
    *(
        (f"ResNet{version}Backbone", {**RESNET, "block_type": block_type}, 33, 50)
        for version in ("", "V2")
        for block_type in ("block", "basic_block")
    ),
    ("EfficientNetV2Backbone", EFFICIENTNET, 33, 50),
    ("MobileNetV3Backbone", MOBILENET, 48, 64),
    ("CSPDarkNetBackbone", STAGES, 34, 50),
    ("CSPDarkNetBackbone", {**STAGES, "use_depthwise": True}, 34, 50),
    ("YOLOV8Backbone", STAGES, 33, 50),
    ("YOLOV8Backbone", {**STAGES, "activation": "relu"}, 33, 50),
    ("ViTDetBackbone", VITDET, 64, 64),
    ("ViTDetBackbone", {**VITDET, "use_abs_pos": False, "use_bias": False}, 64, 64),
]
FOUR = {"stackwise_channels": [8, 12, 16, 20], "stackwise_depth": [1, 2, 1, 1]}
FOUR_OF_RESNET = {
    "stackwise_filters": [64, 6, 8, 8],
    "stackwise_blocks": [2, 2, 1, 1],
    "stackwise_strides": [1, 2, 2, 2],
    "block_type": "block",
}
# Class, arguments, those of the backbone, height and width of images. Levels have to
# halve there, down to P5.
DETECTORS = [
    ("RetinaNet", {}, "ResNetBackbone", FOUR_OF_RESNET, 96, 160),
    ("RetinaNet", {}, "CSPDarkNetBackbone", FOUR, 64, 96),
    ("YOLOV8Detector", {}, "YOLOV8Backbone", FOUR, 96, 160),
    ("YOLOV8Detector", {"fpn_depth": 1}, "YOLOV8Backbone", FOUR, 64, 96),
    ("YOLOV8Detector", {"fpn_depth": 3}, "ResNetBackbone", FOUR_OF_RESNET, 64, 96),
]
# Arguments of the parts.
SAM = {
    "ViTDetBackbone": {**VITDET, "out_chans": 32, "include_rescaling": True},
    "SAMPromptEncoder": {
        "embed_dim": 32,
        "image_embedding_size": (4, 4),
        "input_image_size": (64, 64),
        "mask_in_chans": 8,
    },
    "TwoWayTransformer": {"depth": 3, "embed_dim": 32, "num_heads": 4, "mlp_dim": 48},
    "SAMMaskDecoder": {
        "transformer_dim": 32,
        "num_multimask_outputs": 2,
        "iou_head_depth": 4,
        "iou_head_hidden_dim": 24,
    },
}
WRITE = """
    import json
    import sys
    from pathlib import Path
    import keras_cv
    import numpy as np
    from keras_cv.src.utils.preset_utils import save_to_preset  # as they published

    rng = np.random.default_rng(0)
    backbones, detectors, sam = json.loads(sys.argv[2])

    def draw(model):
        for weight in model.weights:
            value = rng.normal(size=weight.shape)
            value /= np.prod(weight.shape[:-1]) ** 0.5
            if weight.name in ("gamma", "moving_variance"):
                value = rng.uniform(0.5, 1, weight.shape)
            weight.assign(value)

    for index, (cls, arguments, height, width) in enumerate(backbones):
        backbone = getattr(keras_cv.models, cls)(**arguments, include_rescaling=True)
        model = keras_cv.models.ImageClassifier(backbone, num_classes=3)
        draw(model)
        folder = Path(sys.argv[1], str(index))
        save_to_preset(backbone, str(folder / "backbone"))
        save_to_preset(model, str(folder / "task"))
        x = rng.uniform(0, 255, (2, height, width, 3))
        np.savez(
            folder / "expected.npz",
            x=x,
            backbone=backbone.predict_on_batch(x),
            task=model.predict_on_batch(x),
        )
    for index, row in enumerate(detectors):
        cls, arguments, backbone, sizes, height, width = row
        backbone = getattr(keras_cv.models, backbone)(**sizes, include_rescaling=True)
        model = getattr(keras_cv.models, cls)(
            backbone, num_classes=3, bounding_box_format="xywh", **arguments
        )
        draw(model)
        folder = Path(sys.argv[1], f"detector_{index}")
        save_to_preset(model, str(folder / "task"))
        x = rng.uniform(0, 255, (2, height, width, 3)).astype("float32")
        outputs = model(x)
        found = model.decode_predictions(outputs, x)
        arrays = {**outputs, **{f"found_{key}": found[key] for key in found}}
        arrays = {key: np.asarray(value) for key, value in arrays.items()}
        np.savez(folder / "expected.npz", x=x, **arrays)
    backbone, encoder, transformer, decoder = (
        lambda cls=cls, **more: getattr(keras_cv.models, cls)(**sam[cls], **more)
        for cls in sam
    )
    model = keras_cv.models.SegmentAnythingModel(
        backbone=backbone(),
        prompt_encoder=encoder(),
        mask_decoder=decoder(transformer=transformer()),
    )
    draw(model)
    folder = Path(sys.argv[1], "sam")
    save_to_preset(model, str(folder / "task"))
    inputs = {
        "images": rng.uniform(0, 255, (2, 64, 64, 3)),
        "points": rng.uniform(0, 64, (2, 3, 2)),
        "labels": np.array([[1, 0, -1], [0, 1, -1]]),
        "masks": rng.normal(size=(2, 1, 16, 16, 1)),
    }
    found = model.predict({**inputs, "boxes": np.zeros((2, 0, 2, 2))})
    np.savez(
        folder / "expected.npz",
        **inputs,
        **{f"found_{name}": array for name, array in found.items()},
    )
"""


@pytest.mark.large
def test_presets_that_keras_cv_writes(tmp_path):
    # Its import name is ours: it gets an environment of its own, with all else that is
    # installed here.
    venv.create(tmp_path / "environment", with_pip=True)
    folder = "Scripts" if os.name == "nt" else "bin"
    python = tmp_path / "environment" / folder / "python"
    install = [python, "-m", "pip", "install", "--quiet", *KERAS_CV]
    if subprocess.run(install, check=False).returncode:
        pytest.skip("keras-cv can't be installed here: is there a network?")
    (packages,) = (tmp_path / "environment").glob("**/site-packages")
    (packages / "shared.pth").write_text("\n".join(site.getsitepackages()))
    (packages / "tensorflow_datasets.py").touch()  # imported, but not used
    (tmp_path / "write.py").write_text(textwrap.dedent(WRITE))
    arguments = json.dumps([BACKBONES, DETECTORS, SAM])
    subprocess.run(
        [python, tmp_path / "write.py", tmp_path / "presets", arguments],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"KERAS_BACKEND": "jax"},
        cwd=tmp_path,
        check=True,
    )
    for index, (name, *_) in enumerate(BACKBONES):
        folder = Path(tmp_path, "presets", str(index))
        expected = np.load(folder / "expected.npz")
        backbone = getattr(keras_cv.models, name).from_preset(folder / "backbone")
        task = ImageClassifier.from_preset(folder / "task")
        assert_close(backbone.predict_on_batch(expected["x"]), expected["backbone"])
        assert_close(task.predict_on_batch(expected["x"]), expected["task"])
        with pytest.raises(ValueError, match="KerasHub"):
            backbone.save_to_preset(tmp_path / "a", layout="keras")
    for index in range(len(DETECTORS)):
        folder = Path(tmp_path, "presets", f"detector_{index}")
        expected = np.load(folder / "expected.npz")
        detector = ObjectDetector.from_preset(folder / "task")
        outputs = detector(expected["x"])
        theirs = {name: expected[name] for name in outputs}
        for name, value in outputs.items():
            # Theirs gives probabilities of YOLOv8's classes.
            value = keras.ops.sigmoid(value) if name == "classes" else value
            assert_close(to_numpy(value), theirs[name])
        if "classes" in theirs:
            classes = theirs["classes"]
            theirs["classes"] = np.log(classes / (1 - classes))
        # Of the same outputs, or a rounded one could change which boxes suppress.
        found = detector.decode_predictions(theirs, expected["x"])
        for name in ("classes", "confidence", "num_detections"):
            assert_close(to_numpy(found[name]), expected[f"found_{name}"])
        # In pixels: rounded relative to the size of the image.
        width = expected["x"].shape[2]
        assert_close(
            to_numpy(found["boxes"]), expected["found_boxes"], atol=1e-5 * width
        )
    expected = np.load(tmp_path / "presets" / "sam" / "expected.npz")
    model = SegmentAnythingModel.from_preset(tmp_path / "presets" / "sam" / "task")
    inputs = {key: expected[key] for key in ("images", "points", "labels", "masks")}
    for name, array in model.predict(inputs, verbose=0).items():
        assert_close(array, expected[f"found_{name}"])
