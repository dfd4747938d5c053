"""Raters beside each other and items that divide them, counted by hand."""

import json
import math

import pytest

from sgram.annotation.disputes import disputed_items, rater_rows
from sgram.annotation.rating_table import RatingTable
from tests.builders.rating_examples import of_rows

# items 0 to 4; s is strategic, p is not
ROWS = ("sspp*", "ssps*", "spps*", "****s")


def rows(*given, strategic=("s",)):
    return {row.rater[-1]: row for row in rater_rows(RatingTable.of(of_rows(*given)), strategic)}


def test_a_rater_is_held_against_the_majority_of_the_others():
    found = rows(*ROWS)
    # others of rater 0: (ss, sp, pp, ss): s, tied, p, s; own s, s, p, p: right on items 0 and 2 of three
    first = found["0"]
    assert (first.n_items, first.n_compared, first.n_tied, first.n_with_majority) == (4, 3, 1, 2)
    assert first.majority_agreement == pytest.approx(2 / 3)
    # of rater 1: (ss, sp, pp, ps): s, tied, p, tied; own s, s, p, s
    second = found["1"]
    assert (second.n_compared, second.n_tied, second.n_with_majority) == (2, 2, 2)


def test_bias_is_against_the_mean_of_the_others_on_the_same_items():
    found = rows(*ROWS)
    # rater 0: 2 of 4; the others on these items (1 + 1/2 + 0 + 1) / 4 = 5/8
    lean = found["0"].strategic
    assert (lean.share, lean.own, lean.others, lean.bias) == (0.5, 0.5, 0.625, -0.125)
    # rater 1: 3 of 4; the others (1 + 1/2 + 0 + 1/2) / 4 = 1/2
    assert found["1"].strategic.bias == 0.25
    assert dict(found["1"].labels)["p"].bias == -0.25
    assert dict(found["1"].labels)["s"] == found["1"].strategic


def test_a_rater_without_company_has_a_share_and_nothing_else():
    alone = rows(*ROWS)["3"]
    assert (alone.n_items, alone.n_compared, alone.majority_agreement) == (1, 0, None)
    assert (alone.strategic.share, alone.strategic.own, alone.strategic.others, alone.strategic.bias) == (
        1,
        None,
        None,
        None,
    )


def test_bias_leaves_out_items_that_nobody_else_rated():
    # rater 0: s, p and alone s; on the two shared items 1 of 2, the other 2 of 2
    lean = rows("sps", "ss*")["0"].strategic
    assert (lean.share, lean.own, lean.others, lean.bias) == (pytest.approx(2 / 3), 0.5, 1, -0.5)


def test_without_strategic_labels_each_label_s_lean_is_there_all_the_same():
    row = rows(*ROWS, strategic=())["0"]
    assert row.strategic is None
    assert [label for label, _ in row.labels] == ["p", "s"]


def test_strategic_labels_are_taken_together():
    # rater 0 strategic on 3 of 3, rater 1 on 2 of 3
    assert rows("abc", "bap", strategic=("a", "b", "c"))["0"].strategic.bias == pytest.approx(1 / 3)


def test_items_in_dispute_go_by_entropy_then_by_ratings_then_by_name():
    # items: aab (.918 bits, 3), abc (1.585), ab (1, 2), aa (0), abab (1, 4), ba (1, 2)
    table = RatingTable.of(of_rows("aaaaab", "abbaba", "bc**a*", "****b*"))
    found = disputed_items(table)
    assert [each.item for each in found] == ["item00001", "item00004", "item00002", "item00005", "item00000"]
    bits = [math.log2(3), 1, 1, 1, math.log2(3) - 2 / 3]
    assert [each.entropy for each in found] == pytest.approx(bits)
    assert found[0].counts == (("a", 1), ("b", 1), ("c", 1))
    assert found[-1].counts == (("a", 2), ("b", 1))
    assert found[-1].to_json() == {"item": "item00000", "entropy": 0.918296, "counts": {"a": 2, "b": 1}}


def test_items_of_one_label_are_no_dispute():
    assert disputed_items(RatingTable.of(of_rows("aab", "aa*"))) == ()


def test_rows_are_json():
    for row in rows(*ROWS).values():
        told = json.loads(json.dumps(row.to_json(), allow_nan=False))
        assert told["strategic"]["bias"] == row.strategic.bias
        assert told["majority_agreement"] == pytest.approx(row.majority_agreement, abs=1e-6)
