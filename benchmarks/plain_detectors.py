"""RetinaNet-R50 and YOLOv8 in plain PyTorch: what `detection.py` compares with.

Written for the purpose, channels last in memory, without any library of models: modules
of torch, losses by formula, and greedy suppression in a loop. Weights are random.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

# --- RetinaNet ------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut."""

    def __init__(self, channels: int, filters: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 1, bias=False)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(filters, 4 * filters, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)
        self.norm3 = nn.BatchNorm2d(4 * filters)
        self.shortcut = None
        if project:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, 4 * filters, 1, stride, bias=False),
                nn.BatchNorm2d(4 * filters),
            )

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = F.relu(self.norm2(self.conv2(y)), inplace=True)
        y = self.norm3(self.conv3(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class RetinaNet(nn.Module):
    """ResNet-50, a pyramid of five levels, two heads of four convolutions."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        stages, channels = [], 64
        for index, (filters, count) in enumerate(
            ((64, 3), (128, 4), (256, 6), (512, 3))
        ):
            blocks = []
            for block in range(count):
                stride = 2 if index and not block else 1
                blocks.append(Bottleneck(channels, filters, stride, block == 0))
                channels = 4 * filters
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(nn.Conv2d(c, 256, 1) for c in (512, 1024, 2048))
        self.output = nn.ModuleList(nn.Conv2d(256, 256, 3, 1, 1) for _ in range(3))
        self.p6 = nn.Conv2d(2048, 256, 3, 2, 1)
        self.p7 = nn.Conv2d(256, 256, 3, 2, 1)
        self.boxes, self.classes = (
            nn.Sequential(
                *(
                    layer
                    for _ in range(4)
                    for layer in (nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(inplace=True))
                ),
                nn.Conv2d(256, 9 * width, 3, 1, 1),
            )
            for width in (4, num_classes)
        )
        nn.init.constant_(self.classes[-1].bias, -math.log(99))

    def forward(self, images: Any) -> tuple[Any, Any]:
        x = self.stem(images / 255)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        c3, c4, c5 = maps[1:]
        p5 = self.lateral[2](c5)
        p4 = self.lateral[1](c4) + F.interpolate(p5, scale_factor=2.0)
        p3 = self.lateral[0](c3) + F.interpolate(p4, scale_factor=2.0)
        p6 = self.p6(c5)
        levels = [o(p) for o, p in zip(self.output, (p3, p4, p5), strict=True)]
        levels += [p6, self.p7(F.relu(p6))]

        def rows(head: Any, width: int) -> Any:
            return torch.cat(
                [
                    head(p).permute(0, 2, 3, 1).reshape(len(images), -1, width)
                    for p in levels
                ],
                1,
            )

        return rows(self.boxes, 4), rows(self.classes, self.num_classes)


def anchors(size: int) -> Any:
    """Returns those of the levels 3 to 7, "xyxy", clipped."""
    found = []
    for level in range(3, 8):
        stride, count = 2**level, math.ceil(size / 2**level)
        centre = torch.arange(count) * stride + stride / 2
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        shapes = [
            (4 * stride * scale * ratio**0.5, 4 * stride * scale / ratio**0.5)
            for scale in (1, 2 ** (1 / 3), 2 ** (2 / 3))
            for ratio in (0.5, 1, 2)
        ]
        w, h = torch.tensor(shapes).T
        x, y = x[..., None], y[..., None]
        found.append(
            torch.stack((x - w / 2, y - h / 2, x + w / 2, y + h / 2), -1).reshape(-1, 4)
        )
    return torch.cat(found).clamp(0, size)


def overlaps(first: Any, second: Any) -> Any:
    """Returns intersection over union of all pairs."""
    corner = torch.maximum(first[:, None, :2], second[None, :, :2])
    other = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    inner = (other - corner).clamp(min=0).prod(-1)
    area = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (first, second)]
    return inner / (area[0][:, None] + area[1] - inner)


def retinanet_loss(outputs: Any, places: Any, boxes: Any, classes: Any) -> Any:
    """Focal and smooth absolute loss over the number of matched anchors."""
    deltas, logits = outputs
    total = positives = 0.0
    for b in range(len(boxes)):
        overlap, best = overlaps(places, boxes[b]).max(1)
        match, counts = overlap >= 0.5, (overlap >= 0.5) | (overlap < 0.4)
        true = torch.zeros_like(logits[b])
        true[match, classes[b][best[match]]] = 1
        ours, goal = places[match], boxes[b][best[match]]
        size = ours[:, 2:] - ours[:, :2]
        move = (goal[:, :2] + goal[:, 2:] - ours[:, :2] - ours[:, 2:]) / 2 / size / 0.1
        grow = ((goal[:, 2:] - goal[:, :2]) / size).log() / 0.2
        total = (
            total
            + F.smooth_l1_loss(
                deltas[b][match], torch.cat((move, grow), 1), reduction="sum"
            )
            / 4
        )
        x, t = logits[b][counts], true[counts]
        p = x.sigmoid()
        missed = p + t - 2 * p * t
        weight = 0.75 - 0.5 * t
        entropy = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        total = total + (weight * missed**2 * entropy).sum()
        positives += int(match.sum())
    return total / max(positives, 1)


def retinanet_boxes(outputs: Any, places: Any) -> tuple[Any, Any]:
    """Returns boxes "xyxy" and probabilities."""
    deltas, logits = outputs
    size = places[:, 2:] - places[:, :2]
    centre = (places[:, 2:] + places[:, :2]) / 2 + deltas[..., :2] * 0.1 * size
    size = size * (deltas[..., 2:] * 0.2).exp()
    return torch.cat((centre - size / 2, centre + size / 2), -1), logits.sigmoid()


# --- YOLOv8 ---------------------------------------------------------------------------


class Conv(nn.Module):
    """A convolution, its norm and its activation."""

    def __init__(self, channels: int, filters: int, size: int = 3, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(filters, 1e-3, 0.03)

    def forward(self, x: Any) -> Any:
        return F.silu(self.norm(self.conv(x)), inplace=True)


class C2f(nn.Module):
    """A block that keeps what each of its bottlenecks gives."""

    def __init__(self, channels: int, filters: int, depth: int, shortcut: bool):
        super().__init__()
        self.half, self.shortcut = filters // 2, shortcut
        self.first = Conv(channels, filters, 1)
        self.parts = nn.ModuleList(
            nn.Sequential(Conv(self.half, self.half), Conv(self.half, self.half))
            for _ in range(depth)
        )
        self.last = Conv((2 + depth) * self.half, filters, 1)

    def forward(self, x: Any) -> Any:
        maps = list(self.first(x).split(self.half, 1))
        for part in self.parts:
            y = part(maps[-1])
            maps.append(maps[-1] + y if self.shortcut else y)
        return self.last(torch.cat(maps, 1))


class YOLOv8(nn.Module):
    """Backbone, neck and head of given widths and depths."""

    def __init__(
        self, num_classes: int, widths: tuple[int, ...], depths: tuple[int, ...]
    ) -> None:
        super().__init__()
        a, b, c, d = widths
        self.num_classes = num_classes
        self.stem = nn.Sequential(Conv(3, a // 2, 3, 2), Conv(a // 2, a, 3, 2))
        self.stages = nn.ModuleList(
            nn.Sequential(
                *([Conv(before, width, 3, 2)] if index else []),
                C2f(width, width, depth, True),
            )
            for index, (before, width, depth) in enumerate(
                zip((a, a, b, c), widths, depths, strict=True)
            )
        )
        self.pool_in, self.pool_out = Conv(d, d // 2, 1), Conv(2 * d, d, 1)
        depth = depths[0]
        self.down4, self.down3 = (
            C2f(c + d, c, depth, False),
            C2f(b + c, b, depth, False),
        )
        self.halve3, self.halve4 = Conv(b, b, 3, 2), Conv(c, c, 3, 2)
        self.up4, self.up5 = C2f(b + c, c, depth, False), C2f(c + d, d, depth, False)
        box, label = max(64, b // 4), max(b, min(num_classes, 100))
        self.boxes, self.classes = (
            nn.ModuleList(
                nn.Sequential(
                    Conv(width, inner), Conv(inner, inner), nn.Conv2d(inner, out, 1)
                )
                for width in (b, c, d)
            )
            for inner, out in ((box, 64), (label, num_classes))
        )

    def forward(self, images: Any) -> tuple[Any, Any]:
        x = self.stem(images / 255)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        pools = [self.pool_in(x)]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        c5, c4, c3 = self.pool_out(torch.cat(pools, 1)), maps[2], maps[1]
        p4 = self.down4(torch.cat((F.interpolate(c5, scale_factor=2.0), c4), 1))
        p3 = self.down3(torch.cat((F.interpolate(p4, scale_factor=2.0), c3), 1))
        p4 = self.up4(torch.cat((self.halve3(p3), p4), 1))
        p5 = self.up5(torch.cat((self.halve4(p4), c5), 1))

        def rows(heads: Any, width: int) -> Any:
            return torch.cat(
                [
                    head(p).permute(0, 2, 3, 1).reshape(len(images), -1, width)
                    for head, p in zip(heads, (p3, p4, p5), strict=True)
                ],
                1,
            )

        return rows(self.boxes, 64), rows(self.classes, self.num_classes)


def points(size: int) -> tuple[Any, Any]:
    """Returns the places of the levels of strides 8, 16 and 32, and their strides."""
    found, strides = [], []
    for stride in (8, 16, 32):
        centre = torch.arange(0, size, stride) + stride / 2
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        found.append(torch.stack((x, y), -1).reshape(-1, 2))
        strides.append(torch.full((len(found[-1]),), float(stride)))
    return torch.cat(found), torch.cat(strides)[:, None]


def yolo_boxes(outputs: Any, places: Any) -> tuple[Any, Any]:
    """Returns boxes "xyxy" and probabilities."""
    sides, logits = outputs
    shares = sides.unflatten(-1, (4, 16)).softmax(-1)
    distances = shares @ torch.arange(16.0) * places[1]
    first, last = distances.split(2, -1)
    return torch.cat((places[0] - first, places[0] + last), -1), logits.sigmoid()


def ciou(first: Any, second: Any) -> Any:
    """Returns complete intersection over union of boxes one by one."""
    size = [b[..., 2:] - b[..., :2] for b in (first, second)]
    corner = torch.maximum(first[..., :2], second[..., :2])
    other = torch.minimum(first[..., 2:], second[..., 2:])
    inner = (other - corner).clamp(min=0).prod(-1)
    iou = inner / (size[0].prod(-1) + size[1].prod(-1) - inner + 1e-7)
    hull = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(
        first[..., :2], second[..., :2]
    )
    apart = first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]
    angles = [torch.atan(s[..., 0] / (s[..., 1] + 1e-7)) for s in size]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    with torch.no_grad():
        alpha = v / (v - iou + 1 + 1e-7)
    diagonal = (hull**2).sum(-1) + 1e-7
    return iou - (apart**2).sum(-1) / 4 / diagonal - alpha * v


def yolo_loss(outputs: Any, places: Any, boxes: Any, classes: Any) -> Any:
    """Task-aligned targets; boxes, distributions and classes with their weights."""
    sides, logits = outputs
    spots, strides = places
    found, scores = yolo_boxes(outputs, places)
    with torch.no_grad():
        batch, count = boxes.shape[:2]
        label = classes[..., None].expand(-1, -1, len(spots))
        score = scores.transpose(1, 2).gather(1, label)
        overlap = ciou(boxes[:, :, None], found[:, None]).clamp(min=0)
        near = spots[None, None] - boxes[:, :, None, :2]
        far = boxes[:, :, None, 2:] - spots[None, None]
        inside = torch.cat((near, far), -1).amin(-1) > 1e-9
        align = score**0.5 * overlap**6 * inside
        top = align.topk(10, -1).indices
        chosen = torch.zeros_like(align).scatter_(-1, top, 1.0) * inside
        several = chosen.sum(1, keepdim=True) > 1
        best = F.one_hot((overlap * inside).argmax(1), count).transpose(1, 2)
        chosen = torch.where(several, best.to(chosen.dtype) * inside, chosen)
        foreground = chosen.sum(1) > 0
        owner = chosen.argmax(1)
        target = boxes.gather(1, owner[..., None].expand(-1, -1, 4))
        align = align * chosen
        most = align.amax(-1, keepdim=True)
        share = (
            align * (overlap * chosen).amax(-1, keepdim=True) / (most + 1e-9)
        ).amax(1)
        labels = classes.gather(1, owner)
        true = F.one_hot(labels, logits.shape[-1]) * (share * foreground)[..., None]
        total = true.sum().clamp(min=1)
    loss = F.binary_cross_entropy_with_logits(logits, true, reduction="sum") * 0.5
    weight = true.sum(-1)[foreground]
    goal = target[foreground]
    loss = loss + 7.5 * ((1 - ciou(goal, found[foreground])) * weight).sum()
    spot = spots.expand(batch, -1, -1)[foreground]
    stride = strides.expand(batch, -1, -1)[foreground]
    distance = torch.cat((spot - goal[:, :2], goal[:, 2:] - spot), 1) / stride
    distance = distance.clamp(0, 14.99)
    low = distance.long()
    high = distance - low
    logs = sides[foreground].unflatten(-1, (4, 16)).log_softmax(-1)
    spread = -(
        logs.gather(-1, low[..., None])[..., 0] * (1 - high)
        + logs.gather(-1, low[..., None] + 1)[..., 0] * high
    ).mean(-1)
    return (loss + 1.5 * (spread * weight).sum()) / total


# --- both -----------------------------------------------------------------------------


def suppress(
    boxes: Any, scores: Any, confidence: float, overlap: float, most: int = 100
) -> list[tuple[Any, Any, Any]]:
    """Returns boxes, confidences and classes of each image, of any class."""
    kept = []
    for box, score in zip(boxes, scores, strict=True):
        best, label = score.max(-1)
        order = best.argsort(descending=True)[: int((best > confidence).sum())]
        order = order[:1000]
        candidates, chosen = box[order], []
        alive = torch.ones(len(order), dtype=torch.bool)
        together = overlaps(candidates, candidates) > overlap
        for index in range(len(order)):
            if alive[index]:
                chosen.append(index)
                if len(chosen) == most:
                    break
                alive &= ~together[index]
        rows = order[chosen]
        kept.append((box[rows], best[rows], label[rows]))
    return kept
