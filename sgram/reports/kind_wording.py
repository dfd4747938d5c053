"""The words of shares of error kinds: what is decided, what is not, and what the undecided leave open."""

from collections.abc import Sequence

from sgram.diagnosis.kind_shares import RIVALS, KindsOfErrors
from sgram.diagnosis.kinds import KINDS
from sgram.reports.words import Words, estimate_words
from sgram.statistics import Estimate


def kinds_sentence(errors: KindsOfErrors) -> list[Words]:
    """Return the shares of all kinds that occur, as a sentence without capital and full stop.

    >>> from sgram.diagnosis.kind_shares import KindCounts
    >>> from sgram.traces import Trace
    >>> counts = KindCounts()
    >>> for number, kind in enumerate(("strategic", "not-wrong", "undecided", "undecided")):
    ...     counts.add(Trace(id=str(number), text="", group="g"), kind)
    >>> print("".join(part.text for part in kinds_sentence(counts.all_models())))
    of 4 wrong traces: strategic at least 25.0 %, procedural at least 0.0 %, undecided 50.0 %; not wrong by their
    answers: at least 25.0 % (1)
    """
    parts = [Words("of "), Words(f"{errors.n_wrong:,}", "number"), Words(" wrong traces")]
    if errors.n_diagnosed < errors.n_wrong:
        parts += [Words(", "), Words(f"{errors.n_diagnosed:,}", "number"), Words(" of them diagnosed")]
    not_wrong, undecided = errors.kind("not-wrong"), errors.kind("undecided")
    named = [share for share in errors.kinds if share not in (not_wrong, undecided)]
    named = [share for share in named if share.count or share.kind in RIVALS]
    named += [undecided] if undecided.count else []
    for index, share in enumerate(named):
        at_least = "at least " if share.is_open else ""
        parts += [Words(f"{', ' if index else ': '}{share.kind} {at_least}"), *estimate_words(share.share, "share")]
    if not_wrong.count:
        at_least = "at least " if not_wrong.is_open else ""
        parts += [Words(f"; not wrong by their answers: {at_least}"), *estimate_words(not_wrong.share, "share")]
        parts += [Words(f" ({not_wrong.count:,})")]
    return parts


def sources_sentence(errors_of_sources: Sequence[KindsOfErrors]) -> list[Words]:
    """Return the smallest and the largest share of each kind over several sources, which are named.

    Kinds that no source has are left out. The sentence has no capital and no full stop.
    """
    parts = [Words(f"wrong traces of {len(errors_of_sources)} sources: ")]
    kinds = [kind for kind in KINDS if kind in RIVALS or any(errors.kind(kind).count for errors in errors_of_sources)]
    for index, kind in enumerate(kinds):
        ranked = sorted((errors.kind(kind).share.value or 0.0, errors.source or "") for errors in errors_of_sources)
        at_least = "at least " if any(errors.kind(kind).is_open for errors in errors_of_sources) else ""
        parts += [Words(f"{', ' if index else ''}{'not wrong' if kind == 'not-wrong' else kind} {at_least}")]
        for end, (share, source) in (("", ranked[0]), (" to ", ranked[-1])):
            number = estimate_words(Estimate(share), "share")
            parts += [Words(end), *number, Words(" ("), Words(source, "name"), Words(")")]
    return parts


def rivals_sentence(errors: KindsOfErrors) -> list[Words]:
    """Return which of strategic and procedural errors is more frequent, or why that cannot be said.

    It is said only if it holds whatever kind the undecided traces are of. The sentence has no capital and no full stop.
    """
    for kind, rival in (RIVALS, RIVALS[::-1]):
        share = errors.kind(kind)
        if share.leads:
            what_if = f", even if all undecided ones are {rival}" if share.is_open else ""
            at_least, at_most = ("at least ", "at most ") if share.is_open else ("", "")
            return [
                Words(f"{kind} errors are more frequent than {rival} ones{what_if}: {at_least}"),
                *estimate_words(share.share, "share"),
                Words(f" against {at_most}"),
                *estimate_words(errors.kind(rival).at_most, "share"),
            ]
    rival_kinds = "strategic or procedural, which is more frequent"
    undecided = errors.kind("undecided")
    if not undecided.count:
        return [
            Words(f"{rival_kinds}: no difference shown ("),
            *estimate_words(errors.kind("strategic").share, "share"),
            Words(" against "),
            *estimate_words(errors.kind("procedural").share, "share"),
            Words(")"),
        ]
    parts = [Words(f"{rival_kinds}: cannot say, as it depends on the undecided (")]
    return [*parts, *estimate_words(undecided.share, "share"), Words(")")]
