"""Writes encoder and decoder of Segment Anything for programs without Keras.

Shapes: `B` images, `h` and `w` size of their embeddings; `R` rows, each a set of
prompts of `N` points and `M` boxes.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_cv.models.export_formats import check_format, write_model
from keras_cv.models.segment_anything.prompt_encoder import HAS_MASKS

_ENDINGS = {"tf_saved_model": "", "onnx": ".onnx", "torch": ".pt2"}


def export_segment_anything(
    model: Any,
    folder: str | os.PathLike[str],
    format: str,
    verbose: bool = False,
) -> None:
    """Writes two programs, see `SegmentAnything.export`.

    Args:
        model: a `SegmentAnythingModel`.
        folder: where to write them; it is made if it is not there.
        format: "tf_saved_model", "onnx" or "torch".
        verbose: whether to say what is done.

    Raises:
        ValueError: if this backend can't write such files.
    """
    check_format(format)
    os.makedirs(folder, exist_ok=True)
    for name, make in (("encoder", _encoder), ("decoder", _decoder)):
        program, shapes = make(model)
        path = Path(folder, name + _ENDINGS[format])
        write_model(program, path, format, shapes, verbose)


def _encoder(model: Any) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a model from images to their embeddings, and its inputs' shapes."""
    backbone = model.backbone
    images = keras.Input(
        model.input["images"].shape[1:], dtype=backbone.input.dtype, name="images"
    )
    found = {"image_embeddings": backbone(images)}
    return keras.Model(images, found, name="encoder"), {
        "images": ("batch", *images.shape[1:])
    }


def _decoder(model: Any) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a model from embeddings and prompts to masks, and its inputs' shapes."""
    height, width = model.prompt_encoder.image_embedding_size
    shapes = {
        "image_embeddings": (
            "images",
            height,
            width,
            model.prompt_encoder.embed_dim,
        ),
        "rows": ("rows",),
        "points": ("rows", "points", 2),
        "labels": ("rows", "points"),
        "boxes": ("rows", "boxes", 2, 2),
        "masks": ("rows", 1, 4 * height, 4 * width, 1),
        HAS_MASKS: ("rows",),
    }
    types = {"rows": "int32", "labels": "int32", HAS_MASKS: "bool"}
    inputs = {
        name: keras.Input(
            [x if isinstance(x, int) else None for x in shape[1:]],
            dtype=types.get(name, "float32"),
            name=name,
        )
        for name, shape in shapes.items()
    }
    prompts = dict(inputs)
    embeddings, rows = prompts.pop("image_embeddings"), prompts.pop("rows")
    # As rows of a table: torch would write that there is one row of maps.
    table = ops.reshape(embeddings, (-1, math.prod(embeddings.shape[1:])))
    taken = ops.reshape(ops.take(table, rows, axis=0), (-1, *embeddings.shape[1:]))
    found = model.segment(taken, prompts)
    # In ONNX nothing that goes out has the name of something that goes in.
    found = {"low_res_masks": found["masks"], "scores": found["iou_pred"]}
    return keras.Model(inputs, found, name="decoder"), shapes
