"""Tables and sentences that ``sgram diagnose`` prints, and its CSV file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.cli.console import name_width, note_hidden, print_heading, print_line, print_table
from sgram.cli.estimate_cells import percent, shorten_start
from sgram.files import write_bytes
from sgram.traces import Trace

if TYPE_CHECKING:
    from sgram.diagnosis.diagnose_traces import CorpusReport
    from sgram.diagnosis.diagnosis_files import Weight
    from sgram.diagnosis.kind_shares import KindCounts, KindShare, KindsOfErrors
    from sgram.diagnosis.kinds import Diagnosis
    from sgram.diagnosis.regrading import AccuracyCounts
    from sgram.statistics import Estimate

_MODELS_SHOWN = 12
_EVIDENCE_SHOWN = 3
_NAME_WIDTH = 18


def print_kinds(counts: "KindCounts", report: "CorpusReport", seed: int) -> None:
    """Print the bounds on the shares of the kinds with intervals, then by model."""
    if not len(counts):
        return
    errors = counts.all_models(seed)
    print(
        f"{report.wrong:,} of {report.wrong + report.correct:,} judged traces are wrong; {report.with_siblings:,} of "
        "them have a correct sibling."
    )
    print_headline(errors)
    print()
    print_table(SHARE_HEADS, [share_cells(share) for share in errors.kinds])
    models = counts.by_model(seed)
    if len(models) > 1:
        print()
        kinds = [share.kind for share in errors.kinds if share.count]
        model_cells: list[tuple[object, ...]] = []
        for model in models[:_MODELS_SHOWN]:
            name = shorten_start(model.source or "", name_width(_NAME_WIDTH))
            shares = (percent(model.kind(kind).share.value, 6) for kind in kinds)
            model_cells.append((name, model.n_wrong, *shares))
        print_table(("model", "wrong", *kinds), model_cells)
        note_hidden(len(models) - _MODELS_SHOWN, "models")


def print_accuracy(accuracy: "AccuracyCounts", seed: int) -> None:
    """Print the accuracy by the verdicts of the file beside that by the grader, if the grader has one to add."""
    if not (accuracy.n_regraded or accuracy.n_not_wrong):
        return
    by_file, by_grader = accuracy.accuracy(seed), accuracy.regraded(seed)
    print_line(
        f"Accuracy {_share_cell(by_file).strip()} by the file, {_share_cell(by_grader).strip()} regraded: the grader "
        f"calls {accuracy.n_not_wrong:,.0f} wrong answers right and {accuracy.n_not_right:,} right ones wrong."
    )


def accuracy_json(accuracy: "AccuracyCounts", seed: int) -> dict[str, Any]:
    """Return both accuracies as JSON values; the regraded one is null if no answer was graded again."""
    is_regraded = bool(accuracy.n_regraded or accuracy.n_not_wrong)
    return {
        "accuracy": accuracy.accuracy(seed).to_json(),
        "regraded_accuracy": accuracy.regraded(seed).to_json() if is_regraded else None,
        "n_not_wrong": round(accuracy.n_not_wrong),
        "n_not_right": accuracy.n_not_right,
    }


def print_headline(errors: "KindsOfErrors") -> None:
    """Print in two sentences what the kinds of errors are, and what the undecided leave open."""
    from sgram.reports.kind_wording import kinds_sentence, rivals_sentence

    for sentence in (kinds_sentence(errors), rivals_sentence(errors)):
        text = "".join(part.text for part in sentence)
        print_line(f"{text[:1].upper()}{text[1:]}.")


SHARE_HEADS = ("kind of error", "traces", "at least [95 %]", "at most [95 %]")
"""Heads of the table of shares of kinds."""


def share_cells(share: "KindShare") -> tuple[object, ...]:
    """Return a row of that table."""
    return share.kind, share.count, _share_cell(share.share), _share_cell(share.at_most)


def _share_cell(estimate: "Estimate") -> str:
    interval = "" if estimate.ends is None else " [{:.1f}, {:.1f}]".format(*(100 * end for end in estimate.ends))
    return percent(estimate.value, 6) + interval


def print_examples(examples: Mapping[str, Sequence[tuple[Trace, "Diagnosis"]]]) -> None:
    """Print example diagnoses of each kind with their evidence."""
    from sgram.diagnosis.kinds import KINDS

    for kind in KINDS:
        for trace, diagnosis in examples.get(kind, ()):
            step = "" if diagnosis.step is None else f", step {diagnosis.step + 1}"
            print()
            print_heading(kind, f" ({percent(diagnosis.confidence)}{step})  {trace.id}")
            for evidence in diagnosis.evidence[:_EVIDENCE_SHOWN]:
                position = "" if evidence.start is None else f"  [at {evidence.start:,}]"
                print_line(f"  {evidence.sentence}{position}")


def write_csv(rows: Sequence[tuple[Trace, "Diagnosis"]], path: Path, weight: "Weight") -> None:
    """Write the diagnoses as CSV; `weight` returns how many wrong traces a diagnosed one stands for."""
    from sgram.analysis.table import Column, build_table
    from sgram.diagnosis.diagnosis_files import COLUMNS, table_row
    from sgram.reports.pages.exports import encode_csv

    columns = [Column(name, name) for name in COLUMNS]
    records = [table_row(trace, diagnosis, weight(trace)) for trace, diagnosis in rows]
    write_bytes(path, encode_csv(build_table("diagnoses", "Diagnoses", columns, records)))
