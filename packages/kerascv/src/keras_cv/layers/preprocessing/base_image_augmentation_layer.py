"""What all augmentation layers share."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import keras

from domain_core.arrays.host_call import (
    Spec,
    is_ragged_tensor,
    is_tensorflow,
    to_host,
)
from domain_core.arrays.operations import dtype_name, is_float, is_uint8, map_leaves
from domain_core.arrays.random_stream import RandomStream
from domain_core.remembered_arguments import RemembersArguments
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.engines import NUMPY, keras_engine, tensorflow_engine
from keras_cv.augmentation.host_tensors import (
    cast,
    suits_host,
    to_arrays,
    to_tensors,
    with_gradient,
)
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.route_choice import (
    as_written,
    call_on_host,
    ragged_to_list,
    route,
    spec_of,
)
from keras_cv.augmentation.sample_inputs import read, read_index
from keras_cv.augmentation.sample_shapes import (
    BOXES,
    IMAGES,
    KEYPOINTS,
    LABELS,
    MASKS,
    TARGETS,
    check_tensors,
)
from keras_cv.augmentation.seeded_generator import CurrentGenerator
from keras_cv.core.factor_sampler import FactorSampler, as_config
from keras_cv.layers.preprocessing.image_by_image import (
    ImageByImage,
    augment_each,
    shape_after,
)

_KNOWN = (IMAGES, LABELS, TARGETS, BOXES, MASKS, KEYPOINTS)
# More than a layer draws in one call.
_DRAWS = 1000

Parameters = dict[str, Any]
Shape = tuple[int | None, ...]


class BaseImageAugmentationLayer(ImageByImage, RemembersArguments, keras.layers.Layer):
    """Changes images, and with them all that is said about them.

    A layer draws its parameters once per image (`sample`), then changes the batch by
    them (`augment`). Most are short: they subclass `ColorAugmentation`,
    `ValueAugmentation` or `GeometricAugmentation`, and write `sample` and one method
    more. Layers that were written for KerasCV, with `augment_image` and others for one
    image each, run too: see `ImageByImage`.

    It works on what it is given: NumPy arrays and lists are changed by OpenCV on the
    host, in any thread or loader; in `tf.data` the same code runs behind one host call
    per batch, or with `graph=True` as TensorFlow operations; tensors of the backend
    stay on their device, also in a model, where all is compiled.

    Called directly or in a pipeline it always augments, unless told `training=False`;
    inside a model it follows the model's flag.

    Call arguments:
        inputs: images `(H, W, C)` or `(B, H, W, C)`, uint8 or float (other integers
            become float32); on the host also a list of images of different sizes. Or a
            dict of them as "images", with any
            of "labels" (or "targets") `(B,)` or `(B, classes)`, "bounding_boxes"
            (a dict of "boxes" `(B, N, 4)`, "classes" `(B, N)`, with -1 in both for
            padding, and others of the shape of classes such as "confidence"),
            "segmentation_masks" `(B, H, W, channels)` and "keypoints" `(B, K, 2)` (x
            and y in pixels); all else in it is passed on.
        training: whether to augment. False leaves images as they are, or does what is
            closest without chance.
        index: number of the samples in their data set, an int or `(B,)`. Draws then
            depend on the seed and on it alone, so that neither the number of workers
            nor their order matters. Without it, calls are counted. Not for tensors of
            the backend, which draw from its generator.
        parameters: what `return_parameters` gave, to do the same again.
        return_parameters: whether to return `(outputs, parameters)`.

    Returns:
        What `inputs` were, with boxes and keypoints as float32. uint8 stays uint8, if
        `dtype` does not say otherwise.

    Args:
        seed: any integer, 0 too. None draws one from NumPy's global state, which
            `keras.utils.set_random_seed` sets.
        graph: in `tf.data` and other graphs of TensorFlow, use its operations only, for
            graphs that are exported or run where there is no Python.
        **kwargs: of `keras.layers.Layer`. `dtype` is that of the images that come out
            (of a policy, what it computes in); integers are rounded and clipped. None
            leaves it to the images.

    Attributes:
        is_random: whether it draws anything; if not, `training` does not matter.
        only_moves: whether all it does is to move images by its method `transform`, as
            `GeometricAugmentation` does.
        makes_sizes_differ: whether images come out of different sizes.
        needs_host: whether only NumPy's engine can do it.
        mixes_samples: whether what comes out depends on other images of the batch.
    """

    is_random = True
    only_moves = False
    makes_sizes_differ = False
    needs_host = False
    mixes_samples = False
    # Arguments of a base that mean nothing to the layer, and stay out of its config.
    _unused_arguments: tuple[str, ...] = ()
    # How many draws are made at once.
    _draws_ahead = 4

    def __init__(
        self, seed: int | None = None, *, graph: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        # What the user asked for; Keras' own attributes are never None.
        self._has_dtype = kwargs.get("dtype") is not None
        self.graph = bool(graph)
        self.supports_jit = True
        self._stream = RandomStream(seed, type(self).__name__)
        self._generator: keras.random.SeedGenerator | None = None
        # By this name in KerasCV.
        self._random_generator = CurrentGenerator()

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        """Draws parameters: arrays with a row for each sample, by name."""
        return {"seed": draws.uniform(2)} if self.is_image_by_image else {}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        """Returns the batch, changed by parameters."""
        if self.is_image_by_image:
            return augment_each(self, batch, parameters["seed"])
        raise NotImplementedError(f"{type(self).__name__} must write `augment`.")

    def without_chance(self, batch: Batch) -> Batch:
        """Returns what comes out where nothing is augmented."""
        return batch

    def check(self, batch: Batch) -> None:
        """Raises ValueError if the layer cannot change such samples."""

    def check_others(self, names: Collection[str]) -> None:
        """Raises ValueError if something has a name that the layer cannot pass on."""

    def output_shape(self, shape: Shape) -> Shape:
        """Returns the shape `(B, H, W, C)` of images that come out, None if unknown."""
        return shape_after(self, shape) if self.is_image_by_image else shape

    def output_boxes(self, count: int | None) -> int | None:
        """Returns how many boxes come out, if it is known how many go in."""
        return count

    def output_keypoints(self, count: int | None) -> int | None:
        """Returns how many keypoints come out."""
        return count

    def output_dtype(self, dtype: str) -> str:
        """Returns the dtype of images that come out, if `dtype` is not told."""
        return dtype if is_uint8(dtype) or is_float(dtype) else "float32"

    def dtype_of_labels(self, dtype: str) -> str:
        """Returns the dtype of labels and masks that come out."""
        return dtype

    @property
    def casts_to_float(self) -> bool:
        """Whether images are float32 in it, and come out so if `dtype` is not told."""
        return self.is_image_by_image

    @property
    def image_dtype(self) -> str | None:
        """Dtype that images come out in; None where it is that of the images."""
        if self._has_dtype:
            return str(self.compute_dtype)
        return "float32" if self.casts_to_float else None

    def dtype_of_images(self, dtype: str) -> str:
        """Returns the dtype of images that come out in any case."""
        return self.image_dtype or self.output_dtype(dtype)

    def prepared(self, batch: Batch) -> Batch:
        """Returns a batch as `augment` gets it: what becomes another dtype as float32.

        Nothing is rounded then before it comes out.
        """
        dtype = dtype_name(batch.images[0].dtype)
        if self.image_dtype in (None, dtype):
            return batch
        return batch.replace(images=batch.engine.as_dtype(batch.images, "float32"))

    def finished(self, batch: Batch) -> Batch:
        """Returns a batch in the dtype that is told."""
        dtype = dtype_name(batch.images[0].dtype)
        if self.image_dtype in (None, dtype):
            return batch
        images = batch.engine.as_dtype(batch.images, self.image_dtype)
        return batch.replace(images=images)

    def __call__(
        self,
        inputs: Any,
        training: Any = None,
        *,
        index: Any = None,
        parameters: Parameters | None = None,
        return_parameters: bool = False,
    ) -> Any:
        where = route(_leaves(inputs), self.graph)
        arguments: dict[str, Any] = {
            "parameters": parameters,
            "return_parameters": return_parameters,
        }
        if where == "backend":
            if index is not None:
                raise ValueError(
                    "Expected no `index` for tensors of the backend, which draw from "
                    "its generator. Call the layer on NumPy arrays, or in `tf.data`."
                )
            if training is not None:
                arguments["training"] = training
            return super().__call__(inputs, **arguments)
        arguments["training"] = True if training is None else training
        if where == "graph":
            run = as_written(self._run)
            return run(inputs, tensorflow_engine(), index=index, **arguments)
        if where == "host call":
            return as_written(self._call_on_host)(inputs, index, arguments)
        if _is_dict(inputs):
            inputs = {key: ragged_to_list(value) for key, value in inputs.items()}
        inputs, index = to_host(ragged_to_list(inputs)), to_host(index)
        return self._run(inputs, NUMPY, index=index, **arguments)

    def call(
        self,
        inputs: Any,
        training: Any = True,
        parameters: Parameters | None = None,
        return_parameters: bool = False,
    ) -> Any:
        arguments = {"training": training, "index": None, "parameters": parameters}
        if suits_host(_leaves(inputs), self.needs_host):
            outputs, parameters = self._run_tensors_on_host(inputs, arguments)
            return (outputs, parameters) if return_parameters else outputs
        return self._run(
            inputs, keras_engine(), return_parameters=return_parameters, **arguments
        )

    def build(self, input_shape: Any = None) -> None:
        if self.is_random and self._generator is None:
            self._generator = keras.random.SeedGenerator(self.seed)
        self.built = True

    def _run(
        self,
        inputs: Any,
        engine: Engine,
        *,
        training: Any,
        index: Any,
        parameters: Parameters | None,
        return_parameters: bool,
    ) -> Any:
        batch, form = read(inputs, engine)
        self.check_others(batch.others)
        self.check(batch)
        ready = self.prepared(batch)
        # None were drawn where `training` was False: {} does that again.
        if self.is_random and (
            parameters == {} or (parameters is None and not training)
        ):
            outputs, parameters = self.without_chance(ready), {}
        elif parameters is not None:
            parameters = map_leaves(engine.ops.convert_to_tensor, parameters)
            outputs = self.augment(ready, parameters)
        else:
            index = read_index(index, batch)
            outputs, parameters = self.sample_and_augment(ready, index)
        restored = form.restore(self.finished(outputs))
        return (restored, parameters) if return_parameters else restored

    def _run_tensors_on_host(
        self, inputs: Any, arguments: dict[str, Any]
    ) -> tuple[Any, Parameters]:
        """Does the same as `_run` with NumPy; takes and gives tensors."""
        samples = dict(inputs) if _is_dict(inputs) else {IMAGES: inputs}
        known = {key: value for key, value in samples.items() if key in _KNOWN}
        outputs, parameters = self._run(
            {**samples, **to_arrays(known)},
            NUMPY,
            return_parameters=True,
            **{**arguments, "parameters": to_arrays(arguments["parameters"])},
        )
        images = known[IMAGES]
        # NumPy computes and returns float32; tensors of floats keep their dtype.
        dtype = self.dtype_of_images(dtype_name(images.dtype))
        outputs[IMAGES] = cast(outputs[IMAGES], dtype)
        is_tensorflow_tensor = is_tensorflow(images)
        if is_tensorflow_tensor and self._specs({IMAGES: images})[IMAGES].ragged:
            for key in outputs.keys() & {IMAGES, MASKS}:
                outputs[key] = list(outputs[key])
        changed = to_tensors({key: outputs[key] for key in known})
        if (
            is_tensorflow_tensor
            and is_float(images.dtype)
            and is_float(dtype)
            and not (self.needs_host or is_ragged_tensor(images))
        ):
            again = {**arguments, "parameters": parameters}
            changed[IMAGES] = with_gradient(
                images,
                changed[IMAGES],
                lambda images: self._run(
                    {**samples, IMAGES: images},
                    keras_engine(),
                    return_parameters=False,
                    **again,
                )[IMAGES],
            )
        parameters = to_tensors(parameters)
        if not _is_dict(inputs):
            return changed[IMAGES], parameters
        return {**outputs, **changed}, parameters

    def sample_and_augment(self, batch: Batch, index: Any) -> tuple[Batch, Parameters]:
        """Returns the augmented batch, and the parameters that were drawn for it."""
        parameters = self.draw(batch, index)
        return self.augment(batch, parameters), parameters

    def draw(self, batch: Batch, index: Any, step: int = 0) -> Parameters:
        """Draws parameters for a batch; see `draws`."""
        return self.sample(self.draws(batch, index, step), batch)

    def draws(self, batch: Batch, index: Any, step: int = 0) -> Draws:
        """Returns the random numbers of one call.

        Args:
            batch: the samples.
            index: of the samples, as in a call.
            step: of a layer that is called several times for the same samples.
        """
        engine = batch.engine
        ops = engine.ops
        count = ops.shape(batch.sizes)[0]
        if engine.draws_from_backend:
            if self._generator is None:
                self.build()
            return Draws(
                count,
                ops,
                lambda columns, _: keras.random.uniform(
                    (count, columns), dtype="float32", seed=self._generator
                ),
                self._draws_ahead,
            )
        call: Any = 0
        rows: Any = ops.arange(count, dtype="int64")
        if index is None:
            call = self._stream.next_call(ops)
        elif len(getattr(index, "shape", ())) == 1:
            rows = ops.cast(index, "int64")
        else:
            call = index
        return Draws(
            count,
            ops,
            lambda columns, draw: self._stream.uniform(
                call, rows, columns, draw + _DRAWS * step, ops
            ),
            self._draws_ahead,
        )

    def _call_on_host(self, inputs: Any, index: Any, arguments: Any) -> Any:
        if arguments["return_parameters"]:
            raise ValueError(
                "Expected return_parameters=False inside `tf.data`; call the layer on "
                "NumPy arrays to get at its parameters."
            )
        samples = dict(inputs) if _is_dict(inputs) else {IMAGES: inputs}
        known = {key: value for key, value in samples.items() if key in _KNOWN}
        self.check_others(set(samples) - set(known))
        check_tensors(known)
        specs = self._specs(known)
        run = _HostRun(self, arguments, specs[IMAGES].ragged)
        outputs = call_on_host(run, known, index, specs)
        if not _is_dict(inputs):
            return outputs[IMAGES]
        return {**samples, **outputs}

    def _specs(self, samples: dict[str, Any]) -> dict[str, Any]:
        """Returns what comes back from the host."""
        specs: dict[str, Any] = {
            key: map_leaves(spec_of, dict(value) if _is_dict(value) else value)
            for key, value in samples.items()
        }
        images = specs[IMAGES]
        single = len(images.shape) == 3
        lead = () if single else images.shape[:1]
        shape = self.output_shape((None, *images.shape) if single else images.shape)
        batch = () if single else shape[:1]
        ragged = (
            not single
            and None in shape[1:3]
            and (images.ragged or self.makes_sizes_differ)
        )
        dtype = self.dtype_of_images(images.dtype)
        specs[IMAGES] = Spec(dtype, (*batch, *shape[1:]), ragged)
        for key, spec in specs.items():
            if key == MASKS:
                size = (*batch, *shape[1:3], *spec.shape[len(lead) + 2 :])
                specs[key] = Spec(self.dtype_of_labels(spec.dtype), size, ragged)
            elif key == BOXES:
                specs[key] = {
                    name: Spec(
                        "float32",
                        (
                            *batch,
                            self.output_boxes(inner.shape[len(lead)]),
                            *inner.shape[len(lead) + 1 :],
                        ),
                    )
                    for name, inner in spec.items()
                }
            elif key == KEYPOINTS:
                count, *rest = spec.shape[len(lead) :]
                size = (*batch, self.output_keypoints(count), *rest)
                specs[key] = Spec("float32", size)
            elif key in (LABELS, TARGETS):
                dtype = self.dtype_of_labels(spec.dtype)
                specs[key] = Spec(dtype, (*batch, *spec.shape[len(lead) :]))
        return specs

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, and those of its bases."""
        config = super().get_config()
        if "dtype" in config and not self._has_dtype:
            config["dtype"] = None
        for name, value in self.current_arguments().items():
            if isinstance(value, FactorSampler) and name in config:
                config[name] = as_config(value)
        return {k: v for k, v in config.items() if k not in self._unused_arguments}

    def __reduce__(self) -> Any:
        # Not as Keras does, by way of a file: workers of loaders get a copy each.
        config = self.get_config()
        # Layers in it as they are, with streams of their own.
        for key, value in self.current_arguments().items():
            if isinstance(config.get(key), dict | list):
                config[key] = list(value) if isinstance(value, list) else value
        return _revived, (type(self), config, self._stream)


@dataclasses.dataclass(frozen=True)
class _HostRun:
    """From samples on the host to samples."""

    layer: BaseImageAugmentationLayer
    arguments: dict[str, Any]
    may_differ: bool

    def __call__(self, inputs: Any, index: Any) -> Any:
        outputs = self.layer._run(inputs, NUMPY, index=index, **self.arguments)
        if isinstance(outputs[IMAGES], list) and not self.may_differ:
            raise ValueError(
                f"{type(self.layer).__name__} made images of different sizes, which "
                "have no place in one tensor. Apply it before `batch`."
            )
        return outputs


def _revived(
    cls: type[BaseImageAugmentationLayer], config: dict[str, Any], stream: RandomStream
) -> BaseImageAugmentationLayer:
    layer = cls.from_config(config)
    layer._stream = stream
    return layer


def _leaves(inputs: Any) -> list[Any]:
    """Returns all arrays of samples, images first."""
    leaves: list[Any] = []
    if _is_dict(inputs):
        inputs = {"": inputs.get(IMAGES), **inputs}
    map_leaves(leaves.append, inputs)
    return leaves


def _is_dict(value: Any) -> bool:
    return isinstance(value, Mapping)
