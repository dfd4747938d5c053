"""What a run needs before its first step: task, policy, lexicon, trainer. Knows nothing about its directory's parts."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging as transformers_logging

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.progress_bars import no_progress_bars
from sgram.training.credit.registry import method
from sgram.training.experiments.evaluate import Policy, Sampled, evaluate
from sgram.training.experiments.run_config import RunConfig
from sgram.training.tasks.task import Task, TaskWithTruth
from sgram.training.tasks.task_names import make_task
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.rewards import TaskReward
from sgram.training.trainer.trainer import HICRATrainer

if TYPE_CHECKING:
    from sgram.training.experiments.run import _Log

START_SAMPLES = 512
"""Responses of the starting policy that a lexicon is mined from, and a placebo's share is matched on."""
_RISING_STEPS = 5
"""Steps over which the learning rate rises."""


@contextmanager
def quietly() -> Iterator[None]:
    """Without the bars and warnings of TRL and transformers: of names about to change nobody who trains can think."""
    said = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), no_progress_bars():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        transformers_logging.set_verbosity(said)


@contextmanager
def opened_task(config: RunConfig) -> Iterator[Task]:
    """The task, closed in the end."""
    task = make_task(config.task, config.task_options)
    try:
        yield task
    finally:
        task.close()


def load_policy(config: RunConfig, task: Task, tell: Callable[[Mapping], None]) -> tuple[Any, Any]:
    """(model, tokenizer) to begin with."""
    if config.model != "testbed":
        from sgram.training.models import load_model

        return tuple(load_model(config.model, device=device()))
    from sgram.testbed import WarmUpConfig, load_policy, warm_policy

    check_testbed(task, config)
    steps = {} if config.warmup_steps is None else {"steps": config.warmup_steps}
    warm_up = WarmUpConfig(seed=config.warmup_seed, **steps)
    folder = warm_policy(
        task.config,
        warm_up,
        tell=lambda row: tell({"stage": "warm-up", "done": row["step"], "of": warm_up.steps, "loss": row["loss"]}),
    )
    model, tokenizer = load_policy(folder)
    return model.to(device()), tokenizer


def check_testbed(task: Task, config: RunConfig) -> None:
    """`UsageError` for the tiny model on a task that it knows no word of."""
    from sgram.testbed import Testbed

    if not isinstance(task, Testbed):
        raise UsageError(
            f"the model testbed is warmed up on the task testbed; name a --model for the task {excerpt(config.task)}"
        )


def device() -> str:
    """Where a run computes."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def policy_of(model: Any, tokenizer: Any, config: RunConfig) -> Policy:
    """The model as something to sample from."""
    eos = model.generation_config.eos_token_id if model.generation_config is not None else None
    eos = tokenizer.eos_token_id if eos is None else eos
    return Policy(
        model,
        tokenizer,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        eos_ids=eos if isinstance(eos, list) else [eos],
    )


def start_samples(policy: Policy, task: Task, tell: Callable[[Mapping], None]) -> Sampled:
    """What the starting policy says to training problems; the same for every arm and seed that starts from it."""
    tell({"stage": "sampling", "done": 0, "of": START_SAMPLES})
    return policy.sample(
        task.problems("train"),
        START_SAMPLES,
        seed=1,
        tell=lambda done: tell({"stage": "sampling", "done": done, "of": START_SAMPLES}),
    )


def lexicon_of(
    config: RunConfig, task: Task, begun: Callable[[], Sampled], directory: Path, tell: Callable[[Mapping], None]
) -> Lexicon | None:
    """The lexicon of a run, written beside its results; None for a task without phrases and a method without masks.

    `begun` gives what the starting policy says; it is asked only where the lexicon is mined from that.
    """
    path = directory / "lexicon.json"
    if path.exists():
        return Lexicon.load(path)
    if config.lexicon == "mined":
        lexicon = _mined(begun, task, tell)
    elif config.lexicon != "task":
        lexicon = Lexicon.load(config.lexicon)
    elif isinstance(task, TaskWithTruth):
        lexicon = task.lexicon()
    elif method(config.method).mask == "none":
        return None
    else:
        raise UsageError(
            f"the task {config.task} has no phrases of its own: give --lexicon mined, a file of sgram mine, or a "
            "preset such as wang2025"
        )
    lexicon.save(path)
    return lexicon


def _mined(begun: Callable[[], Sampled], task: Task, tell: Callable[[Mapping], None]) -> Lexicon:
    from sgram.training.experiments.mine_from_policy import mask_quality, mined_lexicon

    sampled = begun()
    tell({"stage": "mining"})
    lexicon = mined_lexicon(sampled, task)
    told = f"{len(lexicon.grams):,} grams mined from {len(sampled.texts):,} responses"
    if isinstance(task, TaskWithTruth):
        found = mask_quality(lexicon, sampled, task)
        shown = " and ".join(
            f"{name} {value:.3f}"
            for name, value in (("precision", found.precision), ("recall", found.recall))
            if value is not None
        )
        told += f"; against what truly plans: {shown or 'nothing is marked'}"
    tell({"stage": "mining", "told": told})
    return lexicon


def told_of(task: Task) -> list[str]:
    """Sentences on what a task has passed over and could not judge."""
    read, unjudged = getattr(task, "read", None), getattr(task, "unjudged", None)
    told = [read.note() if hasattr(read, "note") else "", unjudged() if unjudged is not None else ""]
    return [each for each in told if each]


def hicra_config(config: RunConfig, directory: Path, on_gpu: bool) -> HICRAConfig:
    """A run's settings as the trainer's."""
    rows = config.prompts * config.samples
    return HICRAConfig(
        output_dir=str(directory),
        method=config.method,
        alpha=config.alpha,
        placebo_draw=config.placebo_draw,
        entropy_bonus=config.entropy_coef,
        siren_coef=config.siren_coef,
        method_options=dict(config.method_options) or None,
        refresh_lexicon=config.refresh_lexicon,
        drop_finished_rows=not on_gpu,
        success_reward=None,
        per_device_train_batch_size=rows // config.accumulation,
        gradient_accumulation_steps=config.accumulation,
        steps_per_generation=config.accumulation,
        num_generations=config.samples,
        num_iterations=config.iterations,
        max_completion_length=config.max_tokens,
        temperature=config.temperature,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=_RISING_STEPS,
        max_steps=config.steps,
        loss_type=config.loss,
        scale_rewards={"std": "group", "none": "none"}[config.scale],
        epsilon=config.clip_low,
        epsilon_high=config.clip_high,
        beta=0.0,
        seed=config.seed,
        bf16=config.bf16,
        fp16=False,
        gradient_checkpointing=False,
        logging_steps=1,
        save_steps=config.save_every,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
    )


def make_trainer(
    config: RunConfig,
    directory: Path,
    model: Any,
    tokenizer: Any,
    task: Task,
    lexicon: Lexicon | None,
    begun: Callable[[], Sampled],
    resumes: bool,
    log: "_Log",
) -> HICRATrainer:
    """The trainer of a run; a placebo is drawn on what `begun` gives, unless a checkpoint holds one already."""
    problems = task.problems("train")
    rows = [
        {"prompt": each.prompt if isinstance(each.prompt, str) else list(each.prompt), "problem": each.id}
        for each in problems
    ]
    responses = None
    if method(config.method).mask.startswith("placebo") and not resumes:
        responses = begun().ids
    trainer = HICRATrainer(
        model,
        TaskReward(task, problems),
        hicra_config(config, directory, torch.cuda.is_available()),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        lexicon=lexicon,
        placebo_responses=responses,
        callbacks=[_Telling(log, config, task)],
        peft_config=_lora(config),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.create_model_card = lambda *_, **__: None  # of a run's directory nothing goes to a hub
    return trainer


def _lora(config: RunConfig) -> Any:
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


class _Telling(TrainerCallback):
    """Passes the log on, and measures on held-out problems on the way."""

    def __init__(self, log: "_Log", config: RunConfig, task: Task):
        self._log, self._config, self._task = log, config, task

    def on_train_begin(self, args, state, control, **_):
        """Take up what a checkpoint remembers."""
        self._log.take_up(state.log_history)

    def on_log(self, args, state, control, logs=None, **_):
        """Pass a step's row on."""
        if state.is_world_process_zero and logs and "loss" in logs:
            self._log.add({**logs, "step": state.global_step})

    def on_step_end(self, args, state, control, model=None, processing_class=None, **_):
        """Measure every `eval_every` steps; the random state of training is not touched."""
        every = self._config.eval_every
        if not every or state.global_step % every or state.global_step == state.max_steps:
            return
        policy = policy_of(model, processing_class, self._config)
        found = evaluate(policy, self._task, None, self._config.eval_samples)
        row = {"step": state.global_step, "evaluation": found.to_json()}
        self._log.evaluations.append(row)
        state.log_history.append(row)

    def on_save(self, args, state, control, **_):
        """Metrics are as far as the checkpoint."""
        if state.is_world_process_zero:
            self._log.write()
