"""Coefficients of agreement: worked examples of the literature, definitions spelt out, and what is undefined."""

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


def value(coefficient, codes, n_labels):
    """The coefficient of the items as they are; the reason where it has none."""
    made = coefficient(codes, n_labels)
    return made.undefined or float(made.compute(made.features.sum(axis=0)[None])[0])


def of(coefficient, ratings):
    table = RatingTable.from_ratings(ratings)
    return value(coefficient, table.codes, len(table.labels))


# -- the literature -------------------------------------------------------------------------------------


def test_krippendorff_s_example_with_missing_cells():
    ratings = examples.of_rows(*examples.OBSERVERS)
    assert of(krippendorff_alpha, ratings) == pytest.approx(0.743, abs=5e-4)
    # Gwet's irrCAC holds the same table (cac.raw4raters) and prints for it
    assert of(percent_agreement, ratings) == pytest.approx(0.8181818, abs=5e-8)
    assert of(gwet_ac1, ratings) == pytest.approx(0.77544, abs=5e-6)


def test_fleiss_kappa_of_fourteen_raters():
    ratings = examples.of_counts(examples.FOURTEEN)
    assert of(fleiss_kappa, ratings) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(
    ("table", "kappa"),
    # equal agreement of 60 %, unequal margins (Wikipedia, Cohen's kappa)
    [([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593), ([[20, 5], [10, 15]], 0.4)],
)
def test_cohen_s_kappa_of_two_by_two_tables(table, kappa):
    assert of(cohen_kappa, examples.of_table(table)) == pytest.approx(kappa, abs=5e-5)


def test_three_abstractors_as_irrcac_prints_them():
    # cont3x3abstractors of Gwet's irrCAC
    ratings = examples.of_table([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    assert of(cohen_kappa, ratings) == pytest.approx(0.7964094, abs=5e-8)
    assert of(gwet_ac1, ratings) == pytest.approx(0.8493305, abs=5e-8)
    assert of(krippendorff_alpha, ratings) == pytest.approx(0.7972585, abs=5e-8)
    assert of(percent_agreement, ratings) == 0.89


def test_ac1_keeps_its_head_where_nearly_all_agree():
    # Gwet 2002: 118, 5, 2, 0 of 125. p_a = .944; margins .984 and .96: kappa (.944 - .94528) / .05472 = -.0234;
    # pi = .972, p_e = 2 * .972 * .028 = .054432, AC1 (.944 - .054432) / .945568 = .9408
    ratings = examples.of_table([[118, 5], [2, 0]])
    assert of(cohen_kappa, ratings) == pytest.approx(-0.0234, abs=5e-5)
    assert of(gwet_ac1, ratings) == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize(("prevalence", "kappa", "ac1"), [(50, 0.64, 0.64), (86, 0.46, 0.73), (95, 0.25, 0.76)])
def test_kappa_falls_with_prevalence_though_the_raters_are_as_good_as_before(prevalence, kappa, ac1):
    # Three raters, each right 9 times of 10: two agree .82 of the time. At 86 % strategic a rating is strategic with
    # .9 * .86 + .1 * .14 = .788: p_e = .788^2 + .212^2 = .6659, kappa (.82 - .6659) / .3341 = .461, AC1 of
    # p_e = .3341: .730. At 95 %: .86, .7592, .2525; .2408, .763. These are the figures that `sgram agreement` tells.
    rows, sizes = [], []
    for truth, *right in product((0, 1), repeat=4):
        rows.append([truth if each else 1 - truth for each in right])
        share = (prevalence if truth == 0 else 100 - prevalence) * 1000
        sizes.append(round(share * 0.9 ** sum(right) * 0.1 ** (3 - sum(right))))
    codes = np.repeat(np.array(rows), sizes, axis=0)
    assert len(codes) == 100_000
    assert value(percent_agreement, codes, 2) == pytest.approx(0.82)
    assert value(fleiss_kappa, codes, 2) == pytest.approx(kappa, abs=5e-3)
    assert value(krippendorff_alpha, codes, 2) == pytest.approx(kappa, abs=5e-3)
    assert value(gwet_ac1, codes, 2) == pytest.approx(ac1, abs=5e-3)


# -- definitions ----------------------------------------------------------------------------------------

rows_of = st.integers(1, 4).flatmap(
    lambda raters: st.lists(
        st.text("abc*", min_size=raters, max_size=raters).filter(lambda row: set(row) != {"*"}), min_size=1, max_size=9
    )
)


def ratings_of(items):
    return examples.of_rows(*map("".join, zip(*items, strict=True)))


@given(rows_of)
@settings(max_examples=300)
def test_each_coefficient_is_its_definition(items):
    ratings = ratings_of(items)
    for coefficient, definition in (
        (percent_agreement, examples.percent),
        (krippendorff_alpha, examples.alpha),
        (fleiss_kappa, examples.fleiss),
        (gwet_ac1, examples.ac1),
    ):
        found, expected = of(coefficient, ratings), definition(ratings)
        assert isinstance(found, str) if expected is None else found == pytest.approx(expected, abs=1e-9)
    table = RatingTable.from_ratings(ratings)
    for pair in [(0, 1), (1, 0), (0, 2)] if len(table.raters) > 2 else []:
        found = value(cohen_kappa, table.codes[:, pair], len(table.labels))
        expected = examples.cohen(ratings, *(table.raters[place] for place in pair))
        assert isinstance(found, str) if expected is None else found == pytest.approx(expected, abs=1e-9)


@given(rows_of)
@settings(max_examples=100)
def test_resampled_values_are_those_of_the_libraries(items):
    table = RatingTable.from_ratings(ratings_of(items))
    n_labels = len(table.labels)
    resamples = Resamples(table.codes, 5)
    kinds = table.codes[resamples.representatives]
    n_raters = kinds.shape[1]
    alpha, fleiss, ac1 = (make(kinds, n_labels) for make in (krippendorff_alpha, fleiss_kappa, gwet_ac1))
    drawn = {made: made.compute(resamples.sums(made.features)) for made in (alpha, fleiss, ac1)}
    for draw, sizes in enumerate(resamples.sums(np.eye(len(kinds))).astype(int)):
        codes = np.repeat(kinds, sizes, axis=0)
        counts = np.stack([(codes == label).sum(axis=1) for label in range(n_labels)], axis=1)
        paired, complete = counts.sum(axis=1) > 1, counts.sum(axis=1) == n_raters
        for made, library, chosen in ((alpha, library_alpha, paired), (fleiss, library_fleiss, complete)):
            if made.undefined:
                continue
            if (counts[chosen].sum(axis=0) > 0).sum() > 1:
                assert drawn[made][draw] == pytest.approx(library(counts[chosen]), abs=1e-9)
            else:
                assert np.isnan(drawn[made][draw])
        again = [
            examples.Rating(str(item), str(rater), str(code))
            for item, row in enumerate(codes)
            for rater, code in enumerate(row)
            if code != MISSING
        ]
        expected = examples.ac1(again, n_labels)
        assert np.isnan(drawn[ac1][draw]) if expected is None else drawn[ac1][draw] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_cohen_s_kappa_is_that_of_the_library(pairs):
    codes = np.array(pairs)
    found = value(cohen_kappa, codes, 4)
    if len({code for pair in pairs for code in pair}) == 1:
        assert found == ONE_LABEL
    else:
        assert found == pytest.approx(library_cohen(codes, 4), abs=1e-9)


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
def test_what_is_undefined_has_a_reason(rows, percent, alpha, fleiss, ac1):
    ratings = examples.of_rows(*rows)
    for coefficient, expected in (
        (percent_agreement, percent),
        (krippendorff_alpha, alpha),
        (fleiss_kappa, fleiss),
        (gwet_ac1, ac1),
    ):
        found = of(coefficient, ratings)
        assert found == (expected if isinstance(expected, str) else pytest.approx(expected))


def test_cohen_s_kappa_without_a_common_item_or_with_one_label_has_a_reason():
    assert of(cohen_kappa, examples.of_rows("ab*", "**a")) == "no item was rated by both"
    assert of(cohen_kappa, examples.of_rows("aab", "aa*")) == ONE_LABEL
    assert of(cohen_kappa, examples.of_rows("aa", "bb")) == 0  # never alike, and chance never would be


def test_a_draw_of_one_label_is_undefined_too():
    codes = np.array([[0, 0], [1, 1]])
    for coefficient in (krippendorff_alpha, fleiss_kappa, gwet_ac1, cohen_kappa):
        made = coefficient(codes, 2)
        one, both = (np.array(sizes) @ made.features for sizes in ((2, 0), (1, 1)))
        drawn = made.value(np.stack([one, both]))
        assert np.isnan(drawn[0])
        assert drawn[1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["krippendorff", "statsmodels.stats"])
def test_a_missing_library_names_the_extra(monkeypatch, name):
    from sgram.errors import MissingExtraError

    monkeypatch.setitem(__import__("sys").modules, name, None)
    library, what = (library_alpha, "krippendorff") if name == "krippendorff" else (library_fleiss, "statsmodels")
    with pytest.raises(MissingExtraError, match=rf"agreement needs {what} .*; pip install 'sgram\[validate\]'"):
        library(np.array([[2, 0], [0, 2]]))
