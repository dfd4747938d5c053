"""What changed over training steps, in sentences.

The first and the last steps are compared: means of a tenth of the steps at each end, as one step alone is noise.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sgram.reports.figures.source_selection import Row, group_records
from sgram.reports.findings.wording import (
    Sentence,
    SourceClaim,
    amount,
    as_with_chance,
    beside,
    listed,
    percent,
    plain,
    points,
    told,
    typeset,
)
from sgram.statistics import (
    Interval,
    difference,
    finite_number,
    mean,
    read_interval,
    select_discoveries,
    widen_share_difference,
)

if TYPE_CHECKING:
    from sgram.analysis.table import Cell, Record, Table

END = 0.1
"""Share of the steps that count as the first ones, and as the last ones."""
CLUSTERS_TOLD = 3
_QUANTITIES = (
    ("pass@1", "accuracy (pass@1)", True),
    ("length", "the length of a trace", False),
    ("planning share", "the planning share", True),
)


_Estimated: TypeAlias = tuple[Interval, Row]
"""A record with its value and interval."""
Series: TypeAlias = "Mapping[tuple[Cell, ...], Sequence[Record]]"
"""(source, series) -> records."""


def ends(rows: Sequence[Row]) -> tuple[Interval, Interval] | None:
    """Means over the first and the last tenth of the steps of one series; None for fewer than two steps."""
    first, last = _tenths(rows)
    return (mean([interval for interval, _ in first]), mean([interval for interval, _ in last])) if first else None


def _tenths(rows: Sequence[Row]) -> tuple[Sequence[_Estimated], Sequence[_Estimated]]:
    """Records of the first and of the last tenth of the steps, at least one each; none for fewer than two steps."""
    complete_rows = [
        (step, interval, row)
        for row in rows
        if (step := finite_number(row["step"])) is not None and (interval := read_interval(row)) is not None
    ]
    by_step = [(interval, row) for _, interval, row in sorted(complete_rows, key=lambda complete: complete[0])]
    n = min(max(1, round(END * len(by_step))), len(by_step) // 2)
    return by_step[:n], by_step[len(by_step) - n :]


def _series(
    records_by_series: Series, source: str, series: str, of_list: str = "SGs"
) -> tuple[Interval, Interval] | None:
    return ends([row for row in records_by_series.get((source, series), ()) if (row["list"] or "SGs") == of_list])


def _change(records_by_series: Series, source: str, series: str, of_list: str) -> float | None:
    both = _series(records_by_series, source, series, of_list)
    return None if both is None else both[1].value - both[0].value


def outcomes(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Accuracy, length and planning share, first steps against last."""
    sentences: list[Sentence] = []
    records_by_series = group_records(table, "source", "series")
    for series, name, is_share in _QUANTITIES:
        claims = []
        for source in sources:
            if (both := _series(records_by_series, source, series)) is not None:
                chance = _change(records_by_series, source, series, "placebo") if series == "planning share" else None
                claims.append(_outcome(source, name, both, is_share, chance))
        sentences += told(claims, "dynamics", leads=series == "pass@1")
    return sentences


def _outcome(
    source: str, name: str, both: tuple[Interval, Interval], is_share: bool, chance: float | None
) -> SourceClaim:
    change = difference(both[1], both[0])
    first, last = (percent(interval) if is_share else amount(interval, 0) for interval in both)
    size = points(change) if is_share else amount(change, 0, signed=True)
    base = f"{source}: {name} went from {first} to {last}"
    if change.contains_zero:
        text = f"{base}, {size}; the interval holds 0, so no change can be claimed."
        return SourceClaim(source, f"no change of {name} can be claimed", text)
    worth, placebo_text = beside(change, chance)
    verdict = f"{name} {'rose' if change.value > 0 else 'fell'}"
    return SourceClaim(source, verdict + as_with_chance(worth), f"{base}, {size}.{placebo_text}")


def exploration(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Did strategic exploration grow, or only noise: semantic entropy at one size beside the placebo's."""
    claims, records_by_series = [], group_records(table, "source", "series")
    for source in sources:
        both = _series(records_by_series, source, "semantic entropy")
        if both is None:
            continue
        change = difference(both[1], both[0])
        chance = _change(records_by_series, source, "semantic entropy", "placebo")
        base = (
            f"{source}: the semantic entropy of SGs at equal size went from {plain(both[0].value)} to "
            f"{plain(both[1].value)} nats, {amount(change, signed=True)}"
        )
        claims.append(_explored(source, base, change, chance))
    return told(claims, "dynamics", leads=True)


def _explored(source: str, base: str, change: Interval, chance: float | None) -> SourceClaim:
    worth, placebo_text = beside(change, chance, "nats", 2, 1)
    if change.contains_zero:
        also = "" if chance is None else f" With random grams it is {plain(chance, signed=True)} nats."
        return SourceClaim(
            source,
            "no growth of strategic exploration can be claimed",
            f"{base}; the interval holds 0: neither growth nor loss of exploration can be claimed.{also}",
        )
    way = "grew" if change.value > 0 else "shrank"
    if worth == "no more than":
        return SourceClaim(source, f"semantic entropy {way} no more than with random grams", f"{base}.{placebo_text}")
    if not worth:
        return SourceClaim(
            source, f"semantic entropy {way}, with no placebo to compare", f"{base}. No placebo stands beside it."
        )
    return SourceClaim(
        source,
        f"strategic exploration {way}{as_with_chance(worth)}",
        f"{base}.{placebo_text} Strategic exploration {way}.",
    )


def orders(phase_orders: Mapping[str, Any], placebos: Mapping[str, Any], sources: Sequence[str]) -> list[Sentence]:
    """Did execution settle before planning, by source; beside it the same question of the tokens of random grams."""
    claims = []
    for source in sources:
        if source not in phase_orders:
            continue
        answer = phase_orders[source].answer
        text, verdict = (
            f"{source}: {typeset(phase_orders[source].sentence.rstrip('.'))}.",
            _ORDER.get(answer, _ORDER_UNKNOWN),
        )
        if source in placebos:
            placebo_answer = placebos[source].answer
            if answer == "yes":
                verdict += ", as with random grams" if placebo_answer == "yes" else ", which random grams do not show"
            text += f" Asked of random grams in place of SGs: {_ORDER.get(placebo_answer, _ORDER_UNKNOWN)}"
            text += ", so the order is not particular to planning." if placebo_answer == answer == "yes" else "."
        claims.append(SourceClaim(source, verdict, text))
    return told(claims, "dynamics", leads=True)


_ORDER = {"yes": "execution settles first", "no": "execution does not settle first"}
_ORDER_UNKNOWN = "it cannot be told whether execution or planning settles first"


def errors(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Which errors fell, strategic or procedural: in absolute and in relative terms, as the two may disagree."""
    claims, records_by_series = [], group_records(table, "source", "series")
    for source in sources:
        both = {
            kind: pair
            for kind in ("strategic", "procedural")
            if (pair := _series(records_by_series, source, f"{kind} errors")) is not None
        }
        if len(both) < 2:
            continue
        parts, changes = [], {}
        for kind, (first, last) in both.items():
            changes[kind] = _change_of_shares(records_by_series[source, f"{kind} errors"], first, last)
            relative = f"; {plain(last.value / first.value - 1, 0, 100, signed=True)} % relative" if first.value else ""
            parts.append(
                f"{kind} errors went from {plain(first.value, 1, 100)} to "
                f"{plain(last.value, 1, 100)} % of the "
                f"judged traces ({points(changes[kind])}{relative})"
            )
        verdict = _fell(changes, {kind: pair[0].value for kind, pair in both.items()})
        claims.append(SourceClaim(source, verdict, f"{source}: {listed(parts)}: {verdict}."))
    sentences = told(claims, "errors", leads=True)
    if sentences:
        sentences.append(
            Sentence(
                "Kinds of error are as the traces tell them (meta.error), or else guesses of an offline "
                "classifier. Only a trace "
                "with a right plan can slip in carrying it out: where strategic errors fall, procedural ones have more "
                "chances.",
                "caution",
                "errors",
            )
        )
    return sentences


def _change_of_shares(rows: Sequence[Row], first: Interval, last: Interval) -> Interval:
    """`last` less `first`; where traces are rare, as sure as their number allows."""
    sizes = [sum(finite_number(row.get("n")) or 0 for _, row in tenth) for tenth in _tenths(rows)]
    change = difference(last, first)
    return widen_share_difference(change, [(first.value, sizes[0]), (last.value, sizes[1])]) if all(sizes) else change


def _fell(changes: Mapping[str, Interval], firsts: Mapping[str, float]) -> str:
    """What may be said of which kind of error fell, and which fell more."""
    ways = {
        kind: "unknown" if change.contains_zero else "fell" if change.value < 0 else "rose"
        for kind, change in changes.items()
    }
    if set(ways.values()) == {"unknown"}:
        return "no change of strategic or of procedural errors can be claimed"
    if set(ways.values()) != {"fell"}:
        phrases = {
            "unknown": "no change of {} errors can be claimed",
            "fell": "{} errors fell",
            "rose": "{} errors rose",
        }
        return listed([phrases[way].format(kind) for kind, way in ways.items()])
    gap = difference(changes["strategic"], changes["procedural"])
    relative = {kind: changes[kind].value / firsts[kind] if firsts[kind] else 0.0 for kind in changes}
    steeper = min(relative, key=lambda kind: (relative[kind], kind))
    if gap.contains_zero:
        return f"both fell, which more cannot be told in points; relative to where they began {steeper} ones"
    larger = "strategic" if gap.value < 0 else "procedural"
    if larger == steeper:
        return f"{larger} errors fell more, in points and relative to where they began"
    return f"{larger} errors fell more in points, {steeper} ones relative to where they began"


def aha(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Which reflection clusters grew, all judged together."""
    rows = [row for row in table.records() if row["source"] in sources and _log_ratio(row) is not None]
    if not rows:
        return []
    discoveries = select_discoveries(rows, _log_ratio)
    n = f"{len(rows):,} reflection cluster{'s' * (len(rows) != 1)} (backtracking, verification, branching)"
    if not discoveries:
        return [
            Sentence(
                f"Of {n} none is known to have grown or shrunk when all are judged together (Benjamini and "
                "Hochberg, 5 %).",
                section="dynamics",
            )
        ]
    grown = [row for row in discoveries if (row.number("ratio") or 0) > 1]
    parts = [f"{len(grown):,} grew and {len(discoveries) - len(grown):,} shrank"]
    named = [
        f"“{row['medoid']}” in {row['source']} (from {plain(row.number('start_rate'))} to "
        f"{plain(row.number('end_rate'))} in 1,000 words, "
        f"× {plain(row.number('ratio'))} [{plain(row.number('low'))}, {plain(row.number('high'))}])"
        for row in discoveries[:CLUSTERS_TOLD]
    ]
    return [
        Sentence(
            f"Of {n} {parts[0]} when all are judged together (Benjamini and Hochberg, 5 %); the surest: "
            f"{listed(named)}.",
            section="dynamics",
        )
    ]


def _log_ratio(row: Row) -> Interval | None:
    ratio = read_interval(row, "ratio")
    if ratio is None or min(ratio.value, ratio.low) <= 0:
        return None
    return Interval(math.log(ratio.value), math.log(ratio.low), math.log(ratio.high))
