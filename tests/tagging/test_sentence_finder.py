from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon.sentence_scorer import LinearWeights, SentenceScorer, probability_of
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.traces import read_traces
from tests.builders.paths import SHARED

LONG = "counterexamples-of-the-second-kind"
SCORER = SentenceScorer(
    "example",
    LinearWeights(
        -200,
        {"wait": 300, "^ wait": 50, "wait | so": 900, "so so so": 70, "? $": 400, "= so": -800, LONG: 600, "...": 90},
    ),
    {"first": LinearWeights(0, {"wait": 200, "# $": 500}), "second": LinearWeights(100, {": so": 300})},
)
FIND = SentenceFinder(SCORER)
FRAGMENTS = st.sampled_from(
    [
        *(
            "Wait",
            "so ",
            "So ",
            LONG + " ",
            LONG[:-1] + "x ",
            "x1",
            " ",
            "\t",
            ". ",
            "? ",
            "! ",
            "...",
            "..",
            "…",
            "Mr",
        ),
        *(
            ".",
            "\n",
            "\r\n",
            "12",
            "=",
            ":",
            '"',
            "”",
            "»",
            ")",
            "。",
            "！",
            "É",
            "é",
            "Ж",
            "\\frac",
            ", ",
            "/",
            "\ud800",
        ),
        *("...", "\ud800", "_", "*", "’", "'", "\u00a0", "\U0001d400", "a."),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join)


def scored(text, scorer, finder):
    moves = list(scorer.moves)
    return [
        (start, end, probability_of(total), total >= scorer.least_total, moves[move] if move >= 0 else None)
        for start, end, total, move in finder.offsets(text).tolist()
    ]


@given(TEXTS)
def test_the_compiled_finder_equals_the_reference(text):
    expected = [sentence[:5] for sentence in SCORER.score(text)]
    assert scored(text, SCORER, FIND) == expected


def test_planning_sentences_are_spans_with_their_move():
    # -200 + 300 + 50: planning; first 200 > second 100. -200 + 400 ("? $"): second 100 > first 0. -200: not
    text = "Wait here. Is it? So."
    spans = FIND(text)
    assert [(text[span.start : span.end], span.label) for span in spans] == [
        ("Wait here.", "first"),
        ("Is it?", "second"),
    ]


def test_a_scorer_without_moves_labels_sentences_as_planning():
    find = SentenceFinder(SentenceScorer("plain", LinearWeights(-1, {"wait": 2}), {}))
    assert [span.label for span in find("Wait. So.")] == ["planning"]


def test_a_scorer_without_grams_is_its_intercept():
    find = SentenceFinder(SentenceScorer("empty", LinearWeights(5, {}), {}))
    assert find.offsets("So it is.").tolist() == [[0, 9, 5, -1]]
    assert find.offsets("").tolist() == []


@pytest.mark.skipif(not SHARED.exists(), reason="the shared traces are not here")
@pytest.mark.parametrize("name", ["reasoningflow", "gpt_oss_gsm8k", "trace_topology"])
def test_the_compiled_finder_equals_the_reference_on_real_traces(name):
    scorer = SentenceScorer.load("sgram")
    find = SentenceFinder(scorer)
    for trace in islice(read_traces(SHARED / "traces" / f"{name}.jsonl.gz"), 12):
        assert scored(trace.text, scorer, find) == [sentence[:5] for sentence in scorer.score(trace.text)]


def test_the_ends_of_a_sentence_alone_are_no_grams():
    # "^" and "$" count in longer grams only: 1 + 2, as the reference has it
    scorer = SentenceScorer("ends", LinearWeights(1, {"^": 50, "$": 70, "^ so": 2}), {})
    assert SentenceFinder(scorer).offsets("So it is.").tolist() == [[0, 9, 3, -1]]
    assert scorer.score("So it is.")[0].probability == probability_of(3)
