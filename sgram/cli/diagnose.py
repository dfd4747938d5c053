"""``sgram diagnose``: what kind of error each wrong rollout makes. Nothing but flags, progress and printing."""

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
from sgram.cli.diagnose_tables import print_agreement, print_examples, print_kinds, tell_costs, write_csv
from sgram.cli.judge_flags import JudgeFlags
from sgram.cli.path_checks import refuse_inputs, refuse_options, refuse_places
from sgram.cli.read import InputFlags, tell, watched
from sgram.errors import InputError, UsageError
from sgram.files import digest
from sgram.lexicon import Lexicon
from sgram.traces import Trace, TraceReader

if TYPE_CHECKING:
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis, CorpusReport
    from sgram.diagnosis.judge import Judgment
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import Diagnosis

_LEXICON = Parameter(help="A lexicon file, or a preset: its goal-setting and branching phrases announce plans.")
_OUTPUT = Parameter(
    name=["--output", "-o"], help="File for the diagnoses, one a row: .jsonl or .parquet.", allow_leading_hyphen=True
)
_ANSWERS = Parameter(help="Whether a rollout that does not say if it is right is compared with its reference answer.")


@dataclass
class _Seen:
    """What is kept of the diagnoses that pass by."""

    counts: "KindCounts"
    n_examples: int
    n_judged: int
    seed: int
    keeps_all: bool
    examples: dict[str, list[tuple[Trace, "Diagnosis"]]] = field(default_factory=dict)
    to_judge: list[tuple[int, int, Trace, "Diagnosis"]] = field(default_factory=list)
    rows: list[tuple[Trace, "Diagnosis"]] = field(default_factory=list)

    def passing(self, rows: Iterable[tuple[Trace, "Diagnosis"]]) -> Iterator[tuple[Trace, "Diagnosis"]]:
        """The same rows, counted."""
        for place, (trace, diagnosis) in enumerate(rows):
            self.counts.add(trace, diagnosis.kind)
            shown = self.examples.setdefault(diagnosis.kind, [])
            if len(shown) < self.n_examples:
                shown.append((trace, diagnosis))
            if self.n_judged:
                self._draw(place, trace, diagnosis)
            if self.keeps_all:
                self.rows.append((replace(trace, text=""), diagnosis))
            yield trace, diagnosis

    def _draw(self, place: int, trace: Trace, diagnosis: "Diagnosis") -> None:
        """Keep the traces with the smallest digests of seed and id: a sample that no order of input changes."""
        rank = -int(digest(f"{self.seed} {trace.id}".encode())[:15], 16)
        keep = heapq.heappush if len(self.to_judge) < self.n_judged else heapq.heappushpop
        keep(self.to_judge, (rank, place, trace, diagnosis))

    def sample(self) -> list[tuple[Trace, "Diagnosis"]]:
        """What the judge is asked about, by id."""
        return sorted(((trace, told) for _, _, trace, told in self.to_judge), key=lambda each: each[0].id)


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
    show: Annotated[int, Parameter(help="Examples printed of each kind.")] = 1,
    limit: Annotated[int | None, Parameter(help="Stop after this many traces.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the bootstrap intervals and of the judge's sample.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Say of each wrong rollout whether its plan was wrong, or a step of carrying it out, or something else.

    sgram diagnose rollouts.jsonl -o diagnoses.jsonl

    sgram diagnose rollouts/ --judge http://localhost:8000/v1 --judge-model qwen3-32b --dry-run
    """
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import finder
    from sgram.grading.fill_correct import AnswerJudge

    if seed < 0 or show < 0 or (limit is not None and limit < 1):
        raise UsageError("--seed and --show take a whole number from 0, --limit a number of traces")
    _check_names(paths, output, csv)
    judging.check()
    traces = _Passes(paths, reading, output, limit)
    seen = _Seen(KindCounts(), show, judging.judge_traces if judging.judge else 0, seed, csv is not None)
    with AnswerJudge() as answers:
        corpus = CorpusDiagnosis(traces, finder(Lexicon.load(lexicon)), answers if judge_answers else None)
        _write(seen.passing(corpus), output)
        unverifiable = answers.report.unverifiable
    tell(traces.reader)
    _tell_unjudged(corpus.report, judge_answers, unverifiable)
    if csv is not None:
        write_csv(seen.rows, csv)
    judged = _ask_judge(seen.sample(), judging) if judging.judge and len(seen.counts) else None
    if as_json:
        _print_json(traces.reader, corpus, seen, judged, {"output": output, "csv": csv, "seed": seed})
    else:
        print_kinds(seen.counts, corpus.report, seed)
        print_examples(seen.examples)
        if judged is not None:
            print_agreement(judged, judging.judge_model, seed)
    for path in (output, csv):
        if path is not None:
            note(f"{len(seen.counts):,} diagnoses written to {path}")
    return 0


def _check_names(paths: list[str], output: str | None, csv: Path | None) -> None:
    from sgram.diagnosis.diagnosis_files import writer_for

    refuse_options(paths, "diagnose")
    written = [str(path) for path in (output, csv) if path is not None]
    for path in written:
        if path.startswith("-"):
            raise UsageError(f"{path} names no file for diagnoses; write ./{path} if it does")
    if len({os.path.realpath(path) for path in written}) < len(written):
        raise UsageError(f"-o and --csv both name {output}; give each a file of its own")
    if output is not None:
        writer_for(output)
    refuse_inputs(written, paths)
    refuse_places(written)


class _Passes:
    """The traces of some paths, read again at every call; those of stdin are held."""

    def __init__(self, paths: list[str], reading: InputFlags, output: str | None, limit: int | None):
        self._paths, self._reading, self._limit = paths, reading, limit
        self._options = reading.options(output)
        self.reader = TraceReader(paths, reading.dialect, options=self._options)
        self._held: list[Trace] | None = None
        self._begun = False

    def __call__(self, stage: str) -> Iterable[Trace]:
        """The traces once more; what cannot be read is set aside and told of at the first time only."""
        if self._held is not None:
            return self._held
        reader = self.reader
        if self._begun:
            again = replace(self._options, quarantine=None, max_bad=1.0)
            reader = TraceReader(self._paths, self._reading.dialect, options=again)
        self._begun = True
        if "-" in self._paths:
            self._held = list(self._read(reader, "reading"))
            return self._held
        return self._read(reader, stage)

    def _read(self, reader: TraceReader, stage: str) -> Iterator[Trace]:
        total = reader.bytes_total
        with meter(stage, total / 1e6 if total else None, "MB") as bar, closing(watched(reader, bar)) as found:
            yield from islice(found, self._limit)


def _write(rows: Iterator[tuple[Trace, "Diagnosis"]], output: str | None) -> None:
    from sgram.diagnosis.diagnosis_files import write_diagnoses

    if output is None:
        for _ in rows:
            pass
    else:
        write_diagnoses(rows, output)


def _tell_unjudged(report: "CorpusReport", judge_answers: bool, unverifiable: int) -> None:
    """Say of what traces nothing can be said, and why."""
    if not report.traces:
        raise InputError("there are no traces to diagnose; check the paths and --where")
    left = report.not_judged
    if left == report.traces:
        why = "none says whether it is right (field correct)"
        why += ", and none holds a reference answer to tell by" if report.without_reference == left else ""
        how = "" if judge_answers else "; leave out --no-judge-answers to compare answers with references"
        raise InputError(
            f"nothing to diagnose: of the {left:,} traces {why}{how}; add correct or reference, or give "
            "--correct-above for rewards"
        )
    if left:
        parts = [f"{report.without_reference:,} hold no reference answer"] if report.without_reference else []
        parts += [f"{unverifiable:,} could not be compared with it"] if unverifiable else []
        note(f"{left:,} of {report.traces:,} traces are not judged and left out" + _because(parts))
    if not report.wrong:
        note(f"none of the {report.correct:,} judged traces is wrong: there is nothing to diagnose")


def _because(parts: list[str]) -> str:
    return f": {', '.join(parts)}" if parts else ""


def _ask_judge(
    sample: list[tuple[Trace, "Diagnosis"]], judging: JudgeFlags
) -> list[tuple["Judgment", "Diagnosis"]] | None:
    """What the judge says of each trace of the sample, beside its diagnosis; None where it is not asked."""
    from sgram.diagnosis.judge import Judge, estimate

    config = judging.config()
    traces = [trace for trace, _ in sample]
    if judging.dry_run:
        tell_costs(estimate(traces, config), config, planned=True)
        return None
    judge = Judge(config, judging.judge_dir)
    with meter("judging", len(traces), "traces") as bar:
        found = []
        for number, judgment in enumerate(judge(traces), 1):
            found.append(judgment)
            bar.update(number)
    tell_costs(judge.report, config)
    return list(zip(found, (diagnosis for _, diagnosis in sample), strict=True))


def _print_json(
    reader: TraceReader,
    corpus: "CorpusDiagnosis",
    seen: _Seen,
    judged: list[tuple["Judgment", "Diagnosis"]] | None,
    flags: dict[str, Any],
) -> None:
    from sgram.cli.diagnose_tables import agreement_of, row_json

    report, read = corpus.report, reader.report
    told = {
        "format": "sgram-diagnose",
        "version": 1,
        "output": flags["output"],
        "csv": None if flags["csv"] is None else str(flags["csv"]),
        "n_traces": report.traces,
        "n_correct": report.correct,
        "n_wrong": report.wrong,
        "n_not_judged": report.not_judged,
        "n_wrong_with_siblings": report.with_siblings,
        "kinds": [row_json(row) for row in seen.counts.rows(seed=flags["seed"])],
        "models": [row_json(row) for row in seen.counts.rows(by_model=True, seed=flags["seed"])],
        "judge": None
        if judged is None
        else {
            "judgements": [judgment.to_json() for judgment, _ in judged],
            "agreement": agreement_of(judged, flags["seed"]).to_json() if any(j.kind for j, _ in judged) else None,
        },
        "rows_in": read.rows_in,
        "rows_skipped": read.rows_skipped,
        "rows_quarantined": read.rows_quarantined,
    }
    print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it
