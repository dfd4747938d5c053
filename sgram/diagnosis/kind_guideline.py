"""The kinds of errors as people and judges are asked for them: meanings, keys, guideline."""

from collections.abc import Mapping
from types import MappingProxyType

from sgram.annotation.tasks import AnnotationTask
from sgram.diagnosis.kinds import KINDS

KIND_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "strategic": "follows a wrong plan at that place: an unfit method, a wrong picture of the situation, a "
        "condition misread or left out, cases split wrongly, a guess or an unfounded assumption instead of an "
        "argument, a quantity that was not asked for",
        "procedural": "follows a right plan at that place and fails in carrying it out: arithmetic, algebra, a sign, "
        "a number copied wrongly, substitution, rounding, counting in a list of its own, a formula recalled wrongly "
        "for the right concept",
        "unfinished": "was cut off, or stops before it answers",
        "degenerate": "runs in a loop, or turns into text that has nothing to do with the problem",
        "format": "has the right answer in a form, unit or place that was not accepted",
        "not-wrong": "gives an answer that equals the reference; or the reference is wrong, or the problem has no "
        "defined answer",
        "undecided": "cannot be decided with reasonable effort",
    }
)
"""What a response of each kind does, at the first error that is never repaired."""
ERRORS = AnnotationTask(
    question="Why is this response wrong?",
    meanings=KIND_MEANINGS,
    keys=MappingProxyType({str(kind): str(number % len(KINDS)) for number, kind in enumerate(KINDS, 1)}),
    guideline_file="error_guideline.md",
    item_name="response",
    introduction="problems, each with its reference answer and a response that was judged wrong",
    other_labels=MappingProxyType({"unclear": "undecided"}),
)
"""Why a response is wrong."""
_FOR_ANNOTATORS = "\n## How to work\n"
"""Heading of what is of no use to a judge."""


def judge_guideline() -> str:
    """Return the guideline that a judge reads: that of annotators without how to work.

    >>> "procedural" in judge_guideline(), "Work alone" in judge_guideline()
    (True, False)
    """
    return ERRORS.guideline.partition(_FOR_ANNOTATORS)[0].strip()
