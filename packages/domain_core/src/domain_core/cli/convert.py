"""`convert`: from any layout to another."""

from __future__ import annotations

import argparse
from typing import Any

from domain_core.cli.answer import Answer, add_command, size_text


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "convert",
        _run,
        help="Write a preset in another layout, or in another precision.",
        description=(
            "native        this library's own: fastest to load, with checksums\n"
            "keras         what KerasHub reads\n"
            "transformers  what Hugging Face `transformers` reads\n\n"
            "A trained head, the tokenizer, the image converter, a chat template and\n"
            "a generation config go along. What the other layout has no place for is\n"
            "an error, and nothing is written then."
        ),
        examples=[
            "hf://BAAI/bge-small-en-v1.5 ./bge --layout native",
            "./my_classifier ./exported --layout transformers",
            "./my_classifier ./half --layout native --dtype bfloat16",
        ],
    )
    parser.add_argument("source", metavar="SRC", help="a name, handle or directory")
    parser.add_argument("directory", metavar="DST", help="directory to make")
    parser.add_argument(
        "--layout",
        required=True,
        choices=("native", "keras", "transformers"),
        help="what to write, see above",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        help="precision of the weights to write (that of the source)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what is there"
    )
    parser.add_argument(
        "--max-shard-size",
        metavar="GB",
        type=float,
        default=10,
        help="gigabytes above which weights are split over files (10)",
    )


def _run(arguments: argparse.Namespace) -> Answer:
    from domain_core.presets.folder import LocalFolder

    model = _load(arguments.source, arguments.dtype)
    _write(model, arguments)
    files = dict(LocalFolder(arguments.directory).sizes())
    name = type(model["task"] or model["backbone"]).__name__
    return Answer(
        f"{arguments.source}: {name}, {len(files)} files, "
        f"{size_text(sum(files.values()))}, now in {arguments.directory}",
        {
            "source": arguments.source,
            "directory": arguments.directory,
            "layout": arguments.layout,
            "class": name,
            "files": files,
        },
    )


def _load(source: str, dtype: str | None) -> dict[str, Any]:
    """Returns the task of a preset or its backbone, and what goes with it."""
    from domain_core.presets import load_backbone, load_task, open_preset

    layout = open_preset(source)
    options: dict[str, Any] = {} if dtype is None else {"dtype": dtype}
    stored = layout.task(load_weights=layout.has_weights())
    if stored is not None:
        task = load_task(stored[0], source, **options)
        parts = {"backbone": task.backbone, "task": task}
        return {**parts, "preprocessor": task.preprocessor}
    cls, _ = layout.backbone(False)
    backbone = load_backbone(cls, source, **options)
    preprocessor = layout.preprocessor()
    if preprocessor is None:
        preprocessor = layout.tokenizer(object) or layout.image_converter()
    return {"backbone": backbone, "task": None, "preprocessor": preprocessor}


def _write(model: dict[str, Any], arguments: argparse.Namespace) -> None:
    from domain_core.presets import export_to_transformers, save_preset

    target: dict[str, Any] = {
        "overwrite": arguments.overwrite,
        "max_shard_size": arguments.max_shard_size,
    }
    if arguments.layout != "transformers":
        save_preset(arguments.directory, **model, layout=arguments.layout, **target)
        return
    preprocessor = model.pop("preprocessor")
    tokenizer = getattr(preprocessor, "tokenizer", None)
    images = getattr(preprocessor, "image_converter", None)
    if hasattr(preprocessor, "tokenize"):
        tokenizer = preprocessor
    elif hasattr(preprocessor, "image_size"):
        images = preprocessor
    export_to_transformers(
        arguments.directory,
        **model,
        tokenizer=tokenizer,
        image_converter=images,
        **target,
    )
