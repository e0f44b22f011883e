"""The transformer block of ViTDet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction, as_positive_int
from domain_core.layers import EncoderBlock, FeedForward
from domain_core.serialization import serializable
from keras_cv.layers.map_attention import MapAttention


@serializable("kerascv")
class WindowedTransformerEncoder(EncoderBlock):
    """A pre-norm transformer block on feature maps, its attention global or in windows.

    Args:
        project_dim: width `D` of the maps.
        mlp_dim: width between the two maps of the feed-forward part.
        num_heads: number of heads; divides `project_dim`.
        use_bias: whether queries, keys and values have biases.
        use_rel_pos: whether scores depend on the distances in rows and in columns.
        window_size: height and width of the windows; 0 for attention over the whole
            map.
        input_size: height and width of the maps that relative positions are made for,
            where there are no windows; None for those of the input. Maps may be of any
            other size: the positions are interpolated.
        activation: a name that Keras knows, or a function.
        layer_norm_epsilon: added to the variance.

    Call arguments:
        x: tensor `(B, h, w, D)`.

    Returns:
        Tensor `(B, h, w, D)`.

    Reference:
        Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection",
        2022, https://arxiv.org/abs/2203.16527.

    Example:
        >>> block = keras_cv.layers.WindowedTransformerEncoder(
        ...     project_dim=8, mlp_dim=16, num_heads=2, window_size=3, use_rel_pos=True
        ... )
        >>> tuple(block(np.zeros((1, 4, 5, 8), "float32")).shape)
        (1, 4, 5, 8)
    """

    def __init__(
        self,
        project_dim: int,
        mlp_dim: int,
        num_heads: int,
        use_bias: bool = True,
        use_rel_pos: bool = False,
        window_size: int = 0,
        input_size: Sequence[int] | None = None,
        activation: Any = "gelu",
        layer_norm_epsilon: float = 1e-6,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        self._check(project_dim, num_heads, window_size)
        super().__init__(
            MapAttention(
                num_heads,
                window_size=window_size,
                use_bias=use_bias,
                use_rel_pos=use_rel_pos,
                input_size=input_size,
                dtype=dtype,
                name="attention",
            ),
            FeedForward(
                as_positive_int("mlp_dim", mlp_dim),
                activation,
                dtype=dtype,
                name="feedforward",
            ),
            layer_norm_epsilon=as_fraction("layer_norm_epsilon", layer_norm_epsilon),
            normalize_first=True,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.project_dim = project_dim

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        if len(x_shape) != 4 or x_shape[-1] != self.project_dim:
            raise ValueError(
                f"Expected maps (maps, height, width, {self.project_dim}), as "
                f"`project_dim` says, received shape {tuple(x_shape)}."
            )
        super().build(x_shape)

    @staticmethod
    def _check(project_dim: Any, num_heads: Any, window_size: Any) -> None:
        width = as_positive_int("project_dim", project_dim)
        if width % as_positive_int("num_heads", num_heads):
            raise ValueError(
                f"Expected `num_heads` that divide project_dim={width}, received "
                f"{num_heads}."
            )
        if window_size != 0:
            as_positive_int("window_size", window_size)
