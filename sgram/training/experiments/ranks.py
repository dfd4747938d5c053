"""The processes of one `sgram train` that a launcher has started: ``torchrun`` or ``accelerate launch``.

Process 0 is the main process: it alone prints, writes the run's directory, warms up, mines and measures, and the others
wait for it. All of them train, each on its share of a step's responses.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.training.credit.registry import find_method

if TYPE_CHECKING:
    from sgram.training.experiments.run_config import RunConfig

Value = TypeVar("Value")
_PATIENCE = timedelta(hours=12)
"""Time that processes wait for each other: the main one may warm up, mine and measure for long."""
_TRIES, _PAUSE = 20, 0.5
"""How often, and every how many seconds, a process looks for a file of the main one: network disks are slow."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the run; by default a process of its own, which waits for nobody."""

    rank: int = 0
    n_processes: int = 1
    sharding: str = ""
    """"fsdp" or "deepspeed" if no process holds the whole model, else ""."""

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def identity(self) -> dict[str, Any]:
        """Return what a run depends on, as JSON values: nothing for one process.

        >>> Ranks().identity(), Ranks(1, 2).identity()
        ({}, {'processes': 2})
        """
        processes = {"processes": self.n_processes} if self.n_processes > 1 else {}
        return processes | ({"sharding": self.sharding} if self.sharding else {})

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.n_processes > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Run the block in the main process, then in the others, which find the files that it wrote."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def on_main(self, function: Callable[[], Value]) -> Value:
        """Return in all processes what `function` returns in the main process; the others do not call it."""
        if self.n_processes == 1:
            return function()
        from accelerate.utils import broadcast_object_list

        values: list[Any] = [function() if self.is_main else None]
        broadcast_object_list(values)
        value: Value = values[0]
        return value


def launched_ranks() -> Ranks:
    """Return what the launcher's environment says of this process; without one, a process of its own.

    A machine of a cluster may say `RANK` itself, without a launcher; only launchers say `LOCAL_RANK`.
    """
    environment = os.environ
    is_on = {name: environment.get(f"ACCELERATE_USE_{name}", "").lower() == "true" for name in ("FSDP", "DEEPSPEED")}
    sharding = "deepspeed" if is_on["DEEPSPEED"] else "fsdp" if is_on["FSDP"] else ""
    if "RANK" not in environment or "LOCAL_RANK" not in environment:
        return Ranks(sharding=sharding)
    return Ranks(int(environment["RANK"]), int(environment.get("WORLD_SIZE", "1")), sharding)


def check_ranks(ranks: Ranks, config: "RunConfig") -> None:
    """Raise `UsageError` if these processes cannot train this run."""
    micro_batch, remainder = divmod(config.prompts * config.samples, config.accumulation * ranks.n_processes)
    if remainder or not micro_batch:
        by_accumulation = f" in {config.accumulation} parts" if config.accumulation > 1 else ""
        raise UsageError(
            f"{ranks.n_processes} processes cannot share the {config.prompts * config.samples} responses of a step"
            f"{by_accumulation} evenly: change --prompts, --samples or --accumulation"
        )
    if not ranks.sharding:
        return
    if ranks.sharding == "deepspeed":
        raise UsageError(
            "sgram train runs with copies of the model (DDP) or with FSDP2, not with DeepSpeed: use FSDP2, or "
            "HICRATrainer in a script of your own"
        )
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise UsageError("sgram train shards by FSDP2: set fsdp_version: 2 in the configuration of accelerate")
    if find_method(config.method).penalty == "siren":
        raise UsageError(
            "method siren projects hidden states outside the forward pass, which FSDP does not allow: train without "
            "sharding, or choose method entropy"
        )
    if config.eval_every:
        raise UsageError(
            "a sharded model is not measured during training: leave --eval-every out (it is measured before and after)"
        )
    if config.lora_rank:
        raise UsageError("LoRA adapters are not trained on a sharded model: train without sharding, or all weights")


@contextmanager
def join_ranks(config: "RunConfig") -> Iterator[Ranks]:
    """Yield this process among the others, which are connected for the time of the block.

    Raise `UsageError` if they cannot train this run, and `SgramError` if another process has ended.
    """
    ranks = launched_ranks()
    check_ranks(ranks, config)
    if ranks.n_processes == 1 and not ranks.sharding:
        yield ranks
        return
    import torch
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    # every process loads the whole model: without values, as this setting has it, it could not be moved or measured
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    is_first = not torch.distributed.is_initialized()
    PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    if ranks.sharding:
        _check_sharding()
    try:
        yield ranks
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        raise SgramError(
            f"process {ranks.rank} stops, because another process has ended; the message of that one says why"
        ) from error
    if is_first and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        AcceleratorState._reset_state(reset_partial_state=True)  # it would take the group for a living one


def _check_sharding() -> None:
    """Raise `UsageError` if accelerate would train copies of the model although it was told to shard it."""
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedType

    if Accelerator(cpu=not torch.cuda.is_available()).distributed_type != DistributedType.FSDP:
        raise UsageError(
            "accelerate shards models on GPUs and several processes only, here it would train whole copies: start "
            "without FSDP"
        )


def _is_lost_connection(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.distributed.DistError) or "by peer" in str(error)  # gloo's error has no type


def check_shared_disk(ranks: Ranks, directory: Path) -> None:
    """Raise `UsageError` in all processes unless all of them see the files that the main process writes."""
    if ranks.n_processes == 1:
        return
    from accelerate.utils import gather_object

    token = ranks.on_main(lambda: secrets.token_hex(8))
    path = directory / f".seen-by-all-{token}"
    if ranks.is_main:
        write_bytes(path, token.encode())
    ranks.wait()
    blind_ranks = gather_object([] if _appears(path) else [ranks.rank])
    if ranks.is_main:
        path.unlink(missing_ok=True)
    if blind_ranks:
        raise UsageError(
            f"process {', '.join(map(str, blind_ranks))} does not see the files that process 0 writes in "
            f"{excerpt(directory)}: name a folder with -o that is on a disk shared by all machines"
        )


def _appears(path: Path) -> bool:
    for _ in range(_TRIES):
        if path.exists():
            return True
        time.sleep(_PAUSE)
    return False


def gather_weights(ranks: Ranks, trainer: Any) -> dict[str, Any] | None:
    """Return the weights of a sharded model, whole in the main process; None if the model is not sharded."""
    if not ranks.sharding:
        return None
    weights: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model)
    tied_names = getattr(trainer.accelerator.unwrap_model(trainer.model), "all_tied_weights_keys", {})
    return {name: weight for name, weight in weights.items() if name not in tied_names}  # once, as of a whole model
