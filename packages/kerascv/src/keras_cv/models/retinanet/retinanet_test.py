import keras
import numpy as np
import pytest

from domain_core.testing.values import assert_close, to_numpy
from keras_cv.models import ResNetBackbone, RetinaNet
from keras_cv.models.retinanet import FeaturePyramid, PredictionHead
from keras_cv.testing.detector_contract import DetectorContract


def backbone(**options):
    return ResNetBackbone(
        **{
            "stackwise_filters": [8, 16, 32, 32],
            "stackwise_blocks": [1, 1, 1, 1],
            "stackwise_strides": [1, 2, 2, 2],
            "include_rescaling": True,
            "block_type": "basic_block",
            "stem_filters": 8,
            "batch_norm_momentum": 0.8,
            **options,
        }
    )


def small(num_classes=2, bounding_box_format="xyxy", **options):
    """Returns a RetinaNet of 16 channels, with one convolution in each head."""
    prior = keras.initializers.Constant(-4.6)
    return RetinaNet(
        backbone(),
        num_classes,
        bounding_box_format,
        feature_pyramid=FeaturePyramid(num_channels=16, name="feature_pyramid"),
        classification_head=PredictionHead(
            9 * max(num_classes, 1), prior, 1, num_channels=16
        ),
        box_head=PredictionHead(36, "zeros", 1, num_channels=16),
        **options,
    )


class TestRetinaNet(DetectorContract):
    cls = RetinaNet

    @classmethod
    def make(cls, **options):
        return small(**options)


def focal(logits, true):
    p = 1 / (1 + np.exp(-logits))
    pt, alpha = np.where(true, p, 1 - p), np.where(true, 0.25, 0.75)
    return -alpha * (1 - pt) ** 2 * np.log(pt)


def smooth_l1(difference):
    size = np.abs(difference)
    return np.where(size < 1, size**2 / 2, size - 0.5)


def iou(a, b):
    left, top = np.maximum(a[:2], b[:2])
    right, bottom = np.minimum(a[2:], b[2:])
    inner = max(right - left, 0) * max(bottom - top, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return inner / (sum(areas) - inner)


@pytest.mark.backends
def test_loss_is_the_papers():
    """Against plain loops over anchors and boxes."""
    draw = np.random.default_rng(0)
    task = small(num_classes=3)
    size, count = (64, 96), 2
    anchors = np.concatenate(
        [to_numpy(x) for x in task.anchor_generator(image_shape=(*size, 3)).values()]
    )
    logits = draw.normal(size=(count, len(anchors), 3)).astype("float32")
    deltas = draw.normal(size=(count, len(anchors), 4)).astype("float32")
    boxes = np.array(
        [[[4, 6, 40, 44], [30, 8, 90, 60], [-1] * 4], [[8, 8, 30, 62], *[[-1] * 4] * 2]]
    ).astype("float32")
    classes = np.array([[2, 0, -1], [1, -1, -1]], "float32")
    box_loss = class_loss = positives = 0.0
    for b in range(count):
        for n, anchor in enumerate(anchors):
            overlaps = [
                iou(anchor, box) if label >= 0 else -1
                for box, label in zip(boxes[b], classes[b], strict=True)
            ]
            best = int(np.argmax(overlaps))
            if 0.4 <= overlaps[best] < 0.5:
                continue
            true = np.zeros(3)
            if overlaps[best] >= 0.5:
                true[int(classes[b, best])] = 1
                positives += 1
                old, new = (
                    np.array(
                        [
                            (v[1] + v[3]) / 2,
                            (v[0] + v[2]) / 2,
                            v[3] - v[1],
                            v[2] - v[0],
                        ]
                    )
                    for v in (anchor, boxes[b, best])
                )
                target = np.concatenate(
                    [
                        (new[:2] - old[:2]) / old[2:] / 0.1,
                        np.log(new[2:] / old[2:]) / 0.2,
                    ]
                )
                box_loss += smooth_l1(deltas[b, n] - target).mean()
            class_loss += focal(logits[b, n].astype("float64"), true).sum()
    assert positives > 4
    images = keras.ops.zeros((count, *size, 3))
    outputs = {
        "box": keras.ops.convert_to_tensor(deltas),
        "classification": keras.ops.convert_to_tensor(logits),
    }
    loss = task.compute_loss(images, {"boxes": boxes, "classes": classes}, outputs)
    expected = (box_loss + class_loss) / positives
    assert_close(to_numpy(loss), expected, rtol=1e-5, atol=0)
    seen = {m.name: float(m.result()) for m in task.metrics}
    assert_close(seen["box_loss"], box_loss / positives, rtol=1e-5, atol=0)


def test_sizes_of_the_published_detector():
    """35,596,952 weights, with heads of three convolutions as KerasCV had."""
    task = RetinaNet.from_preset(
        "resnet50_imagenet",
        load_weights=False,
        num_classes=20,
        bounding_box_format="xywh",
        num_head_layers=3,
        compile=False,
    )
    assert task.count_params() == 35_596_952
    assert task.bounding_box_format == "xywh" and task.num_classes == 20
    outputs = task.compute_output_shape((1, 512, 512, 3))
    assert outputs["box"] == (1, 49_104, 4)


def test_defaults_of_the_paper():
    task = RetinaNet.from_preset("resnet18", load_weights=False)
    assert task.num_classes == 80 and task.bounding_box_format == "xyxy"
