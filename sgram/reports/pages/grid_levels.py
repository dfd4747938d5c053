"""The level of a question's quantity over all traces of a source, for sources and reports without training steps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.analysis.findings import Finding
from sgram.analysis.table import Record
from sgram.diagnosis.kind_shares import RIVALS
from sgram.reports.questions import ReportQuestion
from sgram.statistics import Estimate

if TYPE_CHECKING:
    from sgram.analysis import Analysis


@dataclass(frozen=True, slots=True)
class GridLevel:
    """A level with its interval."""

    estimate: Estimate
    placebo: Estimate | None = None
    """The same of random phrases."""
    at_most: float | None = None
    """The value with the undecided kinds of errors, if it is larger."""


def find_level(analysis: "Analysis", question: ReportQuestion, source: str, *, beside_steps: bool) -> GridLevel | None:
    """Return the level of a source; None if it has none.

    With `beside_steps`, kinds of errors are shares of the judged traces, as those of training steps are; else they are
    shares of the wrong traces.
    """
    if question.level_finding:
        finding = find_finding(analysis, question.level_finding, source)
        return None if finding is None or finding.estimate is None else GridLevel(finding.estimate)
    if question.has_band:
        return _kind_level(analysis, question.name, source, beside_steps)
    return _variety(analysis, source) if question.has_placebo else _length(analysis, source)


def find_finding(analysis: "Analysis", question: str, source: str) -> Finding | None:
    """Return the finding on a source that is about no gram, move or pair of arms; None if there is none."""
    return next(
        (
            finding
            for finding in analysis.findings
            if finding.question.name == question and finding.source == source and not finding.subject
        ),
        None,
    )


def _kind_level(analysis: "Analysis", name: str, source: str, beside_steps: bool) -> GridLevel | None:
    """Return the share of a kind of error, its interval from the decided share to that with the undecided."""
    kind = next(kind for kind in RIVALS if name == f"{kind} errors")
    table = analysis.tables.get("errors")
    rows = [] if table is None else table.records(source=source, step=None, kind=kind)
    share = rows[0].number("share") if rows else None
    if share is None:
        return None
    at_most = rows[0].number("at_most")
    is_open = at_most is not None and at_most > share
    if not beside_steps:
        estimate = Estimate(share, rows[0].number("low"), rows[0].number("at_most_high"))
        return GridLevel(estimate, at_most=at_most if is_open else None)
    n_correct, n_wrong = _verdicts(analysis, source)
    if not n_wrong:
        return None
    error_rate = n_wrong / (n_correct + n_wrong)
    most = error_rate * at_most if at_most is not None and is_open else None
    return GridLevel(Estimate(error_rate * share), at_most=most)


def _verdicts(analysis: "Analysis", source: str) -> tuple[float, float]:
    """Return the numbers of correct and of wrong traces."""
    row = _corpus_row(analysis, source)
    return row.number("correct") or 0.0, row.number("wrong") or 0.0


def _corpus_row(analysis: "Analysis", source: str) -> Record:
    table = analysis.tables.get("corpus")
    return next(iter(table.records(source=source)), Record()) if table is not None else Record()


def _length(analysis: "Analysis", source: str) -> GridLevel | None:
    length = _corpus_row(analysis, source).number("length")
    return None if length is None else GridLevel(Estimate(length))


def _variety(analysis: "Analysis", source: str) -> GridLevel | None:
    """Return the semantic entropy over grams at equal size, and that of random phrases."""
    table = analysis.tables.get("semantic_entropy")
    rows = [] if table is None else table.records(source=source, outcome="all", bins="grams")
    by_list = {row.text("list"): row for row in rows}
    if "SGs" not in by_list or by_list["SGs"].number("at_size") is None:
        return None
    estimate, placebo = (
        Estimate(row.number("at_size"), row.number("low"), row.number("high"))
        for row in (by_list["SGs"], by_list.get("placebo", Record()))
    )
    return GridLevel(estimate, placebo if placebo.value is not None else None)
