"""What a task knows of the questions and answers of a run; None where it knows nothing."""

from collections.abc import Sequence

from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.evolve.protocols import EvolveTask, EvolveTaskWithTruth, QuestionTruth
from sgram.training.tasks.prompts import prompt_text


class Truths:
    """The truth of questions and answers, by their texts.

    A task with truth knows it of every question; any other task knows its fixed problems.
    """

    def __init__(self, task: EvolveTask) -> None:
        self._task = task
        self._normal_form = task.forms.normal_form
        self._problems: dict[str, Problem] = {}
        if not isinstance(task, EvolveTaskWithTruth):
            self._problems = {self._normal_form(question_text(problem)): problem for problem in task.fixed_problems()}
        self._held_out = {self._normal_form(question_text(problem)) for problem in task.held_out_problems()}

    def read_question(self, question: str) -> QuestionTruth | None:
        """Return the truth of a question; None if the task does not know it."""
        if isinstance(self._task, EvolveTaskWithTruth):
            return self._task.read_question(question)
        problem = self._problems.get(self._normal_form(question))
        return None if problem is None else QuestionTruth(problem)

    def is_held_out(self, question: str) -> bool:
        """Return whether accuracy is measured on this question, so that it may not be trained on."""
        return self._normal_form(question) in self._held_out

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[TaskOutcome | None]:
        """Return the true outcome of each answer; None if the question is not valid or not known."""
        outcomes: list[TaskOutcome | None] = [None] * len(questions)
        truths = [self.read_question(question) for question in questions]
        problems = {
            row: truth.problem for row, truth in enumerate(truths) if truth is not None and truth.problem is not None
        }
        known = self._task.judge_responses(list(problems.values()), [answers[row] for row in problems])
        for row, outcome in zip(problems, known, strict=True):
            outcomes[row] = outcome
        return outcomes


def question_text(problem: Problem) -> str:
    """Return the text of a problem as a question, without white space around it.

    >>> question_text(Problem("a", "How many? "))
    'How many?'
    """
    return prompt_text(problem.prompt).strip()
