import itertools

import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_nlp.samplers import BeamSampler


def searched(model, row, given, sampler, stops, start=1):
    """Returns `(score, text)` of the beams of one row, the best first."""
    beams, last = sampler.num_beams, len(row) - 1
    going, ended = [(0.0, [*row[:start]])], []
    room, count = (~given[start:]).sum(), 0

    def best(texts, number):
        return sorted(texts, key=lambda text: -text[0])[:number]

    for place in range(start, len(row)):
        if given[place]:
            found = [(total, [*text, row[place]]) for total, text in going]
        else:
            count += 1
            found = [
                (total + score, [*text, token])
                for total, text in going
                for token, score in enumerate(
                    model.log_probabilities(text, sampler.temperature)
                )
            ]
        found = best(found, (1 + len(stops)) * beams)
        ends = [
            place == last or (not given[place] and text[-1] in stops)
            for _, text in found
        ]
        ended += [
            (total / count**sampler.length_penalty, [*text, *row[place + 1 :]])
            for (total, text), has_ended in zip(found[:beams], ends, strict=False)
            if has_ended
        ]
        ended = best(ended, beams)
        going = [f for f, has_ended in zip(found, ends, strict=True) if not has_ended]
        going = going[:beams]
        if len(ended) < beams or not going:
            continue
        is_lasting = sampler.early_stopping == "never" and sampler.length_penalty > 0
        possible = going[0][0] / (room if is_lasting else count) ** (
            sampler.length_penalty
        )
        if sampler.early_stopping is True or possible <= ended[-1][0]:
            break
    return ended


PROMPT = np.array(
    [[3, *[0] * 8], [1, 4, 2, 5, *[0] * 5], [6, 0, 0, 0, 2, 0, 0, 0, 4]], "int32"
)
GIVEN = PROMPT > 0


on_others = pytest.mark.backends("jax", "tensorflow")


@pytest.mark.parametrize(
    ("early_stopping", "length_penalty", "is_compiled"),
    [
        *[(early, p, False) for early in (True, False, "never") for p in (-1, 0.5, 2)],
        pytest.param("never", 0.5, True, marks=on_others),
    ],
)
def test_search(recurrent, run, early_stopping, length_penalty, is_compiled):
    """Rows of prompts that end, and of tokens that are given later on."""
    model, stops = recurrent(7), (2, 5)
    sampler = BeamSampler(
        *(3, True),
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        temperature=0.8,
    )
    options = {"mask": GIVEN, "stop_token_ids": stops, "is_compiled": is_compiled}
    cache = model.cache(PROMPT, 1)
    texts, scores = run(sampler, model.next, PROMPT, cache, 1, **options)
    for row in range(len(PROMPT)):
        expected = searched(model, PROMPT[row], GIVEN[row], sampler, stops)
        assert texts[row].tolist() == [text for _, text in expected]
        assert_close(scores[row], [score for score, _ in expected])


@pytest.mark.parametrize("stops", [None, (2,)])
def test_enough_beams_find_the_best_of_all_texts(recurrent, run, stops):
    model, room = recurrent(3), 4
    every = {}
    for tokens in itertools.product(range(3), repeat=room):
        end = next((i for i, t in enumerate(tokens) if t in (stops or ())), room - 1)
        text = [1, *tokens[: end + 1]]
        total = sum(
            model.log_probabilities(text[:i])[text[i]] for i in range(1, len(text))
        )
        every[(*text, *[0] * (room - end - 1))] = total / (end + 1)
    expected = sorted(every.items(), key=lambda item: -item[1])
    assert len(expected) == (81 if stops is None else 31)

    prompt = np.array([[1, 7, 7, 7, 7]], "int32")
    sampler = BeamSampler(90, return_all_beams=True)
    texts, scores = run(
        sampler, model.next, prompt, model.cache(prompt, 1), 1, stop_token_ids=stops
    )
    assert texts[0, : len(expected)].tolist() == [list(text) for text, _ in expected]
    assert_close(scores[0, : len(expected)], [score for _, score in expected])
    assert (scores[0, len(expected) :] == -np.inf).all()


def follow(table):
    """Returns a `next` in which the last token decides, and how often it was called."""
    calls = []

    def next(prompt, cache, index):
        calls.append(prompt.shape[0])
        return np.log(table)[to_numpy(prompt)[:, int(index) - 1]], None, cache

    return next, calls


@pytest.mark.backends("torch")  # `next` is NumPy
def test_the_search_ends_when_all_beams_have():
    """After 0 comes 1 or 2, and both end it; what was in the room is gone."""
    next, calls = follow(np.array([[0.002, 0.6, 0.398]] * 3))
    prompt = np.array([[0, 9, 9, 9, 9]])
    texts = BeamSampler(2)(next, prompt, index=1, stop_token_ids=[1, 2])
    assert to_numpy(texts).tolist() == [[0, 1, 0, 0, 0]]
    assert calls == [2]


@pytest.mark.backends("torch")  # `next` is NumPy
def test_what_can_not_be_is_not_waited_for():
    """Only 1 can follow, and it ends all there is."""
    next, calls = follow(np.array([[1e-300, 1.0, 1e-300]] * 3))
    sampler = BeamSampler(2, return_all_beams=True)

    def sure(prompt, cache, index):
        logits, *others = next(prompt, cache, index)
        return np.where(logits < -600, -np.inf, logits), *others

    texts, scores = sampler(sure, np.zeros((1, 5), int), index=1, stop_token_ids=[1])
    assert to_numpy(texts)[0, 0].tolist() == [0, 1, 0, 0, 0]
    assert to_numpy(scores).tolist() == [[0.0, -np.inf]]
    assert calls == [2]


@pytest.mark.backends("torch")  # `next` is NumPy
def test_a_short_text_is_not_better_for_being_short():
    """0.5 for one token loses against 0.4 * 0.9 * 0.9 for three."""
    table = np.array([[0.1, 0.4, 0.5], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]]) + 1e-9
    next, _ = follow(table)
    sampler = BeamSampler(2, return_all_beams=True)
    texts, scores = sampler(next, np.zeros((1, 4), int), index=1, stop_token_ids=[2])
    assert to_numpy(texts).tolist() == [[[0, 1, 1, 1], [0, 2, 0, 0]]]
    assert_close(scores, [[np.log(0.4 * 0.9 * 0.9) / 3, np.log(0.5)]])


@pytest.mark.backends("torch")  # `next` is NumPy
def test_what_goes_on_is_not_crowded_out_by_ends():
    """There are five; and three times 0, which is last, makes the best text at last."""
    next, _ = follow(np.array([[0.01, 0.3, 0.2, 0.2, 0.15, 0.14]] * 6))
    sampler = BeamSampler(2, length_penalty=2, early_stopping="never")
    texts = sampler(next, np.zeros((1, 4), int), index=1, stop_token_ids=range(1, 6))
    assert to_numpy(texts).tolist() == [[0, 0, 0, 1]]


@pytest.mark.backends("torch")  # `next` is NumPy
def test_never_does_not_count_on_room_that_would_harm():
    """Where long texts are worse, what there is says more than what could be."""
    ways = [[0.05, 0.45, 0.5, 0.0], [0.005, 0.005, 0.2, 0.79], [1, 0, 0, 0]]
    next, _ = follow(np.array([*ways, [0.003, 0.003, 0.99, 0.004]]) + 1e-9)
    sampler = BeamSampler(2, True, length_penalty=-1, early_stopping="never")
    texts, _ = sampler(next, np.zeros((1, 7), int), index=1, stop_token_ids=[2])
    expected = [[0, 2, 0, 0, 0, 0, 0], [0, 1, 3, 2, 0, 0, 0]]
    assert to_numpy(texts)[0].tolist() == expected


def test_one_beam_is_greedy(recurrent, run):
    model, prompt = recurrent(6), PROMPT[:1]
    expected = [3]
    while len(expected) < len(prompt[0]):
        expected.append(model.log_probabilities(expected).argmax())
    received = run(BeamSampler(1), model.next, prompt, model.cache(prompt, 1), 1)
    assert received.tolist() == [expected]
