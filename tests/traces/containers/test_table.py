import json
import re

import pytest

from sgram.traces.containers.table import (
    CONTAINERS,
    JSON_HEAD_BYTES,
    READ_SUFFIXES,
    find_container,
    holds_rollouts,
    is_readable,
)


def test_every_container_says_what_it_is_in_one_line():
    for name, container in CONTAINERS.items():
        assert container.name == name
        assert container.suffixes
        assert container.description
        assert "\n" not in container.description
    suffixes = [suffix for container in CONTAINERS.values() for suffix in container.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(re.fullmatch(r"\.[a-z]+", suffix) for suffix in suffixes)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.jsonl", b'{"text": "so"}', "lines"),
        ("a.jsonl", b"", "lines"),
        ("a", b"", "lines"),
        ("a.txt", b"some words", "lines"),
        ("a.json", b"[", "json"),
        ("a.csv", b"prompt,text", "csv"),
        ("a.csv", b'{"text": "so"}', "lines"),
        ("a.parquet", b"PAR1", "parquet"),
        ("a.parquet", b'\xef\xbb\xbf {"text": "so"}', "lines"),
        ("a.parquet", b"hello", "parquet"),
        ("a.jsonl", b"PAR1", "parquet"),
        ("a.arrow", b"ARROW1\0\0", "arrow"),
        ("a", b"\xff\xff\xff\xff\x70\0\0\0", "arrow"),
        ("a.json", b"PK\x03\x04", "archive"),
        ("a.tar.zst", b"", "archive"),
        ("a.eval", b"PK\x03\x04", "inspect"),
        ("a.json", b'{"version": 2, "status": "started", "eval": {', "inspect"),
    ],
)
def test_the_suffix_decides_and_the_first_bytes_where_it_is_unknown_or_wrong(name, head, kind):
    assert find_container(name, head).name == kind


def test_files_of_folders_are_told_by_their_names():
    assert all(is_readable(f"a{suffix}") for suffix in READ_SUFFIXES)
    assert is_readable("a.JSONL.GZ")
    assert not any(map(is_readable, ("a.zip", "a.txt", "a.quarantine.jsonl", "a.examples.jsonl", "a.bin", "jsonl")))


ROLLOUT = {"question": "2+2?", "response": "4"}
MESSAGES = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}


@pytest.mark.parametrize(
    "document",
    [
        [ROLLOUT],
        [{"id": 1}, ROLLOUT],
        {"data": [ROLLOUT]},
        {"0": {"origin_prompt": "q", "prediction": "r", "gold": "r"}},
        {"columns": ["step", "prompt", "completion"], "data": [[1, "q", "r"]]},
        {"prompt": ["q"], "completion": ["r"]},
        {"request_states": [{"instance": {}, "request": {}, "result": {}}], "adapter_spec": {}},
        {"version": 2, "status": "error", "eval": {"task": "t"}},
        MESSAGES,
        [MESSAGES],
        [[{"role": "user", "content": "q"}]],
    ],
)
def test_documents_of_rollouts_are_told_from_their_beginning(document):
    for indent in (None, 1):
        assert holds_rollouts(json.dumps(document, indent=indent).encode())


@pytest.mark.parametrize(
    "beginning",
    [
        '[{"question": "q", "response": "r"}, {"question": "',
        '[\n {\n  "question": "q",\n  "response": "r"\n },\n {\n  "question": "',
        '{"model": {"name": "m"}, "n": 2, "data": [{"question": "q", "response": "r"}, {"question": "',
        '{"0": {"question": "q", "response": "r"}, "1": {"question": "',
        '{"columns": ["question", "response"], "data": [["q", "r"], ["',
        '{"version": 2, "status": "success", "eval": {"task": "',
    ],
)
def test_a_beginning_that_is_cut_is_enough(beginning):
    text = beginning + "x" * JSON_HEAD_BYTES
    assert holds_rollouts(text[:JSON_HEAD_BYTES].encode())


@pytest.mark.parametrize(
    "document",
    [
        {"lr": 0.1, "betas": [0.9, 0.99]},
        {"model_type": "qwen2", "architectures": ["A"], "rope": {"x": 1}},
        {"log_history": [{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.2}]},
        {"added_tokens": [{"id": 0, "content": "<unk>", "special": True}], "model": {"vocab": {}}},
        [{"step": 1, "loss": 0.1}],
        [{"id": 1, "content": "<unk>"}],
        {"name": "a", "version": "1.0", "input": "src/a.js", "output": "dist/a.js", "scripts": {"build": "x"}},
        {"prompt": "You are a helpful assistant.", "output": "results"},
        {"train": {"file_name": "a.json"}, "test": {"file_name": "b.json"}},
        {"splits": ["train", "test"]},
        {"<think>": 1, "</think>": 2},
        {"accuracy": 50.0, "n": 3},
        {},
        [],
        [1, 2],
        "text",
        7,
    ],
)
def test_settings_metrics_and_vocabularies_are_no_rollouts(document):
    for indent in (None, 1):
        assert not holds_rollouts(json.dumps(document, indent=indent).encode())


@pytest.mark.parametrize("content", [b"", b"hello", b"{", b"[", b'{"a"', b"\xff\xfe", b"[{]"])
def test_what_is_no_json_holds_no_rollouts(content):
    assert not holds_rollouts(content)
