"""Checkpoints that are there whole or not at all. Knows nothing about what is in them."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sgram.errors import SgramError
from sgram.files import excerpt

_NAME = re.compile(r"checkpoint-(\d+)$")
STAGING = ".checkpoint-being-written"
_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EIO}
_WORDS = (*map(os.strerror, _CODES - {errno.EACCES}), "file write failed", "iostream error", "unexpected pos")
"""What the libraries say, the last three those of torch.save."""


def checkpoints(directory: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints of a run, by step."""
    found = [path for path in Path(directory).glob("checkpoint-*") if _NAME.match(path.name) and path.is_dir()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(_NAME.match(checkpoint.name)[1])


def latest_checkpoint(directory: str | os.PathLike[str]) -> Path | None:
    """The newest checkpoint of a run, None where there is none."""
    return next(reversed(checkpoints(directory)), None)


def clear_staging(directory: str | os.PathLike[str]) -> None:
    """Remove what a killed run left unfinished."""
    shutil.rmtree(Path(directory) / STAGING, ignore_errors=True)


def publish(directory: str | os.PathLike[str], keep: int | None) -> None:
    """Move the checkpoint that was written aside to its place; all but the newest `keep` are removed after it."""
    directory = Path(directory)
    for written in checkpoints(directory / STAGING):
        target = directory / written.name
        if target.exists():  # of an earlier try that ended after this step; moved at once, never half removed
            target.replace(directory / STAGING / "replaced")
        written.replace(target)
    clear_staging(directory)
    for old in checkpoints(directory)[: -keep if keep else None] if keep else []:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def told_when_the_disk_is_full(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Say in a sentence that a checkpoint could not be written, and from where the run can go on."""
    try:
        yield
    except Exception as error:  # torch raises RuntimeError for a full disk, safetensors an error of its own
        if not _is_disk_fault(error):
            raise
        clear_staging(directory)
        last = latest_checkpoint(directory)
        place = f"the last whole one is {excerpt(last)}" if last else "there is none yet"
        reason = error.__cause__ if isinstance(error, SgramError) else error
        raise SgramError(
            f"cannot write a checkpoint in {excerpt(directory)}: {reason}; {place}: make room and run the same "
            "command again"
        ) from error


def _is_disk_fault(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _CODES:
        return True
    return any(words in str(error) for words in _WORDS)
