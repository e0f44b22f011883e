"""Which shapes and dtypes of images, and of what belongs to them, fit together.

They are checked as far as a graph knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core.images.image_inputs import check_dtype, check_shape

IMAGES, LABELS, BOXES = "images", "labels", "bounding_boxes"
MASKS, KEYPOINTS, TARGETS = "segmentation_masks", "keypoints", "targets"

Shape = tuple[int | None, ...]


class SampleShapes:
    """Raises ValueError if labels do not fit to images.

    Args:
        images: shape of the images, with the axis of the batch or without.
    """

    def __init__(self, images: Shape) -> None:
        self._images = images
        self._lead = images[:-3]

    def check(self, name: str, values: Any) -> None:
        """Checks tensors of a name; those of boxes are a dict."""
        if name == BOXES:
            rows = box_dict(values)
            for key, value in rows.items():
                check_numbers(value, key)
            self.check_boxes({key: shape_of(x, key) for key, x in rows.items()})
            return
        shape = shape_of(values, name)
        if name in (LABELS, TARGETS):
            self.check_labels(shape, name)
            return
        check_numbers(values, name)
        check = self.check_masks if name == MASKS else self.check_points
        check(shape, name)

    def check_labels(self, shape: Shape, name: str) -> None:
        self._check(shape, name, *([None] * (len(shape) > len(self._lead))))

    def check_boxes(self, shapes: Mapping[str, Shape]) -> None:
        self._check(shapes["boxes"], "boxes", None, 4)
        count = shapes["boxes"][-2]
        for name, shape in shapes.items():
            if name != "boxes":
                one_hot = [None] * (len(shape) > len(self._lead) + 1)
                self._check(shape, name, count, *one_hot)

    def check_points(self, shape: Shape, name: str = KEYPOINTS) -> None:
        self._check(shape, name, None, None)
        if shape[-1] is not None and shape[-1] < 2:
            raise ValueError(
                f'Expected "{name}" as (x, y) per point, received the shape {shape}.'
            )

    def check_masks(self, shape: Shape, name: str = MASKS) -> None:
        self._check(shape, name, *self._images[-3:-1], None)
        if shape[-1] == 0:
            raise ValueError(f'"{name}" have no channels: their shape is {shape}.')

    def _check(self, shape: Shape, name: str, *axes: int | None) -> None:
        expected = (*self._lead, *axes)
        if len(shape) != len(expected) or any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(shape, expected, strict=True)
        ):
            wanted = ", ".join("any" if x is None else str(x) for x in expected)
            raise ValueError(
                f'Expected "{name}" of the shape ({wanted}) for images of the shape '
                f"{self._images}, received {shape}."
            )


def check_tensors(samples: Mapping[str, Any]) -> None:
    """Raises ValueError if tensors of a graph are known to be no samples.

    Args:
        samples: "images" and what belongs to them, dense or ragged.
    """
    check_names(samples)
    images = samples[IMAGES]
    shape = shape_of(images, IMAGES)
    check_shape(shape, f'"{IMAGES}"')
    check_dtype(images.dtype, f'"{IMAGES}"')
    shapes = SampleShapes(shape)
    for name, values in samples.items():
        if name != IMAGES and values is not None:
            shapes.check(name, values)


def check_names(samples: Mapping[str, Any]) -> None:
    """Raises ValueError if there are no images, or two kinds of labels."""
    if IMAGES not in samples:
        raise ValueError(
            f'Expected a dict with "{IMAGES}", received one with {sorted(samples)}.'
        )
    if LABELS in samples and TARGETS in samples:
        raise ValueError(f'Expected one of "{LABELS}" and "{TARGETS}", received both.')


def check_numbers(tensor: Any, name: str) -> None:
    """Raises ValueError if a tensor is of strings."""
    if "string" in str(tensor.dtype):
        raise ValueError(f'Expected "{name}" to be numbers, received strings.')


def shape_of(tensor: Any, name: str) -> Shape:
    """Returns the shape of a tensor, as far as it is known."""
    if getattr(tensor.shape, "rank", 0) is None:
        raise ValueError(
            f'Expected "{name}" to have a known number of axes, received a tensor of '
            "unknown shape. Tell its shape: `tensor.set_shape((None, None, 3))`."
        )
    return tuple(tensor.shape)


def box_dict(boxes: Any) -> dict[str, Any]:
    """Returns boxes with their labels.

    Raises:
        ValueError: if they are none, or have no classes.
    """
    if not isinstance(boxes, Mapping) or not {"boxes", "classes"} <= set(boxes):
        found = sorted(boxes) if isinstance(boxes, Mapping) else type(boxes).__name__
        raise ValueError(
            f'Expected "{BOXES}" to be a dict with "boxes" and "classes", received '
            f"{found}."
        )
    return dict(boxes)
