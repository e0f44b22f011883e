"""YOLOv8 against an implementation in plain torch, by weights in the reference's names.

The reference's own package can't be installed here for its licence; what stands below
is written from the published architecture.
"""

import keras
import numpy as np
import pytest

from domain_core import PresetCorruptError, without_initialization
from domain_core.testing import assert_close, reference, to_numpy
from keras_cv.models import YOLOV8Backbone
from keras_cv.models.yolov8 import (
    PathAggregation,
    YOLOV8Head,
    decode_boxes,
    get_anchors,
    load_reference_weights,
    reference_weights,
)

CHANNELS, DEPTHS, NECK_DEPTH, CLASSES = [8, 12, 16, 20], [1, 2, 1, 1], 1, 3


def yolov8(folder, *, channels, depths, neck_depth, classes, shapes):
    """Returns images, weights and outputs of a detector with random weights."""
    import torch
    from torch import nn

    class Conv(nn.Module):
        def __init__(self, channels, filters, size=1, stride=1):
            super().__init__()
            self.conv = nn.Conv2d(
                channels, filters, size, stride, size // 2, bias=False
            )
            self.bn = nn.BatchNorm2d(filters, eps=1e-3)

        def forward(self, x):
            return nn.functional.silu(self.bn(self.conv(x)))

    class Bottleneck(nn.Module):
        def __init__(self, filters, shortcut):
            super().__init__()
            self.cv1, self.cv2 = Conv(filters, filters, 3), Conv(filters, filters, 3)
            self.shortcut = shortcut

        def forward(self, x):
            y = self.cv2(self.cv1(x))
            return x + y if self.shortcut else y

    class C2f(nn.Module):
        def __init__(self, channels, filters, depth, shortcut):
            super().__init__()
            half = filters // 2
            self.cv1 = Conv(channels, 2 * half)
            self.cv2 = Conv((2 + depth) * half, filters)
            self.m = nn.ModuleList(Bottleneck(half, shortcut) for _ in range(depth))

        def forward(self, x):
            maps = [*self.cv1(x).chunk(2, 1)]
            for part in self.m:
                maps.append(part(maps[-1]))
            return self.cv2(torch.cat(maps, 1))

    class SPPF(nn.Module):
        def __init__(self, filters):
            super().__init__()
            self.cv1 = Conv(filters, filters // 2)
            self.cv2 = Conv(filters // 2 * 4, filters)

        def forward(self, x):
            x = self.cv1(x)
            # The sizes that three times 5 amounts to.
            pools = [nn.functional.max_pool2d(x, n, 1, n // 2) for n in (5, 9, 13)]
            return self.cv2(torch.cat([x, *pools], 1))

    class DFL(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(16, 1, 1, bias=False)
            self.conv.weight.data[:] = torch.arange(16.0).view(1, 16, 1, 1)

        def forward(self, x):  # (B, 64, N)
            x = x.view(len(x), 4, 16, -1).transpose(1, 2).softmax(1)
            return self.conv(x)[:, 0]  # (B, 4, N)

    class Detect(nn.Module):
        def __init__(self, widths):
            super().__init__()
            box = max(16, widths[0] // 4, 64)
            cls = max(widths[0], min(classes, 100))
            self.cv2, self.cv3 = (
                nn.ModuleList(
                    nn.Sequential(
                        Conv(c, width, 3), Conv(width, width, 3), nn.Conv2d(width, n, 1)
                    )
                    for c in widths
                )
                for width, n in ((box, 64), (cls, classes))
            )
            self.dfl = DFL()

        def forward(self, maps):
            boxes, logits = (
                torch.cat([m(x).flatten(2) for m, x in zip(part, maps, strict=True)], 2)
                for part in (self.cv2, self.cv3)
            )
            return boxes, logits, self.dfl(boxes)

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            a, b, c, d = channels
            self.model = nn.ModuleDict(
                {
                    "0": Conv(3, a // 2, 3, 2),
                    "1": Conv(a // 2, a, 3, 2),
                    "2": C2f(a, a, depths[0], True),
                    "3": Conv(a, b, 3, 2),
                    "4": C2f(b, b, depths[1], True),
                    "5": Conv(b, c, 3, 2),
                    "6": C2f(c, c, depths[2], True),
                    "7": Conv(c, d, 3, 2),
                    "8": C2f(d, d, depths[3], True),
                    "9": SPPF(d),
                    "12": C2f(d + c, c, neck_depth, False),
                    "15": C2f(c + b, b, neck_depth, False),
                    "16": Conv(b, b, 3, 2),
                    "18": C2f(b + c, c, neck_depth, False),
                    "19": Conv(c, c, 3, 2),
                    "21": C2f(c + d, d, neck_depth, False),
                    "22": Detect([b, c, d]),
                }
            )

        def run(self, x, *numbers):
            for number in numbers:
                x = self.model[str(number)](x)
            return x

        def forward(self, x):
            def up(x):
                return nn.functional.interpolate(x, scale_factor=2, mode="nearest")

            p3 = self.run(x, 0, 1, 2, 3, 4)
            p4 = self.run(p3, 5, 6)
            p5 = self.run(p4, 7, 8, 9)
            p4 = self.run(torch.cat([up(p5), p4], 1), 12)
            p3 = self.run(torch.cat([up(p4), p3], 1), 15)
            p4 = self.run(torch.cat([self.run(p3, 16), p4], 1), 18)
            p5 = self.run(torch.cat([self.run(p4, 19), p5], 1), 21)
            return self.run([p3, p4, p5], 22)

    torch.manual_seed(0)
    detector = Detector().eval()
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(std=0.2)
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            module.weight.data.mul_(2)  # so that no signal dies out
    arrays = {key: value.numpy() for key, value in detector.state_dict().items()}
    for index, (height, width) in enumerate(shapes):
        images = torch.rand(2, 3, height, width)
        with torch.no_grad():
            boxes, logits, sides = detector(images)
        rows = []
        for stride in (8, 16, 32):
            y, x = torch.meshgrid(
                torch.arange(height // stride) + 0.5,
                torch.arange(width // stride) + 0.5,
                indexing="ij",
            )
            rows += [torch.stack([x, y, torch.full_like(x, stride)], -1).view(-1, 3)]
        x, y, stride = torch.cat(rows).T
        left, top, right, bottom = sides.unbind(1)
        corners = torch.stack([x - left, y - top, x + right, y + bottom], -1)
        arrays |= {
            f"images_{index}": images.permute(0, 2, 3, 1).numpy(),
            f"boxes_{index}": boxes.transpose(1, 2).numpy(),
            f"classes_{index}": logits.transpose(1, 2).numpy(),
            f"corners_{index}": (corners * stride[:, None]).numpy(),
        }
    return arrays


@pytest.fixture(scope="module")
def answer():
    return reference(
        "torch",
        yolov8,
        channels=CHANNELS,
        depths=DEPTHS,
        neck_depth=NECK_DEPTH,
        classes=CLASSES,
        shapes=[(64, 96), (96, 96)],
    ).arrays


@pytest.fixture(scope="module")
def weights(answer):
    return {name: x for name, x in answer.items() if name.startswith("model.")}


@pytest.fixture(scope="module")
def both(weights):
    """The parts of a detector, and the detector, which tests must not change."""
    with without_initialization():
        backbone = YOLOV8Backbone(CHANNELS, DEPTHS, include_rescaling=False)
        neck, head = PathAggregation(NECK_DEPTH), YOLOV8Head(CLASSES)
        model = keras.Model(backbone.input, head(neck(backbone.pyramid_outputs)))
    parts = {"backbone": backbone, "path_aggregation": neck, "head": head}
    load_reference_weights(parts, weights)
    return parts, model


@pytest.fixture
def parts(both):
    return both[0]


@pytest.fixture
def detector(both):
    return both[1]


def check(predict, answer, index):
    images = answer[f"images_{index}"]
    outputs = predict(images)
    assert answer[f"classes_{index}"].std(axis=(0, 1)).min() > 0.01
    for name in ("boxes", "classes"):
        assert_close(outputs[name], answer[f"{name}_{index}"])
    # Pixels: errors grow with the stride, of up to 32, and the 15 distances.
    corners = decode_boxes(outputs["boxes"], get_anchors(images.shape[1:]))
    assert_close(corners, answer[f"corners_{index}"], rtol=1e-5, atol=1e-3)


@pytest.mark.backends
def test_the_same_outputs(detector, answer):
    check(detector.predict_on_batch, answer, 0)


def test_square_images(detector, answer):
    check(detector.predict_on_batch, answer, 1)


@pytest.mark.backends("tensorflow")
def test_one_graph_for_all_sizes(detector, answer):
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 3))]
    graph = tf.function(lambda x: detector(x), input_signature=signature)
    for index in (0, 1):
        check(graph, answer, index)


def test_there_and_back(parts, weights):
    back = reference_weights(parts)
    assert sorted(back) == sorted(weights)
    for name, expected in weights.items():
        np.testing.assert_array_equal(back[name], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("model.21.m.0.cv2.conv.weight"), "bottom_up_P5.bottleneck_0"),
        (
            lambda w: w.update({"model.4.m.2.cv1.bn.bias": w["model.0.bn.bias"]}),
            "4.m.2",
        ),
        (lambda w: w.update({"model.23.bias": w["model.0.bn.bias"]}), "model.23"),
        (lambda w: w.update({"model.0.bn.bias": np.zeros(3)}), "has shape"),
    ],
    ids=["missing", "too deep", "unknown", "shape"],
)
def test_weights_that_do_not_fit(parts, weights, change, message):
    before = to_numpy(parts["backbone"].weights[0])
    changed = dict(weights)
    change(changed)
    with pytest.raises(PresetCorruptError, match=message):
        load_reference_weights(parts, changed)
    assert_close(parts["backbone"].weights[0], before, rtol=0, atol=0)
