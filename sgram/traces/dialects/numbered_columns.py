"""Rows with a column for each response: `r1_solution_1`, `r1_solution_2`; `input_1`, `output_1`, `score_1`, `input_2`.

One trace for each number. Columns with the same numbers belong to the response of that number. Letters are numbers,
too: `response_a`, `model_a`, `response_b`.
"""

import re
from typing import Any, NamedTuple

from sgram.traces.aliases import find_column, is_alias, is_model_response, plain_name
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.generations import share_row
from sgram.traces.trace import RowError

_NUMBERED = re.compile(r"(.*?[^\W\d])[ _-]?(\d{1,3})((?:_[^\W\d]+)*)", re.DOTALL)
"""Stem, number, and what follows it: `r1_solution_2_correct`."""
_LETTERED = re.compile(r"(.*[^\W_])_([a-hA-H])", re.DOTALL)
_SAMPLES = frozenset({"sample", "candidate", "trial", "try"})
"""Names of responses, if they are numbered."""


class Numbered(NamedTuple):
    """A column whose name holds a number."""

    column: str
    stem: str
    """Name without the number, in `plain_name`."""
    number: int
    ending: str
    """What follows the number."""


def split_number(column: str) -> Numbered | None:
    """Return the parts of a name with a number; None if it has none.

    >>> split_number("r1_solution_2_correct")
    Numbered(column='r1_solution_2_correct', stem='r1_solution', number=2, ending='correct')
    >>> split_number("option") is None
    True
    """
    match = _NUMBERED.fullmatch(column)
    if match is None:
        lettered = _LETTERED.fullmatch(column)
        return Numbered(column, plain_name(lettered[1]), ord(lettered[2].lower()) - 96, "") if lettered else None
    return Numbered(column, plain_name(match[1]), int(match[2]), match[3].lstrip("_"))


def _is_response(stem: str) -> bool:
    return (is_alias(stem, "text") and stem != "content") or is_model_response(stem) or stem in _SAMPLES


def find_numbered(record: Record) -> dict[int, str]:
    """Return the columns of responses by their numbers; empty if there are not several, or another response is there.

    >>> find_numbered({"question": "2+2?", "r1_solution_1": "4", "r1_solution_2": "5", "option_1": "4"})
    {1: 'r1_solution_1', 2: 'r1_solution_2'}
    """
    if sum(column[-1:].isdigit() or column[-2:-1] == "_" for column in record) < 2:
        return {}
    stems: dict[str, dict[int, str]] = {}
    for column in record:
        split = split_number(column)
        if split is not None and not split.ending and _is_response(split.stem):
            stems.setdefault(split.stem, {})[split.number] = column
    series = [columns for columns in stems.values() if len(columns) > 1 and _are_texts(record, columns)]
    text_column = find_column(record, "text")
    if len(series) != 1 or isinstance(record.get(text_column or ""), str):
        return {}
    return dict(sorted(series[0].items()))


def _are_texts(record: Record, columns: dict[int, str]) -> bool:
    values = [record[column] for column in columns.values()]
    is_counted = set(columns) <= set(range(len(columns) + 1))
    return is_counted and any(values) and all(value is None or isinstance(value, str) for value in values)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of each numbered response."""
    responses = find_numbered(record)
    if not responses:
        raise RowError("no numbered columns hold responses")
    numbered: dict[int, dict[str, Any]] = {number: {} for number in responses}
    read_columns = set(responses.values())
    for columns in _same_numbers(record, responses):
        for split in columns:
            name = split.ending if is_alias(split.ending, "correct", "reward", "answer") else split.column
            numbered[split.number][name if split.ending else split.stem] = record[split.column]
            read_columns.add(split.column)
    samples: list[Fields] = [
        {"text": record[column], "columns": numbered[number]}
        for number, column in responses.items()
        if record[column] is not None
    ]
    row_columns = {column: value for column, value in record.items() if column not in read_columns}
    if any(find_column(columns, "prompt") is not None for columns in numbered.values()):
        return [{**sample, "columns": {**row_columns, **sample["columns"]}} for sample in samples]
    return share_row(samples, row_columns)


def _same_numbers(record: Record, responses: dict[int, str]) -> list[list[Numbered]]:
    """Return the columns that are numbered like the responses, for each name."""
    names: dict[tuple[str, str], list[Numbered]] = {}
    for column in record:
        split = split_number(column)
        if split is not None and column not in responses.values():
            names.setdefault((split.stem, split.ending), []).append(split)
    return [columns for columns in names.values() if {split.number for split in columns} == set(responses)]


def recognize(record: Record) -> bool:
    """Return whether several columns hold responses whose names differ in a number only."""
    return bool(find_numbered(record))


NUMBERED_COLUMNS = Dialect(
    "numbered-columns",
    "data sets and tables with a column for each response",
    parse,
    recognize=recognize,
    becomes={
        "r1_solution_1, r1_solution_2, output_1, ...": "text, a trace for each number",
        "score_1, input_1, ...": "columns of the trace of that number",
    },
    source="card of the data set zwhe99/DeepMath-103K; verl, utils/tracking.py, ValidationGenerationsLogger",
    rank=56,
)
