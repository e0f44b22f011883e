"""What tests of the core share."""

import pytest

from domain_core.testing.texts import mixed_corpus


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, beside whatever backend: for `tf.data`, and graphs of our own."""
    return pytest.importorskip("tensorflow")


@pytest.fixture(
    scope="session", params=[2000, pytest.param(20_000, marks=pytest.mark.large)]
)
def corpus(request):
    """Lines that mix what tokenizers disagree about."""
    return list(mixed_corpus(request.param))


@pytest.fixture(scope="session", params=[10, pytest.param(1, marks=pytest.mark.large)])
def few_lines(request):
    """Fewer of them, for graphs of TensorFlow: the nasty ones, and one in so many."""
    lines = mixed_corpus()
    return [*lines[:40], *lines[40 :: request.param]]
