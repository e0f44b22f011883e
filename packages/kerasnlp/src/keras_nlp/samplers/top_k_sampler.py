"""A token drawn from the `k` best."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_nlp.generation.sampling import Sampling
from keras_nlp.samplers.random_sampler import RandomSampler


@serializable(package="kerasnlp")
class TopKSampler(RandomSampler):
    """Draws each token from the `k` likeliest, with their probabilities.

    Tokens as likely as the last of these count as well. How it is called, and what that
    returns: see `Sampler`.

    Args:
        k: number of tokens to draw from, 1 or more; all of a smaller vocabulary.
        seed: of the draws; see `RandomSampler`.
        **kwargs: `temperature`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Fan et al., 2018](https://arxiv.org/abs/1805.04833)

    Example:
        >>> sampler = keras_nlp.samplers.TopKSampler(k=1)
        >>> tokens = sampler.get_next_token(np.array([[0.2, 0.5, 0.3]], "float32"))
        >>> keras.ops.convert_to_numpy(tokens).tolist()
        [1]
    """

    def __init__(self, k: int = 5, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.k = as_positive_int("k", k)

    def _sampling(self) -> Sampling:
        return Sampling(self.temperature, top_k=self.k)
