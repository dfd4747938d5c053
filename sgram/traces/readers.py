"""Traces out of files of any known format; bad rows are set aside, never lost. Knows nothing about words.

The promise: ``rows_in == rows_kept + rows_skipped + rows_quarantined``, memory does not grow with the
input beyond some 20 bytes a row (`IdSet`), and nothing that a file holds is executed.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.files import excerpt
from sgram.quarantine import Quarantine
from sgram.safe_reading import Caps
from sgram.traces.conditions import parse_conditions
from sgram.traces.dialects import DIALECTS, DialectOptions, detect, fields_of
from sgram.traces.fields import Fields, as_text
from sgram.traces.ids import IdGiver
from sgram.traces.sources import Paths, Row, Source, find_sources, iter_rows
from sgram.traces.trace import RowError, Trace, check_trace

_EARLY = 1000
"""Bad rows from which a reading over its limit is stopped at once."""
_MOST_GROUPS = 100_000
_MOST_WARNINGS = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How traces are read."""

    quarantine: str | os.PathLike[str] | None = None
    """File for the rows set aside; None: they are counted, and logged once a file."""
    max_bad: float = 0.01
    """Largest share of rows that may be set aside."""
    caps: Caps = field(default_factory=Caps)
    """Limits that the input must keep."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward column of a TRL, verl, verifiers or Inspect file; empty: see docs/formats.md."""
    tokenizer: str | os.PathLike[str] | None = None
    """Tokenizer for exports that hold token ids alone: tokenizer.json or its directory."""
    where: tuple[str, ...] = ()
    """Conditions that a trace must meet, such as ``correct=true``; others are skipped."""
    correct_above: float | None = None
    """Where a trace says nothing of correctness but has a reward: correct if the reward is above this."""


@dataclass(slots=True)
class Counts:
    """Rows of one file, or of all; every row is kept, skipped by a condition, or set aside."""

    rows_in: int = 0
    rows_kept: int = 0
    rows_skipped: int = 0
    rows_quarantined: int = 0


@dataclass(slots=True)
class FileReport(Counts):
    """What one file gave."""

    file: str = ""
    dialect: str | None = None
    """None until a row told."""
    first_fault: str = ""
    """Place and reason of the first row set aside."""


@dataclass(slots=True)
class ReadReport(Counts):
    """What a reading gave so far; exact at any moment between two traces."""

    files: list[FileReport] = field(default_factory=list)
    dialects: Counter[str] = field(default_factory=Counter)
    """Rows kept of each dialect."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rows set aside for each kind of reason."""
    warnings: list[str] = field(default_factory=list)

    @property
    def first_fault(self) -> str:
        """Place and reason of the first row set aside."""
        return next((file.first_fault for file in self.files if file.first_fault), "")


class TraceReader:
    """An iterable of the traces in `paths`, with a report and progress; each iteration starts anew."""

    def __init__(
        self, paths: Paths, dialect: str = "auto", on_error: str = "quarantine", options: ReadOptions | None = None
    ):
        if dialect != "auto" and dialect not in DIALECTS:
            raise UsageError(f"{excerpt(dialect)!r} is no dialect; there are: auto, {', '.join(DIALECTS)}")
        if on_error not in ("quarantine", "raise"):
            raise UsageError(f"on_error is {excerpt(on_error)!r}; choose quarantine or raise")
        self.options = options or ReadOptions()
        if not 0 <= self.options.max_bad <= 1:
            raise UsageError(f"max_bad is {self.options.max_bad}; it is a share of rows, from 0 to 1")
        self._dialect, self._raise = dialect, on_error == "raise"
        self._condition = parse_conditions(self.options.where)
        self._sources, self._warnings = find_sources(paths)
        self._check_kinds()
        decode = None
        if self.options.tokenizer is not None:
            from sgram.traces.tokens import load_decoder

            decode = load_decoder(self.options.tokenizer)
        self._dialect_options = DialectOptions(self.options.rewards, decode)
        self.report = ReadReport()

    def _check_kinds(self) -> None:
        aside = self.options.quarantine
        for source in self._sources:
            if self._dialect == "inspect":
                source.kind = "inspect"
            elif self._dialect != "auto" and source.kind == "inspect":
                raise UsageError(f"{source.name} is an Inspect log; read it with the dialect auto or inspect")
            if aside is not None and os.path.realpath(aside) == os.path.realpath(source.path):
                raise UsageError(f"{source.name} is an input; name another file for the quarantine")

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all input as stored; None where that is not known (stdin)."""
        sizes = [source.size for source in self._sources]
        return None if None in sizes else sum(sizes)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as stored."""
        return sum(source.bytes_read for source in self._sources)

    def __iter__(self) -> Iterator[Trace]:
        self.report = ReadReport(warnings=list(self._warnings))
        self._ids = IdGiver()
        self._quarantine = Quarantine(self.options.quarantine)
        self.report.reasons = self._quarantine.reasons
        try:
            for source in self._sources:
                yield from self._read_source(source)
            self._judge()
        finally:
            self._quarantine.close()

    def _read_source(self, source: Source) -> Iterator[Trace]:
        report, file = self.report, FileReport(file=source.name)
        report.files.append(file)
        if source.kind == "inspect":
            file.dialect = "inspect"
        elif self._dialect != "auto":
            file.dialect = self._dialect
        source.stream, source.share_read = None, 0.0
        odd = _Oddities(file)
        for row in iter_rows(source, self.options.caps):
            try:
                found = self._fields(row, source, file)
            except RowError as error:
                self._set_aside(row, source, file, str(error))
                continue
            for fields in found:
                trace = self._trace(fields, row, source, file)
                if trace is None:
                    continue
                if odd.skips(trace) or (self._condition is not None and not self._condition(trace)):
                    _count(report, file, "rows_skipped")
                    continue
                _count(report, file, "rows_kept")
                report.dialects[file.dialect] += 1
                yield trace
        self._warn(odd.warnings())
        if file.rows_quarantined and self.options.quarantine is None:
            log.warning("%s: rows set aside: %d; %s", file.file, file.rows_quarantined, file.first_fault)

    def _fields(self, row: Row, source: Source, file: FileReport) -> list[Fields]:
        if row.fault:
            raise RowError(row.fault)
        if file.dialect is None and type(row.record) is dict:
            file.dialect = self._detect(row, source)
        return fields_of(row.record, file.dialect or "sgram", self._dialect_options)

    def _detect(self, row: Row, source: Source) -> str:
        dialect = detect(row.record)
        keys = excerpt(", ".join(sorted(row.record)))
        if dialect is None and source.kind == "parquet":
            raise InputError(f"{source.name} has the columns {keys}, which fit no dialect; see docs/formats.md")
        if dialect is None:
            raise RowError(f"keys fit no dialect: {keys}")
        if dialect == "prime-rl" and self._dialect_options.decode is None:
            raise UsageError(
                f"{source.name} holds token ids, not text; name the tokenizer (--tokenizer tokenizer.json)"
            )
        return dialect

    def _trace(self, fields: Fields, row: Row, source: Source, file: FileReport) -> Trace | None:
        """The checked trace with an id of its own; None when the row was set aside."""
        try:
            given = "id" in fields
            if not given:
                fields["id"] = self._ids.make(fields.get("prompt"), fields["text"], fields.get("step"))
            above = self.options.correct_above
            if above is not None and "correct" not in fields and "reward" in fields:
                fields["correct"] = fields["reward"] > above
            trace = check_trace(Trace(**fields), self.options.caps.max_text_chars)
            if given and not self._ids.accept(trace.id):
                raise RowError(f"id was seen before: {excerpt(trace.id)}")
        except RowError as error:
            self._set_aside(row, source, file, str(error))
            return None
        return trace

    def _set_aside(self, row: Row, source: Source, file: FileReport, reason: str) -> None:
        place = f"{source.name}:{row.line}"
        if self._raise:
            raise InputError(f"{place}: {reason}; mend the row, or read with on_error='quarantine'")
        _count(self.report, file, "rows_quarantined")
        data = row.data if row.data is not None else _shown(row.record)
        self._quarantine.add(source.name, row.line, row.byte, excerpt(reason), data)
        file.first_fault = file.first_fault or f"{place}: {excerpt(reason)}"
        if self.report.rows_quarantined >= _EARLY:
            self._judge()

    def _warn(self, warnings: list[str]) -> None:
        self.report.warnings += warnings[: _MOST_WARNINGS - len(self.report.warnings)]

    def _judge(self) -> None:
        """Raise when what was read cannot be used, or more than the allowed share was set aside."""
        report = self.report
        if report.rows_in == 0:
            names = ", ".join(source.name for source in self._sources[:3])
            raise InputError(f"no rows in {names}; check that these are the right files")
        if report.rows_quarantined == report.rows_in:
            raise InputError(
                f"none of the rows can be used ({report.rows_in} read); first: {report.first_fault}; "
                "see docs/formats.md"
            )
        if report.rows_quarantined > self.options.max_bad * report.rows_in:
            share = 100 * report.rows_quarantined / report.rows_in
            reasons = ", ".join(f"{reason} ({count})" for reason, count in report.reasons.most_common(3))
            where = f"see {excerpt(self.options.quarantine)}" if self.options.quarantine else report.first_fault
            raise QuarantineError(
                f"{report.rows_quarantined} of {report.rows_in} rows ({share:.1f} %) were set aside, more than "
                f"{100 * self.options.max_bad:g} %: {reasons}; {where}; mend them or raise --max-bad"
            )


def _count(report: ReadReport, file: FileReport, what: str) -> None:
    for counts in (report, file):
        counts.rows_in += 1
        setattr(counts, what, getattr(counts, what) + 1)


def _shown(record: Any) -> str:
    try:
        return as_text(record) or ""
    except RowError:
        return repr(type(record))


class _Oddities:
    """What is odd about one file: groups of unequal size in a verl dump, several filters in lm-eval samples."""

    def __init__(self, file: FileReport):
        self._file, self._filter, self._other_filters = file, None, 0
        self._groups: Counter[str] = Counter()

    def skips(self, trace: Trace) -> bool:
        """Whether `trace` repeats a response under another answer filter; groups are counted on the way."""
        if self._file.dialect == "verl" and trace.group and len(self._groups) < _MOST_GROUPS:
            self._groups[trace.group] += 1
        if self._file.dialect != "lm-eval":
            return False
        name = trace.meta.get("filter")
        if self._filter is None:
            self._filter = name
        if name == self._filter:
            return False
        self._other_filters += 1
        return True

    def warnings(self) -> list[str]:
        """What to tell of the file."""
        told = []
        sizes = self._groups.values()
        if sizes and min(sizes) != max(sizes):
            told.append(
                f"{self._file.file}: groups hold {min(sizes)} to {max(sizes)} traces; verl writes no group id, "
                "so equal prompts of one step are taken for one group"
            )
        if self._other_filters:
            told.append(
                f"{self._file.file}: {self._other_filters} rows of other answer filters than "
                f"{excerpt(str(self._filter))} were skipped, as they repeat its responses"
            )
        return told


def read_traces(paths: Paths, dialect: str = "auto", on_error: str = "quarantine") -> Iterator[Trace]:
    """Traces of files, directories or ``-``; `TraceReader` is the same with options, report and progress."""
    return iter(TraceReader(paths, dialect, on_error))
