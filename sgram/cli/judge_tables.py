"""What ``sgram diagnose`` prints of judges and raters: requests, agreement, corrected shares."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from sgram.cli.console import KIND_COLORS, name_width, note, note_hidden, print_heading, print_line, print_next_table
from sgram.cli.estimate_cells import decimal, decimal_interval, percent, shorten_start
from sgram.files import excerpt

if TYPE_CHECKING:
    from sgram.annotation.agreement import RaterPair
    from sgram.diagnosis.corrected_kinds import CorrectedShares, RatedKinds
    from sgram.diagnosis.judge import JudgeConfig, JudgeReport, Judgment
    from sgram.diagnosis.kinds import Kind
    from sgram.statistics import Estimate

_GROUPS_SHOWN = 12
_NAME_WIDTH = 18
_NAMES_SHOWN = 3
_PAIRS_SHOWN = 10
_QUOTE_CHARS = 100


def print_costs(report: "JudgeReport", config: "JudgeConfig | None", planned: bool = False) -> None:
    """Print the requests, tokens and price of judging, or of a planned judging; `config` is that of an endpoint."""
    tokens = ""
    if config is not None:
        cost = report.cost(config)
        money = "" if cost is None else f", {cost:,.4f} at --price-in and --price-out"
        tokens = f"{report.tokens_in:,} tokens in, {report.tokens_out:,} out{money}"
    if planned:
        tokens_note = f": about {tokens}" if tokens else ""
        note(f"the judge would be asked {report.n_replies:,} times{tokens_note}; no request was sent")
        return
    answered = f": {tokens}" if tokens else ""
    note(f"judge asked {report.n_replies:,} times, {report.n_cached:,} replies taken from the cache{answered}")
    if report.n_retries:
        note(f"{report.n_retries:,} requests were repeated")
    if report.n_malformed:
        note(f"{report.n_malformed:,} replies name no kind and are left out")
    if report.n_foreign_quotes:
        note(f"{report.n_foreign_quotes:,} quotes do not stand in their response and are dropped")
    if report.n_unanswered:
        note(f"{report.n_unanswered:,} requests have no reply (first error: {report.first_fault}); run again")


def print_judgments(judgments: "Sequence[Judgment]", kinds: "Mapping[str, Kind]", name: str, n_examples: int) -> None:
    """Print the judge's kinds against those of the classifier, and the first judgments with their quotes."""
    judged = [judgment for judgment in judgments if judgment.kind is not None]
    counts = Counter((str(judgment.kind), kinds[judgment.trace_id]) for judgment in judged)
    rows = sorted(
        {kind for kind, _ in counts}, key=lambda kind: -sum(counts[kind, second_kind] for _, second_kind in counts)
    )
    columns = sorted({kind for _, kind in counts})
    print_next_table(
        (f"{shorten_start(name, name_width(_NAME_WIDTH))} / classifier", *columns),
        [(Text(kind, KIND_COLORS.get(kind, "")), *(counts[kind, column] for column in columns)) for kind in rows],
    )
    for judgment in judged[:n_examples]:
        quote = f' at "{excerpt(judgment.quote, _QUOTE_CHARS)}"' if judgment.quote else ""
        print()
        print_heading(judgment.kind or "", f"{quote}  {judgment.trace_id}", f"{name}: ")
        print_line(f"  {judgment.reason}")
    shares = [judgment.share for judgment in judged if len(judgment.kinds) > 1 and judgment.share is not None]
    if shares:
        note(f"the judge agrees with itself in {percent(sum(shares) / len(shares))} of its repeats")


def print_agreement(pairs: "Sequence[RaterPair]") -> None:
    """Print the agreement of judge, classifier and raters on the kinds, one row a pair."""
    if not pairs:
        return
    rows = []
    for pair in pairs[:_PAIRS_SHOWN]:
        names = " and ".join(shorten_start(name, name_width(_NAME_WIDTH)) for name in (pair.first, pair.second))
        interval = pair.kappa.undefined if pair.kappa.value is None else decimal_interval(pair.kappa)
        rows.append((names, pair.n_items, percent(pair.agreement.value, 6), decimal(pair.kappa.value), interval))
    print_next_table(("agreement on kinds", "traces", "agree", "Cohen's kappa", "95 % interval"), rows)
    note_hidden(len(pairs) - _PAIRS_SHOWN, "pairs")


def rating_notes(table: "RatedKinds") -> Iterator[str]:
    """Yield what is left out of the ratings, and what is assumed of them, one sentence each."""
    ratings = table.ratings
    if table.missing:
        names = ", ".join(f"'{excerpt(name, 60)}'" for name in table.missing[:_NAMES_SHOWN])
        ellipsis = ", ..." if len(table.missing) > _NAMES_SHOWN else ""
        yield f"{len(table.missing):,} rated traces are not among the wrong traces and are left out: {names}{ellipsis}"
    if table.n_tied:
        yield f"{table.n_tied:,} rated traces have no majority among their raters and are left out"
    if ratings.n_wrong is None:
        yield (
            "the ratings do not say how their traces were drawn, nor which text was rated: they are taken for a random "
            "sample of these wrong traces, as sgram annotate export --errors draws one"
        )
    elif ratings.n_wrong != len(table):
        yield (
            f"the rated traces were drawn from {ratings.n_wrong:,} wrong traces, these are {len(table):,}: corrected "
            "shares hold as far as the rated ones are still a random sample of them"
        )


def print_corrected(table: "RatedKinds", judged: "RatedKinds | None", judge_name: str) -> None:
    """Print the shares of kinds corrected by ratings: of all wrong traces, by source and by step."""
    everything = table.all_traces()
    by_judge = None if judged is None else judged.all_traces()
    raters = len(table.ratings.raters)
    print()
    print_line(
        f"Corrected by {everything.n_rated:,} rated traces ({raters:,} rater{'s' if raters != 1 else ''}): shares of "
        "all wrong traces, valid whatever the classifier is worth."
    )
    print_line(_lead_sentence(everything.lead))
    _print_shares("classifier", everything)
    if by_judge is not None:
        _print_shares(shorten_start(judge_name, name_width(_NAME_WIDTH)), by_judge)
    _print_groups("source", table.by_source())
    _print_groups("steps", table.by_step())


def _print_shares(name: str, shares: "CorrectedShares") -> None:
    rows = [
        (kind.kind, percent(kind.predicted, 6), _cell(kind.ratings_alone), _cell(kind.corrected))
        for kind in shares.kinds
    ]
    print_next_table(("kind of error", name, "ratings alone [95 %]", "corrected [95 %]"), rows)


def _lead_sentence(lead: "Estimate") -> str:
    """Return which of strategic and procedural errors is more frequent, if the interval of the difference says so."""
    low, high = lead.ends or (-1.0, 1.0)
    if lead.value is None or low <= 0 <= high:
        points = "" if lead.value is None else f" ({100 * lead.value:+.1f} points [{100 * low:.1f}, {100 * high:.1f}])"
        return f"Strategic or procedural, which is more frequent: no difference shown{points}."
    if low > 0:
        return f"Strategic errors are more frequent than procedural ones: {_points(lead.value, low, high)}."
    return f"Procedural errors are more frequent than strategic ones: {_points(-lead.value, -high, -low)}."


def _points(value: float, low: float, high: float) -> str:
    return f"by {100 * value:.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


def _print_groups(head: str, groups: "Sequence[CorrectedShares]") -> None:
    """Print the corrected shares of each group, if there are several: those of strategic and procedural errors."""
    if len(groups) < 2:
        return
    rows = [
        (
            shorten_start(group.name, name_width(_NAME_WIDTH)),
            group.n_traces,
            group.n_rated,
            *map(_cell, _of_rivals(group)),
        )
        for group in groups[:_GROUPS_SHOWN]
    ]
    print_next_table((head, "wrong", "rated", "strategic, corrected", "procedural, corrected"), rows)
    note_hidden(len(groups) - _GROUPS_SHOWN, "groups")


def _of_rivals(group: "CorrectedShares") -> "list[Estimate]":
    return [kind.corrected for kind in group.kinds if kind.kind in ("strategic", "procedural")]


def _cell(estimate: "Estimate") -> str:
    interval = "" if estimate.ends is None else " [{:.1f}, {:.1f}]".format(*(100 * end for end in estimate.ends))
    return percent(estimate.value, 6) + interval


def ratings_json(table: "RatedKinds", judged: "RatedKinds | None") -> dict[str, object]:
    """Return ratings and corrected shares as JSON values."""
    ratings = table.ratings
    return {
        "n_ratings": ratings.n_ratings,
        "n_rated": table.n_rated,
        "n_tied": table.n_tied,
        "n_drawn_from": ratings.n_wrong,
        "raters": list(ratings.raters),
        "missing": list(table.missing),
        **table.all_traces().to_json(),
        "sources": [group.to_json() for group in table.by_source()],
        "steps": [group.to_json() for group in table.by_step()],
        "judge": None if judged is None else judged.all_traces().to_json(),
    }
