"""Warnings about a lexicon that is valid but may be noisy, incomplete or hard to read.

Rules about how a list reads look at the core list; the full list holds long grams beside their parts on purpose.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sgram.lexicon.document import DEFAULT_LEXICON
from sgram.lexicon.lexicon import Gram, Lexicon
from sgram.lexicon.loading import LexiconLike, as_lexicon

FEW_GRAMS = 50
"""Number of core grams below which a list misses planning: on human labels recall still rises up to about 250."""

# Against human labels these five, as grams of one word, cost the published list a fifth of its precision.
NOISY_WORDS = frozenset({"so", "since", "therefore", "thus", "now"})
_FUNCTION_WORDS_TEXT = """
a about all also am an and any are as at be been being both but by can could did do does for from had has have
he her here his how i if in into is it its it's just may me might more my no not of on one or our out over she
should some such than that that's the their them then there these they this those through to up upon us very
was we were what when where which while who whose why will with would you your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())
_COMMON_WORDS = NOISY_WORDS | FUNCTION_WORDS


@dataclass(frozen=True, slots=True)
class LexiconWarning:
    """One warning: the name of its rule, the grams that it concerns, and a sentence."""

    rule: str
    grams: tuple[str, ...]
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return the warning as JSON values."""
        return {**asdict(self), "grams": list(self.grams)}


def check_lexicon(lexicon: LexiconLike) -> list[LexiconWarning]:
    """Return the warnings of all rules, in a fixed order.

    >>> [warning.rule for warning in check_lexicon(Lexicon.from_grams(["so", "let me check"]))]
    ['few-grams', 'common-word', 'singleton', 'no-df', 'no-move']
    """
    given = as_lexicon(lexicon)
    rules = (
        _check_size,
        _check_common_words,
        _check_nested_grams,
        _check_fragments,
        _check_singletons,
        _check_dfs,
        _check_moves,
    )
    return [warning for rule in rules for warning in rule(given)]


def _texts(grams: Iterable[Gram]) -> tuple[str, ...]:
    return tuple(gram.text for gram in grams)


def _check_size(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    core = lexicon.core
    if len(core) < FEW_GRAMS:
        message = f"{len(core)} core grams; lists below about {FEW_GRAMS} miss much of the planning"
        yield LexiconWarning("few-grams", _texts(core), message)


def _check_common_words(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    grams = [gram for gram in lexicon.grams if len(gram.words) == 1 and gram.words[0] in _COMMON_WORDS]
    if grams:
        n_noisy = sum(gram.words[0] in NOISY_WORDS for gram in grams)
        message = f"{len(grams)} grams are one common word; such grams mark much that is no planning"
        if n_noisy:
            message += f" ({n_noisy} of them are known to hurt precision most)"
        yield LexiconWarning("common-word", _texts(grams), message)


def _check_nested_grams(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    core = {gram.words: gram for gram in lexicon.core}
    outer_grams: dict[Gram, list[Gram]] = defaultdict(list)
    for words, gram in core.items():
        size = len(words)
        parts = {words[start:end] for start in range(size) for end in range(start + 1, size + 1) if end - start < size}
        for part in sorted(parts & core.keys()):
            outer_grams[core[part]].append(gram)
    if outer_grams:
        inner_grams = sorted(outer_grams, key=lambda gram: (-len(outer_grams[gram]), gram.text))
        outer = outer_grams[inner_grams[0]]
        message = (
            f"{len(inner_grams)} core grams lie inside others, so that the pruned list says things twice "
            f"(most: '{inner_grams[0].text}', in {len(outer)}, such as '{outer[0].text}')"
        )
        yield LexiconWarning("contained", _texts(inner_grams), message)


def _check_fragments(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    grams = [gram for gram in lexicon.core if len(gram.words) > 1 and gram.words[-1] in FUNCTION_WORDS]
    if grams:
        message = f"{len(grams)} core grams end in a function word and may read as fragments"
        yield LexiconWarning("fragment", _texts(grams), message)


def _check_singletons(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    grams = [cluster.grams[0] for cluster in lexicon.clusters if len(cluster.grams) == 1]
    if grams:
        message = f"{len(grams)} of {len(lexicon.clusters)} clusters hold one gram"
        yield LexiconWarning("singleton", _texts(grams), message)


def _check_dfs(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    grams = [gram for gram in lexicon.grams if gram.df is None]
    if grams:
        message = f"{len(grams)} of {len(lexicon.grams)} grams have no df: ranks and dfs of clusters say little"
        yield LexiconWarning("no-df", _texts(grams), message)


def _check_moves(lexicon: Lexicon) -> Iterator[LexiconWarning]:
    if all(cluster.move == "other" for cluster in lexicon.clusters):
        yield LexiconWarning("no-move", (), "every cluster's move is 'other': figures by move will say nothing")


def connective_note(lexicon: Lexicon) -> str | None:
    """Return a line for users of a lexicon that marks "so", which hardly ever plans; None for other lexicons.

    >>> connective_note(Lexicon.from_grams(["wait", "let me check"]))
    >>> connective_note(Lexicon.load("wang2025"))
    'the lexicon wang2025 marks the word "so", which seldom plans; the preset sgram does not'
    """
    if lexicon.find("so") is None:
        return None
    return f'the lexicon {lexicon.name} marks the word "so", which seldom plans; the preset {DEFAULT_LEXICON} does not'
