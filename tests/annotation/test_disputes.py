"""Raters compared with each other and disputed items, counted by hand."""

import json
import math

import pytest

from sgram.annotation.disputes import compare_raters, find_disputes
from sgram.annotation.rating_table import RatingTable
from tests.builders.rating_examples import of_rows

# items 0 to 4; s is strategic, p is not
ROWS = ("sspp*", "ssps*", "spps*", "****s")


def rows(*label_rows, strategic=("s",)):
    return {row.rater[-1]: row for row in compare_raters(RatingTable.from_ratings(of_rows(*label_rows)), strategic)}


def test_a_rater_is_compared_with_the_majority_of_the_others():
    by_rater = rows(*ROWS)
    # others of rater 0: (ss, sp, pp, ss): s, tied, p, s; own s, s, p, p: right on items 0 and 2 of three
    first = by_rater["0"]
    assert (first.n_items, first.n_compared, first.n_tied, first.n_with_majority) == (4, 3, 1, 2)
    assert first.majority_agreement == pytest.approx(2 / 3)
    # of rater 1: (ss, sp, pp, ps): s, tied, p, tied; own s, s, p, s
    second = by_rater["1"]
    assert (second.n_compared, second.n_tied, second.n_with_majority) == (2, 2, 2)


def test_bias_is_relative_to_the_mean_of_the_others_on_the_same_items():
    by_rater = rows(*ROWS)
    # rater 0: 2 of 4; the others on these items (1 + 1/2 + 0 + 1) / 4 = 5/8
    label_use = by_rater["0"].strategic
    assert (label_use.share, label_use.share_on_common, label_use.share_of_others, label_use.bias) == (
        0.5,
        0.5,
        0.625,
        -0.125,
    )
    # rater 1: 3 of 4; the others (1 + 1/2 + 0 + 1/2) / 4 = 1/2
    assert by_rater["1"].strategic.bias == 0.25
    assert dict(by_rater["1"].labels)["p"].bias == -0.25
    assert dict(by_rater["1"].labels)["s"] == by_rater["1"].strategic


def test_a_rater_without_common_items_has_a_share_only():
    single = rows(*ROWS)["3"]
    assert (single.n_items, single.n_compared, single.majority_agreement) == (1, 0, None)
    assert (
        single.strategic.share,
        single.strategic.share_on_common,
        single.strategic.share_of_others,
        single.strategic.bias,
    ) == (1, None, None, None)


def test_bias_ignores_items_that_nobody_else_rated():
    # rater 0: s, p and alone s; on the two shared items 1 of 2, the other 2 of 2
    label_use = rows("sps", "ss*")["0"].strategic
    assert (label_use.share, label_use.share_on_common, label_use.share_of_others, label_use.bias) == (
        pytest.approx(2 / 3),
        0.5,
        1,
        -0.5,
    )


def test_without_strategic_labels_every_label_has_its_use():
    row = rows(*ROWS, strategic=())["0"]
    assert row.strategic is None
    assert [label for label, _ in row.labels] == ["p", "s"]


def test_strategic_labels_are_merged():
    # rater 0 strategic on 3 of 3, rater 1 on 2 of 3
    assert rows("abc", "bap", strategic=("a", "b", "c"))["0"].strategic.bias == pytest.approx(1 / 3)


def test_disputes_are_sorted_by_entropy_then_by_ratings_then_by_id():
    # items: aab (.918 bits, 3), abc (1.585), ab (1, 2), aa (0), abab (1, 4), ba (1, 2)
    table = RatingTable.from_ratings(of_rows("aaaaab", "abbaba", "bc**a*", "****b*"))
    disputes = find_disputes(table)
    assert [dispute.item for dispute in disputes] == ["item00001", "item00004", "item00002", "item00005", "item00000"]
    bits = [math.log2(3), 1, 1, 1, math.log2(3) - 2 / 3]
    assert [dispute.entropy for dispute in disputes] == pytest.approx(bits)
    assert disputes[0].counts == (("a", 1), ("b", 1), ("c", 1))
    assert disputes[-1].counts == (("a", 2), ("b", 1))
    assert disputes[-1].to_json() == {"item": "item00000", "entropy": 0.918296, "counts": {"a": 2, "b": 1}}


def test_items_with_one_label_are_not_disputed():
    assert find_disputes(RatingTable.from_ratings(of_rows("aab", "aa*"))) == ()


def test_rows_are_json():
    for row in rows(*ROWS).values():
        document = json.loads(json.dumps(row.to_json(), allow_nan=False))
        assert document["strategic"]["bias"] == row.strategic.bias
        assert document["majority_agreement"] == pytest.approx(row.majority_agreement, abs=1e-6)
