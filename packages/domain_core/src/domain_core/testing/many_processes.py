"""Several fresh processes that do the same at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

# The packages without what their `__init__` imports: Keras takes seconds to import.
_LIGHT = """
import sys, types
for name, path in (("domain_core", {path!r}), ("domain_core.presets", {presets!r})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
"""


def light_program(code: str) -> str:
    """Returns a program that does not import Keras because the packages do.

    Args:
        code: the program; indentation common to its lines is removed.
    """
    package = Path(__file__).parents[1]
    light = _LIGHT.format(path=str(package), presets=str(package / "presets"))
    return light + textwrap.dedent(code)


def run_at_once(
    code: str, *arguments: str, count: int = 4, **environment: str
) -> list[str]:
    """Runs code that needs no Keras, such as a source of presets, in many processes.

    Args:
        code: the program, see `light_program`.
        *arguments: `sys.argv[1:]` of the program.
        count: number of processes.
        **environment: variables set on top of the test's.

    Returns:
        What each of them printed.

    Raises:
        AssertionError: if one failed; the message holds its errors.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", light_program(code), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        for _ in range(count)
    ]
    try:
        outputs = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors
    return [output for output, _ in outputs]
