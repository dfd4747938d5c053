"""A task of three roles for a policy of random weights: its forms read something in nearly every text."""

from collections.abc import Mapping, Sequence

import numpy as np

from sgram.grading.outcome import Problem, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.training.evolve import setup
from sgram.training.evolve.protocols import Judgement, QuestionTruth, Reading, Verdict, Written
from sgram.training.evolve.truths import question_text
from tests.builders import tiny_policy

MARKER = "Score"


class TinyForms:
    """Forms whose parsers look at letters."""

    score_marker = MARKER

    def proposer_prompt(self, rng: np.random.Generator, reference: str | None) -> str:
        return f"Ask {rng.integers(100)}. {reference or ''}"

    def solver_prompt(self, question: str) -> str:
        return question

    def judge_question_prompt(self, question: str) -> str:
        return f"{question} Judge."

    def judge_answer_prompt(self, question: str, answer: str) -> str:
        return f"{question} {answer} Judge."

    def read_proposal(self, text: str) -> Reading:
        """A text with fewer than 12 characters is no question."""
        words = " ".join(text.split())
        return Reading(words) if len(words) >= 12 else Reading(None, "too-short")

    def read_answer(self, text: str) -> Reading:
        """The answer is the first word; a text that holds the judge's marker has a fault."""
        if MARKER in text:
            return Reading(None, "judge-marker")
        words = text.split()
        return Reading(words[0]) if words else Reading(None, "no-answer")

    def read_judgement(self, text: str) -> Judgement:
        """The score is the number of letters e plus 1; a text without any has none."""
        n = text.count("e")
        return Judgement(text, min(10, n + 1)) if n else Judgement(text, None, "no-score")

    def normal_form(self, question: str) -> str:
        return " ".join(question.lower().split())


class TinyTask:
    """Questions are valid if they hold an a; answers are right if they hold an i."""

    name = "tiny"

    def __init__(self) -> None:
        self.forms = TinyForms()

    def start_questions(self) -> Sequence[str]:
        return tiny_policy.PROMPTS

    def fixed_problems(self) -> Sequence[Problem]:
        return [Problem(f"f{number}", f"Fixed {number} and a?") for number in range(6)]

    def held_out_problems(self) -> Sequence[Problem]:
        return [Problem(f"h{number}", f"Held out {number} and a?") for number in range(4)]

    def judge_responses(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        return [TaskOutcome(float("i" in text), "i" in text, text[:3]) for text in responses]

    def read_question(self, question: str) -> QuestionTruth:
        if "a" not in question:
            return QuestionTruth(None, None, "no-a")
        return QuestionTruth(Problem(question_text(Problem("", question)), question), f"kind-{len(question) % 3}")

    def levels(self) -> Mapping[str, str]:
        return {"kind-0": "easy", "kind-1": "middle", "kind-2": "hard"}

    def lexicon(self) -> Lexicon:
        return tiny_policy.lexicon()


class ScriptedWriter:
    """A writer whose texts are given: those of the proposer, of the judge, and the answers, each list in turn."""

    tokenizer = None

    def __init__(self, proposals: Sequence[str] = (), answers: Sequence[str] = (), judgements: Sequence[str] = ()):
        self._texts = {"proposer": list(proposals), "solver": list(answers), "judge": list(judgements)}
        self.calls: list[list[str]] = []
        """Prompts of each call."""

    @property
    def n_written(self) -> int:
        return sum(map(len, self.calls))

    def restart(self, step: int, purpose: int = 0) -> None:
        self.calls = []

    def prompt_ids(self, prompt: str) -> list[int]:
        return [len(prompt)]

    def write(self, prompts: Sequence[str]) -> list[Written]:
        self.calls.append(list(prompts))
        roles = [
            "judge" if prompt.endswith("Judge.") else "proposer" if prompt.startswith("Ask") else "solver"
            for prompt in prompts
        ]
        return [Written(self._texts[role].pop(0), (1, 2)) for role in roles]


class TableJudge:
    """A judge whose scores are given by text; a text that is not among them has none."""

    name = "table"

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        return [self._verdict(question) for question in questions]

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        return [self._verdict(answer) for answer in answers]

    def _verdict(self, text: str) -> Verdict:
        return Verdict(self._scores[text]) if text in self._scores else Verdict(None, "no-score")


SMALL = {
    "proposals": 4,
    "questions": 2,
    "answers": 4,
    "judge_rows": 4,
    "expected_score": False,
    "gate": "none",
    "max_tokens": 12,
    "learning_rate": 1e-2,
    "warmup_steps": 0,
    "eval_samples": 4,
    "eval_proposals": 4,
    "eval_every": 0,
    "min_mask_share": 0,
    "steps": 1,
}
"""Settings of a short run: 16 rows a step, of which 8 are the solver's."""


def patch_parts(monkeypatch) -> None:
    """Let runs have this task, and a policy of random weights."""
    monkeypatch.setattr(setup, "make_evolve_task", lambda config: TinyTask())
    monkeypatch.setattr(setup, "load_start_model", lambda *_: (tiny_policy.model(width=32), tiny_policy.tokenizer()))
    monkeypatch.setattr(setup, "start_failures", lambda *_: {"kind-0": 0.25, "kind-1": 0.5, "kind-2": 0.75})
