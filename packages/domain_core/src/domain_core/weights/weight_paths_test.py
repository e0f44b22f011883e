import keras
import pytest

from domain_core.weights.weight_paths import weight_paths


def model(build, **attributes):
    inputs = keras.Input((4,))
    made = keras.Model(inputs, build(inputs))
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def test_attributes_lists_and_nested_layers():
    first, second = keras.layers.Dense(3), keras.layers.Dense(2)
    paths = weight_paths(model(lambda x: second(first(x)), parts=[first], head=second))
    assert sorted(paths) == [
        "head.bias",
        "head.kernel",
        "parts.0.bias",
        "parts.0.kernel",
    ]
    assert paths["head.kernel"] is second.kernel


def test_a_shared_layer_counts_once():
    layer = keras.layers.Dense(4)
    paths = weight_paths(model(lambda x: layer(layer(x)), b=layer, a=layer))
    assert sorted(paths) == ["a.bias", "a.kernel"]


def test_a_name_serves_where_no_attribute_does():
    layer = keras.layers.Dense(2, name="scores")
    assert sorted(weight_paths(model(layer))) == ["scores.bias", "scores.kernel"]


def test_automatic_names_are_refused():
    with pytest.raises(ValueError, match="Assign their layers to attributes"):
        weight_paths(model(keras.layers.Dense(2)))


def test_seeds_and_private_parts():
    attention = keras.layers.MultiHeadAttention(2, 2, dropout=0.1)
    inputs = keras.Input((3, 4))
    made = keras.Model(inputs, attention(inputs, inputs))
    made.attention = attention
    assert sorted(weight_paths(made)) == sorted(
        f"attention.{part}_dense.{weight}"
        for part in ("query", "key", "value", "output")
        for weight in ("kernel", "bias")
    )


def test_excluded_parts():
    body, head = keras.layers.Dense(3), keras.layers.Dense(2)
    made = model(lambda x: head(body(x)), body=body, head=head)
    assert sorted(weight_paths(made, exclude=body)) == ["head.bias", "head.kernel"]
