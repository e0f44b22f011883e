"""A token drawn from all."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.serialization import serializable
from keras_nlp.generation.sampling import Sampling, draw_token, keep_best
from keras_nlp.samplers.sampler import Sampler


@serializable(package="kerasnlp")
class RandomSampler(Sampler):
    """Draws each token with its probability.

    How it is called, and what that returns: see `Sampler`.

    Args:
        seed: of the draws; None for another one each time. With a seed a new sampler
            draws the same, and each call of one sampler something else. It is not the
            same on another backend, nor on TensorFlow in a program compiled by XLA.
        **kwargs: `temperature`.

    Raises:
        ValueError: if `seed` is no int, or `temperature` is out of range.

    Example:
        >>> def next(prompt, cache, index):
        ...     return np.zeros((1, 3), "float32"), None, cache
        >>> sampler = keras_nlp.samplers.RandomSampler(seed=0, temperature=0.7)
        >>> sampler(next, np.zeros((1, 8), "int32"), index=1).shape[1]
        8
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def sampling(self) -> Sampling | None:
        return self._sampling() if self._chooses_like(RandomSampler) else None

    def get_next_token(self, probabilities: Any) -> Any:
        probabilities = keras.ops.convert_to_tensor(probabilities)
        rows = keras.ops.shape(probabilities)[:1]
        uniform = keras.random.uniform(rows, dtype="float32", seed=self.seed_generator)
        draws = 1 - uniform  # (0, 1]
        return draw_token(keep_best(probabilities, self._sampling()), draws)

    def _sampling(self) -> Sampling:
        return Sampling(self.temperature)
