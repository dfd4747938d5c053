"""Parser of responses: what a response announces, computes, checks and answers, and where it plans.

Any text is parsed, in time linear in its length: patterns have no nested repetition, and numbers of more than
`MAX_DIGITS` digits are not computed. Known gaps: an answer that is right by luck is right; a method announced twice is
not an error; only the last answer counts, and words after its number are ignored; a method named without an announcing
phrase before it is not announced; other words than the solver's are not recognized.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter

from sgram.tagging.spans import Span
from sgram.testbed.arithmetic import WrittenOperation, list_operations
from sgram.testbed.methods import SolutionMethod
from sgram.testbed.problems import AnyConfig
from sgram.testbed.wording import ANNOUNCING_KINDS, ANSWER, CLUE_LEADS, METHOD_MOVE, MOVE_OF_KIND, OPERATOR_WORDS

MAX_DIGITS = 12
Announcement = tuple[int, SolutionMethod]
"""End of a method's name in a response, and the method."""
_GAP = r"[ ,:]{1,3}"


def _phrase_pattern(phrase: str) -> str:
    """Return the pattern of a phrase in any case; any gap may be between its words."""
    return _GAP.join(re.escape(word.rstrip(",:")) for word in phrase.split())


def _any_of(phrases: Iterable[str]) -> str:
    return "|".join(map(_phrase_pattern, phrases))  # no phrase begins another


_EDGE = r"\w'\\</\x80-\U0010ffff-"  # a phrase next to one of these is part of something else
_OPERATOR_OF_WORD = {word: operator for operator, word in OPERATOR_WORDS.items()}
_NUMBER = f"[0-9]{{1,{MAX_DIGITS}}}"
_EQUATION = re.compile(
    rf"(?<![0-9])(?P<first>{_NUMBER}) (?P<operator>[-+*]|plus|minus|times) (?P<second>{_NUMBER}) "
    rf"(?:=|is) (?P<result>{_NUMBER})(?![0-9])",
    re.ASCII,
)
_ANSWER = re.compile(rf"\b{ANSWER} (-?[0-9]+(?:[.,][0-9]+)*)", re.IGNORECASE | re.ASCII)


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


class ResponseParser:
    """A parser of the responses of a family of problems: one phrase announces one of its methods.

    >>> from sgram.testbed.problems import TestbedConfig
    >>> parser = make_parser(TestbedConfig())
    >>> [(span.start, span.label) for span in parser.find_planning_spans("Let's try to square the first and add.")]
    [(0, 'branching'), (13, 'goal-setting')]
    """

    def __init__(self, methods: Sequence[SolutionMethod], phrases: Mapping[str, Sequence[str]]) -> None:
        self._kind_of_phrase = {
            phrase.replace(",", "").lower(): kind for kind, texts in phrases.items() for phrase in texts
        }
        self._method_of_name = {method.name: method for method in methods}
        all_phrases = _any_of(phrase for texts in phrases.values() for phrase in texts)
        self._phrase = re.compile(
            rf"(?<![{_EDGE}])(?P<phrase>{all_phrases})(?![{_EDGE}])"
            rf"(?:{_GAP}(?P<name>{_any_of(method.name for method in methods)})(?![{_EDGE}]))?",
            re.IGNORECASE | re.ASCII,
        )
        clues = _any_of(story.clue for method in methods for story in method.stories)
        self._clue = re.compile(rf"(?:{_any_of(CLUE_LEADS)}) (?P<clue>{clues})(?![{_EDGE}])", re.IGNORECASE | re.ASCII)

    def find_planning_spans(self, response: str) -> list[Span]:
        """Return the planning phrases, and the names of methods after an announcing one, in order; none overlap."""
        spans = []
        for match, kind in self._iter_phrases(response):
            phrase = _normalize(match["phrase"])
            spans.append(Span(match.start("phrase"), match.end("phrase"), MOVE_OF_KIND[kind], None, phrase))
            if match["name"] is not None and kind in ANNOUNCING_KINDS:
                spans.append(Span(match.start("name"), match.end("name"), METHOD_MOVE, None, _normalize(match["name"])))
        return spans

    def find_announcements(self, response: str) -> list[Announcement]:
        """Return (end of its name, method) of each announced method, in order.

        >>> from sgram.testbed.problems import TestbedConfig
        >>> parser = make_parser(TestbedConfig())
        >>> [(end, method.key) for end, method in parser.find_announcements("Let's try to square the first and add.")]
        [(37, 'square')]
        """
        return [
            (match.end(), self._method_of_name[_normalize(match["name"])])
            for match, kind in self._iter_phrases(response)
            if match["name"] and kind in ANNOUNCING_KINDS
        ]

    def parse(
        self, method: SolutionMethod, a: int, b: int, clue: str, response: str, execution: int = 1
    ) -> ParsedResponse:
        """Parse `response` and compare it with the problem that asks for `method` of `a` and `b` by `clue`.

        `execution` is how far arithmetic is written out (`TestbedConfig.execution`).
        """
        announcements = self.find_announcements(response)
        n_equations = n_wrong = n_unrelated = n_checks = n_false = 0
        for position, equation in iter_equations(response):
            n_equations += 1
            if not equation.is_correct:
                n_wrong += 1
            else:
                current = _last_announced(announcements, position)
                n_unrelated += current is None or equation.operation not in list_all_operations(
                    current, a, b, execution
                )
        for position, stated_clue, says_match in self._iter_verdicts(response):
            n_checks += 1
            is_match = _last_announced(announcements, position) == method
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

    def claims_passed_check(self, response: str) -> bool:
        """Return whether a response says of an attempt that it fits, rightly or not.

        >>> from sgram.testbed.problems import TestbedConfig
        >>> parser = make_parser(TestbedConfig())
        >>> [parser.claims_passed_check(text) for text in ("To verify, it works.", "To verify, so that can't be it.")]
        [True, False]
        """
        return any(kind == "match" for _, kind in self._iter_phrases(response))

    def _iter_phrases(self, response: str) -> Iterator[tuple[re.Match[str], str]]:
        """Yield (match, kind) of each planning phrase, in order."""
        for match in self._phrase.finditer(response):
            yield match, self._kind_of_phrase[_normalize(match["phrase"])]

    def _iter_verdicts(self, response: str) -> Iterator[tuple[int, str | None, bool]]:
        """Yield (position, clue stated since the check, whether it says match) of each match or rejection."""
        clues = [(match.start(), match["clue"].lower()) for match in self._clue.finditer(response)]
        n_clues = 0
        stated_clue: str | None = None
        for match, kind in self._iter_phrases(response):
            while n_clues < len(clues) and clues[n_clues][0] < match.start():
                stated_clue = clues[n_clues][1]
                n_clues += 1
            if kind in ("match", "reject"):
                yield match.start(), stated_clue, kind == "match"
            if kind in (*ANNOUNCING_KINDS, "match", "reject"):
                stated_clue = None


@cache
def make_parser(config: AnyConfig) -> ResponseParser:
    """Return the parser of the family of problems that `config` belongs to."""
    return ResponseParser(config.all_methods, config.phrases)


def is_execution_right(
    announcement: Announcement, a: int, b: int, response: str, answer: str | None, execution: int
) -> bool:
    """Return whether `response` carries out the method announced last, right or wrong, on `a` and `b`.

    It does if its `answer` is that method's, and if every equation behind the announcement is correct and belongs to
    the method. `execution` is how far arithmetic is written out.
    """
    end, method = announcement
    if answer != str(method.answer(a, b)):
        return False
    operations = list_all_operations(method, a, b, execution)
    return all(
        equation.is_correct and equation.operation in operations
        for position, equation in iter_equations(response)
        if position >= end
    )


def _last_announced(announcements: list[Announcement], position: int) -> SolutionMethod | None:
    """Return the method announced last up to `position`."""
    n_before = bisect_right(announcements, position, key=itemgetter(0))
    return announcements[n_before - 1][1] if n_before else None


def iter_equations(response: str) -> Iterator[tuple[int, WrittenOperation]]:
    """Yield (position, equation) of each equation."""
    for match in _EQUATION.finditer(response):
        operator = _OPERATOR_OF_WORD.get(match["operator"], match["operator"])
        yield (
            match.start(),
            WrittenOperation(int(match["first"]), operator, int(match["second"]), int(match["result"])),
        )


@lru_cache(1024)
def list_all_operations(method: SolutionMethod, a: int, b: int, depth: int) -> frozenset[tuple[int, str, int]]:
    """Return the operations of a method on `a` and `b`, written out to `depth`."""
    return frozenset(
        operation.operation
        for operator, first, second, _ in method.operations(a, b)
        for operation in list_operations(first, operator, second, depth)
    )
