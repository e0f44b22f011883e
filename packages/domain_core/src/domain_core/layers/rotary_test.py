import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.layers import Rotary, RotaryEmbedding
from domain_core.serialization import from_json, to_json
from domain_core.testing import assert_close, reference, to_numpy

SCALINGS = {
    "default": {"rope_type": "default"},
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic": {
        "rope_type": "dynamic",
        "factor": 2.0,
        "original_max_position_embeddings": 32,
    },
    "yarn": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 32,
        "beta_fast": 16.0,
    },
    "yarn of DeepSeek": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 32,
        "mscale": 1.0,
        "mscale_all_dim": 0.7,
        "truncate": False,
    },
    "longrope": {
        "rope_type": "longrope",
        "factor": 4.0,
        "original_max_position_embeddings": 32,
        "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
        "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    },
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    },
}


def tables_of_transformers(folder, *, scalings, lengths):
    import torch
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    found = {}
    for name, scaling in scalings.items():
        config = LlamaConfig(
            hidden_size=32,
            num_attention_heads=2,
            max_position_embeddings=32 if name == "dynamic" else 128,
            rope_parameters={**scaling, "rope_theta": 5000.0},
        )
        layer = LlamaRotaryEmbedding(config)
        for length in lengths:
            positions = torch.arange(length)[None]
            cos, sin = layer(torch.zeros(1), positions)
            found[f"{name} {length}"] = torch.stack((cos, sin)).numpy()
    return found


def test_tables_are_those_of_transformers():
    """For texts within the original length, and for longer ones."""
    check_tables(SCALINGS, (20, 32, 33, 100))


@pytest.mark.backends("jax", "tensorflow")
def test_tables_that_depend_on_the_length():
    check_tables({name: SCALINGS[name] for name in ("dynamic", "longrope")}, (33,))


def check_tables(scalings, lengths):
    expected = reference(
        "transformers", tables_of_transformers, scalings=scalings, lengths=lengths
    ).arrays
    for name, scaling in scalings.items():
        rotary = Rotary(16, 5000.0, scaling)
        for length in lengths:
            positions = np.arange(length, dtype="int32")[None]
            tables = rotary.tables(positions, np.array([[length]]), "float32")
            cos, sin = (to_numpy(table)[:, :, 0] for table in tables)
            sin[..., :8] *= -1
            answer = expected[f"{name} {length}"]
            # Angles of up to 100 radians, in float32.
            assert_close(np.stack((cos, sin)), answer, rtol=0, atol=2e-5)


@pytest.mark.backends
def test_positions_in_bfloat16():
    """8190 and 8191 are no numbers of bfloat16; their angles are told apart."""
    positions = np.array([[8190, 8191, 8192]], "int32")
    cos, _ = Rotary(4).tables(positions, np.array([[8193]]), "bfloat16")
    expected = np.cos(positions[0].astype("float64"))
    assert_close(to_numpy(cos)[0, :, 0, 0].astype("float32"), expected, 1e-2, 1e-2)


def test_only_a_share_is_turned():
    rotary = Rotary(16, share=0.5)
    assert rotary.width == 8
    cos, _ = rotary.tables(np.array([[3]]), np.array([[4]]), "float32")
    assert cos.shape == (1, 1, 1, 8)


def test_each_row_has_its_own_length():
    rotary = Rotary(16, 5000.0, SCALINGS["longrope"])
    positions = np.array([[5], [5]], "int32")
    cos, _ = rotary.tables(positions, np.array([[32], [33]]), "float32")
    short, long = to_numpy(cos)[:, 0, 0]
    assert not np.allclose(short, long)
    alone, _ = rotary.tables(positions[1:], np.array([[33]]), "float32")
    assert_close(to_numpy(alone)[0, 0, 0], long)


def test_when_what_is_cached_is_of_no_use():
    fixed, long, dynamic = (
        Rotary(16, scaling=SCALINGS[name]) for name in ("llama3", "longrope", "dynamic")
    )
    assert fixed.changes_at(1000) is None
    # A text of 33 tokens is the first of the other kind.
    assert [long.changes_at(length) for length in (1, 32, 33)] == [32, 1, None]
    assert [dynamic.changes_at(length) for length in (32, 33, 34)] == [1, 1, 1]


def test_config_round_trip():
    rotary = Rotary(16, 5000.0, SCALINGS["yarn"], share=0.5)
    again = from_json(to_json(rotary))
    assert again.get_config() == rotary.get_config()
    assert again.get_config()["scaling"] == SCALINGS["yarn"]


def test_the_layer_of_upstream_turns_alike():
    query = np.random.default_rng(0).normal(size=(1, 9, 2, 16)).astype("float32")
    layer = RotaryEmbedding(5000.0, 4.0)
    positions = np.arange(9, dtype="int32")[None]
    tables = Rotary(16, 5000.0, SCALINGS["linear"]).tables(
        positions, np.array([[9]]), "float32"
    )
    received = ops.rotate(keras.ops.convert_to_tensor(query), *tables)
    assert_close(received, to_numpy(layer(query)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head_dim": 3}, "even number of features"),
        ({"head_dim": 8, "share": 0.1}, "even number"),
        ({"head_dim": 8, "scaling": {"rope_type": "ntk"}}, "received 'ntk'"),
        ({"head_dim": 8, "scaling": {"factor": 2.0}}, "received None"),
        ({"head_dim": 8, "scaling": {"rope_type": "linear"}}, r"missing: \['factor'\]"),
        (
            {"head_dim": 8, "scaling": {**SCALINGS["linear"], "beta_fast": 1}},
            r"unknown: \['beta_fast'\]",
        ),
        ({"head_dim": 8, "scaling": SCALINGS["longrope"]}, "Expected 4 numbers"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Rotary(**arguments)
