"""``sgram annotate disputes`` and ``gold``: items in dispute for an adjudicator, and gold labels with the verdicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.annotation.items import BlindedItem, Sample
from sgram.annotation.ratings import LoadedRatings, Rating, load_ratings, write_rating_rows
from sgram.annotation.tasks import PHRASES, AnnotationTask
from sgram.cli.annotation_files import (
    ERRORS_TITLE,
    PHRASES_TITLE,
    Format,
    find_format,
    load_any_sample,
    split_raters,
    write_export,
)
from sgram.cli.console import note, print_json, print_table
from sgram.cli.option_groups import INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin, check_outputs
from sgram.cli.shared_flags import AsJson, output_flag, path_argument
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes

if TYPE_CHECKING:
    from sgram.annotation.adjudication import ItemText
    from sgram.diagnosis.error_items import ErrorSample

_RATINGS = path_argument("Files of ratings, JSONL or CSV, as FILE or RATER=FILE; - for stdin.")
_ITEMS = path_argument("The items file of the rated export.", INPUT)
_TEXTS = path_argument("Texts of items that sgram did not export: JSONL or CSV with item and text.", INPUT)
_VERDICTS = path_argument("Ratings of the adjudicator: the filled-in table of disputes, or JSONL.", INPUT)
_DISPUTES = output_flag("File for the adjudicator.")
_FORMAT = Parameter(group=OUTPUT, name="--format", help="Default: by the suffix of the name, .csv, .html or .json.")
_GOLD = output_flag("JSONL file for the gold labels; - for stdout.")
_MAJORITY = Parameter(
    negative="", help="Decide disputes without a verdict by the label of more than half of the item's raters."
)


def disputes(
    paths: Annotated[list[str], _RATINGS],
    /,
    *,
    output: Annotated[str, _DISPUTES],
    items: Annotated[str | None, _ITEMS] = None,
    texts: Annotated[str | None, _TEXTS] = None,
    format_name: Annotated[Format | None, _FORMAT] = None,
    as_json: AsJson = False,
) -> None:
    """Write the items on which raters differ, for an adjudicator to decide.

    A .csv table shows how many raters gave each label; the other formats show the items as the raters saw them.

    sgram annotate disputes ratings.jsonl --items study.items.jsonl -o disputes.csv

    sgram annotate disputes ada.csv ben.csv --texts sentences.csv -o disputes.csv
    """
    from sgram.annotation.adjudication import encode_disputes
    from sgram.annotation.disputes import find_disputes
    from sgram.annotation.rating_table import RatingTable

    check_outputs({"-o": output})
    loaded, sample, item_texts = _load(paths, items, texts, {"-o": output}, [])
    format_name = format_name or find_format(output)
    if sample is None and format_name != "csv":
        raise UsageError(
            f"--format {format_name} needs the items file of the export (--items); else write a .csv table"
        )
    dispute_rows = find_disputes(RatingTable.from_ratings(loaded.ratings))
    if not dispute_rows:
        raise InputError("the raters differ on no item, so there is nothing to adjudicate; go on with annotate gold")
    if format_name == "csv":
        blinded = None if sample is None else _blinded(sample)
        write_bytes(output, encode_disputes(dispute_rows, blinded, item_texts))
        files = [(output, f"{len(dispute_rows):,} items for the adjudicator")]
    else:
        assert sample is not None  # noqa: S101  # refused above
        names = {dispute.item for dispute in dispute_rows}
        disputed_items = tuple(item for item in sample.blinded_items if item.item in names)
        task, title = (PHRASES, PHRASES_TITLE) if isinstance(sample, Sample) else (_error_task(), ERRORS_TITLE)
        files = write_export(disputed_items, task, title, None, format_name, output)
    if as_json:
        n_items = len({rating.item for rating in loaded.ratings})
        fields = {"files": [path for path, _ in files], "export_format": format_name, "n_items": n_items}
        print_json("annotate-disputes", {**fields, "n_disputes": len(dispute_rows)})
    for path, description in files:
        note(f"{description}: {path}")


def gold(
    paths: Annotated[list[str], _RATINGS],
    /,
    *,
    verdicts: Annotated[str | None, _VERDICTS] = None,
    items: Annotated[str | None, _ITEMS] = None,
    texts: Annotated[str | None, _TEXTS] = None,
    majority: Annotated[bool, _MAJORITY] = False,
    output: Annotated[str, _GOLD] = "-",
    as_json: AsJson = False,
) -> None:
    """Write one label per item: the verdict, else what all raters agree on; the input of sgram validate --labels.

    sgram annotate gold r.jsonl --verdicts v.csv --items s.items.jsonl -o gold.jsonl
    """
    from sgram.annotation.adjudication import check_verdicts, decide_gold, gold_rows

    if as_json and output == "-":
        raise UsageError("--json and the gold labels both go to stdout; write -o FILE")
    loaded, sample, item_texts = _load(paths, items, texts, {"-o": output}, [verdicts] if verdicts else [])
    verdict_ratings: Sequence[Rating] = () if verdicts is None else load_ratings(verdicts).ratings
    if sample is not None:
        task = PHRASES if isinstance(sample, Sample) else _error_task()
        verdict_ratings = check_verdicts(verdict_ratings, task)
    decided = decide_gold(loaded.ratings, verdict_ratings, majority=majority)
    if not decided.labels:
        raise InputError(
            f"no item is decided: the raters differ on all {len(decided.undecided):,}; give --verdicts, or --majority"
        )
    if sample is not None and not isinstance(sample, Sample):
        from sgram.diagnosis.error_ratings import write_error_ratings

        write_error_ratings(output, [Rating(row.item, "gold", row.label) for row in decided.labels], sample)
    else:
        rows = gold_rows(decided, None if sample is None else _blinded(sample), item_texts)
        write_rating_rows(output, rows)
    counts = {"verdict": "by verdict", "agreed": "all raters agree", "majority": "by majority"}
    n_by_basis = {basis: sum(label.basis == basis for label in decided.labels) for basis in counts}
    n_single = sum(label.n_ratings == 1 and label.basis == "agreed" for label in decided.labels)
    if as_json:
        fields = {"output": output, "n": len(decided.labels), "bases": n_by_basis, "n_single": n_single}
        print_json(
            "annotate-gold", {**fields, "undecided": list(decided.undecided), "n_overruled": decided.n_overruled}
        )
    elif output != "-":
        print_table(("gold labels", "items"), [(counts[basis], n) for basis, n in n_by_basis.items() if n])
    if decided.undecided:
        note(f"{len(decided.undecided):,} items in dispute have no verdict and are left out")
    if decided.n_overruled:
        note(f"{decided.n_overruled:,} verdicts differ from what all raters agree on; the verdicts count")
    if n_single:
        note(f"{n_single:,} items have one rating, which decides")
    if output != "-":
        note(f"{len(decided.labels):,} gold labels written to {output}")


def _load(
    arguments: list[str], items: str | None, texts: str | None, outputs: dict[str, str], inputs: list[str]
) -> "tuple[LoadedRatings, Sample | ErrorSample | None, dict[str, ItemText] | None]":
    """Check the file names; return the ratings, the sample and the texts of the items, as far as they are given."""
    from sgram.annotation.adjudication import read_item_texts

    check_no_options(arguments, "annotate")
    paths, names = split_raters(arguments)
    all_inputs = [*paths, *inputs, *(path for path in (items, texts) if path is not None)]
    check_one_stdin(all_inputs)
    check_outputs(outputs, all_inputs, stdout=True)
    if items is not None and texts is not None:
        raise UsageError("--items already has the texts; leave out --texts")
    sample = None if items is None else load_any_sample(items)
    loaded = load_ratings(paths, names)
    if sample is not None:
        item_ids = {item.item for item in sample.blinded_items}
        strangers = [rating.item for rating in loaded.ratings if rating.item not in item_ids]
        if strangers:
            raise InputError(
                f"item '{excerpt(strangers[0], 40)}' is rated, but is not in {excerpt(items or '')}; give the items "
                "file of the export that was rated"
            )
    return loaded, sample, None if texts is None else read_item_texts(texts)


def _blinded(sample: "Sample | ErrorSample") -> dict[str, BlindedItem]:
    return {item.item: item for item in sample.blinded_items}


def _error_task() -> AnnotationTask:
    from sgram.diagnosis.kind_guideline import ERRORS

    return ERRORS
