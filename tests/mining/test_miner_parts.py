"""Mining one part of traces equals mining traces that were cut to it."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.mining import Miner, MiningConfig, Resources, mine
from sgram.mining.run import MiningJob
from sgram.traces import Trace
from sgram.traces.part_texts import part_text
from sgram.traces.parts import text_and_parts
from tests.builders.mining_examples import fast_config

WORDS = st.lists(st.sampled_from(["let", "me", "check", "that.", "so", "4"]), min_size=1, max_size=8).map(" ".join)
PIECES = st.lists(
    st.tuples(st.sampled_from(["reasoning", "answer", "tool"]), WORDS) | st.just(("turn", "")), min_size=1, max_size=6
)


def build_trace(number: int, text: str, parts: list) -> Trace:
    return Trace(id=f"t{number}", group=f"p{number}", text=text, meta={"parts": parts} if parts else {})


@settings(max_examples=40, deadline=None)
@given(st.lists(PIECES, min_size=3, max_size=6), st.sampled_from(["reasoning", "answer"]))
def test_candidates_of_a_part_are_those_of_traces_cut_to_it(rows, part):
    always = [("reasoning", "let me check"), ("answer", "so let me")]  # no corpus without a phrase
    traces = [build_trace(number, *text_and_parts([*always, *pieces])) for number, pieces in enumerate(rows)]
    cut_texts = [part_text(trace, part).text for trace in traces]
    cut_traces = [replace(trace, text=text, meta={}) for trace, text in zip(traces, cut_texts, strict=True)]
    config = fast_config(min_df=1, min_problems=1)
    candidates, source = Miner(replace(config, part=part)).measure_candidates(traces)
    expected, whole_source = Miner(config).measure_candidates(cut_traces)
    for field in fields(candidates):
        np.testing.assert_equal(getattr(candidates, field.name), getattr(expected, field.name))
    assert source["config"] == whole_source["config"] | {"part": part}
    assert source["inputs"] == whole_source["inputs"] | {"left_out": 0}


@pytest.fixture
def traces() -> list[Trace]:
    """Nine traces with "let me check" in their reasoning and "so there" in their answer, and one without marks."""
    text = "<think>It is {}. Let me check.</think>So there. Let"
    marked = [Trace(id=f"t{number}", text=text.format(number), group=f"p{number}") for number in range(9)]
    return [*marked, Trace(id="plain", text="Let me check. So there.", group="p9")]


def gram_counts(traces: list[Trace], **config) -> dict[str, int | None]:
    lexicon = mine(traces, MiningConfig(scorer="contrast", embedder="hash", top=1.0, **config))
    return {gram.text: gram.count for gram in lexicon.grams}


def test_grams_and_counts_come_from_the_part_alone(traces):
    whole = gram_counts(traces)
    assert (whole["let me check"], whole["so there"]) == (10, 10)
    reasoning, answer = gram_counts(traces, part="reasoning"), gram_counts(traces, part="answer")
    assert reasoning["let me check"] == 9
    assert not {"so there", "so", "there"} & reasoning.keys()
    assert answer["so there"] == 9
    assert not {"let me check", "check"} & answer.keys()


def test_the_lexicon_says_its_part_and_how_many_traces_lack_it(traces):
    source = mine(traces, MiningConfig(scorer="contrast", embedder="hash", part="reasoning")).source
    assert source["config"]["part"] == "reasoning"
    assert (source["inputs"]["traces"], source["inputs"]["left_out"]) == (9, 1)


def test_a_lexicon_of_whole_traces_has_the_source_that_it_had_before_parts(traces):
    source = mine(traces, MiningConfig(scorer="contrast", embedder="hash", part="all")).source
    assert "part" not in source["config"]
    assert source["inputs"].keys() == {"traces", "digest"}


def test_examples_show_the_part(traces):
    miner = Miner(MiningConfig(scorer="contrast", embedder="hash", part="reasoning")).fit(traces)
    examples = [example for examples in miner.records_.examples.values() for example in examples]
    assert examples
    assert not any("So there" in example.text for example in examples)


def test_the_part_counts_after_the_limit_of_characters_begins(traces):
    # the answer begins at character 38; the first 20 characters of the answer are all of it
    assert "so there" in gram_counts(traces, part="answer", max_chars=20)


def test_correct_traces_alone_are_counted_where_they_alone_are_mined(traces):
    judged = [replace(trace, correct=number < 5) for number, trace in enumerate(traces)]
    config = MiningConfig(
        scorer="contrast", embedder="hash", part="reasoning", correct_only=True, min_df=2, min_problems=1
    )
    inputs = mine([*judged, replace(judged[-1], id="x", correct=True)], config).source["inputs"]
    # five correct traces with marks and one without; wrong ones are not looked at
    assert (inputs["traces"], inputs["left_out"]) == (5, 1)


def test_a_fit_that_resumes_remembers_how_many_traces_were_left_out(traces, tmp_path):
    config = MiningConfig(scorer="contrast", embedder="hash", part="reasoning")
    first = Miner(config, scratch=tmp_path, keep_corpus=True).fit(traces).lexicon_
    resumed = Miner(config, scratch=tmp_path, keep_corpus=True).fit([]).lexicon_  # the corpus lies in the folder
    assert resumed.source["inputs"]["left_out"] == 1
    assert resumed == first


def test_a_corpus_without_the_part_is_refused(traces):
    with pytest.raises(InputError, match="the only trace has no marked reasoning"):
        mine(traces[-1:], MiningConfig(part="reasoning"))
    with pytest.raises(UsageError, match="unknown part 'tool'"):
        MiningConfig(part="tool")  # type: ignore[arg-type]


def test_the_part_names_the_run_and_the_whole_text_names_it_as_before(tmp_path):
    path = tmp_path / "traces.jsonl"
    path.write_text('{"id": "a", "text": "Let me see."}\n')

    def identity(part: str) -> dict:
        config = MiningConfig(embedder="hash", part=part)  # type: ignore[arg-type]
        return MiningJob(paths=(str(path),), config=config, resources=Resources()).identity()["config"]

    assert identity("reasoning") == identity("all") | {"part": "reasoning"}
    assert "part" not in identity("all")
