"""Reading and writing texts, with a small T5 and a small BART.

On JAX and TensorFlow the tests of a family share few programs: compiling is what costs.
"""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from domain_core.weights.weight_paths import weight_paths
from keras_nlp import samplers
from keras_nlp.generation.bound_decoder import BoundDecoder
from keras_nlp.layers import SpanCorruption
from keras_nlp.models import (
    BartBackbone,
    BartSeq2SeqLM,
    BartSeq2SeqLMPreprocessor,
    BartTokenizer,
    CausalLM,
    Seq2SeqLM,
    T5Backbone,
    T5Seq2SeqLM,
    T5Seq2SeqLMPreprocessor,
    T5Tokenizer,
)
from keras_nlp.models.smoothed_crossentropy import SmoothedCrossentropy
from keras_nlp.tokenizers import compute_sentence_piece_proto

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 "
ROOM = 18  # of answers
SOURCES = ["ab", "a long one", "x y"]
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def make_t5(layers, options):
    proto = compute_sentence_piece_proto(
        iter([LETTERS]), len(LETTERS) + 4, model_type="char"
    )
    tokenizer = T5Tokenizer(proto, extra_ids=0)
    backbone = T5Backbone(tokenizer.vocabulary_size(), layers, *options)
    return T5Seq2SeqLM(backbone, T5Seq2SeqLMPreprocessor(tokenizer, 12, ROOM))


def make_bart(layers, options):
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS.replace(" ", "Ġ")]
    tokenizer = BartTokenizer({token: i for i, token in enumerate(tokens)}, [])
    backbone = BartBackbone(len(tokens), layers, *options, max_sequence_length=24)
    return BartSeq2SeqLM(backbone, BartSeq2SeqLMPreprocessor(tokenizer, 12, ROOM))


@pytest.fixture(scope="module", params=["t5", "bart"])
def model(request):
    """Its weights are large, so that answers differ, and do not change in tests."""
    if request.param == "t5":
        model, cross = make_t5(2, (2, 16, 24, 12, 0.0)), 0.5
    else:
        model, cross = make_bart(2, (2, 16, 24, 0.0)), 2.0
    draw = np.random.default_rng(0)
    for path, weight in weight_paths(model.backbone).items():
        if len(weight.shape) > 1:
            scale = cross if "cross_attention" in path else 0.5
            weight.assign(draw.normal(0, scale, weight.shape))
    model.compile(optimizer=keras.optimizers.SGD(0.0), sampler="greedy")
    return model


@pytest.fixture(scope="module")
def t5():
    return make_t5(1, (2, 16, 24, None, 0.0))


def inputs_of(model, sources, targets):
    x, y, weights = model.preprocessor(sources, targets)
    return x, y, weights


def log_probabilities(scores, ids):
    scores = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    return np.take_along_axis(scores, ids[..., None], -1)[..., 0]


# --- what comes out -------------------------------------------------------------------


@pytest.mark.backends
def test_greedy_follows_the_full_forward_pass(model):
    """Through caches, for sources of different lengths side by side."""
    found = model.generate(
        model.preprocessor.generate_preprocess(SOURCES), stop_token_ids=None
    )
    ids = found["decoder_token_ids"]
    assert ids.shape == (3, ROOM) and len({row.tobytes() for row in ids}) == 3
    x = model.preprocessor.generate_preprocess(SOURCES)
    x |= {"decoder_token_ids": ids, "decoder_padding_mask": np.ones_like(ids)}
    expected = to_numpy(model(x)).argmax(-1)
    start = len(model.preprocessor.decoder_start_token_ids)
    np.testing.assert_array_equal(ids[:, start:], expected[:, start - 1 : -1])


def test_log_probabilities_are_those_of_the_full_pass(model):
    x = model.preprocessor.generate_preprocess(SOURCES)
    found, logprobs = model.generate(x, stop_token_ids=None, return_logprobs=True)
    ids = found["decoder_token_ids"]
    x |= {"decoder_token_ids": ids, "decoder_padding_mask": np.ones_like(ids)}
    first = len(model.preprocessor.decoder_start_token_ids) - 1
    expected = log_probabilities(to_numpy(model(x))[:, first:-1], ids[:, first + 1 :])
    assert_close(np.stack(logprobs), expected, rtol=1e-5, atol=1e-5)


def test_score(model):
    """Of pairs of other lengths, the end among what is scored."""
    targets = ["ba", "one", "y"]
    found = model.score(SOURCES, targets)
    x, y, weights = inputs_of(model, SOURCES, targets)
    first = len(model.preprocessor.decoder_start_token_ids) - 1
    full = log_probabilities(to_numpy(model(x)), y)
    for row, scores in enumerate(found):
        expected = full[row][weights[row] > 0][first:]
        assert_close(scores, expected, rtol=1e-5, atol=1e-5)
    pair = {"encoder_text": SOURCES[1], "decoder_text": targets[1]}
    assert_close(model.score(pair), found[1], rtol=1e-5, atol=1e-5)


def test_an_answer_is_what_it_is_alone(model):
    together = model.generate(SOURCES, stop_token_ids=None)
    assert [model.generate(s, stop_token_ids=None) for s in SOURCES] == together
    assert len(set(together)) == 3
    several = model.generate(SOURCES, stop_token_ids=None, num_return_sequences=2)
    assert several == [[text, text] for text in together]
    begun = {"encoder_text": SOURCES, "decoder_text": ["q", "zz", "a"]}
    answers = model.generate(begun, stop_token_ids=None)
    pairs = zip(answers, begun["decoder_text"], strict=True)
    assert [a[: len(b)] for a, b in pairs] == begun["decoder_text"]
    rest = model.generate(begun, stop_token_ids=None, strip_prompt=True)
    pairs = zip(begun["decoder_text"], rest, strict=True)
    assert [begin + text for begin, text in pairs] == answers


@pytest.mark.parametrize(
    "name", [pytest.param("beam", marks=pytest.mark.backends), "contrastive"]
)
def test_samplers_of_several_texts(model, name):
    """What a source gives is not moved with its texts."""
    sampler = samplers.BeamSampler(3) if name == "beam" else name
    model.compile(optimizer=keras.optimizers.SGD(0.0), sampler=sampler)
    try:
        together = model.generate(SOURCES, max_length=8)
        assert len(set(together)) == 3
        if keras.config.backend() == "torch":  # others would compile three times more
            assert [model.generate(s, max_length=8) for s in SOURCES] == together
    finally:
        model.compile(optimizer=keras.optimizers.SGD(0.0), sampler="greedy")


@pytest.mark.backends("torch")  # elsewhere a program does
def test_the_encoder_runs_once(model, monkeypatch):
    calls, encode = [], BoundDecoder.encode

    def counted(self, token_ids, padding_mask):
        calls.append(token_ids.shape)
        found = encode(self, token_ids, padding_mask)
        assert len(found["sources"]) == len(self._backbone.blocks)
        return found

    monkeypatch.setattr(BoundDecoder, "encode", counted)
    model.generate(SOURCES, num_return_sequences=4, temperature=1.0, seed=1)
    assert [tuple(shape)[0] for shape in calls] == [3]


def test_padding_changes_nothing(model):
    short, long = ["ab"], ["ab", "a long one"]
    x, _, _ = inputs_of(model, short, ["b"])
    both, _, _ = inputs_of(model, long, ["b", "a long one"])
    real = {k: v[:, :4] for k, v in x.items()}
    expected = to_numpy(model(real))
    assert_close(to_numpy(model(x))[:, :4], expected, rtol=1e-5, atol=1e-5)
    assert_close(to_numpy(model(both))[:1, :4], expected, rtol=1e-5, atol=1e-5)


# --- learning -------------------------------------------------------------------------


def spelled(number):
    if number < 20:
        return _ONES[number]
    ten, one = divmod(number, 10)
    return _TENS[ten] + (f" {_ONES[one]}" if one else "")


@pytest.mark.backends
@pytest.mark.parametrize(
    ("make", "layers", "rate", "options"),
    [
        (make_t5, 2, 5e-3, (2, 32, 64, None, 0.0)),
        (make_bart, 1, 1e-2, (2, 32, 64, 0.0)),
    ],
    ids=["t5", "bart"],
)
def test_it_learns_to_reverse_words_and_to_spell_numbers_out(
    make, layers, rate, options
):
    """The gate: raw strings in, and what it has seen comes out."""
    keras.utils.set_random_seed(0)
    draw = np.random.default_rng(0)
    lengths = draw.integers(2, 5, 120)
    words = ["".join(draw.choice(list("abcdefgh"), length)) for length in lengths]
    sources = [*words, *map(str, range(100))]
    targets = [*(word[::-1] for word in words), *map(spelled, range(100))]
    model, times, batch = make(layers, options), 10, 50  # an epoch has its own price
    steps = 8 * (times * len(sources) // batch)
    decay = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(decay, beta_2=0.98), sampler="greedy")
    model.fit(sources * times, targets * times, batch_size=batch, epochs=8, verbose=0)
    answers = model.generate(sources)
    exact = np.mean([a == b for a, b in zip(answers, targets, strict=True)])
    assert exact >= 0.95


def test_fit_counts_what_is_there(model):
    """Pairs in either form; padding is no part of the loss."""
    targets = ["ba", "one", "y"]
    history = model.fit(SOURCES, targets, verbose=0).history
    x, y, weights = inputs_of(model, SOURCES, targets)
    costs = -log_probabilities(to_numpy(model(x)), y) * weights
    # Keras' mean is over all places, as upstream has it.
    assert history["loss"] == [pytest.approx(costs.mean(), rel=1e-5)]
    pairs = {"encoder_text": SOURCES, "decoder_text": targets}
    assert model.fit(pairs, verbose=0).history["loss"] == [
        pytest.approx(history["loss"][0], rel=1e-5)
    ]
    found = model.evaluate(SOURCES, targets, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(history["loss"][0], rel=1e-5)


def test_fit_on_spans_that_are_left_out():
    """As T5 is trained at first: what `SpanCorruption` gives is a pair."""
    proto = compute_sentence_piece_proto(
        iter([LETTERS]), len(LETTERS) + 4, model_type="char"
    )
    tokenizer = T5Tokenizer(proto, extra_ids=10)
    backbone = T5Backbone(tokenizer.vocabulary_size(), 1, 2, 16, 24, dropout=0.0)
    model = T5Seq2SeqLM(backbone, T5Seq2SeqLMPreprocessor(tokenizer, 24, 12))
    corrupt = SpanCorruption(tokenizer.sentinel_ids, 0.3, seed=1)
    pairs = corrupt(tokenizer(["the quick fox", "jumps", "over the lazy dog"]))
    x, y, weights = model.preprocessor(pairs)
    assert y[0, 0] == tokenizer.sentinel_id(0) and weights.sum() > 12
    history = model.fit(pairs, batch_size=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_smoothed_labels(t5):
    draw = np.random.default_rng(0)
    ids = draw.integers(0, 7, (3, 4))
    scores = draw.normal(size=(3, 4, 7)).astype("float32")
    theirs = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction=None
    )
    found = SmoothedCrossentropy(0.1, reduction=None)(ids, scores)
    assert_close(found, theirs(np.eye(7)[ids], scores), rtol=1e-5, atol=1e-6)
    t5.compile(label_smoothing=0.1)
    assert t5.loss.label_smoothing == 0.1
    again = SmoothedCrossentropy.from_config(t5.loss.get_config())
    assert again.get_config() == t5.loss.get_config()
    with pytest.raises(ValueError, match="loss='auto' for label_smoothing"):
        t5.compile(loss="mse", label_smoothing=0.1)


# --- forms and bad input --------------------------------------------------------------


def test_forms_of_sources(model):
    expected = model.generate(SOURCES)
    assert model.generate(np.array(SOURCES)) == expected
    assert model.generate({"encoder_text": SOURCES}) == expected
    assert model.generate(SOURCES[0]) == expected[0]
    ids = model.preprocessor.generate_preprocess(SOURCES)
    found = model.generate(ids)
    assert set(found) == {"decoder_token_ids", "decoder_padding_mask"}
    assert model.preprocessor.generate_postprocess(found) == expected
    assert model.generate([]) == [] and model.score([], []) == []
    alone = model.generate({key: row[0] for key, row in ids.items()})
    assert model.preprocessor.generate_postprocess(alone) == expected[0]


@pytest.mark.backends("torch")  # elsewhere there are more slots
def test_bytes_of_caches(model):
    found = model.cache_bytes(3, 10, source_length=5)
    blocks, backbone = len(model.backbone.blocks), model.backbone
    heads = backbone.blocks[0].attention.query.units
    assert found == 2 * 3 * (10 + 5) * heads * 4 * blocks


def test_the_ends_that_a_model_forces(t5):
    t5.compile(sampler="greedy")
    size = t5.backbone.token_embedding.input_dim
    t5.backbone.set_generation_config(
        {"forced_bos_token_id": 7, "forced_eos_token_id": 9, "no_repeat_ngram_size": 2}
    )
    try:
        ids = t5.preprocessor.generate_preprocess(SOURCES)
        found = t5.generate(ids, max_length=12, stop_token_ids=None)
        rows = found["decoder_token_ids"]
        assert (rows[:, 1] == 7).all() and (rows[:, 11] == 9).all()
        for row in rows:
            pairs = [tuple(row[i : i + 2]) for i in range(10)]
            assert len(set(pairs)) == len(pairs)
        assert rows.max() < size
        with pytest.raises(ValueError, match="an integer of at least 0"):
            t5.generate(ids, no_repeat_ngram_size=False)
        t5.backbone.set_generation_config({"forced_eos_token_id": size})
        with pytest.raises(ValueError, match=f"ids below {size}"):
            t5.generate(ids)
    finally:
        t5.backbone.set_generation_config(None)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ("a source that is too long", {}, "Expected sources of at most"),
        ({"decoder_text": ["a"]}, {}, "a dict with 'encoder_text'"),
        ({"encoder_text": ["a"], "decoder_text": ["a", "b"]}, {}, "as many targets as"),
        ("a", {"max_length": 1}, "`max_length` above the prompt's"),
        ("a", {"return_cache": True}, "no `cache` and no `return_cache`"),
        (
            {"encoder_token_ids": [[1, 999]], "decoder_token_ids": [[0]]},
            {},
            "Expected ids from 0 to",
        ),
        (
            {"encoder_token_ids": [[1]], "decoder_token_ids": [[0], [0]]},
            {},
            "as many beginnings as sources",
        ),
        ({"encoder_token_ids": [[1]]}, {}, "a dict with 'decoder_token_ids'"),
    ],
)
def test_bad_input(t5, inputs, options, message):
    if isinstance(inputs, dict) and "encoder_token_ids" in inputs:
        inputs = {key: np.array(ids) for key, ids in inputs.items()}
    with pytest.raises(ValueError, match=message):
        t5.generate(inputs, **options)


def test_other_bad_input(t5, model):
    with pytest.raises(ValueError, match="no target"):
        t5.fit(SOURCES)
    with pytest.raises(ValueError, match="as many targets as sources"):
        t5.score(SOURCES, ["a"])
    with pytest.raises(ValueError, match="a target for each source to score"):
        t5.score(SOURCES)
    with pytest.raises(ValueError, match="a backbone that is a Seq2SeqBackbone"):
        Seq2SeqLM(keras.Sequential())
    with pytest.raises(ValueError, match="a backbone that is a DecoderBackbone"):
        CausalLM(t5.backbone)
    plain = Seq2SeqLM(t5.backbone)
    with pytest.raises(ValueError, match="without a preprocessor that tokenizes"):
        plain.generate("a")
    with pytest.raises(ValueError, match="with a preprocessor for texts"):
        plain.score(["a"], ["b"])
    limit = getattr(model.backbone, "max_sequence_length", None)
    if limit is not None:
        ids = np.ones((1, limit + 1), "int32")
        with pytest.raises(ValueError, match=f"sources of at most {limit} tokens"):
            model.generate({"encoder_token_ids": ids, "decoder_token_ids": ids[:, :1]})
