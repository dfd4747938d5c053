import os
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
        "f.json.gz": "json",
        "g.parquet": "parquet",
        "h.eval": "inspect",
        "i.txt": "lines",
        "j": "lines",
    }
    assert found([put(tmp_path / name) for name in names]) == list(names.items())


def test_a_folder_gives_known_files_sorted_by_parts(tmp_path):
    for name in ("b.jsonl", "a/z.jsonl", "a.jsonl", "a/b/c.parquet", "x.txt", "y.json", ".h.jsonl", ".git/q.jsonl"):
        put(tmp_path / name)
    sources, warnings = find_input_files(tmp_path)
    names = [os.path.relpath(source.path, tmp_path) for source in sources]
    assert names == ["a/b/c.parquet", "a/z.jsonl", "a.jsonl", "b.jsonl"]
    assert not warnings
    assert all(source.size == len(ROW) for source in sources)


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
