"""Reader of problem texts: the problem that a text states, or why it states none.

Patterns are made from the templates of the stories, so a new story is read without further code. Only the words of a
template are recognized, in any spacing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter

from sgram.grading.outcome import Problem
from sgram.testbed.methods import NOUNS, SolutionMethod
from sgram.testbed.problems import AnyConfig, make_problem, question_template

QUESTION_FAULTS = ("unreadable", "contradiction", "noun", "range", "ambiguous")
"""Why a text is no problem: no story of a method in play has these words; a number or a noun that must be the same
twice is not; unknown noun; number or answer out of range; another method in play gives the same answer."""
SMALLEST = 2
"""Smallest number of a problem."""
_FIELDS = {"a": "(0|[1-9][0-9]{0,11})", "b": "(0|[1-9][0-9]{0,11})", "noun": r"([^\W\d_]+)"}


@dataclass(frozen=True, slots=True)
class QuestionReading:
    """What a text says."""

    problem: Problem | None
    """None if the text has a fault."""
    kind: str | None
    """Method and story, such as "double/0"; None if the text is unreadable."""
    fault: str | None
    """One of `QUESTION_FAULTS`; None if the text is a problem."""


def read_question(config: AnyConfig, text: str) -> QuestionReading:
    """Return the problem that `text` states with the methods in play of `config`, or the fault of the text.

    A problem of the testbed's splits is read as itself; with another of the known nouns it has another id.

    >>> from sgram.testbed.problems import TestbedConfig
    >>> reading = read_question(TestbedConfig(), "In a square are 8 by 8 pens, and 3 others. How many pens?")
    >>> reading.problem.reference, reading.kind, reading.fault
    ('67', 'square/0', None)
    >>> read_question(TestbedConfig(), "In a square are 8 by 7 pens, and 3 others. How many pens?").fault
    'contradiction'
    """
    line = " ".join(text.split())
    for pattern, fields, method, story in _patterns(config.available_methods):
        if match := pattern.fullmatch(line):
            problem, fault = _make_read_problem(config, method, story, fields, match.groups())
            return QuestionReading(problem, f"{method.key}/{story}", fault)
    return QuestionReading(None, None, "unreadable")


def _make_read_problem(
    config: AnyConfig, method: SolutionMethod, story: int, fields: Sequence[str], texts: Sequence[str]
) -> tuple[Problem | None, str | None]:
    """Return (problem, None) or (None, fault) of the texts of the fields of a template, in order."""
    pairs = set(zip(fields, texts, strict=True))
    if len(pairs) > len(set(fields)):
        return None, "contradiction"
    text_of = dict(pairs)
    if text_of["noun"] not in NOUNS:
        return None, "noun"
    a, b = int(text_of["a"]), int(text_of["b"])
    if not all(SMALLEST <= number <= config.largest for number in (a, b)):
        return None, "range"
    if config.highest_answer is not None and not 1 <= method.answer(a, b) <= config.highest_answer:
        return None, "range"
    problem = make_problem(config, method, story, a, b, text_of["noun"])
    return problem, "ambiguous" if problem is None else None


@cache
def _patterns(
    methods: tuple[SolutionMethod, ...],
) -> tuple[tuple[re.Pattern[str], tuple[str, ...], SolutionMethod, int], ...]:
    """Return (pattern, name of the field of each of its groups, method, story) of every story."""
    patterns = []
    for method in methods:
        for index, story in enumerate(method.stories):
            parts = [(words, field) for words, field, _, _ in Formatter().parse(question_template(story))]
            pattern = "".join(re.escape(words) + (_FIELDS[field] if field else "") for words, field in parts)
            fields = tuple(field for _, field in parts if field)
            patterns.append((re.compile(pattern), fields, method, index))
    return tuple(patterns)
