"""Writing this library's own layout; `reader.py` shows it and reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import keras

from domain_core._version import __version__
from domain_core.presets.chat_and_generation import write_generation_config
from domain_core.presets.disk import sha256
from domain_core.presets.json_files import write_json
from domain_core.presets.manifest import MANIFEST
from domain_core.presets.model_card import write_card
from domain_core.presets.native.reader import (
    FORMAT,
    FORMAT_VERSION,
    MODELS,
    PREPROCESSORS,
)
from domain_core.presets.safetensors_writer import Tensor, write_tensors
from domain_core.presets.tokenizer_assets import save_assets
from domain_core.serialization import (
    classes_in,
    has_role,
    registered_name,
    to_json,
)

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.images.converter import ImageConverter
    from domain_core.preprocessor import Preprocessor
    from domain_core.task import Task
    from domain_core.tokenizers.tokenizer import Tokenizer

# Arguments of a task that have files of their own.
_OWN_FILES = ("backbone", "preprocessor")


def write_native(
    directory: Path,
    *,
    backbone: Backbone | None = None,
    task: Task | None = None,
    preprocessor: Preprocessor | Tokenizer | ImageConverter | None = None,
    max_shard_bytes: int | None = None,
) -> None:
    """Fills a directory, empty but for a README, with a preset.

    Args:
        directory: where to write.
        backbone: a `Backbone`.
        task: a `Task`.
        preprocessor: a `Preprocessor`, `Tokenizer` or `ImageConverter`.
        max_shard_bytes: size above which weights are split over files.
    """

    def write_weights(name: str, variables: Mapping[str, keras.Variable]) -> None:
        tensors = {p: Tensor.of(variable) for p, variable in variables.items()}
        write_tensors(directory, name, tensors, max_shard_bytes=max_shard_bytes)

    if backbone is not None:
        write_json(directory / "backbone.json", to_json(backbone))
        write_weights("backbone.safetensors", backbone.weight_paths())
        write_generation_config(directory, backbone)
    if task is not None:
        own = {k: v for k, v in task.get_config().items() if k not in _OWN_FILES}
        data = {"class": registered_name(type(task)), "config": to_json(own)}
        write_json(directory / "task.json", data)
        if variables := task.head_weight_paths():
            write_weights("head.safetensors", variables)
    if preprocessor is not None:
        _write_preprocessor(directory, preprocessor)
    model = task if task is not None else backbone
    write_card(directory, preprocessor if model is None else model)
    _write_manifest(directory)


def _write_preprocessor(
    directory: Path, preprocessor: Preprocessor | Tokenizer | ImageConverter
) -> None:
    cls = type(preprocessor)
    data = to_json(preprocessor)
    if not has_role(cls, *PREPROCESSORS):
        raise ValueError(
            "Expected a Preprocessor, a Tokenizer or an ImageConverter to store as "
            f"preprocessor, received a {cls.__name__}. Subclass "
            "`domain_core.Preprocessor`, or save without it."
        )
    for inner in classes_in(data["config"]):
        if has_role(inner, *MODELS):
            raise ValueError(
                f"Expected a {cls.__name__} without a model to store as preprocessor; "
                f"it holds a {inner.__name__}, whose weights have no place there. Pass "
                "`preprocessor=` to `from_preset` instead."
            )
    tokenizer: Any = None
    stored = data
    if has_role(cls, "tokenizer"):
        tokenizer = preprocessor
    elif has_role(cls, "preprocessor"):
        tokenizer = cast("Preprocessor", preprocessor).tokenizer
        stored = data["config"].get("tokenizer")
    if tokenizer is not None and stored is not None:
        for key in tokenizer.asset_config_keys:
            stored["config"].pop(key, None)
        save_assets(tokenizer, directory / "assets")
    write_json(directory / "preprocessor.json", data)


def _write_manifest(directory: Path) -> None:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    files = {
        path.relative_to(directory).as_posix(): {
            "size": path.stat().st_size,
            "sha256": sha256(path),
        }
        for path in paths
    }
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "written_by": f"domain-core {__version__}",
        "files": files,
    }
    write_json(directory / MANIFEST, manifest)
