"""Grading: whether the answer of a response is correct.

- `grader`: `grade`, `grade_many` and `Grader` give a `Grade` for a response and its reference.
- `final_statement`: where a response states its answer; `answers`, `unmarked_answers`: marks, and numbers at its end.
- `judging`: what a reference is, and how a statement is read beside it; `letters`: multiple-choice questions.
- `comparing`: when two answers are equal; `notation`, `numbers`, `units`, `sequences`, `texts`: how they are read.
- `formulas`: comparison of formulas with math-verify; runs in worker processes only.
- `pool`, `worker`: worker processes with limits on time and memory.
- `outcome`: problems, outcomes of responses and grades of answers as types.
- `fill_correct`: fills `Trace.correct` from the reference answers.

Terms: a grader's verdict is a `Grade`, a task's a `TaskOutcome`. What went wrong in a wrong response is the
subject of `sgram.diagnosis`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgram.grading.grader import Grade, Grader, grade, grade_many

__all__ = ["Grade", "Grader", "grade", "grade_many"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sgram.grading' has no attribute {name!r}")
    return getattr(import_module("sgram.grading.grader"), name)


def __dir__() -> list[str]:
    return __all__
