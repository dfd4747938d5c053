"""Example traces and pairs of siblings for a page, with planning, equations, evidence and the wrong step marked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.pages.marked_text import (
    Gap,
    Mark,
    MarkedStretch,
    Window,
    build_strip,
    choose_windows,
    split_by_marks,
)
from sgram.reports.pages.templates import shorten

if TYPE_CHECKING:
    from sgram.analysis import SiblingPair, TraceExample
    from sgram.diagnosis.degenerate import Evidence
    from sgram.diagnosis.kinds import Diagnosis
    from sgram.equations import Equation
    from sgram.tagging.spans import Span

OUTCOMES = {True: "correct", False: "wrong", None: "not judged"}
_LONGEST_PROMPT = 1500
LONGEST_REASON = 300
_LONGEST_EQUATION = 120
_LONGEST_ANSWER = 60
MAX_NOTES = 40
_LONGEST_WORD = 60
"""Characters that an end moves at most to the end of its word."""
_SPACES = " \t\r\n"
_POINT_LENGTH = 40
"""Maximum characters that are marked if evidence refers to a single position."""
_HEAD_SHARE, _SIBLING_HEAD_SHARE = 1 / 3, 1 / 8
"""Share of the visible characters at the beginning of a text; siblings begin alike, so theirs is smaller."""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote under a trace: evidence for a diagnosis, or the reason why an equation is wrong."""

    label: str
    text: str
    quote: str = ""
    """The words of the trace that it refers to."""
    has_anchor: bool = False
    """Whether the visible text contains a reference to it."""


@dataclass(frozen=True, slots=True)
class ExampleView:
    """A trace on the page: its summary line, and the contents that it expands to."""

    id: str
    source: str
    outcome: str
    kind: str
    """Kind of its error; "" if there is none."""
    facts: tuple[str, ...]
    prompt: str
    stretches: tuple[MarkedStretch | Gap, ...]
    n_before_fork: int | None
    """Number of stretches before the text leaves its sibling; None if it does not, or not visibly."""
    bars: tuple[tuple[str, int, int], ...]
    """Bars (class, x, width) of the strip that stands for the whole text."""
    diagnosis: str
    evidence: tuple[Note, ...]
    wrong_equations: tuple[Note, ...]
    n_right: int
    """Equations that are right; `n_wrong` and `n_unchecked` count the others."""
    n_wrong: int
    n_unchecked: int


@dataclass(frozen=True, slots=True)
class SiblingsView:
    """A wrong and a correct trace of the same prompt."""

    prompt: str
    wrong: ExampleView
    correct: ExampleView
    divergence: str
    """Where the wrong trace leaves the correct one; "" if that is unknown."""


def build_example_view(example: "TraceExample", max_characters: int, fork: int | None = None) -> ExampleView:
    """Return `example` with about `max_characters` of its text.

    `fork` is the position where the trace leaves its sibling; None for a trace without a sibling.
    """
    trace, diagnosis = example.trace, example.diagnosis
    text = trace.text
    wrong_equations = [equation for equation in example.equations if equation.verdict == "wrong"]
    evidence = list(diagnosis.evidence) if diagnosis is not None else []
    places = [] if diagnosis is None else [(diagnosis.start, diagnosis.end)]
    places += [(reason.start, reason.end) for reason in evidence]
    places += [(equation.start, equation.end) for equation in wrong_equations]
    foci = [_offsets(start, end) for start, end in [(fork, None), *places] if start is not None]
    windows = choose_windows(text, foci, max_characters, _HEAD_SHARE if fork is None else _SIBLING_HEAD_SHARE)
    marks = [
        *_move_marks(example.spans, windows),
        *equation_marks(example.equations, wrong_equations),
        *evidence_marks(text, evidence),
        *step_marks(diagnosis, text),
    ]
    if fork is not None:
        marks.append(Mark(fork, len(text), "fork", "fork"))
    stretches = split_by_marks(text, marks, windows)
    visible_ends = [mark for stretch in stretches if isinstance(stretch, MarkedStretch) for mark in stretch.ends]
    anchors = {(mark.layer, mark.number) for mark in visible_ends if mark.number}
    return ExampleView(
        id=shorten(trace.id),
        source=shorten(example.source),
        outcome=OUTCOMES[trace.correct],
        kind=shorten(diagnosis.kind) if diagnosis is not None else "",
        facts=tuple(list_facts(example)),
        prompt=shorten(trace.prompt or "", _LONGEST_PROMPT),
        stretches=stretches,
        n_before_fork=next((index for index, stretch in enumerate(stretches) if _begins_fork(stretch)), None),
        bars=tuple(build_strip(len(text), example.spans)),
        diagnosis=format_diagnosis(diagnosis),
        evidence=tuple(
            Note(_letter(number), shorten(reason.sentence, LONGEST_REASON), has_anchor=("evidence", number) in anchors)
            for number, reason in enumerate(evidence[:MAX_NOTES], 1)
        ),
        wrong_equations=tuple(
            Note(
                str(number),
                shorten(equation.reason, LONGEST_REASON),
                shorten(equation.text, _LONGEST_EQUATION),
                ("equation", number) in anchors,
            )
            for number, equation in enumerate(wrong_equations[:MAX_NOTES], 1)
        ),
        n_wrong=len(wrong_equations),
        n_right=sum(equation.verdict == "right" for equation in example.equations),
        n_unchecked=sum(equation.verdict == "unchecked" for equation in example.equations),
    )


def build_siblings_view(siblings: "SiblingPair", max_characters: int) -> SiblingsView:
    """Return a pair of siblings with about `max_characters` of each text."""
    divergence = siblings.divergence
    starts = (None, None) if divergence is None else (divergence.start_wrong, divergence.start_correct)
    return SiblingsView(
        shorten(siblings.prompt or "", _LONGEST_PROMPT),
        build_example_view(siblings.wrong, max_characters, starts[0]),
        build_example_view(siblings.correct, max_characters, starts[1]),
        "" if divergence is None else shorten(divergence.evidence, 2 * LONGEST_REASON),
    )


# -- marks ----------------------------------------------------------------------------------------------


def _move_marks(spans: Iterable["Span"], windows: Sequence[Window]) -> Iterator[Mark]:
    for span in spans:
        if any(span.start < end and span.end > start for start, end in windows):
            yield Mark(span.start, span.end, "move", span.label, shorten(f"{span.label}: {span.gram}"))


def equation_marks(equations: Iterable["Equation"], wrong_equations: Sequence["Equation"]) -> Iterator[Mark]:
    """Yield a mark for each equation that was checked; a wrong one has the number of its note."""
    numbers = {id(equation): number for number, equation in enumerate(wrong_equations[:MAX_NOTES], 1)}
    for equation in equations:
        if equation.verdict in ("right", "wrong"):
            reason, number = shorten(equation.reason, LONGEST_REASON), numbers.get(id(equation), 0)
            yield Mark(equation.start, equation.end, "equation", equation.verdict, reason, number)


def evidence_marks(text: str, evidence: Sequence["Evidence"]) -> Iterator[Mark]:
    """Yield a mark for each passage that a diagnosis rests on; it begins and ends with whole words.

    For a single position, the first words of its line are marked.

    >>> from sgram.diagnosis.degenerate import Evidence
    >>> text = "It is therefore 12."
    >>> [text[mark.start : mark.end] for mark in evidence_marks(text, [Evidence("wrong", 8, 17)])]
    ['therefore 12']
    """
    for number, reason in enumerate(evidence[:MAX_NOTES], 1):
        if reason.start is not None:
            start, end = _offsets(reason.start, reason.end)
            if end - start < 2:  # a position, not a passage: mark the first words of its line
                start = _word_start(text, start)
                line = text[start : start + _POINT_LENGTH + 1].partition("\n")[0]
                words = line if len(line) <= _POINT_LENGTH else line.rpartition(" ")[0] or line[:_POINT_LENGTH]
                end = start + max(1, len(words))
            start, end = _whole_words(text, start, end)
            yield Mark(start, end, "evidence", _letter(number), shorten(reason.sentence, LONGEST_REASON), number)


def step_marks(diagnosis: "Diagnosis | None", text: str) -> Iterator[Mark]:
    """Yield the mark of the step with the error, if it is known; it begins and ends with whole words."""
    if diagnosis is not None and diagnosis.start is not None:
        start, end = _whole_words(text, *_offsets(diagnosis.start, diagnosis.end))
        yield Mark(start, end, "step", "step", "the step with the error")


def _whole_words(text: str, start: int, end: int) -> Window:
    """Return the ends moved outwards so that no word is cut, and inwards over spaces."""
    start, last = _word_start(text, start), min(end, len(text))
    end = last
    while end < len(text) and _cuts_word(text, end):
        end += 1
        if end - last > _LONGEST_WORD:
            end = last
            break
    while start < end - 1 and text[start] in _SPACES:
        start += 1
    while end - 1 > start and text[end - 1] in _SPACES:
        end -= 1
    return start, end


def _word_start(text: str, position: int) -> int:
    """Return the start of the word that `position` lies in; far back, `position` itself."""
    start = position
    while start > 0 and _cuts_word(text, start):
        start -= 1
        if position - start > _LONGEST_WORD:
            return position
    return start


def _cuts_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and text[position - 1].isalnum() and text[position].isalnum()


def _offsets(start: int, end: int | None) -> Window:
    """Return half-open offsets; without an end, those of one character."""
    return start, start + 1 if end is None else end


def _begins_fork(stretch: MarkedStretch | Gap) -> bool:
    return isinstance(stretch, MarkedStretch) and any(mark.layer == "fork" for mark in stretch.begins)


def _letter(number: int) -> str:
    """Return the label of evidence: a, b, ... z, aa, ab, ..."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


# -- facts ----------------------------------------------------------------------------------------------


def list_facts(example: "TraceExample") -> Iterator[str]:
    """Yield facts for the summary line of a trace, a few words each."""
    trace = example.trace
    if trace.step is not None:
        yield f"step {trace.step:,}"
    yield f"{len(trace.text.split()):,} words"
    yield f"{len(example.spans):,} SG" + "s" * (len(example.spans) != 1)
    if trace.answer is not None:
        yield f"answer {shorten(trace.answer, _LONGEST_ANSWER)}"
    if trace.reference is not None:
        yield f"reference {shorten(trace.reference, _LONGEST_ANSWER)}"


def format_diagnosis(diagnosis: "Diagnosis | None") -> str:
    """Return a line such as "Procedural error, first seen in step 2 (confidence 0.83)"; steps count from 1 here."""
    if diagnosis is None:
        return ""
    has_error_name = diagnosis.kind in ("strategic", "procedural", "format")
    name = f"{shorten(diagnosis.kind)} error" if has_error_name else shorten(diagnosis.kind)
    step = "" if diagnosis.step is None else f", first seen in step {diagnosis.step + 1}"
    return f"{name[:1].upper()}{name[1:]}{step} (confidence {diagnosis.confidence:.2f})"
