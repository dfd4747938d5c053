"""A long text with marks of several kinds, cut to what can be read. Knows nothing about traces or HTML.

Marks may overlap: the text is cut at every end of a mark, and each run says which marks hold it. What is left out is
counted, so that a page can say so in its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Layer = Literal["move", "equation", "evidence", "step", "fork"]
_SNAP = 60
"""Characters within which a cut moves to a space."""
_TOO_SMALL = 240
"""A gap of fewer characters is not worth a cut."""
_MOST_FOCI = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """Something said of the characters from `start` to `end`."""

    start: int
    end: int
    layer: Layer
    name: str
    """The move, the equation's verdict, the evidence's letter."""
    title: str = ""
    number: int = 0
    """Of the footnote that it has; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class MarkedStretch:
    """Characters that the same marks hold, at most one of a layer."""

    text: str
    marks: tuple[Mark, ...] = ()
    begins: tuple[Mark, ...] = ()
    """Marks whose first shown characters these are."""
    ends: tuple[Mark, ...] = ()
    """Marks whose last shown characters these are."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Characters that are left out."""

    n: int


@dataclass(slots=True)
class _Sweep:
    """Marks that hold the character that the sweep has come to."""

    open: list[Mark] = field(default_factory=list)

    def at(self, start: int, waiting: list[Mark]) -> tuple[Mark, ...]:
        """Marks that hold the run from `start`; takes from `waiting`, which stands by start, the last first."""
        self.open = [mark for mark in self.open if mark.end > start]
        while waiting and waiting[-1].start <= start:
            self.open.append(waiting.pop())
        held: dict[str, Mark] = {}
        for mark in self.open:
            held.setdefault(mark.layer, mark)
        return tuple(held.values())


def split_by_marks(
    text: str, marks: Iterable[Mark], windows: Sequence[tuple[int, int]]
) -> tuple[MarkedStretch | Gap, ...]:
    """`text` as runs inside `windows` (ascending, apart) and gaps between them. Marks outside are left out."""
    ordered = sorted(
        (mark for mark in marks if 0 <= mark.start < mark.end <= len(text)),
        key=lambda mark: (mark.start, -mark.end, mark.layer, mark.name),
    )
    made: list[MarkedStretch | Gap] = []
    at = 0
    for start, end in windows:
        if start > at:
            made.append(Gap(start - at))
        made.extend(_window(text, [mark for mark in ordered if mark.start < end and mark.end > start], start, end))
        at = end
    if at < len(text):
        made.append(Gap(len(text) - at))
    return tuple(made)


def _window(text: str, marks: Sequence[Mark], start: int, end: int) -> list[MarkedStretch]:
    edges = {start, end}
    for mark in marks:
        edges |= {max(start, mark.start), min(end, mark.end)}
    waiting, sweep, cuts = list(reversed(marks)), _Sweep(), sorted(edges)
    spoken: set[Mark] = set()
    made = []
    for left, right in zip(cuts, cuts[1:], strict=False):
        held = sweep.at(left, waiting)
        begins = tuple(mark for mark in held if mark not in spoken)
        spoken.update(begins)
        ends = tuple(mark for mark in held if min(mark.end, end) == right)
        made.append(MarkedStretch(text[left:right], held, begins, ends))
    return made


def choose_windows(
    text: str, foci: Sequence[tuple[int, int]], most: int, beginning: float = 1 / 3
) -> list[tuple[int, int]]:
    """Windows of `text`, about `most` characters in all: its head, its end, and what stands about each of `foci`.

    Where there are foci, the head has that share of the characters which `beginning` says, and the end half as many.
    The first foci are kept, of very many; a text that is hardly longer than `most` is shown whole.
    """
    if len(text) <= most + most // 5:
        return [(0, len(text))] if text else []
    foci = list(foci)[:_MOST_FOCI]
    head = int(most * (beginning if foci else 2 / 3))
    tail = head // 2
    wanted = [(0, head), (len(text) - tail, len(text))]
    if foci:
        about = (most - head - tail) // len(foci)
        for start, end in foci:
            before = max(about - (end - start), about // 2) // 2
            wanted.append((start - before, max(start - before, 0) + about))
    return _joined(text, wanted)


def _joined(text: str, wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(len(text), end)) for start, end in wanted):
        if start >= end:
            continue
        start, end = _snapped(text, start), _snapped(text, end)
        if start >= end:  # both have moved to the same place
            continue
        if made and start - made[-1][1] < _TOO_SMALL:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    if made and made[0][0] < _TOO_SMALL:
        made[0] = (0, made[0][1])
    if made and len(text) - made[-1][1] < _TOO_SMALL:
        made[-1] = (made[-1][0], len(text))
    return made


def _snapped(text: str, at: int) -> int:
    """The first place from `at` on that follows a space, if one is near; else `at`."""
    if at in (0, len(text)):
        return at
    for place in range(at, min(len(text), at + _SNAP)):
        if text[place - 1].isspace():
            return place
    return at
