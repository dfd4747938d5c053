"""What each tool is given and gives back, beyond the round trip that test_exchange.py holds for all."""

import csv
import io
import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation import formats_csv, formats_doccano, formats_label_studio, formats_prodigy
from sgram.annotation.formats_csv import guard, unguard
from sgram.annotation.guideline import guideline_text, parse_guideline
from sgram.annotation.items import LABELS
from sgram.errors import InputError
from tests.builders.annotation_examples import item, sample

SHOWN = sample(item()).shown  # a1: "But wait, is it?", the phrase from 4 to 8


def label_studio(**annotation):
    (task,) = json.loads(formats_label_studio.write(SHOWN))
    return json.dumps([{**task, "annotations": [annotation]}]).encode()


def answers(read, *rows):
    return list(read("".join(json.dumps(row) + "\n" for row in rows).encode(), "here"))


# -- Label Studio ---------------------------------------------------------------------------------------


def test_a_task_shows_the_phrase_between_marks():
    assert json.loads(formats_label_studio.write(SHOWN)) == [
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


def test_the_config_is_xml_that_holds_guideline_labels_and_keys():
    view = ElementTree.fromstring(formats_label_studio.config(parse_guideline(guideline_text())))  # noqa: S314
    choices = view.findall("./Choices/Choice")
    assert [(each.get("value"), each.get("hotkey")) for each in choices] == list(zip(LABELS, "1234560", strict=True))
    assert all(each.get("hint") for each in choices)
    assert (view.find("Choices").get("toName"), view.find("Text").get("value")) == ("text", "$marked")
    told = " ".join(each.get("value") for each in view.find("Collapse").iter("Header"))
    assert "says what is asked or what is to be done next; plans" in told
    assert "Borderline cases" in told


@pytest.mark.parametrize(
    ("told", "rater"),
    [(3, "3"), ({"id": 3, "email": "a@b.c"}, "a@b.c"), ({"id": 3, "email": ""}, "3"), (None, None), ({"id": 4}, "4")],
)
def test_a_rater_is_a_number_or_an_object(told, rater):
    value = {"value": {"choices": ["other"]}, "type": "choices"}
    (answer,) = formats_label_studio.read(label_studio(completed_by=told, result=[value]), "here")
    assert (answer.rater, answer.label) == (rater, "other")


def test_regions_count_as_labels_and_skipping_does_not():
    region = {"value": {"start": 4, "end": 8, "text": "wait", "labels": ["backtracking"]}, "type": "labels"}
    mark = {"value": {"start": 4, "end": 8, "labels": ["phrase"]}, "type": "labels"}
    (answer,) = formats_label_studio.read(label_studio(completed_by=1, result=[mark, region]), "here")
    assert answer.label == "backtracking"
    for skipped in ({"was_cancelled": True, "result": [region]}, {"result": []}, {"result": [mark]}, {}):
        (answer,) = formats_label_studio.read(label_studio(completed_by=1, **skipped), "here")
        assert answer.label is None


def test_two_choices_are_refused_and_several_annotators_are_several_answers():
    one, two = ({"value": {"choices": [label]}} for label in ("other", "deduction"))
    with pytest.raises(InputError, match=r"here, task 1 has 2 labels \(deduction, other\)"):
        list(formats_label_studio.read(label_studio(result=[one, two]), "here"))
    (task,) = json.loads(formats_label_studio.write(SHOWN))
    both = [{"completed_by": 1, "result": [one]}, {"completed_by": 2, "result": [two]}]
    found = formats_label_studio.read(json.dumps([{**task, "annotations": both}]).encode(), "here")
    assert [(answer.rater, answer.label) for answer in found] == [("1", "other"), ("2", "deduction")]


# -- Prodigy --------------------------------------------------------------------------------------------


def test_a_prodigy_task_has_span_options_and_id():
    row = json.loads(formats_prodigy.write(SHOWN))
    assert [option["id"] for option in row["options"]] == list(LABELS)
    assert (row["text"], row["spans"]) == ("But wait, is it?", [{"start": 4, "end": 8, "label": "phrase"}])
    assert row["meta"] == {"item": "a1"}


def test_only_what_is_accepted_is_an_answer():
    row = json.loads(formats_prodigy.write(SHOWN))
    for told, label in (("accept", "other"), ("reject", None), ("ignore", None)):
        (answer,) = answers(formats_prodigy.read, {**row, "accept": ["other"], "answer": told})
        assert answer.label == label
    (answer,) = answers(formats_prodigy.read, {**row, "accept": [], "answer": "accept", "_session_id": "set-ada"})
    assert (answer.label, answer.rater) == (None, "set-ada")
    del row["item"]  # an old Prodigy keeps what is in meta
    (answer,) = answers(formats_prodigy.read, {**row, "accept": ["other"], "answer": "accept"})
    assert answer.item == "a1"


# -- doccano --------------------------------------------------------------------------------------------


def test_a_doccano_document_has_a_span_to_be_given_its_label():
    assert json.loads(formats_doccano.write(SHOWN)) == {
        "text": "But wait, is it?",
        "label": [[4, 8, "phrase"]],
        "item": "a1",
    }


@pytest.mark.parametrize(
    ("told", "label", "span"),
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
def test_every_way_in_which_doccano_writes_labels_is_read(told, label, span):
    (answer,) = answers(formats_doccano.read, {"id": 7, "item": "a1", "text": "But wait, is it?", **told})
    assert (answer.label, answer.span) == (label, span)


def test_a_span_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"here:1: a span is \[start, end, label\], not \[4, 8\]"):
        answers(formats_doccano.read, {"item": "a1", "text": "x", "label": [[4, 8]]})


# -- tables ---------------------------------------------------------------------------------------------


def test_a_table_has_the_phrase_between_marks_and_empty_places_to_fill():
    data = formats_csv.write(SHOWN)
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
def test_no_cell_is_a_formula_and_the_guard_comes_off_exactly(cell):
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard(guard(cell)) == cell


def test_names_with_an_apostrophe_stay_as_people_type_them():
    assert unguard("'t Hooft") == "'t Hooft"


def test_what_people_do_to_tables_is_understood():
    for text in (
        "Item;Label;Rater\na1; Other ;ada\n\n",  # a spreadsheet's own separator, capitals, spaces, an empty line
        "rater\tlabel\titem\r\nada\tother\ta1\r\n",
        '"item","text","label","rater"\n"a1","whatever","other","ada"\n',
    ):
        assert formats_csv.is_table(text)
        (answer,) = formats_csv.read(text.encode(), "here")
        assert (answer.item, answer.label, answer.rater) == ("a1", "other", "ada")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"item,text\na1,x\n", "here has 0 columns named label in its first row"),
        (b"item,label,label\na1,x,y\n", "here has 2 columns named label"),
        (b"item,label\na1,other,more\n", "here, row 2 has 3 cells, the header 2"),
        (b"item,label\n,other\n", "here, row 2 names no item"),
        (b'item,label\na1,"oth\n', "here, line 2 is not valid CSV"),
        (b"item,label\na1,\xff\n", "here is not UTF-8"),
        (b"item,label,start,end\na1,other,x,8\n", "here, row 2: start and end are numbers, not x, 8"),
    ],
)
def test_a_table_that_is_none_is_refused(data, says):
    with pytest.raises(InputError, match=says):
        list(formats_csv.read(data, "here"))
