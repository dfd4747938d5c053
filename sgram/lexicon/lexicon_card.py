"""The card of a lexicon on the hub: its size, its grams by move, where it comes from, how to load it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sgram.hub.card import CardFields, CardSection, code_block, provenance_section, render_card
from sgram.hub.validation_figures import validation_section
from sgram.markdown import markdown_table

N_TOP_GRAMS = 8
"""Grams of each move that the card shows."""
_LIMITS = """\
- A gram is a sign of planning, not a proof: whether a phrase plans depends on its sentence.
- The list fits texts like those that it was mined from. Before you rely on it for others, measure it on labels of \
your own: `sgram validate`.
- Compare what you measure with this list with the same for random phrases that mark as much text."""


def render_lexicon_card(
    document: Mapping[str, Any], moves: Sequence[str], digest: str, repository: str, fields: CardFields
) -> bytes:
    """Return the README.md of a lexicon, given its JSON document, its moves in order and its digest.

    Raise `UsageError` if the validation figures of `fields` are those of another lexicon, `InputError` if they are
    damaged.
    """
    clusters = document["clusters"]
    grams = [gram for cluster in clusters for gram in cluster["grams"]]
    traces = _number_of_traces(document["source"])
    size = f"{len(grams):,} grams in {len(clusters):,} clusters"
    origin = f", mined from {traces:,} traces" if traces is not None else ""
    summary = (
        f"A lexicon of Strategic Grams, phrases by which a reasoning model guides its reasoning: {size}{origin}. It is "
        "a file of the package `sgram`."
    )
    n_core = sum(bool(gram["core"]) for gram in grams)
    facts: list[tuple[str, object]] = [
        ("grams, all of which masks use", f"{len(grams):,}"),
        ("grams of the list that people read", f"{n_core:,}"),
        ("clusters", f"{len(clusters):,}"),
        ("normal form of words", document["words"]),
        ("digest (SHA-256)", digest),
    ]
    if traces is not None:
        facts.insert(0, ("traces", f"{traces:,}"))
    sections = [
        CardSection("Use", _usage(repository)),
        CardSection("What it holds", markdown_table(["fact", "value"], facts)),
        CardSection("Grams by move", _moves_table(clusters, moves)),
        validation_section(fields.validation, "lexicon", digest),
        provenance_section(document["source"]),
        CardSection("Limits", _LIMITS),
    ]
    return render_card(document["name"], ["strategic-grams", "reasoning", "lexicon"], fields, summary, sections)


def _number_of_traces(source: Mapping[str, Any]) -> int | None:
    inputs = source.get("inputs")
    traces = inputs.get("traces") if isinstance(inputs, Mapping) else None
    return traces if type(traces) is int else None


def _usage(repository: str) -> str:
    block = code_block(
        [
            "from sgram import Lexicon, find_spans",
            "",
            f'lexicon = Lexicon.load("hf://{repository}")',
            'print(find_spans("Wait, let me check.", lexicon))',
        ]
    )
    return (
        f"{block}\n\nOn the command line: `sgram tag rollouts.jsonl --lexicon hf://{repository}`. "
        f"`hf://{repository}@REVISION` always loads the same lexicon."
    )


def _moves_table(clusters: Sequence[Mapping[str, Any]], moves: Sequence[str]) -> str:
    """Return a table of the moves: clusters, grams, and the first grams of the list that people read.

    These are the most frequent ones, or the first by name if their frequency is unknown.
    """
    rows = []
    for move in moves:
        members = [cluster for cluster in clusters if cluster["move"] == move]
        grams = [gram for cluster in members for gram in cluster["grams"]]
        ranked = sorted(grams, key=lambda gram: (not gram["core"], -gram.get("df", 0), gram["text"]))
        top = ", ".join(gram["text"] for gram in ranked[:N_TOP_GRAMS])
        rows.append((move, f"{len(members):,}", f"{len(grams):,}", top))
    is_counted = any("df" in gram for cluster in clusters for gram in cluster["grams"])
    return markdown_table(["move", "clusters", "grams", "most frequent" if is_counted else "among them"], rows)
