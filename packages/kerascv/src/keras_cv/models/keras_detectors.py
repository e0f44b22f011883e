"""What detectors of KerasCV are made of, as their configs hold it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import upstream_name
from keras_cv.layers.multi_class_non_max_suppression import MultiClassNonMaxSuppression
from keras_cv.layers.non_max_suppression import NonMaxSuppression

# In the graph of a detector the backbone is a model of no class of its own.
BACKBONE_LAYER = "functional"
DECODERS: Mapping[str, type] = {
    "NonMaxSuppression": NonMaxSuppression,
    "MultiClassNonMaxSuppression": MultiClassNonMaxSuppression,
}
_DECODING = (
    *("bounding_box_format", "iou_threshold", "confidence_threshold"),
    "max_detections",
)
_IGNORED = ("name", "trainable", "dtype")


def part(
    cls: type, name: str, *same: str, ignored: tuple[str, ...] = (), **options: Any
) -> Callable[[Any], Config]:
    """Returns what reads an object inside of a config.

    Args:
        cls: ours.
        name: theirs.
        *same: arguments that both have.
        ignored: see `ConfigMap`, besides what all objects have.
        **options: likewise.

    Returns:
        A function of the JSON of such an object that returns the arguments of ours, and
        raises ValueError for another object.
    """
    config = ConfigMap(*same, ignored=(*_IGNORED, *ignored), **options)

    def read(value: Any) -> Config:
        if _name(value) != name:
            raise ValueError(f"it is no {name}")
        return config.read(value["config"], cls, name)

    return read


def decoder(*, from_logits: bool) -> Argument:
    """Returns the entry of a prediction decoder; `choose_decoder` makes it.

    Args:
        from_logits: whether theirs is given logits; ours always is.
    """
    readers = {
        name: part(
            cls,
            name,
            *_DECODING,
            *(("max_detections_per_class",) if name.startswith("Multi") else ()),
            theirs={"from_logits": from_logits},
            ours={"from_logits": True},
        )
        for name, cls in DECODERS.items()
    }
    return Argument(
        "prediction_decoder",
        lambda value: (_name(value), readers[_name(value)](value)),
    )


def choose_decoder(config: Config, **usual: Any) -> Config:
    """Makes the decoder that was read, unless it is the one that a detector makes.

    Args:
        config: arguments of the detector.
        **usual: arguments of the one it makes, but for defaults and the format.
    """
    name, own = config.pop("prediction_decoder")
    cls = DECODERS[name]
    usual |= {"bounding_box_format": config["bounding_box_format"], "from_logits": True}
    if cls is NonMaxSuppression and is_usual(cls, own, **usual):
        return config
    return {**config, "prediction_decoder": cls(**own)}


def is_usual(cls: type, own: Config, **usual: Any) -> bool:
    """Whether arguments are defaults of a class, or those given here."""
    parameters = inspect.signature(cls).parameters
    expected = {name: x.default for name, x in parameters.items()} | usual
    return all(value == expected[name] for name, value in own.items())


def _name(value: Any) -> str:
    """Returns their class of an object in JSON."""
    return str(upstream_name(value["registered_name"])).removeprefix("keras_cv>")
