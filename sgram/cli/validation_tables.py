"""What ``sgram validate`` shows: tables, a verdict, plain data for the figure. Nothing but printing."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sgram.cli.console import print_table, printable

if TYPE_CHECKING:
    from sgram.evaluation.comparison import Comparison, OrderRow, PlaceboRow, ScoredList
    from sgram.evaluation.gram_effects import GramEffect
    from sgram.evaluation.precision_recall import Rates
    from sgram.evaluation.prune import Pruned
    from sgram.reports.figures.precision_recall import Interval, Panel
    from sgram.statistics import Estimate

_LONGEST_NAME = 18
_EXAMPLE = 34


def number(value: float | None, signed: bool = False) -> str:
    """A share as people read it here, always as wide: .37, 1.0; signed +.04; "-" where it is undefined."""
    if value is None:
        return "-"
    text = f"{abs(value):.2f}".removeprefix("0").replace("1.00", "1.0")
    minus = "-" if value < 0 and text != ".00" else ""
    return ("+" if signed and not minus else minus) + text


def interval(found: "Estimate", signed: bool = False) -> str:
    """A number with its interval: .37 [.33 .41]."""
    if found.low is None:
        return number(found.value, signed)
    return f"{number(found.value, signed)} [{number(found.low, signed)} {number(found.high, signed)}]"


def _short(name: str, limit: int = _LONGEST_NAME) -> str:
    return name if len(name) <= limit else f"{name[: limit - 3]}..."


def _say(line: str = "") -> None:
    print(printable(line))


# -- one label set --------------------------------------------------------------------------------------


def print_comparison(name: str, positive: Sequence[str], made: "Comparison") -> None:
    """The tables of one label set, then the verdict."""
    first = made.rows[0].evaluation
    groups = f"{made.n_documents:,} documents" + (
        f" on {made.n_problems:,} problems" if made.n_problems < made.n_documents else ""
    )
    _say(f"{name}: {first.units.n:,} units in {groups}")
    share = number(first.base_rate)
    _say(f"positive: {', '.join(positive)} ({first.units.n_positive:,} units, base rate {share})")
    _say(
        f"brackets: 95 % intervals over {made.by}s; of the placebos and of random scores "
        f"the least and largest of {made.placebos[0].n_draws}"
    )
    _say()
    units, pieces = made.placebos
    _print_rates("units", ((row.name, row.evaluation.n_grams, row.evaluation.units) for row in made.rows), units)
    _say()
    _print_rates(
        first.piece_name, ((row.name, row.evaluation.n_grams, row.evaluation.pieces) for row in made.rows), pieces
    )
    if len(made.curves) > 1:
        _say()
        print_table(
            ("curve", "average precision", "R at P .9", ".8", ".7", "best F1 (P, R)"),
            [_curve_row(each) for each in made.curves],
        )
    for order in made.orders:
        if order.at:
            _say()
            _say(_order_line(order, made.rows[0].name))
    if made.worst:
        _say()
        _print_effects("hurts most", "wrong", made.worst, alone="misses_alone", total="misses")
    if made.best:
        _say()
        _print_effects("helps most", "right", made.best, alone="hits_alone", total="hits")
    _say()
    _say(verdict(made))
    _say()


def _print_rates(what: str, rows: Iterable[tuple[str, int, "Rates"]], placebo: "PlaceboRow") -> None:
    told = [(_short(name), n_grams, *_cells(rates)) for name, n_grams, rates in rows]
    told.append((f"placebo, mean of {placebo.n_draws}", round(placebo.n_grams), *_cells(placebo.rates)))
    print_table((what, "grams", "% marked", "precision", "recall", "F1"), told)
    if not placebo.met:
        _say(
            f"the placebo marks {100 * placebo.share:.1f} % rather than {100 * placebo.wanted:.1f} %: more cannot be "
            f"reached with {placebo.n_candidates:,} random grams"
        )


def _cells(rates: "Rates") -> tuple[str, ...]:
    marked = "-" if rates.coverage.value is None else f"{100 * rates.coverage.value:.1f}"
    return marked, interval(rates.precision), interval(rates.recall), interval(rates.f1)


def _curve_row(curve: "ScoredList") -> tuple[str, ...]:
    row = (_short(curve.name), interval(curve.average_precision))
    if curve.summary is None:
        return (*row, "", "", "", "")
    best = curve.summary.best
    at = [number(found.value) for _, found in curve.summary.recall_at]
    return (*row, *at, f"{number(best.f1.value)} ({number(best.precision)}, {number(best.recall)})")


def _order_line(order: "OrderRow", name: str) -> str:
    """F1 at equal coverage, in a sentence."""
    gains = [each.gain.value for each in order.at]
    better = sum(gain > 0 for gain in gains)
    sure = sum((each.gain.low or 0) > 0 for each in order.at)
    first, last = order.at[0].coverage, order.at[-1].coverage
    how = {"score": "score", "candidates": "score, beyond the list", "frequency": "frequency"}
    return (
        f"F1 at equal coverage, {name} (by {how[order.ours]}) against {order.name} (by {how[order.theirs]}): better at "
        f"{better} of {len(gains)} coverages from {100 * first:.0f} % to {100 * last:.0f} % of the units "
        f"({number(min(gains), True)} to {number(max(gains), True)}; interval above 0 at {sure})"
    )


def _print_effects(title: str, what: str, effects: "Sequence[GramEffect]", *, alone: str, total: str) -> None:
    rows = [
        (
            each.gram,
            getattr(each, total),
            getattr(each, alone),
            number(each.precision),
            _around(each.example, each.start, each.end),
        )
        for each in effects
    ]
    print_table((title, what, "alone", "precision", "example"), rows)


def _around(text: str, start: int, end: int) -> str:
    """A piece of `text` on one line, with `start` to `end` in it."""
    first = max(0, min(start - (_EXAMPLE - (end - start)) // 2, len(text) - _EXAMPLE))
    cut = " ".join(text[first : first + max(_EXAMPLE, end - first)].split())
    return ("..." if first else "") + cut + ("..." if first + _EXAMPLE < len(text) else "")


def verdict(made: "Comparison") -> str:
    """One sentence: how far the lexicon is from chance, and from the published list."""
    ours, units = made.rows[0], made.placebos[0]
    gap = dict(units.gap)["precision"]
    told = (
        f"{ours.name}: {interval(ours.evaluation.units.precision)} of the units that it marks are positive, against "
        f"{number(units.rates.precision.value)} for a placebo of equal coverage ({interval(gap, True)}"
        f"{_doubt(gap)})"
    )
    published = next((row for row in made.rows if row.kind == "published"), None)
    if published is None or published.name.endswith("words"):
        return f"{told}."
    gain = dict(published.gain)["f1"]
    return (
        f"{told}; its F1 is {number(ours.evaluation.units.f1.value)}, that of {published.name} "
        f"{number(published.evaluation.units.f1.value)} ({interval(gain, True)}{_doubt(gain)})."
    )


def _doubt(found: "Estimate") -> str:
    return "" if found.low is None or found.low > 0 or (found.high or 0) < 0 else ", which chance may explain"


# -- cut ------------------------------------------------------------------------------------------------


def print_pruned(names: Sequence[str], pruned: "Pruned", wished: float) -> None:
    """What a cut does, out of fold first."""
    by = "their own scores" if pruned.order == "score" else "what the labels say of them"
    left = len(pruned.lexicon.grams)
    _say(
        f"cut to a precision of {number(wished)}: {left:,} grams kept, by {by} (threshold {pruned.threshold:.3g}, "
        f"chosen for {number(pruned.aim)})"
    )
    _say(f"of the {pruned.n_dropped:,} dropped, {pruned.n_unseen:,} occur in no labeled unit")
    for name, each in zip(names, pruned.rates, strict=True):
        measured = (
            (_short(name), each.whole),
            (f"out of {pruned.n_folds} folds", each.out_of_fold),
            ("in-sample", each.in_sample),
        )
        _say()
        print_table(
            ("labels", "% marked", "precision", "recall", "F1"), [(what, *_cells(rates)) for what, rates in measured]
        )
    _say()
    _say("Believe the figures out of fold: the grams were chosen on other documents than they are judged on.")


# -- figure ---------------------------------------------------------------------------------------------


def panel(name: str, made: "Comparison") -> "Panel":
    """One label set as plain data for the figure."""
    from sgram.reports.figures.precision_recall import Panel, PlottedList

    curves = {(each.kind, each.name): each for each in made.curves}
    lists: list[PlottedList] = []
    for row in made.rows:
        curve = curves.get((row.kind, row.name))
        rates, note = row.evaluation.units, "" if curve is None else _area(curve)
        lists.append(PlottedList(row.name, _plotted(rates.precision), _plotted(rates.recall), _points(curve), note))
    units = made.placebos[0].rates
    lists.append(
        PlottedList(
            f"placebo, mean of {made.placebos[0].n_draws} (bars: all of them)",
            _plotted(units.precision),
            _plotted(units.recall),
            is_control=True,
        )
    )
    chance = made.curves[-1]
    lists.append(PlottedList(chance.name, curve=_points(chance), note=_area(chance), is_control=True))
    first = made.rows[0].evaluation
    return Panel(name, made.n_documents, first.units.n, first.base_rate, f"{made.by}s", tuple(lists))


def _area(curve: "ScoredList") -> str:
    value = curve.average_precision.value
    return "" if value is None else f"AP {value:.2f}"


def _plotted(found: "Estimate") -> "Interval | None":
    from sgram.reports.figures.precision_recall import Interval

    return None if found.value is None else Interval(found.value, found.low, found.high)


def _points(curve: "ScoredList | None") -> tuple[tuple[float, float], ...]:
    if curve is None:
        return ()
    return tuple(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
