"""Findings: what the tables of an analysis say, as data. `sgram.reports.wording` puts them into words.

A measure declares questions. A question reads the tables and yields a finding for each source, and one for all sources
together. A difference is claimed only if its 95 % interval excludes 0 and, where random phrases have the same
quantity, only if it exceeds theirs.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sgram.analysis.figure_specs import Cells
from sgram.analysis.table import Record, Table
from sgram.diagnosis.kind_shares import KindsOfErrors
from sgram.metrics import PhaseOrder
from sgram.statistics import (
    Estimate,
    Interval,
    difference,
    mean,
    read_interval,
    select_discoveries,
    widen_by_steps,
    widen_share_difference,
)

Verdict = Literal["up", "down", "no change", "as placebo", "cannot say", "measured", "mixed"]
"""up, down: the interval excludes 0 and exceeds random phrases; no change: it contains 0; as placebo: random phrases
show as much; cannot say: too few data; measured: a value that is compared with nothing; mixed: the sources differ."""
SourceKind = Literal["run", "model", "source"]
END = 0.1
"""Share of the steps that count as the first ones, and as the last ones."""
MIN_OUTCOMES = 10
"""Fewest correct and fewest wrong traces of a source that are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class FindingContext:
    """What questions read besides the table of their measure."""

    tables: Mapping[str, Table]
    sources: Sequence[str]
    phase_orders: Mapping[str, PhaseOrder] = field(default_factory=dict)
    placebo_phase_orders: Mapping[str, PhaseOrder] = field(default_factory=dict)

    def n_judged(self, source: str) -> tuple[int, int] | None:
        """Return the numbers of correct and of wrong traces of a source; None if the corpus is not known."""
        if "corpus" not in self.tables:
            return None
        row = next(iter(self.tables["corpus"].records(source=source)), Record())
        return int(row.number("correct") or 0), int(row.number("wrong") or 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """What a finding answers: its subject in words, and the columns that it reads."""

    name: str
    """Identifies the question among those of all measures."""
    subject: str
    """What rises, falls or differs, as the subject of a sentence: "the planning share"."""
    unit: str = "share"
    """"share" for a share from 0 to 1, "ratio" for a factor, or the unit of the number, such as "nats"."""
    value: str = "value"
    low: str = "low"
    high: str = "high"
    rank: int = 0
    """Place among the headlines of a report, from 1; 0 if it is no headline."""
    caution: str = ""
    """What a reader must know about every finding of this question."""

    def interval(self, row: Record) -> Interval | None:
        """Return the value of a row with its interval; None if one of its numbers is missing."""
        return read_interval(row, self.value, self.low, self.high)

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator["Finding"]:
        """Yield the finding of each source that has the data."""
        raise NotImplementedError

    def summary(self, findings: Sequence["Finding"]) -> "Finding | None":
        """Return what the findings of this question say of all sources together; None for fewer than two sources."""
        return summarize(findings)

    def compared(
        self, measure: str, source: str, first: Interval, last: Interval, gap: Interval, placebo: float | None, n: int
    ) -> "Finding":
        """Return the finding that `last` differs from `first` by `gap`, and by `placebo` for random phrases."""
        placebo_estimate = None if placebo is None else Estimate(placebo)
        sides, verdict = (to_estimate(first), to_estimate(last)), judge(gap, placebo)
        return Finding(measure, self, source, to_estimate(gap), placebo_estimate, verdict, n or None, sides=sides)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One statement of a report."""

    measure: str
    question: Question
    source: str | None
    """None for a finding about all sources."""
    estimate: Estimate | None = None
    """The change, difference or value; None in a finding about several sources, which are never pooled."""
    placebo: Estimate | None = None
    """The same quantity of random phrases."""
    verdict: Verdict = "measured"
    n: int | None = None
    """Number of traces, problems, steps or comparisons behind it, or of sources."""
    notes: tuple[str, ...] = ()
    subject: str = ""
    """The gram, move, cluster or pair of arms that it is about, if a source has several; text from data."""
    sides: tuple[Estimate, Estimate] | None = None
    """What is compared: the first and the last steps, or the two sides of a contrast."""
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    """(source, verdict) of each source, in a finding about all of them; of one source, verdicts by other means."""
    errors: tuple[KindsOfErrors, ...] = ()
    """The kinds of errors of each source that it is about, if it is about kinds of errors."""
    at_most: tuple[Estimate, Estimate] | None = None
    """The most that `sides` may be, if undecided traces may add to them."""

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values, numbers rounded to 6 decimals."""
        estimates = {"estimate": self.estimate, "placebo": self.placebo}
        return {
            "measure": self.measure,
            "question": self.question.name,
            "source": self.source,
            "subject": self.subject or None,
            **{name: None if number is None else number.to_json() for name, number in estimates.items()},
            "sides": None if self.sides is None else [side.to_json() for side in self.sides],
            "at_most": None if self.at_most is None else [side.to_json() for side in self.at_most],
            "kinds": [{"source": errors.source, **row} for errors in self.errors for row in errors.to_json()] or None,
            "unit": self.question.unit,
            "verdict": self.verdict,
            "verdicts": dict(self.verdicts) or None,
            "n": self.n,
            "notes": list(self.notes),
        }


def judge(interval: Interval, placebo: float | None = None) -> Verdict:
    """Return the verdict on a difference beside that of random phrases, None if they have none.

    Tables hold no interval of a placebo's difference; it is taken to be as wide as that of the lexicon.

    >>> judge(Interval(0.3, 0.1, 0.5)), judge(Interval(0.3, -0.1, 0.7)), judge(Interval(0.3, 0.1, 0.5), placebo=0.25)
    ('up', 'no change', 'as placebo')
    """
    if interval.contains_zero:
        return "no change"
    if placebo is not None:
        shift = placebo - interval.value
        placebo_interval = Interval(placebo, interval.low + shift, interval.high + shift)
        exceeds = abs(placebo) > abs(interval.value) and (placebo > 0) == (interval.value > 0)
        if exceeds or difference(interval, placebo_interval).contains_zero:
            return "as placebo"
    return "up" if interval.value > 0 else "down"


def to_estimate(interval: Interval) -> Estimate:
    """Return an interval as an `Estimate`."""
    return Estimate(interval.value, interval.low, interval.high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level(Question):
    """How large a quantity is, for each source."""

    where: Cells = field(default_factory=dict)
    n: str = ""
    """Column of the sample size."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the value of each source."""
        for source in context.sources:
            for row in _matching(table, source, self.where)[:1]:
                value = row.number(self.value)
                if value is not None:
                    estimate = Estimate(value, row.number(self.low), row.number(self.high))
                    yield Finding(measure, self, source, estimate, n=_count(row, self.n))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast(Question):
    """Whether a quantity differs between two kinds of rows of a source, such as wrong and correct traces."""

    by: str = "outcome"
    """Column that tells the two kinds."""
    sides: tuple[str, str] = ("correct", "wrong")
    """Cells of `by`: the reference, and what is compared with it."""
    side_names: tuple[str, str] = ("correct traces", "wrong traces")
    """The two sides in words."""
    where: Cells = field(default_factory=dict)
    same: str = ""
    """Column that must be equal in both rows, such as the size of a sample."""
    n: str = ""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the difference of each source that has both sides."""
        by_outcome = self.by == "outcome"
        for source in context.sources:
            judged = context.n_judged(source) if by_outcome else None
            if judged is not None and min(judged) < MIN_OUTCOMES:
                if sum(judged):
                    notes = (f"{judged[0]:,} correct and {judged[1]:,} wrong traces: fewer than {MIN_OUTCOMES} of one",)
                    yield Finding(measure, self, source, verdict="cannot say", n=sum(judged), notes=notes)
                continue
            rows = self._sides(table, source, "SGs")
            if rows is not None:
                yield from self._compare(measure, source, rows, self._sides(table, source, "placebo"))

    def _sides(self, table: Table, source: str, list_name: str) -> tuple[Record, Record] | None:
        """Return the rows of both sides for a gram list; rows of a table without lists are of the lexicon."""
        has_lists = "list" in table.names
        if not has_lists and list_name == "placebo":
            return None
        where = {**self.where, **({"list": list_name} if has_lists else {})}
        rows = _matching(table, source, where)
        sides = [next((row for row in rows if row[self.by] == side), None) for side in self.sides]
        if sides[0] is None or sides[1] is None or (self.same and sides[0][self.same] != sides[1][self.same]):
            return None
        return sides[0], sides[1]

    def _compare(
        self, measure: str, source: str, rows: tuple[Record, Record], placebo_rows: tuple[Record, Record] | None
    ) -> Iterator[Finding]:
        reference, compared = (self.interval(row) for row in rows)
        if reference is None or compared is None:
            return
        gap, placebo = difference(compared, reference), None
        if placebo_rows is not None:
            ends = [row.number(self.value) for row in placebo_rows]
            placebo = None if ends[0] is None or ends[1] is None else ends[1] - ends[0]
        n = sum(_count(row, self.n) or 0 for row in rows)
        yield self.compared(measure, source, reference, compared, gap, placebo, n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change(Question):
    """How a series of the table `curves` changes from the first to the last tenth of the training steps."""

    series: str

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the change of each source that has the series at two steps or more."""
        for source in context.sources:
            rows = table.records(source=source, series=self.series)
            own_rows = [row for row in rows if row["list"] != "placebo"]
            ends = self.ends(own_rows)
            if ends is None:
                continue
            placebo_ends = self.ends([row for row in rows if row["list"] == "placebo"])
            placebo = None if placebo_ends is None else placebo_ends[1].value - placebo_ends[0].value
            n_steps = len({row["step"] for row in rows})
            yield self.compared(measure, source, *ends, self.change(own_rows), placebo, n_steps)

    def ends(self, rows: Sequence[Record]) -> tuple[Interval, Interval] | None:
        """Return the means over the first and the last tenth of the steps; None for fewer than two steps."""
        first, last = self._tenths(rows)
        return (mean([interval for interval, _ in first]), mean([interval for interval, _ in last])) if first else None

    def change(self, rows: Sequence[Record], last_rows: Sequence[Record] | None = None) -> Interval:
        """Return the last end less the first one, of rows at two steps or more.

        The interval covers the noise from step to step; that of a share also the small number of its traces. If
        `last_rows` are given, the last end is theirs, and the noise that of both.
        """
        last_rows = rows if last_rows is None else last_rows
        tenths = self._tenths(rows)[0], self._tenths(last_rows)[1]
        first, last = (mean([interval for interval, _ in tenth]) for tenth in tenths)
        change = difference(last, first)
        for series in (rows, last_rows):
            change = self.cover_steps(change, [interval.value for interval, _ in self._complete(series)])
        sizes = [sum(row.number("n") or 0 for _, row in tenth) for tenth in tenths]
        if self.unit != "share" or not all(sizes) or any(row["list"] for row in rows):
            return change
        return widen_share_difference(change, [(first.value, sizes[0]), (last.value, sizes[1])])

    def cover_steps(self, change: Interval, values: Sequence[float]) -> Interval:
        """Return the change of `values`, (steps,), with an interval that covers their noise from step to step."""
        return widen_by_steps(change, values, _n_end(len(values)))

    def _complete(self, rows: Sequence[Record]) -> list[tuple[Interval, Record]]:
        """Return the rows that have an interval, by step."""
        ordered = sorted(rows, key=lambda row: row.number("step") or 0.0)
        return [(interval, row) for row in ordered if (interval := self.interval(row)) is not None]

    def _tenths(self, rows: Sequence[Record]) -> tuple[Sequence[tuple[Interval, Record]], ...]:
        complete = self._complete(rows)
        n = _n_end(len(complete))
        return complete[:n], complete[len(complete) - n :]


def _n_end(n_steps: int) -> int:
    """Return the number of steps that count as the first ones, and as the last ones."""
    return min(max(1, round(END * n_steps)), n_steps // 2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of many comparisons that are judged together."""

    source: str | None
    subject: str
    interval: Interval
    sides: tuple[Estimate, Estimate] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discoveries(Question):
    """Which of many rows differ from zero (a ratio: from 1), judged together (Benjamini and Hochberg, 5 %)."""

    things: str
    """What is compared, in the plural: "grams"."""
    named_by: str
    """Column that names a row."""
    words: tuple[str, str]
    """What a difference below and above zero means: ("more frequent in wrong traces", ...)."""
    none: str = "differs between correct and wrong traces"
    """What none of them is shown to do if there is no discovery."""
    max_named: int = 6
    """Discoveries that have a finding of their own, the surest first."""

    def comparisons(self, table: Table, context: FindingContext) -> Iterator[Comparison]:
        """Yield the rows that have an interval."""
        for row in table.records():
            interval = self.interval(row)
            if interval is not None:
                yield Comparison(row.text("source") or None, row.text(self.named_by), interval)

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield what holds of all comparisons together, then the surest discoveries."""
        comparisons = list(self.comparisons(table, context))
        if not comparisons:
            return
        discoveries = select_discoveries(comparisons, self._tested)
        verdicts = tuple((comparison.subject, self._direction(comparison)) for comparison in discoveries)
        distinct = {verdict for _, verdict in verdicts}
        common: Verdict = "no change" if not distinct else distinct.pop() if len(distinct) == 1 else "mixed"
        yield Finding(measure, self, None, verdict=common, n=len(comparisons), verdicts=verdicts)
        for comparison, (subject, verdict) in list(zip(discoveries, verdicts, strict=True))[: self.max_named]:
            estimate, n, sides = to_estimate(comparison.interval), len(comparisons), comparison.sides
            yield Finding(
                measure, self, comparison.source, estimate, verdict=verdict, n=n, subject=subject, sides=sides
            )

    def _tested(self, comparison: Comparison) -> Interval | None:
        """Return the interval that is tested against 0; None for a ratio that is not positive."""
        interval = comparison.interval
        if self.unit != "ratio":
            return interval
        if min(interval.value, interval.low) <= 0:
            return None
        return Interval(math.log(interval.value), math.log(interval.low), math.log(interval.high))

    def _direction(self, comparison: Comparison) -> Verdict:
        return "up" if comparison.interval.value > (1 if self.unit == "ratio" else 0) else "down"


def _matching(table: Table, source: str, where: Cells) -> list[Record]:
    """Return the rows of a source with these cells; without a cell for `list`, those of the lexicon."""
    cells = {**({"list": "SGs"} if "list" in table.names else {}), **where}
    return table.records(source=source, **cells)


def _count(row: Record, name: str) -> int | None:
    number = row.number(name) if name else None
    return None if number is None else int(number)


def summarize(findings: Sequence[Finding]) -> Finding | None:
    """Return what findings of one question say of all sources together; None for fewer than two sources.

    The values are not pooled: the verdict is that of all sources, or "mixed". The sides are the smallest and the
    largest estimate. `verdicts` names all sources; of values that are compared with nothing, only those of the sides.
    """
    if len(findings) < 2 or any(finding.source is None or finding.subject for finding in findings):
        return None
    first = findings[0]
    levels = [(finding.estimate, finding.source or "") for finding in findings if finding.estimate is not None]
    levels.sort(key=lambda level: level[0].value or 0.0)
    sides = (levels[0][0], levels[-1][0]) if levels else None
    distinct = {finding.verdict for finding in findings}
    verdict = first.verdict if len(distinct) == 1 else "mixed"
    verdicts = tuple((finding.source or "", finding.verdict) for finding in findings)
    if verdict == "measured" and levels:
        verdicts = (levels[0][1], verdict), (levels[-1][1], verdict)
    errors = tuple(errors for finding in findings for errors in finding.errors)
    return Finding(
        first.measure,
        first.question,
        None,
        verdict=verdict,
        n=len(findings),
        sides=sides,
        verdicts=verdicts,
        errors=errors,
    )


def build_findings(questions: Iterable[tuple[str, Question]], context: FindingContext) -> tuple[Finding, ...]:
    """Return the findings of all `questions`, (measure, question) each, in their order.

    The finding about all sources stands before those of single sources. A question whose table is absent has none.
    """
    findings: list[Finding] = []
    for measure, question in questions:
        if measure in context.tables:
            by_source = list(question.findings(measure, context.tables[measure], context))
            summary = question.summary(by_source)
            findings += [*([summary] if summary else []), *by_source]
    return tuple(findings)
