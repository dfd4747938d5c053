"""A sentence of a summary, and how numbers and alike findings are put into words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sgram.reports.pages.table_cells import format_number
from sgram.statistics import Interval, difference

SentenceKind = Literal["finding", "control", "caution"]
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
SOURCES_TOLD = 2
"""Most sources that have a sentence each; of more, the sentence counts them and tells of the largest."""

_NAMED = 3
"""Most sources of one verdict that are named."""
_LED = 3
"""Most verdicts that a lead counts."""
_MAX_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the summary."""

    text: str
    """Plain text; parts of it (names of models, grams) come from traces and are not to be trusted."""
    kind: SentenceKind = "finding"
    """A control says what a placebo shows, a caution what cannot be concluded."""
    section: str = "summary"
    """The part of the report that it sums up: corpus, success, planning, entropy, tokens, dynamics, errors."""
    lead: str = ""
    """The finding without its numbers, for those who read no further; "" where others say more."""


@dataclass(frozen=True, slots=True)
class SourceClaim:
    """What was found of one source: a verdict that can be counted, and the sentence."""

    source: str
    verdict: str
    """Completes "in 3 of 9 sources ...", as in "it rose"."""
    text: str


def told(
    claims: Sequence[SourceClaim], section: str, kind: SentenceKind = "finding", *, leads: bool = False
) -> list[Sentence]:
    """A sentence a source, or for many sources their verdicts counted, with the first source as an example.

    If they are to be among those that a summary `leads` with, the first sentence has all verdicts as its lead.
    """
    lead = led(claims) if leads else ""
    if len(claims) <= SOURCES_TOLD:
        return [Sentence(claim.text, kind, section, "" if index else lead) for index, claim in enumerate(claims)]
    counts = Counter(claim.verdict for claim in claims).most_common()
    if len(counts) == 1:
        text = f"In all {len(claims):,} sources {counts[0][0]}"
    else:
        text = f"Of {len(claims):,} sources, {'; '.join(_counted(claims, verdict, n) for verdict, n in counts)}"
    return [Sentence(f"{text}. For example, {claims[0].text}", kind, section, lead)]


def led(claims: Sequence[SourceClaim]) -> str:
    """What the claims come to, in one sentence without numbers of any source; "" where there is none."""
    counts = Counter(claim.verdict for claim in claims).most_common()
    if not counts:
        return ""
    (first, _), n = counts[0], len(claims)
    if len(counts) == 1:
        where = f"{claims[0].source}: " if n == 1 else "In both sources " if n == 2 else f"In all {n:,} sources "
        return f"{where}{first}."
    if n == 2:
        return f"{'; '.join(f'{claim.source}: {claim.verdict}' for claim in claims)}."
    parts = [f"in {count:,} {verdict}" for verdict, count in counts[:_LED]]
    n_other = sum(count for _, count in counts[_LED:])
    return f"Of {n:,} sources, {'; '.join(parts)}{f'; in {n_other:,} something else' if n_other else ''}."


def _counted(claims: Sequence[SourceClaim], verdict: str, n: int) -> str:
    sources = [claim.source for claim in claims if claim.verdict == verdict]
    return f"in {n:,}{f' ({_joined(sources)})' if n <= _NAMED else ''} {verdict}"


def _joined(sources: Sequence[str]) -> str:
    return ("; " if any("," in source for source in sources) else ", ").join(sources)


def listed(parts: Sequence[str]) -> str:
    """Parts as a list in a sentence: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def typeset(text: str) -> str:
    """Numbers below 0 in a sentence that another room wrote, with a true minus."""
    return _MINUS.sub("\N{MINUS SIGN}", text)


def amount(interval: Interval, decimals: int = 2, unit: str = "", scale: float = 1.0, signed: bool = False) -> str:
    """An estimate with its interval, as in 12.3 % [10.1, 14.2]; more decimals where an end would seem to be 0."""
    nearest = min(abs(end) * scale for end in (interval.low, interval.high))
    while 0 < nearest < 0.5 * 10**-decimals and decimals < _MAX_DECIMALS:
        decimals += 1
    value = plain(interval.value, decimals, scale, signed)
    ends = f"[{format_number(interval.low, decimals, scale)}, {format_number(interval.high, decimals, scale)}]"
    return f"{value}{f' {unit}' if unit else ''} {ends}"


def plain(value: float | None, decimals: int = 2, scale: float = 1.0, signed: bool = False) -> str:
    """A number with so many decimals, with a true minus; `signed` puts a plus before what is above 0."""
    text = format_number(value, decimals, scale)
    return f"+{text}" if signed and value is not None and value > 0 else text


def percent(interval: Interval) -> str:
    """A share with its interval, in per cent."""
    return amount(interval, 1, "%", 100)


def points(interval: Interval) -> str:
    """A difference of shares with its interval, in percentage points."""
    return amount(interval, 1, "points", 100, signed=True)


def as_with_chance(worth: str) -> str:
    """What a verdict adds of random grams, for a verdict of `beside`."""
    return f", {worth} with random grams" if worth else ""


def beside(
    interval: Interval, chance: float | None, unit: str = "points", decimals: int = 1, scale: float = 100
) -> tuple[str, str]:
    """What a difference of SGs is worth beside that of random grams: (a verdict in two or three words, a sentence).

    Both are "" where there is no placebo. The verdict is ``more than`` where random grams do the same but less,
    ``unlike`` where they do not, and ``no more than`` where the two cannot be told apart, or the
    placebo's lies beyond. As tables hold no interval of a placebo's difference, it is taken to be as wide as the SGs'.
    """
    if chance is None:
        return "", ""
    value = f"With random grams it is {plain(chance, decimals, scale, signed=True)} {unit}"
    shift = chance - interval.value
    if difference(interval, Interval(chance, interval.low + shift, interval.high + shift)).contains_zero:
        return ("no more than", f" {value}; the two cannot be told apart, so nothing here is particular to planning.")
    if abs(chance) > abs(interval.value) and (chance > 0) == (interval.value > 0):
        return "no more than", f" {value}, which is more: random grams do so too, and SGs less than they."
    worth = "more than" if chance * interval.value > 0 else "unlike"
    return worth, f" {value}, which is clear of it."
