"""Reader of problem texts: the problem that a text states, or why it states none.

Patterns are made from the templates of the stories, so a new story is read without further code. Only the words of a
template are recognized, in any spacing.
"""

import re
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


@dataclass(frozen=True, slots=True)
class StoryText:
    """A text with the words of a story, and what stands in its fields."""

    method: SolutionMethod
    story: int
    fields: tuple[tuple[str, str], ...]
    """(name of the field, its text) of each field in order; a field may occur more than once."""

    def texts(self, field: str) -> tuple[str, ...]:
        """Return what stands in each occurrence of a field.

        >>> from sgram.testbed.problems import TestbedConfig
        >>> match_story(TestbedConfig(), "In rows are 8 by 7 pens, and 3 others. How many pens?").texts("a")
        ('8', '7')
        """
        return tuple(text for name, text in self.fields if name == field)


def match_story(config: AnyConfig, text: str) -> StoryText | None:
    """Return the story of a method in play whose words `text` has; None if there is none."""
    line = " ".join(text.split())
    for pattern, names, method, story in _patterns(config.available_methods):
        if match := pattern.fullmatch(line):
            return StoryText(method, story, tuple(zip(names, match.groups(), strict=True)))
    return None


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
    story_text = match_story(config, text)
    if story_text is None:
        return QuestionReading(None, None, "unreadable")
    problem, fault = _make_read_problem(config, story_text)
    return QuestionReading(problem, f"{story_text.method.key}/{story_text.story}", fault)


def _make_read_problem(config: AnyConfig, story_text: StoryText) -> tuple[Problem | None, str | None]:
    """Return (problem, None) or (None, fault)."""
    text_of = dict(story_text.fields)
    if len(set(story_text.fields)) > len(text_of):
        return None, "contradiction"
    if text_of["noun"] not in NOUNS:
        return None, "noun"
    method, a, b = story_text.method, int(text_of["a"]), int(text_of["b"])
    if not all(SMALLEST <= number <= config.largest for number in (a, b)):
        return None, "range"
    if config.highest_answer is not None and not 1 <= method.answer(a, b) <= config.highest_answer:
        return None, "range"
    problem = make_problem(config, method, story_text.story, a, b, text_of["noun"])
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
