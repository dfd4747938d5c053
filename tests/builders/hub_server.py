"""A hub on the loopback interface: repositories in memory, and as much of the API as publishing and reading need."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

WRITER, READER = "hf_writer", "hf_reader"
"""Tokens: one may write, one may read only."""


@dataclass
class Repository:
    """Commits of a repository, each with all its files, and the commit of each branch."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, changes: dict[str, bytes]) -> str:
        """Add a commit to a branch and return its id."""
        files = {**self.commits.get(self.branches.get(branch, ""), {}), **changes}
        oid = hashlib.sha1(repr((len(self.commits), sorted(files.items()))).encode()).hexdigest()  # noqa: S324
        self.commits[oid], self.branches[branch] = files, oid
        return oid

    def files(self, revision: str) -> dict[str, bytes] | None:
        """Return the files of a branch or commit; None if there is none."""
        return self.commits.get(self.branches.get(revision, revision))


@dataclass
class Hub:
    """A hub that runs."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, token) of every request."""
    messages: list[str] = field(default_factory=list)
    """Message of every commit."""

    def add(self, name: str, **files: bytes) -> Repository:
        """Add a repository with the files ``name.json``, given as ``name``."""
        repository = self.repositories.setdefault(name, Repository())
        repository.commit("main", {f"{stem}.json": content for stem, content in files.items()})
        return repository


class RefusalError(Exception):
    """A response with an error."""

    def __init__(self, status: int, code: str = "", message: str = "", **fields: str) -> None:
        super().__init__(status)
        self.status, self.code, self.message, self.fields = status, code, message, fields


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """Serve a hub without a repository while the block runs."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_HEAD(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def answer(self, body: bytes) -> None:
            path = unquote(self.path.partition("?")[0])
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            hub.requests.append((self.command, path, token))
            headers: dict[str, str] = {}
            try:
                status, content = 200, answer(hub, self.command, path, token, body)
            except RefusalError as refusal:
                status, content = refusal.status, {"error": refusal.message, **refusal.fields}
                headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            if isinstance(content, bytes) and (
                wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
            ):
                status, data = 206, data[int(wanted[1]) : int(wanted[2]) + 1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            for name, header in headers.items():
                self.send_header(name, header)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(hub: Hub, method: str, path: str, token: str, body: bytes) -> Any:
    """Return the response to a request: bytes of a file or JSON. Raise `RefusalError` for an error."""
    if path == "/api/validate-yaml":
        return {"errors": [], "warnings": []}
    if path == "/api/repos/create":
        check_writer(token)
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in hub.repositories:
            raise RefusalError(409, message="You already created this model repo", url=f"{hub.url}/{name}")
        hub.repositories[name] = Repository(private=asked.get("visibility") == "private" or asked.get("private", False))
        hub.repositories[name].commit("main", {".gitattributes": b""})
        return {"url": f"{hub.url}/{name}"}
    if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(\w+)/(.*))?", path):
        name, action, rest = found.groups()
        repository = readable(hub, name, token)
        if action == "branch":
            check_writer(token)
            repository.branches.setdefault(rest, repository.branches["main"])
            return {}
        if action == "preupload":
            check_writer(token)
            paths = [file["path"] for file in json.loads(body)["files"]]
            return {"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in paths]}
        if action == "commit":
            check_writer(token)
            return take_commit(hub, name, rest, body)
        revision, _, folder = (rest or "main").partition("/")
        files = revised(repository, revision)
        if action == "tree":
            sizes = {each: len(content) for each, content in files.items() if not folder or each.startswith(folder)}
            return [
                {"type": "file", "path": each, "size": size, "oid": hashlib.sha1(files[each]).hexdigest()}  # noqa: S324
                for each, size in sizes.items()
            ]
        return {"id": name, "sha": repository.branches.get(revision, revision), "private": repository.private}
    if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.*)", path):
        files = revised(readable(hub, found[1], token), found[2])
        if found[3] not in files:
            raise RefusalError(404, "EntryNotFound", "Entry not found")
        return files[found[3]]
    raise RefusalError(404)


def check_writer(token: str) -> None:
    """Raise `RefusalError` if the token may not write."""
    if token != WRITER:
        message = f"Forbidden: the token {token} may only read" if token else "Invalid username or password."
        raise RefusalError(403 if token else 401, message=message)


def readable(hub: Hub, name: str, token: str) -> Repository:
    """Return a repository. As the real hub, say that there is none if the token may not see it."""
    repository = hub.repositories.get(name)
    if repository is None or (repository.private and not token):
        raise RefusalError(401 if not token else 404, "RepoNotFound", "Repository not found")
    if repository.gated and not token:
        raise RefusalError(403, "GatedRepo", "Access to this model is restricted")
    return repository


def revised(repository: Repository, revision: str) -> dict[str, bytes]:
    """Return the files of a revision, or raise `RefusalError`."""
    files = repository.files(revision)
    if files is None:
        raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return files


def take_commit(hub: Hub, name: str, branch: str, body: bytes) -> Any:
    """Add a commit, sent as lines of JSON."""
    header, *entries = [json.loads(line) for line in body.splitlines()]
    hub.messages.append(header["value"]["summary"])
    changes = {entry["value"]["path"]: base64.b64decode(entry["value"]["content"]) for entry in entries}
    assert {entry["key"] for entry in entries} == {"file"}
    oid = hub.repositories[name].commit(branch, changes)
    return {"success": True, "commitUrl": f"{hub.url}/{name}/commit/{oid}", "commitOid": oid}
