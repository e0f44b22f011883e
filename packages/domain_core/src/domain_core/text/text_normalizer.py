"""Case folding and Unicode normalization, on strings and in TensorFlow graphs."""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from typing import Any

import numpy as np

from domain_core.text.unicode_normalization import normalize
from domain_core.text.word_piece.graph_text_parts import apply_between
from domain_core.text.word_piece.keras_engine import fold_case

FORMS = ("NFC", "NFD", "NFKC", "NFKD")

# Format characters that Unicode calls default ignorable: case folding drops them.
_IGNORABLE = re.compile(
    "[\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)


@dataclasses.dataclass(frozen=True)
class TextNormalizer:
    """Folds case, then normalizes.

    Args:
        lowercase: fold case by Unicode's NFKC case folding.
        form: one of `FORMS`, or None.

    Raises:
        ValueError: if there is no such form.
    """

    lowercase: bool
    form: str | None

    def __post_init__(self) -> None:
        if self.form not in (None, *FORMS):
            raise ValueError(
                f"Expected `normalization_form` to be one of {FORMS} or None, received "
                f"{self.form!r}."
            )

    def __call__(self, text: str) -> str:
        """Returns a text in normal form."""
        if self.lowercase:
            text = fold_case(_IGNORABLE.sub("", text))
        if self.form is None or text.isascii():
            return text
        return normalize(self.form, text)

    def with_sources(self, text: str) -> tuple[str, np.ndarray]:
        """Returns a text in normal form, and where its characters come from.

        Returns:
            The text, of `N` characters, and int32 `(N, 2)`: a character came from
            `text[start:end]`. Letters stay together with the marks on them.
        """
        whole = self(text)
        bounds = _clusters(text)
        parts = [self(text[i:j]) for i, j in bounds]
        if "".join(parts) != whole:
            bounds, parts = [(0, len(text))], [whole]
        spans = np.array(bounds, np.int32).reshape(-1, 2)
        return whole, np.repeat(spans, list(map(len, parts)), axis=0)

    def in_graph(self, texts: Any) -> Any:
        """Does the same for a string tensor of valid UTF-8, for all of Unicode.

        TensorFlow Text has a later version of it than Python: characters that Python
        does not know stay.
        """
        if not self.lowercase and self.form is None:
            return texts
        import tensorflow_text

        from domain_core.text.word_piece.graph_forms import unassigned

        def normal(texts: Any) -> Any:
            if self.lowercase:
                # As `fold_case` does: the order of marks matters to folding.
                texts = tensorflow_text.normalize_utf8(texts, "NFKC")
                texts = tensorflow_text.case_fold_utf8(texts)
            if self.form is not None:
                texts = tensorflow_text.normalize_utf8(texts, self.form)
            return texts

        return apply_between(texts, unassigned(), normal)


def _clusters(text: str) -> list[tuple[int, int]]:
    """Cuts a text before each character that does not belong to the one before it."""
    starts = [
        place
        for place, character in enumerate(text)
        if place == 0
        or not (unicodedata.category(character)[0] == "M" or _is_jamo(character))
    ]
    return list(itertools.pairwise([*starts, len(text)]))


def _is_jamo(character: str) -> bool:
    """Whether it is a vowel or a final consonant of a decomposed Korean syllable."""
    return "\u1160" <= character <= "\u11ff"
