"""Kaggle on this machine: the models that `kagglehub` lists, downloads and uploads."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import ssl
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from domain_core.testing.loopback import LoopbackServer, Reply, Request, json_reply

_FRAMEWORK = "MODEL_FRAMEWORK_"


class KaggleServer(LoopbackServer):
    """Speaks the protocol of kagglehub 1.0.

    ```
    with KaggleServer() as server:
        server.add("keras/bert/keras/tiny", {"config.json": b"{}"})
        server.inject("POST *DownloadModelInstanceVersion", status(503))
        server.inject("GET /data/*config.json", bit_flip)
    ```

    Let the client find it: its endpoint is
    `kagglesdk.kaggle_env._env_to_endpoint[KaggleEnv.PROD]`; or give the server a
    certificate and `proxy=True` and set `HTTPS_PROXY` and `REQUESTS_CA_BUNDLE`.

    Args:
        tls: see `LoopbackServer`.
        proxy: see `LoopbackServer`.

    Attributes:
        models: the files of each version of a model, oldest first.
        page: how many files a page of the list has at most.
        data_url: where the bytes are: under another host name than the API.
        mounts: directory where the server of notebooks puts what they ask for; None
            for one that promises and never does.
        users: tokens that may do everything; None if nobody need log in.
        room: bytes of an upload that are kept; None for all.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, proxy: bool = False) -> None:
        super().__init__(tls, proxy)
        self.models: dict[str, list[dict[str, bytes]]] = {}
        self.page = 25
        self.data_url = self.url_of("localhost")
        self.mounts: Path | None = None
        self.users: set[str] | None = None
        self.room: int | None = None
        self._blobs: dict[str, tuple[str, bytes]] = {}

    def add(self, model: str, files: Mapping[str, bytes]) -> int:
        """Publishes a version.

        Args:
            model: "owner/model/framework/variation".
            files: content by name.

        Returns:
            Its number.
        """
        versions = self.models.setdefault(model, [])
        versions.append(dict(files))
        return len(versions)

    def respond(self, request: Request) -> Reply:
        if request.path.startswith("/data/"):
            return self._data(request)
        if request.path.startswith("/upload/"):
            return self._take(request)
        if request.path.startswith("/kaggle-jwt-handler/"):
            return self._attach(request.json()["modelRef"])
        method = request.path.rsplit("/", 1)[-1]
        assert request.method == "POST" and request.path.startswith("/v1/"), request
        if self.users is not None:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.users:
                return _refusal(403 if token else 401)
        answer: Reply = getattr(self, f"_{method}")(request.json())
        # Makes the client print that it is old, if nobody stops it.
        headers = {**answer.headers, "X-Kaggle-HubVersion": "99.0.0"}
        return dataclasses.replace(answer, headers=headers)

    def _GetModelInstance(self, body: Any) -> Reply:
        versions = self.models.get(_model(body))
        if not versions:
            return _refusal(404)
        return json_reply(
            {"slug": body["instanceSlug"], "versionNumber": len(versions)}
        )

    def _ListModelInstanceVersionFiles(self, body: Any) -> Reply:
        files = self._files(body)
        if files is None:
            return _refusal(404)
        start = int(body.get("pageToken", 0))
        end = start + min(self.page, body["pageSize"])
        listed = [{"name": n, "size": len(b)} for n, b in files.items()]
        token = str(end) if end < len(files) else ""
        return json_reply({"files": listed[start:end], "nextPageToken": token})

    def _DownloadModelInstanceVersion(self, body: Any) -> Reply:
        files = self._files(body)
        name = body.get("path")
        if files is None or (name is not None and name not in files):
            return _refusal(404)
        path = f"{_model(body)}/{body['versionNumber']}"
        path = f"{path}/{name}" if name else f"{path}.zip"
        return Reply(302, headers={"Location": f"{self.data_url}/data/{path}"})

    def _data(self, request: Request) -> Reply:
        path = request.path.removeprefix("/data/")
        *model, version, name = path.split("/", 5)
        if len(model) < 4:  # the archive of a version
            *model, archive = path.split("/", 4)
            files = self.models["/".join(model)][int(archive[:-4]) - 1]
            body = _zip(files)
        else:
            body = self.models["/".join(model)][int(version) - 1][name]
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        headers = {"Accept-Ranges": "bytes", "x-goog-hash": f"crc32c=AAAA==,md5={md5}"}
        return Reply(body=body, headers=headers, ranges=True)

    def _attach(self, model: Any) -> Reply:
        slugs = ("OwnerSlug", "ModelSlug", "Framework", "InstanceSlug")
        versions = self.models["/".join(model[slug] for slug in slugs)]
        version = int(model.get("VersionNumber", len(versions)))
        slug = "/".join(("net", *(model[slug] for slug in slugs[1:]), str(version)))
        if self.mounts is not None:
            for name, body in versions[version - 1].items():
                path = self.mounts / slug / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        result = {"mountSlug": slug, "versionNumber": version}
        return json_reply({"wasSuccessful": True, "result": result})

    def _GetModel(self, body: Any) -> Reply:
        prefix = f"{body['ownerSlug']}/{body['modelSlug']}/"
        if any(model.startswith(prefix) for model in self.models):
            return json_reply({"id": 1})
        return _refusal(404)

    def _CreateModel(self, body: Any) -> Reply:
        return json_reply({"id": 1})

    def _StartBlobUpload(self, body: Any) -> Reply:
        token = f"blob{len(self._blobs)}"
        self._blobs[token] = (body["name"], b"")
        url = f"{self.data_url}/upload/{token}"
        return json_reply({"token": token, "createUrl": url})

    def _take(self, request: Request) -> Reply:
        token = request.path.removeprefix("/upload/")
        name, have = self._blobs[token]
        asked = request.headers.get("content-range", "bytes 0-").removeprefix("bytes ")
        if not asked.startswith("*/"):
            have = have[: int(asked.split("-")[0])] + request.body
            self._blobs[token] = (name, have[: self.room])
        elif len(have) < int(asked[2:]):
            there = {"Range": f"bytes=0-{len(have) - 1}"} if have else {}
            return Reply(308, headers=there)
        return Reply()

    def _CreateModelInstance(self, body: Any) -> Reply:
        new = body["body"]
        model = "/".join(
            (
                body["ownerSlug"],
                body["modelSlug"],
                new["framework"].removeprefix(_FRAMEWORK).lower(),
                new["instanceSlug"],
            )
        )
        if model in self.models:
            return json_reply({"error": "it exists", "errorCode": 409})
        self.add(model, self._uploaded(new))
        return json_reply({"id": 1})

    def _CreateModelInstanceVersion(self, body: Any) -> Reply:
        self.add(_model(body), self._uploaded(body["body"]))
        return json_reply({"id": 1})

    def _uploaded(self, tree: Any) -> dict[str, bytes]:
        files = dict(self._walk(tree, ""))
        if set(files) == {"archive.zip"}:
            with zipfile.ZipFile(io.BytesIO(files["archive.zip"])) as archive:
                return {name: archive.read(name) for name in archive.namelist()}
        return files

    def _walk(self, tree: Any, prefix: str) -> Iterator[tuple[str, bytes]]:
        for file in tree.get("files", ()):
            name, body = self._blobs[file["token"]]
            yield prefix + name, body
        for directory in tree.get("directories", ()):
            yield from self._walk(directory, f"{prefix}{directory['name']}/")

    def _files(self, body: Any) -> dict[str, bytes] | None:
        versions = self.models.get(_model(body), [])
        number = body.get("versionNumber", 0)
        return versions[number - 1] if 0 < number <= len(versions) else None


def _model(body: Any) -> str:
    framework = body["framework"].removeprefix(_FRAMEWORK).lower()
    parts = (body["ownerSlug"], body["modelSlug"], framework, body["instanceSlug"])
    return "/".join(parts)


def _refusal(code: int) -> Reply:
    return json_reply({"code": code, "message": "no"}, status=code)


def _zip(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return target.getvalue()
