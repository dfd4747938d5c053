"""Traces out of files of any known format; unusable rows go to a quarantine.

Guarantees: ``rows_in == rows_kept + rows_skipped + rows_quarantined``; memory does not grow with the input beyond some
40 bytes a row (`IdSet`); nothing that a file holds is executed.
"""

import logging
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.files import excerpt
from sgram.quarantine import Quarantine
from sgram.safe_reading import Caps
from sgram.traces.aliases import sample_number
from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields, no_response
from sgram.traces.conditions import parse_conditions
from sgram.traces.containers.json_values import DEEP_FAULT, MAX_DEPTH, is_too_deep, may_be_deep
from sgram.traces.containers.table import CONTAINERS
from sgram.traces.dialect import Dialect, DialectOptions, Fields, all_dialects, detect
from sgram.traces.fields import as_text
from sgram.traces.ids import IdRegistry, prompt_group
from sgram.traces.input_files import Paths, copy_stream, expand_path, find_input_files, iter_rows
from sgram.traces.judged_copies import leave_out_copies
from sgram.traces.option_names import name_option
from sgram.traces.outcomes import RunRewards, columns_of_counts, describe
from sgram.traces.rows import InputFile, Row
from sgram.traces.runs import name_runs, split_run
from sgram.traces.trace import FailedRowError, RowError, Trace, check_trace, json_type

_EARLY_STOP = 1000
"""Rejected rows from which the allowed share is checked at once, not only at the end."""
_MAX_FOREIGN = 1000
"""Rows of a file in a folder that may fit no dialect before the file is taken for no rollouts at all."""
_EXCERPT_BYTES = 1000
"""Bytes of such a row that are held for its excerpt."""
_NO_JSON = "not valid JSON"
"""How the fault of a row begins that may be of a file of another kind; other faults are damage."""
_MAX_SURVEYED = 1000
"""Rows of a file without any reward after which it is taken to have none."""
_MAX_WARNINGS = 50
_MAX_GROUPS = 100_000
_EXTREME = 0.99
"""Share of correct traces above which, or below the rest of which, a threshold is reported as doubtful."""

_NESTED = frozenset({dict, list})
_SUMMED = ("rows_in", "rows_kept", "rows_skipped", "rows_quarantined", "n_judged", "n_correct", "n_undecided")
"""Counts of a `ReadReport` that are those of its files together."""

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
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field of a trace -> column that holds it, where the table of names does not know it."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward column; empty: the column `reward`, or the sum of the columns named as rewards."""
    tokenizer: str | os.PathLike[str] | None = None
    """Tokenizer for exports that hold token ids without text: tokenizer.json or its directory."""
    where: tuple[str, ...] = ()
    """Conditions that a trace must meet, such as ``correct=true``; other traces are skipped."""
    correct_above: float | None = None
    """Reward above which a trace is correct, for traces that have a reward but no `correct`."""
    infer_correct: bool = True
    """Read a reward that is 0 or 1 (or -1 or 1) in all rows of a run as correctness, if no column says it."""


_Outcome = Literal["rows_kept", "rows_skipped", "rows_quarantined"]
COLUMN_FIELDS = (
    "text",
    "prompt",
    "reasoning",
    "correct",
    "reference",
    "answer",
    "group",
    "run",
    "model",
    "step",
    "reward",
)
"""Fields that `ReadOptions.columns` may name."""


@dataclass(slots=True)
class RowCounts:
    """Rows of one file, or of all files. Each row is kept, skipped, or rejected."""

    rows_in: int = 0
    rows_kept: int = 0
    rows_skipped: int = 0
    """Rows that a condition excludes, that say themselves that they failed, or that repeat a trace."""
    rows_quarantined: int = 0


@dataclass(slots=True)
class FileReport(RowCounts):
    """Report of reading one file."""

    file: str = ""
    run: str = ""
    dialect: str | None = None
    """None until a row shows it."""
    first_fault: str = ""
    """Location and reason of the first rejected row."""
    rows_failed: int = 0
    """Rows that say themselves that their rollout failed; they are among the skipped ones."""
    first_failure: str = ""
    """Location and reason of the first of them."""
    rows_repeated: int = 0
    """Rows whose id, prompt and text were read before; they are among the skipped ones."""
    numbers_missing: int = 0
    """Numbers that are NaN or infinite in JSON, and were read as missing."""
    columns: ColumnNotes = field(default_factory=ColumnNotes)
    """What became of the columns."""


@dataclass(slots=True)
class ReadReport(RowCounts):
    """Report of a reading so far; exact between any two traces."""

    files: list[FileReport] = field(default_factory=list)
    dialects: Counter[str] = field(default_factory=Counter)
    """Kept rows of each dialect."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected rows per kind of reason."""
    warnings: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    """What was inferred, in sentences, and how to overrule it."""
    n_judged: int = 0
    """Traces whose reward says whether they are correct."""
    n_correct: int = 0
    """Correct ones of these."""
    n_undecided: int = 0
    """Traces whose reward does not say it."""
    quarantine_rows: list[bytes] = field(default_factory=list)
    """Rejected rows as the quarantine writes them, if one file of an input was read by itself."""
    first_foreign: str = ""
    """Location and reason of the first row of a file that was left out because it holds no rollouts."""

    @property
    def first_fault(self) -> str:
        """Location and reason of the first rejected row."""
        return next((file.first_fault for file in self.files if file.first_fault), "")


class TraceReader:
    """Iterable of the traces in `paths`, with a report and progress. Each iteration starts anew.

    A path may be ``NAME=PATH``, which names the run. `dialect` is the name of a dialect or ``auto``; with `on_error`
    ``raise`` the first unusable row raises `InputError`. Raise `UsageError` for invalid arguments. Iterating raises
    `InputError` if no row is usable and `QuarantineError` if more rows are rejected than `ReadOptions.max_bad` allows.
    `runs` are the runs of the files, by path, in place of the names that paths give; `rewards` are what `survey` found
    of more files than these. In place of paths, `as_traces`
    gives an `InputFile` of rows in memory.

    >>> from sgram.files import data_path
    >>> reader = TraceReader(data_path("sample_traces.jsonl"), options=ReadOptions(where=("correct=true",)))
    >>> len(list(reader)) == reader.report.rows_kept
    True
    """

    def __init__(
        self,
        paths: Paths | InputFile,
        dialect: str = "auto",
        on_error: str = "quarantine",
        options: ReadOptions | None = None,
        runs: Mapping[str, str] | None = None,
        rewards: Mapping[str, RunRewards] | None = None,
    ) -> None:
        self._known = known = all_dialects()
        if dialect != "auto" and dialect not in known:
            raise UsageError(f"unknown dialect {excerpt(dialect)!r}; known: auto, {', '.join(known)}")
        if on_error not in ("quarantine", "raise"):
            raise UsageError(f"on_error must be quarantine or raise (got {excerpt(on_error)!r})")
        self.options = options or ReadOptions()
        if not 0 <= self.options.max_bad <= 1:
            raise UsageError(f"max_bad must be a share of rows from 0 to 1 (got {self.options.max_bad})")
        for name in self.options.columns:
            if name not in COLUMN_FIELDS:
                raise UsageError(f"unknown field {excerpt(name)!r} of a column; known: {', '.join(COLUMN_FIELDS)}")
        self._dialect = None if dialect == "auto" else known[dialect]
        self._raises = on_error == "raise"
        self._condition = parse_conditions(self.options.where)
        self._find_files(paths, runs)
        self._check_kinds()
        decode = None
        if self.options.tokenizer is not None:
            from sgram.traces.tokens import load_decoder

            decode = load_decoder(self.options.tokenizer)
        self._dialect_options = DialectOptions(decode, self.options.columns)
        self._column_options = ColumnOptions(self.options.columns, self.options.rewards)
        self._rewards = rewards
        self._logged: set[str] = set()
        self.report = ReadReport()

    def _find_files(self, paths: Paths | InputFile, runs: Mapping[str, str] | None) -> None:
        """Find the files, their runs, and which of them lie in a folder that is named."""
        self._warnings: list[str] = []
        self._in_folder: set[str] = set()
        if isinstance(paths, InputFile):  # rows in memory
            self._files = [paths]
            self._runs: Mapping[str, str] = runs or {paths.path: ""}
            return
        listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        named = [split_run(os.fspath(path)) for path in listed]
        arguments = [(name, match) for name, path in named for match in expand_path(path)]
        self._files, self._warnings = find_input_files([path for _, path in arguments])
        self._files = leave_out_copies(self._files, self.options.caps, self._warnings)
        self._runs = runs or name_runs(arguments, [file.path for file in self._files])
        single_files = {path for _, path in arguments}
        self._in_folder = {file.path for file in self._files if file.path not in single_files}

    def _check_kinds(self) -> None:
        """Raise `UsageError` if the dialect does not fit a file, or the quarantine is one of the inputs."""
        quarantine = self.options.quarantine
        if self._dialect is not None and self._dialect.container not in ("", *CONTAINERS):
            raise UsageError(
                f"the dialect {self._dialect.name} is read from the container {excerpt(self._dialect.container)!r}, "
                f"which is unknown; known: {', '.join(CONTAINERS)}"
            )
        owners = {dialect.container: dialect.name for dialect in self._known.values() if dialect.container}
        for file in self._files:
            if self._dialect is not None and self._dialect.container:
                file.kind = self._dialect.container
            elif self._dialect is not None and file.kind in owners:
                owner = owners[file.kind]
                raise UsageError(f"{file.name} is read by the dialect {owner} alone; name it or auto as the dialect")
            if quarantine is not None and os.path.realpath(quarantine) == os.path.realpath(file.path):
                raise UsageError(f"{file.name} is an input; name another file for the quarantine")

    @property
    def files(self) -> list[InputFile]:
        """The files that are read, as large as they were when the reader was made."""
        return self._files

    @property
    def in_folder(self) -> frozenset[str]:
        """Paths of the files that were found in a folder, where files of other kinds are left out."""
        return frozenset(self._in_folder)

    @property
    def runs(self) -> Mapping[str, str]:
        """Run of each file by its path, for traces whose data name none."""
        return self._runs

    def reread(self, quarantine: str | os.PathLike[str] | None = None, max_bad: float = 1.0) -> "TraceReader":
        """Return a reader of the same files, as large as they were, by the same options and decisions.

        It sets rows aside into `quarantine` only, and allows any share of them by default.
        """
        self.survey()
        self.copy_streams()
        reader = copy(self)
        reader.options = replace(self.options, quarantine=quarantine, max_bad=max_bad)
        reader._files = [replace(file, stream=None, share_read=0.0) for file in self._files]
        reader._logged, reader.report = set(), ReadReport()
        reader._check_kinds()
        return reader

    @property
    def input_paths(self) -> list[str]:
        """Paths of the files that are read; ``-`` is stdin."""
        return [file.path for file in self._files]

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
        rewards = self.survey()
        self._thresholds = {run: run_rewards.threshold for run, run_rewards in rewards.items()}
        self._no_verdicts = frozenset(columns_of_counts(rewards))
        self.report = self._new_report()
        self._ids = self._new_ids()
        self._quarantine = self._new_quarantine()
        self.report.reasons = self._quarantine.reasons
        try:
            for file in self._files:
                yield from self._read_file(file)
            self._check_whole()
        finally:
            self._quarantine.close()

    def _new_report(self) -> ReadReport:
        return ReadReport(warnings=list(self._warnings), decisions=describe(self.survey()))

    def _new_ids(self) -> IdRegistry:
        return IdRegistry()

    def _new_quarantine(self) -> Quarantine:
        return Quarantine(self.options.quarantine)

    def _check_whole(self) -> None:
        """Check and report what only the whole reading shows."""
        self._check_usable()
        self._check_threshold()
        self._report_undecided()

    def adopt(self, reports: Iterable[ReadReport]) -> None:
        """Take over what `sgram.traces.file_tasks` reported of each file, in the order of `files`, as its own report.

        Raise what reading all files raises at the end.
        """
        self.report = whole = self._new_report()
        quarantine = self._new_quarantine()
        whole.reasons = quarantine.reasons
        try:
            self._add_reports(reports, quarantine)
            self._check_whole()
        finally:
            quarantine.close()

    def _add_reports(self, reports: Iterable[ReadReport], quarantine: Quarantine) -> None:
        whole = self.report
        for report in reports:
            for name in _SUMMED:
                setattr(whole, name, getattr(whole, name) + getattr(report, name))
            whole.files += report.files
            whole.dialects += report.dialects
            quarantine.add_rows(report.quarantine_rows, report.reasons)
            whole.first_foreign = whole.first_foreign or report.first_foreign
            self._warn(report.warnings)
            for file in report.files:
                self._log_faults(file)

    # -- rows to fields ---------------------------------------------------------------------------------------

    def _read_row(
        self, row: Row, file: InputFile, report: FileReport, is_survey: bool = False
    ) -> list[Fields | RowError]:
        """Return the fields of each trace of a row, or why there is none."""
        try:
            dialect, parsed = self._parse(row, file, report)
        except RowError as error:
            return [error]
        outcomes: list[Fields | RowError] = []
        for parsed_fields in parsed:
            try:
                fields = complete_fields(
                    parsed_fields, self._column_options, report.columns, row.record, dialect.is_exact, is_survey
                )
                # what was a column is a level deeper in meta, and is written there
                meta = fields.get("meta")
                if meta and _may_be_too_deep(meta, row) and is_too_deep(meta, MAX_DEPTH - 1):
                    raise RowError(DEEP_FAULT)
                outcomes.append(fields)
            except RowError as error:
                outcomes.append(error)
            except RecursionError:
                outcomes.append(RowError(DEEP_FAULT))
            except UsageError as error:  # of options that do not fit the row
                raise UsageError(f"{file.locate(row)}: {error}") from error
        return outcomes or [FailedRowError("row holds no response")]

    def _parse(self, row: Row, file: InputFile, report: FileReport) -> tuple[Dialect, list[Fields]]:
        """Return the row's dialect and what it reads out of it. Raise `RowError` for an unusable row."""
        if row.fault:
            raise RowError(row.fault)
        if type(row.record) is not dict:
            raise RowError(f"row is {json_type(row.record)}, not an object")
        if not row.record:
            raise RowError("row is an object without keys")
        dialect = self._dialect_of(row, file, report)
        report.dialect = report.dialect or dialect.name
        try:
            return dialect, dialect.parse(row.record, self._dialect_options)
        except RecursionError:
            raise RowError(DEEP_FAULT) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # of foreign rows
            raise RowError(f"row is not of the dialect {dialect.name}: {type(error).__name__}") from error

    def _dialect_of(self, row: Row, file: InputFile, report: FileReport) -> Dialect:
        """Return the dialect of the row: that of its file while it fits, else the one that fits the row."""
        if self._dialect is not None:
            return self._dialect
        known = self._known
        if self.options.columns.get("text") in row.record:
            return known["columns"]
        current = known[report.dialect] if report.dialect is not None else None
        if current is not None and current.fits(row.record):
            return current
        dialect = detect(row.record)
        if dialect is None:
            texts = [(len(value), key) for key, value in row.record.items() if isinstance(value, str)]
            raise no_response(sorted(map(str, row.record)), max(texts)[1] if texts else "")
        if dialect.needs_decode and self._dialect_options.decode is None:
            named = name_option("tokenizer", "tokenizer.json")
            raise UsageError(f"{file.name} holds token ids, not text; name the tokenizer: {named}")
        return dialect

    # -- rewards ------------------------------------------------------------------------------------------------

    def copy_streams(self) -> None:
        """Copy stdin and pipes to disk, so that the traces can be read several times.

        The copies are deleted with the reader. Raise `InputError` if the disk is full.
        """
        for file in self._files:
            if file.is_stream:
                copy_stream(file)
        self._check_kinds()

    def survey(self) -> Mapping[str, RunRewards]:
        """Return what the rewards of each run are, by which they may say what is correct; none if the options say it.

        The first call reads all rows of files whose rewards may say it.
        """
        if self._rewards is None:
            self._rewards = self._survey_rewards() if self._surveys else {}
        return self._rewards

    @property
    def _surveys(self) -> bool:
        return self.options.infer_correct and self.options.correct_above is None and not self._is_consumed

    @property
    def _is_consumed(self) -> bool:
        """Whether the rows are in memory and can be iterated over only once."""
        return any(file.rows is not None and file.size is None for file in self._files)

    def _survey_rewards(self) -> dict[str, RunRewards]:
        """Read the rewards of each run until they can no longer say what is correct."""
        self.copy_streams()
        runs: dict[str, RunRewards] = {}
        for file in self._files:
            report, file_run = FileReport(file=file.name), self._runs[file.path]
            file.stream, file.share_read = None, 0.0
            for number, row in enumerate(iter_rows(file, self.options.caps)):
                for fields in self._read_row(row, file, report, is_survey=True):
                    if isinstance(fields, RowError):
                        continue
                    run_name = fields.get("run") or file_run
                    rewards = runs.get(run_name)
                    if rewards is None:
                        rewards = runs[run_name] = RunRewards()
                    rewards.is_judged |= "correct" in fields
                    # a trace that was written without a verdict says so; its reward may be a sum, or of form
                    if "correct" in row.record and self._known[report.dialect or ""].is_exact:
                        rewards.is_decided = True
                    if "reward" in fields:
                        rewards.add(fields["reward"])
                    rewards.columns |= report.columns.reward_columns
                if None in report.columns.verdict_numbers.values():  # the next number may be no verdict
                    continue
                run = runs.get(file_run)
                if run is not None and not run.is_open and len(runs) == 1:
                    break
                if number >= _MAX_SURVEYED and not any(found.n for found in runs.values()):
                    for found in runs.values():
                        found.is_cut = True
                    break
            counts = {name: count for name, count in report.columns.verdict_numbers.items() if count is not None}
            for rewards in runs.values():
                rewards.counts |= counts
        return runs

    # -- files --------------------------------------------------------------------------------------------------

    def _read_file(self, file: InputFile) -> Iterator[Trace]:
        report = FileReport(file=file.name, run=self._runs[file.path])
        report.columns.no_verdicts = self._no_verdicts
        self.report.files.append(report)
        file.stream, file.share_read = None, 0.0
        foreign: list[tuple[Row, str]] = []
        repeats = _Repeats(report)
        may_be_foreign = file.path in self._in_folder and self._dialect is None
        for row in iter_rows(file, self.options.caps):
            report.numbers_missing += row.n_missing
            for outcome in self._read_row(row, file, report):
                if isinstance(outcome, RowError):
                    if isinstance(outcome, FailedRowError):
                        report.rows_failed += 1
                        failure = f"{file.locate(row)}: {excerpt(str(outcome))}"
                        report.first_failure = report.first_failure or failure
                        self._count(report, "rows_skipped")
                        continue
                    if may_be_foreign and (not row.fault or row.fault.startswith(_NO_JSON)):
                        foreign.append((_shortened(row), str(outcome)))
                        continue
                    may_be_foreign = False
                    self._reject_all([*foreign, (row, str(outcome))], file, report)
                    foreign.clear()
                    continue
                may_be_foreign = False
                if foreign:
                    self._reject_all(foreign, file, report)
                    foreign.clear()
                trace = self._make_trace(outcome, row, file, report)
                if trace is None:
                    continue
                if (self._condition is not None and not self._condition(trace)) or repeats.is_repeat(
                    trace, self._known[report.dialect or ""].repeated_by
                ):
                    self._count(report, "rows_skipped")
                    continue
                self._count(report, "rows_kept")
                self.report.dialects[report.dialect or ""] += 1
                yield trace
            if len(foreign) >= _MAX_FOREIGN:
                break
        self._finish_file(file, report, foreign)
        self._warn(repeats.warnings())

    def _finish_file(self, file: InputFile, report: FileReport, foreign: list[tuple[Row, str]]) -> None:
        """Leave out a file of a folder that holds no rollouts, and report what is peculiar about the file."""
        if foreign:
            row, reason = foreign[0]
            fault = f"{file.locate(row)}: {excerpt(reason)}"
            self.report.first_foreign = self.report.first_foreign or fault
            rows_text = f"its first {len(foreign):,} rows" if len(foreign) >= _MAX_FOREIGN else "its rows"
            self._warn([f"{file.name} is left out: none of {rows_text} is a rollout ({excerpt(reason)})"])
        sentences = [
            f"{file.name}: the column {excerpt(column)} has an unexpected shape in {_rows(count)}; it is kept in meta "
            "there"
            for column, count in report.columns.misfits.most_common()
        ]
        if report.numbers_missing:
            n_missing = report.numbers_missing
            numbers_are = f"{n_missing:,} numbers are" if n_missing > 1 else "1 number is"
            sentences.append(f"{file.name}: {numbers_are} NaN or infinite and read as missing")
        if report.rows_failed:
            sentences.append(
                f"{file.name}: {_rows(report.rows_failed)} of failed rollouts skipped; first: {report.first_failure}"
            )
        if report.rows_repeated:
            sentences.append(
                f"{file.name}: {_rows(report.rows_repeated)} skipped: their id, prompt and text were read before"
            )
        self._warn(sentences)
        self._log_faults(report)

    def _log_faults(self, report: FileReport) -> None:
        """Log that rows of a file were set aside, once a file, unless a quarantine has them."""
        if report.rows_quarantined and self.options.quarantine is None and report.file not in self._logged:
            self._logged.add(report.file)
            log.warning("%s: rows set aside: %d; %s", report.file, report.rows_quarantined, report.first_fault)

    def _make_trace(self, fields: Fields, row: Row, file: InputFile, report: FileReport) -> Trace | None:
        """Return the checked trace with a unique id; None if the row was rejected or repeats a trace."""
        fields.setdefault("run", report.run or None)
        if "correct" not in fields and "reward" in fields:
            self._judge(fields)
        name = fields.pop("id", None)
        try:
            trace = check_trace(Trace(id=name or "?", **fields), self.options.caps.max_text_chars)
        except RowError as error:
            self._reject(row, file, report, str(error))
            return None
        if not name:
            unique_name: str | None = self._ids.create(trace.prompt, trace.text, trace.step)
        else:
            unique_name = self._ids.make_unique(name, trace.prompt, trace.text, sample_number(trace.meta))
            if unique_name is None:
                report.rows_repeated += 1
                self._count(report, "rows_skipped")
                return None
        if unique_name != name:
            object.__setattr__(trace, "id", unique_name)  # nobody else has the trace yet
        return trace

    def _judge(self, fields: Fields) -> None:
        """Set `correct` by the reward, if the user or the rewards of the run say how."""
        threshold = self.options.correct_above
        if threshold is None:
            threshold = self._thresholds.get(fields["run"] or "")
        if threshold is not None:
            fields["correct"] = fields["reward"] > threshold
            self.report.n_judged += 1
            self.report.n_correct += fields["correct"]
        else:
            self.report.n_undecided += 1

    def _reject_all(self, rows: list[tuple[Row, str]], file: InputFile, report: FileReport) -> None:
        for row, reason in rows:
            self._reject(row, file, report, reason)

    def _reject(self, row: Row, file: InputFile, report: FileReport, reason: str) -> None:
        """Count a row as unusable and write it to the quarantine."""
        location = file.locate(row)
        if self._raises:
            raise InputError(f"{location}: {excerpt(reason)}; correct the row, or read with on_error='quarantine'")
        self._count(report, "rows_quarantined")
        data = row.data if row.data is not None else _record_text(row.record)
        name = f"{file.name}:{excerpt(row.member, 1000)}" if row.member else file.name
        self._quarantine.add(name, row.line, row.byte, excerpt(reason), data)
        report.first_fault = report.first_fault or f"{location}: {excerpt(reason)}"
        if self.report.rows_quarantined >= _EARLY_STOP:
            self._check_usable()

    def _count(self, report: FileReport, outcome: _Outcome) -> None:
        whole = self.report
        whole.rows_in += 1
        report.rows_in += 1
        if outcome == "rows_kept":
            whole.rows_kept += 1
            report.rows_kept += 1
        elif outcome == "rows_skipped":
            whole.rows_skipped += 1
            report.rows_skipped += 1
        else:
            whole.rows_quarantined += 1
            report.rows_quarantined += 1

    def _warn(self, warnings: list[str]) -> None:
        self.report.warnings += warnings[: max(0, _MAX_WARNINGS - len(self.report.warnings))]

    def _check_threshold(self) -> None:
        """Warn if `correct_above` makes nearly all or nearly no traces correct."""
        above = self.options.correct_above
        if above is None or not self.report.n_judged:
            return
        share = self.report.n_correct / self.report.n_judged
        if share > _EXTREME or share < 1 - _EXTREME:
            named = name_option("correct_above", above)
            self._warn([f"{named} makes {100 * share:.1f} % of the rewarded traces correct; check it"])

    def _report_undecided(self) -> None:
        """Say so if rewards could not be looked at before they were read."""
        if self.report.n_undecided and self._is_consumed and self.options.infer_correct:
            self.report.decisions.append(
                f"rewards of {self._files[0].name} are not read as correctness, as it can be iterated over only once; "
                "give a list, or correct_above"
            )

    def _check_usable(self) -> None:
        """Raise `InputError` if no row is usable, `QuarantineError` if more than the allowed share is rejected."""
        report = self.report
        if report.rows_in == 0 and report.first_foreign:
            raise InputError(f"none of the rows can be used; first: {report.first_foreign}; see docs/formats.md")
        if report.rows_in == 0:
            names = ", ".join(file.name for file in self._files[:3])
            raise InputError(f"no rows in {names}; check that these are the right files")
        if report.rows_quarantined + sum(file.rows_failed for file in report.files) == report.rows_in:
            first = report.first_fault or next(file.first_failure for file in report.files if file.first_failure)
            raise InputError(
                f"none of the rows can be used ({report.rows_in} read); first: {first}; see docs/formats.md"
            )
        if report.rows_quarantined > self.options.max_bad * report.rows_in:
            share = 100 * report.rows_quarantined / report.rows_in
            reasons = ", ".join(f"{reason} ({count})" for reason, count in report.reasons.most_common(3))
            where = f"see {excerpt(self.options.quarantine)}" if self.options.quarantine else report.first_fault
            raise QuarantineError(
                f"{report.rows_quarantined} of {report.rows_in} rows ({share:.1f} %) were set aside, more than "
                f"{100 * self.options.max_bad:g} %: {reasons}; {where}; correct them or raise "
                f"{name_option('max_bad')}"
            )


class _Repeats:
    """Responses that a file holds several times, and what is odd about the groups of a file.

    Odd are groups of unequal size that only prompts tell, groups that hold several prompts, groups of one row each
    where prompts repeat, and a column `answer` that differs within a group although it was read as the reference.
    """

    def __init__(self, report: FileReport) -> None:
        self._report = report
        self._key = ""
        self._value: Any = None
        self._n_repeats = 0
        self._group_sizes: Counter[str] = Counter()
        self._references: dict[str, str] = {}
        self._has_answers = False
        """Whether a reference differs from another one of its group."""
        self._prompts: dict[str, int] = {}
        """Group -> hash of its first prompt."""
        self._asked: set[tuple[int | None, int]] = set()
        """Step and hash of each prompt."""
        self._n_grouped = self._n_other_prompts = 0
        """Traces with a group and a prompt; those whose prompt is not the first of their group."""

    def is_repeat(self, trace: Trace, key: str) -> bool:
        """Return whether `trace` repeats a response under another value of ``meta[key]``. Also count its group."""
        if trace.step is not None and trace.group and len(self._group_sizes) < _MAX_GROUPS:
            self._group_sizes[trace.group] += trace.group == prompt_group(trace.step, trace.prompt)
        if self._report.columns.open_answer and trace.group and trace.reference and len(self._references) < _MAX_GROUPS:
            self._has_answers |= self._references.setdefault(trace.group, trace.reference) != trace.reference
        if trace.group and trace.prompt and max(len(self._prompts), len(self._asked)) < _MAX_GROUPS:
            prompt = hash(trace.prompt)
            self._n_grouped += 1
            self._n_other_prompts += self._prompts.setdefault(trace.group, prompt) != prompt
            self._asked.add((trace.step, prompt))
        value = trace.meta.get(key) if key else None
        if value is None:
            return False
        if self._value is None:
            self._key, self._value = key, value
        self._n_repeats += value != self._value
        return bool(value != self._value)

    def warnings(self) -> list[str]:
        """Return one sentence for each peculiarity of the file."""
        warnings = []
        sizes = [size for size in self._group_sizes.values() if size]
        if sizes and min(sizes) != max(sizes):
            warnings.append(
                f"{self._report.file}: groups have {min(sizes)} to {max(sizes)} traces; the file has no group id, so "
                "equal prompts of one step are one group"
            )
        named = name_option("columns", {"group": "NAME"})
        if self._n_other_prompts:
            warnings.append(
                f"{self._report.file}: {_rows(self._n_other_prompts)} have another prompt than the first row of their "
                f"group; pass@k takes a group for one problem; if it is none, {named}"
            )
        elif len(self._asked) < self._n_grouped == len(self._prompts):
            warnings.append(
                f"{self._report.file}: each row is a group of its own, although prompts repeat, so pass@k has one "
                f"sample of each; if the column is an id of the row, {named}"
            )
        if self._has_answers:
            column = excerpt(self._report.columns.open_answer)
            warnings.append(
                f"{self._report.file}: {column} was read as the reference, but it differs within a group; if it is the "
                f"model's answer, {name_option('columns', {'answer': column})}"
            )
        if self._n_repeats:
            named = name_option("where", (f"meta.{self._key}=NAME",))
            warnings.append(
                f"{self._report.file}: {self._n_repeats} rows whose {self._key} is not {excerpt(str(self._value))} "
                f"were skipped, as they repeat its responses; {named} chooses another"
            )
        return warnings


def _may_be_too_deep(meta: Mapping[str, Any], row: Row) -> bool:
    """Return whether `meta` is worth a search for deep nesting: brackets of a long row are counted first."""
    nested = [name for name, value in meta.items() if type(value) in (dict, list)]
    if nested == ["parts"]:
        return not _is_flat(meta["parts"])
    return bool(nested) and (row.data is None or may_be_deep(row.data))


def _is_flat(parts: Any) -> bool:
    """Return whether parts are what `find_parts` makes: a list of objects that hold no others."""
    return type(parts) is list and all(map(_is_flat_part, parts))


def _is_flat_part(part: Any) -> bool:
    return type(part) is dict and _NESTED.isdisjoint(map(type, part.values()))


def _shortened(row: Row) -> Row:
    """Return a row with as much of its data as an excerpt needs."""
    data = row.data if row.data is not None else _record_text(row.record).encode()
    return row._replace(record=None, data=data[:_EXCERPT_BYTES])


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _record_text(record: Any) -> str:
    """Return a rejected record as JSON, or only its type if it has no JSON."""
    try:
        return as_text(record) or ""
    except (RowError, RecursionError):
        return repr(type(record))


def read_traces(paths: Paths, dialect: str = "auto", on_error: str = "quarantine") -> Generator[Trace, None, None]:
    """Return an iterator over the traces of files, directories or ``-``.

    `TraceReader` does the same with options, a report and progress; the errors are the same.

    >>> from sgram.files import data_path
    >>> next(read_traces(data_path("sample_traces.jsonl"))).text[:4]
    'Okay'
    """
    return iter(TraceReader(paths, dialect, on_error))
