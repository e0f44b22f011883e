"""`kaggle://owner/model/framework/variation[/version]`, taken apart strictly."""

from __future__ import annotations

import dataclasses
import re

from domain_core.preset_errors import PresetUnsafeError

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_SCHEME = "kaggle://"


@dataclasses.dataclass(frozen=True)
class KaggleHandle:
    """The name of a model at Kaggle.

    Args:
        owner: user or organization.
        model: family of models.
        framework: "keras" for all that this project writes.
        variation: one model of the family.
        version: counts from 1; None for the newest.
    """

    owner: str
    model: str
    framework: str
    variation: str
    version: int | None = None

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """What names the model, without the version."""
        return self.owner, self.model, self.framework, self.variation

    def client_handle(self) -> str:
        """Returns the handle as the Kaggle client takes it."""
        version = () if self.version is None else (str(self.version),)
        return "/".join((*self.parts, *version))

    def page(self) -> str:
        """Returns the address of the page where a person accepts the licence."""
        return f"https://www.kaggle.com/models/{self.owner}/{self.model}"

    def __str__(self) -> str:
        return _SCHEME + self.client_handle()


def parse_kaggle_handle(handle: str) -> KaggleHandle:
    """Returns the parts of a handle.

    Raises:
        PresetUnsafeError: if a part is "." or "..".
        ValueError: if it is no such handle.
    """
    parts = handle[len(_SCHEME) :].split("/")
    if {".", ".."} & set(parts):
        raise PresetUnsafeError(
            "Expected a handle without '.' and '..' as parts, received "
            f"{handle[:200]!r}. No request was sent; do not use this handle."
        )
    slugs, version = parts[:4], parts[4:]
    if (
        not handle[: len(_SCHEME)].lower() == _SCHEME
        or len(slugs) != 4
        or len(version) > 1
        or not all(_SLUG.fullmatch(slug) for slug in slugs)
        or not all(_VERSION.fullmatch(number) for number in version)
    ):
        raise ValueError(
            "Expected 'kaggle://owner/model/framework/variation', with '/version' (1 "
            "or more) or without, of letters, digits, '.', '_' and '-', received "
            f"{handle[:200]!r}. Copy it from the page of the model at Kaggle."
        )
    owner, model, framework, variation = slugs
    number = int(version[0]) if version else None
    return KaggleHandle(owner, model, framework, variation, number)
