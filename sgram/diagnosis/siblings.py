"""Where a wrong response leaves its correct siblings, which are other responses to the same problem.

Operations with their results are compared, and the plans that are announced. Words are not compared, because two
correct responses share few of them.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sgram.diagnosis.operations import Operation, Work, extract_work, format_fraction, operations_behind
from sgram.files import excerpt
from sgram.scan import find_words
from sgram.tagging.spans import Span, remove_overlaps
from sgram.traces import Trace

MAX_SIBLINGS = 8
"""Most correct siblings that a wrong response is compared with: more take time and add little."""
MIN_NAME_WORDS = 3
"""Fewest words of a gram that can name a plan."""
ANNOUNCING_MOVES = ("goal-setting", "branching")
"""Moves that announce a plan."""
_OPERATOR_VERBS = {
    "+": ("add", "adds"),
    "-": ("subtract", "subtracts"),
    "*": ("multiply", "multiplies"),
    "/": ("divide", "divides"),
    "^": ("raise to a power", "raises to a power"),
}
"""The verb of each operator, for several siblings and for one."""
_MIN_SHARED_RESULTS = 2
"""Fewest results behind an answer for two responses to have done the same work."""
_MAX_NAMED = 3
"""Most answers that a sentence names."""

DivergenceKind = Literal["result", "number", "operation", "answer"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first position at which a wrong response does what no correct sibling does."""

    start_wrong: int
    start_correct: int | None
    """The corresponding position in the nearest sibling; None if it has none."""
    step: int | None
    """Step of the wrong response, from 0."""
    kind: DivergenceKind
    """result: the same operation with another result than the one on which the siblings that do it agree; number: the
    answer computed as a sibling does, but from one other number; operation: another operation; answer: another answer
    after the same work."""
    evidence: str


def text_divergence(wrong: str, correct: str) -> Divergence | None:
    """Return where the text `wrong` leaves the text `correct`; None if they have nothing to compare.

    >>> text_divergence("6 + 9 = 14. The answer is 14.", "6 + 9 = 15. The answer is 15.").evidence
    '6+9 is 14 here and 15 in the correct sibling'
    """
    works = [extract_work(Trace(id=name, text=text)) for name, text in (("wrong", wrong), ("correct", correct))]
    return find_divergence(works[0], works[1:])


def find_divergence(wrong: Work, correct_works: Sequence[Work]) -> Divergence | None:
    """Return where `wrong` leaves all of `correct_works`; None if a side has no operation, or nothing differs.

    It is the first operation behind the answer of `wrong` that no sibling has. A sibling has an operation if it does
    it or has its result. If no operation is behind the answer, all operations count. An operation has another result
    than in the siblings if all siblings that do it have one and the same result, and its equation is not right: if two
    results of one key are both right, the key has lost a unit or one of them is rounded.
    """
    correct_works = [work for work in correct_works if work.operations]
    if not correct_works or not wrong.operations:
        return None
    results = claimed_results(correct_works)  # key -> for each sibling that does the operation, its results
    all_results = {operation.result for work in correct_works for operation in work.operations}
    nearest = correct_works[nearest_sibling(wrong, correct_works)]
    counterpart = nearest.operations[0]
    for operation in wrong.behind_answer() or wrong.operations:
        if _has_other_result(operation, results.get(operation.key, ())):
            (result,) = results[operation.key][0]
            same_operation = _operation_in(nearest, operation.key, result)
            n_alike = len(results[operation.key])
            evidence = (
                f"{operation.key} is {format_fraction(operation.result)} here and {format_fraction(result)} in "
                f"{_siblings_text(correct_works, n_alike)}"
            )
            return _divergence_at(wrong, operation, same_operation, "result", evidence)
        if operation.key not in results and operation.result not in all_results:
            pair = _pair_with_one_other_number(wrong, correct_works)
            if pair is not None:
                ours, theirs = pair
                n_alike = sum(_operation_in(work, theirs.key, theirs.result) is not None for work in correct_works)
                siblings = _siblings_text(correct_works, n_alike)
                evidence = f"the answer is {ours.text} here and {theirs.text} in {siblings}"
                return _divergence_at(wrong, operation, theirs, "number", evidence)
            evidence = _other_operation_evidence(operation, nearest, correct_works)
            return _divergence_at(wrong, operation, counterpart, "operation", evidence)
        counterpart = next((peer for peer in nearest.operations if peer.result == operation.result), counterpart)
    return _other_answer(wrong, nearest, correct_works)


def _pair_with_one_other_number(wrong: Work, correct_works: Sequence[Work]) -> tuple[Operation, Operation] | None:
    """Return the last operations of `wrong` and of a sibling if they differ in exactly one number; else None."""
    wrong_last = wrong.behind_answer()[-1:]
    for work in correct_works:
        correct_last = work.behind_answer()[-1:]
        if wrong_last and correct_last and _operation_form(wrong_last[0].key) == _operation_form(correct_last[0].key):
            pairs = list(zip(wrong_last[0].numbers, correct_last[0].numbers, strict=False))
            if len(pairs) > 1 and sum(ours != theirs for ours, theirs in pairs) == 1:
                return wrong_last[0], correct_last[0]
    return None


def _operation_form(key: str) -> str:
    """Return an operation with "n" for each number."""
    return re.sub(r"[0-9.]+", "n", key)


def claimed_results(works: Sequence[Work]) -> Mapping[str, list[set[Fraction]]]:
    """Return the results of each operation, by its key: one set for each of the `works` that does it.

    Wrong equations do not count.
    """
    results: dict[str, list[set[Fraction]]] = {}
    for work in works:
        own_results: dict[str, set[Fraction]] = {}
        for operation in work.operations:
            if operation.verdict != "wrong":
                own_results.setdefault(operation.key, set()).add(operation.result)
        for key, numbers in own_results.items():
            results.setdefault(key, []).append(numbers)
    return results


def _has_other_result(operation: Operation, results: Sequence[set[Fraction]]) -> bool:
    """Return whether `operation` has another result than all siblings that do it; `results` has a set for each."""
    agreed = set().union(*results)
    return len(agreed) == 1 and operation.result not in agreed and operation.verdict != "right"


def _operation_in(work: Work, key: str, result: Fraction) -> Operation | None:
    """Return the first operation of `work` with that key and result; None if it has none."""
    operations = (operation for operation in work.operations if operation.key == key and operation.result == result)
    return next(operations, None)


def nearest_sibling(wrong: Work, correct_works: Sequence[Work]) -> int:
    """Return the index of the sibling that shares most operations with `wrong` (Jaccard), the first of equals."""
    wrong_operations = {(operation.key, operation.result) for operation in wrong.operations}
    similarities = []
    for work in correct_works:
        operations = {(operation.key, operation.result) for operation in work.operations}
        similarities.append(len(wrong_operations & operations) / max(1, len(wrong_operations | operations)))
    return max(range(len(correct_works)), key=lambda index: (similarities[index], -index))


def _divergence_at(
    wrong: Work, operation: Operation, counterpart: Operation | None, kind: DivergenceKind, evidence: str
) -> Divergence:
    start_correct = None if counterpart is None else counterpart.start
    return Divergence(operation.start, start_correct, wrong.step_of(operation.start), kind, evidence)


def _other_operation_evidence(operation: Operation, nearest: Work, correct_works: Sequence[Work]) -> str:
    """Return the sentence that `operation` is in no sibling.

    It names the first operators if all siblings begin with the same other operator, else the first operation of the
    nearest sibling.
    """
    behind = [operations_behind(work.operations, work.answer) or work.operations for work in correct_works]
    first_operators = {_first_operator(operations[0].key) for operations in behind}
    if len(first_operators) == 1 and _first_operator(operation.key) not in first_operators:
        plural_verb, singular_verb = _OPERATOR_VERBS[next(iter(first_operators))]
        n_siblings = len(correct_works)
        siblings = (
            f"the correct sibling {singular_verb}"
            if n_siblings == 1
            else f"all {n_siblings} correct siblings {plural_verb}"
        )
        return f"{siblings} first; this response computes {excerpt(operation.text, 80)}"
    nearest_first = (operations_behind(nearest.operations, nearest.answer) or nearest.operations)[0]
    return (
        f"{excerpt(operation.text, 80)} is computed in none of {_siblings_text(correct_works)}; the nearest has "
        f"{excerpt(nearest_first.text, 80)}"
    )


def _first_operator(key: str) -> str:
    return next((sign for sign in key[1:] if sign in _OPERATOR_VERBS), "+")


def _siblings_text(correct_works: Sequence[Work], n_alike: int | None = None) -> str:
    """Return the words for `n_alike` of the siblings, by default all."""
    n_siblings = len(correct_works)
    if n_siblings == 1:
        return "the correct sibling"
    of_all = "" if n_alike in (None, n_siblings) else f"{n_alike} of "
    return f"{of_all}{n_siblings} correct siblings"


def _other_answer(wrong: Work, nearest: Work, correct_works: Sequence[Work]) -> Divergence | None:
    """Return the divergence of a response that does all the work of the nearest sibling and answers otherwise."""
    wrong_results = {operation.result for operation in wrong.operations}
    if (
        not _does_work_of(nearest, wrong_results)
        or wrong.answer is None
        or wrong.answer in {work.answer for work in correct_works}
    ):
        return None
    last = wrong.operations[-1]
    alike = [work for work in correct_works if _does_work_of(work, wrong_results)]
    answers = sorted({format_fraction(work.answer) for work in alike if work.answer is not None})
    evidence = (
        f"it does all that {_siblings_text(correct_works, len(alike))} did, who answer "
        f"{' or '.join(answers[:_MAX_NAMED]) or 'otherwise'}; this response answers {format_fraction(wrong.answer)}"
    )
    return Divergence(last.end, nearest.operations[-1].end, wrong.step_of(last.end - 1), "answer", evidence)


def _does_work_of(sibling: Work, results: Set[Fraction]) -> bool:
    """Return whether all results behind the answer of a sibling, at least two, are among `results`."""
    needed_results = {operation.result for operation in operations_behind(sibling.operations, sibling.answer)}
    return len(needed_results) >= _MIN_SHARED_RESULTS and needed_results <= results


# -- plans ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnnouncedPlan:
    """A plan that a response announces by a name, at `[start, end)`."""

    start: int
    end: int
    name: str
    """A gram of the lexicon."""


_OPERATION_WORDS = re.compile(
    r"\b(?:add(?:ing)?|subtract(?:ing)?|multiply(?:ing)?|divid(?:e|ing)|doubl(?:e|ing)|tripl(?:e|ing)|halv(?:e|ing)|"
    r"squar(?:e|ing)|product|quotient|sum|difference|ratio|average|remainder|minus|plus|times)\b"
)


def names_computation(name: str) -> bool:
    """Return whether the name of a plan says at least two operations, so that it is a method rather than a phrase.

    >>> names_computation("double the first and add"), names_computation("follow these steps")
    (True, False)
    """
    return len(_OPERATION_WORDS.findall(name)) > 1


def find_plans(text: str, spans: Sequence[Span]) -> list[AnnouncedPlan]:
    """Return the plans that `text` announces by name, in order; `spans` are its planning spans.

    A name is a gram of at least `MIN_NAME_WORDS` words that directly follows the first goal-setting or branching phrase
    of its sentence and ends the sentence: "let's try to | double the first and add". Lexicons of a task's methods
    contain names; lexicons of general phrases have almost none.

    >>> from sgram.lexicon import Lexicon
    >>> from sgram.tagging.spans import find_spans
    >>> lexicon = Lexicon.from_grams(["let me", "count by weeks"], move="goal-setting")
    >>> text = "Let me count by weeks."
    >>> [plan.name for plan in find_plans(text, find_spans(text, lexicon))]
    ['count by weeks']
    """
    announcing = [span for span in remove_overlaps(spans) if span.label in ANNOUNCING_MOVES]
    if len(announcing) < 2:
        return []
    words = find_words(text)
    sentence_at = {word.start: word.sentence for word in words}
    sentence_end = {word.sentence: word.end for word in words}
    first_spans: dict[int, Span] = {}
    plans = []
    for span in announcing:
        sentence = sentence_at[span.start]
        first = first_spans.setdefault(sentence, span)
        has_words_between = any(first.end <= word.start < span.start for word in words if word.sentence == sentence)
        ends_sentence = span.end == sentence_end[sentence]
        if span is not first and not has_words_between and ends_sentence and span.n_words >= MIN_NAME_WORDS:
            plans.append(AnnouncedPlan(span.start, span.end, span.gram))
    return plans
