"""Texts for the tests of metrics."""

import pytest


@pytest.fixture(scope="session")
def noisy():
    """Returns a function that changes some of the words of a text."""

    def change(text, source):
        words = text.split()
        for _ in range(len(words) // 5 + 1):
            place = source.randrange(len(words) + 1)
            words[place : place + source.randrange(3)] = source.choices(
                ["the", "a", ".", "(x)"], k=source.randrange(3)
            )
        return " ".join(words)

    return change
