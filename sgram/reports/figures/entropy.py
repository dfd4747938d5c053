"""Figures of entropies and of the overlap of planning with high entropy. Knows nothing about how they were measured."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sgram.reports.figures.dot_plot import DotRow, Panel, dot, dot_plot
from sgram.reports.figures.figure import Figure
from sgram.reports.figures.shares import DRAWS, INTERVALS, PLACEBO_KEY, one, outcomes_of
from sgram.reports.figures.source_selection import Chosen
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from sgram.analysis.table import Table

_BINS = ("grams", "clusters", "moves")


def semantic_entropy(table: "Table", chosen: Chosen) -> Figure | None:
    """Semantic entropy at one size for all, by source and outcome, beside the placebo; a panel a kind of bins."""
    bins = [each for each in _BINS if each in table.column("bins")]
    rows, sizes = [], {}
    for source in chosen.sources:
        held = table.records(source=source)
        for outcome in outcomes_of(held):
            dots = []
            for each in bins:
                own, placebo = (one(held, outcome=outcome, bins=each, list=of) for of in ("SGs", "placebo"))
                dots.append(dot(outcome, own, value="at_size") + dot("placebo", placebo, value="at_size"))
                if dots[-1]:
                    sizes[finite_number(own.get("size"))] = None
            n = finite_number(one(held, outcome=outcome, list="SGs").get("occurrences"))
            rows.append(DotRow(str(source), outcome, tuple(dots), "" if n is None else f"{int(n):,} SGs"))
    known = [f"{int(size):,}" for size in sorted(size for size in sizes if size is not None)]
    sampled = f"the expected entropy of {' or '.join(known)} occurrences" if 0 < len(known) < 4 else "at equal sizes"
    return dot_plot(
        "semantic-entropy",
        "Semantic entropy at equal size",
        f"Shannon entropy of which SGs, clusters or moves occur: {sampled}, so that more text does not look more "
        f"diverse. {INTERVALS} {DRAWS} Random grams form no clusters and make no moves. {chosen.said}".strip(),
        PLACEBO_KEY,
        [Panel(f"over {each}", "nats", from_zero=False) for each in bins],
        rows,
    )


def conditional_entropy(table: "Table", chosen: Chosen) -> Figure | None:
    """Entropy of what follows an SG, by source, beside the placebo."""
    rows = []
    for source in chosen.sources:
        held = table.records(source=source)
        own, placebo = one(held, list="SGs"), one(held, list="placebo")
        n = finite_number(own.get("occurrences"))
        remark = "" if n is None else f"{int(n):,} SGs"
        rows.append(DotRow(str(source), "", (dot("SGs", own) + dot("placebo", placebo),), remark))
    return dot_plot(
        "conditional-entropy",
        "Entropy of what follows an SG",
        f"Conditional entropy of the words that follow, given the SG. {INTERVALS} {DRAWS} {chosen.said}".strip(),
        PLACEBO_KEY,
        [Panel("", "nats", from_zero=False)],
        rows,
    )


def tokens(table: "Table", chosen: Chosen) -> Figure | None:
    """Entropy and perplexity of planning, placebo and execution tokens."""
    rows = []
    for source in chosen.sources:
        held = table.records(source=source)
        classes = (("planning", "SGs"), ("placebo", "placebo"), ("execution", "SGs"))
        for of, of_list in classes:
            token_class = "execution" if of == "execution" else "planning"
            row = one(held, token_class=token_class, list=of_list)
            dots = tuple(dot(of, row, each, f"{each}_low", f"{each}_high") for each in ("entropy", "perplexity"))
            n = finite_number(row.get("tokens"))
            rows.append(DotRow(str(source), of, dots, "" if n is None else f"{int(n):,} tokens"))
    return dot_plot(
        "tokens",
        "Planning and execution tokens",
        f"Mean entropy of the model's next-token distribution, and perplexity of what it sampled. {INTERVALS} "
        "Placebo "
        "tokens are those that lists of random grams mark: if they lie where planning tokens lie, the difference is "
        f"not about planning. {chosen.said}".strip(),
        "dots: with 95 % intervals; gray diamonds: tokens of the placebo, bars from its smallest to its largest draw",
        [Panel("token entropy", "nats"), Panel("perplexity", "exp of nats a token", from_zero=False)],
        rows,
    )


def by_chance(row: Mapping) -> float | None:
    """Share of all tokens that are of high entropy, to a hundredth: what chance gives of the planning tokens.

    As P(high | planning) P(planning) = P(planning | high) P(high); None where no planning token is of high entropy.
    """
    found = [finite_number(row.get(name)) for name in ("high_given_planning", "chance", "planning_given_high")]
    return None if None in found or not found[2] else round(found[0] * found[1] / found[2], 2)


def overlap(table: "Table", chosen: Chosen) -> Figure | None:
    """How often planning tokens are high-entropy tokens, against chance, and the other way round (HICRA, Fig. 10)."""
    rows, chances = [], []
    for source in chosen.sources:
        held = table.records(source=source)
        own, placebo = one(held, list="SGs"), one(held, list="placebo")
        dots = (
            dot("SGs", own, "high_given_planning", times=100)
            + dot("placebo", placebo, "high_given_planning", times=100),
            dot("SGs", own, "planning_given_high", "", "", times=100) + dot("chance", own, "chance", "", "", times=100),
        )
        chances.append(by_chance(own))
        n = finite_number(own.get("tokens"))
        rows.append(DotRow(str(source), "", dots, "" if n is None else f"{int(n):,} tokens"))
    top = next((each for each in chances if each is not None), None)
    of = "" if top is None else f", the top {100 * top:g} % of a source's tokens by entropy"
    share = "the same share" if top is None else f"{100 * top:g} %"
    chance = "" if top is None else f"; dotted: chance, {100 * top:g} %"
    return dot_plot(
        "overlap",
        "Are planning tokens the uncertain ones?",
        f"How many planning tokens are high-entropy tokens{of}, and how many of those are planning. Chance gives "
        f"{share} at the left, and the planning share (gray bar) at the right. {INTERVALS} "
        f"{DRAWS} {chosen.said}".strip(),
        f"dots: SGs; gray diamonds: placebo, from its smallest to its largest draw{chance}; gray bars: planning share",
        [
            Panel("high-entropy, of planning tokens", "% of planning tokens", None if top is None else 100 * top),
            Panel("planning, of high-entropy tokens", "% of high-entropy tokens"),
        ],
        rows,
    )
