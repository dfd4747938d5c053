"""The text of one part of a trace: what ``--part`` leaves of it, and where that lies in the trace."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.traces.parts import PartChoice, find_parts, select_part
from sgram.traces.trace import RowError, Trace

STRETCH_BREAK = "\n\n"
"""Stands between two stretches of a part. A line end ends a sentence, so that no gram crosses it."""


@dataclass(frozen=True, slots=True)
class PartText:
    """The text of one part of a trace.

    >>> PartText.cut("Hmm.</think>4", [(12, 13)])
    PartText(text='4', intervals=((12, 13),))
    """

    text: str
    """The stretches of the part, `STRETCH_BREAK` between them; the trace's text if the part is all of it."""
    intervals: tuple[tuple[int, int], ...]
    """(start, end) of each stretch in the trace's text, in characters."""

    @classmethod
    def cut(cls, text: str, intervals: Iterable[tuple[int, int]]) -> "PartText":
        """Return the part of `text` in these intervals, which are in order and do not overlap."""
        intervals = tuple(intervals)
        return cls(STRETCH_BREAK.join(text[start:end] for start, end in intervals), intervals)


def check_choice(part: str) -> None:
    """Raise `UsageError` unless `part` names what ``--part`` can select."""
    if part not in get_args(PartChoice):
        raise UsageError(f"unknown part {part!r}; expected one of {', '.join(get_args(PartChoice))}")


def part_text(trace: Trace, part: PartChoice) -> PartText | None:
    """Return the part of a trace; None if the trace has no such part. A trace without ``meta["parts"]`` is searched.

    Raise `InputError` if ``meta["parts"]`` are not parts of the text.

    >>> part_text(Trace(id="a", text="Hmm.</think>4"), "answer")
    PartText(text='4', intervals=((12, 13),))
    >>> part_text(Trace(id="a", text="4"), "answer")
    """
    if part == "all":
        return PartText(trace.text, ((0, len(trace.text)),))
    parts = trace.meta.get("parts")
    try:
        intervals = select_part(trace.text, find_parts(trace.text) if parts is None else parts, part)
    except RowError as error:
        raise InputError(
            f"trace '{excerpt(trace.id)}': {error}; correct meta.parts (docs/formats.md), or leave out --part"
        ) from None
    return PartText.cut(trace.text, intervals) if intervals else None


def describe_part(part: str, n_traces: int, n_left_out: int) -> str:
    """Return which part was read, and how many of so many traces were left out because they do not mark it.

    >>> describe_part("answer", 2000, 0)
    'part answer: all 2,000 traces mark it'
    """
    if not n_left_out:
        return f"part {part}: all {n_traces:,} traces mark it"
    return f"part {part}: {n_left_out:,} of {n_traces:,} traces have no marked {part} and are left out"


class PartSelection:
    """Selects one part of traces, and counts the traces without it, which are left out.

    Raise `UsageError` if `part` is unknown.

    >>> selection = PartSelection("reasoning")
    >>> traces = [Trace(id="a", text="Hmm.</think>4"), Trace(id="b", text="4")]
    >>> [part.text for _, part in selection(traces)]
    ['Hmm.</think>']
    >>> selection.describe()
    'part reasoning: 1 of 2 traces have no marked reasoning and are left out'
    """

    def __init__(self, part: PartChoice = "all") -> None:
        check_choice(part)
        self.part: PartChoice = part
        self.n_traces = 0
        """Traces so far, those without the part among them."""
        self.n_left_out = 0

    def select(self, trace: Trace) -> PartText | None:
        """Return the part of a trace and count it; None if the trace has no such part."""
        selected = part_text(trace, self.part)
        self.n_traces += 1
        self.n_left_out += selected is None
        return selected

    def __call__(self, traces: Iterable[Trace]) -> Iterator[tuple[Trace, PartText]]:
        """Yield the traces that have the part, each with it. Raise `InputError` at the end if none has it."""
        for trace in traces:
            selected = self.select(trace)
            if selected is not None:
                yield trace, selected
        self.check()

    def check(self) -> None:
        """Raise `InputError` if there are traces and none of them has the part."""
        if 0 < self.n_traces == self.n_left_out:
            number = f"none of the {self.n_traces:,} traces has" if self.n_traces > 1 else "the only trace has no"
            raise InputError(
                f"{number} marked {self.part} (docs/formats.md lists the marks, such as <think>); leave out --part"
            )

    def describe(self) -> str:
        """Return `describe_part` of the traces so far."""
        return describe_part(self.part, self.n_traces, self.n_left_out)
