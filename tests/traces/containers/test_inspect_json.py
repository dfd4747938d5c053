import gzip
import io
import json
import sys

import pytest

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.containers.inspect_json import begins_inspect_log, is_inspect_log
from sgram.traces.input_files import find_input_files, iter_rows
from tests.builders.container_rows import kinds_of, records_of, rows_of, write

USER = {"id": "1", "role": "user", "content": "2+2?", "source": None}
REPLY = {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "Hmm."}, {"type": "text", "text": "4"}]}
SAMPLE = {
    "id": 7,
    "epoch": 2,
    "input": "2+2?",
    "target": "4",
    "messages": [USER, REPLY],
    "output": {"model": "m", "choices": [{"message": REPLY}], "completion": "4"},
    "scores": {"match": {"value": "C", "answer": "4", "history": []}},
    "metadata": {},
    "events": [{"x": "y" * 100}],
    "attachments": {},
}
HEADER = {"eval_id": "e", "run_id": "r", "task": "sums", "model": "vllm/m", "config": {"epochs": 2}}
RECORD = {
    "id": "7",
    "epoch": 2,
    "uuid": None,
    "run": "r",
    "task": "sums",
    "model": "vllm/m",
    "input": "2+2?",
    "messages": [{"id": "1", "role": "user", "content": "2+2?"}, REPLY],
    "completion": "4",
    "target": "4",
    "scores": {"match": {"value": "C", "answer": "4"}},
    "error": None,
}


def log_of(*samples: object, **fields: object) -> dict:
    log = {"version": 2, "status": "success", "eval": HEADER, "plan": {"steps": []}, "samples": list(samples)}
    return {**log, **fields}


@pytest.mark.parametrize("indent", [None, 2])
def test_samples_are_read_as_the_dialect_expects_them(indent, tmp_path):
    path = write(tmp_path / "logs" / "sums.json", json.dumps(log_of(SAMPLE, {**SAMPLE, "id": "b"}), indent=indent))
    for place in (path, path.parent):
        assert kinds_of(place) == {"sums.json": "inspect"}
        assert records_of(place) == [RECORD, {**RECORD, "id": "b"}]


def test_logs_may_be_compressed_and_have_another_suffix_or_none(tmp_path, monkeypatch):
    content = json.dumps(log_of(SAMPLE)).encode()
    for name, data in (("a.json.gz", gzip.compress(content)), ("a.jsonl", content), ("a.eval", content)):
        path = write(tmp_path / name, data)
        assert kinds_of(path) == {name: "inspect"}
        assert records_of(path) == [RECORD]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert records_of("-") == [RECORD]


def test_the_json_copy_of_a_log_is_left_out_of_a_folder(tmp_path):
    write(tmp_path / "a.json", json.dumps(log_of(SAMPLE)))
    write(tmp_path / "a.eval", b"PK\x03\x04")
    files, warnings = find_input_files(tmp_path)
    assert [file.path for file in files] == [str(tmp_path / "a.eval")]
    assert warnings == [f"{tmp_path / 'a.json'} is left out, as {tmp_path / 'a.eval'} is the same log"]


def test_attachments_are_put_where_they_belong_up_to_the_cap(tmp_path):
    sample = {
        **SAMPLE,
        "input": "attachment://q",
        "messages": [{"role": "user", "content": "attachment://q"}, {"role": "assistant", "content": "attachment://x"}],
        "attachments": {"q": "a long question"},
    }
    (record,) = records_of(write(tmp_path / "a.json", json.dumps(log_of(sample))))
    assert record["input"] == record["messages"][0]["content"] == "a long question"
    assert record["messages"][1]["content"] == "attachment://x"  # an attachment that the log does not hold
    many = {**sample, "messages": [sample["messages"][0]] * 50, "attachments": {"q": "x" * 1000}}
    (row,) = rows_of(write(tmp_path / "a.json", json.dumps(log_of(many))), Caps(max_line_bytes=8000))
    assert row.fault == "the sample's attachments have more than 32000 characters"


def test_older_logs_have_the_completion_in_the_message_only(tmp_path):
    for message, completion in ((REPLY, "4"), ({"role": "assistant", "content": "5"}, "5")):
        sample = {**SAMPLE, "output": {"choices": [{"message": message}]}}
        (record,) = records_of(write(tmp_path / "a.json", json.dumps(log_of(sample))))
        assert record["completion"] == completion
    failed = {**SAMPLE, "output": {}, "scores": None, "error": {"message": "timeout", "traceback": "..."}}
    (record,) = records_of(write(tmp_path / "a.json", json.dumps(log_of(failed))))
    assert (record["completion"], record["scores"], record["error"]) == (None, {}, "timeout")


def test_a_sample_that_cannot_be_read_is_set_aside(tmp_path):
    deep: object = "x"
    for _ in range(250):
        deep = [deep]
    content = json.dumps(
        log_of(SAMPLE, "no sample", {**SAMPLE, "messages": deep}, {**SAMPLE, "id": "z" * 5000}, SAMPLE)
    )
    rows = rows_of(write(tmp_path / "a.json", content), Caps(max_line_bytes=4000))
    assert [row.fault for row in rows] == [
        "",
        "the sample is not an object",
        "nested more than 200 levels deep",
        "longer than the cap of 4000 bytes a row",
        "",
    ]


def test_a_log_that_is_cut_short_keeps_the_samples_before_the_cut(tmp_path):
    content = json.dumps(log_of(SAMPLE, SAMPLE))
    rows = rows_of(write(tmp_path / "a.json", content[:-30]))
    assert [row.record for row in rows] == [RECORD, None]
    assert rows[1].fault == "not valid JSON: a value is cut short; the rest is not read"


def test_a_log_without_samples_has_no_rows(tmp_path):
    log = log_of()
    del log["samples"]
    assert rows_of(write(tmp_path / "a.json", json.dumps(log))) == []


@pytest.mark.parametrize("content", ["[1]", '{"lr": 1}', '{"eval": "x', "", '{"samples": [{"id": 1}]}'])
def test_what_is_no_log_is_refused_if_it_is_named_one(content, tmp_path):
    (file,), _ = find_input_files(write(tmp_path / "a.json", content))
    file.kind = "inspect"  # as the dialect inspect has it
    with pytest.raises(InputError, match=r"a\.json (is not|cannot be read as) an Inspect log"):
        list(iter_rows(file, Caps()))


def test_logs_are_told_by_their_keys():
    assert is_inspect_log(log_of())
    assert begins_inspect_log(json.dumps(log_of(), indent=1).encode()[:100])
    assert not is_inspect_log({"status": "success", "eval": {"score": 1}, "samples": []})
    assert not begins_inspect_log(b'{"version": 2, "status": "success", "data": []}')
