"""BLEU."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.arrays.host_call import to_host
from domain_core.serialization import serializable
from domain_core.text.text_inputs import as_rows, as_texts
from keras_nlp.metrics.mergeable_metric import (
    SampleMetric,
    one_text_each,
    require_same_size,
)

# In this order: "&amp;lt;" becomes "<".
_REPLACED = (
    ("<skipped>", ""),
    ("-\n", ""),
    ("\n", " "),
    ("&quot;", '"'),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
)
# Spaces are put around ASCII symbols but not "'", "," "-" and "."; around a period or
# comma unless digits stand on both sides; around a dash after a digit.
_SPACED = (
    (re.compile(r"([ -&(-+/:-@\[-`{-~])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


@serializable(package="kerasnlp")
class Bleu(SampleMetric):
    """How many n-grams of translations occur in references, over a whole corpus.

    The geometric mean of the precisions of all orders, times a penalty for translations
    that are shorter than their references. Of several references, an n-gram counts as
    often as in the one that has it most often, and the length that counts is the one
    closest to the translation's, as in sacreBLEU. It is 0 where nothing was translated.

    It is computed on the host: call it on decoded texts, not in a compiled step.

    Call arguments:
        y_true: references: strings `(B,)`, `(B, references)` or `(B, 1, references)`,
            where samples may differ in number; for a single translation a string or a
            list of them.
        y_pred: translations, strings `()`, `(B,)` or `(B, 1)`.
        sample_weight: `(B,)`; a sample of weight 2 counts as two.

    Args:
        tokenizer: takes a list of strings and returns the tokens of each, such as a
            tokenizer or `lambda texts: [text.split() for text in texts]`. None for
            that of mteval-v13a, sacreBLEU's default.
        max_order: length of the longest n-grams.
        smooth: add 1 to the matches and to the n-grams of each order, so that a corpus
            without a match of some order is not 0.
        dtype: float type of the result.
        name: name of the metric.

    Reference:
        [Papineni et al., 2002](https://aclanthology.org/P02-1040)
        [Post, 2018](https://arxiv.org/abs/1804.08771)

    Example:
        >>> import keras_nlp
        >>> bleu = keras_nlp.metrics.Bleu()
        >>> score = bleu([["He eats a sweet apple."]], ["He eats a sweet pear."])
        >>> round(float(score), 4)
        0.5372
    """

    def __init__(
        self,
        tokenizer: Callable[[list[str]], Any] | None = None,
        max_order: int = 4,
        smooth: bool = False,
        dtype: Any = "float32",
        name: str = "bleu",
    ) -> None:
        if tokenizer is not None and not callable(tokenizer):
            raise ValueError(
                "Expected `tokenizer` to be None or a function of a list of strings, "
                f"received {tokenizer!r}."
            )
        self.tokenizer = tokenizer
        self.max_order = as_positive_int("max_order", max_order)
        self.smooth = smooth
        super().__init__(2 * self.max_order + 2, dtype, name)

    def statistics(self, y_true: Any, y_pred: Any) -> np.ndarray:
        translations = one_text_each(y_pred, "y_pred")
        references = _references(y_true, single=isinstance(y_pred, str | bytes))
        require_same_size(references, translations)
        flat = [text for texts in references for text in texts]
        tokens = iter(self._tokenized([*translations, *flat]))
        rows = [next(tokens) for _ in translations]
        counts = [
            self._counts(row, [next(tokens) for _ in texts])
            for row, texts in zip(rows, references, strict=True)
        ]
        return np.array(counts).reshape(-1, 2 * self.max_order + 2)

    def from_sums(self, sums: np.ndarray) -> float:
        matches, possible = sums[: self.max_order], sums[self.max_order : -2]
        length, reference_length = sums[-2:]
        if self.smooth:
            matches, possible = matches + 1, possible + 1
        if length == 0 or not matches.all():
            return 0.0
        precision = float(np.exp(np.log(matches / possible).mean()))
        return precision * math.exp(min(0.0, 1 - reference_length / length))

    def _tokenized(self, texts: list[str]) -> list[list[Any]]:
        if self.tokenizer is None:
            return [_tokenize(text) for text in texts]
        rows, _ = as_rows(to_host(self.tokenizer(texts)), "tokenizer's output")
        if len(rows) != len(texts):
            raise ValueError(
                f"Expected `tokenizer` to return the tokens of each of {len(texts)} "
                f"texts, received {len(rows)} rows."
            )
        return rows.to_list()

    def _counts(self, translation: list[Any], references: list[list[Any]]) -> list[int]:
        """Returns matches of each order, n-grams of each order and both lengths."""
        length = len(translation)
        matches = []
        for order in range(1, self.max_order + 1):
            clip: Counter[Any] = Counter()
            for reference in references:
                clip |= ngrams(reference, order)
            matches.append((ngrams(translation, order) & clip).total())
        possible = [max(length - order, 0) for order in range(self.max_order)]
        closest = min(map(len, references), key=lambda n: (abs(n - length), n))
        return [*matches, *possible, length, closest]


def ngrams(tokens: Sequence[Any], order: int) -> Counter[Any]:
    """Counts the stretches of so many tokens."""
    return Counter(zip(*(tokens[i:] for i in range(order)), strict=False))


def _tokenize(text: str) -> list[str]:
    """Splits as mteval-v13a does."""
    text = text.rstrip()
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = f" {text} "
    for pattern, replacement in _SPACED:
        text = pattern.sub(replacement, text)
    return text.split()


def _references(y_true: Any, single: bool) -> list[list[str]]:
    """Reads one or several references for each sample."""
    if isinstance(y_true, str | bytes):
        return [as_texts(y_true, "y_true")[0]]
    samples = y_true.tolist() if isinstance(y_true, np.ndarray) else list(y_true)
    if isinstance(samples, str | bytes):
        return [as_texts(samples, "y_true")[0]]
    if single and all(isinstance(text, str | bytes) for text in samples):
        samples = [samples]
    references = [
        as_texts(_without_axis(s), f"y_true[{i}]")[0] for i, s in enumerate(samples)
    ]
    for index, texts in enumerate(references):
        if not texts:
            raise ValueError(
                f"Expected a reference for each sample, received none in "
                f"y_true[{index}]."
            )
    return references


def _without_axis(references: Any) -> Any:
    """Takes off a middle axis of length one, which upstream allows."""
    if isinstance(references, list | tuple) and len(references) == 1:
        inner = references[0]
        return references if isinstance(inner, str | bytes) else inner
    return references
