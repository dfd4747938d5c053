"""Files that hold the responses of another file once more, with verdicts: the judged copy is read in its place."""

import re
from collections.abc import Iterable
from itertools import islice

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.dialect import Dialect, all_dialects, detect
from sgram.traces.input_files import iter_rows
from sgram.traces.rows import InputFile
from sgram.traces.trace import RowError

_SHARD = re.compile(r"_\d+(?=\.[^/]*$)")
_MAX_ROWS = 10
"""Rows of a file that show its dialect."""


def leave_out_copies(files: list[InputFile], caps: Caps, warnings: list[str]) -> list[InputFile]:
    """Return `files` without those whose responses another one of them holds with verdicts; each adds a warning.

    `Dialect.judged_copy` declares the name of the other file. Shards (``sums_0.json``, ``sums_1.json``) may have one
    judged copy (``sums.json``).

    >>> leave_out_copies([InputFile("out/predictions/sums.jsonl", "lines")], Caps(), [])[0].path
    'out/predictions/sums.jsonl'
    """
    by_path = {file.path: file for file in files}
    renamings = {dialect.judged_copy for dialect in all_dialects().values() if dialect.judged_copy}
    kept = []
    for file in files:
        judged = _judged_copy(file, by_path, renamings, caps)
        if judged is None:
            kept.append(file)
        else:
            warnings.append(f"{file.name} is left out, as {judged.name} holds the same responses with verdicts")
    return kept


def _judged_copy(
    file: InputFile, by_path: dict[str, InputFile], renamings: Iterable[tuple[str, str]], caps: Caps
) -> InputFile | None:
    """Return the file that holds the same responses with verdicts; both must be of a dialect that declares it."""
    for renaming in sorted(renamings):
        path = _replace_last(file.path, *renaming)
        judged = by_path.get(path) or by_path.get(_SHARD.sub("", path))
        if judged is None or judged is file or None in (file.size, judged.size):  # a pipe can be read once
            continue
        if all(renaming in {dialect.judged_copy for dialect in _dialects_of(copy, caps)} for copy in (file, judged)):
            return judged
    return None


def _replace_last(path: str, old: str, new: str) -> str:
    head, separator, tail = path.rpartition(old)
    return f"{head}{new}{tail}" if separator else path


def _dialects_of(file: InputFile, caps: Caps) -> set[Dialect]:
    """Return the dialects of the first rows of a file; none if it cannot be read."""
    dialects: set[Dialect] = set()
    try:
        for row in islice(iter_rows(file, caps), _MAX_ROWS):
            if isinstance(row.record, dict) and (dialect := detect(row.record)) is not None:
                dialects.add(dialect)
    except (InputError, RowError):
        return dialects
    return dialects
