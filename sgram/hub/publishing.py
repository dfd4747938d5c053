"""Files sent to a repository of the hub as one commit."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt
from sgram.hub.addresses import SCHEME, check_repository
from sgram.hub.faults import explain_fault

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""Environment variable with the address of another hub."""


class PublishedCommit(NamedTuple):
    """A commit on the hub."""

    address: str
    """``hf://owner/name@commit``: what loads exactly these files."""
    url: str
    """Page of the commit."""


def hub_endpoint(endpoint: str | None = None) -> str | None:
    """Return the address of the hub: `endpoint`, else that of the environment, else None for the public one."""
    return endpoint or os.environ.get(ENDPOINT_VARIABLE) or None


def publish_files(
    repository: str,
    files: Mapping[str, bytes],
    message: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
) -> PublishedCommit:
    """Send `files`, content by name, to a repository as one commit, and return the commit.

    A missing repository is created, `private` or public; None is the default of its owner. A missing branch `revision`
    is created. Files of the same names are replaced, others stay. `token` is that of the login by default.

    Raise `UsageError` for an invalid name, or if `private` is set and the repository is public;
    `MissingExtraError` if huggingface_hub is not installed; `SgramError` if the hub refuses or cannot be reached.
    """
    name = check_repository(repository)
    hub = _client(endpoint, token)
    from huggingface_hub import CommitOperationAdd, HfFileSystem

    with _as_sgram_errors(name, token):
        hub.create_repo(name, private=private, exist_ok=True)
        if private and not hub.repo_info(name).private:
            raise UsageError(
                f"{name} exists and is public; make it private in its settings, or publish to another name"
            )
        if revision is not None:
            hub.create_branch(name, branch=revision, exist_ok=True)
        operations = [CommitOperationAdd(file_name, content) for file_name, content in sorted(files.items())]
        commit = hub.create_commit(name, operations, commit_message=message, revision=revision)
        HfFileSystem.clear_instance_cache()  # it remembers the files that were there
        return PublishedCommit(f"{SCHEME}{name}@{commit.oid}", str(commit.commit_url))


def _client(endpoint: str | None, token: str | bool | None) -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError("publishing needs huggingface_hub; pip install 'sgram[hub]'") from error
    return HfApi(endpoint=hub_endpoint(endpoint), token=token)


@contextmanager
def _as_sgram_errors(name: str, token: str | bool | None) -> Iterator[None]:
    """Raise every error of the hub's client as an `SgramError` that says why; no message contains the token."""
    try:
        yield
    except SgramError:
        raise
    except Exception as error:  # the libraries below the client promise no kind of error
        fault = explain_fault(error)
        words = " ".join(str(getattr(error, "server_message", None) or "").split())
        if isinstance(token, str) and token:
            words = words.replace(token, "...")
        answer = f" ({excerpt(words)})" if words else ""
        raise SgramError(f"cannot publish {name}: {fault.reason}{answer}; {fault.remedy}") from error
