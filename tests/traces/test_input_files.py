import gzip
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest

from sgram.errors import InputError, UsageError
from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, is_unfinished, iter_rows

ROW = b'{"id":"a","text":"t"}\n'


def put(path: Path, content: bytes = ROW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(paths: object) -> list[tuple[str, str]]:
    sources, _ = find_input_files(paths)
    return [(Path(source.path).name, source.kind) for source in sources]


def test_the_kind_follows_from_the_name_and_the_packing_does_not_matter(tmp_path):
    names = {
        "a.jsonl": "lines",
        "b.ndjson": "lines",
        "c.jsonl.gz": "lines",
        "d.JSONL.ZST": "lines",
        "e.json": "json",
        "f.json.bz2": "json",
        "i.txt": "lines",
        "j": "lines",
    }
    assert found([put(tmp_path / name) for name in names]) == list(names.items())
    empty = {"g.parquet": "parquet", "h.eval": "inspect", "k.csv.xz": "csv", "l.tar": "archive", "m.feather": "arrow"}
    assert found([put(tmp_path / name, b"") for name in empty]) == list(empty.items())


def test_a_folder_gives_known_files_sorted_by_parts(tmp_path):
    for name in ("b.jsonl", "a/z.jsonl", "a.jsonl", "a/b/c.csv", "x.txt", "y.json", ".h.jsonl", ".git/q.jsonl"):
        put(tmp_path / name)
    sources, warnings = find_input_files(tmp_path)
    names = [os.path.relpath(source.path, tmp_path) for source in sources]
    assert names == ["a/b/c.csv", "a/z.jsonl", "a.jsonl", "b.jsonl"]
    assert not warnings
    assert all(source.size == len(ROW) for source in sources)


def test_numbers_in_names_are_sorted_by_their_value_in_folders_and_patterns(tmp_path):
    names = [f"step_{step}/rank_{rank}.jsonl" for step in (1, 2, 10) for rank in (0, 9, 10)]
    for name in reversed(names):
        put(tmp_path / name)
        put(tmp_path / name.replace("/rank", "_rank"))
        (tmp_path / name).with_name("STABLE").touch()
    in_folder = [os.path.relpath(file.path, tmp_path) for file in find_input_files(tmp_path)[0]]
    assert [name for name in in_folder if "/" in name] == names
    by_pattern = [name for name, _ in found(str(tmp_path / "step_*.jsonl"))]
    assert by_pattern == [name.replace("/", "_") for name in names]


def test_json_files_of_a_folder_are_read_if_they_hold_rollouts(tmp_path):
    put(tmp_path / "rows.json", b'[{"prompt": "2+2?", "response": "4"}]')
    put(tmp_path / "logs" / "rows.json.gz", gzip.compress(b'{"data": [{"prompt": "2+2?", "response": "4"}]}'))
    for name, content in {
        "config.json": b'{"lr": 0.1}',
        "dataset_info.json": b'{"features": {}}',
        "tokenizer.json": b'{"added_tokens": [{"id": 0, "content": "<unk>"}]}',
        "metrics.json": b'[{"step": 1, "loss": 0.5}]',
        "package.json": b'{"name": "a", "input": "a.js", "output": "b.js"}',
        "broken.json": b'[{"prompt": ',
    }.items():
        put(tmp_path / name, content)
    sources, warnings = find_input_files(tmp_path)
    assert [os.path.relpath(source.path, tmp_path) for source in sources] == ["logs/rows.json.gz", "rows.json"]
    assert not warnings
    # a file that is named is read in any case
    assert found(tmp_path / "config.json") == [("config.json", "json")]


def test_an_archive_in_a_folder_is_left_out_with_a_warning(tmp_path):
    put(tmp_path / "a.jsonl")
    archive = put(tmp_path / "code.tar.gz", b"")
    sources, warnings = find_input_files(tmp_path)
    assert [Path(source.path).name for source in sources] == ["a.jsonl"]
    assert warnings == [f"{archive} is left out, as it is an archive in a folder; name it to read it"]


def test_links_are_followed_and_loops_are_not(tmp_path):
    put(tmp_path / "real" / "in.jsonl")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "first").symlink_to(tmp_path / "real")
    (runs / "second").symlink_to(tmp_path / "real")
    (runs / "up").symlink_to(tmp_path)
    assert len(found(runs)) == 1


def test_pipes_in_a_folder_are_not_waited_for(tmp_path):
    put(tmp_path / "in.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    sources, _ = find_input_files(tmp_path)
    assert [Path(source.path).name for source in sources] == ["in.jsonl"]


@pytest.mark.parametrize("name", ["model.pt", "x.PKL", "x.pickle", "x.joblib", "x.pkl.gz", "x.pth"])
def test_pickles_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="looks like a pickle, and loading one can run any code"):
        find_input_files(put(tmp_path / name))


def test_token_exports_wait_for_their_marker(tmp_path):
    steps = tmp_path / "token_exports"
    done, open_ = put(steps / "step_1" / "rank_0.jsonl"), put(steps / "step_2" / "rank_0.jsonl")
    (steps / "step_1" / "STABLE").touch()
    assert (is_unfinished(str(done)), is_unfinished(str(open_))) == (False, True)
    sources, warnings = find_input_files(steps)
    assert [source.path for source in sources] == [str(done)]
    assert warnings == [f"{open_} is left out: its step has no STABLE marker yet"]
    with pytest.raises(InputError, match="has no STABLE marker beside it yet"):
        find_input_files(open_)
    (steps / "step_1" / "STABLE").unlink()
    with pytest.raises(InputError, match=r"nothing to read in .*: .* is left out: its step has no STABLE"):
        find_input_files(steps)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods"])
def test_spreadsheets_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="is a spreadsheet; save it as CSV"):
        find_input_files(put(tmp_path / name))


def test_patterns_are_expanded_and_sorted(tmp_path):
    for name in ("run_b/step_1.jsonl", "run_a/step_2.jsonl", "run_a/step_1.jsonl", "run_a/other.jsonl", "x/y/z.jsonl"):
        put(tmp_path / name)

    def names(pattern: str) -> list[str]:
        return [os.path.relpath(source.path, tmp_path) for source in find_input_files(str(tmp_path / pattern))[0]]

    assert names("*/step_*.jsonl") == ["run_a/step_1.jsonl", "run_a/step_2.jsonl", "run_b/step_1.jsonl"]
    assert names("run_[a]/step_?.jsonl") == ["run_a/step_1.jsonl", "run_a/step_2.jsonl"]
    assert names("**/z.jsonl") == ["x/y/z.jsonl"]
    assert names("run_*") == ["run_a/other.jsonl", "run_a/step_1.jsonl", "run_a/step_2.jsonl", "run_b/step_1.jsonl"]
    with pytest.raises(InputError, match=r"nothing matches .*step_\*\.csv; check the pattern"):
        names("*/step_*.csv")


def test_a_path_that_exists_is_no_pattern(tmp_path):
    put(tmp_path / "a1.jsonl")
    path = put(tmp_path / "a[1].jsonl")
    assert [source.path for source in find_input_files(path)[0]] == [str(path)]
    assert [source.path for source in find_input_files(str(tmp_path / "a[1]*"))[0]] == [str(tmp_path / "a1.jsonl")]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = put(tmp_path / "runs" / "a.jsonl")
    assert [source.path for source in find_input_files("~/runs/*.jsonl")[0]] == [str(path)]
    assert [source.path for source in find_input_files("~/runs")[0]] == [str(path)]
    assert [source.path for source in find_input_files("~/runs/a.jsonl")[0]] == [str(path)]
    with pytest.raises(InputError, match=r"cannot read .*/runs/b\.jsonl: No such file"):
        find_input_files("~/runs/b.jsonl")


def test_a_named_pipe_is_read_whatever_it_holds(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.jsonl", ROW)
    for data, line in ((ROW * 2, [1, 2]), (gzip.compress(ROW), [1]), (content.getvalue(), [1]), (b"", [])):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        (source,), _ = find_input_files(pipe)
        assert source.size is None
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert [row.line for row in iter_rows(source, Caps())] == line
        writer.join()
        pipe.unlink()


def test_nothing_named_is_a_wrong_call():
    with pytest.raises(UsageError, match="nothing to read: name files, directories, or - for stdin"):
        find_input_files([])


def test_rows_carry_line_byte_and_the_line_itself(tmp_path):
    path = put(tmp_path / "in.jsonl", b"\n" + ROW + b"oops\r\n\n" + ROW[:-1])
    (source,), _ = find_input_files(path)
    rows = list(iter_rows(source, Caps()))
    record = {"id": "a", "text": "t"}
    # line 1 is blank; line 2 starts at 1; line 3 at 1 + 22 = 23; line 4 is blank; line 5 at 23 + 6 + 1 = 30
    assert [(row.line, row.byte, row.record) for row in rows] == [(2, 1, record), (3, 23, None), (5, 30, record)]
    assert rows[1].data == b"oops"
    assert rows[1].fault.startswith("not valid JSON: ")
    assert source.bytes_read == source.size


def test_what_sgram_wrote_itself_is_not_taken_for_traces(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    (tmp_path / "a.examples.jsonl").write_bytes(b"{}\n")
    (tmp_path / "a.quarantine.jsonl").write_bytes(b"{}\n")
    run = tmp_path / "reports" / "mine-0123456789ab"
    run.mkdir(parents=True)
    (run / "run.json").write_bytes(b"{}")
    (run / "candidates.parquet").write_bytes(b"x")
    sources, _ = find_input_files(tmp_path)
    assert [Path(source.path).name for source in sources] == ["a.jsonl"]


def test_a_table_reads_as_it_was_when_it_was_found(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", ROW)
    (source,), _ = find_input_files(path)
    with path.open("ab") as file:
        file.write(bytes(1 << 17))  # after it, a zip file has no directory of its members where one is searched for
    assert [row.record["id"] for row in iter_rows(source, Caps())] == ["a"]
