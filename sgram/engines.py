"""What runs the tasks of a job: this process, one after the other, or an engine of another library.

A task is a function of a module with arguments that can be pickled, mostly names of files. Tasks write files under
final names only when they are finished, so that a job that was killed runs the missing ones again.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Outcome = TypeVar("Outcome")


class Engine(Protocol):
    """Runs tasks."""

    def run(
        self,
        function: Callable[..., Outcome],
        tasks: Sequence[tuple[Any, ...]],
        n_cpus: int = 1,
        shared: tuple[Any, ...] = (),
    ) -> Iterator[tuple[int, Outcome]]:
        """Call `function` with the arguments of each task, which uses `n_cpus`; yield (index of the task, outcome).

        `shared` are further arguments of every task, which are sent to each machine once. The outcomes come in the
        order in which the tasks end. Raise the error of a task.
        """
        ...


class SerialEngine:
    """Runs the tasks one after the other in this process; each may use threads of its own.

    >>> list(SerialEngine().run(pow, [(2, 3), (3, 2)]))
    [(0, 8), (1, 9)]
    """

    def run(
        self,
        function: Callable[..., Outcome],
        tasks: Sequence[tuple[Any, ...]],
        n_cpus: int = 1,
        shared: tuple[Any, ...] = (),
    ) -> Iterator[tuple[int, Outcome]]:
        """Call `function` with the arguments of each task; yield (index of the task, outcome)."""
        for index, arguments in enumerate(tasks):
            yield index, function(*arguments, *shared)
