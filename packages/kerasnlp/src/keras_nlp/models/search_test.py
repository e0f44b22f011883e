"""Beams and constraints beside `transformers`, on one random GPT-2."""

import numpy as np
import pytest

from domain_core.testing import assert_close, reference
from keras_nlp.generation.constraints import Constraints
from keras_nlp.generation.engine import Request
from keras_nlp.generation.sampling import Sampling
from keras_nlp.models import CausalLM
from keras_nlp.samplers import BeamSampler

END, ROOM = 15, 12
PROMPTS = [[3, 7, 1, 9, 2], [5], [11, 0, 8]]
BEAMS = {"num_beams": 4, "num_return_sequences": 3}
SETTINGS = {
    "all at once": {
        **BEAMS,
        "length_penalty": 0.6,
        "no_repeat_ngram_size": 2,
        "min_new_tokens": 3,
    },
    "greedy": {"no_repeat_ngram_size": 2, "min_new_tokens": 5},
    "defaults": BEAMS,
    "early": {**BEAMS, "early_stopping": True, "length_penalty": 2.0},
    "never": {**BEAMS, "early_stopping": "never", "length_penalty": 2.0},
    "short ones are better": {**BEAMS, "length_penalty": -1.0},
    "sums": {**BEAMS, "length_penalty": 0.0, "min_new_tokens": 4},
    "two ends": {**BEAMS, "eos_token_id": [END, 6], "early_stopping": True},
    # Of one length: `transformers` takes padding for tokens here.
    "no token twice": {**BEAMS, "prompts": [[5], [2]], "no_repeat_ngram_size": 1},
    "no three twice": {**BEAMS, "no_repeat_ngram_size": 3, "length_penalty": 3.0},
    "an end at last": {**BEAMS, "forced_eos_token_id": END, "length_penalty": 3.0},
    "from the first on": {
        **{**BEAMS, "prompts": [[5], [2]], "no_repeat_ngram_size": 2},
        **{"forced_bos_token_id": 4, "forced_eos_token_id": END},
    },
    "greedy from the first on": {
        **{"prompts": [[5], [2]], "max_new_tokens": 4, "min_new_tokens": 4},
        **{"forced_bos_token_id": 4, "forced_eos_token_id": END},
    },
}
# Each is a program more; what is applied at a step is the same in both.
ON = {"all at once": ("torch", "jax", "tensorflow"), "greedy": ("torch", "jax")}


def generated(folder, *, settings, prompts, end, room):
    """Returns texts and scores of each setting; writes the model."""
    import numpy as np
    import torch
    import transformers

    torch.manual_seed(13)
    ends = {f"{name}_token_id": end for name in ("bos", "eos", "pad")}
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    config = transformers.GPT2Config(vocab_size=end + 1, **sizes, **ends)
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight) * 0.35)
        model.transformer.wte.weight.mul_(1.5)
    model.save_pretrained(folder)
    arrays = {}
    for name, options in settings.items():
        options = {"max_new_tokens": room, **options}
        rows = options.pop("prompts", prompts)
        width = max(map(len, rows))
        ids = torch.tensor([[end] * (width - len(row)) + row for row in rows])
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        answer = model.generate(
            ids,
            attention_mask=torch.tensor(mask),
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        )
        arrays[f"{name}/texts"] = answer.sequences[:, width:].numpy()
        if "num_beams" in options:
            arrays[f"{name}/scores"] = answer.sequences_scores.numpy()
    return {name: np.asarray(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def theirs():
    return reference(
        "transformers",
        generated,
        settings=SETTINGS,
        prompts=PROMPTS,
        end=END,
        room=ROOM,
    )


@pytest.fixture(scope="module")
def model(theirs):
    return CausalLM.from_preset(theirs.folder, preprocessor=None)


def until_end(ids, ends):
    ids = ids.tolist()
    return ids[: min((ids.index(end) + 1 for end in ends if end in ids), default=99)]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.backends(*ON.get(name, ("torch",))))
        for name in SETTINGS
    ],
)
def test_texts_and_scores_are_those_of_transformers(theirs, model, name):
    options = {"max_new_tokens": ROOM, "eos_token_id": END, **SETTINGS[name]}
    ends = np.atleast_1d(options["eos_token_id"]).tolist()
    constraints = Constraints(
        options.get("no_repeat_ngram_size", 0),
        options.get("min_new_tokens", 0),
        options.get("forced_bos_token_id"),
        options.get("forced_eos_token_id"),
    )
    times, sampler = options.get("num_return_sequences", 1), None
    if times > 1:
        said = {key: options.get(key) for key in ("length_penalty", "early_stopping")}
        said = {key: value for key, value in said.items() if value is not None}
        sampler = BeamSampler(options["num_beams"], **said)
    prompts = options.get("prompts", PROMPTS)
    rows = [np.array(prompt) for prompt in prompts for _ in range(times)]
    request = Request(
        rows,
        [options["max_new_tokens"]] * len(rows),
        ends,
        Sampling(temperature=0.0),
        sampler,
        keeps_log_probabilities=name not in ON,  # that is another program
        constraints=constraints,
        repeats=times,
    )
    new, log_probabilities, _ = model.engine.generate(request)
    expected = [until_end(ids, ends) for ids in theirs.arrays[f"{name}/texts"]]
    assert [ids.tolist() for ids in new] == expected
    if not request.keeps_log_probabilities or sampler is None:
        return
    # What is forced costs nothing.
    is_paid = np.ones(options["max_new_tokens"])
    is_paid[:1] = constraints.forced_first_token_id is None
    is_paid[-1:] = constraints.forced_last_token_id is None
    scores = [
        (row * is_paid[: len(row)]).sum() / len(row) ** sampler.length_penalty
        for row in log_probabilities
    ]
    assert_close(scores, theirs.arrays[f"{name}/scores"], rtol=1e-5, atol=1e-5)


def test_the_settings_are_told_apart(theirs):
    """Else the test above would show little."""
    texts = {
        name: [
            until_end(ids, (END, 6) if name == "two ends" else (END,)) for ids in rows
        ]
        for key, rows in theirs.arrays.items()
        for name, kind in [key.split("/")]
        if kind == "texts"
    }
    assert len({str(rows) for rows in texts.values()}) == len(SETTINGS)
    lengths = {len(row) for rows in texts.values() for row in rows}
    assert len(lengths) > 9


def test_as_it_is_asked_for(theirs):
    """Through `generate`: the best of the beams, each once."""
    model = CausalLM.from_preset(theirs.folder, preprocessor=None)
    model.compile(sampler=BeamSampler(4, length_penalty=0.6))
    width = max(map(len, PROMPTS))
    ids, mask = np.zeros((2, len(PROMPTS), width), "int32")
    for row, prompt in enumerate(PROMPTS):
        ids[row, : len(prompt)] = prompt
        mask[row, : len(prompt)] = 1
    options = {
        **{"max_new_tokens": ROOM, "stop_token_ids": [END], "strip_prompt": True},
        **{"no_repeat_ngram_size": 2, "min_new_tokens": 3},
    }
    inputs = {"token_ids": ids, "padding_mask": mask}
    expected = [until_end(x, (END,)) for x in theirs.arrays["all at once/texts"]]
    for times, rows in ((3, expected), (None, expected[::3])):
        answer = model.generate(inputs, num_return_sequences=times, **options)
        pairs = zip(answer["token_ids"], answer["padding_mask"], strict=True)
        assert [ids[mask > 0].tolist() for ids, mask in pairs] == rows
    with pytest.raises(ValueError, match="of at most the number of beams, 4, received"):
        model.generate(inputs, num_return_sequences=5, **options)
