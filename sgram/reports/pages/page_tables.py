"""Tables as the page shows them: without numbers that stand beside each other and are no comparison.

The CSV and Markdown files have all cells.
"""

from collections.abc import Mapping
from dataclasses import replace

from sgram.analysis.table import Record, Table
from sgram.analysis.trace_counts import PLACEBO


def adapt_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return `tables` with those of planning shares and of grams as a page shows them."""
    page_tables = dict(tables)
    if "shares" in tables:
        page_tables["shares"] = without_matched_placebos(tables["shares"])
    if "grams" in tables:
        page_tables["grams"] = without_contradicting_shares(tables["grams"])
    return page_tables


def without_matched_placebos(table: Table) -> Table:
    """Return the table of planning shares without the placebo of all traces.

    Placebos are drawn so that they mark the same share of all texts: beside the planning share theirs says nothing.
    """
    if not {"list", "outcome"} <= set(table.names):
        return table
    pairs = zip(table.rows, table.texts("list"), table.texts("outcome"), strict=True)
    rows = tuple(row for row, name, outcome in pairs if not (name == PLACEBO and outcome == "all"))
    return replace(table, rows=rows)


def without_contradicting_shares(table: Table) -> Table:
    """Return the table of grams without the shares of rows in which they contradict the difference.

    The shares are of all sources together, the difference is within sources: a model that is often right can turn the
    sign, and the difference is what counts.

    >>> from sgram.analysis.table import Column, build_table
    >>> columns = [Column(name, "", "share") for name in ("correct_share", "wrong_share", "difference")]
    >>> row = {"correct_share": 0.5, "wrong_share": 0.25, "difference": -0.1}
    >>> without_contradicting_shares(build_table("grams", "", columns, [row])).rows
    ((None, None, -0.1),)
    """
    names = table.names
    if not {"correct_share", "wrong_share", "difference"} <= set(names):
        return table
    hidden = {names.index("correct_share"), names.index("wrong_share")}
    rows = tuple(
        tuple(None if index in hidden else cell for index, cell in enumerate(row))
        if _contradicts(Record(zip(names, row, strict=True)))
        else row
        for row in table.rows
    )
    if rows == table.rows:
        return table
    reason = "Shares of correct and wrong traces are left out where they contradict the difference within sources."
    return replace(table, rows=rows, note=f"{table.note} {reason}".strip())


def _contradicts(row: Record) -> bool:
    correct, wrong, difference = row.number("correct_share"), row.number("wrong_share"), row.number("difference")
    return correct is not None and wrong is not None and difference is not None and (correct - wrong) * difference < 0
