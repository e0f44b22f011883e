"""ViTDet, the image encoder of Segment Anything.

Papers: Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection",
2022, https://arxiv.org/abs/2203.16527; Kirillov et al., "Segment Anything", 2023,
https://arxiv.org/abs/2304.02643. Original code:
https://github.com/facebookresearch/segment-anything.
Unusual: one scale of features from the first block to the last; attention in windows
but for a few blocks; positions are learned twice, absolute ones of the map, and
distances in each block. Here images may be of any size that patches fill: both are
interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arguments import as_positive_int, as_size
from keras_cv.layers.add_positional_embedding import AddPositionalEmbedding
from keras_cv.layers.vit_det_patching_and_embedding import ViTDetPatchingAndEmbedding
from keras_cv.layers.windowed_transformer_encoder import WindowedTransformerEncoder
from keras_cv.models.image_backbone import ImageBackbone, check_patches, image_input
from keras_cv.models.vit_det.neck import ViTDetNeck

# Of ImageNet's channels, for pixels in [0, 1].
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_USUAL_SIZE = 1024


class ViTDetBackbone(ImageBackbone):
    """ViTDet: images `(B, H, W, 3)` to features `(B, H / 16, W / 16, out_chans)`.

    Args:
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        patch_size: height and width of a patch, in pixels, which has to divide those of
            images.
        embed_dim: width of the blocks.
        depth: number of blocks.
        mlp_dim: width between the two maps of the feed-forward part of a block.
        num_heads: number of attention heads; divides `embed_dim`.
        out_chans: channels of the output.
        use_bias: whether queries, keys and values have biases.
        use_abs_pos: whether each position of the map has a learned vector.
        use_rel_pos: whether attention depends on distances in rows and in columns.
        window_size: height and width of the windows of attention, in patches.
        global_attention_indices: the blocks, from 0 on, whose attention is over the
            whole map; those that `depth` does not reach count for nothing.
        layer_norm_epsilon: added to the variances in blocks.
        activation: of the feed-forward part: a name that Keras knows.
        include_normalization: whether pixels, in `[0, 1]` once rescaled, are normalized
            by mean and standard deviation of ImageNet's three channels; None for
            `include_rescaling`.
        pretrain_image_size: height and width of the images that positions are made for,
            or one number for both; they are interpolated for images of another size.
            None for those of `input_shape`, 1024 where it says None.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if an argument is out of range, or patches do not fill the images.

    Example:
        >>> backbone = keras_cv.models.ViTDetBackbone(
        ...     include_rescaling=True, input_shape=(64, 96, 3), embed_dim=8, depth=2,
        ...     mlp_dim=16, num_heads=2, out_chans=4, window_size=3,
        ...     global_attention_indices=[1],
        ... )
        >>> backbone.output_shape
        (None, 4, 6, 4)
    """

    def __init__(
        self,
        *,
        include_rescaling: bool,
        input_shape: Sequence[int | None] = (_USUAL_SIZE, _USUAL_SIZE, 3),
        input_tensor: Any = None,
        patch_size: int = 16,
        embed_dim: int = 768,
        depth: int = 12,
        mlp_dim: int = 768 * 4,
        num_heads: int = 12,
        out_chans: int = 256,
        use_bias: bool = True,
        use_abs_pos: bool = True,
        use_rel_pos: bool = True,
        window_size: int = 14,
        global_attention_indices: Sequence[int] = (2, 5, 8, 11),
        layer_norm_epsilon: float = 1e-6,
        activation: str = "gelu",
        include_normalization: bool | None = None,
        pretrain_image_size: int | Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        patch = as_positive_int("patch_size", patch_size)
        size = pretrain_image_size
        if size is None:
            size = [length or _USUAL_SIZE for length in inputs.shape[1:3]]
        height, width = as_size("pretrain_image_size", size)
        # layers
        normalization = None
        if (
            include_rescaling
            if include_normalization is None
            else include_normalization
        ):
            normalization = _normalization(inputs.shape[-1], dtype)
        patch_embedding = ViTDetPatchingAndEmbedding(
            (patch, patch),
            (patch, patch),
            as_positive_int("embed_dim", embed_dim),
            dtype=dtype,
            name="patch_embedding",
        )
        position_embedding = None
        if use_abs_pos:
            position_embedding = AddPositionalEmbedding(
                (height, width),
                patch,
                embed_dim,
                dtype=dtype,
                name="position_embedding",
            )
        blocks = [
            WindowedTransformerEncoder(
                embed_dim,
                mlp_dim,
                num_heads,
                use_bias,
                use_rel_pos,
                window_size=0 if index in global_attention_indices else window_size,
                input_size=(height // patch, width // patch),
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                dtype=dtype,
                name=f"blocks_{index}",
            )
            for index in range(as_positive_int("depth", depth))
        ]
        neck = ViTDetNeck(
            as_positive_int("out_chans", out_chans), dtype=dtype, name="neck"
        )
        # functional model
        for layer in (normalization, patch_embedding, position_embedding, *blocks):
            x = x if layer is None else layer(x)
        levels = {}
        if patch & (patch - 1) == 0:
            levels[f"P{patch.bit_length() - 1}"] = neck.name
        super().__init__(
            inputs, neck(x), levels, name=name, trainable=trainable, dtype=dtype
        )
        self.patch_embedding = patch_embedding
        if position_embedding is not None:
            self.position_embedding = position_embedding
        self.blocks = blocks
        self.neck = neck
        self.global_attention_indices = list(global_attention_indices)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        check_patches(inputs.shape, (self.patch_size, self.patch_size))
        return super().call(inputs, training=training, mask=mask)


def _normalization(channels: int, dtype: Any) -> keras.Layer:
    if channels != len(_MEAN):
        raise ValueError(
            "Expected images of 3 channels, whose mean and deviation are known, "
            f"received {channels} in `input_shape`. Pass include_normalization=False, "
            "and images as the blocks are to see them."
        )
    mean, std = np.array(_MEAN), np.array(_STD)
    return keras.layers.Rescaling(
        (1 / std).tolist(), (-mean / std).tolist(), dtype=dtype, name="normalization"
    )
