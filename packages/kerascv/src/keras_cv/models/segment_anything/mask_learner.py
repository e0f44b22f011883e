"""How Segment Anything learns: true masks for prompts, the best of three at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from domain_core.arguments import as_finite, check_choices
from domain_core.ops import FusedAdam
from domain_core.pipeline import PipelineModel
from keras_cv.models.segment_anything.image_embeddings import (
    ImageEmbeddings,
    check_embeddings,
)
from keras_cv.models.segment_anything.mask_loss import mask_loss, mean_of_sets
from keras_cv.models.segment_anything.preprocessor import SegmentAnythingPreprocessor
from keras_cv.models.segment_anything.segment_anything_model import (
    SegmentAnythingModel,
)
from keras_cv.models.segment_anything.training_samples import PROMPTS

_LEARNING_RATE = 1e-4
_TERMS = ("focal_loss", "dice_loss", "iou_loss")
# Masks of a prompt by what `predict` calls them: the first is that of clear prompts.
_MASKS = {"best": slice(1, None), "single": slice(0, 1)}


class MaskLearner(SegmentAnythingModel):
    """What `SegmentAnything` trains and evaluates with; see there.

    Args:
        backbone: see `SegmentAnything`, and so are the others.
        prompt_encoder: likewise.
        mask_decoder: likewise.
        preprocessor: likewise.
        name: likewise.
    """

    preprocessor: SegmentAnythingPreprocessor
    # Sets of prompts, and points in a set.
    varying_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "x['points']": (1, 2),
        "x['labels']": (1, 2),
        "x['boxes']": (1,),
        "x['masks']": (1,),
        "x['has_masks']": (1,),
        "y": (1,),
        "sample_weight": (1,),
    }

    def __init__(
        self,
        *,
        backbone: keras.Model,
        prompt_encoder: Any,
        mask_decoder: Any,
        preprocessor: SegmentAnythingPreprocessor,
        name: str | None = None,
    ) -> None:
        super().__init__(
            backbone=backbone,
            prompt_encoder=prompt_encoder,
            mask_decoder=mask_decoder,
            preprocessor=preprocessor,
            name=name,
        )
        self.loss_trackers = {
            term: keras.metrics.Mean(name=term) for term in (*_TERMS, "mask_iou")
        }
        self._loss_options: dict[str, Any] = {}

    def compile(  # type: ignore[override]
        self,
        optimizer: Any = "auto",
        focal_weight: float = 20.0,
        dice_weight: float = 1.0,
        iou_weight: float = 1.0,
        train_encoder: bool = False,
        *,
        output: str = "best",
        **kwargs: Any,
    ) -> None:
        """Configures training with the paper's loss.

        Args:
            optimizer: "auto" for Adam at 1e-4, which adapts a trained model. The paper
                trains from nothing, with AdamW at 8e-4 and a weight decay of 0.1; that
                would also shrink weights which the prompts at hand do not ask for.
            focal_weight: factor of the focal loss of masks.
            dice_weight: factor of their dice loss.
            iou_weight: factor of the squared error of scores.
            train_encoder: whether the backbone learns too; otherwise it is frozen.
            output: which mask learns, as `predict` calls it: "best" for the best of
                three, as the paper does for a single point or box, or "single" for
                the one for prompts that leave no doubt, such as many points.
            **kwargs: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        check_choices(output=(output, _MASKS))
        weights = {
            "focal_weight": focal_weight,
            "dice_weight": dice_weight,
            "iou_weight": iou_weight,
        }
        for name, weight in weights.items():
            if as_finite(name, weight) < 0:
                raise ValueError(f"Expected `{name}` of at least 0, received {weight}.")
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = FusedAdam(_LEARNING_RATE)
        self.backbone.trainable = bool(train_encoder)
        super().compile(optimizer=optimizer, loss=None, **kwargs)
        self._loss_options = {
            **{name: float(weight) for name, weight in weights.items()},
            "train_encoder": bool(train_encoder),
            "output": output,
        }

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns what `compile` was told, for Keras to save; None if it was not."""
        if not self.compiled:
            return None
        return keras.saving.serialize_keras_object(
            {"optimizer": self.optimizer, **self._loss_options}
        )

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains on raw images, prompts and the masks that these should give.

        Args:
            x: dict of "images" and prompts, as `predict` takes them for a list of
                images: "points", "labels", "boxes", "masks". Instead of images also
                what `embed` gave for them, which is much faster where the backbone is
                frozen; `ImageEmbeddings.as_samples` makes arrays of it for datasets.
                Or a dataset of `(x, y)`; in its batches points of label -1 and boxes
                of -1 are padding, and so are sets that have nothing else.
            y: for each image true masks `(P, H, W)` of its size, one per set of
                prompts, or `(H, W)`: bools, or numbers of which 0.5 and more counts.
            *args: as in `keras.Model.fit`.
            **kwargs: likewise; a weight per sample is one per image.

        Returns:
            A `History` of "loss", its terms "focal_loss", "dice_loss" and "iou_loss",
            and "mask_iou", the overlap of the mask that `predict` would choose with the
            true one, in the model's size: means over sets of prompts.

        Raises:
            ValueError: if samples do not fit each other, or embeddings not the model.

        Example:
            >>> embeddings = segmenter.embed(images)  # doctest: +SKIP
            >>> segmenter.fit({"images": embeddings, "boxes": boxes}, masks,
            ...               epochs=20)  # doctest: +SKIP
        """
        if kwargs.get("validation_data") is not None:
            data = kwargs["validation_data"]
            if isinstance(data, tuple):
                kwargs["validation_data"] = (self._without_objects(data[0]), *data[1:])
        x = self._without_objects(x)
        self._check_trainable(x)
        return PipelineModel.fit(self, x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Computes the loss and its terms, and "mask_iou", on samples as of `fit`."""
        return super().evaluate(self._without_objects(x), y, *args, **kwargs)

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(inputs, true masks, weights of sets)`."""
        height, width = (4 * n for n in self.prompt_encoder.image_embedding_size)
        return self.preprocessor.samples(x, y, sample_weight, mask_size=(height, width))

    def preprocess_training_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Does that, if the encoder need not be trained on what comes without it."""
        self._check_trainable(x)
        return self.preprocess_samples(x, y, sample_weight)

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
            x: inputs of the model.
            y: true masks `(B, P, m, n)`, 0 or 1.
            y_pred: the model's outputs.
            sample_weight: weights of the sets of prompts `(B, P)`, 0 for padding.
            training: not used.

        Raises:
            ValueError: if there are no masks.
        """
        del training
        if y is None:
            raise ValueError(
                "Expected true masks to learn, received images and prompts alone. Pass "
                "`y`: masks (objects, height, width) for each image."
            )
        options = dict(self._loss_options)
        del options["train_encoder"]
        chosen = _MASKS[options.pop("output")]
        masks, scores = y_pred["masks"], y_pred["iou_pred"]
        height, width = masks.shape[-2:]
        terms = mask_loss(
            ops.reshape(masks, (-1, *masks.shape[-3:]))[:, chosen],
            ops.reshape(scores, (-1, scores.shape[-1]))[:, chosen],
            ops.reshape(y, (-1, height, width)),
            **options,
        )
        weights = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        is_set = ops.cast(weights != 0, "float32")
        for name, tracker in self.loss_trackers.items():
            tracker.update_state(terms[name], sample_weight=is_set)
        total = sum(
            options[name.replace("loss", "weight")] * terms[name] for name in _TERMS
        )
        more = [ops.cast(loss, "float32") for loss in self.losses]
        if "masks" not in x:
            # Keras warns of weights without a gradient: those that nothing asked for
            # have one of 0.
            unused = self.prompt_encoder.mask_embedding.trainable_weights
            more += [ops.cast(0 * ops.sum(w), "float32") for w in unused]
        return sum([mean_of_sets(total, weights), *more])

    def _without_objects(self, x: Any) -> Any:
        """Returns samples with arrays for embeddings, and for prompts that are None."""
        if not isinstance(x, Mapping):
            return x
        samples = {key: value for key, value in x.items() if value is not None}
        if isinstance(x.get("images"), ImageEmbeddings):
            check_embeddings(x["images"], self.backbone)
            samples |= samples.pop("images").as_samples()
        for key in set(PROMPTS) & set(samples):
            if isinstance(samples[key], list | tuple):
                samples[key] = [
                    np.zeros(0) if one is None else one for one in samples[key]
                ]
        return samples

    def _check_trainable(self, x: Any) -> None:
        if (
            isinstance(x, Mapping)
            and "image_embeddings" in x
            and self.backbone.trainable
        ):
            raise ValueError(
                "Expected images for an encoder that learns too, received embeddings, "
                "which change with it. Pass images, or call "
                "`compile(train_encoder=False)`."
            )
