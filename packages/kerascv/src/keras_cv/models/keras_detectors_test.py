"""Detectors in the layout in which KerasCV published them.

Names, their order and the configs here are those of files that KerasCV 0.9 writes;
`upstream_presets_test.py` has it write some.
"""

import dataclasses
import gc
import json
import shutil

import h5py
import pytest

from domain_core import PresetCorruptError, PresetUnsafeError, without_initialization
from domain_core.presets.declared_preset import DeclaredLayout
from domain_core.presets.folder import LocalFolder
from domain_core.presets.keras.reader import KerasLayout
from domain_core.registry import find_keras_converter, find_preset
from domain_core.testing import assert_close, draw_weights, to_numpy
from keras_cv.layers import MultiClassNonMaxSuppression
from keras_cv.models import (
    ImageClassifier,
    ObjectDetector,
    ResNetBackbone,
    RetinaNet,
    YOLOV8Backbone,
    YOLOV8Detector,
)

PUBLISHED = {
    "retinanet_resnet50_pascalvoc": (RetinaNet, ResNetBackbone, 35_596_952),
    "yolo_v8_m_pascalvoc": (YOLOV8Detector, YOLOV8Backbone, 25_901_004),
}
RESNET = {
    "stackwise_filters": [64, 4, 6, 8],
    "stackwise_blocks": [1, 1, 1, 1],
    "stackwise_strides": [1, 2, 2, 2],
    "include_rescaling": True,
    "block_type": "basic_block",
}
YOLO = {
    "stackwise_channels": [8, 8, 8, 8],
    "stackwise_depth": [1, 1, 1, 1],
    "include_rescaling": True,
}
SIZES = [32.0, 64.0, 128.0, 256.0, 512.0]
WEIGHTS = "model.weights.h5"
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def theirs(name, **config):
    """Returns an object as KerasCV serializes it."""
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    }
    return {
        "module": "keras_cv.src.models",
        "class_name": name,
        "config": {"name": "any", "trainable": True, "dtype": policy, **config},
        "registered_name": f"keras_cv>{name}",
    }


def decoder(name="NonMaxSuppression", **config):
    usual = {
        "bounding_box_format": "xywh",
        "from_logits": True,
        "iou_threshold": 0.5,
        "confidence_threshold": 0.5,
        "max_detections": 100,
    }
    return theirs(name, **usual | config)


def head(initializer, depth=3):
    bias = {
        "module": "keras.initializers",
        "class_name": initializer,
        "config": {},
        "registered_name": None,
    }
    return theirs(
        "PredictionHead", bias_initializer=bias, output_filters=9, num_conv_layers=depth
    )


def retinanet_config(**config):
    anchors = theirs(
        "AnchorGenerator",
        bounding_box_format="xywh",
        sizes=SIZES,
        scales=[1, 1.2599210498948732, 1.5874010519681994],
        aspect_ratios=[0.5, 1.0, 2.0],
        strides=[8, 16, 32, 64, 128],
        clip_boxes=True,
    )
    encoder = theirs(
        "RetinaNetLabelEncoder",
        bounding_box_format="xywh",
        anchor_generator=anchors,
        positive_threshold=0.5,
        negative_threshold=0.4,
        box_variance=[0.1, 0.1, 0.2, 0.2],
        background_class=-1.0,
        ignore_class=-2.0,
    )
    backbone = theirs(
        "ResNetBackbone", **RESNET, input_shape=[None, None, 3], input_tensor=None
    )
    del backbone["config"]["dtype"]
    return {
        "num_classes": 2,
        "bounding_box_format": "xywh",
        "backbone": backbone,
        "label_encoder": encoder,
        "prediction_decoder": decoder(),
        "classification_head": head("Constant"),
        "box_head": head("Zeros"),
        **config,
    }


def yolo_config(**config):
    encoder = theirs(
        "YOLOV8LabelEncoder",
        max_anchor_matches=10,
        num_classes=2,
        alpha=0.5,
        beta=6.0,
        epsilon=1e-9,
    )
    backbone = theirs(
        "YOLOV8Backbone", **YOLO, input_shape=[None, None, 3], activation="swish"
    )
    del backbone["config"]["dtype"]
    return {
        "num_classes": 2,
        "bounding_box_format": "xywh",
        "fpn_depth": 1,
        "backbone": backbone,
        "label_encoder": encoder,
        "prediction_decoder": decoder(
            from_logits=False, iou_threshold=0.7, confidence_threshold=0.2
        ),
        **config,
    }


def biased(theirs, ours):
    return {f"{theirs}/vars/0": f"{ours}.kernel", f"{theirs}/vars/1": f"{ours}.bias"}


def numbered(name, number):
    return f"layers/{name}_{number}" if number else f"layers/{name}"


def retinanet_names():
    names = {}
    for level in (3, 4, 5):
        path = f"layers/feature_pyramid/conv_c{level}"
        ours = "feature_pyramid.pyramid"
        names |= biased(f"{path}_1x1", f"{ours}.lateral_layers.{level}")
        names |= biased(f"{path}_3x3", f"{ours}.output_layers.{level}")
    for level in (6, 7):
        path = f"layers/feature_pyramid/conv_c{level}_3x3"
        names |= biased(path, f"feature_pyramid.coarser_{level}")
    for path, ours in (
        ("layers/prediction_head", "box_head"),
        ("layers/prediction_head_1", "classification_head"),
    ):
        convs = f"{path}/conv_layers/conv2d"
        names |= biased(convs, f"{ours}.convs.0")
        names |= biased(f"{convs}_1", f"{ours}.convs.1")
        names |= biased(f"{convs}_2", f"{ours}.convs.2")
        names |= biased(f"{path}/prediction_layer", f"{ours}.last")
    return names


def yolo_names():
    units = []
    one = ("input_", "bottleneck_0_1_", "bottleneck_0_2_", "output_")
    two = (*one[:3], "bottleneck_1_1_", "bottleneck_1_2_", "output_")
    neck = "path_aggregation"
    units += [f"{neck}.top_down_P4.{part}" for part in one]
    units += [f"{neck}.top_down_P3.{part}" for part in one]
    units += [f"{neck}.downsample_P3."]
    units += [f"{neck}.bottom_up_P4.{part}" for part in two]
    units += [f"{neck}.downsample_P4."]
    units += [f"{neck}.bottom_up_P5.{part}" for part in two]
    outputs = []
    for levels in (
        ["class_P3", "class_P4", "class_P5"],
        ["box_P3", "box_P4", "box_P5"],
    ):
        outputs += [f"head.{level}_output" for level in levels]
    for part in (1, 2):
        for branch in ("class", "box"):
            units += [f"head.{branch}_P{level}_{part}_" for level in (3, 4, 5)]
    names = {}
    for number, unit in enumerate(units):
        names[f"{numbered('conv2d', number)}/vars/0"] = f"{unit}conv.kernel"
        for index, weight in enumerate(NORM):
            path = f"{numbered('batch_normalization', number)}/vars/{index}"
            names[path] = f"{unit}norm.{weight}"
    for number, output in enumerate(outputs, len(units)):
        names |= biased(numbered("conv2d", number), output)
    return names


def save(folder, detector, config, names):
    """Writes a detector of ours as KerasCV writes its own."""
    folder.mkdir()
    data = theirs(type(detector).__name__) | {"config": config}
    (folder / "config.json").write_text(json.dumps(data | {"weights": WEIGHTS}))
    (folder / "metadata.json").write_text('{"keras_cv_version": "0.9.0"}')
    heads = detector.head_weight_paths()
    arrays = {path: to_numpy(heads.pop(ours)) for path, ours in names.items()}
    assert not heads
    # As of a preset of the backbone alone.
    backbone = detector.backbone
    name = config["backbone"]["registered_name"]
    _, converter = find_keras_converter(name, {}, "the test")
    table = converter.weights(backbone.get_config())
    for path, tensor in table.to_foreign(backbone.weight_paths()).items():
        path = path.replace("_0/", "/")  # the first of a class has no number there
        arrays[f"layers/functional/{path}"] = tensor.read()
    with h5py.File(folder / WEIGHTS, "w") as file:
        for path, array in arrays.items():
            file[path] = array


@pytest.fixture(scope="module")
def retinanet(tmp_path_factory):
    """Returns a RetinaNet and its folder."""
    detector = RetinaNet(ResNetBackbone(**RESNET), 2, "xywh", num_head_layers=3)
    draw_weights(detector)
    folder = tmp_path_factory.mktemp("retinanet") / "preset"
    save(folder, detector, retinanet_config(), retinanet_names())
    return detector, folder


@pytest.fixture(scope="module")
def yolo(tmp_path_factory):
    """Returns a YOLOv8 and its folder."""
    detector = YOLOV8Detector(
        YOLOV8Backbone(**YOLO), 2, "xywh", fpn_depth=1, bottom_up_depth=2
    )
    draw_weights(detector)
    folder = tmp_path_factory.mktemp("yolo") / "preset"
    save(folder, detector, yolo_config(), yolo_names())
    return detector, folder


@pytest.fixture
def change(tmp_path):
    """Returns a function that gives a copy of a preset with another config."""

    def changed(folder, config):
        copy = shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)
        data = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(data | {"config": config}))
        return copy

    return changed


def check_weights(read, expected):
    for left, right in zip(read.weights, expected.weights, strict=True):
        assert_close(left, right, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["retinanet", "yolo"])
def test_a_detector_is_read(request, name):
    detector, folder = request.getfixturevalue(name)
    read = ObjectDetector.from_preset(folder)
    assert type(read) is type(detector)
    check_weights(read, detector)
    left, right = (m.backbone.get_config() | {"name": ""} for m in (read, detector))
    assert left == right
    assert read.bounding_box_format == "xywh"
    # Objects that the detector makes itself were not read, and follow its format.
    again = ObjectDetector.from_preset(folder, bounding_box_format="yxyx")
    for part in (again.prediction_decoder, again.label_encoder):
        assert getattr(part, "bounding_box_format", "yxyx") == "yxyx"


@pytest.mark.parametrize("name", ["retinanet", "yolo"])
def test_its_backbone_is_read(request, name):
    detector, folder = request.getfixturevalue(name)
    backbone = type(detector.backbone).from_preset(folder)
    with pytest.warns(UserWarning, match="The head of .* is new"):
        other = type(detector).from_preset(folder, num_classes=5)
    assert other.num_classes == 5
    for read in (backbone, other.backbone):
        check_weights(read, detector.backbone)


def test_unusual_parts_of_a_retinanet(retinanet, change):
    config = retinanet_config(
        prediction_decoder=decoder(
            "MultiClassNonMaxSuppression",
            confidence_threshold=0.1,
            max_detections_per_class=7,
        )
    )
    encoder = config["label_encoder"]["config"]
    encoder["positive_threshold"] = 0.6
    encoder["anchor_generator"]["config"]["sizes"] = [16.0, *SIZES[1:]]
    read = RetinaNet.from_preset(change(retinanet[1], config))
    assert type(read.prediction_decoder) is MultiClassNonMaxSuppression
    assert read.prediction_decoder.from_logits
    assert read.prediction_decoder.max_detections_per_class == 7
    assert read.label_encoder.positive_threshold == 0.6
    assert read.anchor_generator.sizes["P3"] == 16
    assert read.label_encoder.anchor_generator is read.anchor_generator


def test_unusual_parts_of_yolo(yolo, change):
    config = yolo_config(prediction_decoder=decoder(from_logits=False))
    config["label_encoder"]["config"]["max_anchor_matches"] = 5
    read = YOLOV8Detector.from_preset(change(yolo[1], config))
    assert read.prediction_decoder.from_logits
    assert read.prediction_decoder.iou_threshold == 0.5
    assert read.label_encoder.max_anchor_matches == 5


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"box_head": head("Zeros", 4)}, ValueError, "heads of one depth"),
        ({"prediction_decoder": decoder(from_logits=False)}, ValueError, "from_logits"),
        ({"label_encoder": decoder()}, ValueError, "it is no RetinaNetLabelEncoder"),
        ({"prediction_decoder": theirs("Lambda")}, PresetUnsafeError, "Lambda"),
        ({"box_head": head("Orthogonal")}, PresetUnsafeError, "Orthogonal"),
        ({"feature_pyramid": None}, PresetCorruptError, "'feature_pyramid'"),
    ],
)
def test_what_cannot_be_expressed_here(retinanet, change, config, error, message):
    with pytest.raises(error, match=message):
        RetinaNet.from_preset(change(retinanet[1], retinanet_config(**config)))


def test_weights_of_another_depth(yolo, change):
    with pytest.raises(PresetCorruptError, match="Received"):
        YOLOV8Detector.from_preset(change(yolo[1], yolo_config(fpn_depth=2)))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    cls, backbone, parameters = PUBLISHED[name]
    assert name in cls.presets and name in backbone.presets
    assert name not in ImageClassifier.presets
    with without_initialization():
        detector = ObjectDetector.from_preset(name, load_weights=False)
    assert type(detector) is cls and type(detector.backbone) is backbone
    assert detector.count_params() == parameters
    assert detector.num_classes == len(detector.class_names) == 20
    del detector
    gc.collect()  # models are full of cycles


def test_files_of_a_published_preset(yolo):
    """What was found in files is the truth; what is declared otherwise is an error."""
    declared = YOLOV8Detector.presets["yolo_v8_m_pascalvoc"]
    entry, _ = find_preset("yolo_v8_m_pascalvoc")

    def task(**options):
        preset = dataclasses.replace(declared, task_config=options)
        layout = DeclaredLayout(
            "a", entry, preset, lambda _: KerasLayout(LocalFolder(yolo[1]))
        )
        return layout.task(load_weights=True)

    cls, config = task(num_classes=2, class_names=["a", "b"])
    assert cls is YOLOV8Detector
    assert config["class_names"] == ["a", "b"] and config["fpn_depth"] == 1
    assert "bounding_box_format" in declared.unverified
    assert task(bounding_box_format="xyxy")[1]["bounding_box_format"] == "xywh"
    with pytest.raises(PresetCorruptError, match="fpn_depth: 2 declared, 1 found"):
        task(fpn_depth=2)
