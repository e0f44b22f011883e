"""Applies to each sample of a batch one of several layers, or some in turn."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from domain_core.arrays.operations import map_leaves
from keras_cv.augmentation.apply_transform import move
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.transform import Transform

Parameters = dict[str, Any]


def apply_in_turn(
    batch: Batch, layers: Sequence[Any], choice: Any, parameters: Sequence[Parameters]
) -> Batch:
    """Applies to each sample the layers that were chosen for it, one after another.

    Args:
        batch: the samples.
        layers: augmentations that keep the size of images.
        choice: int32 `(B, steps)`, indices of layers; -1 leaves the sample as it is.
        parameters: of each layer, for all samples, `(B, steps, ...)`.
    """

    def apply(batch: Batch, rows: Any) -> Batch:
        def step(batch: Batch, row: Any) -> Batch:
            return apply_chosen(batch, layers, *row)

        return batch.engine.repeat(step, batch, rows)

    return _in_parts(apply, batch, layers, (choice, list(parameters)))


def apply_once(
    batch: Batch, layers: Sequence[Any], choice: Any, parameters: Sequence[Parameters]
) -> Batch:
    """Applies to each sample one layer; see `apply_chosen`."""
    return _in_parts(
        lambda batch, rows: apply_chosen(batch, layers, *rows),
        batch,
        layers,
        (choice, list(parameters)),
    )


def _in_parts(
    function: Callable[[Batch, Any], Batch],
    batch: Batch,
    layers: Sequence[Any],
    rows: Any,
) -> Batch:
    if any(layer.mixes_samples for layer in layers):
        return function(batch, rows)
    return batch.engine.in_parts(function, batch, rows)


def check_counts(layers: Sequence[Any], batch: Batch) -> None:
    """Raises ValueError if a layer that may be chosen changes the number of boxes."""
    for layer in layers:
        for kind, count in (
            ("boxes", layer.output_boxes),
            ("keypoints", layer.output_keypoints),
        ):
            if getattr(batch, kind) is not None and count(1) != 1:
                raise ValueError(
                    f"{type(layer).__name__} changes how many {kind} an image has, so "
                    "it cannot be applied to some images only. Apply it to all, "
                    "outside of the layer that holds it."
                )


def check_dtypes(layers: Sequence[Any], batch: Batch) -> None:
    """Raises ValueError if a layer that may be chosen changes the dtype of images.

    Args:
        layers: which may be chosen.
        batch: what they would get.
    """
    dtype = keras.backend.standardize_dtype(batch.images[0].dtype)
    for layer in layers:
        changed = layer.dtype_of_images(dtype)
        if changed != dtype:
            raise ValueError(
                f"{type(layer).__name__} makes {changed} images of {dtype} ones, so it "
                "cannot be applied to some images only. Apply it to all, outside of "
                "the layer that holds it."
            )


def apply_chosen(
    batch: Batch, layers: Sequence[Any], choice: Any, parameters: Sequence[Parameters]
) -> Batch:
    """Applies to each sample the layer that was chosen for it.

    Each layer sees its own samples only: where the engine takes one by one, the sample
    takes its layer's branch; elsewhere the samples of a layer are taken out and put
    back. Where neither can be, every layer is applied to all, but that those that move
    images choose among their matrices, and resample once.

    Args:
        batch: the samples.
        layers: augmentations that keep the size of images.
        choice: int32 `(B,)`, index of a layer; -1 leaves the sample as it is.
        parameters: of each layer, for all samples.
    """
    engine, ops = batch.engine, batch.engine.ops
    if engine.takes_branches(batch):
        branches = [
            functools.partial(layer.augment, batch, drawn)
            for layer, drawn in zip(layers, parameters, strict=True)
        ]
        return engine.branch(choice[0] + 1, [lambda: batch, *branches], batch)
    if not engine.takes_out_samples or any(layer.mixes_samples for layer in layers):
        return _select(batch, layers, choice, parameters)
    places, parts = [], []
    for number, (layer, drawn) in enumerate(zip(layers, parameters, strict=True)):
        indices = engine.places_of(choice, number)
        if not len(indices):
            continue
        mine = map_leaves(functools.partial(ops.take, indices=indices, axis=0), drawn)
        places.append(indices)
        parts.append(layer.augment(batch.take(indices), mine))
    return engine.combined(batch, places, parts)


def _select(
    batch: Batch, layers: Sequence[Any], choice: Any, parameters: Sequence[Parameters]
) -> Batch:
    ops = batch.engine.ops
    chosen = batch
    moving: list[tuple[int, Any, Transform]] = []
    for number, (layer, drawn) in enumerate(zip(layers, parameters, strict=True)):
        if layer.only_moves:
            transform = layer.transform(drawn, batch.sizes, ops)
            moving.append((number, layer, transform))
            continue
        chosen = chosen.where(choice == number, layer.augment(batch, drawn))
    for group in _alike(moving):
        _, layer, transform = group[0]
        matrix = transform.matrix
        is_moved = choice == group[0][0]
        for number, _, other in group[1:]:
            mine = choice == number
            matrix = ops.where(mine[:, None, None], other.matrix, matrix)
            is_moved = is_moved | mine
        transform = dataclasses.replace(
            transform,
            matrix=matrix,
            is_exact=all(t.is_exact for *_, t in group),
            is_axis_aligned=all(t.is_axis_aligned for *_, t in group),
            stays_inside=all(t.stays_inside for *_, t in group),
            along=None if len({t.along for *_, t in group}) > 1 else transform.along,
        )
        moved = move(batch, transform, layer.bounding_box_format, type(layer).__name__)
        chosen = chosen.where(is_moved, moved)
    return chosen


def _alike(
    moving: list[tuple[int, Any, Transform]],
) -> list[list[tuple[int, Any, Transform]]]:
    """Groups transforms that differ in their matrices alone."""
    groups: dict[Any, list[tuple[int, Any, Transform]]] = {}
    for entry in moving:
        number, layer, transform = entry
        key: Any = (
            transform.fill_mode,
            transform.fill_value,
            transform.interpolation,
            layer.bounding_box_format,
        )
        if transform.window is not None or not transform.keeps_size:
            key = number
        groups.setdefault(key, []).append(entry)
    return list(groups.values())
