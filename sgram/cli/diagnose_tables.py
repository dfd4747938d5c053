"""Tables and sentences that ``sgram diagnose`` prints, and its CSV file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.cli.console import note, note_hidden, print_line, print_next_table, print_table
from sgram.cli.estimate_cells import decimal, decimal_interval, percent, shorten_start
from sgram.files import write_bytes
from sgram.traces import Trace

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.diagnosis.diagnose_traces import CorpusReport
    from sgram.diagnosis.diagnosis_files import Weight
    from sgram.diagnosis.judge import JudgeConfig, JudgeReport, Judgment
    from sgram.diagnosis.kind_shares import KindCounts, KindShare, KindsOfErrors
    from sgram.diagnosis.kinds import Diagnosis
    from sgram.statistics import Estimate

    JudgmentPairs = Sequence[tuple[Judgment, Diagnosis]]

_MODELS_SHOWN = 12
_EVIDENCE_SHOWN = 3
_NAME_WIDTH = 18
_RATED_KINDS = ("strategic", "procedural", "not-wrong", "undecided")
"""Kinds between which the judge decides."""


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
        heads = [share.kind for share in errors.kinds]
        model_cells: list[tuple[object, ...]] = []
        for model in models[:_MODELS_SHOWN]:
            name = shorten_start(model.model or "", _NAME_WIDTH)
            shares = (percent(share.share.value, 6) for share in model.kinds)
            model_cells.append((name, model.n_wrong, *shares))
        print_table(("model", "wrong", *heads), model_cells)
        note_hidden(len(models) - _MODELS_SHOWN, "models")


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
            print_line(f"--- {kind} ({percent(diagnosis.confidence)}{step})  {trace.id}")
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
