"""Samples, changes and containers of the fuzzer."""

import json
import random
from contextlib import suppress

import pytest

from sgram.errors import InputError
from sgram.traces import readers
from sgram.traces.dialect import all_dialects, detect
from sgram.traces.readers import ReadOptions, read_traces
from tests.fuzz.containers import CONTAINERS, write_rows, write_saved
from tests.fuzz.invariants import check_pipe, write_file
from tests.fuzz.mutations import change_row, to_json
from tests.fuzz.samples import samples
from tests.traces.dialects.test_inspect_ai import RAW


def test_every_dialect_has_a_sample_in_its_shape():
    assert set(samples()) == set(all_dialects())
    for dialect, rows in samples().items():
        assert {detect(json.loads(row)).name for row in rows} == {dialect}


def contents(path):
    """Return the bytes of a file, or of each file of a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [(file.name, file.read_bytes()) for file in files]


def test_a_seed_and_a_number_always_give_the_same_file(tmp_path):
    for number in range(40):
        folders = tmp_path / "a" / str(number), tmp_path / "b" / str(number)
        for folder in folders:
            folder.mkdir(parents=True)
        first, second = (write_file(3, number, folder) for folder in folders)
        assert first.path.name == second.path.name
        assert contents(first.path) == contents(second.path)


@pytest.mark.parametrize("container", sorted(CONTAINERS.keys() - {"tar", "zip", "eval"}))
def test_files_of_every_container_are_read_if_they_are_whole(container, tmp_path):
    row = json.loads(samples()["inspect" if container == "log" else "columns"][0])
    rows = [row] if container == "log" else [{"prompt": "2+2?", "response": f"It is {n}."} for n in (4, 5)]
    n_whole = 0
    for seed in range(12):
        data, suffix, is_whole = write_rows(rows, random.Random(seed), container)
        if is_whole:
            path = tmp_path / f"{seed}{suffix}"
            path.write_bytes(data)
            n_whole += bool(list(read_traces(path)))
    assert n_whole > 2


def test_packed_logs_and_data_sets_on_disk_are_read_unless_they_are_damaged(tmp_path):
    pytest.importorskip("inspect_ai", reason="inspect-ai is an extra")
    n_logs, n_folders = 0, 0
    for seed in range(12):
        data, suffix, _ = write_rows([RAW], random.Random(seed), "eval")
        path = tmp_path / f"{seed}{suffix}"
        path.write_bytes(data)
        table, _, is_whole = write_rows([{"prompt": "2+2?", "response": "4"}], random.Random(seed), "saved")
        write_saved(table, tmp_path / str(seed), random.Random(seed))
        with suppress(InputError):
            n_logs += suffix == ".eval" and [trace.text for trace in read_traces(path)] == ["Hmm.\n\nIt is 4"]
        with suppress(InputError):
            n_folders += is_whole and [trace.text for trace in read_traces(tmp_path / str(seed))] == ["4"]
    assert (n_logs > 5, n_folders > 3) == (True, True)


def test_a_pipe_that_gives_other_traces_is_a_fault(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "2+2?", "response": "It is 4."}\n')
    faults = []
    check_pipe(path, ReadOptions(), tmp_path, faults)
    assert faults == []
    iter_rows = readers.iter_rows
    monkeypatch.setattr(readers, "iter_rows", lambda file, caps: () if "/pipe/" in file.path else iter_rows(file, caps))
    (tmp_path / "pipe" / "rows.jsonl").unlink()
    check_pipe(path, ReadOptions(), tmp_path, faults)
    assert faults == ["a pipe gives another error:  becomes InputError"]


def test_a_change_leaves_the_sample_as_it_was():
    row = {"text": "so", "messages": [{"role": "user"}]}
    for seed in range(200):
        change_row(row, random.Random(seed))
    assert row == {"text": "so", "messages": [{"role": "user"}]}


def test_json_may_be_deeper_and_its_numbers_longer_than_python_writes_them():
    assert to_json({"a": "@@deep3@@"}) == b'{"a": [[[]]]}'
    assert to_json(["@@deep2@@", "@@digits4@@"]) == b'[{"a":{"a":1}}, 9999]'
