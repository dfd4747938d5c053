"""``sgram diagnose``: classify the error of each wrong rollout."""

import heapq
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import meter, note
from sgram.cli.diagnose_tables import print_agreement, print_costs, print_examples, print_kinds, write_csv
from sgram.cli.judge_flags import JudgeFlags
from sgram.cli.number_checks import check_minimum
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_writable
from sgram.cli.read import InputFlags, report_reading, with_progress
from sgram.errors import InputError, UsageError
from sgram.files import digest
from sgram.lexicon import Lexicon
from sgram.traces import Trace, TraceReader

if TYPE_CHECKING:
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis, CorpusReport
    from sgram.diagnosis.judge import Judgment
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import Diagnosis

_LEXICON = Parameter(help="A lexicon file, or a preset; its goal-setting and branching phrases mark plans.")
_OUTPUT = Parameter(
    name=["--output", "-o"],
    help="File for the diagnoses, one in each row: .jsonl or .parquet.",
    allow_leading_hyphen=True,
)
_ANSWERS = Parameter(help="If a rollout has no verdict, compare its answer with its reference answer.")


@dataclass
class _DiagnosisTotals:
    """Counts, examples and the judge's sample, collected while diagnoses are written."""

    counts: "KindCounts"
    n_examples: int
    n_judged: int
    seed: int
    keeps_rows: bool
    examples: dict[str, list[tuple[Trace, "Diagnosis"]]] = field(default_factory=dict)
    judge_heap: list[tuple[int, int, Trace, "Diagnosis"]] = field(default_factory=list)
    rows: list[tuple[Trace, "Diagnosis"]] = field(default_factory=list)

    def collect(self, rows: Iterable[tuple[Trace, "Diagnosis"]]) -> Iterator[tuple[Trace, "Diagnosis"]]:
        """Yield the same rows and collect them."""
        for number, (trace, diagnosis) in enumerate(rows):
            self.counts.add(trace, diagnosis.kind)
            examples = self.examples.setdefault(diagnosis.kind, [])
            if len(examples) < self.n_examples:
                examples.append((trace, diagnosis))
            if self.n_judged:
                self._add_to_sample(number, trace, diagnosis)
            if self.keeps_rows:
                self.rows.append((replace(trace, text=""), diagnosis))
            yield trace, diagnosis

    def _add_to_sample(self, number: int, trace: Trace, diagnosis: "Diagnosis") -> None:
        """Keep the traces with the smallest digests of seed and id: the sample does not depend on the input's order."""
        rank = -int(digest(f"{self.seed} {trace.id}".encode())[:15], 16)
        push = heapq.heappush if len(self.judge_heap) < self.n_judged else heapq.heappushpop
        push(self.judge_heap, (rank, number, trace, diagnosis))

    def sample(self) -> list[tuple[Trace, "Diagnosis"]]:
        """Return the judge's sample, sorted by trace id."""
        return sorted(((trace, diagnosis) for _, _, trace, diagnosis in self.judge_heap), key=lambda row: row[0].id)


def diagnose(
    paths: Annotated[list[str], Parameter(help="Files, folders, or - for stdin.", allow_leading_hyphen=True)],
    /,
    *,
    output: Annotated[str | None, _OUTPUT] = None,
    lexicon: Annotated[str, _LEXICON] = "wang2025",
    csv: Annotated[Path | None, Parameter(help="CSV file for the diagnoses.")] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    judging: JudgeFlags = JudgeFlags(),  # noqa: B008
    judge_answers: Annotated[bool, _ANSWERS] = True,
    show: Annotated[int, Parameter(help="Examples to print for each kind.")] = 1,
    limit: Annotated[int | None, Parameter(help="Stop after this many traces.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the bootstrap intervals and of the judge's sample.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Classify each wrong rollout: a wrong plan, an error in carrying it out, or another kind of error.

    sgram diagnose rollouts.jsonl -o diagnoses.jsonl

    sgram diagnose rollouts/ --judge http://localhost:8000/v1 --judge-model qwen3-32b --dry-run
    """
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import finder
    from sgram.grading.fill_correct import AnswerGrader

    check_minimum("seed", seed, 0)
    check_minimum("show", show, 0)
    check_minimum("limit", limit, 1)
    _check_names(paths, output, csv)
    judging.check()
    traces = _RereadTraces(paths, reading, output, limit)
    totals = _DiagnosisTotals(KindCounts(), show, judging.judge_traces if judging.judge else 0, seed, csv is not None)
    with AnswerGrader() as answers:
        corpus = CorpusDiagnosis(traces, finder(Lexicon.load(lexicon)), answers if judge_answers else None)
        _write(totals.collect(corpus), output)
        unverifiable = answers.report.n_unverifiable
    report_reading(traces.reader)
    _report_unjudged(corpus.report, judge_answers, unverifiable)
    if csv is not None:
        write_csv(totals.rows, csv)
    judgments = _ask_judge(totals.sample(), judging) if judging.judge and len(totals.counts) else None
    if as_json:
        _print_json(traces.reader, corpus, totals, judgments, {"output": output, "csv": csv, "seed": seed})
    else:
        print_kinds(totals.counts, corpus.report, seed)
        print_examples(totals.examples)
        if judgments is not None:
            print_agreement(judgments, judging.judge_model, seed)
    for path in (output, csv):
        if path is not None:
            note(f"{len(totals.counts):,} diagnoses written to {path}")
    return 0


def _check_names(paths: list[str], output: str | None, csv: Path | None) -> None:
    from sgram.diagnosis.diagnosis_files import select_writer

    check_no_options(paths, "diagnose")
    files = [str(path) for path in (output, csv) if path is not None]
    for path in files:
        if path.startswith("-"):
            raise UsageError(f"{path} is not a file name; write ./{path} if it is one")
    if len({os.path.realpath(path) for path in files}) < len(files):
        raise UsageError(f"-o and --csv both name {output}; give each a file of its own")
    if output is not None:
        select_writer(output)
    check_not_inputs(files, paths)
    check_writable(files)


class _RereadTraces:
    """The traces of the input paths, read again at each call; traces of stdin stay in memory."""

    def __init__(self, paths: list[str], reading: InputFlags, output: str | None, limit: int | None):
        self._paths, self._reading, self._limit = paths, reading, limit
        self._options = reading.options(output)
        self.reader = TraceReader(paths, reading.dialect, options=self._options)
        self._stdin_traces: list[Trace] | None = None
        self._n_passes = 0

    def __call__(self, stage: str) -> Iterable[Trace]:
        """Read the traces; unreadable rows are set aside and reported in the first pass only."""
        if self._stdin_traces is not None:
            return self._stdin_traces
        reader = self.reader
        if self._n_passes:
            options = replace(self._options, quarantine=None, max_bad=1.0)
            reader = TraceReader(self._paths, self._reading.dialect, options=options)
        self._n_passes += 1
        if "-" in self._paths:
            self._stdin_traces = list(self._read(reader, "reading"))
            return self._stdin_traces
        return self._read(reader, stage)

    def _read(self, reader: TraceReader, stage: str) -> Iterator[Trace]:
        total = reader.bytes_total
        with meter(stage, total / 1e6 if total else None, "MB") as bar, closing(with_progress(reader, bar)) as traces:
            yield from islice(traces, self._limit)


def _write(rows: Iterator[tuple[Trace, "Diagnosis"]], output: str | None) -> None:
    from sgram.diagnosis.diagnosis_files import write_diagnoses

    if output is None:
        for _ in rows:
            pass
    else:
        write_diagnoses(rows, output)


def _report_unjudged(report: "CorpusReport", judge_answers: bool, unverifiable: int) -> None:
    """Print how many traces have no verdict, and why; raise `InputError` if none has one."""
    if not report.traces:
        raise InputError("no traces to diagnose; check the paths and --where")
    n_unjudged = report.not_judged
    if n_unjudged == report.traces:
        reason = "none has a verdict (field correct)"
        reason += ", and none has a reference answer to compare with" if report.without_reference == n_unjudged else ""
        hint = "" if judge_answers else "; leave out --no-judge-answers to compare answers with references"
        raise InputError(
            f"nothing to diagnose: of the {n_unjudged:,} traces {reason}{hint}; add correct or reference, or give "
            "--correct-above for rewards"
        )
    if n_unjudged:
        parts = [f"{report.without_reference:,} have no reference answer"] if report.without_reference else []
        parts += [f"{unverifiable:,} could not be compared with it"] if unverifiable else []
        note(f"{n_unjudged:,} of {report.traces:,} traces have no verdict and are left out" + _reasons(parts))
    if not report.wrong:
        note(f"none of the {report.correct:,} judged traces is wrong; nothing to diagnose")


def _reasons(parts: list[str]) -> str:
    return f": {', '.join(parts)}" if parts else ""


def _ask_judge(
    sample: list[tuple[Trace, "Diagnosis"]], judging: JudgeFlags
) -> list[tuple["Judgment", "Diagnosis"]] | None:
    """Return the judge's judgment and our diagnosis of each trace of the sample; None for a dry run."""
    from sgram.diagnosis.judge import Judge, estimate_cost

    config = judging.config()
    traces = [trace for trace, _ in sample]
    if judging.dry_run:
        print_costs(estimate_cost(traces, config), config, planned=True)
        return None
    judge = Judge(config, judging.judge_dir)
    with meter("judging", len(traces), "traces") as bar:
        judgments = []
        for number, judgment in enumerate(judge(traces), 1):
            judgments.append(judgment)
            bar.update(number)
    print_costs(judge.report, config)
    return list(zip(judgments, (diagnosis for _, diagnosis in sample), strict=True))


def _print_json(
    reader: TraceReader,
    corpus: "CorpusDiagnosis",
    totals: _DiagnosisTotals,
    judgments: list[tuple["Judgment", "Diagnosis"]] | None,
    flags: dict[str, Any],
) -> None:
    from sgram.cli.diagnose_tables import agreement_of, row_json

    report, read = corpus.report, reader.report
    document = {
        "format": "sgram-diagnose",
        "version": 1,
        "output": flags["output"],
        "csv": None if flags["csv"] is None else str(flags["csv"]),
        "n_traces": report.traces,
        "n_correct": report.correct,
        "n_wrong": report.wrong,
        "n_not_judged": report.not_judged,
        "n_wrong_with_siblings": report.with_siblings,
        "kinds": [row_json(row) for row in totals.counts.rows(seed=flags["seed"])],
        "models": [row_json(row) for row in totals.counts.rows(by_model=True, seed=flags["seed"])],
        "judge": None
        if judgments is None
        else {
            "judgements": [judgment.to_json() for judgment, _ in judgments],
            "agreement": agreement_of(judgments, flags["seed"]).to_json()
            if any(judgment.kind for judgment, _ in judgments)
            else None,
        },
        "rows_in": read.rows_in,
        "rows_skipped": read.rows_skipped,
        "rows_quarantined": read.rows_quarantined,
    }
    print(json.dumps(document, sort_keys=True, allow_nan=False))  # ASCII: no escape sequence reaches a terminal
