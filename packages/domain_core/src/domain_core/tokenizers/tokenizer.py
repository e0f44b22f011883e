"""The base class of tokenizers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from domain_core.arguments import (
    as_dtype_name,
    as_positive_int,
    default_name,
    set_layer_arguments,
)
from domain_core.arrays.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.arrays.ragged import Ragged
from domain_core.registry import PresetsProperty
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import role
from domain_core.text.chat_template import as_chat_template
from domain_core.text.encoding import Encoding, encode
from domain_core.text.special_tokens import as_policy, forbid_tokens, token_pattern
from domain_core.text.text_inputs import (
    ERRORS,
    as_given,
    as_rows,
    as_segments,
    as_texts,
    as_unicode,
)


@role("tokenizer")
class Tokenizer(RemembersArguments):
    """Turns strings into integer ids and back.

    A plain object, not a Keras layer: it works on Python strings and NumPy arrays,
    without TensorFlow, in any thread. Inside `tf.data` the same code runs behind one
    host call, so `dataset.map(tokenizer)` gives the same ids; with `graph` TensorFlow's
    own operations give them, for a graph that is to be exported.

    A subclass writes `encode_batch` (which first calls `check_texts`), `decode_batch`,
    `get_vocabulary`, `id_to_token` and `token_to_id`; where it can tell offsets,
    `encode_batch_with_offsets`; where it has a `graph` form, `encode_in_graph` and
    `decode_in_graph`; and for a vocabulary kept in files `save_assets` and
    `load_assets`. Instead of `encode_batch` it may write `tokenize` itself.

    Args:
        sequence_length: cut and pad every output to this many tokens; None for outputs
            as long as their texts.
        dtype: an integer type, or "string" for tokens instead of ids.
        name: name of the tokenizer.
        special_tokens: what a special token in a text means. "parse": the token itself,
            so only for texts you trust. "text": text like any other. "error": a
            ValueError.
        errors: "strict" refuses texts with lone surrogates and bytes that are no UTF-8,
            "replace" reads U+FFFD for them, "ignore" leaves them out.
        graph: make symbolic tensors by TensorFlow operations alone, not by a call of
            Python code.
        chat_template: Jinja program that makes one text of a conversation, or several
            by name; kept with the tokenizer, never run here.
        **kwargs: `trainable`, as of any Keras layer; it means nothing here.

    Attributes:
        named_tokens: special tokens by attribute name, such as
            `{"pad_token": "[PAD]"}`. The vocabulary must hold them; each also gives an
            attribute with its id, such as `pad_token_id`.
        separator_tokens: special tokens between two segments of a packed row, where
            they are others than one `end_token`.
        decoder_start_tokens: special tokens that a decoder's text begins with, where an
            encoder reads another; where there are none, `start_token`.
        stop_tokens: tokens besides `end_token` that end what a model of the family
            writes, as far as a vocabulary holds them.
        file_assets: names of the files that `save_assets` writes.
        asset_config_keys: constructor arguments that those files hold.
        replacement_char: code point that `errors="replace"` reads.
    """

    presets: ClassVar[PresetsProperty] = PresetsProperty()
    named_tokens: ClassVar[Mapping[str, str]] = {}
    separator_tokens: ClassVar[tuple[str, ...]] = ()
    decoder_start_tokens: ClassVar[tuple[str, ...]] = ()
    stop_tokens: ClassVar[tuple[str, ...]] = ()
    file_assets: ClassVar[tuple[str, ...]] = ()
    asset_config_keys: ClassVar[tuple[str, ...]] = ()
    replacement_char = 0xFFFD

    # Of every model; None where a class names no such token.
    start_token: str | None = None
    start_token_id: int | None = None
    end_token: str | None = None
    end_token_id: int | None = None
    pad_token: str | None = None
    pad_token_id: int | None = None
    mask_token: str | None = None
    mask_token_id: int | None = None

    def __init__(
        self,
        *,
        sequence_length: int | None = None,
        dtype: Any = "int32",
        name: str | None = None,
        special_tokens: bool | str = "text",
        errors: str = "strict",
        graph: bool = False,
        chat_template: str | Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        set_layer_arguments(self, kwargs, "trainable")
        if errors not in ERRORS:
            raise ValueError(
                f"Expected `errors` to be one of {ERRORS}, received {errors!r}."
            )
        # The vocabulary, which may be set anew.
        self.forget(*self.asset_config_keys)
        self.dtype = _checked_dtype(dtype)
        self.sequence_length = _checked_length(sequence_length)
        self.special_token_policy = as_policy(special_tokens)
        self.errors = errors
        self.graph = graph
        self.chat_template = as_chat_template(chat_template)
        self.name = name or default_name(self)
        for attribute, token in self.named_tokens.items():
            setattr(self, attribute, token)
            setattr(self, f"{attribute}_id", None)

    def __call__(self, inputs: Any) -> Any:
        """Does what `tokenize` does."""
        return self.tokenize(inputs)

    def tokenize(self, inputs: Any) -> Any:
        """Turns text into ids, or into tokens with `dtype="string"`.

        Args:
            inputs: a string, or a flat collection of strings: list, tuple, NumPy array,
                pandas Series. Bytes are read as UTF-8. Or a TensorFlow tensor of them.

        Returns:
            With `sequence_length`, an array `(B, sequence_length)`, or
            `(sequence_length,)` for a single string. Without, a list of lists, or an
            array `(T,)` for a single string. Tokens come as lists. For symbolic
            tensors, as in `tf.data`: a tensor, and a ragged one instead of a list of
            lists.

        Raises:
            ValueError: if `inputs` is anything else, or a text is no valid Unicode.
        """
        if is_symbolic(inputs):
            return self._tokenize_in_graph(inputs)
        outputs = self._tokenize_on_host(to_host(inputs))
        if isinstance(outputs, Ragged):
            return outputs.to_list()
        return outputs.tolist() if self.dtype == "string" else outputs

    def detokenize(self, inputs: Any) -> Any:
        """Does what `decode` does."""
        return self.decode(inputs)

    def encode(
        self,
        inputs: Any,
        *,
        max_length: int | None = None,
        truncate: str = "right",
        stride: int | None = None,
        pad_to: int | Sequence[int] | None = None,
        padding_side: str = "right",
        add_special_tokens: bool = False,
        return_offsets: bool = False,
    ) -> Encoding:
        """Turns texts into one array of ids, and tells where each comes from.

        `sequence_length` and `dtype` are not applied. Warns (`TruncationWarning`) with
        the share of the tokens that were cut.

        Args:
            inputs: as in `tokenize`, but no TensorFlow tensors of a graph.
            max_length: the most tokens in a row, special ones included.
            truncate: what to drop of longer texts: "right" their ends, "left" their
                beginnings; "window" nothing: a text gives as many rows as it needs.
            stride: tokens from the beginning of one window to that of the next; None
                for windows that do not overlap.
            pad_to: width of the array, or several in ascending order, of which the
                first that holds the longest row is taken; None for the longest row.
            padding_side: "right", or "left" for models that go on writing.
            add_special_tokens: begin and end each row with the tokenizer's start and
                end token.
            return_offsets: also return the characters of each token.

        Raises:
            ValueError: if an option is out of range, or the longest row fits no width.
        """
        return encode(
            self,
            inputs,
            max_length=max_length,
            truncate=truncate,
            stride=stride,
            pad_to=pad_to,
            padding_side=padding_side,
            add_special_tokens=add_special_tokens,
            return_offsets=return_offsets,
        )

    def decode(self, inputs: Any, *, skip_special_tokens: bool = False) -> Any:
        """Turns ids into text.

        Args:
            inputs: ids `(T,)` or `(B, T)`, as arrays, nested lists or TensorFlow
                tensors.
            skip_special_tokens: leave out tokens that stand for no text.

        Returns:
            A string, or a list of strings. For symbolic tensors, a tensor.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        if is_symbolic(inputs):
            return self._decode_in_graph(inputs, skip_special_tokens)
        rows, single = as_rows(to_host(inputs))
        if len(rows.values) and rows.values.dtype == object:
            raise ValueError(
                "Expected ids to detokenize, received strings. Pass what `tokenize` "
                "gives with an integer `dtype`."
            )
        if skip_special_tokens:
            rows = rows.where(~np.isin(rows.values, self.special_token_ids))
        texts = self.decode_batch(rows)
        return texts[0] if single else texts

    def tokenize_with_offsets(self, inputs: Any) -> tuple[Any, Any]:
        """Turns text into ids and tells which characters each id stands for.

        `sequence_length` and `dtype` are not applied.

        Args:
            inputs: as in `tokenize`, but no TensorFlow tensors of a graph.

        Returns:
            Ids, as a list of int32 arrays `(T,)`; and offsets, as a list of int32
            arrays `(T, 2)`: the token came from `text[start:end]`. For a single string
            no lists, but the arrays.
        """
        texts, single = self.read_texts(inputs)
        ids, offsets = self.encode_with_offsets(texts)
        if single:
            return ids.values, offsets.values
        return ids.rows(), offsets.rows()

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids, and `(start, end)` in characters of the text as it was given."""
        ids, offsets = self.encode_batch_with_offsets(texts)
        return ids, as_given(texts, offsets) if self.errors == "ignore" else offsets

    def encode_batch(self, texts: list[str]) -> Ragged:
        """Returns the ids of each text, whatever `sequence_length` and `dtype` say."""
        if type(self).tokenize is Tokenizer.tokenize:
            raise NotImplementedError(
                f"{type(self).__name__} must write `encode_batch`."
            )
        return as_rows(self.tokenize(texts), "tokens")[0]

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids, and `(start, end)` in characters of the text for each.

        If `errors` is "ignore", of the text without what was left out.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not tell offsets. Use a tokenizer that writes "
            "`encode_batch_with_offsets`, such as a WordPieceTokenizer."
        )

    def decode_batch(self, rows: Ragged) -> list[str]:
        """Returns the text of each row of ids."""
        raise NotImplementedError(f"{type(self).__name__} must write `decode_batch`.")

    def decode_unfinished(self, ids: list[int]) -> str:
        """Returns the text of ids that more will follow.

        Half a character at its end gives U+FFFD, whatever `errors` says.
        """
        return self.decode_batch(Ragged.from_rows([ids]))[0]

    def encode_in_graph(self, texts: Any) -> Any:
        """Returns ids by TensorFlow operations alone.

        Args:
            texts: a string tensor `(B,)`.

        Returns:
            A ragged int32 tensor `(B, None)`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no `graph` form. Construct it with graph=False."
        )

    def decode_in_graph(self, ids: Any) -> Any:
        """Returns texts `(B,)` of a ragged int32 tensor `(B, None)`, likewise."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `graph` form. Construct it with graph=False."
        )

    def look_up_in_graph(self, ids: Any) -> Any:
        """Returns the tokens of a ragged tensor of ids, likewise."""
        import tensorflow as tf

        tokens = [self.id_to_token(i) for i in range(self.vocabulary_size())]
        return tf.gather(tf.constant(tokens), ids)

    def read_texts(self, inputs: Any, name: str = "inputs") -> tuple[list[str], bool]:
        """Reads texts in any form as `errors` says; see `as_texts`."""
        return as_texts(to_host(inputs), name, self.errors, self.replacement_char)

    def read_segments(self, inputs: Any) -> tuple[list[list[str]], bool]:
        """Reads one text or several per sample, likewise; see `as_segments`."""
        return as_segments(to_host(inputs), "x", self.errors, self.replacement_char)

    def check_texts(self, texts: list[str]) -> list[str]:
        """Returns texts fit for `encode_batch`, or raises.

        Raises:
            ValueError: if a text is no valid Unicode and `errors` is "strict", or holds
                a special token and `special_tokens` is "error".
        """
        # First, for what is left out may have kept the parts of a token apart.
        texts = as_unicode(texts, self.errors, chr(self.replacement_char))
        if self.special_token_policy == "error":
            forbid_tokens(texts, token_pattern(self.tokens_in_texts()))
        return texts

    def tokens_in_texts(self) -> list[str]:
        """Returns the tokens that the policy `special_tokens` is about."""
        return self.special_tokens

    def get_vocabulary(self) -> Any:
        """Returns the vocabulary in the form in which the constructor takes it."""
        raise NotImplementedError(f"{type(self).__name__} must write `get_vocabulary`.")

    def vocabulary_size(self) -> int:
        """Returns the number of ids."""
        return len(self.get_vocabulary())

    def largest_id(self) -> int:
        """Returns the largest id; `vocabulary_size()` or more where some are free."""
        return max([self.vocabulary_size() - 1, *self.special_token_ids])

    def id_to_token(self, id: int) -> str:
        """Returns the token of an id."""
        raise NotImplementedError(f"{type(self).__name__} must write `id_to_token`.")

    def token_to_id(self, token: str) -> int:
        """Returns the id of a token."""
        raise NotImplementedError(f"{type(self).__name__} must write `token_to_id`.")

    @property
    def special_tokens(self) -> list[str]:
        """Tokens that stand for no text, such as padding."""
        return list(dict.fromkeys(self.named_tokens.values()))

    @property
    def special_token_ids(self) -> list[int]:
        """Ids of `special_tokens`."""
        return [self.token_to_id(token) for token in self.special_tokens]

    @property
    def separator_token_ids(self) -> list[int] | None:
        """Ids of `separator_tokens`; None where `end_token` separates."""
        return [self.token_to_id(token) for token in self.separator_tokens] or None

    def save_assets(self, directory: str | os.PathLike[str]) -> None:
        """Writes `file_assets` into an existing directory."""

    def load_assets(self, directory: str | os.PathLike[str]) -> None:
        """Reads what `save_assets` wrote."""

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, the vocabulary among them."""
        config = super().get_config()
        if "special_tokens" in config:
            config["special_tokens"] = self.special_token_policy
        if self.chat_template is None:
            config.pop("chat_template", None)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        # A file may say what to build, never which other file to read.
        for key in cls.asset_config_keys:
            if isinstance(config.get(key), str | os.PathLike):
                raise ValueError(
                    f"Expected {key!r} of a {cls.__name__} config to be data, received "
                    f"{config[key]!r}. Pass paths to the constructor instead."
                )
        return super().from_config(dict(config))

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Builds the tokenizer of a preset.

        Args:
            preset: name, handle or directory, see `Backbone.from_preset`.
            **kwargs: constructor arguments that override the preset's.
        """
        from domain_core.presets import load_tokenizer

        return load_tokenizer(cls, preset, **kwargs)

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        layout: str = "native",
        sign_key: str | os.PathLike[str] | None = None,
    ) -> None:
        """Writes the tokenizer as a preset directory.

        Arguments are those of `Backbone.save_to_preset`.
        """
        from domain_core.presets import save_preset

        save_preset(
            preset_dir,
            preprocessor=self,
            overwrite=overwrite,
            layout=layout,
            sign_key=sign_key,
        )

    def _set_special_token_ids(self) -> None:
        """To be called by subclasses once they have a vocabulary."""
        missing = []
        for attribute, token in self.named_tokens.items():
            try:
                setattr(self, f"{attribute}_id", self.token_to_id(token))
            except ValueError:
                missing.append(token)
        if missing:
            raise ValueError(
                f"Expected the vocabulary of {type(self).__name__} to hold the special "
                f"tokens {self.special_tokens}; it lacks {missing}. Add them, or use "
                "the vocabulary the model was trained with."
            )

    def _encode(self, inputs: Any) -> tuple[Ragged, bool]:
        texts, single = self.read_texts(inputs)
        return self.encode_batch(texts), single

    def _is_single(self, tensor: Any) -> bool:
        """Whether a tensor is one text rather than a batch."""
        axes = rank(tensor, "inputs")
        if axes > 1:
            raise ValueError(
                "Expected a string or a flat batch of strings, received a tensor of "
                f"shape {tensor.shape}. Flatten it, or split it into columns."
            )
        return axes == 0

    def _typed(self, rows: Ragged) -> Ragged:
        """Puts ids into `dtype`: looks tokens up, or casts."""
        if self.dtype != "string":
            ids = rows.values.astype(self.dtype, copy=False)
            if ids.itemsize < rows.values.itemsize and (ids != rows.values).any():
                raise ValueError(
                    f"Expected ids that fit the `dtype` {self.dtype!r}, received "
                    f"{rows.values[ids != rows.values][0]}. Use 'int32'."
                )
            return Ragged(ids, rows.lengths)
        tokens = np.empty(len(rows.values), object)
        tokens[:] = [self.id_to_token(i) for i in rows.values.tolist()]
        return Ragged(tokens, rows.lengths)

    def _padded(self, rows: Ragged) -> np.ndarray:
        assert self.sequence_length is not None
        if self.dtype == "string":
            return rows.to_dense(self.sequence_length, "")
        return rows.to_dense(self.sequence_length, self._pad_value())

    def _pad_value(self) -> int:
        token = self.named_tokens.get("pad_token")
        return 0 if token is None else self.token_to_id(token)

    def _tokenize_in_graph(self, inputs: Any) -> Any:
        single = self._is_single(inputs)
        if self.graph:
            return self._tokenize_by_operations(inputs, single)
        batch = () if single else (inputs.shape[0],)
        if self.sequence_length is not None:
            out = Spec(self.dtype, (*batch, self.sequence_length))
        else:
            out = Spec(self.dtype, (None,), ragged=not single)
        return host_call(self._tokenize_on_host, (inputs,), out)

    def _tokenize_by_operations(self, inputs: Any, single: bool) -> Any:
        import tensorflow as tf

        rows = self.encode_in_graph(inputs[None] if single else inputs)
        pad_value: Any = self._pad_value()
        if self.dtype == "string":
            rows, pad_value = self.look_up_in_graph(rows), ""
        else:
            ids = rows.values
            narrow = tf.cast(ids, self.dtype)
            check = tf.debugging.Assert(
                tf.reduce_all(tf.cast(narrow, ids.dtype) == ids),
                [f"Expected ids that fit the `dtype` {self.dtype!r}, received", ids],
            )
            with tf.control_dependencies([check]):
                rows = rows.with_values(tf.identity(narrow))
        if self.sequence_length is not None:
            shape = (None, self.sequence_length)
            rows = rows.to_tensor(default_value=pad_value, shape=shape)
            batch = 1 if single else inputs.shape[0]
            rows = tf.ensure_shape(rows, (batch, self.sequence_length))
        return rows[0] if single else rows

    def _decode_in_graph(self, inputs: Any, skip_special_tokens: bool) -> Any:
        single = rank(inputs, "inputs") == 1
        if not self.graph:
            shape = () if single else (inputs.shape[0],)
            arguments = inputs, skip_special_tokens
            return host_call(self._decode_on_host, arguments, Spec("string", shape))
        import tensorflow as tf

        rows = inputs[None] if single else inputs
        if not isinstance(rows, tf.RaggedTensor):
            rows = tf.RaggedTensor.from_tensor(rows)
        rows = tf.cast(rows, tf.int32)
        if skip_special_tokens and (special := self.special_token_ids):
            is_special = tf.reduce_any(rows[..., None] == tf.constant(special), -1)
            rows = tf.ragged.boolean_mask(rows, ~is_special)
        texts = self.decode_in_graph(rows)
        return texts[0] if single else texts

    def _decode_on_host(self, inputs: Any, skip_special_tokens: bool) -> Any:
        return self.decode(inputs, skip_special_tokens=skip_special_tokens)

    def _tokenize_on_host(self, inputs: Any) -> Any:
        rows, single = self._encode(inputs)
        rows = self._typed(rows)
        if self.sequence_length is None:
            return rows.values if single else rows
        return self._padded(rows)[0] if single else self._padded(rows)


def _checked_dtype(dtype: Any) -> str:
    name = as_dtype_name(dtype)
    if name != "string" and not name.startswith(("int", "uint")):
        raise ValueError(
            "Expected `dtype` to be an integer type or 'string', received "
            f"{dtype!r}. Use 'int32' for ids."
        )
    return name


def _checked_length(length: Any) -> int | None:
    return None if length is None else as_positive_int("sequence_length", length)


def as_tokens(name: str, tokens: Iterable[str]) -> list[str]:
    """Returns tokens, each once.

    Args:
        name: of the argument, for messages.
        tokens: strings.

    Raises:
        ValueError: if they are no list of strings, or one is empty.
    """
    given = tokens if isinstance(tokens, Iterable) else [tokens]
    found = [] if isinstance(tokens, str | Mapping) else list(given)
    if isinstance(tokens, str | Mapping) or not all(
        isinstance(token, str) and token for token in found
    ):
        raise ValueError(
            f"Expected `{name}` to be a list of tokens, received {tokens!r:.80}."
        )
    return list(dict.fromkeys(found))
