"""What a GPU repeats without Python, as far as it shows without one."""

import dataclasses
import functools

import keras
import numpy as np
import pytest

from keras_nlp.generation import loops
from keras_nlp.generation.bound_decoder import BoundDecoder
from keras_nlp.generation.constraints import Constraints
from keras_nlp.generation.recorded_step import RecordedStep
from keras_nlp.generation.sampling import Sampling
from keras_nlp.models import GemmaBackbone, MistralBackbone

# CUDA graphs are of torch alone.
pytestmark = pytest.mark.backends("torch")
SIZES = {
    "vocabulary_size": 97,
    "num_layers": 2,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 32,
}


@pytest.fixture(params=["Gemma", "Mistral with a short window"])
def backbone(request):
    keras.utils.set_random_seed(0)
    if request.param == "Gemma":
        return GemmaBackbone(**SIZES, head_dim=4)
    return MistralBackbone(**SIZES, sliding_window=6)


@pytest.mark.parametrize("padding", [[0, 0], [0, 3]], ids=["even", "padded"])
@pytest.mark.parametrize(
    ("sampling", "constraints"),
    [
        (Sampling(temperature=0.0), Constraints()),
        (Sampling(0.8, 9, 0.9, 0.01, 1.3), Constraints()),
        (Sampling(temperature=0.0), Constraints(2, 3, 4, 5)),
    ],
    ids=["greedy", "drawn", "constrained"],
)
def test_recorded_steps_are_the_same_and_ask_nothing_of_the_host(
    backbone, padding, sampling, constraints
):
    from torch.utils._python_dispatch import TorchDispatchMode

    class Operations(TorchDispatchMode):
        """Notes what is computed."""

        def __init__(self):
            super().__init__()
            self.names = set()

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.names.add(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    batch = loops.Batch(
        tokens=np.arange(16, dtype="int32").reshape(2, 8) + 3,
        padding=np.array(padding, "int32"),
        limits=np.array([12, 7], "int32"),
        stop_ids=np.array([5], "int32"),
        draws=np.random.default_rng(0).random((2, 24), "float32"),
        sampling=sampling,
        keeps_log_probabilities=True,
        slots=24,
        first_slots=24,
        constraints=constraints,
    )
    plain = loops.EagerLoop(backbone, batch)
    plain.run(12)

    loop = loops.EagerLoop(backbone, batch, BoundDecoder(backbone))
    *bound, state = loop._step.args  # as on a GPU
    loop._step = RecordedStep(functools.partial(loop._step.func, *bound), state)
    with Operations() as operations:
        loop.run(1)
    loop.run(11)

    # A number from the host, and one to it.
    assert not operations.names & {"lift_fresh", "_local_scalar_dense"}
    for name, value in dataclasses.asdict(plain.fetch()).items():
        np.testing.assert_allclose(
            getattr(loop.fetch(), name), value, rtol=1e-5, atol=1e-6, err_msg=name
        )
    assert loop.keep().filled == plain.keep().filled
