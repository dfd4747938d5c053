"""A file of questions in natural language as a task of `sgram evolve`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.evolve.chat_forms import ChatForms
from sgram.training.evolve.line_forms import LineForms
from sgram.training.evolve.protocols import RoleForms
from sgram.training.tasks.answer_task import AnswerTask, AnswerTaskConfig
from sgram.training.tasks.problems import ProblemSet, ReadConfig, read_problems
from sgram.training.tasks.prompts import as_text


class QuestionTask:
    """Questions in a file, with references where the file has them; an `EvolveTask`.

    Training questions start the pool. Accuracy is measured on the held-out questions that have a reference. Whether a
    proposed question is valid, and whether an answer to it is right, is not known. Raise `InputError` or
    `QuarantineError` as `read_problems` does, `InputError` if no question is left to start from, `UsageError` if a
    question is a conversation of several messages.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        read_config: ReadConfig | None = None,
        forms: RoleForms | None = None,
        answer_config: AnswerTaskConfig | None = None,
    ) -> None:
        self.name = Path(path).name
        self.forms: RoleForms = forms or ChatForms()
        problem_set = read_problems(path, read_config or ReadConfig(requires_answer=False))
        train, held_out = (_as_questions(problems) for problems in (problem_set.train, problem_set.test))
        if not train:
            raise InputError(
                f"no questions to start from in {excerpt(os.fspath(path))}: all of them are held out; give a file with "
                "more questions, or another share for the test"
            )
        self.digest = problem_set.digest
        """SHA-256 of the questions and their split."""
        self._start_questions = tuple(str(problem.prompt) for problem in train)
        self._grader = AnswerTask(
            self.name, ProblemSet(_with_reference(train), _with_reference(held_out)), answer_config or _NO_INSTRUCTION
        )

    @classmethod
    def from_options(cls, path: str | os.PathLike[str], options: Mapping[str, Any]) -> "QuestionTask":
        """Return the task with the `options` of a command line: fields of `ReadConfig`, and ``marks``.

        ``marks="tags"`` is `ChatForms`, ``marks="lines"`` is `LineForms`, for small models. Raise `UsageError` for
        other options, and the errors of the task itself.
        """
        read_options = {"requires_answer": False, **options}
        marks = read_options.pop("marks", "tags")
        names = [field.name for field in fields(ReadConfig)]
        for name in read_options:
            if name not in names:
                raise UsageError(
                    f"a file of questions has no option {excerpt(name, 60)!r}; it has {', '.join(sorted(names))}, marks"
                )
        if marks not in _FORMS:
            raise UsageError(f"marks must be {' or '.join(_FORMS)} (got {excerpt(str(marks), 40)!r})")
        return cls(path, ReadConfig(**read_options), _FORMS[marks]())

    def start_questions(self) -> Sequence[str]:
        """Return the questions for training, in file order."""
        return self._start_questions

    def fixed_problems(self) -> Sequence[Problem]:
        """Return the questions for training that have a reference."""
        return self._grader.problems("train")

    def held_out_problems(self) -> Sequence[Problem]:
        """Return the held-out questions that have a reference; empty if none has."""
        return self._grader.problems("test")

    def judge_responses(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return the outcome of each response by the reference of its problem; unknown without a reference."""
        outcomes = [TaskOutcome(None, None)] * len(problems)
        rows = [row for row, problem in enumerate(problems) if problem.reference is not None]
        graded = self._grader.judge([problems[row] for row in rows], [responses[row] for row in rows])
        for row, outcome in zip(rows, graded, strict=True):
            outcomes[row] = outcome
        return outcomes

    def describe_unjudged(self) -> str:
        """Return a sentence on the responses that could not be judged, "" if there are none."""
        return self._grader.describe_unjudged()

    def close(self) -> None:
        """End the processes that compare answers."""
        self._grader.close()


_FORMS: Mapping[str, Callable[[], RoleForms]] = MappingProxyType({"tags": ChatForms, "lines": LineForms})
_NO_INSTRUCTION = AnswerTaskConfig(instruction="")
"""The solver's prompt says how to answer."""


def _as_questions(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return problems whose prompts are texts."""
    return tuple(
        Problem(problem.id, as_text(problem.prompt, problem.id, "questions are texts"), problem.reference, problem.meta)
        for problem in problems
    )


def _with_reference(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.reference is not None)
