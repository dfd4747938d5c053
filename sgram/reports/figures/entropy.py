"""Figures of entropies, and of the overlap of planning tokens with high-entropy tokens."""

from typing import TYPE_CHECKING

from sgram.reports.figures.dot_plot import DotPanel, DotRow, build_dot_plot, read_dot
from sgram.reports.figures.figure import Figure
from sgram.reports.figures.shares import DRAWS, INTERVALS, PLACEBO_KEY, first_match, list_outcomes
from sgram.reports.figures.source_selection import Row, SourceSelection
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from sgram.analysis.table import Table

_BINS = ("grams", "clusters", "moves")


def plot_semantic_entropy(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of semantic entropy at equal size, by source and outcome, beside the placebo."""
    bins = [bin_name for bin_name in _BINS if bin_name in table.column("bins")]
    rows = []
    sizes: set[float] = set()
    for source in selection.sources:
        records = table.records(source=source)
        for outcome in list_outcomes(records):
            dots = []
            for bin_name in bins:
                lexicon_row, placebo = (
                    first_match(records, outcome=outcome, bins=bin_name, list=list_name)
                    for list_name in ("SGs", "placebo")
                )
                dots.append(
                    read_dot(outcome, lexicon_row, value="at_size") + read_dot("placebo", placebo, value="at_size")
                )
                if dots[-1] and (size := lexicon_row.number("size")) is not None:
                    sizes.add(size)
            n = first_match(records, outcome=outcome, list="SGs").number("occurrences")
            rows.append(DotRow(source, outcome, tuple(dots), "" if n is None else f"{int(n):,} SGs"))
    size_texts = [f"{int(size):,}" for size in sorted(sizes)]
    sampled = (
        f"the expected entropy of {' or '.join(size_texts)} occurrences"
        if 0 < len(size_texts) < 4
        else "at equal sizes"
    )
    caption = (
        f"Shannon entropy of which SGs, clusters or moves occur: {sampled}, so that more text does not look more "
        f"diverse. {INTERVALS} {DRAWS} Random grams form no clusters and make no moves. {selection.omission_note}"
    )
    return build_dot_plot(
        "semantic-entropy",
        "Semantic entropy at equal size",
        caption.strip(),
        PLACEBO_KEY,
        [DotPanel(f"over {bin_name}", "nats", from_zero=False) for bin_name in bins],
        rows,
    )


def plot_conditional_entropy(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of the entropy of what follows an SG, by source, beside the placebo."""
    rows = []
    for source in selection.sources:
        records = table.records(source=source)
        lexicon_row, placebo = first_match(records, list="SGs"), first_match(records, list="placebo")
        n = lexicon_row.number("occurrences")
        remark = "" if n is None else f"{int(n):,} SGs"
        rows.append(DotRow(source, "", (read_dot("SGs", lexicon_row) + read_dot("placebo", placebo),), remark))
    caption = (
        f"Conditional entropy of the words that follow, given the SG. {INTERVALS} {DRAWS} {selection.omission_note}"
    )
    return build_dot_plot(
        "conditional-entropy",
        "Entropy of what follows an SG",
        caption.strip(),
        PLACEBO_KEY,
        [DotPanel("", "nats", from_zero=False)],
        rows,
    )


def plot_tokens(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of entropy and perplexity of planning, placebo and execution tokens."""
    rows = []
    for source in selection.sources:
        records = table.records(source=source)
        classes = (("planning", "SGs"), ("placebo", "placebo"), ("execution", "SGs"))
        for role, list_name in classes:
            token_class = "execution" if role == "execution" else "planning"
            row = first_match(records, token_class=token_class, list=list_name)
            dots = tuple(
                read_dot(role, row, measure, f"{measure}_low", f"{measure}_high")
                for measure in ("entropy", "perplexity")
            )
            n = row.number("tokens")
            rows.append(DotRow(source, role, dots, "" if n is None else f"{int(n):,} tokens"))
    return build_dot_plot(
        "tokens",
        "Planning and execution tokens",
        f"Mean entropy of the model's next-token distribution, and perplexity of what it sampled. {INTERVALS} "
        "Placebo "
        "tokens are those that lists of random grams mark: if they lie where planning tokens lie, the difference is "
        f"not about planning. {selection.omission_note}".strip(),
        "dots: with 95 % intervals; gray diamonds: tokens of the placebo, bars from its smallest to its largest draw",
        [DotPanel("token entropy", "nats"), DotPanel("perplexity", "exp of nats a token", from_zero=False)],
        rows,
    )


def high_entropy_share(row: Row) -> float | None:
    """Return the share of all tokens that are of high entropy, rounded to 0.01; by chance planning tokens have it, too.

    From P(high | planning) P(planning) = P(planning | high) P(high); None if no planning token is of high entropy.

    >>> high_entropy_share({"high_given_planning": 0.5, "chance": 0.1, "planning_given_high": 0.25})
    0.2
    """
    high_given_planning, planning_share, planning_given_high = (
        finite_number(row.get(name)) for name in ("high_given_planning", "chance", "planning_given_high")
    )
    if high_given_planning is None or planning_share is None or not planning_given_high:
        return None
    return round(high_given_planning * planning_share / planning_given_high, 2)


def plot_overlap(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of how many planning tokens are of high entropy, and the reverse (HICRA, Fig. 10)."""
    rows, chances = [], []
    for source in selection.sources:
        records = table.records(source=source)
        lexicon_row, placebo = first_match(records, list="SGs"), first_match(records, list="placebo")
        dots = (
            read_dot("SGs", lexicon_row, "high_given_planning", factor=100)
            + read_dot("placebo", placebo, "high_given_planning", factor=100),
            read_dot("SGs", lexicon_row, "planning_given_high", "", "", factor=100)
            + read_dot("chance", lexicon_row, "chance", "", "", factor=100),
        )
        chances.append(high_entropy_share(lexicon_row))
        n = lexicon_row.number("tokens")
        rows.append(DotRow(source, "", dots, "" if n is None else f"{int(n):,} tokens"))
    top_share = next((share for share in chances if share is not None), None)
    definition = "" if top_share is None else f", the top {100 * top_share:g} % of a source's tokens by entropy"
    chance_share = "the same share" if top_share is None else f"{100 * top_share:g} %"
    chance = "" if top_share is None else f"; dotted: chance, {100 * top_share:g} %"
    return build_dot_plot(
        "overlap",
        "Are planning tokens the uncertain ones?",
        f"How many planning tokens are high-entropy tokens{definition}, and how many of those are planning. "
        f"Chance gives {chance_share} at the left, and the planning share (gray bar) at the right. {INTERVALS} "
        f"{DRAWS} {selection.omission_note}".strip(),
        f"dots: SGs; gray diamonds: placebo, from its smallest to its largest draw{chance}; gray bars: planning share",
        [
            DotPanel(
                "high-entropy, of planning tokens",
                "% of planning tokens",
                None if top_share is None else 100 * top_share,
            ),
            DotPanel("planning, of high-entropy tokens", "% of high-entropy tokens"),
        ],
        rows,
    )
