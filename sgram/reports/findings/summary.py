"""What the tables of an analysis say, in plain sentences with numbers.

A sentence claims a difference only where its 95 % interval leaves out 0, and whatever it says of SGs it says beside the
placebo. Where many things are compared (grams, moves, clusters), those are named that stand when all are judged
together.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sgram.reports.figures.source_selection import judged_counts
from sgram.reports.findings import arms as sentences_arms
from sgram.reports.findings import dynamics, entropy, shares
from sgram.reports.findings import errors as wrong
from sgram.reports.findings.wording import Sentence

if TYPE_CHECKING:
    from sgram.analysis import Analysis
    from sgram.analysis.table import Table

_MANY = 4
_LEADS = 8
"""Most findings that stand before all others, without their numbers."""
_LEAST = 10
"""Fewest correct and fewest wrong traces that are compared: a bootstrap of fewer knows too little."""
_COUNTED = re.compile(r"In all (\d+) sources |In both sources |Of (\d+) sources, ")
__all__ = ["Sentence", "summary"]


def summary(analysis: "Analysis") -> tuple[Sentence, ...]:
    """The findings of an analysis, in short and then with their numbers, the most asked for first.

    There is no sentence where the table that it needs is absent.
    """
    tables, sources = analysis.tables, analysis.sources
    sentences: list[Sentence] = []

    def say(name: str, *makers: Callable[["Table", Sequence[str]], list[Sentence]]) -> None:
        for make in makers:
            if name in tables:
                sentences.extend(make(tables[name], sources))

    say("curves", dynamics.outcomes, sentences_arms.arms, dynamics.exploration)
    sentences += dynamics.orders(analysis.phase_orders, analysis.placebo_phase_orders, sources)
    stepped = "curves" in tables and bool(error_sentences := dynamics.errors(tables["curves"], sources))
    sentences += error_sentences if stepped else []
    say("aha", dynamics.aha)
    if "curves" not in tables:
        say("success", shares.success)
    counts = judged_counts(tables.get("corpus"))
    enough = [source for source in sources if min(counts.get(source, (_LEAST, _LEAST))) >= _LEAST]
    sparse_sources = [source for source in sources if source not in enough and any(counts[source])]
    say("shares", lambda table, names: shares.planning(table, names, enough))
    say("placebo", lambda table, _: shares.placebo(table))
    if sparse_sources:
        sentences.append(
            Sentence(
                f"Correct and wrong traces are not compared where there are fewer than {_LEAST} of either: in "
                f"{len(sparse_sources):,} of {len(sources):,} sources.",
                "caution",
                "planning",
            )
        )
    say("moves", lambda table, _: shares.moves(table, enough))
    right, wrong_ones = (sum(outcome_counts[side] for outcome_counts in counts.values()) for side in (0, 1))
    if not counts or min(right, wrong_ones) >= _LEAST:
        say("grams", lambda table, names: shares.grams(table, names, right, wrong_ones))
    say("semantic_entropy", lambda table, _: entropy.semantic_entropy(table, enough))
    say("tokens", entropy.tokens)
    say("overlap", entropy.overlap)
    say("scaling", shares.scaling)
    if not stepped:
        say("errors", wrong.errors)
    say("equations", lambda table, _: wrong.equations(table, enough))
    say("architecture", wrong.architecture)
    corpus_sentences = shares.corpus(tables["corpus"]) if "corpus" in tables else []
    sentences = [_some(sentence, len(sources)) for sentence in sentences]
    sentences = (
        [*sentences, *corpus_sentences] if right + wrong_ones else [*corpus_sentences, *sentences]
    )  # that nothing is judged is news
    leads = [Sentence(_alone(sentence.lead, sources)) for sentence in sentences if sentence.lead][:_LEADS]
    if leads and len(sources) > _MANY:
        leads.append(
            Sentence(
                "Intervals are of one source and one question each: where nothing is to be found, about one in twenty "
                f"leaves out 0 all the same, and there are {len(sources):,} sources.",
                "caution",
            )
        )
    return (*leads, *sentences)


def _some(sentence: Sentence, n_sources: int) -> Sentence:
    """The same, saying where it counts only those sources that were measured."""

    def counted(text: str) -> str:
        match = _COUNTED.match(text)
        if match is None or int(match[1] or match[2] or 2) == n_sources:
            return text
        return f"{match[0].rstrip(', ')} where this was measured, {text[match.end() :]}"

    return replace(sentence, text=counted(sentence.text), lead=counted(sentence.lead))


def _alone(lead: str, sources: Sequence[str]) -> str:
    """A lead without the name of its source, where there is no other."""
    if len(sources) != 1 or not lead.startswith(f"{sources[0]}: "):
        return lead
    text = lead.removeprefix(f"{sources[0]}: ")
    return text[:1].upper() + text[1:]
