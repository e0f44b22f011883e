"""What an image encoder made of images, to be asked many times."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any, Self

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class ImageEmbeddings:
    """Embeddings of images, with what it takes to put prompts to them.

    Plain arrays: they can be kept in a file, and sliced as the images were.

    Args:
        features: `(B, h, w, D)`, float32.
        placements: `(B, 6)`, see `SegmentAnythingPreprocessor.convert`.
        encoder: a number that stands for the weights of the encoder.
        is_single: whether they are of one image that came without a list.
    """

    features: np.ndarray
    placements: np.ndarray
    encoder: int
    is_single: bool = False

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: Any) -> Self:
        """Returns those of some of the images; an int gives those of a single one."""
        is_single = isinstance(index, int | np.integer)
        rows = [index] if is_single else index
        return dataclasses.replace(
            self,
            features=self.features[rows],
            placements=self.placements[rows],
            is_single=is_single,
        )

    def as_samples(self) -> dict[str, np.ndarray]:
        """Returns what stands for "images" in a dict of samples, for any dataset."""
        return {"image_embeddings": self.features, "placements": self.placements}

    @property
    def image_sizes(self) -> list[tuple[int, int]]:
        """Heights and widths of the images as they came."""
        return [(int(h), int(w)) for h, w in self.placements[:, 4:]]


def encoder_number(backbone: keras.Model) -> int:
    """Returns a number that tells encoders of other weights apart.

    It is that of the first and the last kernel, which training changes too.
    """
    kernels = [w for w in backbone.weights if len(w.shape) > 1]
    number = 0
    for weight in (kernels[0], kernels[-1]):
        number = zlib.crc32(keras.ops.convert_to_numpy(weight).tobytes(), number)
    return number


def check_embeddings(embeddings: ImageEmbeddings, backbone: keras.Model) -> None:
    """Raises ValueError if embeddings are not those that a backbone makes now."""
    expected = tuple(backbone.output.shape[1:])
    if (
        embeddings.encoder != encoder_number(backbone)
        or embeddings.features.shape[1:] != expected
    ):
        raise ValueError(
            "Expected embeddings that this model made, received those of another "
            "backbone, or made before it was trained or loaded. Call `embed` again."
        )
