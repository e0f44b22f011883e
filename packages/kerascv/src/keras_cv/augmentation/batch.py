"""Images with everything that is said about them, in one form for all layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Self

from keras_cv.augmentation.engine import Engine

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
        is_single: whether it was one image without an axis of the batch.
    """

    engine: Engine
    images: Any
    sizes: Any
    labels: Any = None
    boxes: Any = None
    box_labels: dict[str, Any] = dataclasses.field(default_factory=dict)
    keypoints: Any = None
    masks: Any = None
    others: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_single: bool = False

    def __len__(self) -> int:
        return len(self.images)

    def replace(self, **changes: Any) -> Self:
        """Returns a batch with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def map(self, function: Callable[..., Any], *others: Self) -> Self:
        """Applies a function to the arrays of each kind but `others`.

        Args:
            function: takes an array of this batch, and those of the others that belong
                to the same; all have the samples as their first axis.
            others: batches with the same kinds.
        """
        kinds = ("images", "sizes", "labels", "boxes", "keypoints", "masks")
        changes: dict[str, Any] = {
            kind: function(value, *(getattr(other, kind) for other in others))
            for kind in kinds
            if (value := getattr(self, kind)) is not None
        }
        changes["box_labels"] = {
            name: function(value, *(other.box_labels[name] for other in others))
            for name, value in self.box_labels.items()
        }
        return self.replace(**changes)

    @property
    def arrays(self) -> list[Any]:
        """The arrays of each kind but `others`."""
        arrays: list[Any] = []
        self.map(arrays.append)
        return arrays

    def with_arrays(self, arrays: Iterable[Any]) -> Self:
        """Returns a batch with other `arrays`."""
        left = iter(arrays)
        return self.map(lambda _: next(left))

    def take(self, indices: Any) -> Self:
        """Returns the samples at some indices, int32 `(n,)`, without `others`."""
        take = self.engine.take_samples
        return self.map(lambda values: take(values, indices)).replace(others={})

    def where(self, mask: Any, other: Self) -> Self:
        """Returns the batch with the samples of another where a mask `(B,)` is True."""
        ops = self.engine.ops

        def select(values: Any, new: Any) -> Any:
            shape = (-1,) + (1,) * (len(values.shape) - 1)
            return ops.where(ops.reshape(mask, shape), new, values)

        return self.map(select, other)

    @property
    def padding(self) -> Any:
        """Which boxes are padding, bool `(B, N)`."""
        classes = self.box_labels["classes"]
        if len(classes.shape) == 3:
            return self.engine.ops.all(classes == PADDING, axis=-1)
        return classes == PADDING
