import numpy as np
import pytest

from keras_nlp.samplers import ContrastiveSampler

PROMPT = np.array([[3, 1, 0, 0, 0, 0, 0], [1, 4, 2, 5, 0, 0, 0]], "int32")
GIVEN = PROMPT > 0


def searched(model, k, alpha, temperature, stops):
    """Fills `PROMPT` from its third position on."""
    prompt, done = PROMPT.copy(), np.zeros(len(PROMPT), bool)
    for place in range(2, prompt.shape[1]):
        for row, tokens in enumerate(prompt):
            if GIVEN[row, place]:
                continue
            probabilities = np.exp(model.log_probabilities(tokens[:place], temperature))
            scores = {}
            for token in np.argsort(-probabilities)[:k]:
                states = model.states([*tokens[:place], token])
                states /= np.linalg.norm(states, axis=-1, keepdims=True)
                similarity = (states[:-1] @ states[-1]).max()
                scores[token] = (1 - alpha) * probabilities[token] - alpha * similarity
            tokens[place] = max(scores, key=scores.get)
            done[row] |= tokens[place] in stops
        if done.all():
            break
    return prompt


@pytest.mark.parametrize(
    "is_compiled",
    [False, pytest.param(True, marks=pytest.mark.backends("jax", "tensorflow"))],
)
def test_search(recurrent, run, is_compiled):
    model = recurrent(6)
    states = np.stack([model.states(tokens) for tokens in PROMPT]).astype("float32")
    states[:, 1:] = 1e3  # the first call gives the second; no other is there yet
    received = run(
        ContrastiveSampler(k=3, alpha=0.4, temperature=1.5),
        model.next,
        PROMPT,
        model.cache(PROMPT, 2),
        2,
        is_compiled,
        mask=GIVEN,
        hidden_states=states,
    )
    np.testing.assert_array_equal(received, searched(model, 3, 0.4, 1.5, ()))


@pytest.mark.parametrize(("k", "alpha"), [(1, 0.6), (9, 0.6), (4, 0.0), (4, 1.0)])
def test_stops_and_extremes(recurrent, run, k, alpha):
    model, stops = recurrent(6), (1, 3)
    states = np.stack([model.states(tokens) for tokens in PROMPT])
    received = run(
        ContrastiveSampler(k=k, alpha=alpha),
        model.next,
        PROMPT,
        model.cache(PROMPT, 2),
        2,
        mask=GIVEN,
        hidden_states=states,
        stop_token_ids=stops,
    )
    np.testing.assert_array_equal(received, searched(model, k, alpha, 1.0, stops))


@pytest.mark.backends("torch")  # `next` is NumPy
def test_what_can_not_be_is_not_chosen_for_its_contrast():
    def next(prompt, cache, index):
        states = np.eye(3, dtype="float32")[np.asarray(prompt)[:, int(index) - 1]]
        return np.array([[-np.inf, 0, -np.inf]] * len(prompt)), states, cache

    prompt = np.array([[1, 0, 0]])
    states = np.eye(3, dtype="float32")[prompt]
    filled = ContrastiveSampler(3, 1.0)(next, prompt, index=1, hidden_states=states)
    assert filled.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`hidden_states` of the prompt"),
        ({"hidden_states": np.ones((2, 3, 4))}, r"\(2, 7\) at first"),
        ({"hidden_states": np.ones((2, 7, 4)), "index": 0}, "1 or more"),
        ({"hidden_states": np.ones((2, 7, 4))}, "`next` to return hidden states"),
    ],
)
def test_calls_that_do_not_fit(options, message):
    def next(prompt, cache, index):
        return np.zeros((prompt.shape[0], 6), "float32"), None, cache

    with pytest.raises(ValueError, match=message):
        ContrastiveSampler()(next, PROMPT, **{"index": 2, **options})
