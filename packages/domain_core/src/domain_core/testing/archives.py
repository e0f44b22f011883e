"""Archives that would do harm if anybody unpacked them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Literal


def archive(mode: Literal["w", "w:gz"]) -> bytes:
    """Returns a tar file with paths, links and a device that leave its directory."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for name in ("../escaped", "/tmp/escaped", "a/../../escaped"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo("inside")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../escaped", b"evil")
        packed.writestr("bomb", bytes(10**7))  # a thousand times its size
    return file.getvalue()


ZIP = _zip()
