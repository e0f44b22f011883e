"""Writes a detector, decoding and suppression included, for programs without Keras."""

from __future__ import annotations

import os

import keras

from keras_cv.models.export_formats import check_format, needs_sizes, write_model


def export_detection(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: str,
    image_size: tuple[int, int] | None,
    verbose: bool = False,
) -> None:
    """Writes a model from images to a dict of what is in them.

    Args:
        model: from `(B, H, W, C)` to a dict of tensors.
        filepath: of the folder or file.
        format: see `ObjectDetector.export`.
        image_size: height and width that it will take; None for any.
        verbose: whether to say what is done.

    Raises:
        ValueError: if this backend can't write such a file.
    """
    check_format(format)
    if image_size is None and needs_sizes():
        raise ValueError(
            "Expected the size of the images, which all backends but TensorFlow need "
            "to export. Pass `image_size=(height, width)`."
        )
    size = image_size or ("height", "width")
    shape = ("batch", *size, model.input.shape[-1])
    write_model(model, filepath, format, {"images": shape}, verbose)
