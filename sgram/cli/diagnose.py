"""``sgram diagnose``: classify the error of each wrong rollout."""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli import diagnose_tables, judge_tables
from sgram.cli.console import note, print_json
from sgram.cli.engines import Address, EngineName, open_cluster
from sgram.cli.judge_flags import JudgeFlags
from sgram.cli.option_groups import ADVANCED, OUTPUT
from sgram.cli.path_checks import check_no_options, check_outputs
from sgram.cli.read import InputFlags, open_traces, report_reading, row_counts_json
from sgram.cli.shared_flags import AsJson, Limit, Ratings, TracePaths, number_flag, output_flag
from sgram.errors import InputError, UsageError
from sgram.files import digest
from sgram.lexicon import DEFAULT_LEXICON, Lexicon, connective_note
from sgram.traces import Trace, TraceReader

if TYPE_CHECKING:
    from sgram.annotation.agreement import RaterPair
    from sgram.diagnosis.corrected_kinds import RatedKinds
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis, CorpusReport
    from sgram.diagnosis.judge import Judgment
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import Diagnosis, Kind

    DiagnosedTraces = list[tuple[Trace, Diagnosis]]

_LEXICON = Parameter(help="A lexicon file, or a preset; its goal-setting and branching phrases mark plans.")
_ANSWERS = Parameter(help="If a rollout has no verdict, compare its answer with its reference answer.")
_MAX_DIAGNOSED = number_flag(
    "max-diagnosed", 1, "Diagnose at most this many wrong rollouts: a sample stratified by step and problem.", ADVANCED
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
    rated: "RatedKinds | None"
    ask_judge: "Callable[[DiagnosedTraces], list[Judgment] | None] | None"
    judgments: "list[Judgment] | None" = None
    judged: "DiagnosedTraces" = field(default_factory=list)
    rated_traces: "DiagnosedTraces" = field(default_factory=list)
    examples: "dict[str, DiagnosedTraces]" = field(default_factory=dict)
    judge_heap: list[tuple[int, int, Trace, "Diagnosis"]] = field(default_factory=list)
    rows: "DiagnosedTraces" = field(default_factory=list)

    def collect(self, corpus: "CorpusDiagnosis") -> Iterator[tuple[Trace, "Diagnosis"]]:
        """Yield the diagnosed traces and collect them, then ask the judge: an error leaves files as they are."""
        for number, (trace, diagnosis) in enumerate(corpus):
            self.counts.add(trace, diagnosis.kind, corpus.weight(trace))
            examples = self.examples.setdefault(diagnosis.kind, [])
            if len(examples) < self.n_examples:
                examples.append((trace, diagnosis))
            if self.n_judged:
                self._add_to_sample(number, trace, diagnosis)
            if self.keeps_rows:
                self.rows.append((replace(trace, text=""), diagnosis))
            if self.rated is not None:
                self.rated.add(trace, diagnosis.kind)
                if trace.id in self.rated.ratings.traces:
                    self.rated_traces.append((trace, diagnosis))
            yield trace, diagnosis
        if self.rated is not None and len(self.counts) and not self.rated_traces:
            raise InputError("none of the rated traces is among the wrong traces; give the rollouts that were rated")
        if self.ask_judge is not None and len(self.counts):
            self.judged = self.sample()
            self.judgments = self.ask_judge(self.judged)

    def _add_to_sample(self, number: int, trace: Trace, diagnosis: "Diagnosis") -> None:
        """Keep the traces with the smallest digests of seed and id: the sample does not depend on the input's order."""
        rank = -int(digest(f"{self.seed} {trace.id}".encode())[:15], 16)
        push = heapq.heappush if len(self.judge_heap) < self.n_judged else heapq.heappushpop
        push(self.judge_heap, (rank, number, trace, diagnosis))

    def sample(self) -> "DiagnosedTraces":
        """Return what is judged, sorted by trace id: a random sample, and the rated traces."""
        rows = {trace.id: (trace, diagnosis) for _, _, trace, diagnosis in self.judge_heap}
        rows |= {trace.id: (trace, diagnosis) for trace, diagnosis in self.rated_traces}
        return [rows[name] for name in sorted(rows)]

    def classifier_kinds(self) -> "dict[str, Kind]":
        """Return the classifier's kind of each trace that is rated or judged."""
        return {trace.id: diagnosis.kind for trace, diagnosis in (*self.rated_traces, *self.judged)}

    def agreement(self, judge_name: str) -> "list[RaterPair]":
        """Return the agreement of classifier, judge and raters; none if there is neither judge nor rater."""
        from sgram.diagnosis.kind_agreement import opinion_pairs

        kinds = self.classifier_kinds()
        if not kinds or (self.rated is None and self.judgments is None):
            return []
        judge = None if self.judgments is None else {judgment.trace_id: judgment.kind for judgment in self.judgments}
        ratings = None if self.rated is None else self.rated.ratings
        return opinion_pairs(kinds, judge, judge_name, ratings, self.seed)

    def rated_by_judge(self) -> "RatedKinds | None":
        """Return the judge's kinds beside the ratings; those that are judged as they are rated stand for no other."""
        from sgram.diagnosis.corrected_kinds import RatedKinds

        if self.rated is None or self.judgments is None:
            return None
        sampled = {trace.id for _, _, trace, _ in self.judge_heap}
        table = RatedKinds(self.rated.ratings)
        for (trace, _), judgment in zip(self.judged, self.judgments, strict=True):
            table.add(trace, judgment.kind, float(trace.id in sampled))
        return table


def diagnose(
    paths: TracePaths,
    /,
    *,
    output: Annotated[str | None, _OUTPUT] = None,
    lexicon: Annotated[str, _LEXICON] = DEFAULT_LEXICON,
    csv: Annotated[Path | None, Parameter(group=OUTPUT, help="CSV file for the diagnoses.")] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    judging: JudgeFlags = JudgeFlags(),  # noqa: B008
    judge_answers: Annotated[bool, _ANSWERS] = True,
    max_diagnosed: Annotated[int | None, _MAX_DIAGNOSED] = None,
    ratings: Ratings = None,
    show: Annotated[int, number_flag("show", 0, "Examples to print for each kind.", OUTPUT)] = 1,
    limit: Limit = None,
    seed: Annotated[int, number_flag("seed", 0, "Seed of intervals and of the judge's sample.", ADVANCED)] = 0,
    engine: EngineName = "threads",
    address: Address = "auto",
    as_json: AsJson = False,
) -> None:
    """Classify each wrong rollout: a wrong plan, an error in carrying it out, or another kind of error.

    sgram diagnose rollouts.jsonl -o diagnoses.jsonl

    sgram diagnose rollouts.jsonl --ratings rated.jsonl

    sgram diagnose rollouts/ --judge http://localhost:8000/v1 --judge-model qwen3-8b
    """
    from sgram.diagnosis.corrected_kinds import RatedKinds
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
    from sgram.diagnosis.diagnosis_files import select_writer, write_diagnoses
    from sgram.diagnosis.error_ratings import read_error_ratings
    from sgram.diagnosis.file_passes import DiagnosisSettings, FilePasses
    from sgram.diagnosis.kind_shares import KindCounts
    from sgram.diagnosis.kinds import make_span_finder
    from sgram.grading.fill_correct import AnswerGrader

    check_no_options(paths, "diagnose")
    check_outputs({"-o": output, "--csv": csv}, [*paths, *([] if ratings is None else [ratings])])
    if output is not None:
        select_writer(output)
    judging.check()
    if ratings is not None and max_diagnosed is not None:
        raise UsageError("--ratings corrects the diagnoses of all wrong rollouts; leave out --max-diagnosed")
    rated = None if ratings is None else RatedKinds(read_error_ratings(ratings))
    if engine != "threads" and limit is not None:
        raise UsageError("--limit counts traces over all files, which --engine ray reads one by one; leave one out")
    traces = RereadTraces(paths, reading, output, limit)
    totals = _DiagnosisTotals(
        KindCounts(),
        show,
        judging.judge_traces if judging.judge else 0,
        seed,
        csv is not None,
        rated,
        judging.ask if judging.judge else None,
    )
    plans = Lexicon.load(lexicon)
    if remark := connective_note(plans):
        note(remark)
    cluster = open_cluster(engine, address)
    file_passes = (
        None
        if cluster is None
        else FilePasses(traces.reader, reading.dialect, DiagnosisSettings(plans, judge_answers), cluster)
    )
    with AnswerGrader() as answers:

        def check(report: "CorpusReport") -> None:
            report_reading(traces.reader)
            grading = answers.report if file_passes is None else file_passes.grading
            report_unjudged(report, judge_answers, grading.n_unverifiable)

        corpus = CorpusDiagnosis(
            traces,
            make_span_finder(plans),
            answers if judge_answers else None,
            grade=answers.grade if judge_answers else None,
            max_diagnosed=max_diagnosed,
            check=check,
            passes=file_passes,
        )
        rows = totals.collect(corpus)
        if output is None:
            deque(rows, maxlen=0)
        else:
            write_diagnoses(rows, output, corpus.weight)
    if csv is not None:
        diagnose_tables.write_csv(totals.rows, csv, corpus.weight)
    for remark in judge_tables.rating_notes(rated) if rated is not None and len(rated) else ():
        note(remark)
    if as_json:
        fields = {
            "output": output,
            "csv": None if csv is None else str(csv),
            **_measurements_json(corpus.report, totals, judging.name),
            **diagnose_tables.accuracy_json(corpus.accuracy, seed),
            **row_counts_json(traces.reader.report),
        }
        print_json("diagnose", fields)
    else:
        diagnose_tables.print_accuracy(corpus.accuracy, seed)
        diagnose_tables.print_kinds(totals.counts, corpus.report, seed)
        diagnose_tables.print_examples(totals.examples)
        if rated is None and len(totals.counts):
            note(
                "these bounds hold as far as the decided kinds are right; sgram annotate export --errors draws rollouts"
                " to rate, --ratings corrects the shares by them"
            )
        if totals.judgments is not None:
            judge_tables.print_judgments(totals.judgments, totals.classifier_kinds(), judging.name, show)
        if rated is not None and len(rated):
            judge_tables.print_corrected(rated, totals.rated_by_judge(), judging.name)
        judge_tables.print_agreement(totals.agreement(judging.name))
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


def _measurements_json(report: "CorpusReport", totals: _DiagnosisTotals, judge_name: str) -> dict[str, object]:
    from sgram.diagnosis.kind_agreement import pair_json

    counts, seed, judgments, rated = totals.counts, totals.seed, totals.judgments, totals.rated
    return {
        "n_traces": report.traces,
        "n_correct": report.correct,
        "n_wrong": report.wrong,
        "n_diagnosed": report.diagnosed,
        "n_not_judged": report.not_judged,
        "n_wrong_with_siblings": report.with_siblings,
        "kinds": counts.all_models(seed).to_json(),
        "models": [{"model": model.source, **row} for model in counts.by_model(seed) for row in model.to_json()],
        "judge": None if judgments is None else {"judgments": [judgment.to_json() for judgment in judgments]},
        "ratings": None
        if rated is None or not len(rated)
        else judge_tables.ratings_json(rated, totals.rated_by_judge()),
        "agreement": [pair_json(pair) for pair in totals.agreement(judge_name)],
    }
