"""The parts of a preset on disk: which files are whose, and what a save leaves alone.

A preset has up to three parts: "backbone", "task" (its head) and "preprocessor" (with
the tokenizer or image converter). They may be saved one after another.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from domain_core.preset_errors import PresetError
from domain_core.presets.compatibility import check_stored_parts
from domain_core.presets.folder import LocalFolder
from domain_core.presets.keras.reader import KerasLayout
from domain_core.presets.layout import Layout
from domain_core.presets.manifest import MANIFEST, SIGNATURE, manifest_entries
from domain_core.presets.model_card import NAME as CARD
from domain_core.presets.native.reader import NativeLayout
from domain_core.presets.transformers.reader import TransformersLayout
from domain_core.serialization import has_role

_LAYOUTS: dict[str, Any] = {
    "native": NativeLayout,
    "keras": KerasLayout,
    "transformers": TransformersLayout,
}
PARTS = ("backbone", "task", "preprocessor")
# Which part a file belongs to; what is in no table is no part of the preset.
_FILES = {
    "native": {
        "backbone": r"backbone(\.json|[^/]*\.safetensors(\.index\.json)?)"
        r"|generation_config\.json",
        "task": r"task\.json|head[^/]*\.safetensors(\.index\.json)?",
        "preprocessor": r"preprocessor\.json|assets/.*",
    },
    "keras": {
        "backbone": r"(config|metadata|generation_config)\.json"
        r"|model[^/]*\.weights\.(h5|json)",
        "task": r"task\.json|task[^/]*\.weights\.(h5|json)",
        "preprocessor": r"(preprocessor|tokenizer|image_converter)\.json"
        r"|assets/tokenizer/.*|chat_template\.[^/]*",
    },
    "transformers": {
        "backbone": r"(generation_)?config\.json|[^/]*\.safetensors(\.index\.json)?"
        r"|(pytorch_model|tf_model|flax_model)[^/]*",
        "preprocessor": r"(tokenizer|tokenizer_config|special_tokens_map|added_tokens"
        r"|preprocessor_config|processor_config|vocab)\.json|vocab\.txt|merges\.txt"
        r"|[^/]*\.model|chat_template\.[^/]*",
    },
}
# What a preprocessor may be made around.
_HELD = ("tokenizer", "image_converter")
# Written anew by each save, from all that is there.
_OF_ALL = (MANIFEST, SIGNATURE, CARD)


class Stored(NamedTuple):
    """A preset in a directory.

    Args:
        layout: its name.
        files: names of files by part; parts without files are missing.
    """

    layout: str
    files: dict[str, list[str]]


def stored_parts(directory: Path) -> Stored | None:
    """Returns what a directory holds; None if that is no preset."""
    if not directory.is_dir():
        return None
    folder = LocalFolder(directory)
    for layout, reader in _LAYOUTS.items():
        try:
            if not reader.recognizes(folder):
                continue
            # A native preset has the files of its manifest, and no other.
            names = manifest_entries(folder) if layout == "native" else folder.sizes()
        except PresetError:
            continue
        found = {
            part: sorted(name for name in names if re.fullmatch(pattern, name))
            for part, pattern in _FILES[layout].items()
        }
        return Stored(layout, {part: files for part, files in found.items() if files})
    return None


def check_replaceable(
    directory: Path, layout: str, parts: Collection[str], overwrite: bool
) -> Stored | None:
    """Checks that a save may put parts into a directory.

    Args:
        directory: where a preset is to be saved.
        layout: that it will have.
        parts: that will be saved.
        overwrite: whether they may take the place of others of their kind.

    Returns:
        What it holds; None if it is empty or missing.

    Raises:
        ValueError: if the directory is no preset; has such parts and `overwrite` is
            False; or has other parts, in another layout.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return None
    stored = stored_parts(directory)
    if stored is None:
        shown = sorted(path.name for path in directory.iterdir())[:10]
        raise ValueError(
            "Expected a new or empty directory, or one with a preset, received "
            f"{str(directory)!r}, which holds {shown!r:.300}. Choose another path; "
            "`overwrite=True` replaces presets alone."
        )
    twice = sorted(parts & stored.files.keys())
    if twice and not overwrite:
        raise ValueError(
            f"Expected a new or empty directory, or a preset without {_listed(twice)}, "
            f"received {str(directory)!r}, which has it. Pass overwrite=True to "
            "replace it (other parts stay), or choose another path."
        )
    others = sorted(stored.files.keys() - parts)
    if others and stored.layout != layout:
        raise ValueError(
            f"Expected a preset of the layout {layout!r} to add to, received "
            f"{str(directory)!r} of {stored.layout!r}, whose {_listed(others)} would "
            "be lost. Choose another path, or that layout."
        )
    return stored


def keep_other_parts(
    stored: Stored | None, old: Path, new: Path, parts: Collection[str]
) -> set[str]:
    """Puts what a save does not replace into the directory that it fills.

    Args:
        stored: what `check_replaceable` found.
        old: the preset as it is.
        new: a directory without the parts that are to stay.
        parts: that are saved.

    Returns:
        The parts that stay.
    """
    if stored is None:
        return set()
    others = set(stored.files) - set(parts)
    _keep(old, new, [name for part in others for name in stored.files[part]])
    return others


def within_stored(old: Path, part: Any, layout: str) -> Any:
    """Returns a preprocessor as stored, around a tokenizer or image converter.

    Args:
        old: the preset as it is, or an empty or missing directory.
        part: what is to be saved; a preprocessor, None and the like come back.
        layout: that the preset has and keeps.
    """
    kinds = [kind for kind in _HELD if has_role(type(part), kind)]
    stored = stored_parts(old.expanduser())
    if not kinds or stored is None or stored.layout != layout:
        return part
    with contextlib.suppress(PresetError):  # what is damaged is replaced as a whole
        around = _LAYOUTS[layout](LocalFolder(old)).preprocessor()
        if has_role(type(around), "preprocessor"):
            return type(around).from_config({**around.get_config(), kinds[0]: part})
    return part


def keep_other_files(stored: Stored | None, old: Path, new: Path) -> None:
    """Puts what belongs to no part, but to the user, into the new directory."""
    if stored is not None:
        known = {*_OF_ALL, *chain.from_iterable(stored.files.values())}
        _keep(old, new, LocalFolder(old).sizes().keys() - known)


def check_parts_fit(
    old: Path, new: Path, kept: Collection[str], layout: str, label: str
) -> None:
    """Checks that parts which stayed fit those that were saved beside them.

    Args:
        old: the preset as it was.
        new: the preset with all its parts.
        kept: the parts that stayed.
        layout: of both.
        label: what the user calls it, for messages.

    Raises:
        ValueError: if they do not.
    """
    parts = (stored_parts(new) or Stored(layout, {})).files
    if not kept or "backbone" not in parts:
        return
    reader = _LAYOUTS[layout]
    preset = reader(LocalFolder(new, label))
    if "preprocessor" in parts:
        check_stored_parts(preset, label)
    if "task" in kept and "backbone" not in kept:
        before = _architecture(reader(LocalFolder(old, label)))
        if before != _architecture(preset):
            raise ValueError(
                f"Expected a backbone for the head in {label!r}, of the same class and "
                "sizes as the one it was trained on; received another. Save the whole "
                "task, or choose another path."
            )


def _architecture(preset: Layout) -> tuple[type, dict[str, Any]]:
    cls, config = preset.backbone(False)
    usual = ("name", "trainable", "dtype")
    return cls, {key: value for key, value in config.items() if key not in usual}


def _keep(old: Path, new: Path, names: Iterable[str]) -> None:
    """Puts files of one directory into another, unless there are such already."""
    for name in names:
        source, target = old / name, new / name
        if not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:  # a second name: no bytes are written
                os.link(source, target, follow_symlinks=False)
            except (OSError, NotImplementedError):
                shutil.copy2(source, target, follow_symlinks=False)


def _listed(parts: Collection[str]) -> str:
    return " and ".join(f"a {part}" for part in sorted(parts))
