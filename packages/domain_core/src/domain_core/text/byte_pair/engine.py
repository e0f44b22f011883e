"""Byte-pair encoding: text to ids, by merging the bytes of each word pair by pair.

The merging runs in the compiled `tokenizers` package, which is imported with the first
text. What reaches it are words not seen before.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import chain, compress
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER, token_to_bytes
from domain_core.text.byte_pair.patterns import BytePairPattern
from domain_core.text.chunk_cache import ChunkCache, ids_as_bytes, rows_from_bytes
from domain_core.text.tokenizers_library import call_compiled, import_tokenizers

# Words that go to the compiled code as one sequence.
_WORDS_PER_CALL = 256


class BytePairEngine:
    """Encodes texts with fixed merges.

    Texts are cut into chunks, whose ids are remembered; chunks that are not known into
    words, whose ids are remembered, too. See `byte_pair_patterns`. Engines can be
    pickled and used from several threads.

    Merges may pass through tokens that the vocabulary lacks, and all bytes are there to
    begin with; only where such a token is the end of it, there is no id.

    Args:
        vocabulary: ids by token, in the alphabet of `byte_level`.
        merges: pairs of tokens, the first to merge first.
        pattern: how to cut text.
        normalization: "NFC" or "none", what to do to text first.
        add_prefix_space: let each text begin with a space.
        ignore_merges: take a word that is a token for that token, whatever the merges
            would make of it.
        unk_id: stands for what has no id; None to raise.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        pattern: BytePairPattern,
        normalization: str = "none",
        add_prefix_space: bool = False,
        ignore_merges: bool = False,
        unk_id: int | None = None,
    ) -> None:
        self.pattern = pattern
        self.normalization = normalization
        self.add_prefix_space = add_prefix_space
        self.ignore_merges = ignore_merges
        self.unk_id = unk_id
        self.merges = merges
        # The compiled code's own ids are places in this list.
        self.tokens = list(_with_parts(vocabulary, merges, pattern.end_of_word))
        self.ids = np.array([vocabulary.get(t, -1) for t in self.tokens], np.int32)
        self._lengths = np.array(
            [len(t.removesuffix(pattern.end_of_word)) for t in self.tokens], np.int64
        )
        self._reset()

    def _reset(self) -> None:
        """Sets what is made on the way, and stays behind when pickled."""
        self._built: Any = None
        self._lock = threading.Lock()
        self._words = ChunkCache(self._encode_words)
        split = self._encode_chunks if self.pattern.words else self._encode_words
        self._chunks = ChunkCache(split)

    def encode(self, texts: list[str]) -> Ragged:
        """Returns the ids of each text, int32.

        Raises:
            ValueError: if a word has no id and there is no `unk_id`.
        """
        if self.add_prefix_space:
            texts = [_prefixed(text) for text in texts]
        cut = self.pattern.chunks.findall
        return rows_from_bytes(self._chunks.look_up([cut(text) for text in texts]))

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids and where they come from.

        Returns:
            Ids, int32; and for each id the characters of the text it stands for, as
            `(start, end)`, int32, end exclusive. A space before a word is part of it.
        """
        inputs = [_prefixed(text) for text in texts] if self.add_prefix_space else texts
        encodings = call_compiled(
            self.compiled.encode_batch, inputs, add_special_tokens=False
        )
        pairs = []
        for text, encoding, given in zip(texts, encodings, inputs, strict=True):
            offsets = encoding.offsets
            if text != given:
                # The space that was added belongs to the first character.
                offsets = [(max(i - 1, 0), max(j - 1, 1)) for i, j in offsets]
            pairs.append(offsets)
        ids = Ragged.from_rows([encoding.ids for encoding in encodings])
        ids = Ragged(self._known(ids.values), ids.lengths)
        return ids, Ragged.from_rows(pairs, np.dtype((np.int32, 2)))

    def words(self, text: str) -> list[str]:
        """Returns the words of a text, each in the alphabet of `byte_level`."""
        tokenizer = self.compiled
        if tokenizer.normalizer is not None:
            text = call_compiled(tokenizer.normalizer.normalize_str, text)
        split = tokenizer.pre_tokenizer.pre_tokenize_str
        return [word for word, _ in call_compiled(split, text)]

    @property
    def compiled(self) -> Any:
        """The compiled tokenizer, built by whoever asks first."""
        if self._built is None:
            with self._lock:
                if self._built is None:
                    self._built = call_compiled(self._build)
        return self._built

    def _build(self) -> Any:
        tokenizers = import_tokenizers()
        suffix = self.pattern.end_of_word
        model = tokenizers.models.BPE(
            {token: place for place, token in enumerate(self.tokens)},
            list(self.merges),
            ignore_merges=self.ignore_merges,
            **({"end_of_word_suffix": suffix} if suffix else {}),
        )
        tokenizer = tokenizers.Tokenizer(model)
        if normalizer := self.pattern.normalizer(self.normalization):
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = self.pattern.pre_tokenizer()
        return tokenizer

    def _encode_chunks(self, chunks: list[str]) -> list[bytes]:
        """Cuts chunks into words where that can be told without the compiled code."""
        first, *others = (regex.findall for regex in self.pattern.ascii_words)
        lower = self.pattern.lowercase
        rows = []
        for chunk in chunks:
            if not chunk.isascii():
                rows.append([chunk])
                continue
            words = first(chunk.lower() if lower else chunk)
            for split in others:
                words = list(chain.from_iterable(map(split, words)))
            rows.append(words)
        return self._words.look_up(rows)

    def _encode_words(self, words: list[str]) -> list[bytes]:
        """Returns the ids of each chunk or word."""
        if self.pattern.lowercase or self.normalization != "none":
            # These may change the number of bytes of what is not ASCII.
            plain = [word.isascii() for word in words]
        else:
            plain = [True] * len(words)
        if all(plain):
            return self._encode_plain(words)
        others = [w for w, is_plain in zip(words, plain, strict=True) if not is_plain]
        found = iter(self._encode_plain(list(compress(words, plain))))
        rest = iter(self._encode_one_by_one(others))
        return [next(found if is_plain else rest) for is_plain in plain]

    def _encode_plain(self, words: list[str]) -> list[bytes]:
        """Encodes many words as one sequence: where one ends is told by its bytes."""
        parts = range(0, len(words), _WORDS_PER_CALL)
        encodings = call_compiled(
            self.compiled.encode_batch_fast,
            [words[start : start + _WORDS_PER_CALL] for start in parts],
            is_pretokenized=True,
            add_special_tokens=False,
        )
        places = Ragged.from_rows([encoding.ids for encoding in encodings]).values
        word_ends = np.cumsum([len(word.encode()) for word in words])
        token_ends = np.cumsum(self._lengths[places])
        stops = np.searchsorted(token_ends, word_ends) + 1
        return ids_as_bytes(self._known(places), stops.tolist())

    def _encode_one_by_one(self, chunks: list[str]) -> list[bytes]:
        encodings = call_compiled(
            self.compiled.encode_batch_fast, chunks, add_special_tokens=False
        )
        rows = Ragged.from_rows([encoding.ids for encoding in encodings])
        return ids_as_bytes(self._known(rows.values), np.cumsum(rows.lengths))

    def _known(self, places: np.ndarray) -> np.ndarray:
        """Turns the compiled code's ids into those of the vocabulary."""
        ids = self.ids[places]
        unknown = ids < 0
        if not unknown.any():
            return ids
        if self.unk_id is None:
            token = self.tokens[places[unknown][0]]
            data = token_to_bytes(token.removesuffix(self.pattern.end_of_word))
            text = data.decode("utf-8", "backslashreplace")
            raise ValueError(
                f"Expected a vocabulary with all tokens that merges end in, received "
                f"a text with '{text}', for which "
                f"there is no token {token!r}. Add it, or name an `unk_token`."
            )
        return np.where(unknown, np.int32(self.unk_id), ids)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_built", "_lock", "_words", "_chunks")
        return {k: v for k, v in self.__dict__.items() if k not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()


def _with_parts(
    vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], end_of_word: str
) -> dict[str, None]:
    """Returns all tokens on the way: bytes, and parts and results of merges."""
    tokens = dict.fromkeys(vocabulary)
    for character in BYTE_TO_CHARACTER.values():
        tokens[character] = tokens[character + end_of_word] = None
    for first, second in merges:
        tokens[first] = tokens[second] = tokens[first + second] = None
    return tokens


def _prefixed(text: str) -> str:
    return text if text[:1] in ("", " ") else f" {text}"
