"""What runs the parts of a job: flags of the verbs, and the engine that they name."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from sgram.cli.option_groups import ADVANCED

if TYPE_CHECKING:
    from sgram.engines import Engine

EngineName = Annotated[
    Literal["threads", "ray"],
    Parameter(
        group=ADVANCED, help="What runs the parts or files: this machine, or a Ray cluster that sees the same files."
    ),
]
Address = Annotated[
    str,
    Parameter(
        group=ADVANCED, help="Of the Ray cluster; auto: that of this machine; local: one that ends with the command."
    ),
]


def open_engine(name: str, address: str) -> "Engine":
    """Return the engine of that name; `address` is that of a Ray cluster.

    Raise `MissingExtraError` or `UsageError` if the cluster cannot be reached.
    """
    if name == "ray":
        from sgram.integrations.ray_engine import RayEngine

        return RayEngine(address)
    from sgram.engines import SerialEngine

    return SerialEngine()


def open_cluster(name: str, address: str) -> "Engine | None":
    """Return the engine of that name that runs files as tasks; None for threads, with which files are read together.

    Raise `MissingExtraError` or `UsageError` if the cluster cannot be reached.
    """
    return None if name == "threads" else open_engine(name, address)
