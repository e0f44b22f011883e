"""Writes a model for programs that know no Keras."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from domain_core.arguments import check_choices

# Backends that write each format. What else Keras writes needs packages of its own, and
# nobody has tried it with our models.
FORMATS = {
    "tf_saved_model": ("tensorflow", "jax"),
    "onnx": ("torch",),
    "torch": ("torch",),
}
# Axes that stay free: torch takes what it sees 0 or 1 times for what is always so.
_EXAMPLE_SIZE = 2

Shape = tuple[int | str, ...]


def check_format(format: str) -> None:
    """Raises ValueError if this backend can't write files of a format."""
    backend = keras.backend.backend()
    check_choices(format=(format, tuple(FORMATS)))
    if backend not in FORMATS[format]:
        raise ValueError(
            f"Expected a format that {backend} writes, "
            f"{[name for name, able in FORMATS.items() if backend in able]}, received "
            f"{format!r}. Save the model, and load and export it where the "
            f"environment variable KERAS_BACKEND is one of {list(FORMATS[format])}."
        )


def needs_sizes() -> bool:
    """Whether this backend writes models only for maps of a known size."""
    return keras.backend.backend() != "tensorflow"


def write_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: str,
    shapes: Mapping[str, Shape],
    verbose: bool = False,
) -> None:
    """Writes a model that gives a dict of tensors.

    Args:
        model: of one input, or of a dict.
        filepath: of the folder or file.
        format: one of `FORMATS` for which `check_format` raises nothing.
        shapes: of each input by name, of sizes, and of names of those that stay free:
            axes of one name are as long as each other, and have one entry at least.
        verbose: whether to say what is done.
    """
    if format == "tf_saved_model":
        _write_saved_model(model, filepath, shapes, verbose)
    else:
        _write_torch_program(model, filepath, format, shapes, verbose)


def _write_saved_model(
    model: keras.Model,
    filepath: Any,
    shapes: Mapping[str, Shape],
    verbose: bool,
) -> None:
    options: dict[str, Any] = {}
    if keras.backend.backend() == "jax":
        symbols = {
            name: f"({', '.join(map(str, shape))},)" for name, shape in shapes.items()
        }
        options["jax2tf_kwargs"] = {
            "native_serialization": True,
            "polymorphic_shapes": [_as_input(model, symbols)],
            # A loop whose length depends on what it finds has none.
            "with_gradient": False,
        }
    specs = {
        name: keras.InputSpec(
            shape=tuple(x if isinstance(x, int) else None for x in shape),
            dtype=_dtype(model, name),
            name=name,
        )
        for name, shape in shapes.items()
    }
    with warnings.catch_warnings():
        # Of an option that Keras passes to JAX, whatever it is told.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.export(
            filepath,
            format="tf_saved_model",
            verbose=verbose,
            input_signature=[_as_input(model, specs)],
            **options,
        )


def _write_torch_program(
    model: keras.Model,
    filepath: Any,
    format: str,
    shapes: Mapping[str, Shape],
    verbose: bool,
) -> None:
    """Writes ONNX or a program of torch.

    Keras falls back to a way that follows one example if that of the compiler fails: it
    would stop a loop where that of the example stops.
    """
    import torch

    names = list(model.output)

    class Program(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            given = _as_input(model, dict(zip(shapes, inputs, strict=True)))
            found = self.model(given, training=False)
            return {name: found[name] for name in names}

    free = list(
        dict.fromkeys(x for s in shapes.values() for x in s if isinstance(x, str))
    )
    # All different, so that none is taken for another.
    sizes = {name: _EXAMPLE_SIZE + place for place, name in enumerate(free)}
    examples = tuple(
        keras.ops.zeros(
            [x if isinstance(x, int) else sizes[x] for x in shape],
            dtype=_dtype(model, name),
        )
        for name, shape in shapes.items()
    )
    dynamic = tuple(
        {
            axis: torch.export.Dim.DYNAMIC
            for axis, size in enumerate(shape)
            if isinstance(size, str)
        }
        for shape in shapes.values()
    )
    with torch.no_grad(), _free_batch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            Program().eval(),
            examples,
            dynamic_shapes={"inputs": dynamic},
            strict=False,
        )
        if format == "torch":
            torch.export.save(program, Path(filepath))
            return
        onnx = torch.onnx.export(
            program,
            examples,
            dynamo=True,
            verbose=verbose,
            input_names=list(shapes),
            output_names=names,
        )
        onnx.save(os.fspath(filepath))


def _as_input(model: keras.Model, values: Mapping[str, Any]) -> Any:
    """Returns what a model takes: a dict, or the one value of it."""
    if isinstance(model.input, Mapping):
        return dict(values)
    [value] = values.values()
    return value


def _dtype(model: keras.Model, name: str) -> str:
    inputs = model.input
    return (inputs[name] if isinstance(inputs, Mapping) else inputs).dtype


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
