"""Entropies in sentences, each beside its placebo."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgram.analysis.table import Record
from sgram.reports.figures.entropy import high_entropy_share
from sgram.reports.figures.shares import first_match
from sgram.reports.figures.source_selection import Row
from sgram.reports.findings.wording import Sentence, SourceClaim, amount, as_with_chance, beside, percent, plain, told
from sgram.statistics import Interval, difference, finite_number, read_interval

if TYPE_CHECKING:
    from sgram.analysis.table import Table


def semantic_entropy(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether wrong traces draw on more different SGs than correct ones, at one size."""
    claims = []
    for source in sources:
        rows = table.records(source=source, bins="grams")
        right, wrong = (first_match(rows, outcome=outcome, list="SGs") for outcome in ("correct", "wrong"))
        right_entropy, wrong_entropy = read_interval(right, "at_size"), read_interval(wrong, "at_size")
        if right_entropy is None or wrong_entropy is None or right.get("size") != wrong.get("size"):
            continue
        gap = difference(wrong_entropy, right_entropy)
        base = (
            f"{source}: at {int(finite_number(right['size']) or 0):,} SGs each, semantic entropy is "
            f"{amount(wrong_entropy)} nats in wrong "
            f"and {amount(right_entropy)} in correct traces"
        )
        right_chance, wrong_chance = (
            first_match(rows, outcome=outcome, list="placebo").number("at_size") for outcome in ("correct", "wrong")
        )
        chance = None if right_chance is None or wrong_chance is None else wrong_chance - right_chance
        claims.append(_claim(source, base, gap, chance))
    return told(claims, "entropy", leads=True)


def _claim(source: str, base: str, gap: Interval, chance: float | None) -> SourceClaim:
    gap_text = amount(gap, unit="nats", signed=True)
    if gap.contains_zero:
        return SourceClaim(
            source,
            "no difference of semantic entropy between wrong and correct traces can be claimed",
            f"{base}, {gap_text}; the interval holds 0, so no difference can be claimed.",
        )
    way = "more" if gap.value > 0 else "less"
    worth, placebo_text = beside(gap, chance, "nats", 2, 1)
    if worth == "no more than":
        return SourceClaim(
            source,
            "wrong and correct traces differ in semantic entropy no more than with random grams",
            f"{base}, {gap_text}.{placebo_text}",
        )
    return SourceClaim(
        source,
        f"wrong traces are {way} diverse in strategy{as_with_chance(worth)}",
        f"{base}: {way} diverse, {gap_text}.{placebo_text}",
    )


def tokens(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether the model is less sure at planning tokens, and whether any tokens would show the same."""
    claims = []
    for source in sources:
        rows = table.records(source=source)
        planning, execution = (
            _entropy(first_match(rows, token_class=token_class, list="SGs"))
            for token_class in ("planning", "execution")
        )
        if planning is None or execution is None:
            continue
        gap = difference(planning, execution)
        base = (
            f"{source}: the mean entropy is {amount(planning)} nats at planning tokens and "
            f"{amount(execution)} at "
            "execution tokens"
        )
        if gap.contains_zero:
            claims.append(
                SourceClaim(
                    source,
                    "planning and execution tokens are not known to differ in entropy",
                    f"{base}; the interval of the difference holds 0, so none can be claimed.",
                )
            )
            continue
        placebo = next((row for row in rows if (row["token_class"], row["list"]) == ("planning", "placebo")), Record())
        claims.append(_against_placebo(source, base, planning, gap, placebo))
    return told(claims, "tokens", leads=True)


def _entropy(row: Row) -> Interval | None:
    return read_interval(row, "entropy", "entropy_low", "entropy_high")


def _against_placebo(source: str, base: str, planning: Interval, gap: Interval, row: Row) -> SourceClaim:
    way = "less sure" if gap.value > 0 else "surer"
    placebo = _entropy(row)
    if placebo is None:
        return SourceClaim(
            source, f"the model is {way} at planning tokens", f"{base}: the model is {way} where it plans."
        )
    span = f"{plain(placebo.value)} nats ({plain(placebo.low)} to {plain(placebo.high)} over the draws)"
    if placebo.high < planning.low or placebo.low > planning.high:
        beyond = "above" if placebo.high < planning.low else "below"
        return SourceClaim(
            source,
            f"the entropy at planning tokens lies {beyond} that at tokens of random grams",
            f"{base}; at the tokens of random grams it is {span}: planning tokens lie {beyond} every draw.",
        )
    return SourceClaim(
        source,
        f"the model is {way} at planning tokens, but they cannot be told apart from those of random grams",
        f"{base}; at the tokens of random grams it is {span}, which is not clear of the "
        "planning tokens: it need not be planning that makes the difference.",
    )


def overlap(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """How many planning tokens are high-entropy tokens, against chance and placebo (HICRA, Fig. 10)."""
    claims = []
    for source in sources:
        rows = table.records(source=source)
        lexicon_row, placebo = (
            first_match(rows, list="SGs"),
            read_interval(first_match(rows, list="placebo"), "high_given_planning"),
        )
        share, chance = read_interval(lexicon_row, "high_given_planning"), high_entropy_share(lexicon_row)
        if share is None or chance is None:
            continue
        text = (
            f"{source}: {percent(share)} of the planning tokens are among the {plain(chance, 0, 100)} % "
            "of the tokens "
            f"with the highest entropy; chance gives {plain(chance, 0, 100)} %"
        )
        if placebo is not None:
            text += (
                f", random grams {plain(placebo.value, 1, 100)} % ({plain(placebo.low, 1, 100)} to "
                f"{plain(placebo.high, 1, 100)} over the draws)"
            )
        text += (
            f". Of those high-entropy tokens {plain(lexicon_row.number('planning_given_high'), 1, 100)} % are "
            f"planning, as are {plain(lexicon_row.number('chance'), 1, 100)} % of all tokens."
        )
        claims.append(SourceClaim(source, _overlap_verdict(share, chance, placebo), text))
    return told(claims, "tokens")


def _overlap_verdict(share: Interval, chance: float, placebo: Interval | None) -> str:
    often = "planning tokens are high-entropy tokens"
    if share.contains(chance):
        return f"{often} no more often than chance"
    way, opposite = ("less", "more") if share.value < chance else ("more", "less")
    if placebo is None:
        return f"{often} {way} often than chance"
    if placebo.low <= share.high and placebo.high >= share.low:
        return f"{often} {way} often than chance, but cannot be told apart from those of random grams"
    beyond = share.value < placebo.value if way == "less" else share.value > placebo.value
    if beyond:
        return f"{often} {way} often than chance and than those of random grams"
    return f"{often} {way} often than chance, but {opposite} often than those of random grams"
