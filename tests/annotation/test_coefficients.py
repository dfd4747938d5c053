"""Coefficients of agreement: worked examples from the literature, literal definitions, undefined cases."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.coefficients import (
    NO_TWO_RATINGS,
    ONE_LABEL,
    ONE_RATER,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    library_alpha,
    library_cohen,
    library_fleiss,
    percent_agreement,
)
from sgram.annotation.rating_table import MISSING, RatingTable
from sgram.statistics import Resamples
from tests.builders import rating_examples as examples

pytest.importorskip("krippendorff", reason="krippendorff comes with the extra validate")
pytest.importorskip("statsmodels", reason="statsmodels comes with the extra validate")


def coefficient_of_codes(coefficient, codes, n_labels):
    """The coefficient of all items, or the reason why it is undefined."""
    statistic = coefficient(codes, n_labels)
    return statistic.undefined or float(statistic.compute(statistic.features.sum(axis=0)[None])[0])


def coefficient_of_ratings(coefficient, ratings):
    table = RatingTable.from_ratings(ratings)
    return coefficient_of_codes(coefficient, table.codes, len(table.labels))


# -- the literature -------------------------------------------------------------------------------------


def test_krippendorff_s_example_with_missing_cells():
    ratings = examples.of_rows(*examples.OBSERVERS)
    assert coefficient_of_ratings(krippendorff_alpha, ratings) == pytest.approx(0.743, abs=5e-4)
    # Gwet's irrCAC holds the same table (cac.raw4raters) and prints for it
    assert coefficient_of_ratings(percent_agreement, ratings) == pytest.approx(0.8181818, abs=5e-8)
    assert coefficient_of_ratings(gwet_ac1, ratings) == pytest.approx(0.77544, abs=5e-6)


def test_fleiss_kappa_of_fourteen_raters():
    ratings = examples.of_counts(examples.FOURTEEN)
    assert coefficient_of_ratings(fleiss_kappa, ratings) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(
    ("table", "kappa"),
    # equal agreement of 60 %, unequal margins (Wikipedia, Cohen's kappa)
    [([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593), ([[20, 5], [10, 15]], 0.4)],
)
def test_cohen_s_kappa_of_two_by_two_tables(table, kappa):
    assert coefficient_of_ratings(cohen_kappa, examples.of_table(table)) == pytest.approx(kappa, abs=5e-5)


def test_three_abstractors_as_irrcac_prints_them():
    # cont3x3abstractors of Gwet's irrCAC
    ratings = examples.of_table([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    assert coefficient_of_ratings(cohen_kappa, ratings) == pytest.approx(0.7964094, abs=5e-8)
    assert coefficient_of_ratings(gwet_ac1, ratings) == pytest.approx(0.8493305, abs=5e-8)
    assert coefficient_of_ratings(krippendorff_alpha, ratings) == pytest.approx(0.7972585, abs=5e-8)
    assert coefficient_of_ratings(percent_agreement, ratings) == 0.89


def test_ac1_is_high_if_nearly_all_agree():
    # Gwet 2002: 118, 5, 2, 0 of 125. p_a = .944; margins .984 and .96: kappa (.944 - .94528) / .05472 = -.0234;
    # pi = .972, p_e = 2 * .972 * .028 = .054432, AC1 (.944 - .054432) / .945568 = .9408
    ratings = examples.of_table([[118, 5], [2, 0]])
    assert coefficient_of_ratings(cohen_kappa, ratings) == pytest.approx(-0.0234, abs=5e-5)
    assert coefficient_of_ratings(gwet_ac1, ratings) == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize(("prevalence", "kappa", "ac1"), [(50, 0.64, 0.64), (86, 0.46, 0.73), (95, 0.25, 0.76)])
def test_kappa_falls_with_prevalence_though_the_raters_are_as_good_as_before(prevalence, kappa, ac1):
    # Three raters, each right 9 times of 10: two agree .82 of the time. At 86 % strategic a rating is strategic with
    # .9 * .86 + .1 * .14 = .788: p_e = .788^2 + .212^2 = .6659, kappa (.82 - .6659) / .3341 = .461, AC1 of
    # p_e = .3341: .730. At 95 %: .86, .7592, .2525; .2408, .763. These are the numbers that `sgram agreement` prints.
    rows, sizes = [], []
    for truth, *right in product((0, 1), repeat=4):
        rows.append([truth if is_right else 1 - truth for is_right in right])
        share = (prevalence if truth == 0 else 100 - prevalence) * 1000
        sizes.append(round(share * 0.9 ** sum(right) * 0.1 ** (3 - sum(right))))
    codes = np.repeat(np.array(rows), sizes, axis=0)
    assert len(codes) == 100_000
    assert coefficient_of_codes(percent_agreement, codes, 2) == pytest.approx(0.82)
    assert coefficient_of_codes(fleiss_kappa, codes, 2) == pytest.approx(kappa, abs=5e-3)
    assert coefficient_of_codes(krippendorff_alpha, codes, 2) == pytest.approx(kappa, abs=5e-3)
    assert coefficient_of_codes(gwet_ac1, codes, 2) == pytest.approx(ac1, abs=5e-3)


# -- definitions ----------------------------------------------------------------------------------------

label_rows = st.integers(1, 4).flatmap(
    lambda raters: st.lists(
        st.text("abc*", min_size=raters, max_size=raters).filter(lambda row: set(row) != {"*"}), min_size=1, max_size=9
    )
)


def ratings_of(items):
    return examples.of_rows(*map("".join, zip(*items, strict=True)))


@given(label_rows)
@settings(max_examples=300)
def test_every_coefficient_equals_its_definition(items):
    ratings = ratings_of(items)
    for coefficient, definition in (
        (percent_agreement, examples.percent),
        (krippendorff_alpha, examples.alpha),
        (fleiss_kappa, examples.fleiss),
        (gwet_ac1, examples.ac1),
    ):
        computed, expected = coefficient_of_ratings(coefficient, ratings), definition(ratings)
        assert isinstance(computed, str) if expected is None else computed == pytest.approx(expected, abs=1e-9)
    table = RatingTable.from_ratings(ratings)
    for pair in [(0, 1), (1, 0), (0, 2)] if len(table.raters) > 2 else []:
        computed = coefficient_of_codes(cohen_kappa, table.codes[:, pair], len(table.labels))
        expected = examples.cohen(ratings, *(table.raters[column] for column in pair))
        assert isinstance(computed, str) if expected is None else computed == pytest.approx(expected, abs=1e-9)


@given(label_rows)
@settings(max_examples=100)
def test_resampled_coefficients_equal_those_of_the_libraries(items):
    table = RatingTable.from_ratings(ratings_of(items))
    n_labels = len(table.labels)
    resamples = Resamples(table.codes, 5)
    kinds = table.codes[resamples.representatives]
    n_raters = kinds.shape[1]
    alpha, fleiss, ac1 = (make(kinds, n_labels) for make in (krippendorff_alpha, fleiss_kappa, gwet_ac1))
    draws = {statistic: statistic.compute(resamples.sums(statistic.features)) for statistic in (alpha, fleiss, ac1)}
    for draw, sizes in enumerate(resamples.sums(np.eye(len(kinds))).astype(int)):
        codes = np.repeat(kinds, sizes, axis=0)
        counts = np.stack([(codes == label).sum(axis=1) for label in range(n_labels)], axis=1)
        paired, complete = counts.sum(axis=1) > 1, counts.sum(axis=1) == n_raters
        for statistic, library, used in ((alpha, library_alpha, paired), (fleiss, library_fleiss, complete)):
            if statistic.undefined:
                continue
            if (counts[used].sum(axis=0) > 0).sum() > 1:
                assert draws[statistic][draw] == pytest.approx(library(counts[used]), abs=1e-9)
            else:
                assert np.isnan(draws[statistic][draw])
        drawn_ratings = [
            examples.Rating(str(item), str(rater), str(code))
            for item, row in enumerate(codes)
            for rater, code in enumerate(row)
            if code != MISSING
        ]
        expected = examples.ac1(drawn_ratings, n_labels)
        assert np.isnan(draws[ac1][draw]) if expected is None else draws[ac1][draw] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_cohen_s_kappa_is_that_of_the_library(pairs):
    codes = np.array(pairs)
    computed = coefficient_of_codes(cohen_kappa, codes, 4)
    if len({code for pair in pairs for code in pair}) == 1:
        assert computed == ONE_LABEL
    else:
        assert computed == pytest.approx(library_cohen(codes, 4), abs=1e-9)


# -- undefined ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "percent", "alpha", "fleiss", "ac1"),
    [
        (["aab"], ONE_RATER, ONE_RATER, ONE_RATER, ONE_RATER),
        (["a*b*", "*b*a"], NO_TWO_RATINGS, NO_TWO_RATINGS, "no item was rated by all 2 raters", NO_TWO_RATINGS),
        (["aaa", "aaa"], 1, ONE_LABEL, ONE_LABEL, ONE_LABEL),
        # a and b, but only a's where two rated: chance is corrected for by AC1 from all ratings, by the others not
        (["aab", "aa*"], 1, ONE_LABEL, ONE_LABEL, 1),
        # three raters, none of the items rated by all
        (["ab*", "a*b", "*bb"], 1, 1, "no item was rated by all 3 raters", 1),
    ],
)
def test_an_undefined_coefficient_has_a_reason(rows, percent, alpha, fleiss, ac1):
    ratings = examples.of_rows(*rows)
    for coefficient, expected in (
        (percent_agreement, percent),
        (krippendorff_alpha, alpha),
        (fleiss_kappa, fleiss),
        (gwet_ac1, ac1),
    ):
        computed = coefficient_of_ratings(coefficient, ratings)
        assert computed == (expected if isinstance(expected, str) else pytest.approx(expected))


def test_cohen_s_kappa_without_a_common_item_or_with_one_label_has_a_reason():
    assert coefficient_of_ratings(cohen_kappa, examples.of_rows("ab*", "**a")) == "no item was rated by both"
    assert coefficient_of_ratings(cohen_kappa, examples.of_rows("aab", "aa*")) == ONE_LABEL
    assert coefficient_of_ratings(cohen_kappa, examples.of_rows("aa", "bb")) == 0  # and 0 by chance


def test_a_draw_with_one_label_is_undefined():
    codes = np.array([[0, 0], [1, 1]])
    for coefficient in (krippendorff_alpha, fleiss_kappa, gwet_ac1, cohen_kappa):
        statistic = coefficient(codes, 2)
        one_label, both_labels = (np.array(sizes) @ statistic.features for sizes in ((2, 0), (1, 1)))
        draws = statistic.compute(np.stack([one_label, both_labels]))
        assert np.isnan(draws[0])
        assert draws[1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["krippendorff", "statsmodels.stats"])
def test_a_missing_library_names_the_extra(monkeypatch, name):
    from sgram.errors import MissingExtraError

    monkeypatch.setitem(__import__("sys").modules, name, None)
    library, extra = (library_alpha, "krippendorff") if name == "krippendorff" else (library_fleiss, "statsmodels")
    with pytest.raises(MissingExtraError, match=rf"agreement needs {extra} .*; pip install 'sgram\[validate\]'"):
        library(np.array([[2, 0], [0, 2]]))
