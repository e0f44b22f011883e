"""Object detection: boxes around things, with a class each."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from domain_core.arguments import as_positive_int, as_size
from domain_core.classifier import as_class_names
from domain_core.pipeline.batches import BatchDataset
from domain_core.preprocessor import Preprocessor
from domain_core.task import Task
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.formats import parse
from keras_cv.metrics.box_coco_metrics import BoxCOCOMetrics
from keras_cv.models.detection_export import export_detection
from keras_cv.models.detection_losses import get_loss
from keras_cv.models.detection_model import DetectionModel, placements_of
from keras_cv.models.detection_recipe import DetectionRecipe
from keras_cv.models.object_detector_preprocessor import (
    ObjectDetectorPreprocessor,
    split_boxes,
)

# Made on demand and not part of the model: Keras must not track them.
_DETECTING = "__detection_model__"
_AUGMENTATION = "__augmentation__"
# Keras would compute these in each step, of what it knows there.
_BOX_METRICS = "__box_metrics__"


class ObjectDetector(Task):
    """Finds objects in images: boxes, with a class and a confidence each.

    `ObjectDetector.from_preset` gives the detector that fits to a preset. `fit` and
    `evaluate` take raw images with boxes in their pixels; `predict` gives boxes in the
    pixels of the images as they came. See `ObjectDetectorPreprocessor` for the forms.

    A subclass builds a functional graph on the levels of a backbone, and writes
    `decode_boxes`, `loss_terms`, and a `compile` that calls `configure`.

    Args:
        backbone: a `Backbone` with a pyramid.
        inputs: the graph's input, images `(B, H, W, C)`.
        outputs: the graph's outputs.
        num_classes: number of classes `C`.
        bounding_box_format: of boxes that come and go, see
            `keras_cv.bounding_box.convert_format`.
        prediction_decoder: chooses among the boxes: a layer like
            `keras_cv.layers.NonMaxSuppression`, of the same format.
        preprocessor: an `ObjectDetectorPreprocessor`, or any callable `(x, y,
            sample_weight)`; None for one that keeps sizes, or gives that of a backbone
            for images of one size.
        class_names: one name per class, for `name_predictions`.
        name: name of the model.

    Raises:
        ValueError: if an argument is out of range, or formats differ.
    """

    preprocessor_cls = ObjectDetectorPreprocessor
    # torch's compiler can't sort strides of sizes that it does not know.
    dynamic_shapes = False
    varying_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "y['boxes']": (1,),
        "y['classes']": (1,),
    }
    # Losses by the names that `compile` takes.
    box_losses: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    classification_losses: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    # Names of the terms that `loss_terms` gives.
    term_names: ClassVar[tuple[str, ...]] = ("box_loss", "classification_loss")

    def __init__(
        self,
        backbone: keras.Model,
        inputs: Any,
        outputs: Any,
        *,
        num_classes: int,
        bounding_box_format: str,
        prediction_decoder: Any,
        preprocessor: Preprocessor | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        as_positive_int("num_classes", num_classes)
        parse(bounding_box_format)
        class_names = as_class_names(class_names, num_classes)
        _check_decoder(prediction_decoder, bounding_box_format)
        super().__init__(
            backbone,
            inputs,
            outputs,
            preprocessor=_in_format(preprocessor, backbone, bounding_box_format),
            name=name,
        )
        used = keras.Model(inputs, outputs)
        self._unused = frozenset(
            {id(w) for w in backbone.weights} - {id(w) for w in used.weights}
        )
        self.num_classes = num_classes
        self.bounding_box_format = bounding_box_format
        self.class_names = class_names
        self._prediction_decoder = prediction_decoder
        self.loss_trackers = {
            term: keras.metrics.Mean(name=term) for term in self.term_names
        }
        self.loss_weights: dict[str, float] = dict.fromkeys(self.term_names, 1.0)
        self.__dict__[_BOX_METRICS] = []
        self.recipe: DetectionRecipe | None = None
        self._averages_weights = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an attribute; the prediction decoder by its setter on torch, too."""
        if name == "prediction_decoder":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def decode_boxes(
        self, outputs: Any, image_shape: tuple[Any, Any]
    ) -> tuple[Any, Any]:
        """Turns the outputs into boxes.

        Args:
            outputs: what the model gives.
            image_shape: height and width of the images in pixels.

        Returns:
            Boxes `(B, N, 4)`, "xyxy" in pixels; and of each the scores `(B, N, C)` that
            the prediction decoder expects.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `decode_boxes`.")

    def loss_terms(
        self,
        outputs: Any,
        boxes: Any,
        classes: Any,
        images: Any,
        image_weights: Any,
    ) -> dict[str, Any]:
        """Computes the terms of the loss of a batch.

        Args:
            outputs: what the model gives.
            boxes: true boxes `(B, N, 4)`, "xyxy" in pixels.
            classes: float `(B, N)`, -1 where there is no box.
            images: `(B, H, W, C)`.
            image_weights: `(B,)`, or None.

        Returns:
            A scalar for each of `term_names`, before their weights.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `loss_terms`.")

    @property
    def prediction_decoder(self) -> Any:
        """Chooses among the boxes; may be replaced, by one of the same format."""
        return self._prediction_decoder

    @prediction_decoder.setter
    def prediction_decoder(self, decoder: Any) -> None:
        _check_decoder(decoder, self.bounding_box_format)
        self._prediction_decoder = decoder
        self.__dict__.pop(_DETECTING, None)

    @property
    def box_metrics(self) -> list[Any]:
        """The metrics of boxes that `compile` was given."""
        metrics: list[Any] = self.__dict__[_BOX_METRICS]
        return metrics

    @property
    def detection_model(self) -> DetectionModel:
        """The model from images and placements to what is found in them."""
        if _DETECTING not in self.__dict__:
            model = self._detection_model(self._convert)
            model.compile(jit_compile=self.jit_compile)
            self.__dict__[_DETECTING] = model
        return self.__dict__[_DETECTING]

    def configure(
        self,
        box_loss: Any,
        classification_loss: Any,
        *,
        optimizer: Any,
        recipe: DetectionRecipe | None,
        metrics: Any,
        loss_weights: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Does what `compile` of all detectors does.

        Args:
            box_loss: name of one of `box_losses`, or a loss.
            classification_loss: name of one of `classification_losses`, or a loss.
            optimizer: "auto" for that of the recipe, or Adam at 5e-5.
            recipe: how to train: optimizer, augmentation and more; None for none. With
                another optimizer the rest of it holds.
            metrics: of boxes, such as `BoxCOCOMetrics`, or a list of them. They are
                computed by `evaluate`, and on the validation data of `fit`.
            loss_weights: factor of each of `term_names`.
            **kwargs: as in `keras.Model.compile`.

        Raises:
            ValueError: if there is no such loss.
        """
        self.box_loss = get_loss("box_loss", box_loss, self.box_losses)
        self.classification_loss = get_loss(
            "classification_loss", classification_loss, self.classification_losses
        )
        self._averages_weights = False
        if recipe is not None:
            if isinstance(optimizer, str) and optimizer == "auto":
                optimizer = recipe.optimizer()
                self._averages_weights = bool(recipe.ema_momentum)
            recipe.set_batch_norm(self.backbone)
            augmentation = recipe.augmentation(self.bounding_box_format)
            self.__dict__[_AUGMENTATION] = augmentation
        Task.compile(self, optimizer=optimizer, loss=None, **kwargs)
        self.recipe = recipe
        self.loss_weights = {name: float(loss_weights[name]) for name in loss_weights}
        metrics = [] if metrics is None else metrics
        metrics = metrics if isinstance(metrics, list) else [metrics]
        self.__dict__[_BOX_METRICS] = list(metrics)
        self.__dict__.pop(_DETECTING, None)

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` was told, for Keras to save."""
        parts = {
            "optimizer": self.optimizer,
            "box_loss": self.box_loss,
            "classification_loss": self.classification_loss,
        }
        weights = {f"{name}_weight": x for name, x in self.loss_weights.items()}
        return keras.saving.serialize_keras_object({**parts, **weights})

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(pixels, boxes, sample weights)`."""
        x, y = split_boxes(x, y)
        if not isinstance(self.preprocessor, ObjectDetectorPreprocessor):
            return super().preprocess_samples(x, y, sample_weight)
        pixels, placements = self.preprocessor.convert(x)
        if y is not None:
            y = self.preprocessor.move(y, placements, pixels.shape)
            y = self.preprocessor.pad(y)
        return pixels, y, sample_weight

    def preprocess_training_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Does that and augments, if the recipe says so."""
        preprocessor = self.preprocessor
        x, y = split_boxes(x, y)
        if (
            y is None
            or self.recipe is None
            or not isinstance(preprocessor, ObjectDetectorPreprocessor)
        ):
            return self.preprocess_samples(x, y, sample_weight)
        pixels, placements = preprocessor.resize(x)
        y = preprocessor.move(y, placements, pixels.shape)
        pixels, y = self.__dict__[_AUGMENTATION](pixels, y)
        return preprocessor.normalize(pixels), preprocessor.pad(y), sample_weight

    def check_targets(self, y: Any) -> None:
        """Raises ValueError for classes that are no int in `[0, num_classes)`."""
        classes = np.asarray(y["classes"])
        wrong = (classes != -1) & ~(
            (classes >= 0) & (classes < self.num_classes) & (classes == classes // 1)
        )
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"Expected classes in [0, {self.num_classes}), and -1 for padding, "
                f"received {classes[place]:g} at {place}. Number the classes from 0, "
                "or raise `num_classes`."
            )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Computes the weighted sum of the terms, and counts them.

        Args:
            x: images `(B, H, W, C)` as the model takes them.
            y: dict with "boxes" and "classes", in pixels of these images.
            y_pred: the model's outputs.
            sample_weight: weights of the images `(B,)`, or None.
            training: not used.

        Raises:
            ValueError: if there are no boxes.
        """
        del training
        if y is None:
            raise ValueError(
                "Expected boxes to learn, received images alone. Pass `y`, or a dict "
                'with "images" and "bounding_boxes".'
            )
        if isinstance(sample_weight, dict):
            sample_weight = sample_weight["classes"]
        shape = ops.shape(x)[1:3]
        classes = ops.cast(y["classes"], "float32")
        boxes = convert_format(
            ops.cast(y["boxes"], "float32"),
            self.bounding_box_format,
            "xyxy",
            image_shape=shape,
        )
        terms = self.loss_terms(y_pred, boxes, classes, x, sample_weight)
        for name, tracker in self.loss_trackers.items():
            tracker.update_state(terms[name])
        weighted = [self.loss_weights[name] * terms[name] for name in self.term_names]
        return sum([*weighted, *(ops.cast(loss, "float32") for loss in self.losses)])

    def fit(self, *args: Any, callbacks: Any = None, **kwargs: Any) -> Any:
        """Trains on raw samples; see `PipelineModel.fit`."""
        if self._averages_weights:
            # Evaluation is that of the averages, too.
            callbacks = [*(callbacks or ()), keras.callbacks.SwapEMAWeights()]
        kwargs["callbacks"] = callbacks
        return super().fit(*args, **kwargs)

    def evaluate_batches(self, batches: BatchDataset, **options: Any) -> Any:
        """Evaluates as Keras does, and then the metrics of boxes in a second pass."""
        results = super().evaluate_batches(batches, **options)
        scores = self._box_scores(batches, options["steps"])
        return results | scores if options["return_dict"] else _joined(results, scores)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> dict[str, np.ndarray]:
        """Finds objects in raw images.

        Args:
            x: images in any form that `fit` takes; boxes beside them are not looked at.
            batch_size: as in `keras.Model.predict`, and so are the others.
            verbose: likewise.
            steps: likewise.
            callbacks: likewise.

        Returns:
            What the prediction decoder gives: "boxes" `(images, D, 4)` in pixels of the
            images as they came, "classes", "confidence" `(images, D)`, -1 behind the
            "num_detections" `(images,)`.
        """
        return self.detection_model.predict(
            x, batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )

    def predict_on_batch(self, x: Any) -> dict[str, np.ndarray]:
        """Finds objects in one raw batch; see `predict`."""
        return self.detection_model.predict_on_batch(x)

    def decode_predictions(self, predictions: Any, images: Any) -> dict[str, Any]:
        """Turns what the model gives for pixels into objects in these pixels.

        Args:
            predictions: outputs of a call, `detector(images)`.
            images: what they are of; only the size is used.
        """
        return self._decode(predictions, ops.shape(images)[-3:-1])

    def name_predictions(
        self, predictions: dict[str, Any]
    ) -> list[list[tuple[str, float, list[float]]]]:
        """Lists what was found, with the names of the classes.

        Args:
            predictions: what `predict` gave.

        Returns:
            For each image name, confidence and box of each object.

        Raises:
            ValueError: if the detector has no class names.
        """
        if self.class_names is None:
            raise ValueError(
                "Expected a detector with class names. Set `detector.class_names` to a "
                f"list of {self.num_classes} names."
            )
        rows = zip(
            *(predictions[key] for key in ("classes", "confidence", "boxes")),
            strict=True,
        )
        return [
            [
                (self.class_names[int(label)], float(confidence), box.tolist())
                for label, confidence, box in zip(*map(np.asarray, row), strict=True)
                if label >= 0
            ]
            for row in rows
        ]

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool = False,
        *,
        image_size: int | Sequence[int] | None = None,
        suppress: bool = True,
    ) -> None:
        """Writes the detector for programs that know no Keras.

        It takes images `(B, H, W, C)` as `preprocessor.convert` gives them, batches of
        any size, and gives what `predict` gives, in pixels of these images.

        Args:
            filepath: of the folder, or of the file.
            format: "tf_saved_model", on TensorFlow and JAX; "onnx", or "torch" for a
                `.pt2` file, on torch.
            verbose: whether to say what is done.
            image_size: `(height, width)` of the images, or one number for both; None
                for the size to which the preprocessor brings them, or any, which only
                TensorFlow can.
            suppress: whether to choose among the boxes. Otherwise the program gives
                "boxes" `(B, N, 4)` and "scores" `(B, N, num_classes)` in [0, 1] of all
                places, for another one to choose.

        Raises:
            ValueError: if this backend can't write such a file, or not without a size.

        Example:
            >>> detector.export("cells", image_size=(480, 640))  # doctest: +SKIP
        """
        preprocessor = self.preprocessor
        if image_size is None and isinstance(preprocessor, ObjectDetectorPreprocessor):
            image_size = preprocessor.target_size
        size = None if image_size is None else as_size("image_size", image_size)
        model = self._detection_model(None, self._decode if suppress else self._all)
        export_detection(model, filepath, format, size, verbose)

    def _detection_model(self, preprocess: Any, decode: Any = None) -> DetectionModel:
        return DetectionModel(
            self.input,
            self.output,
            decode=decode or self._decode,
            preprocess=preprocess,
            bounding_box_format=self.bounding_box_format,
            name=f"{self.name}_detection",
        )

    def _decode(self, outputs: Any, shape: tuple[Any, Any]) -> dict[str, Any]:
        boxes, scores = self._candidates(outputs, shape)
        # Without channels: Keras takes no mix of tensors and numbers.
        return self.prediction_decoder(boxes, scores, image_shape=tuple(shape))

    def _all(self, outputs: Any, shape: tuple[Any, Any]) -> dict[str, Any]:
        """Returns the boxes of all places, and their probabilities."""
        boxes, scores = self._candidates(outputs, shape)
        if getattr(self.prediction_decoder, "from_logits", False):
            scores = ops.sigmoid(scores)
        return {"boxes": boxes, "scores": scores}

    def _candidates(self, outputs: Any, shape: tuple[Any, Any]) -> tuple[Any, Any]:
        """Returns the boxes of all places, in the detector's format, and scores."""
        boxes, scores = self.decode_boxes(outputs, shape)
        format = self.bounding_box_format
        return convert_format(boxes, "xyxy", format, image_shape=shape), scores

    def _convert(self, x: Any) -> tuple[Any, Any]:
        """Turns raw images into pixels and their placements."""
        images, _ = split_boxes(x, None)
        if isinstance(self.preprocessor, ObjectDetectorPreprocessor):
            return self.preprocessor.convert(images)
        pixels = np.asarray(super().preprocess_samples(images)[0])
        return pixels, placements_of(pixels)

    def _box_scores(self, batches: BatchDataset, steps: int | None) -> dict[str, float]:
        if not self.box_metrics:
            return {}
        for metric in self.box_metrics:
            metric.reset_state()
        model = self.detection_model
        for pixels, boxes, *_ in itertools.islice(batches.another_pass(), steps):
            inputs = model.inputs_of(pixels, placements_of(pixels))
            found = model.predict_preprocessed(inputs, batch_size=len(pixels))
            for metric in self.box_metrics:
                metric.update_state(boxes, found)
        scores: dict[str, float] = {}
        for metric in self.box_metrics:
            # Those of COCO compute seldom unless they are told to.
            forced = isinstance(metric, BoxCOCOMetrics)
            result = metric.result(force=True) if forced else metric.result()
            named = result if isinstance(result, dict) else {metric.name: result}
            scores |= {name: float(value) for name, value in named.items()}
        return scores


def _joined(results: Any, scores: dict[str, float]) -> Any:
    """Returns what `evaluate` gives without names; Keras gives one number as it is."""
    if not scores:
        return results
    results = results if isinstance(results, list) else [results]
    return [*results, *scores.values()]


def _check_decoder(decoder: Any, bounding_box_format: str) -> None:
    format = getattr(decoder, "bounding_box_format", bounding_box_format)
    if str(format).lower() != bounding_box_format.lower():
        raise ValueError(
            "Expected a `prediction_decoder` of the detector's format, "
            f"{bounding_box_format!r}, received one of {format!r}. Make both of one."
        )


def _in_format(
    preprocessor: Any, backbone: keras.Model, bounding_box_format: str
) -> Any:
    """Returns a preprocessor whose boxes are those of the detector."""
    if preprocessor is None:
        size = tuple(backbone.input.shape[1:3])
        return ObjectDetectorPreprocessor(
            bounding_box_format=bounding_box_format,
            image_size=None if None in size else size,
        )
    if (
        not isinstance(preprocessor, ObjectDetectorPreprocessor)
        or preprocessor.bounding_box_format == bounding_box_format
    ):
        return preprocessor
    arguments = preprocessor.current_arguments()
    return type(preprocessor)(
        **{**arguments, "bounding_box_format": bounding_box_format}
    )
