"""Training a classifier of grams: label counts by hand, out-of-fold scores without leakage, rules of thresholds."""

import random
import sys
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.labeled_documents import LabeledDocument, Unit
from sgram.evaluation.train_classifier import (
    GRID,
    ClassifierTrainer,
    CrossValidation,
    FitConfig,
    LabelSet,
    OutOfFoldScores,
    ScoredTexts,
    choose_thresholds,
    problem_key,
    train_classifier,
)
from sgram.lexicon import LinearWeights, SentenceScorer
from sgram.mining import Background, Miner, MiningConfig
from sgram.mining.classifier import GramClassifier
from sgram.mining.config import SETTINGS
from sgram.mining.features import Features
from sgram.traces import Trace
from tests.builders.labeled_examples import PLAN, STEP, document

UNSET = dict.fromkeys(SETTINGS, 0.5)
EASY = {"min_precision": 0.01, "clean_precision": 0.01, "n_folds": 4}
"""Precisions so low that any labels reach them."""
WEIGHTLESS = {"penalty": 1e-9, **EASY, "n_folds": 2}
"""No feature gets a relevant weight: only the intercept remains, which can be computed by hand."""
EVEN, UNEVEN = 1e9, 1e-9
"""Softness at which all grams of a unit count equally, and at which only the best one counts."""


def constant_features(texts):
    """Features without information: one constant column, and no names."""
    return Features(("x",), np.ones((len(texts), 1)), [()] * len(texts))


def fit_constant_features(texts, *sets, **config):
    """A classifier fitted to all documents, with features without information."""
    trainer = ClassifierTrainer(texts, constant_features(texts), sets, FitConfig(**{**WEIGHTLESS, **config}))
    return trainer.fit(None, UNSET, {})


def approximately(counts):
    return {gram: pytest.approx(pair, rel=1e-5, abs=1e-9) for gram, pair in counts.items()}


def documents_with_carried_grams():
    """Two problems. "wait" is in 4 units, all plans; "so" in the same and in 4 steps; "the sum" in those 4 steps."""
    both, step = (PLAN, "Wait, so it goes"), (STEP, "so the sum is")
    return [document("a", both, both, step, step, problem="p"), document("b", both, step, both, step, problem="q")]


# -- label counts ---------------------------------------------------------------------------------------


def test_counts_are_occurrences_in_positive_and_in_all_units():
    classifier = fit_constant_features(
        ["wait", "so", "the sum", "absent"], LabelSet("people", tuple(documents_with_carried_grams())), softness=EVEN
    )
    assert classifier.counts == approximately({"wait": (4, 4), "so": (4, 8), "the sum": (0, 4)})


def test_a_gram_that_occurs_twice_in_a_unit_counts_twice():
    documents = (document("a", (PLAN, "wait wait"), problem="p"), document("b", (STEP, "wait so so"), problem="q"))
    classifier = fit_constant_features(["wait", "so"], LabelSet("people", documents), softness=EVEN)
    assert classifier.counts == approximately({"wait": (2, 3), "so": (0, 2)})


def test_a_set_with_weight_a_quarter_counts_a_quarter():
    # "so" is in 4 plans and 4 steps of people's labels; a model's labels add 3 plans and 1 step, 0.75 and 0.25;
    # "hmm" is in one unit of the model only, and a quarter of an occurrence is not stored
    model = [
        document("m", (PLAN, "so so"), (PLAN, "so"), (STEP, "so"), problem="r"),
        document("n", (PLAN, "hmm"), problem="s"),
    ]
    sets = (
        LabelSet("people", tuple(documents_with_carried_grams())),
        LabelSet("a model", tuple(model), 0.25, evaluated=False),
    )
    classifier = fit_constant_features(["wait", "so", "hmm"], *sets, softness=EVEN)
    assert classifier.counts == approximately({"wait": (4, 4), "so": (4.75, 9)})


# -- texts that a sentence scorer labels ----------------------------------------------------------------

SAYS_WAIT = SentenceScorer("wait", LinearWeights(-1000, {"wait": 2000}), {})
SAYS_NOTHING = SentenceScorer("nothing", LinearWeights(-1000, {"wait": 500}), {})


def scored_trainer(fit_scorer):
    """A trainer with labels of two problems, and two texts of three sentences, two of them with "wait"."""
    texts = ("Wait, so it is. So it goes.", "Wait for it.", "4 = 4")
    return ClassifierTrainer(
        ["wait", "so"],
        constant_features(["wait", "so"]),
        [LabelSet("people", tuple(documents_with_carried_grams()))],
        FitConfig(**{**WEIGHTLESS, "softness": EVEN}),
        ScoredTexts("scored", texts, fit_scorer, weight=0.5),
    )


def test_sentences_that_the_scorer_takes_to_plan_count_as_planning():
    # people: "wait" in 4 plans, "so" in 4 plans and 4 steps; at half a weight the texts add for "wait" 2 plans,
    # for "so" 1 plan and 1 other sentence
    trainer = scored_trainer(lambda problems: SAYS_WAIT)
    classifier = trainer.fit(None, UNSET, {})
    assert classifier.counts == approximately({"wait": (5, 5), "so": (4.5, 9)})
    assert trainer.scored.to_json() == {
        "name": "scored",
        "texts": 2,
        "sentences": 3,
        "scorer": SAYS_WAIT.digest,
        "weight": 0.5,
    }


def test_each_fold_has_a_scorer_that_saw_no_label_of_its_problems():
    asked = []

    def fit_scorer(problems):
        asked.append(problems)
        return SAYS_NOTHING if "p" in problems else SAYS_WAIT

    trainer = scored_trainer(fit_scorer)
    without_p = trainer.fit(trainer.folds["p"], UNSET, {})
    without_q = trainer.fit(trainer.folds["q"], UNSET, {})
    # one document is left, with "wait" in 2 plans; of the texts, the scorer without p finds no plan
    assert without_p.counts["wait"] == pytest.approx((2, 3))
    assert without_q.counts["wait"] == pytest.approx((3, 3))
    trainer.cross_validate()
    assert asked == [frozenset(), frozenset({"p"}), frozenset({"q"})]  # each is fitted once


def test_only_the_best_gram_of_a_unit_counts_at_low_softness():
    # "wait" is the best gram of the plans: "so" counts in its 4 steps only, where it is still better than "the sum"
    classifier = fit_constant_features(
        ["wait", "so", "the sum"], LabelSet("people", tuple(documents_with_carried_grams())), softness=UNEVEN
    )
    assert classifier.counts == approximately({"wait": (4, 4), "so": (0, 4)})


def test_the_weight_of_a_carried_gram_computed_by_hand():
    # Of "wait" 4 of 4, of "so" 4 of 8 are plans; weighed by sqrt(n), 2 and 2 sqrt(2), the mean share is
    # s = (2 * 1 + 2 sqrt(2) / 2) / (2 + 2 sqrt(2)) = 1 / sqrt(2), and that is the intercept's estimate of both.
    # Drawn to their shares: (4 + 8 s) / 12 and (4 + 8 s) / 16, so their odds are (4 + 8 s) / (8 - 8 s) and
    # (4 + 8 s) / (12 - 8 s), and beside "wait" an occurrence of "so" counts the ratio (8 - 8 s) / (12 - 8 s).
    s = 1 / sqrt(2)
    ratio = (8 - 8 * s) / (12 - 8 * s)
    classifier = fit_constant_features(
        ["wait", "so"], LabelSet("people", tuple(documents_with_carried_grams())), softness=1.0, shrink=8.0
    )
    assert ratio == pytest.approx(0.3694, abs=1e-4)
    assert classifier.counts["wait"] == pytest.approx((4, 4), rel=1e-5)
    assert classifier.counts["so"] == pytest.approx((4 * ratio, 4 * ratio + 4), rel=1e-5)
    # At softness 2 it counts the root of that ratio.
    classifier = fit_constant_features(
        ["wait", "so"], LabelSet("people", tuple(documents_with_carried_grams())), softness=2.0, shrink=8.0
    )
    assert classifier.counts["so"] == pytest.approx((4 * sqrt(ratio), 4 * sqrt(ratio) + 4), rel=1e-5)


def test_the_second_fit_separates_planning_grams_from_carried_grams():
    # "so" stands beside "wait" in most plans, and more often in steps; "the sum" is in plans and steps alike.
    # By shares alone "so" looks like planning (8 of 12), though by itself it never is.
    plan, second_plan, step, second_step = "Wait, so it goes", "Wait, the sum then", "so it goes", "the sum then"
    documents = [
        document(
            f"d{number}",
            (PLAN, plan),
            (PLAN, plan),
            (PLAN, second_plan),
            (STEP, step),
            (STEP, second_step),
            (STEP, f"{number}"),
            problem=f"p{number}",
        )
        for number in range(4)
    ]
    texts = ["wait", "so", "the sum"]
    people, shares = LabelSet("people", tuple(documents)), {}
    for softness in (EVEN, 1.0):
        classifier = fit_constant_features(texts, people, softness=softness)
        shares[softness] = [classifier.counts[text][0] / classifier.counts[text][1] for text in texts]
    assert shares[EVEN] == pytest.approx([1, 8 / 12, 4 / 8])
    wait, so, the_sum = shares[1.0]
    assert wait == pytest.approx(1)
    assert so < 0.5 < 8 / 12
    assert the_sum < 4 / 8


def test_a_bag_feature_of_too_few_grams_gets_no_weight():
    texts = ["wait", "so", "the sum"]
    features = Features(("x",), np.arange(3.0)[:, None], [("n=1", "w=wait"), ("n=1",), ("n=2", "w=sum")])
    config = FitConfig(**{**WEIGHTLESS, "penalty": 1.0}, min_grams=2)
    classifier = ClassifierTrainer(
        texts, features, [LabelSet("people", tuple(documents_with_carried_grams()))], config
    ).fit(None, UNSET, {})
    assert list(classifier.bag) == ["n=1"]
    assert classifier.mean.tolist() == [1.0]
    assert classifier.scale.tolist() == pytest.approx([sqrt(2 / 3)])


def test_weights_are_the_optimum_of_a_logistic_regression_of_the_shares():
    # At its optimum the gradient of the penalized likelihood is zero: sum of weight * (estimate - share) * feature
    # + coefficient / C = 0, where a gram weighs sqrt(n) over the mean of sqrt(n).
    texts = ["wait", "so", "the sum", "it"]
    features = Features(("x",), np.array([[0.0], [1.0], [5.0], [2.0]]), [("a",), ("a", "b"), ("b",), ()])
    config = FitConfig(**{**WEIGHTLESS, "penalty": 0.5}, min_grams=1, softness=EVEN)
    classifier = ClassifierTrainer(
        texts, features, [LabelSet("people", tuple(documents_with_carried_grams()))], config
    ).fit(None, UNSET, {})
    k, n = np.array([classifier.counts[text] for text in texts]).T
    weight = np.sqrt(n) / np.sqrt(n).mean()
    residual = weight * (classifier.estimate(features) - k / n)
    scaled = (features.dense[:, 0] - 2.0) / features.dense[:, 0].std()
    names = np.array([[name in bag for name in ("a", "b")] for bag in features.bags], float)
    columns = np.column_stack([scaled, scaled**2, names])
    coefficients = [*classifier.weights, *classifier.square_weights, classifier.bag["a"], classifier.bag["b"]]
    np.testing.assert_allclose(residual @ columns + np.array(coefficients) / 0.5, 0, atol=1e-4)
    assert residual.sum() == pytest.approx(0, abs=1e-4), "the intercept is not penalized"
    assert np.abs(coefficients).min() > 0.01


# -- a corpus with known truth ----------------------------------------------------------------------

PLANS = ["wait", "let me check", "maybe i should", "another way", "hold on", "alternatively"]
STEPS = ["the sum is", "we get", "so it goes", "divide both", "equals the", "which gives"]
TEXTS = sorted([*PLANS, *STEPS, "so", "the", "we", "it"], key=lambda text: (text.count(" "), text))


def sentence(draw, plan):
    """A sentence with a plan and perhaps steps, or with steps only; one in ten contradicts its label."""
    parts = draw.sample(STEPS, draw.randint(0, 2))
    if plan != (draw.random() < 0.1):
        parts.insert(draw.randint(0, len(parts)), draw.choice(PLANS))
    return " ".join(parts or ["nothing else"])


def labeled(seed, n_problems=8, n_documents=12, n_units=10, prefix=""):
    """Documents that answer `n_problems` problems in turn."""
    draw, documents = random.Random(seed), []
    for number in range(n_documents):
        units = [(PLAN if draw.random() < 0.4 else STEP) for _ in range(n_units)]
        lines = [(label, sentence(draw, label == PLAN)) for label in units]
        documents.append(document(f"{prefix}d{number:02d}", *lines, problem=f"p{number % n_problems}"))
    return documents


def features_of(texts):
    """Features with some information: a noisy column, and words."""
    draw = random.Random(5)
    dense = [[(text in PLANS) + draw.random(), draw.random()] for text in texts]
    return Features(
        ("x", "y"), np.array(dense), [tuple(sorted({f"w={word}" for word in text.split()})) for text in texts]
    )


def trainer(*sets, **config):
    return ClassifierTrainer(
        TEXTS, features_of(TEXTS), sets, FitConfig(**{**EASY, "penalty": 1.0, "min_grams": 2, **config})
    )


def flip_labels(labeled_document):
    """The document with every label flipped."""
    units = [replace(unit, labels=(STEP if unit.labels == (PLAN,) else PLAN,)) for unit in labeled_document.units]
    return replace(labeled_document, units=tuple(units))


def three_sets():
    """Two evaluated sets with common problems, and one for training only."""
    return [
        LabelSet("people", tuple(labeled(1))),
        LabelSet("tags", tuple(labeled(2, n_problems=5, n_documents=7, prefix="t"))),
        LabelSet("a model", tuple(labeled(3, n_problems=10, n_documents=10, prefix="m")), 0.25, evaluated=False),
    ]


def problems_of_units(label_set):
    return np.array([problem_key(labeled) for labeled in label_set.documents for _ in labeled.units])


@pytest.mark.parametrize("problem", ["p0", "p3", "p6"])
def test_labels_of_a_problem_never_change_the_scores_of_its_units(problem):
    sets = three_sets()
    changed_sets = [
        replace(
            label_set,
            documents=tuple(
                flip_labels(labeled) if labeled.problem == problem else labeled for labeled in label_set.documents
            ),
        )
        for label_set in sets
    ]
    before, after = (trainer(*label_sets).cross_validate() for label_sets in (sets, changed_sets))
    changed = 0
    for label_set, first, second in zip(sets, before.sets, after.sets, strict=False):
        is_flipped = problems_of_units(label_set) == problem
        assert first.name == second.name == label_set.name
        np.testing.assert_array_equal(first.scores[is_flipped], second.scores[is_flipped])  # to the last bit
        assert is_flipped.any() or label_set.name == "tags"
        assert (first.positive != second.positive)[is_flipped].all()
        changed += (first.scores != second.scores)[~is_flipped].sum()
    assert changed > 20, "the scores of other units depend on these labels"


def test_a_unit_is_scored_by_its_best_gram_with_its_fold_left_out():
    sets = three_sets()
    classifier_trainer = trainer(*sets)
    for label_set, out in zip(sets, classifier_trainer.cross_validate().sets, strict=False):
        index = UnitIndex.from_documents(label_set.documents)
        occurrences = index.find(TEXTS)
        for fold in range(4):
            fitted = classifier_trainer.fit(fold, UNSET, {})
            probability = fitted.shrink_to_labels(TEXTS, fitted.estimate(features_of(TEXTS)))
            for unit in np.flatnonzero(out.fold == fold).tolist():
                grams = occurrences.gram[occurrences.unit == unit]
                assert out.scores[unit] == (probability[grams].max() if len(grams) else -np.inf)
        assert np.isneginf(out.scores).any(), "some units contain none of the grams"


def test_the_documents_of_a_problem_are_in_one_fold_in_every_set():
    sets = three_sets()
    cross_validation = trainer(*sets).cross_validate()
    assert [out.name for out in cross_validation.sets] == ["people", "tags"], "sets for training only are not evaluated"
    folds = {}
    for label_set, out in zip(sets, cross_validation.sets, strict=False):
        assert len(out.scores) == len(out.positive) == len(out.fold) == len(problems_of_units(label_set))
        for problem, fold in zip(problems_of_units(label_set).tolist(), out.fold.tolist(), strict=True):
            assert folds.setdefault(problem, fold) == fold
    # 8 problems in turn over 4 folds
    assert sorted(folds.values()) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_document_without_a_problem_is_its_own_problem():
    documents = tuple(replace(labeled_document, problem="") for labeled_document in labeled(1))
    (out,) = trainer(LabelSet("people", documents)).cross_validate().sets
    ids = np.array([labeled_document.id for labeled_document in documents for _ in labeled_document.units])
    assert all(len(set(out.fold[ids == labeled_document.id])) == 1 for labeled_document in documents)
    assert [np.sum(out.fold == fold) for fold in range(4)] == [30] * 4  # 12 documents of 10 units


def test_another_seed_gives_different_folds():
    folds = [
        trainer(LabelSet("people", tuple(labeled(1))), seed=seed).cross_validate().sets[0].fold.tolist()
        for seed in (0, 0, 1)
    ]
    assert folds[0] == folds[1] != folds[2]


def test_a_text_of_an_evaluated_set_is_removed_from_training_sets():
    people, _, model = three_sets()
    first_document = people.documents[0]
    # the same text with another problem, so that no fold would have left it out
    copy = replace(flip_labels(first_document), id="copy", problem="elsewhere")
    extended_model = replace(model, documents=(*model.documents, copy))
    assert (
        trainer(people, model).fit(None, UNSET, {}).to_bytes()
        == trainer(people, extended_model).fit(None, UNSET, {}).to_bytes()
    )
    first, second = (trainer(people, label_set).cross_validate().sets[0] for label_set in (model, extended_model))
    np.testing.assert_array_equal(first.scores, second.scores)
    only_copy = replace(model, documents=(copy,))
    people_only = trainer(people).fit(None, UNSET, {}).to_bytes()
    assert trainer(people, only_copy).fit(None, UNSET, {}).to_bytes() == people_only, "although the set becomes empty"


def test_a_common_text_stays_in_both_evaluated_sets():
    people, tags, _ = three_sets()
    both = replace(tags, documents=(*tags.documents, replace(people.documents[0], id="copy")))
    cross_validation = trainer(people, both).cross_validate()
    assert [len(out.scores) for out in cross_validation.sets] == [120, 80]


@pytest.mark.parametrize("problem", ["", "elsewhere"])
def test_labels_of_a_copy_never_change_the_scores_of_a_text(problem):
    documents = [replace(labeled_document, problem=f"own {labeled_document.id}") for labeled_document in labeled(1)]
    is_copied = np.repeat([labeled_document is documents[0] for labeled_document in documents], 10)
    for number in range(3):  # one of these names puts the copy into another fold
        copy = replace(documents[0], id=f"again {number}", problem=problem and f"{problem} {number}")
        first, second = (
            trainer(LabelSet("people", (*documents, added))).cross_validate().sets[0]
            for added in (copy, flip_labels(copy))
        )
        np.testing.assert_array_equal(first.scores[:120][is_copied], second.scores[:120][is_copied])


def test_the_classifier_separates_plans_from_steps_out_of_fold():
    (out,) = trainer(LabelSet("people", tuple(labeled(1)))).cross_validate().sets
    # one unit in ten contradicts its label, so both rates are at most about 0.9
    assert out.average_precision > 0.75 > 2 * 0.33
    classifier = trainer(LabelSet("people", tuple(labeled(1)))).fit(None, UNSET, {})
    probability = dict(
        zip(TEXTS, classifier.shrink_to_labels(TEXTS, classifier.estimate(features_of(TEXTS))), strict=True)
    )
    assert min(probability[text] for text in PLANS) > max(probability[text] for text in STEPS)


# -- rates and thresholds -------------------------------------------------------------------------------

LEVELS = [-np.inf, 0.1, 0.25, 0.3, 0.5, 0.52, 0.7, 0.9, 0.95]
set_of_units = st.lists(st.tuples(st.sampled_from(LEVELS), st.booleans()), min_size=1, max_size=30)


def out_of_fold(units, name="people", folds=None):
    scores, positive = zip(*units, strict=True)
    folds = [number % 3 for number in range(len(units))] if folds is None else folds
    return OutOfFoldScores(name, np.array(scores), np.array(positive), np.array(folds))


def precision(units, threshold):
    marked = [positive for score, positive in units if score >= threshold]
    return sum(marked) / len(marked) if marked else 0.0


def recall(units, threshold):
    return sum(positive for score, positive in units if score >= threshold) / max(
        1, sum(positive for _, positive in units)
    )


def test_rates_are_those_of_the_units_that_reach_the_threshold():
    out = out_of_fold([(0.9, True), (0.5, False), (0.5, True), (0.4, True), (-np.inf, True), (-np.inf, False)])
    assert out.rates(0.5) == pytest.approx((2 / 3, 2 / 4))  # 3 marked, 2 of 4 positive ones among them
    assert out.rates(0.51) == pytest.approx((1, 1 / 4))
    assert out.rates(0.95) == (0, 0)
    # a threshold per unit: 0.9 and the second 0.5 pass, 0.4 does not, and -inf never does
    assert out.rates(np.array([0.9, 0.6, 0.5, 0.5, 0.0, 0.0])) == pytest.approx((1, 2 / 4))


@given(set_of_units)
def test_average_precision_is_the_mean_precision_at_the_positive_units(units):
    # of each positive unit: the precision among all units that score at least as high
    if any(positive for _, positive in units):
        precisions = [precision(units, score) for score, positive in units if positive]
        assert out_of_fold(units).average_precision == pytest.approx(sum(precisions) / len(precisions))


def lowest(precisions, aim):
    """The lowest threshold from which on no precision is below the aim; otherwise the lowest that reaches it."""
    rows = [row for row in range(len(GRID)) if min(precisions[row:]) >= aim] or [
        row for row in range(len(GRID)) if precisions[row] >= aim
    ]
    return float(GRID[rows[0]]) if rows else None


def smooth_f1(sets):
    """Mean F1 over the sets and over the eleven thresholds around each; the first and last value are repeated."""
    f1 = []
    for threshold in GRID:
        set_f1 = []
        for units in sets:
            p, r = precision(units, threshold), recall(units, threshold)
            set_f1.append(2 * p * r / (p + r) if p + r else 0.0)
        f1.append(sum(set_f1) / len(set_f1))
    return [sum(f1[min(max(row + shift, 0), len(f1) - 1)] for shift in range(-5, 6)) / 11 for row in range(len(f1))]


def test_the_grid_goes_from_a_fifth_to_095_in_hundredths():
    assert GRID.tolist() == [round(0.2 + step / 100, 2) for step in range(76)]


marked_to_the_end = set_of_units.map(lambda units: [*units, (0.95, True)])


@settings(max_examples=200)
@given(
    st.lists(marked_to_the_end, min_size=1, max_size=3), st.sampled_from([0.3, 0.5, 0.65]), st.sampled_from([0.5, 0.75])
)
def test_thresholds_follow_their_rules(sets, aim, clean_aim):
    per_set = np.array([[precision(units, threshold) for threshold in GRID] for units in sets])
    default, clean = lowest(per_set.min(axis=0), aim), lowest(per_set.mean(axis=0), clean_aim)
    outs = [out_of_fold(units, str(number)) for number, units in enumerate(sets)]
    if default is None or clean is None:
        with pytest.raises(
            InputError, match=r"no threshold reaches a precision of 0\.\d\d out of fold \(maximum: 0\.\d\d\)"
        ):
            choose_thresholds(outs, aim, clean_aim)
        return
    thresholds = choose_thresholds(outs, aim, clean_aim)
    assert thresholds["default"] == default
    assert thresholds["clean"] == clean
    smooth = smooth_f1(sets)
    assert smooth[GRID.tolist().index(thresholds["f1"])] == pytest.approx(max(smooth), abs=1e-9)
    assert choose_thresholds(outs[::-1], aim, clean_aim) == thresholds or len(sets) == 3  # sums of three may round


def test_thresholds_computed_by_hand():
    # Two sets. From 0.31 on, the first has a precision of 3/4, from 0.51 on of 1; the second from 0.41 on of 2/3.
    first = [(0.3, False)] * 4 + [(0.5, False)] + [(0.96, True)] * 3
    second = [(0.4, False)] * 3 + [(0.96, True)] * 2 + [(0.96, False)]
    outs = [out_of_fold(first), out_of_fold(second)]
    # 0.65 on both: 3/4 and 2/3 from 0.41. A mean of 0.75: (3/4 + 2/3) / 2 is too low, (1 + 2/3) / 2 from 0.51 on
    # is enough.
    thresholds = choose_thresholds(outs)
    assert (thresholds["default"], thresholds["clean"]) == (0.41, 0.51)
    # the second set never exceeds 2/3
    with pytest.raises(
        InputError, match=r"precision of 0\.70 out of fold \(maximum: 0\.67\); give more labels, or a lower"
    ):
        choose_thresholds(outs, 0.7)


def test_a_later_dip_of_precision_rules_a_threshold_out():
    # right in 7 of 10 from 0.20, in 5 of 8 (0.63) from 0.31, where two positives are lost, in all of 5 from 0.51
    units = [(0.3, True)] * 2 + [(0.5, False)] * 3 + [(0.96, True)] * 5
    assert choose_thresholds([out_of_fold(units)])["default"] == 0.51


def test_thresholds_without_marks_do_not_rule_a_threshold_out():
    units = [(0.3, True)] * 2 + [(0.5, False)] * 3 + [(0.6, True)] * 5
    assert choose_thresholds([out_of_fold(units)])["default"] == 0.51
    short, long = units, [(0.2, False)] + [(0.9, True)] * 9
    assert choose_thresholds([out_of_fold(short), out_of_fold(long)])["default"] == 0.51


def test_thresholds_without_marks_do_not_rule_a_clean_threshold_out():
    # Means: of 7/10 and 9/11 0.76 from 0.20, of 5/8 and 9/11 0.72 from 0.31, of 1 and 1 from 0.51; beyond 0.60 the
    # first set has nothing marked.
    short = [(0.3, True)] * 2 + [(0.5, False)] * 3 + [(0.6, True)] * 5
    long = [(0.5, False)] * 2 + [(0.9, True)] * 9
    assert choose_thresholds([out_of_fold(short), out_of_fold(long)])["clean"] == 0.51


@settings(max_examples=30)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=6, max_size=30),
        min_size=1,
        max_size=2,
    )
)
def test_nested_rates_use_the_threshold_of_the_other_folds(sets):
    sets = [[*units, *[(0.96, True)] * 9] for units in sets]  # every fold has units that all thresholds mark
    outs = [out_of_fold(units, str(number)) for number, units in enumerate(sets)]
    aims = (0.3, 0.4)
    rows = CrossValidation(tuple(outs), choose_thresholds(outs, *aims), aims).to_json()
    per_fold = {}
    for fold in range(3):
        training_sets = [[unit for number, unit in enumerate(units) if number % 3 != fold] for units in sets]
        rates = np.array([[precision(units, threshold) for threshold in GRID] for units in training_sets])
        per_fold[fold] = {"default": lowest(rates.min(axis=0), aims[0]), "clean": lowest(rates.mean(axis=0), aims[1])}
    for number, units in enumerate(sets):
        row = rows[str(number)]
        n_positive = sum(positive for _, positive in units)
        assert (row["units"], row["base_rate"]) == (len(units), round(n_positive / len(units), 4))
        for setting in ("default", "clean"):
            marked = [positive for unit, (score, positive) in enumerate(units) if score >= per_fold[unit % 3][setting]]
            p, r = sum(marked) / len(marked), sum(marked) / n_positive
            f1 = 2 * p * r / (p + r)
            assert row[f"{setting}_nested"] == pytest.approx({"precision": p, "recall": r, "f1": f1}, abs=6e-5)
            threshold = choose_thresholds(outs, *aims)[setting]
            assert row[setting]["precision"] == pytest.approx(precision(units, threshold), abs=6e-5)
            assert row[setting]["recall"] == pytest.approx(recall(units, threshold), abs=6e-5)


def test_nested_rates_exist_if_the_other_folds_reach_no_threshold():
    # all precise units are in fold 0; without it the precision is 6/12 at every threshold
    units = [(0.9, True)] * 5 + [(0.4, True), (0.4, False)] * 6
    outs = [out_of_fold(units, folds=[0] * 5 + [1] * 6 + [2] * 6)]
    thresholds = choose_thresholds(outs)
    assert thresholds["default"] == 0.41
    assert CrossValidation(tuple(outs), thresholds).to_json()["people"]["default"]["precision"] == 1.0


# -- training --------------------------------------------------------------------------------------

BACKGROUND = Background({"the sum is": 5, "we get": 6, "so": 7}, 9, 2, {"what": "short answers"})


@pytest.fixture(scope="module")
def mined():
    """Candidates of sixty traces in the words of the labeled documents."""
    draw = random.Random(9)
    traces = [
        Trace(
            id=str(number),
            text=". ".join(sentence(draw, draw.random() < 0.4) for _ in range(8)),
            correct=number % 2 == 0,
        )
        for number in range(60)
    ]
    return Miner(MiningConfig(min_problems=1)).measure_candidates(traces)[0]


CONFIG = FitConfig(min_grams=3, **EASY)


@pytest.fixture(scope="module")
def fitted(mined):
    return train_classifier(mined, BACKGROUND, three_sets(), CONFIG, {"note": "of the test"})


def test_the_source_of_a_classifier_records_its_training(mined, fitted):
    classifier, cross_validation = fitted
    sets = three_sets()
    expected = [("people", 12, 1.0, True), ("tags", 7, 1.0, True), ("a model", 10, 0.25, False)]
    assert classifier.source["labels"] == [
        {
            "name": name,
            "digest": labels_digest(label_set.documents),
            "documents": n,
            "weight": weight,
            "evaluated": evaluated,
        }
        for label_set, (name, n, weight, evaluated) in zip(sets, expected, strict=True)
    ]
    assert classifier.source["config"] == CONFIG.to_json()
    assert classifier.source["config"]["blocks"] == ["stats", "words"]
    assert (classifier.source["candidates"], classifier.source["traces"]) == (len(mined), 60)
    assert classifier.source["background"] == {"what": "short answers"}
    assert classifier.source["note"] == "of the test"
    assert classifier.source["out_of_fold"] == cross_validation.to_json()
    assert classifier.thresholds == cross_validation.thresholds
    assert classifier.thresholds.keys() == set(SETTINGS)


def test_a_trained_classifier_can_be_saved_and_used(mined, fitted, tmp_path):
    classifier, _ = fitted
    classifier.save(tmp_path / "classifier.json")
    loaded = GramClassifier.load(tmp_path / "classifier.json")
    assert loaded.digest == classifier.digest
    assert loaded.source == classifier.source
    probability = loaded.probability(mined, BACKGROUND)
    np.testing.assert_allclose(probability, classifier.probability(mined, BACKGROUND), atol=1e-4)
    by_gram = dict(zip(mined.texts, probability.tolist(), strict=True))
    assert min(by_gram[text] for text in PLANS if text in by_gram) > max(
        by_gram[text] for text in STEPS if text in by_gram
    )
    assert sum(text in by_gram for text in PLANS + STEPS) > 8


def test_the_same_labels_give_the_same_bytes(mined, fitted):
    repeated, _ = train_classifier(mined, BACKGROUND, three_sets(), CONFIG, {"note": "of the test"})
    assert repeated.to_bytes() == fitted[0].to_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_documents_does_not_matter(mined, fitted, seed):
    draw = random.Random(seed)
    sets = [
        replace(label_set, documents=tuple(draw.sample(label_set.documents, len(label_set.documents))))
        for label_set in three_sets()
    ]
    repeated, _ = train_classifier(mined, BACKGROUND, sets, CONFIG, {"note": "of the test"})
    assert repeated.to_bytes() == fitted[0].to_bytes()


def test_the_order_of_the_documents_does_not_change_the_last_bit():
    sets = three_sets()
    reversed_sets = [replace(label_set, documents=label_set.documents[::-1]) for label_set in sets]
    first, second = (trainer(*label_sets).fit(None, UNSET, {}) for label_sets in (sets, reversed_sets))
    assert first.counts == second.counts
    assert first.bag == second.bag


def test_different_labels_give_another_classifier(mined, fitted):
    people, *further_sets = three_sets()
    sets = [replace(people, documents=(flip_labels(people.documents[0]), *people.documents[1:])), *further_sets]
    assert train_classifier(mined, BACKGROUND, sets, CONFIG)[0].digest != fitted[0].digest


def test_the_positive_labels_can_be_chosen(mined):
    renamed = [
        replace(
            labeled_document,
            units=tuple(
                replace(unit, labels=("x" if unit.labels == (PLAN,) else "y",)) for unit in labeled_document.units
            ),
        )
        for labeled_document in labeled(1)
    ]
    first, _ = train_classifier(mined, BACKGROUND, [LabelSet("people", tuple(labeled(1)))], CONFIG)
    second, _ = train_classifier(
        mined, BACKGROUND, [LabelSet("people", tuple(renamed), positive=frozenset({"x"}))], CONFIG
    )
    assert first.counts == second.counts
    assert first.bag == second.bag


# -- errors ------------------------------------------------------------------------------------


def test_too_few_problems_are_refused_with_their_number():
    with pytest.raises(
        InputError, match="the labels people cover 8 problems; cross-validation with 10 folds needs at least 10"
    ):
        trainer(LabelSet("people", tuple(labeled(1))), n_folds=10)
    sets = LabelSet("people", tuple(labeled(1))), LabelSet("tags", tuple(labeled(2, n_problems=3)))
    with pytest.raises(InputError, match=r"the labels tags cover 3 problems; .* with 4 folds needs at least 4"):
        trainer(*sets)
    small_set = LabelSet("a model", tuple(labeled(2, n_problems=3)), evaluated=False)
    trainer(sets[0], small_set)  # a set for training only may cover few problems


def test_training_without_an_evaluated_set_is_refused():
    with pytest.raises(InputError, match="no label set is evaluated; give at least one"):
        trainer(LabelSet("a model", tuple(labeled(1)), evaluated=False))
    with pytest.raises(InputError, match="no label set is evaluated"):
        trainer()


def test_two_sets_with_the_same_name_are_refused():
    sets = LabelSet("people", tuple(labeled(1))), LabelSet("people", tuple(labeled(2)), evaluated=False)
    with pytest.raises(InputError, match="two label sets have the same name; give each its own name"):
        trainer(*sets)


@pytest.mark.parametrize("label", [PLAN, STEP])
def test_only_positive_or_only_negative_labels_are_refused(label):
    documents = [
        replace(labeled_document, units=tuple(Unit(unit.start, unit.end, (label,)) for unit in labeled_document.units))
        for labeled_document in labeled(1)
    ]
    with pytest.raises(InputError, match="or only positive or only negative units; give labels of both kinds"):
        trainer(LabelSet("people", tuple(documents))).fit(None, UNSET, {})


def test_labels_on_text_without_any_of_the_phrases_are_refused():
    documents = [
        LabeledDocument(
            str(number), f"zwölf boxkämpfer {number}", (Unit(0, 5, (PLAN,)), Unit(6, 16, (STEP,))), str(number)
        )
        for number in range(9)
    ]
    with pytest.raises(InputError, match="the labeled text contains no phrase of these traces"):
        trainer(LabelSet("people", tuple(documents))).fit(None, UNSET, {})


def test_an_evaluated_set_without_positive_units_is_refused():
    nothing = [
        replace(labeled_document, units=tuple(replace(unit, labels=(STEP,)) for unit in labeled_document.units))
        for labeled_document in labeled(2, prefix="t")
    ]
    sets = LabelSet("people", tuple(labeled(1))), LabelSet("tags", tuple(nothing))
    with pytest.raises(InputError, match=r"no threshold reaches a precision of 0\.01"):
        trainer(*sets).cross_validate()


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    classifier_trainer = trainer(LabelSet("people", tuple(labeled(1))))
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtraError, match=r"training needs scikit-learn; pip install 'sgram\[validate\]'"):
        classifier_trainer.fit(None, UNSET, {})


@pytest.mark.parametrize("options", [{"penalty": 0}, {"shrink": 0}, {"softness": -1.0}, {"n_folds": 1}])
def test_invalid_fit_options_are_refused(options):
    with pytest.raises(UsageError, match="must be > 0, and n_folds >= 2"):
        FitConfig(**options)
