"""KerasCV's contracts of custom augmentations, run beside the one of this library.

Their methods change one kind of labels each, of one image or of a batch, and get by
name what else is known. Images come as float32 and other kinds as upstream had them:
tensors on TensorFlow, arrays for NumPy's engine elsewhere.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays.host_call import outside_graphs
from domain_core.arrays.operations import map_leaves
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.engines import NUMPY, engine_of_users
from keras_cv.augmentation.host_tensors import to_arrays
from keras_cv.augmentation.route_choice import list_to_ragged
from keras_cv.augmentation.sample_inputs import read
from keras_cv.augmentation.sample_shapes import BOXES, IMAGES, KEYPOINTS, LABELS, MASKS
from keras_cv.augmentation.seeded_generator import SeededGenerator, drawing

Samples = dict[str, Any]
Shape = tuple[int | None, ...]


class ImageByImage:
    """The methods of KerasCV's `BaseImageAugmentationLayer`, for one image each.

    A layer that was written for KerasCV writes `augment_image`, and those of the labels
    that it takes. It gets float32 images and gives such. Beside their first argument,
    methods get by name what they ask for: `transformation`, and `image`, `raw_image`
    (before it was changed), `label` and `bounding_boxes`. Random numbers come from
    `self._random_generator`, or from calls of factor samplers.
    """

    def get_random_transformation(self, **kwargs: Any) -> Any:
        """Returns what is handed to the other methods, of any kind."""
        return None

    def augment_image(self, image: Any, transformation: Any, **kwargs: Any) -> Any:
        """Returns a changed image `(H, W, C)`."""
        raise not_written(self, "images", "augment_image")

    def augment_label(self, label: Any, transformation: Any, **kwargs: Any) -> Any:
        """Returns a changed label, a number or `(classes,)`."""
        raise not_written(self, "labels", "augment_label")

    def augment_target(self, target: Any, transformation: Any, **kwargs: Any) -> Any:
        """Returns a changed label; calls `augment_label` if it is not written."""
        return call_with(
            self.augment_label, target, transformation=transformation, **kwargs
        )

    def augment_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, **kwargs: Any
    ) -> Any:
        """Returns changed boxes, a dict of "boxes" `(N, 4)` and "classes" `(N,)`."""
        raise not_written(self, "bounding boxes", "augment_bounding_boxes")

    def augment_keypoints(
        self, keypoints: Any, transformation: Any, **kwargs: Any
    ) -> Any:
        """Returns changed keypoints `(K, 2)`."""
        raise not_written(self, "keypoints", "augment_keypoints")

    def augment_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, **kwargs: Any
    ) -> Any:
        """Returns a changed mask `(H, W, channels)`."""
        raise not_written(self, "masks", "augment_segmentation_mask")

    @property
    def is_image_by_image(self) -> bool:
        """Whether it is a layer that writes these methods."""
        return type(self).augment_image is not ImageByImage.augment_image


def not_written(layer: Any, kind: str, method: str) -> NotImplementedError:
    """Returns the error for labels that a custom layer does not take."""
    return NotImplementedError(
        f"{type(layer).__name__} received {kind}, but does not say what becomes of "
        f"them. Write `{method}`, or take them out of the dict."
    )


def augment_each(layer: Any, batch: Batch, seeds: Any) -> Batch:
    """Augments image by image, by the methods of `ImageByImage`.

    Args:
        layer: with the methods.
        batch: float32 images and what belongs to them.
        seeds: float32 `(B, 2)`, what the methods draw by.
    """
    samples, engine = _samples(batch), batch.engine

    def run(i: Any) -> Samples:
        sample = {key: _row(values, i) for key, values in samples.items()}
        return _augment_one(layer, engine, sample, seeds[i])

    join = functools.partial(_together, engine)
    return _read(engine.loop(run, batch, join), batch)


def shape_after(layer: Any, shape: Shape) -> Shape:
    """Returns the shape `(B, H, W, C)` of images that come out of a custom layer.

    It is tried with one image, where the size is known; else it stays.
    """
    size = [length for length in shape[1:] if length is not None]
    if len(size) < 3:
        return shape
    images = np.zeros((1, *size), "float32")
    batch = Batch(NUMPY, images, NUMPY.sizes(images))
    try:
        with outside_graphs():
            changed = layer.augment(batch, {"seed": np.zeros((1, 2), "float32")})
    except Exception:
        # What is wrong with its methods shows when samples come, which may have more.
        return shape
    return (shape[0], *changed.images[0].shape)


def augment_all(layer: Any, batch: Batch, seeds: Any) -> Batch:
    """Augments a batch at once, by the methods of the vectorized base class.

    Args:
        layer: with the methods.
        batch: float32 images and what belongs to them.
        seeds: float32 `(B, 2)`, of which the methods draw by the first.
    """
    engine, images = batch.engine, batch.images
    samples = {
        key: _as_floats(values, engine) if key in (LABELS, MASKS) else values
        for key, values in _samples(batch).items()
    }
    samples = map_leaves(_as_users_have_it(engine), samples)
    with drawing(SeededGenerator(engine_of_users(engine), seeds[0])):
        changed = _augment_batch(layer, samples, engine, images)
    if engine.on_host:
        changed = to_arrays(changed)
    return _read(changed, batch)


def _augment_one(layer: Any, engine: Engine, sample: Samples, seed: Any) -> Samples:
    sample = map_leaves(_as_users_have_it(engine), sample)
    image, label = sample[IMAGES], sample.get(LABELS)
    boxes, masks = sample.get(BOXES), sample.get(MASKS)
    known = {"label": label, "bounding_boxes": boxes}
    with drawing(SeededGenerator(engine_of_users(engine), seed)):
        transformation = call_with(
            layer.get_random_transformation,
            image=image,
            keypoints=sample.get(KEYPOINTS),
            segmentation_mask=masks,
            **known,
        )
        known["transformation"] = transformation
        changed = {IMAGES: call_with(layer.augment_image, image, **known)}
        known |= {"image": changed[IMAGES], "raw_image": image}
        if label is not None:
            changed[LABELS] = call_with(layer.augment_target, label, **known)
        if boxes is not None:
            # Boxes belong to the image that they came with.
            known_raw = {**known, "image": image}
            changed[BOXES] = call_with(layer.augment_bounding_boxes, boxes, **known_raw)
        for key, method in (
            (KEYPOINTS, layer.augment_keypoints),
            (MASKS, layer.augment_segmentation_mask),
        ):
            if key in sample:
                changed[key] = call_with(method, sample[key], **known)
    return to_arrays(changed) if engine.on_host else changed


def _augment_batch(
    layer: Any, samples: Samples, engine: Engine, arrays: Any
) -> Samples:
    images, labels = samples[IMAGES], samples.get(LABELS)
    boxes = samples.get(BOXES)
    known = {"labels": labels, "bounding_boxes": boxes}
    rest = {
        "keypoints": samples.get(KEYPOINTS),
        "segmentation_masks": samples.get(MASKS),
    }
    is_list = isinstance(arrays, list)
    count = len(arrays) if engine.on_host else engine.ops.shape(images)[0]
    transformations = call_with(
        layer.get_random_transformation_batch, count, images=images, **known, **rest
    )
    known["transformations"] = transformations
    changed: Samples = {}
    if is_list:
        changed[IMAGES] = [
            call_with(
                layer.augment_ragged_image,
                _as_users_have_it(engine)(image),
                transformation=_row(transformations, i),
                label=None if labels is None else labels[i],
                bounding_boxes=None if boxes is None else _row(boxes, i),
                keypoints=_row(rest["keypoints"], i),
                segmentation_mask=_row(rest["segmentation_masks"], i),
            )
            for i, image in enumerate(arrays)
        ]
    else:
        changed[IMAGES] = call_with(layer.augment_images, images, **known)
    known |= {"images": changed[IMAGES], "raw_images": images}
    for key, method in (
        (LABELS, layer.augment_targets),
        (BOXES, layer.augment_bounding_boxes),
        (KEYPOINTS, layer.augment_keypoints),
        (MASKS, layer.augment_segmentation_masks),
    ):
        if key in samples:
            changed[key] = call_with(method, samples[key], **known)
    return changed


def call_with(method: Callable[..., Any], *values: Any, **known: Any) -> Any:
    """Calls a user's method with what it asks for among what is known by name."""
    names, takes_more = _parameters(getattr(method, "__func__", method))
    if inspect.ismethod(method):
        names = names[1:]
    first, rest = names[: len(values)], names[len(values) :]
    asked = {
        name: value
        for name, value in known.items()
        if name in rest or (takes_more and name not in first)
    }
    return method(*values, **asked)


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """Returns the names of parameters, and whether there is a `**kwargs`."""
    parameters = inspect.signature(function).parameters
    return list(parameters), any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _samples(batch: Batch) -> Samples:
    """Returns what there is of a batch, by its names in a sample."""
    samples = {
        IMAGES: batch.images,
        LABELS: batch.labels,
        KEYPOINTS: batch.keypoints,
        MASKS: batch.masks,
    }
    if batch.boxes is not None:
        samples[BOXES] = {"boxes": batch.boxes, **batch.box_labels}
    return {key: value for key, value in samples.items() if value is not None}


def _read(changed: Samples, batch: Batch) -> Batch:
    """Returns a batch of what a user's methods gave, with padding as it was."""
    if batch.box_labels.keys() - changed.get(BOXES, {}).keys():
        changed = {**changed, BOXES: {**batch.box_labels, **changed[BOXES]}}
    again, _ = read(changed, batch.engine)
    again = again.replace(others=batch.others, is_single=batch.is_single)
    if again.boxes is None:
        return again
    ops = batch.engine.ops
    return again.replace(
        boxes=ops.where(again.padding[..., None], PADDING, again.boxes)
    )


def _together(engine: Engine, changes: list[Samples]) -> Samples:
    """Returns what was made of each image as one batch; as lists on the host."""

    def join(values: list[Any]) -> Any:
        if not engine.on_host:
            return engine.ops.stack(list(map(engine.ops.convert_to_tensor, values)))
        shapes = {np.shape(value) for value in values}
        return np.stack(values) if len(shapes) == 1 else values

    first = changes[0]
    return {
        key: {k: join([change[key][k] for change in changes]) for k in first[key]}
        if isinstance(first[key], dict)
        else join([change[key] for change in changes])
        for key in first
    }


def _as_floats(values: Any, engine: Engine) -> Any:
    if isinstance(values, list):
        return [_as_floats(value, engine) for value in values]
    return engine.ops.cast(values, "float32")


def _row(values: Any, index: int) -> Any:
    """Returns what belongs to one image of a structure of batches."""
    if values is None or isinstance(values, list):
        return None if values is None else values[index]
    return keras.tree.map_structure(lambda value: value[index], values)


def _as_users_have_it(engine: Engine) -> Callable[[Any], Any]:
    """Returns what makes of arrays what users' methods get."""

    def convert(values: Any) -> Any:
        return list_to_ragged(values) if isinstance(values, list) else to_tensor(values)

    to_tensor = keras.ops.convert_to_tensor
    return convert if engine_of_users(engine) is not engine else lambda values: values
