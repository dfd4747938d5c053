"""`EvolveTrainer`: three roles in one step of `HICRATrainer`, by TRL's ``rollout_func``.

TRL asks for as many rows as its data set of slots has. The main process samples and scores all of them (`rollout`) and
each process trains on its own. Advantages are set by role, before the credit method shapes them; the method sees the
solver's rows and no others, whether it acts on advantages, in the loss, or by a penalty.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from trl.trainer import grpo_trainer

from sgram.errors import SgramError
from sgram.grading.outcome import ErrorKind, TaskOutcome
from sgram.traces import Trace
from sgram.training.credit.regularizers import siren_entropy
from sgram.training.credit.role_advantages import role_advantages
from sgram.training.evolve.protocols import EvolveTask
from sgram.training.evolve.rollout import SampledStep, StepSampler
from sgram.training.evolve.slots import slot_roles
from sgram.training.evolve.state import EvolveState
from sgram.training.trainer.processes import own_rows
from sgram.training.trainer.rollouts import SampledBatch
from sgram.training.trainer.siren import NucleusProbe
from sgram.training.trainer.trainer import HICRATrainer, response_mask

POOLS_FOLDER = "pools"
"""Folder of a checkpoint for what the run remembers beside its weights."""


class RoleRewards:
    """TRL's reward function: the rewards that the rows were sampled with."""

    __name__ = "roles"

    def __init__(self, error_kinds: frozenset[ErrorKind] | None) -> None:
        self.error_kinds = error_kinds
        """Kinds of error that the task recognizes in answers; None if it does not declare them."""
        self.outcomes: list[TaskOutcome] = []
        """One outcome a row of the last call."""

    def __call__(self, completions: Sequence[Any], outcome: Sequence[TaskOutcome], **_: Any) -> list[float | None]:
        """Return one reward a row, None if it is not known."""
        self.outcomes = list(outcome)
        return [row_outcome.reward for row_outcome in self.outcomes]


class EvolveTrainer(HICRATrainer):
    """`HICRATrainer` on the rows of a `StepSampler`.

    Its data set must be `slot_rows` in that order (``shuffle_dataset=False``), all of which a step samples.
    `sampler.writer` writes with the weights that are trained.
    """

    def __init__(self, model: Any, sampler: StepSampler, task: EvolveTask, args: Any, **named: Any) -> None:
        self.sampler, self._task = sampler, task
        self._roles = slot_roles(sampler.config)
        rewards = RoleRewards(getattr(task, "error_kinds", None))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You are using 'rollout_func'")
            super().__init__(model, rewards, args, rollout_func=self._roll_out, **named)
        sampler.writer.policy.model = self._unwrapped_model()

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write nothing: a run's directory is not uploaded to a hub."""

    def _is_solver(self, rows: slice = slice(None)) -> torch.Tensor:
        """Return (n,) bool: which of these rows of a step, by default all of them, are the solver's."""
        return torch.tensor([role == "solver" for role in self._roles[rows]], device=self.accelerator.device)

    # -- sampling ---------------------------------------------------------------------------------------

    def _roll_out(self, prompts: Sequence[str], _trainer: Any) -> dict[str, Any]:
        """Return the rows of this process in the form that TRL asks for."""
        steps: list[Any] = [None]
        if self.accelerator.is_main_process:
            steps = [self.sampler.sample(self.state.global_step)]
        if self.accelerator.num_processes > 1:
            broadcast_object_list(steps)
        self._sampled_step: SampledStep = steps[0]
        n_rows = len(prompts) * self.accelerator.num_processes
        if n_rows != len(self._sampled_step.rows):
            raise SgramError(f"TRL asks for {n_rows} rows, and a step has {len(self._roles)}: sample all slots at once")
        rows = self._sampled_step.rows[own_rows(self.accelerator, len(prompts))]
        return {
            "prompt_ids": [list(row.prompt_ids) for row in rows],
            "completion_ids": [list(row.written.ids) for row in rows],
            "logprobs": None,
            "outcome": [row.outcome for row in rows],
            "problem": [row.group for row in rows],
        }

    def _calculate_rewards(self, *args: Any) -> Any:
        with _quiet(grpo_trainer.__name__):  # TRL prints each row whose reward is not known
            return super()._calculate_rewards(*args)

    def _change_batch(self, batch: dict[str, Any]) -> None:
        """Set the advantages by role; TRL's compare the rows of a group of slots."""
        config, rows = self.sampler.config, self._sampled_step.rows
        advantages = role_advantages(
            [row.reward for row in rows],
            self._roles,
            [row.group if row.role == "solver" else None for row in rows],
            scale=config.run_config().advantage_scale,
            whiten=config.whiten,
            lengths=[len(row.written.ids) for row in rows] if config.whiten == "tokens" else None,
        )
        rows_here = own_rows(self.accelerator, len(batch["completion_ids"]))
        by_group = batch["advantages"]
        batch["advantages"] = torch.as_tensor(advantages[rows_here], dtype=by_group.dtype, device=by_group.device)
        batch["is_solver"] = self._is_solver(rows_here)
        for name, number in self._sampled_step.measures.items():
            self._metrics["train"][name].append(number)

    def _make_traces(self, sampled_batch: SampledBatch, rows: slice) -> list[Trace]:
        traces = super()._make_traces(sampled_batch, rows)
        return [
            replace(trace, prompt=row.prompt, meta={**trace.meta, **row.meta})
            for trace, row in zip(traces, self._sampled_step.rows[rows], strict=True)
        ]

    # -- credit: the solver's rows alone ----------------------------------------------------------------

    def _masks(self, token_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        is_solver = self._is_solver(own_rows(self.accelerator, len(mask)))
        return super()._masks(token_ids, mask & is_solver[:, None])

    def _count_marked(self, credit_mask: torch.Tensor, mask: torch.Tensor) -> None:
        is_solver = self._is_solver(own_rows(self.accelerator, len(mask)))
        super()._count_marked(credit_mask, mask & is_solver[:, None])

    def _shape_rows(self, advantages: torch.Tensor, token_ids: torch.Tensor, mask: torch.Tensor, *args: Any) -> Any:
        rows = self._is_solver()
        shaped = advantages[:, None].repeat(1, mask.shape[1])
        arrays = [array[rows] for array in (advantages, token_ids, mask, *args)]
        shaped[rows] = super()._shape_rows(*arrays)
        return shaped

    def _updated_advantages(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        rows, plain = inputs["is_solver"], inputs["advantages"]
        advantages: torch.Tensor = (
            plain.clone() if plain.dim() == 2 else plain[:, None].repeat(1, inputs["logps"].shape[1])
        )
        if self._has_solver(rows):
            advantages[rows] = super()._updated_advantages(_select_rows(inputs, rows))
        return advantages

    def _penalty_terms(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        rows = inputs["is_solver"]
        terms = torch.zeros_like(inputs["logps"])
        if self._has_solver(rows):
            terms[rows] = super()._penalty_terms(_select_rows(inputs, rows))
        return terms

    def _siren_entropy(self, probe: NucleusProbe, batch: Mapping[str, Any]) -> torch.Tensor:
        rows, entropies = batch["is_solver"], probe.take()
        n_solver = rows.sum().float()
        n_mean = self.accelerator.reduce(n_solver, "mean") if self.accelerator.num_processes > 1 else n_solver
        if not n_mean and self.anchor is not None:  # a part of a batch without answers is not pulled anywhere
            return entropies.sum() * 0 + self.anchor
        if not n_solver:
            return entropies.sum() * 0
        entropy = siren_entropy(entropies[rows], response_mask(batch)[rows], self.method_settings.siren_peak_share)
        # processes have different numbers of answers, and the mean over processes is taken
        weighted: torch.Tensor = entropy * (n_solver / n_mean)
        return weighted

    def _has_solver(self, rows: torch.Tensor) -> bool:
        # processes exchange what a method needs of their rows, so none of them may be absent
        return self.accelerator.num_processes > 1 or bool(rows.any())

    # -- checkpoints ------------------------------------------------------------------------------------

    def _save_more(self, checkpoint: Path) -> None:
        if self.accelerator.is_main_process:
            self.sampler.state.save(checkpoint / POOLS_FOLDER)

    def _load_optimizer_and_scheduler(self, checkpoint: Any) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.accelerator.is_main_process:
            self.sampler.state = EvolveState.load(Path(checkpoint) / POOLS_FOLDER, self._task)


def _select_rows(inputs: Mapping[str, Any], rows: torch.Tensor) -> dict[str, Any]:
    """Return the arrays of a micro-batch with these rows alone; what is no array of rows stays."""
    return {
        name: array[rows] if isinstance(array, torch.Tensor) and array.dim() and len(array) == len(rows) else array
        for name, array in inputs.items()
    }


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Print no warnings of a logger inside the block."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
