"""What was measured, and what of it is planning, in sentences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.shares import first_match
from sgram.reports.figures.source_selection import Row
from sgram.reports.findings.wording import (
    SOURCES_TOLD,
    Sentence,
    SourceClaim,
    as_with_chance,
    beside,
    listed,
    percent,
    plain,
    points,
    told,
)
from sgram.statistics import Interval, difference, finite_number, read_interval, select_discoveries, share_difference

if TYPE_CHECKING:
    from sgram.analysis.table import Table

GRAMS_TOLD = 6


def corpus(table: "Table") -> list[Sentence]:
    """How much was measured."""
    totals = {
        name: sum(int(finite_number(cell) or 0) for cell in table.column(name))
        for name in ("traces", "problems", "correct", "wrong", "not_judged", "words", "tokens")
    }
    n = len(table)
    tokens = f" ({totals['tokens']:,} tokens)" if totals["tokens"] else ""
    judged = totals["correct"] + totals["wrong"]
    outcome = f": {totals['correct']:,} correct, {totals['wrong']:,} wrong, {totals['not_judged']:,} not judged"
    sentences = [
        Sentence(
            f"Measured were {totals['traces']:,} traces of {n:,} source{'s' * (n != 1)}, {totals['words']:,} "
            f"words{tokens}"
            f"{outcome if judged else ', none of them judged correct or wrong'}.",
            section="corpus",
        )
    ]
    if not judged and totals["traces"]:
        sentences.append(
            Sentence(
                "As no trace says whether its answer is right, nothing can be said of what correct and wrong traces "
                "differ in. Where rewards tell it, give --correct-above.",
                "caution",
                "corpus",
            )
        )
    return sentences


def placebo(table: "Table") -> list[Sentence]:
    """What the placebos are, and whether they mark what they should."""
    rows = table.records()
    met_placebos = [
        (row, share, target_share)
        for row in rows
        if (share := row.number("share")) is not None and (target_share := row.number("share_wanted")) is not None
    ]
    sentences = []
    if met_placebos:
        unit = met_placebos[0][0].get("unit") or "words"
        largest_gap = max(abs(share - target_share) for _, share, target_share in met_placebos)
        target_shares = sorted(target_share for *_, target_share in met_placebos)
        span = " to ".join(dict.fromkeys(plain(share, 1, 100) for share in (target_shares[0], target_shares[-1])))
        names = listed(list(dict.fromkeys(str(row["lexicon"]) for row, *_ in met_placebos))[:3])
        sentences.append(
            Sentence(
                f"Whatever is said of SGs stands beside {len(met_placebos):,} "
                f"placebo{'s' * (len(met_placebos) != 1)}, lists of random grams "
                f"that mark as much text as the SGs of {names} ({span} % of the {unit}), to within "
                f"{plain(largest_gap, 2, 100)} points in the texts that they were drawn from; of longer corpora that "
                "is a sample, and what they mark in all traces stands beside each figure.",
                "control",
                "planning",
            )
        )
    missed = len(rows) - len(met_placebos)
    if missed:
        sentences.append(
            Sentence(
                f"{missed:,} of {len(table):,} placebos could not be made to mark as much as the "
                "SGs; what "
                "they control is less sure.",
                "caution",
                "planning",
            )
        )
    return sentences


def success(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """How often the answers are right."""
    claims = []
    for source in sources:
        rows = [(row, interval) for row in table.records(source=source) if (interval := read_interval(row))]
        if rows:
            text = f"{source} reaches {_on_problems(rows)}."
            claims.append((rows[0][1], source, text))
    if len(claims) <= SOURCES_TOLD:
        return [Sentence(text, section="success") for *_, text in claims]
    best, worst = (pick(claims, key=lambda claim: claim[0].value) for pick in (max, min))
    apart = "" if not difference(best[0], worst[0]).contains_zero else "; even these two cannot be told apart"
    lead = f"Accuracy goes from {percent(worst[0])} in {worst[1]} to {percent(best[0])} in {best[1]}{apart}."
    text = (
        f"The best and the worst of {len(claims):,} sources, which need not have had the same problems: "
        f"{best[2]} {worst[2]}"
    )
    return [Sentence(text, section="success", lead=lead)]


def _on_problems(rows: Sequence[tuple[Row, Interval]]) -> str:
    """Measures with the number of problems, each its own where they differ: not every problem has k samples."""
    sizes = [int(finite_number(row["problems"]) or 0) for row, _ in rows]
    parts = [f"{row['measure']} {percent(interval)}" for row, interval in rows]
    if len(set(sizes)) > 1:
        return listed([f"{part} on {n:,}" for part, n in zip(parts, sizes, strict=True)]) + " problems"
    return f"{listed(parts)} on {sizes[0]:,} problem{'s' * (sizes[0] != 1)}"


def planning(table: "Table", sources: Sequence[str], enough: Sequence[str]) -> list[Sentence]:
    """How much is planning, and whether wrong traces plan more, of sources with `enough` of either."""
    claims = []
    for source in enough:
        rows = table.records(source=source)
        right, wrong = (
            read_interval(first_match(rows, outcome=outcome, list="SGs")) for outcome in ("correct", "wrong")
        )
        if right is not None and wrong is not None:
            right_chance, wrong_chance = (
                first_match(rows, outcome=outcome, list="placebo").number("value") for outcome in ("correct", "wrong")
            )
            chance = None if right_chance is None or wrong_chance is None else wrong_chance - right_chance
            claims.append(_outcome_claim(source, right, wrong, chance))
    return _levels(table, sources) + told(claims, "planning", leads=True)


def _levels(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    levels = []
    for source in sources:
        row = first_match(table.records(source=source), outcome="all", list="SGs")
        if (level := read_interval(row)) is not None:
            levels.append((level, source, row.get("unit") or "words"))
    if len(levels) > SOURCES_TOLD:
        low, high = (
            min(levels, key=lambda level_row: level_row[0].value),
            max(levels, key=lambda level_row: level_row[0].value),
        )
        unit = "" if high[2] == low[2] else f" of the {high[2]}"
        text = (
            f"Planning takes from {percent(low[0])} of the {low[2]} ({low[1]}) to {percent(high[0])}{unit} ({high[1]})."
        )
        return [Sentence(text, section="planning")]
    return [
        Sentence(f"{percent(level)} of the {unit} of {source} are planning.", section="planning")
        for level, source, unit in levels
    ]


def _outcome_claim(source: str, right: Interval, wrong: Interval, chance: float | None) -> SourceClaim:
    gap = difference(wrong, right)
    base = f"{source}: {percent(wrong)} of wrong and {percent(right)} of correct traces' text is planning"
    if gap.contains_zero:
        text = f"{base}, {points(gap)}; the interval holds 0, so no difference can be claimed."
        return SourceClaim(source, "no difference in how much wrong and correct traces plan can be claimed", text)
    direction = "more" if gap.value > 0 else "less"
    worth, placebo_text = beside(gap, chance)
    text = f"{base}: wrong traces plan {direction}, {points(gap)}.{placebo_text}"
    if worth == "no more than":
        return SourceClaim(source, "wrong and correct traces differ in planning no more than with random grams", text)
    return SourceClaim(source, f"wrong traces plan {direction}{as_with_chance(worth)}", text)


def moves(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """The moves whose rates differ between correct and wrong traces, all judged together."""
    compared = []
    for source in sources:
        rows = table.records(source=source)
        for move in dict.fromkeys(row["move"] for row in rows):
            right, wrong = (_rate(first_match(rows, move=move, outcome=outcome)) for outcome in ("correct", "wrong"))
            if right is not None and wrong is not None:
                compared.append((source, str(move), right, wrong))
    if not compared:
        return []
    discoveries = select_discoveries(compared, lambda comparison: difference(comparison[3], comparison[2]))
    n = f"{len(compared):,} comparison{'s' * (len(compared) != 1)} of a move's rate in wrong and correct traces"
    if not discoveries:
        return [
            Sentence(
                f"None of {n} stands when all are judged together (Benjamini and Hochberg, 5 %).", section="planning"
            )
        ]
    stands = "s" * (len(discoveries) == 1)
    is_grouped = len({source for source, *_ in compared}) > SOURCES_TOLD
    parts = (
        _by_move(discoveries)
        if is_grouped
        else [
            f"{move} in {source} ({plain(wrong.value, 2)} in 1,000 words when wrong, {plain(right.value, 2)} when "
            "correct)"
            for source, move, right, wrong in discoveries[:GRAMS_TOLD]
        ]
    )
    omission = (
        f", and {len(discoveries) - GRAMS_TOLD:,} more" if not is_grouped and len(discoveries) > GRAMS_TOLD else ""
    )
    return [
        Sentence(
            f"{len(discoveries):,} of {n} stand{stands} when all are judged together (Benjamini and "
            "Hochberg, 5 %): "
            f"{'; '.join(parts)}{omission}.",
            section="planning",
        )
    ]


def _by_move(discoveries: Sequence[tuple[str, str, Interval, Interval]]) -> list[str]:
    """In how many sources each move is more frequent in wrong, and in how many in correct traces."""
    parts = []
    for move in dict.fromkeys(move for _, move, *_ in discoveries):
        wrong = sum(comparison[3].value > comparison[2].value for comparison in discoveries if comparison[1] == move)
        right = sum(comparison[3].value < comparison[2].value for comparison in discoveries if comparison[1] == move)
        counts = [
            f"when {way} in {n:,} source{'s' * (n != 1)}" for n, way in ((wrong, "wrong"), (right, "correct")) if n
        ]
        parts.append(f"{move} is more frequent {listed(counts)}")
    return parts


def _rate(row: Row) -> Interval | None:
    return read_interval(row, "per_1000_words")


def grams(table: "Table", sources: Sequence[str], n_correct: int, n_wrong: int) -> list[Sentence]:
    """The grams that correct and wrong traces differ in, all judged together."""
    compared = [row for row in table.records() if read_interval(row, "difference") is not None]
    if not compared:
        return []
    discoveries = select_discoveries(compared, lambda row: share_difference(row, n_correct, n_wrong))
    if not discoveries:
        return [
            Sentence(
                f"Of {len(compared):,} grams compared between correct and wrong traces none stands when all are "
                "judged together (Benjamini and Hochberg, 5 %).",
                section="planning",
            )
        ]
    sides = [
        ("correct", [row for row in discoveries if (row.number("difference") or 0) > 0]),
        ("wrong", [row for row in discoveries if (row.number("difference") or 0) < 0]),
    ]
    parts = [
        f"{len(rows):,} more often in {side} traces ({listed([_gram(row) for row in rows[: GRAMS_TOLD // 2]])})"
        for side, rows in sides
        if rows
    ]
    sentences = [
        Sentence(
            f"Of {len(compared):,} grams compared between correct and wrong traces of the same source "
            f"{len(discoveries):,} stand{'s' * (len(discoveries) == 1)} "
            "when all are judged together (Benjamini and Hochberg, 5 %): "
            f"{listed(parts)}.",
            section="planning",
        )
    ]
    sentences.append(
        Sentence(
            "A longer trace holds more of any gram: where wrong traces are longer, a gram in "
            "more of them need "
            "not mean anything; rates in 1,000 words do not depend on "
            "length.",
            "caution",
            "planning",
        )
    )
    return sentences


def _gram(row: Row) -> str:
    interval = read_interval(row, "difference")
    return f"“{row['gram']}”{'' if interval is None else f' {points(interval)}'}"


def scaling(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether longer traces plan more."""
    claims = []
    for source in sources:
        bins = sorted(
            (
                (row, interval)
                for row in table.records(source=source, list="SGs")
                if (interval := read_interval(row)) is not None
            ),
            key=lambda length_bin: length_bin[0].number("bin_low") or 0.0,
        )
        if len(bins) < 2:
            continue
        (first, first_share), (last, last_share) = bins[0], bins[-1]
        gap = difference(last_share, first_share)
        first_chance, last_chance = (
            first_match(table.records(source=source, list="placebo"), bin_low=row["bin_low"]).number("value")
            for row in (first, last)
        )
        chance = None if first_chance is None or last_chance is None else last_chance - first_chance
        base = (
            f"{source}: planning goes from {percent(first_share)} in the shortest traces to "
            f"{percent(last_share)} in the longest"
        )
        if gap.contains_zero:
            text = f"{base}, {points(gap)}; the interval holds 0, so no change with length can be claimed."
            claims.append(SourceClaim(source, "no change of the planning share with length can be claimed", text))
            continue
        way = "more" if gap.value > 0 else "less"
        worth, placebo_text = beside(gap, chance)
        verdict = f"longer traces plan {way}{as_with_chance(worth)}"
        claims.append(SourceClaim(source, verdict, f"{base}: {points(gap)}.{placebo_text}"))
    return told(claims, "planning")
