import threading

import keras
import pytest

from domain_core.preset_errors import PresetUnsafeError
from domain_core.serialization import config_value
from domain_core.weights.allocation_budget import allocation_budget, parameter_budget
from domain_core.weights.initialization import initializer, without_initialization

HUGE = 10**12  # columns that no machine holds


def build(columns, **arguments):
    layer = keras.layers.Dense(columns, **arguments)
    layer.build((None, 3))
    return layer


@pytest.mark.parametrize(
    "arguments",
    [{}, {"kernel_initializer": "uniform"}, {"kernel_initializer": "Zeros"}],
)
def test_what_the_file_does_not_hold_is_not_made(arguments):
    with allocation_budget([(3, 4)], "mine"):
        build(4, **arguments)
        with pytest.raises(PresetUnsafeError, match="'mine' to describe"):
            build(HUGE, **arguments)


def test_weights_that_start_from_zeros_count():
    drawn = keras.initializers.HeNormal()
    with without_initialization(), allocation_budget([(3, 4)], "mine"):
        with pytest.raises(PresetUnsafeError):
            build(HUGE, kernel_initializer=initializer(drawn))


def test_initializers_that_are_objects_count():
    drawn = keras.initializers.HeNormal(seed=3)
    with parameter_budget(0, None, "mine"):
        kept = build(4, kernel_initializer=initializer(drawn))
        with pytest.raises(PresetUnsafeError, match="max_parameters"):
            build(HUGE, kernel_initializer=initializer(drawn))
    assert config_value(kept.kernel_initializer) == config_value(drawn)
    assert type(initializer(drawn)) is type(drawn)


def test_a_config_without_weights_has_a_limit_of_layers():
    with parameter_budget(0, None, "mine"):
        build(4)
        with pytest.raises(PresetUnsafeError, match="in 512 weights"):
            for _ in range(1000):
                initializer(keras.initializers.HeNormal())((2, 2))
    with parameter_budget(2**20, None, "mine"):
        for _ in range(1000):
            initializer(keras.initializers.HeNormal())((2, 2))


def test_layers_that_are_never_built_count():
    with allocation_budget([(3, 4)], "mine"), pytest.raises(PresetUnsafeError):
        for _ in range(1000):
            keras.layers.Dense(4)


def test_other_threads_are_not_limited():
    layers = []
    with allocation_budget([(3, 4)], "mine"):
        thread = threading.Thread(target=lambda: layers.append(build(2**19)))
        thread.start()
        thread.join()
    assert layers[0].kernel.shape == (3, 2**19)
    build(2**19)  # and this one no longer


def test_a_budget_inside_another():
    with allocation_budget([(3, 2**19)], "outer"):
        with allocation_budget([(3, 4)], "inner"):
            with pytest.raises(PresetUnsafeError, match="inner"):
                build(2**19)
        build(2**19)


def test_configs_stay_as_they_were():
    with allocation_budget([(3, 4)], "mine"):
        counting = build(4).kernel_initializer
    config = config_value(counting)
    assert config == config_value(keras.initializers.GlorotUniform())
    assert type(keras.initializers.get(config)) is keras.initializers.GlorotUniform
    assert counting((3, 4)).shape == (3, 4)  # as ever, without a budget


def test_objects_of_a_scope_around_are_known():
    with keras.saving.custom_object_scope({"mine": keras.initializers.Ones}):
        with allocation_budget([(3, 4)], "mine"):
            assert build(4, kernel_initializer="mine").kernel.shape == (3, 4)
