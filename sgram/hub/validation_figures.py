"""What ``sgram validate --json`` measured, as rows of a card."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.hub.card import CardSection
from sgram.markdown import markdown_table

FORMAT = "sgram-validation"
Validated = Literal["lexicon", "scorer"]
_MEASURES = ("precision", "recall", "f1")
_HEAD = ["labels", "units", "what is marked", *_MEASURES]


def check_validation(document: Any) -> Mapping[str, Any]:
    """Return `document` if it is what ``sgram validate --json`` prints, else raise `InputError`."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise InputError(f'the validation figures are not those of sgram validate --json: "format" must be "{FORMAT}"')
    return document


def validation_section(document: Any, validated: Validated, digest: str) -> CardSection:
    """Return precision, recall and F1 with 95 % intervals on each set of labels, those of placebos below.

    `digest` is that of the `validated` value; without a document the section says that nothing was measured. Raise
    `UsageError` if the figures are those of another value, `InputError` if a figure is missing.
    """
    if document is None:
        return CardSection("Validation", "It was not measured on labeled text for this card: `sgram validate` does so.")
    figures = check_validation(document)
    try:
        rows = list(_lexicon_rows(figures, digest) if validated == "lexicon" else _scorer_rows(figures, digest))
        table = markdown_table(_HEAD, rows)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"the validation figures are damaged ({excerpt(str(error))}); run sgram validate --json again"
        ) from None
    return CardSection(
        "Validation",
        f"{table}\n\nBrackets: 95 % intervals over documents; of placebos, the range of their draws. Placebos are "
        "lists of random phrases that mark as many units.",
    )


def _lexicon_rows(figures: Mapping[str, Any], digest: str) -> Iterator[list[str]]:
    _check_digest(figures["lexicon"]["digest"], digest)
    for labels in figures["label_sets"]:
        name = labels["name"] + (", in-sample: too high" if labels["in_sample"] else "")
        rates = labels["rows"][0]["units"]
        yield [name, f"{rates['n']:,}", "this lexicon", *_cells(rates)]
        for placebo in labels["placebos"]:
            if placebo["level"] == "units":
                yield [name, f"{placebo['rates']['n']:,}", "placebos", *_cells(placebo["rates"])]


def _scorer_rows(figures: Mapping[str, Any], digest: str) -> Iterator[list[str]]:
    for labels in figures["label_sets"]:
        masks = labels["masks"]
        _check_digest(masks["digest"], digest)
        name = labels["name"] + (", in-sample: too high" if masks["in_sample"] else "")
        for row in masks["rows"]:
            if row["mask"] == "sentences":
                yield [name, f"{row['units']['n']:,}", "planning sentences", *_cells(row["units"])]


def _check_digest(measured: str, digest: str) -> None:
    if measured != digest:
        raise UsageError(
            f"the validation figures are those of another value (digest {excerpt(measured, 16)}, not {digest[:16]}); "
            "validate the one that you publish"
        )


def _cells(rates: Mapping[str, Any]) -> list[str]:
    return [_cell(rates[measure]) for measure in _MEASURES]


def _cell(estimate: Mapping[str, Any]) -> str:
    """Return an estimate with its interval."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None:
        return "undefined"
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{interval}"
