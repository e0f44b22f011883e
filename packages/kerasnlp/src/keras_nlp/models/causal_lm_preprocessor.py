"""Raw texts to what a language model trains on, and to prompts it writes on from."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np

from domain_core import serializable
from domain_core.arguments import as_positive_int
from domain_core.arrays.host_call import Spec, is_symbolic, leading_shape
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.graph_rows import as_tensor_rows
from domain_core.text.rows.packed_rows import Packed, PadTo
from domain_core.text.rows.start_end_packer import StartEndPacker
from domain_core.tokenizers.tokenizer import Tokenizer
from keras_nlp.models.generation_preprocessor import GenerationPreprocessor
from keras_nlp.models.text_classifier_preprocessor import run_on_host


@serializable(package="kerasnlp")
class CausalLMPreprocessor(GenerationPreprocessor):
    """Tokenizes texts, cuts and pads them; the label of a token is the next one.

    Call arguments:
        x: texts: a string, or a list or NumPy array of strings.
        y: not used: labels come from the text.
        sample_weight: not used.
        sequence_length: overrides the constructor's.

    Returns:
        `(x, y, sample_weight)`: `x` is a dict of int32 arrays `(B, sequence_length)`,
        "token_ids" and "padding_mask" (0 in padding); `y` are the ids of the tokens
        after each, `sample_weight` float32, 0 where there is none, both of that shape.
        Without `B` for a single text; tensors for those of a TensorFlow graph.

    Args:
        tokenizer: a `Tokenizer`; start, end and padding are its tokens of these names,
            as far as it has them.
        sequence_length: length of the outputs in tokens.
        add_start_token: whether texts begin with the start token, where there is one.
        add_end_token: whether texts to train on end with the end token.
        pad_to: as in `TextClassifierPreprocessor`.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no tokenizer or an argument is out of range.
    """

    # Tokens after a text's that are labels alone.
    _ahead: ClassVar[int] = 1

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 1024,
        add_start_token: bool = True,
        add_end_token: bool = True,
        *,
        pad_to: PadTo = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.check_tokenizer(tokenizer)
        StartEndPacker(sequence_length, pad_to=pad_to)  # complains about them now
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.add_start_token = add_start_token
        self.add_end_token = add_end_token
        self.pad_to = pad_to

    def __call__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        sequence_length: int | None = None,
    ) -> Any:
        del y, sample_weight
        parts = self._parts(x, sequence_length, labels="int32", weights="float32")
        labels, weights = parts.pop("labels"), parts.pop("weights")
        return keras.utils.pack_x_y_sample_weight(parts, labels, weights)

    def prompts(self, x: Any, begins: bool = True) -> tuple[list[np.ndarray], bool]:
        """Returns the ids of each prompt, and whether `x` was a single one.

        Args:
            x: texts as in a call.
            begins: whether they begin a text, with a start token where there is one.
        """
        texts, single = self.tokenizer.read_texts(x, "prompts")
        start = self._start_value() if begins else None
        before = [] if start is None else [start]
        rows = self.tokenizer.encode_batch(texts).rows()
        return [np.array([*before, *row], "int32") for row in rows], single

    def generate_preprocess(
        self, x: Any, sequence_length: int | None = None
    ) -> dict[str, np.ndarray]:
        """Turns prompts into ids, with room behind them.

        Args:
            x: texts as in a call.
            sequence_length: overrides the constructor's.

        Returns:
            A dict of "token_ids" and "padding_mask", int32 `(B, sequence_length)`, 0 in
            the mask where there is room; without `B` for a single text.
        """
        rows, single = self.prompts(x)
        length = as_positive_int(
            "sequence_length", sequence_length or self.sequence_length, 10**8
        )
        packer = StartEndPacker(length, pad_value=self.pad_value)
        outputs = _inputs(packer.pack([Ragged.from_rows(rows)]), NUMPY)
        return {k: v[0] for k, v in outputs.items()} if single else outputs

    def generate_postprocess(self, x: dict[str, Any]) -> Any:
        """Turns what `generate_preprocess` gives into text; inverse of it.

        Args:
            x: dict of "token_ids" and "padding_mask", `(B, T)` or `(T,)`.

        Returns:
            A list of strings, or a string.
        """
        return self.texts_of(x["token_ids"], x["padding_mask"])

    def _parts(
        self, x: Any, sequence_length: int | None, **more: str
    ) -> dict[str, Any]:
        """Returns inputs, and more of given dtypes, of texts in any form."""
        length = sequence_length or self.sequence_length
        if self.tokenizer.graph and is_symbolic(x):
            return self._in_graph(x, length)
        shape = (length if self.pad_to is None else None,)
        dtypes = {"token_ids": "int32", "padding_mask": "int32", **more}
        specs = {name: Spec(dtype, shape) for name, dtype in dtypes.items()}
        return run_on_host(lambda x: self._on_host(x, length), x, specs)

    def _on_host(self, x: Any, length: int) -> dict[str, Any]:
        texts, single = self.tokenizer.read_texts(x, "x")
        rows = self.tokenizer.encode_batch(texts)
        outputs = self._shifted(self._packer(length).pack([rows]), NUMPY)
        return {k: v[0] for k, v in outputs.items()} if single else outputs

    def _in_graph(self, x: Any, length: int) -> dict[str, Any]:
        import tensorflow as tf

        batch = leading_shape(x)
        ids = self.tokenizer.encode_in_graph(x if batch else x[None])
        engine = tensorflow_operations()
        packed = engine.run(
            self._packer(length).pack, [as_tensor_rows(ids)[0]], engine=engine
        )
        shape = (*batch, length if self.pad_to is None else None)
        return {
            key: tf.ensure_shape(value if batch else value[0], shape)
            for key, value in self._shifted(packed, engine).items()
        }

    def _shifted(self, packed: Packed, engine: Operations) -> dict[str, Any]:
        """Splits rows of one token more into tokens and those after them."""
        inputs = _inputs(packed, engine)
        ids, mask = inputs["token_ids"], inputs["padding_mask"]
        return {
            "token_ids": ids[:, :-1],
            "padding_mask": mask[:, :-1],
            "labels": ids[:, 1:],
            "weights": engine.cast(mask[:, 1:], "float32"),
        }

    def _packer(self, length: int) -> StartEndPacker:
        pad_to, ahead = self.pad_to, self._ahead
        if isinstance(pad_to, list | tuple):
            pad_to = [size + ahead for size in pad_to]
        return StartEndPacker(
            length + ahead,
            start_value=self._start_value(),
            end_value=self.tokenizer.end_token_id if self.add_end_token else None,
            pad_value=self.pad_value,
            pad_to=pad_to,
        )

    def _start_value(self) -> int | None:
        return self.tokenizer.start_token_id if self.add_start_token else None


@serializable(package="kerasnlp")
class DecoderPreprocessor(CausalLMPreprocessor):
    """Turns texts into a decoder's inputs alone; arguments as of its base.

    So did what KerasNLP called `GPT2Preprocessor`, `GemmaPreprocessor` and so on.

    Call arguments:
        x: texts as of `CausalLMPreprocessor`.
        y: labels of any kind, passed on.
        sample_weight: passed on.
        sequence_length: overrides the constructor's.

    Returns:
        "token_ids" and "padding_mask", as of `CausalLMPreprocessor`; with `y` and
        `sample_weight` in a tuple, where there are some.
    """

    _ahead: ClassVar[int] = 0

    def __call__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        sequence_length: int | None = None,
    ) -> Any:
        parts = self._parts(x, sequence_length)
        return keras.utils.pack_x_y_sample_weight(parts, y, sample_weight)

    def _shifted(self, packed: Packed, engine: Operations) -> dict[str, Any]:
        return _inputs(packed, engine)


def without_labels(cls: type[CausalLMPreprocessor]) -> type[DecoderPreprocessor]:
    """Makes the preprocessor that KerasNLP had beside a family's with labels.

    Args:
        cls: the family's; `GPT2CausalLMPreprocessor` gives `GPT2Preprocessor`, which is
            to be found in `keras_nlp.models.aliases`.
    """
    attributes = {
        "__doc__": f"As `{cls.__name__}`, without labels; see `DecoderPreprocessor`.",
        "__module__": "keras_nlp.models.aliases",
        "backbone_cls": cls.backbone_cls,
        "tokenizer_cls": cls.tokenizer_cls,
    }
    name = cls.__name__.replace("CausalLM", "")
    made = type(name, (DecoderPreprocessor,), attributes)
    return serializable(package="kerasnlp")(made)


def _inputs(packed: Packed, engine: Operations) -> dict[str, Any]:
    return {
        "token_ids": packed.token_ids,
        "padding_mask": engine.cast(packed.padding_mask, "int32"),
    }
