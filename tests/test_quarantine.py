"""Rejected rows, counted and written."""

import json

from sgram.quarantine import Quarantine


def test_quarantined_rows_appear_when_closed_and_are_counted_by_kind(tmp_path):
    path = tmp_path / "q.jsonl"
    quarantine = Quarantine(path)
    quarantine.add("in.jsonl", 3, 120, "not valid JSON: expected value", b'{"x":\x1b\xff')
    quarantine.add("in\x1b.jsonl", 4, None, "not valid JSON: something else", "y" * 500)
    assert not path.exists()
    quarantine.close()
    first, second = map(json.loads, path.read_bytes().splitlines())
    assert first == {
        "file": "in.jsonl",
        "line": 3,
        "byte": 120,
        "reason": "not valid JSON: expected value",
        "excerpt": '{"x":\\x1b\\xff',
    }
    assert (second["file"], second["byte"], len(second["excerpt"])) == ("in\\x1b.jsonl", None, 200)
    assert quarantine.reasons == {"not valid JSON": 2}


def test_without_rows_there_is_no_quarantine_file_and_an_old_one_goes(tmp_path):
    path = tmp_path / "q.jsonl"
    Quarantine(path).close()
    assert not path.exists()
    old = Quarantine(path)
    old.add("in.jsonl", 1, 0, "bad", b"")
    old.close()
    assert path.exists()
    Quarantine(path).close()
    assert not path.exists()
    path.write_text("a diary, not a quarantine\n")
    Quarantine(path).close()
    assert path.read_text() == "a diary, not a quarantine\n"


def test_without_a_path_rows_are_only_counted():
    quarantine = Quarantine()
    quarantine.add("in.jsonl", 1, 0, "bad", b"")
    quarantine.close()
    assert quarantine.reasons == {"bad": 1}
