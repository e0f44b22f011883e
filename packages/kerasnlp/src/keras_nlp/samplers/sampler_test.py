import importlib

import keras
import numpy as np
import pytest

from domain_core.testing import to_numpy
from keras_nlp.generation.sampling import choose
from keras_nlp.samplers import (
    BeamSampler,
    ContrastiveSampler,
    GreedySampler,
    RandomSampler,
    Sampler,
    TopKSampler,
    TopPSampler,
)

PROMPT = np.array(
    [[3, 0, 0, 0, 0, 0, 0, 0], [1, 4, 2, 5, 0, 0, 0, 0], [5, 2, 0, 0, 0, 0, 0, 0]],
    "int32",
)
GIVEN = PROMPT > 0


def draws_of(seed, rows, steps, is_compiled=False):
    """Returns what a new sampler with this seed draws, `(steps, rows)`."""
    generator = keras.random.SeedGenerator(seed)

    def uniform():
        return keras.random.uniform((rows,), seed=generator)

    if is_compiled and keras.config.backend() == "tensorflow":
        # XLA draws other numbers there.
        uniform = importlib.import_module("tensorflow").function(
            uniform, jit_compile=True
        )
    return 1 - np.stack([to_numpy(uniform()) for _ in range(steps)])


def drawn(probabilities, draw, k=None, p=1.0):
    """Returns a token of `(V,)`, by sorting."""
    ordered = np.sort(probabilities)[::-1]
    if k is not None:
        kept = probabilities >= ordered[min(k, len(ordered)) - 1]
        probabilities = probabilities * kept
        ordered = np.sort(probabilities)[::-1]
    sums = np.cumsum(ordered)
    least = ordered[np.flatnonzero(sums >= p * sums[-1])[0]]
    sums = np.cumsum(probabilities * (probabilities >= least))
    return np.flatnonzero(sums >= draw * sums[-1])[0]


def written(model, stops, temperature, decide):
    """Fills `PROMPT`; `decide` gets probabilities, number of the step, and row."""
    prompt, done = PROMPT.copy(), np.zeros(len(PROMPT), bool)
    for place in range(1, prompt.shape[1]):
        for row, tokens in enumerate(prompt):
            if not GIVEN[row, place]:
                scores = model.log_probabilities(tokens[:place], temperature)
                tokens[place] = decide(np.exp(scores), place - 1, row)
                done[row] |= tokens[place] in stops
        if done.all():
            break
    return prompt


@pytest.mark.backends
@pytest.mark.parametrize("stops", [None, [1, 4]])
def test_greedy(recurrent, run, stops):
    """What is given is kept, and a stop token there ends nothing."""
    model = recurrent(6)
    options = {"mask": GIVEN, "stop_token_ids": stops}
    cache = model.cache(PROMPT, 1)
    received = run(GreedySampler(), model.next, PROMPT, cache, 1, **options)
    expected = written(model, stops or (), 1.0, lambda scores, *_: scores.argmax())
    np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    "is_compiled",
    [
        pytest.param(False, marks=pytest.mark.backends),
        pytest.param(True, marks=pytest.mark.backends("jax", "tensorflow")),
    ],
)
def test_draws_follow_the_seed(recurrent, run, is_compiled):
    model, stops = recurrent(6), (0, 3)
    sampler = TopKSampler(k=4, seed=11, temperature=1.5)
    draws = draws_of(11, len(PROMPT), PROMPT.shape[1] - 1, is_compiled)
    expected = written(
        model, stops, 1.5, lambda p, step, row: drawn(p, draws[step, row], k=4)
    )
    options = {"mask": GIVEN, "stop_token_ids": stops, "is_compiled": is_compiled}
    cache = model.cache(PROMPT, 1)
    received = run(sampler, model.next, PROMPT, cache, 1, **options)
    np.testing.assert_array_equal(received, expected)


@pytest.mark.backends
def test_another_call_draws_on():
    def next(prompt, cache, index):
        return np.zeros((2, 50), "float32"), None, cache

    sampler, prompt = RandomSampler(seed=3), np.zeros((2, 4), "int32")
    expected = np.ceil(draws_of(3, 2, 8) * 50) - 1
    received = [to_numpy(sampler(next, prompt)) for _ in range(2)]
    np.testing.assert_array_equal(np.concatenate(received, axis=1), expected.T)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("cls", "limits"),
    [
        (RandomSampler, {}),
        (TopKSampler, {"k": 3}),
        (TopKSampler, {"k": 30}),
        (TopPSampler, {"p": 0.5}),
        (TopPSampler, {"p": 1.0}),
        (TopPSampler, {"p": 0.7, "k": 4}),
    ],
)
def test_tokens_drawn(cls, limits):
    """With many ties, and sums that are exact."""
    rng = np.random.default_rng(0)
    counts = rng.multinomial(64, rng.dirichlet(np.ones(12), 200))
    probabilities = (counts / 64).astype("float32")
    draws = draws_of(5, 200, 1)[0]
    received = cls(seed=5, **limits).get_next_token(probabilities)
    expected = [
        drawn(p, u, **limits) for p, u in zip(probabilities, draws, strict=True)
    ]
    np.testing.assert_array_equal(to_numpy(received), expected)


def test_frequencies_are_the_probabilities():
    logits = np.array([0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1.5, -2.0], "float32")

    def next(prompt, cache, index):
        return np.tile(logits, (20_000, 1)), None, cache

    sampler = RandomSampler(seed=0, temperature=0.8)
    tokens = to_numpy(sampler(next, np.zeros((20_000, 1), "int32")))
    expected = np.exp(logits / 0.8) / np.exp(logits / 0.8).sum() * 20_000
    counts = np.bincount(tokens[:, 0], minlength=8)
    # Chi-squared of 7 degrees of freedom is above it once in 1,000.
    assert ((counts - expected) ** 2 / expected).sum() < 24.32


@pytest.mark.backends
def test_text_generation_from_scratch():
    """As in keras.io's example: no cache, no mask, a model that gives all logits."""
    embedding, head = keras.layers.Embedding(9, 6), keras.layers.Dense(9)
    model = keras.Sequential([embedding, head])
    prompt_tokens = keras.ops.convert_to_tensor([[2, 0, 0, 0, 0]])
    model(prompt_tokens)

    def next(prompt, cache, index):
        logits = model(prompt)[:, index - 1, :]
        hidden_states = None
        return logits, hidden_states, cache

    output_tokens = GreedySampler()(next=next, prompt=prompt_tokens, index=1)
    follower = (to_numpy(embedding.embeddings) @ to_numpy(head.kernel)).argmax(-1)
    expected = [2]
    while len(expected) < 5:
        expected.append(follower[expected[-1]])
    assert to_numpy(output_tokens).tolist() == [expected]


class Halves(Sampler):
    """A user's: the second half of the vocabulary, by a generator of its own."""

    def __init__(self, offset, **kwargs):
        super().__init__(**kwargs)
        self.offset = offset
        self.generator = keras.random.SeedGenerator(7)

    def get_next_token(self, probabilities):
        half = probabilities.shape[-1] // 2
        best = keras.ops.argmax(probabilities[:, half:], axis=-1)
        noise = keras.random.uniform(best.shape, seed=self.generator)
        return best + half - keras.ops.cast(noise < self.offset, best.dtype)


@pytest.mark.backends
def test_a_sampler_of_ones_own(recurrent):
    model, sampler = recurrent(6), Halves(0.5)
    prompt = PROMPT[:1]
    received = sampler(model.next, prompt, model.cache(prompt, 1), index=1)
    noise, expected = 1 - draws_of(7, 1, 7), [3]
    for step in range(7):
        best = model.log_probabilities(expected)[3:].argmax()
        expected.append(best + 3 - (noise[step, 0] < 0.5))
    assert to_numpy(received).tolist() == [expected]
    assert sampler.get_config() == {"offset": 0.5, "temperature": 1.0}
    assert to_numpy(sampler.variables[0]).tolist() == [7, 7]


@pytest.mark.parametrize(
    "sampler",
    [
        GreedySampler(temperature=2.0),
        RandomSampler(seed=1, temperature=0.5),
        TopKSampler(4, seed=1, temperature=2.0),
        TopPSampler(0.6, seed=1),
        TopPSampler(0.6, k=3, seed=1),
    ],
)
def test_the_numbers_of_a_sampler(sampler):
    """An engine that knows them does the same."""
    scores = np.random.default_rng(0).normal(size=(100, 9)).astype("float32")
    scores = keras.ops.convert_to_tensor(scores)
    draws = keras.ops.convert_to_tensor(draws_of(1, 100, 1)[0])
    fast = choose(scores, draws, sampler.sampling, lambda: None)
    slow = sampler.get_next_token(sampler.compute_probabilities(scores))
    np.testing.assert_array_equal(to_numpy(fast), to_numpy(slow))


def test_no_numbers_say_what_others_do():
    class MyTopK(TopKSampler):
        def get_next_token(self, probabilities):
            return super().get_next_token(probabilities)

    class MyGreedy(GreedySampler):
        def compute_probabilities(self, logits):
            return -logits

    for sampler in (
        *(Sampler(), BeamSampler(), ContrastiveSampler(), Halves(1)),
        *(MyTopK(), MyGreedy()),
    ):
        assert sampler.sampling is None


def test_nothing_given_is_changed():
    def next(prompt, cache, index):
        return np.ones((1, 3), "float32"), None, cache

    prompt = keras.ops.convert_to_tensor([[2, 2, 2]])
    assert to_numpy(GreedySampler()(next, prompt, index=1)).tolist() == [[2, 0, 0]]
    assert to_numpy(GreedySampler()(next, prompt, index=3)).tolist() == [[2, 2, 2]]
    assert to_numpy(prompt).tolist() == [[2, 2, 2]]
    empty = GreedySampler()(next, prompt[:0], index=1)
    assert tuple(empty.shape) == (0, 3)


@pytest.mark.parametrize(
    "sampler", [GreedySampler(), BeamSampler(2), ContrastiveSampler(k=1)]
)
def test_a_stop_token_that_is_given_ends_nothing(sampler):
    def next(prompt, cache, index):
        logits = np.tile(np.array([0.0, 1.0, 9.0], "float32"), (len(prompt), 1))
        return logits, np.ones((len(prompt), 2), "float32"), cache

    prompt = np.array([[0, 1, 0, 0]])
    filled = sampler(
        next,
        prompt,
        index=1,
        mask=np.array([[True, True, False, False]]),
        stop_token_ids=[1],
        hidden_states=np.ones((1, 4, 2), "float32"),
    )
    assert to_numpy(filled).tolist() == [[0, 1, 2, 2]]


def test_padding_that_is_a_stop_token_ends_nothing():
    def next(prompt, cache, index):
        return np.eye(3, dtype="float32")[[1]], None, cache

    filled = GreedySampler()(next, np.zeros((1, 4), int), stop_token_ids=[0])
    assert to_numpy(filled).tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *((lambda t=t: Sampler(t), "temperature") for t in (0, -1.0, np.nan, "1")),
        *((lambda k=k: TopKSampler(k), "k") for k in (0, 2.5, True)),
        *((lambda p=p: TopPSampler(p), "p") for p in (0, 1.1, np.nan)),
        (lambda: TopPSampler(k=0), "k"),
        (lambda: BeamSampler(0), "num_beams"),
        (lambda: BeamSampler(length_penalty=np.inf), "length_penalty"),
        (lambda: BeamSampler(early_stopping="soon"), "early_stopping"),
        *((lambda a=a: ContrastiveSampler(alpha=a), "alpha") for a in (-0.1, 1.1)),
        (lambda: ContrastiveSampler(k=0), "k"),
        (lambda: RandomSampler(seed="a"), "seed"),
    ],
)
def test_arguments_out_of_range(make, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": np.zeros(3, int)}, r"shape \(batch, length\)"),
        ({"prompt": np.zeros((1, 3))}, "hold integers"),
        ({"index": 4}, "`index` to be a position from 0"),
        ({"index": -1}, "`index` to be a position from 0"),
        ({"mask": np.ones((1, 2), bool)}, "`mask` of the shape"),
        ({}, r"Return `logits\[:, index - 1, :\]`"),
    ],
)
def test_calls_that_do_not_fit(arguments, message):
    def next(prompt, cache, index):
        return np.zeros((1, 3, 5), "float32"), None, cache

    arguments = {"prompt": np.zeros((1, 3), int), **arguments}
    with pytest.raises(ValueError, match=message):
        GreedySampler()(next, **arguments)


def test_a_subclass_must_choose():
    with pytest.raises(NotImplementedError, match="Sampler must write"):
        Sampler().get_next_token(np.ones((1, 2)))
