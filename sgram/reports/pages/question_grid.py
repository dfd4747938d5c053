"""The first screen of a report: questions as rows, runs or models beside them, and a verdict in each cell.

A cell shows a change over training steps (first and last value, a small curve) or a level (a dot with its interval,
random phrases in gray). All numbers and verdicts come from tables and findings of the analysis.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sgram.analysis.checked_details import CheckedOrder
from sgram.analysis.findings import Finding, Verdict
from sgram.analysis.measures.dynamics import PhaseOrderQuestion
from sgram.analysis.step_series import AT_MOST
from sgram.analysis.table import Record, Table
from sgram.analysis.trace_counts import PLACEBO, SGS
from sgram.diagnosis.kind_shares import RIVALS
from sgram.reports.pages.placebo_comparison import PlaceboComparison, ends_and_value
from sgram.reports.words import estimate_words
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
WIDTH, HEIGHT = 1000, 300
"""Size of a curve, in units of its picture."""
MAX_POINTS = 120
"""Points of a curve; of more steps, means of neighbors are drawn."""
SMOOTHED_SHARE = 0.1
"""Share of the steps over which a curve is smoothed."""


@dataclass(frozen=True, slots=True)
class GridCurve:
    """A quantity over training steps, as points of a picture of `WIDTH` x `HEIGHT`; y grows downward."""

    raw: str
    smooth: str
    band: str
    """Outline of what undecided traces may add; "" if there are none."""
    placebo: str
    """The same of random phrases, smoothed; "" if they have none."""


@dataclass(frozen=True, slots=True)
class GridDot:
    """A level with its interval, as positions from 0 to `WIDTH`."""

    low: int
    value: int
    high: int
    placebo: tuple[int, int] | None
    """Range of random phrases; None where they have none."""


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
    unit: str
    """What the numbers are: "% of answers"."""
    finding: str
    """Name of the question whose finding says more; "" if it is a level."""
    section: str
    """Section of the page that says more."""
    cells: tuple[GridCell | None, ...]


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


MAX_COLUMNS = 4
"""Runs beside each other; of more, each is a row."""


@dataclass(frozen=True, slots=True)
class _Trend:
    """A question about a change over training steps."""

    finding: str
    """Name of the finding's question."""
    series: str
    has_band: bool = False
    has_placebo: bool = False
    """Whether random phrases are drawn beside it; of the planning share they are the same by construction."""


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    question: str
    section: str
    trend: _Trend
    level: Callable[["Analysis", str], tuple[Estimate, Estimate | None] | None]
    """(analysis, source) -> the level and that of random phrases; None if the source has none."""
    units: tuple[str, str]
    """What the numbers of a change and of a level are."""
    unit: str = "share"


def build_grid(analysis: "Analysis", comparisons: Sequence[PlaceboComparison]) -> QuestionGrid:
    """Return the grid of all sources of an analysis and its `comparisons`; rows without an answer are left out."""
    has_steps = "curves" in analysis.tables
    rows = []
    for plan in PLANS:
        row = _trend_row(analysis, plan) if has_steps else None
        rows.append(row or _level_row(analysis, plan))
    rows.insert(_PLACEBO_ROW, _placebo_row(analysis, comparisons))
    rows.insert(_PHASE_ROW, _phase_row(analysis))
    kept = tuple(row for row in rows if row is not None and any(row.cells))
    return QuestionGrid(analysis.sources, kept, has_steps)


# -- levels ---------------------------------------------------------------------------------------------


def _finding(analysis: "Analysis", question: str, source: str) -> Finding | None:
    return next(
        (
            finding
            for finding in analysis.findings
            if finding.question.name == question and finding.source == source and not finding.subject
        ),
        None,
    )


def _level_of(question: str) -> Callable[["Analysis", str], tuple[Estimate, Estimate | None] | None]:
    def level(analysis: "Analysis", source: str) -> tuple[Estimate, Estimate | None] | None:
        finding = _finding(analysis, question, source)
        return None if finding is None or finding.estimate is None else (finding.estimate, None)

    return level


def _kind_level(kind: str) -> Callable[["Analysis", str], tuple[Estimate, Estimate | None] | None]:
    """Return the share of a kind among the wrong traces, from its decided share to that with the undecided."""

    def level(analysis: "Analysis", source: str) -> tuple[Estimate, Estimate | None] | None:
        table = analysis.tables.get("errors")
        rows = [] if table is None else table.records(source=source, step=None, kind=kind)
        if not rows or rows[0].number("share") is None:
            return None
        row = rows[0]
        return Estimate(row.number("share"), row.number("low"), row.number("at_most_high")), None

    return level


def _length(analysis: "Analysis", source: str) -> tuple[Estimate, Estimate | None] | None:
    table = analysis.tables.get("corpus")
    rows = [] if table is None else table.records(source=source)
    return (Estimate(rows[0].number("length")), None) if rows and rows[0].number("length") is not None else None


def _variety(analysis: "Analysis", source: str) -> tuple[Estimate, Estimate | None] | None:
    """Return the semantic entropy over grams at equal size, and that of random phrases."""
    table = analysis.tables.get("semantic_entropy")
    rows = [] if table is None else table.records(source=source, outcome="all", bins="grams")
    by_list = {row.text("list"): row for row in rows}
    if "SGs" not in by_list or by_list["SGs"].number("at_size") is None:
        return None
    estimates = [
        Estimate(row.number("at_size"), row.number("low"), row.number("high"))
        for row in (by_list["SGs"], by_list.get("placebo", Record()))
    ]
    return estimates[0], estimates[1] if estimates[1].value is not None else None


# -- rows -----------------------------------------------------------------------------------------------

PLANS = (
    _Plan(
        "accuracy",
        "How often is the answer right?",
        "dynamics",
        _Trend("accuracy over training", "pass@1"),
        _level_of("accuracy"),
        ("% of answers", "% of answers"),
    ),
    *(
        _Plan(
            f"{kind} errors",
            question,
            "errors",
            _Trend(f"{kind} errors over training", f"{kind} errors", has_band=True),
            _kind_level(kind),
            ("% of judged traces; pale: with the undecided", "% of wrong traces; bar: with the undecided"),
        )
        for kind, question in zip(RIVALS, ("How often is the plan wrong?", "How often does a step slip?"), strict=True)
    ),
    _Plan(
        "exploration",
        "How varied are the strategies?",
        "dynamics",
        _Trend("exploration over training", "semantic entropy", has_placebo=True),
        _variety,
        ("semantic entropy, nats; gray: random phrases", "semantic entropy, nats; gray: random phrases"),
        unit="nats",
    ),
    _Plan(
        "planning",
        "How much of it is planning?",
        "lexicon",
        _Trend("planning over training", "planning share"),
        _level_of("planning share"),
        ("% of words or tokens", "% of words or tokens"),
    ),
    _Plan(
        "length",
        "How long are the traces?",
        "dynamics",
        _Trend("length over training", "length"),
        _length,
        ("words or tokens", "words"),
        unit="words",
    ),
)
"""The questions that have numbers, in their order."""
_PLACEBO_ROW, _PHASE_ROW = 5, 6
"""Places of the questions whose answers are words."""


def _trend_row(analysis: "Analysis", plan: _Plan) -> GridRow | None:
    """Return the row of a change over training steps; None if no source has the series."""
    table = analysis.tables["curves"]
    series = {source: _points(table, source, plan.trend.series) for source in analysis.sources}
    placebos = {
        source: _points(table, source, plan.trend.series, PLACEBO) if plan.trend.has_placebo else []
        for source in analysis.sources
    }
    bands = {
        source: _points(table, source, f"{plan.trend.series}{AT_MOST}") if plan.trend.has_band else []
        for source in analysis.sources
    }
    heights = [height for points in (*series.values(), *bands.values(), *placebos.values()) for _, height in points]
    if not heights:
        return None
    scale = _Scale(min([0.0, *heights]) if plan.unit == "share" else min(heights), max(heights))
    cells: list[GridCell | None] = []
    for source in analysis.sources:
        finding = _finding(analysis, plan.trend.finding, source)
        if len(series[source]) < 2 or finding is None or finding.sides is None:
            cells.append(None)
            continue
        sign, verdict = SIGNS[finding.verdict]
        change = "".join(part.text for part in estimate_words(finding.estimate, _change_unit(plan.unit), signed=True))
        numbers = tuple(_number(side.value, plan.unit) for side in finding.sides)
        if finding.at_most is not None:
            numbers = tuple(
                f"{_number(side.value, plan.unit)}–{_number(most.value, plan.unit)}"
                for side, most in zip(finding.sides, finding.at_most, strict=True)
            )
        cells.append(
            GridCell(
                numbers,
                sign,
                verdict,
                f"change {change}",
                curve=_curve(series[source], bands[source], placebos[source], scale),
                tone=_tone(finding.verdict),
                sort_key=None if finding.estimate is None else finding.estimate.value,
            )
        )
    return GridRow(plan.name, plan.question, plan.units[0], plan.trend.finding, plan.section, tuple(cells))


def _level_row(analysis: "Analysis", plan: _Plan) -> GridRow | None:
    """Return the row of a level; None if no source has it."""
    levels = [plan.level(analysis, source) for source in analysis.sources]
    ends = [
        end
        for level in levels
        if level
        for estimate in level
        if estimate is not None
        for end in ends_and_value(estimate)
    ]
    if not ends:
        return None
    scale = _Scale(min(0.0, *ends) if plan.unit == "share" else min(ends), max(ends))
    cells: list[GridCell | None] = []
    for level in levels:
        if level is None:
            cells.append(None)
            continue
        estimate, placebo = level
        low, value, high = ends_and_value(estimate)
        dot = GridDot(
            scale.position(low),
            scale.position(value),
            scale.position(high),
            None
            if placebo is None
            else (scale.position(ends_and_value(placebo)[0]), scale.position(ends_and_value(placebo)[2])),
        )
        words = "".join(part.text for part in estimate_words(estimate, plan.unit))
        cells.append(GridCell((_number(value, plan.unit),), detail=words, dot=dot, sort_key=value))
    return GridRow(plan.name, plan.question, plan.units[1], "", plan.section, tuple(cells))


def _placebo_row(analysis: "Analysis", comparisons: Sequence[PlaceboComparison]) -> GridRow:
    """Return of how many quantities the lexicon lies beyond random phrases, for each source."""
    counts = {source: [0, 0] for source in analysis.sources}
    for comparison in comparisons:
        for row in comparison.table.records():
            source = next((name for name in analysis.sources if row.text("of").split(" · ")[0] == name), None)
            if source is not None and row.text("verdict") != "no interval":
                counts[source][0] += row.text("verdict") != "no difference shown"
                counts[source][1] += 1
    cells: list[GridCell | None] = []
    for source in analysis.sources:
        n_beyond, n_compared = counts[source]
        if not n_compared:
            cells.append(GridCell((), "?", "cannot say", "no random phrases stand beside it", tone="unknown"))
            continue
        verdict = "no" if not n_beyond else "yes" if n_beyond == n_compared else "in part"
        cells.append(
            GridCell(
                (f"{n_beyond} of {n_compared}",),
                "≈" if not n_beyond else "≠",
                verdict,
                f"{n_beyond} of {n_compared} quantities lie beyond random phrases",
                tone="up" if n_beyond else "flat",
                sort_key=n_beyond / n_compared,
            )
        )
    return GridRow(
        "placebo", "Is it the planning tokens?", "quantities beyond random phrases", "", "controls", tuple(cells)
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
    return (
        GridRow("phases", "What settles first?", "over training steps", question, "dynamics", tuple(cells))
        if any(cells)
        else None
    )


def _by_entropy(finding: Finding) -> bool:
    return isinstance(finding.question, PhaseOrderQuestion)


# -- pictures -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def position(self, value: float, size: int = WIDTH) -> int:
        """Return where a value lies, from 0 to `size`, with a margin at both ends."""
        span = self.high - self.low or 1.0
        return round(size * (0.04 + 0.92 * (value - self.low) / span))


def _points(table: Table, source: str, series: str, list_name: str = SGS) -> list[tuple[float, float]]:
    """Return (step, value) of a series, by step: of the lexicon, and of what no lexicon decides, or of the placebo."""
    rows = [row for row in table.records(source=source, series=series) if (row["list"] or SGS) == list_name]
    pairs = [(row.number("step"), row.number("value")) for row in rows]
    return sorted((step, value) for step, value in pairs if step is not None and value is not None)


def _curve(
    points: Sequence[tuple[float, float]],
    band: Sequence[tuple[float, float]],
    placebo: Sequence[tuple[float, float]],
    scale: _Scale,
) -> GridCurve:
    steps = _Scale(points[0][0], points[-1][0])
    smooth = _smoothed(points)
    outline = ""
    if any(most > least for (_, least), (_, most) in zip(points, band, strict=False)):
        outline = _path([*_smoothed(band), *reversed(smooth)], steps, scale)
    return GridCurve(
        _path(_thinned(points), steps, scale),
        _path(smooth, steps, scale),
        outline,
        _path(_smoothed(placebo), steps, scale) if placebo else "",
    )


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most `MAX_POINTS` means of neighboring points."""
    size = math.ceil(len(points) / MAX_POINTS)
    blocks = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (math.fsum(x for x, _ in block) / len(block), math.fsum(y for _, y in block) / len(block)) for block in blocks
    ]


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return centered means over a tenth of the steps; at the ends over as many as there are."""
    half = round(SMOOTHED_SHARE * len(points) / 2)
    heights = [height for _, height in points]
    means = []
    for index, (step, _) in enumerate(points):
        window = heights[max(0, index - half) : index + half + 1]
        means.append((step, math.fsum(window) / len(window)))
    return _thinned(means)


def _path(points: Sequence[tuple[float, float]], steps: _Scale, heights: _Scale) -> str:
    return " ".join(f"{steps.position(x)},{HEIGHT - heights.position(y, HEIGHT)}" for x, y in points)


def _number(value: float | None, unit: str) -> str:
    """Return a number without its unit."""
    return (
        "".join(part.text for part in estimate_words(Estimate(value), unit)[:1])
        .removesuffix(f" {unit}")
        .removesuffix(" %")
    )


def _change_unit(unit: str) -> str:
    return "points" if unit == "share" else unit


def _tone(verdict: Verdict) -> Literal["up", "down", "flat", "unknown", ""]:
    tones: Mapping[Verdict, Literal["up", "down", "flat", "unknown"]] = {
        "up": "up",
        "down": "down",
        "no change": "flat",
    }
    return tones.get(verdict, "flat" if verdict == "as placebo" else "unknown")
