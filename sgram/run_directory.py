"""Run directories: the parts of one run, in a folder named after a digest of the run's identity."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sgram.errors import SgramError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_atomic, write_bytes

LOCK_FILE = "lock"
DESCRIPTION = "run.json"
"""File that says what a run is made of; folders that hold one are not read as inputs."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Folder of one run, named by verb and digest of the run's identity.

    Another identity gives another folder, so parts of an earlier run with another configuration never mix in.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.open(folder, "mine", {"min_df": 5})
    ...     print(run.path.name, run.has("counts.json"))
    mine-b3948bebc82c False
    """

    path: Path

    @classmethod
    def open(cls, root: str | os.PathLike[str], verb: str, identity: Mapping[str, Any]) -> "RunDirectory":
        """Return the directory ``root/<verb>-<12 hex>/``, created with ``run.json`` or as an earlier run left it.

        Raise `SgramError` if the directory's ``run.json`` describes another identity.
        """
        run = cls(Path(root) / f"{verb}-{digest(canonical_json(identity))[:12]}")
        description, description_path = pretty_json(identity), run.path / DESCRIPTION
        if not description_path.exists():
            run.describe(identity)
        elif description_path.read_bytes() != description:
            raise SgramError(
                f"{excerpt(description_path)} describes another run; delete its directory or use another one"
            )
        return run

    def describe(self, identity: Mapping[str, Any]) -> None:
        """Write what the run is made of to the directory's ``run.json``."""
        write_bytes(self.path / DESCRIPTION, pretty_json(identity))

    def lock(self) -> AbstractContextManager[None]:
        """Return a context manager that locks the run for this process; see `lock_folder`."""
        return lock_folder(self.path)

    def part(self, name: str) -> Path:
        """Return the path of the part `name`, whether it exists or not. Raise `ValueError` if `name` is unsafe."""
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.=-]*(/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*", name):
            raise ValueError(f"invalid name for a part of a run: {name!r}")
        return self.path / name

    def has(self, name: str) -> bool:
        """Return whether the part `name` is finished."""
        return self.part(name).exists()

    def write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a context manager: a binary file that becomes the part `name` when the block ends without an error."""
        return write_atomic(self.part(name))


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock `folder` for this process during the block, by the file ``lock`` in it; the folder is made if it is missing.

    The system releases the lock when the process ends, also if it is killed. Raise `SgramError` if another process has
    the lock, or the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SgramError(f"another process is working on this run ({excerpt(folder)}); wait for it") from None
        except OSError as error:
            raise SgramError(
                f"cannot lock {excerpt(folder)} ({error.strerror}), so that two processes might write it at once; use "
                "a folder on another disk"
            ) from error
        yield
