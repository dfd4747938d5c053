import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.precision_recall_curve import PrecisionRecallCurve
from sgram.evaluation.sentence_figures import FIGURES, ProblemDraws, draw_figures, draw_kappa

SENTENCES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()), min_size=1, max_size=12)


def test_each_figure_is_that_of_the_marked_sentences():
    problems = ["p", "p", "q", "q", "r"]
    probabilities = np.array([0.9, 0.8, 0.7, 0.4, 0.1])
    is_planning = np.array([True, False, True, True, False])
    draws = ProblemDraws.from_problems(problems, n_draws=50)
    figures = {name: figure[0] for name, figure in draw_figures(draws, probabilities, is_planning, 0.7).items()}
    # marked: the first three, two of them plan, of three that plan in all
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    # a recall of .75 takes all three that plan: four sentences are marked
    assert figures["precision_at_recall_75"] == pytest.approx(3 / 4)
    # precision 1, 2/3 and 3/4 where one of the three is reached
    assert figures["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@given(SENTENCES)
def test_a_draw_equals_the_figures_of_the_sentences_drawn(sentences):
    problems, ranks, is_planning = zip(*sentences, strict=True)
    probabilities, labels = np.array(ranks) / 4, np.array(is_planning)
    draws = ProblemDraws.from_problems(problems, n_draws=3)
    figures = draw_figures(draws, probabilities, labels, 0.5)
    for row, counts in enumerate(draws.counts):
        copies = np.repeat(np.arange(len(problems)), counts[draws.code])
        own = ProblemDraws.from_problems([f"{copy}" for copy in range(len(copies))], n_draws=0)
        if not len(copies):
            continue
        expected = draw_figures(own, probabilities[copies], labels[copies], 0.5)
        for name in FIGURES:
            assert figures[name][row] == pytest.approx(expected[name][0], nan_ok=True), name


@given(SENTENCES)
def test_average_precision_is_that_of_the_curve_of_grams(sentences):
    problems, ranks, is_planning = zip(*sentences, strict=True)
    labels = np.array(is_planning)
    figure = draw_figures(ProblemDraws.from_problems(problems, 0), np.array(ranks) / 4, labels, 0.5)
    curve = PrecisionRecallCurve.from_scores(np.array(ranks, float), labels)
    expected = (np.diff(curve.recall, prepend=0.0) * curve.precision).sum() if labels.any() else np.nan
    assert figure["average_precision"][0] == pytest.approx(expected, nan_ok=True)


def test_kappa_counts_the_sentences_that_both_name():
    draws = ProblemDraws.from_problems(list("abcde"), n_draws=0)
    # three pairs: two agree; chance is (2/3)(1/3) + (1/3)(2/3) = 4/9, so kappa = (2/3 - 4/9) / (1 - 4/9) = .4
    kappa = draw_kappa(draws, ["x", "y", "x", None, "y"], ["x", "y", "y", "x", None])
    assert kappa[0] == pytest.approx(0.4)
    assert np.isnan(draw_kappa(draws, ["x"] * 5, ["x"] * 5)[0])


def test_an_interval_needs_two_problems():
    draws = ProblemDraws.from_problems(["p", "p"], n_draws=5)
    estimate = draws.estimate(np.full(6, 0.5))
    assert (estimate.value, estimate.low, estimate.undefined) == (0.5, None, "an interval needs two problems or more")
