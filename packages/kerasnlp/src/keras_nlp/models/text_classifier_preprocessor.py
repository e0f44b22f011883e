"""Raw texts to the inputs of an encoder."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np

from domain_core import Preprocessor, serializable
from domain_core.arrays.host_call import (
    Spec,
    host_call,
    is_symbolic,
    leading_shape,
    to_host,
)
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.text.rows.graph_rows import as_tensor_rows
from domain_core.text.rows.multi_segment_packer import MultiSegmentPacker
from domain_core.text.rows.packed_rows import Packed, PadTo
from domain_core.tokenizers.tokenizer import Tokenizer


@serializable(package="kerasnlp")
class TextClassifierPreprocessor(Preprocessor):
    """Tokenizes texts, joins the segments of a sample, cuts and pads.

    What stands around and between segments, the tokenizer knows; a family whose
    backbone does not tell segments apart sets `with_segment_ids` to False. Inside
    `tf.data` it works by TensorFlow operations alone if its tokenizer does
    (`graph=True`).

    Call arguments:
        x: one text per sample: a string, or a list or NumPy array of strings; or
            several that belong together, as a tuple of those (or a dict of those, in
            its order), such as `(premises, hypotheses)`.
        y: labels, passed on as they are.
        sample_weight: passed on too.

    Returns:
        A dict of int32 arrays `(B, sequence_length)`, without `B` for a single sample:
        "token_ids"; "padding_mask", 0 in padding; "segment_ids", the number of the
        segment a token belongs to. With `y`, `(dict, y)` or `(dict, y, sample_weight)`.
        Tensors where `x` holds tensors of a TensorFlow graph, as in `tf.data`.

    Args:
        tokenizer: a `Tokenizer` with `start_token`, `end_token` and `pad_token`.
        sequence_length: length of the outputs in tokens.
        truncate: how to share the room between segments that do not fit:
            "round_robin" or "waterfall"; see `MultiSegmentPacker`.
        pad_to: None for outputs of `sequence_length` tokens; "longest" for those of the
            longest sample in a batch; or lengths in ascending order, of which the first
            that holds the longest sample is taken.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no tokenizer or an argument is out of range.

    Example:
        >>> import keras_nlp
        >>> tokenizer = keras_nlp.models.BertTokenizer(
        ...     ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "fox"]
        ... )
        >>> preprocessor = keras_nlp.models.TextClassifierPreprocessor(tokenizer, 6)
        >>> preprocessor(["a fox"])["token_ids"]
        array([[2, 5, 6, 3, 0, 0]], dtype=int32)
    """

    with_segment_ids: ClassVar[bool] = True
    tokenizer: Tokenizer

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 512,
        truncate: str = "round_robin",
        *,
        pad_to: PadTo = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_tokenizer(tokenizer, type(self))
        # Complains about the arguments now; a vocabulary may come later.
        MultiSegmentPacker(
            sequence_length, None, None, truncate=truncate, pad_to=pad_to
        )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.truncate = truncate
        self.pad_to = pad_to

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        if self.tokenizer.graph and is_symbolic(x):
            inputs = self._in_graph(x)
        else:
            inputs = run_on_host(self._preprocess_raw, x, self.specs())
        return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)

    def _preprocess_raw(self, x: Any) -> dict[str, Any]:
        segments, single = self.tokenizer.read_segments(x)
        outputs = self.preprocess(segments)
        return {k: v[0] for k, v in outputs.items()} if single else outputs

    def preprocess(self, segments: list[list[str]]) -> dict[str, np.ndarray]:
        """Turns a batch into arrays; `specs` says which.

        Args:
            segments: the texts of each segment.
        """
        return self.encoder_inputs(self.pack(segments))

    def specs(self) -> dict[str, Spec]:
        """Returns dtype and shape, without batch axis, of what `preprocess` gives."""
        row = Spec("int32", (self.sequence_length if self.pad_to is None else None,))
        specs = {"token_ids": row, "padding_mask": row}
        return {**specs, "segment_ids": row} if self.with_segment_ids else specs

    def pack(self, segments: list[list[str]]) -> Packed:
        """Tokenizes and packs a batch."""
        rows = [self.tokenizer.encode_batch(texts) for texts in segments]
        return self.make_packer().pack(rows)

    def encoder_inputs(
        self, packed: Packed, engine: Operations = NUMPY
    ) -> dict[str, Any]:
        """Returns packed rows under the names of the backbone's inputs."""
        inputs = {
            "token_ids": packed.token_ids,
            "padding_mask": engine.cast(packed.padding_mask, "int32"),
        }
        if self.with_segment_ids:
            inputs["segment_ids"] = packed.segment_ids
        return inputs

    def make_packer(self, **options: Any) -> MultiSegmentPacker:
        """Returns what joins the segments of a sample.

        Args:
            **options: of the packer, instead of the preprocessor's.
        """
        usual = {"truncate": self.truncate, "pad_to": self.pad_to}
        return MultiSegmentPacker(
            self.sequence_length, **{**usual, **self.packing(), **options}
        )

    def packing(self) -> dict[str, Any]:
        """Returns the tokens around and between segments, as the packer takes them."""
        return packing_of(self.tokenizer)

    def _in_graph(self, x: Any) -> dict[str, Any]:
        """Does what `preprocess` does, for tensors of raw samples."""
        import tensorflow as tf

        batch = leading_shape(x)
        segments = list(x.values()) if isinstance(x, dict) else x
        if not isinstance(segments, list | tuple):
            segments = [segments]
        rows = [
            as_tensor_rows(
                self.tokenizer.encode_in_graph(texts if batch else texts[None])
            )[0]
            for texts in segments
        ]
        engine = tensorflow_operations()
        packed = engine.run(self.make_packer().pack, rows, engine=engine)
        inputs = self.encoder_inputs(packed, engine)
        specs = self.specs()
        return {
            key: tf.ensure_shape(
                value if batch else value[0], (*batch, *specs[key].shape)
            )
            for key, value in inputs.items()
        }


def packing_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns a tokenizer's tokens around and between segments, as a packer's."""
    return {
        "start_value": tokenizer.start_token_id,
        "end_value": tokenizer.end_token_id,
        "sep_value": tokenizer.separator_token_ids,
        "pad_value": tokenizer.pad_token_id,
    }


def run_on_host(function: Any, x: Any, specs: dict[str, Spec]) -> Any:
    """Calls a function of raw samples, behind a host call in a graph.

    Args:
        function: takes raw samples, gives a dict of arrays.
        x: raw samples as in `TextClassifierPreprocessor`.
        specs: dtype and shape, without batch axis, of the arrays.
    """
    if not is_symbolic(x):
        return function(to_host(x))
    batch = leading_shape(x)
    out = {k: Spec(s.dtype, (*batch, *s.shape)) for k, s in specs.items()}
    return host_call(function, (x,), out)


def require_tokenizer(tokenizer: Tokenizer, cls: type) -> None:
    """Raises ValueError without a tokenizer that has the tokens packing needs."""
    advice = "Pass `tokenizer=`, such as a BertTokenizer with its vocabulary."
    if not isinstance(tokenizer, Tokenizer):
        raise ValueError(
            f"Expected a tokenizer for {cls.__name__}, received {tokenizer!r:.100}. "
            f"{advice}"
        )
    for name in ("start_token", "end_token", "pad_token"):
        # The token stands in the class; its id comes with a vocabulary.
        if getattr(tokenizer, name) is getattr(tokenizer, f"{name}_id") is None:
            raise ValueError(
                f"Expected a tokenizer with `{name}_id` for {cls.__name__}, received "
                f"a {type(tokenizer).__name__}. Name it in the tokenizer's "
                f"`named_tokens`, or use one of a model. {advice}"
            )
