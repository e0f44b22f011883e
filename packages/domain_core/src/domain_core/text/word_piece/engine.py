"""WordPiece: text to ids, by the longest match first.

What surrounds the matching (normalization, where words begin and end) differs between
Hugging Face's BERT and Keras; each is a subclass of `WordPieceEngine` in its own file.
The matching itself runs in the compiled `tokenizers` package, which is imported with
the first text.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Sequence
from itertools import compress
from typing import Any, ClassVar

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.chunk_cache import ChunkCache, ids_as_bytes, rows_from_bytes
from domain_core.text.tokenizers_library import call_compiled, import_tokenizers

# Words that go to the compiled code as one sequence.
_WORDS_PER_CALL = 256

_BLANKS = re.compile(r"[ \t\n\r]+")
# `str.split` also cuts at these, which are no white space in every engine's eyes.
_ODD_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f]")


class WordPieceEngine:
    """Encodes texts with a fixed vocabulary.

    Both kinds of rules treat what stands between two blanks on its own. So ids are
    remembered per such chunk, and a chunk that is not known is cut into words, whose
    ids are remembered, too: "word" and "word," share one.

    A subclass writes `_build`, `_cut`, `_is_word` and `_encode_with_offsets`. Engines
    can be pickled and used from several threads.

    Args:
        vocabulary: unique tokens; a token's id is its place.
        lowercase: see the subclass.
        strip_accents: see the subclass.
        split: find words in a text; if False, each text is one word.
        split_on_cjk: make each Chinese character a word.
        suffix_indicator: what begins a token that continues a word.
        oov_token: stands for a word that has no match.
        atomic_tokens: tokens to keep whole wherever they occur in a text.
        hidden_tokens: tokens that no text may give, not even one that equals them.
        word_tokens: tokens that a text which equals them gives all the same, whatever
            the rules for case and accents make of it.
        added_tokens: the last tokens of the vocabulary, which are kept whole, too, and
            are no pieces of words. Only of `BertWordPieceEngine`.
        normalized_tokens: those of them that are found in text as it is normalized.
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
        hidden_tokens: Sequence[str] = (),
        word_tokens: Sequence[str] = (),
        added_tokens: Sequence[str] = (),
        normalized_tokens: Collection[str] = (),
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
        self.hidden_tokens = frozenset(hidden_tokens)
        by_word = frozenset(word_tokens)
        self.word_tokens = {t: i for i, t in enumerate(vocabulary) if t in by_word}
        self.added_tokens = tuple(added_tokens)
        self.normalized_tokens = frozenset(normalized_tokens)
        self._begins = np.array(
            [not token.startswith(suffix_indicator) for token in vocabulary], bool
        )
        whole = (*self.atomic_tokens, *self.added_tokens)
        self._has_blank_token = any(_BLANKS.search(t) for t in whole)
        self._reset()

    def _reset(self) -> None:
        """Sets what is made on the way, and stays behind when pickled."""
        self._built: Any = None
        self._lock = threading.Lock()
        self._words = ChunkCache(self._encode_words)
        self._chunks = ChunkCache(self._encode_chunks)

    def encode(self, texts: list[str]) -> Ragged:
        """Returns the ids of each text, int32.

        Raises:
            ValueError: if a text is no valid Unicode.
        """
        rows = [self._split(text) for text in texts]
        return rows_from_bytes(self._guard(self._chunks.look_up, rows, texts))

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids and where they come from.

        Returns:
            Ids, int32; and for each id the characters of the text it stands for, as
            `(start, end)`, int32, end exclusive.
        """
        tokens = self.word_tokens
        others = ["" if text in tokens else text for text in texts]
        ids, offsets = self._guard(self._encode_with_offsets, others, texts)
        if others == texts:
            return ids, offsets
        rows, pairs = ids.rows(), offsets.rows()
        for index, text in enumerate(texts):
            if text in tokens:
                rows[index] = np.array([tokens[text]], np.int32)
                pairs[index] = np.array([(0, len(text))], np.int32)
        pair = np.dtype((np.int32, 2))
        return Ragged.from_rows(rows), Ragged.from_rows(pairs, pair)

    def _encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Does so to texts that are none of `word_tokens`."""
        raise NotImplementedError

    def _build(self, model: Any) -> Any:
        """Returns a `tokenizers.Tokenizer` around a WordPiece model."""
        raise NotImplementedError

    def _cut(self, chunk: str) -> list[str]:
        """Cuts a chunk into words; or returns the chunk, left to the compiled code."""
        raise NotImplementedError

    def _is_word(self, word: str) -> bool:
        """Whether the compiled code makes one word, not more or none, of this."""
        raise NotImplementedError

    def _encode_chunks(self, chunks: list[str]) -> list[bytes]:
        if not self.word_tokens:
            return self._words.look_up([self._cut(chunk) for chunk in chunks])
        others = [[] if c in self.word_tokens else self._cut(c) for c in chunks]
        found = zip(chunks, self._words.look_up(others), strict=True)
        whole = {t: np.int32(i).tobytes() for t, i in self.word_tokens.items()}
        return [whole.get(chunk, ids) for chunk, ids in found]

    def _encode_words(self, words: list[str]) -> list[bytes]:
        """Returns the ids of each word, or chunk that is not cut."""
        prefix = self.suffix_indicator
        if not prefix or self.oov_token.startswith(prefix):
            return self._encode_one_by_one(words)
        single = [self._is_word(w) and not w.startswith(prefix) for w in words]
        found = iter(self._encode_single(list(compress(words, single))))
        if all(single):
            return list(found)
        rest = [
            word for word, is_single in zip(words, single, strict=True) if not is_single
        ]
        others = iter(self._encode_one_by_one(rest))
        return [next(found if is_single else others) for is_single in single]

    def _encode_single(self, words: list[str]) -> list[bytes]:
        """Encodes words as one sequence: first tokens of words are no continuations."""
        parts = range(0, len(words), _WORDS_PER_CALL)
        encodings = call_compiled(
            self._rust.encode_batch_fast,
            [words[start : start + _WORDS_PER_CALL] for start in parts],
            is_pretokenized=True,
            add_special_tokens=False,
        )
        ids = Ragged.from_rows([encoding.ids for encoding in encodings]).values
        starts = np.flatnonzero(self._begins[ids])
        if len(starts) != len(words):  # a special token cut a word in two
            return self._encode_one_by_one(words)
        return ids_as_bytes(ids, [*starts[1:].tolist(), len(ids)][: len(words)])

    def _encode_one_by_one(self, chunks: list[str]) -> list[bytes]:
        encodings = call_compiled(
            self._rust.encode_batch_fast,
            self._inputs(chunks),
            is_pretokenized=self._is_pretokenized,
            add_special_tokens=False,
        )
        rows = Ragged.from_rows([encoding.ids for encoding in encodings])
        return ids_as_bytes(rows.values, np.cumsum(rows.lengths).tolist())

    def _inputs(self, chunks: list[str]) -> Any:
        return [[chunk] for chunk in chunks] if self._is_pretokenized else chunks

    @property
    def _is_pretokenized(self) -> bool:
        """Whether the compiled code is handed words, not text."""
        return not self.split

    @property
    def _rust(self) -> Any:
        """The compiled tokenizer, built by whoever asks first."""
        if self._built is None:
            with self._lock:
                if self._built is None:
                    self._built = call_compiled(self._build, self._model())
        return self._built

    def _model(self) -> Any:
        models = import_tokenizers().models
        pieces = self.vocabulary[: len(self.vocabulary) - len(self.added_tokens)]
        ids = {t: i for i, t in enumerate(pieces) if t not in self.hidden_tokens}
        if self.added_tokens:
            # They are numbered by what is there, so that hidden tokens keep a place: of
            # a control character, which normalization drops.
            hidden = (i for i, t in enumerate(pieces) if t in self.hidden_tokens)
            ids |= {f"\0{index}": index for index in hidden}
        return models.WordPiece(
            ids,
            unk_token=self.oov_token,
            continuing_subword_prefix=self.suffix_indicator,
            max_input_chars_per_word=self.max_word_length,
        )

    def _split(self, text: str) -> list[str]:
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
        made = ("_built", "_lock", "_words", "_chunks", "_find_whole")
        return {k: v for k, v in self.__dict__.items() if k not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()


def offsets_as_ragged(encodings: Sequence[Any]) -> tuple[Ragged, Ragged]:
    """Collects ids and offsets of `tokenizers.Encoding` objects."""
    ids = Ragged.from_rows([e.ids for e in encodings])
    pairs = Ragged.from_rows([e.offsets for e in encodings], np.dtype((np.int32, 2)))
    return ids, pairs
