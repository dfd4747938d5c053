"""`EvolveLog`: the callback of a run that writes its log, and measures the policy every few steps."""

from typing import Any

from transformers import TrainerCallback

from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.setup import RunParts
from sgram.training.experiments.step_log import StepLog


class EvolveLog(TrainerCallback):
    """A callback that adds the trainer's log to a `StepLog`, and evaluates all roles during training."""

    def __init__(self, log: StepLog, config: EvolveConfig, parts: RunParts) -> None:
        self._log, self._config, self._parts = log, config, parts

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Restore the rows that a checkpoint holds."""
        self._log.restore(state.log_history)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Add the row of a step."""
        if state.is_world_process_zero and logs and "loss" in logs:
            self._log.add({**logs, "step": state.global_step})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate every `eval_every` steps, without changing the random state of training."""
        interval, step = self._config.eval_every, state.global_step
        if not interval or step % interval or step == state.max_steps or not state.is_world_process_zero:
            return
        evaluation = self._parts.evaluate(self._parts.sampler.state, step)
        row = {"step": step, "evaluation": evaluation.to_json()}
        self._log.evaluations.append(row)
        state.log_history.append(row)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the rows up to the checkpoint."""
        if state.is_world_process_zero:
            self._log.write()
