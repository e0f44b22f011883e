"""WordPiece, the tokenizer of BERT and its relatives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from domain_core.arrays.host_call import rank
from domain_core.arrays.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.graph_special_tokens import forbid_in_graph
from domain_core.text.special_tokens import as_policy
from domain_core.text.text_inputs import as_rows
from domain_core.text.tokenizer_json import read_tokenizer_json, write_tokenizer_json
from domain_core.text.vocabulary import (
    check_vocabulary,
    read_vocabulary,
    write_vocabulary,
)
from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine
from domain_core.text.word_piece.graph import word_piece_graph
from domain_core.text.word_piece.keras_engine import KerasWordPieceEngine
from domain_core.text.word_piece.tokenizer_json import (
    word_piece_from_json,
    word_piece_to_json,
)
from domain_core.tokenizers.tokenizer import Tokenizer


@serializable(package="kerasnlp")
class WordPieceTokenizer(Tokenizer):
    """Splits text into words, and words into the longest known pieces.

    Words end at ASCII white space and control characters; punctuation and Chinese
    characters are words of their own. A word that cannot be put together from pieces,
    or has more than 100 bytes, becomes `oov_token`.

    Args:
        vocabulary: list of unique tokens, whose places are their ids, or path of a
            UTF-8 file with one token per line.
        sequence_length: cut and pad every output to this many tokens.
        lowercase: fold case (Unicode's NFKC case folding).
        strip_accents: drop accents and other nonspacing marks; None does what
            `lowercase` does.
        split: find words. If False, inputs are words already: a row of them, or a
            batch of rows; and a word that equals a special token is that token, unless
            those are an "error".
        split_on_cjk: make each Chinese character a word.
        suffix_indicator: what pieces begin with that continue a word.
        oov_token: stands for unknown words; it must be in the vocabulary.
        special_tokens: tokens of the vocabulary with a meaning of their own; or what
            such tokens mean in a text: "parse", "text" or "error", see `Tokenizer`.
        special_tokens_in_strings: the same as upstream writes it: True is "parse",
            False "text".
        dtype: an integer type, or "string" for tokens instead of ids.
        **kwargs: `name`, `errors`, `graph`; see `Tokenizer`.

    Raises:
        ValueError: if the vocabulary cannot be read, has a token twice, or lacks
            `oov_token` or a special token.

    Example:
        >>> import domain_core
        >>> vocabulary = ["[UNK]", "the", "qu", "##ick", "br", "##own", "fox", "."]
        >>> tokenizer = domain_core.tokenizers.WordPieceTokenizer(
        ...     vocabulary, sequence_length=10, lowercase=True
        ... )
        >>> tokenizer(["The quick brown fox."])
        array([[1, 2, 3, 4, 5, 6, 7, 0, 0, 0]], dtype=int32)
    """

    file_assets: ClassVar[tuple[str, ...]] = ("vocabulary.txt",)
    asset_config_keys: ClassVar[tuple[str, ...]] = ("vocabulary",)
    engine_cls: ClassVar[type[WordPieceEngine]] = KerasWordPieceEngine
    # Of subclasses that take some.
    added_tokens: Sequence[str] = ()
    normalized_tokens: Sequence[str] = ()

    def __init__(
        self,
        vocabulary: Iterable[str] | str | os.PathLike[str] | None = None,
        sequence_length: int | None = None,
        lowercase: bool = False,
        strip_accents: bool | None = False,
        split: bool = True,
        split_on_cjk: bool = True,
        suffix_indicator: str = "##",
        oov_token: str = "[UNK]",
        special_tokens: Sequence[str] | bool | str | None = None,
        special_tokens_in_strings: bool | str = False,
        dtype: Any = "int32",
        **kwargs: Any,
    ) -> None:
        policy = as_policy(special_tokens_in_strings, "special_tokens_in_strings")
        if isinstance(special_tokens, bool | str):
            policy, special_tokens = as_policy(special_tokens), None
        super().__init__(
            sequence_length=sequence_length,
            dtype=dtype,
            special_tokens=policy,
            **kwargs,
        )
        if not isinstance(oov_token, str):
            raise ValueError(
                f"Expected `oov_token` to be a token, received {oov_token!r}. Name the "
                "token of the vocabulary that stands for unknown words."
            )
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split = split
        self.split_on_cjk = split_on_cjk
        self.suffix_indicator = suffix_indicator
        self.oov_token = oov_token
        self._own_special_tokens = None if special_tokens is None else [*special_tokens]
        self._vocabulary: list[str] | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(
        self, vocabulary: Iterable[str] | str | os.PathLike[str]
    ) -> None:
        """Sets or replaces the vocabulary; see the class."""
        if isinstance(vocabulary, str | os.PathLike):
            tokens = read_vocabulary(vocabulary)
        else:
            tokens = check_vocabulary(vocabulary)
        known = set(tokens)
        added = [token for token in self.added_tokens if token not in known]
        self._pieces = tokens
        tokens = [*tokens, *added]
        ids = {token: index for index, token in enumerate(tokens)}
        missing = [t for t in [self.oov_token, *self.special_tokens] if t not in ids]
        if missing:
            raise ValueError(
                f"Expected the vocabulary of {type(self).__name__} to hold `oov_token` "
                f"and all special tokens; it lacks {missing}. Add them to the "
                "vocabulary, or pass other values for `oov_token` and `special_tokens`."
            )
        self._vocabulary = tokens
        self._ids = ids
        self._tokens = np.array(tokens, dtype=object)
        self._engine = self._make_engine(tokens, added)
        self._set_special_token_ids()

    def encode_batch(self, texts: list[str]) -> Ragged:
        self._require_vocabulary()
        return self._engine.encode(self.check_texts(texts))

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        self._require_vocabulary()
        return self._engine.encode_with_offsets(self.check_texts(texts))

    def decode_batch(self, rows: Ragged) -> list[str]:
        self._require_vocabulary()
        outside = (rows.values < 0) | (rows.values >= len(self._tokens))
        if outside.any():
            self.id_to_token(int(rows.values[outside][0]))
        words = Ragged(self._tokens[rows.values], rows.lengths).to_list()
        texts = [" ".join(tokens) for tokens in words]
        if not self.suffix_indicator:
            return texts
        return [text.replace(f" {self.suffix_indicator}", "") for text in texts]

    def encode_in_graph(self, texts: Any) -> Any:
        self._require_vocabulary()
        if self.added_tokens:
            raise ValueError(
                f"graph=True has no form for added tokens; this {type(self).__name__} "
                f"has {list(self.added_tokens)[:5]}. Construct it with graph=False."
            )
        if self.special_token_policy == "error":
            texts = forbid_in_graph(texts, self.tokens_in_texts())
        graph = word_piece_graph(self._engine)
        return graph.encode(texts, self.errors, self.replacement_char)

    def decode_in_graph(self, ids: Any) -> Any:
        self._require_vocabulary()
        return word_piece_graph(self._engine).decode(ids)

    def get_vocabulary(self) -> list[str]:
        """Returns the tokens in the order of their ids."""
        return list(self._require_vocabulary())

    @property
    def vocabulary(self) -> list[str] | None:
        """The tokens in the order of their ids; None until they are set."""
        return None if self._vocabulary is None else list(self._vocabulary)

    def vocabulary_size(self) -> int:
        """Returns the number of tokens."""
        return len(self._require_vocabulary())

    def id_to_token(self, id: int) -> str:
        vocabulary = self._require_vocabulary()
        if not 0 <= id < len(vocabulary):
            raise ValueError(
                f"Expected an id in [0, {len(vocabulary) - 1}], received {id}."
            )
        return vocabulary[id]

    def token_to_id(self, token: str) -> int:
        self._require_vocabulary()
        if token not in self._ids:
            raise ValueError(
                f"Expected a token of the vocabulary, received {token!r}. Tokenize "
                "text that is not a single token."
            )
        return self._ids[token]

    @property
    def special_tokens(self) -> list[str]:
        """Tokens with a meaning of their own."""
        own = self._own_special_tokens or []
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
        cls._require_bert()
        named = tuple(cls.named_tokens.values())
        arguments = word_piece_from_json(read_tokenizer_json(path), named=named)
        if twice := sorted(arguments.keys() & kwargs.keys()):
            raise ValueError(
                f"Expected only arguments that {str(path)!r} does not hold, received "
                f"{twice}. Leave them out."
            )
        return cls(**arguments, **kwargs)

    def save_tokenizer_json(self, path: str | os.PathLike[str]) -> None:
        """Writes a `tokenizer.json` for Hugging Face's `tokenizers`.

        `tokenizers` reads special tokens in texts, whatever `special_tokens` says here.

        Raises:
            ValueError: if something cannot be expressed there; the message names it.
        """
        self._require_bert()
        if not self.split:
            raise ValueError("A `tokenizer.json` cannot hold split=False.")
        self._require_vocabulary()
        components = word_piece_to_json(
            self._pieces,
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
            split_on_cjk=self.split_on_cjk,
            suffix_indicator=self.suffix_indicator,
            oov_token=self.oov_token,
            special_tokens={t: self._ids[t] for t in self.tokens_in_texts()},
            added_tokens={t: self._ids[t] for t in self.added_tokens},
            normalized_tokens=self.normalized_tokens,
        )
        write_tokenizer_json(path, components)

    def save_assets(self, directory: str | os.PathLike[str]) -> None:
        self._require_vocabulary()
        write_vocabulary(Path(directory) / self.file_assets[0], self._pieces)

    def load_assets(self, directory: str | os.PathLike[str]) -> None:
        self.set_vocabulary(Path(directory) / self.file_assets[0])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self._vocabulary and list(self._pieces),
            "special_tokens": self._own_special_tokens,
            "special_tokens_in_strings": self.special_token_policy,
        }

    def _make_engine(
        self, vocabulary: list[str], added: Sequence[str]
    ) -> WordPieceEngine:
        strip = self.lowercase if self.strip_accents is None else self.strip_accents
        parse = self.special_token_policy == "parse"
        tokens = self.tokens_in_texts()
        own = set(self.added_tokens).difference(added)
        atomic = [*(tokens if parse else ()), *own]
        hidden = {*self.special_tokens} - {self.oov_token, *own}
        return self.engine_cls(
            vocabulary,
            lowercase=self.lowercase,
            strip_accents=strip,
            split=self.split,
            split_on_cjk=self.split_on_cjk,
            suffix_indicator=self.suffix_indicator,
            oov_token=self.oov_token,
            atomic_tokens=atomic,
            hidden_tokens=() if parse else sorted(hidden),
            word_tokens=() if self.split else tokens,
            added_tokens=added,
            normalized_tokens=self.normalized_tokens,
        )

    @classmethod
    def _require_bert(cls) -> None:
        if not issubclass(cls.engine_cls, BertWordPieceEngine):
            raise ValueError(
                f"A `tokenizer.json` cannot hold the rules of {cls.__name__} for case, "
                "accents and the ends of words. Use a BertTokenizer."
            )

    def _require_vocabulary(self) -> list[str]:
        if self._vocabulary is None:
            raise ValueError(
                f"No vocabulary has been set for {type(self).__name__}. Pass "
                "`vocabulary` (a list of tokens or the path of a file) to the "
                "constructor, or load it with `from_preset`."
            )
        return self._vocabulary

    def _encode(self, inputs: Any) -> tuple[Ragged, bool]:
        if self.split:
            return super()._encode(inputs)
        words, single = as_rows(
            [inputs] if isinstance(inputs, str | bytes) else inputs,
            "inputs",
            self.errors,
            self.replacement_char,
        )
        pieces = self.encode_batch(words.values.tolist())
        # As many pieces as all words of the row together.
        lengths = np.bincount(
            words.row_indices, weights=pieces.lengths, minlength=len(words)
        )
        return Ragged(pieces.values, lengths.astype(np.int64)), single

    def _is_single(self, tensor: Any) -> bool:
        if self.split:
            return super()._is_single(tensor)
        return rank(tensor, "inputs") < 2
