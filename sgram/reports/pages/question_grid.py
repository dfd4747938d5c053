"""The first screen of a report: questions as rows, runs or models beside them, and a verdict in each cell.

A cell shows a change over training steps (first and last value, a small curve) or a level (a dot with its interval,
random phrases in gray). All numbers and verdicts come from tables and findings of the analysis.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sgram.analysis.arms import ArmContrast
from sgram.analysis.checked_details import CheckedOrder
from sgram.analysis.findings import Finding, Verdict
from sgram.analysis.measures.dynamics import PhaseOrderQuestion
from sgram.analysis.step_series import AT_MOST
from sgram.analysis.trace_counts import PLACEBO, SGS
from sgram.reports.pages.grid_levels import GridLevel, find_finding, find_level
from sgram.reports.pages.grid_pictures import GridCurve, GridDot, GridScale, draw_curve, draw_dot
from sgram.reports.pages.placebo_comparison import (
    BEYOND,
    EQUAL_DRAWS,
    NO_INTERVAL,
    NOT_SHOWN,
    ONE_DRAW,
    PlaceboComparison,
    ends_and_value,
)
from sgram.reports.questions import QUESTIONS, ReportQuestion, StepPoint, read_steps
from sgram.reports.wording import StatementGroup, word
from sgram.reports.words import Words, estimate_words
from sgram.statistics import Estimate

if TYPE_CHECKING:
    from sgram.analysis import Analysis

SIGNS: Mapping[Verdict, tuple[str, str]] = {
    "up": ("▲", "up"),
    "down": ("▼", "down"),
    "no change": ("=", "no change shown"),
    "as placebo": ("≈", "as random phrases"),
    "cannot say": ("?", "cannot say"),
    "measured": ("", ""),
    "mixed": ("?", "cannot say"),
}
"""Verdict -> its sign and its words."""
MAX_COLUMNS = 4
"""Runs beside each other; of more, each is a row."""
_MAX_NAMES = 2
"""Quantities that a cell names."""
_PLACEBO_NOTE = "What random phrases show, too, is not about planning."


@dataclass(frozen=True, slots=True)
class GridCell:
    """What a source answers to a question."""

    numbers: tuple[str, ...]
    """The value, or the first and the last one; empty if the answer is a word."""
    sign: str = ""
    verdict: str = ""
    detail: str = ""
    """The change or the value with its interval, in words."""
    curve: GridCurve | None = None
    dot: GridDot | None = None
    tone: Literal["up", "down", "flat", "unknown", ""] = ""
    sort_key: float | None = None


@dataclass(frozen=True, slots=True)
class GridRow:
    """A question with the answer of each source; None where the source has none."""

    name: str
    question: str
    short_name: str
    """Head of a narrow column."""
    unit: str
    """What the numbers are: "% of answers"."""
    note: str
    """What else the pictures show."""
    finding: str
    """Name of the question whose finding says more; "" if it is a level."""
    section: str
    """Section of the page that says more."""
    cells: tuple[GridCell | None, ...]
    sentence: tuple[Words, ...] = ()
    """What holds of all sources together; empty if there is one source, or nothing to say."""


@dataclass(frozen=True, slots=True)
class QuestionGrid:
    """The grid."""

    sources: tuple[str, ...]
    rows: tuple[GridRow, ...]
    has_steps: bool

    @property
    def questions_are_columns(self) -> bool:
        """Whether sources are the rows: models, or more runs than fit beside each other."""
        return not self.has_steps or len(self.sources) > MAX_COLUMNS


def build_grid(
    analysis: "Analysis", comparisons: Sequence[PlaceboComparison], groups: Sequence[StatementGroup] = ()
) -> QuestionGrid:
    """Return the grid of all sources of an analysis and its `comparisons`; rows without an answer are left out.

    The sentences of its rows are headlines of `groups`.
    """
    has_steps = "curves" in analysis.tables
    rows: list[GridRow | None] = []
    for question in QUESTIONS:
        row = _trend_row(analysis, question) if has_steps else None
        rows.append(row or _level_row(analysis, question))
    rows.insert(_PLACEBO_ROW, _placebo_row(analysis, comparisons))
    rows.insert(_PHASE_ROW, _phase_row(analysis))
    kept = (row for row in rows if row is not None and any(row.cells))
    return QuestionGrid(
        analysis.sources, tuple(replace(row, sentence=_sentence(row, groups)) for row in kept), has_steps
    )


def _sentence(row: GridRow, groups: Sequence[StatementGroup]) -> tuple[Words, ...]:
    """Return what holds of all sources: of accuracy, how methods differ, if several were trained."""
    if row.name in ("accuracy", "placebo"):
        for statement in (statement for group in groups for statement in (group.headline, *group.details)):
            finding = statement.finding
            if isinstance(finding.question, ArmContrast) and (
                row.name == "accuracy" or finding.subject.endswith(" against placebo")
            ):
                return word(finding).parts
    if row.name == "placebo":
        return (Words(_PLACEBO_NOTE),)
    headlines = (group.headline for group in groups if group.headline.finding.question.name == row.finding)
    return next((headline.parts for headline in headlines if headline.finding.source is None), ())


# -- rows -----------------------------------------------------------------------------------------------

_PLACEBO_ROW, _PHASE_ROW = 5, 6
"""Places of the questions whose answers are words."""


def _trend_row(analysis: "Analysis", question: ReportQuestion) -> GridRow | None:
    """Return the row of a change over training steps; None if no source has the series."""
    table = analysis.tables["curves"]

    def read(series: str, is_drawn: bool = True, list_name: str = SGS) -> dict[str, list[StepPoint]]:
        return {source: read_steps(table, source, series, list_name) if is_drawn else [] for source in analysis.sources}

    curves = read(question.series)
    bands = read(f"{question.series}{AT_MOST}", question.has_band)
    placebos = read(question.series, question.has_placebo, PLACEBO)
    heights = [height for points in (*curves.values(), *bands.values(), *placebos.values()) for _, height in points]
    if not heights:
        return None
    changes = {source: find_finding(analysis, question.finding, source) for source in analysis.sources}
    levels = {
        source: find_level(analysis, question, source, beside_steps=True)
        for source, change in changes.items()
        if len(curves[source]) < 2 or change is None or change.sides is None
    }
    ends = _level_ends(levels.values())
    scale = _scale([*heights, *(ends if question.has_one_scale else [])], question)
    level_scale = scale if question.has_one_scale or not ends else _scale(ends, question)
    cells: list[GridCell | None] = []
    for source, change in changes.items():
        if source in levels or change is None:
            has_steps = bool(table.records(source=source))
            cells.append(_level_beside_steps(levels[source], question, level_scale, has_steps))
        else:
            curve = draw_curve(curves[source], bands[source], placebos[source], scale)
            cell = _change_cell(change, question, curve)
            if not placebos[source] and any(placebos.values()):
                cell = replace(cell, detail=f"{cell.detail}; too few random phrases for a dashed line")
            cells.append(cell)
    return _row(question, 0, tuple(cells), question.finding)


def _level_row(analysis: "Analysis", question: ReportQuestion) -> GridRow | None:
    """Return the row of a level; None if no source has it."""
    levels = [find_level(analysis, question, source, beside_steps=False) for source in analysis.sources]
    ends = _level_ends(levels)
    if not ends:
        return None
    scale = _scale(ends, question)
    return _row(question, 1, tuple(None if level is None else _level_cell(level, question, scale) for level in levels))


def _row(question: ReportQuestion, form: int, cells: tuple[GridCell | None, ...], finding: str = "") -> GridRow:
    return GridRow(
        question.name,
        question.question,
        question.short_name,
        question.units[form],
        question.notes[form],
        finding,
        question.section,
        cells,
    )


def _change_cell(finding: Finding, question: ReportQuestion, curve: GridCurve) -> GridCell:
    """Return the cell of a change over training steps."""
    sign, verdict = SIGNS[finding.verdict]
    unit = "points" if question.unit == "share" else question.unit
    words = estimate_words(finding.estimate, unit, signed=True)
    detail = f"change {_text(words)}"
    sides = finding.sides or ()
    numbers = tuple(_number(side.value, question.unit) for side in sides)
    if finding.at_most is not None:
        pairs = zip(sides, finding.at_most, strict=True)
        numbers = tuple(_range(side.value, most.value, question.unit) for side, most in pairs)
        detail = f"change at least {_text(words)}"
        is_open = finding.verdict not in ("up", "down")
        if is_open and finding.estimate is not None and finding.estimate.ends is not None:
            low, high = (_text(estimate_words(Estimate(end), unit, signed=True)) for end in finding.estimate.ends)
            detail = f"change between {low.removesuffix(f' {unit}')} and {high}"
    sort_key = None if finding.estimate is None else finding.estimate.value
    return GridCell(numbers, sign, verdict, detail, curve=curve, tone=_tone(finding.verdict), sort_key=sort_key)


def _level_cell(level: GridLevel, question: ReportQuestion, scale: GridScale) -> GridCell:
    """Return the cell of a level."""
    value = level.estimate.value
    dot = draw_dot(_drawn(level), level.placebo, scale)
    words = _text(estimate_words(level.estimate, question.unit))
    number = _number(value, question.unit)
    if level.at_most is not None:
        number = _range(value, level.at_most, question.unit)
        words = f"{number}{' %' if question.unit == 'share' else ''}, from the decided to those with the undecided"
    return GridCell((number,), detail=words, dot=dot, sort_key=value)


def _level_beside_steps(
    level: GridLevel | None, question: ReportQuestion, scale: GridScale, has_steps: bool
) -> GridCell | None:
    """Return the cell of a source that has no change over training steps: its level, without a verdict."""
    if level is None:
        return None
    remark = "all steps together" if has_steps else "no steps"
    cell = _level_cell(level, question, scale)
    detail = f"{cell.detail} over all traces; {'too few steps' if has_steps else 'no training steps'}"
    if not question.has_one_scale:
        detail += "; at another sample size than steps, so not comparable with them"
    return replace(cell, verdict=remark, detail=detail, sort_key=None)


def _name_some(names: Sequence[str]) -> str:
    """Return the first names, and how many there are more.

    >>> _name_some(["semantic entropy", "planning share (wrong)", "grams a trace"])
    'semantic entropy, planning share (wrong) and 1 more'
    """
    n_more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {n_more} more" if n_more > 0 else "")


def _name_beyond(beyond: Sequence[str], not_beyond: Sequence[str]) -> str:
    """Return some of the quantities beyond random phrases and some of the others.

    >>> _name_beyond(["conditional entropy"], ["semantic entropy"])
    'conditional entropy; not semantic entropy'
    >>> _name_beyond([], ["semantic entropy", "moves"])
    'not semantic entropy, moves'
    """
    parts = [_name_some(beyond)] if beyond else []
    parts += [f"not {_name_some(not_beyond)}"] if not_beyond else []
    return "; ".join(parts)


_NOT_COMPARED: Mapping[str, str] = {
    NO_INTERVAL: "too few SGs or problems to compare",
    ONE_DRAW: "one draw of random phrases has no spread",
    EQUAL_DRAWS: "all draws of random phrases are equal",
}
"""Verdict on a quantity that cannot be compared -> the reason."""


def _reason_for_no_comparison(analysis: "Analysis", source: str, verdicts: Iterable[str]) -> str:
    """Return why no quantity of a source can be compared with random phrases; `verdicts` are those on its quantities.

    Without verdicts, the SGs or the random phrases have no value, or there are no random phrases.
    """
    reasons = dict.fromkeys(_NOT_COMPARED[verdict] for verdict in verdicts)
    if reasons:
        return "; ".join(reasons)
    has_placebo = any(
        table.records(source=source, list=PLACEBO)
        for table in analysis.tables.values()
        if {"source", "list"} <= set(table.names)
    )
    return _NOT_COMPARED[NO_INTERVAL] if has_placebo else "no random phrases stand beside it"


def _placebo_row(analysis: "Analysis", comparisons: Sequence[PlaceboComparison]) -> GridRow:
    """Return in how many quantities the lexicon lies beyond random phrases, and in which not, for each source."""
    beyond: dict[str, list[str]] = {source: [] for source in analysis.sources}
    not_beyond: dict[str, list[str]] = {source: [] for source in analysis.sources}
    not_compared: dict[str, list[str]] = {source: [] for source in analysis.sources}
    for comparison in comparisons:
        title = comparison.table.title
        for row in comparison.table.records():
            source, *others = row.text("of").split(" · ")
            verdict = row.text("verdict")
            if source not in beyond:
                continue
            if verdict in (*BEYOND, NOT_SHOWN):
                name = f"{title[:1].lower()}{title[1:]}".partition(",")[0]  # without its unit
                names = beyond if verdict in BEYOND else not_beyond
                names[source].append(f"{name} ({', '.join(others)})" if others else name)
            else:
                not_compared[source].append(verdict)
    cells: list[GridCell | None] = []
    for source in analysis.sources:
        n_beyond = len(beyond[source])
        n_compared = n_beyond + len(not_beyond[source])
        if not n_compared:
            reason = _reason_for_no_comparison(analysis, source, not_compared[source])
            cells.append(GridCell((), "?", "cannot say", reason, tone="unknown"))
            continue
        verdict = "not shown" if not n_beyond else "shown" if n_beyond == n_compared else "shown in part"
        cells.append(
            GridCell(
                (f"{n_beyond} of {n_compared}",),
                "≠" if n_beyond else "",
                verdict,
                _name_beyond(beyond[source], not_beyond[source]),
                tone="up" if n_beyond else "flat",
                sort_key=n_beyond / n_compared,
            )
        )
    return GridRow(
        "placebo",
        "Is it the planning tokens?",
        "Planning tokens?",
        "quantities beyond random phrases",
        "",
        "",
        "controls",
        tuple(cells),
    )


def _phase_row(analysis: "Analysis") -> GridRow | None:
    """Return what settles first: by a checker of the responses if it can say, else by token entropy."""
    cells: list[GridCell | None] = []
    question = ""
    for source in analysis.sources:
        findings = [
            finding
            for finding in analysis.findings
            if finding.source == source and isinstance(finding.question, CheckedOrder | PhaseOrderQuestion)
        ]
        findings.sort(key=lambda finding: (finding.verdict not in ("up", "down"), _by_entropy(finding)))
        if not findings:
            cells.append(None)
            continue
        finding = findings[0]
        question = finding.question.name
        sign, words = SIGNS[finding.verdict]
        if finding.verdict in ("up", "down"):
            sign, words = "", "execution" if finding.verdict == "up" else "planning"
        by = "by token entropy" if _by_entropy(finding) else f"by {finding.question.subject}"
        cells.append(GridCell((), sign, words, by, tone="" if finding.verdict in ("up", "down") else "unknown"))
    if not any(cells):
        return None
    return GridRow(
        "phases",
        "What settles first?",
        "Settles first",
        "planning or execution",
        "",
        question,
        "dynamics",
        tuple(cells),
    )


def _by_entropy(finding: Finding) -> bool:
    return isinstance(finding.question, PhaseOrderQuestion)


# -- numbers --------------------------------------------------------------------------------------------


def _drawn(level: GridLevel) -> Estimate:
    """Return the interval that is drawn: of a kind of error at least to what the undecided may add."""
    low, value, high = ends_and_value(level.estimate)
    return Estimate(value, low, max(high, level.at_most or high))


def _level_ends(levels: Iterable[GridLevel | None]) -> list[float]:
    """Return all ends of levels and of the random phrases beside them."""
    return [
        end
        for level in levels
        if level is not None
        for estimate in (_drawn(level), level.placebo)
        if estimate is not None
        for end in ends_and_value(estimate)
    ]


def _scale(numbers: Sequence[float], question: ReportQuestion) -> GridScale:
    """Return the scale of a row; that of shares begins at 0."""
    return GridScale(min([0.0, *numbers]) if question.unit == "share" else min(numbers), max(numbers))


def _range(least: float | None, most: float | None, unit: str) -> str:
    return f"{_number(least, unit)}–{_number(most, unit)}"


def _number(value: float | None, unit: str) -> str:
    """Return a number without its unit."""
    return _text(estimate_words(Estimate(value), unit)[:1]).removesuffix(f" {unit}").removesuffix(" %")


def _text(parts: Sequence[Words]) -> str:
    return "".join(part.text for part in parts)


def _tone(verdict: Verdict) -> Literal["up", "down", "flat", "unknown", ""]:
    tones: Mapping[Verdict, Literal["up", "down", "flat", "unknown"]] = {
        "up": "up",
        "down": "down",
        "no change": "flat",
    }
    return tones.get(verdict, "flat" if verdict == "as placebo" else "unknown")
