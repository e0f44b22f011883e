"""What configs of Hugging Face's and KerasHub's say, and which are refused."""

import json

import keras
import numpy as np
import pytest

import keras_nlp
from domain_core.testing import assert_close, byte_fallback_model, to_numpy

models = keras_nlp.models
SIZES = {
    "vocab_size": 400,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
LLAMA_3 = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
LONG = {"short_factor": [1.0, 1.5], "long_factor": [2.0, 4.0]}


def read(folder, model_type, **config):
    """Returns the backbone that a config alone describes."""
    text = json.dumps({"model_type": model_type, **SIZES, **config})
    (folder / "config.json").write_text(text)
    return models.Backbone.from_preset(folder, load_weights=False)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (10000.0, None, 1.0)),
        ({"rope_theta": 5e5, "rope_scaling": None}, (5e5, None, 1.0)),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, (10000.0, None, 2.0)),
        (
            {"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}},
            (1e6, None, 1.0),
        ),
        (
            {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", **LLAMA_3}},
            (5e5, {"rope_type": "llama3", **LLAMA_3}, 1.0),
        ),
        (
            # Both names of the type; the length is that of the model.
            {"rope_scaling": {"type": "yarn", "rope_type": "yarn", "factor": 4.0}},
            (
                10000.0,
                {
                    "rope_type": "yarn",
                    "factor": 4.0,
                    "original_max_position_embeddings": 64,
                },
                1.0,
            ),
        ),
    ],
)
def test_rotary_positions_of_all_versions(tmp_path, config, expected):
    backbone = read(tmp_path, "llama", **config)
    found = [
        backbone.get_config()[f"rope_{name}"]
        for name in ("max_wavelength", "scaling", "scaling_factor")
    ]
    assert tuple(found) == expected
    assert backbone.num_key_value_heads == 4
    assert backbone.max_sequence_length == 64


@pytest.mark.parametrize("name", ["su", "yarn", "longrope"])
def test_scalings_of_phi_3(tmp_path, name):
    backbone = read(
        tmp_path,
        "phi3",
        original_max_position_embeddings=16,
        rope_scaling={"type": name, **LONG},
    )
    assert backbone.rope_scaling_type == "su"
    assert list(backbone.rope_scaling_long_factor) == LONG["long_factor"]
    assert backbone.pretraining_sequence_length == 16
    assert backbone.get_config()["rope_scaling"] is None


@pytest.mark.parametrize(
    ("model_type", "config", "message"),
    [
        ("llama", {"hidden_act": "tanh"}, "'hidden_act'"),
        ("llama", {"attention_dropout": 0.1}, "'attention_dropout'"),
        ("llama", {"partial_rotary_factor": 0.5}, "'partial_rotary_factor'"),
        ("llama", {"quantization_config": {"bits": 4}}, "'quantization_config'"),
        ("llama", {"tie_word_embeddings": "yes"}, "'tie_word_embeddings'"),
        ("llama", {"rope_scaling": {"type": "ntk", "factor": 2.0}}, "'ntk'"),
        ("llama", {"rope_scaling": {"type": "linear"}}, "missing: .*factor"),
        (
            "qwen2",
            {"rope_scaling": {"type": "default", "mrope_section": [1, 1]}},
            "mrope_section",
        ),
        (
            "qwen3",
            {"layer_types": ["sliding_attention", "full_attention"]},
            "'layer_types'",
        ),
        ("phi3", {"resid_pdrop": 0.1}, "'resid_pdrop'"),
        ("phi3", {"lm_head_bias": True}, "'lm_head_bias'"),
        ("mistral", {"sliding_window": 0}, "window"),
        ("llama4", {}, "received 'llama4'"),
        ("qwen2_moe", {}, "received 'qwen2_moe'"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(
    tmp_path, model_type, config, message
):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, model_type, **config)


def test_unknown_keys_are_told(tmp_path):
    with pytest.warns(UserWarning, match="new_trick"):
        read(tmp_path, "llama", new_trick=True)


def test_windows_of_qwen(tmp_path):
    kinds = ["full_attention", "sliding_attention"]
    window = {"sliding_window": 5, "max_window_layers": 1, "layer_types": kinds}
    backbone = read(tmp_path, "qwen2", use_sliding_window=True, **window)
    assert [block.attention.is_local for block in backbone.blocks] == [False, True]
    assert backbone.context.window == 5
    backbone = read(tmp_path, "qwen2", sliding_window=None, max_window_layers=1)
    assert backbone.context.window is None


def test_which_llama_a_folder_holds(tmp_path):
    assert type(read(tmp_path, "llama")) is models.LlamaBackbone
    scaling = {"rope_type": "llama3", **LLAMA_3}
    third = read(tmp_path, "llama", rope_scaling=scaling)
    assert type(third) is models.Llama3Backbone
    model = {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    assert type(read(tmp_path, "llama")) is models.Llama3Backbone
    model["byte_fallback"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    assert type(read(tmp_path, "llama")) is models.LlamaBackbone
    (tmp_path / "tokenizer.model").write_bytes(byte_fallback_model())
    second = read(tmp_path, "llama", rope_scaling=scaling)
    assert type(second) is models.LlamaBackbone


@pytest.fixture(scope="module")
def untied():
    return models.LlamaBackbone(400, 1, 2, 8, 12, 2)


def test_a_model_without_output_gives_features(untied, tmp_path):
    from safetensors.numpy import load_file, save_file

    untied.export_to_transformers(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["lm_head.weight"]
    # As a `LlamaModel` is saved.
    tensors = {name.removeprefix("model."): value for name, value in tensors.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.warns(UserWarning, match=r"'lm_head.weight'.*mean nothing"):
        backbone = models.LlamaBackbone.from_preset(tmp_path)
    assert backbone.tie_word_embeddings
    assert len(backbone.weights) == len(untied.weights) - 1


def test_a_backbone_is_exported_with_its_output(untied, tmp_path):
    untied.export_to_transformers(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    again = models.CausalLM.from_preset(tmp_path, preprocessor=None)
    assert not again.backbone.tie_word_embeddings


def test_what_has_no_place_is_not_exported(tmp_path):
    backbone = models.LlamaBackbone(400, 1, 2, 8, 12, 2, dropout=0.1)
    with pytest.raises(ValueError, match=r"dropout=0\.1 comes back as 0"):
        backbone.export_to_transformers(tmp_path)
    linear = {"rope_type": "linear", "factor": 2.0}
    backbone = models.LlamaBackbone(400, 1, 2, 8, 12, 2, rope_scaling=linear)
    with pytest.raises(ValueError, match="rope_scaling_factor=1.0 comes back as 2.0"):
        backbone.export_to_transformers(tmp_path)
    with pytest.raises(ValueError, match="'head_dim'"):
        wide = models.LlamaBackbone(400, 1, 2, 8, 12, 2, head_dim=6)
        wide.save_to_preset(tmp_path / "hub", layout="keras")


def test_one_scaling_is_enough():
    with pytest.raises(ValueError, match="either `rope_scaling` or"):
        models.LlamaBackbone(
            *(400, 1, 2, 8, 12, 2),
            rope_scaling_factor=2.0,
            rope_scaling={"rope_type": "llama3", **LLAMA_3},
        )


def test_what_kerasnlp_calls_the_factor(untied, tmp_path):
    untied.save_to_preset(tmp_path, layout="keras")
    file = tmp_path / "config.json"
    content = json.loads(file.read_text())
    content["registered_name"] = "keras_nlp>LlamaBackbone"
    # As version 0.15 wrote it.
    kept = {k: v for k, v in content["config"].items() if not k.startswith("rope_")}
    del kept["tie_word_embeddings"]
    rope = {"rope_max_wavelength": 500.0, "rope_scaling_factor": 2.0}
    file.write_text(json.dumps({**content, "config": {**kept, **rope}}))
    backbone = models.LlamaBackbone.from_preset(tmp_path)
    assert (backbone.rope_max_wavelength, backbone.rope_scaling_factor) == (500.0, 2.0)
    assert not backbone.tie_word_embeddings


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_type": "dynamic", "factor": 4.0},
        {"rope_type": "longrope", "factor": 4.0, **LONG},
    ],
)
def test_texts_that_grow_beyond_where_angles_change(scaling):
    """What was kept of earlier tokens is made anew: each token is that of a pass."""
    keras.utils.set_random_seed(0)
    scaling["original_max_position_embeddings"] = 8
    task = models.LlamaCausalLM(
        models.LlamaBackbone(50, 2, 4, 16, 24, 2, rope_scaling=scaling)
    )
    for weight in task.backbone.weights:
        weight.assign(keras.random.normal(weight.shape, stddev=0.3))
    task.compile(sampler="greedy")
    # One is beyond already, one arrives there.
    rows = [[7, 3, 9, 4, 1, 2, 8, 6, 5, 11], [5, 12, 13, 6, 21]]
    prompts = {"token_ids": np.zeros((2, 18), "int32")}
    prompts["padding_mask"] = np.zeros_like(prompts["token_ids"])
    for place, row in enumerate(rows):
        prompts["token_ids"][place, : len(row)] = row
        prompts["padding_mask"][place, : len(row)] = 1
    answers, scores = task.generate(
        prompts, max_new_tokens=8, stop_token_ids=None, return_logprobs=True
    )
    for place, row in enumerate(rows):
        for step in range(8):
            ids, mask = np.zeros((2, 1, 18), "int32")
            ids[0, : len(row)], mask[0, : len(row)] = row, 1
            inputs = {"token_ids": ids, "padding_mask": mask}
            logits = to_numpy(task.predict_on_batch(inputs))[0, len(row) - 1]
            row = [*row, int(logits.argmax())]
            assert answers["token_ids"][place][len(row) - 1] == row[-1]
            chances = np.exp(logits) / np.exp(logits).sum()
            assert_close(scores[place][step], np.log(chances[row[-1]]))
