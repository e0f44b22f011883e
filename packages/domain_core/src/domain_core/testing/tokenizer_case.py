"""What the tests of a tokenizer have to state."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import pytest

from domain_core.testing.texts import NASTY_TEXTS, mixed_corpus


@functools.cache
def corpus() -> tuple[str, ...]:
    """Returns 300 lines that trip tokenizers up, none of them longer than 500."""
    nasty = [text for text in NASTY_TEXTS if len(text) < 500]
    mixed = [text for text in mixed_corpus()[20::5] if len(text) < 500]
    return tuple([*nasty, *mixed][:300])


class TokenizerCase:
    """The tokenizer under test. No backend is involved, so they need no mark.

    Attributes:
        cls: the tokenizer's class.
        special: its special tokens, all of them.
        unknown: tokens of `special` that stand for text, that without a token.
        policy_argument: the constructor's argument for what `special` mean in a text.
        strip_left: those of `special` that swallow the white space before them.
        lossless: whether texts come back as they were.
        drops_nul: whether U+0000 gets lost nevertheless, being the padding.
    """

    cls: ClassVar[Any]
    special: ClassVar[tuple[str, ...]] = ()
    unknown: ClassVar[tuple[str, ...]] = ()
    policy_argument: ClassVar[str] = "special_tokens"
    strip_left: ClassVar[tuple[str, ...]] = ()
    lossless: ClassVar[bool] = False
    drops_nul: ClassVar[bool] = False

    @classmethod
    def make(cls, **options: Any) -> Any:
        """Returns a tokenizer with a vocabulary, made with `options`."""
        raise NotImplementedError

    @classmethod
    def with_policy(cls, policy: str, **options: Any) -> Any:
        """Returns one that takes special tokens in texts for that."""
        return cls.make(**{cls.policy_argument: policy}, **options)

    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Any:
        """One that takes special tokens for text, and refuses broken Unicode."""
        return cls.with_policy("text", errors="strict")

    @pytest.fixture(scope="class")
    @classmethod
    def tf(cls) -> Any:
        """TensorFlow, beside whatever backend, for tests of graphs."""
        pytest.importorskip("tensorflow_text")
        return pytest.importorskip("tensorflow")
