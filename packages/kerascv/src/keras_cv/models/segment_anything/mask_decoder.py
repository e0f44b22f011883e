"""Predicts masks from an image's embedding and prompts.

Shapes: `B` images, `T` tokens of prompts, `D` channels, `h` and `w` size of an image's
embedding, `K` masks. Where images have several sets of prompts each, an axis `P`
follows `B` in prompts and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from domain_core import initializer
from domain_core import ops as core_ops
from domain_core.arguments import as_positive_int
from domain_core.layers.projection import normalize, tensor
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.models.segment_anything.multi_layer_perceptron import (
    MultiLayerPerceptron,
)
from keras_cv.models.segment_anything.two_way_transformer import TwoWayTransformer

_EPSILON = 1e-6
_HYPERNETWORK_DEPTH = 3
# Channels of the embedding for each of the enlarged one, in which masks are found.
_NARROWING = 8


@serializable("kerascv")
class SAMMaskDecoder(RemembersArguments, keras.layers.Layer):
    """The mask decoder of the Segment Anything Model.

    A token for each mask, and one for how good they are, join the tokens of the
    prompts. After the transformer the image's embedding is enlarged by 4; the value of
    a mask at a place is the product of that embedding and of what a small network makes
    of the mask's token.

    Args:
        transformer_dim: channels `D`; 8 divides it.
        transformer: a layer `(image, positions, tokens, mask of the tokens)` that gives
            tokens and places; None for a `TwoWayTransformer` of `transformer_dim`.
        num_multimask_outputs: number of masks besides the first: three readings of an
            ambiguous prompt. The first is for prompts that are not.
        iou_head_depth: layers of the network for the quality, at least 2.
        iou_head_hidden_dim: its width.
        activation: between the layers that enlarge; a name that
            `domain_core.ops.activation` knows.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        inputs: dict of "image_embeddings" `(B, h, w, D)`; "image_pe", their positions
            `(1, h, w, D)`; "sparse_prompt_embeddings" `(B, T, D)` and
            "dense_prompt_embeddings" `(B, h, w, D)`; maybe "sparse_prompt_mask", bool
            `(B, T)`, false for tokens that are padding. See `SAMPromptEncoder`.

    Returns:
        Dict of "masks" `(B, K, 4 * h, 4 * w)`, logits; and "iou_pred" `(B, K)`, the
        overlap with the true mask that it expects.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        Kirillov et al., "Segment Anything", 2023, appendix A,
        https://arxiv.org/abs/2304.02643.

    Example:
        >>> decoder = keras_cv.models.SAMMaskDecoder(transformer_dim=32)
        >>> image = np.ones((1, 4, 6, 32))
        >>> outputs = decoder({
        ...     "image_embeddings": image, "image_pe": image,
        ...     "dense_prompt_embeddings": image,
        ...     "sparse_prompt_embeddings": np.ones((1, 2, 32)),
        ... })
        >>> {name: tuple(x.shape) for name, x in outputs.items()}
        {'masks': (1, 4, 16, 24), 'iou_pred': (1, 4)}
    """

    def __init__(
        self,
        *,
        transformer_dim: int = 256,
        transformer: Any = None,
        num_multimask_outputs: int = 3,
        iou_head_depth: int = 3,
        iou_head_hidden_dim: int = 256,
        activation: Any = "gelu",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.transformer_dim = as_positive_int("transformer_dim", transformer_dim)
        if transformer_dim % _NARROWING:
            raise ValueError(
                f"Expected a `transformer_dim` that {_NARROWING} divides, received "
                f"{transformer_dim}."
            )
        self.num_multimask_outputs = as_positive_int(
            "num_multimask_outputs", num_multimask_outputs
        )
        self.num_masks = self.num_multimask_outputs + 1
        self.iou_head_depth = iou_head_depth
        self.iou_head_hidden_dim = iou_head_hidden_dim
        self.activation = activation
        self._activate = core_ops.activation(activation)
        self.transformer = transformer or TwoWayTransformer(
            embed_dim=transformer_dim, name="transformer", dtype=self.dtype_policy
        )
        width = transformer_dim // _NARROWING
        self.enlarge_1 = self._enlarging(2 * width, "enlarge_1")
        self.enlarge_2 = self._enlarging(width, "enlarge_2")
        self.enlarge_norm = keras.layers.LayerNormalization(
            epsilon=_EPSILON, name="enlarge_norm", dtype=self.dtype_policy
        )
        self.hypernetworks = [
            self._perceptron(
                transformer_dim, width, _HYPERNETWORK_DEPTH, f"hypernetwork_{index}"
            )
            for index in range(self.num_masks)
        ]
        self.iou_head = self._perceptron(
            iou_head_hidden_dim, self.num_masks, iou_head_depth, "iou_head"
        )

    def build(self, inputs_shape: Any) -> None:
        tokens = (None, None, self.transformer_dim)
        image = (None, None, None, self.transformer_dim)
        for name, number in (("iou_token", 1), ("mask_tokens", self.num_masks)):
            weight = self.add_weight(
                name=name,
                shape=(number, self.transformer_dim),
                initializer=initializer(keras.initializers.RandomNormal(0.0, 1.0)),
            )
            setattr(self, name, weight)
        self.transformer.build(image, image, tokens)
        self.enlarge_1.build(image)
        self.enlarge_norm.build((*image[:-1], self.enlarge_1.filters))
        self.enlarge_2.build((*image[:-1], self.enlarge_1.filters))
        for part in (*self.hypernetworks, self.iou_head):
            part.build(tokens)

    def call(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        images, positions = inputs["image_embeddings"], inputs["image_pe"]
        sparse, dense = (
            inputs[f"{kind}_prompt_embeddings"] for kind in ("sparse", "dense")
        )
        mask = inputs.get("sparse_prompt_mask")
        sets, number = ops.shape(sparse)[:-2], ops.shape(sparse)[-2]
        if len(sets) == 2:
            images = images[:, None]
        # Sets of prompts are rows of a batch from here on.
        _, height, width, dim = image = (-1, *ops.shape(dense)[-3:])
        images = ops.reshape(images + dense, image)
        rows = sets[0] * sets[1] if len(sets) == 2 else sets[0]
        tokens = ops.reshape(sparse, (rows, number, dim))
        if mask is not None:
            mask = ops.reshape(mask, (rows, number))
        tokens, places = self._attend(images, positions, tokens, mask)
        places = self._enlarge(ops.reshape(places, image))
        weights = ops.stack(
            [part.call(tokens[:, i]) for i, part in enumerate(self.hypernetworks, 1)],
            axis=1,
        )  # (B, K, D / 8)
        places = ops.reshape(places, (rows, -1, dim // _NARROWING))
        masks = ops.matmul(weights, ops.transpose(places, (0, 2, 1)))
        size = (self.num_masks, 4 * height, 4 * width)
        quality = self.iou_head.call(tokens[:, 0])
        return {
            "masks": ops.reshape(masks, (*sets, *size)),
            "iou_pred": ops.reshape(quality, (*sets, self.num_masks)),
        }

    def compute_output_spec(self, inputs: Mapping[str, Any]) -> Any:
        sets = inputs["sparse_prompt_embeddings"].shape[:-2]
        size = [s and 4 * s for s in inputs["dense_prompt_embeddings"].shape[-3:-1]]
        return {
            name: keras.KerasTensor(shape, dtype=self.compute_dtype)
            for name, shape in (
                ("masks", (*sets, self.num_masks, *size)),
                ("iou_pred", (*sets, self.num_masks)),
            )
        }

    def _attend(
        self, images: Any, positions: Any, tokens: Any, mask: Any
    ) -> tuple[Any, Any]:
        """Returns the tokens, those of quality and masks first, and the places."""
        rows = ops.shape(tokens)[0]
        own = ops.concatenate(
            [tensor(x, self.dtype_policy) for x in (self.iou_token, self.mask_tokens)]
        )
        number = self.num_masks + 1
        own = ops.broadcast_to(own[None], (rows, number, self.transformer_dim))
        tokens = ops.concatenate([own, tokens], axis=1)
        if mask is not None:
            always = ops.ones((rows, number), "bool")
            mask = ops.concatenate([always, mask], axis=1)
        return self.transformer(images, positions, tokens, mask)

    def _enlarge(self, x: Any) -> Any:
        """Enlarges maps `(B, h, w, D)` by 4 to `(B, 4 * h, 4 * w, D / 8)`."""
        x = normalize(self.enlarge_norm, self.enlarge_1(x), self.dtype_policy)
        return self._activate(self.enlarge_2(self._activate(x)))

    def _enlarging(self, filters: int, name: str) -> keras.layers.Conv2DTranspose:
        return keras.layers.Conv2DTranspose(
            filters,
            2,
            strides=2,
            data_format="channels_last",
            kernel_initializer=initializer("glorot_uniform"),
            dtype=self.dtype_policy,
            name=name,
        )

    def _perceptron(
        self, hidden_dim: int, output_dim: int, num_layers: int, name: str
    ) -> MultiLayerPerceptron:
        return MultiLayerPerceptron(
            hidden_dim, output_dim, num_layers, name=name, dtype=self.dtype_policy
        )
