"""Arms beside each other at the end of training; expected differences worked out by hand."""

import math

import pytest

from sgram.reports.findings.arms import arms
from sgram.reports.findings.summary import summary
from tests.builders.report_tables import TableAnalysis, table


def runs(**last):
    """Two steps a run: pass@1 .2, then `last`, each give or take `by`; names as in hicra_0 for seed 0."""
    rows = []
    for name, (value, by) in last.items():
        method, _, seed = name.rpartition("_")
        for step, accuracy in ((1, 0.2), (2, value)):
            rows.append(
                {
                    "source": f"{method.replace('__', ', ')}, seed {seed}",
                    "series": "pass@1",
                    "list": None,
                    "step": step,
                    "value": accuracy,
                    "low": accuracy - by,
                    "high": accuracy + by,
                }
            )
    return table("curves", rows), tuple(dict.fromkeys(row["source"] for row in rows))


def sentence_texts(**last):
    return [sentence.text for sentence in arms(*runs(**last))]


def test_arms_are_compared_with_grpo_and_with_the_placebo():
    """.6 less .5 is 10 points, give or take hypot(3, 4) = 5; .58 less .5 is 8, give or take 5; .6 less .58 is 2."""
    (text,) = sentence_texts(hicra_0=(0.6, 0.03), grpo_0=(0.5, 0.04), placebo_0=(0.58, 0.03))
    assert text.startswith(
        "Accuracy (pass@1) over the last tenth of the steps: hicra less grpo +10.0 points [5.0, 15.0] and "
        "placebo less grpo +8.0 points [3.0, 13.0] (2 of 3 comparisons); hicra ends above grpo and placebo ends above "
        "grpo when all are judged together"
    )
    assert text.endswith("Intervals are over problems, one seed each: another seed may say otherwise.")


def test_where_nothing_stands_every_arm_is_shown_and_none_is_claimed():
    (text,) = sentence_texts(grpo_0=(0.5, 0.04), hicra_0=(0.52, 0.03), placebo_0=(0.51, 0.04))
    for difference_text in ("hicra less grpo +2.0", "placebo less grpo +1.0", "hicra less placebo +1.0"):
        assert difference_text in text
    assert "; no arm can be told from another when all are judged together" in text


def test_seeds_are_compared_one_by_one_and_averaged():
    """+10 and +2 give 6, give or take hypot(5, 5) / 2 = 3.54; seed 2 has no partner."""
    (text,) = sentence_texts(
        grpo_0=(0.5, 0.03), grpo_1=(0.5, 0.03), hicra_0=(0.6, 0.04), hicra_1=(0.52, 0.04), hicra_2=(0.9, 0.01)
    )
    half = 100 * math.hypot(0.05, 0.05) / 2
    assert f"hicra less grpo +6.0 points [{6 - half:.1f}, {6 + half:.1f}]; hicra ends above grpo. " in text
    assert "2 seeds each" in text


def test_without_grpo_the_first_arm_is_the_base():
    (text,) = sentence_texts(entropy_0=(0.5, 0.03), hicra_0=(0.6, 0.04))
    assert "hicra less entropy" in text


def test_arms_of_one_method_differ_by_what_their_names_add():
    rows, _ = runs(grpo_0=(0.5, 0.03), hicra_0=(0.6, 0.04))
    renamed = [
        {**row, "source": row["source"].replace("hicra, seed 0", "hicra, seed 0, alpha 0.4")} for row in rows.records()
    ]
    (sentence,) = arms(table("curves", renamed), ("grpo, seed 0", "hicra, seed 0, alpha 0.4"))
    assert "hicra, alpha 0.4 less grpo" in sentence.text


@pytest.mark.parametrize("last", [{}, {"grpo_0": (0.5, 0.1)}, {"grpo_0": (0.5, 0.1), "hicra_1": (0.6, 0.1)}])
def test_one_arm_or_no_common_seed_says_nothing(last):
    assert sentence_texts(**last) == []


def test_many_arms_make_one_sentence():
    (text,) = sentence_texts(**{f"m{index}_0": (0.5 + index / 1000, 0.1) for index in range(9)})
    assert text.count(" less ") == 4
    assert "(4 of 8 comparisons)" in text


def test_the_summary_leads_with_it():
    rows, sources = runs(grpo_0=(0.5, 0.01), hicra_0=(0.6, 0.01))
    texts = [sentence.text for sentence in summary(TableAnalysis({"curves": rows}, sources))]
    assert "With one seed each, hicra ends above grpo by the accuracy (pass@1) at the end of training." in texts
