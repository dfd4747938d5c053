import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces import ReadOptions, TraceReader, read_traces


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
