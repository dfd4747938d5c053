"""Where a wrong response leaves its correct siblings. Knows nothing about why, or what kind of error that is.

Siblings are other responses to the same problem. Compared are operations with their results, and the plans that are
announced; words are not, as two right responses share few of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sgram.diagnosis.operations import Operation, Work, resting, shown, work_of
from sgram.files import excerpt
from sgram.scan import find_words
from sgram.tagging.spans import Span, longest_first
from sgram.traces import Trace

MOST_SIBLINGS = 8
"""Correct siblings that a wrong response is compared with: more cost time and tell little."""
SHORTEST_NAME = 3
"""Words of a gram from which it can name a plan."""
ANNOUNCING = ("goal-setting", "branching")
"""Moves that announce a plan."""
_OPERATORS = {
    "+": ("add", "adds"),
    "-": ("subtract", "subtracts"),
    "*": ("multiply", "multiplies"),
    "/": ("divide", "divides"),
    "^": ("raise to a power", "raises to a power"),
}
"""What one does with several siblings, and with one."""

_FEW = 2
"""Results that an answer must rest on for two responses to have done the same."""

Kind = Literal["result", "number", "operation", "answer"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place at which a wrong response does what no correct sibling does."""

    start_wrong: int
    start_correct: int | None
    """Where the nearest sibling stands then; None where it has nothing to compare."""
    step: int | None
    """Of the wrong response, from 0."""
    kind: Kind
    """The same operation with another result; the answer made as a sibling makes it, but of one other number; another
    operation; or another answer after the same work."""
    evidence: str


def divergence(wrong: str, correct: str) -> Divergence | None:
    """Where the text `wrong` leaves the text `correct`; None where nothing can be compared."""
    works = [work_of(Trace(id=name, text=text)) for name, text in (("wrong", wrong), ("correct", correct))]
    return diverge(works[0], works[1:])


def diverge(wrong: Work, corrects: Sequence[Work]) -> Divergence | None:
    """Where `wrong` leaves all of `corrects`: its first operation, of those that its answer rests on, that none has.

    An operation is had by a sibling that does it, or that has its result. Where the answer rests on no operation, all
    count. None without an operation on either side.
    """
    corrects = [work for work in corrects if work.operations]
    if not corrects or not wrong.operations:
        return None
    results = results_of(corrects)
    values = {operation.value for work in corrects for operation in work.operations}
    near = corrects[nearest(wrong, corrects)]
    placed = near.operations[0]
    for operation in wrong.behind_answer() or wrong.operations:
        if operation.key in results and operation.value not in results[operation.key]:
            same = next((each for each in near.operations if each.key == operation.key), None)
            right = " or ".join(sorted(map(shown, results[operation.key]))[:3])
            told = f"{operation.key} is {shown(operation.value)} here and {right} in {_siblings(corrects)}"
            return _diverged(wrong, operation, same, "result", told)
        if operation.key not in results and operation.value not in values:
            last = _one_other_number(wrong, corrects)
            if last is not None:
                told = f"the answer is {last[0].said} here and {last[1].said} in {_siblings(corrects)}"
                return _diverged(wrong, operation, last[1], "number", told)
            return _diverged(wrong, operation, placed, "operation", _told_operation(operation, near, corrects))
        placed = next((each for each in near.operations if each.value == operation.value), placed)
    return _other_answer(wrong, near, corrects)


def _one_other_number(wrong: Work, corrects: Sequence[Work]) -> tuple[Operation, Operation] | None:
    """The operations that give the answers of `wrong` and of a sibling, if they are one but for one number."""
    mine = wrong.behind_answer()[-1:]
    for work in corrects:
        theirs = work.behind_answer()[-1:]
        if mine and theirs and _shape(mine[0].key) == _shape(theirs[0].key):
            pairs = list(zip(mine[0].numbers, theirs[0].numbers, strict=False))
            if len(pairs) > 1 and sum(one != other for one, other in pairs) == 1:
                return mine[0], theirs[0]
    return None


def _shape(key: str) -> str:
    """An operation with each number left out."""
    return re.sub(r"[0-9.]+", "n", key)


def results_of(works: Sequence[Work]) -> Mapping[str, set[Fraction]]:
    """Operation -> the results that `works` claim for it."""
    found: dict[str, set[Fraction]] = {}
    for work in works:
        for operation in work.operations:
            if operation.verdict != "wrong":
                found.setdefault(operation.key, set()).add(operation.value)
    return found


def nearest(wrong: Work, corrects: Sequence[Work]) -> int:
    """Place of the sibling that shares most of its operations with `wrong` (Jaccard), the first of equals."""
    mine = {(operation.key, operation.value) for operation in wrong.operations}
    shares = []
    for work in corrects:
        theirs = {(operation.key, operation.value) for operation in work.operations}
        shares.append(len(mine & theirs) / max(1, len(mine | theirs)))
    return max(range(len(corrects)), key=lambda place: (shares[place], -place))


def _diverged(wrong: Work, operation: Operation, other: Operation | None, kind: Kind, told: str) -> Divergence:
    place = None if other is None else other.start
    return Divergence(operation.start, place, wrong.step_of(operation.start), kind, told)


def _told_operation(operation: Operation, near: Work, corrects: Sequence[Work]) -> str:
    """That `operation` is none of theirs: told by their first operators where these differ, else by what they have."""
    behind = [resting(work.operations, work.answer) or work.operations for work in corrects]
    signs = {_operator(each[0].key) for each in behind}
    mine = _operator(operation.key)
    if len(signs) == 1 and mine not in signs:
        several, one = _OPERATORS[next(iter(signs))]
        they = f"the correct sibling {one}" if len(corrects) == 1 else f"all {len(corrects)} correct siblings {several}"
        return f"{they} first; this response computes {excerpt(operation.said, 80)}"
    instead = (resting(near.operations, near.answer) or near.operations)[0]
    mine, theirs = excerpt(operation.said, 80), excerpt(instead.said, 80)
    return f"{mine} is computed in none of {_siblings(corrects)}; the nearest has {theirs}"


def _operator(key: str) -> str:
    """The first operator of an operation."""
    return next((sign for sign in key[1:] if sign in _OPERATORS), "+")


def _siblings(corrects: Sequence[Work]) -> str:
    return "the correct sibling" if len(corrects) == 1 else f"{len(corrects)} correct siblings"


def _other_answer(wrong: Work, near: Work, corrects: Sequence[Work]) -> Divergence | None:
    done = {operation.value for operation in wrong.operations}
    needed = {operation.value for operation in resting(near.operations, near.answer)}
    if (
        len(needed) < _FEW
        or not needed <= done
        or wrong.answer is None
        or wrong.answer in {work.answer for work in corrects}
    ):
        return None
    last = wrong.operations[-1]
    answers = sorted({shown(work.answer) for work in corrects if work.answer is not None})
    told = f"it does all that {_siblings(corrects)} did, who answer {' or '.join(answers[:3]) or 'otherwise'}"
    told += f"; this response answers {shown(wrong.answer)}"
    return Divergence(last.end, near.operations[-1].end, wrong.step_of(last.end - 1), "answer", told)


# -- plans ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that a response announces by a name, at `[start, end)`."""

    start: int
    end: int
    name: str
    """A gram of the lexicon."""


def announced(text: str, spans: Sequence[Span]) -> list[Plan]:
    """The plans that are announced by name, in order.

    A name is a gram of at least `SHORTEST_NAME` words that is all of what stands, in its sentence, behind the first
    goal-setting or branching phrase: "let's try to | double the first and add". Lexicons of general phrases hold next
    to no names; lexicons of a task's methods do.
    """
    marks = [span for span in longest_first(spans) if span.label in ANNOUNCING]
    if len(marks) < 2:
        return []
    words = find_words(text)
    sentence_at = {word.start: word.sentence for word in words}
    last_end = {word.sentence: word.end for word in words}
    firsts: dict[int, Span] = {}
    plans = []
    for span in marks:
        sentence = sentence_at[span.start]
        first = firsts.setdefault(sentence, span)
        between = any(first.end <= word.start < span.start for word in words if word.sentence == sentence)
        ends = span.end == last_end[sentence]
        if span is not first and not between and ends and span.n_words >= SHORTEST_NAME:
            plans.append(Plan(span.start, span.end, span.gram))
    return plans
