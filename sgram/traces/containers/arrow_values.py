"""Records out of Arrow batches, as Parquet and Arrow IPC files hold them; columns inflate up to the caps only."""

import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import BLOCK, Caps
from sgram.traces.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_TYPE_DEPTH = 64


class _JsonValues:
    """Conversion of Arrow values to JSON: times and decimals are strings, numbers that are not finite are missing."""

    def __init__(self) -> None:
        self.n_missing = 0

    def convert(self, value: Any) -> Any:
        """Return a value as JSON."""
        if value is None or type(value) in (str, int, bool):
            return value
        if type(value) is float:
            if math.isfinite(value):
                return value
            self.n_missing += 1
            return None
        if isinstance(value, dict):
            return {str(key): self.convert(child) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [self.convert(child) for child in value]
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        return str(value)


@dataclass(slots=True)
class Inflation:
    """Bytes that an input has inflated to so far, held against the caps."""

    name: str
    stored: int
    """Bytes of the input as stored."""
    caps: Caps
    inflated: int = 0

    def check(self, inflated: int) -> None:
        """Raise `InputError` if `inflated` bytes are more than the caps allow."""
        caps = self.caps
        if inflated > caps.max_inflated_bytes or inflated > max(BLOCK, caps.max_inflation * self.stored):
            raise InputError(f"{self.name} inflates from {self.stored} to {inflated} bytes, more than the cap allows")

    def add(self, n_bytes: int) -> None:
        """Count more bytes. Raise `InputError` if a cap is passed."""
        self.inflated += n_bytes
        self.check(self.inflated)


def check_types(schema: "pa.Schema", name: str) -> None:
    """Raise `InputError` for a schema that cannot be read safely.

    Columns must have names of their own, must not be nested too deeply, and must not have a type that lets rows share
    values that are stored once.
    """
    import pyarrow as pa

    try:
        names = schema.names
    except UnicodeDecodeError:
        raise InputError(f"{name}: the name of a column is not UTF-8; write the file again") from None
    repeated = next((column for column in names if names.count(column) > 1), None)
    if repeated is not None:
        raise InputError(f"{name} has two columns named {excerpt(repeated)!r}; rename one")
    for column in schema:
        label = f"{name}: the column {excerpt(column.name)!r}"
        stack = [(column.type, 1)]
        while stack:
            kind, depth = stack.pop()
            is_shared = pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
            if is_shared or pa.types.is_run_end_encoded(kind) or pa.types.is_union(kind):
                raise InputError(f"{label} has the type {excerpt(str(kind))}; write plain values")
            if depth > _MAX_TYPE_DEPTH:
                raise InputError(f"{label} is nested more than {_MAX_TYPE_DEPTH} levels deep")
            if pa.types.is_dictionary(kind):
                stack.append((kind.value_type, depth + 1))
            elif isinstance(kind, pa.BaseExtensionType):
                stack.append((kind.storage_type, depth + 1))
            else:
                stack += [(kind.field(index).type, depth + 1) for index in range(kind.num_fields)]


def inflated_bytes(array: "pa.Array") -> int:
    """Return the bytes of the values of `array`, a value that is stored once and used n times counted n times.

    >>> import pyarrow as pa
    >>> inflated_bytes(pa.array(["wait"] * 100).dictionary_encode())
    400
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        values, indices = array.dictionary, array.indices
        if _is_bytes(kind.value_type):
            return pc.sum(pc.take(pc.binary_length(values), indices)).as_py() or 0
        # of other values only the mean is told cheaply; those that can be large are counted as the largest
        largest = max((inflated_bytes(values.slice(row, 1)) for row in range(len(values))), default=0)
        return largest * len(array)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        views = memoryview(array.buffers()[1]).cast("b").cast("i")[4 * array.offset : 4 * (array.offset + len(array))]
        return sum(views[::4])
    if pa.types.is_map(kind):
        offsets = array.offsets
        begin, end = offsets[0].as_py(), offsets[-1].as_py()
        children = [array.keys.slice(begin, end - begin), array.items.slice(begin, end - begin)]
        return sum(map(inflated_bytes, children))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return 4 * len(array) + inflated_bytes(array.flatten())
    if pa.types.is_struct(kind):
        return sum(map(inflated_bytes, array.flatten()))
    if isinstance(kind, pa.BaseExtensionType):
        return inflated_bytes(array.storage)
    return int(array.nbytes)


def _is_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def iter_batch(batch: "pa.RecordBatch", n_before: int, inflation: Inflation) -> Iterator[Row]:
    """Yield the rows of a batch that follows `n_before` rows; a row over the cap carries a fault.

    Raise `InputError` if the input inflates past a cap.
    """
    import pyarrow as pa

    inflated = sum(map(inflated_bytes, batch.columns))
    inflation.add(inflated)
    cap = inflation.caps.max_line_bytes
    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for row in range(batch.num_rows):
        if inflated > cap:
            size = sum(inflated_bytes(column.slice(row, 1)) for column in batch.columns)
            if size > cap:
                yield Row(n_before + row + 1, None, None, f"longer than the cap of {cap} bytes a row")
                continue
        values = _JsonValues()
        try:
            record = {name: values.convert(column[row].as_py()) for name, column in columns}
        except (pa.ArrowException, ValueError, OverflowError) as error:
            yield Row(n_before + row + 1, None, None, f"a value cannot be read: {' '.join(str(error).split())}")
        else:
            yield Row(n_before + row + 1, None, record, n_missing=values.n_missing)
