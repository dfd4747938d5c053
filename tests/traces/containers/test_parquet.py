import base64
import datetime
import gzip
import io
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces import ReadOptions, TraceReader, read_traces
from tests.builders.container_rows import records_of, rows_of, write
from tests.builders.paths import ROOT


def test_a_trl_completions_file_is_read(tmp_path):
    path = tmp_path / "completions" / "completions_00010.parquet"
    path.parent.mkdir()
    table = pa.table(
        {
            "step": [10, 10, 10],
            "prompt": [[{"role": "user", "content": "2+2?"}]] * 2 + [[{"role": "user", "content": "3+3?"}]],
            "completion": [[{"role": "assistant", "content": reply}] for reply in ("4", "wait, 5", "6")],
            "accuracy_reward": [1.0, 0.0, float("nan")],
            "think_format_reward": [0.5, None, None],
            "advantage": [0.7, -0.7, 0.0],
        }
    )
    pq.write_table(table, path)
    first, second, third = read_traces(tmp_path)
    assert (first.prompt, first.text, first.step, first.reward, first.correct) == ("2+2?", "4", 10, 1.5, True)
    assert (second.text, second.reward, second.correct) == ("wait, 5", 0.0, False)
    assert (third.reward, third.correct) == (None, None)
    assert first.group == second.group != third.group
    assert first.meta == {"accuracy_reward": 1.0, "think_format_reward": 0.5, "advantage": 0.7}
    assert third.meta["accuracy_reward"] is None
    weighted = TraceReader(path, options=ReadOptions(rewards={"think_format_reward": 2.0}))
    assert [trace.reward for trace in weighted] == [1.0, None, None]


def test_values_that_json_does_not_know_become_strings(tmp_path):
    path = tmp_path / "in.parquet"
    table = pa.table(
        {
            "text": ["t"],
            "when": [datetime.datetime(2026, 1, 2, 3, 4)],
            "day": [datetime.date(2026, 1, 2)],
            "price": [Decimal("1.50")],
            "raw": [b"a\xffb"],
            "nested": [{"x": [1.0, float("nan")], "y": None}],
            "pairs": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "kind": pa.array(["x"]).dictionary_encode(),
            "lasted": [datetime.timedelta(seconds=90)],
        }
    )
    pq.write_table(table, path)
    (trace,) = read_traces(path)
    assert trace.meta == {
        "when": "2026-01-02T03:04:00",
        "day": "2026-01-02",
        "price": "1.50",
        "raw": "a\\xffb",
        "nested": {"x": [1.0, None], "y": None},
        "pairs": [["k", 1]],
        "kind": "x",
        "lasted": "0:01:30",
    }


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_kind_of_string_column_is_text(kind, tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["a"], "text": pa.array(["wait"], kind)}), path)
    assert next(iter(read_traces(path))).text == "wait"


def test_progress_follows_the_rows(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": list(map(str, range(500))), "text": ["t"] * 500}), path)
    reader = TraceReader(path)
    progress = [reader.bytes_read for _ in reader]
    assert progress == sorted(progress)
    assert len(set(progress)) > 4
    assert reader.bytes_read == reader.bytes_total == path.stat().st_size


def test_a_file_over_the_cap_is_refused_before_it_is_inflated(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["x" * 5_000_000]}), path, compression="zstd")
    with pytest.raises(InputError, match=r"inflates from \d+ to 5\d+ bytes, more than the cap allows"):
        list(read_traces(path))
    assert len(list(TraceReader(path, options=ReadOptions(caps=Caps(max_inflation=1e9))))) == 1


# -- dictionaries and pages -------------------------------------------------------------------------------------


def dictionary_column(n_values: int, size: int, n_rows: int) -> pa.DictionaryArray:
    """Column of `n_rows` strings that are `n_values` different ones of `size` characters, in turn."""
    rng = random.Random(0)
    values = [base64.b64encode(rng.randbytes(size)).decode()[:size] for _ in range(n_values)]
    return pa.DictionaryArray.from_arrays(pa.array([row % n_values for row in range(n_rows)], pa.int32()), values)


def write_dictionary(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, dictionary_pagesize_limit=1 << 30, compression="none")
    return path


def test_a_dictionary_that_inflates_past_the_cap_is_refused(tmp_path):
    # 4 strings of 10,000 characters in 1,000 rows: 10 MB out of 40 kB
    path = write_dictionary(tmp_path / "in.parquet", text=dictionary_column(4, 10_000, 1000))
    assert path.stat().st_size < 50_000
    with pytest.raises(InputError, match=r"in\.parquet inflates from 4\d+ to \d+ bytes, more than the cap allows"):
        rows_of(path)
    assert len(records_of(path, Caps(max_inflation=300))) == 1000


PEAK = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, iter_rows
n_rows = sum(1 for row in iter_rows(find_input_files(sys.argv[1])[0][0], Caps()))
print(n_rows, int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_large_dictionary_is_read_in_small_batches(tmp_path):
    # 8 MB in 20 strings of 400 kB each; all 3,000 rows are 1.2 GB
    path = write_dictionary(tmp_path / "in.parquet", text=dictionary_column(20, 400_000, 3000))
    process = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    n_rows, mebibytes = map(int, process.stdout.split())
    assert n_rows == 3000
    assert mebibytes < 300


def test_a_row_of_many_large_values_of_a_dictionary_is_set_aside(tmp_path):
    column = pa.ListArray.from_arrays(pa.array([0, 2, 1000, 1003], pa.int32()), dictionary_column(4, 3000, 1003))
    path = write_dictionary(tmp_path / "in.parquet", id=pa.array(["a", "b", "c"]), texts=column)
    rows = rows_of(path, Caps(max_line_bytes=100_000, max_inflation=1e9))
    assert [row.fault for row in rows] == ["", "longer than the cap of 100000 bytes a row", ""]
    assert [len(row.record["texts"]) for row in rows if row.record] == [2, 3]


def test_a_page_over_the_cap_is_refused(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["x" * 100_000]}), path, use_dictionary=False)
    with pytest.raises(
        InputError, match=r"in\.parquet has pages of 1000\d\d bytes in one row group, more than the cap"
    ):
        rows_of(path, Caps(max_line_bytes=5000))


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_every_encoding_and_codec_is_read(encoding, version, codec, tmp_path):
    path = tmp_path / "in.parquet"
    table = pa.table({"text": [f"wait, {n}" for n in range(500)], "steps": [[n, None] for n in range(500)]})
    options = {"compression": codec, "data_page_version": version, "data_page_size": 1000, "row_group_size": 200}
    pq.write_table(table, path, use_dictionary=False, column_encoding={"text": encoding}, **options)
    assert records_of(path) == table.to_pylist()
    pq.write_table(table, path, **options)
    assert records_of(path) == table.to_pylist()


def test_infinities_are_missing_numbers_and_are_counted(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["a"], "reward": [float("inf")], "x": [[float("nan"), 1.0]]}), path)
    (row,) = rows_of(path)
    assert (row.record, row.n_missing) == ({"text": "a", "reward": None, "x": [None, 1.0]}, 2)


def test_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), path)
    with pytest.raises(InputError, match="has two columns named 'text'; rename one"):
        rows_of(path)


def test_a_compressed_parquet_file_and_one_on_stdin_are_read(tmp_path, monkeypatch):
    content = io.BytesIO()
    pq.write_table(pa.table({"text": ["wait"]}), content)
    assert records_of(write(tmp_path / "in.parquet.gz", gzip.compress(content.getvalue()))) == [{"text": "wait"}]
    assert records_of(write(tmp_path / "in.jsonl", content.getvalue())) == [{"text": "wait"}]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    assert records_of("-") == [{"text": "wait"}]
