"""The testbed as a task of `sgram evolve`: the truth of every question and answer is known."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.errors import UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.testbed.problems import problems_in_split
from sgram.testbed.proposer_texts import ProposerTexts
from sgram.testbed.question_reader import read_question
from sgram.testbed.response_parser import make_parser
from sgram.testbed.role_examples import RoleExamples
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.task import Testbed
from sgram.training.evolve.measures import CLAIMS_CHECK
from sgram.training.evolve.protocols import QuestionTruth
from sgram.training.evolve.testbed_forms import TestbedForms

if TYPE_CHECKING:
    from sgram.training.evolve.evaluation import FixedPair
    from sgram.training.experiments.evaluate import Policy
    from sgram.training.experiments.step_log import ProgressCallback

START_QUESTIONS = 32
EASY_METHODS = 3
"""The questions that the pool starts with are of so many methods, those with the most insight."""
FIXED_PAIRS = 160
ANSWERS_PER_KIND = 64
"""Answers by which the failure rate of a kind of question is measured: its standard error is at most .0625."""
MAX_TOKENS = 112
"""Room for the longest text of the warm-up (a response of 104 tokens) and the end token."""
LEVELS = ("easy", "middle", "hard")


class TestbedEvolveTask:
    """The testbed of roles; an `EvolveTaskWithTruth`.

    >>> task = TestbedEvolveTask()
    >>> len(task.start_questions()), len(task.fixed_problems()), len(task.held_out_problems())
    (32, 650, 120)
    >>> task.read_question("In a square are 8 by 7 pens, and 3 others. How many pens?").fault
    'contradiction'
    """

    __test__ = False  # for pytest: not a class of tests
    name: str = "testbed"

    def __init__(self, config: RolesConfig = RolesConfig()) -> None:  # noqa: B008  frozen
        self.config = config
        self.forms = TestbedForms(config)
        self.failures: Mapping[str, float] = {}
        """Failure rate of the start policy by kind of question; empty until `failure_table` has measured it."""
        self._testbed, self._parser = Testbed(config), make_parser(config)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "TestbedEvolveTask":
        """Return the task with settings of `RolesConfig`. Raise `UsageError` if one is unknown or out of range."""
        names = [setting.name for setting in fields(RolesConfig)]
        for name in options:
            if name not in names:
                raise UsageError(f"testbed: unknown setting {excerpt(name, 60)!r}; the settings are {', '.join(names)}")
        settings: dict[str, Any] = {
            name: tuple(setting) if isinstance(setting, list) else setting for name, setting in options.items()
        }
        return cls(RolesConfig(**settings))

    def start_questions(self) -> tuple[str, ...]:
        """Return the questions that the pool starts with: easy ones with small numbers, none of them held out."""
        insights = sorted(self.config.insights[: self.config.methods], reverse=True)
        easy = [
            method
            for method, insight in zip(self.config.available_methods, self.config.insights, strict=False)
            if insight >= insights[min(EASY_METHODS, len(insights)) - 1]
        ]
        taken = {self.forms.normal_form(str(problem.prompt)) for problem in self.held_out_problems()}
        rng, writer = np.random.default_rng([self.config.seed, 0x57A27]), ProposerTexts(self.config)
        questions: list[str] = []
        while len(questions) < START_QUESTIONS:
            source = writer.draw_source(rng)
            question = writer.write_problem(rng, source)
            form = self.forms.normal_form(question)
            if source[0] in easy and form not in taken:
                taken.add(form)
                questions.append(question)
        return tuple(questions)

    def fixed_problems(self) -> Sequence[Problem]:
        """Return the problems of the train split."""
        return problems_in_split(self.config, "train")

    def held_out_problems(self) -> Sequence[Problem]:
        """Return the problems of the test split."""
        return problems_in_split(self.config, "test")

    def judge_responses(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return the true outcome of each response; its detail `CLAIMS_CHECK` is what a lenient judge may reward."""
        return [
            replace(outcome, details={**outcome.details, CLAIMS_CHECK: self._parser.claims_passed_check(response)})
            for outcome, response in zip(self._testbed.judge(problems, responses), responses, strict=True)
        ]

    def read_question(self, question: str) -> QuestionTruth:
        """Return the problem that a question states and its kind (method and story), or its fault."""
        reading = read_question(self.config, question)
        return QuestionTruth(reading.problem, reading.kind if reading.problem else None, reading.fault)

    def levels(self) -> Mapping[str, str]:
        """Return the level of each kind of question: a third of the kinds each, by `failures`; empty without them."""
        kinds = sorted(self.failures, key=lambda kind: (self.failures[kind], kind))
        return {kind: LEVELS[index * len(LEVELS) // len(kinds)] for index, kind in enumerate(kinds)}

    def lexicon(self) -> Lexicon:
        """Return the planning phrases of the testbed."""
        return self._testbed.lexicon()

    def fixed_pairs(self) -> list["FixedPair"]:
        """Return pairs of a held-out problem and a response of the warm-up's texts, half of them right.

        They do not depend on the quality of the judge that the warm-up teaches.
        """
        from sgram.training.evolve.evaluation import FixedPair

        writer = RoleExamples(self.config.with_right_verdicts())
        rng, problems = np.random.default_rng([self.config.seed, 0xF12ED]), self.held_out_problems()
        pairs: list[FixedPair] = []
        counts: Counter[bool] = Counter()
        while len(pairs) < FIXED_PAIRS:
            problem = problems[len(pairs) % len(problems)]
            response = writer.write_judged_answer(problem, rng)
            is_right = bool(self.judge_responses([problem], [response])[0].correct)
            if counts[is_right] < FIXED_PAIRS // 2:
                counts[is_right] += 1
                pairs.append(FixedPair(str(problem.prompt).strip(), response, is_right))
        return pairs


def load_start_model(
    task: TestbedEvolveTask, warmup_seed: int, on_progress: "ProgressCallback", steps: int | None = None
) -> tuple[Any, Any]:
    """Return the (model, tokenizer) that training starts from; it is warmed up if it is not cached.

    `steps` are those of the first stage of the warm-up; None: as many as it needs.
    """
    from sgram.training.experiments.setup import load_warm_policy

    return load_warm_policy(task.config, warmup_seed, steps, on_progress)


def failure_table(policy: "Policy", task: TestbedEvolveTask) -> Mapping[str, float]:
    """Return the failure rate of `policy`, which must be the start policy, by kind of question; the task keeps it.

    It is measured on problems of both splits, once for the same weights and sampling settings: the file
    ``failures-DIGEST.json`` beside the weights holds it.
    """
    problems = _problems_of_kinds(task)
    settings = {
        "weights": digest(b"".join(weights.detach().cpu().numpy().tobytes() for weights in policy.model.parameters())),
        "sampling": [policy.max_tokens, policy.temperature, policy.top_p, policy.top_k],
        "testbed": asdict(task.config),
        "problems": [problem.id for problem in problems],
    }
    folder = Path(str(policy.model.name_or_path))
    path = folder / f"failures-{digest(canonical_json(settings))[:16]}.json"
    if path.is_file():
        task.failures = {str(kind): float(rate) for kind, rate in json.loads(path.read_bytes()).items()}
        return task.failures
    sampled = policy.sample(problems, len(problems), seed=3)
    failures: dict[str, list[bool]] = defaultdict(list)
    outcomes = task.judge_responses(sampled.problems, sampled.texts)
    for problem, outcome in zip(sampled.problems, outcomes, strict=True):
        failures[f"{problem.meta['method']}/{problem.meta['story']}"].append(not outcome.correct)
    task.failures = {kind: sum(rows) / len(rows) for kind, rows in sorted(failures.items())}
    if folder.is_dir():  # a model that was not loaded from a folder has no place to keep it
        write_bytes(path, pretty_json(task.failures))
    return task.failures


def _problems_of_kinds(task: TestbedEvolveTask) -> list[Problem]:
    """Return `ANSWERS_PER_KIND` problems of each kind; those of a kind with fewer return."""
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in (*task.held_out_problems(), *task.fixed_problems()):
        by_kind[f"{problem.meta['method']}/{problem.meta['story']}"].append(problem)
    return [problems[number % len(problems)] for problems in by_kind.values() for number in range(ANSWERS_PER_KIND)]
