"""Tables and sentences that ``sgram diagnose`` prints, and its CSV file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.cli.console import note, note_hidden, print_line, print_next_table, print_table
from sgram.cli.estimate_cells import decimal, decimal_interval, percent, percent_interval, shorten_start
from sgram.files import write_bytes
from sgram.traces import Trace

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.diagnosis.diagnose_traces import CorpusReport
    from sgram.diagnosis.judge import JudgeConfig, JudgeReport, Judgment
    from sgram.diagnosis.kind_shares import KindCounts, KindRow
    from sgram.diagnosis.kinds import Diagnosis

    JudgmentPairs = Sequence[tuple[Judgment, Diagnosis]]

_MODELS_SHOWN = 12
_EVIDENCE_SHOWN = 3
_NAME_WIDTH = 18
_RATED_KINDS = ("strategic", "procedural", "not-wrong", "undecided")
"""Kinds between which the judge decides."""


def print_kinds(counts: "KindCounts", report: "CorpusReport", seed: int) -> None:
    """Print the kinds of all wrong traces with intervals, then by model."""
    if not len(counts):
        return
    print(
        f"{report.wrong:,} of {report.wrong + report.correct:,} judged traces are wrong; {report.with_siblings:,} of "
        "them have a correct sibling.\n"
    )
    rows = counts.rows(seed=seed)
    cells = [(row.kind, row.count, percent(row.share.value, 6), _interval(row)) for row in rows]
    print_table(("kind of error", "traces", "of the wrong", "95 % interval"), cells)
    kinds = [row.kind for row in rows]
    by_model = counts.rows(by_model=True, seed=seed)
    groups = [by_model[at : at + len(kinds)] for at in range(0, len(by_model), len(kinds))]
    if len(groups) > 1:
        print()
        model_cells: list[tuple[object, ...]] = []
        for group in groups[:_MODELS_SHOWN]:
            model = shorten_start(group[0].model or "", _NAME_WIDTH)
            model_cells.append((model, group[0].wrong, *(percent(row.share.value, 6) for row in group)))
        print_table(("model", "wrong", *kinds), model_cells)
        note_hidden(len(groups) - _MODELS_SHOWN, "models")


def _interval(row: "KindRow") -> str:
    ends = row.share.ends
    if ends is None or ends[0] >= ends[1]:  # the bootstrap of a share of 0 is always 0
        return "-"
    return percent_interval(*ends)


def print_examples(examples: Mapping[str, Sequence[tuple[Trace, "Diagnosis"]]]) -> None:
    """Print example diagnoses of each kind with their evidence."""
    from sgram.diagnosis.kinds import KINDS

    for kind in KINDS:
        for trace, diagnosis in examples.get(kind, ()):
            step = "" if diagnosis.step is None else f", step {diagnosis.step + 1}"
            print()
            print_line(f"--- {kind} ({percent(diagnosis.confidence)}{step})  {trace.id}")
            for evidence in diagnosis.evidence[:_EVIDENCE_SHOWN]:
                position = "" if evidence.start is None else f"  [at {evidence.start:,}]"
                print_line(f"  {evidence.sentence}{position}")


def row_json(row: "KindRow") -> dict[str, Any]:
    """Return one row as JSON, numbers rounded to 6 decimals."""
    shares = {"share": row.share.value, "low": row.share.low, "high": row.share.high}
    return {
        **({} if row.model is None else {"model": row.model}),
        "kind": row.kind,
        "count": row.count,
        "n_wrong": row.wrong,
        **{name: None if share is None else round(share, 6) for name, share in shares.items()},
    }


def write_csv(rows: Sequence[tuple[Trace, "Diagnosis"]], path: Path) -> None:
    """Write the diagnoses as CSV."""
    from sgram.analysis.table import Column, build_table
    from sgram.diagnosis.diagnosis_files import COLUMNS, table_row
    from sgram.reports.pages.exports import encode_csv

    columns = [Column(name, name) for name in COLUMNS]
    write_bytes(path, encode_csv(build_table("diagnoses", "Diagnoses", columns, [table_row(*row) for row in rows])))


# -- the judge ------------------------------------------------------------------------------------------


def print_costs(report: "JudgeReport", config: "JudgeConfig", planned: bool = False) -> None:
    """Print the requests, tokens and price of judging, or of a planned judging."""
    cost = report.cost(config)
    money = "" if cost is None else f", {cost:,.4f} at --price-in and --price-out"
    tokens = f"{report.tokens_in:,} tokens in, {report.tokens_out:,} out"
    if planned:
        note(f"the judge would be asked {report.n_replies:,} times: about {tokens}{money}; no request was sent")
        return
    note(f"judge asked {report.n_replies:,} times, {report.n_cached:,} replies taken from the cache: {tokens}{money}")
    if report.n_retries:
        note(f"{report.n_retries:,} requests were repeated")
    if report.n_malformed:
        note(f"{report.n_malformed:,} replies name none of the choices A to D and are left out")
    if report.n_unanswered:
        note(f"{report.n_unanswered:,} requests have no reply (first error: {report.first_fault}); run again")


def agreement_of(judgments: "JudgmentPairs", seed: int) -> "Agreement":
    """Return the agreement of judge and offline kinds, on the traces to which the judge gives a kind."""
    from sgram.annotation.agreement import measure_agreement
    from sgram.annotation.ratings import Rating

    ratings = []
    for number, (judgment, diagnosis) in enumerate(judgments):
        if judgment.kind is not None:
            item = f"{number} {judgment.trace_id}"
            ratings += [Rating(item, "offline", _rated_kind(diagnosis)), Rating(item, "judge", judgment.kind)]
    return measure_agreement(ratings, seed=seed)


def _rated_kind(diagnosis: "Diagnosis") -> str:
    return diagnosis.kind if diagnosis.kind in _RATED_KINDS else "undecided"


def print_agreement(judgments: "JudgmentPairs", model: str, seed: int) -> None:
    """Print the judge's kinds against the offline kinds, and their agreement."""
    pairs = [(judgment, diagnosis) for judgment, diagnosis in judgments if judgment.kind is not None]
    if not pairs:
        note("the judge gave no kind, so there is no agreement")
        return
    counts = Counter((judgment.kind, _rated_kind(diagnosis)) for judgment, diagnosis in pairs)
    print_next_table(
        (f"{shorten_start(model, _NAME_WIDTH)} / offline", *_RATED_KINDS),
        [(judged, *(counts[judged, offline] for offline in _RATED_KINDS)) for judged in _RATED_KINDS],
    )
    overall = agreement_of(judgments, seed).overall
    coefficients = {
        "agreement": overall.agreement,
        "Cohen's kappa": overall.pairs[0].kappa,
        "Krippendorff's alpha": overall.alpha,
    }
    print_next_table(
        (f"{len(pairs):,} traces", "value", "95 % interval"),
        [(name, decimal(estimate.value), decimal_interval(estimate)) for name, estimate in coefficients.items()],
    )
    shares = [judgment.share for judgment, _ in pairs if len(judgment.letters) > 1 and judgment.share is not None]
    if shares:
        note(f"the judge agrees with itself in {percent(sum(shares) / len(shares))} of its repeats")
