"""How queries and keys are turned by their positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from domain_core.layers.rotary_rates import as_scaling, dynamic_base, rates
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class Rotary(RemembersArguments):
    """The angles of a rotary position embedding, for `SelfAttention`.

    Feature `j` of the first `r` is paired with feature `j + r / 2`, and turned by
    `position * max_wavelength ** (-2j / r)` radians, which `scaling` changes. Positions
    and angles are float32 whatever the model computes in: bfloat16 knows no position
    beyond 256 exactly.

    Args:
        head_dim: width `h` of a head.
        max_wavelength: of the slowest pair, in positions, over `2 pi`.
        scaling: how it is stretched to longer texts, a dict with "rope_type" and what
            belongs to it, as in Hugging Face's configs; see `rotary_rates`. None for
            not at all.
        share: share of the features of a head that are turned, `r / h`.

    Raises:
        ValueError: if `r` is odd, or `scaling` is unknown or lacks something.

    Reference:
        Su et al., RoFormer, 2021.
    """

    def __init__(
        self,
        head_dim: int,
        max_wavelength: float = 10000,
        scaling: Mapping[str, Any] | None = None,
        *,
        share: float = 1.0,
    ) -> None:
        self.head_dim = head_dim
        self.max_wavelength = max_wavelength
        self.scaling = as_scaling(scaling)
        self.share = share
        self.width = int(head_dim * share)
        if self.width % 2 or self.width < 2:
            raise ValueError(
                "Expected an even number of features of a head to turn, received "
                f"{self.width}: a share of {share} of `head_dim`={head_dim}."
            )
        self._rates = rates(self.width, max_wavelength, self.scaling)

    def changes_at(self, length: int) -> int | None:
        """Returns after how many more tokens a text has other angles throughout.

        Keys that were kept are of no use then.

        Args:
            length: of the text so far.
        """
        border = self._rates.border
        if border is None:
            return None
        if length <= border:
            return border + 1 - length
        return 1 if self.scaling["rope_type"] == "dynamic" else None

    def tables(self, positions: Any, lengths: Any, dtype: str) -> tuple[Any, Any]:
        """Returns cosines and sines for `ops.rotate`.

        Args:
            positions: int `(B, T)` or `(1, T)`.
            lengths: int `(B, 1)`, of the whole text of each row, on which some scalings
                depend.
            dtype: of the tables.

        Returns:
            Two tensors `(B, T, 1, r)`.
        """
        known = self._rates
        table: Any = np.concatenate((known.usual, known.usual))
        positions = keras.ops.cast(positions, "float32")[..., None, None]
        if known.border is not None:
            lengths = keras.ops.cast(lengths, "float32")[
                ..., None, None
            ]  # (B, 1, 1, 1)
            beyond = known.beyond
            if beyond is None:
                base = dynamic_base(
                    lengths, self.width, self.max_wavelength, self.scaling
                )
                pairs = np.arange(0, self.width, 2, dtype="float32") / self.width
                beyond = keras.ops.power(base, -np.concatenate((pairs, pairs)))
            else:
                beyond = np.concatenate((beyond, beyond))
            table = keras.ops.where(lengths > known.border, beyond, table)
        angles = keras.ops.multiply(positions, table)
        cos = keras.ops.cos(angles)
        if known.scale != 1:
            cos = cos * known.scale
        signs = np.repeat(np.array([-1, 1], "float32"), self.width // 2) * known.scale
        sin = keras.ops.multiply(keras.ops.sin(angles), signs.astype("float32"))
        return keras.ops.cast(cos, dtype), keras.ops.cast(sin, dtype)
