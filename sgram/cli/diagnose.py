"""``sgram diagnose``: classify the error of each wrong rollout."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli import diagnose_tables
from sgram.cli.console import meter, note, print_json
from sgram.cli.judge_flags import JudgeFlags
from sgram.cli.path_checks import check_no_options, check_outputs, check_writable
from sgram.cli.read import InputFlags, open_traces, report_reading, row_counts_json
from sgram.cli.shared_flags import AsJson, Limit, TracePaths, number_flag, output_flag
from sgram.errors import InputError
from sgram.files import digest
from sgram.lexicon import DEFAULT_LEXICON, Lexicon, connective_note
from sgram.traces import Trace, TraceReader

if TYPE_CHECKING:
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis, CorpusReport
    from sgram.diagnosis.judge import Judgment
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import Diagnosis

    DiagnosedTraces = list[tuple[Trace, Diagnosis]]

_LEXICON = Parameter(help="A lexicon file, or a preset; its goal-setting and branching phrases mark plans.")
_ANSWERS = Parameter(help="If a rollout has no verdict, compare its answer with its reference answer.")
_MAX_DIAGNOSED = number_flag(
    "max-diagnosed", 1, "Diagnose at most this many wrong rollouts: a sample stratified by step and problem."
)
_OUTPUT = output_flag("File for the diagnoses, one in each row: .jsonl or .parquet.")


@dataclass
class _DiagnosisTotals:
    """Counts, examples and the judge's sample, collected while diagnoses are written."""

    counts: "KindCounts"
    n_examples: int
    n_judged: int
    seed: int
    keeps_rows: bool
    examples: "dict[str, DiagnosedTraces]" = field(default_factory=dict)
    judge_heap: list[tuple[int, int, Trace, "Diagnosis"]] = field(default_factory=list)
    rows: "DiagnosedTraces" = field(default_factory=list)

    def collect(self, corpus: "CorpusDiagnosis") -> Iterator[tuple[Trace, "Diagnosis"]]:
        """Yield the diagnosed traces and collect them."""
        for number, (trace, diagnosis) in enumerate(corpus):
            self.counts.add(trace, diagnosis.kind, corpus.weight(trace))
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

    def sample(self) -> "DiagnosedTraces":
        """Return the judge's sample, sorted by trace id."""
        return sorted(((trace, diagnosis) for _, _, trace, diagnosis in self.judge_heap), key=lambda row: row[0].id)


def diagnose(
    paths: TracePaths,
    /,
    *,
    output: Annotated[str | None, _OUTPUT] = None,
    lexicon: Annotated[str, _LEXICON] = DEFAULT_LEXICON,
    csv: Annotated[Path | None, Parameter(help="CSV file for the diagnoses.")] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    judging: JudgeFlags = JudgeFlags(),  # noqa: B008
    judge_answers: Annotated[bool, _ANSWERS] = True,
    max_diagnosed: Annotated[int | None, _MAX_DIAGNOSED] = None,
    show: Annotated[int, number_flag("show", 0, "Examples to print for each kind.")] = 1,
    limit: Limit = None,
    seed: Annotated[int, number_flag("seed", 0, "Seed of the bootstrap intervals and of the judge's sample.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Classify each wrong rollout: a wrong plan, an error in carrying it out, or another kind of error.

    sgram diagnose rollouts.jsonl -o diagnoses.jsonl

    sgram diagnose rollouts/ --judge http://localhost:8000/v1 --judge-model qwen3-32b --dry-run
    """
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
    from sgram.diagnosis.diagnosis_files import select_writer, write_diagnoses
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import finder
    from sgram.grading.fill_correct import AnswerGrader

    check_no_options(paths, "diagnose")
    check_outputs({"-o": output, "--csv": csv}, paths)
    if output is not None:
        select_writer(output)
    check_writable(path for path in (output, csv) if path is not None)
    judging.check()
    traces = RereadTraces(paths, reading, output, limit)
    totals = _DiagnosisTotals(KindCounts(), show, judging.judge_traces if judging.judge else 0, seed, csv is not None)
    plans = Lexicon.load(lexicon)
    if remark := connective_note(plans):
        note(remark)
    with AnswerGrader() as answers:

        def check(report: "CorpusReport") -> None:
            report_reading(traces.reader)
            report_unjudged(report, judge_answers, answers.report.n_unverifiable)

        corpus = CorpusDiagnosis(
            traces, finder(plans), answers if judge_answers else None, max_diagnosed=max_diagnosed, check=check
        )
        rows = totals.collect(corpus)
        if output is None:
            deque(rows, maxlen=0)
        else:
            write_diagnoses(rows, output, corpus.weight)
    if csv is not None:
        diagnose_tables.write_csv(totals.rows, csv, corpus.weight)
    judgments = _ask_judge(totals.sample(), judging) if judging.judge and len(totals.counts) else None
    if as_json:
        fields = {
            "output": output,
            "csv": None if csv is None else str(csv),
            **_measurements_json(corpus.report, totals, judgments),
            **row_counts_json(traces.reader.report),
        }
        print_json("diagnose", fields)
    else:
        diagnose_tables.print_kinds(totals.counts, corpus.report, seed)
        diagnose_tables.print_examples(totals.examples)
        if judgments is not None:
            diagnose_tables.print_agreement(judgments, judging.judge_model, seed)
    for path in (output, csv):
        if path is not None:
            note(f"{len(totals.counts):,} diagnoses written to {path}")


class RereadTraces:
    """The traces of the input paths, read again at each call; what can be read only once is copied to disk."""

    def __init__(self, paths: list[str], reading: InputFlags, output: str | None, limit: int | None):
        self.reader = TraceReader(paths, reading.dialect, options=reading.options(output))
        self._next_reader = self.reader
        self._limit = limit

    def __call__(self, stage: str) -> Iterable[Trace]:
        """Read the traces; unreadable rows are set aside and reported in the first pass only."""
        reader, self._next_reader = self._next_reader, self.reader.reread()
        return self._read(reader, stage)

    def _read(self, reader: TraceReader, stage: str) -> Iterator[Trace]:
        with open_traces(reader, stage) as traces:
            yield from islice(traces, self._limit)


def report_unjudged(report: "CorpusReport", judge_answers: bool, unverifiable: int) -> None:
    """Print how many traces have no verdict, and why; raise `InputError` if none has one.

    This comes before any file is written, so that one of an earlier call stays.
    """
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
        reasons = f": {', '.join(parts)}" if parts else ""
        note(f"{n_unjudged:,} of {report.traces:,} traces have no verdict and are left out{reasons}")
    if report.diagnosed < report.wrong:
        note(
            f"{report.diagnosed:,} of {report.wrong:,} wrong traces are diagnosed, a sample stratified by step and "
            "problem; shares are of all wrong traces (--max-diagnosed)"
        )
    if not report.wrong:
        note(f"none of the {report.correct:,} judged traces is wrong; nothing to diagnose")


def _ask_judge(sample: "DiagnosedTraces", judging: JudgeFlags) -> "list[tuple[Judgment, Diagnosis]] | None":
    """Return the judge's judgment and our diagnosis of each trace of the sample; None for a dry run."""
    from sgram.diagnosis.judge import Judge, estimate_cost

    config = judging.config()
    traces = [trace for trace, _ in sample]
    if judging.dry_run:
        diagnose_tables.print_costs(estimate_cost(traces, config), config, planned=True)
        return None
    judge = Judge(config, judging.judge_dir)
    judgments = []
    with meter("judging", len(traces), "traces") as bar:
        for number, (judgment, (_, diagnosis)) in enumerate(zip(judge(traces), sample, strict=True), 1):
            judgments.append((judgment, diagnosis))
            bar.update(number)
    diagnose_tables.print_costs(judge.report, config)
    return judgments


def _measurements_json(
    report: "CorpusReport", totals: _DiagnosisTotals, judgments: "list[tuple[Judgment, Diagnosis]] | None"
) -> dict[str, object]:
    counts, seed, judge = totals.counts, totals.seed, None
    if judgments is not None:
        has_kinds = any(judgment.kind for judgment, _ in judgments)
        judge = {
            "judgements": [judgment.to_json() for judgment, _ in judgments],
            "agreement": diagnose_tables.agreement_of(judgments, seed).to_json() if has_kinds else None,
        }
    return {
        "n_traces": report.traces,
        "n_correct": report.correct,
        "n_wrong": report.wrong,
        "n_diagnosed": report.diagnosed,
        "n_not_judged": report.not_judged,
        "n_wrong_with_siblings": report.with_siblings,
        "kinds": counts.all_models(seed).to_json(),
        "models": [row for model in counts.by_model(seed) for row in model.to_json()],
        "judge": judge,
    }
