"""Traces out of what Python holds, and what takes them: mining, diagnosis, analysis, lexicons by name."""

import dataclasses
import datetime
import json
import logging
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram import (
    Lexicon,
    MiningConfig,
    PlanningTagger,
    SpanFinder,
    Trace,
    analyze,
    as_traces,
    diagnose,
    find_spans,
    mine,
)
from sgram.analysis import AnalysisConfig
from sgram.errors import InputError, QuarantineError, UsageError
from sgram.lexicon import as_lexicon, check_lexicon, diff_lexicons, merge_lexicons
from sgram.tagging.tagged_rollouts import RolloutTagger
from sgram.tagging.text_marks import TextMarker
from sgram.traces import ReadOptions, TraceReader, write_traces
from sgram.traces.from_python import are_paths, can_be_reread
from tests.builders.paths import ROOT

ROWS = [
    {"question": "2+2?", "thinking": "Let me see.", "response": "It is 4.", "gold": 4, "score": 1, "topic": "sums"},
    {"question": "2+2?", "thinking": None, "response": "It is 5.", "gold": 4, "score": 0, "topic": "sums"},
]
READ = [("2+2?", "Let me see.\n\nIt is 4.", "4", 1.0, True), ("2+2?", "It is 5.", "4", 0.0, False)]
NUMBERED = [{"prompt": f"What is {i}?", "response": f"It is {i}. Let me verify.", "n": i} for i in range(9)]
CONFIG = MiningConfig(scorer="contrast", embedder="hash")
SLIP = "We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32."
RIGHT = "We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 30."


def read(x: object, **options: object) -> list[tuple[object, ...]]:
    """Return prompt, text, reference, reward and verdict of each trace."""
    traces = as_traces(x, **options)
    return [(trace.prompt, trace.text, trace.reference, trace.reward, trace.correct) for trace in traces]


def texts(x: object, **options: object) -> list[str]:
    return [trace.text for trace in as_traces(x, **options)]


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# -- what is taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        pd.DataFrame,
        datasets.Dataset.from_list,
        lambda rows: datasets.Dataset.from_list(rows).with_format("numpy"),
        lambda rows: datasets.Dataset.from_list(rows).to_iterable_dataset(),
        pa.Table.from_pylist,
        pa.RecordBatch.from_pylist,
        lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
        lambda rows: {"model": "m", "data": rows},
    ],
)
def test_rows_are_read_as_those_of_files_whatever_holds_them(make):
    traces = as_traces(make(ROWS))
    assert read(traces) == READ
    assert [trace.run for trace in traces] == [None, None], "they can be read again"
    assert len({trace.group for trace in traces}) == 1
    assert [trace.meta["topic"] for trace in traces] == ["sums", "sums"]


def test_rows_have_the_ids_that_a_file_of_them_has(tmp_path):
    path = lines(tmp_path / "rows.jsonl", ROWS)
    assert [trace.id for trace in as_traces(ROWS)] == [trace.id for trace in as_traces(path)]
    assert [trace.run for trace in as_traces(path)] == ["rows", "rows"]


def test_a_generator_is_read_lazily_and_its_rewards_say_nothing_of_correctness():
    seen = []

    def rows():
        for row in ROWS * 50:
            seen.append(row)
            yield row

    traces = as_traces(rows())
    first = next(iter(traces))
    assert (first.reward, first.correct) == (1.0, None)
    assert len(seen) <= 2
    assert not can_be_reread(traces)


def test_a_path_a_pattern_and_a_named_run_are_paths(tmp_path, monkeypatch):
    for number in (1, 2):
        lines(tmp_path / f"step_{number}.jsonl", [{"prompt": f"{number}?", "response": f"so {number}"}])
    monkeypatch.chdir(tmp_path)
    assert texts("step_*.jsonl") == ["so 1", "so 2"]
    assert texts(tmp_path / "step_2.jsonl") == texts(["step_2.jsonl"]) == ["so 2"]
    assert texts(["step_*.jsonl"]) == texts(["step_1.jsonl", Path("step_2.jsonl")]) == ["so 1", "so 2"]
    assert [trace.run for trace in as_traces(["mine=step_1.jsonl"])] == ["mine"]


def test_texts_become_traces_with_a_text_only():
    given = ["Let me see.\nIt is 4.", "So it is.", "a" * 300, '{"text": "kept as it is"} '.rstrip() + " yes"]
    traces = list(as_traces(given))
    assert [trace.text for trace in traces] == given
    assert {(trace.prompt, trace.group, trace.run) for trace in traces} == {(None, None, None)}
    assert texts(iter(given)) == texts(pd.Series(given)) == texts(np.array(given)) == given
    (trace,) = as_traces(["<think>\nHm.\n</think>\n\n4 it is"])
    assert [part["kind"] for part in trace.meta["parts"]] == ["reasoning", "answer"]


@pytest.mark.parametrize("given", [["so"], ["so it is", "so"], ["my runs/a.jsonl"], ["missing.parquet"]])
def test_strings_that_may_be_paths_or_texts_are_refused(given):
    with pytest.raises(UsageError, match=r"cannot tell whether the list holds paths or texts: .* \[\{'text': text\}\]"):
        as_traces(given)


def test_conversations_are_rows():
    talk = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    for given_talks in ([talk], talk, [{"messages": talk}]):
        assert [trace[:2] for trace in read(given_talks)] == [("2+2?", "4")]


def test_one_row_may_hold_several_responses():
    rows = [{"prompt": "2+2?", "responses": ["4", "5"]}, {"prompt": ["3+3?", "4+4?"], "completion": ["6", "8"]}]
    assert [trace[:2] for trace in read(rows)] == [("2+2?", "4"), ("2+2?", "5"), ("3+3?", "6"), ("4+4?", "8")]


def test_traces_stay_as_they_are():
    traces = [Trace(id="a", text="so", meta={"n": float("inf")}), Trace(id="a", text="so", run="r", reward=1.0)]
    assert list(as_traces(traces)) == traces
    assert list(as_traces(iter(traces))) == traces
    again = as_traces(traces)
    assert as_traces(again) is again
    assert can_be_reread(again)


def test_options_are_for_traces_too():
    traces = [
        Trace(id="a", text="so", reward=0.2, run="r", meta={"n": 1}),
        Trace(id="b", text="no", reward=0.9),
        Trace(id="c", text="oh", model="m"),
    ]
    options = ReadOptions(where=("model=missing",), correct_above=0.5)
    assert list(as_traces(traces, options=dataclasses.replace(options, where=()))) == [
        dataclasses.replace(traces[0], correct=False),
        dataclasses.replace(traces[1], correct=True),
        traces[2],
    ]
    assert texts(traces, options=ReadOptions(where=("model=m",))) == ["oh"]


def test_a_reader_has_its_options_already(tmp_path):
    reader = TraceReader(lines(tmp_path / "a.jsonl", ROWS))
    assert as_traces(reader) is reader
    with pytest.raises(UsageError, match="these traces are read already"):
        as_traces(reader, options=ReadOptions())


def test_options_and_dialect_are_those_of_reading():
    rows = [{"q": "2+2?", "said": "4", "s1": 1, "s2": 0.5}]
    options = ReadOptions(columns={"text": "said", "prompt": "q"}, rewards={"s1": 1, "s2": 2})
    assert read(rows, options=options) == [("2+2?", "4", None, 2.0, None)]
    with pytest.raises(UsageError, match="unknown dialect 'none'"):
        as_traces(rows, dialect="none")


# -- values ----------------------------------------------------------------------------------------------------------


def test_missing_values_of_pandas_are_missing():
    frame = pd.DataFrame(
        {
            "prompt": ["2+2?", "3+3?"],
            "response": pd.array(["4", "6"], "string"),
            "gold": [4.0, np.nan],
            "step": pd.array([1, None], "Int64"),
            "correct": pd.array([True, None], "boolean"),
            "seen": [pd.Timestamp("2026-01-02"), pd.NaT],
            "vector": [np.array([1.5, np.nan]), None],
        }
    )
    first, second = as_traces(frame)
    assert (first.step, first.correct, first.meta) == (1, True, {"seen": "2026-01-02T00:00:00", "vector": [1.5, None]})
    assert (second.step, second.correct, second.reference, second.meta) == (None, None, None, {})


def test_values_of_other_libraries_are_plain():
    row = {
        "response": np.str_("so"),
        "reward": np.float32(0.5),
        "step": np.int64(3),
        "correct": np.bool_(True),
        "token_ids": np.array([1, 2]),
        "logprobs": (np.float64(-1.0), -2),
        "day": datetime.date(2026, 1, 2),
        "more": {1: {"x"}, "bytes": b"ok"},
    }
    (trace,) = as_traces([row])
    assert (trace.text, trace.reward, trace.step, trace.correct) == ("so", 0.5, 3, True)
    assert (trace.token_ids, trace.logprobs) == ((1, 2), (-1.0, -2.0))
    assert trace.meta == {"day": "2026-01-02", "more": {"1": ["x"], "bytes": "ok"}}
    assert {type(trace.text), type(trace.reward), type(trace.step), type(trace.correct)} == {str, float, int, bool}


def test_a_row_that_holds_itself_is_set_aside(caplog):
    row: dict[str, object] = {"response": "so"}
    row["more"] = {"row": row}
    assert texts([*ROWS, row], options=ReadOptions(max_bad=0.5)) == [text for _, text, *_ in READ]
    assert "row 3 of the list: nested more than 200 levels deep" in caplog.text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["prompt", "response", "reward", "x", "id"]), JSON), min_size=1))
def test_rows_of_python_are_read_as_lines_of_a_file(tmp_path_factory, rows):
    try:
        data = [json.dumps(row).encode("utf-8").decode() for row in rows]
    except UnicodeEncodeError:
        return
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(f"{line}\n" for line in [*data, json.dumps({"prompt": "a", "response": "b", "x": 7})]))
    options = ReadOptions(max_bad=1)
    of_file = [dataclasses.replace(trace, run=None) for trace in as_traces(path, options=options)]
    of_rows = list(as_traces([*rows, {"prompt": "a", "response": "b", "x": 7}], options=options))
    assert of_rows == of_file


# -- what is not taken -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "cannot read traces out of NoneType; give paths or patterns"),
        (3, "cannot read traces out of int; give paths"),
        (b"abc", "cannot read traces out of bytes; give paths"),
        (Trace(id="a", text="so"), r"cannot read traces out of Trace; write \[trace\]; give"),
        ([1, 2], "the list, whose first item is of the type int; give paths"),
        ({"prompt": "2+2?", "response": "4"}, r"a dict is one row; give a list of rows: \[row\]"),
        (["so it is", 3], "item 2 of the list is of the type int, not a path or text as the first one"),
        (
            pd.DataFrame([["a", "b"]], columns=["text", "text"]),
            "the DataFrame has two columns named 'text'; rename one",
        ),
        (pa.table([["a"], ["b"]], names=["text", "text"]), "the Table has two columns named 'text'; rename one"),
        (datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)), "has the splits train; give one of them"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_can(given, message):
    with pytest.raises(UsageError, match=message):
        as_traces(given)


def test_an_open_file_is_refused(tmp_path):
    with lines(tmp_path / "a.jsonl", ROWS).open() as file, pytest.raises(UsageError, match="give its path"):
        as_traces(file)


def test_something_else_among_traces_is_refused_by_its_number():
    traces = [Trace(id="a", text="so"), {"text": "so"}]
    with pytest.raises(UsageError, match="item 2 of the list is of the type dict, not a Trace as the first one"):
        list(as_traces(traces))


def test_rows_that_cannot_be_used_are_an_error_with_the_number_of_the_first():
    bad = {"colour": "red"}
    with pytest.raises(InputError, match="first: row 1 of the list: no column looks like the response: if colour"):
        list(as_traces([bad]))
    frame = pd.DataFrame({"prompt": ["a?", "b?", "c?"], "response": ["so", "no", 1.5]})
    with pytest.raises(QuarantineError, match="row 3 of the DataFrame: "):
        list(as_traces(frame))
    with pytest.raises(QuarantineError, match=r"1 of 3 rows .* row 3 of the list: row is a number, not an object"):
        list(as_traces([*ROWS, 7]))


def test_a_few_bad_rows_and_warnings_are_logged_once(caplog):
    rows = [{"id": str(number), "response": f"so {number}", "reward": "much"} for number in range(200)]
    traces = as_traces([*rows, 7])
    with caplog.at_level(logging.WARNING):
        assert len(list(traces)) == len(list(traces)) == 200
    assert [record.getMessage() for record in caplog.records] == [
        "the list: rows set aside: 1; row 201 of the list: row is a number, not an object",
        "the list: the column reward has an unexpected shape in 200 rows; it is kept in meta there",
    ]


def test_nothing_gives_nothing():
    assert list(as_traces([])) == list(as_traces(iter(()))) == []
    with pytest.raises(InputError, match="there are no traces to mine"):
        mine([])


def test_neither_pandas_nor_datasets_is_loaded_for_rows():
    code = (
        "import sys; sys.modules.update(pandas=None, datasets=None, polars=None, narwhals=None)\n"
        "from sgram import as_traces\n"
        "print([trace.text for trace in as_traces([{'prompt': 'a', 'response': 'so'}])])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "['so']\n"


def test_a_frame_that_is_not_computed_is_refused():
    polars = pytest.importorskip("polars")
    assert read(polars.DataFrame(ROWS)) == READ
    with pytest.raises(UsageError, match="is not computed yet"):
        as_traces(polars.DataFrame(ROWS).lazy())


# -- who takes them --------------------------------------------------------------------------------------------------


def test_mining_takes_a_frame_a_data_set_and_a_pattern(tmp_path):
    for number, row in enumerate(NUMBERED):
        lines(tmp_path / f"part_{number}.jsonl", [row])
    lexicons = [
        mine(given_rollouts, CONFIG)
        for given_rollouts in (
            NUMBERED,
            pd.DataFrame(NUMBERED),
            datasets.Dataset.from_list(NUMBERED),
            f"{tmp_path}/part_*.jsonl",
            (row for row in NUMBERED),
        )
    ]
    assert [gram.text for gram in lexicons[0].grams] == ["let me verify"]
    assert lexicons[0].grams[0].df == 9
    assert lexicons[0].source["inputs"]["traces"] == 9
    assert len({lexicon.digest for lexicon in lexicons}) == 1, "equal traces give the same lexicon"


def test_diagnosis_takes_rows():
    rows = [
        {"prompt": "In crates are 6 and 9 pens, twice. How many?", "response": text, "correct": text == RIGHT}
        for text in (SLIP, RIGHT)
    ]
    (diagnosis,) = diagnose(rows)
    assert (diagnosis.kind, diagnosis.start) == ("procedural", SLIP.index("6 + 9"))
    sentences = [evidence.sentence for evidence in diagnosis.evidence]
    assert "6 + 9 is 15, not 16 (step 1), and the answer rests on it" in sentences
    wrong, right = as_traces(rows)
    assert diagnosis == diagnose(wrong, [right]), "the correct ones of a group are compared"
    assert diagnose(pd.DataFrame(rows), lexicon="wang2025") == [diagnose(wrong, [right], "wang2025")]
    assert diagnose(row for row in rows) == diagnose([wrong, right]) == [diagnosis]


def test_diagnosis_judges_rows_by_their_reference():
    pytest.importorskip("math_verify")
    rows = [{"prompt": "6 and 9, twice?", "response": text, "gold": "30"} for text in (SLIP, RIGHT)]
    assert [diagnosis.kind for diagnosis in diagnose(rows)] == ["procedural"]
    with pytest.raises(InputError, match="none of the 2 traces says whether it is correct"):
        diagnose(rows, judge_answers=False)


def test_siblings_are_for_one_trace():
    with pytest.raises(UsageError, match="siblings belong to one trace"):
        diagnose(ROWS, [Trace(id="a", text="so")])
    with pytest.raises(InputError, match="there are no traces to diagnose"):
        diagnose([])


def test_analysis_takes_rows_and_leaves_no_file_and_no_folder_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = [
        {"prompt": f"{number}?", "response": f"Wait, so it is {number}.", "model": "gpt", "correct": number % 2 == 0}
        for number in range(6)
    ]
    config = AnalysisConfig(n_placebos=0, n_draws=10)
    analysis = analyze(pd.DataFrame(rows), config)
    assert analysis.title == "6 traces of gpt"
    assert analysis.sources == ("gpt",)
    assert analysis.provenance["inputs"][0]["path"] == "the DataFrame"
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in json.dumps([analysis.provenance, analysis.notes, analysis.title])
    of_traces = analyze(iter(list(as_traces(rows))), config)
    assert of_traces.tables.keys() == analysis.tables.keys()
    assert of_traces.title == analysis.title
    write_traces(as_traces(rows), tmp_path / "rows.jsonl")
    assert analyze([tmp_path / "rows.jsonl"], config).tables.keys() == analysis.tables.keys()


def test_what_reading_set_aside_is_in_the_notes_of_an_analysis():
    rows = [{"prompt": "a?", "response": f"so it is {number}", "model": "m"} for number in range(3)]
    options = ReadOptions(max_bad=0.5)
    analysis = analyze([*rows, 7], AnalysisConfig(n_placebos=0, n_draws=10), options=options)
    assert "1 rows of the list could not be read; first: row 4 of the list: row is a number" in analysis.notes[0]
    with pytest.raises(InputError):
        analyze(["missing.jsonl"])


def test_tagging_takes_rows_and_the_name_of_a_lexicon():
    tagged = list(RolloutTagger("wang2025")([{"prompt": "a", "response": "Well, does this hold true?"}]))
    assert [span.gram for span in tagged[0].spans] == ["does this hold true"]


# -- lexicons by name ------------------------------------------------------------------------------------------------


def test_spans_are_found_by_the_name_or_path_of_a_lexicon(tmp_path):
    text = "Does this hold true? Alternatively, no."
    spans = find_spans(text, "wang2025")
    assert (spans[0].start, spans[0].end, spans[0].label) == (0, 19, "verification")
    assert spans == find_spans(text, Lexicon.load("wang2025"))
    own = Lexicon.from_grams(["hold true"])
    own.save(tmp_path / "own.json")
    for given_lexicon in (own, tmp_path / "own.json", str(tmp_path / "own.json")):
        assert [span.gram for span in find_spans(text, given_lexicon)] == ["hold true"]
        assert SpanFinder(given_lexicon)(text) == find_spans(text, own)
        assert TextMarker(given_lexicon).lexicon == own
        assert PlanningTagger(given_lexicon, [b"hold", b" true"])([0, 1]).tolist() == [True, True]


def test_a_lexicon_is_loaded_again_if_its_file_changes(tmp_path):
    path = tmp_path / "own.json"
    Lexicon.from_grams(["wait"]).save(path)
    assert as_lexicon(path) is as_lexicon(str(path))
    Lexicon.from_grams(["hold on"]).save(path)
    assert [gram.text for gram in as_lexicon(path).grams] == ["hold on"]


def test_lexicons_are_compared_merged_and_checked_by_name():
    own = Lexicon.from_grams(["wait"])
    assert merge_lexicons(["wang2025", own]) == merge_lexicons([Lexicon.load("wang2025"), own])
    assert diff_lexicons("wang2025", "wang2025").added == ()
    assert check_lexicon("wang2025") == check_lexicon(Lexicon.load("wang2025"))


@pytest.mark.parametrize("lexicon", [None, 3, {"wait": 1}])
def test_what_is_no_lexicon_is_refused(lexicon):
    with pytest.raises(
        UsageError, match=r"lexicon must be a Lexicon \(got .*\), its path, the name of a preset or a list"
    ):
        find_spans("wait", lexicon)
    with pytest.raises(UsageError, match="unknown lexicon"):
        find_spans("wait", "wang2024")


def test_strings_are_paths_unless_they_are_texts():
    assert are_paths(["a.jsonl", Path("b")])
    assert not are_paths(["Let me see. It is 4."])
    assert not are_paths(iter(["a.jsonl"]))
