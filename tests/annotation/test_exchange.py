"""Export, annotators, import: the ratings are exactly theirs, and what cannot be meant is said in a sentence."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.exchange import FORMATS, READERS, SUFFIXES, check_answer, detect, export_files, import_answers
from sgram.annotation.items import LABELS
from sgram.annotation.ratings import Rating
from sgram.errors import InputError, UsageError
from tests.builders.annotation_examples import ANNOTATORS, filled_samples, in_prodigy, item, sample

ONE = sample(item())
EXPORTS = [(name, fill) for name, fills in ANNOTATORS.items() for fill in fills]


def ratings_rows(labels, rater):
    return "".join(
        json.dumps({"item": name, "rater": rater, "label": label}) + "\n" for name, label in labels.items() if label
    ).encode()


@pytest.fixture
def given_file(tmp_path):
    def write(data: bytes, name="filled.jsonl"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@given(filled_samples(), st.sampled_from(["ada", "Zoë 👩‍💻", "3", "=cmd", "'t Hooft"]))
@settings(max_examples=60)
def test_export_and_import_give_the_ratings_back_and_touch_no_text(made, rater):
    sampled, labels = made
    items = {each.item: each for each in sampled.items}
    for name, fill in EXPORTS:
        data = fill(export_files(name, sampled.shown)[""], labels, rater)
        assert detect(data, "here") == name
        answers = list(READERS[name](data, "here"))
        assert {answer.item: answer.label for answer in answers} == labels
        assert {answer.rater for answer in answers} == {rater}
        for answer in answers:
            check_answer(answer, items)
            assert answer.text == items[answer.item].text
            assert answer.span in ((items[answer.item].start, items[answer.item].end), None)
            assert answer.span is not None or fill.__name__ == "in_doccano_documents"


@pytest.mark.parametrize(("name", "fill"), EXPORTS)
def test_files_become_ratings(name, fill, given_file):
    made = sample(item("a1"), item("b2"), item("c3", kind="control"))
    data = export_files(name, made.shown)[""]
    labels = {"a1": "backtracking", "b2": None, "c3": "procedural"}
    files = [given_file(fill(data, labels, rater), f"{rater}{SUFFIXES[name]}") for rater in ("ada", "bob")]
    for told in (name, "auto"):
        imported = import_answers(files, made, format_name=told)
        assert imported.ratings == (
            Rating("a1", "ada", "backtracking"),
            Rating("a1", "bob", "backtracking"),
            Rating("c3", "ada", "procedural"),
            Rating("c3", "bob", "procedural"),
        )
        assert (imported.n_unanswered, imported.n_repeated) == (2, 0)


def test_the_page_s_download_is_read_as_it_is(given_file):
    path = given_file(ratings_rows({"a1": "other"}, "ada"))
    assert import_answers([path], ONE).ratings == (Rating("a1", "ada", "other"),)


def test_strategic_without_a_move_is_a_label_too(given_file):
    path = given_file(ratings_rows({"a1": "strategic"}, "ada"))
    assert import_answers([path], ONE).ratings == (Rating("a1", "ada", "strategic"),)


def test_the_rater_is_the_file_s_else_the_one_named_else_the_file_s_name(given_file):
    row = b'{"item": "a1", "label": "other"%s}\n'
    anonymous, told = given_file(row % b"", "eve.jsonl"), given_file(row % b', "rater": "bob"', "x.jsonl")
    assert import_answers([anonymous], ONE).ratings[0].rater == "eve"
    assert import_answers([anonymous], ONE, rater="zoe").ratings[0].rater == "zoe"
    assert import_answers([told], ONE, rater="zoe").ratings[0].rater == "bob"


def test_no_export_tells_what_annotators_must_not_know():
    made = sample(
        item("a1", "But wait, is it?", trace="TRACE-ID", model="MODEL-NAME", cluster=777),
        item("b2", "But wait, is it?", kind="control", trace="TRACE-ID", model="MODEL-NAME"),
    )
    for name in ANNOTATORS:
        data = export_files(name, made.shown)[""].decode("utf-8-sig")
        assert not [told for told in ("TRACE-ID", "MODEL-NAME", "777", '"sg"', "control", "cluster") if told in data]
        # but for their ids the two are alike
        a, b = (data.replace(each.item, "ID").count("ID") for each in made.items)
        assert a == b


def test_the_guideline_goes_with_every_export():
    for name in ANNOTATORS:
        (beside,) = [data for ending, data in export_files(name, ONE.shown).items() if ending]
        assert "procedural" in beside.decode()
    with pytest.raises(UsageError, match="'excel' is no format; there are: label-studio, prodigy, doccano, csv, html"):
        export_files("excel", ONE.shown)
    assert set(FORMATS) == set(SUFFIXES) == {*ANNOTATORS, "html"}


PRODIGY = export_files("prodigy", ONE.shown)[""]
PRODIGY_OTHER = in_prodigy(PRODIGY, {"a1": "other"}, "ada")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", r"filled.jsonl is empty; give the file that the annotation tool exported"),
        (b" \n\n", "is empty"),
        (b"hello, world\n1,2\n", "of no known format: neither JSON nor a table"),
        (b'{"a": 1}\n', "its first row has the keys a; name it with --format"),
        (b'{"format": "sgram-annotation", "lexicon": "d"}\n', "is the items file of an export"),
        (b"[1]", "task 1 is no JSON object"),
        (b"[", "is not valid JSON"),
        (b'{"item": ', ":1 is not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (ratings_rows({"zz": "other"}, "ada"), "item 'zz' is not in the items file; give the .items.jsonl of"),
        (ratings_rows({"a1": "guess"}, "ada"), "item 'a1' has the unknown label 'guess'; one of deduction, branching"),
        (ratings_rows({"a1": "\u202e"}, "ada"), r"unknown label '\\u202e'"),
        (b'{"item": "a1", "label": 3}\n', ":1: label must be a text, not 3"),
        (b'{"item": 5, "label": "other"}\n', ':1 has no "item"'),
        (
            ratings_rows({"a1": "other"}, "ada") + ratings_rows({"a1": "deduction"}, "ada"),
            r":1 and .*:2: rater 'ada' labels item 'a1' 'other' and 'deduction'; keep the one that is meant",
        ),
        (PRODIGY_OTHER.replace(b"But wait", b"So, wait"), "the text of item 'a1' was changed since the export"),
        (in_prodigy(PRODIGY, {"a1": None}, "ada"), r"no item in .* has a label yet \(1 answers are empty or skipped\)"),
        (
            PRODIGY_OTHER.replace(b'"answer": "accept"', b'"answer": "maybe"'),
            "answer is 'maybe'; Prodigy writes one of accept, reject, ignore",
        ),
        (
            PRODIGY_OTHER.replace(b'"accept": ["other"]', b'"accept": ["other", "deduction"]'),
            r"has 2 labels \(deduction, other\); keep the one that is meant",
        ),
        (
            PRODIGY_OTHER.replace(b'"start": 4, "end": 8', b'"start": 10, "end": 12'),
            "labeled from 10 to 12, but the phrase stands from 4 to 8",
        ),
        (ratings_rows({"a1": "other"}, "x" * 201), "a rater's name has at most 200 characters"),
    ],
)
def test_what_cannot_be_meant_is_said(data, says, given_file):
    with pytest.raises(InputError, match=says):
        import_answers([given_file(data)], ONE)


def test_the_same_answer_again_is_counted_not_refused(given_file):
    once = ratings_rows({"a1": "other"}, "ada")
    imported = import_answers([given_file(once, "a.jsonl"), given_file(once * 2, "b.jsonl")], ONE)
    assert (imported.ratings, imported.n_repeated) == ((Rating("a1", "ada", "other"),), 2)


def test_line_ends_that_a_tool_changed_are_no_change_of_the_text(given_file):
    made = sample(item(text="One.\r\nBut wait\rnow"))
    data = in_prodigy(export_files("prodigy", made.shown)[""], {"a1": "other"}, "ada")
    path = given_file(data.replace(b"\\r\\n", b"\\n").replace(b"\\r", b"\\n"))
    assert len(import_answers([path], made).ratings) == 1


def said(read, data):
    """(answers, what the refusal says)."""
    try:
        return list(read(data, "here")), ""
    except InputError as error:
        return [], str(error)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused_with_a_sentence(data):
    for read in READERS.values():
        found, fault = said(read, data)
        assert not fault or "here" in fault
        assert all(answer.item for answer in found)


TOP = ["item", "label", "text", "data", "annotations", "accept", "answer", "spans", "entities", "cats", "rater"]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["a1", "other", "phrase", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "item",
                    "label",
                    "text",
                    "data",
                    "meta",
                    "annotations",
                    "result",
                    "value",
                    "choices",
                    "answer",
                    "accept",
                    "spans",
                    "entities",
                    "completed_by",
                    "rater",
                    "start",
                    "end",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(TOP), values))
@settings(max_examples=200)
def test_any_json_is_read_or_refused_with_a_sentence(row):
    for name, read in READERS.items():
        data = json.dumps([row] if name == "label-studio" else row).encode()
        found, fault = said(read, data)
        assert not fault or "here" in fault
        assert all(type(answer.label) in (str, type(None)) for answer in found)


def test_labels_have_one_spelling():
    assert len(set(LABELS)) == len(LABELS) == len({label.lower() for label in LABELS})
