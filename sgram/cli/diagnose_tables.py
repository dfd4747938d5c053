"""What ``sgram diagnose`` prints for people to read, and its CSV file. Nothing but tables and sentences."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.cli.agreement_tables import interval
from sgram.cli.console import note, printable, show_table
from sgram.cli.tagged_view import percent
from sgram.files import write_bytes
from sgram.traces import Trace

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.diagnosis.diagnose_traces import CorpusReport
    from sgram.diagnosis.judge import JudgeConfig, JudgeReport, Judgment
    from sgram.diagnosis.kind_shares import KindCounts, KindRow
    from sgram.diagnosis.kinds import Diagnosis

    Judged = Sequence[tuple[Judgment, Diagnosis]]

_MODELS_SHOWN = 12
_NAME = 18
_EVIDENCE_SHOWN = 3


def print_kinds(counts: "KindCounts", report: "CorpusReport", seed: int) -> None:
    """The kinds of all wrong traces with intervals, then of each model."""
    if not len(counts):
        return
    print(
        f"{report.wrong:,} of {report.wrong + report.correct:,} judged traces are wrong; {report.with_siblings:,} of "
        "them have a correct sibling.\n"
    )
    rows = counts.rows(seed=seed)
    cells = [(row.kind, row.count, percent(row.share.value, 6), _interval(row)) for row in rows]
    show_table(("kind of error", "traces", "of the wrong", "95 % interval"), cells)
    kinds = [row.kind for row in rows]
    by_model = counts.rows(by_model=True, seed=seed)
    groups = [by_model[at : at + len(kinds)] for at in range(0, len(by_model), len(kinds))]
    if len(groups) > 1:
        print()
        show_table(
            ("model", "wrong", *kinds),
            [
                (_short(group[0].model or ""), group[0].wrong, *(percent(row.share.value, 6) for row in group))
                for group in groups[:_MODELS_SHOWN]
            ],
        )
        if len(groups) > _MODELS_SHOWN:
            note(f"{len(groups) - _MODELS_SHOWN:,} more models; --json tells all")


def _interval(row: "KindRow") -> str:
    share = row.share
    known = share.low is not None and share.low < share.high  # resamples of none hold none: no knowledge
    return "-" if not known else f"{100 * share.low:.1f} to {100 * share.high:.1f}"


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"


def print_examples(examples: Mapping[str, Sequence[tuple[Trace, "Diagnosis"]]]) -> None:
    """A few diagnoses of each kind with their evidence."""
    from sgram.diagnosis.kinds import KINDS

    for kind in KINDS:
        for trace, diagnosis in examples.get(kind, ()):
            step = "" if diagnosis.step is None else f", step {diagnosis.step + 1}"
            print(f"\n--- {kind} ({percent(diagnosis.confidence).strip()}{step})  {printable(trace.id)}")
            for each in diagnosis.evidence[:_EVIDENCE_SHOWN]:
                place = "" if each.start is None else f"  [at {each.start:,}]"
                print(f"  {printable(each.what)}{place}")


def row_json(row: "KindRow") -> dict[str, Any]:
    """One row as JSON values."""
    named = {} if row.model is None else {"model": row.model}
    numbers = {name: getattr(row.share, name) for name in ("value", "low", "high")}
    rounded = {name: None if value is None else round(value, 6) for name, value in numbers.items()}
    return {
        **named,
        "kind": row.kind,
        "count": row.count,
        "n_wrong": row.wrong,
        "share": rounded["value"],
        "low": rounded["low"],
        "high": rounded["high"],
    }


def write_csv(rows: Sequence[tuple[Trace, "Diagnosis"]], path: Path) -> None:
    """The diagnoses as CSV."""
    from sgram.analysis.table import Column, Table
    from sgram.diagnosis.diagnosis_files import COLUMNS, flat
    from sgram.reports.pages.exports import csv_bytes

    columns = tuple(Column(name, name) for name in COLUMNS)
    cells = tuple(tuple(flat(*row).values()) for row in rows)
    write_bytes(path, csv_bytes(Table("diagnoses", "Diagnoses", columns, cells)))


# -- the judge ------------------------------------------------------------------------------------------


def tell_costs(report: "JudgeReport", config: "JudgeConfig", planned: bool = False) -> None:
    """Say what judging took, or would take."""
    cost = report.cost(config)
    money = "" if cost is None else f", {cost:,.4f} at the prices given"
    tokens = f"{report.tokens_in:,} tokens in, {report.tokens_out:,} out"
    if planned:
        note(f"the judge would be asked {report.asked:,} times: about {tokens}{money}; nothing was asked")
        return
    note(f"judge asked {report.asked:,} times, {report.remembered:,} replies remembered: {tokens}{money}")
    if report.again:
        note(f"{report.again:,} further tries were needed")
    if report.malformed:
        note(f"{report.malformed:,} replies name none of the choices A to D; they count for nothing")
    if report.unanswered:
        note(f"{report.unanswered:,} questions stay without an answer; the first: {report.first_fault}; run again")


def agreement_of(judged: "Judged", seed: int) -> "Agreement":
    """How far the judge and the offline kinds agree, on the traces that the judge gives a kind."""
    from sgram.annotation.agreement import measure_agreement
    from sgram.annotation.ratings import Rating

    ratings = []
    for place, (judgment, diagnosis) in enumerate(judged):
        if judgment.kind is not None:
            kind = diagnosis.kind if diagnosis.kind in ("strategic", "procedural") else "other"
            item = f"{place} {judgment.trace_id}"
            ratings += [Rating(item, "offline", kind), Rating(item, "judge", judgment.kind)]
    return measure_agreement(ratings, seed=seed)


def print_agreement(judged: "Judged", model: str, seed: int) -> None:
    """What the judge chose against the offline kinds, and how far they agree."""
    told = [(judgment, diagnosis) for judgment, diagnosis in judged if judgment.kind is not None]
    if not told:
        note("the judge gave no kind to compare with")
        return
    kinds = ("strategic", "procedural", "other")
    counts = dict.fromkeys(((theirs, ours) for theirs in kinds for ours in kinds), 0)
    for judgment, diagnosis in told:
        ours = diagnosis.kind if diagnosis.kind in kinds else "other"
        counts[judgment.kind, ours] += 1
    print()
    show_table(
        (f"{_short(model)} says", *(f"offline {kind}" for kind in kinds)),
        [(theirs, *(counts[theirs, ours] for ours in kinds)) for theirs in kinds],
    )
    found = agreement_of(judged, seed).overall
    kappa = found.pairs[0].kappa
    rows = [("agreement", found.agreement), ("Cohen's kappa", kappa), ("Krippendorff's alpha", found.alpha)]
    print()
    show_table(
        (f"{len(told):,} traces", "value", "95 % interval"),
        [(name, "-" if one.value is None else f"{one.value:.3f}", interval(one)) for name, one in rows],
    )
    shares = [judgment.share for judgment, _ in told if len(judgment.letters) > 1]
    if shares:
        note(f"the judge agrees with itself in {percent(sum(shares) / len(shares)).strip()} of its repeats")
