"""Tables that ``sgram agreement`` prints."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sgram.annotation.items import BlindedItem
from sgram.cli.console import note, note_hidden, print_next_table, print_table
from sgram.cli.estimate_cells import decimal, decimal_interval, percent, percent_interval

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement, LabelAgreement
    from sgram.annotation.disputes import Dispute, RaterRow
    from sgram.annotation.strategic_share import StrategicShares
    from sgram.statistics import Estimate

_PAIRS_SHOWN = 10
_RATERS_SHOWN = 20
_CONTEXT = 50


def question_of(question: "LabelAgreement") -> str:
    """Return what raters choose between, in words."""
    if question.share is None:
        return f"{len(question.labels)} labels" if len(question.labels) > 1 else "the one label"
    return "strategic or not"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def print_coefficients(measured: "Agreement") -> None:
    """Print the numbers of items and ratings, the coefficients of all labels, and those of each label alone."""
    print(
        f"{_count(measured.n_items, 'item')}, {_count(measured.n_raters, 'rater')}, "
        f"{_count(measured.n_ratings, 'rating')}; {percent(measured.missing)} of items x raters missing.\n"
        f"Items with two ratings or more: {measured.n_items_with_two:,}; rated by all: {measured.n_items_with_all:,}. "
        f"95 % intervals from {measured.n_draws:,} draws of items, seed {measured.seed}.\n"
    )
    overall = measured.overall
    coefficients = {
        "percent agreement": overall.agreement,
        "Krippendorff's alpha": overall.alpha,
        "Gwet's AC1": overall.ac1,
        "Fleiss' kappa": overall.fleiss,
    }
    rows = [
        (name, decimal(estimate.value), decimal_interval(estimate), _remark(estimate, measured.n_draws))
        for name, estimate in coefficients.items()
    ]
    n_columns = 4 if any(row[3] for row in rows) else 3
    print_table((question_of(overall), "value", "95 % interval", "")[:n_columns], [row[:n_columns] for row in rows])
    print_next_table(
        ("against the rest", "share", "agree", "alpha", "95 % interval", "AC1", "95 % interval"),
        [_question_row(question) for question in _questions(measured)],
    )


def _question_row(question: "LabelAgreement") -> tuple[str, ...]:
    alpha, ac1 = question.alpha, question.ac1
    cells = (decimal(alpha.value), decimal_interval(alpha), decimal(ac1.value), decimal_interval(ac1))
    return question.name, percent(question.share, 6), decimal(question.agreement.value), *cells


def _questions(measured: "Agreement") -> list["LabelAgreement"]:
    """Return strategic or not, then each label by its share, without questions that repeat another."""
    strategic = measured.strategic
    by_share = sorted(measured.by_label, key=lambda question: (-(question.share or 0.0), question.name))
    if strategic is None or len(strategic.labels) < 2:
        return by_share
    n_procedural = sum(question.name not in strategic.labels for question in by_share)
    return [strategic, *(question for question in by_share if n_procedural > 1 or question.name in strategic.labels)]


def _remark(estimate: "Estimate", n_draws: int) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.undefined}"
    return f"undefined in {estimate.n_undefined:,} of {n_draws:,} draws" if estimate.n_undefined else ""


def print_pairs(measured: "Agreement") -> None:
    """Print Cohen's kappa of at most ten pairs of raters."""
    pairs = measured.overall.pairs
    if not pairs:
        return
    strategic = measured.strategic
    strategic_kappas = {} if strategic is None else {(pair.first, pair.second): pair.kappa for pair in strategic.pairs}
    has_kappas = bool(strategic_kappas) and len(measured.overall.labels) > 2
    columns = ["raters", "items", "agree", "Cohen's kappa", "95 % interval"]
    columns += ["strategic or not"] if has_kappas else []
    rows = []
    for pair in pairs[:_PAIRS_SHOWN]:
        interval = pair.kappa.undefined if pair.kappa.value is None else decimal_interval(pair.kappa)
        row = [f"{pair.first}, {pair.second}", pair.n_items, decimal(pair.agreement.value), decimal(pair.kappa.value)]
        kappas = [decimal(strategic_kappas[pair.first, pair.second].value)] if has_kappas else []
        rows.append([*row, interval, *kappas])
    print_next_table(columns, rows)
    note_hidden(len(pairs) - _PAIRS_SHOWN, "pairs")
    if measured.n_pairs_without_common_item:
        note(f"pairs of raters without a common item: {measured.n_pairs_without_common_item:,}")


def print_raters(measured: "Agreement") -> None:
    """Print at most twenty raters, each compared with the others."""
    bias_columns = ("largest bias",) if measured.strategic is None else ("strategic", "bias (points)")
    columns = ("rater", "items", *bias_columns, "with majority", "tied")
    rows = []
    for row in measured.raters[:_RATERS_SHOWN]:
        use = row.strategic
        bias = (_largest_bias(row),) if use is None else (percent(use.share, 6), _points(use.bias))
        majority = f"{percent(row.majority_agreement, 6)} of {row.n_compared:,}" if row.n_compared else "-"
        rows.append((row.rater, row.n_items, *bias, majority, row.n_tied))
    print_next_table(columns, rows)
    note_hidden(len(measured.raters) - _RATERS_SHOWN, "raters")


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.1f}"


def _largest_bias(row: "RaterRow") -> str:
    biases = [(label, label_bias.bias) for label, label_bias in row.labels if label_bias.bias is not None]
    if not biases:
        return "-"
    label, bias = max(biases, key=lambda pair: abs(pair[1]))
    return f"{label} {_points(bias)}"


def print_strategic_shares(shares: "StrategicShares") -> None:
    """Print the shares judged strategic, and their difference."""
    rows = []
    for name, share in (("SGs", shares.sg), ("controls", shares.control)):
        n_rated, n_tied = f"{share.n_rated:,} of {share.n_items:,}", f"{share.n_tied:,}"
        rows.append((name, percent(share.share, 7), percent_interval(share.low, share.high), n_rated, n_tied))
    if shares.difference is not None:
        ends = percent_interval(shares.low, shares.high)
        rows.append(("difference", f"{_points(shares.difference):>5}", ends, "", ""))
    print_next_table(("judged strategic", "share", "95 % interval", "rated", "tied (count half)"), rows)


def item_contexts(items: Iterable[BlindedItem]) -> dict[str, str]:
    """Return the marked words of each item in brackets, with up to 50 characters of context on either side."""
    return {item.item: _in_context(item) for item in items}


def print_disputes(disputes: tuple["Dispute", ...], n_printed: int, contexts: Mapping[str, str]) -> None:
    """Print the first `n_printed` disputed items, with their contexts if there are any."""
    columns, rows = ["disputed item", "bits", "ratings", *(["in context"] if contexts else [])], []
    for dispute in disputes[:n_printed]:
        counts = ", ".join(f"{label} {n}" for label, n in dispute.counts)
        context = [contexts[dispute.item]] if contexts else []
        rows.append([dispute.item, f"{dispute.entropy:.2f}", counts, *context])
    if rows:
        print_next_table(columns, rows)
    note_hidden(len(disputes) - len(rows), "items in dispute", "--disputes shows all")


def _in_context(item: BlindedItem) -> str:
    before, after = item.text[: item.start], item.text[item.end :]
    before = before if len(before) <= _CONTEXT else f"...{before[-_CONTEXT:]}"
    after = after if len(after) <= _CONTEXT else f"{after[:_CONTEXT]}..."
    return f"{before}[{item.gram}]{after}"
