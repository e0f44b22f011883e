"""How fast each pair of features turns with the position, under every known scaling.

A scaling is a dict with "rope_type" and what belongs to that, under the names of
Hugging Face's configs:

```
default
linear    factor
dynamic   factor, original_max_position_embeddings
yarn      factor, original_max_position_embeddings, and optionally beta_fast, beta_slow,
          truncate, attention_factor, mscale, mscale_all_dim
longrope  short_factor, long_factor, original_max_position_embeddings, and factor or
          attention_factor
llama3    factor, low_freq_factor, high_freq_factor, original_max_position_embeddings
```

Reference: Chen et al., Extending Context Window of Large Language Models via Positional
Interpolation, 2023 (linear); Peng et al., YaRN, 2023 (yarn, and dynamic); Ding et al.,
LongRoPE, 2024; Grattafiori et al., The Llama 3 Herd of Models, 2024.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

_LENGTH = "original_max_position_embeddings"
# What each scaling needs, and what it may have.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "default": ((), ()),
    "linear": (("factor",), ()),
    "dynamic": (("factor", _LENGTH), ()),
    "yarn": (
        ("factor", _LENGTH),
        (
            *("beta_fast", "beta_slow", "truncate"),
            *("attention_factor", "mscale", "mscale_all_dim"),
        ),
    ),
    "longrope": (
        ("short_factor", "long_factor", _LENGTH),
        ("factor", "attention_factor"),
    ),
    "llama3": (("factor", "low_freq_factor", "high_freq_factor", _LENGTH), ()),
}


@dataclasses.dataclass(frozen=True)
class Rates:
    """Radians per position of each pair.

    Attributes:
        usual: float32 `(r / 2,)`.
        border: length of a text beyond which other rates hold, or None.
        beyond: those, float32 `(r / 2,)`; None where they depend on the length.
        scale: factor of the cosines and sines.
    """

    usual: np.ndarray
    border: int | None = None
    beyond: np.ndarray | None = None
    scale: float = 1.0


def as_scaling(scaling: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a scaling as a dict, checked.

    Raises:
        ValueError: if its type is unknown, a key is missing, or one has no meaning.
    """
    scaling = dict(scaling or {"rope_type": "default"})
    kind = scaling.get("rope_type")
    if kind not in _KEYS:
        raise ValueError(
            f"Expected a scaling of rotary embeddings with a 'rope_type' of "
            f"{', '.join(_KEYS)}; received {kind!r:.200}."
        )
    needed, allowed = _KEYS[kind]
    missing = [key for key in needed if scaling.get(key) is None]
    unknown = sorted(scaling.keys() - {"rope_type", *needed, *allowed})
    if missing or unknown:
        raise ValueError(
            f"Expected a scaling of type {kind!r} with {list(needed)} and at most "
            f"{list(allowed)}; missing: {missing}, unknown: {unknown}."
        )
    return {key: value for key, value in scaling.items() if value is not None}


def rates(width: int, max_wavelength: float, scaling: Mapping[str, Any]) -> Rates:
    """Returns how fast the pairs turn.

    Args:
        width: number of features `r`.
        max_wavelength: of the slowest pair, over `2 pi`, without scaling.
        scaling: see `as_scaling`.

    Raises:
        ValueError: if lists of factors have another length.
    """
    pairs = np.arange(width // 2)
    plain = np.power(float(max_wavelength), -2.0 * pairs / width)
    kind = scaling["rope_type"]
    if kind == "linear":
        return Rates(_single(plain / scaling["factor"]))
    if kind == "dynamic":
        return Rates(_single(plain), scaling[_LENGTH])
    if kind == "yarn":
        return Rates(
            _single(plain * _yarn(width, max_wavelength, scaling)),
            scale=_yarn_scale(scaling),
        )
    if kind == "longrope":
        short, long = (
            _factors(scaling, name, width) for name in ("short_factor", "long_factor")
        )
        return Rates(
            _single(plain / short),
            scaling[_LENGTH],
            _single(plain / long),
            _long_scale(scaling),
        )
    if kind == "llama3":
        return Rates(_single(plain * _llama3(plain, scaling)))
    return Rates(_single(plain))


def dynamic_base(
    lengths: Any, width: int, max_wavelength: float, scaling: Mapping[str, Any]
) -> Any:
    """Returns the base in place of `max_wavelength` for longer texts.

    Args:
        lengths: float tensor, lengths of texts.
        width: number of features `r`.
        max_wavelength: without scaling.
        scaling: of type "dynamic".
    """
    factor, length = scaling["factor"], scaling[_LENGTH]
    stretch = lengths * np.float32(factor / length) - np.float32(factor - 1)
    # Texts below the length don't use it; no power of what is negative.
    stretch = keras.ops.maximum(stretch, np.float32(1))
    return max_wavelength * keras.ops.power(stretch, width / (width - 2))


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype("float32")


def _yarn(width: int, max_wavelength: float, scaling: Mapping[str, Any]) -> np.ndarray:
    """Returns the factor of each pair: slow ones are stretched, fast ones are not."""
    # The pair that turns so often over the original length, as a fraction.
    low, high = (
        width
        * math.log(scaling[_LENGTH] / (turns * 2 * math.pi))
        / (2 * math.log(max_wavelength))
        for turns in (scaling.get("beta_fast", 32.0), scaling.get("beta_slow", 1.0))
    )
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    share = np.clip((np.arange(width // 2) - low) / max(high - low, 1e-3), 0, 1)
    return share / scaling["factor"] + (1 - share)


def _yarn_scale(scaling: Mapping[str, Any]) -> float:
    def at(weight: float) -> float:
        factor = scaling["factor"]
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    if "attention_factor" in scaling:
        return scaling["attention_factor"]
    if scaling.get("mscale") and scaling.get("mscale_all_dim"):
        return at(scaling["mscale"]) / at(scaling["mscale_all_dim"])
    return at(1.0)


def _factors(scaling: Mapping[str, Any], name: str, width: int) -> np.ndarray:
    factors = np.asarray(scaling[name], "float64")
    if factors.shape != (width // 2,):
        raise ValueError(
            f"Expected {width // 2} numbers as {name!r}, one for each pair of "
            f"features, received the shape {factors.shape}."
        )
    return factors


def _long_scale(scaling: Mapping[str, Any]) -> float:
    if "attention_factor" in scaling:
        return scaling["attention_factor"]
    factor = scaling.get("factor", 1.0)
    if factor <= 1:
        return 1.0
    return math.sqrt(1 + math.log(factor) / math.log(scaling[_LENGTH]))


def _llama3(plain: np.ndarray, scaling: Mapping[str, Any]) -> np.ndarray:
    """Returns the factor of each pair, between 1 and 1 / factor."""
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    # How often a pair turns over the original length.
    turns = scaling[_LENGTH] * plain / (2 * math.pi)
    share = np.clip((turns - low) / (high - low), 0, 1)
    return share + (1 - share) / scaling["factor"]
