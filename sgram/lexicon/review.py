"""What a person would want to know about a lexicon before trusting it. Knows nothing about traces.

Findings are warnings: a lexicon with findings is valid. Rules that ask how a list reads look at the core
list; the full list holds long grams beside their parts on purpose.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sgram.lexicon.values import Gram, Lexicon

FEW_GRAMS = 50
"""Below this many core grams a list misses planning: on human labels recall still rises up to about 250."""

# Against human labels these five, as grams of one word, cost the published list a fifth of its precision.
NOISY_WORDS = frozenset({"so", "since", "therefore", "thus", "now"})
_LISTED = """
a about all also am an and any are as at be been being both but by can could did do does for from had has have
he her here his how i if in into is it its it's just may me might more my no not of on one or our out over she
should some such than that that's the their them then there these they this those through to up upon us very
was we were what when where which while who whose why will with would you your
"""
FUNCTION_WORDS = frozenset(_LISTED.split())
_COMMON_WORDS = NOISY_WORDS | FUNCTION_WORDS


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning: the rule's name, the grams it is about, and a sentence."""

    rule: str
    grams: tuple[str, ...]
    message: str

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "grams": list(self.grams)}


def check(lexicon: Lexicon) -> list[Finding]:
    """Findings of every rule that has something to say, in a fixed order; empty for a tidy lexicon."""
    rules = (_few, _common, _contained, _fragments, _singletons, _without_df, _without_move)
    return [finding for rule in rules for finding in rule(lexicon)]


def _texts(grams) -> tuple[str, ...]:
    return tuple(gram.text for gram in grams)


def _few(lexicon: Lexicon) -> Iterator[Finding]:
    core = lexicon.core
    if len(core) < FEW_GRAMS:
        message = f"{len(core)} core grams; lists below about {FEW_GRAMS} miss much of the planning"
        yield Finding("few-grams", _texts(core), message)


def _common(lexicon: Lexicon) -> Iterator[Finding]:
    found = [gram for gram in lexicon.grams if len(gram.words) == 1 and gram.words[0] in _COMMON_WORDS]
    if found:
        noisy = sum(gram.words[0] in NOISY_WORDS for gram in found)
        message = f"{len(found)} grams are one common word; such grams mark much that is no planning"
        if noisy:
            message += f" ({noisy} of them are known to hurt precision most)"
        yield Finding("common-word", _texts(found), message)


def _contained(lexicon: Lexicon) -> Iterator[Finding]:
    core = {gram.words: gram for gram in lexicon.core}
    holders: dict[Gram, list[Gram]] = defaultdict(list)
    for words, gram in core.items():
        size = len(words)
        parts = {words[i:j] for i in range(size) for j in range(i + 1, size + 1) if j - i < size}
        for part in sorted(parts & core.keys()):
            holders[core[part]].append(gram)
    if holders:
        inner = sorted(holders, key=lambda gram: (-len(holders[gram]), gram.text))
        outer = holders[inner[0]]
        message = (
            f"{len(inner)} core grams lie inside others, so that the pruned list says things twice "
            f"(most: '{inner[0].text}', in {len(outer)}, such as '{outer[0].text}')"
        )
        yield Finding("contained", _texts(inner), message)


def _fragments(lexicon: Lexicon) -> Iterator[Finding]:
    found = [gram for gram in lexicon.core if len(gram.words) > 1 and gram.words[-1] in FUNCTION_WORDS]
    if found:
        message = f"{len(found)} core grams end in a function word and may read as fragments"
        yield Finding("fragment", _texts(found), message)


def _singletons(lexicon: Lexicon) -> Iterator[Finding]:
    found = [cluster.grams[0] for cluster in lexicon.clusters if len(cluster.grams) == 1]
    if found:
        message = f"{len(found)} of {len(lexicon.clusters)} clusters hold one gram"
        yield Finding("singleton", _texts(found), message)


def _without_df(lexicon: Lexicon) -> Iterator[Finding]:
    found = [gram for gram in lexicon.grams if gram.df is None]
    if found:
        message = f"{len(found)} of {len(lexicon.grams)} grams have no df: ranks and dfs of clusters say little"
        yield Finding("no-df", _texts(found), message)


def _without_move(lexicon: Lexicon) -> Iterator[Finding]:
    if all(cluster.move == "other" for cluster in lexicon.clusters):
        yield Finding("no-move", (), "every cluster's move is 'other': figures by move will say nothing")
