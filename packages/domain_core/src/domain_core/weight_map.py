"""A declarative table between the names of a foreign checkpoint and ours.

```python
WeightMap(
    {
        "embeddings.word_embeddings.weight": "embeddings.token_embedding.embeddings",
        "encoder.layer.{i}.output.dense.weight": (
            "blocks.{i}.feedforward.output.kernel",
            TRANSPOSE,
        ),
    },
    ignored=("embeddings.position_ids",),
)
```

`{i}` stands for a layer index. The same table reads and writes. It is strict: every
variable is written exactly once, every foreign tensor is used or ignored by name,
shapes are checked before anything is written.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import keras
import numpy as np

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Transform:
    """A named change of layout that knows both directions.

    Args:
        name: shown in errors.
        forward: foreign array to ours.
        backward: ours to the foreign array; None marks a one-way entry.
    """

    name: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array] | None


def _same(array: Array) -> Array:
    return array


def _transposed(array: Array) -> Array:
    return array.T


def _channels_last(array: Array) -> Array:
    return array.transpose(2, 3, 1, 0)


def _channels_first(array: Array) -> Array:
    return array.transpose(3, 2, 0, 1)


IDENTITY = Transform("identity", _same, _same)
TRANSPOSE = Transform("transpose", _transposed, _transposed)
CONV = Transform("convolution", _channels_last, _channels_first)  # OIHW to HWIO

Target = str | tuple[str, Transform]


def dense_weights(foreign: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a torch linear layer and a Keras dense layer."""
    return {
        f"{foreign}.weight": (f"{ours}.kernel", TRANSPOSE),
        f"{foreign}.bias": f"{ours}.bias",
    }


def norm_weights(foreign: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a torch and a Keras layer normalization."""
    return {f"{foreign}.weight": f"{ours}.gamma", f"{foreign}.bias": f"{ours}.beta"}


def conv_weights(foreign: str, ours: str, bias: bool = False) -> dict[str, Target]:
    """Returns the entries of a torch and a Keras convolution of images."""
    entries: dict[str, Target] = {f"{foreign}.weight": (f"{ours}.kernel", CONV)}
    return {**entries, f"{foreign}.bias": f"{ours}.bias"} if bias else entries


def batch_norm_weights(foreign: str, ours: str) -> dict[str, Target]:
    """Returns the entries of a torch and a Keras batch normalization.

    Torch's `num_batches_tracked` holds no weight: list it as ignored.
    """
    return {
        **norm_weights(foreign, ours),
        f"{foreign}.running_mean": f"{ours}.moving_mean",
        f"{foreign}.running_var": f"{ours}.moving_variance",
    }


class WeightMap:
    """Reads and writes foreign weights by a table of names.

    Args:
        table: foreign name to our attribute path, or to a pair of path and
            `Transform`. `{i}` matches an integer and carries over.
        ignored: regular expressions of foreign names that hold no weight of ours.
            They are not written on export.
        optional_prefix: a prefix that some checkpoints carry and others do not
            (`bert.`); `to_foreign` never writes it.
    """

    def __init__(
        self,
        table: Mapping[str, Target],
        *,
        ignored: Iterable[str] = (),
        optional_prefix: str = "",
    ) -> None:
        self._table = {
            foreign: target if isinstance(target, tuple) else (target, IDENTITY)
            for foreign, target in table.items()
        }
        self._ignored = tuple(ignored)
        self._optional_prefix = optional_prefix

    def assign(
        self,
        variables: Mapping[str, keras.Variable],
        shapes: Mapping[str, tuple[int, ...]],
        read: Callable[[str], Array],
    ) -> None:
        """Writes every variable from foreign tensors, one tensor in memory at a time.

        Args:
            variables: our variables by attribute path.
            shapes: shapes of the foreign tensors by foreign name.
            read: returns one foreign tensor.

        Raises:
            ValueError: if a variable would be left out or written twice, a tensor is
                neither used nor ignored, or a shape differs. Nothing is written then.
        """
        sources, problems = self._match(variables, shapes)
        for path, (foreign, transform) in sources.items():
            # An array without memory has a shape that a transform can change.
            stand_in = np.broadcast_to(np.float32(0), shapes[foreign])
            expected, received = (
                variables[path].shape,
                transform.forward(stand_in).shape,
            )
            if tuple(expected) != received:
                problems.append(
                    f"{path} has shape {tuple(expected)}, {foreign} gives {received}"
                )
        if problems:
            shown = "\n  ".join(problems[:10])
            more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
            raise ValueError(
                "Expected weights that fit the model one to one. "
                f"Received:\n  {shown}{more}\nCheck that the preset belongs to this "
                "class and that its config was not overridden."
            )
        for path, (foreign, transform) in sources.items():
            variables[path].assign(transform.forward(read(foreign)))

    def to_foreign(
        self, variables: Mapping[str, keras.Variable]
    ) -> Iterator[tuple[str, Array]]:
        """Yields foreign names and arrays, one at a time.

        Raises:
            ValueError: if an entry only works one way, or a variable has no entry.
        """
        patterns = {
            _pattern(ours): (foreign, transform)
            for foreign, (ours, transform) in self._table.items()
        }
        for path, variable in variables.items():
            for pattern, (foreign, transform) in patterns.items():
                if match := pattern.fullmatch(path):
                    break
            else:
                raise ValueError(f"Expected an entry for {path!r} in the weight map.")
            if transform.backward is None:
                raise ValueError(
                    f"Expected a map that runs both ways; the entry {foreign!r} uses "
                    f"{transform.name!r}, which only reads."
                )
            array = keras.ops.convert_to_numpy(variable.value)
            yield _fill(foreign, match), np.ascontiguousarray(transform.backward(array))

    def _match(
        self,
        variables: Mapping[str, keras.Variable],
        names: Iterable[str],
    ) -> tuple[dict[str, tuple[str, Transform]], list[str]]:
        """Finds the source of each variable, and what is left on both sides."""
        patterns = {_pattern(foreign): t for foreign, t in self._table.items()}
        sources: dict[str, tuple[str, Transform]] = {}
        problems: list[str] = []
        for name in names:
            if any(re.fullmatch(pattern, name) for pattern in self._ignored):
                continue
            short = name.removeprefix(self._optional_prefix)
            for pattern, (ours, transform) in patterns.items():
                if match := pattern.fullmatch(short):
                    path = _fill(ours, match)
                    break
            else:
                problems.append(f"{name} is not used by this model")
                continue
            if path not in variables:
                problems.append(f"{name} has no place: the model has no {path}")
            elif path in sources:
                problems.append(f"{name} and {sources[path][0]} both write {path}")
            else:
                sources[path] = (name, transform)
        problems += [f"{p} is missing" for p in variables if p not in sources]
        return sources, problems


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\d+)", escaped))


def _fill(template: str, match: re.Match[str]) -> str:
    return template.format(**match.groupdict())


class IdentityMap(WeightMap):
    """The map of our own files, whose tensor names are attribute paths."""

    def __init__(self) -> None:
        super().__init__({})

    def _match(
        self,
        variables: Mapping[str, keras.Variable],
        names: Iterable[str],
    ) -> tuple[dict[str, tuple[str, Transform]], list[str]]:
        names = list(names)
        sources = {name: (name, IDENTITY) for name in names if name in variables}
        problems = [f"{n} is not used by this model" for n in names if n not in sources]
        return sources, problems + [
            f"{path} is missing" for path in variables if path not in sources
        ]
