"""Parser of responses: what a response announces, computes, checks and answers, and where it plans.

Any text is parsed, in time linear in its length: patterns have no nested repetition, and numbers of more than
`MAX_DIGITS` digits are not computed. Known gaps: an answer that is right by luck is right; a method announced twice is
not an error; only the last answer counts, and words after its number are ignored; a method named without an announcing
phrase before it is not announced; other words than the solver's are not recognized.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from sgram.tagging.spans import Span
from sgram.testbed.arithmetic import WrittenOperation, list_operations
from sgram.testbed.methods import BY_KEY, METHODS, SolutionMethod
from sgram.testbed.problems import TestbedConfig
from sgram.testbed.wording import (
    ANNOUNCING_KINDS,
    ANSWER,
    CLUE_LEADS,
    METHOD_MOVE,
    MOVE_OF_KIND,
    OPERATOR_WORDS,
    PHRASES,
)

MAX_DIGITS = 12
_GAP = r"[ ,:]{1,3}"


def _phrase_pattern(phrase: str) -> str:
    """Return the pattern of a phrase in any case; any gap may be between its words."""
    return _GAP.join(re.escape(word.rstrip(",:")) for word in phrase.split())


def _any_of(phrases: Iterable[str]) -> str:
    return "|".join(map(_phrase_pattern, phrases))  # no phrase begins another


_KIND_OF_PHRASE = {phrase.replace(",", "").lower(): kind for kind, phrases in PHRASES.items() for phrase in phrases}
_METHOD_OF_NAME = {method.name: method for method in METHODS}
_EDGE = r"\w'\\</\x80-\U0010ffff-"  # a phrase next to one of these is part of something else
_PHRASE = re.compile(
    rf"(?<![{_EDGE}])(?P<phrase>{_any_of(phrase for phrases in PHRASES.values() for phrase in phrases)})(?![{_EDGE}])"
    rf"(?:{_GAP}(?P<name>{_any_of(method.name for method in METHODS)})(?![{_EDGE}]))?",
    re.IGNORECASE | re.ASCII,
)
_OPERATOR_OF_WORD = {word: operator for operator, word in OPERATOR_WORDS.items()}
_NUMBER = f"[0-9]{{1,{MAX_DIGITS}}}"
_EQUATION = re.compile(
    rf"(?<![0-9])(?P<first>{_NUMBER}) (?P<operator>[-+*]|plus|minus|times) (?P<second>{_NUMBER}) "
    rf"(?:=|is) (?P<result>{_NUMBER})(?![0-9])",
    re.ASCII,
)
_ANSWER = re.compile(rf"\b{ANSWER} (-?[0-9]+(?:[.,][0-9]+)*)", re.IGNORECASE | re.ASCII)
CLUES = [story.clue for method in METHODS for story in method.stories]
_CLUE = re.compile(rf"(?:{_any_of(CLUE_LEADS)}) (?P<clue>{_any_of(CLUES)})(?![{_EDGE}])", re.IGNORECASE | re.ASCII)


def _normalize(text: str) -> str:
    return " ".join(re.sub("[,:]", " ", text).lower().split())


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """The content of a response, compared with its problem."""

    methods: tuple[SolutionMethod, ...]
    """Announced methods, in order."""
    answer: str | None
    """The last answer as a number in its shortest form; None without an answer."""
    n_equations: int
    n_wrong_equations: int
    """Equations whose result is wrong."""
    n_unrelated_equations: int
    """Equations whose result is right, but that are not part of the method announced last before them."""
    n_checks: int
    """Checks with a verdict."""
    n_false_verdicts: int
    """Verdicts that are wrong for the method announced last, or that state a clue which the problem does not have."""


def find_planning_spans(response: str) -> list[Span]:
    """Return the planning phrases, and the names of methods after an announcing one, in order; none overlap.

    >>> [(span.start, span.label) for span in find_planning_spans("Let's try to square the first and add.")]
    [(0, 'branching'), (13, 'goal-setting')]
    """
    spans = []
    for match, kind in _iter_phrases(response):
        phrase = _normalize(match["phrase"])
        spans.append(Span(match.start("phrase"), match.end("phrase"), MOVE_OF_KIND[kind], None, phrase))
        if match["name"] is not None and kind in ANNOUNCING_KINDS:
            spans.append(Span(match.start("name"), match.end("name"), METHOD_MOVE, None, _normalize(match["name"])))
    return spans


def _iter_phrases(response: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield (match, kind) of each planning phrase, in order."""
    for match in _PHRASE.finditer(response):
        yield match, _KIND_OF_PHRASE[_normalize(match["phrase"])]


def find_announcements(response: str) -> list[tuple[int, SolutionMethod]]:
    """Return (end of its name, method) of each announced method, in order.

    >>> [(end, method.key) for end, method in find_announcements("Let's try to square the first and add.")]
    [(37, 'square')]
    """
    return [
        (match.end(), _METHOD_OF_NAME[_normalize(match["name"])])
        for match, kind in _iter_phrases(response)
        if match["name"] and kind in ANNOUNCING_KINDS
    ]


def find_answer(response: str) -> str | None:
    """Return the last answer without leading zeros; a number of more than `MAX_DIGITS` digits is cut.

    >>> find_answer("The answer is 26. No, the answer is 043.")
    '43'
    """
    number = None
    for match in _ANSWER.finditer(response):
        number = match[1]
    if number is None:
        return None
    if len(number) > MAX_DIGITS:
        return number[:MAX_DIGITS] + "..."
    return str(int(number)) if re.fullmatch("-?[0-9]+", number) else number


def parse_response(
    config: TestbedConfig, method: SolutionMethod, a: int, b: int, clue: str, response: str
) -> ParsedResponse:
    """Parse `response` and compare it with the problem that asks for `method` of `a` and `b` by `clue`."""
    announcements = find_announcements(response)
    n_equations = n_wrong = n_unrelated = n_checks = n_false = 0
    for position, equation in _iter_equations(response):
        n_equations += 1
        if not equation.is_correct:
            n_wrong += 1
        else:
            current = _last_announced(announcements, position)
            n_unrelated += current is None or equation.operation not in _operations(current.key, a, b, config.execution)
    for position, stated_clue, says_match in _iter_verdicts(response):
        n_checks += 1
        is_match = _last_announced(announcements, position) is method
        n_false += stated_clue not in (None, clue) or says_match != is_match
    return ParsedResponse(
        methods=tuple(announced for _, announced in announcements),
        answer=find_answer(response),
        n_equations=n_equations,
        n_wrong_equations=n_wrong,
        n_unrelated_equations=n_unrelated,
        n_checks=n_checks,
        n_false_verdicts=n_false,
    )


def _last_announced(announcements: list[tuple[int, SolutionMethod]], position: int) -> SolutionMethod | None:
    """Return the method announced last up to `position`."""
    n_before = bisect_right(announcements, position, key=itemgetter(0))
    return announcements[n_before - 1][1] if n_before else None


def _iter_equations(response: str) -> Iterator[tuple[int, WrittenOperation]]:
    """Yield (position, equation) of each equation."""
    for match in _EQUATION.finditer(response):
        operator = _OPERATOR_OF_WORD.get(match["operator"], match["operator"])
        yield (
            match.start(),
            WrittenOperation(int(match["first"]), operator, int(match["second"]), int(match["result"])),
        )


@lru_cache(1024)
def _operations(key: str, a: int, b: int, depth: int) -> frozenset[tuple[int, str, int]]:
    """Return the operations of a method on `a` and `b`, written out to `depth`."""
    return frozenset(
        operation.operation
        for operator, first, second, _ in BY_KEY[key].operations(a, b)
        for operation in list_operations(first, operator, second, depth)
    )


def _iter_verdicts(response: str) -> Iterator[tuple[int, str | None, bool]]:
    """Yield (position, clue stated since the check, whether it says match) of each match or rejection."""
    clues = [(match.start(), match["clue"].lower()) for match in _CLUE.finditer(response)]
    n_clues = 0
    stated_clue: str | None = None
    for match, kind in _iter_phrases(response):
        while n_clues < len(clues) and clues[n_clues][0] < match.start():
            stated_clue = clues[n_clues][1]
            n_clues += 1
        if kind in ("match", "reject"):
            yield match.start(), stated_clue, kind == "match"
        if kind in (*ANNOUNCING_KINDS, "match", "reject"):
            stated_clue = None
