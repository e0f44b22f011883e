"""A language model that can be followed by hand, and searches over it in NumPy."""

import keras
import numpy as np
import pytest


class Recurrent:
    """Each state is half the one before and the embedding of the token."""

    def __init__(self, vocabulary_size, width=4):
        rng = np.random.default_rng(vocabulary_size)
        self.embeddings = rng.normal(size=(vocabulary_size, width)).astype("float32")
        self.output = rng.normal(size=(width, vocabulary_size)).astype("float32") * 1.5

    def states(self, tokens):
        """Returns the state after each token, `(T, D)`."""
        states = [np.zeros(self.embeddings.shape[1])]
        for token in tokens:
            states.append(states[-1] / 2 + self.embeddings[token])
        return np.stack(states[1:])

    def log_probabilities(self, tokens, temperature=1.0):
        """Returns those of the token that follows, `(V,)`."""
        logits = self.states(tokens)[-1] @ self.output / temperature
        return logits - np.log(np.exp(logits).sum())

    def cache(self, prompt, index):
        """Returns what is cached when `next` is called for `index`."""
        before = (
            [self.states([*row[: index - 1]])[-1] for row in prompt]
            if (index > 1)
            else np.zeros((len(prompt), self.embeddings.shape[1]))
        )
        state = keras.ops.convert_to_tensor(np.array(before, "float32"))
        return {"blocks": [(state[:, None], state)]}

    def next(self, prompt, cache, index):
        """What a sampler calls."""
        [(state, _)] = cache["blocks"]
        last = keras.ops.take(prompt, index - 1, axis=1)
        state = state[:, 0] / 2 + keras.ops.take(self.embeddings, last, axis=0)
        return (
            keras.ops.matmul(state, self.output),
            state,
            {"blocks": [(state[:, None], state)]},
        )


@pytest.fixture(scope="session")
def recurrent():
    """Returns the class of the model."""
    return Recurrent


@pytest.fixture(scope="session")
def run():
    """Returns a function that calls a sampler, or a program that does."""

    def call(sampler, next, prompt, cache, index, is_compiled=False, **options):
        def program(states, prompt, cache, index):
            pairs = zip(sampler.variables, states, strict=True)
            with keras.StatelessScope(list(pairs)):
                return sampler(next, prompt, cache, index, **options)

        if is_compiled and keras.config.backend() == "jax":
            import jax

            program = jax.jit(program)
        elif is_compiled:
            tf = pytest.importorskip("tensorflow")
            program = tf.function(program, jit_compile=True)
            index = tf.constant(index)
        states = [keras.ops.convert_to_tensor(v) for v in sampler.variables]
        return keras.tree.map_structure(
            keras.ops.convert_to_numpy,
            program(states, keras.ops.convert_to_tensor(prompt), cache, index),
        )

    return call
