"""Edit distance equals the usual table, filled in by hand."""

import random

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import from_json, to_json
from keras_nlp.metrics import EditDistance
from keras_nlp.metrics.edit_distance import edit_distance


def table_distance(first, second):
    above = list(range(len(second) + 1))
    for i, a in enumerate(first):
        row = [i + 1]
        for j, b in enumerate(second):
            row.append(min(above[j + 1] + 1, row[j] + 1, above[j] + (a != b)))
        above = row
    return above[-1]


@pytest.fixture(scope="module")
def corpus():
    source = random.Random(0)
    return [
        [source.choices("abcd", k=source.randrange(1, 12)) for _ in range(40)]
        for _ in range(2)
    ]


def test_distances(corpus):
    source = random.Random(1)
    for _ in range(500):
        first, second = (source.choices("abc", k=source.randrange(9)) for _ in range(2))
        assert edit_distance(first, second) == table_distance(first, second)
    first, second = (source.choices(range(9), k=n) for n in (150, 170))
    assert edit_distance(first, second) == table_distance(first, second)


def test_normalizes_by_reference_tokens(corpus):
    edits = [table_distance(*pair) for pair in zip(*corpus, strict=True)]
    tokens = sum(map(len, corpus[0]))
    assert float(EditDistance()(*corpus)) == pytest.approx(sum(edits) / tokens)
    mean = float(EditDistance(normalize=False)(*corpus))
    assert mean == pytest.approx(sum(edits) / 40)


@pytest.mark.backends("tensorflow")
def test_equals_upstream(corpus):
    tf = pytest.importorskip("tensorflow")
    hub = pytest.importorskip("keras_hub").metrics
    ragged = [tf.ragged.constant(rows) for rows in corpus]
    for normalize in (True, False):
        expected = float(hub.EditDistance(normalize=normalize)(*ragged))
        ours = float(EditDistance(normalize=normalize)(*ragged))
        assert ours == pytest.approx(expected, abs=1e-6)


def test_batches_weights_and_merging(corpus):
    for normalize in (True, False):
        whole = float(EditDistance(normalize)(*corpus))
        batches, parts = EditDistance(normalize), []
        for start in range(0, 40, 7):
            batch = [rows[start : start + 7] for rows in corpus]
            batches.update_state(*batch)
            parts.append(EditDistance(normalize))
            parts[-1].update_state(*batch)
        assert float(batches.result()) == pytest.approx(whole, abs=1e-6)
        parts[0].merge_state(parts[1:])
        assert float(parts[0].result()) == pytest.approx(whole, abs=1e-6)
        weights = [1, 0, 3]
        weighted = EditDistance(normalize)(*(rows[:3] for rows in corpus), weights)
        repeated = [[rows[i] for i in (0, 2, 2, 2)] for rows in corpus]
        expected = float(EditDistance(normalize)(*repeated))
        assert float(weighted) == pytest.approx(expected, abs=1e-6)
        batches.reset_state()
        assert float(batches.result()) == 0


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        (["a", "b", "c", "d"], ["a", "x", "c"]),
        ([["a", "b", "c", "d"]], [["a", "x", "c"]]),
        ([1, 2, 3, 4], [1, 5, 3]),
        (np.array([[1, 2, 3, 4]]), np.array([[1, 5, 3]])),
        (Ragged.from_rows([[1, 2, 3, 4]]), Ragged.from_rows([[1, 5, 3]])),
    ],
)
def test_forms(y_true, y_pred):
    assert float(EditDistance()(y_true, y_pred)) == 0.5
    assert float(EditDistance(normalize=False)(y_true, y_pred)) == 2


def test_without_reference_tokens_it_is_the_edits():
    assert float(EditDistance()([[]], [[]])) == 0
    assert float(EditDistance()([[]], [["a", "b"]])) == 2
    assert float(EditDistance(normalize=False).result()) == 0
    assert float(EditDistance()([["a"]], [[]])) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EditDistance(dtype="int32"), "`dtype`"),
        (lambda: EditDistance()([["a"]], [["a"], ["b"]]), "same number of samples"),
        (lambda: EditDistance()("abc", "abd"), "`y_true`"),
        (lambda: EditDistance()(["a"], ["b"], [1.0, 2.0]), "`sample_weight`"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    metric = EditDistance(False, "float16", "e")
    clone = from_json(to_json(metric))
    assert clone.get_config() == metric.get_config()
    assert (clone.normalize, clone.dtype, clone.name) == (False, "float16", "e")
