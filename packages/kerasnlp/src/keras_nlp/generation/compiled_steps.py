"""Steps that torch compiles, kept as long as the weights stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras_nlp.generation.bound_decoder import BoundDecoder

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone


class CompiledSteps:
    """Binds a decoder, compiles its steps, and keeps both.

    Args:
        backbone: a built `DecoderBackbone`.

    Attributes:
        compiled: number of shapes that were compiled so far.
    """

    def __init__(self, backbone: DecoderBackbone) -> None:
        self._backbone = backbone
        self._decoder: CompiledDecoder | None = None
        self._versions: list[tuple[int, int]] = []
        self._compiled = 0

    @property
    def compiled(self) -> int:
        """Number of programs that were compiled so far."""
        now = 0 if self._decoder is None else len(self._decoder.shapes)
        return self._compiled + now

    def decoder(self) -> CompiledDecoder:
        """Returns a decoder of the weights as they are now."""
        tensors = [weight.value for weight in self._backbone.weights]
        versions = [(id(tensor), tensor._version) for tensor in tensors]
        if self._decoder is None or versions != self._versions:
            self._compiled = self.compiled
            self._decoder = CompiledDecoder(self._backbone)
            self._versions = versions
        return self._decoder


class CompiledDecoder(BoundDecoder):
    """A decoder with compiled steps.

    Args:
        backbone: a built `DecoderBackbone`.

    Attributes:
        shapes: of tokens and caches, for each of which there is a program.
    """

    def __init__(self, backbone: DecoderBackbone) -> None:
        import torch

        super().__init__(backbone)
        self.shapes: set[Any] = set()
        self._program = torch.compile(super().step, fullgraph=True, dynamic=False)

    def step(self, token: Any, context: dict[str, Any], caches: Any) -> Any:
        import torch

        self.shapes.add((token.shape, caches[0].key.shape))
        slot = context["slot"]
        if isinstance(slot, int):
            # A value: as a number it would be part of the program.
            slot = torch.tensor([slot], device=token.device)
        used = {key: value for key, value in context.items() if key != "apart"}
        return self._program(token, {**used, "slot": slot}, caches)
