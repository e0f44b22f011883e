"""A token drawn from the best that make up a share of the probability."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int, is_finite
from domain_core.serialization import serializable
from keras_nlp.generation.sampling import Sampling
from keras_nlp.samplers.random_sampler import RandomSampler


@serializable(package="kerasnlp")
class TopPSampler(RandomSampler):
    """Draws each token from the likeliest that together have the probability `p`.

    The fewest that have it, and those as likely as the last of them. The default of `p`
    is almost greedy. How it is called, and what that returns: see `Sampler`.

    Args:
        p: share of the probability, in `(0, 1]`.
        k: draw from the `k` likeliest alone, of whose probability `p` is then a share;
            None for all tokens. KerasNLP takes a share of 1 there, too.
        seed: of the draws; see `RandomSampler`.
        **kwargs: `temperature`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Holtzman et al., 2020](https://arxiv.org/abs/1904.09751)

    Example:
        >>> sampler = keras_nlp.samplers.TopPSampler(p=0.4)
        >>> tokens = sampler.get_next_token(np.array([[0.2, 0.5, 0.3]], "float32"))
        >>> keras.ops.convert_to_numpy(tokens).tolist()
        [1]
    """

    def __init__(
        self,
        p: float = 0.1,
        k: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        if not is_finite(p) or not 0 < p <= 1:
            raise ValueError(
                f"Expected `p` to be a share in (0, 1], received {p!r:.80}."
            )
        self.p = float(p)
        self.k = None if k is None else as_positive_int("k", k)

    def _sampling(self) -> Sampling:
        return Sampling(self.temperature, top_k=self.k or 0, top_p=self.p)
