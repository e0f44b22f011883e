"""Byte-pair encoding, the tokenizer of GPT-2, Llama 3, RoBERTa, CLIP and others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.byte_pair.byte_level import token_to_bytes
from domain_core.text.byte_pair.engine import BytePairEngine
from domain_core.text.byte_pair.files import (
    check_ids,
    check_merges,
    read_ids,
    read_merges,
    read_tiktoken,
    write_ids,
    write_merges,
)
from domain_core.text.byte_pair.graph import BytePairGraph
from domain_core.text.byte_pair.patterns import as_pattern
from domain_core.text.byte_pair.tokenizer_json import (
    byte_pair_from_json,
    byte_pair_to_json,
)
from domain_core.text.graph_special_tokens import encode_around
from domain_core.text.special_tokens import TextPieces, token_pattern
from domain_core.text.tokenizer_json import read_tokenizer_json, write_tokenizer_json
from domain_core.tokenizers.tokenizer import Tokenizer, as_tokens

_NORMALIZATIONS = (None, "NFC", "none")


@serializable(package="kerasnlp")
class BytePairTokenizer(Tokenizer):
    """Cuts text into words, and merges the bytes of each word pair by pair.

    Nothing is unknown to a vocabulary that holds all 256 bytes, and what it encodes, it
    decodes to the same text. (But "clip" drops white space and case, and NFC joins
    letters with their accents.)

    Args:
        vocabulary: ids by token, or path of a `vocab.json`.
        merges: pairs of tokens, "a b", in the order in which to merge them, or path of
            a `merges.txt`.
        sequence_length: cut and pad every output to this many tokens.
        add_prefix_space: begin each text with a space, so that its first word is
            encoded as it would be further on.
        unsplittable_tokens: tokens of the vocabulary with a meaning of their own.
        dtype: an integer type, or "string" for tokens instead of ids.
        pattern: the family whose rule cuts text into words: "gpt2", "clip", "llama3",
            "qwen", "bloom" or "neox"; None for that of the class, as a rule "gpt2".
        special_tokens: what such a token means in a text, see `Tokenizer`. The default
            is upstream's, "parse"; choose "text" for texts of strangers.
        added_tokens: further tokens to keep whole wherever they occur in a text; those
            that the vocabulary lacks get the next ids.
        normalization: "NFC" or "none", what to do to text first; None does what the
            family does: "NFC" for "clip", "qwen" and "neox".
        unk_token: stands for bytes that the vocabulary lacks; None to raise.
        ignore_merges: take a word that is a token for that token, as Llama 3 and
            tiktoken do; None for what the class does, as a rule not.
        strip_left: tokens that swallow the white space before them where they are
            parsed; None for those of the class.
        **kwargs: `name`, `errors`, `graph`; see `Tokenizer`. With `graph`, words are
            merged by a loop of TensorFlow operations, some ten times slower.

    Attributes:
        optional_tokens: special tokens that a vocabulary may lack.
        usual_pattern: what `pattern` is by default.
        usually_ignores_merges: what `ignore_merges` is by default.

    Raises:
        ValueError: if a file cannot be read, an id or a merge is there twice, or a
            special token is missing.

    Example:
        >>> import domain_core
        >>> tokenizer = domain_core.tokenizers.BytePairTokenizer(
        ...     {"butter": 1, "fly": 2},
        ...     ["b u", "t t", "e r", "bu tt", "butt er", "f l", "fl y"],
        ... )
        >>> tokenizer("butterfly")
        array([1, 2], dtype=int32)
    """

    file_assets: ClassVar[tuple[str, ...]] = ("vocabulary.json", "merges.txt")
    asset_config_keys: ClassVar[tuple[str, ...]] = ("vocabulary", "merges")
    optional_tokens: ClassVar[tuple[str, ...]] = ()
    usual_pattern: ClassVar[str] = "gpt2"
    usually_ignores_merges: ClassVar[bool] = False
    strip_left: Sequence[str] = ()

    def __init__(
        self,
        vocabulary: Mapping[str, int] | str | os.PathLike[str] | None = None,
        merges: Iterable[str | Sequence[str]] | str | os.PathLike[str] | None = None,
        sequence_length: int | None = None,
        add_prefix_space: bool = False,
        unsplittable_tokens: Sequence[str] | None = None,
        dtype: Any = "int32",
        *,
        pattern: str | None = None,
        special_tokens: bool | str = "parse",
        added_tokens: Sequence[str] = (),
        normalization: str | None = None,
        unk_token: str | None = None,
        ignore_merges: bool | None = None,
        strip_left: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sequence_length=sequence_length,
            dtype=dtype,
            special_tokens=special_tokens,
            **kwargs,
        )
        if normalization not in _NORMALIZATIONS:
            raise ValueError(
                f"Expected `normalization` to be one of {_NORMALIZATIONS}, received "
                f"{normalization!r}."
            )
        self.add_prefix_space = add_prefix_space
        self.unsplittable_tokens = as_tokens(
            "unsplittable_tokens", unsplittable_tokens or ()
        )
        self.added_tokens = as_tokens("added_tokens", added_tokens)
        self.pattern = as_pattern(pattern or self.usual_pattern).name
        self.normalization = normalization
        self.unk_token = unk_token
        self.ignore_merges = (
            self.usually_ignores_merges if ignore_merges is None else ignore_merges
        )
        if strip_left is not None:
            self.strip_left = as_tokens("strip_left", strip_left)
        self._ids: dict[str, int] | None = None
        if (vocabulary is None) != (merges is None):
            raise ValueError(
                "Expected `vocabulary` and `merges` together, received only one of "
                "them. Pass both, or neither and load them with `from_preset`."
            )
        if vocabulary is not None and merges is not None:
            self.set_vocabulary_and_merges(vocabulary, merges)

    def set_vocabulary_and_merges(
        self,
        vocabulary: Mapping[str, int] | str | os.PathLike[str],
        merges: Iterable[str | Sequence[str]] | str | os.PathLike[str],
    ) -> None:
        """Sets or replaces vocabulary and merges; see the class."""
        if isinstance(vocabulary, str | os.PathLike):
            ids = read_ids(vocabulary)
        else:
            ids = check_ids(vocabulary)
        if isinstance(merges, str | os.PathLike):
            pairs = read_merges(merges)
        else:
            pairs = check_merges(merges)
        free = max(ids.values()) + 1
        for token in self.added_tokens:
            if token not in ids:
                ids[token], free = free, free + 1
        required = [*self.named_tokens.values(), *self.unsplittable_tokens]
        required += filter(None, [self.unk_token])
        if missing := [token for token in required if token not in ids]:
            raise ValueError(
                f"Expected the vocabulary of {type(self).__name__} to hold `unk_token` "
                f"and all special tokens; it lacks {missing}. Add them to the "
                "vocabulary, or use the one the model was trained with."
            )
        self._ids = ids
        self._tokens = {index: token for token, index in ids.items()}
        self._bytes = self._token_bytes(ids)
        self._merges = pairs
        self._engine = self._make_engine(ids, pairs)
        # Tokens that texts are cut at.
        whole = list(self.added_tokens)
        if self.special_token_policy == "parse":
            whole += self.tokens_in_texts()
        self._whole = {token: ids[token] for token in whole}
        self._cut = token_pattern(self._whole, self.strip_left)
        self._set_special_token_ids()

    def encode_batch(self, texts: list[str]) -> Ragged:
        texts, pieces = self._pieces(texts)
        rows = self._engine.encode(texts)
        return rows if pieces is None else pieces.join(rows)

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        texts, pieces = self._pieces(texts)
        ids, offsets = self._engine.encode_with_offsets(texts)
        if pieces is None:
            return ids, offsets
        return pieces.join(ids), pieces.join_offsets(offsets)

    def decode_batch(self, rows: Ragged) -> list[str]:
        self._require_ids()
        try:
            parts = list(map(self._bytes.__getitem__, rows.values.tolist()))
        except KeyError as error:
            self.id_to_token(error.args[0])
            raise
        ends = rows.lengths.cumsum().tolist()
        texts = [
            b"".join(parts[start:end]).decode("utf-8", "replace")
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        return [text.strip(" ") for text in texts] if self._suffix else texts

    def encode_in_graph(self, texts: Any) -> Any:
        self._require_ids()
        graph = BytePairGraph(self._engine)
        forbidden = () if self.special_token_policy != "error" else self.special_tokens
        return encode_around(
            graph.checked(texts, self.errors, forbidden),
            self._whole,
            graph.encode,
            self.strip_left,
        )

    def decode_in_graph(self, ids: Any) -> Any:
        self._require_ids()
        return BytePairGraph(self._engine).decode(ids, self._bytes)

    def get_vocabulary(self) -> dict[str, int]:
        """Returns ids by token."""
        return dict(self._require_ids())

    @property
    def vocabulary(self) -> dict[str, int] | None:
        """Ids by token; None until they are set."""
        return None if self._ids is None else dict(self._ids)

    @property
    def merges(self) -> list[str] | None:
        """The merges in the form "a b"; None until they are set."""
        return None if self._ids is None else self.get_merges()

    def get_merges(self) -> list[str]:
        """Returns the merges in the form "a b"."""
        self._require_ids()
        return [f"{first} {second}" for first, second in self._merges]

    def vocabulary_size(self) -> int:
        """Returns the number of tokens."""
        return len(self._require_ids())

    def largest_id(self) -> int:
        self._require_ids()
        return max(self._tokens)

    def id_to_token(self, id: int) -> str:
        self._require_ids()
        if id not in self._tokens:
            raise ValueError(
                f"Expected an id of the vocabulary, of {len(self._tokens)} ids up to "
                f"{max(self._tokens)}; received {id}."
            )
        return self._tokens[id]

    def token_to_id(self, token: str) -> int:
        ids = self._require_ids()
        if token not in ids:
            raise ValueError(
                f"Expected a token of the vocabulary, received {token!r}. Tokenize "
                "text that is not a single token."
            )
        return ids[token]

    @property
    def special_tokens(self) -> list[str]:
        """Tokens with a meaning of their own."""
        held = self._ids or {}
        own = [token for token in self.optional_tokens if token in held]
        own += self.unsplittable_tokens
        return list(dict.fromkeys([*super().special_tokens, *own]))

    @classmethod
    def from_tokenizer_json(cls, path: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Reads a `tokenizer.json` of Hugging Face's.

        Padding, truncation and tokens put around a text are left to the preprocessors:
        they are not read.

        Args:
            path: of the file.
            **kwargs: constructor arguments that the file does not hold.

        Raises:
            ValueError: if the file is something else, or holds a component that has no
                counterpart here; the message names it.
        """
        named = tuple(cls.named_tokens.values())
        arguments = byte_pair_from_json(
            read_tokenizer_json(path), named=named, strip_left=cls.strip_left
        )
        return cls._from_file(path, arguments, kwargs)

    @classmethod
    def from_tiktoken(
        cls,
        path: str | os.PathLike[str],
        *,
        pattern: str,
        special_tokens: Mapping[str, int] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Reads a file of tiktoken's, a token in base64 and its rank per line.

        Args:
            path: of the file.
            pattern: see the class; the file does not hold it.
            special_tokens: ids by special token; the file does not hold them either.
            **kwargs: further constructor arguments; the policy of the special tokens is
                `special_token_policy`.
        """
        ids, merges = read_tiktoken(path)
        special = dict(special_tokens or {})
        if twice := [token for token in special if token in ids]:
            raise ValueError(
                f"Expected special tokens that {str(path)!r} does not hold, received "
                f"{twice}."
            )
        policy = kwargs.pop("special_token_policy", "parse")
        return cls(
            check_ids({**ids, **special}, str(path)),
            merges,
            pattern=pattern,
            unsplittable_tokens=list(special),
            special_tokens=policy,
            ignore_merges=True,
            **kwargs,
        )

    def save_tokenizer_json(self, path: str | os.PathLike[str]) -> None:
        """Writes a `tokenizer.json` for Hugging Face's `tokenizers`.

        `tokenizers` reads special tokens in texts, whatever `special_tokens` says here.

        Raises:
            ValueError: if something cannot be expressed there; the message names it.
        """
        ids = self._require_ids()
        write_tokenizer_json(
            path,
            byte_pair_to_json(
                ids,
                self._merges,
                pattern=as_pattern(self.pattern),
                normalization=self._engine.normalization,
                add_prefix_space=self.add_prefix_space,
                ignore_merges=self.ignore_merges,
                unk_token=self.unk_token,
                special_tokens={t: ids[t] for t in self.special_tokens},
                added_tokens={t: ids[t] for t in self.added_tokens},
                strip_left=self.strip_left,
            ),
        )

    def save_assets(self, directory: str | os.PathLike[str]) -> None:
        vocabulary, merges = (Path(directory) / name for name in self.file_assets)
        write_ids(vocabulary, self._require_ids())
        write_merges(merges, self._merges)

    def load_assets(self, directory: str | os.PathLike[str]) -> None:
        vocabulary, merges = (Path(directory) / name for name in self.file_assets)
        self.set_vocabulary_and_merges(vocabulary, merges)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "vocabulary": self.vocabulary,
            "merges": self.merges,
        }
        if self.strip_left == type(self).strip_left:
            config.pop("strip_left", None)
        return config

    @classmethod
    def _from_file(
        cls,
        path: str | os.PathLike[str],
        arguments: dict[str, Any],
        kwargs: dict[str, Any],
    ) -> Self:
        if twice := sorted(arguments.keys() & kwargs.keys()):
            raise ValueError(
                f"Expected only arguments that {str(path)!r} does not hold, received "
                f"{twice}. Leave them out."
            )
        return cls(**arguments, **kwargs)

    @property
    def _suffix(self) -> str:
        return as_pattern(self.pattern).end_of_word

    def _make_engine(
        self, ids: dict[str, int], merges: list[tuple[str, str]]
    ) -> BytePairEngine:
        pattern = as_pattern(self.pattern)
        # No text may merge to a special token, whatever the vocabulary says. Single
        # bytes stay: without them text could not be written.
        special = {token for token in self.special_tokens if len(token) > 1}
        return BytePairEngine(
            {token: index for token, index in ids.items() if token not in special},
            [
                (first, second)
                for first, second in merges
                if special.isdisjoint((first, second, first + second))
            ],
            pattern=pattern,
            normalization=self.normalization or pattern.normalization,
            add_prefix_space=self.add_prefix_space,
            ignore_merges=self.ignore_merges,
            unk_id=None if self.unk_token is None else ids[self.unk_token],
        )

    def _token_bytes(self, ids: dict[str, int]) -> dict[int, bytes]:
        """Returns what each id stands for."""
        raw = {*self.special_tokens, *self.added_tokens}
        suffix, found = self._suffix, {}
        for token, index in ids.items():
            if token in raw:
                found[index] = token.encode("utf-8", "replace")
            elif suffix and token.endswith(suffix):
                found[index] = token_to_bytes(token.removesuffix(suffix)) + b" "
            else:
                found[index] = token_to_bytes(token)
        return found

    def _pieces(self, texts: list[str]) -> tuple[list[str], TextPieces | None]:
        """Returns what to encode, and how to put it together if tokens lie between."""
        self._require_ids()
        texts = self.check_texts(texts)
        if self._cut is None or not any(map(self._cut.search, texts)):
            return texts, None
        pieces = TextPieces.cut(texts, self._cut, self._whole)
        return pieces.texts, pieces

    def _require_ids(self) -> dict[str, int]:
        if self._ids is None:
            raise ValueError(
                f"No vocabulary has been set for {type(self).__name__}. Pass "
                "`vocabulary` and `merges` to the constructor, or load them with "
                "`from_preset`."
            )
        return self._ids
