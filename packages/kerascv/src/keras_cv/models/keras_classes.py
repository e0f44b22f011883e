"""What image families share in the layout of KerasHub and KerasCV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.images import ImageConverter
from domain_core.presets.config_map import Argument, Config, ConfigMap, Entry
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasConverter,
    KerasTask,
    image_converter_map,
)
from domain_core.weights.weight_map import IDENTITY, POINTWISE, Target, Transform
from keras_cv.models.image_classifier import ImageClassifier
from keras_cv.models.image_classifier_preprocessor import ImageClassifierPreprocessor

_IGNORED = ("trainable", "dtype")
_NO_HIDDEN_LAYER = {"hidden_units": None, "hidden_activation": "relu"}
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def image_classification(family: str) -> dict[str, Any]:
    """Returns the parts of KerasHub around a backbone, for a `KerasConverter`.

    Args:
        family: what their names begin with, such as "ResNet".
    """
    return {
        "image_converter": KerasClass(
            ImageConverter,
            (f"{family}ImageConverter", "ImageConverter"),
            image_converter_map(),
        ),
        "preprocessors": (
            KerasClass(
                ImageClassifierPreprocessor,
                (f"{family}ImageClassifierPreprocessor",),
                ConfigMap(ignored=_IGNORED),
            ),
        ),
        "tasks": (
            classifier(
                f"{family}ImageClassifier",
                theirs={"dropout": 0.0, "head_dtype": None},
                ours={"activation": None, "class_names": None, **_NO_HIDDEN_LAYER},
            ),
        ),
    }


def classifier(name: str, pooling: Entry = "pooling", **options: Any) -> KerasTask:
    """Returns the map of a classifier.

    Args:
        name: theirs.
        pooling: entry of that argument, where its values differ.
        **options: more of its `ConfigMap`.
    """
    return KerasTask(
        ImageClassifier,
        (name,),
        ConfigMap(
            "num_classes",
            renamed={"pooling": pooling, "activation": ACTIVATION},
            ignored=_IGNORED,
            **options,
        ),
        weights=WeightMap(
            {
                "layers/dense_0/vars/0": "predictions.kernel",
                "layers/dense_0/vars/1": "predictions.bias",
            }
        ),
    )


def from_keras_cv(
    cls: type,
    weights: Callable[[Mapping[str, Any]], WeightMap],
    *arguments: str,
    after_reading: Callable[[Config], Config] = lambda config: config,
    **renamed: Entry,
) -> KerasConverter:
    """Returns what reads KerasCV's presets of a backbone of the same name.

    Args:
        cls: our backbone.
        weights: see `KerasConverter`.
        *arguments: those that both have, besides those that all backbones have.
        after_reading: see `ConfigMap`.
        **renamed: see `ConfigMap`.
    """
    # Our arguments are theirs; what only we have means theirs by default.
    backbone = ConfigMap(
        *("include_rescaling", "trainable", *arguments),
        renamed={
            "input_shape": Argument("input_shape", tuple),
            "dtype": DTYPE,
            **renamed,
        },
        theirs={"input_tensor": None},
        after_reading=after_reading,
    )
    return KerasConverter(
        package="keras_cv",
        backbone=KerasClass(cls, (cls.__name__,), backbone),
        weights=weights,
        tasks=(classifier("ImageClassifier"),),
    )


def layer_weights(
    theirs: str, ours: str, names: str = "kernel bias"
) -> dict[str, Target]:
    """Returns the entries of a layer.

    Args:
        theirs: their path of it.
        ours: ours.
        names: our names of its weights, in the order of theirs.
    """
    return {
        f"{theirs}/vars/{index}": f"{ours}.{name}"
        for index, name in enumerate(names.split())
    }


def numbered_weights(
    convs: Iterable[str],
    norms: Iterable[str],
    *,
    use_bias: bool = False,
    last: Iterable[str] = (),
) -> WeightMap:
    """Returns the map of convolutions and norms that theirs numbers as they come.

    Args:
        convs: our paths of the convolutions, in the order of theirs.
        norms: our paths of the norms.
        use_bias: whether convolutions have biases.
        last: our paths of convolutions behind them that have biases in any case.
    """
    table: dict[str, Target] = {}
    biased = [*((path, use_bias) for path in convs), *((path, True) for path in last)]
    for number, (path, has_bias) in enumerate(biased):
        table[f"layers/conv2d_{number}/vars/0"] = f"{path}.kernel"
        if has_bias:
            table[f"layers/conv2d_{number}/vars/1"] = f"{path}.bias"
    for number, path in enumerate(norms):
        for index, weight in enumerate(_NORM):
            name = f"layers/batch_normalization_{number}/vars/{index}"
            table[name] = f"{path}.{weight}"
    return WeightMap(table)


def conv_norm_weights(
    theirs: str, prefix: str, conv: str = "conv2d"
) -> dict[str, Target]:
    """Returns the entries of a convolution and norm that theirs keeps in one layer.

    Args:
        theirs: path of that layer, with a slash.
        prefix: what our paths begin with; see `ConvNormLayer.add_conv_norm`.
        conv: how theirs calls the convolution.
    """
    layers = f"{theirs}layers/"
    return pair_weights(f"{layers}{conv}_0", f"{layers}batch_normalization_0", prefix)


def pair_weights(
    conv: str, norm: str, prefix: str, transform: Transform = IDENTITY
) -> dict[str, Target]:
    """Returns the entries of a convolution without bias and a norm.

    Args:
        conv: their path of the convolution.
        norm: that of the norm.
        prefix: what our paths begin with; see `ConvNormLayer.add_conv_norm`.
        transform: of the kernel.
    """
    table: dict[str, Target] = {f"{conv}/vars/0": (f"{prefix}conv.kernel", transform)}
    for index, name in enumerate(_NORM):
        table[f"{norm}/vars/{index}"] = f"{prefix}norm.{name}"
    return table


def pointwise_weights(theirs: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a convolution of 1 pixel that is a dense layer here."""
    return {
        f"{theirs}/vars/0": (f"{ours}.kernel", POINTWISE),
        f"{theirs}/vars/1": f"{ours}.bias",
    }
