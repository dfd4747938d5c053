"""Sentence scorers that a process registers or that installed packages add."""

from importlib.metadata import EntryPoint

import pytest

from sgram.errors import UsageError
from sgram.lexicon.sentence_scorer import (
    ENTRY_POINTS,
    LinearWeights,
    SentenceScorer,
    register_scorer,
    unregister_scorer,
)
from sgram.tagging.spans import find_spans

DOUBTS = SentenceScorer("doubts", LinearWeights(-1000, {"^ wait": 3000}), {})
NOT_A_SCORER = "doubts"


@pytest.fixture
def with_entries(monkeypatch):
    """A function that makes entry points the installed ones."""

    def install(*values):
        entries = [EntryPoint(value.rpartition(":")[2].lower(), value, ENTRY_POINTS) for value in values]
        monkeypatch.setattr("sgram.declarations.entry_points", lambda group: entries if group == ENTRY_POINTS else [])

    return install


@pytest.fixture
def registered():
    yield register_scorer(DOUBTS)
    unregister_scorer("doubts")


def test_a_registered_scorer_is_a_preset_until_it_is_removed(registered):
    assert "doubts" in SentenceScorer.presets()
    assert SentenceScorer.load("doubts") is registered
    # logits -1 + 3 and -1: the first sentence plans
    (span,) = find_spans("Wait, is it? It is four.", "sgram", mask="sentences", scorer="doubts")
    assert (span.start, span.end) == (0, 12)
    unregister_scorer("doubts")
    with pytest.raises(UsageError, match="unknown sentence scorer 'doubts'"):
        SentenceScorer.load("doubts")


def test_a_scorer_registered_again_replaces_the_first(registered):
    second = SentenceScorer("doubts", LinearWeights(0, {}), {})
    register_scorer(second)
    assert SentenceScorer.load("doubts") == second


def test_a_scorer_of_an_installed_package_is_a_preset(with_entries):
    with_entries(f"{__name__}:DOUBTS")
    assert SentenceScorer.presets() == ["doubts", "sgram"]
    assert SentenceScorer.load("doubts") is DOUBTS
    assert SentenceScorer.load("sgram").name == "sgram"


def test_a_misspelled_name_is_compared_with_added_scorers(registered):
    with pytest.raises(UsageError, match=r"did you mean doubts\?.*\(doubts, sgram\)"):
        SentenceScorer.load("doubt")


def test_a_package_that_adds_something_else_is_named_where_a_scorer_is_looked_up(with_entries):
    with_entries(f"{__name__}:NOT_A_SCORER")
    with pytest.raises(UsageError, match=r"the sentence scorer not_a_scorer .* is not a SentenceScorer"):
        SentenceScorer.load("doubts")
    # a shipped scorer and a file need no look-up
    assert SentenceScorer.load("sgram").name == "sgram"


@pytest.mark.parametrize(
    ("name", "message"),
    [("sgram", "name of a shipped"), ("a/b", "looks like a path"), ("b.json", "looks like a path"), ("-", "a path")],
)
def test_the_name_of_a_shipped_scorer_or_of_a_file_cannot_be_registered(name, message):
    with pytest.raises(UsageError, match=message):
        register_scorer(SentenceScorer(name, DOUBTS.planning, {}))
