import datetime
import io
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.containers.arrow_values import check_types, inflated_bytes
from sgram.traces.input_files import find_input_files, iter_rows
from tests.builders.container_rows import kinds_of, records_of, rows_of, write

TABLE = pa.table(
    {
        "text": ["wait, 1", None, "so 3"],
        "reward": [1.0, float("nan"), 0.0],
        "messages": [[{"role": "user", "content": "q"}], [], None],
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "view": pa.array(["x" * 30, "y", None], pa.string_view()),
        "pairs": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "day": [datetime.date(2026, 1, 2)] * 3,
    }
)
RECORDS = [
    {**record, "reward": None if record["reward"] != record["reward"] else record["reward"], "day": "2026-01-02"}
    for record in TABLE.to_pylist(maps_as_pydicts=None)
]
RECORDS = [{**record, "pairs": record["pairs"] and [list(pair) for pair in record["pairs"]]} for record in RECORDS]


def arrow_bytes(table: pa.Table, is_file: bool = False, compression: str | None = None, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    new = ipc.new_file if is_file else ipc.new_stream
    with new(sink, table.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
        for batch in table.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
    return sink.getvalue()


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "in.feather", "in.jsonl", "in"])
def test_streams_and_files_are_read_whatever_their_name(name, is_file, compression, tmp_path):
    path = write(tmp_path / name, arrow_bytes(TABLE, is_file, compression))
    assert kinds_of(path) == {name: "arrow"}
    rows = rows_of(path)
    assert [row.record for row in rows] == RECORDS
    assert [(row.line, row.byte, row.n_missing) for row in rows] == [(1, None, 0), (2, None, 1), (3, None, 0)]


def test_progress_follows_the_batches(tmp_path):
    path = write(tmp_path / "in.arrow", arrow_bytes(TABLE, rows=1))
    (file,), _ = find_input_files(path)
    progress = []
    for _ in iter_rows(file, Caps()):
        progress.append(file.bytes_read)
    assert progress == sorted(set(progress))
    assert file.bytes_read == file.size == path.stat().st_size


def test_a_stream_that_is_cut_short_keeps_the_batches_before_the_cut(tmp_path):
    content = arrow_bytes(TABLE, rows=1)
    for cut in (20, 60, 200):
        rows = rows_of(write(tmp_path / "in.arrow", content[:-cut]))
        assert [row.record for row in rows[:-1]] == RECORDS[: len(rows) - 1]
        assert rows[-1].fault == "corrupt Arrow data, the rest is not read: the file is cut short"


@pytest.mark.parametrize("content", [b"", b"hello", b"ARROW1\0\0", b"\xff\xff\xff\xff\x10\0\0\0" + b"x" * 16])
def test_what_is_no_arrow_data_is_refused(content, tmp_path):
    with pytest.raises(InputError, match=r"in\.arrow cannot be read as Arrow IPC: .*; check or write it again"):
        rows_of(write(tmp_path / "in.arrow", content))


# -- what batches inflate to ----------------------------------------------------------------------------------------


def test_compressed_batches_that_inflate_past_the_cap_are_refused_before_they_are_read(tmp_path):
    table = pa.table({"text": ["x" * 3_000_000]})
    path = write(tmp_path / "in.arrow", arrow_bytes(table, compression="zstd"))
    with pytest.raises(InputError, match=r"in\.arrow inflates from \d+ to 30000\d\d bytes, more than the cap allows"):
        rows_of(path)
    assert len(records_of(path, Caps(max_inflation=1e6))) == 1
    with pytest.raises(InputError, match=r"in\.arrow has a batch of 30000\d\d bytes, more than the cap allows"):
        rows_of(path, Caps(max_line_bytes=1000, max_inflation=1e6))


def test_a_compressed_buffer_may_lie_about_its_size(tmp_path):
    content = bytearray(arrow_bytes(pa.table({"text": ["wait " * 100]}), compression="zstd"))
    at = content.rindex(struct.pack("<q", 500))  # what the text inflates to
    content[at : at + 8] = struct.pack("<q", 1 << 50)
    with pytest.raises(InputError, match=rf"in\.arrow inflates from \d+ to {(1 << 50) + 8} bytes"):
        rows_of(write(tmp_path / "in.arrow", bytes(content)))


def test_a_dictionary_that_inflates_past_the_cap_is_refused(tmp_path):
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), ["x" * 10_000])
    path = write(tmp_path / "in.arrow", arrow_bytes(pa.table({"text": column}), rows=100))
    # 100 rows a batch of 10,000 characters; 200 times 13 kB are passed in the third batch
    with pytest.raises(InputError, match=r"in\.arrow inflates from 1\d+ to 3000000 bytes, more than the cap allows"):
        rows_of(path)


def test_a_row_over_the_cap_is_set_aside(tmp_path):
    path = write(tmp_path / "in.arrow", arrow_bytes(pa.table({"text": ["a", "x" * 500, "b"]})))
    assert [row.fault for row in rows_of(path, Caps(max_line_bytes=100))] == [
        "",
        "longer than the cap of 100 bytes a row",
        "",
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.RunEndEncodedArray.from_arrays([3], ["x" * 100]),
        pa.ListViewArray.from_arrays([0, 0, 0], [1, 1, 1], ["x" * 100]),
        pa.UnionArray.from_sparse(pa.array([0, 0, 0], pa.int8()), [pa.array(["a", "b", "c"])]),
    ],
)
def test_types_whose_rows_share_values_are_refused(column, tmp_path):
    path = write(tmp_path / "in.arrow", arrow_bytes(pa.table({"text": column})))
    with pytest.raises(InputError, match=r"in\.arrow: the column 'text' has the type .*; write plain values"):
        rows_of(path)


def test_types_that_are_nested_too_deeply_are_refused():
    kind = pa.string()
    for _ in range(70):
        kind = pa.list_(kind)
    with pytest.raises(InputError, match=r"^in: the column 'text' is nested more than 64 levels deep"):
        check_types(pa.schema({"text": kind}), "in")


STRINGS = st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=6)


@given(STRINGS, st.integers(0, 3))
@settings(deadline=None)
def test_bytes_are_those_of_the_values_of_a_slice(values, start):
    size = sum(len(value.encode()) for value in values[start:] if value is not None)
    for kind in (pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        array = pa.array(values, pa.string()).cast(kind) if "dict" in str(kind) else pa.array(values, kind)
        assert inflated_bytes(array.slice(start)) == size
        nested = pa.StructArray.from_arrays([array], names=["a"])
        assert inflated_bytes(nested.slice(start)) == size
        lists = pa.ListArray.from_arrays(pa.array([0, min(start, len(values)), len(values)], pa.int32()), array)
        assert inflated_bytes(lists.slice(1)) == 4 + size


# -- data sets on disk ----------------------------------------------------------------------------------------------


def save(folder: Path, *shards: list[str], state: str = "") -> None:
    """Write what `Dataset.save_to_disk` writes."""
    names = [f"data-{number:05d}-of-{len(shards):05d}.arrow" for number in range(len(shards))]
    for name, texts in zip(names, shards, strict=True):
        write(folder / name, arrow_bytes(pa.table({"text": texts})))
    files = ", ".join(f'{{"filename": "{name}"}}' for name in names)
    write(folder / "state.json", state or f'{{"_data_files": [{files}], "_split": null}}')
    write(folder / "dataset_info.json", '{"features": {}}')


def texts(path: Path) -> list[str]:
    return [record["text"] for record in records_of(path)]


def test_a_data_set_on_disk_is_read_by_the_files_that_it_names(tmp_path):
    save(tmp_path / "set", ["a", "b"], ["c"])
    write(tmp_path / "set" / "cache-0123.arrow", arrow_bytes(pa.table({"text": ["again"]})))
    assert texts(tmp_path / "set") == ["a", "b", "c"]


def test_the_splits_of_a_data_set_are_read(tmp_path):
    for split in ("train", "test", "not a split"):
        save(tmp_path / split, [split])
    write(tmp_path / "dataset_dict.json", '{"splits": ["train", "test"]}')
    assert sorted(texts(tmp_path)) == ["test", "train"]


def test_a_data_set_whose_state_cannot_be_followed_is_refused(tmp_path):
    save(tmp_path / "a", ["a"], state='{"_data_files": [{"filename": "../b.arrow"}]}')
    with pytest.raises(InputError, match=r"state\.json names a file outside of the folder; check it"):
        find_input_files(tmp_path / "a")
    save(tmp_path / "b", ["a"], state='{"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]}')
    with pytest.raises(InputError, match="is a data set with an index of its rows; load and save it again"):
        find_input_files(tmp_path / "b")
    save(tmp_path / "c", ["a"], state='{"_data_files": [{"filename": "gone.arrow"}]}')
    with pytest.raises(InputError, match=r"cannot read .*gone\.arrow: No such file"):
        find_input_files(tmp_path / "c")


def test_what_datasets_saves_is_read(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is an extra")
    rows = datasets.Dataset.from_dict({"text": [f"t{n}" for n in range(10)], "n": list(range(10))})
    rows.filter(lambda row: row["n"] % 2 == 0).save_to_disk(tmp_path / "even", num_shards=2)
    assert texts(tmp_path / "even") == ["t0", "t2", "t4", "t6", "t8"]
    datasets.DatasetDict({"train": rows, "test": rows.select([3])}).save_to_disk(tmp_path / "splits")
    assert sorted(texts(tmp_path / "splits")) == sorted([f"t{n}" for n in range(10)] + ["t3"])
