"""The likeliest token."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.serialization import serializable
from keras_nlp.generation.sampling import Sampling
from keras_nlp.samplers.sampler import Sampler


@serializable(package="kerasnlp")
class GreedySampler(Sampler):
    """Chooses the likeliest token, the first of equals.

    How it is called, and what that returns: see `Sampler`.

    Args:
        **kwargs: `temperature`, which changes nothing here.

    Example:
        >>> def next(prompt, cache, index):
        ...     return np.array([[0.1, 0.3, 0.2]], "float32"), None, cache
        >>> sampler = keras_nlp.samplers.GreedySampler()
        >>> filled = sampler(next, np.array([[2, 0, 0]]), index=1)
        >>> keras.ops.convert_to_numpy(filled).tolist()
        [[2, 1, 1]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @property
    def sampling(self) -> Sampling | None:
        return Sampling(temperature=0.0) if self._chooses_like(GreedySampler) else None

    def get_next_token(self, probabilities: Any) -> Any:
        return keras.ops.argmax(probabilities, axis=-1)
