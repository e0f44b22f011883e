"""Which answer is the best, and how probable it is."""

import math

import numpy as np
import pytest

from keras_nlp.models.question_answerer import _best_spans

CONTEXT = "ab cd ef"
# Start token, a question of one token, end token, three words, end token.
OFFSETS = np.array([[[0, 0]] * 3 + [[0, 2], [3, 5], [6, 8]] + [[0, 0]]])
MASK = np.array([[False] * 3 + [True] * 3 + [False]])
SPAN = [1, 9, 9, 3, 1, 0, 9], [0.5, 9, 9, 0, 1, 4, 9]  # "ab cd ef", 3 + 4
NONE = [4, 9, 9, 3, 1, 0, 9], [4.5, 9, 9, 0, 1, 4, 9]  # 8.5 for none


def best(*windows, threshold=0.0, num_answers=2):
    starts, ends = np.array(windows, "float32").swapaxes(0, 1)
    count = len(windows)
    offsets, mask = np.repeat(OFFSETS, count, 0), np.repeat(MASK, count, 0)
    return _best_spans(starts, ends, offsets, mask, CONTEXT, num_answers, 3, threshold)


def probability(logits, *others):
    """The softmax of the first of some logits, in float64."""
    return math.exp(logits) / sum(map(math.exp, (logits, *others)))


def test_the_start_token_takes_part_in_the_softmax():
    for logits in (SPAN, NONE):
        start, end = logits
        found = {answer.text: answer.score for answer in best(logits)}
        expected = probability(3, start[0], 1, 0) * probability(4, end[0], 0, 1)
        assert found[CONTEXT] == pytest.approx(expected, rel=1e-6)
        expected = probability(start[0], 3, 1, 0) * probability(end[0], 0, 1, 4)
        if "" in found:
            assert found[""] == pytest.approx(expected, rel=1e-6)
    assert best(SPAN)[0].text == CONTEXT
    assert [(a.text, a.start, a.end) for a in best(NONE)] == [
        ("", 0, 0),
        (CONTEXT, 0, 8),
    ]


def test_threshold_is_a_difference_of_logits():
    """As in the evaluation of SQuAD 2; none is better by 1.5."""
    for threshold, text in ((1.4, ""), (1.6, CONTEXT), (-9, ""), (math.inf, CONTEXT)):
        assert best(NONE, threshold=threshold)[0].text == text
    every = best(NONE, threshold=math.inf, num_answers=99)
    assert len(every) == 6 and all(answer.text for answer in every)
    assert best(SPAN, threshold=-math.inf)[0].text == ""


def test_of_several_windows_the_least_score_of_none_counts():
    nothing = [9, 9, 9, 0, 0, 0, 9], [9, 9, 9, 0, 0, 0, 9]
    for windows in ((SPAN, nothing), (nothing, SPAN)):
        first = best(*windows)[0]
        assert first.text == CONTEXT
        start = probability(3, 1, 1, 0, 0, 0, 0)
        assert first.score == pytest.approx(start * probability(4, 0.5, 0, 1, 0, 0, 0))
    assert best(NONE, nothing)[0].text == ""
    assert sum(a.score for a in best(NONE, SPAN, num_answers=99)) <= 1 + 1e-6
