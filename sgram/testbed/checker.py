"""What a response announces, computes, checks and answers, and where it plans. Knows nothing about models.

Any text is read, in time linear in its length: patterns have no nested repetition, and numbers of more than
`MAX_DIGITS` digits are not computed with. Known gaps: an answer that is right by luck is right; a method
announced twice is no error; only the last answer counts, and words behind its number are not read; a method
named without one of the announcing phrases before it is not announced; what is said in other words than the
solver's is not understood.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sgram.tagging.spans import Span
from sgram.testbed.arithmetic import Equation, equations
from sgram.testbed.methods import BY_KEY, METHODS, Method
from sgram.testbed.problems import TestbedConfig
from sgram.testbed.wording import ANNOUNCE, ANSWER, MOVES_OF, PHRASES, SOURCES, WORDS_OF

MAX_DIGITS = 12
METHOD_MOVE = "goal-setting"
_GAP = r"[ ,:]{1,3}"


def _words(phrase: str) -> str:
    """Pattern of a phrase in any case; between its words may stand what is there or just a space."""
    return _GAP.join(re.escape(word.rstrip(",:")) for word in phrase.split())


def _any_of(phrases: list[str]) -> str:
    return "|".join(map(_words, phrases))  # none begins another


_KIND_OF = {phrase.replace(",", "").lower(): kind for kind, said in PHRASES.items() for phrase in said}
_METHOD_OF = {method.name: method for method in METHODS}
_EDGE = r"\w'\\</\x80-\U0010ffff-"  # a phrase that touches one of these is part of something else
_PHRASE = re.compile(
    rf"(?<![{_EDGE}])(?P<phrase>{_any_of([each for said in PHRASES.values() for each in said])})(?![{_EDGE}])"
    rf"(?:{_GAP}(?P<name>{_any_of([method.name for method in METHODS])})(?![{_EDGE}]))?",
    re.IGNORECASE | re.ASCII,
)
_OPERATOR_OF = {word: operator for operator, word in WORDS_OF.items()}
_NUMBER = f"[0-9]{{1,{MAX_DIGITS}}}"
_EQUATION = re.compile(
    rf"(?<![0-9])(?P<left>{_NUMBER}) (?P<operator>[-+*]|plus|minus|times) (?P<right>{_NUMBER}) "
    rf"(?:=|is) (?P<result>{_NUMBER})(?![0-9])",
    re.ASCII,
)
_ANSWER = re.compile(rf"\b{ANSWER} (-?[0-9]+(?:[.,][0-9]+)*)", re.IGNORECASE | re.ASCII)
CLUES = [story.clue for method in METHODS for story in method.stories]
_CLUE = re.compile(rf"(?:{_any_of(list(SOURCES))}) (?P<clue>{_any_of(CLUES)})(?![{_EDGE}])", re.IGNORECASE | re.ASCII)


def _normal(text: str) -> str:
    return " ".join(re.sub("[,:]", " ", text).lower().split())


@dataclass(frozen=True, slots=True)
class Reading:
    """What a response says."""

    announced: tuple[Method, ...]
    """Methods in the order in which they are announced."""
    answer: str | None
    """The last answer as a number in its shortest form, None without any."""
    n_equations: int
    n_slips: int
    """Equations that do not hold."""
    n_foreign: int
    """Equations that hold, but are no part of what was announced last before them."""
    n_checks: int
    """Checks with a verdict."""
    n_false_verdicts: int
    """Verdicts that say the wrong of the method announced last, or rest on a clue that the problem does not hold."""


def planning_spans(response: str) -> list[Span]:
    """Planning phrases, and names of methods right behind one that announces, in order; none overlap."""
    spans = []
    for found in _PHRASE.finditer(response):
        phrase = _normal(found["phrase"])
        kind = _KIND_OF[phrase]
        spans.append(Span(found.start("phrase"), found.end("phrase"), MOVES_OF[kind], None, phrase))
        if found["name"] is not None and kind in ANNOUNCE:
            spans.append(Span(found.start("name"), found.end("name"), METHOD_MOVE, None, _normal(found["name"])))
    return spans


def announced(response: str) -> list[tuple[int, Method]]:
    """(where its name ends, method) of each announcement, in order."""
    found = ((each, _KIND_OF[_normal(each["phrase"])]) for each in _PHRASE.finditer(response))
    return [
        (each.end(), _METHOD_OF[_normal(each["name"])]) for each, kind in found if each["name"] and kind in ANNOUNCE
    ]


def answer(response: str) -> str | None:
    """The last answer, leading zeros left out; a number too long to be meant is cut."""
    found = None
    for found in _ANSWER.finditer(response):  # noqa: B007  the last one
        pass
    if found is None:
        return None
    number = found[1]
    if len(number) > MAX_DIGITS:
        return number[:MAX_DIGITS] + "..."
    return str(int(number)) if re.fullmatch("-?[0-9]+", number) else number


def read_response(config: TestbedConfig, method: Method, a: int, b: int, clue: str, response: str) -> Reading:
    """All that `response` says, held against the problem that asks for `method` of `a` and `b` by `clue`."""
    methods = announced(response)
    equations_found = list(_equations(response))
    slips = foreign = checks = false = 0
    for at, equation in equations_found:
        if not equation.holds:
            slips += 1
        else:
            now = _last_before(methods, at)
            foreign += now is None or equation.operation not in _expected(now.key, a, b, config.execution)
    for at, said, fits in _verdicts(response):
        checks += 1
        now = _last_before(methods, at)
        false += said not in (None, clue) or fits != (now is method)
    return Reading(
        tuple(each for _, each in methods), answer(response), len(equations_found), slips, foreign, checks, false
    )


def _last_before(methods: list[tuple[int, Method]], at: int) -> Method | None:
    place = bisect_right(methods, at, key=lambda each: each[0])
    return methods[place - 1][1] if place else None


def _equations(response: str) -> Iterator[tuple[int, Equation]]:
    for found in _EQUATION.finditer(response):
        operator = _OPERATOR_OF.get(found["operator"], found["operator"])
        yield found.start(), Equation(int(found["left"]), operator, int(found["right"]), int(found["result"]))


@lru_cache(1024)
def _expected(key: str, a: int, b: int, depth: int) -> frozenset[tuple[int, str, int]]:
    return frozenset(
        each.operation
        for operator, left, right, _ in BY_KEY[key].operations(a, b)
        for each in equations(left, operator, right, depth)
    )


def _verdicts(response: str) -> Iterator[tuple[int, str | None, bool]]:
    """(where, clue said since the check, whether it fits) of each match or rejection."""
    clues = [(each.start(), each["clue"].lower()) for each in _CLUE.finditer(response)]
    place, said = 0, None
    for found in _PHRASE.finditer(response):
        kind = _KIND_OF[_normal(found["phrase"])]
        while place < len(clues) and clues[place][0] < found.start():
            said = clues[place][1]
            place += 1
        if kind in ("match", "reject"):
            yield found.start(), said, kind == "match"
        if kind in (*ANNOUNCE, "match", "reject"):
            said = None
