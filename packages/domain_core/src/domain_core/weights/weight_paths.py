"""Attribute paths of a model's weights: `blocks.3.attention.query.kernel`.

Automatic names (`dense_7`) and Keras' variable paths depend on what else was built in
the process. The attributes by which a person reaches a weight do not: they are the
contract of saved weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras

# Private attributes in which Keras, torch and TensorFlow keep layers a second time.
_INTERNAL = re.compile(r"__.*|_layers|_metrics|_modules|_tracked|_self_.*")


def paths_of_parts(parts: Mapping[str, Any]) -> dict[str, keras.Variable]:
    """Maps the attribute paths of all weights of some layers to the variables.

    Args:
        parts: built layers or models, by what their paths begin with.
    """
    return {
        f"{name}.{path}": variable
        for name, part in parts.items()
        for path, variable in weight_paths(part).items()
    }


def weight_paths(
    model: keras.Model, exclude: keras.Layer | None = None
) -> dict[str, keras.Variable]:
    """Maps the attribute path of every weight to its variable.

    Seeds, metrics and optimizer state are no weights. A shared layer counts once,
    under the first attribute that holds it.

    Args:
        model: a built model.
        exclude: a part to leave out, such as the backbone of a task.

    Returns:
        Variables by path.

    Raises:
        ValueError: if a weight has no attribute path, or two share one.
    """
    seen = {id(layer) for layer in _flatten(exclude)} if exclude is not None else set()
    paths: dict[str, keras.Variable] = {}
    for path, layer in _walk(model, "", seen):
        parts = [child for _, child in _children(layer)]
        if isinstance(layer, keras.Model):
            parts += layer.layers
        nested = {id(w) for part in parts for w in part.weights}
        for variable in layer.weights:
            if id(variable) in nested:
                continue
            key = f"{path}.{variable.name}".lstrip(".")
            if paths.setdefault(key, variable) is not variable:
                raise ValueError(
                    f"Expected one weight per attribute path; {key!r} of "
                    f"{type(model).__name__} names two. Give the weights of one layer "
                    "different names."
                )
    covered = [*paths.values(), *(exclude.weights if exclude is not None else [])]
    missing = {id(w): w.path for w in model.weights}
    for variable in covered:
        missing.pop(id(variable), None)
    if missing:
        raise ValueError(
            f"Expected every weight of {type(model).__name__} to be reachable by "
            f"attributes; these are not: {sorted(missing.values())[:10]}. Assign "
            "their layers to attributes of the model after `super().__init__`."
        )
    return paths


def layers_of(
    model: keras.Layer, exclude: keras.Layer | None = None
) -> list[keras.Layer]:
    """Returns a model and all layers in it, each once.

    Args:
        model: a model.
        exclude: a part to leave out.
    """
    seen = {id(layer) for layer in _flatten(exclude)} if exclude is not None else set()
    return [layer for _, layer in _walk(model, "", seen)]


def _walk(
    layer: keras.Layer, path: str, seen: set[int]
) -> Iterator[tuple[str, keras.Layer]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    for name, child in _children(layer):
        yield from _walk(child, f"{path}.{name}".lstrip("."), seen)


def _children(layer: keras.Layer) -> Iterator[tuple[str, keras.Layer]]:
    """Yields the layers that a layer holds, by attribute, in alphabetical order."""
    # On torch, attributes that are layers live in `_modules`.
    attributes = {**vars(layer), **vars(layer).get("_modules", {})}
    is_model = isinstance(layer, keras.Model)
    for name in sorted(attributes):
        # A model keeps its graph in private attributes; a layer from elsewhere may
        # keep its parts there (`_query_dense`).
        if name.startswith("_") and (is_model or _INTERNAL.fullmatch(name)):
            continue
        yield from _layers_in(attributes[name], name.lstrip("_"))
    if is_model:
        # Layers of a graph that nobody assigned count if somebody named them.
        for child in layer.layers:
            if not _has_automatic_name(child):
                yield child.name, child


def _layers_in(value: Any, path: str) -> Iterator[tuple[str, keras.Layer]]:
    if isinstance(value, keras.Layer):
        yield path, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _layers_in(item, f"{path}.{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _layers_in(item, f"{path}.{key}")


def _has_automatic_name(layer: keras.Layer) -> bool:
    flat = type(layer).__name__.lower()
    return re.fullmatch(rf"{flat}(_?\d+)?", layer.name.replace("_", "")) is not None


def _flatten(layer: keras.Layer) -> Iterator[keras.Layer]:
    yield layer
    for _, child in _children(layer):
        yield from _flatten(child)
