"""WordPiece with the normalization and the words of Hugging Face's BERT."""

from __future__ import annotations

from typing import Any

from domain_core.ragged import Ragged
from domain_core.text.word_piece import (
    WordPieceEngine,
    import_tokenizers,
    offsets_as_ragged,
)


class BertWordPieceEngine(WordPieceEngine):
    """Gives the ids that `transformers` gives for a BERT vocabulary.

    Equal by construction: normalizer, splitter and matching are the compiled ones that
    `transformers` itself configures. Control characters vanish, white space and
    punctuation of all scripts end a word, `lowercase` is Unicode's simple one, and a
    word of more than 100 characters is unknown.
    """

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        def encode(texts: list[str]) -> Any:
            return self._rust.encode_batch(
                self._inputs(texts),
                is_pretokenized=not self.split,
                add_special_tokens=False,
            )

        return offsets_as_ragged(self._guard(encode, texts, texts))

    def _encode_chunks(self, chunks: list[str]) -> list[list[int]]:
        encodings = self._rust.encode_batch_fast(
            self._inputs(chunks),
            is_pretokenized=not self.split,
            add_special_tokens=False,
        )
        return [encoding.ids for encoding in encodings]

    def _inputs(self, texts: list[str]) -> Any:
        return texts if self.split else [[text] for text in texts]

    def _build(self, model: Any) -> Any:
        tokenizers = import_tokenizers()
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.split and self.split_on_cjk,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )
        if self.split:
            tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        tokenizer.add_special_tokens(
            [
                tokenizers.AddedToken(token, normalized=False, special=True)
                for token in self.atomic_tokens
            ]
        )
        return tokenizer
