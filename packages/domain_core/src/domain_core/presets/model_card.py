"""The README of a preset: what it is, how to load it, what its author should add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAME = "README.md"
_TEMPLATE = """\
---
library_name: {package}
tags:
- keras
- {tag}
---

# {title}

{what}

```python
import {package}

{variable} = {package}.{space}.{title}.from_preset("path/of/this/directory")
```

It runs on JAX, TensorFlow and PyTorch: set `KERAS_BACKEND` before the import.

## Licence

Not stated.

## Training data and metrics

Not stated.

## Limitations

Not stated.
"""


def write_card(directory: Path, model: Any) -> None:
    """Writes `README.md`, unless there is one.

    Args:
        directory: of the preset.
        model: the task, backbone, preprocessor or tokenizer that was saved.
    """
    if (directory / NAME).exists():
        return
    cls = type(model)
    package, _, space = cls.__module__.partition(".")
    is_model = hasattr(model, "count_params")
    text = _TEMPLATE.format(
        package=package,
        space=space.split(".")[0] or "models",
        tag=cls.__name__,
        title=cls.__name__,
        variable="model" if is_model else "preprocessor",
        what=_numbers(model) if is_model else "Saved by `save_to_preset`.",
    )
    (directory / NAME).write_text(text, encoding="utf-8")


def keep_card(old: Path, directory: Path) -> None:
    """Copies the README of the preset that is to be replaced: its author wrote it."""
    if (old / NAME).is_file():
        (directory / NAME).write_bytes((old / NAME).read_bytes())


def _numbers(model: Any) -> str:
    weights = model.weights
    dtypes = sorted({str(w.dtype) for w in weights if "seed" not in w.name})
    rows = {
        "Parameters": f"{model.count_params():,}",
        "Weights in": ", ".join(dtypes) or "none",
    }
    backbone = getattr(model, "backbone", None)
    if backbone is not None:
        rows["Backbone"] = type(backbone).__name__
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])
