"""Segment Anything on raw images: any size, any prompts, many at once.

Shapes: `B` images, `P` sets of prompts of an image, which is objects; `H` and `W` size
of an image as it came; `h` and `w` size of its embedding; `K` masks of a prompt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arguments import as_positive_int, check_choices
from domain_core.images import image_inputs
from domain_core.images.converter import ImageConverter
from domain_core.pipeline import PipelineModel
from keras_cv.models.segment_anything.export import export_segment_anything
from keras_cv.models.segment_anything.image_embeddings import (
    ImageEmbeddings,
    check_embeddings,
    encoder_number,
)
from keras_cv.models.segment_anything.mask_generation import MaskGenerator, View
from keras_cv.models.segment_anything.mask_learner import MaskLearner
from keras_cv.models.segment_anything.original_masks import original_masks
from keras_cv.models.segment_anything.preprocessor import SegmentAnythingPreprocessor
from keras_cv.models.segment_anything.prompted_model import PromptedModel
from keras_cv.models.segment_anything.prompts import (
    Prompts,
    joined_prompts,
    read_prompts,
)

OUTPUTS = ("best", "all", "single")
# Made on demand and not part of the model: Keras must not track them.
_ENCODER = "__encoding_model__"
_PROMPTED = "__prompted_model__"


class SegmentAnything(MaskLearner):
    """Segments what prompts point out, in images of any size.

    Images come as arrays, Pillow images or paths, one or a list; prompts in the pixels
    of these images, a different number for each; masks come back at the images' sizes.
    A backbone sees an image once, however many prompts there are, and `embed` keeps
    what it saw.

    Args:
        backbone: a `Backbone` from images to a map `(B, h, w, D)`.
        prompt_encoder: a `SAMPromptEncoder` for the size of images that it takes.
        mask_decoder: a `SAMMaskDecoder` of `D` channels.
        preprocessor: a `SegmentAnythingPreprocessor`; None for one that resizes images
            in [0, 255] until they just fit, and fills them up.
        name: name of the model.

    Raises:
        ValueError: if the parts do not fit each other.

    Reference:
        Kirillov et al., "Segment Anything", 2023, https://arxiv.org/abs/2304.02643.

    Example:
        >>> backbone = keras_cv.models.ViTDetBackbone(
        ...     include_rescaling=True, input_shape=(64, 64, 3), embed_dim=8, depth=1,
        ...     mlp_dim=16, num_heads=2, out_chans=32,
        ... )
        >>> segmenter = keras_cv.models.SegmentAnything(
        ...     backbone=backbone, mask_decoder=keras_cv.models.SAMMaskDecoder(
        ...         transformer_dim=32),
        ...     prompt_encoder=keras_cv.models.SAMPromptEncoder(
        ...         embed_dim=32, image_embedding_size=(4, 4),
        ...         input_image_size=(64, 64)))
        >>> image = np.zeros((30, 50, 3), "uint8")
        >>> found = segmenter.predict(image, boxes=[[5, 5, 20, 25], [0, 0, 9, 9]])
        >>> found["masks"].shape, found["scores"].shape
        ((2, 30, 50), (2,))
    """

    preprocessor_cls = SegmentAnythingPreprocessor

    def __init__(
        self,
        *,
        backbone: keras.Model,
        prompt_encoder: Any,
        mask_decoder: Any,
        preprocessor: SegmentAnythingPreprocessor | None = None,
        name: str | None = None,
    ) -> None:
        if preprocessor is None:
            preprocessor = SegmentAnythingPreprocessor(
                ImageConverter(
                    prompt_encoder.input_image_size, channels=backbone.input.shape[-1]
                )
            )
        super().__init__(
            backbone=backbone,
            prompt_encoder=prompt_encoder,
            mask_decoder=mask_decoder,
            preprocessor=preprocessor,
            name=name,
        )

    def predict(  # type: ignore[override]
        self,
        images: Any,
        points: Any = None,
        labels: Any = None,
        boxes: Any = None,
        masks: Any = None,
        *,
        output: str = "best",
        return_logits: bool = False,
        batch_size: int = 1,
        prompts_per_batch: int = 64,
    ) -> Any:
        """Segments what prompts point out.

        Args:
            images: one image or a list of images, in any form that `ImageConverter`
                takes; or what `embed` gave for them.
            points: of one image `(P, N, 2)`, x and y in its pixels: `N` points on each
                of `P` objects; or `(N, 2)` for one object, or `(2,)` for one point. Of
                a list of images a list of such, with None where there are none.
            labels: of the points, `(P, N)` or `(N,)`: 1 for the object, 0 for what does
                not belong to it, -1 for a point that does not count. None for 1.
            boxes: around the objects, `(P, 4)` or `(4,)`: left, top, right, bottom.
            masks: logits `(P, 4 * h, 4 * w)`, the "low_res_masks" of a prediction
                before, to be refined.
            output: "best" for the one of three masks with the highest score, "all" for
                the three, or "single" for the one that is meant for prompts that leave
                no doubt, such as many points.
            return_logits: whether masks are logits instead of whether these are above
                0.
            batch_size: images that the backbone sees at once.
            prompts_per_batch: sets of prompts that the decoder sees at once.

        Returns:
            For each image a dict, for one image that dict. "masks", bool `(P, H, W)`;
            "scores" `(P,)`, the overlap with the true mask that the model expects;
            "low_res_masks" `(P, 4 * h, 4 * w)`, logits. An axis of three follows `P` if
            `output` is "all"; for prompts without the axis `P` it is missing.

        Raises:
            ValueError: if a prompt does not fit to its image, an image is broken, or
                embeddings are those of other weights.
        """
        check_choices(output=(output, OUTPUTS))
        as_positive_int("prompts_per_batch", prompts_per_batch)
        embeddings = self._embeddings(images, batch_size)
        raw = {"points": points, "labels": labels, "boxes": boxes, "masks": masks}
        prompts = self._prompts(embeddings, raw)
        results = self._segment(embeddings, prompts, output, prompts_per_batch)
        found = [
            self._result(
                *result,
                placement,
                output=output,
                is_single=one.is_single,
                return_logits=return_logits,
            )
            for result, placement, one in zip(
                results, embeddings.placements, prompts, strict=True
            )
        ]
        return found[0] if embeddings.is_single else found

    def embed(self, images: Any, *, batch_size: int = 1) -> ImageEmbeddings:
        """Runs the backbone on raw images, to put prompts to them later.

        Args:
            images: one image or a list of images; see `predict`.
            batch_size: images that the backbone sees at once.

        Returns:
            Embeddings that `predict`, `generate_masks` and `fit` take for images.

        Raises:
            ValueError: if an image is broken.
        """
        as_positive_int("batch_size", batch_size)
        items, is_single = image_inputs.as_items(images)
        encoder = self._made(_ENCODER, self._encoding_model)
        features, placements = [], []
        for start in range(0, len(items), batch_size):
            pixels, places = self.preprocessor.convert(
                items[start : start + batch_size]
            )
            found = encoder.predict_preprocessed(pixels, batch_size=batch_size)
            features.append(np.asarray(found, "float32"))
            placements.append(places)
        return ImageEmbeddings(
            np.concatenate(features),
            np.concatenate(placements),
            encoder_number(self.backbone),
            is_single,
        )

    def generate_masks(
        self,
        image: Any,
        *,
        points_per_side: int = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: float = 1,
        min_mask_region_area: float = 0,
    ) -> dict[str, np.ndarray]:
        """Finds masks of all objects of an image, without prompts.

        It asks for the masks of points on a grid, three each, and returns those that
        are good and not yet there. Arguments have the names of the original code.

        Args:
            image: one image, as of `predict`; or what `embed` gave for one, if there
                are no crops.
            points_per_side: of the grid of points, so that there are its square.
            points_per_batch: points that the decoder sees at once.
            pred_iou_thresh: masks stay whose score is higher.
            stability_score_thresh: masks stay that are at least as stable, in [0, 1].
                That is the overlap of what is above `stability_score_offset` and what
                is above the negative of it.
            stability_score_offset: in logits, above 0.
            box_nms_thresh: intersection over union of the boxes of two masks, above
                which the one with the lower score is dropped.
            crop_n_layers: how often to look closer: layer `n` has `4 ** n` crops of the
                image, and a grid of points in each. 0 for the whole image alone.
            crop_nms_thresh: like `box_nms_thresh`, of masks from different crops, of
                which that of the smaller crop stays.
            crop_overlap_ratio: overlap of the crops of layer 1, as a share of the
                image's shorter side; that of each layer after is half of the one
                before.
            crop_n_points_downscale_factor: what `points_per_side` is divided by once
                more in each layer, at least 1.
            min_mask_region_area: holes and islands of fewer pixels are filled and
                removed. Of masks that have almost the same box then, one that did not
                change stays. 0 to leave masks as they are.

        Returns:
            Dict of arrays, the highest scores first. "masks", bool `(M, H, W)`;
            "scores", float32 `(M,)`, the overlap with the true mask that the model
            expects; "stability_scores", float32 `(M,)`; "boxes", float32 `(M, 4)`,
            left, top, right and bottom in pixels, as `predict` takes them; "areas",
            int64 `(M,)`, in pixels; "points", float32 `(M, 2)`, that masks are of.

        Raises:
            ValueError: if an argument is out of range, the image is broken, there are
                several, or embeddings do not fit.
        """
        generator = MaskGenerator(
            points_per_side=points_per_side,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            min_mask_region_area=min_mask_region_area,
        )
        if isinstance(image, ImageEmbeddings):
            if crop_n_layers:
                raise ValueError(
                    "Expected an image for `crop_n_layers`, whose crops are embedded, "
                    "received embeddings. Pass the image, or crop_n_layers=0."
                )
            embeddings = self._embeddings(image, 1)
            _check_one(embeddings)
            return generator.generate(
                embeddings.image_sizes[0], lambda box: self._view(embeddings)
            )
        items, _ = image_inputs.as_items(image)
        _check_one(items)
        (pixels,) = self.preprocessor.image_converter.load(items)

        def look(box: tuple[int, int, int, int]) -> View:
            left, top, right, bottom = box
            return self._view(self.embed(pixels[top:bottom, left:right]))

        return generator.generate(pixels.shape[:2], look)

    def _view(self, embeddings: ImageEmbeddings) -> View:
        """Returns what `generate_masks` asks of embeddings of one image."""
        size = self.prompt_encoder.input_image_size
        height, width = self.prompt_encoder.image_embedding_size
        masks = 4 * height, 4 * width
        (placement,) = embeddings.placements

        def decode(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            each = read_prompts(placement, masks, points=points[:, None])
            rows = np.zeros(len(points), "int32")
            return self._segment_rows(embeddings, rows, joined_prompts([each]), "all")

        def enlarge(logits: np.ndarray) -> np.ndarray:
            found: np.ndarray = original_masks(logits[None], size, placement)[0]
            return found

        return View(decode, enlarge)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool = False,
    ) -> None:
        """Writes encoder and decoder for programs that know no Keras.

        "encoder" takes "images" as `preprocessor.convert` gives them, `(B, H, W, 3)`,
        and gives "image_embeddings" `(B, h, w, D)`. "decoder" takes these and `R` sets
        of prompts in the pixels of the encoder's images, all of them:

        - "rows" `(R,)`, int32: which of the images a set is about;
        - "points" `(R, N, 2)`, "labels" `(R, N)`, int32: 1, 0 or -1 for padding;
        - "boxes" `(R, M, 2, 2)`: two corners, or -1 for padding;
        - "masks" `(R, 1, 4 * h, 4 * w, 1)`, "has_masks" `(R,)`, bool: logits, and which
          of them count.

        `B`, `R`, `N` and `M` are free, and 1 at least: what there is none of is filled
        with padding, which changes nothing. It gives "low_res_masks"
        `(R, 4, 4 * h, 4 * w)`, logits, and "scores" `(R, 4)`: the mask for prompts that
        leave no doubt, then three of which the one with the highest score counts.

        Args:
            filepath: of the folder: "encoder" and "decoder" go into it, folders or
                files, ".onnx" or ".pt2".
            format: "tf_saved_model", on TensorFlow and JAX; "onnx" or "torch" on torch.
            verbose: whether to say what is done.

        Raises:
            ValueError: if this backend can't write such files.

        Example:
            >>> segmenter.export("segmenter", "onnx")  # doctest: +SKIP
        """
        export_segment_anything(self, filepath, format, verbose)

    def _embeddings(self, images: Any, batch_size: int) -> ImageEmbeddings:
        """Returns embeddings of images, or those that came in their place."""
        if not isinstance(images, ImageEmbeddings):
            if isinstance(images, Mapping):
                raise ValueError(
                    "Expected images and prompts as arguments, `predict(images, "
                    f"points=...)`, received a dict of {sorted(map(str, images))}. "
                    "Arrays in a dict are for a SegmentAnythingModel."
                )
            return self.embed(images, batch_size=batch_size)
        check_embeddings(images, self.backbone)
        return images

    def _prompts(
        self, embeddings: ImageEmbeddings, raw: Mapping[str, Any]
    ) -> list[Prompts]:
        number = len(embeddings)
        by_image: list[dict[str, Any]] = [{} for _ in range(number)]
        for key, values in raw.items():
            if values is None:
                continue
            each = [values] if embeddings.is_single else values
            if not isinstance(each, Sequence | np.ndarray) or len(each) != number:
                raise ValueError(
                    f"Expected `{key}` for each of {number} images, None where there "
                    "are none, received "
                    f"{len(each) if hasattr(each, '__len__') else values!r:.200}."
                )
            for target, value in zip(by_image, each, strict=True):
                target[key] = value
        height, width = self.prompt_encoder.image_embedding_size
        return [
            read_prompts(
                placement,
                (4 * height, 4 * width),
                **prompts,
                name="" if embeddings.is_single else f" of image {i}",
            )
            for i, (placement, prompts) in enumerate(
                zip(embeddings.placements, by_image, strict=True)
            )
        ]

    def _segment(
        self,
        embeddings: ImageEmbeddings,
        prompts: Sequence[Prompts],
        output: str,
        prompts_per_batch: int,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns logits `(P, K, 4 * h, 4 * w)` and scores `(P, K)` of each image."""
        numbers = [len(one) for one in prompts]
        rows = np.repeat(np.arange(len(prompts)), numbers)
        joined = joined_prompts(prompts)
        found = []
        for start in range(0, len(rows), prompts_per_batch):
            part = slice(start, start + prompts_per_batch)
            found.append(
                self._segment_rows(embeddings, rows[part], joined[part], output)
            )
        masks, scores = (np.concatenate(x) for x in zip(*found, strict=True))
        ends = np.cumsum(numbers)[:-1]
        return list(zip(np.split(masks, ends), np.split(scores, ends), strict=True))

    def _segment_rows(
        self,
        embeddings: ImageEmbeddings,
        rows: np.ndarray,
        prompts: Prompts,
        output: str,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns logits `(R, K, 4 * h, 4 * w)` and scores `(R, K)`, 1 or 3 masks."""
        images, rows = np.unique(rows, return_inverse=True)
        model = self._made(_PROMPTED, lambda: PromptedModel(self))
        found = model.segment(
            {
                "image_embeddings": embeddings.features[images],
                "rows": rows.astype("int32"),
                **prompts.as_inputs(),
            }
        )
        masks, scores = found["masks"], found["iou_pred"]
        if output == "single":
            return masks[:, :1], scores[:, :1]
        masks, scores = masks[:, 1:], scores[:, 1:]
        if output == "best":
            best = scores.argmax(axis=1)[:, None]
            scores = np.take_along_axis(scores, best, 1)
            masks = np.take_along_axis(masks, best[..., None, None], 1)
        return masks, scores

    def _result(
        self,
        low: np.ndarray,
        scores: np.ndarray,
        placement: np.ndarray,
        *,
        output: str,
        is_single: bool,
        return_logits: bool,
    ) -> dict[str, np.ndarray]:
        """Returns what `predict` gives for an image."""
        size = self.prompt_encoder.input_image_size
        masks = original_masks(low.reshape(-1, *low.shape[2:]), size, placement)
        found = {
            "masks": masks if return_logits else masks > 0,
            "scores": scores,
            "low_res_masks": low,
        }
        found["masks"] = found["masks"].reshape(*low.shape[:2], *masks.shape[1:])
        if output != "all":
            found = {key: x[:, 0] for key, x in found.items()}
        return {key: x[0] for key, x in found.items()} if is_single else found

    def _made(self, name: str, make: Callable[[], Any]) -> Any:
        """Returns what is kept under a name, made where it is missing."""
        if name not in self.__dict__:
            self.__dict__[name] = make()
        return self.__dict__[name]

    def _encoding_model(self) -> PipelineModel:
        backbone = self.backbone
        return PipelineModel(backbone.input, backbone.output, name="encoding")


def _check_one(images: Any) -> None:
    if len(images) != 1:
        raise ValueError(
            f"Expected one image to generate masks of, received {len(images)}. Call "
            "`generate_masks` for each."
        )
