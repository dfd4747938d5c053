"""`Measure`: the one declaration of a quantity that `sgram metrics` and `sgram report` show.

Tables, comparisons with placebos, sections, figures, findings, CSV files and terminal views all follow from it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sgram.analysis.columns_store import PerTrace
from sgram.analysis.diagnosed_traces import EquationCheck, TraceDiagnosis
from sgram.analysis.figure_specs import Cells, FigureSpec
from sgram.analysis.findings import Question
from sgram.analysis.step_series import StepSeries
from sgram.analysis.table import Column, Record, Table, build_table
from sgram.analysis.trace_counts import PLACEBO, TraceCounts
from sgram.array_types import FloatArray, IntArray
from sgram.errors import SgramError
from sgram.statistics import Estimate


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisData:
    """What the table functions of measures read."""

    counts: TraceCounts
    error_kinds: IntArray
    """(traces,) index in `sgram.diagnosis.kinds.KINDS` of each error; -1 if there is none or it is unknown."""
    error_weights: FloatArray
    """(traces,) how many wrong traces each trace of a known kind stands for; 0 for the others."""
    regraded: Mapping[int, bool] = field(default_factory=dict)
    """Key of a trace that is correct by the file -> whether the grader says so, too, of those graded again."""
    diagnoses: Sequence[TraceDiagnosis] = ()
    equation_checks: Sequence[EquationCheck] = ()
    series: Mapping[int, Sequence[StepSeries]] = field(default_factory=dict)
    """Source -> its quantities over training steps."""


TextOfData: TypeAlias = str | Callable[[AnalysisData], str]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a table: its columns, and the columns that name the set of traces that it is of."""

    title: str
    value: str = "value"
    low: str = "low"
    high: str = "high"
    keys: tuple[str, ...] = ("source",)
    extra: tuple[str, ...] = ()
    """Further columns that a terminal shows beside it, such as sample sizes."""
    where: Cells = field(default_factory=dict)
    last_step: bool = False
    """Whether only the last step of each source counts, in a table with a row for each step."""
    shows_undefined: bool = False
    """Whether rows without a number are shown, too, because their other columns say something."""
    unit: str = ""
    """Unit of the number, such as "nats"; "share" for a share in a column of numbers; "" for a pure number."""
    is_matched: bool = False
    """Whether placebos are drawn to have this number, so that they do not stand beside it."""

    def is_share(self, table: Table) -> bool:
        """Return whether the number is a share, which is shown in per cent."""
        return self.unit == "share" or any(
            column.kind == "share" for column in table.columns if column.name == self.value
        )

    def estimate(self, row: Record) -> Estimate:
        """Return the number of a row with its interval, or the range of the placebo's draws."""
        return Estimate(row.number(self.value), row.number(self.low), row.number(self.high))

    def pairs(self, table: Table, sources: Sequence[str] | None = None) -> Iterator[tuple[Record, Record | None]]:
        """Yield each row that is shown beside the placebo's row of the same keys, None if nothing is to be compared."""
        rows = [row for row in table.records(**self.where) if sources is None or row.get("source") in (None, *sources)]
        if self.last_step:
            last = {row["source"]: row["step"] for row in sorted(rows, key=lambda row: row.number("step") or 0.0)}
            rows = [row for row in rows if row["step"] == last[row["source"]]]
        placebos = {self._key(row): row for row in rows if row.get("list") == PLACEBO and not self.is_matched}
        for row in rows:
            if row.get("list") != PLACEBO and (self.shows_undefined or row.number(self.value) is not None):
                yield row, placebos.get(self._key(row))

    def _key(self, row: Record) -> tuple[str, ...]:
        return tuple(row.text(name) for name in self.keys)


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A quantity, with everything that shows it."""

    name: str
    """Name of the table, and of its CSV file: lower-case words joined by underscores."""
    title: str
    columns: tuple[Column, ...]
    records: Callable[[AnalysisData], Iterable[Mapping[str, Any]]]
    """The table function: yields the rows as mappings from columns to cells; none if the data do not allow it."""
    note: TextOfData = ""
    """What a reader must know about the table: sampling, intervals, units."""
    needs: str = ""
    """What inputs need to have the table, as a sentence without a full stop."""
    section: str = ""
    """Section of the report (`sgram.reports.pages.report_sections`); "" if the report does not show the measure."""
    is_open: bool = False
    """Whether the report shows the table at once; else a reader unfolds it."""
    quantities: tuple[Quantity, ...] = ()
    """Numbers that are compared with the placebo's and that `sgram metrics` prints."""
    figures: tuple[FigureSpec, ...] = ()
    questions: tuple[Question, ...] = ()
    per_trace: PerTrace | None = None
    step_series: Callable[[TraceCounts, int], Iterable[StepSeries]] | None = None
    """Yields quantities of a source over its steps, which the tables `curves` and `settling` then have, too."""

    def table(self, data: AnalysisData) -> Table:
        """Return the table, without rows if the data do not allow it; raise `SgramError` if a function of it fails."""
        with self._naming_failures():
            note = self.note if isinstance(self.note, str) else self.note(data)
            return build_table(self.name, self.title, self.columns, self.records(data), note)

    def series(self, counts: TraceCounts, source: int) -> list[StepSeries]:
        """Return what the measure follows over the steps of a source; raise `SgramError` if its function fails."""
        with self._naming_failures():
            return [] if self.step_series is None else list(self.step_series(counts, source))

    @contextmanager
    def _naming_failures(self) -> Iterator[None]:
        """Raise `SgramError` with the name of the measure for any error inside the block."""
        try:
            yield
        except Exception as error:  # of any kind, as the functions may be another package's
            message = f"the measure {self.name!r} failed: {error!r:.200}; mend it, or uninstall its package"
            raise SgramError(message) from error
