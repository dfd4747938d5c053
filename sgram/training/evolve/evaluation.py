"""Measure one policy as solver, proposer and judge against the truth that a task knows.

The solver answers the same held-out problems at every evaluation. Its answers have a known truth, so they also measure
judges: the policy itself, and the frozen start policy on the same answers. Fixed (question, answer) pairs are judged
too; on them the frozen judge's figures are those of the policy at step 0, so it is not asked again. A task without
truth has accuracy only.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sgram.errors import UsageError
from sgram.grading.outcome import ERROR_KINDS, Problem, TaskOutcome
from sgram.statistics import Estimate
from sgram.training.evolve.measures import AcceptedMeasures, EvolveEvaluation, JudgeMeasures, ProposalMeasures, Tally
from sgram.training.evolve.protocols import EvolveTask, EvolveTaskWithTruth, Judge, Verdict, Writer, Written
from sgram.training.evolve.truth_measures import (
    auc_within_groups,
    correlation,
    count_new,
    effective_classes,
    mean,
    mean_failure,
    mean_score,
    pooled_auc,
    share,
    share_unparsable,
)
from sgram.training.evolve.truths import question_text

POLICY, FROZEN = "policy", "frozen"
"""Names of judges: the current weights, the start policy."""


class AcceptedQuestion(NamedTuple):
    """A question that has entered the pool, with the difficulty that its judge gave it (None: not judged)."""

    question: str
    difficulty: float | None


class FixedPair(NamedTuple):
    """A question, a response to it, and whether the response is right."""

    question: str
    answer: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class EvaluationSizes:
    """How much is sampled in one evaluation. Raise `UsageError` for a size below 1."""

    answers: int = 240
    """Answers to held-out problems."""
    answers_per_question: int = 4
    """Answers to one problem: judges are compared within it."""
    judged_proposals: int = 64
    """Of the fresh proposals, how many every judge judges; 0 for none."""

    def __post_init__(self) -> None:
        if self.answers < 1 or self.answers_per_question < 1 or self.judged_proposals < 0:
            raise UsageError(f"an evaluation needs at least one answer to a question (got {self})")


def evaluate_evolve(
    writer: Writer,
    judges: Mapping[str, Judge],
    task: EvolveTask,
    rng: np.random.Generator,
    *,
    sizes: EvaluationSizes = EvaluationSizes(),
    references: Sequence[str | None] = (),
    fixed_pairs: Sequence[FixedPair] = (),
    accepted: Sequence[AcceptedQuestion] = (),
    failures: Mapping[str, float] | None = None,
    pool: Collection[str] = (),
    proposed_kinds: Collection[str] = (),
) -> EvolveEvaluation:
    """Sample answers and proposals, all in one call of `writer`, judge them and return the measurements.

    `judges` are named `POLICY` and `FROZEN`. One proposal is sampled for each of `references`, each a question to vary
    or None; `rng` draws what else their prompts hold. `accepted` are the questions that entered the pool since the last
    evaluation, `failures` is the start solver's failure table (kind -> failure rate), `pool` the normal forms of the
    pool's questions. Without truth (`EvolveTaskWithTruth`), only readability of proposals, accuracy and judges on own
    answers are measured.
    """
    problems = choose_problems(task.held_out_problems(), sizes)
    questions = [question_text(problem) for problem in problems]
    prompts = [task.forms.solver_prompt(question) for question in questions]
    prompts += [task.forms.proposer_prompt(rng, reference) for reference in references]
    written = writer.write(prompts) if prompts else []
    answers, proposals = written[: len(problems)], written[len(problems) :]
    outcomes = task.judge_responses(problems, [answer.text for answer in answers])
    own, fixed = _judge_all(judges, questions, answers, outcomes, fixed_pairs)
    measures, proposal_judges = _measure_proposals(task, judges, proposals, sizes.judged_proposals, failures, pool)
    truth = task if isinstance(task, EvolveTaskWithTruth) else None
    n, accuracy, errors, details = _measure_outcomes(outcomes)
    return EvolveEvaluation(
        n=n,
        accuracy=accuracy,
        by_kind={} if truth is None else _tally_kinds(truth, problems, questions, outcomes),
        levels={} if truth is None else dict(truth.levels()),
        errors=errors,
        wrong_details=details,
        length=mean([float(len(answer.ids)) for answer in answers]).value,
        own=own,
        fixed=fixed,
        questions=proposal_judges,
        proposals=measures,
        accepted=_measure_accepted(truth, accepted, failures),
        proposed_kinds=tuple(sorted(proposed_kinds)),
    )


def choose_problems(problems: Sequence[Problem], sizes: EvaluationSizes) -> list[Problem]:
    """Return one problem an answer: the first problems of the task, the answers to one of them side by side.

    With few problems, more answers are sampled to each; without any there is no answer.

    >>> two = [Problem("a", "1+1?"), Problem("b", "1+2?")]
    >>> [problem.id for problem in choose_problems(two, EvaluationSizes(answers=4, answers_per_question=2))]
    ['a', 'a', 'b', 'b']
    """
    if not problems:
        return []
    n_problems = min(len(problems), -(-sizes.answers // sizes.answers_per_question))
    rows = [problems[number % n_problems] for number in range(sizes.answers)]
    order = {problem.id: index for index, problem in enumerate(problems)}
    return sorted(rows, key=lambda problem: order[problem.id])


def measure_judge(
    verdicts: Sequence[Verdict], truths: Sequence[bool | None], groups: Sequence[str] | None = None
) -> JudgeMeasures:
    """Return a judge's measures. A text whose truth is None is left out; `groups` are the questions of answers.

    >>> measure_judge([Verdict(0.75), Verdict(None, "no-score")], [True, False]).undefined["auc"]
    'no wrong text has a score'
    """
    rows = [row for row, truth in enumerate(truths) if truth is not None]
    scores = np.asarray([_number(verdicts[row].score) for row in rows], np.float64)
    is_right = np.asarray([truths[row] for row in rows], bool)
    estimates = {
        "auc": pooled_auc(scores, is_right),
        "right": mean_score(scores, is_right, truth=True),
        "wrong": mean_score(scores, is_right, truth=False),
        "unparsable": share_unparsable(scores),
    }
    if groups is not None:
        estimates["auc_within"] = auc_within_groups(scores, is_right, [groups[row] for row in rows])
    return JudgeMeasures(len(rows), **_values(estimates), undefined=_reasons(estimates))


def _number(score: float | None) -> float:
    return float("nan") if score is None else score


def _values(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.value for name, estimate in estimates.items()}


def _reasons(estimates: Mapping[str, Estimate]) -> dict[str, str]:
    return {name: estimate.undefined for name, estimate in estimates.items() if estimate.value is None}


def _judge_all(
    judges: Mapping[str, Judge],
    questions: Sequence[str],
    answers: Sequence[Written],
    outcomes: Sequence[TaskOutcome],
    fixed_pairs: Sequence[FixedPair],
) -> tuple[dict[str, JudgeMeasures], dict[str, JudgeMeasures]]:
    """Return the judges on own answers and on fixed pairs; a judge judges both in one call."""
    truths = [outcome.correct for outcome in outcomes]
    own, fixed = {}, {}
    for name, judge in judges.items():
        pairs = () if name == FROZEN else fixed_pairs
        if not questions and not pairs:
            continue
        verdicts = judge.judge_answers(
            [*questions, *(pair.question for pair in pairs)],
            [*(answer.text for answer in answers), *(pair.answer for pair in pairs)],
        )
        own[name] = measure_judge(verdicts[: len(questions)], truths, questions)
        if pairs:
            pair_truths = [pair.is_right for pair in pairs]
            fixed[name] = measure_judge(verdicts[len(questions) :], pair_truths, [pair.question for pair in pairs])
    return own, fixed


def _measure_outcomes(
    outcomes: Sequence[TaskOutcome],
) -> tuple[int, float | None, dict[str, float | None], dict[str, float]]:
    """Return the number of judged answers, accuracy, shares of error kinds, and shares of details of wrong answers."""
    judged = [outcome for outcome in outcomes if outcome.correct is not None]
    errors: dict[str, float | None] = {
        kind: share((outcome.error == kind for outcome in judged), "no answer was judged").value for kind in ERROR_KINDS
    }
    wrong = [outcome for outcome in judged if not outcome.correct]
    names = sorted({name for outcome in wrong for name in outcome.details})
    details = {
        name: flags_share
        for name in names
        if (flags_share := share(outcome.details[name] for outcome in wrong if name in outcome.details).value)
        is not None
    }
    return len(judged), share(bool(outcome.correct) for outcome in judged).value, errors, details


def _tally_kinds(
    task: EvolveTaskWithTruth, problems: Sequence[Problem], questions: Sequence[str], outcomes: Sequence[TaskOutcome]
) -> dict[str, Tally]:
    """Return (answers, right answers) by kind of question. Raise `UsageError` if a held-out problem has no kind."""
    kind_of = {question: task.read_question(question).kind for question in dict.fromkeys(questions)}
    counts: Counter[str] = Counter()
    right_counts: Counter[str] = Counter()
    for problem, question, outcome in zip(problems, questions, outcomes, strict=True):
        kind = kind_of[question]
        if kind is None:
            raise UsageError(f"task {task.name}: the held-out problem {problem.id} is not read as a valid question")
        if outcome.correct is not None:
            counts[kind] += 1
            right_counts[kind] += outcome.correct
    return {kind: (counts[kind], right_counts[kind]) for kind in sorted(counts)}


def _measure_proposals(
    task: EvolveTask,
    judges: Mapping[str, Judge],
    proposals: Sequence[Written],
    n_judged: int,
    failures: Mapping[str, float] | None,
    pool: Collection[str],
) -> tuple[ProposalMeasures | None, dict[str, JudgeMeasures]]:
    """Return the measures of fresh proposals and the judges on the first `n_judged` readable ones."""
    if not proposals:
        return None, {}
    readings = [task.forms.read_proposal(proposal.text) for proposal in proposals]
    questions = [reading.value for reading in readings if reading.value is not None]
    faults = Counter(reading.fault or "unreadable" for reading in readings if reading.value is None)
    normal_forms = [task.forms.normal_form(question) for question in questions]
    measures: dict[str, Any] = {
        "readable": len(questions) / len(proposals),
        "new": count_new(normal_forms, pool) / len(proposals),
    }
    if not isinstance(task, EvolveTaskWithTruth):
        reason = f"task {task.name} does not know which questions are valid"
        undefined = dict.fromkeys(("valid", "true_difficulty", "classes"), reason)
        return ProposalMeasures(
            len(proposals), **measures, faults=dict(sorted(faults.items())), undefined=undefined
        ), {}
    truths = [task.read_question(question) for question in questions]
    kinds = [truth.kind for truth in truths if truth.is_valid and truth.kind is not None]
    faults.update(truth.fault or "not valid" for truth in truths if not truth.is_valid)
    estimates = {"true_difficulty": mean_failure(kinds, failures), "classes": effective_classes(kinds)}
    measures |= {"valid": sum(truth.is_valid for truth in truths) / len(proposals), **_values(estimates)}
    judged, is_valid = questions[:n_judged], [truth.is_valid for truth in truths[:n_judged]]
    proposal_judges = {
        name: measure_judge(judge.judge_questions(judged), is_valid) for name, judge in judges.items() if judged
    }
    return ProposalMeasures(
        len(proposals),
        **measures,
        kinds=dict(sorted(Counter(kinds).items())),
        faults=dict(sorted(faults.items())),
        undefined=_reasons(estimates),
    ), proposal_judges


def _measure_accepted(
    task: EvolveTaskWithTruth | None, accepted: Sequence[AcceptedQuestion], failures: Mapping[str, float] | None
) -> AcceptedMeasures | None:
    """Return the measures of accepted questions; None if there is none, or if the task does not know the truth."""
    if task is None or not accepted:
        return None
    truths = [task.read_question(question) for question, _ in accepted]
    kinds = [truth.kind if truth.is_valid else None for truth in truths]
    judged = [_number(difficulty) for _, difficulty in accepted]
    true = [(failures or {}).get(kind or "", float("nan")) for kind in kinds]
    judged_numbers = [difficulty for difficulty in judged if difficulty == difficulty]
    estimates = {
        "valid": share(truth.is_valid for truth in truths),
        "judged_difficulty": mean(judged_numbers, "no accepted question has a judged difficulty"),
        "true_difficulty": mean_failure(kinds, failures),
        "correlation": correlation(judged, true),
        "classes": effective_classes(kinds),
    }
    return AcceptedMeasures(len(accepted), **_values(estimates), undefined=_reasons(estimates))
