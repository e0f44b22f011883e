"""The likeliest text, by a search that keeps several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_nlp.samplers.loop import Loop, repeat_rows, take_rows
from keras_nlp.samplers.sampler import Sampler


@serializable(package="kerasnlp")
class BeamSampler(Sampler):
    """Keeps the `num_beams` best texts at each step, and returns the best of all.

    The score of a text is the mean log-probability of the tokens chosen, a stop token
    among them. One with a stop token has ended: its score stays, 0 follows, and it
    competes on with those that grow. The search is over when all of all rows have
    ended, or there is no more room. (In KerasNLP texts grow beyond their stop token,
    and scores are sums, which are higher the shorter a text is.)

    How it is called: see `Sampler`. `next` gets `B * num_beams` rows.

    Returns of a call: the best texts, int `(B, L)`; or with `return_all_beams` texts
    `(B, num_beams, L)` and scores, float32 `(B, num_beams)`, the best first. Where
    there are fewer texts than beams, the score is -inf and the text means nothing.

    Args:
        num_beams: number of texts to keep, 1 or more.
        return_all_beams: whether to return all of them, and their scores.
        **kwargs: `temperature`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> def next(prompt, cache, index):
        ...     return np.log(np.array([[0.2, 0.7, 0.1]] * 2)), None, cache
        >>> sampler = keras_nlp.samplers.BeamSampler(2, return_all_beams=True)
        >>> texts, scores = sampler(next, np.array([[2, 0, 0]]), index=1)
        >>> keras.ops.convert_to_numpy(texts).tolist()
        [[[2, 1, 1], [2, 0, 1]]]
    """

    def __init__(
        self, num_beams: int = 5, return_all_beams: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_beams = as_positive_int("num_beams", num_beams)
        self.return_all_beams = return_all_beams

    def __call__(
        self,
        next: Callable[..., Any],
        prompt: Any,
        cache: Any = None,
        index: Any = 0,
        mask: Any = None,
        stop_token_ids: Any = None,
        hidden_states: Any = None,
        model: Any = None,
    ) -> Any:
        loop = Loop(next, prompt, cache, index, mask, stop_token_ids)
        beams = self.num_beams  # K

        def goes_on(
            prompt: Any, cache: Any, index: Any, sums: Any, counts: Any, ended: Any
        ) -> Any:
            return loop.goes_on(index, ended)

        def body(
            prompt: Any, cache: Any, index: Any, sums: Any, counts: Any, ended: Any
        ) -> Any:
            logits, _, cache = loop.next(prompt, cache, index)  # (B * K, V)
            vocabulary_size = logits.shape[-1]
            scores = keras.ops.log_softmax(logits / self.temperature, axis=-1)
            scores = keras.ops.reshape(scores, (-1, beams, vocabulary_size))

            # Where nothing is chosen, one token goes on, for free.
            tokens, is_given = loop.given(index)
            tokens = keras.ops.where(is_given, tokens, 0)[:, None, None]
            fixed = ended | is_given[:, None]  # (B, K)
            ids = keras.ops.arange(vocabulary_size, dtype=tokens.dtype)
            for_free = keras.ops.where(ids == tokens, 0.0, float("-inf"))  # (B, 1, V)
            scores = keras.ops.where(fixed[..., None], for_free, scores)

            sums = sums[..., None] + scores  # (B, K, V)
            counts = counts + keras.ops.cast(~fixed, "float32")
            means = _mean(sums, counts[..., None])
            sums, means = (
                keras.ops.reshape(values, (-1, beams * vocabulary_size))
                for values in (sums, means)
            )
            _, places = keras.ops.top_k(means, beams)  # (B, K)
            parents = places // vocabulary_size
            chosen = keras.ops.cast(places % vocabulary_size, prompt.dtype)

            def of_parents(values: Any) -> Any:
                return keras.ops.take_along_axis(values, parents, axis=1)

            sums = keras.ops.take_along_axis(sums, places, axis=1)
            stops = loop.stops(chosen) & ~of_parents(fixed)
            # A text that can't be is not waited for.
            ended = of_parents(ended) | stops | (sums == float("-inf"))

            batch = keras.ops.shape(parents)[0]
            first = keras.ops.arange(batch, dtype=parents.dtype) * beams
            rows = keras.ops.reshape(first[:, None] + parents, (-1,))  # (B * K,)
            prompt, cache = take_rows((prompt, cache), rows)
            chosen = keras.ops.reshape(chosen, (-1, 1))
            prompt = ops.write_rows(prompt, chosen, index)
            return prompt, cache, index + 1, sums, of_parents(counts), ended

        is_first = keras.ops.arange(beams) == 0  # all others would be the same text
        ended = loop.done[:, None] | ~is_first  # (B, K)
        sums = keras.ops.where(is_first, 0.0, float("-inf"))
        sums = sums + keras.ops.zeros_like(ended, dtype="float32")
        counts = keras.ops.zeros_like(sums)
        prompt, cache = repeat_rows((loop.prompt, loop.cache), beams)
        prompt, _, index, sums, counts, _ = keras.ops.while_loop(
            goes_on, body, (prompt, cache, loop.index, sums, counts, ended)
        )
        unused = (loop.positions >= index) & ~repeat_rows(loop.mask, beams)
        prompt = keras.ops.where(unused, 0, prompt)
        prompt = keras.ops.reshape(prompt, (-1, beams, keras.ops.shape(prompt)[-1]))
        if self.return_all_beams:
            return prompt, _mean(sums, counts)
        return prompt[:, 0]


def _mean(sums: Any, counts: Any) -> Any:
    return sums / keras.ops.maximum(counts, 1.0)
