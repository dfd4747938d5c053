"""``sgram read``: summarize rollouts of any known format, or convert them."""

import logging
import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from sgram.cli.console import meter, name_width, note, print_json, print_line, print_next_table, print_table
from sgram.cli.estimate_cells import name_files, percent, shorten_start
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_outputs
from sgram.cli.shared_flags import REPEATABLE, AsJson, Limit, number_flag, output_flag, path_argument
from sgram.errors import UsageError
from sgram.traces import ReadOptions, Trace, TraceReader, write_traces
from sgram.traces.dialect import all_dialects
from sgram.traces.ids import IdSet
from sgram.traces.readers import FileReport, RowCounts
from sgram.traces.trace_keys import UNKNOWN_MODEL

if TYPE_CHECKING:
    Dialect = str
else:
    Dialect = Literal[("auto", *all_dialects())]
_ADVANCED = Parameter(group=ADVANCED)
_MODELS_SHOWN = 8
_MODELS_COUNTED = 10_000
_NAME_WIDTH = 34
_COLUMNS_SHOWN = 30
_FILES_LISTED = 12
"""More files than so many are not listed one by one."""
_SCALE = 2.0**-40
"""A power of two, which changes no digit of a reward."""
_PATHS = path_argument("Files (.jsonl, .json, .parquet, .eval; also .gz, .zst), directories, URLs, - for stdin.")
_OUTPUT = output_flag("File for the traces: .jsonl, .jsonl.gz, .jsonl.zst or .parquet; - for JSONL on stdout.")


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True)
class InputFlags:
    """How traces are read; all verbs that read traces have these flags."""

    dialect: Annotated[Dialect, Parameter(show_choices=False)] = "auto"
    """Tool that wrote the rows, such as verl, trl or inspect (docs/formats.md); auto: by their keys."""
    where: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Condition on traces, such as correct=true, model~R1 or step>=100; may be repeated."""
    quarantine: Annotated[Path | None, _ADVANCED] = None
    """File for the rows that cannot be read; default: beside the output, if there is one."""
    max_bad: Annotated[float, _ADVANCED] = 0.01
    """Largest allowed share of such rows; a larger share ends with exit code 4."""
    tokenizer: Path | None = None
    """tokenizer.json (or its folder): for exports with token ids and no text, and for token masks."""
    reward: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Weight of one reward column, as name=weight; may be repeated. Default: all columns with weight 1."""
    correct_above: float | None = None
    """If a row does not say whether it is correct: correct means a reward above this."""
    infer_correct: Annotated[bool, _ADVANCED] = True
    """Read a reward that is 0 or 1 (-1 or 1) in all rows of a run as wrong or right, if no column says it."""
    column: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Column that holds a field of a trace, as field=NAME, such as text=my_output; may be repeated."""

    def options(self, output: str | None = None) -> ReadOptions:
        """Return these flags as options of the reader; the quarantine file is written beside `output`."""
        logging.getLogger("sgram.traces").addHandler(logging.NullHandler())  # the verb prints the warnings itself
        rewards = dict(map(_weight, self.reward))
        columns = dict(map(_column, self.column))
        if not all(map(math.isfinite, (self.correct_above or 0.0, *rewards.values()))):
            raise UsageError("--correct-above and the weights of --reward must be finite numbers")
        quarantine = self.quarantine
        check_outputs({"-o": output, "--quarantine": quarantine}, stdout=True)
        if quarantine is None and output not in (None, "-"):
            quarantine = Path(f"{output}.quarantine.jsonl")
        return ReadOptions(
            quarantine=quarantine,
            max_bad=self.max_bad,
            rewards=rewards,
            tokenizer=self.tokenizer,
            where=self.where,
            correct_above=self.correct_above,
            infer_correct=self.infer_correct,
            columns=columns,
        )


def _weight(text: str) -> tuple[str, float]:
    name, sign, weight = text.rpartition("=")
    try:
        if not (name and sign):
            raise ValueError
        return name, float(weight)
    except ValueError:
        raise UsageError(f"invalid --reward {text!r}; write name=weight, such as accuracy=1") from None


def _column(text: str) -> tuple[str, str]:
    field, sign, column = text.partition("=")
    if not (field and sign and column):
        raise UsageError(f"invalid --column {text!r}; write field=NAME, such as text=my_output")
    return field, column


@contextmanager
def open_traces(reader: TraceReader, stage: str) -> Iterator[Iterator[Trace]]:
    """Yield the traces of `reader`; a meter shows the megabytes read and the rows set aside."""
    total = reader.bytes_total
    with meter(stage, total / 1e6 if total else None, "MB") as bar, closing(iter(reader)) as traces:

        def count_bytes() -> Iterator[Trace]:
            for number, trace in enumerate(traces):
                if number % 256 == 0:
                    n_bad = reader.report.rows_quarantined
                    bar.update(reader.bytes_read / 1e6, f"{n_bad:,} rows set aside" if n_bad else "")
                yield trace

        yield count_bytes()


def report_reading(reader: TraceReader) -> None:
    """Print the warnings of `reader`, and how many rows it set aside, where and why."""
    report, quarantine = reader.report, reader.options.quarantine
    for decision in report.decisions:
        note(decision)
    for warning in report.warnings:
        note(f"warning: {warning}")
    if report.rows_quarantined:
        hint = f"see {quarantine}" if quarantine else "name a file for them with --quarantine"
        note(f"rows set aside: {report.rows_quarantined:,}; first: {report.first_fault}; {hint}")


def row_counts_json(counts: RowCounts) -> dict[str, int]:
    """Return how many rows were read, skipped by a condition, and set aside."""
    return {name: getattr(counts, name) for name in ("rows_in", "rows_skipped", "rows_quarantined")}


class _Summary:
    """Counts and means over the traces of one read."""

    def __init__(self, n_shown: int):
        self.n_traces, self.n_chars, self.n_correct, self.n_judged = 0, 0, 0, 0
        self._reward_sum, self.n_rewarded = 0.0, 0
        """The sum of the rewards is held times `_SCALE`, so that it does not overflow."""
        self.models: Counter[str] = Counter()
        self.groups = IdSet()
        self.first: list[Trace] = []
        self._n_shown = n_shown

    def count(self, traces: Iterator[Trace]) -> Iterator[Trace]:
        """Yield the same traces and count them."""
        for trace in traces:
            self.n_traces += 1
            self.n_chars += len(trace.text)
            if trace.correct is not None:
                self.n_judged += 1
                self.n_correct += trace.correct
            if trace.reward is not None:
                self.n_rewarded += 1
                self._reward_sum += trace.reward * _SCALE
            if trace.group is not None:
                self.groups.add(trace.group)
            model = trace.model or UNKNOWN_MODEL
            if model in self.models or len(self.models) < _MODELS_COUNTED:
                self.models[model] += 1
            if len(self.first) < self._n_shown:
                self.first.append(trace)
            yield trace

    def numbers(self) -> dict[str, Any]:
        """Return counts and means; None means unknown."""
        return {
            "n_traces": self.n_traces,
            "n_groups": len(self.groups),
            "mean_chars": self.n_chars / self.n_traces if self.n_traces else None,
            "n_judged": self.n_judged,
            "share_correct": self.n_correct / self.n_judged if self.n_judged else None,
            "n_rewarded": self.n_rewarded,
            "mean_reward": self._reward_sum / self.n_rewarded / _SCALE if self.n_rewarded else None,
            "models": dict(sorted(self.models.items(), key=lambda pair: (-pair[1], pair[0]))),
        }


def read(
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    output: Annotated[str | None, _OUTPUT] = None,
    flags: InputFlags | None = None,
    limit: Limit = None,
    show: Annotated[int, number_flag("show", 0, "Print this many traces.", OUTPUT)] = 0,
    as_json: AsJson = False,
) -> None:
    """Summarize rollouts, or convert them to JSONL or Parquet.

    sgram read runs/ --show 2

    sgram read dump.parquet -o traces.jsonl.gz --where correct=true
    """
    check_outputs({"-o": output}, paths, stdout=True)
    check_no_options(paths, "read")
    if output == "-" and (as_json or show):
        raise UsageError("stdout can hold the traces or the summary, not both; write -o FILE")
    if as_json and show:
        raise UsageError("--json prints JSON alone; leave out --json, or --show")
    flags = flags or InputFlags()
    reader = TraceReader(paths, flags.dialect, options=flags.options(output))
    if output is not None:
        check_not_inputs([output], reader.input_paths)
    summary = _Summary(show)
    with open_traces(reader, "reading") as all_traces:
        traces = summary.count(islice(all_traces, limit))
        if output is None:
            deque(traces, maxlen=0)
        else:
            write_traces(traces, output)
    report_reading(reader)
    if as_json:
        _print_json(reader, summary, output)
    elif output is None:
        _print_tables(reader, summary)
    for trace in summary.first:
        _print_trace(trace)
    if output not in (None, "-"):
        note(f"{summary.n_traces:,} traces written to {output}")


def _print_json(reader: TraceReader, summary: _Summary, output: str | None) -> None:
    report = reader.report
    files = [
        {
            **asdict(file),
            "first_fault": file.first_fault or None,
            "first_failure": file.first_failure or None,
            "columns": _columns_json(file),
        }
        for file in report.files
    ]
    fields = {
        "output": output,
        "rows_kept": report.rows_kept,
        "dialects": dict(report.dialects),
        "reasons": dict(report.reasons),
        "warnings": report.warnings,
        "decisions": report.decisions,
        "files": files,
    }
    print_json("read", {**fields, **summary.numbers(), **row_counts_json(report)})


def _columns_json(report: FileReport) -> dict[str, Any]:
    notes = report.columns
    return {
        "read_as": dict(sorted(notes.became.items())),
        "looks_like": dict(sorted(notes.looks_like.items())),
        "misfits": dict(notes.misfits),
        "reward_columns": sorted(notes.reward_columns),
    }


def _print_columns(reader: TraceReader) -> None:
    """Print what each column was read as, and which columns look like a field and were not read."""
    rows: dict[str, str] = {}
    for file in reader.report.files:
        rows |= file.columns.became
    for file in reader.report.files:
        if len(file.columns.reward_columns) > 1:
            rows |= dict.fromkeys(sorted(file.columns.reward_columns), "reward (summed)")
        for column, field in file.columns.looks_like.items():
            rows.setdefault(column, f"not read; looks like {field}")
    if rows:
        print_next_table(("column", "read as"), list(rows.items())[:_COLUMNS_SHOWN])


def _print_tables(reader: TraceReader, summary: _Summary) -> None:
    report = reader.report
    rows = _file_rows(report.files)
    if len(report.files) > 1:
        rows.append(("all", "", *_counts(report)))
    print_table(("file", "dialect", "rows", "kept", "skipped", "set aside"), rows)
    numbers = summary.numbers()
    models = [f"{name} ({count:,})" for name, count in list(numbers["models"].items())[:_MODELS_SHOWN]]
    if len(numbers["models"]) > _MODELS_SHOWN:
        models.append(f"{len(numbers['models']) - _MODELS_SHOWN} more")
    share = percent(numbers["share_correct"])
    facts = [
        ("groups", f"{numbers['n_groups']:,}" if numbers["n_groups"] else "unknown"),
        ("mean length", f"{numbers['mean_chars']:,.0f} characters" if summary.n_traces else "-"),
        ("correct", f"{share} of {summary.n_judged:,} judged" if summary.n_judged else "unknown"),
        ("mean reward", f"{numbers['mean_reward']:.4g}" if summary.n_rewarded else "unknown"),
        ("models", ", ".join(models) or "-"),
    ]
    print_next_table(("kept traces", ""), facts)
    _print_columns(reader)


def _file_rows(files: Sequence[FileReport]) -> list[tuple[object, ...]]:
    """Return a row for each file; of many files, those of a dialect that were read whole share one row."""
    rows: list[tuple[object, ...]] = []
    shared: dict[str, list[FileReport]] = {}
    for file in files:
        if len(files) > _FILES_LISTED and not file.rows_quarantined:
            shared.setdefault(file.dialect or "-", []).append(file)
        else:
            name = shorten_start(file.file, name_width(_NAME_WIDTH))
            rows.append((name, file.dialect or "-", *_counts(file)))
    for dialect, together in shared.items():
        names = name_files([file.file for file in together])
        rows.append((names, dialect, *map(sum, zip(*map(_counts, together), strict=True))))
    return rows


def _counts(report: RowCounts) -> tuple[int, int, int, int]:
    return report.rows_in, report.rows_kept, report.rows_skipped, report.rows_quarantined


def _print_trace(trace: Trace) -> None:
    names = ("run", "group", "model", "step", "reward", "correct", "answer", "reference")
    facts = "  ".join(f"{name}={getattr(trace, name)}" for name in names if getattr(trace, name) is not None)
    print()
    print_line(f"--- {trace.id}  {facts}")
    for title, text in (("prompt", trace.prompt), ("text", trace.text)):
        if text is not None:
            print(f"{title}:")
            for line in text.split("\n"):
                print_line(f"  {line}")
