"""Ratings of wrong traces."""

import json

import pytest

from sgram.annotation.exchange import encode_export, import_ratings
from sgram.annotation.ratings import Rating, read_ratings
from sgram.diagnosis.error_ratings import majority, read_error_ratings, write_error_ratings
from sgram.diagnosis.kind_guideline import ERRORS
from sgram.errors import InputError, UsageError
from tests.builders.annotation_examples import ANNOTATORS
from tests.builders.wrong_traces import error_sample, wrong_trace

TRACES = [wrong_trace(str(number)) for number in range(10)]
SAMPLE = error_sample(TRACES, ["strategic"] * 10, 4)


@pytest.fixture
def path(tmp_path):
    """Two raters of four traces: they differ on the second, a third one rated the third."""
    a, b, c, d = (item.item for item in SAMPLE.items)
    labels = [(a, "ada", "strategic"), (a, "bob", "strategic"), (b, "ada", "strategic"), (b, "bob", "format")]
    labels += [(c, "ada", "format"), (c, "bob", "procedural"), (c, "eve", "format"), (d, "ada", "undecided")]
    write_error_ratings(tmp_path / "rated.jsonl", [Rating(*label) for label in labels], SAMPLE)
    return tmp_path / "rated.jsonl"


def test_the_majority_counts_and_a_tie_is_no_kind(path):
    ratings = read_error_ratings(path)
    kinds = {trace: rated.kind for trace, rated in ratings.traces.items()}
    assert kinds == dict(
        zip([item.trace for item in SAMPLE.items], ["strategic", None, "format", "undecided"], strict=True)
    )
    assert (ratings.n_ratings, ratings.n_tied, ratings.n_wrong, ratings.raters) == (8, 1, 10, ("ada", "bob", "eve"))
    first = ratings.traces[SAMPLE.items[0].trace]
    assert (first.digest, first.probability) == (SAMPLE.items[0].digest, 0.4)
    assert first.votes == (("ada", "strategic"), ("bob", "strategic"))
    assert majority(["format", "strategic", "format", "strategic", "unfinished"]) is None


def test_the_file_holds_ratings_as_all_others_do(path):
    assert {rating.label for rating in read_ratings(path)} == {"strategic", "format", "procedural", "undecided"}


@pytest.mark.parametrize(("name", "fill"), [(name, fill) for name, fills in ANNOTATORS.items() for fill in fills])
def test_the_answers_of_every_tool_become_ratings(name, fill, tmp_path):
    tasks = encode_export(name, SAMPLE.blinded_items, ERRORS)[""]
    kinds = dict(zip([item.item for item in SAMPLE.items], ["strategic", "not-wrong", "undecided", None], strict=True))
    (tmp_path / "filled").write_bytes(fill(tasks, kinds, "ada"))
    imported = import_ratings([tmp_path / "filled"], SAMPLE, format_name=name, task=ERRORS)
    assert {rating.item: rating.label for rating in imported.ratings} == {
        item: kind for item, kind in kinds.items() if kind
    }
    assert imported.n_unanswered == 1


def test_ratings_by_trace_id_are_read_without_text_and_chance(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("item,rater,label\n3,ada,unclear\n4,ada,Format\n")
    ratings = read_error_ratings(path)
    assert {trace: rated.kind for trace, rated in ratings.traces.items()} == {"3": "undecided", "4": "format"}
    assert (ratings.traces["3"].digest, ratings.traces["3"].probability, ratings.n_wrong) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "bad plan"}, "the label 'bad plan', which is not a kind of error; must be one of strategic"),
        ({"probability": 0}, "rated.jsonl:1: invalid trace, digest, probability or n_wrong"),
        ({"probability": None}, "rated.jsonl:1: invalid trace, digest, probability or n_wrong"),
        ({"trace": 5}, "rated.jsonl:1: invalid trace, digest, probability or n_wrong"),
        ({"trace": "another"}, "is of two samples; keep one"),
        ({"item": "fresh"}, "was rated in two samples"),
    ],
)
def test_invalid_ratings_are_refused_in_a_sentence(path, change, words):
    first, *rows = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), **change}), *rows]) + "\n")
    with pytest.raises(InputError, match=words):
        read_error_ratings(path)


def test_ratings_that_say_their_trace_are_not_mixed_with_others(path):
    path.write_text(path.read_text() + '{"item": "5", "rater": "ada", "label": "format"}\n')
    with pytest.raises(InputError, match="1 ratings do not say which trace they rate, such as that of item '5'"):
        read_error_ratings(path)
    with pytest.raises(UsageError, match="cannot be stdin"):
        read_error_ratings("-")
