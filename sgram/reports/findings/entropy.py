"""Entropies in sentences, each beside its placebo. Knows nothing about how they were measured."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.entropy import high_entropy_share
from sgram.reports.figures.shares import first_match
from sgram.reports.findings.wording import Claim, Sentence, amount, as_with_chance, beside, percent, plain, told
from sgram.statistics import Interval, difference, finite_number, read_interval

if TYPE_CHECKING:
    from sgram.analysis.table import Table


def semantic_entropy(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether wrong traces draw on more different SGs than correct ones, at one size."""
    claims = []
    for source in sources:
        rows = table.records(source=source, bins="grams")
        right, wrong = (first_match(rows, outcome=outcome, list="SGs") for outcome in ("correct", "wrong"))
        ends = read_interval(right, "at_size"), read_interval(wrong, "at_size")
        if None in ends or right.get("size") != wrong.get("size"):
            continue
        found = difference(ends[1], ends[0])
        base = (
            f"{source}: at {int(finite_number(right['size']) or 0):,} SGs each, semantic entropy is "
            f"{amount(ends[1])} nats in wrong "
            f"and {amount(ends[0])} in correct traces"
        )
        chance = [
            finite_number(first_match(rows, outcome=of, list="placebo").get("at_size")) for of in ("correct", "wrong")
        ]
        claims.append(_claim(source, base, found, None if None in chance else chance[1] - chance[0]))
    return told(claims, "entropy", leads=True)


def _claim(source: str, base: str, found: Interval, chance: float | None) -> Claim:
    said = amount(found, unit="nats", signed=True)
    if found.contains_zero:
        return Claim(
            source,
            "no difference of semantic entropy between wrong and correct traces can be claimed",
            f"{base}, {said}; the interval holds 0, so no difference can be claimed.",
        )
    way = "more" if found.value > 0 else "less"
    worth, placebo_text = beside(found, chance, "nats", 2, 1)
    if worth == "no more than":
        return Claim(
            source,
            "wrong and correct traces differ in semantic entropy no more than with random grams",
            f"{base}, {said}.{placebo_text}",
        )
    return Claim(
        source,
        f"wrong traces are {way} diverse in strategy{as_with_chance(worth)}",
        f"{base}: {way} diverse, {said}.{placebo_text}",
    )


def tokens(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether the model is less sure at planning tokens, and whether any tokens would show the same."""
    claims = []
    for source in sources:
        rows = table.records(source=source)
        planning, execution = (
            _entropy(first_match(rows, token_class=of, list="SGs")) for of in ("planning", "execution")
        )
        if planning is None or execution is None:
            continue
        found = difference(planning, execution)
        base = (
            f"{source}: the mean entropy is {amount(planning)} nats at planning tokens and "
            f"{amount(execution)} at "
            "execution tokens"
        )
        if found.contains_zero:
            claims.append(
                Claim(
                    source,
                    "planning and execution tokens are not known to differ in entropy",
                    f"{base}; the interval of the difference holds 0, so none can be claimed.",
                )
            )
            continue
        placebo = next((row for row in rows if (row["token_class"], row["list"]) == ("planning", "placebo")), {})
        claims.append(_against_placebo(source, base, planning, found, placebo))
    return told(claims, "tokens", leads=True)


def _entropy(row: Mapping) -> Interval | None:
    return read_interval(row, "entropy", "entropy_low", "entropy_high")


def _against_placebo(source: str, base: str, planning: Interval, found: Interval, row: Mapping) -> Claim:
    way = "less sure" if found.value > 0 else "surer"
    placebo = _entropy(row)
    if placebo is None:
        return Claim(source, f"the model is {way} at planning tokens", f"{base}: the model is {way} where it plans.")
    span = f"{plain(placebo.value)} nats ({plain(placebo.low)} to {plain(placebo.high)} over the draws)"
    if placebo.high < planning.low or placebo.low > planning.high:
        beyond = "above" if placebo.high < planning.low else "below"
        return Claim(
            source,
            f"the entropy at planning tokens lies {beyond} that at tokens of random grams",
            f"{base}; at the tokens of random grams it is {span}: planning tokens lie {beyond} every draw.",
        )
    return Claim(
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
        own, placebo = (
            first_match(rows, list="SGs"),
            read_interval(first_match(rows, list="placebo"), "high_given_planning"),
        )
        found, chance = read_interval(own, "high_given_planning"), high_entropy_share(own)
        if found is None or chance is None:
            continue
        text = (
            f"{source}: {percent(found)} of the planning tokens are among the {plain(chance, 0, 100)} % "
            "of the tokens "
            f"with the highest entropy; chance gives {plain(chance, 0, 100)} %"
        )
        if placebo is not None:
            text += (
                f", random grams {plain(placebo.value, 1, 100)} % ({plain(placebo.low, 1, 100)} to "
                f"{plain(placebo.high, 1, 100)} over the draws)"
            )
        text += (
            f". Of those high-entropy tokens {plain(own['planning_given_high'], 1, 100)} % are planning, as are "
            f"{plain(own['chance'], 1, 100)} % of all tokens."
        )
        claims.append(Claim(source, _overlap_verdict(found, chance, placebo), text))
    return told(claims, "tokens")


def _overlap_verdict(found: Interval, chance: float, placebo: Interval | None) -> str:
    often = "planning tokens are high-entropy tokens"
    if found.contains(chance):
        return f"{often} no more often than chance"
    way, other = ("less", "more") if found.value < chance else ("more", "less")
    if placebo is None:
        return f"{often} {way} often than chance"
    if placebo.low <= found.high and placebo.high >= found.low:
        return f"{often} {way} often than chance, but cannot be told apart from those of random grams"
    beyond = found.value < placebo.value if way == "less" else found.value > placebo.value
    if beyond:
        return f"{often} {way} often than chance and than those of random grams"
    return f"{often} {way} often than chance, but {other} often than those of random grams"
