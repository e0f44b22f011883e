"""What peers compute, asked once and kept on disk, for all tests and backends.

```python
def logits(folder, *, ids):
    import torch, transformers
    ...
    return {"logits": model(torch.tensor(ids)).logits.numpy()}

answer = reference("transformers", logits, ids=[[1, 2]])
answer.arrays["logits"], answer.folder
```

To import `transformers` or `keras_hub` takes up to a minute, so a test does not. It
asks for the result of a function, which runs in a process of its own, once for as long
as neither its source, nor its arguments, nor the peers' versions change.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

_ARRAYS = "arrays.npz"
_DISTRIBUTIONS = ("torch", "transformers", "keras", "keras-hub", "tokenizers")
_PROCESS = """
    import json, os, sys, traceback
    from pathlib import Path
    import numpy as np

    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints is no reply
    for line in sys.stdin:
        ask = json.loads(line)
        error = None
        try:
            names = {}
            exec("from __future__ import annotations\\n" + ask["source"], names)
            arguments = ask["arguments"]
            if ask["files"] is not None:
                arguments["files"] = Path(ask["files"])
            arrays = names[ask["name"]](Path(ask["folder"]), **arguments)
            np.savez(Path(ask["folder"]) / ask["arrays"], **(arrays or {}))
        except BaseException:
            error = traceback.format_exc()
        replies.write(json.dumps(error) + "\\n")
        replies.flush()
"""


class Reference(NamedTuple):
    """What a function wrote, and the arrays that it returned."""

    folder: Path
    arrays: dict[str, np.ndarray]


def reference(
    peer: str,
    function: Callable[..., dict[str, np.ndarray] | None],
    *,
    files: Path | None = None,
    **arguments: Any,
) -> Reference:
    """Returns what a function of a peer gives; computes it where nobody has.

    Args:
        peer: module that it needs; without it the test is skipped.
        function: function of a module that imports all it needs itself. It takes a
            folder to write to, `files` where there are some, and the arguments by name,
            and returns arrays by name, or None.
        files: folder to read from.
        **arguments: JSON data.

    Raises:
        AssertionError: if the function fails; the message holds its errors.
    """
    import filelock

    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed: it is the reference")
    source = textwrap.dedent(inspect.getsource(function))
    data = json.dumps([source, arguments, _versions()], sort_keys=True)
    key = hashlib.sha256(data.encode() + _digest(files)).hexdigest()[:32]
    place = _root() / f"{function.__name__}-{key}"
    with filelock.FileLock(f"{place}.lock"):
        if not place.exists():
            unfinished = place.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            error = _ask(
                {
                    "source": source,
                    "name": function.__name__,
                    "arguments": arguments,
                    "files": None if files is None else str(files),
                    "folder": str(unfinished),
                    "arrays": _ARRAYS,
                }
            )
            assert error is None, error
            unfinished.rename(place)
    with np.load(place / _ARRAYS) as arrays:
        return Reference(place, dict(arrays))


@functools.cache
def _root() -> Path:
    """Returns a folder that lasts: in the checkout, or else in the working folder."""
    above = Path(__file__).parents
    top = next((path for path in above if (path / "hatch.toml").exists()), Path())
    root = top.absolute() / ".cache" / "references"
    root.mkdir(parents=True, exist_ok=True)
    return root


@functools.cache
def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _digest(files: Path | None) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(files.rglob("*")) if files is not None else ():
        if path.is_file():
            digest.update(str(path.relative_to(files)).encode() + b"\0")  # type: ignore[arg-type]
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


@functools.cache
def _process() -> subprocess.Popen[str]:
    """Returns the process of this one's questions, which imports each peer once."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROCESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    atexit.register(process.kill)
    return process


def _ask(question: dict[str, Any]) -> str | None:
    process = _process()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    reply = process.stdout.readline()
    assert reply, "the process of the references ended"
    error: str | None = json.loads(reply)
    return error
