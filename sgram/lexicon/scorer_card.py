"""The card of a sentence scorer on the hub: what it knows, where it comes from, its figures, how to load it."""

from collections.abc import Mapping
from typing import Any

from sgram.hub.card import CardFields, CardSection, code_block, provenance_section, render_card
from sgram.hub.validation_figures import validation_section
from sgram.markdown import markdown_table

_LIMITS = """\
- It learned from sentences that were labeled by one guideline, and has that guideline's idea of planning. Before you \
rely on it, measure it on labels of your own: `sgram validate`; 50 to 150 adapt it: `sgram validate --calibrate`.
- It reads one sentence at a time, and knows the words of its labels only."""


def render_scorer_card(document: Mapping[str, Any], digest: str, repository: str, fields: CardFields) -> bytes:
    """Return the README.md of a sentence scorer, given its JSON document and digest.

    Raise `UsageError` if the validation figures of `fields` are those of another scorer, `InputError` if they are
    damaged.
    """
    moves = ", ".join(entry["move"] for entry in document["moves"])
    facts = [
        ("grams of words and marks with a weight", f"{len(document['planning']['grams']):,}"),
        ("probability from which a sentence plans", f"{document['threshold']:g}"),
        ("moves that it names", moves or "none"),
        ("form of tokens", document["tokens"]),
        ("digest (SHA-256)", digest),
    ]
    usage = code_block(
        [
            "from sgram import SentenceScorer",
            "",
            f'scorer = SentenceScorer.load("hf://{repository}")',
            'print(scorer.score("Wait, let me check. It is 4."))',
        ]
    )
    sections = [
        CardSection(
            "Use",
            f"{usage}\n\nOn the command line: `sgram tag rollouts.jsonl --mask sentences --scorer hf://{repository}`. "
            f"`hf://{repository}@REVISION` always loads the same scorer.",
        ),
        CardSection("What it holds", markdown_table(["fact", "value"], facts)),
        validation_section(fields.validation, "scorer", digest),
        provenance_section(document["source"]),
        CardSection("Limits", _LIMITS),
    ]
    summary = (
        "A sentence scorer: how likely a sentence of a reasoning trace plans, and which move it makes. It is a linear "
        "model in a file of the package `sgram`, without code."
    )
    return render_card(document["name"], ["reasoning", "text-classification"], fields, summary, sections)
