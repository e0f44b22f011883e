"""What is asked of an image: points, boxes and masks, in the image's own pixels.

Shapes: `P` sets of prompts, which is objects; `N` points in each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from domain_core.pipeline.samples import as_numpy
from keras_cv.models.segment_anything.prompt_encoder import HAS_MASKS

# Axes of each prompt of one object.
_RANKS = {"points": 2, "labels": 1, "boxes": 1, "masks": 2}
PADDING = -1
_FEWEST_POINTS = 4


@dataclasses.dataclass(frozen=True)
class Prompts:
    """The prompts of one image, in the pixels that a model takes.

    Args:
        points: float32 `(P, N, 2)`, x and y.
        labels: int32 `(P, N)`: 1, 0, or -1 where there is no point.
        boxes: float32 `(P, M, 2, 2)`, two corners; `M` is 1 if there are any, else 0.
        masks: float32 `(P, m, 4 * h, 4 * w, 1)`, logits; `m` likewise.
        has_masks: which of the sets have one, bool `(P,)`.
        is_single: whether they came without the axis `P`.
    """

    points: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray
    has_masks: np.ndarray
    is_single: bool = False

    def __len__(self) -> int:
        return len(self.points)

    @property
    def is_asked(self) -> np.ndarray:
        """Whether a set has any prompt, or is padding: bool `(P,)`."""
        return (
            (self.labels != PADDING).any(axis=1)
            | (self.boxes != PADDING).any(axis=(1, 2, 3))
            | self.has_masks
        )

    def __getitem__(self, rows: slice) -> Self:
        """Returns some of the sets."""
        return dataclasses.replace(
            self,
            points=self.points[rows],
            labels=self.labels[rows],
            boxes=self.boxes[rows],
            masks=self.masks[rows],
            has_masks=self.has_masks[rows],
        )

    def as_inputs(self) -> dict[str, np.ndarray]:
        """Returns what a `SegmentAnythingModel` takes, without empty masks."""
        inputs = {"points": self.points, "labels": self.labels, "boxes": self.boxes}
        if self.masks.shape[1]:
            inputs |= {"masks": self.masks, HAS_MASKS: self.has_masks}
        return inputs


def read_prompts(
    placement: np.ndarray,
    mask_size: tuple[int, int],
    *,
    points: Any = None,
    labels: Any = None,
    boxes: Any = None,
    masks: Any = None,
    name: str = "",
    allows_padding: bool = False,
) -> Prompts:
    """Checks the prompts of one image, and moves them to where the model sees it.

    Args:
        placement: `(6,)` of the image, see `SegmentAnythingPreprocessor.convert`.
        mask_size: height and width of masks that go in.
        points: `(P, N, 2)`, `(N, 2)` for one object, or `(2,)` for one point, x and y
            in the image's pixels; lists of points may be of different lengths.
        labels: `(P, N)`, or as many axes fewer: 1 for the object, 0 for the background,
            -1 for a point that does not count. None for 1.
        boxes: `(P, 4)` or `(4,)`: left, top, right, bottom; -1 four times for none.
        masks: `(P, *mask_size)` or `mask_size`: logits of a call before.
        name: what to call the image in errors, " of image 3".
        allows_padding: whether there may be sets without a prompt, as in batches.

    Raises:
        ValueError: if there are none, they do not fit each other or the image.
    """
    found = {"points": points, "labels": labels, "boxes": boxes, "masks": masks}
    found = {key: value for key, value in found.items() if value is not None}
    if not set(found) - {"labels"}:
        raise ValueError(
            f"Expected points, boxes or masks{name}, received "
            f"{'labels alone' if found else 'none'}. Pass some; `generate_masks` finds "
            "all objects of an image without."
        )
    if "points" in found:
        found["points"], found["labels"] = _as_points(points, labels, name)
    elif "labels" in found:
        raise ValueError(f"Expected labels{name} with points, received them alone.")
    for key in ("boxes", "masks"):
        if key in found:
            found[key] = _as_array(found[key], key, name)
    is_single = all(np.ndim(x) == _RANKS[key] for key, x in found.items())
    for key, value in found.items():
        found[key] = value if np.ndim(value) > _RANKS[key] else value[None]
    number = _number_of_sets(found, name)
    placed = _Placement(placement, name)
    empty = {
        "points": np.zeros((number, 0, 2), "float32"),
        "labels": np.zeros((number, 0), "int32"),
        "boxes": np.zeros((number, 0, 2, 2), "float32"),
        "masks": np.zeros((number, 0, *mask_size, 1), "float32"),
        "has_masks": np.full(number, "masks" in found),
    }
    if "points" in found:
        empty["points"] = placed.move_points(found["points"], found["labels"])
        empty["labels"] = found["labels"]
    if "boxes" in found:
        empty["boxes"] = placed.move_boxes(found["boxes"])[:, None]
    if "masks" in found:
        empty["masks"] = _checked_masks(found["masks"], mask_size, name)
    prompts = Prompts(**empty, is_single=is_single)
    if not allows_padding:
        _check_some(prompts, name)
    return prompts


def joined_prompts(prompts: Sequence[Prompts]) -> Prompts:
    """Joins the prompts of several images into rows, one for each set.

    Args:
        prompts: of each image.
    """
    # Few sizes to compile for: padding changes nothing.
    number = max(_FEWEST_POINTS, *(p.points.shape[1] for p in prompts))
    number = 1 << (number - 1).bit_length()
    most = max(p.masks.shape[1] for p in prompts)

    def fill(array: np.ndarray, length: int) -> np.ndarray:
        around = [(0, 0)] * array.ndim
        around[1] = (0, length - array.shape[1])
        return np.pad(array, around, constant_values=PADDING)

    return Prompts(
        np.concatenate([fill(p.points, number) for p in prompts]),
        np.concatenate([fill(p.labels, number) for p in prompts]),
        np.concatenate([fill(p.boxes, 1) for p in prompts]),
        np.concatenate([fill(p.masks, most) for p in prompts]),
        np.concatenate([p.has_masks for p in prompts]),
    )


def _as_points(points: Any, labels: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns points and labels as arrays, filled up where lengths differ."""
    if _is_ragged(points):
        sets = [_as_set(one, f"{name}, object {i}") for i, one in enumerate(points)]
        length = max(len(one) for one in sets)
        if labels is None:
            labels = [np.ones(len(one)) for one in sets]
        if [len(one) for one in labels] != [len(one) for one in sets]:
            raise ValueError(
                f"Expected a label for each point{name}, received "
                f"{[len(one) for one in labels]} labels for "
                f"{[len(one) for one in sets]} points."
            )
        points = np.full((len(sets), length, 2), PADDING, "float32")
        filled = np.full((len(sets), length), PADDING, "float32")
        for i, one in enumerate(sets):
            points[i, : len(one)] = one
            filled[i, : len(one)] = labels[i]
        labels = filled
    points = _as_array(points, "points", name)
    if points.ndim == 1:
        points = points[None]
        labels = None if labels is None else np.reshape(labels, (-1,))
    if points.ndim not in (2, 3) or points.shape[-1] != 2:
        raise ValueError(
            f"Expected points{name} of the shape (objects, points, 2), or without the "
            f"first axis for one object, received {points.shape}."
        )
    if labels is None:
        labels = np.ones(points.shape[:-1], "int32")
    labels = _as_array(labels, "labels", name)
    if labels.shape != points.shape[:-1]:
        raise ValueError(
            f"Expected a label for each point{name}, of the shape "
            f"{points.shape[:-1]}, received {labels.shape}."
        )
    if not np.isin(labels, (1, 0, PADDING)).all():
        raise ValueError(
            f"Expected labels{name} to be 1 for the object, 0 for the background or -1 "
            f"for a point that does not count, received {np.unique(labels).tolist()}."
        )
    return points, labels.astype("int32")


def _is_ragged(points: Any) -> bool:
    """Whether points are lists of different lengths, which are no array."""
    try:
        as_numpy(points)
    except (TypeError, ValueError):
        return isinstance(points, list | tuple)
    return False


def _as_set(points: Any, name: str) -> np.ndarray:
    """Returns the points `(N, 2)` of one object, of which there may be none."""
    array = _as_array(points, "points", name)
    if array.shape == (0,):
        return np.zeros((0, 2), "float32")
    if array.ndim != 2 or array.shape[-1] != 2:
        raise ValueError(
            f"Expected points{name} of the shape (points, 2), received {array.shape}."
        )
    return array


def _as_array(value: Any, key: str, name: str) -> np.ndarray:
    try:
        array = as_numpy(value).astype("float32")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected {key}{name} to be numbers, received {value!r:.200}."
        ) from error
    if not np.isfinite(array).all():
        raise ValueError(
            f"Expected {key}{name} to be finite numbers, received NaN or infinity."
        )
    return array


def _number_of_sets(found: dict[str, np.ndarray], name: str) -> int:
    ranks = {key: x.ndim for key, x in found.items() if x.ndim != _RANKS[key] + 1}
    if ranks:
        key = next(iter(ranks))
        raise ValueError(
            f"Expected {key}{name} to have {_RANKS[key]} axes for one object or "
            f"{_RANKS[key] + 1} for several, received the shape {found[key].shape}."
        )
    numbers = {key: len(x) for key, x in found.items()}
    if len(set(numbers.values())) != 1 or not min(numbers.values()):
        raise ValueError(
            f"Expected prompts{name} of as many objects each, received {numbers}. The "
            "first axis is that of objects."
        )
    return len(next(iter(found.values())))


def _check_some(prompts: Prompts, name: str) -> None:
    empty = ~prompts.is_asked
    if empty.any():
        raise ValueError(
            f"Expected a point, a box or a mask for each object{name}, received "
            f"padding alone, which is -1, for object {int(np.argmax(empty))}."
        )


def _checked_masks(masks: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    if masks.shape[1:] != size:
        raise ValueError(
            f"Expected masks{name} of {size[0]} x {size[1]} logits, such as "
            f'"low_res_masks" of an earlier prediction, received {masks.shape[1:]}.'
        )
    return masks[:, None, ..., None]


class _Placement:
    """Where an image lies in the input of a model."""

    def __init__(self, placement: np.ndarray, name: str) -> None:
        self._scale, self._shift = placement[:2], placement[2:4]
        self._height, self._width = (float(x) for x in placement[4:])
        self._name = name

    def move_points(self, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        limits = np.array([self._width, self._height])
        outside = (labels != PADDING) & ((points < 0) | (points > limits)).any(-1)
        if outside.any():
            place = points[tuple(np.argwhere(outside)[0])]
            raise ValueError(
                f"Expected points{self._name} within the image, x in [0, "
                f"{self._width:g}] and y in [0, {self._height:g}], received "
                f"{place.tolist()}."
            )
        moved = points * self._scale + self._shift
        is_padding = (labels == PADDING)[..., None]
        return np.where(is_padding, PADDING, moved).astype("float32")

    def move_boxes(self, boxes: np.ndarray) -> np.ndarray:
        if boxes.shape[-1] != 4:
            raise ValueError(
                f"Expected boxes{self._name} of 4 numbers, left, top, right and "
                f"bottom, received the shape {boxes.shape}."
            )
        corners = boxes.reshape(-1, 2, 2)
        is_padding = (corners == PADDING).all(axis=(1, 2))
        limits = np.array([self._width, self._height])
        cut = np.clip(corners, 0, limits)
        empty = (cut[:, 0] >= cut[:, 1]).any(-1) & ~is_padding
        if empty.any():
            raise ValueError(
                f"Expected boxes{self._name} of left, top, right and bottom, left and "
                "top the smaller numbers, which the image of "
                f"{self._width:g} x {self._height:g} pixels has a part in; received "
                f"{boxes[int(np.argmax(empty))].tolist()}."
            )
        moved = cut * self._scale + self._shift
        return np.where(is_padding[:, None, None], PADDING, moved).astype("float32")
