"""Traces out of files of any known format; unusable rows go to a quarantine.

Guarantees: ``rows_in == rows_kept + rows_skipped + rows_quarantined``; memory does not grow with the input beyond
some 20 bytes a row (`IdSet`); nothing that a file holds is executed.
"""

import logging
import os
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.files import excerpt
from sgram.quarantine import Quarantine
from sgram.safe_reading import Caps
from sgram.traces.conditions import parse_conditions
from sgram.traces.dialects import DIALECTS, DialectOptions, detect, fields_of
from sgram.traces.fields import Fields, as_text
from sgram.traces.ids import IdRegistry
from sgram.traces.input_files import Paths, find_input_files, iter_rows
from sgram.traces.rows import InputFile, Row
from sgram.traces.trace import RowError, Trace, check_trace

_EARLY_STOP = 1000
"""Rejected rows from which the allowed share is checked at once, not only at the end."""
_MAX_GROUPS = 100_000
_MAX_WARNINGS = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of reading traces."""

    quarantine: str | os.PathLike[str] | None = None
    """File for rejected rows; None: they are counted, and logged once per file."""
    max_bad: float = 0.01
    """Largest allowed share of rejected rows, 0 to 1."""
    caps: Caps = field(default_factory=Caps)
    """Limits for untrusted input."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward column of a TRL, verl, verifiers or Inspect file; empty: see docs/formats.md."""
    tokenizer: str | os.PathLike[str] | None = None
    """Tokenizer for exports that hold token ids without text: tokenizer.json or its directory."""
    where: tuple[str, ...] = ()
    """Conditions that a trace must meet, such as ``correct=true``; other traces are skipped."""
    correct_above: float | None = None
    """Reward above which a trace is correct, for traces that have a reward but no `correct`."""


_Outcome = Literal["rows_kept", "rows_skipped", "rows_quarantined"]


@dataclass(slots=True)
class RowCounts:
    """Rows of one file, or of all files. Each row is kept, skipped by a condition, or rejected."""

    rows_in: int = 0
    rows_kept: int = 0
    rows_skipped: int = 0
    rows_quarantined: int = 0


@dataclass(slots=True)
class FileReport(RowCounts):
    """Report of reading one file."""

    file: str = ""
    dialect: str | None = None
    """None until a row shows it."""
    first_fault: str = ""
    """Location and reason of the first rejected row."""


@dataclass(slots=True)
class ReadReport(RowCounts):
    """Report of a reading so far; exact between any two traces."""

    files: list[FileReport] = field(default_factory=list)
    dialects: Counter[str] = field(default_factory=Counter)
    """Kept rows of each dialect."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected rows per kind of reason."""
    warnings: list[str] = field(default_factory=list)

    @property
    def first_fault(self) -> str:
        """Location and reason of the first rejected row."""
        return next((file.first_fault for file in self.files if file.first_fault), "")


class TraceReader:
    """Iterable of the traces in `paths`, with a report and progress. Each iteration starts anew.

    `dialect` is the name of a dialect or ``auto``; with `on_error` ``raise`` the first unusable row raises
    `InputError`. Raise `UsageError` for invalid arguments. Iterating raises `InputError` if no row is usable and
    `QuarantineError` if more rows are rejected than `ReadOptions.max_bad` allows.

    >>> from sgram.files import data_path
    >>> reader = TraceReader(data_path("sample_traces.jsonl"), options=ReadOptions(where=("correct=true",)))
    >>> len(list(reader)) == reader.report.rows_kept
    True
    """

    def __init__(
        self, paths: Paths, dialect: str = "auto", on_error: str = "quarantine", options: ReadOptions | None = None
    ):
        if dialect != "auto" and dialect not in DIALECTS:
            raise UsageError(f"unknown dialect {excerpt(dialect)!r}; known: auto, {', '.join(DIALECTS)}")
        if on_error not in ("quarantine", "raise"):
            raise UsageError(f"on_error must be quarantine or raise (got {excerpt(on_error)!r})")
        self.options = options or ReadOptions()
        if not 0 <= self.options.max_bad <= 1:
            raise UsageError(f"max_bad must be a share of rows from 0 to 1 (got {self.options.max_bad})")
        self._dialect, self._raises = dialect, on_error == "raise"
        self._condition = parse_conditions(self.options.where)
        self._files, self._warnings = find_input_files(paths)
        self._check_kinds()
        decode = None
        if self.options.tokenizer is not None:
            from sgram.traces.tokens import load_decoder

            decode = load_decoder(self.options.tokenizer)
        self._dialect_options = DialectOptions(self.options.rewards, decode)
        self.report = ReadReport()

    def _check_kinds(self) -> None:
        """Raise `UsageError` if the dialect does not fit a file, or the quarantine is one of the inputs."""
        quarantine = self.options.quarantine
        for file in self._files:
            if self._dialect == "inspect":
                file.kind = "inspect"
            elif self._dialect != "auto" and file.kind == "inspect":
                raise UsageError(f"{file.name} is an Inspect log; read it with the dialect auto or inspect")
            if quarantine is not None and os.path.realpath(quarantine) == os.path.realpath(file.path):
                raise UsageError(f"{file.name} is an input; name another file for the quarantine")

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all input files as stored; None if a size is unknown (stdin)."""
        sizes = [file.size for file in self._files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self._files) else None

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as stored."""
        return sum(file.bytes_read for file in self._files)

    def __iter__(self) -> Generator[Trace, None, None]:
        self.report = ReadReport(warnings=list(self._warnings))
        self._ids = IdRegistry()
        self._quarantine = Quarantine(self.options.quarantine)
        self.report.reasons = self._quarantine.reasons
        try:
            for file in self._files:
                yield from self._read_file(file)
            self._check_usable()
        finally:
            self._quarantine.close()

    def _read_file(self, file: InputFile) -> Iterator[Trace]:
        report = FileReport(file=file.name)
        self.report.files.append(report)
        if file.kind == "inspect":
            report.dialect = "inspect"
        elif self._dialect != "auto":
            report.dialect = self._dialect
        file.stream, file.share_read = None, 0.0
        peculiarities = _FilePeculiarities(report)
        for row in iter_rows(file, self.options.caps):
            try:
                dialect = self._dialect_of(row, file, report)
                fields_list = fields_of(row.record, dialect, self._dialect_options)
            except RowError as error:
                self._reject(row, file, report, str(error))
                continue
            for fields in fields_list:
                trace = self._make_trace(fields, row, file, report)
                if trace is None:
                    continue
                is_repeat = peculiarities.is_repeat(trace)
                if is_repeat or (self._condition is not None and not self._condition(trace)):
                    self._count(report, "rows_skipped")
                    continue
                self._count(report, "rows_kept")
                self.report.dialects[dialect] += 1
                yield trace
        self._warn(peculiarities.warnings())
        if report.rows_quarantined and self.options.quarantine is None:
            log.warning("%s: rows set aside: %d; %s", report.file, report.rows_quarantined, report.first_fault)

    def _dialect_of(self, row: Row, file: InputFile, report: FileReport) -> str:
        """Return the dialect of the row's file, found from the first record. Raise `RowError` for an unusable row."""
        if row.fault:
            raise RowError(row.fault)
        if report.dialect is None and type(row.record) is dict:
            report.dialect = self._detect(row, file)
        return report.dialect or "sgram"

    def _detect(self, row: Row, file: InputFile) -> str:
        dialect = detect(row.record)
        keys = excerpt(", ".join(sorted(row.record)))
        if dialect is None and file.kind == "parquet":
            raise InputError(f"{file.name} has the columns {keys}, which fit no dialect; see docs/formats.md")
        if dialect is None:
            raise RowError(f"keys fit no dialect: {keys}")
        if dialect == "prime-rl" and self._dialect_options.decode is None:
            raise UsageError(f"{file.name} holds token ids, not text; name the tokenizer (--tokenizer tokenizer.json)")
        return dialect

    def _make_trace(self, fields: Fields, row: Row, file: InputFile, report: FileReport) -> Trace | None:
        """Return the checked trace with a unique id; None if the row was rejected."""
        try:
            has_id = "id" in fields
            if not has_id:
                fields["id"] = self._ids.create(fields.get("prompt"), fields["text"], fields.get("step"))
            correct_above = self.options.correct_above
            if correct_above is not None and "correct" not in fields and "reward" in fields:
                fields["correct"] = fields["reward"] > correct_above
            trace = check_trace(Trace(**fields), self.options.caps.max_text_chars)
            if has_id and not self._ids.register(trace.id):
                raise RowError(f"id was seen before: {excerpt(trace.id)}")
        except RowError as error:
            self._reject(row, file, report, str(error))
            return None
        return trace

    def _reject(self, row: Row, file: InputFile, report: FileReport, reason: str) -> None:
        """Count a row as unusable and write it to the quarantine."""
        location = f"{file.name}:{row.line}"
        if self._raises:
            raise InputError(f"{location}: {reason}; correct the row, or read with on_error='quarantine'")
        self._count(report, "rows_quarantined")
        data = row.data if row.data is not None else _record_text(row.record)
        self._quarantine.add(file.name, row.line, row.byte, excerpt(reason), data)
        report.first_fault = report.first_fault or f"{location}: {excerpt(reason)}"
        if self.report.rows_quarantined >= _EARLY_STOP:
            self._check_usable()

    def _count(self, report: FileReport, outcome: _Outcome) -> None:
        for counts in (self.report, report):
            counts.rows_in += 1
            setattr(counts, outcome, getattr(counts, outcome) + 1)

    def _warn(self, warnings: list[str]) -> None:
        self.report.warnings += warnings[: _MAX_WARNINGS - len(self.report.warnings)]

    def _check_usable(self) -> None:
        """Raise `InputError` if no row is usable, `QuarantineError` if more than the allowed share is rejected."""
        report = self.report
        if report.rows_in == 0:
            names = ", ".join(file.name for file in self._files[:3])
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
                f"{100 * self.options.max_bad:g} %: {reasons}; {where}; correct them or raise --max-bad"
            )


def _record_text(record: Any) -> str:
    """Return a rejected record as JSON, or only its type if it has no JSON."""
    try:
        return as_text(record) or ""
    except RowError:
        return repr(type(record))


class _FilePeculiarities:
    """What users should know about one file: groups of unequal size in a verl dump, several filters in lm-eval."""

    def __init__(self, report: FileReport):
        self._report = report
        self._filter: Any = None
        self._n_other_filters = 0
        self._group_sizes: Counter[str] = Counter()

    def is_repeat(self, trace: Trace) -> bool:
        """Return whether `trace` repeats a response under another answer filter. Also count the trace's group."""
        if self._report.dialect == "verl" and trace.group and len(self._group_sizes) < _MAX_GROUPS:
            self._group_sizes[trace.group] += 1
        if self._report.dialect != "lm-eval":
            return False
        name = trace.meta.get("filter")
        if self._filter is None:
            self._filter = name
        if name == self._filter:
            return False
        self._n_other_filters += 1
        return True

    def warnings(self) -> list[str]:
        """Return one sentence for each peculiarity of the file."""
        warnings = []
        sizes = self._group_sizes.values()
        if sizes and min(sizes) != max(sizes):
            warnings.append(
                f"{self._report.file}: groups hold {min(sizes)} to {max(sizes)} traces; verl writes no group id, "
                "so equal prompts of one step are taken for one group"
            )
        if self._n_other_filters:
            warnings.append(
                f"{self._report.file}: {self._n_other_filters} rows of other answer filters than "
                f"{excerpt(str(self._filter))} were skipped, as they repeat its responses"
            )
        return warnings


def read_traces(paths: Paths, dialect: str = "auto", on_error: str = "quarantine") -> Generator[Trace, None, None]:
    """Return an iterator over the traces of files, directories or ``-``.

    `TraceReader` does the same with options, a report and progress; the errors are the same.

    >>> from sgram.files import data_path
    >>> next(read_traces(data_path("sample_traces.jsonl"))).text[:4]
    'Okay'
    """
    return iter(TraceReader(paths, dialect, on_error))
