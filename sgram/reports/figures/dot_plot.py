"""Dot plots: values with intervals in rows, panels side by side.

Rows stand in groups under a head (a source of traces); a row's name says what its dot is, so no legend is needed. A
placebo is a gray diamond under the dot that it controls.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sgram.analysis.figure_specs import Cells, DotMark, DotPlot, Panel
from sgram.analysis.table import Record
from sgram.reports.figures.canvas import GRAY, NEAR_ZERO, ROLES, label
from sgram.reports.figures.figure import DRAWS, INTERVALS, PLACEBO_KEY, Figure, draw_key, join_sentences
from sgram.reports.figures.source_selection import distinct_labels, select_sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis import Analysis
    from sgram.analysis.table import Table

MAX_PANELS = 4
"""Most panels of a column's texts."""
MIN_RANKED = 3
"""Fewest rows of a source, if rows are ranked."""
_CONTROLS = ("placebo", "start", "chance")
_ROLE_COLUMNS = ("outcome", "token_class")
"""Columns whose texts are roles: a row has the color of its text, and stands in the order of the roles."""
_COLUMN = re.compile(r"\{(\w+)\}")
_ROW_HEIGHT, _NAME_WIDTH = 0.235, 34


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval; its role decides color and shape."""

    role: str
    value: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row: its group's head, its name, the dots of each panel, and a remark at the right, such as the sample size."""

    head: str
    name: str
    dots: tuple[tuple[Dot, ...], ...]
    remark: str = ""
    size: float = 0.0
    """By which rows are ranked if only the largest are drawn."""


def draw_dot_plot(spec: DotPlot, table: "Table", analysis: "Analysis") -> Figure | None:
    """Return the figure of a table; None if none of its rows has a number."""
    records = [record for record in table.records() if _has_cells(record, spec.where)]
    panels = _split_panels(spec, records)
    findings = [finding for finding in analysis.findings if finding.question.name == spec.filled_by]
    filled = {name for finding in findings for name in (finding.subject, *dict(finding.verdicts))}
    groups: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        groups.setdefault(record.text("source"), {}).setdefault(record.text(spec.row_by), []).append(record)
    rows_of_source: dict[str, list[DotRow]] = {}
    for source, group in groups.items():
        for text in _row_texts(spec, group):
            row = _read_row(spec, panels, (source, text), group[text], not spec.filled_by or text in filled)
            if row is not None:
                rows_of_source.setdefault(source, []).append(row)
    sources, omission_note = select_sources(rows_of_source, analysis, spec.max_sources)
    limit = max(MIN_RANKED, spec.max_rows // max(1, len(sources)))
    rows = [row for source in sources for row in _select_largest(spec, rows_of_source[source], limit)]
    n_rows = sum(len(rows_of_source[source]) for source in sources)
    marks = [mark for panel in panels for mark in panel.marks]
    caption = join_sentences(
        spec.caption,
        f"Shown are the {len(rows):,} largest of {n_rows:,}." if len(rows) < n_rows else "",
        INTERVALS if any(mark.low for mark in marks) else "",
        DRAWS if any(mark.role == "placebo" for mark in marks) else "",
        omission_note,
    )
    records = [record for record in records if record.text("source") in sources]
    panels = tuple(_fill_panel(panel, records) for panel in panels)
    resolved = replace(spec, caption=caption, key=spec.key or f"dots: {PLACEBO_KEY}", panels=panels)
    return draw_rows(resolved, rows)


def _has_cells(record: Record, cells: Cells) -> bool:
    return all(record.get(name) == cell for name, cell in cells.items())


def _split_panels(spec: DotPlot, records: Sequence[Record]) -> Sequence[Panel]:
    """Return the panels; if the texts of a column have one each, its marks are those of the rows with this text."""
    if not spec.panel_by:
        return spec.panels
    texts = list(dict.fromkeys(record.text(spec.panel_by) for record in records))[:MAX_PANELS]
    return [
        replace(panel, marks=tuple(replace(mark, where={**mark.where, spec.panel_by: text}) for mark in panel.marks))
        for text in texts
        for panel in spec.panels
    ]


def _row_texts(spec: DotPlot, group: Collection[str]) -> list[str]:
    """Return the texts of the rows of a source; of the outcomes only "all" if it equals the one other outcome."""
    if spec.row_by not in _ROLE_COLUMNS:
        return list(group)
    texts = sorted(group, key=lambda text: list(ROLES).index(text) if text in ROLES else len(ROLES))
    return texts[:1] if len(texts) == 2 and texts[0] == "all" else texts


def _read_row(
    spec: DotPlot, panels: Sequence[Panel], names: tuple[str, str], records: Sequence[Record], is_filled: bool
) -> DotRow | None:
    """Return the row of `records` with its head and name; None without a dot, or if its dots and counts are all 0."""
    is_role = spec.row_by in _ROLE_COLUMNS and names[1] in ROLES
    dots: list[tuple[Dot, ...]] = []
    sized: list[Record] = []
    for panel in panels:
        marks = _select_marks(panel, records)
        dots.append(
            tuple(
                read_dot(names[1] if is_role and role == "SGs" else role, mark, record, panel.scale, is_filled)
                for role, (mark, record) in marks.items()
            )
        )
        sized = sized or [record for role, (_, record) in marks.items() if role not in _CONTROLS]
    columns = _COLUMN.findall(spec.remark)
    counts = [count for record in sized for column in columns if (count := record.number(column)) is not None]
    values = [dot.value for panel_dots in dots for dot in panel_dots]
    if not values or (counts and not any(values + counts)):
        return None
    sizes = [records[0].number(column) or 0.0 for column in spec.largest] or [0.0]
    return DotRow(*names, tuple(dots), fill_template(spec.remark, sized), sizes[0] - sum(sizes[1:]))


def _select_marks(panel: Panel, records: Sequence[Record]) -> dict[str, tuple[DotMark, Record]]:
    """Return the marks that have a value, by role, with the rows that hold it: correct and wrong ones, or all."""
    marks: dict[str, tuple[DotMark, Record]] = {}
    for mark in panel.marks:
        for record in records:
            if _has_cells(record, mark.where) and record.number(mark.value) is not None:
                marks.setdefault(mark.role, (mark, record))
    hidden = ("all",) if {"correct", "wrong"} <= marks.keys() else ("correct", "wrong") if "all" in marks else ()
    return {role: marks[role] for role in marks if role not in hidden}


def read_dot(role: str, mark: DotMark, record: Record, scale: float = 1.0, is_filled: bool = True) -> Dot:
    """Return the dot of a row that has a value.

    >>> read_dot("correct", DotMark("SGs"), Record(value=0.25, low=0.125, high=None), scale=100)
    Dot(role='correct', value=25.0, low=12.5, high=None, hollow=False)
    """
    low, high = (None if (end := record.number(name)) is None else end * scale for name in (mark.low, mark.high))
    hollow = not is_filled or role in ("placebo", "start")
    return Dot(role, (record.number(mark.value) or 0.0) * scale, low, high, hollow)


def fill_template(template: str, records: Sequence[Record]) -> str:
    """Return a text with the cells of `records` for the names in braces; several cells are joined by " + ".

    A part between commas is left out if a cell is missing.

    >>> fill_template("{traces} traces, {problems} problems, × {ratio}", [Record(traces=1234, ratio=1.234)])
    '1,234 traces, × 1.2'
    """
    parts = []
    for part in template.split(", "):
        cells = {column: [_format_cell(record, column) for record in records] for column in _COLUMN.findall(part)}
        text = part.format_map({column: " + ".join(filter(None, texts)) for column, texts in cells.items()})
        if all(any(texts) for texts in cells.values()):
            parts.append(re.sub(r"^1 (\w+)s$", r"1 \1", text))
    return ", ".join(parts)


def _format_cell(record: Record, column: str) -> str:
    number = record.number(column)
    if number is None:
        return label(record.text(column), _NAME_WIDTH)
    return f"{number:,.0f}" if number.is_integer() else f"{number:.2g}"


def _fill_panel(panel: Panel, records: Sequence[Record]) -> Panel:
    """Return the panel with its title, its unit and its dotted line as the cells of its rows say."""
    marked = [record for record in records if _select_marks(panel, [record])]
    title, unit = (
        " or ".join(filter(None, dict.fromkeys(fill_template(text, [record]) for record in marked)))
        for text in (panel.title, panel.unit)
    )
    chances = [chance for record in marked if panel.chance and (chance := panel.chance(record)) is not None]
    return replace(panel, title=title, unit=unit, reference=chances[0] * panel.scale if chances else panel.reference)


def _select_largest(spec: DotPlot, rows: Sequence[DotRow], limit: int) -> Sequence[DotRow]:
    """Return the rows that are drawn: all, or the `limit` largest by absolute value, from the greatest to the least."""
    if not spec.largest:
        return rows
    return sorted(sorted(rows, key=lambda row: (-abs(row.size), row.name))[:limit], key=lambda row: -row.size)


def draw_rows(spec: DotPlot, rows: Sequence[DotRow]) -> Figure | None:
    """Return the figure of rows under the panels of `spec`, without empty panels; None if all are empty."""
    columns = [column for column in range(len(spec.panels)) if any(row.dots[column] for row in rows)]
    if not columns:
        return None
    has_names = any(row.name for row in rows)
    heads = distinct_labels((row.head for row in rows), _NAME_WIDTH)
    positions, ticks, end = _place_rows(rows, heads, has_names)
    width = 3.4 + 2.5 * len(columns)
    height = 0.75 + 0.16 * (1 + len(spec.key) // (15 * width)) + _ROW_HEIGHT * max(len(ticks), 2) + 0.06 * len(heads)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(1, len(columns), squeeze=False, sharey=True)[0]
        for axes, column in zip(grid, columns, strict=True):
            for y, row in zip(positions, rows, strict=True):
                _draw_dots(axes, row.dots[column], y, spec.one_line)
            axes.set_yticks([y for y, _, _ in ticks], [text for _, text, _ in ticks])
            for tick, (_, _, is_head) in zip(axes.get_yticklabels(), ticks, strict=False):  # inner panels have none
                tick.set_fontweight("bold" if is_head else "normal")
            axes.tick_params(axis="y", length=0)
            axes.grid(visible=False, axis="y")
            axes.set_ylim(end - 0.4, -0.6)
            axes.spines["left"].set_visible(False)
            axes.set_title(spec.panels[column].title)
            axes.set_xlabel(spec.panels[column].unit, fontsize=8)
            _set_limits(axes, spec.panels[column], [dot for row in rows for dot in row.dots[column]])
        for y, row in zip(positions, rows, strict=True):
            options = {"xycoords": grid[-1].get_yaxis_transform(), "annotation_clip": False}
            grid[-1].annotate(row.remark, (1.02, y), fontsize=7, va="center", color=GRAY, **options)
        draw_key(canvas, spec.key)

    return Figure(spec.name, spec.title, spec.caption, (width, height), draw)


def _place_rows(
    rows: Sequence[DotRow], heads: Mapping[str, str], has_names: bool
) -> tuple[list[float], list[tuple[float, str, bool]], float]:
    """Return the positions of the rows from the top, (position, text, whether it is a head) of all lines, the end."""
    y, positions, ticks = 0.0, list[float](), list[tuple[float, str, bool]]()
    for index, row in enumerate(rows):
        if index == 0 or row.head != rows[index - 1].head:
            y += 0.25 if index else 0.0
            if has_names and row.head:
                ticks.append((y, heads[row.head], True))
                y += 1
        ticks.append((y, label(row.name, _NAME_WIDTH) if has_names else heads[row.head], False))
        positions.append(y)
        y += 1
    return positions, ticks, y


def _draw_dots(axes: "Axes", dots: Sequence[Dot], y: float, one_line: bool) -> None:
    """Draw the dots of a row below each other, or on one line that joins them."""
    for index, dot in enumerate(dots):
        color, marker = ROLES[dot.role]
        dot_y = y + (0 if one_line else 0.34 * (index - (len(dots) - 1) / 2))
        low, high = (dots[0].value, dots[-1].value) if one_line else (dot.low, dot.high)
        if low is not None and high is not None:
            axes.plot([low, high], [dot_y, dot_y], color=color, linewidth=1.3, zorder=2, solid_capstyle="butt")
        face, size = "white" if dot.hollow else color, 3.8 if marker == "D" else 5
        axes.plot([dot.value], [dot_y], marker, markersize=size, mec=color, mfc=face, zorder=3, clip_on=False)


def _set_limits(axes: "Axes", panel: Panel, dots: Sequence[Dot]) -> None:
    """Draw the dotted line, and set the x axis: from 0 if the panel asks for it and 0 is near, else with a margin."""
    ends = [end for dot in dots for end in (dot.value, dot.low, dot.high) if end is not None]
    if panel.reference is not None:
        axes.axvline(panel.reference, color=GRAY, linewidth=0.9, linestyle=":", zorder=1)
        ends.append(panel.reference)
    low, high = min(ends), max(ends)
    if panel.from_zero and low < NEAR_ZERO * high:
        low = min(low, 0.0)
    width = max(high - low, 0.1 * max(abs(high), abs(low))) or 1.0
    low -= (0.02 if panel.from_zero and low == 0 else 0.06) * width
    axes.set_xlim(low, max(high, low + width) + 0.06 * width)
