"""``sgram agreement``: measure how far raters agree."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.annotation.items import PROCEDURAL, Sample
from sgram.annotation.ratings import LoadedRatings, Rating, load_ratings
from sgram.cli import agreement_tables
from sgram.cli.agreement_files import PaperFlags, write_paper_files
from sgram.cli.annotation_files import load_any_sample, split_raters
from sgram.cli.console import note, print_json, print_line
from sgram.cli.estimate_cells import decimal, decimal_interval, percent
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin
from sgram.cli.shared_flags import AsJson, number_flag, path_argument
from sgram.errors import UsageError
from sgram.files import excerpt

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.annotation.agreement_methods import StudyDesign
    from sgram.annotation.strategic_share import StrategicShares
    from sgram.diagnosis.error_items import ErrorSample

# Krippendorff 2004, Content Analysis, 11.4: data below the second threshold are unreliable.
_RELIABLE, _TENTATIVE = 0.8, 0.667

_RATINGS = path_argument("Files of ratings, JSONL or CSV, as FILE or RATER=FILE (a file of one rater); - for stdin.")
_ITEMS = path_argument(
    "The items file of the rated export; of phrases, it says which are SGs and which are controls.", INPUT
)
_LEXICON = Parameter(group=INPUT, help="Check that this lexicon (file or preset) was exported.")
_VERDICTS = path_argument("Verdicts of an adjudicator on disputed items, for the methods paragraph.", INPUT)
_STRATEGIC = Parameter(
    help="A label of strategic phrases; may be repeated. Default: the moves and strategic.", negative=""
)


def agreement(
    paths: Annotated[list[str], _RATINGS],
    /,
    *,
    items: Annotated[str | None, _ITEMS] = None,
    lexicon: Annotated[str | None, _LEXICON] = None,
    strategic: Annotated[list[str] | None, _STRATEGIC] = None,
    verdicts: Annotated[str | None, _VERDICTS] = None,
    paper: PaperFlags = PaperFlags(),  # noqa: B008
    top: Annotated[
        int, number_flag("top", 0, "Number of disputed items to print, the most disputed first.", OUTPUT)
    ] = 5,
    disputes: Annotated[bool, Parameter(group=OUTPUT, negative="", help="Print all disputed items.")] = False,
    draws: Annotated[int, number_flag("draws", 1, "Bootstrap draws of items.", ADVANCED)] = 1000,
    seed: Annotated[int, number_flag("seed", 0, "Seed of the draws.", ADVANCED)] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how far raters agree, who differs and on what, and which share of the items is judged strategic.

    sgram agreement ratings.jsonl

    sgram agreement ratings.jsonl --items items.jsonl --lexicon lexicon.json

    sgram agreement ada.csv ben.csv --latex agreement.tex --figure confusion.pdf
    """
    from sgram.annotation.agreement import measure_agreement
    from sgram.annotation.agreement_methods import describe_methods
    from sgram.annotation.confusion import count_confusions
    from sgram.annotation.rating_table import RatingTable

    check_no_options([*paths, items or ""], "agreement")
    paths, names = split_raters(paths)
    inputs = [*paths, *(path for path in (items, verdicts) if path is not None)]
    check_one_stdin(inputs)
    paper.check(inputs)
    if lexicon is not None and items is None:
        raise UsageError("--lexicon is compared with the items file of the export; give --items as well")
    sample = None if items is None else load_any_sample(items, lexicon)
    loaded = load_ratings(paths, names)
    measured = measure_agreement(loaded.ratings, strategic or (), draws, seed)
    shares = _strategic_shares(loaded, measured, sample) if isinstance(sample, Sample) else None
    matrix = count_confusions(RatingTable.from_ratings(loaded.ratings))
    design = _design(loaded.ratings, measured, sample, shares, verdicts)
    n_items = None if sample is None else len(sample.items)
    has_controls = sample is None or isinstance(sample, Sample)
    conclusions, warnings = list(_verdicts(measured, shares)), list(_warnings(loaded, measured, n_items, has_controls))
    if as_json:
        fields = {
            **measured.to_json(),
            "judged_strategic": None if shares is None else shares.to_json(),
            "lexicon": sample.lexicon if isinstance(sample, Sample) else None,
            "confusion": matrix.to_json(),
            "methods": " ".join(describe_methods(measured, design)),
            "verdicts": conclusions,
            "warnings": warnings,
        }
        write_paper_files(paper, measured, matrix, design)
        print_json("agreement", fields)
        return
    for warning in warnings:
        note(f"warning: {warning}")
    agreement_tables.print_coefficients(measured)
    agreement_tables.print_pairs(measured)
    agreement_tables.print_raters(measured)
    if shares is not None:
        agreement_tables.print_strategic_shares(shares)
    contexts = {} if sample is None else agreement_tables.item_contexts(sample.blinded_items)
    agreement_tables.print_disputes(measured.disputes, len(measured.disputes) if disputes else top, contexts)
    print()
    for conclusion in conclusions:
        print_line(conclusion)
    write_paper_files(paper, measured, matrix, design)


def _design(
    ratings: tuple[Rating, ...],
    measured: "Agreement",
    sample: "Sample | ErrorSample | None",
    shares: "StrategicShares | None",
    verdicts: str | None,
) -> "StudyDesign":
    """Return what the methods paragraph says of the study beside its ratings."""
    from sgram.annotation.adjudication import decide_gold
    from sgram.annotation.agreement_methods import StudyDesign, describe_sample, library_versions

    description = ""
    if isinstance(sample, Sample):
        description = describe_sample(sample)
    elif sample is not None:
        description = (
            f"The items are a systematic sample of {len(sample.items):,} of {sample.n_wrong:,} wrong responses, drawn "
            "over kinds of errors, sources and training steps."
        )
    n_verdicts = None
    if verdicts is not None:
        gold = decide_gold(ratings, load_ratings(verdicts).ratings)
        items_with_verdict = {label.item for label in gold.labels if label.basis == "verdict"}
        n_verdicts = sum(dispute.item in items_with_verdict for dispute in measured.disputes)
    return StudyDesign(description=description, shares=shares, n_verdicts=n_verdicts, versions=library_versions())


def _strategic_shares(loaded: LoadedRatings, measured: "Agreement", sample: Sample) -> "StrategicShares":
    from sgram.annotation.strategic_share import measure_strategic_shares

    labels = [question.name for question in measured.by_label]
    if measured.strategic is None and labels != [PROCEDURAL]:
        raise UsageError(
            f"unknown which of the labels ({excerpt(', '.join(labels))}) are strategic; name them with --strategic"
        )
    strategic = () if measured.strategic is None else measured.strategic.labels
    return measure_strategic_shares(loaded.ratings, strategic, sample.items)


# -- sentences ------------------------------------------------------------------------------------------


def _verdicts(measured: "Agreement", shares: "StrategicShares | None") -> Iterator[str]:
    """Yield the conclusions, one sentence each."""
    questions, strategic = [measured.overall], measured.strategic
    if strategic is not None and len(measured.overall.labels) > 2 and strategic.alpha.value is not None:
        questions.append(strategic)
    for question in questions:
        alpha, subject = question.alpha, agreement_tables.question_of(question)
        if alpha.value is None:
            yield f"Agreement on {subject} is undefined: {alpha.undefined}."
        else:
            words = _judgment(alpha.value, alpha.low)
            interval = "" if alpha.low is None else f" ({decimal_interval(alpha)})"
            yield f"Agreement on {subject}: Krippendorff's alpha is {decimal(alpha.value)}{interval}, {words}."
    if shares is not None:
        yield from _share_verdict(shares)


def _judgment(alpha: float, low: float | None) -> str:
    """Return in words how reliable data with this alpha are; `low` is the lower end of its interval."""
    if alpha < _TENTATIVE:
        return f"too low for conclusions (below {_TENTATIVE})"
    if alpha < _RELIABLE:
        threshold, words = _TENTATIVE, f"enough for tentative conclusions ({_TENTATIVE} to {_RELIABLE})"
    else:
        threshold, words = _RELIABLE, f"reliable ({_RELIABLE} or more)"
    return words + (", but the interval reaches below" if low is not None and low < threshold else "")


def _share_verdict(shares: "StrategicShares") -> Iterator[str]:
    if shares.difference is None:
        missing = "SGs" if shares.sg.share is None else "controls"
        yield f"No {missing} of the items file are rated, so there is no comparison."
        return
    yield (
        f"Judged strategic by the majority of raters: {percent(shares.sg.share)} of the SGs and "
        f"{percent(shares.control.share)} of the controls. The paper (HICRA, its ICLR 2026 version) states 86 % and, "
        "for random n-grams, 12 %; it does not state the number of items and raters."
    )
    if shares.low is not None and shares.high is not None and shares.low <= 0 <= shares.high:
        yield "The interval of the difference contains 0: no difference between these SGs and random grams is shown."


def _warnings(loaded: LoadedRatings, measured: "Agreement", n_items: int | None, has_controls: bool) -> Iterator[str]:
    """Yield what weakens the conclusions, one sentence each."""
    for file, rater in loaded.file_raters:
        yield f"{file} names no rater: its ratings are of '{rater}'; RATER={file} names another"
    if loaded.n_repeated:
        ellipsis = f", and {loaded.n_repeated - 1:,} more" if loaded.n_repeated > 1 else ""
        yield f"repeated ratings count once: {loaded.first_repeated}{ellipsis}"
    if loaded.n_blank:
        yield f"{loaded.n_blank:,} empty labels count as not rated"
    if similar := _similar_labels([question.name for question in measured.by_label]):
        yield f"the labels {similar} differ only in case or spaces, and count as different"
    if n_items is not None and (unrated := n_items - measured.n_items):
        yield f"{unrated:,} of the {n_items:,} items of the items file have no rating"
    strategic = measured.strategic
    if measured.is_skewed and strategic is not None and strategic.alpha.value is not None:
        yield (
            f"{percent(strategic.share)} of the ratings are strategic. Kappa and alpha are lower if one answer is "
            "frequent, even if raters are equally good (three raters who are right 9 times of 10, with 50, 86 or 95 % "
            "of the items strategic: alpha 0.64, 0.46, 0.25; AC1 0.64, 0.73, 0.76): read AC1"
            + (", and rate as many controls as SGs" if has_controls else "")
        )


def _similar_labels(labels: list[str]) -> str:
    groups = defaultdict(list)
    for label in labels:
        groups["".join(label.casefold().split())].append(label)
    return next((" and ".join(f"'{label}'" for label in group) for group in groups.values() if len(group) > 1), "")
