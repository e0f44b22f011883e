import itertools

import keras
import numpy as np
import pytest

from domain_core.testing import to_numpy
from keras_nlp import models
from keras_nlp.generation.constraints import Constraints
from keras_nlp.generation.engine import Engine, Request
from keras_nlp.generation.sampling import Sampling

SIZE = 4


def applied(constraints, scores, tokens, slot, padding, counts, limits, stops):
    """Row by row, in NumPy."""
    scores, n = scores.copy(), constraints.no_repeat_ngram_size
    for row, ids in enumerate(tokens):
        ids, barred = ids[padding[row] : slot + 1].tolist(), set()
        if n:
            grams = [ids[i : i + n] for i in range(len(ids) - n + 1)]
            last = ids[len(ids) - n + 1 :]
            barred |= {gram[-1] for gram in grams if gram[:-1] == last}
        if counts[row] < constraints.min_new_tokens:
            barred |= {*stops} - {-1}
        if len(barred) < SIZE:
            scores[row, [*barred]] = -np.inf
        for forced, is_now in (
            (constraints.forced_first_token_id, counts[row] == 0),
            (constraints.forced_last_token_id, counts[row] == limits[row] - 1),
        ):
            if forced is not None and is_now:
                scores[row] = np.where(np.arange(SIZE) == forced, 0, -np.inf)
    return scores


@pytest.mark.parametrize("slot", [0, 1, 2, 11, 19])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_they_are_what_they_say(n, slot):
    draw = np.random.default_rng([n, slot])
    rows = 64
    tokens = draw.integers(0, SIZE, (rows, 20)).astype("int32")
    scores = draw.normal(size=(rows, SIZE)).astype("float32")
    padding, counts = draw.integers(0, [[slot + 1], [4]], (2, rows)).astype("int32")
    limits = counts + draw.integers(1, 3, rows).astype("int32")
    stops = np.array([2, -1], "int32")
    some, barred = (7, 0), 0
    for rules in (
        Constraints(n),
        Constraints(n, 2),
        Constraints(n, *some, 3),
        Constraints(n, 1, 1, 3),
    ):
        expected = applied(rules, scores, tokens, slot, padding, counts, limits, stops)
        barred += np.isinf(expected).sum()
        asked = {"padding": padding, "counts": counts, "limits": limits}
        for place in (slot, keras.ops.convert_to_tensor(slot, "int32")):
            received = rules.apply(
                keras.ops.convert_to_tensor(scores),
                keras.ops.convert_to_tensor(tokens),
                place,
                **{k: keras.ops.convert_to_tensor(v) for k, v in asked.items()},
                stop_ids=keras.ops.convert_to_tensor(stops),
            )
            np.testing.assert_array_equal(to_numpy(received), expected)
    assert barred > 9


def test_longer_than_the_room():
    scores = keras.ops.ones((1, SIZE))
    options = {"padding": None, "counts": 0, "limits": 9, "stop_ids": None}
    received = Constraints(5).apply(
        scores, keras.ops.zeros((1, 3), "int32"), 2, **options
    )
    assert to_numpy(received).tolist() == [[1.0] * SIZE]


def test_what_is_left():
    rules = Constraints(3, 5, 1, 2)
    assert rules and Constraints(0, 0, 0) and not Constraints()
    assert rules.after(0) == rules
    assert rules.after(3) == Constraints(3, 2, None, 2)
    assert rules.after(9) == Constraints(3, 0, None, 2)


def test_they_outlast_a_change_of_angles():
    """With which the engine begins anew, at each token here."""
    keras.utils.set_random_seed(0)
    scaling = {"rope_type": "dynamic", "factor": 4.0}
    scaling["original_max_position_embeddings"] = 2
    backbone = models.LlamaBackbone(9, 1, 2, 8, 8, 2, rope_scaling=scaling)
    request = Request(
        [np.array([1, 5]), np.array([3])],
        [6, 6],
        [*range(2, 9)],
        Sampling(temperature=0.0),
        constraints=Constraints(2, 4, 0, 7),
    )
    new, _, _ = Engine(backbone).generate(request)
    for prompt, ids in zip(request.prompts, new, strict=True):
        assert ids[0] == 0 and not ids[:4].max() > 1 and len(ids) > 4
        pairs = [*itertools.pairwise([*prompt, *ids[:5].tolist()])]
        assert len({*pairs}) == len(pairs)
        assert len(ids) == 5 or ids[-1] == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("no_repeat_ngram_size", value) for value in (-1, 1.0, None, True)),
        *(("min_new_tokens", -2), ("forced_first_token_id", "<s>")),
        ("forced_last_token_id", -1),
    ],
)
def test_values_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"`{name}` to be an integer of at least 0"):
        Constraints(**{name: value})
