"""Rollouts behind URLs give what the files give."""

import gzip
import io
import tempfile
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgram.errors import InputError, UsageError
from sgram.traces import ReadOptions, TraceReader, as_traces
from sgram.urls import download, exists_url, remove_url, upload
from tests.builders.web_server import serving_files

fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra remote")
pytest.importorskip("aiohttp", reason="aiohttp comes with the extra remote")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ROWS = [{"id": f"r{n}", "prompt": f"p{n // 4}", "response": f"So {n}.", "score": float(n % 2)} for n in range(8)]
LINES = b"".join(
    b'{"id": "r%d", "prompt": "p%d", "response": "So %d.", "score": %d}\n' % (n, n // 4, n, n % 2) for n in range(8)
)


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


@pytest.fixture
def memory():
    """(URL of an empty folder in memory, function that puts a file there)."""
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    yield f"memory:/{folder}", lambda name, content: files.pipe_file(f"{folder}/{name}", content)
    files.rm(folder, recursive=True)


def ids(reader: TraceReader) -> list[tuple[str, bool | None]]:
    return [(trace.id, trace.correct) for trace in reader]


EXPECTED = [(f"r{n}", n % 2 == 1) for n in range(8)]
"""Rewards that are 0 or 1: those of odd rows are of correct traces."""


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", LINES), ("a.jsonl.gz", gzip.compress(LINES)), ("a.parquet", parquet()), ("a", LINES)],
)
def test_a_url_gives_what_the_file_gives(name, content, memory, tmp_path):
    folder, put = memory
    put(name, content)
    (tmp_path / name).write_bytes(content)
    from_file = TraceReader(tmp_path / name)
    assert ids(from_file) == EXPECTED
    reader = TraceReader(f"{folder}/{name}")
    assert (ids(reader), reader.report.decisions) == (EXPECTED, from_file.report.decisions)
    assert list(reader.runs.values()) == list(from_file.runs.values())
    with serving_files({f"/{name}": content}) as served:
        reader = TraceReader(f"{served.url}/{name}?token=0f")
        assert ids(reader) == EXPECTED
        assert ids(reader) == EXPECTED
        assert [method for method, *_ in served.requests].count("GET") == 1, "the copy of it is read again"
    assert ids(as_traces(f"{folder}/{name}")) == EXPECTED


def test_a_url_is_copied_only_where_it_is_read_twice(memory, monkeypatch):
    folder, put = memory
    put("a.jsonl", LINES)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: pytest.fail("there is a copy"))
    reader = TraceReader(f"{folder}/a.jsonl", options=ReadOptions(infer_correct=False))
    assert ids(reader) == [(name, None) for name, _ in EXPECTED]


def test_a_folder_behind_a_url_is_searched_as_a_folder_on_disk(memory):
    folder, put = memory
    for name in ("b.jsonl", "a/z.jsonl", "a.jsonl", ".hidden.jsonl", ".git/x.jsonl", "a.quarantine.jsonl", "x.txt"):
        put(name, LINES)
    put("config.json", b'{"lr": 0.1}')
    put("rows.json", b'[{"prompt": "2+2?", "response": "4"}]')
    put("code.tar.gz", b"")
    put("mine-0/run.json", b"{}")
    put("mine-0/in.jsonl", LINES)
    put("token_exports/step_1/rank_0.jsonl", LINES)
    put("token_exports/step_2/rank_0.jsonl", LINES)
    put("token_exports/step_2/STABLE", b"")
    reader = TraceReader(folder)
    list(reader)
    assert [path.partition(folder.rpartition("/")[2])[2] for path in reader.input_paths] == [
        "/a/z.jsonl",
        "/a.jsonl",
        "/b.jsonl",
        "/rows.json",
        "/token_exports/step_2/rank_0.jsonl",
    ]
    assert len(set(reader.runs.values())) == 1, "a folder is one run"
    left_out = [warning for warning in reader.report.warnings if "left out" in warning]
    assert sorted(warning.partition(" is left out")[0].rpartition("/")[2] for warning in left_out) == [
        "code.tar.gz",
        "rank_0.jsonl",
    ]
    put("only/settings.json", b'{"lr": 0.1}')
    with pytest.raises(InputError, match=r"^nothing to read in memory://.*/only: it holds no file ending in"):
        TraceReader(f"{folder}/only")


def test_runs_are_named_by_the_user_or_by_the_url(memory):
    folder, put = memory
    for name in ("grpo/step_1.jsonl", "grpo/step_2.jsonl", "hicra/step_1.jsonl"):
        put(name, LINES)
    reader = TraceReader([f"{folder}/*/step_*.jsonl", f"old={folder}/hicra/"])
    runs = {path.rpartition(folder.rpartition("/")[2])[2]: run for path, run in reader.runs.items()}
    assert runs == {"/grpo/step_1.jsonl": "grpo", "/grpo/step_2.jsonl": "grpo", "/hicra/step_1.jsonl": "old"}


def test_web_addresses_that_differ_in_the_query_only_need_names(tmp_path):
    with serving_files({"/rows.jsonl": LINES}) as served:
        urls = [f"{served.url}/rows.jsonl?run=grpo", f"{served.url}/rows.jsonl?run=hicra"]
        with pytest.raises(
            UsageError, match=r"several URLs are called http://.*/rows\.jsonl\?\.\.\.; name the run of each"
        ):
            TraceReader(urls)
        reader = TraceReader([f"grpo={urls[0]}", f"hicra={urls[1]}"])
    assert sorted(reader.runs.values()) == ["grpo", "hicra"]


def test_a_pickle_behind_a_url_is_refused(memory):
    folder, put = memory
    put("model.pt", b"")
    with pytest.raises(InputError, match=r"model\.pt looks like a pickle"):
        TraceReader(f"{folder}/model.pt")


def test_a_broken_row_is_located_without_secrets():
    with serving_files({"/rows.jsonl": LINES + b"oops\n"}) as served:
        reader = TraceReader(f"http://me:secret@{served.address}/rows.jsonl?token=0f", options=ReadOptions(max_bad=0.5))
        assert len(list(reader)) == 8
    assert reader.report.first_fault.startswith(f"{served.url}/rows.jsonl?...:9: not valid JSON")
    assert reader.report.files[0].run == "rows"


def test_files_are_copied_to_and_from_a_url(memory, tmp_path):
    folder, _ = memory
    (tmp_path / "a").write_bytes(b"7")
    url = f"{folder}/deep/er/a"
    assert not exists_url(url)
    assert not download(url, tmp_path / "b")
    upload(tmp_path / "a", url)
    assert exists_url(url)
    assert download(url, tmp_path / "new" / "b")
    assert (tmp_path / "new" / "b").read_bytes() == b"7"
    for _ in range(2):
        remove_url(url)
        assert not exists_url(url)
    assert (tmp_path / "a").exists()


def test_a_url_that_cannot_be_written_is_named_without_its_secrets(tmp_path):
    (tmp_path / "a").write_bytes(b"7")
    with serving_files({}) as served:
        url = f"http://me:secret@{served.address}/a?signature=0f"
        with pytest.raises(InputError, match="cannot write http") as error:
            upload(tmp_path / "a", url)
    assert "secret" not in str(error.value)
    assert "signature" not in str(error.value)
