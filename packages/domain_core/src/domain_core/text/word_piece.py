"""WordPiece: text to ids, by the longest match first.

What surrounds the matching (normalization, where words begin and end) differs between
Hugging Face's BERT and Keras; each is a subclass of `WordPieceEngine` in its own file.
The matching itself runs in the compiled `tokenizers` package, which is imported with
the first text.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np

from domain_core.ragged import Ragged

# Ids that an engine remembers; with their chunks of text some 35 MB.
CACHE_SIZE = 1 << 19

_BLANKS = re.compile(r"[ \t\n\r]+")
# `str.split` also cuts at these, which are no white space in every engine's eyes.
_ODD_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f]")


class WordPieceEngine:
    """Encodes texts with a fixed vocabulary.

    Both kinds of rules treat what stands between two blanks on its own. So ids are
    remembered per such chunk, and a text whose chunks are all known costs a split and
    one look-up per chunk: several times less than the compiled code needs.

    A subclass writes `_build`, `_encode_chunks` and `encode_with_offsets`. Engines can
    be pickled and used from several threads.

    Args:
        vocabulary: unique tokens; a token's id is its place.
        lowercase: see the subclass.
        strip_accents: see the subclass.
        split: find words in a text; if False, each text is one word.
        split_on_cjk: make each Chinese character a word.
        suffix_indicator: what begins a token that continues a word.
        oov_token: stands for a word that has no match.
        atomic_tokens: tokens to keep whole wherever they occur in a text.
    """

    # Rust counts characters, and gives up on longer words.
    max_word_length: ClassVar[int] = 100

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        lowercase: bool = False,
        strip_accents: bool = False,
        split: bool = True,
        split_on_cjk: bool = True,
        suffix_indicator: str = "##",
        oov_token: str = "[UNK]",
        atomic_tokens: Sequence[str] = (),
    ) -> None:
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split = split
        self.split_on_cjk = split_on_cjk
        self.suffix_indicator = suffix_indicator
        self.oov_token = oov_token
        # The longest first, should one begin with another.
        self.atomic_tokens = tuple(sorted(atomic_tokens, key=len, reverse=True))
        self._has_blank_token = any(_BLANKS.search(t) for t in self.atomic_tokens)
        self._reset()

    def _reset(self) -> None:
        """Sets what is made on the way, and stays behind when pickled."""
        self._built: Any = None
        self._lock = threading.Lock()
        self._cache: dict[str, list[int]] = {}
        self._cached = 0

    def encode(self, texts: list[str]) -> Ragged:
        """Returns the ids of each text, int32.

        Raises:
            ValueError: if a text is no valid Unicode.
        """
        chunks = [self._chunks(text) for text in texts]
        cache = self._cache
        missing = list(set(chain.from_iterable(chunks)).difference(cache))
        if missing:
            found = self._guard(self._encode_chunks, missing, texts)
            cache.update(zip(missing, found, strict=True))
            self._cached += len(found) + sum(map(len, found))
        look_up = cache.__getitem__
        ids = [list(chain.from_iterable(map(look_up, row))) for row in chunks]
        if self._cached > CACHE_SIZE:
            # A new one: another thread may be reading the old.
            self._cache, self._cached = {}, 0
        return Ragged.from_rows(ids)

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids and where they come from.

        Returns:
            Ids, int32; and for each id the characters of the text it stands for, as
            `(start, end)`, int32, end exclusive.
        """
        raise NotImplementedError

    def _build(self, model: Any) -> Any:
        """Returns a `tokenizers.Tokenizer` around a WordPiece model."""
        raise NotImplementedError

    def _encode_chunks(self, chunks: list[str]) -> list[list[int]]:
        """Returns the ids of texts without blanks inside."""
        raise NotImplementedError

    @property
    def _rust(self) -> Any:
        """The compiled tokenizer, built by whoever asks first."""
        if self._built is None:
            with self._lock:
                if self._built is None:
                    self._built = self._build(self._model())
        return self._built

    def _model(self) -> Any:
        models = import_tokenizers().models
        return models.WordPiece(
            {token: index for index, token in enumerate(self.vocabulary)},
            unk_token=self.oov_token,
            continuing_subword_prefix=self.suffix_indicator,
            max_input_chars_per_word=self.max_word_length,
        )

    def _chunks(self, text: str) -> list[str]:
        if not self.split or self._has_blank_token:
            return [text]
        # `str.split` is the fastest way, and right if only plain blanks can occur.
        if text.isascii() and not _ODD_BLANKS.search(text):
            return text.split()
        return _BLANKS.split(text)

    def _guard(self, function: Any, argument: Any, texts: list[str]) -> Any:
        """Calls compiled code; says which text it refused."""
        try:
            return function(argument)
        except (UnicodeError, TypeError):
            for index, text in enumerate(texts):
                try:
                    text.encode("utf-8")
                except UnicodeEncodeError as error:
                    raise ValueError(
                        f"Expected valid Unicode text, received a lone surrogate in "
                        f"text {index} ({error}). Repair it, e.g. with "
                        "`text.encode('utf-8', 'replace').decode()`."
                    ) from None
            raise

    def __getstate__(self) -> dict[str, Any]:
        made = ("_built", "_lock", "_cache", "_cached")
        return {k: v for k, v in self.__dict__.items() if k not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()


def import_tokenizers() -> Any:
    """Imports the `tokenizers` package.

    Raises:
        ImportError: if it is not installed, with the line that installs it.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "WordPiece needs the `tokenizers` package: `pip install tokenizers` "
            "(it comes with `pip install kerasnlp`)."
        ) from error
    _stay_single_threaded_in_forks()
    return tokenizers


def offsets_as_ragged(encodings: Sequence[Any]) -> tuple[Ragged, Ragged]:
    """Collects ids and offsets of `tokenizers.Encoding` objects."""
    ids = Ragged.from_rows([e.ids for e in encodings])
    pairs = Ragged.from_rows([e.offsets for e in encodings], np.dtype((np.int32, 2)))
    return ids, pairs


@functools.cache
def _stay_single_threaded_in_forks() -> None:
    """Spares worker processes the compiled code's threads, which a fork kills.

    `tokenizers` would find out by itself, and warn in each worker of a loader.
    """
    if sys.platform != "win32":
        os.register_at_fork(
            after_in_child=lambda: os.environ.setdefault(
                "TOKENIZERS_PARALLELISM", "false"
            )
        )
