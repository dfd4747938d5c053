"""Ratings as files hold them, in each form and each way they can be wrong."""

import gzip
import io
import json
import sys
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.ratings import Rating, load_ratings, read_ratings, write_ratings
from sgram.errors import InputError, UsageError

ROWS = (
    b'{"item": "i2", "rater": "ben", "label": "branching", "note": "passed over"}\n'
    b'{"item": "i1", "rater": "anna", "label": "procedural"}\n'
)
RATINGS = [Rating("i1", "anna", "procedural"), Rating("i2", "ben", "branching")]


@pytest.fixture
def file(tmp_path):
    def write(data: bytes | str, name: str = "r.jsonl"):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def fault(path) -> str:
    with pytest.raises(InputError) as raised:
        load_ratings(path)
    return str(raised.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        b"\xef\xbb\xbf" + ROWS.replace(b"\n", b"\r\n"),
        b"\n\n" + ROWS,
        gzip.compress(ROWS),
        zstandard.compress(ROWS),
        b"item,rater,label\ni2,ben,branching\ni1,anna,procedural\n",
        b"\xef\xbb\xbfitem,rater,label\r\ni2,ben,branching\r\n\r\ni1,anna,procedural",
        b'note;Label;RATER;item\n"a;b\nc";branching;ben;i2\n;procedural;anna;i1\n',
        b"item\trater\tlabel\ni2\tben\tbranching\ni1\tanna\tprocedural\n",
        b'{"item": "i2", "labels": {"ben": "branching"}}\n{"id": "i1", "labels": {"anna": "procedural"}}\n',
    ],
    ids=["jsonl", "bom_crlf", "blank_lines", "gzip", "zstd", "csv", "csv_bom_crlf", "csv_quoted", "tab", "wide"],
)
def test_each_form_gives_the_same_ratings_sorted(file, data):
    assert read_ratings(file(data, "whatever")) == RATINGS


def test_a_wide_row_is_named_by_its_document_and_offsets_where_it_has_no_id(file):
    row = {"doc_id": "d", "start": 3, "end": 9, "text": "x", "labels": {"A": "planning", "D": "fact", "B": None}}
    assert read_ratings(file(json.dumps(row))) == [Rating("d:3-9", "A", "planning"), Rating("d:3-9", "D", "fact")]


def test_whole_numbers_are_names(file):
    assert read_ratings(file('{"item": 7, "rater": 1, "label": 0}')) == [Rating("7", "1", "0")]


def test_several_files_and_stdin_are_read_as_one(file, monkeypatch):
    first, second = file(ROWS[: ROWS.index(b"\n")], "a"), ROWS[ROWS.index(b"\n") :]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(second))))
    assert read_ratings([first, "-"]) == RATINGS


def test_a_label_not_given_is_an_absent_row_and_counted(file):
    read = load_ratings(file(ROWS + b'{"item": "i3", "rater": "ben", "label": null}\n'))
    assert (list(read.ratings), read.n_blank) == (RATINGS, 1)
    read = load_ratings(file("item,rater,label\ni2,ben,branching\ni2,anna, \ni1,anna,procedural\n"))
    assert (list(read.ratings), read.n_blank) == (RATINGS, 1)


def test_a_table_that_nobody_has_filled_in_holds_no_ratings(file):
    path = file("item,text,label,rater\ni1,wait,,\ni2,so,,\n")
    assert "no ratings in FILE (all 2 labels are empty)" in fault(path)
    assert "FILE:2: rater must be a text" in fault(file("item,text,label,rater\ni1,wait,branching,\n"))


def test_the_same_rating_twice_counts_once_and_is_told(file):
    path = file(ROWS + ROWS)
    read = load_ratings(path)
    assert (list(read.ratings), read.n_repeated) == (RATINGS, 2)
    told = read.first_repeated.replace(str(path), "FILE")
    assert told == "FILE:1 and FILE:3: rater 'ben' judges item 'i2' twice, as 'branching'"
    assert load_ratings([path, path]).n_repeated == 2 + 4
    assert (load_ratings(file(ROWS)).n_repeated, load_ratings(file(ROWS)).first_repeated) == (0, "")


def test_a_rater_who_contradicts_themself_is_refused_with_both_lines(file):
    first, second = file(ROWS, "a.jsonl"), file("item,rater,label\n\ni1,anna,branching\n", "b.csv")
    with pytest.raises(InputError) as raised:
        load_ratings([first, second])
    assert str(raised.value) == (
        f"{first}:2 and {second}:3: rater 'anna' judges item 'i1' as 'procedural' and as 'branching'; "
        "keep the one that is meant"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "FILE:3 is not valid JSON"),
        ('{"item": "i", "rater": "r", "label": NaN}', "FILE:3 is not valid JSON"),
        ("[" * 100_000, "FILE:3 is not valid JSON"),
        (b'{"item": "\xff", "rater": "r", "label": "x"}', "FILE:3 is not valid JSON"),
        ("3", "FILE:3 is no object"),
        ('{"rater": "r", "label": "x"}', "FILE:3 names no item"),
        ('{"item": "i", "label": "x"}', "FILE:3 has no rater; a row is"),
        ('{"item": "i"}', "FILE:3 has no rater and no label; a row is"),
        ('{"item": "", "rater": "r", "label": "x"}', 'FILE:3: item must be a text that is not empty, not ""'),
        ('{"item": "i", "rater": " ", "label": "x"}', "FILE:3: rater must be a text that is not empty"),
        ('{"item": "i", "rater": "r", "label": true}', "FILE:3: label must be a text that is not empty, not true"),
        ('{"item": "i", "rater": "r", "label": ["x"]}', 'FILE:3: label must be a text that is not empty, not ["x"]'),
        ('{"item": "i", "labels": ["x"]}', 'FILE:3: labels must be an object {rater: label}, not ["x"]'),
        ('{"item": "i", "labels": {}, "label": "x"}', "FILE:3 has both label and labels"),
        ('{"format": "sgram-annotation"}', "not of ratings; give it with --items"),
        ('{"format": "sgram-lexicon"}', "FILE:3 is the header of a file of the format 'sgram-lexicon'"),
    ],
)
def test_a_bad_row_is_told_with_its_line(file, row, said):
    assert said in fault(file(ROWS + (row if isinstance(row, bytes) else row.encode())))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "no ratings in FILE; a row is {"),
        ("\n\n", "no ratings in FILE; a row is {"),
        ("item,rater,label\n", "no ratings in FILE; a row is {"),
        ('{"item": "i", "rater": "r", "label": ""}', "no ratings in FILE (all 1 labels are empty)"),
        ('[{"id": 1}]', "FILE is one JSON array, as Label Studio exports; sgram annotate import makes ratings"),
        ("item,who,label\na,b,c\n", "FILE:1: the header 'item,who,label' does not name item, rater and label"),
        ("item,rater,label\na,b,c\na,b,c,d\n", "FILE:3 has 4 cells, the header 3; put quotes around a cell"),
        ("item,rater,label\na,b\n", "FILE:2 has 2 cells, the header 3"),
        ('item,rater,label\n"a\nb",r,x\nc,r\n', "FILE:4 has 2 cells, the header 3"),
        ('item,rater,label\na,b,"c\n\n', "FILE:2 is not valid CSV"),
        ("item,rater,label\n,b,c\n", "FILE:2: item must be a text that is not empty"),
        (b"item,rater,label\n\xff,b,c\n", "FILE:2 is not UTF-8"),
        (b"PAR1 and so on", "FILE is Parquet"),
    ],
)
def test_a_file_that_holds_no_ratings_is_told(file, data, said):
    assert said in fault(file(data))


def test_a_damaged_file_is_told(file):
    assert "corrupt gzip data" in fault(file(gzip.compress(ROWS * 99)[:-20]))


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip)


@given(made=st.dictionaries(st.tuples(names, names), names, min_size=1, max_size=8), data=st.data())
def test_written_ratings_are_read_as_they_were_and_their_order_does_not_matter(tmp_path_factory, made, data):
    ratings = [Rating(item, rater, label) for (item, rater), label in made.items()]
    folder = tmp_path_factory.mktemp("written")
    write_ratings(folder / "a.jsonl", ratings)
    write_ratings(folder / "b.jsonl", data.draw(st.permutations(ratings)) + ratings[:1])
    assert read_ratings(folder / "a.jsonl") == sorted(ratings)
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()


def test_ratings_go_to_stdout_for_a_hyphen(capsysbinary):
    write_ratings("-", [Rating("i", "é", "x")])
    assert capsysbinary.readouterr().out == '{"item":"i","label":"x","rater":"é"}\n'.encode()


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl.gz", "r.ZST", "r.parquet"])
def test_ratings_are_not_written_under_a_name_that_promises_another_form(tmp_path, name):
    with pytest.raises(UsageError, match=r"end the name in \.jsonl"):
        write_ratings(tmp_path / name, RATINGS)
    assert list(tmp_path.iterdir()) == []
