"""The packaged default lexicon: readable, precise, from the packaged classifier and scorer, without text."""

import orjson
import pytest

from sgram.lexicon import DEFAULT_LEXICON, Lexicon, SentenceScorer, connective_note
from sgram.mining.classifier import GramClassifier
from sgram.mining.select import is_calculation
from tests.builders.paths import ROOT

PATH = ROOT / "data" / "lexicons" / "sgram.json"


@pytest.fixture(scope="module")
def lexicon():
    return Lexicon.load(DEFAULT_LEXICON)


def most_frequent(grams, n=50):
    return [gram.text for gram in sorted(grams, key=lambda gram: gram.rank)[:n]]


def test_the_file_is_the_canonical_form_of_the_lexicon(lexicon):
    assert lexicon.to_bytes() == PATH.read_bytes()
    assert len(PATH.read_bytes()) < 1 << 20


def test_the_readable_list_has_250_to_400_grams_and_the_words_that_begin_plans(lexicon):
    assert 250 <= len(lexicon.core) <= 400
    assert {"wait", "alternatively", "maybe", "perhaps"} <= {gram.text for gram in lexicon.core}
    assert {"wait", "alternatively", "maybe", "perhaps"} <= set(most_frequent(lexicon.grams))


@pytest.mark.parametrize(
    "text", ["so", "the", "therefore", "a right triangle", "multiply both sides by", "based on the"]
)
def test_connectives_and_content_are_not_in_it(lexicon, text):
    assert lexicon.find(text) is None


def test_no_gram_is_a_calculation_and_no_topic_is_read(lexicon):
    assert not any(is_calculation(gram.text) for gram in lexicon.grams)
    topics = lexicon.source["topics"]["grams"].keys()
    assert {"there's a typo", "without knowing"} <= topics
    assert topics.isdisjoint(gram.text for gram in lexicon.core)
    assert all(lexicon.find(text) is not None for text in topics)


def test_moves_are_those_of_the_sentences(lexicon):
    for text, move in (
        ("let me check", "verification"),
        ("alternatively", "branching"),
        ("need to find", "goal-setting"),
    ):
        assert lexicon.find(text)[0].move == move


def test_out_of_fold_it_finds_planning_as_well_as_it_promises(lexicon):
    rates = lexicon.source["out_of_fold"]
    assert rates["f1"] >= 0.77
    assert rates["precision"] >= 0.88


def test_it_was_made_with_the_packaged_classifier_and_scorer(lexicon):
    # if this fails, run data/build_classifier.py and data/build_lexicon.py again
    assert lexicon.source["scorer"]["classifier"] == GramClassifier.packaged().digest
    assert lexicon.source["moves"]["scorer"] == SentenceScorer.load("sgram").digest
    assert (ROOT / lexicon.source["built_by"]).exists()


def test_it_holds_no_text_longer_than_a_gram():
    document = orjson.loads(PATH.read_bytes())
    del document["clusters"]
    texts = orjson.dumps(document["source"]["topics"]["grams"]).decode().split('"')
    assert max(len(text.split(" ")) for text in texts) <= 6


def test_only_a_lexicon_with_so_is_noted(lexicon):
    assert connective_note(lexicon) is None
    assert 'wang2025 marks the word "so"' in connective_note(Lexicon.load("wang2025"))
