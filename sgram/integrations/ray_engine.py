"""Tasks on a Ray cluster. Files are the protocol: the tasks and the driver share the folders that they name."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sgram.engines import Outcome
from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt

RETRIES = 3
"""How often Ray runs a task again whose worker was killed."""
_PASSED = ("NUMBA_CACHE_DIR", "SGRAM_CACHE")
"""Variables of the environment that workers get from the driver."""


class RayEngine:
    """Engine on a Ray cluster; see `sgram.engines.Engine`.

    `address` is that of a running cluster, ``auto`` finds the one of this machine, ``local`` starts one that ends with
    this process. Raise `MissingExtraError` if ray is not installed, `UsageError` if
    there is no cluster at `address`.
    """

    def __init__(self, address: str = "auto") -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtraError("--engine ray needs ray: pip install 'sgram[ray]'") from None
        self._ray = ray
        if ray.is_initialized():
            return
        try:
            _check_reachable(address)
            ray.init(
                address=None if address == "local" else address,
                log_to_driver=False,
                logging_level="ERROR",
                configure_logging=False,
            )
        except (OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"there is no Ray cluster at {excerpt(address)} ({excerpt(reason)}); start one with ray start --head, "
                "name its address, or use --address local"
            ) from None

    def run(
        self,
        function: Callable[..., Outcome],
        tasks: Sequence[tuple[Any, ...]],
        n_cpus: int = 1,
        shared: tuple[Any, ...] = (),
    ) -> Iterator[tuple[int, Outcome]]:
        """Call `function` with the arguments of each task; yield (index of the task, outcome) as the tasks end.

        Raise the error of a task that fails; `SgramError` if the worker of a task is killed again and again.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=n_cpus, max_retries=RETRIES)(_call)
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        stored = ray.put(shared)
        pending: dict[Any, int] = {
            remote.remote(function, arguments, stored, environment): index for index, arguments in enumerate(tasks)
        }
        while pending:
            (finished,), _ = ray.wait(list(pending), num_returns=1)
            index = pending.pop(finished)
            try:
                outcome = ray.get(finished)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise cause if isinstance(cause, SgramError) else error from None
            except ray.exceptions.WorkerCrashedError as error:
                raise SgramError(
                    f"the worker of task {index + 1} of {len(tasks)} died {RETRIES + 1} times ({excerpt(str(error))}); "
                    "give it more memory, or split the input into smaller parts"
                ) from None
            yield index, outcome


def _check_reachable(address: str) -> None:
    """Raise `OSError` if nothing listens at ``HOST:PORT``; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "://" not in address and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _call(
    function: Callable[..., Outcome], arguments: tuple[Any, ...], shared: tuple[Any, ...], environment: dict[str, str]
) -> Outcome:
    os.environ.update(environment)
    return function(*arguments, *shared)
