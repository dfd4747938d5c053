"""``sgram agreement``: ratings in, how far raters agree out. Nothing but flags and printing."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.annotation.ratings import load_ratings
from sgram.cli.agreement_tables import (
    interval,
    print_coefficients,
    print_disputes,
    print_judged,
    print_pairs,
    print_raters,
    question_of,
)
from sgram.cli.console import note, printable
from sgram.cli.path_checks import refuse_options
from sgram.cli.tagged_view import percent
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.annotation.items import Sample
    from sgram.annotation.ratings import RatingsRead
    from sgram.annotation.strategic_share import Judged
    from sgram.statistics.bootstrap import Estimate

# Krippendorff 2004, Content Analysis, 11.4: below the second, data are not to be relied on.
_RELIABLE, _TENTATIVE = 0.8, 0.667

_RATINGS = Parameter(help="Files of ratings, JSONL or CSV, or - for stdin.", allow_leading_hyphen=True)
_ITEMS = Parameter(
    help="The items file of the export that was rated: tells SGs from controls.", allow_leading_hyphen=True
)
_LEXICON = Parameter(help="The lexicon that must have been exported, a file or a preset.")
_STRATEGIC = Parameter(
    help="A label that means a strategic phrase; again for more. Default: the moves and strategic.", negative=""
)


def agreement(
    paths: Annotated[list[str], _RATINGS],
    /,
    *,
    items: Annotated[str | None, _ITEMS] = None,
    lexicon: Annotated[str | None, _LEXICON] = None,
    strategic: Annotated[list[str] | None, _STRATEGIC] = None,
    top: Annotated[int, Parameter(help="Disputed items to print, the most disputed first.")] = 5,
    disputes: Annotated[bool, Parameter(negative="", help="Print every disputed item.")] = False,
    draws: Annotated[int, Parameter(help="Bootstrap draws of items.")] = 1000,
    seed: Annotated[int, Parameter(help="Seed of the draws.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Tell how far raters agree, who differs and on what, and which share of the items they judge strategic.

    sgram agreement ratings.jsonl

    sgram agreement ratings.jsonl --items items.jsonl --lexicon lexicon.json
    """
    from sgram.annotation.agreement import measure_agreement

    _check_flags(paths, items, lexicon, top, draws, seed)
    sample = None if items is None else _sample(items, lexicon)
    read = load_ratings(paths)
    found = measure_agreement(read.ratings, strategic or (), draws, seed)
    judged = None if sample is None else _judged(read, found, sample)
    verdicts, warnings = list(_verdicts(found, judged)), list(_warnings(read, found, sample))
    if as_json:
        told = {
            "format": "sgram-agreement",
            "version": 1,
            **found.to_json(),
            "judged_strategic": None if judged is None else judged.to_json(),
            "lexicon": None if sample is None else sample.lexicon,
            "verdicts": verdicts,
            "warnings": warnings,
        }
        print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it
        return 0
    for warning in warnings:
        note(f"warning: {warning}")
    print_coefficients(found)
    print_pairs(found)
    print_raters(found)
    if judged is not None:
        print_judged(judged)
    print_disputes(found.disputes, len(found.disputes) if disputes else top, sample)
    print()
    for verdict in verdicts:
        print(printable(verdict))
    return 0


def _check_flags(paths: list[str], items: str | None, lexicon: str | None, top: int, draws: int, seed: int) -> None:
    refuse_options([*paths, *([] if items is None else [items])], "agreement")
    if [*paths, items].count("-") > 1:
        raise UsageError("stdin can be read once; name files for the others")
    if top < 0 or draws < 1 or seed < 0:
        raise UsageError("--top and --seed take a whole number from 0, --draws one from 1")
    if lexicon is not None and items is None:
        raise UsageError("--lexicon is held against the items file of the export; give --items too")


def _sample(items: str, lexicon: str | None) -> "Sample":
    from sgram.annotation.items import read_items

    sample = read_items(items)
    if lexicon is not None and (wanted := Lexicon.load(lexicon)).digest != sample.lexicon:
        raise InputError(
            f"{excerpt(items)} was exported from another lexicon (digest {excerpt(sample.lexicon[:12])}) than "
            f"{wanted.name} (digest {wanted.digest[:12]}); its ratings say nothing of this one"
        )
    return sample


def _judged(read: "RatingsRead", found: "Agreement", sample: "Sample") -> "Judged":
    from sgram.annotation.items import PROCEDURAL
    from sgram.annotation.strategic_share import judged_strategic

    labels = [question.name for question in found.by_label]
    if found.strategic is None and labels != [PROCEDURAL]:
        raise UsageError(
            f"which of the labels ({excerpt(', '.join(labels))}) mean a strategic phrase? Name each with "
            "--strategic LABEL"
        )
    return judged_strategic(read.ratings, () if found.strategic is None else found.strategic.labels, sample.items)


# -- sentences ------------------------------------------------------------------------------------------


def _verdicts(found: "Agreement", judged: "Judged | None") -> Iterator[str]:
    """What the numbers come to, a sentence each."""
    questions = [found.overall]
    if found.strategic is not None and len(found.overall.labels) > 2 and found.strategic.alpha.value is not None:
        questions.append(found.strategic)
    for question in questions:
        alpha, what = question.alpha, question_of(question)
        if alpha.value is None:
            yield f"Agreement on {what} cannot be told: {alpha.undefined}."
        else:
            yield f"Agreement on {what}: Krippendorff's alpha is {_spoken(alpha)}, {_judgment(alpha)}."
    if judged is not None:
        yield from _judged_verdict(judged)


def _spoken(estimate: "Estimate") -> str:
    return f"{estimate.value:.3f}" + (f" ({interval(estimate)})" if estimate.low is not None else "")


def _judgment(alpha: "Estimate") -> str:
    if alpha.value < _TENTATIVE:
        return f"too low to build on (below {_TENTATIVE})"
    least, words = (
        (_RELIABLE, f"reliable ({_RELIABLE} or more)")
        if alpha.value >= _RELIABLE
        else (_TENTATIVE, f"enough for tentative conclusions ({_TENTATIVE} to {_RELIABLE})")
    )
    return words + (", though the interval reaches below" if alpha.low is not None and alpha.low < least else "")


def _judged_verdict(judged: "Judged") -> Iterator[str]:
    if judged.difference is None:
        missing = "SGs" if judged.sg.share is None else "controls"
        yield f"No {missing} of the items file are rated, so nothing can be compared."
        return
    yield (
        f"Judged strategic by the majority of raters: {percent(judged.sg.share)} of the SGs and "
        f"{percent(judged.control.share)} of the controls. The paper (HICRA, its ICLR 2026 version) states 86 % and, "
        "for random n-grams, 12 %; of how many items and raters is not known."
    )
    if judged.low <= 0 <= judged.high:
        yield "The interval of the difference holds 0: these SGs cannot be told from random grams."


def _warnings(read: "RatingsRead", found: "Agreement", sample: "Sample | None") -> Iterator[str]:
    """What a reader of the numbers must know, a sentence each."""
    if read.n_repeated:
        more = f", and {read.n_repeated - 1:,} more" if read.n_repeated > 1 else ""
        yield f"ratings given twice count once: {read.first_repeated}{more}"
    if read.n_blank:
        yield f"{read.n_blank:,} empty labels count as not rated"
    if alike := _alike([question.name for question in found.by_label]):
        yield f"the labels {alike} differ only in case or spaces, and count as different"
    if sample is not None and (unrated := len(sample.items) - found.n_items):
        yield f"{unrated:,} of the {len(sample.items):,} items of the items file have no rating"
    if found.is_skewed and found.strategic.alpha.value is not None:
        yield (
            f"{percent(found.strategic.share)} of the ratings are strategic. Kappa and alpha fall where one answer is "
            "frequent, though raters are as good as ever (three who are right 9 times of 10, where 50, 86 or 95 % of "
            "the items are strategic: alpha 0.64, 0.46, 0.25; AC1 0.64, 0.73, 0.76): look at AC1, and rate as many "
            "controls as SGs"
        )


def _alike(labels: list[str]) -> str:
    groups = defaultdict(list)
    for label in labels:
        groups["".join(label.casefold().split())].append(label)
    return next((" and ".join(f"'{label}'" for label in same) for same in groups.values() if len(same) > 1), "")
