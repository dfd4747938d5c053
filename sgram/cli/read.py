"""``sgram read``: look at rollouts of any known format, or convert them. Nothing but flags and printing."""

import json
import logging
import math
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from sgram.cli.console import Meter, meter, note, printable, show_table
from sgram.cli.path_checks import refuse_options
from sgram.errors import UsageError
from sgram.traces import ReadOptions, Trace, TraceReader, write_traces
from sgram.traces.dialects import DIALECTS
from sgram.traces.ids import IdSet
from sgram.traces.readers import Counts

Dialect = Literal[("auto", *DIALECTS)]
_MODELS_SHOWN = 8
_MODELS_HELD = 10_000
_PATHS = Parameter(
    help="Files (.jsonl, .json, .parquet, .eval; also .gz, .zst), directories, - for stdin.", allow_leading_hyphen=True
)
_OUTPUT = Parameter(
    name=["--output", "-o"],
    help="File for the traces: .jsonl, .jsonl.gz, .jsonl.zst or .parquet; - for JSONL on stdout.",
    allow_leading_hyphen=True,
)
_AGAIN = Parameter(negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True)
class InputFlags:
    """How traces are read; every verb that reads traces takes these."""

    dialect: Dialect = "auto"
    """Who wrote the rows; auto tells it by their keys."""
    where: Annotated[tuple[str, ...], _AGAIN] = ()
    """Condition that a trace must meet, such as correct=true, model~R1 or step>=100; may be given again."""
    quarantine: Path | None = None
    """File for the rows that cannot be read; by default beside the output, if there is one."""
    max_bad: float = 0.01
    """Largest share of such rows; more ends with exit code 4."""
    tokenizer: Path | None = None
    """tokenizer.json (or its directory): for exports that hold token ids alone, and for masks of tokens."""
    reward: Annotated[tuple[str, ...], _AGAIN] = ()
    """Weight of one reward column, as name=weight; may be given again. By default all count once."""
    correct_above: float | None = None
    """Call a trace correct if its reward is above this, where nothing else tells."""

    def options(self, output: str | None = None) -> ReadOptions:
        """The same for the reader; `output` is what the quarantine file stands beside."""
        logging.getLogger("sgram.traces").addHandler(logging.NullHandler())  # the verb tells it itself
        rewards = dict(map(_weight, self.reward))
        if not all(map(math.isfinite, (self.correct_above or 0.0, *rewards.values()))):
            raise UsageError("--correct-above and the weights of --reward are finite numbers")
        aside = self.quarantine
        if aside is None and output not in (None, "-"):
            aside = Path(f"{output}.quarantine.jsonl")
        return ReadOptions(
            quarantine=aside,
            max_bad=self.max_bad,
            rewards=rewards,
            tokenizer=self.tokenizer,
            where=self.where,
            correct_above=self.correct_above,
        )


def _weight(text: str) -> tuple[str, float]:
    name, sign, weight = text.rpartition("=")
    try:
        if not (name and sign):
            raise ValueError
        return name, float(weight)
    except ValueError:
        raise UsageError(f"--reward {text!r} is not understood; write name=weight, as accuracy=1") from None


def watched(reader: TraceReader, bar: Meter) -> Iterator[Trace]:
    """Traces of `reader`, telling `bar` how far it is."""
    with closing(iter(reader)) as traces:
        for number, trace in enumerate(traces):
            if number % 256 == 0:
                aside = reader.report.rows_quarantined
                bar.update(reader.bytes_read / 1e6, f"{aside:,} rows set aside" if aside else "")
            yield trace


class _Summary:
    """What is told of the traces that pass by."""

    def __init__(self, to_show: int):
        self.n, self.chars, self.right, self.judged = 0, 0, 0, 0
        self.rewards, self.rewarded = 0.0, 0
        self.models: Counter[str] = Counter()
        self.groups = IdSet()
        self.first: list[Trace] = []
        self._to_show = to_show

    def passing(self, traces: Iterator[Trace]) -> Iterator[Trace]:
        """The same traces, counted."""
        for trace in traces:
            self.n += 1
            self.chars += len(trace.text)
            if trace.correct is not None:
                self.judged += 1
                self.right += trace.correct
            if trace.reward is not None:
                self.rewarded += 1
                self.rewards += trace.reward
            if trace.group is not None:
                self.groups.add(trace.group)
            model = trace.model or "not told"
            if model in self.models or len(self.models) < _MODELS_HELD:
                self.models[model] += 1
            if len(self.first) < self._to_show:
                self.first.append(trace)
            yield trace

    def numbers(self) -> dict[str, Any]:
        """Counts and means; None where nothing is known."""
        return {
            "n_traces": self.n,
            "n_groups": len(self.groups),
            "mean_chars": self.chars / self.n if self.n else None,
            "n_judged": self.judged,
            "share_correct": self.right / self.judged if self.judged else None,
            "n_rewarded": self.rewarded,
            "mean_reward": self.rewards / self.rewarded if self.rewarded else None,
            "models": dict(sorted(self.models.items(), key=lambda item: (-item[1], item[0]))),
        }


def read(
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    output: Annotated[str | None, _OUTPUT] = None,
    flags: InputFlags | None = None,
    limit: Annotated[int | None, Parameter(help="Stop after this many traces.")] = None,
    show: Annotated[int, Parameter(help="Print this many traces.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> None:
    """Say what rollouts hold, or convert them to JSONL or Parquet.

    sgram read runs/ --show 2

    sgram read dump.parquet -o traces.jsonl.gz --where correct=true
    """
    _check_names(paths, output)
    if output == "-" and (as_json or show):
        raise UsageError("stdout can hold the traces or the summary, not both; write -o FILE")
    if show < 0 or (limit is not None and limit < 1):
        raise UsageError("--show and --limit take a number of traces")
    flags = flags or InputFlags()
    reader = TraceReader(paths, flags.dialect, options=flags.options(output))
    summary, total = _Summary(show), reader.bytes_total
    with meter("reading", total / 1e6 if total else None, "MB") as bar, closing(watched(reader, bar)) as seen:
        traces = summary.passing(islice(seen, limit))
        if output is None:
            deque(traces, maxlen=0)
        else:
            write_traces(traces, output)
    tell(reader)
    if as_json:
        _print_json(reader, summary, output)
    elif output is None:
        _print_tables(reader, summary)
    for trace in summary.first:
        _print_trace(trace)
    if output not in (None, "-"):
        note(f"{summary.n:,} traces written to {output}")


def _check_names(paths: list[str], output: str | None) -> None:
    if output is not None and output != "-" and output.startswith("-"):
        raise UsageError(f"-o {output} names no file; write ./{output} if it does")
    refuse_options(paths, "read")


def tell(reader: TraceReader) -> None:
    """Say what `reader` warns of, and how many rows it set aside, where and why."""
    report, aside = reader.report, reader.options.quarantine
    for warning in report.warnings:
        note(f"warning: {warning}")
    if report.rows_quarantined:
        place = f"see {aside}" if aside else "name a file for them with --quarantine"
        note(f"rows set aside: {report.rows_quarantined:,}; first: {report.first_fault}; {place}")


def _print_json(reader: TraceReader, summary: _Summary, output: str | None) -> None:
    report = reader.report
    value = {
        "format": "sgram-read",
        "version": 1,
        "output": output,
        **summary.numbers(),
        "rows_in": report.rows_in,
        "rows_kept": report.rows_kept,
        "rows_skipped": report.rows_skipped,
        "rows_quarantined": report.rows_quarantined,
        "dialects": dict(report.dialects),
        "reasons": dict(report.reasons),
        "warnings": report.warnings,
        "files": [
            {
                "file": file.file,
                "dialect": file.dialect,
                "rows_in": file.rows_in,
                "rows_kept": file.rows_kept,
                "rows_skipped": file.rows_skipped,
                "rows_quarantined": file.rows_quarantined,
                "first_fault": file.first_fault or None,
            }
            for file in report.files
        ],
    }
    print(json.dumps(value, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it


def _print_tables(reader: TraceReader, summary: _Summary) -> None:
    report = reader.report
    rows = [(_short(file.file), file.dialect or "-", *_counts(file)) for file in report.files]
    if len(rows) > 1:
        rows.append(("all", "", *_counts(report)))
    show_table(("file", "dialect", "rows", "kept", "skipped", "set aside"), rows)
    numbers = summary.numbers()
    models = [f"{name} ({count:,})" for name, count in list(numbers["models"].items())[:_MODELS_SHOWN]]
    if len(numbers["models"]) > _MODELS_SHOWN:
        models.append(f"{len(numbers['models']) - _MODELS_SHOWN} more")
    facts = [
        ("groups", f"{numbers['n_groups']:,}" if numbers["n_groups"] else "not told"),
        ("mean length", f"{numbers['mean_chars']:,.0f} characters" if summary.n else "-"),
        ("correct", _share(numbers["share_correct"], summary.judged)),
        ("mean reward", f"{numbers['mean_reward']:.4g}" if summary.rewarded else "not told"),
        ("models", ", ".join(models) or "-"),
    ]
    print()
    show_table(("kept traces", ""), facts)


def _counts(report: Counts) -> tuple[int, int, int, int]:
    return report.rows_in, report.rows_kept, report.rows_skipped, report.rows_quarantined


def _share(share: float | None, judged: int) -> str:
    return "not told" if share is None else f"{100 * share:.1f} % of {judged:,} judged"


def _short(name: str, limit: int = 34) -> str:
    return name if len(name) <= limit else f"...{name[3 - limit :]}"


def _print_trace(trace: Trace) -> None:
    known = {
        name: getattr(trace, name)
        for name in ("group", "model", "step", "reward", "correct", "answer", "reference")
        if getattr(trace, name) is not None
    }
    facts = "  ".join(f"{name}={printable(str(value))}" for name, value in known.items())
    print(f"\n--- {printable(trace.id)}  {facts}")
    for title, text in (("prompt", trace.prompt), ("text", trace.text)):
        if text is not None:
            print(f"{title}:")
            for line in text.split("\n"):
                print(f"  {printable(line)}")
