"""SAM: masks of what points, boxes or a rough mask point out in an image.

Kirillov et al., "Segment Anything", 2023, https://arxiv.org/abs/2304.02643.
Unusual: a heavy backbone sees an image once, and a light decoder runs for each set of
prompts; all masks come as logits at a quarter of the image's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from domain_core.preprocessor import Preprocessor
from domain_core.task import Task
from keras_cv.models.segment_anything.prompt_encoder import HAS_MASKS, PROMPT_RANKS

_NOT_A_POINT = -1


class SegmentAnythingModel(Task):
    """Predicts masks for prompts, on any backbone that gives one feature map.

    Inputs are a dict: "images" `(B, H, W, 3)` of the size that the prompt encoder is
    for, and prompts: "points", "labels", "boxes" and "masks", see `SAMPromptEncoder`.
    Prompts that are missing may be left out. What KerasCV asked of points without a
    box, that one of label -1 follows them, is done here where it was not. Instead of
    "images" a call takes "image_embeddings", what `encode_images` gave for them.

    All prompts of an image make one set, which means one object. For several objects
    an axis of sets follows the first axis of each prompt, points `(B, P, N, 2)`; the
    backbone still sees an image once. Padding, which is points of label -1 and boxes
    of -1, changes nothing, so sets may have different numbers of either.

    Outputs are "masks" `(B, 4, H / 4, W / 4)`, or `(B, P, 4, H / 4, W / 4)`: logits,
    above 0 for what belongs to the object; and "iou_pred", how well each fits, in the
    model's opinion. The first mask is for prompts that are not ambiguous, the others
    are whole, part and part of a part.

    It does not learn by `fit`; `SegmentAnything`, the same on raw images, does.

    Args:
        backbone: a `Backbone` from images to a map `(B, h, w, D)`.
        prompt_encoder: a `SAMPromptEncoder` for this size.
        mask_decoder: a `SAMMaskDecoder` of `D` channels.
        preprocessor: a callable `(x, y, sample_weight)`, or None if images come in the
            size that the model takes.
        name: name of the model.

    Raises:
        ValueError: if the parts do not fit each other.

    Example:
        >>> backbone = keras_cv.models.ResNetBackbone(
        ...     stackwise_filters=[32], stackwise_blocks=[1], stackwise_strides=[1],
        ...     include_rescaling=True,
        ... )
        >>> model = keras_cv.models.SegmentAnythingModel(
        ...     backbone=backbone, mask_decoder=keras_cv.models.SAMMaskDecoder(
        ...         transformer_dim=128),
        ...     prompt_encoder=keras_cv.models.SAMPromptEncoder(
        ...         embed_dim=128, image_embedding_size=(4, 8),
        ...         input_image_size=(16, 32)))
        >>> found = model.predict({"images": np.ones((1, 16, 32, 3)),
        ...                        "points": [[[9, 20]]], "labels": [[1]]}, verbose=0)
        >>> found["masks"].shape
        (1, 4, 16, 32)
    """

    _traced_axes: int | None = None

    def __init__(
        self,
        *,
        backbone: keras.Model,
        prompt_encoder: Any,
        mask_decoder: Any,
        preprocessor: Preprocessor | None = None,
        name: str | None = None,
    ) -> None:
        # layers
        if lack := lacks_feature_map(backbone):
            raise ValueError(
                "Expected a backbone that fits SegmentAnythingModel, received a "
                f"{type(backbone).__name__}: {lack}."
            )
        height, width = prompt_encoder.input_image_size
        inputs = {
            "images": keras.Input(
                (height, width, backbone.input.shape[-1]), name="images"
            )
        }
        embeddings = backbone(inputs["images"])
        _check_fit(embeddings.shape[1:], prompt_encoder, mask_decoder)
        # functional model
        height, width = prompt_encoder.image_embedding_size
        inputs |= {
            "points": keras.Input((None, 2), name="points"),
            "labels": keras.Input((None,), name="labels"),
            "boxes": keras.Input((None, 2, 2), name="boxes"),
            "masks": keras.Input((None, 4 * height, 4 * width, 1), name="masks"),
        }
        super().__init__(
            backbone,
            inputs,
            _segment(prompt_encoder, mask_decoder, embeddings, inputs),
            preprocessor=preprocessor,
            name=name,
        )
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder
        # Prompts may be missing, or have an axis more.
        self.input_spec = None

    def call(
        self, inputs: Mapping[str, Any], training: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        embeddings = inputs.get("image_embeddings")
        if embeddings is None:
            # What is frozen gives the same in training as later.
            training = training and self.backbone.trainable
            embeddings = self.backbone(inputs["images"], training=training)
        return self.segment(embeddings, inputs)

    def encode_images(self, images: Any) -> Any:
        """Runs the backbone, whose result serves all prompts of an image.

        Args:
            images: tensor `(B, H, W, 3)`.

        Returns:
            Tensor `(B, h, w, D)`.
        """
        return self.backbone(images)

    def segment(self, image_embeddings: Any, prompts: Mapping[str, Any]) -> Any:
        """Predicts masks of images that are encoded already.

        Args:
            image_embeddings: what `encode_images` gave, `(B, h, w, D)`.
            prompts: dict of "points", "labels", "boxes", "masks", or some of them.

        Returns:
            Dict of "masks" and "iou_pred"; see the class.
        """
        return _segment(
            self.prompt_encoder, self.mask_decoder, image_embeddings, prompts
        )

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into inputs, after a look at the prompts."""
        if not isinstance(x, Mapping) or "images" not in x:
            raise ValueError(
                'Expected a dict with "images" and prompts, received '
                f"{sorted(x) if isinstance(x, Mapping) else type(x)}."
            )
        if "labels" in x and not np.isin(x["labels"], (1, 0, _NOT_A_POINT)).all():
            raise ValueError(
                "Expected labels of points to be 1 for the object, 0 for the "
                "background or -1 for padding, received others."
            )
        return super().preprocess_samples(x, y, sample_weight)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> dict[str, np.ndarray]:
        """Predicts raw samples, with any of the prompts missing.

        Args:
            x: dict, see the class; or a dataset of such.
            batch_size: as in `keras.Model.predict`, and so are the others.
            verbose: likewise.
            steps: likewise.
            callbacks: likewise.

        Returns:
            Dict of "masks" and "iou_pred", NumPy arrays; see the class.

        Raises:
            ValueError: if there are no images, or a prompt has another shape.
        """
        axes = _axes_of_prompts(x)
        if axes != self._traced_axes:
            # TensorFlow would trace a program for prompts of any number of axes, whose
            # shapes it could not tell.
            self.make_predict_function(force=True)
        self._traced_axes = axes
        found: dict[str, np.ndarray] = super().predict(
            x, batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )
        return found

    def fit(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: the model predicts only."""
        raise NotImplementedError(
            "Expected `predict`: a SegmentAnythingModel has no `fit`. Make a "
            "SegmentAnything of its parts, which has, or write a loop around "
            "`encode_images` and `segment`."
        )


def lacks_feature_map(backbone: keras.Model) -> str | None:
    """Returns None for a backbone that gives one feature map, else what it gives."""
    output = backbone.output
    if getattr(output, "shape", None) is not None and len(output.shape) == 4:
        return None
    return f"its output is {output!r:.200} instead of a map (images, h, w, channels)"


def _axes_of_prompts(x: Any) -> int | None:
    """Returns the number of axes before those of a single prompt, if that is known."""
    if isinstance(x, Mapping):
        for key, rank in PROMPT_RANKS.items():
            if key in x:
                return np.ndim(x[key]) - rank
    return None


def _segment(
    prompt_encoder: Any, mask_decoder: Any, embeddings: Any, prompts: Mapping[str, Any]
) -> Any:
    keys = (*PROMPT_RANKS, HAS_MASKS)
    given = {k: prompts[k] for k in keys if prompts.get(k) is not None}
    if "points" in given and "labels" in given:
        # The token that sets of points without a box have. The encoder's mask drops it
        # where it is not needed.
        around = [[0, 0]] * (len(ops.shape(given["points"])) - 2)
        given["points"] = ops.pad(given["points"], [*around, [0, 1], [0, 0]])
        given["labels"] = ops.pad(
            given["labels"], [*around, [0, 1]], constant_values=_NOT_A_POINT
        )
    encoded = prompt_encoder(given or {"images": embeddings})
    return mask_decoder(
        {
            "image_embeddings": embeddings,
            "image_pe": encoded["dense_positional_embeddings"],
            "sparse_prompt_embeddings": encoded["sparse_embeddings"],
            "sparse_prompt_mask": encoded["sparse_mask"],
            "dense_prompt_embeddings": encoded["dense_embeddings"],
        }
    )


def _check_fit(shape: Any, prompt_encoder: Any, mask_decoder: Any) -> None:
    expected = (*prompt_encoder.image_embedding_size, prompt_encoder.embed_dim)
    if tuple(shape) != expected or mask_decoder.transformer_dim != expected[-1]:
        raise ValueError(
            "Expected the backbone to give what the prompt encoder is for, "
            f"{expected}, and a mask decoder of {expected[-1]} channels; received "
            f"{tuple(shape)} for images of {prompt_encoder.input_image_size} pixels "
            f"and a decoder of {mask_decoder.transformer_dim}. Change "
            "`image_embedding_size`, `embed_dim` or `transformer_dim`."
        )
