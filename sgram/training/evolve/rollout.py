"""A step of Multi-Agent Evolve up to the update: draw, write, read, judge, reward, and fill the pools.

What the step learns from the pools was in them before it: a question that a step adds is answered in a later one. Each
kind of text is sampled in one call: first the rows that are trained on, then the trial answers, then the judgements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import AnyArray
from sgram.grading.outcome import TaskOutcome
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.judging import RandomJudge
from sgram.training.evolve.pool import PoolPair, PoolQuestion, question_id
from sgram.training.evolve.protocols import Judge, Reading, Role, RoleForms, Written
from sgram.training.evolve.rewards import (
    calibrated_rewards,
    difficulty,
    judge_rewards,
    proposer_rewards,
    solver_rewards,
)
from sgram.training.evolve.state import EvolveState
from sgram.training.evolve.step_measures import step_measures
from sgram.training.evolve.step_texts import Answer, JudgeRow, Proposal, StepTexts, as_floats
from sgram.training.evolve.truths import Truths
from sgram.training.evolve.writers import PolicyWriter

_DRAWS = 0xE501
"""Key of the random numbers by which a step draws from the pools."""
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A text that is trained on."""

    role: Role
    prompt: str
    """What was really asked."""
    prompt_ids: Sequence[int]
    written: Written
    reward: float
    """NaN if it is not known."""
    group: str
    """Id of the question for an answer, else the role: rows of one group have one baseline."""
    outcome: TaskOutcome
    """For an answer what the task knows of it; its reward is the one above, None if that is not known."""
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SampledStep:
    """The rows of a step, in the order of its slots, and its measures."""

    rows: tuple[SampledRow, ...]
    measures: Mapping[str, float]


@dataclass(slots=True)
class StepSampler:
    """Samples and scores the steps of a run; `state` changes with each of them."""

    config: EvolveConfig
    forms: RoleForms
    truths: Truths
    state: EvolveState
    judge: Judge
    writer: PolicyWriter
    """The policy that is trained."""
    frozen: PolicyWriter | None = None
    """The policy at the start; None if nobody asks it."""
    failures: Mapping[str, float] | None = None
    """Failure rates of the policy at the start, by kind of question."""

    @property
    def writers(self) -> list[PolicyWriter]:
        """The policies that write."""
        return [self.writer] if self.frozen is None else [self.writer, self.frozen]

    def sample(self, step: int) -> SampledStep:
        """Return the rows of a step, counted from 0 (from 1 in the pools).

        The same state, weights and step give the same rows.
        """
        for writer in self.writers:
            writer.restart(step)
        if isinstance(self.judge, RandomJudge):
            self.judge.restart(step)
        rng = np.random.default_rng([self.config.seed, _DRAWS, step])
        texts = self._write_rows(rng, step + 1)
        self._write_trials(texts)
        self._judge(texts)
        self._let_in(texts, step + 1)
        rewards = self._rewards(texts)
        self._remember_answers(texts, step + 1)
        measures = step_measures(texts, rewards, self.failures)
        measures |= {
            "pool/questions": len(self.state.questions),
            "pool/pairs": len(self.state.pairs),
            "generations": sum(writer.n_written for writer in self.writers),
        }
        return SampledStep(tuple(self._rows(texts, rewards)), measures)

    # -- writing ----------------------------------------------------------------------------------------

    def _write_rows(self, rng: np.random.Generator, step: int) -> StepTexts:
        config, forms, state = self.config, self.forms, self.state
        n_answered = config.questions if config.n_rows("solver") else 0
        n_judged = config.n_rows("judge")
        if n_judged and not len(state.pairs):
            self._start_pairs(rng, n_judged, step)
        questions = [question for question in self._draw(n_answered, rng) for _ in range(config.answers)]
        pairs = state.pairs.draw(n_judged, rng) if n_judged else []
        n_proposals = 0 if config.proposer == "none" else config.proposals
        proposer_prompts = [forms.proposer_prompt(rng, self._reference(rng)) for _ in range(n_proposals)]
        solver_prompts = [forms.solver_prompt(question.text) for question in questions]
        judge_prompts = [forms.judge_answer_prompt(pair.question, pair.answer) for pair in pairs]
        if config.proposer == "frozen" and self.frozen is not None:
            written = [*self.frozen.write(proposer_prompts), *self.writer.write([*solver_prompts, *judge_prompts])]
        else:
            written = self.writer.write([*proposer_prompts, *solver_prompts, *judge_prompts])
        proposed, answered, judged = _split(written, n_proposals, len(questions))
        outcomes = self.truths.judge_answers(
            [question.text for question in questions], [text.text for text in answered]
        )
        return StepTexts(
            [self._read_proposal(prompt, text) for prompt, text in zip(proposer_prompts, proposed, strict=True)],
            [
                Answer(question.text, question.id, prompt, text, forms.read_answer(text.text), outcome)
                for question, prompt, text, outcome in zip(questions, solver_prompts, answered, outcomes, strict=True)
            ],
            [
                JudgeRow(pair, prompt, text, forms.read_judgement(text.text))
                for pair, prompt, text in zip(pairs, judge_prompts, judged, strict=True)
            ],
        )

    def _draw(self, n: int, rng: np.random.Generator) -> list[PoolQuestion]:
        return self.state.questions.draw(n, rng, self.config.draw) if n else []

    def _reference(self, rng: np.random.Generator) -> str | None:
        """Return a question of the pool for a proposer to vary, or None."""
        if rng.random() >= self.config.references:
            return None
        (question,) = self.state.questions.draw(1, rng, "uniform")
        return question.text

    def _start_pairs(self, rng: np.random.Generator, n: int, step: int) -> None:
        """Answer questions of the pool, so that the judge has something to judge in the first step."""
        questions = self._draw(n, rng)
        answered = self.writer.write([self.forms.solver_prompt(question.text) for question in questions])
        outcomes = self.truths.judge_answers(
            [question.text for question in questions], [text.text for text in answered]
        )
        for question, text, outcome in zip(questions, answered, outcomes, strict=True):
            self.state.pairs.add(PoolPair(question.id, question.text, text.text, step, truth=_truth(outcome)))

    def _read_proposal(self, prompt: str, written: Written) -> Proposal:
        reading = self.forms.read_proposal(written.text)
        if reading.value is not None and self.truths.is_held_out(reading.value):
            reading = Reading(reading.value, "held-out")
        truth = None if reading.value is None else self.truths.read_question(reading.value)
        return Proposal(prompt, written, reading, truth)

    def _write_trials(self, texts: StepTexts) -> None:
        readable = [proposal for proposal in texts.proposals if proposal.is_readable]
        tried = [proposal for proposal in readable for _ in range(self.config.trials)]
        questions = [proposal.reading.value or "" for proposal in tried]
        prompts = [self.forms.solver_prompt(question) for question in questions]
        written = self.writer.write(prompts) if prompts else []
        outcomes = self.truths.judge_answers(questions, [text.text for text in written])
        for proposal, question, prompt, text, outcome in zip(tried, questions, prompts, written, outcomes, strict=True):
            reading = self.forms.read_answer(text.text)
            proposal.trials.append(Answer(question, "", prompt, text, reading, outcome))

    # -- judging ----------------------------------------------------------------------------------------

    def _judge(self, texts: StepTexts) -> None:
        readable = [proposal for proposal in texts.proposals if proposal.is_readable]
        if readable:
            verdicts = self.judge.judge_questions([proposal.reading.value or "" for proposal in readable])
            for proposal, verdict in zip(readable, verdicts, strict=True):
                proposal.quality = verdict
        answers = [*texts.answers, *texts.trials]
        if answers:
            verdicts = self.judge.judge_answers(
                [answer.question for answer in answers], [answer.written.text for answer in answers]
            )
            for answer, verdict in zip(answers, verdicts, strict=True):
                answer.verdict = verdict
        tried = [proposal for proposal in readable if proposal.trials]
        if tried:
            scores = [[trial.verdict.score for trial in proposal.trials] for proposal in tried]
            difficulties = difficulty([as_floats(row) for row in scores])
            for proposal, number in zip(tried, difficulties.tolist(), strict=True):
                proposal.difficulty = None if np.isnan(number) else number

    def _let_in(self, texts: StepTexts, step: int) -> None:
        """Ask the gate, and add to the pool what it admits and the pool does not have."""
        readable = [proposal for proposal in texts.proposals if proposal.is_readable]
        valid = [proposal.truth for proposal in readable if proposal.truth is not None and proposal.truth.is_valid]
        self.state.kinds.update(truth.kind for truth in valid if truth.kind is not None)
        if not readable:
            return
        truths = [None if proposal.truth is None else proposal.truth.is_valid for proposal in readable]
        admitted = self.state.gate.admit([proposal.quality.score for proposal in readable], truths)
        forms_so_far: set[str] = set()
        for proposal, is_admitted in zip(readable, admitted.tolist(), strict=True):
            question = proposal.reading.value or ""
            proposal.is_admitted = is_admitted
            normal_form = self.forms.normal_form(question)
            proposal.is_new = not self.state.questions.has(question) and normal_form not in forms_so_far
            forms_so_far.add(normal_form)
            if is_admitted:
                entry = PoolQuestion(
                    *(question_id(normal_form), question, step, "proposer"), proposal.quality.score, proposal.difficulty
                )
                proposal.entered = entry if self.state.questions.add(entry) else None

    def _remember_answers(self, texts: StepTexts, step: int) -> None:
        for answer in texts.answers:
            score = answer.verdict.score
            self.state.questions.record(answer.question_id, score)
            self.state.pairs.add(
                PoolPair(
                    *(answer.question_id, answer.question, answer.written.text, step), score, _truth(answer.outcome)
                )
            )

    # -- rewards ----------------------------------------------------------------------------------------

    def _rewards(self, texts: StepTexts) -> dict[str, AnyArray]:
        """Return the rewards of the texts of each role that has any."""
        config, rewards = self.config, {}
        if texts.proposals:
            difficulties = as_floats([proposal.difficulty for proposal in texts.proposals])
            rewards["proposer"] = proposer_rewards(
                as_floats([proposal.quality.score for proposal in texts.proposals]),
                difficulties if config.difficulty == "on" else None,
                [proposal.is_readable for proposal in texts.proposals],
                [proposal.is_admitted for proposal in texts.proposals],
                config.drop_difficulty,
            )
        if texts.answers:
            rewards["solver"] = solver_rewards(
                as_floats([answer.verdict.score for answer in texts.answers]),
                [answer.reading.fault is None for answer in texts.answers],
            )
        if texts.judge_rows:
            is_well_formed = [row.judgement.fault is None for row in texts.judge_rows]
            rewards["judge"] = (
                judge_rewards(is_well_formed)
                if config.judge_reward == "format"
                else calibrated_rewards(
                    as_floats([row.score for row in texts.judge_rows]),
                    as_floats([row.pair.truth for row in texts.judge_rows]),
                    is_well_formed,
                )
            )
        return rewards

    def _rows(self, texts: StepTexts, rewards: Mapping[str, AnyArray]) -> list[SampledRow]:
        """Return the rows of the roles that are trained, in the order of the slots."""
        rows: list[SampledRow] = []
        if self.config.n_rows("proposer"):
            rows += [
                self._row("proposer", proposal.prompt, proposal.written, reward, "proposer", None, _about(proposal))
                for proposal, reward in zip(texts.proposals, rewards["proposer"].tolist(), strict=True)
            ]
        rows += [
            self._row(
                *("solver", answer.prompt, answer.written, reward, answer.question_id, answer.outcome),
                {"question": answer.question_id, "score": answer.verdict.score, "fault": answer.reading.fault},
            )
            for answer, reward in zip(texts.answers, rewards.get("solver", np.zeros(0)).tolist(), strict=True)
        ]
        rows += [
            self._row(
                *("judge", row.prompt, row.written, reward, "judge", None),
                {"question": row.pair.question_id, "score": row.score, "fault": row.judgement.fault},
            )
            for row, reward in zip(texts.judge_rows, rewards.get("judge", np.zeros(0)).tolist(), strict=True)
        ]
        return rows

    def _row(
        self,
        role: Role,
        prompt: str,
        written: Written,
        reward: float,
        group: str,
        outcome: TaskOutcome | None,
        meta: Mapping[str, Any],
    ) -> SampledRow:
        task_reward = None if np.isnan(reward) else reward
        row_outcome = TaskOutcome(task_reward, None)
        if outcome is not None:
            row_outcome = TaskOutcome(task_reward, outcome.correct, outcome.answer, outcome.error, outcome.details)
        return SampledRow(
            role,
            prompt,
            self.writer.prompt_ids(prompt),
            written,
            reward,
            group,
            row_outcome,
            {"role": role, **{name: _rounded(value) for name, value in meta.items() if value is not None}},
        )


def _about(proposal: Proposal) -> dict[str, Any]:
    entered, truth = proposal.entered, proposal.truth
    return {
        "question": None if entered is None else entered.id,
        "quality": proposal.quality.score,
        "difficulty": proposal.difficulty,
        "fault": proposal.reading.fault or (None if truth is None else truth.fault),
        "entered": entered is not None,
        "kind": None if truth is None else truth.kind,
    }


def _truth(outcome: TaskOutcome | None) -> float | None:
    """Return 1 for a right answer, 0 for a wrong one, None if the truth is not known."""
    return None if outcome is None or outcome.correct is None else float(outcome.correct)


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value


def _split(
    written: Sequence[Written], n_first: int, n_second: int
) -> tuple[Sequence[Written], Sequence[Written], Sequence[Written]]:
    """Return the first `n_first` texts, the next `n_second`, and the others."""
    return written[:n_first], written[n_first : n_first + n_second], written[n_first + n_second :]
