"""The likeliest text, by a search that keeps several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_finite, as_positive_int, check_choices
from domain_core.serialization import serializable
from keras_nlp.samplers.loop import Loop, repeat_rows, take_rows
from keras_nlp.samplers.sampler import Sampler


@serializable(package="kerasnlp")
class BeamSampler(Sampler):
    """Keeps the `num_beams` best texts at each step, and returns the best of all.

    Two sets are kept for each row: `num_beams` texts that go on, and the `num_beams`
    best that have ended. At each step all that may follow the texts that go on is
    ranked by the sum of the log-probabilities of the tokens chosen. What has a stop
    token ends if it is among the first `num_beams`, and is dropped if it is not; the
    `num_beams` best of the others go on. The score of a text that has ended is
    `sum / tokens ** length_penalty`, where the tokens chosen count, the stop token
    among them. In the last place all of the first `num_beams` end as they are.

    A row is done as `early_stopping` says: then its texts stay what they are, whatever
    other rows do. (So searches `transformers`. In KerasNLP there is one set, texts
    grow beyond their stop token, and scores are sums.)

    How it is called: see `Sampler`. `next` gets `B * num_beams` rows. Tokens that are
    given are a part of all texts and cost nothing.

    Returns of a call: the best texts, int `(B, L)`, 0 behind their ends; or with
    `return_all_beams` texts `(B, num_beams, L)` and scores, float32 `(B, num_beams)`,
    the best first. Where there are fewer texts than beams, the score is -inf and the
    text means nothing.

    Args:
        num_beams: number of texts to keep, 1 or more; one is greedy, but for "never".
        return_all_beams: whether to return all of them, and their scores.
        length_penalty: what the number of tokens is raised to: 1 for the mean, 0 for
            the sum; the higher, the better are long texts.
        early_stopping: when a row is done, once `num_beams` of its texts have ended.
            True: at once. False: when the best of those that go on, with the tokens
            that it has, scores no more than the worst that has ended. "never": when
            that holds even if it fills all the room for free, so that nothing better
            is missed (where `length_penalty` is not above 0, as for False).
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
        self,
        num_beams: int = 5,
        return_all_beams: bool = False,
        *,
        length_penalty: float = 1.0,
        early_stopping: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_beams = as_positive_int("num_beams", num_beams)
        self.return_all_beams = return_all_beams
        self.length_penalty = as_finite("length_penalty", length_penalty)
        check_choices(early_stopping=(early_stopping, (True, False, "never")))
        is_never = early_stopping == "never"
        self.early_stopping = "never" if is_never else bool(early_stopping)

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
        texts, scores = self.search_beams(
            next, prompt, cache, index, mask, stop_token_ids
        )
        return (texts, scores) if self.return_all_beams else texts[:, 0]

    def search_beams(
        self,
        next: Callable[..., Any],
        prompt: Any,
        cache: Any = None,
        index: Any = 0,
        mask: Any = None,
        stop_token_ids: Any = None,
        *,
        constrain: Callable[[Any, Any, Any], Any] | None = None,
    ) -> tuple[Any, Any]:
        """Returns all beams and their scores.

        Args:
            next: as in a call, and so are the others.
            prompt: int `(B, L)`.
            cache: what `next` keeps.
            index: position of the first token to choose.
            mask: bool `(B, L)`, True where a token is given.
            stop_token_ids: ids that end a text.
            constrain: a function `constrain(log_probabilities, prompt, index)` of
                float32 `(B * num_beams, V)` that returns those to add, -inf for tokens
                that must not be; None to add them as they are.

        Returns:
            Texts, int `(B, num_beams, L)`, and scores, float32 `(B, num_beams)`.
        """
        loop = Loop(next, prompt, cache, index, mask, stop_token_ids)
        beams = self.num_beams  # K
        # Enough that K go on, though all stop tokens are better.
        most = max(2, 1 + loop.stop_count) * beams

        def goes_on(
            prompt: Any, cache: Any, index: Any, sums: Any, counts: Any, ended: Any
        ) -> Any:
            return loop.goes_on(index, ended["done"])

        def body(
            prompt: Any, cache: Any, index: Any, sums: Any, counts: Any, ended: Any
        ) -> Any:
            logits, _, cache = loop.next(prompt, cache, index)  # (B * K, V)
            vocabulary_size = logits.shape[-1]
            scores = keras.ops.log_softmax(logits / self.temperature, axis=-1)
            if constrain is not None:
                scores = constrain(scores, prompt, index)
            scores = keras.ops.reshape(scores, (-1, beams, vocabulary_size))

            # Where nothing is chosen, one token goes on, for free.
            tokens, is_given = loop.given(index)
            is_given = is_given[:, None]
            tokens = keras.ops.where(is_given, tokens[:, None], 0)[..., None]
            ids = keras.ops.arange(vocabulary_size, dtype=tokens.dtype)
            for_free = keras.ops.where(ids == tokens, 0.0, float("-inf"))  # (B, 1, V)
            scores = keras.ops.where(is_given[..., None], for_free, scores)
            counts = counts + keras.ops.cast(~is_given, "float32")  # (B, 1)

            sums = sums[..., None] + scores  # (B, K, V)
            sums = keras.ops.reshape(sums, (-1, beams * vocabulary_size))
            sums, places = keras.ops.top_k(sums, min(most, beams * vocabulary_size))
            parents = places // vocabulary_size  # (B, N)
            chosen = keras.ops.cast(places % vocabulary_size, prompt.dtype)
            stops = (loop.stops(chosen) & ~is_given) | (index == loop.length - 1)

            batch = keras.ops.shape(parents)[0]
            first = keras.ops.arange(batch, dtype=parents.dtype)[:, None] * beams
            rows, chosen = first + parents, chosen[..., None]  # (B, N), (B, N, 1)

            # Those of the first that end.
            texts = _appended(prompt, rows[:, :beams], chosen[:, :beams], index)
            scores = _only(sums[:, :beams], stops[:, :beams] & ~ended["done"])
            scores = scores / self._divisor(counts)
            scores = keras.ops.concatenate((ended["scores"], scores), axis=1)
            texts = keras.ops.concatenate((ended["texts"], texts), axis=1)
            scores, best = keras.ops.top_k(scores, beams)  # (B, K)
            texts = keras.ops.take_along_axis(texts, best[..., None], axis=1)

            # Those that go on.
            sums, best = keras.ops.top_k(_only(sums, ~stops), beams)  # (B, K)
            rows = keras.ops.take_along_axis(rows, best, axis=1)
            chosen = keras.ops.take_along_axis(chosen, best[..., None], axis=1)
            prompt = _appended(prompt, rows, chosen, index)
            prompt = keras.ops.reshape(prompt, (-1, loop.length))
            cache = take_rows(cache, keras.ops.reshape(rows, (-1,)))

            done = ended["done"] | self._is_done(sums, scores, counts, room)
            ended = {"texts": texts, "scores": scores, "done": done}
            return prompt, cache, index + 1, sums, counts, ended

        free = ~loop.mask & (loop.positions >= loop.index)  # (B, L)
        room = keras.ops.sum(keras.ops.cast(free, "float32"), axis=1, keepdims=True)
        prompt = keras.ops.where(free, 0, loop.prompt)
        prompt, cache = repeat_rows((prompt, loop.cache), beams)
        # All beams but the first would be the same text.
        one = keras.ops.where(keras.ops.arange(beams) == 0, 0.0, float("-inf"))
        done = loop.done[:, None]
        sums = one + keras.ops.zeros_like(done, dtype="float32")  # (B, K)
        is_whole = done | (loop.index >= loop.length)
        ended = {
            "texts": keras.ops.reshape(prompt, (-1, beams, loop.length)),
            "scores": _only(sums, is_whole),
            "done": done,
        }
        counts = keras.ops.zeros_like(sums[:, :1])
        ended = keras.ops.while_loop(
            goes_on, body, (prompt, cache, loop.index, sums, counts, ended)
        )[-1]
        return ended["texts"], ended["scores"]

    def _is_done(self, sums: Any, scores: Any, counts: Any, room: Any) -> Any:
        """Whether what goes on is of no use any more, bool `(B, 1)`.

        Args:
            sums: of texts that go on, the best first, `(B, K)`.
            scores: of texts that have ended, the best first, -inf for none, `(B, K)`.
            counts: of tokens chosen, `(B, 1)`.
            room: number of tokens to choose in all, `(B, 1)`.
        """
        is_lasting = self.early_stopping == "never" and self.length_penalty > 0
        possible = sums[:, :1] / self._divisor(room if is_lasting else counts)
        worst = scores[:, -1:]
        done = ~(possible > worst)  # of two that are -inf, too: nothing can come
        if self.early_stopping is True:
            return done | (worst > float("-inf"))
        return done

    def _divisor(self, counts: Any) -> Any:
        return keras.ops.maximum(counts, 1.0) ** self.length_penalty


def _only(values: Any, kept: Any) -> Any:
    return keras.ops.where(kept, values, float("-inf"))


def _appended(prompt: Any, rows: Any, chosen: Any, index: Any) -> Any:
    """Returns texts `(B, N, L)`: rows `(B, N)` of a prompt, with a token at an index.

    Args:
        prompt: int `(R, L)`.
        rows: int `(B, N)`.
        chosen: int `(B, N, 1)`.
        index: int tensor.
    """
    return ops.write_rows(take_rows(prompt, rows), chosen, index, axis=2)
