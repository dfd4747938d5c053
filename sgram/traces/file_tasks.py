"""Reading one file of an input by itself, in another process or on another machine, as reading them all would.

What depends on all files is decided before: which files are read, their runs, what rewards say (`TraceReader`). Ids
that several files have are the exception: a pass logs the ids of its file, and where files share ids, the later ones
are read again with `EarlierIds`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sgram.errors import UsageError
from sgram.quarantine import Quarantine
from sgram.traces.ids import NO_EARLIER_IDS, EarlierIds, IdLog, IdRegistry
from sgram.traces.outcomes import RunRewards
from sgram.traces.readers import ReadOptions, ReadReport, TraceReader
from sgram.urls import is_url


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file of an input and what was decided over all files; it can be pickled."""

    path: str
    """Path or URL."""
    run: str
    """Run of its traces, where the data name none."""
    dialect: str
    options: ReadOptions
    rewards: Mapping[str, RunRewards]
    """What the rewards of each run are."""
    is_in_folder: bool = False
    """Whether it was found in a folder: then it is left out if it holds no rollouts."""
    earlier: EarlierIds = NO_EARLIER_IDS

    def reader(self) -> "FileTaskReader":
        """Return a reader of this file, whose report `TraceReader.adopt` takes."""
        return FileTaskReader(self)

    def lone_reader(self, quarantine: str | os.PathLike[str]) -> "LoneFileReader":
        """Return a reader that also checks this file, for a job that writes an output for each file.

        Invalid rows are written to `quarantine`. A file of a folder that holds no rollouts gives no trace, and a
        warning.
        """
        return LoneFileReader(self, quarantine)


def file_tasks(reader: TraceReader, dialect: str) -> list[FileTask]:
    """Return a task for each file of `reader`, which surveys the rewards of all files first.

    Raise `UsageError` if a file is stdin or a pipe, which only this process can read.
    """
    for file in reader.files:
        if file.is_stream and not is_url(file.path):
            raise UsageError(f"{file.name} can be read by this process only; name files for other engines")
    rewards = dict(reader.survey())
    return [
        FileTask(file.path, reader.runs[file.path], dialect, reader.options, rewards, file.path in reader.in_folder)
        for file in reader.files
    ]


class LoneFileReader(TraceReader):
    """A reader of one file of an input, which checks this file as if it were the whole input."""

    def __init__(self, task: FileTask, quarantine: str | os.PathLike[str]) -> None:
        options = replace(task.options, quarantine=quarantine)
        super().__init__([task.path], task.dialect, options=options, runs={task.path: task.run}, rewards=task.rewards)
        self._in_folder = {task.path} if task.is_in_folder else set()

    def _check_usable(self) -> None:
        is_left_out = self.report.first_foreign and not self.report.rows_in
        if not is_left_out:
            super()._check_usable()


class FileTaskReader(TraceReader):
    """A reader of one file of an input. It leaves the checks of the whole to `TraceReader.adopt`."""

    def __init__(self, task: FileTask) -> None:
        options = replace(task.options, quarantine=None)
        super().__init__([task.path], task.dialect, options=options, runs={task.path: task.run}, rewards=task.rewards)
        self._writes_quarantine = task.options.quarantine is not None
        self._task = task
        self._in_folder = {task.path} if task.is_in_folder else set()
        self.id_log = IdLog()

    def _new_report(self) -> ReadReport:
        return ReadReport()

    def _new_ids(self) -> IdRegistry:
        self.id_log = IdLog()
        return IdRegistry(self.id_log, self._task.earlier)

    def _new_quarantine(self) -> Quarantine:
        quarantine = Quarantine(keeps_rows=self._writes_quarantine)
        self.report.quarantine_rows = quarantine.rows
        return quarantine

    def _check_usable(self) -> None:
        """Check nothing: other files may have usable rows."""

    def _check_whole(self) -> None:
        """Check nothing."""

    def _log_faults(self, report: object) -> None:
        """Log nothing: `adopt` does."""
