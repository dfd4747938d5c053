"""Adjudication: disputes as a table, verdicts and agreement as gold labels, gold labels as labeled text."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.adjudication import (
    ADJUDICATOR,
    ItemText,
    check_verdicts,
    decide_gold,
    encode_disputes,
    gold_rows,
    read_item_texts,
)
from sgram.annotation.disputes import find_disputes
from sgram.annotation.rating_table import RatingTable
from sgram.annotation.ratings import Rating
from sgram.annotation.tasks import PHRASES
from sgram.errors import InputError
from tests.builders.annotation_examples import item as phrase_item
from tests.builders.annotation_examples import sample
from tests.builders.rating_examples import of_rows

# item00000: all say a; item00001: two of three say b; item00002: a tie; item00003: one rating
RATINGS = of_rows("abac", "abb*", "ac**")


def verdict(item: int, label: str, rater: str = "eve") -> Rating:
    return Rating(f"item{item:05}", rater, label)


def test_a_verdict_decides_else_all_raters():
    gold = decide_gold(RATINGS, [verdict(1, "c")])
    assert [(label.item[-1], label.label, label.basis, label.n_ratings) for label in gold.labels] == [
        ("0", "a", "agreed", 3),
        ("1", "c", "verdict", 3),
        ("3", "c", "agreed", 1),
    ]
    assert (gold.undecided, gold.n_overruled, gold.count("verdict")) == (("item00002",), 0, 1)


def test_a_majority_decides_only_where_it_may_and_no_tie():
    assert decide_gold(RATINGS).undecided == ("item00001", "item00002")
    gold = decide_gold(RATINGS, majority=True)
    assert gold.undecided == ("item00002",)
    assert [label.label for label in gold.labels if label.basis == "majority"] == ["b"]


def test_a_verdict_may_overrule_all_raters_and_is_counted():
    gold = decide_gold(RATINGS, [verdict(0, "b"), verdict(3, "c")])
    assert (gold.labels[0].label, gold.n_overruled) == ("b", 1)


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        ([verdict(9, "a")], "the verdict on item 'item00009' is on no rated item"),
        ([verdict(1, "a"), verdict(1, "b", "zoe")], "the verdicts on item 'item00001' are 'a' and 'b'; keep one"),
    ],
)
def test_a_verdict_that_cannot_be_joined_is_refused(verdicts, message):
    with pytest.raises(InputError, match=message):
        decide_gold(RATINGS, verdicts)


@given(st.permutations(RATINGS))
def test_the_order_of_ratings_does_not_matter(ratings):
    assert decide_gold(ratings, majority=True) == decide_gold(RATINGS, majority=True)


def test_verdicts_on_phrases_are_labels_of_the_guideline():
    assert check_verdicts([verdict(0, " Deduction ")], PHRASES) == [verdict(0, "deduction")]
    with pytest.raises(InputError, match="unknown label 'guess'; must be one of deduction"):
        check_verdicts([verdict(0, "guess")], PHRASES)


def test_disputes_are_a_table_that_is_read_as_verdicts_when_it_is_filled_in():
    texts = {f"item{n:05}": ItemText(f"=Text {n}.") for n in range(4)}
    data = encode_disputes(find_disputes(RatingTable.from_ratings(RATINGS)), texts=texts)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    # item 2 has one bit, item 1 .918
    assert rows == [
        {"item": "item00002", "text": "'=Text 2.", "ratings": "a 1, b 1", "label": "", "rater": ADJUDICATOR},
        {"item": "item00001", "text": "'=Text 1.", "ratings": "b 2, c 1", "label": "", "rater": ADJUDICATOR},
    ]
    with pytest.raises(InputError, match="there is no text of item 'item00002'; give the file with the texts"):
        encode_disputes(find_disputes(RatingTable.from_ratings(RATINGS)), texts={})


def test_gold_labels_of_phrases_are_passages_with_one_unit():
    ratings = [Rating("a1", "ada", "other"), Rating("a1", "bob", "other")]
    items = {item.item: item for item in sample(phrase_item()).blinded_items}
    unit = {"start": 4, "end": 8, "label": "other"}
    assert gold_rows(decide_gold(ratings), items) == [
        {"id": "a1", "text": "But wait, is it?", "units": [unit], "basis": "agreed"}
    ]
    assert gold_rows(decide_gold(ratings)) == [{"item": "a1", "label": "other", "basis": "agreed"}]


def test_texts_are_read_from_json_lines_and_tables(tmp_path):
    rows = [{"id": "d", "start": 0, "end": 9, "text": "So, wait.", "problem_id": 7}, {"item": "s2", "text": "'tis 4."}]
    path = tmp_path / "texts"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = {"d:0-9": ItemText("So, wait.", "7"), "s2": ItemText("'tis 4.")}
    assert read_item_texts(path) == expected
    path.write_text('\ufeff"Item";"Text";"problem"\nd:0-9;So, wait.;7\ns2;"\'tis 4.";\n')
    assert read_item_texts(path) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("item,note\ns1,x\n", "must be JSONL or CSV with the columns item and text"),
        ("item,text\n", "has no texts"),
        ("item,text\ns1,\n", "row 2: text must be a non-empty string"),
        ("item,text\ns1,a\ns1,b\n", "row 3: item 's1' has another text before; keep one"),
        ('{"item": "s1"}\n', ":1: text must be a non-empty string"),
        ('{"text": "x"}\n', ":1: missing item"),
    ],
)
def test_invalid_texts_are_refused(content, message, tmp_path):
    path = tmp_path / "texts"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_item_texts(path)
