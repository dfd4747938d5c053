"""Parts of a run of `sgram evolve` that are made before its first step: task, policies, judge, sampler and trainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.training.credit.registry import find_method
from sgram.training.evolve.evaluation import (
    FROZEN,
    POLICY,
    AcceptedQuestion,
    EvaluationSizes,
    FixedPair,
    evaluate_evolve,
)
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.judging import EndpointJudge, OracleJudge, RandomJudge, TextJudge
from sgram.training.evolve.measures import EvolveEvaluation
from sgram.training.evolve.protocols import EvolveTask, EvolveTaskWithTruth, Judge
from sgram.training.evolve.rollout import StepSampler
from sgram.training.evolve.slots import slot_rows
from sgram.training.evolve.state import EvolveState
from sgram.training.evolve.trainer import EvolveTrainer
from sgram.training.evolve.truths import Truths
from sgram.training.evolve.writers import PolicyWriter, frozen_copy
from sgram.training.experiments import setup as run_setup
from sgram.training.experiments.evaluate import Policy
from sgram.training.experiments.step_log import ProgressCallback

_EVALUATIONS = 0xE502
"""Key of the random numbers by which an evaluation draws; they are the same in all runs."""
_STREAMS = {"frozen": 1, "evaluation": 2, "frozen evaluation": 3}


def make_evolve_task(config: EvolveConfig) -> EvolveTask:
    """Return the task of a run. Raise `UsageError` if its settings are wrong, `InputError` if it cannot be read."""
    if config.on_testbed:
        from sgram.training.evolve.testbed_task import TestbedEvolveTask

        return TestbedEvolveTask.from_options(config.testbed_options)
    from sgram.training.evolve.question_task import QuestionTask

    return QuestionTask.from_options(config.task, config.task_options)


def load_start_model(config: EvolveConfig, task: EvolveTask, on_progress: ProgressCallback) -> tuple[Any, Any]:
    """Return the (model, tokenizer) that training starts from; the tiny model is warmed up if it is not cached."""
    if config.model == "testbed":
        from sgram.training.evolve import testbed_task

        if not isinstance(task, testbed_task.TestbedEvolveTask):
            raise UsageError(
                f"the model testbed is warmed up on the task testbed; name a --model for {excerpt(config.task)}"
            )
        return testbed_task.load_start_model(task, config.warmup_seed, on_progress, config.sft_steps)
    from sgram.training.models import load_model

    loaded = load_model(config.model, device=run_setup.compute_device())
    return loaded.model, loaded.tokenizer


def start_failures(config: EvolveConfig, task: EvolveTask, frozen: Policy | None) -> Mapping[str, float] | None:
    """Return the failure rates of the policy at the start by kind of question; None if the task has no kinds."""
    if config.model != "testbed" or frozen is None:
        return None
    from sgram.training.evolve.testbed_task import TestbedEvolveTask, failure_table

    return failure_table(frozen, task) if isinstance(task, TestbedEvolveTask) else None


def make_judge(config: EvolveConfig, task: EvolveTask, writer: PolicyWriter, frozen: PolicyWriter | None) -> Judge:
    """Return the judge of a run. Raise `UsageError` if it needs a truth that the task does not know."""
    if config.judge == "oracle":
        if not isinstance(task, EvolveTaskWithTruth):
            raise UsageError(f"the judge oracle needs a task that knows the truth, and {excerpt(task.name)} does not")
        return OracleJudge(task)
    if config.judge == "random":
        return RandomJudge(config.seed)
    if config.judge == "policy":
        return _text_judge(config, task, writer)
    if frozen is not None:
        return _text_judge(config, task, frozen)
    return EndpointJudge(config.judge, config.judge_model or "", task.forms)


def _text_judge(config: EvolveConfig, task: EvolveTask, writer: PolicyWriter) -> TextJudge:
    return TextJudge(writer, task.forms, samples=config.judge_samples, expected=config.expected_score)


def make_lexicon(config: EvolveConfig, task: EvolveTask, directory: Path) -> Lexicon | None:
    """Return the lexicon of a run, and write it to `directory`; None if the task has none and the method needs none.

    Raise `UsageError` if the method needs a lexicon that the task does not have.
    """
    path = directory / "lexicon.json"
    if path.exists():
        return Lexicon.load(path)
    own_lexicon = getattr(task, "lexicon", None)
    if config.lexicon != "task":
        lexicon = Lexicon.load(config.lexicon)
    elif own_lexicon is not None:
        lexicon = own_lexicon()
    elif find_method(config.method).mask == "none":
        return None
    else:
        raise UsageError(
            f"the task {excerpt(config.task)} has no lexicon of its own: pass --lexicon with a file of sgram mine, or "
            "a preset such as sgram"
        )
    lexicon.save(path)
    return lexicon


@dataclass(slots=True)
class Evaluator:
    """Measures the policy of a run; the same policy and pool give the same numbers in every run."""

    config: EvolveConfig
    task: EvolveTask
    policy: Policy
    frozen: Policy | None
    failures: Mapping[str, float] | None

    def __call__(self, state: EvolveState, step: int) -> EvolveEvaluation:
        """Return the evaluation after a step, 0 before the first."""
        config, forms = self.config, self.task.forms
        if not self.task.held_out_problems():
            return EvolveEvaluation(0, None)
        rng = np.random.default_rng([_EVALUATIONS, step])
        writer = PolicyWriter(self.policy, 0, _STREAMS["evaluation"])
        writer.restart(step)
        judges: dict[str, Judge] = {POLICY: _text_judge(config, self.task, writer)}
        if self.frozen is not None:
            frozen_writer = PolicyWriter(self.frozen, 0, _STREAMS["frozen evaluation"])
            frozen_writer.restart(step)
            judges[FROZEN] = _text_judge(config, self.task, frozen_writer)
        first = self.last_step(step)
        fixed_pairs: Sequence[FixedPair] = getattr(self.task, "fixed_pairs", tuple)()
        questions = state.questions.rows()
        return evaluate_evolve(
            writer,
            judges,
            self.task,
            rng,
            sizes=EvaluationSizes(answers=config.eval_samples),
            references=[None] * config.eval_proposals,
            fixed_pairs=fixed_pairs,
            accepted=[
                AcceptedQuestion(question.text, question.difficulty)
                for question in questions
                if question.source == "proposer" and first < question.step <= step
            ],
            failures=self.failures,
            pool={forms.normal_form(question.text) for question in questions},
            proposed_kinds=state.kinds,
        )

    def last_step(self, step: int) -> int:
        """Return the step of the evaluation before the one at `step`."""
        interval = self.config.eval_every
        return (step - 1) // interval * interval if interval and step else 0


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run is made of before its trainer."""

    task: EvolveTask
    model: Any
    tokenizer: Any
    sampler: StepSampler
    evaluate: Evaluator


def make_parts(config: EvolveConfig, task: EvolveTask, on_progress: ProgressCallback) -> RunParts:
    """Return the parts of a run. Raise `UsageError` if they do not fit."""
    check_truth(config, task)
    model, tokenizer = load_start_model(config, task, on_progress)
    policy = run_setup.make_policy(model, tokenizer, config.run_config())
    has_truth = isinstance(task, EvolveTaskWithTruth)
    frozen_policy = None
    if has_truth or "frozen" in (config.judge, config.proposer):
        frozen_policy = run_setup.make_policy(frozen_copy(model), tokenizer, config.run_config())
    writer = PolicyWriter(policy, config.seed)
    frozen = None
    if frozen_policy is not None and "frozen" in (config.judge, config.proposer):
        frozen = PolicyWriter(frozen_policy, config.seed, _STREAMS["frozen"])
    failures = start_failures(config, task, frozen_policy)
    judge = make_judge(config, task, writer, frozen)
    state = EvolveState.start(config, task)
    sampler = StepSampler(config, task.forms, Truths(task), state, judge, writer, frozen, failures)
    return RunParts(task, model, tokenizer, sampler, Evaluator(config, task, policy, frozen_policy, failures))


def check_truth(config: EvolveConfig, task: EvolveTask) -> None:
    """Raise `UsageError` if a setting needs a truth that the task does not know."""
    if isinstance(task, EvolveTaskWithTruth):
        return
    settings = {"gate": config.gate == "oracle", "judge_reward": config.judge_reward == "calibrated"}
    for name, needs_truth in settings.items():
        if needs_truth:
            raise UsageError(
                f"{name} {getattr(config, name)} needs a task that knows the truth of every question, such as testbed; "
                f"{excerpt(task.name)} does not"
            )


def make_trainer(
    config: EvolveConfig,
    directory: Path,
    parts: RunParts,
    lexicon: Lexicon | None,
    callbacks: Sequence[TrainerCallback] = (),
) -> EvolveTrainer:
    """Return the trainer of a run."""
    import torch

    run_config = config.run_config()
    args = run_setup.trainer_config(run_config, directory, torch.cuda.is_available())
    args.shuffle_dataset = False
    trainer = EvolveTrainer(
        parts.model,
        parts.sampler,
        parts.task,
        args,
        train_dataset=Dataset.from_list(slot_rows(config)),
        processing_class=parts.tokenizer,
        lexicon=lexicon,
        callbacks=list(callbacks),
        peft_config=run_setup.lora_config(run_config),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
