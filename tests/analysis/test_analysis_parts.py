"""The analysis of one part of traces equals that of traces that were cut to it, by hand and token by token."""

from dataclasses import replace

import numpy as np
import pytest

from sgram.analysis import AnalysisConfig, analyze, register_measure, trace_mean, unregister_measure
from sgram.analysis.sample_plan import TraceSurvey
from sgram.errors import InputError, UsageError
from sgram.traces import Trace
from sgram.traces.part_texts import part_text
from tests.builders.analysis_examples import build_lexicon, byte_ids, write_byte_tokenizer, write_rollouts

REASONING = ["<think>Wait, let me check {0}.</think>", "<think>So wait.\nWait no, so {0}.</think>"]
ANSWERS = ["\n\nSo it is {0}. So let me check.", "\n\nIt is {0}."]
WHOLE_TABLES = {"diagnoses", "equations"}
"""Tables about whole traces."""


def build_traces() -> list[Trace]:
    """Return 12 traces of 6 problems at 2 steps; every byte is a token, whose entropy is its offset by 1000."""
    traces = []
    for number in range(12):
        text = (REASONING[number % 2] + ANSWERS[number // 2 % 2]).format(number)
        tokens = {
            "token_ids": byte_ids(text),
            "entropies": tuple(offset / 1000 for offset in range(len(text))),
            "logprobs": tuple(-offset / 2000 for offset in range(len(text))),
        }
        fields = {
            "group": f"p{number // 2}",
            "prompt": f"p{number // 2}",
            "correct": number % 3 > 0,
            "step": number % 2,
        }
        meta = {"error": "strategic"}  # else the kinds of errors would be found in the text
        traces.append(Trace(id=f"t{number}", text=text, model="m", **fields, **tokens, meta=meta))
    return traces


def cut(trace: Trace, part: str) -> Trace:
    """Return a trace cut to a part that is one stretch of it; every byte is a token."""
    selected = part_text(trace, part)
    assert selected is not None
    ((start, end),) = selected.intervals
    tokens = {name: getattr(trace, name)[start:end] for name in ("token_ids", "entropies", "logprobs")}
    return replace(trace, text=selected.text, **tokens)


@pytest.fixture
def config(tmp_path) -> AnalysisConfig:
    build_lexicon().save(tmp_path / "lexicon.json")
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    return AnalysisConfig(
        lexicon=str(tmp_path / "lexicon.json"), tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=10
    )


@pytest.mark.parametrize("part", ["reasoning", "answer"])
def test_words_spans_and_entropies_of_a_part_are_those_of_traces_cut_to_it(part, config, tmp_path):
    traces = build_traces()
    analysis = analyze(write_rollouts(tmp_path, traces), replace(config, part=part))
    cut_traces = [cut(trace, part) for trace in traces]
    expected = analyze(write_rollouts(tmp_path, cut_traces, "cut.jsonl"), config)
    assert {"corpus", "shares", "moves", "grams", "tokens"} <= analysis.tables.keys()
    assert analysis.tables.keys() - WHOLE_TABLES == expected.tables.keys() - WHOLE_TABLES
    for name in analysis.tables.keys() - WHOLE_TABLES:
        left_out = {"low", "high"} if name == "grams" else {}  # drawn in the order of the digests of the texts
        rows, expected_rows = (
            [{column: row[column] for column in table.names if column not in left_out} for row in table.records()]
            for table in (analysis.tables[name], expected.tables[name])
        )
        np.testing.assert_equal(rows, expected_rows, err_msg=name)


def test_diagnoses_and_equations_are_of_whole_traces(config, tmp_path):
    path = write_rollouts(tmp_path, build_traces())
    whole, reasoning = (analyze(path, replace(config, part=part)) for part in ("all", "reasoning"))
    for name in WHOLE_TABLES & whole.tables.keys():
        np.testing.assert_equal(list(whole.tables[name].rows), list(reasoning.tables[name].rows), err_msg=name)
    assert whole.examples[0].trace.text == reasoning.examples[0].trace.text
    for example in reasoning.examples:
        part = part_text(example.trace, "reasoning")
        assert part is not None
        assert all(span.end <= part.intervals[0][1] for span in example.spans)
        assert example.spans


def test_title_notes_and_provenance_say_the_part(config, tmp_path):
    traces = [*build_traces(), Trace(id="plain", text="So it is 4.", model="m")]
    analysis = analyze(write_rollouts(tmp_path, traces), replace(config, part="reasoning"))
    assert analysis.title == "12 traces of m, reasoning only"
    assert analysis.provenance["config"]["part"] == "reasoning"
    assert analysis.provenance["inputs"][0]["traces"] == 12
    assert analysis.notes[0].startswith("Part reasoning: 1 of 13 traces have no marked reasoning and are left out; ")
    assert analyze(traces, replace(config, part="reasoning")).title == analysis.title


def test_token_ids_of_which_the_part_is_unknown_are_left_out_and_said_to_be(config, tmp_path):
    traces = build_traces()
    stranger = replace(traces[0], id="other", token_ids=byte_ids("x" * len(traces[0].text)))
    path = write_rollouts(tmp_path, [*traces, stranger])
    analysis = analyze(path, replace(config, part="reasoning"))
    assert any(
        note.startswith("The token ids of 1 traces are left out: as they do not spell") for note in analysis.notes
    )
    (row,) = analysis.tables["corpus"].records()
    # the words of 13 traces are counted, their tokens are not known of all; entropies are those of 12
    assert (row.number("traces"), row.number("tokens")) == (13, None)
    n_tokens = sum(row.number("tokens") for row in analysis.tables["tokens"].records())
    assert n_tokens == sum(len(cut(trace, "reasoning").text) for trace in traces)
    without = analyze(path, replace(config, part="reasoning", tokenizer=None))
    assert any(note.startswith("The token ids of 13 traces are left out: without their tok") for note in without.notes)
    assert not any("the traces hold none" in note for note in without.notes)


def test_a_measure_of_single_traces_reads_the_text_of_the_part(config, tmp_path):
    commas = trace_mean("commas", "Commas", "commas a trace", lambda trace, _: trace.text.count(","))
    path = write_rollouts(tmp_path, build_traces())
    register_measure(commas)
    try:
        tables = [analyze(path, replace(config, part=part)).tables["commas"] for part in ("all", "reasoning", "answer")]
    finally:
        unregister_measure("commas")
    # both reasonings have one comma, the answers none
    assert [table.numbers("value")[0] for table in tables] == [1.0, 1.0, 0.0]


def test_placebos_are_drawn_from_the_part():
    survey = TraceSurvey(AnalysisConfig())
    survey.add(Trace(id="a", text="<think>Hmm.</think>4"), "m", "4")
    assert survey.texts["m"].texts == ["4"]


def test_inputs_without_the_part_are_refused(config, tmp_path):
    path = write_rollouts(tmp_path, [Trace(id="a", text="So it is 4.", model="m")])
    with pytest.raises(InputError, match="has no marked reasoning"):
        analyze(path, replace(config, part="reasoning"))
    with pytest.raises(UsageError, match="unknown part 'tool'"):
        AnalysisConfig(part="tool")  # type: ignore[arg-type]


def test_an_input_without_the_part_beside_one_with_it_is_left_out(config, tmp_path):
    marked = write_rollouts(tmp_path, build_traces(), "marked.jsonl")
    plain = write_rollouts(tmp_path, [Trace(id="a", text="So it is 4.", model="plain")], "plain.jsonl")
    analysis = analyze([plain, marked], replace(config, part="reasoning", n_placebos=1))
    assert analysis.sources == ("m",)
