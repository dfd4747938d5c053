"""Placebos of an analysis: matched on the texts of their scope."""

import numpy as np
import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.collect_traces import RUNS_SCOPE, _placebo_scopes
from sgram.analysis.input_passes import AnalysisInputs
from sgram.analysis.sources import Source
from sgram.evaluation.placebo_sets import draw_placebos
from sgram.lexicon import Lexicon
from sgram.traces import Trace, write_traces

WORDS = [f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu") for second in ("ka", "le", "mi", "no", "pu")]
LEXICON = Lexicon.from_grams(["wait", "let me check"])


def texts(share: float, seed: int, n: int = 60) -> list[str]:
    """Return `n` texts of 40 words, of which about the share `share` are "wait"."""
    rng = np.random.default_rng(seed)
    word_lists = [
        ["wait" if rng.random() < share else WORDS[index] for index in rng.integers(25, size=40)] for _ in range(n)
    ]
    return [" ".join(words) for words in word_lists]


def test_a_source_that_plans_much_and_one_that_plans_little_have_placebos_of_their_own(tmp_path):
    traces = [
        Trace(id=f"{model} {number}", group=str(number), text=text, model=model, correct=True)
        for model, share in (("much", 0.4), ("little", 0.05))
        for number, text in enumerate(texts(share, len(model)))
    ]
    write_traces(traces, tmp_path / "rollouts.jsonl")
    LEXICON.save(tmp_path / "lexicon.json")
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=2, n_draws=20)
    analysis = analyze([tmp_path / "rollouts.jsonl"], config)
    for source in ("much", "little"):
        sgs, placebo = (
            analysis.tables["shares"].records(source=source, outcome="all", list=list_name)[0]["value"]
            for list_name in ("SGs", "placebo")
        )
        # matched to within 2 % of the share; all words of a source are sampled here
        assert placebo == pytest.approx(sgs, rel=0.021)
    assert {(row["texts"], row["met"]) for row in analysis.tables["placebo"].records()} == {
        ("much", True),
        ("little", True),
    }


def test_training_runs_share_their_placebos_and_other_sources_do_not():
    run = {"kind": "run", "typed_path": "", "paths": ()}
    sources = (Source("hicra", **run), Source("grpo", **run), Source(None, "traces", "rollouts.jsonl", ()))
    inputs = AnalysisInputs(sources, (LEXICON,) * 3, (None,) * 3)
    names = {"hicra": "hicra", "grpo": "grpo", "m": "m", "n": "other sources", "o": "other sources"}
    scopes = _placebo_scopes(inputs, names, dict.fromkeys(names, LEXICON))
    assert [scopes[name].texts for name in names] == [RUNS_SCOPE, RUNS_SCOPE, "m", "other sources", "other sources"]
    assert len({scopes[name] for name in names}) == 3


def test_failures_say_why_a_placebo_cannot_be_drawn():
    placebo_set = draw_placebos(LEXICON, "m", texts(0.0, 1), 3, 0)
    assert (placebo_set.placebos, len(placebo_set.failures)) == ((), 3)
    assert "there is no share to match" in placebo_set.failures[0]
    # every word occurs in one text only, so that no gram is a candidate
    placebo_set = draw_placebos(LEXICON, "m", ["wait ba", "ce di"], 2, 0)
    assert placebo_set.placebos == ()
    assert "give more candidates or more texts" in placebo_set.failures[0]
    assert draw_placebos(LEXICON, "m", [], 0, 0).failures == ()
