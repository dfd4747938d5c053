"""Texts of traces with overlapping marks, long ones cut to the windows worth reading.

Marks may overlap: the text is split at every end of a mark, and each stretch has all marks that cover it. A gap has the
number of characters left out, so that a page can show it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

from sgram.lexicon import MOVES

if TYPE_CHECKING:
    from sgram.tagging.spans import Span

Layer = Literal["move", "equation", "evidence", "step", "fork"]
Window: TypeAlias = tuple[int, int]
"""Half-open character offsets of a part of a text."""
_MAX_SNAP = 60
"""Maximum characters that a cut moves to follow a space."""
_MIN_GAP = 240
"""Fewer characters than this are not left out."""
_MAX_FOCI = 8
_LAYER_CLASSES = {"equation": ["eq"], "evidence": ["ev"], "step": ["step"]}
_STRIP_WIDTH = 1000
_MIN_BAR_WIDTH = 2
_MAX_BARS = 250


@dataclass(frozen=True, slots=True)
class Mark:
    """A remark about the characters from `start` to `end` (half-open)."""

    start: int
    end: int
    layer: Layer
    name: str
    """The move, the equation's verdict, or the evidence's letter."""
    title: str = ""
    number: int = 0
    """Number of its footnote; 0 if it has none."""


@dataclass(frozen=True, slots=True)
class MarkedStretch:
    """Characters that the same marks cover, at most one of each layer."""

    text: str
    marks: tuple[Mark, ...] = ()
    begins: tuple[Mark, ...] = ()
    """Marks that begin here, or whose beginning is left out and whose first visible characters these are."""
    ends: tuple[Mark, ...] = ()
    """Marks that end here or at the end of the window."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Characters that are left out."""

    n_characters: int


def split_by_marks(text: str, marks: Iterable[Mark], windows: Sequence[Window]) -> tuple[MarkedStretch | Gap, ...]:
    """Return `text` as stretches inside `windows` and gaps between them.

    `windows` must ascend without overlap. Marks that do not lie inside the text are ignored. Of overlapping marks of
    one layer, only the one that begins first is used (of these the longest).

    >>> stretches = split_by_marks("But wait, no.", [Mark(4, 8, "move", "verification")], [(0, 10)])
    >>> [stretch.text for stretch in stretches if isinstance(stretch, MarkedStretch)], stretches[-1]
    (['But ', 'wait', ', '], Gap(n_characters=3))
    """
    ordered = sorted(
        (mark for mark in marks if 0 <= mark.start < mark.end <= len(text)),
        key=lambda mark: (mark.start, -mark.end, mark.layer, mark.name),
    )
    stretches: list[MarkedStretch | Gap] = []
    position = 0
    for start, end in windows:
        if start > position:
            stretches.append(Gap(start - position))
        window_marks = [mark for mark in ordered if mark.start < end and mark.end > start]
        stretches.extend(_split_window(text, window_marks, start, end))
        position = end
    if position < len(text):
        stretches.append(Gap(len(text) - position))
    return tuple(stretches)


def _split_window(text: str, marks: Sequence[Mark], window_start: int, window_end: int) -> list[MarkedStretch]:
    """Return the stretches of a window; `marks` ascend by their start."""
    edges = {window_start, window_end}
    for mark in marks:
        edges |= {max(window_start, mark.start), min(window_end, mark.end)}
    upcoming, open_marks = list(reversed(marks)), list[Mark]()
    begun_marks: set[Mark] = set()
    stretches = []
    for start, end in pairwise(sorted(edges)):
        open_marks = [mark for mark in open_marks if mark.end > start]
        while upcoming and upcoming[-1].start <= start:
            open_marks.append(upcoming.pop())
        first_of_layer: dict[str, Mark] = {}
        for mark in open_marks:
            first_of_layer.setdefault(mark.layer, mark)
        covering = tuple(first_of_layer.values())
        begins = tuple(mark for mark in covering if mark not in begun_marks)
        begun_marks.update(begins)
        ends = tuple(mark for mark in covering if min(mark.end, window_end) == end)
        stretches.append(MarkedStretch(text[start:end], covering, begins, ends))
    return stretches


def choose_windows(text: str, foci: Sequence[Window], max_characters: int, head_share: float = 1 / 3) -> list[Window]:
    """Return windows of `text` with about `max_characters` in all: its head, its tail, and the context of each focus.

    With foci, the head has `head_share` of the characters and the tail half of that. At most 8 foci are used, the first
    ones. A text that is at most a fifth longer than `max_characters` gets a single window.

    >>> choose_windows("x" * 3601, [], 3000)
    [(0, 2000), (2601, 3601)]
    """
    if len(text) <= max_characters + max_characters // 5:
        return [(0, len(text))] if text else []
    foci = list(foci)[:_MAX_FOCI]
    head = int(max_characters * (head_share if foci else 2 / 3))
    tail = head // 2
    windows = [(0, head), (len(text) - tail, len(text))]
    if foci:
        context = (max_characters - head - tail) // len(foci)
        for start, end in foci:
            before = max(context - (end - start), context // 2) // 2
            windows.append((start - before, max(start - before, 0) + context))
    return _merge_windows(text, windows)


def _merge_windows(text: str, windows: Iterable[Window]) -> list[Window]:
    """Return the windows in order, with ends moved to spaces; windows with little between them become one."""
    merged: list[Window] = []
    for start, end in sorted((max(0, start), min(len(text), end)) for start, end in windows):
        if start >= end:
            continue
        start, end = _snap_to_space(text, start), _snap_to_space(text, end)
        if start >= end:  # both ends have moved to the same position
            continue
        if merged and start - merged[-1][1] < _MIN_GAP:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    if merged and merged[0][0] < _MIN_GAP:
        merged[0] = (0, merged[0][1])
    if merged and len(text) - merged[-1][1] < _MIN_GAP:
        merged[-1] = (merged[-1][0], len(text))
    return merged


def _snap_to_space(text: str, position: int) -> int:
    """Return the first position from `position` on that follows a space, if one is near; else `position`."""
    if position in (0, len(text)):
        return position
    for candidate in range(position, min(len(text), position + _MAX_SNAP)):
        if text[candidate - 1].isspace():
            return candidate
    return position


# -- how it looks ---------------------------------------------------------------------------------------


def move_class(move: str) -> str:
    """Return the style sheet's class of a move; a move without a color looks like the last one, "other".

    >>> move_class("branching"), move_class("unknown")
    ('m-branching', 'm-other')
    """
    return f"m-{move if move in MOVES else MOVES[-1]}"


def style_stretch(stretch: MarkedStretch) -> tuple[str, str, str]:
    """Return the HTML element of a stretch, its classes and its title; no element if it is plain text.

    Planning words are a ``mark``, other marked words a ``span``.

    >>> style_stretch(MarkedStretch("wait", (Mark(0, 4, "move", "verification", "verification: wait"),)))
    ('mark', 'm-verification', 'verification: wait')
    """
    tag, classes, titles = "", [], []
    for mark in stretch.marks:
        if mark.layer == "fork":
            continue
        tag = "mark" if mark.layer == "move" or tag == "mark" else "span"
        classes += _LAYER_CLASSES[mark.layer] if mark.layer != "move" else [move_class(mark.name)]
        if mark.layer == "step":
            classes += ["step-start"] * (mark in stretch.begins) + ["step-end"] * (mark in stretch.ends)
        if mark.layer == "equation":
            classes += [mark.name, "last"] if mark in stretch.ends else [mark.name]
        titles.append(mark.title)
    return tag, " ".join(classes), " · ".join(title for title in titles if title)


def build_strip(n_characters: int, spans: Sequence["Span"]) -> list[tuple[str, int, int]]:
    """Return the bars (class, x, width) of the spans on a strip 1,000 wide that stands for `n_characters`.

    A bar is at least 2 wide. Of more than 250 spans, evenly chosen ones have a bar.

    >>> from sgram.tagging.spans import Span
    >>> build_strip(100, [Span(40, 50, "deduction")])
    [('m-deduction', 400, 100)]
    """
    bars = []
    for span in spans[:: 1 + len(spans) // _MAX_BARS]:
        width = max(_MIN_BAR_WIDTH, (span.end - span.start) * _STRIP_WIDTH // n_characters)
        x = min(span.start * _STRIP_WIDTH // n_characters, _STRIP_WIDTH - width)
        bars.append((move_class(span.label), x, width))
    return bars
