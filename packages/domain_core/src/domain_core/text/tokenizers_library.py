"""The compiled `tokenizers` package: its import, and its ways to fail."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any


def import_tokenizers() -> Any:
    """Imports the `tokenizers` package.

    Raises:
        ImportError: if it is not installed, with the line that installs it.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "This tokenizer needs the `tokenizers` package: `pip install tokenizers` "
            "(it comes with `pip install kerasnlp`)."
        ) from error
    _stay_single_threaded_in_forks()
    return tokenizers


def call_compiled(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls compiled code, whose panics are no `Exception`s.

    Raises:
        ValueError: where the code panics or raises a bare `Exception`.
    """
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise ValueError(
                f"The `tokenizers` package failed: {error}. Check the vocabulary and "
                "the texts."
            ) from None
        raise


@functools.cache
def _stay_single_threaded_in_forks() -> None:
    """Spares worker processes the compiled code's threads, which a fork kills.

    `tokenizers` would find out by itself, and warn in each worker of a loader.
    """
    if sys.platform != "win32":
        os.register_at_fork(
            after_in_child=lambda: os.environ.setdefault(
                "TOKENIZERS_PARALLELISM", "false"
            )
        )
