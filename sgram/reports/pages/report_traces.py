"""Traces and pairs of siblings as a page shows them: planning marked, equations judged, errors located.

Knows nothing about HTML, nor how spans, verdicts or diagnoses came.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.reports.pages.marked_text import Gap, Mark, MarkedStretch, choose_windows, split_by_marks
from sgram.reports.pages.table_cells import shorten
from sgram.reports.pages.trace_page import TextPiece, strip
from sgram.tagging.projection import split_by_spans

if TYPE_CHECKING:
    from sgram.analysis import SiblingPair, TraceExample

OUTCOMES = {True: "correct", False: "wrong", None: "not judged"}
_LONGEST_PROMPT = 1500
_LONGEST_REASON = 300
_MOST_NOTES = 40
_MOST_BARS = 250
_PLACE = 40
"""Characters that are marked where evidence names a place alone."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark under a trace, and whether a place in the text above points at it."""

    label: str
    text: str
    about: str = ""
    """The words of the trace that it is about."""
    anchored: bool = False


@dataclass(frozen=True, slots=True)
class ExampleView:
    """One trace: the line that stands for it, and what it says when opened."""

    id: str
    source: str
    outcome: str
    kind: str
    """Of its error; empty where there is none."""
    facts: tuple[str, ...]
    prompt: str
    runs: tuple[MarkedStretch | Gap, ...]
    bars: tuple[tuple[str, int, int], ...]
    diagnosis: str
    evidence: tuple[Note, ...]
    equations: tuple[Note, ...]
    """Equations that are wrong."""
    n_right: int
    n_wrong: int
    n_unchecked: int


@dataclass(frozen=True, slots=True)
class SiblingsView:
    """A wrong trace and a correct one of the same prompt."""

    prompt: str
    wrong: ExampleView
    correct: ExampleView
    parting: str
    """Where they part and how that is known."""


def build_example_view(example: "TraceExample", most: int, fork: int | None = None) -> ExampleView:
    """`example` with at most about `most` characters of its text; from `fork` on it leaves its sibling's path."""
    trace, diagnosis = example.trace, example.diagnosis
    text = trace.text
    wrong = [equation for equation in example.equations if equation.verdict == "wrong"]
    evidence = list(diagnosis.evidence) if diagnosis is not None else []
    # of siblings what they share at the beginning tells little
    beginning = 1 / 3 if fork is None else 1 / 8
    windows = choose_windows(text, list(_foci(diagnosis, evidence, wrong, fork)), most, beginning)
    marks = [*_moves(example.spans, windows), *_equations(example.equations, wrong), *_evidence(text, evidence)]
    if diagnosis is not None and diagnosis.start is not None:
        marks.append(Mark(diagnosis.start, _end(diagnosis), "step", "step", "the step with the error"))
    if fork is not None:
        marks.append(Mark(fork, len(text), "fork", "fork"))
    runs = split_by_marks(text, marks, windows)
    seen = {
        (mark.layer, mark.number) for run in runs if isinstance(run, MarkedStretch) for mark in run.ends if mark.number
    }
    return ExampleView(
        id=shorten(trace.id),
        source=shorten(example.source),
        outcome=OUTCOMES[trace.correct],
        kind=shorten(diagnosis.kind) if diagnosis is not None else "",
        facts=tuple(_facts(example)),
        prompt=shorten(trace.prompt or "", _LONGEST_PROMPT),
        runs=runs,
        bars=_bars(text, example.spans),
        diagnosis=_said(diagnosis),
        evidence=tuple(
            Note(_letter(place), shorten(each.sentence, _LONGEST_REASON), anchored=("evidence", place) in seen)
            for place, each in enumerate(evidence[:_MOST_NOTES], 1)
        ),
        equations=tuple(
            Note(
                str(place), shorten(each.reason, _LONGEST_REASON), shorten(each.text, 120), ("equation", place) in seen
            )
            for place, each in enumerate(wrong[:_MOST_NOTES], 1)
        ),
        n_wrong=len(wrong),
        n_right=sum(equation.verdict == "right" for equation in example.equations),
        n_unchecked=sum(equation.verdict == "unchecked" for equation in example.equations),
    )


def build_siblings_view(siblings: "SiblingPair", most: int) -> SiblingsView:
    """A pair with at most about `most` characters of either text."""
    parting = siblings.divergence
    starts = (None, None) if parting is None else (parting.start_wrong, parting.start_correct)
    return SiblingsView(
        shorten(siblings.prompt or "", _LONGEST_PROMPT),
        build_example_view(siblings.wrong, most, starts[0]),
        build_example_view(siblings.correct, most, starts[1]),
        "" if parting is None else _parting(parting),
    )


def _parting(parting: Any) -> str:
    evidence = parting.evidence
    told = [evidence] if isinstance(evidence, str) else [getattr(each, "what", each) for each in evidence or ()]
    return shorten("; ".join(str(each) for each in told), 2 * _LONGEST_REASON)


# -- marks ----------------------------------------------------------------------------------------------


def _moves(spans: Iterable[Any], windows: Sequence[tuple[int, int]]) -> Iterator[Mark]:
    for span in spans:
        if any(span.start < end and span.end > start for start, end in windows):
            yield Mark(span.start, span.end, "move", span.label, shorten(f"{span.label}: {span.gram}"))


def _equations(equations: Iterable[Any], wrong: Sequence[Any]) -> Iterator[Mark]:
    numbers = {id(each): place for place, each in enumerate(wrong[:_MOST_NOTES], 1)}
    for each in equations:
        if each.verdict in ("right", "wrong"):
            reason = shorten(each.reason, _LONGEST_REASON)
            yield Mark(each.start, each.end, "equation", each.verdict, reason, numbers.get(id(each), 0))


def _evidence(text: str, evidence: Sequence[Any]) -> Iterator[Mark]:
    for place, each in enumerate(evidence[:_MOST_NOTES], 1):
        if each.start is not None:
            end = _end(each)
            if end - each.start < 2:  # a place, not a passage: as much of its line as can be seen
                line = text.find("\n", each.start)
                end = min(line if line > each.start else len(text), each.start + _PLACE)
            yield Mark(each.start, end, "evidence", _letter(place), shorten(each.sentence, _LONGEST_REASON), place)


def _end(each: Any) -> int:
    return each.end if each.end is not None else each.start + 1


def _foci(diagnosis: Any, evidence: Iterable[Any], wrong: Iterable[Any], fork: int | None) -> Iterator[tuple[int, int]]:
    if fork is not None:
        yield fork, fork + 1
    if diagnosis is not None and diagnosis.start is not None:
        yield diagnosis.start, _end(diagnosis)
    for each in (*evidence, *wrong):
        if each.start is not None:
            yield each.start, _end(each)


def _letter(place: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    letters = ""
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


# -- facts ----------------------------------------------------------------------------------------------


def _facts(example: "TraceExample") -> Iterator[str]:
    trace = example.trace
    if trace.step is not None:
        yield f"step {trace.step:,}"
    yield f"{len(trace.text.split()):,} words"
    yield f"{len(example.spans):,} SG" + "s" * (len(example.spans) != 1)
    if trace.answer is not None:
        yield f"answer {shorten(trace.answer, 60)}"
    if trace.reference is not None:
        yield f"reference {shorten(trace.reference, 60)}"


def _said(diagnosis: Any) -> str:
    if diagnosis is None:
        return ""
    said = (
        f"{shorten(diagnosis.kind)} error"
        if diagnosis.kind in ("strategic", "procedural", "other")
        else shorten(diagnosis.kind)
    )
    where = "" if diagnosis.step is None else f", first seen in step {diagnosis.step + 1}"
    return f"{said[:1].upper()}{said[1:]}{where} (confidence {diagnosis.confidence:.2f})"


def _bars(text: str, spans: Sequence[Any]) -> tuple[tuple[str, int, int], ...]:
    """A strip that stands for the whole text; of a text with very many spans it shows only some."""
    some = spans[:: 1 + len(spans) // _MOST_BARS]
    return tuple(
        strip([TextPiece(piece, None if span is None else span.label) for piece, span in split_by_spans(text, some)])
    )
