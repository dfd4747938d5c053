"""Exchange between the processes of a distributed run, through an accelerator of `accelerate`."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sgram.errors import SgramError
from sgram.files import excerpt

if TYPE_CHECKING:
    import torch


def gather_list(accelerator: Any, local: list[Any]) -> list[Any]:
    """Return the lists of all processes joined, in the order of the processes."""
    if accelerator.num_processes == 1:
        return local
    from accelerate.utils import gather_object

    all_rows: list[Any] = gather_object(local)
    return all_rows


def gather_uneven(accelerator: Any, local: "torch.Tensor") -> "torch.Tensor":
    """Return the (n,) tensors of all processes joined; their lengths may differ. NaN is dropped."""
    padded = accelerator.pad_across_processes(local.contiguous(), dim=0, pad_index=math.nan)
    all_rows: torch.Tensor = accelerator.gather(padded)
    return all_rows[~all_rows.isnan()]


def holds_anywhere(accelerator: Any, condition: bool) -> bool:
    """Return whether `condition` is true in some process; the answer is the same in all of them.

    >>> from types import SimpleNamespace
    >>> holds_anywhere(SimpleNamespace(num_processes=1), True)
    True
    """
    if accelerator.num_processes == 1:
        return condition
    import torch

    n_true = accelerator.reduce(torch.tensor(float(condition), device=accelerator.device), "sum")
    return bool(n_true > 0)


def check_same_settings(accelerator: Any, settings: Mapping[str, object]) -> None:
    """Raise `SgramError` in every process if a value of `settings` is not the same in all of them.

    Values are compared as text, so that a digest, a name or a number will do.
    """
    by_process = gather_list(accelerator, [{name: str(setting) for name, setting in settings.items()}])
    for name in settings:
        values = [own_settings[name] for own_settings in by_process]
        if len(set(values)) > 1:
            listed = ", ".join(f"{excerpt(value, 64)} in process {number}" for number, value in enumerate(values))
            raise SgramError(
                f"the processes of this run do not have the same {name}: {listed}; start them all with the same "
                "settings and files"
            )


def own_rows(accelerator: Any, n_rows: int) -> slice:
    """Return the rows of this process, `n_rows` of them, in what was gathered from all processes."""
    first = accelerator.process_index * n_rows
    return slice(first, first + n_rows)
