"""ROUGE."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import check_choices
from domain_core.serialization import serializable
from keras_nlp.metrics.bleu import ngrams
from keras_nlp.metrics.mergeable_metric import (
    SampleMetric,
    one_text_each,
    require_same_size,
)

_WORD = re.compile("[a-z0-9]+")


class Rouge(SampleMetric):
    """Overlap of texts with references, averaged over samples, to be subclassed.

    A subclass writes `overlap`.

    Args:
        use_stemmer: compare stems of words, by Porter's algorithm; needs `nltk`.
        name: name of the metric.
        dtype: float type of the results.
    """

    def __init__(self, use_stemmer: bool, name: str, dtype: Any) -> None:
        super().__init__(4, dtype, name)
        self.use_stemmer = use_stemmer
        if use_stemmer:
            _stemmer()  # tells now that it is missing

    def overlap(self, reference: list[str], text: list[str]) -> tuple[int, int, int]:
        """Returns what two lists of words share, and what each has."""
        raise NotImplementedError(f"{type(self).__name__} must write `overlap`.")

    def statistics(self, y_true: Any, y_pred: Any) -> np.ndarray:
        references = one_text_each(y_true, "y_true")
        texts = one_text_each(y_pred, "y_pred")
        require_same_size(references, texts)
        rows = []
        for reference, text in zip(references, texts, strict=True):
            shared, expected, given = self.overlap(
                self._words(reference), self._words(text)
            )
            precision, recall = shared / max(given, 1), shared / max(expected, 1)
            f1_score = 2 * precision * recall / (precision + recall) if shared else 0.0
            rows.append((precision, recall, f1_score, 1.0))
        return np.array(rows).reshape(-1, 4)

    def from_sums(self, sums: np.ndarray) -> dict[str, float]:
        means = sums[:3] / sums[3] if sums[3] else np.zeros(3)
        return dict(zip(("precision", "recall", "f1_score"), means, strict=True))

    def _words(self, text: str) -> list[str]:
        words = _WORD.findall(text.lower())
        if not self.use_stemmer:
            return words
        # Short words stay, as in the reference implementation.
        return [_stemmer().stem(word) if len(word) > 3 else word for word in words]


@serializable(package="kerasnlp")
class RougeN(Rouge):
    """Shared n-grams of texts and references: ROUGE-N.

    Words are runs of ASCII letters and digits, in lower case. It is computed on the
    host: call it on decoded texts, not in a compiled step.

    Call arguments:
        y_true: a reference for each text, strings `()`, `(B,)` or `(B, 1)`.
        y_pred: the texts, likewise.
        sample_weight: `(B,)`; a sample of weight 2 counts as two.

    Returns:
        A dict of "precision", "recall" and "f1_score", each the mean over samples.

    Args:
        order: length of the n-grams, 1 to 9.
        use_stemmer: compare stems of words, by Porter's algorithm; needs `nltk`.
        name: name of the metric.
        dtype: float type of the results.

    Raises:
        ImportError: if `nltk` is needed and missing.

    Reference:
        [Lin, 2004](https://aclanthology.org/W04-1013)
    """

    def __init__(
        self,
        order: int = 2,
        use_stemmer: bool = False,
        name: str = "rouge-n",
        dtype: Any = "float32",
    ) -> None:
        check_choices(order=(order, range(1, 10)))
        self.order = order
        super().__init__(use_stemmer, name, dtype)

    def overlap(self, reference: list[str], text: list[str]) -> tuple[int, int, int]:
        expected, given = ngrams(reference, self.order), ngrams(text, self.order)
        return (expected & given).total(), expected.total(), given.total()


@serializable(package="kerasnlp")
class RougeL(Rouge):
    """Longest common subsequence of the words of texts and references: ROUGE-L.

    Arguments and results are those of `RougeN`, without `order`.

    Args:
        use_stemmer: see `RougeN`.
        name: name of the metric.
        dtype: float type of the results.

    Reference:
        [Lin, 2004](https://aclanthology.org/W04-1013)
    """

    def __init__(
        self,
        use_stemmer: bool = False,
        name: str = "rouge-l",
        dtype: Any = "float32",
    ) -> None:
        super().__init__(use_stemmer, name, dtype)

    def overlap(self, reference: list[str], text: list[str]) -> tuple[int, int, int]:
        shared = common_subsequence_length(reference, text)
        return shared, len(reference), len(text)


def common_subsequence_length(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Returns the length of the longest common subsequence.

    All rows of the usual table at once, as the bits of one number.

    Reference:
        Hyyrö, 2004, Bit-parallel LCS-length computation revisited.
    """
    places: dict[Any, int] = {}
    for place, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()


@functools.cache
def _stemmer() -> Any:
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError:
        raise ImportError(
            "`use_stemmer=True` needs the package nltk: `pip install nltk`."
        ) from None
    return PorterStemmer()
