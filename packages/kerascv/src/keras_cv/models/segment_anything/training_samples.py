"""Raw images, prompts and true masks to what Segment Anything learns from.

Shapes: `B` images, `P` sets of prompts of an image, `N` points of a set; `H` and `W`
size of an image as it came; `m` and `n` size of the masks that the model gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from domain_core.pipeline.samples import as_numpy
from keras_cv.models.segment_anything.prompt_encoder import HAS_MASKS
from keras_cv.models.segment_anything.prompts import (
    PADDING,
    Prompts,
    joined_prompts,
    read_prompts,
)

PROMPTS = ("points", "labels", "boxes", "masks")
_FROM_PIXELS, _FROM_EMBEDDINGS = {"images"}, {"image_embeddings", "placements"}


def dense_samples(
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    convert: Callable[[Any], tuple[np.ndarray, np.ndarray]],
    image_size: tuple[int, int],
    mask_size: tuple[int, int],
) -> tuple[dict[str, np.ndarray], np.ndarray | None, np.ndarray | None]:
    """Turns a batch of raw samples into arrays of few shapes.

    Images have different numbers of sets: all are filled up to the next power of two
    of the largest, and so are the points of sets.

    Args:
        x: dict of "images", or of "image_embeddings" and "placements" instead; and of
            prompts, see `SegmentAnything.predict`, for each image. Those of size 0 are
            none. In arrays of one shape, sets whose points have label -1 and whose box
            is -1 are padding.
        y: true masks `(P, H, W)` or `(H, W)` of each image; or None.
        sample_weight: `(B,)`, or None.
        convert: from images to pixels and placements, see
            `SegmentAnythingPreprocessor.convert`.
        image_size: height and width of these pixels.
        mask_size: `(m, n)`.

    Returns:
        Inputs of a `SegmentAnythingModel`, with an axis of sets; true masks, uint8 `(B,
        P, m, n)`; and weights, float32 `(B, P)`, 0 for padding. Without `y` two None.

    Raises:
        ValueError: if prompts or masks do not fit to their image, or are of another
            number.
    """
    if not isinstance(x, Mapping):
        raise ValueError(
            'Expected a dict with "images" and prompts, "points", "labels", "boxes" or '
            f'"masks", received {type(x).__name__}.'
        )
    given = set(x) - set(PROMPTS)
    if given not in (_FROM_PIXELS, _FROM_EMBEDDINGS):
        raise ValueError(
            'Expected a dict with "images", or "image_embeddings" and "placements", '
            f"and prompts beside them, {', '.join(PROMPTS)}; received "
            f"{sorted(map(str, x))}. Rename or drop keys."
        )
    inputs: dict[str, np.ndarray] = {}
    if given == _FROM_PIXELS:
        inputs["images"], placements = convert(x["images"])
    else:
        inputs["image_embeddings"] = as_numpy(x["image_embeddings"])
        placements = as_numpy(x["placements"])
    for key, values in [("true masks", y), *((key, x.get(key)) for key in PROMPTS)]:
        if values is not None and len(values) != len(placements):
            raise ValueError(
                f"Expected {key} for each of {len(placements)} images, received "
                f"{len(values)}."
            )
    prompts = [
        _prompts_of(x, index, placement, mask_size, None if y is None else y[index])
        for index, placement in enumerate(placements)
    ]
    numbers = [len(one) for one in prompts]
    most = 1 << (max(1, *numbers) - 1).bit_length()
    rows = np.repeat(np.arange(len(prompts)), numbers)
    columns = np.concatenate([np.arange(number) for number in numbers])

    def spread(array: np.ndarray, value: float) -> np.ndarray:
        whole = np.full((len(prompts), most, *array.shape[1:]), value, array.dtype)
        whole[rows, columns] = array
        return whole

    joined = joined_prompts(prompts)
    for key, array in joined.as_inputs().items():
        inputs[key] = spread(array, 0 if key in ("masks", HAS_MASKS) else PADDING)
    if y is None:
        return inputs, None, None
    scale = np.divide(mask_size, image_size)[::-1]
    masks = [
        _low_masks(
            _true_masks(true, one, placement, f" of image {i}"),
            _areas(placement, scale, mask_size),
        )
        for i, (true, one, placement) in enumerate(
            zip(y, prompts, placements, strict=True)
        )
    ]
    weights = joined.is_asked.astype("float32")
    if sample_weight is not None:
        weights = weights * _weights_of_images(sample_weight, len(prompts))[rows]
    return inputs, spread(np.concatenate(masks), 0), spread(weights, 0)


def _prompts_of(
    x: Mapping[str, Any],
    index: int,
    placement: np.ndarray,
    mask_size: tuple[int, int],
    true: Any,
) -> Prompts:
    """Returns the prompts of an image, no set at all where it has no mask either."""
    found = {key: x[key][index] for key in PROMPTS if x.get(key) is not None}
    found = {key: value for key, value in found.items() if not _is_empty(value)}
    if not found and true is not None and len(true) == 0:
        point = read_prompts(placement, mask_size, points=(0, 0))
        return point[:0]
    return read_prompts(
        placement, mask_size, **found, name=f" of image {index}", allows_padding=True
    )


def _is_empty(prompt: Any) -> bool:
    size = getattr(prompt, "size", None)  # of torch's tensors it is a method
    return (
        prompt is None or (len(prompt) if callable(size) or size is None else size) == 0
    )


def _weights_of_images(sample_weight: Any, number: int) -> np.ndarray:
    weights = np.asarray(as_numpy(sample_weight), "float32")
    if weights.shape != (number,):
        raise ValueError(
            f"Expected a weight for each of {number} images, received the shape "
            f"{weights.shape}."
        )
    return weights


def _true_masks(
    true: Any, prompts: Prompts, placement: np.ndarray, name: str
) -> np.ndarray:
    """Returns checked masks `(P, H, W)` of a numeric dtype, in [0, 1]."""
    try:
        masks = as_numpy(true)
    except ValueError as error:
        raise ValueError(
            f"Expected true masks{name} of one size, received {true!r:.200}."
        ) from error
    if masks.dtype.kind not in "buif":
        raise ValueError(
            f"Expected true masks{name} to be bools or numbers, received an array of "
            f"{masks.dtype}."
        )
    if masks.ndim == 2:
        masks = masks[None]
    height, width = (int(x) for x in placement[4:])
    if masks.shape != (len(prompts), height, width):
        raise ValueError(
            f"Expected a true mask{name} for each of {len(prompts)} sets of prompts, "
            f"of the image's size, {(len(prompts), height, width)}, received "
            f"{masks.shape}."
        )
    # NaN is no number between them either.
    if masks.dtype != bool and not ((masks >= 0) & (masks <= 1)).all():
        raise ValueError(
            f"Expected true masks{name} to be bools, or numbers in [0, 1], received "
            f"{masks.min():g} to {masks.max():g}. Compare them: `masks > 0`."
        )
    return masks


def _areas(
    placement: np.ndarray, scale: np.ndarray, mask_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns how much of each row of the masks each row of an image covers.

    Args:
        placement: `(6,)` of the image.
        scale: of x and y, from the model's pixels to those of the masks.
        mask_size: `(m, n)`.

    Returns:
        Float32 `(m, H)`, and of columns `(n, W)`.
    """
    found = []
    for axis, number in ((1, mask_size[0]), (0, mask_size[1])):  # y, then x
        edges = np.arange(placement[5 - axis] + 1)
        edges = (edges * placement[axis] + placement[2 + axis]) * scale[axis]
        start = np.arange(number)[:, None]
        covered = np.minimum(start + 1, edges[1:]) - np.maximum(start, edges[:-1])
        found.append(np.maximum(covered, 0).astype("float32"))
    return found[0], found[1]


def _low_masks(masks: np.ndarray, areas: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Returns masks where at least half of a pixel's area is covered.

    Args:
        masks: `(P, H, W)`.
        areas: see `_areas`.

    Returns:
        uint8 `(P, m, n)`.
    """
    of_rows, of_columns = areas
    low = np.zeros((len(masks), len(of_rows), len(of_columns)), "float32")
    for target, mask in zip(low, masks, strict=True):
        # Most objects are small: what is empty around them takes no time.
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if len(rows):
            part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            covered = of_rows[:, part[0]] @ mask[part].astype("float32")
            target += covered @ of_columns[:, part[1]].T
    return (low >= 0.5).astype("uint8")
