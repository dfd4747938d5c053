"""What went wrong in wrong traces, in sentences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.shares import first_match
from sgram.reports.findings.wording import Sentence, SourceClaim, listed, percent, plain, points, told
from sgram.statistics import difference, finite_number, read_interval

if TYPE_CHECKING:
    from sgram.analysis.table import Table


def errors(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """What kinds the errors are of, where there are no steps to follow them over."""
    claims = []
    for source in sources:
        rows = [row for row in table.records(source=source) if row["step"] is None]
        kind_shares = [
            (row.text("kind"), share)
            for row in rows
            if (share := read_interval(row, "share")) is not None and share.value > 0
        ]
        n = sum(int(finite_number(row["count"]) or 0) for row in rows)
        if not kind_shares:
            continue
        largest = sorted(kind_shares, key=lambda pair: -pair[1].value)
        text = f"{source}: of {n:,} wrong traces {listed([f'{percent(share)} are {kind}' for kind, share in largest])}."
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
        claims.append(SourceClaim(source, verdict, text))
    sentences = told(claims, "errors", leads=True)
    if sentences:
        sentences.append(
            Sentence(
                "Kinds of error are as the traces tell them (meta.error), or else guesses of an "
                "offline "
                "classifier, whose mistakes are in every share "
                "above.",
                "caution",
                "errors",
            )
        )
    return sentences


def equations(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """How many of the checked equations are wrong, in correct and in wrong traces."""
    claims = []
    for source in sources:
        rows = table.records(source=source)
        right, wrong = (
            read_interval(first_match(rows, outcome=outcome), "wrong_share") for outcome in ("correct", "wrong")
        )
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
                SourceClaim(
                    source,
                    "no difference in wrong equations can be claimed",
                    f"{base}; the interval of the difference holds 0.",
                )
            )
        else:
            direction = "more" if gap.value > 0 else "fewer"
            claims.append(
                SourceClaim(source, f"wrong traces hold {direction} wrong equations", f"{base}: {points(gap)}.")
            )
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
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    parts = [f"{plain(n / total, 0, 100)} % {kind}" for kind, n in ranked if n]
    return [
        Sentence(
            f"The lengths of text between SGs are, over {total:,} traces, {listed(parts)}: an "
            "analogy to the "
            "order of planets, which explains nothing.",
            section="architecture",
        )
    ]
