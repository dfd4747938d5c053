"""Grading: whether the answer of a response is correct.

- `answers`: the answer that a response marks (``\\boxed{}``, ``<answer>``, ``####``), read off the text.
- `unmarked_answers`: the number that a response without such a mark ends on.
- `checking`: `AnswerChecker` compares answers with references; its verdicts are `TaskOutcome`.
- `equality`: comparison of two mathematical answers with math-verify; runs in worker processes only.
- `pool`, `worker`: worker processes with limits on time and memory.
- `outcome`: problems, outcomes of responses and grades of answers as types.
- `fill_correct`: fills `Trace.correct` from the reference answers.

- `grader`: `grade`, `grade_many` and `Grader` give a `Grade` for a response and its reference.

Terms: an answer's verdict is an `AnswerGrade`, a response's a `TaskOutcome`. What went wrong in a wrong response is the
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
