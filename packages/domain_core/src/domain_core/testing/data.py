"""Real data that lies beside a checkout of the project, where it does."""

from __future__ import annotations

from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """Returns the path of a file in `../shared/data`; skips the test without it."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "hatch.toml").is_file():
            path = folder.parent / "shared" / "data" / name
            if path.exists():
                return path
            pytest.skip(f"needs shared/data/{name} beside the checkout")
    pytest.skip("needs a checkout with shared/data beside it")
