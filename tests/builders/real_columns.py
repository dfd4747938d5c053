"""Columns of the tables of a real analysis, by table name."""

from sgram.analysis import Column, all_measures


def real_columns() -> dict[str, tuple[Column, ...]]:
    """Return the columns that the measures declare."""
    return {measure.name: measure.columns for measure in all_measures()}
