"""Rows of CSV and TSV files: a header, then a record of cells, which are strings; an empty cell is missing."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import Caps, DamagedInputError, StreamFile
from sgram.traces.containers.container import Container, open_stream
from sgram.traces.rows import InputFile, Row

_DELIMITERS = (",", "\t", ";")
_SAMPLE = 1 << 16
"""Characters from which the delimiter is told."""
_MAX_NAME = 200
"""Characters that a column's name may have; a longer cell in the first row is a text."""


class _Lines:
    """Lines of a text file as the csv module reads them, with the record that they belong to."""

    def __init__(self, text: io.TextIOWrapper, max_chars: int):
        self._text, self._cap = text, max_chars
        self._pending: list[str] = []
        """Lines to read again, the next one last."""
        self._size = 0
        self.record: list[str] = []
        """Lines of the current record."""
        self.number, self.offset = 1, 0
        """Line from 1 and byte at which the current record begins."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._pending.pop() if self._pending else self._text.readline(self._cap + 1)
        if not line:
            raise StopIteration
        self.record.append(line)
        self._size += len(line)
        if self._size > self._cap:
            raise csv.Error(f"longer than the cap of {self._cap} bytes a row")
        return line

    def sample(self, size: int) -> list[str]:
        """Return the next lines of up to about `size` characters; they are read again."""
        lines: list[str] = []
        while sum(map(len, lines)) < size and (line := self._text.readline(size)):
            lines.append(line)
        whole = "".join(lines)
        self._pending = list(io.StringIO(whole, newline=""))[::-1]
        if self._pending and not self._pending[0].endswith(("\n", "\r")):
            self._pending[0] += self._text.readline(self._cap)
        return self._pending[::-1]

    def finish_record(self, n_lines: int | None = None) -> None:
        """Move behind the first `n_lines` lines of the current record, by default all; the others are read again."""
        lines = self.record if n_lines is None else self.record[:n_lines]
        self._pending += self.record[len(lines) :][::-1]
        while lines and not self._pending and len(lines[-1]) > self._cap and not lines[-1].endswith("\n"):
            self.offset += len(lines[-1].encode("utf-8", "surrogateescape"))
            lines = [*lines[:-1], self._text.readline(self._cap + 1)]
        self.number += len(lines)
        self.offset += sum(len(line.encode("utf-8", "surrogateescape")) for line in lines)
        self.record, self._size = [], 0


def iter_csv(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of a CSV or TSV file; the delimiter (comma, tab or semicolon) is told from its beginning.

    A record that is not valid, or has another number of cells than the header, carries a fault. Raise `InputError` if
    the file cannot be opened or has no header.
    """
    csv.field_size_limit(max(csv.field_size_limit(), caps.max_line_bytes + 1))
    with open_stream(file, caps) as stream:
        raw = io.BufferedReader(StreamFile(stream))
        lines = _Lines(io.TextIOWrapper(raw, "utf-8-sig", "surrogateescape", newline=""), caps.max_line_bytes)
        header: list[str] | None = None
        try:
            sample = lines.sample(min(_SAMPLE, caps.max_line_bytes))
            reader = csv.reader(lines, delimiter=find_delimiter(sample, file.member or file.path), strict=True)
            while True:
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    if header is None:
                        raise InputError(f"{file.name}: the header is not valid CSV: {excerpt(str(error))}") from None
                    # an unclosed quote swallows lines: only its own line is lost
                    yield _faulty(lines, f"not valid CSV: {error}", lines.record[:1])
                    lines.finish_record(1)
                    continue
                if cells is None:
                    return
                if header is None and cells:
                    header = _check_header(cells, file)
                elif header is not None and cells:
                    yield _row(header, cells, lines)
                lines.finish_record()
        except DamagedInputError as error:
            yield Row(lines.number, lines.offset, None, str(error))


def find_delimiter(sample: Sequence[str], path: str) -> str:
    r"""Return the delimiter of a CSV file by its first lines: one that gives every record as many cells as the header.

    >>> find_delimiter(["prompt;text\n", '"2+2, or 3";4\n'], "rows.csv")
    ';'
    """
    candidates = sorted(_DELIMITERS, key=lambda delimiter: delimiter != "\t") if ".tsv" in path.lower() else _DELIMITERS

    def quality(delimiter: str) -> tuple[bool, float, int]:
        records: list[list[str]] = []
        reader = csv.reader(iter(sample), delimiter=delimiter, strict=True)
        with suppress(csv.Error):  # the sample may end in the middle of a record
            for cells in reader:
                records += [cells] if cells else []
        width = len(records[0]) if records else 0
        n_equal = sum(len(record) == width for record in records)
        return width > 1, n_equal / max(len(records), 1), width

    return max(candidates, key=quality)


def _check_header(cells: list[str], file: InputFile) -> list[str]:
    """Return the names of the columns. Raise `InputError` if the first row does not hold names."""
    names = [cell.strip() for cell in cells]
    broken = next((name for name in names if any("\udc80" <= char <= "\udcff" for char in name)), None)
    if broken is not None:
        raise InputError(f"{file.name}: the name {excerpt(broken, 60)!r} in the header is not valid UTF-8; rename it")
    named_columns = [name for name in names if name]
    doubtful = next((name for name in named_columns if len(name) > _MAX_NAME or "\n" in name or "\0" in name), None)
    if doubtful is not None or not named_columns or all(map(_is_number, named_columns)):
        begin = excerpt(doubtful or ", ".join(names), 60)
        raise InputError(
            f"{file.name} has no header: its first row begins with {begin!r}; add the names of the columns"
        )
    repeated = next((name for name in named_columns if named_columns.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"{file.name} has two columns named {excerpt(repeated)!r}; rename one")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _row(header: list[str], cells: list[str], lines: _Lines) -> Row:
    """Return a record as a row. A first column without a name is the writer's row number."""
    if len(cells) != len(header):
        return _faulty(lines, f"the row has {len(cells)} cells, the header {len(header)}")
    unnamed = next((number for number, name in enumerate(header[1:], 2) if not name and cells[number - 1]), None)
    if unnamed is not None:
        return _faulty(lines, f"cell {unnamed} stands in a column without a name")
    text = "".join(cells)
    if "\0" in text:
        return _faulty(lines, "a cell holds a NUL byte")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _faulty(lines, "a cell is not UTF-8")
    record = {name: cell or None for name, cell in zip(header, cells, strict=True) if name}
    return Row(lines.number, lines.offset, record)


def _faulty(lines: _Lines, fault: str, record: list[str] | None = None) -> Row:
    data = "".join(lines.record if record is None else record)[:_SAMPLE].encode("utf-8", "surrogateescape")
    return Row(lines.number, lines.offset, None, fault, data)


CSV = Container(
    "csv",
    (".csv", ".tsv"),
    "a table of comma-, tab- or semicolon-separated cells with a header; pandas, spreadsheets",
    iter_csv,
)
