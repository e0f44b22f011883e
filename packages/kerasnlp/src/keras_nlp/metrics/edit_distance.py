"""Edit distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.serialization import serializable
from domain_core.text.text_inputs import as_rows
from keras_nlp.metrics.mergeable_metric import SampleMetric, require_same_size


@serializable(package="kerasnlp")
class EditDistance(SampleMetric):
    """How many tokens are inserted, deleted or replaced between texts and references.

    It is computed on the host: call it on decoded texts, not in a compiled step.

    Call arguments:
        y_true: tokens of the references, `(T,)` or `(B, T)`: int ids or strings, as
            nested lists, NumPy arrays, tensors; rows may differ in length.
        y_pred: tokens of the texts, likewise.
        sample_weight: `(B,)`; a sample of weight 2 counts as two.

    Args:
        normalize: divide all edits by the number of reference tokens: the word error
            rate for words. It may exceed 1, and without any reference tokens it is the
            number of edits. False divides them by the number of samples.
        dtype: float type of the result.
        name: name of the metric.

    Reference:
        [Morris et al., 2004](https://doi.org/10.21437/Interspeech.2004-668)

    Example:
        >>> import keras_nlp
        >>> metric = keras_nlp.metrics.EditDistance()
        >>> float(metric("the cat sat".split(), "the bat sat down".split()))
        0.66...
    """

    def __init__(
        self,
        normalize: bool = True,
        dtype: Any = "float32",
        name: str = "edit_distance",
    ) -> None:
        super().__init__(3, dtype, name)
        self.normalize = normalize

    def statistics(self, y_true: Any, y_pred: Any) -> np.ndarray:
        references, _ = as_rows(y_true, "y_true")
        texts, _ = as_rows(y_pred, "y_pred")
        require_same_size(references, texts)
        pairs = zip(references.to_list(), texts.to_list(), strict=True)
        edits = [edit_distance(reference, text) for reference, text in pairs]
        return np.stack([edits, references.lengths, np.ones(len(edits))], axis=1)

    def from_sums(self, sums: np.ndarray) -> float:
        edits, tokens, samples = sums.tolist()
        return edits / ((tokens if self.normalize else samples) or 1.0)


def edit_distance(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Returns the Levenshtein distance of two sequences.

    A column of the usual table at a time, as the bits of numbers: where it goes up by
    one and where it goes down.

    Reference:
        [Myers, 1999](https://doi.org/10.1145/316542.316550)
    """
    if not first:
        return len(second)
    places: dict[Any, int] = {}
    for place, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << place
    full, last = (1 << len(first)) - 1, len(first) - 1
    distance, up, down = len(first), full, 0
    for token in second:
        equal = places.get(token, 0)
        # From the column before to this one, along rows.
        level = (((equal & up) + up) ^ up) | equal | down
        rises, falls = down | (full & ~(level | up)), up & level
        distance += (rises >> last & 1) - (falls >> last & 1)
        # The first row of the table rises with each column.
        rises, falls = (rises << 1 | 1) & full, falls << 1 & full
        up, down = falls | (full & ~(level | rises)), rises & level
    return distance
