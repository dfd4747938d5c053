"""Reading and writing ratings: every layout, and every kind of invalid file."""

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
    b'{"item": "i2", "rater": "ben", "label": "branching", "note": "ignored"}\n'
    b'{"item": "i1", "rater": "anna", "label": "procedural"}\n'
)
RATINGS = [Rating("i1", "anna", "procedural"), Rating("i2", "ben", "branching")]


@pytest.fixture
def write_file(tmp_path):
    def write(content: bytes | str, name: str = "r.jsonl"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def fault(path) -> str:
    with pytest.raises(InputError) as raised:
        load_ratings(path)
    return str(raised.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    "content",
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
        b'\xef\xbb\xbf"Item";"Rater";"Label"\r\n"i2";"ben";"branching"\r\n"i1";"anna";"procedural"\r\n',
        b'item,"note, of the rater",annotator,label\ni2,x,ben,branching\ni1,,anna,procedural\n',
        b'{"item": "i2", "labels": {"ben": "branching"}}\n{"id": "i1", "labels": {"anna": "procedural"}}\n',
    ],
    ids=[
        "jsonl",
        "bom_crlf",
        "blank_lines",
        "gzip",
        "zstd",
        "csv",
        "csv_bom_crlf",
        "csv_quoted",
        "tab",
        "csv_quoted_header",
        "csv_annotator",
        "wide",
    ],
)
def test_every_layout_gives_the_same_sorted_ratings(write_file, content):
    assert read_ratings(write_file(content, "whatever")) == RATINGS


def test_a_wide_row_is_named_by_its_document_and_offsets_where_it_has_no_id(write_file):
    row = {"doc_id": "d", "start": 3, "end": 9, "text": "x", "labels": {"A": "planning", "D": "fact", "B": None}}
    assert read_ratings(write_file(json.dumps(row))) == [Rating("d:3-9", "A", "planning"), Rating("d:3-9", "D", "fact")]


def test_sentences_of_one_document_are_items_of_their_own(write_file):
    rows = [{"id": "d", "start": n, "end": n + 1, "labels": {"A": "plan"}} for n in (0, 1)]
    path = write_file("\n".join(map(json.dumps, rows)))
    assert [rating.item for rating in read_ratings(path)] == ["d:0-1", "d:1-2"]


def test_each_of_several_files_without_raters_is_of_the_rater_that_it_is_named_after(write_file):
    ben = write_file("item,label\ni2,branching\n", "ben.csv")
    anna = write_file('{"item": "i1", "label": "procedural"}\n', "anna.jsonl")
    loaded = load_ratings([ben, anna])
    assert list(loaded.ratings) == RATINGS
    assert loaded.file_raters == ((str(ben), "ben"), (str(anna), "anna"))
    assert [rating.rater for rating in load_ratings([ben, anna], {str(ben): "zoe"}).ratings] == ["anna", "zoe"]
    assert "does not name item, rater and label" in fault(ben)
    assert load_ratings(ben, {str(ben): "zoe"}).ratings[0].rater == "zoe"


def test_a_name_replaces_the_only_rater_of_a_file_and_never_two(write_file):
    one = write_file("item,label,annotator\ni1,x,3\ni2,x,3\n", "a.csv")
    assert {rating.rater for rating in load_ratings(one, {str(one): "ada"}).ratings} == {"ada"}
    two = write_file("item,label,annotator\ni1,x,3\ni2,x,4\n", "b.csv")
    with pytest.raises(InputError, match=r"has ratings of several raters \('3', '4'\), which would become one, 'ada'"):
        load_ratings(two, {str(two): "ada"})


def test_two_labels_of_an_item_in_a_file_without_raters_are_refused(write_file):
    path = write_file("item,label\ni1,x\ni1,x\n", "a.csv")
    with pytest.raises(InputError, match=r":2 and .*:3 both label item 'i1' and name no rater"):
        load_ratings(path, {str(path): "ada"})


def test_integers_are_names(write_file):
    assert read_ratings(write_file('{"item": 7, "rater": 1, "label": 0}')) == [Rating("7", "1", "0")]


def test_several_files_and_stdin_are_read_as_one(write_file, monkeypatch):
    first, second = write_file(ROWS[: ROWS.index(b"\n")], "a"), ROWS[ROWS.index(b"\n") :]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(second))))
    assert read_ratings([first, "-"]) == RATINGS


def test_a_blank_label_is_ignored_and_counted(write_file):
    loaded = load_ratings(write_file(ROWS + b'{"item": "i3", "rater": "ben", "label": null}\n'))
    assert (list(loaded.ratings), loaded.n_blank) == (RATINGS, 1)
    loaded = load_ratings(write_file("item,rater,label\ni2,ben,branching\ni2,anna, \ni1,anna,procedural\n"))
    assert (list(loaded.ratings), loaded.n_blank) == (RATINGS, 1)


def test_a_table_without_labels_has_no_ratings(write_file):
    path = write_file("item,text,label,rater\ni1,wait,,\ni2,so,,\n")
    assert "no ratings in FILE (all 2 labels are empty)" in fault(path)
    assert "FILE:2: rater must be a non-empty string" in fault(
        write_file("item,text,label,rater\ni1,wait,branching,\n")
    )


def test_a_repeated_rating_counts_once_and_is_reported(write_file):
    path = write_file(ROWS + ROWS)
    loaded = load_ratings(path)
    assert (list(loaded.ratings), loaded.n_repeated) == (RATINGS, 2)
    repetition = loaded.first_repeated.replace(str(path), "FILE")
    assert repetition == "FILE:1 and FILE:3: rater 'ben' labels item 'i2' twice, as 'branching'"
    assert load_ratings([path, path]).n_repeated == 2 + 4
    assert (load_ratings(write_file(ROWS)).n_repeated, load_ratings(write_file(ROWS)).first_repeated) == (0, "")


def test_contradictory_ratings_are_refused_with_both_lines(write_file):
    first, second = write_file(ROWS, "a.jsonl"), write_file("item,rater,label\n\ni1,anna,branching\n", "b.csv")
    with pytest.raises(InputError) as raised:
        load_ratings([first, second])
    assert str(raised.value) == (
        f"{first}:2 and {second}:3: rater 'anna' labels item 'i1' as 'procedural' and as 'branching'; "
        "keep the intended one"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "FILE:3 is not valid JSON"),
        ('{"item": "i", "rater": "r", "label": NaN}', "FILE:3 is not valid JSON"),
        ("[" * 100_000, "FILE:3 is not valid JSON"),
        (b'{"item": "\xff", "rater": "r", "label": "x"}', "FILE:3 is not valid JSON"),
        ("3", "FILE:3 is not a JSON object"),
        ('{"rater": "r", "label": "x"}', "FILE:3: missing item"),
        ('{"item": "i", "label": "x"}', "FILE:3: missing rater; a row must be"),
        ('{"item": "i"}', "FILE:3: missing rater and label; a row must be"),
        ('{"item": "", "rater": "r", "label": "x"}', 'FILE:3: item must be a non-empty string (got "")'),
        ('{"item": "i", "rater": " ", "label": "x"}', "FILE:3: rater must be a non-empty string"),
        ('{"item": "i", "rater": "r", "label": true}', "FILE:3: label must be a non-empty string (got true)"),
        ('{"item": "i", "rater": "r", "label": ["x"]}', 'FILE:3: label must be a non-empty string (got ["x"])'),
        ('{"item": "i", "labels": ["x"]}', 'FILE:3: labels must be an object {rater: label} (got ["x"])'),
        ('{"item": "i", "labels": {}, "label": "x"}', "FILE:3 has both label and labels"),
        ('{"format": "sgram-annotation"}', "not of ratings; give it with --items"),
        ('{"format": "sgram-lexicon"}', "FILE:3 is the header of a file of the format 'sgram-lexicon'"),
    ],
)
def test_an_invalid_row_is_refused_with_its_line(write_file, row, message):
    assert message in fault(write_file(ROWS + (row if isinstance(row, bytes) else row.encode())))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no ratings in FILE; a row must be {"),
        ("\n\n", "no ratings in FILE; a row must be {"),
        ("item,rater,label\n", "no ratings in FILE; a row must be {"),
        ('{"item": "i", "rater": "r", "label": ""}', "no ratings in FILE (all 1 labels are empty)"),
        (
            '[{"id": 1}]',
            "FILE is a JSON array, as Label Studio exports; convert it to ratings with sgram annotate import",
        ),
        ("item,who,label\na,b,c\n", "FILE:1: the header 'item,who,label' does not name item, rater and label"),
        ("item,rater,label\na,b,c\na,b,c,d\n", "FILE:3 has 4 cells, the header has 3; put quotes around a cell"),
        ("item,rater,label\na,b\n", "FILE:2 has 2 cells, the header has 3"),
        ('item,rater,label\n"a\nb",r,x\nc,r\n', "FILE:4 has 2 cells, the header has 3"),
        ('item,rater,label\na,b,"c\n\n', "FILE:2 is not valid CSV"),
        ("item,rater,label\n,b,c\n", "FILE:2: item must be a non-empty string"),
        (b"item,rater,label\n\xff,b,c\n", "FILE:2 is not UTF-8"),
        (b"PAR1 and so on", "FILE is Parquet"),
    ],
)
def test_a_file_without_ratings_is_refused(write_file, content, message):
    assert message in fault(write_file(content))


def test_a_damaged_file_is_refused(write_file):
    assert "corrupt gzip data" in fault(write_file(gzip.compress(ROWS * 99)[:-20]))


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip)


@given(labels=st.dictionaries(st.tuples(names, names), names, min_size=1, max_size=8), data=st.data())
def test_ratings_round_trip_and_their_order_does_not_matter(tmp_path_factory, labels, data):
    ratings = [Rating(item, rater, label) for (item, rater), label in labels.items()]
    folder = tmp_path_factory.mktemp("written")
    write_ratings(folder / "a.jsonl", ratings)
    write_ratings(folder / "b.jsonl", data.draw(st.permutations(ratings)) + ratings[:1])
    assert read_ratings(folder / "a.jsonl") == sorted(ratings)
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()


def test_ratings_go_to_stdout_for_a_hyphen(capsysbinary):
    write_ratings("-", [Rating("i", "é", "x")])
    assert capsysbinary.readouterr().out == '{"item":"i","label":"x","rater":"é"}\n'.encode()


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl.gz", "r.ZST", "r.parquet"])
def test_ratings_are_not_written_under_the_suffix_of_another_format(tmp_path, name):
    with pytest.raises(UsageError, match=r"use a file name that ends in \.jsonl"):
        write_ratings(tmp_path / name, RATINGS)
    assert list(tmp_path.iterdir()) == []
