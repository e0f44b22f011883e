"""What the blocks of a decoder share in one forward pass, made once."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.attention_mask import attention_bias, source_bias
from domain_core.layers.key_value_cache import kept_slots
from domain_core.layers.relative_positions import RelativePositions
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
        relative: what distances add to scores; or None.

    Call arguments:
        padding_mask: int or bool `(B, T)`, nonzero for real tokens.
        source_mask: of the sequence that blocks attend to beside this one, int or bool
            `(B, S)`; or None.

    Returns:
        Dict with "positions", int32 `(B, T)`; "attention_bias", `(B, 1, T, T)` in the
        compute dtype, 0 where a token may attend to another and a large negative number
        elsewhere, and `(B, H, T, T)` with what distances add; "window_bias", the same
        within the window, if there is one; "rotary" and "local_rotary", each two
        tensors `(B, T, 1, r)`, if there are; "source_bias", `(B, 1, 1, S)`, likewise.
    """

    def __init__(
        self,
        rotary: Rotary | None = None,
        *,
        local_rotary: Rotary | None = None,
        window: int | None = None,
        relative: RelativePositions | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rotary = rotary
        self.local_rotary = local_rotary
        self.window = window
        self.relative = relative

    def build(self, padding_mask_shape: Any, source_mask_shape: Any = None) -> None:
        if self.relative is not None:
            self.relative.build()

    def call(self, padding_mask: Any, source_mask: Any = None) -> dict[str, Any]:
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
        if self.relative is not None:
            more = self.relative.call(slots, slots)
            context["attention_bias"] = context["attention_bias"] + more
        if source_mask is not None:
            context["source_bias"] = source_bias(source_mask, self.compute_dtype)
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
            for name in self.rotaries():
                cos, sin = tables[name]
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
        if self.relative is not None:
            context["attention_bias"] = self._with_distances(
                context["attention_bias"], slot, length, slots, filled, tables, is_first
            )
        return context

    def _with_distances(
        self,
        bias: Any,
        slot: Any,
        length: int,
        slots: int,
        filled: int | None,
        tables: dict[str, Any] | None,
        is_first: bool,
    ) -> Any:
        """Adds to a bias of a call on caches what distances add."""
        assert self.relative is not None
        if tables is not None and length == 1 and filled is not None:
            more = tables["relative"][..., slots - filled :]
        else:
            new = slot + keras.ops.arange(length, dtype="int32")
            keys = kept_slots(slot, length, slots, is_window=False, is_first=is_first)
            keys = keys if filled is None or is_first else keys[:filled]
            more = self.relative.call(new, keys)
        return more if bias is None else bias + more

    def tables_of(self, length: int) -> dict[str, Any] | None:
        """Returns the tables of all positions, for steps that look them up.

        None where they depend on the length of a text.

        Args:
            length: number of positions `T`.

        Returns:
            For the name of each rotary two tensors `(T, 1, r)`; for "relative" what
            `RelativePositions.before` gives.
        """
        if any(r.changes_at(0) is not None for r in self.rotaries().values()):
            return None
        positions = keras.ops.arange(length, dtype="int32")[None]
        tables = self._tables(positions, positions[:, -1:])
        looked_up = {name: (cos[0], sin[0]) for name, (cos, sin) in tables.items()}
        if self.relative is not None:
            looked_up["relative"] = self.relative.before(length)
        return looked_up

    def compute_output_spec(
        self, padding_mask: Any, source_mask: Any = None
    ) -> dict[str, Any]:
        batch, time = padding_mask.shape
        heads = 1 if self.relative is None else self.relative.num_heads

        def spec(*shape: Any, dtype: str = self.compute_dtype) -> keras.KerasTensor:
            return keras.KerasTensor(shape, dtype=dtype)

        specs = {
            "positions": spec(batch, time, dtype="int32"),
            "attention_bias": spec(batch, heads, time, time),
        }
        if source_mask is not None:
            specs["source_bias"] = spec(batch, 1, 1, source_mask.shape[1])
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
