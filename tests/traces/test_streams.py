"""What is read only once, stdin and pipes, gives what the file gives."""

import bz2
import gzip
import io
import sys
import tarfile
import tempfile
import zipfile

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from sgram.errors import InputError
from sgram.traces import ReadOptions, TraceReader, as_traces
from tests.builders.pipes import feeding

ROWS = [{"id": f"r{n}", "prompt": f"p{n // 4}", "response": f"So {n}.", "score": float(n % 2)} for n in range(8)]
"""Rewards that are 0 or 1: those of odd rows are of correct traces."""
TABLE = pa.Table.from_pylist(ROWS)


def lines() -> bytes:
    return b"".join(
        b'{"id": "%s", "prompt": "%s", "response": "%s", "score": %.1f}\n'
        % (row["id"].encode(), row["prompt"].encode(), row["response"].encode(), row["score"])
        for row in ROWS
    )


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    return buffer.getvalue()


def arrow() -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(TABLE, buffer)
    return buffer.getvalue()


def packed_tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        member = tarfile.TarInfo("a.jsonl")
        member.size = len(lines())
        archive.addfile(member, io.BytesIO(lines()))
    return buffer.getvalue()


def packed_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jsonl", lines())
    return buffer.getvalue()


CONTENTS = {
    "lines": ("a.jsonl", lines),
    "gzip": ("a.jsonl.gz", lambda: gzip.compress(lines())),
    "bzip2": ("a.jsonl.bz2", lambda: bz2.compress(lines())),
    "array": ("a.json", lambda: b"[" + b",".join(lines().splitlines()) + b"]"),
    "parquet": ("a.parquet", parquet),
    "arrow": ("a.arrow", arrow),
    "tar": ("a.tar", lambda: packed_tar("w")),
    "packed tar": ("a.tgz", lambda: packed_tar("w:gz")),
    "zip": ("a.zip", packed_zip),
}


def facts(reader: TraceReader) -> tuple[object, ...]:
    traces = [(trace.id, trace.text, trace.reward, trace.correct, trace.meta) for trace in reader]
    return traces, reader.report.decisions, reader.report.warnings, reader.report.rows_in


@pytest.mark.parametrize("content", CONTENTS)
def test_a_pipe_and_stdin_give_what_the_file_gives(content, tmp_path, monkeypatch):
    name, build = CONTENTS[content]
    file = tmp_path / name
    file.write_bytes(build())
    expected = facts(TraceReader(file))
    assert [correct for *_, correct, _ in expected[0]] == [False, True] * 4
    assert len(expected[1]) == 1
    with feeding(tmp_path / "pipe", file.read_bytes()) as pipe:
        reader = TraceReader(pipe)
        assert facts(reader) == expected
    assert facts(reader) == expected, "its copy is read again"
    with file.open("rb") as stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        assert facts(TraceReader("-")) == expected


@pytest.mark.parametrize("options", [ReadOptions(infer_correct=False), ReadOptions(correct_above=0.5)])
def test_a_pipe_is_copied_only_where_it_is_read_twice(options, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: pytest.fail("there is a copy"))
    with feeding(tmp_path / "pipe", lines()) as pipe:
        traces = list(TraceReader(pipe, options=options))
    assert [trace.correct for trace in traces] == [
        None if options.correct_above is None else n % 2 > 0 for n in range(8)
    ]


def test_rows_that_can_be_iterated_over_only_once_say_that_nothing_is_inferred():
    reader = as_traces(iter(ROWS))
    assert [trace.correct for trace in reader] == [None] * 8
    (decision,) = reader.report.decisions
    assert decision.startswith("rewards of the list_iterator are not read as correctness")
    reader = as_traces(iter([{"text": "so"}]))
    assert [trace.correct for trace in reader] == [None]
    assert reader.report.decisions == [], "without a reward there is nothing to infer"


def test_each_pipe_is_a_run_of_its_own(tmp_path):
    with feeding(tmp_path / "pipe1", lines()) as first, feeding(tmp_path / "pipe2", lines()) as second:
        reader = TraceReader([first, f"grpo={second}"])
        assert {trace.run for trace in reader} == {"pipe1"}, "the rows of both are the same"
    assert reader.runs == {str(first): "pipe1", str(second): "grpo"}


def test_a_file_reads_as_it_was_when_the_first_reader_found_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines())
    reader = TraceReader(path)
    with path.open("ab") as file:
        file.write(b'{"id": "late", "response": "So.", "score": 7.0}\n')
    again = reader.reread()
    assert facts(again) == facts(reader)
    assert again.report.rows_in == 8
    path.write_bytes(lines()[:20])
    with pytest.raises(InputError, match="shrank from"):
        list(again)
