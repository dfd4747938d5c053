"""What went wrong in wrong traces, in sentences. Knows nothing about how it was found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.shares import first_match
from sgram.reports.findings.wording import Claim, Sentence, listed, percent, plain, points, told
from sgram.statistics import difference, finite_number, read_interval

if TYPE_CHECKING:
    from sgram.analysis.table import Table


def errors(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """What kinds the errors are of, where there are no steps to follow them over."""
    claims = []
    for source in sources:
        rows = [row for row in table.records(source=source) if row["step"] is None]
        told_of = [
            (row["kind"], found)
            for row in rows
            if (found := read_interval(row, "share")) is not None and found.value > 0
        ]
        n = sum(int(finite_number(row["count"]) or 0) for row in rows)
        if not told_of:
            continue
        largest = sorted(told_of, key=lambda each: -each[1].value)
        text = f"{source}: of {n:,} wrong traces {listed([f'{percent(found)} are {kind}' for kind, found in largest])}."
        strategic, procedural = (
            read_interval(first_match(rows, kind=kind), "share") for kind in ("strategic", "procedural")
        )
        verdict = f"most wrong traces are {largest[0][0]}"
        if strategic is not None and procedural is not None:
            gap = difference(strategic, procedural)
            if gap.contains_zero:
                verdict = "neither strategic nor procedural errors are known to be the more frequent"
            else:
                verdict = f"{'strategic' if gap.value > 0 else 'procedural'} errors are the more frequent of the two"
        claims.append(Claim(source, verdict, text))
    found = told(claims, "errors", leads=True)
    if found:
        found.append(
            Sentence(
                "Kinds of error are as the traces tell them (meta.error), or else guesses of an "
                "offline "
                "classifier, whose mistakes are in every share "
                "above.",
                "caution",
                "errors",
            )
        )
    return found


def equations(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """How many of the checked equations are wrong, in correct and in wrong traces."""
    claims = []
    for source in sources:
        rows = table.records(source=source)
        right, wrong = (read_interval(first_match(rows, outcome=of), "wrong_share") for of in ("correct", "wrong"))
        if right is None or wrong is None:
            continue
        n = sum(
            int(finite_number(row[name]) or 0)
            for row in rows
            if row["outcome"] in ("correct", "wrong")
            for name in ("right", "wrong")
        )
        gap = difference(wrong, right)
        base = (
            f"{source}: of {n:,} equations that could be checked {percent(wrong)} are wrong in wrong traces and "
            f"{percent(right)} in correct ones"
        )
        if gap.contains_zero:
            claims.append(
                Claim(
                    source,
                    "no difference in wrong equations can be claimed",
                    f"{base}; the interval of the difference holds 0.",
                )
            )
        else:
            more = "more" if gap.value > 0 else "fewer"
            claims.append(Claim(source, f"wrong traces hold {more} wrong equations", f"{base}: {points(gap)}."))
    return told(claims, "errors")


def architecture(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """The classes of the order of long and short steps, in one sentence for all sources."""
    counts: dict[str, int] = {}
    for row in table.records(outcome="all"):
        if row["source"] in sources and (n := finite_number(row["traces"])) is not None:
            counts[str(row["kind"])] = counts.get(str(row["kind"]), 0) + int(n)
    total = sum(counts.values())
    if not total:
        return []
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{plain(n / total, 0, 100)} % {kind}" for kind, n in ranked if n]
    return [
        Sentence(
            f"The lengths of text between SGs are, over {total:,} traces, {listed(parts)}: an "
            "analogy to the "
            "order of planets, which explains nothing.",
            section="architecture",
        )
    ]
