"""Items and the items file: the file round-trips, and a changed file is refused."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from sgram.annotation.items import (
    LABEL_KEYS,
    LABEL_MEANINGS,
    LABELS,
    BlindedItem,
    encode_sample,
    parse_json,
    read_sample,
)
from sgram.errors import InputError, UsageError
from sgram.lexicon import MOVES
from tests.builders.annotation_examples import item, sample, samples

TWO = sample(item("b2", "So let me see.", "let me", "control"), item("a1", cluster=3), name="made", asked=9)


@pytest.fixture
def write_file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "key.items.jsonl"
        path.write_bytes(content)
        return path

    return write


def rows_of(sampled):
    return [json.loads(line) for line in encode_sample(sampled).decode().split("\n")[:-1]]


def encode_rows(rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_the_file_is_a_header_and_a_row_an_item_by_id():
    header, first, second = rows_of(TWO)
    assert header == {
        "format": "sgram-annotation",
        "version": 1,
        "lexicon": "d" * 64,
        "seed": 0,
        "n": 2,
        "digest": TWO.digest,
        "name": "made",
        "asked": 9,
    }
    assert first == {
        "item": "a1",
        "kind": "sg",
        "gram": "wait",
        "cluster": 3,
        "move": "backtracking",
        "trace": "t1",
        "model": None,
        "text": "But wait, is it?",
        "start": 4,
        "end": 8,
    }
    assert (second["item"], second["kind"], second["cluster"], second["move"]) == ("b2", "control", None, None)


@given(samples())
def test_the_items_file_round_trips(sampled):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.write_bytes(encode_sample(sampled))
        assert read_sample(path) == sampled


def test_the_source_round_trips(write_file):
    reread = read_sample(write_file(encode_sample(TWO)))
    assert reread == TWO
    assert reread.source == {"name": "made", "asked": 9}


def test_blinded_items_have_no_other_fields():
    assert TWO.blinded_items == (BlindedItem("a1", "But wait, is it?", 4, 8), BlindedItem("b2", "So let me see.", 3, 9))
    assert TWO.blinded_items[1].gram == "let me"
    assert set(BlindedItem.__dataclass_fields__) == {"item", "text", "start", "end"}


def test_labels_are_the_moves_and_procedural_each_with_a_key():
    assert list(LABELS) == [*MOVES, "procedural"]
    assert list(LABEL_MEANINGS) == list(LABEL_KEYS) == list(LABELS)
    assert "".join(LABEL_KEYS.values()) == "12345670"


def test_the_digest_changes_with_any_field():
    digests = {
        sample(item(**change)).digest
        for change in ({}, {"name": "a2"}, {"text": "A wait"}, {"kind": "control"}, {"cluster": 1}, {"model": "m"})
    }
    assert len(digests) == 6
    assert sample(item("b"), item("a")).digest == sample(item("a"), item("b")).digest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "other"}, "unknown kind 'other'; must be one of sg, control"),
        ({"cluster": None}, "an item of kind sg must have a cluster and a move"),
        ({"kind": "control", "cluster": 1}, "a control must have none"),
        ({"move": "guess"}, "an item of kind sg must have a cluster and a move"),
        ({"start": -1}, "invalid span -1 to 8"),
        ({"end": 99}, "invalid span 4 to 99"),
        ({"start": 8}, "invalid span 8 to 8"),
        ({"start": True}, "invalid span True to 8"),
        ({"trace": ""}, "trace must be"),
        ({"name": 5}, "item must be"),
        ({"model": 5}, "model must be a string"),
    ],
)
def test_an_invalid_item_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        item(**fields)


def test_a_duplicate_item_is_refused():
    with pytest.raises(UsageError, match="duplicate item a1"):
        sample(item(), item())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [], "is empty; give the .items.jsonl file"),
        (lambda rows: rows[1:], 'is not an items file: its first row lacks "format"'),
        (lambda rows: [{**rows[0], "version": 2}, *rows[1:]], r"unsupported version 2 \(this sgram reads 1\)"),
        (lambda rows: [{**rows[0], "seed": "x"}, *rows[1:]], "seed an integer"),
        (lambda rows: rows[:2], r"was changed or truncated after the export \(1 rows, the header says 2\)"),
        (lambda rows: [rows[0], rows[1], {**rows[2], "gram": "let us"}], "was changed or truncated"),
        (lambda rows: [rows[0], rows[1], rows[1]], "duplicate item a1"),
        (lambda rows: [rows[0], {**rows[1], "extra": 1}], ":2: a row must have exactly the fields item, kind"),
        (lambda rows: [rows[0], {**rows[1], "start": 99}], ":2: invalid span 99 to 8 in a text of 16 characters"),
        (lambda rows: [rows[0], [1]], ":2 is not a JSON object"),
    ],
)
def test_a_changed_file_is_refused_with_the_line(change, message, write_file):
    with pytest.raises(InputError, match=message):
        read_sample(write_file(encode_rows(change(rows_of(TWO)))))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": 1e999', "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b'"\\ud800"', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "not valid JSON"),
    ],
)
def test_invalid_json_is_refused(content, message):
    with pytest.raises(InputError, match=f"here.*{message}"):
        parse_json(content, "here")
    assert parse_json(b'\xef\xbb\xbf"\\ud83d\\ude00"', "here") == "😀"
