"""Output of ``sgram validate``: tables, a verdict, and plain data for the figure."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sgram.cli.console import print_table, printable

if TYPE_CHECKING:
    from sgram.evaluation.gram_effects import GramEffect
    from sgram.evaluation.lexicon_comparison import LexiconComparison, ListCurve, OrderRow, PlaceboRow
    from sgram.evaluation.precision_recall import Rates
    from sgram.evaluation.pruning import PrunedLexicon
    from sgram.reports.figures.precision_recall import CurvePanel, PlottedNumber
    from sgram.statistics import Estimate

_LONGEST_NAME = 18
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


def _short(name: str, limit: int = _LONGEST_NAME) -> str:
    return name if len(name) <= limit else f"{name[: limit - 3]}..."


def _print(line: str = "") -> None:
    print(printable(line))


# -- one label set --------------------------------------------------------------------------------------


def print_comparison(name: str, positive: Sequence[str], comparison: "LexiconComparison") -> None:
    """Print the tables of one label set, then the verdict."""
    ours = comparison.rows[0].evaluation
    groups = f"{comparison.n_documents:,} documents" + (
        f" on {comparison.n_problems:,} problems" if comparison.n_problems < comparison.n_documents else ""
    )
    _print(f"{name}: {ours.units.n:,} units in {groups}")
    share = number(ours.base_rate)
    _print(f"positive: {', '.join(positive)} ({ours.units.n_positive:,} units, base rate {share})")
    _print(
        f"brackets: 95 % intervals over {comparison.by}s; for placebos and random scores "
        f"minimum and maximum of {comparison.placebos[0].n_draws}"
    )
    _print()
    units, pieces = comparison.placebos
    _print_rates("units", ((row.name, row.evaluation.n_grams, row.evaluation.units) for row in comparison.rows), units)
    _print()
    _print_rates(
        ours.piece_name, ((row.name, row.evaluation.n_grams, row.evaluation.pieces) for row in comparison.rows), pieces
    )
    if len(comparison.curves) > 1:
        _print()
        print_table(
            ("curve", "average precision", "R at P .9", ".8", ".7", "best F1 (P, R)"),
            [_curve_row(curve) for curve in comparison.curves],
        )
    for order in comparison.orders:
        if order.at:
            _print()
            _print(_order_line(order, comparison.rows[0].name))
    if comparison.worst:
        _print()
        _print_effects("hurts most", "wrong", comparison.worst, alone="misses_alone", total="misses")
    if comparison.best:
        _print()
        _print_effects("helps most", "right", comparison.best, alone="hits_alone", total="hits")
    _print()
    _print(verdict(comparison))
    _print()


def _print_rates(unit: str, rows: Iterable[tuple[str, int, "Rates"]], placebo: "PlaceboRow") -> None:
    table_rows = [(_short(name), n_grams, *_cells(rates)) for name, n_grams, rates in rows]
    table_rows.append((f"placebo, mean of {placebo.n_draws}", round(placebo.n_grams), *_cells(placebo.rates)))
    print_table((unit, "grams", "% marked", "precision", "recall", "F1"), table_rows)
    if not placebo.is_matched:
        _print(
            f"the placebo marks {100 * placebo.share:.1f} % instead of {100 * placebo.target_share:.1f} %: the maximum "
            f"for {placebo.n_candidates:,} random grams"
        )


def _cells(rates: "Rates") -> tuple[str, ...]:
    marked = "-" if rates.coverage.value is None else f"{100 * rates.coverage.value:.1f}"
    return marked, interval(rates.precision), interval(rates.recall), interval(rates.f1)


def _curve_row(curve: "ListCurve") -> tuple[str, ...]:
    row = (_short(curve.name), interval(curve.average_precision))
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


def _print_effects(title: str, units: str, effects: "Sequence[GramEffect]", *, alone: str, total: str) -> None:
    rows = [
        (
            effect.gram,
            getattr(effect, total),
            getattr(effect, alone),
            number(effect.precision),
            _context(effect.example, effect.start, effect.end),
        )
        for effect in effects
    ]
    print_table((title, units, "alone", "precision", "example"), rows)


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


# -- cut ------------------------------------------------------------------------------------------------


def print_pruned(names: Sequence[str], pruned: "PrunedLexicon", min_precision: float) -> None:
    """Print the precision and recall of a pruned lexicon, out of fold first."""
    order = "their own scores" if pruned.order == "score" else "the labels of their units"
    n_grams = len(pruned.lexicon.grams)
    _print(
        f"pruned to a precision of {number(min_precision)}: {n_grams:,} grams remain, ordered by {order} "
        f"(threshold {pruned.threshold:.3g}, chosen for {number(pruned.aim)})"
    )
    _print(f"of the {pruned.n_dropped:,} removed grams, {pruned.n_unseen:,} occur in no labeled unit")
    for name, pruned_rates in zip(names, pruned.rates, strict=True):
        measurements = (
            (_short(name), pruned_rates.whole),
            (f"out of {pruned.n_folds} folds", pruned_rates.out_of_fold),
            ("in-sample", pruned_rates.in_sample),
        )
        _print()
        print_table(
            ("labels", "% marked", "precision", "recall", "F1"),
            [(title, *_cells(rates)) for title, rates in measurements],
        )
    _print()
    _print("Use the out-of-fold figures: the grams were selected on other documents than those that measure them.")


# -- figure ---------------------------------------------------------------------------------------------


def panel(name: str, comparison: "LexiconComparison") -> "CurvePanel":
    """Return one label set as plain data for the figure."""
    from sgram.reports.figures.precision_recall import CurvePanel, PlottedList

    curves = {(curve.kind, curve.name): curve for curve in comparison.curves}
    lists: list[PlottedList] = []
    for row in comparison.rows:
        curve = curves.get((row.kind, row.name))
        rates, note = row.evaluation.units, "" if curve is None else _area(curve)
        lists.append(PlottedList(row.name, _plotted(rates.precision), _plotted(rates.recall), _points(curve), note))
    units = comparison.placebos[0].rates
    lists.append(
        PlottedList(
            f"placebo, mean of {comparison.placebos[0].n_draws} (bars: all of them)",
            _plotted(units.precision),
            _plotted(units.recall),
            is_control=True,
        )
    )
    chance = comparison.curves[-1]
    lists.append(PlottedList(chance.name, curve=_points(chance), note=_area(chance), is_control=True))
    ours = comparison.rows[0].evaluation
    return CurvePanel(name, comparison.n_documents, ours.units.n, ours.base_rate, f"{comparison.by}s", tuple(lists))


def _area(curve: "ListCurve") -> str:
    average_precision = curve.average_precision.value
    return "" if average_precision is None else f"AP {average_precision:.2f}"


def _plotted(estimate: "Estimate") -> "PlottedNumber | None":
    from sgram.reports.figures.precision_recall import PlottedNumber

    return None if estimate.value is None else PlottedNumber(estimate.value, estimate.low, estimate.high)


def _points(curve: "ListCurve | None") -> tuple[tuple[float, float], ...]:
    if curve is None:
        return ()
    return tuple(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
