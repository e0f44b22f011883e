"""Turns points, boxes and masks into tokens and a map.

Shapes: `B` images, `N` points, `M` boxes, `D` channels, `h` and `w` size of an image's
embedding. Where images have several sets of prompts each, an axis `P` follows `B` in
all that comes in and goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from domain_core import initializer
from domain_core.arguments import as_positive_int, as_size
from domain_core.layers.projection import tensor
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.random_frequency_positional_embeddings import (
    RandomFrequencyPositionalEmbeddings,
)
from keras_cv.models.segment_anything.mask_embedding import MaskEmbedding

# Axes of each prompt behind those of images and sets.
PROMPT_RANKS = {"points": 2, "labels": 1, "boxes": 3, "masks": 4}
# Which of the masks count.
HAS_MASKS = "has_masks"
_LEARNED = (
    *("foreground_point", "background_point", "not_a_point"),
    *("top_left_corner", "bottom_right_corner", "no_mask"),
)


@serializable("kerascv")
class SAMPromptEncoder(RemembersArguments, keras.layers.Layer):
    """The prompt encoder of the Segment Anything Model.

    A point becomes a token: where it is, plus a vector for what it is; a box becomes
    two, of its corners. A mask becomes a map that is added to an image's embedding.

    The model was trained with one token "not a point" in each set that has points and
    no box. A point of label -1 gives this token, in a place of its own. Further ones
    are padding, and so are those in a set without points, or with a box, and boxes of
    -1: "sparse_mask" says so. With this mask padding changes nothing.

    Args:
        embed_dim: channels `D`.
        image_embedding_size: height and width `(h, w)` of an image's embedding.
        input_image_size: height and width of the images in pixels.
        mask_in_chans: width within the convolutions over masks.
        activation: of these; a name that `domain_core.ops.activation` knows.
        layer_norm_epsilon: added to variances there.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy. Places are computed in float32 under each.

    Call arguments:
        inputs: dict with one of these at least. "points" `(B, N, 2)`, x and y in
            pixels, with "labels" `(B, N)`: 1 for a point of the object, 0 for one of
            the background, -1 for none. "boxes" `(B, M, 2, 2)`: top left and bottom
            right corner, x and y in pixels. "masks" `(B, 1, 4 * h, 4 * w, 1)`: logits,
            such as a call before gave. `N`, `M` and the 1 may be 0. "has_masks", bool
            `(B,)`, says which masks count; without it all do. "images", if there are
            any, only say how many.

    Returns:
        Dict of tensors. "sparse_embeddings" `(B, N + 2 * M, D)`; "sparse_mask", bool
        `(B, N + 2 * M)`, which of these count; "dense_embeddings" `(B, h, w, D)`;
        "dense_positional_embeddings" `(1, h, w, D)`, of the places in an image.

    Raises:
        ValueError: if an argument is out of range, or a prompt has another shape.

    Reference:
        Kirillov et al., "Segment Anything", 2023, appendix A,
        https://arxiv.org/abs/2304.02643.

    Example:
        >>> encoder = keras_cv.models.SAMPromptEncoder(
        ...     embed_dim=8, image_embedding_size=(4, 6), input_image_size=(64, 96),
        ... )
        >>> points = {"points": np.array([[[9.5, 30]]]), "labels": np.array([[1]])}
        >>> outputs = encoder(points)
        >>> tuple(outputs["sparse_embeddings"].shape)
        (1, 1, 8)
    """

    def __init__(
        self,
        *,
        embed_dim: int = 256,
        image_embedding_size: Sequence[int] = (64, 64),
        input_image_size: Sequence[int] = (1024, 1024),
        mask_in_chans: int = 16,
        activation: Any = "gelu",
        layer_norm_epsilon: float = 1e-6,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # 16 bits do not hold places of a large image.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        self.embed_dim = as_positive_int("embed_dim", embed_dim)
        if embed_dim % 2:
            raise ValueError(f"Expected an even `embed_dim`, received {embed_dim}.")
        self.image_embedding_size = as_size(
            "image_embedding_size", image_embedding_size
        )
        self.input_image_size = as_size("input_image_size", input_image_size)
        self.mask_in_chans = mask_in_chans
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.positions = RandomFrequencyPositionalEmbeddings(
            embed_dim // 2, 1.0, name="positions", dtype=self.dtype_policy
        )
        self.mask_embedding = MaskEmbedding(
            embed_dim,
            mask_in_chans,
            activation,
            layer_norm_epsilon=layer_norm_epsilon,
            name="mask_embedding",
            dtype=self.dtype_policy,
        )

    def build(self, inputs_shape: Any) -> None:
        for name in _LEARNED:
            weight = self.add_weight(
                name=name,
                shape=(1, self.embed_dim),
                initializer=initializer(keras.initializers.RandomNormal(0.0, 1.0)),
            )
            setattr(self, name, weight)
        self.positions.build()
        self.mask_embedding.build((None, *self._mask_size))

    def call(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        prompts = {key: inputs.get(key) for key in PROMPT_RANKS}
        sets = sets_of({key: ops.shape(x) for key, x in inputs.items()})
        points, labels, boxes, masks = prompts.values()
        if points is None:
            points = ops.zeros((*sets, 0, 2))
            labels = ops.zeros((*sets, 0))
        if boxes is None:
            boxes = ops.zeros((*sets, 0, 2, 2))
        corners, box_mask = self._encode_boxes(boxes, sets)
        points, point_mask = self._encode_points(
            points, labels, ops.any(box_mask, -1, keepdims=True)
        )
        height, width = self.image_embedding_size
        places = self.positions.encode_image((height, width))
        return {
            "sparse_embeddings": ops.concatenate([points, corners], -2),
            "sparse_mask": ops.concatenate([point_mask, box_mask], -1),
            "dense_embeddings": self._encode_masks(masks, inputs.get(HAS_MASKS), sets),
            "dense_positional_embeddings": places[None],
        }

    def compute_output_spec(self, inputs: Mapping[str, Any]) -> Any:
        shapes = {key: tuple(x.shape) for key, x in inputs.items()}
        sets = sets_of(shapes)
        points = shapes["points"][-2] if "points" in shapes else 0
        boxes = shapes["boxes"][-3] if "boxes" in shapes else 0
        tokens = None if None in (points, boxes) else points + 2 * boxes
        image = (*self.image_embedding_size, self.embed_dim)
        return {
            name: keras.KerasTensor(shape, dtype=dtype)
            for name, shape, dtype in (
                (
                    "sparse_embeddings",
                    (*sets, tokens, self.embed_dim),
                    self.compute_dtype,
                ),
                ("sparse_mask", (*sets, tokens), "bool"),
                ("dense_embeddings", (*sets, *image), self.compute_dtype),
                ("dense_positional_embeddings", (1, *image), self.compute_dtype),
            )
        }

    @property
    def _mask_size(self) -> tuple[int, int, int]:
        height, width = self.image_embedding_size
        return 4 * height, 4 * width, 1

    def _learned(self, name: str) -> Any:
        return tensor(getattr(self, name), self.dtype_policy)[0]

    def _encode_points(self, points: Any, labels: Any, has_box: Any) -> tuple[Any, Any]:
        """Returns tokens `(B, N, D)`, and which of them count."""
        real = labels >= 0
        # The centre of a pixel is half a pixel from its corner.
        places = self._encode(points, real)
        tokens = ops.where(
            real[..., None],
            ops.where(
                (labels > 0)[..., None],
                places + self._learned("foreground_point"),
                places + self._learned("background_point"),
            ),
            self._learned("not_a_point"),
        )
        spare = ops.logical_not(real)
        is_first = ops.cumsum(ops.cast(spare, "int32"), axis=-1) == 1
        needed = ops.logical_and(
            ops.any(real, -1, keepdims=True), ops.logical_not(has_box)
        )
        taken = ops.logical_and(ops.logical_and(spare, is_first), needed)
        return tokens, ops.logical_or(real, taken)

    def _encode_boxes(self, boxes: Any, sets: tuple[Any, ...]) -> tuple[Any, Any]:
        """Returns tokens `(B, 2 * M, D)`, and which of them count."""
        real = ops.any(ops.any(boxes != -1, axis=-1), axis=-1, keepdims=True)
        real = ops.broadcast_to(real, ops.shape(boxes)[:-1])  # (B, M, 2)
        corners = ops.stack(
            [self._learned("top_left_corner"), self._learned("bottom_right_corner")]
        )
        tokens = self._encode(boxes, real) + corners  # (B, M, 2, D)
        number = 2 * ops.shape(boxes)[-3]
        return (
            ops.reshape(tokens, (*sets, number, self.embed_dim)),
            ops.reshape(real, (*sets, number)),
        )

    def _encode(self, places: Any, real: Any) -> Any:
        """Returns the positions of places, those that are not real as any other."""
        places = ops.cast(places, "float32")
        places = ops.where(real[..., None], places, 0.0) + 0.5
        return self.positions.encode_coordinates(places, self.input_image_size)

    def _encode_masks(self, masks: Any, has_masks: Any, sets: tuple[Any, ...]) -> Any:
        """Returns what is added to the embeddings of images, `(B, h, w, D)`."""
        shape = (*sets, *self.image_embedding_size, self.embed_dim)
        without = self._learned("no_mask")
        number = 0 if masks is None else masks.shape[-4]
        if number == 0:
            return ops.broadcast_to(without, shape)
        if number not in (1, None) or tuple(masks.shape[-3:]) != self._mask_size:
            raise ValueError(
                f"Expected masks (images, 1, {', '.join(map(str, self._mask_size))}), "
                f"received {tuple(masks.shape)}. Resize them; several masks of one "
                "image are sets of prompts, and need an axis behind that of the images."
            )
        embedded = self.mask_embedding(ops.reshape(masks, (-1, *self._mask_size)))
        if number == 1:
            embedded = ops.reshape(embedded, shape)
            if has_masks is None:
                return embedded
            return ops.where(has_masks[..., None, None, None], embedded, without)
        # In a graph of TensorFlow that takes any number: 0 or 1.
        number = ops.shape(masks)[-4]
        embedded = ops.reshape(embedded, (*sets, number, *shape[-3:]))
        without = without * ops.cast(ops.equal(number, 0), self.compute_dtype)
        return ops.sum(embedded, -4) + without


def sets_of(shapes: Mapping[str, Sequence[Any]]) -> tuple[Any, ...]:
    """Returns the axes of the sets of prompts, `(B,)` or `(B, P)`.

    Args:
        shapes: of the prompts by name, maybe with that of the images.

    Raises:
        ValueError: if there is none, one has another rank, or points have no labels.
    """
    if ("points" in shapes) != ("labels" in shapes):
        raise ValueError(
            'Expected "points" and "labels" together, received one of them alone.'
        )
    found = {}
    for key, rank in PROMPT_RANKS.items():
        if key in shapes:
            sets = len(shapes[key]) - rank
            if sets not in (1, 2):
                raise ValueError(
                    f'Expected "{key}" to have {rank + 1} axes, or {rank + 2} where '
                    "images have several sets of prompts, received the shape "
                    f"{tuple(shapes[key])}."
                )
            found[key] = tuple(shapes[key][:sets])
    if not found and "images" in shapes:
        found["images"] = tuple(shapes["images"][:1])
    if len({len(sets) for sets in found.values()}) != 1:
        raise ValueError(
            f"Expected prompts of as many axes of images and sets, at least one of "
            f"{list(PROMPT_RANKS)}, received {dict(shapes)}."
        )
    known = [s for s in found.values() if None not in s]
    return (known or list(found.values()))[0]
