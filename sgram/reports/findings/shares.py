"""What was measured, and what of it is planning, in sentences. Knows nothing about how it was counted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.shares import first_match
from sgram.reports.findings.wording import (
    SOURCES_TOLD,
    Claim,
    Sentence,
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
    found = [
        Sentence(
            f"Measured were {totals['traces']:,} traces of {n:,} source{'s' * (n != 1)}, {totals['words']:,} "
            f"words{tokens}"
            f"{outcome if judged else ', none of them judged correct or wrong'}.",
            section="corpus",
        )
    ]
    if not judged and totals["traces"]:
        found.append(
            Sentence(
                "As no trace says whether its answer is right, nothing can be said of what correct and wrong traces "
                "differ in. Where rewards tell it, give --correct-above.",
                "caution",
                "corpus",
            )
        )
    return found


def placebo(table: "Table") -> list[Sentence]:
    """What the placebos are, and whether they mark what they should."""
    rows = table.records()
    drawn = [(row, finite_number(row["share"]), finite_number(row["share_wanted"])) for row in rows]
    drawn = [each for each in drawn if None not in each[1:]]
    said = []
    if drawn:
        unit = drawn[0][0].get("unit") or "words"
        apart = max(abs(share - wanted) for _, share, wanted in drawn)
        wanted = sorted(wanted for *_, wanted in drawn)
        span = " to ".join(dict.fromkeys(plain(each, 1, 100) for each in (wanted[0], wanted[-1])))
        names = listed(list(dict.fromkeys(str(row["lexicon"]) for row, *_ in drawn))[:3])
        said.append(
            Sentence(
                f"Whatever is said of SGs stands beside {len(drawn):,} placebo{'s' * (len(drawn) != 1)}, lists of "
                "random grams "
                f"that mark as much text as the SGs of {names} ({span} % of the {unit}), to within "
                f"{plain(apart, 2, 100)} points in the texts that they were drawn from; of longer corpora that is a "
                "sample, and what they mark in all traces stands beside each figure.",
                "control",
                "planning",
            )
        )
    missed = len(rows) - len(drawn)
    if missed:
        said.append(
            Sentence(
                f"{missed:,} of {len(table):,} placebos could not be made to mark as much as the "
                "SGs; what "
                "they control is less sure.",
                "caution",
                "planning",
            )
        )
    return said


def success(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """How often the answers are right."""
    claims = []
    for source in sources:
        rows = [(row, found) for row in table.records(source=source) if (found := read_interval(row))]
        if rows:
            told_of = f"{source} reaches {_on_problems(rows)}."
            claims.append((rows[0][1], source, told_of))
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


def _on_problems(rows: Sequence[tuple[Mapping, Interval]]) -> str:
    """Measures with the number of problems, each its own where they differ: not every problem has k samples."""
    sizes = [int(finite_number(row["problems"]) or 0) for row, _ in rows]
    parts = [f"{row['measure']} {percent(found)}" for row, found in rows]
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
            ends = [
                finite_number(first_match(rows, outcome=of, list="placebo").get("value")) for of in ("correct", "wrong")
            ]
            claims.append(_outcome_claim(source, right, wrong, None if None in ends else ends[1] - ends[0]))
    return _levels(table, sources) + told(claims, "planning", leads=True)


def _levels(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    found = []
    for source in sources:
        row = first_match(table.records(source=source), outcome="all", list="SGs")
        if (level := read_interval(row)) is not None:
            found.append((level, source, row.get("unit") or "words"))
    if len(found) > SOURCES_TOLD:
        low, high = min(found, key=lambda each: each[0].value), max(found, key=lambda each: each[0].value)
        unit = "" if high[2] == low[2] else f" of the {high[2]}"
        text = (
            f"Planning takes from {percent(low[0])} of the {low[2]} ({low[1]}) to {percent(high[0])}{unit} ({high[1]})."
        )
        return [Sentence(text, section="planning")]
    return [
        Sentence(f"{percent(level)} of the {unit} of {source} are planning.", section="planning")
        for level, source, unit in found
    ]


def _outcome_claim(source: str, right: Interval, wrong: Interval, chance: float | None) -> Claim:
    found = difference(wrong, right)
    base = f"{source}: {percent(wrong)} of wrong and {percent(right)} of correct traces' text is planning"
    if found.contains_zero:
        text = f"{base}, {points(found)}; the interval holds 0, so no difference can be claimed."
        return Claim(source, "no difference in how much wrong and correct traces plan can be claimed", text)
    more = "more" if found.value > 0 else "less"
    worth, placebo_text = beside(found, chance)
    text = f"{base}: wrong traces plan {more}, {points(found)}.{placebo_text}"
    if worth == "no more than":
        return Claim(source, "wrong and correct traces differ in planning no more than with random grams", text)
    return Claim(source, f"wrong traces plan {more}{as_with_chance(worth)}", text)


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
    found = select_discoveries(compared, lambda each: difference(each[3], each[2]))
    n = f"{len(compared):,} comparison{'s' * (len(compared) != 1)} of a move's rate in wrong and correct traces"
    if not found:
        return [
            Sentence(
                f"None of {n} stands when all are judged together (Benjamini and Hochberg, 5 %).", section="planning"
            )
        ]
    stands = "s" * (len(found) == 1)
    many = len({source for source, *_ in compared}) > SOURCES_TOLD
    parts = (
        _by_move(found)
        if many
        else [
            f"{move} in {source} ({plain(wrong.value, 2)} in 1,000 words when wrong, {plain(right.value, 2)} when "
            "correct)"
            for source, move, right, wrong in found[:GRAMS_TOLD]
        ]
    )
    more = f", and {len(found) - GRAMS_TOLD:,} more" if not many and len(found) > GRAMS_TOLD else ""
    return [
        Sentence(
            f"{len(found):,} of {n} stand{stands} when all are judged together (Benjamini and "
            "Hochberg, 5 %): "
            f"{'; '.join(parts)}{more}.",
            section="planning",
        )
    ]


def _by_move(found: Sequence[tuple[str, str, Interval, Interval]]) -> list[str]:
    """In how many sources each move is more frequent in wrong, and in how many in correct traces."""
    parts = []
    for move in dict.fromkeys(move for _, move, *_ in found):
        wrong = sum(each[3].value > each[2].value for each in found if each[1] == move)
        right = sum(each[3].value < each[2].value for each in found if each[1] == move)
        counts = [
            f"when {way} in {n:,} source{'s' * (n != 1)}" for n, way in ((wrong, "wrong"), (right, "correct")) if n
        ]
        parts.append(f"{move} is more frequent {listed(counts)}")
    return parts


def _rate(row: Mapping) -> Interval | None:
    return read_interval(row, "per_1000_words")


def grams(table: "Table", sources: Sequence[str], n_correct: int, n_wrong: int) -> list[Sentence]:
    """The grams that correct and wrong traces differ in, all judged together."""
    held = [row for row in table.records() if read_interval(row, "difference") is not None]
    if not held:
        return []
    found = select_discoveries(held, lambda row: share_difference(row, n_correct, n_wrong))
    if not found:
        return [
            Sentence(
                f"Of {len(held):,} grams compared between correct and wrong traces none stands when all are "
                "judged together (Benjamini and Hochberg, 5 %).",
                section="planning",
            )
        ]
    sides = [
        ("correct", [row for row in found if row["difference"] > 0]),
        ("wrong", [row for row in found if row["difference"] < 0]),
    ]
    parts = [
        f"{len(rows):,} more often in {side} traces ({listed([_gram(row) for row in rows[: GRAMS_TOLD // 2]])})"
        for side, rows in sides
        if rows
    ]
    said = [
        Sentence(
            f"Of {len(held):,} grams compared between correct and wrong traces of the same source {len(found):,} "
            f"stand{'s' * (len(found) == 1)} "
            "when all are judged together (Benjamini and Hochberg, 5 %): "
            f"{listed(parts)}.",
            section="planning",
        )
    ]
    said.append(
        Sentence(
            "A longer trace holds more of any gram: where wrong traces are longer, a gram in "
            "more of them need "
            "not mean anything; rates in 1,000 words do not depend on "
            "length.",
            "caution",
            "planning",
        )
    )
    return said


def _gram(row: Mapping) -> str:
    found = Interval(row["difference"], row["low"], row["high"])
    return f"“{row['gram']}” {points(found)}"


def scaling(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether longer traces plan more."""
    claims = []
    for source in sources:
        rows = sorted(
            (row for row in table.records(source=source, list="SGs") if read_interval(row)),
            key=lambda row: finite_number(row["bin_low"]) or 0.0,
        )
        if len(rows) < 2:
            continue
        first, last = rows[0], rows[-1]
        found = difference(read_interval(last), read_interval(first))
        ends = [
            finite_number(
                first_match(table.records(source=source, list="placebo"), bin_low=row["bin_low"]).get("value")
            )
            for row in (first, last)
        ]
        base = (
            f"{source}: planning goes from {percent(read_interval(first))} in the shortest traces to "
            f"{percent(read_interval(last))} in the longest"
        )
        if found.contains_zero:
            text = f"{base}, {points(found)}; the interval holds 0, so no change with length can be claimed."
            claims.append(Claim(source, "no change of the planning share with length can be claimed", text))
            continue
        way = "more" if found.value > 0 else "less"
        worth, placebo_text = beside(found, None if None in ends else ends[1] - ends[0])
        verdict = f"longer traces plan {way}{as_with_chance(worth)}"
        claims.append(Claim(source, verdict, f"{base}: {points(found)}.{placebo_text}"))
    return told(claims, "planning")
