"""What ``sgram agreement`` prints for people to read. Nothing but tables."""

from typing import TYPE_CHECKING

from sgram.cli.console import note, show_table
from sgram.cli.tagged_view import percent

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement, Question
    from sgram.annotation.disputes import Dispute, RaterRow
    from sgram.annotation.items import Item, Sample
    from sgram.annotation.strategic_share import Judged
    from sgram.statistics.bootstrap import Estimate

_PAIRS_SHOWN = 10
_RATERS_SHOWN = 20
_CONTEXT = 50


def question_of(question: "Question") -> str:
    """What a question chooses between, in words."""
    if question.share is None:
        return f"{len(question.labels)} labels" if len(question.labels) > 1 else "the one label"
    return "strategic or not"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _number(estimate: "Estimate") -> str:
    return "-" if estimate.value is None else f"{estimate.value:.3f}"


def interval(estimate: "Estimate") -> str:
    """The ends of an interval; "-" where there is none."""
    return "-" if estimate.low is None else f"{estimate.low:.3f} to {estimate.high:.3f}"


def print_coefficients(found: "Agreement") -> None:
    """What there is, the coefficients for all labels, and those of each label against the rest."""
    print(
        f"{_count(found.n_items, 'item')}, {_count(found.n_raters, 'rater')}, {_count(found.n_ratings, 'rating')}; "
        f"{percent(found.missing)} of items x raters missing.\n"
        f"Items with two ratings or more: {found.n_paired:,}; rated by all: {found.n_complete:,}. "
        f"95 % intervals from {found.n_draws:,} draws of items, seed {found.seed}.\n"
    )
    every = found.overall
    named = (
        ("percent agreement", every.agreement),
        ("Krippendorff's alpha", every.alpha),
        ("Gwet's AC1", every.ac1),
        ("Fleiss' kappa", every.fleiss),
    )
    rows = [(name, _number(one), interval(one), _remark(one, found.n_draws)) for name, one in named]
    columns = (question_of(every), "value", "95 % interval", "")
    used = 4 if any(row[3] for row in rows) else 3
    show_table(columns[:used], [row[:used] for row in rows])
    print()
    show_table(
        ("against the rest", "share", "agree", "alpha", "95 % interval", "AC1", "95 % interval"),
        [
            (
                one.name,
                percent(one.share, 6),
                _number(one.agreement),
                _number(one.alpha),
                interval(one.alpha),
                _number(one.ac1),
                interval(one.ac1),
            )
            for one in _questions(found)
        ],
    )


def _questions(found: "Agreement") -> list["Question"]:
    """Strategic or not, then each label by its share; nothing that only says the same again."""
    guiding = () if found.strategic is None else found.strategic.labels
    labels = sorted(found.by_label, key=lambda each: (-each.share, each.name))
    if len(guiding) < 2:
        return labels
    others = [one for one in labels if one.name not in guiding]
    return [found.strategic, *(one for one in labels if len(others) > 1 or one.name in guiding)]


def _remark(estimate: "Estimate", n_draws: int) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.undefined}"
    return f"undefined in {estimate.n_undefined:,} of {n_draws:,} draws" if estimate.n_undefined else ""


def print_pairs(found: "Agreement") -> None:
    """Cohen's kappa of each pair of raters, of at most ten."""
    pairs = found.overall.pairs
    if not pairs:
        return
    strategic = {} if found.strategic is None else {(one.first, one.second): one for one in found.strategic.pairs}
    columns = ["raters", "items", "agree", "Cohen's kappa", "95 % interval"]
    columns += ["strategic or not"] if strategic and len(found.overall.labels) > 2 else []
    rows = []
    for one in pairs[:_PAIRS_SHOWN]:
        row = [f"{one.first}, {one.second}", one.n_items, _number(one.agreement), _number(one.kappa)]
        row += [interval(one.kappa) if one.kappa.value is not None else one.kappa.undefined]
        row += [_number(strategic[one.first, one.second].kappa)] if len(columns) > 5 else []
        rows.append(row)
    print()
    show_table(columns, rows)
    if len(pairs) > _PAIRS_SHOWN:
        note(f"{len(pairs) - _PAIRS_SHOWN:,} more pairs; --json tells all")
    if found.n_pairs_apart:
        note(f"pairs of raters without a common item: {found.n_pairs_apart:,}")


def print_raters(found: "Agreement") -> None:
    """Each rater beside the others, of at most twenty."""
    known = found.strategic is not None
    columns = (
        "rater",
        "items",
        *(("strategic", "bias (points)") if known else ("largest bias",)),
        "with majority",
        "tied",
    )
    rows = []
    for row in found.raters[:_RATERS_SHOWN]:
        lean = (percent(row.strategic.share, 6), _points(row.strategic.bias)) if known else (_largest_bias(row),)
        of = f"{percent(row.majority_agreement, 6)} of {row.n_compared:,}" if row.n_compared else "-"
        rows.append((row.rater, row.n_items, *lean, of, row.n_tied))
    print()
    show_table(columns, rows)
    if len(found.raters) > _RATERS_SHOWN:
        note(f"{len(found.raters) - _RATERS_SHOWN:,} more raters; --json tells all")


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.1f}"


def _largest_bias(row: "RaterRow") -> str:
    biases = [(label, lean.bias) for label, lean in row.labels if lean.bias is not None]
    if not biases:
        return "-"
    label, bias = max(biases, key=lambda each: abs(each[1]))
    return f"{label} {_points(bias)}"


def print_judged(judged: "Judged") -> None:
    """The shares judged strategic, and their difference."""
    rows = []
    for name, one in (("SGs", judged.sg), ("controls", judged.control)):
        ends = "-" if one.low is None else f"{100 * one.low:.1f} to {100 * one.high:.1f}"
        rows.append((name, percent(one.share, 7), ends, f"{one.n_rated:,} of {one.n_items:,}", f"{one.n_tied:,}"))
    if judged.difference is not None:
        ends = f"{100 * judged.low:.1f} to {100 * judged.high:.1f}"
        rows.append(("difference", f"{_points(judged.difference):>5}", ends, "", ""))
    print()
    show_table(("judged strategic", "share", "95 % interval", "rated", "tied (count half)"), rows)


def print_disputes(disputes: tuple["Dispute", ...], most: int, sample: "Sample | None") -> None:
    """The `most` disputed items, in context where the sample is known."""
    shown, contexts = disputes[:most], {}
    if sample is not None:
        contexts = {one.item: _in_context(one) for one in sample.items}
    if shown:
        print()
        columns = ("disputed item", "bits", "ratings", *(("in context",) if contexts else ()))
        show_table(columns, [_dispute(one, contexts) for one in shown])
    if len(disputes) > len(shown):
        note(f"{len(disputes) - len(shown):,} more items in dispute; --disputes shows all")


def _dispute(one: "Dispute", contexts: dict[str, str]) -> tuple[str, ...]:
    counts = ", ".join(f"{label} {n}" for label, n in one.counts)
    return (one.item, f"{one.entropy:.2f}", counts, *((contexts[one.item],) if contexts else ()))


def _in_context(item: "Item") -> str:
    """The gram in brackets, with a little of what stands around it."""
    before, after = item.text[: item.start], item.text[item.end :]
    before = before if len(before) <= _CONTEXT else f"...{before[-_CONTEXT:]}"
    after = after if len(after) <= _CONTEXT else f"{after[:_CONTEXT]}..."
    return f"{before}[{item.shown.gram}]{after}"
