"""Writes a detector, decoding and suppression included, for programs without Keras."""

from __future__ import annotations

import os
import warnings
from typing import Any

import keras

from domain_core.arguments import check_choices

# Backends that write each format. What else Keras writes needs packages of its own, and
# nobody has tried it with a loop in the graph.
FORMATS = {
    "tf_saved_model": ("tensorflow", "jax"),
    "onnx": ("torch",),
    "torch": ("torch",),
}


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
    backend = keras.backend.backend()
    check_choices(format=(format, tuple(FORMATS)))
    if backend not in FORMATS[format]:
        raise ValueError(
            f"Expected a format that {backend} writes, "
            f"{[name for name, able in FORMATS.items() if backend in able]}, received "
            f"{format!r}. Save the detector, and load and export it where the "
            f"environment variable KERAS_BACKEND is one of {list(FORMATS[format])}."
        )
    if image_size is None and backend != "tensorflow":
        raise ValueError(
            f"Expected the size of the images, which {backend} needs to export. Pass "
            "`image_size=(height, width)`."
        )
    size = image_size or (None, None)
    shape = (None, *size, model.input.shape[-1])
    if format == "tf_saved_model":
        _write_saved_model(model, filepath, shape, verbose)
    else:
        _write_torch_program(model, filepath, format, shape, verbose)


def _write_saved_model(
    model: keras.Model, filepath: Any, shape: tuple[int | None, ...], verbose: bool
) -> None:
    options: dict[str, Any] = {}
    if keras.backend.backend() == "jax":
        # A loop whose length depends on what it finds has no gradient.
        options["jax2tf_kwargs"] = {
            "native_serialization": True,
            "polymorphic_shapes": [f"(batch, {', '.join(map(str, shape[1:]))})"],
            "with_gradient": False,
        }
    images = keras.InputSpec(shape=shape, dtype=model.input.dtype, name="images")
    with warnings.catch_warnings():
        # Of an option that Keras passes to JAX, whatever it is told.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.export(
            filepath,
            format="tf_saved_model",
            verbose=verbose,
            input_signature=[images],
            **options,
        )


def _write_torch_program(
    model: keras.Model,
    filepath: Any,
    format: str,
    shape: tuple[int | None, ...],
    verbose: bool,
) -> None:
    """Writes ONNX or a program of torch.

    Keras falls back to a way that follows one example if that of the compiler fails: it
    would stop suppression where that of the example stops.
    """
    import torch

    names = list(model.output)

    class Program(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, images: Any) -> Any:
            found = self.model(images, training=False)
            return {name: found[name] for name in names}

    # Of batches of one torch would learn that there is always one.
    example = keras.ops.zeros((2, *shape[1:]), dtype=model.input.dtype)
    with torch.no_grad(), _free_batch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            Program().eval(),
            (example,),
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            strict=False,
        )
        if format == "torch":
            torch.export.save(program, os.fspath(filepath))
            return
        onnx = torch.onnx.export(
            program,
            (example,),
            dynamo=True,
            verbose=verbose,
            input_names=["images"],
            output_names=names,
        )
        onnx.save(os.fspath(filepath))


def _free_batch() -> Any:
    """Returns a context in which `take_along_dim` does not fix the size of the batch.

    torch writes its own with the example's sizes as numbers.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class FreeBatch(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.take_along_dim:
                return _take_along_dim(*args, **(kwargs or {}))
            return func(*args, **(kwargs or {}))

    return FreeBatch()


def _take_along_dim(x: Any, indices: Any, dim: int) -> Any:
    dim %= len(x.shape)
    sizes = [
        (length, index) if axis == dim else (index if length == 1 else length,) * 2
        for axis, (length, index) in enumerate(zip(x.shape, indices.shape, strict=True))
    ]
    x, indices = x.expand([a for a, _ in sizes]), indices.expand([b for _, b in sizes])
    return x.gather(dim, indices)
