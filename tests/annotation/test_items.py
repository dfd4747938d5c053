"""Items and the file that is their key: what is written is read, and whatever was changed is refused."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, LABELS, ShownItem, items_bytes, parse_json, read_items
from sgram.errors import InputError, UsageError
from sgram.lexicon import MOVES
from tests.builders.annotation_examples import item, sample, samples

TWO = sample(item("b2", "So let me see.", "let me", "control"), item("a1", cluster=3), name="made", asked=9)


@pytest.fixture
def written(tmp_path):
    def write(data: bytes):
        path = tmp_path / "key.items.jsonl"
        path.write_bytes(data)
        return path

    return write


def rows_of(made):
    return [json.loads(line) for line in items_bytes(made).decode().split("\n")[:-1]]


def with_rows(rows) -> bytes:
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
def test_what_is_written_is_read(made):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.write_bytes(items_bytes(made))
        assert read_items(path) == made


def test_it_comes_back_from_the_file(written):
    back = read_items(written(items_bytes(TWO)))
    assert back == TWO
    assert back.source == {"name": "made", "asked": 9}


def test_what_annotators_see_has_no_place_for_the_rest():
    assert TWO.shown == (ShownItem("a1", "But wait, is it?", 4, 8), ShownItem("b2", "So let me see.", 3, 9))
    assert TWO.shown[1].gram == "let me"
    assert set(ShownItem.__dataclass_fields__) == {"item", "text", "start", "end"}


def test_labels_are_the_moves_and_procedural_each_with_a_key():
    assert list(LABELS) == [*MOVES, "procedural"]
    assert list(LABEL_MEANINGS) == list(LABEL_KEYS) == list(LABELS)
    assert "".join(LABEL_KEYS.values()) == "1234560"


def test_the_digest_changes_with_any_field():
    digests = {
        sample(item(**change)).digest
        for change in ({}, {"name": "a2"}, {"text": "A wait"}, {"kind": "control"}, {"cluster": 1}, {"model": "m"})
    }
    assert len(digests) == 6
    assert sample(item("b"), item("a")).digest == sample(item("a"), item("b")).digest


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "other"}, "kind is 'other'; one of sg, control"),
        ({"cluster": None}, "an sg has a cluster and a move"),
        ({"kind": "control", "cluster": 1}, "a control has none"),
        ({"move": "guess"}, "an sg has a cluster and a move"),
        ({"start": -1}, "-1 to 8 is no stretch"),
        ({"end": 99}, "4 to 99 is no stretch"),
        ({"start": 8}, "8 to 8"),
        ({"start": True}, "no stretch"),
        ({"trace": ""}, "trace must be"),
        ({"name": 5}, "item must be"),
        ({"model": 5}, "model must be a text"),
    ],
)
def test_an_item_that_cannot_be_is_refused(fields, says):
    with pytest.raises(UsageError, match=says):
        item(**fields)


def test_an_item_twice_is_refused():
    with pytest.raises(UsageError, match="the item a1 is there twice"):
        sample(item(), item())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: [], "is empty; give the .items.jsonl file"),
        (lambda rows: rows[1:], 'no items file: its first row has no "format"'),
        (lambda rows: [{**rows[0], "version": 2}, *rows[1:]], "version is 2, this sgram reads 1"),
        (lambda rows: [{**rows[0], "seed": "x"}, *rows[1:]], "seed a whole number"),
        (lambda rows: rows[:2], r"was changed or cut since the export \(1 rows, the header says 2\)"),
        (lambda rows: [rows[0], rows[1], {**rows[2], "gram": "let us"}], "was changed or cut"),
        (lambda rows: [rows[0], rows[1], rows[1]], "the item a1 is there twice"),
        (lambda rows: [rows[0], {**rows[1], "extra": 1}], ":2: a row has the fields item, kind"),
        (lambda rows: [rows[0], {**rows[1], "start": 99}], ":2: 99 to 8 is no stretch of the text"),
        (lambda rows: [rows[0], [1]], ":2 is no JSON object"),
    ],
)
def test_a_file_that_was_changed_is_refused_with_its_place(change, says, written):
    with pytest.raises(InputError, match=says):
        read_items(written(with_rows(change(rows_of(TWO)))))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1e999', "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b'"\\ud800"', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "not valid JSON"),
    ],
)
def test_json_that_is_none_is_refused(data, says):
    with pytest.raises(InputError, match=f"here.*{says}"):
        parse_json(data, "here")
    assert parse_json(b'\xef\xbb\xbf"\\ud83d\\ude00"', "here") == "😀"
