"""The vision transformer.

Paper: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image
Recognition at Scale", 2020, https://arxiv.org/abs/2010.11929. Original code:
https://github.com/google-research/vision_transformer.
Unusual: nothing but a transformer encoder; patches of the image are its words, and a
token before them, which stands for no patch, sums up the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import as_fraction, as_positive_int, as_rate, as_size
from domain_core.layers import EncoderBlock, FeedForward, SelfAttention
from keras_cv.models.image_backbone import ImageBackbone, check_patches, image_input
from keras_cv.models.vit.embedding import ViTEmbedding

_USUAL_SIZE = 224


class ViTBackbone(ImageBackbone):
    """ViT: images `(B, H, W, C)` to a sequence `(B, T, D)`, the class token first.

    Patches follow row by row. The pyramid has no level.

    Args:
        patch_size: height and width of a patch, in pixels, or one number for both, by
            which images have to be divisible.
        num_layers: number of blocks.
        num_heads: number of attention heads; divides `hidden_dim`.
        hidden_dim: width `D` of the blocks.
        mlp_dim: width between the two maps of the feed-forward part of a block.
        dropout_rate: share to drop of embeddings and after each part of a block.
        attention_dropout: share of the attention probabilities to drop.
        layer_norm_epsilon: added to variances.
        use_mha_bias: whether the projections of the attention have biases.
        use_mlp_bias: whether those of the feed-forward part have.
        use_class_token: whether there is a class token.
        use_patch_bias: whether the map of a patch to its vector has a bias.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        activation: of the feed-forward part: a name that Keras knows.
        use_output_bias: whether the output of the attention has a bias; None for
            `use_mha_bias`.
        pretrain_image_size: height and width of the images that positions are made for,
            or one number for both; they are interpolated for images of another size.
            None for those of `input_shape`, 224 where it says None.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if an argument is out of range, or patches do not fill the images.

    Example:
        >>> backbone = keras_cv.models.ViTBackbone(
        ...     patch_size=16, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16,
        ...     input_shape=(32, 48, 3),
        ... )
        >>> backbone.output_shape
        (None, 7, 8)
    """

    def __init__(
        self,
        patch_size: int | Sequence[int],
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        *,
        dropout_rate: float = 0.0,
        attention_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-6,
        use_mha_bias: bool = True,
        use_mlp_bias: bool = True,
        use_class_token: bool = True,
        use_patch_bias: bool = True,
        include_rescaling: bool = False,
        input_shape: Sequence[int | None] = (_USUAL_SIZE, _USUAL_SIZE, 3),
        input_tensor: Any = None,
        activation: str = "gelu",
        use_output_bias: bool | None = None,
        pretrain_image_size: int | Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        patch = as_size("patch_size", patch_size)
        size = pretrain_image_size
        if size is None:
            size = [length or _USUAL_SIZE for length in inputs.shape[1:3]]
        height, width = as_size("pretrain_image_size", size)
        for shape in (inputs.shape, (None, height, width)):
            check_patches(shape, patch)
        epsilon = as_fraction("layer_norm_epsilon", layer_norm_epsilon)
        # layers
        embedding = ViTEmbedding(
            as_positive_int("hidden_dim", hidden_dim),
            patch,
            (height // patch[0], width // patch[1]),
            use_class_token=use_class_token,
            use_patch_bias=use_patch_bias,
            dropout=as_rate("dropout_rate", dropout_rate),
            dtype=dtype,
            name="embedding",
        )
        blocks = [
            EncoderBlock(
                SelfAttention(
                    as_positive_int("num_heads", num_heads),
                    dropout=as_rate("attention_dropout", attention_dropout),
                    use_bias=use_mha_bias,
                    use_output_bias=use_output_bias,
                    dtype=dtype,
                    name="attention",
                ),
                FeedForward(
                    as_positive_int("mlp_dim", mlp_dim),
                    activation,
                    use_bias=use_mlp_bias,
                    dtype=dtype,
                    name="feedforward",
                ),
                dropout=dropout_rate,
                layer_norm_epsilon=epsilon,
                normalize_first=True,
                dtype=dtype,
                name=f"blocks_{index}",
            )
            for index in range(as_positive_int("num_layers", num_layers))
        ]
        norm = keras.layers.LayerNormalization(
            epsilon=epsilon, dtype=dtype, name="norm"
        )
        # functional model
        x = embedding(x)
        for block in blocks:
            x = block(x)
        super().__init__(
            inputs, norm(x), {}, name=name, trainable=trainable, dtype=dtype
        )
        self.embedding = embedding
        self.blocks = blocks
        self.norm = norm

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        check_patches(inputs.shape, as_size("patch_size", self.patch_size))
        return super().call(inputs, training=training, mask=mask)
