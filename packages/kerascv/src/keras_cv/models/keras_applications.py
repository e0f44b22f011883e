"""Weights of `keras.applications`, from a model that Keras built.

There is no preset to read: Keras downloads the weights, and the model says all the
rest. A family registers a `KerasApplications` among its converters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import keras
import numpy as np

from domain_core import Backbone, WeightMap, registry, without_initialization
from domain_core.presets.config_map import Config
from domain_core.weights.tensor import to_array
from domain_core.weights.weight_map import Target

Layers = Mapping[str, Any]
AnyBackbone = TypeVar("AnyBackbone", bound=Backbone)

_LAYOUT = "keras_applications"
_PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


@dataclasses.dataclass(frozen=True)
class KerasApplications:
    """How a family reads models of `keras.applications`.

    Names of weights are the layer's, and which of its weights it is, as in the files
    that Keras writes: `conv_bn/vars/0`.

    Args:
        model_type: name of the family.
        config: layers of the model by name to our backbone's arguments, but the shape
            of the input; raises KeyError if they are another family's.
        weights: these arguments to the table of the backbone's weights.
        head_config: layers to the arguments of an `ImageClassifier`, but the activation
            of its output, which is that of a layer called "predictions".
        head: table of the classifier's weights.
    """

    layout: ClassVar[str] = _LAYOUT
    variant: ClassVar[str] = ""

    model_type: str
    config: Callable[[Layers], Config]
    weights: Callable[[Config], Mapping[str, Target]]
    head_config: Callable[[Layers], Config]
    head: Mapping[str, Target]


def read_backbone(cls: type[AnyBackbone], model: keras.Model) -> AnyBackbone:
    """Returns a backbone; see `ImageBackbone.from_keras_applications`.

    Args:
        cls: the family's class, or one below or above it.
        model: a model of `keras.applications`.
    """
    home, converter, config = _find(cls, model)
    with without_initialization():
        backbone = (cls if issubclass(cls, home) else home)(**config)
    tensors = _tensors(model)
    own = {name: tensors[name] for name in tensors if name not in converter.head}
    _assign(converter.weights(config), backbone.weight_paths(), own)
    return backbone


def read_classifier(cls: Any, model: keras.Model, **kwargs: Any) -> Any:
    """Returns a classifier; see `ImageClassifier.from_keras_applications`.

    Args:
        cls: class of the task.
        model: a model of `keras.applications`.
        **kwargs: more arguments of the task.
    """
    home, converter, _ = _find(Backbone, model)
    layers = _layers(model)
    if "predictions" not in layers:
        raise ValueError(
            "Expected a model with a head, made with `include_top=True`, received "
            f"{model.name!r} without. Use `ImageBackbone.from_keras_applications`, and "
            "give the backbone to a new `ImageClassifier`."
        )
    activation = layers["predictions"].activation.__name__
    arguments = {
        "activation": None if activation == "linear" else activation,
        **converter.head_config(layers),
        **kwargs,
    }
    backbone = read_backbone(home, model)
    with without_initialization():
        classifier = cls(backbone, **arguments)
    tensors = {n: v for n, v in _tensors(model).items() if n in converter.head}
    _assign(converter.head, classifier.head_weight_paths(), tensors)
    return classifier


def activation_of(layer: keras.layers.Layer) -> str:
    """Returns the name of the activation that a layer is, or ends with."""
    return "relu" if isinstance(layer, keras.layers.ReLU) else layer.activation.__name__


def _find(cls: type, model: keras.Model) -> tuple[Any, KerasApplications, Config]:
    """Returns the class of a model's family, its converter and the arguments."""
    layers, families = _layers(model), []
    for entry in registry.backbones():
        for converter in entry.converters:
            related = issubclass(entry.cls, cls) or issubclass(cls, entry.cls)
            if not isinstance(converter, KerasApplications) or not related:
                continue
            families.append(converter.model_type)
            try:
                config = converter.config(layers)
            except KeyError:
                continue
            _check_no_preprocessing(model)
            shape = (None, None, model.input_shape[-1])
            config |= {"include_rescaling": False, "input_shape": shape}
            return entry.cls, converter, config
    raise ValueError(
        f"Expected a model of `keras.applications` for {cls.__name__}, of one of the "
        f"families {sorted(families)}, received {model.name!r}."
    )


def _check_no_preprocessing(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, _PREPROCESSING):
            raise ValueError(
                "Expected a model of `keras.applications` that does not scale images "
                f"itself, received {model.name!r} with the layer {layer.name!r}. Make "
                "it with `include_preprocessing=False`, and scale images before."
            )


def _layers(model: keras.Model) -> dict[str, Any]:
    return {layer.name: layer for layer in model.layers}


def _tensors(model: keras.Model) -> dict[str, keras.Variable]:
    return {
        f"{layer.name}/vars/{index}": weight
        for layer in model.layers
        for index, weight in enumerate(layer.weights)
    }


def _assign(
    table: Mapping[str, Target],
    variables: Mapping[str, keras.Variable],
    tensors: Mapping[str, keras.Variable],
) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    def read(name: str) -> np.ndarray:
        return np.array(to_array(tensors[name]))  # or both models would share it

    WeightMap(table).assign(variables, shapes, read)
