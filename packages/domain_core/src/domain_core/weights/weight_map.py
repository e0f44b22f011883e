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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core import ops
from domain_core.preset_errors import PresetCorruptError
from domain_core.weights.tensor import Tensor, to_array

Array = np.ndarray

_MOST_SHOWN = 10
# The bits of the exponent, by the name of the type.
_EXPONENTS: dict[str, np.unsignedinteger[Any]] = {
    "float64": np.uint64(0x7FF0000000000000),
    "float32": np.uint32(0x7F800000),
    "float16": np.uint16(0x7C00),
    "bfloat16": np.uint16(0x7F80),
    "float8_e5m2": np.uint8(0x7C),
    "float8_e4m3fn": np.uint8(0x7F),  # it has NaN only: all bits but the sign
}
_CHUNK = 2**17  # elements: they stay in the processor's cache


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


def _without_pixel(array: Array) -> Array:
    return array.reshape(array.shape[2:])  # which fails for more pixels


def _with_pixel(array: Array) -> Array:
    return array[None, None]


def _without_batch(array: Array) -> Array:
    return array.reshape(array.shape[1:])  # which fails for more rows


def _with_batch(array: Array) -> Array:
    return array[None]


IDENTITY = Transform("identity", _same, _same)
TRANSPOSE = Transform("transpose", _transposed, _transposed)
CONV = Transform("convolution", _channels_last, _channels_first)  # OIHW to HWIO
# The kernel of a convolution of 1 pixel to that of a dense layer: 11IO to IO.
POINTWISE = Transform("convolution of 1 pixel", _without_pixel, _with_pixel)
# Positions and tokens that are kept as a batch of one.
UNBATCHED = Transform("batch of one", _without_batch, _with_batch)


@dataclasses.dataclass(frozen=True)
class Fused:
    """Weights of ours that stand side by side in one foreign tensor.

    Args:
        paths: our attribute paths, in their order there.
        transform: of each.
        axis: of the foreign tensor along which they stand.
    """

    paths: tuple[str, ...]
    transform: Transform = IDENTITY
    axis: int = 0

    def cuts(self, shapes: Sequence[tuple[int, ...]]) -> list[Transform]:
        """Returns what makes each weight of the foreign tensor.

        Args:
            shapes: of our weights.
        """
        if len(shapes) == 1:
            return [self.transform]
        sizes = [_changed_shape(shape, self._backward())[self.axis] for shape in shapes]
        ends = np.cumsum(sizes).tolist()
        # What is left over stays with the last one, to be reported with its shape.
        places = zip([0, *ends], [*ends[:-1], None], strict=False)
        return [self._cut(start, end) for start, end in places]

    def join(self, variables: Sequence[keras.Variable]) -> Tensor:
        """Returns the foreign tensor of our weights."""
        change = self._backward()
        if len(variables) == 1:
            return _changed(variables[0], change)
        shapes = [_changed_shape(variable.shape, change) for variable in variables]
        size = sum(shape[self.axis] for shape in shapes)
        return Tensor(
            variables[0].dtype,
            (*shapes[0][: self.axis], size, *shapes[0][self.axis + 1 :]),
            lambda: np.concatenate(
                [change(to_array(variable)) for variable in variables], self.axis
            ),
        )

    def _backward(self) -> Callable[[Array], Array]:
        assert self.transform.backward is not None, "checked before"
        return self.transform.backward

    def _cut(self, start: int, end: int | None) -> Transform:
        part = (*[slice(None)] * self.axis, slice(start, end))
        return Transform(
            f"{self.transform.name} of a part",
            lambda array: self.transform.forward(array[part]),
            None,
        )


Target = str | tuple[str, Transform] | Fused


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

    Torch's `num_batches_tracked` holds no weight; `batch_counters` writes it.
    """
    return {
        **norm_weights(foreign, ours),
        f"{foreign}.running_mean": f"{ours}.moving_mean",
        f"{foreign}.running_var": f"{ours}.moving_variance",
    }


def batch_counters(table: Mapping[str, Target]) -> dict[str, tuple[str, Array]]:
    """Returns what torch counts in each batch normalization of a table, as constants.

    Nothing reads the count, but torch reports where it is missing.
    """
    return {
        foreign.replace("running_mean", "num_batches_tracked"): (ours, np.array(0))
        for foreign, ours in table.items()
        if foreign.endswith("running_mean") and isinstance(ours, str)
    }


class WeightMap:
    """Reads and writes foreign weights by a table of names.

    Args:
        table: foreign name to our attribute path, to a pair of path and `Transform`, or
            to several paths (`Fused`). `{i}` matches an integer and carries over.
        ignored: regular expressions of foreign names that hold no weight of ours.
            They are not written on export.
        instead: foreign names of tensors that are not read where another is there, with
            the name of the other; both are written.
        constants: foreign names of tensors that always have the same value, which are
            not read; each with our attribute path beside which it is written.
        optional_prefix: a prefix that some checkpoints carry and others do not
            (`bert.`).
        outside: a further table of tensors that never carry the prefix, such as the
            output's. In a model that has no place for them they repeat another, and
            are not read; where they are written, the others carry the prefix.
    """

    def __init__(
        self,
        table: Mapping[str, Target],
        *,
        ignored: Iterable[str] = (),
        instead: Mapping[str, str] | None = None,
        constants: Mapping[str, tuple[str, Array]] | None = None,
        optional_prefix: str = "",
        outside: Mapping[str, Target] | None = None,
    ) -> None:
        self._outside = frozenset(outside or {})
        self._table = {
            foreign: _as_fused(target)
            for foreign, target in {**table, **(outside or {})}.items()
        }
        self._instead = dict(instead or {})
        self._constants = dict(constants or {})
        prefix = f"({re.escape(optional_prefix)})?"
        unread = [prefix + _pattern(foreign).pattern for foreign in self._constants]
        self._ignored = (*ignored, *unread)
        self._optional_prefix = optional_prefix

    def is_in(self, names: Collection[str]) -> bool:
        """Whether all tensors of a table without layers are among `names`."""
        return all(
            foreign in names or self._instead.get(foreign) in names
            for foreign in self._table
        )

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
            PresetCorruptError: if a variable would be left out or written twice, a
                tensor is neither used nor ignored, a shape differs (nothing is written
                then), or a tensor holds no real, finite numbers.
        """
        sources, problems = self._match(variables, shapes)
        for path, (foreign, transform) in sources.items():
            # An array without memory has a shape that a transform can change.
            stand_in = np.broadcast_to(np.float32(0), shapes[foreign])
            expected = tuple(variables[path].shape)
            try:
                received = transform.forward(stand_in).shape
            except (IndexError, ValueError):  # too few or too many axes for it
                received = shapes[foreign]
            if expected != received:
                problems.append(
                    f"{path} has shape {expected}, {foreign} gives {received}"
                )
        if not problems:
            last = None
            for path, (foreign, transform) in sources.items():
                if foreign != last:  # of several weights, which follow each other
                    array, last = read(foreign), foreign
                if problem := _no_numbers(array, variables[path]):
                    problems.append(f"{foreign} {problem}")
                else:
                    variables[path].assign(ops.from_numpy(transform.forward(array)))
        if problems:
            raise PresetCorruptError(
                "Expected weights that fit the model one to one. Received:"
                f"{_listed(problems)}\nCheck that the preset belongs to this class and "
                "that its config was not overridden."
            )

    def assign_arrays(
        self, variables: Mapping[str, keras.Variable], tensors: Mapping[str, Any]
    ) -> None:
        """Writes all variables, from tensors that are in memory.

        Args:
            variables: by our paths.
            tensors: NumPy arrays, or torch tensors on the CPU, by foreign names.

        Raises:
            PresetCorruptError: as of `assign`.
        """
        arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
        shapes = {name: array.shape for name, array in arrays.items()}
        self.assign(variables, shapes, arrays.__getitem__)

    def to_arrays(
        self, variables: Mapping[str, keras.Variable]
    ) -> dict[str, np.ndarray]:
        """Returns the values of variables by foreign names; see `to_foreign`."""
        tensors = self.to_foreign(variables)
        return {name: tensor.read() for name, tensor in tensors.items()}

    def to_foreign(
        self, variables: Mapping[str, keras.Variable], *, with_prefix: bool = False
    ) -> dict[str, Tensor]:
        """Returns the foreign tensors by name; each is read when its turn comes.

        Args:
            variables: our variables by attribute path.
            with_prefix: whether names carry the optional prefix, as they do beside what
                is outside.

        Raises:
            ValueError: if entries only work one way, or variables have none; the
                message names them.
        """
        patterns = [
            (_pattern(ours), foreign, target)
            for foreign, target in self._table.items()
            for ours in target.paths
        ]
        others = {p for name in self._outside for p in self._table[name].paths}
        with_prefix = with_prefix or not others.isdisjoint(variables)
        prefix = self._optional_prefix if with_prefix else ""
        tensors: dict[str, Tensor] = {}
        problems: dict[str, None] = {}
        for path in variables:
            found = [
                (match, foreign, target)
                for pattern, foreign, target in patterns
                if (match := pattern.fullmatch(path))
            ]
            if not found:
                problems[f"{path} has no entry"] = None
            for match, foreign, target in found:
                if target.transform.backward is None:
                    problems[f"{foreign} only reads, by {target.transform.name!r}"] = (
                        None
                    )
                    continue
                paths = [_fill(ours, match) for ours in target.paths]
                if lacking := [p for p in paths if p not in variables]:
                    problems[f"{foreign} also needs {lacking[0]}"] = None
                elif path == paths[0]:
                    outside = foreign in self._outside
                    name = ("" if outside else prefix) + _fill(foreign, match)
                    tensors[name] = target.join([variables[p] for p in paths])
            for foreign, (beside, value) in self._constants.items():
                if match := _pattern(beside).fullmatch(path):
                    tensors[prefix + _fill(foreign, match)] = Tensor.constant(value)
        if problems:
            raise ValueError(
                "Expected a weight map with an entry for every weight that also "
                f"writes. Received:{_listed([*problems])}\nSave with `save_to_preset` "
                "instead, or add what the map lacks."
            )
        return tensors

    def _match(
        self,
        variables: Mapping[str, keras.Variable],
        names: Iterable[str],
    ) -> tuple[dict[str, tuple[str, Transform]], list[str]]:
        """Finds the source of each variable, and what is left on both sides."""
        patterns = {_pattern(foreign): t for foreign, t in self._table.items()}
        sources: dict[str, tuple[str, Transform]] = {}
        problems: list[str] = []
        names = list(names)
        there = set(names)
        for name in names:
            if self._instead.get(name) in there:
                continue
            if any(re.fullmatch(pattern, name) for pattern in self._ignored):
                continue
            short = name.removeprefix(self._optional_prefix)
            for pattern, target in patterns.items():
                if match := pattern.fullmatch(short):
                    paths = [_fill(ours, match) for ours in target.paths]
                    break
            else:
                problems.append(f"{name} is not used by this model")
                continue
            lacking = [path for path in paths if path not in variables]
            if lacking and name in self._outside:
                continue
            if lacking:
                problems.append(f"{name} has no place: the model has no {lacking[0]}")
                continue
            cuts = target.cuts([tuple(variables[path].shape) for path in paths])
            for path, transform in zip(paths, cuts, strict=True):
                if path in sources:
                    problems.append(f"{name} and {sources[path][0]} both write {path}")
                else:
                    sources[path] = (name, transform)
        problems += [f"{p} is missing" for p in variables if p not in sources]
        return sources, problems


def _listed(problems: list[str]) -> str:
    left = len(problems) - _MOST_SHOWN
    more = [f"and {left} more"] if left > 0 else []
    return "".join(f"\n  {line}" for line in problems[:_MOST_SHOWN] + more)


def _no_numbers(array: Array, variable: keras.Variable) -> str | None:
    """Says what keeps an array from being the weights of a variable, if anything."""
    name = array.dtype.name
    if keras.backend.is_float_dtype(variable.dtype) != (name in _EXPONENTS):
        return f"has dtype {name}; the model keeps {variable.dtype}"
    if name in _EXPONENTS and not all_finite(array):
        return "holds numbers that are not finite"
    return None


def all_finite(array: Array) -> bool:
    """Whether an array holds neither NaN nor infinity; one of integers never does.

    In both all bits of the exponent are set. To look for these bits takes a third of
    the time of `np.isfinite`, and works for types that NumPy does not know.
    """
    mask = _EXPONENTS.get(array.dtype.name)
    if mask is None:
        return True
    bits = np.ascontiguousarray(array).reshape(-1).view(mask.dtype)
    return not any(
        (bits[start : start + _CHUNK] & mask).max(initial=0) == mask
        for start in range(0, len(bits), _CHUNK)
    )


def _as_fused(target: Target) -> Fused:
    if isinstance(target, Fused):
        return target
    path, transform = target if isinstance(target, tuple) else (target, IDENTITY)
    return Fused((path,), transform)


def _changed(variable: keras.Variable, change: Callable[[Array], Array]) -> Tensor:
    shape = _changed_shape(variable.shape, change)
    return Tensor(variable.dtype, shape, lambda: change(to_array(variable)))


def _changed_shape(
    shape: tuple[int, ...], change: Callable[[Array], Array]
) -> tuple[int, ...]:
    # An array without memory has a shape that a transform can change.
    return change(np.broadcast_to(np.float32(0), shape)).shape


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
