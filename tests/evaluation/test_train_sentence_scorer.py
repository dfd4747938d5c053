import json
import math

import numpy as np
import pytest

from sgram.errors import InputError, UsageError
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, read_labels
from sgram.evaluation.train_sentence_scorer import (
    LabeledSentence,
    OutOfFold,
    Prior,
    ScorerFit,
    fit_sentence_scorer,
    label_sentences,
    score_out_of_fold,
)
from sgram.lexicon.sentence_scorer import UNIT

PLANS = ["Let me check that.", "Let me see.", "Wait, is it right?", "Alternatively, use symmetry.", "Let me try."]
OTHERS = ["It is 4.", "So x is two.", "The sum is 7.", "Then y is 3.", "It is even."]


def sentence(text, is_planning, problem, move=None):
    (labeled,) = label_sentences_of([text])
    return LabeledSentence(labeled.grams, is_planning, move, problem)


def label_sentences_of(texts):
    from sgram.evaluation.labeled_documents import LabeledDocument, Unit

    documents = [LabeledDocument(str(row), text, (Unit(0, len(text), ("none",)),)) for row, text in enumerate(texts)]
    return label_sentences(documents, POSITIVE_LABELS)


def target(n_problems=10):
    rows = [(text, True) for text in PLANS] + [(text, False) for text in OTHERS]
    return [
        sentence(text, is_planning, f"p{problem}", ("branching" if "symmetry" in text else "verification"))
        for problem in range(n_problems)
        for text, is_planning in rows
    ]


def test_a_scorer_tells_what_it_was_fitted_on_and_names_moves():
    scorer = fit_sentence_scorer("own", target(), source={"labels": "by hand"})
    assert [row.is_planning for row in scorer.score("Let me check that. So x is two.")] == [True, False]
    assert scorer.score("Alternatively, use symmetry.")[0].move == "branching"
    assert scorer.score("Let me see.")[0].move == "verification"
    assert scorer.source["labels"] == "by hand"
    assert scorer.source["fit"]["max_tokens"] == 3


def test_the_order_of_sentences_and_priors_of_nothing_new_change_no_byte():
    sentences = target()
    assert fit_sentence_scorer("own", sentences) == fit_sentence_scorer("own", sentences)


def test_a_prior_is_absorbed_into_the_weights():
    # the prior alone knows "hold on"; the target never has it, and yet scores it by the prior's weight
    prior = Prior("other", [*target(), *(sentence("Hold on.", True, f"q{row}") for row in range(30))])
    without = fit_sentence_scorer("own", target())
    scorer = fit_sentence_scorer("own", target(), [prior])
    assert "hold on" not in without.planning.grams
    assert scorer.planning.grams["hold on"] > 0
    assert scorer.score("Hold on.")[0].probability > without.score("Hold on.")[0].probability


def test_a_sentence_is_scored_without_the_labels_on_its_problem():
    # "zebra" plans on one problem alone: no scorer that scores it has seen it, in the target or in the prior
    odd = [sentence("zebra zebra zebra", True, "p3") for _ in range(20)]
    prior = Prior("other", [*target(), *odd])
    out = score_out_of_fold([*target(), *odd], [prior], ScorerFit(n_folds=3))
    assert (out.probabilities[-20:] < 0.6).all()
    assert fit_sentence_scorer("all", [*target(), *odd]).score("zebra zebra zebra")[0].probability > 0.6
    leaving_nothing_out = out.probabilities[: len(target())]
    assert ((leaving_nothing_out >= 0.5) == np.array([row.is_planning for row in target()])).all()


def test_sentences_of_equal_value_can_be_left_out_together():
    # each value is a sentence's label: a scorer without any sentence of that label cannot be fitted
    with pytest.raises(InputError, match="both kinds"):
        score_out_of_fold(target(), fold_of=lambda labeled: str(labeled.is_planning))


def test_weights_are_thousandths_of_a_logit_and_small_ones_are_left_out():
    scorer = fit_sentence_scorer("own", target(), fit=ScorerFit(min_weight=0.3))
    assert all(type(weight) is int and abs(weight) >= 0.3 * UNIT for weight in scorer.planning.grams.values())


def test_rates_count_sentences_from_the_threshold():
    out = OutOfFold(
        np.array([0.9, 0.8, 0.8, 0.3]),
        np.array([True, False, True, True]),
        ("a", None, "b", None),
        ("a", "a", "a", "b"),
        ("p",) * 4,
    )
    # marked: 3, of these 2 right; 3 plan
    assert out.rates(0.5) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # at .9 precision 1, recall 1/3; at .8, where both equal probabilities count, 2/3 and 2/3; at .3 3/4 and 1
    assert out.precision_at_recall(0.3) == 1.0
    assert out.precision_at_recall(0.5) == 0.75
    assert out.move_pairs() == [("a", "a"), ("b", "a")]


def test_the_best_threshold_is_the_center_of_a_range():
    # between .4 and .6 precision and recall are 1; the window of .1 fits there around .5
    out = OutOfFold(np.array([0.9, 0.6, 0.4, 0.1]), np.array([True, True, False, False]), (), (), ())
    assert out.rates(out.best_threshold()) == (1.0, 1.0, 1.0)
    assert 0.45 <= out.best_threshold() <= 0.55


def test_too_few_problems_for_the_folds_are_refused():
    with pytest.raises(InputError, match="cover 2 problems"):
        score_out_of_fold(target(2), fit=ScorerFit(n_folds=3))


def test_labels_of_one_kind_and_options_out_of_range_are_refused():
    with pytest.raises(InputError, match="both kinds"):
        fit_sentence_scorer("own", [row for row in target() if row.is_planning])
    with pytest.raises(UsageError, match="must be > 0"):
        ScorerFit(penalty=0)
    assert math.isfinite(ScorerFit().penalty)


def test_a_file_of_sentences_is_read_with_labels_problems_and_places(tmp_path):
    path = tmp_path / "sentences.jsonl"
    rows = [
        {
            "id": "t",
            "start": 0,
            "text": "Let me check.",
            "label": "verify",
            "problem_id": "p",
            "labels": {"A": "verify"},
        },
        {"id": "t", "start": 20, "text": "It is 4.", "label": None, "planning": False},
        {"text": "Hold on.", "label": None, "planning": True, "problem": "q"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    documents = read_labels(path)
    assert [(document.id, document.units[0].labels, document.problem) for document in documents] == [
        ("3", ("planning",), "q"),
        ("t:0", ("verify",), "p"),
        ("t:20", ("none",), ""),
    ]
    labeled = label_sentences(documents, POSITIVE_LABELS)
    assert [(row.is_planning, row.move, row.problem) for row in labeled] == [
        (True, None, "q"),
        (True, "verification", "p"),
        (False, None, "t:20"),
    ]
    path.write_text('{"text": " ", "label": "verify"}\n')
    with pytest.raises(InputError, match=r"sentences\.jsonl, line 1: text must be a sentence"):
        read_labels(path)
