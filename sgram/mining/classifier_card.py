"""The card of a classifier of grams on the hub: what it knows, where it comes from, its figures, how to load it."""

from collections.abc import Mapping
from typing import Any

from sgram.errors import UsageError
from sgram.hub.card import CardFields, CardSection, code_block, provenance_section, render_card
from sgram.markdown import markdown_table

TITLE = "Classifier of Strategic Grams"
_LIMITS = """\
- It learned from text that was labeled by one guideline, and has that guideline's idea of planning.
- Its statistics are those of grams in long traces against short answers to the same kind of tasks; for another domain \
train it again: `sgram validate --train`."""


def render_classifier_card(document: Mapping[str, Any], digest: str, repository: str, fields: CardFields) -> bytes:
    """Return the README.md of a classifier of grams, given its JSON document and digest.

    Raise `UsageError` if `fields` has validation figures: a classifier is validated by the lexicons that it mines.
    """
    if fields.validation is not None:
        raise UsageError(
            "sgram validate measures lexicons and sentence scorers; the figures of a classifier are in its file"
        )
    thresholds = ", ".join(f"{name} {threshold:g}" for name, threshold in document["thresholds"].items())
    facts = [
        ("weights of statistics", f"{len(document['dense']['names']):,}"),
        ("weights of words", f"{len(document['bag']):,}"),
        ("grams with labels of their own", f"{len(document['counts']):,}"),
        ("lowest probability of a Strategic Gram, by setting", thresholds),
        ("normal form of words", document["words"]),
        ("digest (SHA-256)", digest),
    ]
    usage = code_block(
        [
            "from sgram.mining.classifier import GramClassifier",
            "",
            f'classifier = GramClassifier.load("hf://{repository}")',
            "print(classifier.digest)",
        ]
    )
    sections = [
        CardSection(
            "Use",
            f"{usage}\n\nOn the command line: `sgram mine traces.jsonl --classifier hf://{repository} -o mined.json`. "
            f"`hf://{repository}@REVISION` always loads the same classifier.",
        ),
        CardSection("What it holds", markdown_table(["fact", "value"], facts)),
        provenance_section(document["source"]),
        CardSection("Limits", _LIMITS),
    ]
    summary = (
        "A classifier of grams: how likely an occurrence of a phrase guides the reasoning. It is a linear model in a "
        "file of the package `sgram`, without code."
    )
    return render_card(TITLE, ["strategic-grams", "reasoning"], fields, summary, sections)
