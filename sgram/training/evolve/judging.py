"""Judges of questions and answers: the truth of a task, random numbers, a policy that writes, a model behind a URL.

Every judge returns a `Verdict` for each text: a score in [0, 1], or None with the name of the fault for which there is
none. A fault is never a score.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sgram.diagnosis.judge_client import Endpoint, JudgeReply, RefusedError, UnansweredError, request_reply
from sgram.errors import SgramError, UsageError
from sgram.files import canonical_json, digest
from sgram.training.evolve.protocols import (
    EvolveTask,
    EvolveTaskWithTruth,
    Judgement,
    RoleForms,
    Verdict,
    Writer,
    Written,
    share_of_score,
)
from sgram.training.evolve.score_tokens import ScoreTokens

NO_SCORE_TOKENS = "no-score-tokens"
"""Fault: the score that was read is no token of its own behind the last marker, so no expected score is computed."""
UNJUDGED = "unjudged"
"""Fault: the task cannot judge the answer."""
NO_REPLY = "no-reply"
"""Fault: the endpoint has not answered."""
MIN_READABLE = 4
"""Judgements with a score of which some must have an expected score."""
MAX_FAILURES = 3
"""Requests without a reply, before any with one, after which an endpoint is given up."""


class OracleJudge:
    """The truth of a task: 1 for a valid question or a right answer, else 0.

    An answer to a question that is not valid has score 0, because no answer to it can be right. Raise `UsageError` if
    the task does not know which questions are valid.
    """

    name = "oracle"

    def __init__(self, task: EvolveTask) -> None:
        if not isinstance(task, EvolveTaskWithTruth):
            raise UsageError(
                f"--judge oracle needs a task that knows the truth of any question, such as the testbed; {task.name} "
                "does not"
            )
        self._task = task

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        """Return 1 for each valid question, else 0."""
        return [Verdict(float(self._task.read_question(question).is_valid)) for question in questions]

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        """Return 1 for each right answer, else 0; None if the task cannot judge it."""
        _check_pairs(questions, answers)
        problems = [self._task.read_question(question).problem for question in questions]
        valid_rows = [row for row, problem in enumerate(problems) if problem is not None]
        outcomes = self._task.judge_responses(
            [problem for problem in problems if problem is not None], [answers[row] for row in valid_rows]
        )
        verdicts = [Verdict(0.0) for _ in questions]
        for row, outcome in zip(valid_rows, outcomes, strict=True):
            is_correct = outcome.correct
            verdicts[row] = Verdict(None, UNJUDGED) if is_correct is None else Verdict(float(is_correct))
        return verdicts


class RandomJudge:
    """Uniform scores in [0, 1) that seed, step and text determine: neither the order nor other texts matter.

    In another step a text has another score. Were it the same, a policy could learn which texts are scored high.

    >>> judge = RandomJudge(0)
    >>> judge.judge_questions(["1 + 1?", "1 + 2?"]) == judge.judge_questions(["1 + 2?", "1 + 1?"])[::-1]
    True
    """

    name = "random"

    def __init__(self, seed: int) -> None:
        self._seed, self._step = seed, 0

    def restart(self, step: int) -> None:
        """Begin the scores of a step."""
        self._step = step

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        """Return a random score for each question."""
        return [Verdict(self._draw("question", question)) for question in questions]

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        """Return a random score for each answer."""
        _check_pairs(questions, answers)
        return [Verdict(self._draw("answer", *pair)) for pair in zip(questions, answers, strict=True)]

    def _draw(self, *texts: str) -> float:
        return (
            int(digest(canonical_json([self._seed, self._step, *texts]))[:13], 16) / 16**13
        )  # 52 bits: exact, below 1


@dataclass(slots=True)
class TextJudge:
    """A policy as judge: it writes an analysis and a score for each text, and the score is read.

    With `expected`, the score of a text is the mean of all scores by their probabilities behind the sampled analysis
    (`sgram.training.evolve.score_tokens`); else it is the score that was sampled. With several `samples`, the verdict
    is the mean over the samples that have a score.
    """

    writer: Writer
    forms: RoleForms
    samples: int = 1
    expected: bool = True
    name: str = "policy"
    _score_tokens: ScoreTokens | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"the samples of a judge must be >= 1 (got {self.samples})")

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        """Return the policy's verdict on each question."""
        return self.judge_prompts([self.forms.judge_question_prompt(question) for question in questions])

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        """Return the policy's verdict on each answer."""
        _check_pairs(questions, answers)
        return self.judge_prompts(list(map(self.forms.judge_answer_prompt, questions, answers)))

    def judge_prompts(self, prompts: Sequence[str]) -> list[Verdict]:
        """Return one verdict for each prompt of a judge, of questions and answers alike, all sampled in one call."""
        if not prompts:
            return []
        prompt_copies = [prompt for prompt in prompts for _ in range(self.samples)]
        return _mean_verdicts(self.read(prompt_copies, self.writer.write(prompt_copies)), self.samples)

    def read(self, prompts: Sequence[str], written: Sequence[Written]) -> list[Verdict]:
        """Return one verdict for each text that a judge has written in reply to a prompt.

        Raise `SgramError` if the tokenizer has no tokens by which any of the scores could be expected.
        """
        judgements = [self.forms.read_judgement(text.text) for text in written]
        verdicts = [_sampled_verdict(judgement, text.text) for judgement, text in zip(judgements, written, strict=True)]
        if not self.expected:
            return verdicts
        if self._score_tokens is None:
            self._score_tokens = ScoreTokens(self.writer.tokenizer, self.forms.score_marker)
        readable = {row: judgement.score for row, judgement in enumerate(judgements) if judgement.score is not None}
        scores = self._score_tokens.expected_scores(
            self.writer,
            [prompts[row] for row in readable],
            [self._score_tokens.find(written[row].ids, score) for row, score in readable.items()],
        )
        for row, score in zip(readable, scores, strict=True):
            verdicts[row] = _expected_verdict(score, written[row].text)
        if len(scores) >= MIN_READABLE and all(score is None for score in scores):
            raise SgramError(
                f"no score behind {self.forms.score_marker!r} is a token of its own, or the tokenizer has none for "
                "another score, so that no expected score can be computed; take the mean of several sampled scores"
            )
        return verdicts


@dataclass(slots=True)
class EndpointJudge:
    """A model behind an OpenAI-compatible endpoint as judge. Its scores are sampled ones.

    The API key is read from the environment variable ``SGRAM_JUDGE_KEY``. A request without a reply is the fault
    "no-reply". Raise `UsageError` if a setting is invalid.
    """

    url: str
    """Such as http://localhost:8000/v1."""
    model: str
    """Name of the model at the endpoint."""
    forms: RoleForms
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 600
    """Most tokens of a reply."""
    parallel: int = 4
    """Requests that are open at a time."""
    retries: int = 5
    """Further tries after a failure that may be temporary."""
    sleep: Callable[[float], None] | None = None
    """Waits before the next try, in place of `time.sleep`."""
    n_replies: int = field(default=0, init=False)
    n_unanswered: int = field(default=0, init=False)
    name: str = field(default="", init=False)
    _endpoint: Endpoint = field(init=False, repr=False)
    _limit_field: str = field(default="max_tokens", init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.model:
            raise UsageError("the name of the judge's model is missing; give --judge-model")
        for setting in ("samples", "parallel", "max_tokens"):
            if getattr(self, setting) < 1:
                raise UsageError(f"{setting} of a judge must be >= 1 (got {getattr(self, setting)})")
        if self.samples > 1 and self.temperature <= 0:
            raise UsageError(f"{self.samples} samples of a judge need a temperature > 0; they would be the same")
        self.name = self.model
        self._endpoint = Endpoint(self.url, retries=self.retries)

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        """Return the model's verdict on each question."""
        return self.judge_prompts([self.forms.judge_question_prompt(question) for question in questions])

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        """Return the model's verdict on each answer."""
        _check_pairs(questions, answers)
        return self.judge_prompts(list(map(self.forms.judge_answer_prompt, questions, answers)))

    def judge_prompts(self, prompts: Sequence[str]) -> list[Verdict]:
        """Return one verdict for each prompt of a judge.

        Raise `UsageError` if the endpoint refuses the key or the requests, `SgramError` if it answers none of the
        first ones.
        """
        prompt_copies = [prompt for prompt in prompts for _ in range(self.samples)]
        with ThreadPoolExecutor(self.parallel) as threads:
            verdicts = list(threads.map(self._ask, prompt_copies))
        return _mean_verdicts(verdicts, self.samples)

    def _ask(self, prompt: str) -> Verdict:
        try:
            reply = self._request(prompt)
        except UnansweredError as error:
            with self._lock:
                self.n_unanswered += 1
                is_given_up = self.n_unanswered >= MAX_FAILURES and not self.n_replies
            if is_given_up:
                raise SgramError(f"{error}; run again when it answers") from error
            return Verdict(None, NO_REPLY)
        with self._lock:
            self.n_replies += 1
        return _sampled_verdict(self.forms.read_judgement(reply.content), reply.content)

    def _request(self, prompt: str) -> JudgeReply:
        limit_field = self._limit_field
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.temperature,
            limit_field: self.max_tokens,
        }
        try:
            return request_reply(self._endpoint, body, **({} if self.sleep is None else {"sleep": self.sleep}))
        except RefusedError as error:
            if limit_field == "max_tokens" and "max_completion_tokens" in error.server_text:
                self._limit_field = "max_completion_tokens"
                return self._request(prompt)
            if self.n_replies:
                raise UnansweredError(str(error)) from error
            raise UsageError(str(error)) from error


def _sampled_verdict(judgement: Judgement, text: str) -> Verdict:
    """Return the verdict of the score that was sampled."""
    if judgement.score is None:
        return Verdict(None, judgement.fault, text)
    return Verdict(share_of_score(judgement.score), text=text)


def _expected_verdict(score: float | None, text: str) -> Verdict:
    """Return the verdict of the mean score, from 1 to 10, by the probabilities of all scores."""
    return Verdict(None, NO_SCORE_TOKENS, text) if score is None else Verdict(share_of_score(score), text=text)


def _mean_verdicts(verdicts: Sequence[Verdict], samples: int) -> list[Verdict]:
    """Return the mean of each `samples` verdicts in a row; faults are left out, and the first text is kept."""
    means = []
    for start in range(0, len(verdicts), samples):
        sampled = verdicts[start : start + samples]
        scores = [verdict.score for verdict in sampled if verdict.score is not None]
        if scores:
            means.append(Verdict(sum(scores) / len(scores), text=sampled[0].text))
        else:
            means.append(Verdict(None, sampled[0].fault, sampled[0].text))
    return means


def _check_pairs(questions: Sequence[str], answers: Sequence[str]) -> None:
    if len(questions) != len(answers):
        raise UsageError(f"{len(questions)} questions and {len(answers)} answers; give one question an answer")
