"""Format of each tool's export and import, beyond the round trip in test_exchange.py."""

import csv
import io
import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation import formats_csv, formats_doccano, formats_label_studio, formats_prodigy
from sgram.annotation.formats_csv import guard_formula, unguard_formula
from sgram.annotation.items import LABELS
from sgram.errors import InputError
from tests.builders.annotation_examples import item, sample

ITEMS = sample(item()).blinded_items  # a1: "But wait, is it?", the phrase from 4 to 8


def label_studio(**annotation):
    (task,) = json.loads(formats_label_studio.encode_tasks(ITEMS))
    return json.dumps([{**task, "annotations": [annotation]}]).encode()


def parse_rows(parse, *rows):
    return list(parse("".join(json.dumps(row) + "\n" for row in rows).encode(), "here"))


# -- Label Studio ---------------------------------------------------------------------------------------


def test_a_task_shows_the_phrase_between_marks():
    assert json.loads(formats_label_studio.encode_tasks(ITEMS)) == [
        {
            "data": {
                "item": "a1",
                "text": "But wait, is it?",
                "start": 4,
                "end": 8,
                "gram": "wait",
                "marked": "But ⟦wait⟧, is it?",
            }
        }
    ]


def test_the_config_is_xml_with_guideline_labels_and_hotkeys():
    config = formats_label_studio.encode_labeling_config()
    view = ElementTree.fromstring(config)  # noqa: S314
    choices = view.findall("./Choices/Choice")
    assert [(choice.get("value"), choice.get("hotkey")) for choice in choices] == list(
        zip(LABELS, "12345670", strict=True)
    )
    assert all(choice.get("hint") for choice in choices)
    assert (view.find("Choices").get("toName"), view.find("Text").get("value")) == ("text", "$marked")
    guideline = " ".join(header.get("value") for header in view.find("Collapse").iter("Header"))
    assert "says what is asked or what is to be done next; plans" in guideline
    assert "Borderline cases" in guideline


@pytest.mark.parametrize(
    ("completed_by", "rater"),
    [(3, "3"), ({"id": 3, "email": "a@b.c"}, "a@b.c"), ({"id": 3, "email": ""}, "3"), (None, None), ({"id": 4}, "4")],
)
def test_a_rater_is_a_number_or_an_object(completed_by, rater):
    choice = {"value": {"choices": ["other"]}, "type": "choices"}
    (answer,) = formats_label_studio.parse_answers(label_studio(completed_by=completed_by, result=[choice]), "here")
    assert (answer.rater, answer.label) == (rater, "other")


def test_regions_count_as_labels_and_skipped_annotations_do_not():
    region = {"value": {"start": 4, "end": 8, "text": "wait", "labels": ["backtracking"]}, "type": "labels"}
    mark = {"value": {"start": 4, "end": 8, "labels": ["phrase"]}, "type": "labels"}
    (answer,) = formats_label_studio.parse_answers(label_studio(completed_by=1, result=[mark, region]), "here")
    assert answer.label == "backtracking"
    for skipped in ({"was_cancelled": True, "result": [region]}, {"result": []}, {"result": [mark]}, {}):
        (answer,) = formats_label_studio.parse_answers(label_studio(completed_by=1, **skipped), "here")
        assert answer.label is None


def test_two_choices_are_refused_and_several_annotators_are_several_answers():
    first, second = ({"value": {"choices": [label]}} for label in ("other", "deduction"))
    with pytest.raises(InputError, match=r"here, task 1 has 2 labels \(deduction, other\)"):
        list(formats_label_studio.parse_answers(label_studio(result=[first, second]), "here"))
    (task,) = json.loads(formats_label_studio.encode_tasks(ITEMS))
    both = [{"completed_by": 1, "result": [first]}, {"completed_by": 2, "result": [second]}]
    parsed = formats_label_studio.parse_answers(json.dumps([{**task, "annotations": both}]).encode(), "here")
    assert [(answer.rater, answer.label) for answer in parsed] == [("1", "other"), ("2", "deduction")]


# -- Prodigy --------------------------------------------------------------------------------------------


def test_a_prodigy_task_has_a_span_options_and_an_id():
    row = json.loads(formats_prodigy.encode_tasks(ITEMS))
    assert [option["id"] for option in row["options"]] == list(LABELS)
    assert (row["text"], row["spans"]) == ("But wait, is it?", [{"start": 4, "end": 8, "label": "phrase"}])
    assert row["meta"] == {"item": "a1"}


def test_only_accepted_tasks_have_a_label():
    row = json.loads(formats_prodigy.encode_tasks(ITEMS))
    for answer_field, label in (("accept", "other"), ("reject", None), ("ignore", None)):
        (answer,) = parse_rows(formats_prodigy.parse_answers, {**row, "accept": ["other"], "answer": answer_field})
        assert answer.label == label
    (answer,) = parse_rows(
        formats_prodigy.parse_answers, {**row, "accept": [], "answer": "accept", "_session_id": "set-ada"}
    )
    assert (answer.label, answer.rater) == (None, "set-ada")
    del row["item"]  # old versions of Prodigy keep only meta
    (answer,) = parse_rows(formats_prodigy.parse_answers, {**row, "accept": ["other"], "answer": "accept"})
    assert answer.item == "a1"


# -- doccano --------------------------------------------------------------------------------------------


def test_a_doccano_document_has_a_span_with_a_placeholder():
    assert json.loads(formats_doccano.encode_tasks(ITEMS)) == {
        "text": "But wait, is it?",
        "label": [[4, 8, "phrase"]],
        "item": "a1",
    }


@pytest.mark.parametrize(
    ("annotations", "label", "span"),
    [
        ({"label": [[4, 8, "other"]]}, "other", (4, 8)),
        ({"label": [[4, 8, "phrase"], [4, 9, "other"]]}, "other", (4, 9)),
        ({"label": ["other"]}, "other", None),
        ({"label": "other"}, "other", None),
        ({"label": []}, None, None),
        ({"label": [[4, 8, "phrase"]]}, None, (4, 8)),
        ({"entities": [{"id": 1, "label": "other", "start_offset": 4, "end_offset": 8}]}, "other", (4, 8)),
        ({"entities": [[4, 8, "phrase"]], "cats": ["other"]}, "other", (4, 8)),
    ],
)
def test_every_layout_of_doccano_labels_is_read(annotations, label, span):
    (answer,) = parse_rows(
        formats_doccano.parse_answers, {"id": 7, "item": "a1", "text": "But wait, is it?", **annotations}
    )
    assert (answer.label, answer.span) == (label, span)


def test_an_invalid_span_is_refused():
    with pytest.raises(InputError, match=r"here:1: invalid span \[4, 8\]; must be \[start, end, label\]"):
        parse_rows(formats_doccano.parse_answers, {"item": "a1", "text": "x", "label": [[4, 8]]})


# -- tables ---------------------------------------------------------------------------------------------


def test_a_table_has_the_phrase_between_marks_and_empty_cells_to_fill():
    data = formats_csv.encode_tasks(ITEMS)
    assert data.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert row == {
        "item": "a1",
        "text": "But ⟦wait⟧, is it?",
        "gram": "wait",
        "label": "",
        "rater": "",
        "start": "4",
        "end": "8",
    }


@given(st.text(max_size=8) | st.sampled_from(["=1", "+1", "-1", "@x", "\tx", "\rx", "'x", "''x", "'=x", "'"]))
def test_no_cell_is_a_formula_and_unguarding_is_exact(cell):
    assert not guard_formula(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard_formula(guard_formula(cell)) == cell


def test_names_with_an_apostrophe_are_unchanged():
    assert unguard_formula("'t Hooft") == "'t Hooft"


def test_tables_saved_by_spreadsheets_are_read():
    for text in (
        "Item;Label;Rater\na1; other ;ada\n\n",  # semicolons, capitals, spaces, an empty line
        "rater\tlabel\titem\r\nada\tother\ta1\r\n",
        '"item","text","label","rater"\n"a1","whatever","other","ada"\n',
    ):
        assert formats_csv.is_annotation_table(text)
        (answer,) = formats_csv.parse_answers(text.encode(), "here")
        assert (answer.item, answer.label, answer.rater) == ("a1", "other", "ada")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"item,text\na1,x\n", "here: the first row must name the column label once \\(found 0 times\\)"),
        (b"item,label,label\na1,x,y\n", "here: the first row must name the column label once \\(found 2 times\\)"),
        (b"item,label\na1,other,more\n", "here, row 2 has 3 cells, the header has 2"),
        (b"item,label\n,other\n", "here, row 2: missing item"),
        (b'item,label\na1,"oth\n', "here, line 2 is not valid CSV"),
        (b"item,label\na1,\xff\n", "here is not UTF-8"),
        (b"item,label,start,end\na1,other,x,8\n", r"here, row 2: start and end must be integers \(got x, 8\)"),
    ],
)
def test_an_invalid_table_is_refused(content, message):
    with pytest.raises(InputError, match=message):
        list(formats_csv.parse_answers(content, "here"))
