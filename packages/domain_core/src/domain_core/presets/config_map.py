"""A declarative table between the constructor arguments of a foreign class and ours.

The same table reads and writes. A value that the other side can't express is an error
that names the key; so is a key that the table does not know, where the config holds
nothing but arguments.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from domain_core.preset_errors import PresetCorruptError

Config = dict[str, Any]


def _same(value: Any) -> Any:
    return value


_NEEDED = object()


@dataclasses.dataclass(frozen=True)
class Argument:
    """One of our arguments that goes by another name or form elsewhere.

    Args:
        name: ours.
        read: their value to ours; raises ValueError if it can't.
        write: our value to theirs; raises ValueError if it can't.
        absent: their value that is meant where there is none.
    """

    name: str
    read: Callable[[Any], Any] = _same
    write: Callable[[Any], Any] = _same
    absent: Any = _NEEDED


Entry = str | tuple[str, Any] | Argument


class ConfigMap:
    """Reads and writes constructor arguments by a table.

    Args:
        *same: arguments that both sides have.
        renamed: theirs to ours: a name, a pair of it and what is meant where theirs is
            missing, or an `Argument`.
        ignored: theirs that change nothing here, or that others read.
        theirs: what only they have, with the one value that ours amounts to.
        only: the same of what need not be written.
        ours: what only we have, with the one value that theirs amounts to; and
            defaults of theirs that are others here.
        among_others: whether a config holds more than the arguments of a class, as
            Hugging Face's do: what the table does not know is not looked at (`unknown`
            tells its names), and what has no place there is left out. Whoever writes
            compares what comes back.
        after_reading: completes arguments of ours from others of ours.
        before_writing: removes arguments of ours that follow from others, or raises
            ValueError if theirs can't express them.
    """

    def __init__(
        self,
        *same: str,
        renamed: Mapping[str, Entry] | None = None,
        ignored: tuple[str, ...] = (),
        theirs: Mapping[str, Any] | None = None,
        only: Mapping[str, Any] | None = None,
        ours: Mapping[str, Any] | None = None,
        among_others: bool = False,
        after_reading: Callable[[Config], Config] = _same,
        before_writing: Callable[[Config], Config] = _same,
    ) -> None:
        self._arguments = {key: Argument(key) for key in same} | {
            key: _as_argument(entry) for key, entry in (renamed or {}).items()
        }
        self._absent = {
            key: argument.absent
            for key, argument in self._arguments.items()
            if argument.absent is not _NEEDED
        }
        self._ignored = frozenset(ignored)
        self._theirs = dict(theirs or {})
        self._only = {**self._theirs, **(only or {})}
        self._ours = dict(ours or {})
        self._among_others = among_others
        self._after_reading = after_reading
        self._before_writing = before_writing

    def read(self, config: Mapping[str, Any], cls: type, file: str) -> Config:
        """Returns the arguments of our class.

        Args:
            config: theirs.
            cls: ours.
            file: where they stand, for messages.

        Raises:
            KeyError: if a key is missing among others.
            PresetCorruptError: if a key is unknown or missing.
            ValueError: if a value can't be expressed here.
        """
        result = dict(self._ours)
        for key, value in {**self._absent, **config}.items():
            if key in self._arguments:
                argument = self._arguments[key]
                result[argument.name] = _converted(argument.read, value, key, file)
            elif key in self._only:
                _check_equal(key, value, self._only[key], f"{file} here")
            elif key not in self._ignored and not self._among_others:
                raise PresetCorruptError(
                    f"Expected keys of {cls.__name__} in {file}, received {key!r}. "
                    "It is of a later version, or damaged."
                )
        needed = inspect.signature(cls).parameters.values()
        required = {p.name for p in needed if p.default is p.empty}
        for key, argument in self._arguments.items():
            if argument.name in required - set(result):
                if self._among_others:
                    raise KeyError(key)  # whose config it is, its reader knows
                raise PresetCorruptError(
                    f"Expected the key {key!r} in {file}; it is missing. Save or "
                    "download the preset again."
                )
        try:
            return self._after_reading(result)
        except (ArithmeticError, LookupError, TypeError) as error:
            if isinstance(error, KeyError) and self._among_others:
                raise
            raise PresetCorruptError(
                f"Expected arguments that fit each other for {cls.__name__} in {file}: "
                f"{error}. Save or download the preset again."
            ) from error

    def unknown(self, config: Mapping[str, Any]) -> list[str]:
        """Returns the keys that stand nowhere in the table."""
        known = {*self._arguments, *self._only, *self._ignored}
        return [key for key in config if key not in known]

    def write(self, config: Mapping[str, Any], target: str) -> Config:
        """Returns the arguments of their class.

        Args:
            config: ours.
            target: what they are written for, for messages.

        Raises:
            ValueError: if values can't be expressed there; the message names all.
        """
        config = self._before_writing(dict(config))
        result = dict(self._theirs)
        theirs = {a.name: (key, a) for key, a in self._arguments.items()}
        problems = []
        for name, value in config.items():
            try:
                if name in theirs:
                    key, argument = theirs[name]
                    result[key] = _converted(argument.write, value, name, target)
                elif self._among_others:
                    continue
                elif name in self._ours:
                    _check_equal(name, value, self._ours[name], target)
                else:
                    problems.append(
                        f"{target} can't express the argument {name!r}, received "
                        f"{value!r:.200}."
                    )
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError(" ".join(problems))
        return result


def _as_argument(entry: Entry) -> Argument:
    if isinstance(entry, Argument):
        return entry
    name, absent = (entry, _NEEDED) if isinstance(entry, str) else entry
    return Argument(name, absent=absent)


def _converted(
    function: Callable[[Any], Any], value: Any, name: str, where: str
) -> Any:
    try:
        return function(value)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        why = f": {error}" if isinstance(error, ValueError) else ""
        raise ValueError(
            f"The value {value!r:.200} of {name!r} can't be expressed in {where}{why}."
        ) from error


def _check_equal(name: str, value: Any, expected: Any, where: str) -> None:
    if value != expected:
        raise ValueError(
            f"The value {value!r:.200} of {name!r} can't be expressed in {where}, only "
            f"{expected!r}."
        )
