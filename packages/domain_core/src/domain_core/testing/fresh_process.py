"""Running code in a process that has seen nothing of the test's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """Runs Python code in a fresh process on the test's backend.

    Args:
        code: the program; indentation common to its lines is removed.
        *arguments: `sys.argv[1:]` of the program.
        **environment: variables set on top of the test's.

    Returns:
        What it printed.

    Raises:
        AssertionError: if it failed; the message holds its errors.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
