"""Input that cannot be mined is refused with a sentence; unusual input is mined."""

from dataclasses import replace

import pytest

from sgram import Trace, mine
from sgram.errors import InputError, UsageError
from sgram.mining import Background, ContrastScorer, Miner
from tests.builders.mining_examples import METHODS, fast_config, sample_traces


@pytest.fixture(scope="module")
def sample():
    return sample_traces()


def traces_of(texts, **fields):
    return [Trace(id=f"t{number}", text=text, group=f"g{number}", **fields) for number, text in enumerate(texts)]


@pytest.mark.parametrize("method", METHODS)
def test_no_traces_are_refused_with_a_sentence(method):
    with pytest.raises(InputError, match=r"there are no traces to mine|no trace is known to be correct"):
        mine([], fast_config(method=method))


def test_no_correct_traces_are_refused_by_the_paper_only(sample):
    unknown = [replace(trace, correct=None) for trace in sample]
    with pytest.raises(
        InputError, match="no trace is known to be correct, and method 'paper' mines correct traces only"
    ):
        mine(unknown, fast_config(method="paper"))
    assert mine(unknown, fast_config(method="paper", correct_only=False)).grams
    assert mine(unknown, fast_config()).grams


def test_too_few_traces_are_refused_with_what_to_change(sample):
    with pytest.raises(
        InputError, match=r"no phrase is in 4 of the 2 traces .*; give more traces, or a lower --min-df"
    ):
        mine(sample[:2], fast_config())
    with pytest.raises(InputError, match=r"no phrase is in 100 of the 68 traces"):
        mine(sample, fast_config(method="paper", min_df=100))
    with pytest.raises(InputError, match=r"and in 37 problems; .* or --min-problems"):
        mine(sample, fast_config(min_problems=37))


def test_nothing_above_the_background_is_refused_with_what_to_change(sample):
    scorer = ContrastScorer(Background.count((trace.text for trace in sample), {}))
    with pytest.raises(
        InputError, match=r"no phrase has a score >= 0 with the scorer contrast: .*try another --background"
    ):
        Miner(fast_config(), scorer=scorer).fit(sample)


def test_a_length_that_the_method_cannot_have_is_refused_before_anything_is_read():
    def never():
        raise AssertionError("read")
        yield

    with pytest.raises(UsageError, match=r"min_words must be <= max_words \(got 3 and 2\)"):
        mine(never(), fast_config(method="paper", max_words=2))


def test_a_trace_with_a_lone_surrogate_is_refused_by_name():
    traces = [*traces_of(["wait"] * 5), Trace(id="broken", text="wait \ud800")]
    with pytest.raises(InputError, match="trace 'broken' has a lone surrogate"):
        mine(traces, fast_config())


def test_traces_of_no_known_problem_can_be_mined():
    texts = ["Wait, let me check. Hmm, so 4."] * 8
    known = mine(traces_of(texts), fast_config(min_problems=1))
    unknown = mine([Trace(id=f"t{number}", text=text) for number, text in enumerate(texts)], fast_config())
    assert {gram.text for gram in unknown.grams} == {gram.text for gram in known.grams} >= {"wait let me check"}
    with pytest.raises(InputError, match="and in 2 problems"):
        mine([Trace(id=f"t{number}", text=text) for number, text in enumerate(texts)], fast_config(min_problems=2))


@pytest.mark.parametrize("method", METHODS)
def test_a_min_df_of_one_keeps_grams_of_one_trace(method):
    texts = ["Wait. Let me check.", "Hmm. Let me see.", "The sum is even."]
    lexicon = mine(traces_of(texts, correct=True), fast_config(method=method, min_df=1, top=1.0))
    df = {gram.text: gram.df for gram in lexicon.grams}
    assert {"let me check": 1, "let me see": 1}.items() <= df.items()
    if method == "sgram":
        assert {"wait": 1, "hmm": 1, "let me": 2}.items() <= df.items()


def test_a_small_share_explains_however_rare_the_longer_gram_is():
    # "let me" is in all 40 traces, "let me see" in 6 of them: 15 %, fewer than a quarter of min_df
    texts = [f"Hmm. Wait. Let me {'see' if number < 6 else ''}." for number in range(40)]
    for explained, is_kept in ((0.15, False), (0.16, True), (0.9, True)):
        lexicon = mine(traces_of(texts), fast_config(min_df=40, explained=explained, top=1.0))
        assert (lexicon.find("let me") is not None) == is_kept, explained


def test_a_phrase_longer_than_asked_for_explains_nothing():
    # "let me see" takes the place of "let me" and "me see" only where three words are asked for
    texts = ["Wait. Let me see."] * 6
    for max_words, grams in ((2, {"wait", "let me", "me see"}), (3, {"wait", "let me see"})):
        lexicon = mine(traces_of(texts), fast_config(max_words=max_words, top=1.0))
        assert {gram.text for gram in lexicon.grams} == grams


def test_a_phrase_rarer_than_min_df_still_shows_that_a_frequent_one_is_torn():
    # "double check" is in all 8 traces, 28 times; 22 times, 79 %, it leads to "that", though in two traces only
    texts = ["Double check that. " * 11] * 2 + ["Double check."] * 6
    records = Miner(fast_config(min_df=8, top=1.0)).fit(traces_of(texts)).records_
    row = records.candidates.texts.index("double check")
    assert (records.candidates.df_total[row], records.candidates.count[row]) == (8, 28)
    assert records.candidates.leads[row] == 22 / 28
    assert not records.core.any()


def test_problems_are_told_apart_by_their_prompts_and_else_by_their_groups():
    def n_problems(*pairs):
        traces = [
            Trace(id=f"t{number}", text="Wait.", prompt=prompt, group=group)
            for number, (prompt, group) in enumerate(pairs)
        ]
        return Miner(fast_config(min_df=1, min_problems=1, top=1.0)).fit(traces).records_.candidates.problems.tolist()

    # long prompts are compared whole, though only their digests are kept
    long = "Find the number of pairs of whole numbers that add up to "
    assert n_problems(("p", "a"), ("p", "b"), ("q", "a")) == [2]
    assert n_problems((long + "6", "a"), (long + "7", "a"), (long + "6", "a")) == [2]
    assert n_problems((None, "a"), (None, "b"), ("p", "a"), (None, None)) == [3]


def test_chinese_traces_are_mined():
    texts = [f"等等，让我再检查一遍。所以答案是{number}。" for number in range(8)]
    for method in METHODS:
        settings = {} if method == "sgram" else {"min_words": 1}
        lexicon = mine(traces_of(texts, correct=True), fast_config(method=method, **settings))
        assert lexicon.grams
    # a run of Chinese letters is one word, and the comma is passed over: the gram of both explains each of them.
    # "所以答案是" touches a digit, so it is no word
    assert {gram.text for gram in mine(traces_of(texts), fast_config(top=1.0)).grams} == {"等等 让我再检查一遍"}


def test_german_traces_are_mined_and_read_without_cues():
    texts = [
        f"Moment, ich prüfe das. Überlegen wir noch einmal: {number} ist größer. Dann {ending}."
        for number, ending in enumerate(["weiter", "fertig"] * 5)
    ]
    lexicon = mine(traces_of(texts, correct=True), fast_config(top=1.0))
    assert "moment ich prüfe das" in {gram.text for gram in lexicon.core}
    assert lexicon.find("Überlegen wir noch einmal") is not None, "Ü is not lower-cased, in the text or the question"
    assert {cluster.move for cluster in lexicon.clusters} == {"other"}


@pytest.mark.parametrize("method", METHODS)
def test_empty_texts_count_as_traces_without_grams(method):
    texts = ["Wait, let me check now. Hmm."] * 5 + ["", " ", "\n", "7 + 7"]
    lexicon = mine(traces_of(texts, correct=True), fast_config(method=method, top=1.0))
    assert lexicon.source["inputs"]["traces"] == 9
    assert {gram.df for gram in lexicon.grams} == {5}
    with pytest.raises(InputError, match="no phrase is in 4"):
        mine(traces_of([""] * 9, correct=True), fast_config(method=method))


def test_a_huge_trace_is_read_to_its_limit_only():
    texts = ["Wait. Let me check. " * 50_000 + "Hmm."] + ["Wait. Let me check. Hmm."] * 4
    lexicon = mine(traces_of(texts), fast_config(top=1.0))
    check, hmm = (lexicon.find(text)[1] for text in ("let me check", "hmm"))
    # 16,000 characters at 20 a time: 800 uses in the first trace, and one in each other
    assert (check.df, check.count) == (5, 804)
    assert (hmm.df, hmm.count) == (4, 4), "the end of the first trace is not read"


def test_a_text_is_cut_between_words():
    texts = ["wait. maybe. alternatively"] * 5  # spaces at characters 5 and 12
    for max_chars, n_grams in ((26, 3), (25, 2), (13, 2), (12, 1), (6, 1), (5, 1), (4, 1)):
        lexicon = mine(traces_of(texts), fast_config(max_chars=max_chars, top=1.0))
        assert {gram.text for gram in lexicon.grams} == set(["wait", "maybe", "alternatively"][:n_grams]), max_chars


def test_a_text_without_spaces_is_not_cut_to_its_first_word():
    texts = ["好的。 " + "让我再检查一遍。" * 400] * 5  # its only space is the fourth character
    lexicon = mine(traces_of(texts), fast_config(max_chars=1000, top=1.0))
    # 996 characters at 8 a time: 124 uses in each trace, and a part of one
    assert lexicon.find("让我再检查一遍")[1].count == 5 * 124


def test_the_same_trace_twice_is_two_traces(sample):
    twice = mine([*sample, *sample], fast_config(min_df=4))
    once = mine(sample, fast_config(min_df=4))
    df = {gram.text: gram.df for gram in once.grams}
    assert all(gram.df == 2 * df[gram.text] for gram in twice.grams if gram.text in df)
    assert twice.source["inputs"]["traces"] == 216
    assert twice.source["inputs"]["digest"] != once.source["inputs"]["digest"]
