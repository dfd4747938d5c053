import json
import math

import pytest

from sgram.errors import InputError, UsageError
from sgram.lexicon.sentence_scorer import GramWeight, LinearWeights, SentenceScorer, as_sentence_scorer

SCORER = SentenceScorer(
    "example",
    LinearWeights(-1000, {"let me": 1500, "^ wait": 700, "check": 400, "it is": -900}),
    {"verification": LinearWeights(0, {"check": 500}), "goal-setting": LinearWeights(100, {})},
    source={"made": "by hand"},
)


def test_a_sentence_has_the_sum_of_its_grams_and_the_likeliest_move():
    first, second, third = SCORER.score("Wait, let me check. Let me see. It is 4.")
    # -1000 + 1500 + 700 + 400 = 1600; verification 500 > goal-setting 100
    assert (first.is_planning, first.move, first.probability) == (True, "verification", 1 / (1 + math.exp(-1.6)))
    assert first.grams == (GramWeight("let me", 1.5), GramWeight("^ wait", 0.7), GramWeight("check", 0.4))
    # -1000 + 1500 = 500; verification 0 < goal-setting 100
    assert (second.is_planning, second.move, second.probability) == (True, "goal-setting", 1 / (1 + math.exp(-0.5)))
    # -1000 - 900
    assert (third.is_planning, third.move, third.grams) == (False, None, ())
    assert third.probability == 1 / (1 + math.exp(1.9))


def test_a_sentence_by_itself_is_scored_as_in_its_text():
    text = "Wait, let me check. Let me see. It is 4."
    for sentence in SCORER.score(text):
        alone = SCORER.score_sentence(text[sentence.start : sentence.end])
        assert alone == sentence._replace(start=0, end=sentence.end - sentence.start)
    # one sentence, whatever ends in it: -1000 + 1500 + 700 + 400 - 900
    assert SCORER.score_sentence(text).probability == 1 / (1 + math.exp(-0.7))
    assert SCORER.score_sentence("4 = 4.") is None


def test_a_gram_counts_once_in_a_sentence():
    # -1000 + 1500, however often "let me" stands there
    (sentence,) = SCORER.score("let me, let me, let me")
    assert sentence.probability == 1 / (1 + math.exp(-0.5))


def test_a_threshold_moves_what_plans():
    # the probability of a sum of 500 is .62
    strict = SentenceScorer("strict", SCORER.planning, SCORER.moves, threshold=0.63)
    assert [sentence.is_planning for sentence in strict.score("Let me see. Wait, let me check.")] == [False, True]


def test_a_scorer_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "scorer.json"
    SCORER.save(path)
    loaded = SentenceScorer.load(path)
    assert loaded == SCORER
    assert loaded.to_bytes() == path.read_bytes()
    assert (loaded.name, loaded.source, list(loaded.moves)) == ("example", {"made": "by hand"}, list(SCORER.moves))
    assert loaded.score("Wait, let me check.") == SCORER.score("Wait, let me check.")
    assert as_sentence_scorer(path) == as_sentence_scorer(SCORER) == SCORER
    assert hash(loaded) == hash(SCORER)


def test_another_weight_gives_another_digest():
    other = SentenceScorer("example", LinearWeights(-999, SCORER.planning.grams), SCORER.moves, source=SCORER.source)
    assert other != SCORER
    assert other.digest != SCORER.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "sgram-lexicon"}, "not a sentence scorer"),
        ({"version": 2}, "fit the scorer again"),
        ({"tokens": "other"}, "fit the scorer again"),
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"threshold": "0.5"}, "between 0 and 1"),
        ({"planning": {"intercept": 0.5, "grams": {}}}, "intercept must be a whole number"),
        ({"planning": {"intercept": 0, "grams": {"Let me": 1}}}, "is no gram"),
        ({"planning": {"intercept": 0, "grams": {"a b c d e": 1}}}, "is no gram"),
        ({"planning": {"intercept": 0, "grams": {"let": 10_000_000}}}, "must be a whole number"),
        ({"planning": {"intercept": 0}}, "missing or of another type"),
        ({"moves": 3}, "missing or of another type"),
        ({"name": ""}, "not empty"),
    ],
)
def test_a_file_that_is_no_scorer_is_refused_with_its_name(tmp_path, change, message):
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(SCORER.to_json() | change))
    with pytest.raises(InputError, match=message) as error:
        SentenceScorer.load(path)
    assert "broken.json" in str(error.value)


def test_what_is_no_scorer_is_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean sgram"):
        SentenceScorer.load("sgramm")
    with pytest.raises(UsageError, match="got int"):
        as_sentence_scorer(3)
    path = tmp_path / "text.json"
    path.write_text("no JSON")
    with pytest.raises(InputError, match="not JSON"):
        SentenceScorer.load(path)


def test_the_packaged_scorer_tells_planning_from_carrying_out():
    scorer = SentenceScorer.load("sgram")
    text = (
        "Wait, let me double-check that. 3 + 4 = 7. Alternatively, we could use symmetry. So the answer is 7. "
        "First, I need to find the area of the triangle."
    )
    sentences = scorer.score(text)
    assert [sentence.is_planning for sentence in sentences] == [True, True, False, True]  # "3 + 4 = 7." has no word
    assert [sentence.move for sentence in sentences] == ["verification", "branching", None, "goal-setting"]
    assert set(scorer.moves) == {"goal-setting", "branching", "backtracking", "verification", "monitoring", "deduction"}
