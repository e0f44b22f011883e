"""Whether the files of a preset are those that were saved, and who signed them.

Hashes are checked when files are downloaded, and when asked for; not at each load of
a local preset, because that reads everything twice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetUnsafeError,
)
from domain_core.presets.disk import sha256
from domain_core.presets.folder import Folder, LocalFolder
from domain_core.presets.json_files import json_value
from domain_core.presets.manifest import MANIFEST, SIGNATURE, manifest_entries

CHANGED = "has another content"


def signature_is_required() -> bool:
    """Whether `DOMAIN_CORE_REQUIRE_SIGNATURE` forbids presets without a signature."""
    value = os.environ.get("DOMAIN_CORE_REQUIRE_SIGNATURE", "").strip().lower()
    return value not in ("", "0", "false", "no", "off")


def drop_damaged(folder: Folder) -> list[str]:
    """Removes files from a cache that are not what was downloaded.

    Returns:
        Their names. `Folder.path` fetches them anew.
    """
    damaged = [name for name in folder.sizes() if folder.is_intact(name) is False]
    for name in damaged:
        folder.discard(name)
    return damaged


def check_folder(
    folder: Folder, key: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Compares every file of a preset with its manifest, and checks its signature.

    A download without a manifest is compared with what was downloaded then.

    Args:
        folder: the preset; all of it is downloaded.
        key: path of the public key that must have signed it, in PEM form; None to
            check no signature.

    Returns:
        The SHA-256 of each file that was compared.

    Raises:
        PresetCorruptError: if a file is missing, damaged or not in the manifest, or
            there is nothing to compare it with.
        PresetUnsafeError: if the signature is missing or not that of `key`, or no key
            was given although a signature is required.
    """
    if key is None and signature_is_required():
        raise PresetUnsafeError(
            "Expected `verify_key`: DOMAIN_CORE_REQUIRE_SIGNATURE is set, and the "
            f"preset {folder.label!r} would be loaded unchecked."
        )
    if key is not None:
        _check_signature(folder, Path(key))
    if MANIFEST not in folder:
        return _check_download(folder)
    if faults := faults_of(folder):
        problems = [f"{name} {fault}" for name, fault in faults.items()]
        raise PresetCorruptError(
            f"Expected the files of the preset {folder.label!r} to be those in its "
            f"manifest: {'; '.join(problems[:10])}. {_advice(folder)}"
        )
    return {name: entry["sha256"] for name, entry in manifest_entries(folder).items()}


def sign(directory: Path, key: str | os.PathLike[str]) -> None:
    """Signs all files of a directory, into `model.sig` beside them.

    The signature has OpenSSF's model signing format.

    Args:
        directory: a finished preset.
        key: path of an elliptic-curve private key, in PEM form.

    Raises:
        PresetError: if the key can't be used, or `model-signing` is missing.
    """
    signing = _model_signing().signing
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=Path(key))
        signer.sign(directory, directory / SIGNATURE)
    except (OSError, ValueError, TypeError) as error:
        raise PresetError(
            f"Expected the path of an elliptic-curve private key (PEM), received "
            f"{os.fspath(key)!r}: {type(error).__name__}. Make one with `openssl "
            "ecparam -name prime256v1 -genkey -noout`."
        ) from error


def faults_of(folder: Folder) -> dict[str, str]:
    """Says what is wrong with files, by their names, as far as the manifest tells."""
    files = manifest_entries(folder)
    faults = {
        name: "is not in the manifest"
        for name in folder.sizes()
        if name not in {*files, MANIFEST, SIGNATURE}
    }
    for name, entry in files.items():
        digest = json_value(entry, "sha256", str, MANIFEST, folder)
        if name not in folder:
            faults[name] = "is missing"
        elif sha256(folder.path(name)) != digest:
            faults[name] = CHANGED
    return faults


def _check_download(folder: Folder) -> dict[str, str]:
    """Compares the files of a preset without manifest with what was downloaded."""
    paths = {name: folder.path(name) for name in folder.sizes()}
    intact = {name: folder.is_intact(name) for name in paths}
    if not intact or None in intact.values():
        raise PresetCorruptError(
            f"Expected {MANIFEST!r} in the preset {folder.label!r}, to compare its "
            "files with; only presets that `save_to_preset` wrote have one. Load it, "
            "save it, and verify that."
        )
    if damaged := [name for name, whole in intact.items() if not whole]:
        raise PresetCorruptError(
            f"Expected the files of the preset {folder.label!r} to be as they were "
            f"downloaded; {damaged[:10]} changed since. {_advice(folder)}"
        )
    return {name: sha256(path) for name, path in paths.items()}


def _advice(folder: Folder) -> str:
    if isinstance(folder, LocalFolder):
        return "Save or download it again."
    return (
        f"`python -m domain_core verify {folder.label} --repair` fetches what is "
        "damaged again."
    )


def _check_signature(folder: Folder, key: Path) -> None:
    package = _model_signing()
    if not key.is_file():
        raise PresetError(f"Expected the path of a public key, received {str(key)!r}.")
    if SIGNATURE not in folder:
        raise PresetUnsafeError(
            f"Expected a signature {SIGNATURE!r} in the preset {folder.label!r}; there "
            "is none. Use a signed preset, or load it without `verify_key`."
        )
    directory = folder.directory("")
    # Hugging Face's cache holds links, which `folder` has checked.
    hashing = package.hashing.Config().set_allow_symlinks(True)
    hashing.set_ignored_paths(paths=[directory / SIGNATURE])
    try:
        verifier = package.verifying.Config().use_elliptic_key_verifier(public_key=key)
        verifier.set_hashing_config(hashing)
        verifier.verify(directory, directory / SIGNATURE)
    except Exception as error:  # the package raises many kinds
        raise PresetUnsafeError(
            f"Expected the preset {folder.label!r} to be signed by the key "
            f"{str(key)!r}: {error}. Do not use it."
        ) from error


def _model_signing() -> Any:
    try:
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ImportError as error:
        raise PresetError(
            "Expected the package `model-signing` for signatures: `pip install "
            f'"domain-core[signing]"` ({error}).'
        ) from error
    return model_signing
