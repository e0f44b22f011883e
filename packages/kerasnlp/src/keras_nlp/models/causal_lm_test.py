"""Writing on from prompts, on one small decoder with windows of four tokens.

On JAX and TensorFlow all tests share three or four programs: compiling is what costs.
"""

import itertools
from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER
from keras_nlp import samplers
from keras_nlp.generation.sampling import make_draws
from keras_nlp.metrics import Perplexity
from keras_nlp.models import CausalLM, CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import LlamaLikeBackbone
from keras_nlp.tokenizers import BytePairTokenizer

ROOM = 60  # with the longest prompt within the smallest program's slots
PROMPTS = ["ab", "the quick", "x"]


class Tokenizer(BytePairTokenizer):
    named_tokens: ClassVar = {"start_token": "<s>", "end_token": "</s>"}


def make_tokenizer():
    letters = [*"abcdefghijklmnopqrstuvwxyz ,."]
    tokens = ["<s>", "</s>", *(BYTE_TO_CHARACTER[ord(a)] for a in letters), "th"]
    return Tokenizer({token: i for i, token in enumerate(tokens)}, ["t h"])


def make_model(**options):
    tokenizer = make_tokenizer()
    arguments = {
        "vocabulary_size": tokenizer.vocabulary_size(),
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "layer_norm_epsilon": 1e-6,
        "dropout": 0.0,
        "window": 4,
        "is_local": [True, False],
    }
    backbone = LlamaLikeBackbone(**{**arguments, **options})
    draw = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(draw.normal(0, 0.6, weight.shape))
    model = CausalLM(backbone, CausalLMPreprocessor(tokenizer, ROOM))
    model.compile(sampler="greedy")
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


def as_ids(rows, length=ROOM):
    ids = np.zeros((len(rows), length), "int32")
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return {"token_ids": ids, "padding_mask": mask}


def scores_of(model, row):
    """Returns the scores after each token of a row, by one forward pass."""
    row = np.asarray(row)[None]
    return to_numpy(model(as_ids(row, row.shape[1])))[0]


def rows_of(output):
    pairs = zip(output["token_ids"], output["padding_mask"], strict=True)
    return [ids[mask == 1] for ids, mask in pairs]


# --- what comes out -------------------------------------------------------------------


@pytest.mark.backends
def test_greedy_follows_the_full_forward_pass(model):
    """Through caches and windows, for prompts of different lengths side by side."""
    prompts, _ = model.preprocessor.prompts(PROMPTS)
    output = model.generate(as_ids(prompts), stop_token_ids=None)
    for prompt, row in zip(prompts, rows_of(output), strict=True):
        assert len(row) == ROOM
        best = scores_of(model, row).argmax(-1)
        assert row[len(prompt) :].tolist() == best[len(prompt) - 1 : -1].tolist()
    # As it would be alone, and as text.
    texts = model.generate(PROMPTS, stop_token_ids=None)
    assert texts == model.preprocessor.texts(rows_of(output))
    for prompt, text in zip(PROMPTS, texts, strict=True):
        assert model.generate(prompt, stop_token_ids=None) == text
        assert text.startswith(prompt)


@pytest.mark.backends
def test_sampling_follows_an_oracle(model):
    """The same scores and draws, in plain NumPy."""
    [prompt], _ = model.preprocessor.prompts(["the"])
    for numbers in (
        {"temperature": 0.7},
        {"top_k": 3},
        {"top_p": 0.6, "top_k": 8},
        {"min_p": 0.3, "temperature": 2.0},
        {"repetition_penalty": 1.8, "temperature": 0.0},
        {"repetition_penalty": 1.5, "top_p": 0.5},
    ):
        output = model.generate(
            as_ids([prompt]), stop_token_ids=None, seed=7, **numbers
        )
        [row] = rows_of(output)
        draws = make_draws(7, 1, ROOM - len(prompt))[0]
        scores = scores_of(model, row).astype("float64")
        for step, draw in enumerate(draws):
            place = len(prompt) + step
            expected = oracle(scores[place - 1], row[:place], draw, **numbers)
            assert row[place] == expected, (numbers, step)


def oracle(
    scores,
    before,
    draw,
    *,
    temperature=1.0,
    top_k=None,
    top_p=1.0,
    min_p=0.0,
    repetition_penalty=1.0,
):
    scores = scores.copy()
    for token in set(before.tolist()):
        if scores[token] < 0:
            scores[token] *= repetition_penalty
        else:
            scores[token] /= repetition_penalty
    if temperature == 0:
        return int(scores.argmax())
    shares = np.exp((scores - scores.max()) / temperature)
    shares /= shares.sum()
    order = np.argsort(-shares)
    kept = set(order[:top_k].tolist())
    total, within = sum(shares[token] for token in kept), 0.0
    for token in [token for token in order.tolist() if token in kept]:
        if within >= top_p * total or shares[token] < min_p * shares.max():
            kept.discard(token)
        within += shares[token]
    sums = np.cumsum([shares[i] if i in kept else 0.0 for i in range(len(shares))])
    return int(np.argmax(sums >= draw * sums[-1]))


@pytest.mark.backends
def test_log_probabilities_are_those_of_teacher_forcing(model):
    texts, scores = model.generate(
        PROMPTS, stop_token_ids=None, temperature=0.8, seed=1, return_logprobs=True
    )
    prompts, _ = model.preprocessor.prompts(PROMPTS)
    forced = model.score(texts)
    for prompt, new, all_of_it in zip(prompts, scores, forced, strict=True):
        # The text of ids may be other ids: compare where it is not.
        assert len(new) == ROOM - len(prompt)
        if len(all_of_it) == ROOM - 1:
            assert_close(new, all_of_it[len(prompt) - 1 :], atol=2e-5)
    [row], _ = model.preprocessor.prompts([PROMPTS[1]])
    raw = scores_of(model, row).astype("float64")
    expected = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
    expected = np.take_along_axis(expected[:-1], row[1:, None], -1)[:, 0]
    assert_close(model.score(PROMPTS[1]), expected, atol=2e-5)


@pytest.mark.backends
def test_seeds_and_several_answers(model):
    options = {"stop_token_ids": None, "temperature": 1.0}
    one = model.generate(PROMPTS, seed=3, **options)
    assert model.generate(PROMPTS, seed=3, **options) == one
    assert model.generate(PROMPTS, seed=4, **options) != one
    # A row's draws are its own.
    assert model.generate(PROMPTS[:1], seed=3, **options) == one[:1]
    many = model.generate("ab", seed=3, num_return_sequences=3, **options)
    assert len(set(many)) == 3 and many[0] == one[0]
    assert model.generate(["ab"], seed=3, num_return_sequences=3, **options) == [many]
    keras.utils.set_random_seed(1)
    other = model.generate("ab", **options)
    assert model.generate("ab", **options) != other
    keras.utils.set_random_seed(1)
    assert model.generate("ab", **options) == other


# --- where it ends --------------------------------------------------------------------


def test_lengths(model):
    prompts, _ = model.preprocessor.prompts(PROMPTS)
    lengths = [len(prompt) for prompt in prompts]
    ids = as_ids(prompts)

    def new(**options):
        output = model.generate(ids, stop_token_ids=None, **options)
        rows = zip(rows_of(output), lengths, strict=True)
        return [len(row) - length for row, length in rows]

    assert new(max_new_tokens=5) == [5, 5, 5]
    assert new(max_length=12) == [12 - length for length in lengths]
    assert new(max_length=12, max_new_tokens=6) == [
        min(6, 12 - length) for length in lengths
    ]
    assert new() == [ROOM - length for length in lengths]
    assert new(max_new_tokens=ROOM + 5) == [ROOM + 5] * 3
    text = model.generate("ab", max_new_tokens=5, stop_token_ids=None)
    stripped = model.generate(
        "ab", max_new_tokens=5, stop_token_ids=None, strip_prompt=True
    )
    assert text == "ab" + stripped


@pytest.mark.backends
def test_stop_ids(model):
    """Several ids; each row ends at the first of them, which stays."""
    prompts, _ = model.preprocessor.prompts(PROMPTS)
    free = rows_of(model.generate(as_ids(prompts), stop_token_ids=None))
    stops = [int(free[0][len(prompts[0]) + 3]), int(free[1][len(prompts[1]) + 6])]
    ended = rows_of(model.generate(as_ids(prompts), stop_token_ids=stops))
    for prompt, whole, row in zip(prompts, free, ended, strict=True):
        new = whole[len(prompt) :].tolist()
        first = min((new.index(s) for s in stops if s in new), default=len(new) - 1)
        assert row.tolist() == whole[: len(prompt) + first + 1].tolist()
    assert len(ended[0]) < ROOM


def test_the_ends_that_a_model_knows(model):
    [prompt], _ = model.preprocessor.prompts(["ab"])
    [free] = rows_of(model.generate(as_ids([prompt]), stop_token_ids=None))
    third = int(free[len(prompt) + 2])
    model.backbone.set_generation_config({"eos_token_id": [third]})
    try:
        [row] = rows_of(model.generate(as_ids([prompt])))
    finally:
        model.backbone.set_generation_config(None)
    first = free[len(prompt) :].tolist().index(third)
    assert row.tolist() == free[: len(prompt) + first + 1].tolist()
    assert model.preprocessor.stop_token_ids == [1]


def test_stop_texts_span_tokens(model):
    free = model.generate("ab", stop_token_ids=None)
    for start, length in ((10, 3), (20, 1), (35, 5)):
        stop = free[start : start + length]
        expected = free[: free.index(stop, 2)]
        assert model.generate("ab", stop_token_ids=None, stop=stop) == expected
        assert model.generate("ab", stop_token_ids=None, stop=["\0", stop]) == expected
    # What stands in the prompt ends nothing.
    assert model.generate("ab", stop_token_ids=None, stop="ab") == (
        free if "ab" not in free[2:] else free[: free.index("ab", 2)]
    )
    several = model.generate(PROMPTS, stop_token_ids=None, stop=[" ", "th"])
    whole = model.generate(PROMPTS, stop_token_ids=None)
    for prompt, text, all_of_it in zip(PROMPTS, several, whole, strict=True):
        new = all_of_it[len(prompt) :]
        ends = [new.find(stop) for stop in (" ", "th") if stop in new]
        assert text == prompt + new[: min(ends, default=len(new))]


# --- programs, caches, faults ---------------------------------------------------------


@pytest.mark.backends("jax", "tensorflow")
def test_one_program_for_all_settings():
    """Fifty prompts with fifty settings: one program per bucket of lengths and rows."""
    model = make_model(num_layers=1)
    model.warmup(batch_size=1, prompt_length=9, length=ROOM)
    assert model.engine.compiled == 2  # prompts of up to 17 tokens, and steps
    draw = np.random.default_rng(0)
    for index in range(50):
        ids = draw.integers(2, 30, draw.integers(2, 18)).tolist()
        model.generate(
            as_ids([ids]),
            max_new_tokens=int(draw.integers(1, 20)),
            stop_token_ids=draw.integers(0, 30, draw.integers(0, 4)).tolist() or None,
            temperature=float(draw.uniform(0.2, 2)),
            top_k=int(draw.integers(1, 30)),
            top_p=float(draw.uniform(0.1, 1)),
            min_p=float(draw.uniform(0, 0.3)),
            repetition_penalty=float(draw.uniform(1, 2)),
            seed=index,
            return_logprobs=bool(index % 2),
        )
    model.compile(sampler="top_p")
    model.generate(as_ids([[3, 4]]), max_new_tokens=5, stop_token_ids=None)
    assert model.engine.compiled == 2


@pytest.mark.backends
def test_texts_that_outgrow_their_room():
    """Caches double as they fill, and the window's stays; scores are as before."""
    model = make_model(num_layers=2 if keras.config.backend() == "torch" else 1)
    prompt = [0, 5, 9]
    output = model.generate(
        as_ids([prompt]), max_length=140, stop_token_ids=None, return_logprobs=True
    )
    [row], [scores] = rows_of(output[0]), output[1]
    assert len(row) == 140
    best = scores_of(model, row)
    assert row[3:].tolist() == best.argmax(-1)[2:-1].tolist()
    expected = best.max(-1) - np.log(np.exp(best).sum(-1))
    assert_close(scores, expected[2:-1], atol=2e-5)


@pytest.mark.backends
def test_a_cache_goes_on():
    """Three texts in parts, and each as if it were computed at once."""
    model = make_model(num_layers=1, is_local=[True])
    parts = [["ab", "the quick"], ["cde", "fox"], [" x", " y"]]
    options = {"stop_token_ids": None, "max_new_tokens": 5}
    rows, cache = [np.zeros(0, "int32")] * 2, None
    for texts in parts:
        ids, _ = model.preprocessor.prompts(texts, begins=cache is None)
        rows = [np.concatenate(pair) for pair in zip(rows, ids, strict=True)]
        whole = rows_of(model.generate(as_ids(rows, 80), **options))
        found, cache = model.generate(texts, cache=cache, return_cache=True, **options)
        assert found == model.preprocessor.texts(whole)
        rows = whole
    # Used up, or of other lengths, it is computed anew.
    lengths = [len(row) for row in cache.rows]
    again, scores, other = model.generate(
        ["a", "quick"], cache=cache, return_cache=True, return_logprobs=True, **options
    )
    assert [len(score) for score in scores] == [5, 5]
    assert [len(row) for row in other.rows] == [lengths[0] + 6, lengths[1] + 10]
    used, _ = model.generate(["a", "quick"], cache=cache, return_cache=True, **options)
    assert used == again
    with pytest.raises(ValueError, match="as many prompts as the cache has texts, 2"):
        model.generate(["a"], cache=cache, **options)


def test_a_cache_of_a_text_that_stopped():
    model = make_model(window=None, is_local=None)
    free = model.generate("ab", stop_token_ids=None)
    text, cache = model.generate(
        "ab", stop_token_ids=None, stop=free[7:10], return_cache=True
    )
    assert cache.kept is not None and free.startswith(text)
    row = [*cache.rows[0], *model.preprocessor.tokenizer(" so ")]
    expected = model.generate(as_ids([row], 80), max_length=70, stop_token_ids=None)
    found = model.generate(" so ", cache=cache, max_length=70, stop_token_ids=None)
    assert found == model.preprocessor.texts(rows_of(as_2d(expected)))[0]


def as_2d(output):
    return {key: np.atleast_2d(value) for key, value in output.items()}


@pytest.mark.backends("torch")  # others fill up to buckets
def test_bytes_of_caches(model):
    """Two tensors for each block; the window holds four tokens alone."""
    head, kept, size = 4, 2, 4
    expected = 2 * 3 * kept * head * size * (4 + 50)
    assert model.cache_bytes(3, 50) == expected
    half = make_model(dtype="bfloat16")
    assert half.cache_bytes(3, 50) == expected // 2


@pytest.mark.backends
def test_an_interrupt_leaves_the_model_usable(model, monkeypatch):
    expected = model.generate("ab", stop_token_ids=None)
    kind = type(model.preprocessor)
    monkeypatch.setattr(kind, "texts", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.generate("ab", stop_token_ids=None, stop="never")
    monkeypatch.undo()
    assert model.generate("ab", stop_token_ids=None) == expected


def interrupt(*arguments):
    raise KeyboardInterrupt


@pytest.mark.backends
def test_scores_that_are_no_numbers():
    model = make_model(num_layers=1)
    norm = model.backbone.norm.scale
    norm.assign(np.full(norm.shape, np.nan))
    with pytest.raises(ValueError, match=r"gave NaN for row 0"):
        model.generate("ab")


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.filterwarnings("ignore:The use of `x.T`")  # Keras, on torch
def test_what_changes_in_training_counts():
    """Weights of another value, LoRA and int8 are what the next text is written by."""
    model = make_model()
    before = model.generate("ab", stop_token_ids=None)
    model.backbone.norm.scale.assign(-model.backbone.norm.scale.value)
    changed = model.generate("ab", stop_token_ids=None)
    assert changed != before
    layers = [block.attention.query for block in model.backbone.blocks]
    for layer in layers:
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.5))
    check_greedy(model)
    model = make_model()
    model.quantize("int8")
    check_greedy(model)


def check_greedy(model):
    [prompt], _ = model.preprocessor.prompts(["ab"])
    [row] = rows_of(model.generate(as_ids([prompt]), stop_token_ids=None))
    scores = scores_of(model, row)[len(prompt) - 1 : -1]
    chosen = np.take_along_axis(scores, row[len(prompt) :, None], -1)[:, 0]
    assert_close(chosen, scores.max(-1), atol=1e-4)


# --- samplers and forms ---------------------------------------------------------------


class SecondBest(samplers.Sampler):
    def get_next_token(self, probabilities):
        return keras.ops.argsort(probabilities, axis=-1)[:, -2]


@pytest.mark.parametrize(
    "sampler",
    [SecondBest(), samplers.BeamSampler(3), samplers.ContrastiveSampler(3, 0.5)],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.backends("torch")  # `next` is NumPy
def test_samplers_that_choose_in_their_own_way(sampler):
    """As when they are asked with full forward passes, each row alone."""
    model = make_model(num_layers=1, is_local=[True])
    model.compile(sampler=sampler)
    rows = [[0, 3, 7, 12], [0, 9]]
    found = rows_of(model.generate(as_ids(rows), max_length=9, stop_token_ids=[1]))

    def next(prompt, cache, index):
        ids = to_numpy(prompt)
        inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
        place = int(index) - 1
        states = to_numpy(model.backbone(inputs))
        return to_numpy(model(inputs))[:, place], states[:, place], cache

    for row, answer in zip(rows, found, strict=True):
        prompt = np.zeros((1, 9), "int32")
        prompt[0, : len(row)] = row
        states = model.backbone(as_ids([row], 9))
        filled = sampler(
            next, prompt, index=len(row), stop_token_ids=[1], hidden_states=states
        )
        new = to_numpy(filled)[0, len(row) :].tolist()
        end = new.index(1) + 1 if 1 in new else len(new)
        assert answer.tolist() == [*row, *new[:end]]


@pytest.mark.backends("torch")  # `next` is NumPy
@pytest.mark.parametrize("sampler", ["random", "beam", "contrastive", "of one's own"])
def test_constraints_bind_every_sampler(model, sampler):
    rows, stops = [[0, 3, 7, 3, 7], [0, 9]], [*range(1, 25)]
    model.compile(sampler=SecondBest() if sampler == "of one's own" else sampler)
    numbers = {"temperature": 9.0} if sampler == "random" else {}

    def news(**options):
        found = model.generate(as_ids(rows), stop_token_ids=stops, seed=0, **options)
        answers = rows_of(found)
        return [
            answer[len(row) :].tolist()
            for answer, row in zip(answers, rows, strict=True)
        ]

    free = news(max_new_tokens=20, **numbers)
    assert max(map(len, free)) < 6
    bound = news(max_new_tokens=20, min_new_tokens=9, no_repeat_ngram_size=2, **numbers)
    model.compile(sampler="greedy")
    for row, new in zip(rows, bound, strict=True):
        assert len(new) > 9 and not {*new[:9]} & {*stops}
        whole = row + new
        pairs = [*itertools.pairwise(whole)]
        there = {*itertools.pairwise(row)}
        assert len({*pairs} - there) == len(new)


@pytest.mark.backends("jax", "tensorflow")
def test_a_sampler_inside_a_program(model):
    """The one that takes the most: states, and rows that move about."""
    model.compile(sampler=samplers.ContrastiveSampler(2, 0.0))
    ids = as_ids([[0, 3, 7]])
    # Without a share of the contrast the best token wins.
    [row] = rows_of(model.generate(ids, max_length=9, stop_token_ids=None))
    model.compile(sampler="greedy")
    expected = rows_of(model.generate(ids, stop_token_ids=None))[0][:9]
    assert row.tolist() == expected.tolist()


def test_samplers_of_numbers():
    model = make_model()
    [prompt], _ = model.preprocessor.prompts(["ab"])
    for sampler, numbers in (
        (samplers.TopKSampler(4, seed=5), {"top_k": 4}),
        (samplers.TopPSampler(0.5, seed=5), {"top_p": 0.5}),
        (samplers.RandomSampler(seed=5, temperature=0.6), {"temperature": 0.6}),
    ):
        model.compile(sampler=sampler)
        first = model.generate("ab", stop_token_ids=None)
        assert model.generate("ab", stop_token_ids=None) != first
        seeded = model.generate("ab", stop_token_ids=None, seed=9)
        model.compile(sampler="random")
        assert seeded == model.generate("ab", stop_token_ids=None, seed=9, **numbers)
    # What a call says counts more.
    model.compile(sampler="greedy")
    greedy = model.generate("ab", stop_token_ids=None)
    assert model.generate("ab", stop_token_ids=None, top_k=9, seed=1) != greedy
    model.compile(sampler="top_k")
    assert model.generate("ab", stop_token_ids=None, temperature=0.0) == greedy
    model.compile(sampler=samplers.BeamSampler(2))
    with pytest.raises(ValueError, match="Expected no temperature for a sampler"):
        model.generate("ab", temperature=0.5)


def test_forms_of_prompts(model):
    expected = model.generate(PROMPTS, stop_token_ids=None)
    assert model.generate(np.array(PROMPTS), stop_token_ids=None) == expected
    assert model.generate(tuple(PROMPTS), stop_token_ids=None) == expected
    assert model.generate([], stop_token_ids=None) == []
    inputs = model.preprocessor.generate_preprocess("ab")
    assert inputs["token_ids"].shape == (ROOM,)
    output = model.generate_step(inputs)
    assert output["token_ids"].shape == (ROOM,)
    text = model.preprocessor.generate_postprocess(output)
    assert text == model.generate("ab", stop_token_ids=None)
    assert model.make_generate_function()(inputs)["token_ids"].tolist() == (
        output["token_ids"].tolist()
    )
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    dataset = tf.data.Dataset.from_tensor_slices(PROMPTS).batch(2)
    assert model.generate(dataset, stop_token_ids=None) == expected
    ids = model.preprocessor.generate_preprocess(PROMPTS)
    dataset = tf.data.Dataset.from_tensor_slices(ids).batch(2)
    output = model.generate(dataset, stop_token_ids=None)
    assert output["token_ids"].shape == (3, ROOM)
    short = model.generate(dataset, stop_token_ids=None, strip_prompt=True)
    assert short["padding_mask"].sum(1).tolist() == [
        ROOM - len(row) for row in model.preprocessor.prompts(PROMPTS)[0]
    ]
    same = tf.data.Dataset.from_tensor_slices(["ab"] * 2).batch(1)
    drawn = model.generate(same, stop_token_ids=None, temperature=1.0, seed=0)
    assert drawn[0] != drawn[1]
    assert drawn == model.generate(same, stop_token_ids=None, temperature=1.0, seed=0)
    with pytest.raises(ValueError, match="a cache is of one batch"):
        model.generate(same, return_cache=True)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ("", {"max_length": 1}, "above the prompt's 1 tokens"),
        ("a" * ROOM, {}, "above the prompt's 61 tokens, received 60"),
        ("ab", {"max_length": 3}, "above the prompt's 3 tokens, received 3"),
        ("ab", {"max_length": 0}, "max_length"),
        ("ab", {"max_new_tokens": -1}, "max_new_tokens"),
        ("ab", {"num_return_sequences": 0}, "num_return_sequences"),
        ("ab", {"temperature": -0.1}, "`temperature` to be a number from 0"),
        ("ab", {"temperature": "hot"}, "received 'hot'"),
        ("ab", {"temperature": float("nan")}, "`temperature`"),
        ("ab", {"top_k": 0}, "`top_k` to be a number from 1 to 32"),
        ("ab", {"top_k": 33}, "received 33"),
        ("ab", {"top_p": 0.0}, "`top_p` to be a number from 0 to 1, above 0"),
        ("ab", {"min_p": 1.5}, "`min_p`"),
        ("ab", {"repetition_penalty": 0}, "`repetition_penalty`"),
        ("ab", {"no_repeat_ngram_size": -1}, "`no_repeat_ngram_size` to be an integer"),
        ("ab", {"no_repeat_ngram_size": 2.0}, "received 2.0"),
        ("ab", {"min_new_tokens": True}, "`min_new_tokens` to be an integer"),
        ("ab", {"min_new_tokens": 9, "max_new_tokens": 8}, "of at most 8, the tokens"),
        ("ab", {"stop": 3}, "`stop`"),
        ("ab", {"stop": [""]}, "`stop` to be a text"),
        ("ab", {"stop_token_ids": ["a"]}, "Pass texts as `stop`"),
        ("ab", {"stop_token_ids": "end"}, "Pass texts as `stop`"),
        (7, {}, "prompts"),
        ({"token_ids": np.array([[3, 99]])}, {}, "from 0 to 31, .* holds 99"),
        ({"token_ids": np.array([[3, -1]])}, {}, "holds -1"),
        ({"token_ids": np.array([[3.5]])}, {}, "int"),
        ({"ids": np.array([[3]])}, {}, "'token_ids'"),
        (as_ids([[]]), {}, "at least one token"),
        (as_ids([[3]]), {"stop": "a"}, "received ids"),
    ],
)
def test_bad_input(model, inputs, options, message):
    with pytest.raises(ValueError, match=message):
        model.generate(inputs, **options)


def test_models_without_what_is_asked(model):
    bare = CausalLM(model.backbone)
    with pytest.raises(ValueError, match="without a preprocessor"):
        bare.generate("ab")
    with pytest.raises(ValueError, match="with a preprocessor for texts"):
        bare.score("ab")
    with pytest.raises(ValueError, match="an end token for stop_token_ids='auto'"):
        bare.generate(as_ids([[3]]))
    letters = {BYTE_TO_CHARACTER[byte]: byte for byte in range(30)}
    plain = CausalLMPreprocessor(BytePairTokenizer(letters, ["a b"]), 9)
    with pytest.raises(ValueError, match="at least one token"):
        CausalLM(model.backbone, plain).generate("")
    with pytest.raises(ValueError, match="a backbone that is a DecoderBackbone"):
        CausalLM(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="Expected a tokenizer"):
        CausalLMPreprocessor(None)


def test_scores_of_ids_as_upstream_gives_them(model):
    ids = np.array([[0, 4, 6, 8]], "int32")
    logits = model.score(ids)
    assert_close(logits, scores_of(model, ids[0])[None])
    loss = model.score(ids, scoring_mode="loss", target_ids=np.roll(ids, -1, 1))
    log = np.log(np.exp(to_numpy(logits)).sum(-1))[0]
    expected = log[0] - to_numpy(logits)[0, 0, 4]
    assert_close(to_numpy(loss)[0, 0], expected)
    seen = []

    def intercept(x, layer):
        seen.append(layer)
        return x * 0 if layer == 0 else x

    changed = model.score(ids, layer_intercept_fn=intercept)
    assert seen == [-1, 0, 1]
    assert np.abs(to_numpy(changed) - to_numpy(logits)).max() > 1e-3
    with pytest.raises(ValueError, match="`target_ids` with scoring_mode='loss'"):
        model.score(ids, scoring_mode="loss")


# --- training -------------------------------------------------------------------------


def test_fit_on_texts():
    """The loss is that of the next tokens, padding left out; so is the perplexity."""
    model = make_model(num_layers=1)
    model.compile(weighted_metrics=[Perplexity(from_logits=True)])
    texts = ["ab", "the quick fox"]
    found = model.evaluate(texts, batch_size=2, verbose=0, return_dict=True)
    rows = [[0, *model.preprocessor.tokenizer(text), 1] for text in texts]
    losses = []
    for row in rows:
        scores = scores_of(model, row[:-1]).astype("float64")
        log = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        losses += [-log[place, token] for place, token in enumerate(row[1:])]
    assert_close(found["perplexity"], np.exp(np.mean(losses)), rtol=1e-4)
    before = found["loss"]
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    history = model.fit(texts, batch_size=2, epochs=4, verbose=0).history
    assert history["loss"][-1] < before
