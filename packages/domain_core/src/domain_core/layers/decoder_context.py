"""What the blocks of a decoder share in one forward pass, made once."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.attention_mask import attention_bias
from domain_core.layers.key_value_cache import kept_slots
from domain_core.layers.rotary import Rotary
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class DecoderContext(RemembersArguments, keras.layers.Layer):
    """Turns a padding mask into positions, rotary tables and masks.

    Positions count real tokens alone: padding before a text does not change it.

    Args:
        rotary: angles for all blocks, or None.
        local_rotary: other angles, for blocks that ask for them; or None.
        window: for blocks that see the last tokens alone: how many; or None.

    Call arguments:
        padding_mask: int or bool `(B, T)`, nonzero for real tokens.

    Returns:
        Dict with "positions", int32 `(B, T)`; "attention_bias", `(B, 1, T, T)` in the
        compute dtype, 0 where a token may attend to another and a large negative number
        elsewhere; "window_bias", the same within the window, if there is one; "rotary"
        and "local_rotary", each two tensors `(B, T, 1, r)`, if there are.
    """

    def __init__(
        self,
        rotary: Rotary | None = None,
        *,
        local_rotary: Rotary | None = None,
        window: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rotary = rotary
        self.local_rotary = local_rotary
        self.window = window

    def call(self, padding_mask: Any) -> dict[str, Any]:
        real = keras.ops.not_equal(padding_mask, 0)  # (B, T)
        counts = keras.ops.cumsum(keras.ops.cast(real, "int32"), axis=1)
        positions = keras.ops.maximum(counts - 1, 0)
        slots = keras.ops.arange(keras.ops.shape(real)[1], dtype="int32")
        visible = self._visible(slots, slots, real)
        context = {
            "positions": positions,
            **self._tables(positions, counts[:, -1:]),
            "attention_bias": attention_bias(visible, self.compute_dtype),
        }
        if self.window is not None:
            visible = self._visible(slots, slots, real, self.window)
            context["window_bias"] = attention_bias(visible, self.compute_dtype)
        return context

    def cached(
        self,
        slot: Any,
        length: int,
        slots: int,
        padding: Any,
        *,
        is_first: bool = False,
        ahead: int = 0,
        filled: int | None = None,
        tables: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Returns the context of a call that goes on from caches.

        Args:
            slot: of the first token of the call; an int or an int tensor.
            length: number of tokens `T`.
            slots: number of slots `S` of the caches.
            padding: int `(B,)`, slots before each row's text; None for none.
            is_first: whether nothing came before.
            ahead: number of tokens that the texts are longer, and that come later.
            filled: number of slots to attend to, where the caller knows that the others
                are empty; None for all.
            tables: of `tables_of`, at least as long as the texts; None to make those
                that are needed.

        Returns:
            As a call of the layer, for the caches' slots in place of `T` keys; and
            "slot", "is_first" and "filled" for them; "apart" in a compiled loop.
        """
        new = slot + keras.ops.arange(length, dtype="int32")
        if padding is None:
            positions = new[None, :]
        else:
            positions = new[None, :] - padding[:, None]
            positions = positions * keras.ops.cast(positions > 0, "int32")
        context = {
            **{"slot": slot, "is_first": is_first, "filled": filled},
            "positions": positions,
        }
        if length == 1 and not isinstance(slot, int):
            context["apart"] = slot >= 0  # see `ops.attention`
        if tables is None:
            context |= self._tables(positions, positions[:, -1:] + 1 + ahead)
        else:
            for name, (cos, sin) in tables.items():
                context[name] = (cos[positions], sin[positions])
        for name, window in (("attention_bias", None), ("window_bias", self.window)):
            if name == "window_bias" and window is None:
                break
            size = min(window or slots, slots)
            is_window = size < slots
            if length == 1 and padding is None and filled is not None:
                context[name] = None  # all of what there is
                continue
            keys = kept_slots(
                slot, length, size, is_window=is_window, is_first=is_first
            )
            if filled is not None and not is_first and (length == 1 or not is_window):
                keys = keys[:filled]
            real = keys[None, :] >= (0 if padding is None else padding[:, None])
            if is_window and not is_first:
                real = keras.ops.logical_and(real, keys[None, :] >= 0)
            visible = self._visible(new, keys, real, size if is_window else None)
            context[name] = attention_bias(visible, self.compute_dtype)
        return context

    def tables_of(self, length: int) -> dict[str, Any] | None:
        """Returns the rotary tables of all positions, for steps that look them up.

        None where they depend on the length of a text.

        Args:
            length: number of positions `T`.

        Returns:
            For each name two tensors `(T, 1, r)`.
        """
        if any(r.changes_at(0) is not None for r in self.rotaries().values()):
            return None
        positions = keras.ops.arange(length, dtype="int32")[None]
        tables = self._tables(positions, positions[:, -1:])
        return {name: (cos[0], sin[0]) for name, (cos, sin) in tables.items()}

    def compute_output_spec(self, padding_mask: Any) -> dict[str, Any]:
        batch, time = padding_mask.shape

        def spec(*shape: Any, dtype: str = self.compute_dtype) -> keras.KerasTensor:
            return keras.KerasTensor(shape, dtype=dtype)

        specs = {
            "positions": spec(batch, time, dtype="int32"),
            "attention_bias": spec(batch, 1, time, time),
        }
        if self.window is not None:
            specs["window_bias"] = spec(batch, 1, time, time)
        for name, rotary in self.rotaries().items():
            # Two: one standing twice would give one value twice.
            specs[name] = tuple(spec(batch, time, 1, rotary.width) for _ in range(2))
        return specs

    def rotaries(self) -> dict[str, Rotary]:
        """Returns the angles by name."""
        named = {"rotary": self.rotary, "local_rotary": self.local_rotary}
        return {name: rotary for name, rotary in named.items() if rotary is not None}

    def _tables(self, positions: Any, lengths: Any) -> dict[str, Any]:
        return {
            name: rotary.tables(positions, lengths, self.compute_dtype)
            for name, rotary in self.rotaries().items()
        }

    @staticmethod
    def _visible(queries: Any, keys: Any, real: Any, window: int | None = None) -> Any:
        """Returns what each query may attend to, bool `(B, 1, T, S)`.

        Args:
            queries: slots `(T,)`.
            keys: slots `(S,)`.
            real: bool `(B, S)`.
            window: number of slots back, itself among them; None for all.
        """
        ago = queries[:, None] - keys[None, :]  # (T, S)
        visible = ago >= 0
        if window is not None:
            visible = keras.ops.logical_and(visible, ago < window)
        return keras.ops.logical_and(visible[None, None], real[:, None, None, :])
