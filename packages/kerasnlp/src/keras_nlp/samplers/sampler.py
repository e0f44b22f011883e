"""What all samplers are: a loop that asks for scores and chooses tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import is_finite
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_nlp.generation.sampling import Sampling
from keras_nlp.samplers.loop import Loop


@serializable(package="kerasnlp")
class Sampler(RemembersArguments):
    """Chooses the tokens of texts one after the other; the base of all samplers.

    A subclass writes `get_next_token`. Randomness comes from a
    `keras.random.SeedGenerator` that is an attribute: its state is carried through
    compiled loops.

    The loop runs eagerly and, on JAX and TensorFlow, inside a compiled function, where
    it is compiled once; called eagerly on JAX, it is compiled each time. Assign
    `variables` in a `keras.StatelessScope` if you compile it with `jax.jit`.

    Call arguments:
        next: a function `next(prompt, cache, index)` that returns logits `(B, V)` for
            the position `index`, from the tokens before it, then hidden states `(B, D)`
            of the token before it, or None, and the cache. `index` is an int tensor.
        prompt: int `(B, L)`, the texts so far, padded to the length that they may get.
        cache: what `next` keeps: tensors, in any nest, of which each has the batch as
            its first axis; None for nothing.
        index: position of the first token to choose; an int, or an int tensor.
        mask: bool `(B, L)`, True where a token is given, and kept; without it what is
            before `index`.
        stop_token_ids: ids; choosing ends when each row holds one of them where no
            token was given. None to fill all positions.
        hidden_states: float `(B, L, D)` of the prompt, for a `ContrastiveSampler`.
        model: ignored; upstream hands over the variables of a model here, which loops
            of ours need not carry.

    Returns of a call: the filled `prompt`, int `(B, L)`. A row that is done before
    others goes on after its stop token until all are.

    Args:
        temperature: divides the logits; above 0. Below 1 the likely tokens become
            likelier.

    Raises:
        ValueError: if an argument is out of range; in a call, if a shape or a dtype
            does not fit.

    Example:
        >>> class SecondBest(keras_nlp.samplers.Sampler):
        ...     def get_next_token(self, probabilities):
        ...         return keras.ops.argsort(probabilities, axis=-1)[:, -2]
        >>> def next(prompt, cache, index):
        ...     return np.array([[0.1, 0.3, 0.2]], "float32"), None, cache
        >>> prompt = np.array([[1, 1, 0, 0]])
        >>> keras.ops.convert_to_numpy(SecondBest()(next, prompt, index=2)).tolist()
        [[1, 1, 2, 2]]
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not is_finite(temperature) or temperature <= 0:
            raise ValueError(
                "Expected `temperature` to be a number above 0, received "
                f"{temperature!r:.80}. For the likeliest token use `GreedySampler`."
            )
        self.temperature = float(temperature)

    @property
    def variables(self) -> list[keras.Variable]:
        """The states of its seed generators."""
        return [
            value.state
            for value in vars(self).values()
            if isinstance(value, keras.random.SeedGenerator)
        ]

    @property
    def sampling(self) -> Sampling | None:
        """The numbers that say how it chooses; None if numbers do not say it.

        An engine that knows them need not call the sampler.
        """
        return None

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
        variables = self.variables

        def goes_on(prompt: Any, cache: Any, index: Any, done: Any, states: Any) -> Any:
            return loop.goes_on(index, done)

        def body(prompt: Any, cache: Any, index: Any, done: Any, states: Any) -> Any:
            logits, _, cache = loop.next(prompt, cache, index)
            chosen, states = self._choose(logits, variables, states)
            tokens, is_given = loop.given(index)
            tokens = keras.ops.where(
                is_given, tokens, keras.ops.cast(chosen, tokens.dtype)
            )
            done = done | (loop.stops(tokens) & ~is_given)
            prompt = ops.write_rows(prompt, tokens[:, None], index)
            return prompt, cache, index + 1, done, states

        states = [keras.ops.convert_to_tensor(variable) for variable in variables]
        prompt, _, _, _, states = keras.ops.while_loop(
            goes_on, body, (loop.prompt, loop.cache, loop.index, loop.done, states)
        )
        for variable, state in zip(variables, states, strict=True):
            variable.assign(state)
        return prompt

    def get_next_token(self, probabilities: Any) -> Any:
        """Chooses a token for each row.

        Args:
            probabilities: float32 `(B, V)`, of the logits over `temperature`.

        Returns:
            int `(B,)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `get_next_token`.")

    def compute_probabilities(self, logits: Any) -> Any:
        """Returns the probabilities of logits over `temperature`, float32 `(B, V)`.

        Args:
            logits: float `(B, V)`.
        """
        logits = keras.ops.cast(logits, "float32")
        return keras.ops.softmax(logits / self.temperature, axis=-1)

    def _choose(
        self, logits: Any, variables: list[keras.Variable], states: Any
    ) -> tuple[Any, Any]:
        """Returns tokens, and the states of the variables afterwards."""
        probabilities = self.compute_probabilities(logits)
        if not variables:
            return self.get_next_token(probabilities), states
        # In a loop that is being traced, variables can't be assigned.
        pairs = zip(variables, states, strict=True)
        with keras.StatelessScope(list(pairs)) as scope:
            chosen = self.get_next_token(probabilities)
        return chosen, [scope.get_current_value(variable) for variable in variables]

    def _chooses_like(self, cls: type[Sampler]) -> bool:
        """Whether a subclass has changed nothing of how `cls` chooses."""
        names = ("__call__", "compute_probabilities", "get_next_token")
        return all(getattr(type(self), name) is getattr(cls, name) for name in names)
