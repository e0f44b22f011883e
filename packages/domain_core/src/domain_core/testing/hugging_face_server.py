"""A Hugging Face Hub on this machine, for the unmodified `huggingface_hub` client.

```
with HuggingFaceServer() as hub:
    commit = hub.add("org/name", {"config.json": b"{}"})
    hub.inject("GET /cdn/*", bit_flip)
    source = HuggingFaceSource(hub.url, cache=str(tmp_path))
```

It tells large files from small ones as the hub does: their bytes come from another
host (`/cdn/`), named by their SHA-256.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from domain_core.testing.loopback import LoopbackServer, Reply, Request, json_reply

_LARGE = (".safetensors", ".h5")


@dataclasses.dataclass
class _Repo:
    commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)
    refs: dict[str, str] = dataclasses.field(default_factory=dict)
    refusal: str | None = None


class HuggingFaceServer(LoopbackServer):
    """Speaks the routes that download and upload need.

    Attributes:
        token: what a request must carry for a repository that is not open to all.
        host: other name of this machine, from which large files come.
    """

    token = "hf_loopback"
    host = "localhost"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._repos: dict[str, _Repo] = {}
        self._blobs: dict[str, bytes] = {}

    def add(self, repo: str, files: Mapping[str, bytes], ref: str = "main") -> str:
        """Adds a commit, and the repository if need be; returns its hash."""
        entry = self._repos.setdefault(repo, _Repo())
        text = repr((repo, sorted(files.items()), len(entry.commits)))
        commit = hashlib.sha1(text.encode()).hexdigest()
        entry.commits[commit] = dict(files)
        entry.refs[ref] = commit
        return commit

    def refuse(self, repo: str, code: str) -> None:
        """Lets nobody without the token in; `code` is "GatedRepo" or "RepoNotFound"."""
        self._repos[repo].refusal = code

    def files(self, repo: str, ref: str = "main") -> dict[str, bytes]:
        """Returns the files of a repository."""
        entry = self._repos[repo]
        return entry.commits[entry.refs.get(ref, ref)]

    def respond(self, request: Request) -> Reply:
        path = request.path
        if match := re.fullmatch("/(cdn|lfs)/([0-9a-f]{64})", path):
            if request.method == "PUT":
                self._blobs[match[2]] = request.body
                return Reply()
            return Reply(body=self._blobs[match[2]], ranges=True)
        if path == "/api/repos/create":
            return self._create(request)
        if path == "/api/validate-yaml":
            return json_reply({"errors": [], "warnings": []})
        if match := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            return self._batch(request)
        match = re.fullmatch(r"/api/models/(.+)/(revision|tree)/([^/]+)", path)
        if match and request.method == "GET":
            return self._list(request, *match.groups())
        if match := re.fullmatch(r"/api/models/(.+)/(preupload|commit)/main", path):
            known = self._known(request, match[1])
            if isinstance(known, Reply):
                return known
            if match[2] == "preupload":
                return self._preupload(request)
            return self._commit(request, match[1])
        if match := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(request, *match.groups())
        return _error(404, "RepoNotFound")

    def _known(self, request: Request, repo: str) -> _Repo | Reply:
        entry = self._repos.get(repo)
        if entry is None:
            return _error(401, "RepoNotFound")
        authorized = request.headers.get("authorization") == f"Bearer {self.token}"
        if entry.refusal and not authorized:
            status = 403 if entry.refusal == "GatedRepo" else 401
            return _error(status, entry.refusal)
        return entry

    def _list(self, request: Request, repo: str, kind: str, revision: str) -> Reply:
        entry = self._known(request, repo)
        if isinstance(entry, Reply):
            return entry
        commit = entry.refs.get(revision, revision)
        if commit not in entry.commits:
            return _error(404, "RevisionNotFound")
        files = entry.commits[commit].items()
        if kind == "tree":
            return json_reply(
                [
                    {"type": "file", "path": n, "size": len(c), "oid": _git_hash(c)}
                    for n, c in files
                ]
            )
        siblings = [self._sibling(name, content) for name, content in files]
        return json_reply({"id": repo, "sha": commit, "siblings": siblings})

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        size = len(content)
        sibling: dict[str, Any] = {"rfilename": name, "size": size}
        sibling["blobId"] = _git_hash(content)
        if name.endswith(_LARGE):
            digest = hashlib.sha256(content).hexdigest()
            sibling["lfs"] = {"sha256": digest, "size": size, "pointerSize": 130}
        return sibling

    def _resolve(self, request: Request, repo: str, revision: str, name: str) -> Reply:
        entry = self._known(request, repo)
        if isinstance(entry, Reply):
            return entry
        commit = entry.refs.get(revision, revision)
        files = entry.commits.get(commit)
        if files is None:
            return _error(404, "RevisionNotFound")
        if name not in files:
            return _error(404, "EntryNotFound")
        content = files[name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_git_hash(content)}"'}
        if not name.endswith(_LARGE):
            return Reply(body=content, headers=headers, ranges=True)
        digest = hashlib.sha256(content).hexdigest()
        self._blobs[digest] = content
        headers["X-Linked-Etag"] = f'"{digest}"'
        headers["X-Linked-Size"] = str(len(content))
        headers["Location"] = f"{self.url_of(self.host)}/cdn/{digest}"
        return Reply(302, headers=headers)

    def _create(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, None)
        sent = request.json()
        repo = "/".join([sent.get("organization") or "somebody", sent["name"]])
        url = f"{self.url}/{repo}"
        if repo in self._repos:
            return json_reply({"error": "exists", "url": url}, 409)
        self.add(repo, {".gitattributes": b""})
        return json_reply({"url": url, "name": repo, "id": repo})

    def _preupload(self, request: Request) -> Reply:
        return json_reply(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs"
                        if file["path"].endswith(_LARGE)
                        else "regular",
                        "shouldIgnore": False,
                    }
                    for file in request.json()["files"]
                ]
            }
        )

    def _batch(self, request: Request) -> Reply:
        objects = []
        for sent in request.json()["objects"]:
            upload = {"href": f"{self.url_of(self.host)}/lfs/{sent['oid']}"}
            objects.append({**sent, "actions": {"upload": upload}})
        return json_reply({"transfer": "basic", "objects": objects})

    def _commit(self, request: Request, repo: str) -> Reply:
        files = dict(self.files(repo))
        for line in request.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self._blobs[value["oid"]]
            elif operation["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.add(repo, files)
        url = f"{self.url}/{repo}/commit/{commit}"
        return json_reply({"commitOid": commit, "commitUrl": url, "success": True})


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _error(status: int, code: str | None) -> Reply:
    headers = {"X-Error-Code": code} if code else {}
    return json_reply({"error": code or "Unauthorized"}, status, **headers)
