"""Checkpoint folders of a run: list, publish atomically, and explain a full disk.

A checkpoint is written into the folder `STAGING` and moved to its name when it is complete, so a reader finds whole
checkpoints only.
"""

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
"""Error texts of the libraries for a disk fault; the last three are those of torch.save."""


def list_checkpoints(directory: str | os.PathLike[str]) -> list[Path]:
    """Return the whole checkpoints of a run, by step."""
    paths = [path for path in Path(directory).glob("checkpoint-*") if _NAME.match(path.name) and path.is_dir()]
    return sorted(paths, key=checkpoint_step)


def checkpoint_step(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written.

    >>> checkpoint_step(Path("runs/checkpoint-80"))
    80
    """
    match = _NAME.match(checkpoint.name)
    if match is None:
        raise ValueError(f"{excerpt(checkpoint)} is not the folder of a checkpoint")
    return int(match[1])


def latest_checkpoint(directory: str | os.PathLike[str]) -> Path | None:
    """Return the newest checkpoint of a run, or None if there is none."""
    return next(reversed(list_checkpoints(directory)), None)


def clear_staging(directory: str | os.PathLike[str]) -> None:
    """Remove the checkpoint that a killed run left unfinished."""
    shutil.rmtree(Path(directory) / STAGING, ignore_errors=True)


def publish_checkpoint(directory: str | os.PathLike[str], limit: int | None) -> None:
    """Move the staged checkpoint to its name, then remove all but the newest `limit` checkpoints (None or 0: none)."""
    directory = Path(directory)
    for staged_checkpoint in list_checkpoints(directory / STAGING):
        target = directory / staged_checkpoint.name
        if target.exists():  # from an earlier try that ended after this step; moved at once, never half removed
            target.replace(directory / STAGING / "replaced")
        staged_checkpoint.replace(target)
    clear_staging(directory)
    for old_checkpoint in list_checkpoints(directory)[: -limit if limit else None] if limit else []:
        shutil.rmtree(old_checkpoint, ignore_errors=True)


@contextmanager
def explain_disk_faults(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a disk fault inside the block into a `SgramError` that names the checkpoint to resume from."""
    try:
        yield
    except Exception as error:  # torch raises RuntimeError for a full disk, safetensors an error of its own
        if not _is_disk_fault(error):
            raise
        clear_staging(directory)
        last_checkpoint = latest_checkpoint(directory)
        resume_point = (
            f"the last complete checkpoint is {excerpt(last_checkpoint)}"
            if last_checkpoint
            else "there is no checkpoint yet"
        )
        reason = error.__cause__ if isinstance(error, SgramError) else error
        raise SgramError(
            f"cannot write a checkpoint in {excerpt(directory)}: {reason}; {resume_point}: free some space and run the "
            "same command again"
        ) from error


def _is_disk_fault(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _CODES:
        return True
    return any(words in str(error) for words in _WORDS)
