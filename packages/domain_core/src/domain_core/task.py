"""The base class of models that take raw text or images."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import keras

from domain_core.backbone_outputs import outputs_of
from domain_core.ops import FusedAdam
from domain_core.pipeline import PipelineModel
from domain_core.preprocessor import Preprocessor
from domain_core.quantization import quantize_layers, quantized_layers
from domain_core.registry import PresetsProperty
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import role
from domain_core.weights.weight_paths import weight_paths

_LEARNING_RATE = 5e-5
# What a constructor sets before `super().__init__`, by name; there until then.
_EARLY = "__early_attributes__"


@role("task")
class Task(RemembersArguments, PipelineModel):
    """A backbone, a head, and the preprocessor that feeds them.

    `fit`, `evaluate` and `predict` take raw samples; see `PipelineModel`. A subclass
    builds its head as a functional graph on `backbone(backbone.input)`, and says in
    `compile` what to compile with by default. The constructor's arguments are
    attributes, but for layers among them; `get_config` gives them.

    A subclass may also be written as upstream's are: it sets `self.backbone` and
    `self.preprocessor`, and then calls `super().__init__(inputs, outputs)`.

    Args:
        backbone: a `Backbone`; may be left out.
        inputs: the graph's inputs.
        outputs: the graph's outputs.
        preprocessor: a `Preprocessor`, any callable `(x, y, sample_weight)`, or None
            if samples come preprocessed.
        features: names of the backbone's outputs that the head uses; None for all.
            Weights that only serve others (a pooler) do not train with this task.
        name: name of the model.
        **kwargs: `trainable`, as of `keras.Model`.

    Attributes:
        backbone_cls: class of its backbone, for a task of one family; where nothing is
            said, the one that its preprocessor feeds.
        preprocessor_cls: class of its preprocessor, for `from_preset`.
    """

    backbone_cls: ClassVar[type | None] = None
    preprocessor_cls: ClassVar[type | None] = None
    presets: ClassVar[PresetsProperty] = PresetsProperty()
    backbone: Any
    preprocessor: Any
    _unused: frozenset[int] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        fed = getattr(vars(cls).get("preprocessor_cls"), "backbone_cls", None)
        if fed is not None and "backbone_cls" not in vars(cls):
            cls.backbone_cls = fed

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        task = super().__new__(cls, *args, **kwargs)
        task.__dict__[_EARLY] = {}
        return task

    def __init__(
        self,
        *args: Any,
        preprocessor: Preprocessor | None = None,
        features: tuple[str, ...] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        graph = _graph_arguments(args, kwargs)
        early = self.__dict__.pop(_EARLY)
        super().__init__(graph["inputs"], graph["outputs"], name=name, **kwargs)
        parts = {"backbone": graph.get("backbone"), "preprocessor": preprocessor}
        for attribute, value in early.items():
            del self.__dict__[attribute]
            if parts.get(attribute) is None:
                parts[attribute] = value
        for attribute, value in parts.items():
            setattr(self, attribute, value)
        if features is not None:
            self._unused = _unused_weights(self.backbone, features)
        # Under the backbone's policy `compile` scales the loss where float16 needs it.
        if self.backbone is not None:
            self.dtype_policy = self.backbone.dtype_policy
        self.keep_arguments(*self.constructor_calls()[:-1])

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an attribute, before `super().__init__` too, as upstream's tasks do."""
        if _EARLY in self.__dict__:  # Keras and torch cannot keep track of it yet
            self.__dict__[_EARLY][name] = self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(inputs, labels, sample weights)`."""
        if self.preprocessor is None:
            return x, y, sample_weight
        return keras.utils.unpack_x_y_sample_weight(
            self.preprocessor(x, y=y, sample_weight=sample_weight)
        )

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The variables that training changes."""
        variables = super().trainable_variables
        return [v for v in variables if id(v) not in self._unused]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """All other variables."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The weights that training changes."""
        return [w for w in super().trainable_weights if id(w) not in self._unused]

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """All other weights."""
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    def compile(self, optimizer: Any = "auto", loss: Any = None, **kwargs: Any) -> None:
        """Configures training; subclasses know a default loss.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: as in `keras.Model.compile`.
            **kwargs: as in `keras.Model.compile`.
        """
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = FusedAdam(_LEARNING_RATE)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as a `.keras` file says; tasks have a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, and which layers are quantized."""
        config = super().get_config()
        # Whether it is compiled, and how, Keras keeps beside the config.
        config = {n: config[n] for n in self.arguments if n != "compile"}
        if quantized := quantized_layers(self, exclude=self.backbone):
            config["quantized"] = quantized
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Returns a task of a config; the inverse of `get_config`."""
        config = dict(config)
        quantized = config.pop("quantized", None)
        task = super().from_config(config, custom_objects)
        quantize_layers(task, quantized)
        return task

    def base_config(self) -> dict[str, Any]:
        """Returns the arguments that every task has. Nothing needs it any longer."""
        return {
            "backbone": self.backbone,
            "preprocessor": self.preprocessor,
            "name": self.name,
        }

    def head_weight_paths(self) -> dict[str, keras.Variable]:
        """Maps attribute paths to the weights outside the backbone."""
        return weight_paths(self, exclude=self.backbone)

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Saves as `keras.Model.save`, after a look whether a config says it all."""
        quantized_layers(self)
        super().save(filepath, *args, **kwargs)

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Builds the task of a preset, or a new head on its backbone.

        Args:
            preset: name of a declared preset, handle ("kaggle://...", "hf://...",
                "https://..."), or path of a directory, in any of the three layouts.
            load_weights: whether to load weights or draw them at random; None loads
                them where the preset has some.
            **kwargs: constructor arguments that override the preset's. `num_classes`
                asks for a new head; `dtype` goes to the backbone; `verify`,
                `verify_key` and `max_parameters` are those of `Backbone.from_preset`.

        Raises:
            ValueError: if the preset holds another kind of model.
            PresetError: the subclass that says why the preset can't be loaded.
        """
        from domain_core.presets import load_task

        return load_task(cls, preset, load_weights, **kwargs)

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        max_shard_size: float = 10,
        *,
        overwrite: bool = False,
        layout: str = "native",
        sign_key: str | os.PathLike[str] | None = None,
    ) -> None:
        """Writes backbone, head and preprocessor as a preset directory.

        Args:
            preset_dir: directory to make, with its parents.
            max_shard_size: gigabytes above which weights are split over files.
            overwrite: replace parts of the same kind in a preset that is there.
            layout: "native", or "keras" for what KerasHub reads.
            sign_key: path of a private key (PEM) to sign the files with.

        Raises:
            ValueError: if the directory is not empty and `overwrite` is False, or
                KerasHub has no class that can express this one.
        """
        from domain_core.presets import save_preset

        save_preset(
            preset_dir,
            backbone=self.backbone,
            task=self,
            preprocessor=self.preprocessor,
            overwrite=overwrite,
            layout=layout,
            max_shard_size=max_shard_size,
            sign_key=sign_key,
        )

    def export_to_transformers(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        max_shard_size: float = 10,
    ) -> None:
        """Writes a folder that Hugging Face `transformers` loads.

        Model, head, labels, tokenizer and image processor go along; what `transformers`
        is told when it is called, such as a sequence length, has no place there.

        Args:
            path: directory to make, with its parents.
            overwrite: replace parts of the same kind in a folder that is there.
            max_shard_size: gigabytes above which weights are split over files.

        Raises:
            ValueError: if Hugging Face has no such model, its config has no place for
                an argument, or the directory is not empty and `overwrite` is False.
        """
        from domain_core.presets import export_to_transformers

        export_to_transformers(
            path,
            backbone=self.backbone,
            task=self,
            tokenizer=getattr(self.preprocessor, "tokenizer", None),
            image_converter=getattr(self.preprocessor, "image_converter", None),
            overwrite=overwrite,
            max_shard_size=max_shard_size,
        )


def _graph_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Takes backbone, inputs and outputs out of a constructor's arguments by name."""
    names = ("backbone", "inputs", "outputs")
    graph = {name: kwargs.pop(name) for name in names if name in kwargs}
    free = [name for name in names if name not in graph]
    if len(args) <= len(free):
        graph |= zip(free[len(free) - len(args) :], args, strict=True)
    if len(args) > len(free) or not {"inputs", "outputs"} <= graph.keys():
        raise TypeError(
            "Expected the inputs and outputs of a task, with a backbone before them or "
            f"without, received {len(args)} arguments and {sorted(graph)} by name. "
            "Call `super().__init__(backbone, inputs, outputs)`."
        )
    return graph


def _unused_weights(backbone: keras.Model, features: tuple[str, ...]) -> frozenset[int]:
    outputs = outputs_of(backbone)
    used = keras.Model(backbone.input, [outputs[name] for name in features])
    return frozenset({id(w) for w in backbone.weights} - {id(w) for w in used.weights})
