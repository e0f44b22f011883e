"""What image families share in the layout of KerasHub and KerasCV."""

from __future__ import annotations

from typing import Any

from domain_core import WeightMap
from domain_core.images import ImageConverter
from domain_core.presets.config_map import ConfigMap
from domain_core.presets.keras.converter import (
    ACTIVATION,
    KerasClass,
    KerasTask,
    image_converter_map,
)
from keras_cv.models.image_classifier import ImageClassifier
from keras_cv.models.image_classifier_preprocessor import ImageClassifierPreprocessor

_IGNORED = ("trainable", "dtype")


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
                ours={"activation": None, "class_names": None},
            ),
        ),
    }


def classifier(name: str, **options: Any) -> KerasTask:
    """Returns the map of a classifier.

    Args:
        name: theirs.
        **options: more of its `ConfigMap`.
    """
    return KerasTask(
        ImageClassifier,
        (name,),
        ConfigMap(
            *("num_classes", "pooling"),
            renamed={"activation": ACTIVATION},
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
