"""Parts of mining as tasks of a Ray cluster. Files are the protocol: the tasks and the driver share the folder."""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt
from sgram.mining.config import Resources
from sgram.mining.parts.steps import PartStep, run_part

RETRIES = 3
"""How often Ray runs a task again whose worker was killed."""


class RayEngine:
    """Engine that runs each part as a task; see `sgram.mining.parts.steps.Engine`.

    `address` is that of a running cluster, ``auto`` finds the one of this machine, ``local`` starts one that ends with
    this process. A task asks for as many CPUs as its resources have workers. Only names of files pass through Ray, so
    the driver's memory does not grow with the parts. Raise `MissingExtraError` if ray is not installed, `UsageError` if
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

    def run_parts(self, folder: Path, step: PartStep, parts: Sequence[str], resources: Resources) -> Iterator[str]:
        """Run a step of `parts`; yield the name of each part that is finished.

        Raise the error of a part that fails; `SgramError` if a part's worker is killed again and again.
        """
        ray = self._ray
        task = ray.remote(num_cpus=resources.workers, max_retries=RETRIES)(_run_part)
        settings = {name: os.environ[name] for name in ("NUMBA_CACHE_DIR",) if name in os.environ}
        pending: dict[Any, str] = {
            task.remote(str(folder.resolve()), step, part, resources, settings): part for part in parts
        }
        while pending:
            finished, _ = ray.wait(list(pending), num_returns=1)
            part = pending.pop(finished[0])
            try:
                ray.get(finished[0])
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise cause if isinstance(cause, SgramError) else error from None
            except ray.exceptions.WorkerCrashedError as error:
                raise SgramError(
                    f"the worker of part {part} died {RETRIES + 1} times ({excerpt(str(error))}); give it more memory, "
                    "or split into more parts"
                ) from None
            yield part


def _check_reachable(address: str) -> None:
    """Raise `OSError` if nothing listens at ``HOST:PORT``; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "://" not in address and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _run_part(folder: str, step: PartStep, part: str, resources: Resources, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    run_part(Path(folder), step, part, resources)
