"""KerasHub's RetinaNet with our weights, and ours with KerasHub's."""

import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from domain_core.testing.references import reference
from keras_cv.models import ResNetBackbone, RetinaNet
from keras_cv.models.retinanet import FeaturePyramid

CLASSES = 2
# Of their pyramid and heads, and of ours.
NAMES = {
    **{
        f"fpn/{theirs}/{kind}": f"feature_pyramid.{ours}.{kind}"
        for kind in ("kernel", "bias")
        for theirs, ours in {
            **{
                f"{part}_conv_P{level}": f"pyramid.{part}_layers.{level}"
                for part in ("lateral", "output")
                for level in (3, 4, 5)
            },
            "coarser_P6": "coarser_6",
            "coarser_P7": "coarser_7",
        }.items()
    },
    **{
        f"{head}/{theirs}/{kind}": f"{head}.{ours}.{kind}"
        for kind in ("kernel", "bias")
        for head in ("box_head", "classification_head")
        for theirs, ours in {
            **{f"conv2d_{index}": f"convs.{index}" for index in range(4)},
            "logits_layer": "last",
        }.items()
    },
}


def detect(folder, *, files=None, coarser_from, classes, size):
    """Saves their encoder and weights, or takes those in `files`."""
    import keras
    import keras_hub
    import numpy as np

    models = keras_hub.models
    draw = np.random.default_rng(0)

    def randomize(model):
        for weight in model.weights:
            value = draw.normal(size=weight.shape) * 0.3
            value = value / max(np.prod(weight.shape[:-1]), 1) ** 0.5
            if weight.name in ("gamma", "moving_variance"):
                value = draw.uniform(0.5, 1, weight.shape)
            weight.assign(value)

    if files is None:
        encoder = models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 8, 12, 16],
            stackwise_num_blocks=[1, 1, 1, 1],
            stackwise_num_strides=[1, 2, 2, 2],
            block_type="basic_block",
        )
        randomize(encoder)
        encoder.save_to_preset(str(folder / "encoder"))
    else:
        encoder = models.ResNetBackbone.from_preset(str(files / "encoder"))
    backbone = models.RetinaNetBackbone(
        image_encoder=encoder,
        min_level=3,
        max_level=7,
        use_p5=coarser_from == "input",
        image_shape=(*size, 3),
    )
    detector = models.RetinaNetObjectDetector(
        backbone=backbone, num_classes=classes, bounding_box_format="xyxy"
    )
    heads = {
        v.path: v
        for v in detector.variables
        if v.path.split("/")[0] in ("fpn", "box_head", "classification_head")
    }
    if files is None:
        for path, weight in heads.items():
            scale = 0.05 if path.endswith("bias") else 0.02
            weight.assign(draw.normal(size=weight.shape) * scale)
    else:
        stored = np.load(files / "heads.npz")
        assert set(stored.files) == set(heads), set(stored.files) ^ set(heads)
        for path, weight in heads.items():
            weight.assign(stored[path])
    images = draw.uniform(0, 1, (2, *size, 3)).astype("float32")
    outputs = detector(images)
    arrays = {k: keras.ops.convert_to_numpy(v) for k, v in outputs.items()}
    arrays |= {f"heads/{k}": keras.ops.convert_to_numpy(v) for k, v in heads.items()}
    return {**arrays, "images": images}


def make(encoder, coarser_from):
    return RetinaNet(
        encoder,
        CLASSES,
        feature_pyramid=FeaturePyramid(
            coarser_from=coarser_from, name="feature_pyramid"
        ),
        compile=False,
    )


@pytest.mark.backends
@pytest.mark.parametrize("coarser_from", ["input", "output"])
def test_theirs_in_ours(coarser_from):
    theirs = reference(
        "keras_hub", detect, coarser_from=coarser_from, classes=CLASSES, size=[64, 96]
    )
    encoder = ResNetBackbone.from_preset(theirs.folder / "encoder")
    task = make(encoder, coarser_from)
    paths = task.head_weight_paths()
    assert set(paths) == set(NAMES.values())
    for name, path in NAMES.items():
        paths[path].assign(theirs.arrays[f"heads/{name}"])
    outputs = task(theirs.arrays["images"])
    for ours, name in (("box", "bbox_regression"), ("classification", "cls_logits")):
        assert_close(outputs[ours], theirs.arrays[name], rtol=1e-5, atol=1e-5)


def test_ours_in_theirs(tmp_path):
    draw = np.random.default_rng(1)
    encoder = ResNetBackbone(
        stackwise_filters=[64, 8, 12, 16],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=False,
        block_type="basic_block",
        padding="symmetric",
        batch_norm_epsilon=1e-5,
        batch_norm_momentum=0.9,
    )
    task = make(encoder, "input")
    paths = task.head_weight_paths()
    for weight in paths.values():
        weight.assign(draw.normal(size=weight.shape) * 0.02)
    encoder.save_to_preset(tmp_path / "encoder", layout="keras")
    np.savez(
        tmp_path / "heads.npz", **{k: to_numpy(paths[v]) for k, v in NAMES.items()}
    )
    theirs = reference(
        "keras_hub",
        detect,
        files=tmp_path,
        coarser_from="input",
        classes=CLASSES,
        size=[64, 64],
    )
    outputs = task(theirs.arrays["images"])
    for ours, name in (("box", "bbox_regression"), ("classification", "cls_logits")):
        assert_close(outputs[ours], theirs.arrays[name], rtol=1e-5, atol=1e-5)
