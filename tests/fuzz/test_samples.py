"""Samples, changes and containers of the fuzzer."""

import json
import random

import pytest

from sgram.traces.dialect import all_dialects, detect
from sgram.traces.readers import read_traces
from tests.fuzz.containers import CONTAINERS, write_rows
from tests.fuzz.invariants import write_file
from tests.fuzz.mutations import change_row, to_json
from tests.fuzz.samples import samples


def test_every_dialect_has_a_sample_in_its_shape():
    assert set(samples()) == set(all_dialects())
    for dialect, rows in samples().items():
        assert {detect(json.loads(row)).name for row in rows} == {dialect}


def test_a_seed_and_a_number_always_give_the_same_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for number in range(40):
        first, second = (write_file(3, number, tmp_path / name) for name in ("a", "b"))
        assert first.path.name == second.path.name
        assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("container", sorted(CONTAINERS.keys() - {"tar", "zip"}))
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


def test_a_change_leaves_the_sample_as_it_was():
    row = {"text": "so", "messages": [{"role": "user"}]}
    for seed in range(200):
        change_row(row, random.Random(seed))
    assert row == {"text": "so", "messages": [{"role": "user"}]}


def test_json_may_be_deeper_and_its_numbers_longer_than_python_writes_them():
    assert to_json({"a": "@@deep3@@"}) == b'{"a": [[[]]]}'
    assert to_json(["@@deep2@@", "@@digits4@@"]) == b'[{"a":{"a":1}}, 9999]'
