"""Output of ``sgram validate``: tables, a verdict, and plain data for the figure."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sgram.cli.console import name_width, print_line, print_next_table
from sgram.cli.estimate_cells import shorten_end
from sgram.reports.figures.precision_recall import PlottedList, PlottedNumber, PrecisionRecallPanel

if TYPE_CHECKING:
    from sgram.evaluation.gram_effects import GramEffect
    from sgram.evaluation.lexicon_comparison import ComparisonRow, LexiconComparison, ListCurve, OrderRow, PlaceboRow
    from sgram.evaluation.mask_comparison import MaskComparison
    from sgram.evaluation.precision_recall import Rates
    from sgram.evaluation.pruning import PrunedLexicon
    from sgram.statistics import Estimate

_NAME_WIDTH = 18
_EXAMPLE = 34


def number(share: float | None, signed: bool = False) -> str:
    """Return a share as text of constant width: .37, 1.0, signed +.04; "-" means undefined.

    >>> number(0.374), number(1.0), number(0.04, signed=True), number(None)
    ('.37', '1.0', '+.04', '-')
    """
    if share is None:
        return "-"
    text = f"{abs(share):.2f}".removeprefix("0").replace("1.00", "1.0")
    minus = "-" if share < 0 and text != ".00" else ""
    return ("+" if signed and not minus else minus) + text


def interval(estimate: "Estimate", signed: bool = False) -> str:
    """Return an estimate with its interval: .37 [.33 .41]."""
    if estimate.low is None:
        return number(estimate.value, signed)
    return f"{number(estimate.value, signed)} [{number(estimate.low, signed)} {number(estimate.high, signed)}]"


def print_comparison(name: str, positive: Sequence[str], comparison: "LexiconComparison") -> None:
    """Print the tables of one label set, then the verdict."""
    ours = comparison.rows[0].evaluation
    groups = f"{comparison.n_documents:,} documents"
    if comparison.n_problems < comparison.n_documents:
        groups += f" on {comparison.n_problems:,} problems"
    print_line(f"{name}: {ours.units.n:,} units in {groups}")
    share = number(ours.base_rate)
    print_line(f"positive: {', '.join(positive)} ({ours.units.n_positive:,} units, base rate {share})")
    print_line(
        f"brackets: 95 % intervals over {comparison.by}s; for placebos and random scores "
        f"minimum and maximum of {comparison.placebos[0].n_draws}"
    )
    units, pieces = comparison.placebos
    _print_rates("units", [(row, row.evaluation.units) for row in comparison.rows], units)
    _print_rates(ours.piece_name, [(row, row.evaluation.pieces) for row in comparison.rows], pieces)
    if len(comparison.curves) > 1:
        print_next_table(
            ("curve", "average precision", "R at P .9", ".8", ".7", "best F1 (P, R)"),
            [_curve_row(curve) for curve in comparison.curves],
        )
    for order in comparison.orders:
        if order.at:
            print_line()
            print_line(_order_line(order, comparison.rows[0].name))
    _print_effects("hurts most", "wrong", comparison.worst, "misses")
    _print_effects("helps most", "right", comparison.best, "hits")
    print_line()
    print_line(verdict(comparison))
    print_line()


def _print_rates(unit: str, rows: "Iterable[tuple[ComparisonRow, Rates]]", placebo: "PlaceboRow") -> None:
    table_rows: list[tuple[object, ...]] = [
        (shorten_end(row.name, name_width(_NAME_WIDTH)), row.evaluation.n_grams, *_cells(rates)) for row, rates in rows
    ]
    table_rows.append((f"placebo, mean of {placebo.n_draws}", round(placebo.n_grams), *_cells(placebo.rates)))
    print_next_table((unit, "grams", "% marked", "precision", "recall", "F1"), table_rows)
    if not placebo.is_matched:
        print_line(
            f"the placebo marks {100 * placebo.share:.1f} % instead of {100 * placebo.target_share:.1f} %: the maximum "
            f"for {placebo.n_candidates:,} random grams"
        )


def _cells(rates: "Rates") -> tuple[str, ...]:
    marked = "-" if rates.coverage.value is None else f"{100 * rates.coverage.value:.1f}"
    return marked, interval(rates.precision), interval(rates.recall), interval(rates.f1)


def _curve_row(curve: "ListCurve") -> tuple[str, ...]:
    row = (shorten_end(curve.name, name_width(_NAME_WIDTH)), interval(curve.average_precision))
    if curve.summary is None:
        return (*row, "", "", "", "")
    best = curve.summary.best
    recalls = [number(recall.value) for _, recall in curve.summary.recall_at]
    return (*row, *recalls, f"{number(best.f1.value)} ({number(best.precision)}, {number(best.recall)})")


def _order_line(order: "OrderRow", name: str) -> str:
    """Return a sentence about F1 at equal coverage."""
    gains = [point.gain.value for point in order.at if point.gain.value is not None]
    n_better = sum(gain > 0 for gain in gains)
    n_above_zero = sum((point.gain.low or 0) > 0 for point in order.at)
    first, last = order.at[0].coverage, order.at[-1].coverage
    order_names = {"score": "score", "candidates": "score, beyond the list", "frequency": "frequency"}
    return (
        f"F1 at equal coverage, {name} (by {order_names[order.ours]}) against "
        f"{order.name} (by {order_names[order.theirs]}): better at {n_better} of {len(gains)} coverages "
        f"from {100 * first:.0f} % to {100 * last:.0f} % of the units "
        f"({number(min(gains), True)} to {number(max(gains), True)}; interval above 0 at {n_above_zero})"
    )


def _print_effects(title: str, units: str, effects: "Sequence[GramEffect]", total: str) -> None:
    """Print grams with the units that they mark, `total` (misses or hits), and those that only they mark."""
    rows = []
    for effect in effects:
        n_units, n_alone = getattr(effect, total), getattr(effect, f"{total}_alone")
        context = _context(effect.example, effect.start, effect.end)
        rows.append((effect.gram, n_units, n_alone, number(effect.precision), context))
    if rows:
        print_next_table((title, units, "alone", "precision", "example"), rows)


def _context(text: str, start: int, end: int) -> str:
    """Return the part of `text` around `start` to `end`, on one line."""
    first = max(0, min(start - (_EXAMPLE - (end - start)) // 2, len(text) - _EXAMPLE))
    cut = " ".join(text[first : first + max(_EXAMPLE, end - first)].split())
    return ("..." if first else "") + cut + ("..." if first + _EXAMPLE < len(text) else "")


def verdict(comparison: "LexiconComparison") -> str:
    """Return one sentence that compares the lexicon with chance and with the published list."""
    ours, units = comparison.rows[0], comparison.placebos[0]
    gap = dict(units.gap)["precision"]
    sentence = (
        f"{ours.name}: {interval(ours.evaluation.units.precision)} of the units that it marks are positive, against "
        f"{number(units.rates.precision.value)} for a placebo of equal coverage ({interval(gap, True)}"
        f"{_caveat(gap)})"
    )
    published = next((row for row in comparison.rows if row.kind == "published"), None)
    if published is None or published.name.endswith("words"):
        return f"{sentence}."
    gain = dict(published.gain)["f1"]
    return (
        f"{sentence}; its F1 is {number(ours.evaluation.units.f1.value)}, that of {published.name} "
        f"{number(published.evaluation.units.f1.value)} ({interval(gain, True)}{_caveat(gain)})."
    )


def _caveat(estimate: "Estimate") -> str:
    contains_zero = estimate.low is not None and estimate.low <= 0 <= (estimate.high or 0)
    return ", which chance may explain" if contains_zero else ""


def print_pruned(names: Sequence[str], pruned: "PrunedLexicon", min_precision: float) -> None:
    """Print the precision and recall of a pruned lexicon, out of fold first."""
    order = "their own scores" if pruned.order == "score" else "the labels of their units"
    n_grams = len(pruned.lexicon.grams)
    print_line(
        f"pruned to a precision of {number(min_precision)}: {n_grams:,} grams remain, ordered by {order} "
        f"(threshold {pruned.threshold:.3g}, chosen for {number(pruned.aim)})"
    )
    print_line(f"of the {pruned.n_dropped:,} removed grams, {pruned.n_unseen:,} occur in no labeled unit")
    for name, pruned_rates in zip(names, pruned.rates, strict=True):
        rows = [
            (shorten_end(name, name_width(_NAME_WIDTH)), *_cells(pruned_rates.whole)),
            (f"out of {pruned.n_folds} folds", *_cells(pruned_rates.out_of_fold)),
            ("in-sample", *_cells(pruned_rates.in_sample)),
        ]
        print_next_table(("labels", "% marked", "precision", "recall", "F1"), rows)
    print_line()
    print_line("Use the out-of-fold figures: the grams were selected on other documents than those that measure them.")


def print_masks(masks: "MaskComparison") -> None:
    """Print what each kind of mask marks, on units and on words, and the agreement on moves."""
    print_line(f"kinds of masks, sentences by the scorer {masks.scorer}")
    for level in ("units", "words"):
        rows = [
            (shorten_end(row.name, name_width(_NAME_WIDTH)), row.mask, *_cells(getattr(row, level)))
            for row in sorted(masks.rows, key=lambda row: row.kind == "placebo")
        ]
        print_next_table((level, "mask", "% marked", "precision", "recall", "F1"), rows)
    print_line()
    if masks.wrong_removed is not None and masks.right_kept is not None:
        print_line(
            f"grams-in-sentences removes {100 * masks.wrong_removed:.0f} % of the wrong words of grams and keeps "
            f"{100 * masks.right_kept:.0f} % of the right ones"
        )
    for moves in masks.moves:
        print_line(
            f"moves by {moves.name}: kappa {interval(moves.kappa)} on {moves.n_named:,} of {moves.n_labeled:,} "
            "planning units with a labeled move"
        )
    print_line()


def panel(name: str, comparison: "LexiconComparison") -> PrecisionRecallPanel:
    """Return one label set as plain data for the figure."""
    curves = {(curve.kind, curve.name): curve for curve in comparison.curves}
    placebo, chance, ours = comparison.placebos[0], comparison.curves[-1], comparison.rows[0].evaluation
    lists = (
        *(_plotted_list(row.name, row.evaluation.units, curves.get((row.kind, row.name))) for row in comparison.rows),
        _plotted_list(f"placebo, mean of {placebo.n_draws} (bars: all of them)", placebo.rates, None, is_control=True),
        _plotted_list(chance.name, None, chance, is_control=True),
    )
    return PrecisionRecallPanel(name, comparison.n_documents, ours.units.n, ours.base_rate, f"{comparison.by}s", lists)


def _plotted_list(name: str, rates: "Rates | None", curve: "ListCurve | None", is_control: bool = False) -> PlottedList:
    precision, recall = (None, None) if rates is None else (_plotted(rates.precision), _plotted(rates.recall))
    points: tuple[tuple[float, float], ...] = ()
    area = ""
    if curve is not None:
        points = tuple(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
        average_precision = curve.average_precision.value
        area = "" if average_precision is None else f"AP {average_precision:.2f}"
    return PlottedList(name, precision, recall, points, area, is_control)


def _plotted(estimate: "Estimate") -> PlottedNumber | None:
    return None if estimate.value is None else PlottedNumber(estimate.value, estimate.low, estimate.high)
