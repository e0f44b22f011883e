"""How a family reads and writes the layout of KerasNLP, KerasCV and KerasHub."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.weights.weight_map import WeightMap

# KerasNLP became KerasHub: the same classes, under both names.
_UPSTREAM = re.compile(r"(keras_nlp|keras_hub|keras_cv)(?:\.[a-z_.]+)?>(\w{1,100})")
_POLICIES = re.compile(r"(mixed_)?(bfloat16|float16)|float32|float64|u?int\d+|string")


def upstream_name(registered: Any) -> str | None:
    """Returns a registered name in one form, `keras_hub>X` or `keras_cv>X`.

    None stands for a name that is nobody's upstream.
    """
    match = _UPSTREAM.fullmatch(registered) if isinstance(registered, str) else None
    if match is None:
        return None
    package, cls = match.groups()
    return f"{'keras_cv' if package == 'keras_cv' else 'keras_hub'}>{cls}"


@dataclasses.dataclass(frozen=True)
class KerasClass:
    """A class of ours and its counterpart upstream.

    Args:
        cls: ours.
        names: upstream's names of it; the first is written.
        config: map of the constructor arguments but those that are objects.
    """

    cls: type
    names: tuple[str, ...]
    config: ConfigMap


@dataclasses.dataclass(frozen=True)
class KerasTask(KerasClass):
    """A task of ours and its counterpart upstream.

    Args:
        weights: map of the weights outside the backbone, or a function from the
            arguments of our task to it; None if it has none.
        backbone_layer: name of the backbone in a file that holds all weights of the
            task; None for that of its class.
        parts: objects among its arguments, and among theirs: classes, or upstream's
            names of what `config` reads.
        backbone_argument: upstream's name of the argument that is the backbone.
        own: what names of the weights outside the backbone begin with, in a file that
            holds all weights and the layers of the backbone beside them: the task is a
            single class there, with one config and one file of weights.
        around: upstream's name of the task around such a class, which is written too.
        image_converter: upstream's image converter for it, where the family's converter
            has none.
        preprocessor: upstream's preprocessor for it, likewise.
    """

    weights: WeightMap | Callable[[Mapping[str, Any]], WeightMap] | None = (
        dataclasses.field(kw_only=True)
    )
    backbone_layer: str | None = None
    parts: tuple[str | KerasClass, ...] = ()
    backbone_argument: str = "backbone"
    own: tuple[str, ...] = ()
    around: str | None = None
    image_converter: KerasClass | None = None
    preprocessor: KerasClass | None = None

    def head_map(self, arguments: Mapping[str, Any]) -> WeightMap | None:
        """Returns the map of the weights outside the backbone of a task of ours."""
        return self.weights(arguments) if callable(self.weights) else self.weights


@dataclasses.dataclass(frozen=True)
class KerasConverter:
    """A family's side of the keras layout.

    Args:
        package: "keras_hub", which stands for KerasNLP too and is what is written; or
            "keras_cv", whose presets are only read.
        backbone: the backbone's classes.
        weights: constructor arguments of our backbone to the map of its weights.
            Names there are those in `model.weights.h5`, but that the first layer of a
            class has the number 0: `layers/dense_0/vars/0`.
        accepts: whether a config is for this class, where one of theirs stands for
            several of ours; `variant` then tells them apart.
        variant: see `accepts`.
        tokenizer: the tokenizer's classes.
        image_converter: the image converter's classes.
        preprocessors: classes of preprocessors.
        tasks: classes of tasks, besides those of `register_keras_task`.
        without_task: upstream's names of tasks and preprocessors that have no
            counterpart here: such a preset loads as its backbone.
    """

    layout: ClassVar[str] = "keras"

    package: str
    backbone: KerasClass
    weights: Callable[[Mapping[str, Any]], WeightMap]
    accepts: Callable[[Mapping[str, Any]], bool] = lambda config: True
    variant: str = ""
    tokenizer: KerasClass | None = None
    image_converter: KerasClass | None = None
    preprocessors: tuple[KerasClass, ...] = ()
    tasks: tuple[KerasTask, ...] = ()
    without_task: tuple[str, ...] = ()

    @property
    def model_type(self) -> str:
        """What no two converters may share."""
        return f"{self.package}>{self.backbone.names[0]}{self.variant}"

    def classes(self) -> Iterator[KerasClass]:
        """Yields all classes of the family."""
        yield self.backbone
        if self.tokenizer is not None:
            yield self.tokenizer
        yield from (*self.image_converters(), *self.all_preprocessors())
        yield from (*self._all_tasks(), *self.parts())

    def image_converters(self) -> tuple[KerasClass, ...]:
        """Returns the classes of image converters, the family's own first."""
        found = [self.image_converter, *(t.image_converter for t in self._all_tasks())]
        return tuple(item for item in found if item is not None)

    def all_preprocessors(self) -> tuple[KerasClass, ...]:
        """Returns the classes of preprocessors, the family's own first."""
        found = [task.preprocessor for task in self._all_tasks()]
        return (*self.preprocessors, *(item for item in found if item is not None))

    def parts(self) -> tuple[KerasClass, ...]:
        """Returns the classes of objects among the arguments of tasks."""
        found = [part for task in self._all_tasks() for part in task.parts]
        return tuple(part for part in found if isinstance(part, KerasClass))

    def upstream_names(self) -> set[str]:
        """Returns all names that a file of the family may hold."""
        names = {name for item in self.classes() for name in item.names}
        parts = [part for task in self._all_tasks() for part in task.parts]
        names |= {part for part in parts if isinstance(part, str)}
        return {f"{self.package}>{name}" for name in names | {*self.without_task}}

    def named(self, name: str) -> KerasClass | None:
        """Returns the class with one of upstream's names, such as `keras_hub>X`."""
        for item in self.classes():
            if name in {f"{self.package}>{own}" for own in item.names}:
                return item
        return None

    def of(self, cls: type) -> KerasClass | None:
        """Returns the counterpart of a class of ours."""
        return next((item for item in self.classes() if item.cls is cls), None)

    def _all_tasks(self) -> tuple[KerasTask, ...]:
        return (*self.tasks, *_TASKS.get(self.package, ()))


# By upstream's package: those over any backbone, which no family can name.
_TASKS: dict[str, list[KerasTask]] = {}


def register_keras_task(task: KerasTask, *, package: str) -> None:
    """Adds a task over any fitting backbone to all converters of a package.

    Args:
        task: the task and its counterpart.
        package: upstream's, see `KerasConverter`.
    """
    _TASKS.setdefault(package, []).append(task)


def backbone_argument(name: str) -> str:
    """Returns the argument of one of upstream's tasks that is its backbone.

    Args:
        name: of the task's class, such as `keras_hub>X`.
    """
    for package, tasks in _TASKS.items():
        for task in tasks:
            if name in {f"{package}>{own}" for own in task.names}:
                return task.backbone_argument
    return "backbone"


def _read_policy(value: Any) -> str | None:
    name = value
    if isinstance(value, dict):
        if value.get("class_name") != "DTypePolicy":
            raise ValueError(
                f"{value.get('class_name')!r:.50} is no plain dtype policy"
            )
        name = value["config"]["name"]
    if name is not None and not _POLICIES.fullmatch(name):
        raise ValueError("this is no dtype policy of one precision")
    return name


def _write_policy(name: str | None) -> dict[str, Any] | None:
    if name is None:
        return None
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": _read_policy(name)},
        "registered_name": None,
    }


def _activation(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("it is no name of an activation")
    return None if value == "linear" else value


DTYPE = Argument("dtype", _read_policy, _write_policy)
ACTIVATION = Argument("activation", _activation, _activation)


def image_converter_map() -> ConfigMap:
    """Returns the map of an `ImageConverter`'s arguments.

    Theirs crops before it resizes, then multiplies by `scale` and adds `offset`.
    """
    return ConfigMap(
        *("crop_to_aspect_ratio", "antialias", "scale", "interpolation"),
        renamed={
            "image_size": Argument("image_size", write=list),
            "offset": Argument("mean", _negative, _negative),
        },
        ignored=("name", "trainable", "dtype", "bounding_box_format"),
        # It would fill up before it resizes.
        theirs={"pad_to_aspect_ratio": False, "data_format": "channels_last"},
        ours={
            "antialias": False,
            "pad_to_aspect_ratio": False,
            "crop_ratio": 1.0,
            "channels": 3,
        },
        after_reading=_cropped_first,
        before_writing=_scaled_once,
    )


def _cropped_first(config: Config) -> Config:
    return {**config, "crop_first": config.get("crop_to_aspect_ratio", True)}


def _scaled_once(config: Config) -> Config:
    if config.pop("crop_first") != config["crop_to_aspect_ratio"]:
        raise ValueError(
            "KerasHub's image converters can't express 'crop_to_aspect_ratio' without "
            "'crop_first'."
        )
    std = config.pop("std")
    if std is not None:
        scale = 1 if config["scale"] is None else config["scale"]
        config["scale"] = _each(operator.truediv, scale, std)
        if config["mean"] is not None:
            config["mean"] = _each(operator.truediv, config["mean"], std)
    # These change no pixel of an image that is accepted.
    for name in ("draft", "max_pixels", "max_bytes", "pad_value", "pad_position"):
        del config[name]
    return config


def _each(function: Callable[..., Any], *values: Any) -> Any:
    """Applies a function to numbers, or to lists of them of one length."""
    lengths = {len(v) for v in values if isinstance(v, list)}
    if not lengths:
        return function(*values)
    lists = [v if isinstance(v, list) else [v] * max(lengths) for v in values]
    return [function(*row) for row in zip(*lists, strict=True)]


def _negative(value: Any) -> Any:
    return None if value is None else _each(operator.neg, value)
