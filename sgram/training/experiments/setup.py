"""Parts of a run that are made before its first step: task, start model, lexicon and trainer."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging as transformers_logging

from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.progress_bars import no_progress_bars
from sgram.training.credit.registry import find_method
from sgram.training.experiments.evaluate import Policy, SampledResponses, evaluate
from sgram.training.experiments.ranks import launched_ranks
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.step_log import ProgressCallback, StepLog
from sgram.training.models import adapter_base, is_adapter
from sgram.training.tasks.prompts import PromptForm, is_empty_response
from sgram.training.tasks.task import Task, TaskWithTruth
from sgram.training.tasks.task_names import make_task
from sgram.training.trainer.config import TRL_SCALES, HICRAConfig
from sgram.training.trainer.rewards import TaskReward
from sgram.training.trainer.trainer import HICRATrainer

if TYPE_CHECKING:
    from sgram.testbed.problems import AnyConfig
    from sgram.testbed.task import Testbed

SCORER_FILE = "scorer.json"
"""Copy of the sentence scorer in the directory of a run."""
START_SAMPLES = 512
"""Responses of the starting policy from which a lexicon is mined, and on which a placebo's share is matched."""
N_CHECKED = 16
"""Responses of the starting policy that are looked at before anything else: most of them must have text."""


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide the progress bars of TRL and transformers, and their warnings of future renames, inside the block."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), no_progress_bars():
            warnings.simplefilter("ignore", FutureWarning)
            # PEFT looks for a vocabulary that grew; the base of an adapter may be an adapter, which has no config.json
            warnings.filterwarnings("ignore", message="Could not find a config file in")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)


@contextmanager
def open_task(config: RunConfig) -> Iterator[Task]:
    """Yield the task of a run and close it at the end of the block."""
    task = make_task(config.task, config.task_options)
    try:
        yield task
    finally:
        task.close()


def load_start_model(config: RunConfig, task: Task, on_progress: ProgressCallback) -> tuple[Any, Any]:
    """Return the (model, tokenizer) that training starts from; the tiny model is warmed up if it is not cached."""
    if config.model != "testbed":
        from sgram.training.models import load_model

        loaded_model = load_model(config.model, device=compute_device())
        return loaded_model.model, loaded_model.tokenizer
    testbed = check_testbed(task, config)
    return load_warm_policy(testbed.config, config.warmup_seed, config.sft_steps, on_progress)


def load_warm_policy(
    testbed: "AnyConfig", warmup_seed: int, steps: int | None, on_progress: ProgressCallback
) -> tuple[Any, Any]:
    """Return (model, tokenizer) of the tiny policy of a testbed; it is warmed up if it is not cached.

    `steps` are those of the first stage of the warm-up; None: as many as it needs.
    """
    from sgram.testbed import load_policy, warm_policy
    from sgram.testbed.families import default_warm_up

    folder = warm_policy(
        testbed,
        default_warm_up(testbed, warmup_seed, steps),
        on_step=lambda row: on_progress(
            {"stage": "warm-up", "done": row["step"], "of": row["steps"], "loss": row["loss"]}
        ),
    )
    model: Any
    model, tokenizer = load_policy(folder)
    model.name_or_path = str(Path(folder).resolve())  # the base that an adapter names, from any working directory
    return model.to(compute_device()), tokenizer


def describe_start(config: RunConfig, policy: Policy) -> list[str]:
    """Return sentences on the model that training starts from, and on the form of its prompts; none for the testbed."""
    if config.model == "testbed":
        return []
    sentences = [policy.form.describe()]
    if is_adapter(config.model):
        trained = f"a new adapter of rank {config.lora_rank} is" if config.lora_rank else "all weights are"
        sentences.append(
            f"the adapter in {excerpt(config.model)} is merged into its base {excerpt(adapter_base(config.model))}, "
            f"and {trained} trained from there"
        )
    return sentences


def check_testbed(task: Task, config: RunConfig) -> "Testbed":
    """Return `task` as the testbed. Raise `UsageError` for another task: the tiny model knows none of its words."""
    from sgram.testbed.task import Testbed

    if not isinstance(task, Testbed):
        raise UsageError(
            f"the model testbed is warmed up on the task testbed; name a --model for the task {excerpt(config.task)}"
        )
    return task


def compute_device() -> str:
    """Return the device of a run: "cuda" if there is one, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def make_policy(model: Any, tokenizer: Any, config: RunConfig) -> Policy:
    """Return the model as a policy with the sampling settings and the form of prompts of the run.

    Raise `UsageError` if the run asks for chats and the tokenizer has no chat template.
    """
    eos_id = model.generation_config.eos_token_id if model.generation_config is not None else None
    eos_id = tokenizer.eos_token_id if eos_id is None else eos_id
    return Policy(
        model,
        tokenizer,
        max_tokens=config.token_limit,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        eos_ids=eos_id if isinstance(eos_id, list) else [eos_id],
        form=prompt_form(tokenizer, config),
    )


def prompt_form(tokenizer: Any, config: RunConfig) -> PromptForm:
    """Return how prompts reach the model of a run."""
    return PromptForm.choose(tokenizer, config.model, config.chat)


def check_start(policy: Policy, task: Task) -> None:
    """Sample a few responses to training problems, whose random numbers are not those of training.

    Raise `UsageError` if more than half of them are empty or one token: the prompts have a wrong form.
    """
    if policy.max_tokens == 1:
        return
    problem, *_ = problems = task.problems("train")
    responses = policy.sample(problems, N_CHECKED, seed=2)
    n_empty = sum(is_empty_response(text, len(ids)) for text, ids in zip(responses.texts, responses.ids, strict=True))
    if 2 * n_empty > N_CHECKED:
        raise UsageError(
            f"{n_empty} of {N_CHECKED} responses of the starting policy are empty or one token, so that nothing can be "
            f"learned; the prompt of problem {excerpt(problem.id, 60)} ends with "
            f"{policy.form.prompt_end(problem.prompt, problem.id)!r}; {policy.form.suggest()}; or try another --model, "
            f"or --max-tokens above {policy.max_tokens}"
        )


def sample_start_policy(policy: Policy, task: Task, on_progress: ProgressCallback) -> SampledResponses:
    """Sample from the starting policy on training problems; equal for every arm and seed with this start model."""

    def report(n_sampled: int) -> None:
        on_progress({"stage": "sampling", "done": n_sampled, "of": START_SAMPLES})

    report(0)
    return policy.sample(task.problems("train"), START_SAMPLES, seed=1, on_sampled=report)


def make_lexicon(
    config: RunConfig,
    task: Task,
    start_responses: Callable[[], SampledResponses],
    directory: Path,
    on_progress: ProgressCallback,
    scorer: SentenceScorer | None = None,
) -> Lexicon | None:
    """Return the lexicon of a run, and write it to `directory`; None if the task has none and the method needs none.

    `start_responses` returns responses of the starting policy; it is called only if the lexicon is mined from them.
    `scorer` is the run's.
    Raise `UsageError` if the method needs a lexicon that the task does not have.
    """
    path = directory / "lexicon.json"
    if path.exists():
        return Lexicon.load(path)
    if config.lexicon == "mined":
        lexicon = _mine_lexicon(config, start_responses, task, on_progress, scorer)
    elif config.lexicon != "task":
        lexicon = Lexicon.load(config.lexicon)
    elif isinstance(task, TaskWithTruth):
        lexicon = task.lexicon()
    elif find_method(config.method).mask == "none":
        return None
    else:
        raise UsageError(
            f"the task {config.task} has no lexicon of its own: pass --lexicon mined, a file of sgram mine, or a "
            "preset such as sgram"
        )
    lexicon.save(path)
    return lexicon


def load_scorer(config: RunConfig, directory: Path) -> SentenceScorer | None:
    """Return the sentence scorer of a run, and write it to `directory`; None if its mask needs none."""
    if not config.uses_scorer:
        return None
    scorer = SentenceScorer.load(config.scorer)
    if launched_ranks().is_main:
        scorer.save(directory / SCORER_FILE)
    return scorer


def _mine_lexicon(
    config: RunConfig,
    start_responses: Callable[[], SampledResponses],
    task: Task,
    on_progress: ProgressCallback,
    scorer: SentenceScorer | None,
) -> Lexicon:
    from sgram.training.experiments.mine_from_policy import measure_mask_quality, mine_from_responses

    responses = start_responses()
    on_progress({"stage": "mining"})
    lexicon = mine_from_responses(responses, task)
    note = f"{len(lexicon.grams):,} grams mined from {len(responses.texts):,} responses"
    if isinstance(task, TaskWithTruth):
        quality = measure_mask_quality(lexicon, responses, task, config.mask_kind, scorer or "sgram")
        measures = " and ".join(
            f"{name} {share:.3f}"
            for name, share in (("precision", quality.precision), ("recall", quality.recall))
            if share is not None
        )
        note += f"; against the true planning spans: {measures or 'no token is marked'}"
    on_progress({"stage": "mining", "note": note})
    return lexicon


def task_notes(task: Task) -> list[str]:
    """Return sentences about the problems that a task left out and the responses that it could not judge."""
    problem_set, describe_unjudged = getattr(task, "problem_set", None), getattr(task, "describe_unjudged", None)
    notes = ["" if problem_set is None else problem_set.note(), describe_unjudged() if describe_unjudged else ""]
    return [note for note in notes if note]


def _check_trackers(names: list[str]) -> list[str]:
    """Return `names`. Raise `UsageError` for one that transformers does not know, or whose package is missing."""
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    installed = get_available_reporting_integrations()
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise UsageError(
                f"report_to names the unknown tracker {excerpt(name)}; transformers knows "
                f"{', '.join(sorted(INTEGRATION_TO_CALLBACK))}"
            )
        if name not in installed:
            raise MissingExtraError(f"report_to {name} needs its package: pip install {name}")
    return names


def trainer_config(config: RunConfig, directory: Path, on_gpu: bool) -> HICRAConfig:
    """Return the trainer's configuration for a run; the processes of a launcher share its batch."""
    ranks = launched_ranks()
    n_rows = config.prompts * config.samples // ranks.n_processes
    return HICRAConfig(
        output_dir=str(directory),
        method=config.method,
        alpha=config.alpha,
        mask=config.mask_kind,
        scorer=str(directory / SCORER_FILE) if config.uses_scorer else config.scorer,
        min_mask_share=config.min_mask_share,
        placebo_draw=config.placebo_draw,
        entropy_bonus=config.entropy_coef,
        siren_coef=config.siren_coef,
        method_options=dict(config.method_options) or None,
        refresh_lexicon=config.refresh_lexicon,
        drop_finished_rows=not (on_gpu or ranks.sharding),
        trim_padding=not (on_gpu or ranks.sharding),
        success_reward=None,
        per_device_train_batch_size=n_rows // config.accumulation,
        gradient_accumulation_steps=config.accumulation,
        steps_per_generation=config.accumulation,
        num_generations=config.samples,
        num_iterations=config.iterations,
        max_completion_length=config.token_limit,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        learning_rate=config.peak_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_steps=config.steps,
        loss_type=config.loss_type,
        scale_rewards=TRL_SCALES[config.advantage_scale],
        importance_sampling_level=config.importance_sampling,
        epsilon=config.clip_low,
        epsilon_high=config.clip_high,
        beta=config.beta,
        seed=config.seed,
        bf16=config.bf16,
        fp16=False,
        gradient_checkpointing=config.gradient_checkpointing,
        logging_steps=1,
        save_steps=config.save_every,
        save_total_limit=1,
        report_to=_check_trackers(config.trackers) or "none",
        log_level_replica="error",  # processes that are not the main one; "warning" by default
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
    start_responses: Callable[[], SampledResponses],
    is_resumed: bool,
    log: StepLog,
) -> HICRATrainer:
    """Return the trainer of a run. A placebo is drawn on `start_responses`, unless a checkpoint holds it already."""
    problems = task.problems("train")
    form = prompt_form(tokenizer, config)
    rows = []
    for problem in problems:
        prompt = form.apply(problem.prompt, problem.id)
        rows.append({"prompt": prompt if isinstance(prompt, str) else list(prompt), "problem": problem.id})
    placebo_responses = None
    if find_method(config.method).mask.startswith("placebo") and not is_resumed:
        placebo_responses = start_responses().ids
    trainer = _RunTrainer(
        model,
        TaskReward(task, problems),
        trainer_config(config, directory, torch.cuda.is_available()),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        lexicon=lexicon,
        placebo_responses=placebo_responses,
        callbacks=[_LogForwarder(log, config, task)],
        peft_config=lora_config(config),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def lora_config(config: RunConfig) -> Any:
    """Return PEFT's configuration of the adapters of a run; None if all weights are trained."""
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


class _RunTrainer(HICRATrainer):
    """`HICRATrainer` without a model card, because a run's directory is not uploaded to a hub."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


class _LogForwarder(TrainerCallback):
    """A callback that adds the trainer's log to a `StepLog`, and evaluates on held-out problems during training."""

    def __init__(self, log: StepLog, config: RunConfig, task: Task) -> None:
        self._log, self._config, self._task = log, config, task

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Restore the rows that a checkpoint holds."""
        self._log.restore(state.log_history)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Add the row of a step."""
        if state.is_world_process_zero and logs and "loss" in logs:
            self._log.add({**logs, "step": state.global_step})

    def on_step_end(
        self, args: Any, state: Any, control: Any, model: Any = None, processing_class: Any = None, **_: Any
    ) -> None:
        """Evaluate every `eval_every` steps, without changing the random state of training."""
        interval = self._config.eval_every
        if not interval or state.global_step % interval or state.global_step == state.max_steps:
            return
        if not state.is_world_process_zero:
            return
        policy = make_policy(model, processing_class, self._config)
        evaluation = evaluate(policy, self._task, None, self._config.eval_samples)
        row = {"step": state.global_step, "evaluation": evaluation.to_json()}
        self._log.evaluations.append(row)
        state.log_history.append(row)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the rows up to the checkpoint."""
        if state.is_world_process_zero:
            self._log.write()
