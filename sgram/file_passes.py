"""Passes over the files of inputs as tasks of an engine, with the outcomes of reading the files of an input together.

Where several files of an input have the same id, reading them together gives all but the first another id, or leaves
the trace out. So the first pass returns the ids of its file, and the files that need it are read again with the ids of
the files before them.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgram.engines import Engine, Outcome
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.traces.file_tasks import FileTask
from sgram.traces.ids import EarlierIds, IdLog


class ReadOutcome(Protocol):
    """Outcome of a task that has read a file."""

    id_log: IdLog


Read = TypeVar("Read", bound=ReadOutcome)
Report = Callable[[int, int], None]
"""Called with the number of tasks that have ended, and of all tasks."""


def run_first_pass(
    engine: Engine,
    function: Callable[..., Read],
    inputs: Sequence[Sequence[FileTask]],
    arguments: Sequence[tuple[Any, ...]],
    shared: tuple[Any, ...],
    report: Report,
) -> tuple[list[list[FileTask]], list[list[Read]]]:
    """Call `function` with each file; return the tasks of further passes, and the outcomes, by input and file.

    `inputs` are the files of each input, `arguments` further arguments for the files of each input, `shared` for all.
    Raise the error of a task, and `InputError` if a file cannot be read by itself.
    """
    tasks = [list(files) for files in inputs]
    outcomes: list[list[Any]] = [[None] * len(files) for files in inputs]
    _run(engine, function, _places(tasks), tasks, arguments, shared, outcomes, report)
    repeated = []
    for index, files in enumerate(tasks):
        for file, earlier in enumerate(find_earlier_ids([outcome.id_log for outcome in outcomes[index]])):
            if earlier:
                files[file] = replace(files[file], earlier=earlier)
                repeated.append((index, file))
    if repeated:
        _run(engine, function, repeated, tasks, arguments, shared, outcomes, report)
    for files, of_input in zip(tasks, outcomes, strict=True):
        shared_file = find_shared_suffix([outcome.id_log for outcome in of_input])
        if shared_file is not None:
            raise InputError(
                f"{excerpt(files[shared_file].path)} has ids of other files and cannot be read by itself; leave out "
                "--engine"
            )
    return tasks, outcomes


def _places(tasks: Sequence[Sequence[FileTask]]) -> list[tuple[int, int]]:
    return [(index, file) for index, files in enumerate(tasks) for file in range(len(files))]


def _run(
    engine: Engine,
    function: Callable[..., Any],
    places: Sequence[tuple[int, int]],
    tasks: Sequence[Sequence[FileTask]],
    arguments: Sequence[tuple[Any, ...]],
    shared: tuple[Any, ...],
    outcomes: list[list[Any]],
    report: Report,
) -> None:
    """Run the tasks at these places, (input, file), and store their outcomes."""
    calls = [(tasks[index][file], *arguments[index]) for index, file in places]
    for n_done, (call, outcome) in enumerate(engine.run(function, calls, shared=shared), 1):
        index, file = places[call]
        outcomes[index][file] = outcome
        report(n_done, len(calls))


def run_in_order(
    engine: Engine,
    function: Callable[..., Outcome],
    tasks: Sequence[tuple[Any, ...]],
    shared: tuple[Any, ...],
    report: Report,
) -> Iterator[Outcome]:
    """Call `function` with the arguments of each task and with `shared`; yield the outcomes in the order of the tasks.

    Outcomes that come too early are kept until then.
    """
    waiting: dict[int, Outcome] = {}
    next_index = 0
    for n_done, (index, outcome) in enumerate(engine.run(function, tasks, shared=shared), 1):
        report(n_done, len(tasks))
        waiting[index] = outcome
        while next_index in waiting:
            yield waiting.pop(next_index)
            next_index += 1


def find_earlier_ids(logs: Sequence[IdLog]) -> list[EarlierIds]:
    """Return for each file of an input which of its ids the files before it have.

    >>> from sgram.traces.ids import IdRegistry
    >>> logs = [IdLog(), IdLog()]
    >>> for log, text in zip(logs, ("4", "5")):
    ...     _ = IdRegistry(log).make_unique("0", "2+2?", text)
    >>> earlier = find_earlier_ids(logs)
    >>> bool(earlier[0]), IdRegistry(IdLog(), earlier[1]).make_unique("0", "2+2?", "5")
    (False, '0~bb6459')
    """
    names = _seen_before([log.names for log in logs])
    contents = _seen_before([log.contents for log in logs])
    repeated = _seen_before([log.created for log in logs])
    is_repeated = set().union(*repeated)
    n_created: dict[int, int] = {}
    earlier = []
    for index, log in enumerate(logs):
        created = {f"{number:016x}": n_created[number] for number in repeated[index]}
        earlier.append(EarlierIds(names[index], contents[index], created))
        if is_repeated:
            for number in log.created:
                if number in is_repeated:
                    n_created[number] = n_created.get(number, 0) + 1
    return earlier


def find_shared_suffix(logs: Sequence[IdLog]) -> int | None:
    """Return the index of a file whose id with a suffix another file has as well; None if there is none.

    Files that are read by themselves do not see that, even with `EarlierIds`; it happens to one in 16 million repeated
    ids.
    """
    suffixed = _joined([log.suffixed for log in logs])
    owners: dict[int, int] = {}
    for index, log in enumerate(logs):
        values = np.union1d(_joined([log.names]), _joined([log.suffixed]))
        for value in values[np.isin(values, suffixed)].tolist():
            if owners.setdefault(value, index) != index:
                return index
    return None


def _joined(hashes: Sequence["array[int]"]) -> NDArray[np.uint64]:
    return np.concatenate([np.frombuffer(values, np.uint64) for values in hashes] or [np.empty(0, np.uint64)])


def _seen_before(hashes: Sequence["array[int]"]) -> list[tuple[int, ...]]:
    """Return for each file its values that a file before it has, in order."""
    values = [np.unique(np.frombuffer(file_hashes, np.uint64)) for file_hashes in hashes]
    if not values:
        return []
    joined = np.concatenate(values)
    files = np.repeat(np.arange(len(values)), [len(file_values) for file_values in values])
    order = np.lexsort((files, joined))
    joined, files = joined[order], files[order]
    is_repeat = np.append(False, joined[1:] == joined[:-1])
    return [tuple(joined[is_repeat & (files == index)].tolist()) for index in range(len(values))]
