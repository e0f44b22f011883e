"""Images with everything that is said about them, in one form for all layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self

PADDING = -1.0


@dataclasses.dataclass(frozen=True)
class Batch:
    """A batch of samples; what is None is not there.

    `B` samples, `N` boxes, `K` keypoints. Nothing in it is ever written to.

    Attributes:
        engine: of the arrays.
        images: `(B, H, W, C)`; on the host also a list of `(H, W, C)`.
        sizes: float32 `(B, 2)`, heights and widths of the images in pixels.
        labels: `(B,)` or `(B, classes)`.
        boxes: float32 `(B, N, 4)` in the user's format.
        box_labels: what belongs to each box, `(B, N)` or `(B, N, classes)`, by name;
            padding has the class -1.
        keypoints: float32 `(B, K, 2 or more)`, x and y in pixels come first; padding is
            -1 in both.
        masks: like `images`.
        others: what no layer looks at, by name.
    """

    engine: Any
    images: Any
    sizes: Any
    labels: Any = None
    boxes: Any = None
    box_labels: dict[str, Any] = dataclasses.field(default_factory=dict)
    keypoints: Any = None
    masks: Any = None
    others: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def replace(self, **changes: Any) -> Self:
        """Returns a batch with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def map(self, function: Callable[[Any], Any]) -> Self:
        """Applies a function to the arrays of each kind but `others`."""
        changes = {
            name: function(value)
            for name in ("images", "sizes", "labels", "boxes", "keypoints", "masks")
            if (value := getattr(self, name)) is not None
        }
        box_labels = {name: function(value) for name, value in self.box_labels.items()}
        return self.replace(**changes, box_labels=box_labels)

    @property
    def padding(self) -> Any:
        """Which boxes are padding, bool `(B, N)`."""
        classes = self.box_labels["classes"]
        if len(classes.shape) == 3:
            return self.engine.ops.all(classes == PADDING, axis=-1)
        return classes == PADDING
