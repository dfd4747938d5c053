"""Exchange between the processes of a distributed run, through an accelerator of `accelerate`."""

import math
from typing import TYPE_CHECKING, Any

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


def own_rows(accelerator: Any, n_rows: int) -> slice:
    """Return the rows of this process, `n_rows` of them, in what was gathered from all processes."""
    first = accelerator.process_index * n_rows
    return slice(first, first + n_rows)
