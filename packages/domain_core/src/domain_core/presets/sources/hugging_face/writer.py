"""Uploads a directory to a repository of the Hugging Face Hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources.hugging_face.client import hub_client, with_hub
from domain_core.presets.sources.progress import is_shown
from domain_core.presets.sources.retries import Deadline

# What an upload may delete of an earlier one: files that a preset is made of.
_OF_A_PRESET = ["*.json", "*.safetensors", "*.h5", "*.jinja", "assets/*"]


def upload(
    handle: str,
    repo: str,
    directory: Path,
    endpoint: str | None,
    private: bool | None = None,
    commit_message: str = "Upload a preset",
) -> str:
    """Uploads the files of a directory, to a repository that is made if need be.

    Args:
        handle: what the user asked for.
        repo: "org/name", or "name" for one of the user's own.
        directory: files of an earlier upload that it does not have are deleted.
        endpoint: address of the hub, or None.
        private: whether a new repository is for the user alone.
        commit_message: of the upload.

    Returns:
        The handle with the commit.
    """
    client = hub_client(handle)
    deadline = Deadline(size=sum(LocalFolder(directory).sizes().values()))
    api = client.HfApi(endpoint=endpoint)

    def send() -> str:
        name = api.create_repo(repo, private=private, exist_ok=True).repo_id
        commit = api.upload_folder(
            repo_id=name,
            folder_path=directory,
            commit_message=commit_message,
            delete_patterns=_OF_A_PRESET,
        )
        return f"hf://{name}@{commit.oid}"

    with _bars_where_seen(client):
        return with_hub(send, handle, repo, deadline)


@contextlib.contextmanager
def _bars_where_seen(client: Any) -> Iterator[None]:
    """Keeps the client's progress bars of an upload to where ours would show."""
    utils = client.utils
    if is_shown() or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()
