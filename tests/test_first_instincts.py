"""What somebody tries first in a notebook works: sizes, membership, data frames, HTML, and tables as inputs."""

import contextlib
import inspect
import io
import os
import pydoc
import sys

import pandas as pd
import pytest

import sgram
from sgram import Lexicon, Span, Trace, analyze, as_traces, diagnose, find_spans, mine, show
from sgram.analysis import AnalysisConfig
from sgram.errors import MissingExtraError, UsageError
from sgram.frames import BACKENDS, build_frame
from tests.builders.lexicon_examples import doubts
from tests.builders.mining_examples import fast_config, sample_traces

TEXT = "Wait, let me double-check. It is 7."
LONGEST_REPR = 320


def columns_of(frame) -> list[str]:
    return [str(name) for name in frame.columns]


@pytest.fixture(scope="module")
def rows():
    """Rows as users have them: columns of usual names."""
    return [
        {
            "prompt": trace.prompt,
            "response": trace.text,
            "answer": trace.reference,
            "correct": trace.correct,
            "model": trace.model,
        }
        for trace in sample_traces()
    ]


def tables_of(rows, folder):
    """Return each form in which rows are held, by name."""
    import datasets

    forms = {
        "dicts": rows,
        "pandas": pd.DataFrame(rows),
        "Dataset": datasets.Dataset.from_list(rows),
        "columns": {name: [row[name] for row in rows] for name in rows[0]},
    }
    half = len(rows) // 2
    for name, part in (("a", rows[:half]), ("b", rows[half:])):
        pd.DataFrame(part).to_json(folder / f"{name}.jsonl", orient="records", lines=True)
    forms["glob"] = str(folder / "*.jsonl")
    with contextlib.suppress(ImportError):
        import polars

        forms["polars"] = polars.DataFrame(rows)
    return forms


# -- a lexicon ------------------------------------------------------------------------------------------


def test_a_lexicon_has_a_size_members_and_an_order():
    lexicon = doubts()
    assert len(lexicon) == len(lexicon.grams) == len(list(lexicon))
    assert list(lexicon) == list(lexicon.grams)
    gram = lexicon.grams[0]
    assert gram in lexicon
    assert gram.text in lexicon
    assert gram.text.upper() + "!" in lexicon  # the same words in another spelling
    assert "no such phrase" not in lexicon
    assert "" not in lexicon
    assert 7 not in lexicon
    assert lexicon  # none is empty


def test_a_lexicon_is_a_frame_of_its_grams():
    lexicon = doubts()
    frame = lexicon.frame()
    assert frame.gram.tolist() == [gram.text for gram in lexicon]
    assert columns_of(frame) == [
        *("gram", "cluster", "medoid", "move"),
        *("df", "count", "df_correct", "df_wrong", "score", "core"),
    ]
    for cluster in lexicon.clusters:
        assert set(frame[frame.cluster == cluster.id].move) == {cluster.move}
    assert Lexicon.from_grams(["wait"]).frame().df.isna().all()  # a number that is not known is missing


def test_a_frame_is_of_polars_where_polars_is_asked_for():
    polars = pytest.importorskip("polars")
    lexicon = doubts()
    frame = lexicon.frame("polars")
    assert isinstance(frame, polars.DataFrame)
    assert frame["gram"].to_list() == lexicon.frame("pandas").gram.tolist()
    assert frame.schema["df"] == polars.Int64
    assert frame.schema["core"] == polars.Boolean
    spans = find_spans(TEXT, "wang2025")
    assert spans.frame("polars")["text"].to_list() == spans.frame().text.tolist()
    assert spans.frame("polars").schema["cluster"] == polars.Int64
    mixed = build_frame({"x": "number", "y": "number"}, [(1, None), (0.5, 2)], "polars")
    assert mixed["x"].to_list() == [1.0, 0.5]
    assert mixed["y"].to_list() == [None, 2.0]
    assert build_frame({"x": "count"}, [], "polars").schema == {"x": polars.Int64}


def test_without_pandas_a_frame_is_of_polars_and_without_both_the_pip_line_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"needs polars.*pip install 'sgram\[polars\]'"):
        doubts().frame("polars")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"needs pandas .*pip install 'sgram\[pandas\]'"):
        doubts().frame()
    monkeypatch.undo()
    polars = pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(doubts().frame(), polars.DataFrame)


def test_an_unknown_library_of_frames_is_refused_with_the_known_ones():
    assert BACKENDS == ("pandas", "polars")
    with pytest.raises(UsageError, match=r"backend must be pandas or polars \(got 'arrow'\)"):
        doubts().frame("arrow")


# -- spans and show -------------------------------------------------------------------------------------


def test_spans_are_found_and_shown_by_the_name_of_a_preset():
    spans = find_spans(TEXT, "wang2025")
    assert [span.gram for span in spans] == ["wait", "let me"]
    assert spans == [Span(span.start, span.end, span.label, span.cluster, span.gram) for span in spans]
    assert spans.text == TEXT
    shown = show(TEXT, "wang2025")
    assert shown.spans == spans
    assert str(shown) == f"[Wait|{spans[0].label}], [let me|{spans[1].label}] double-check. It is 7."
    assert shown.frame().gram.tolist() == ["wait", "let me"]
    assert "<mark" in shown._repr_html_()
    assert "<mark" in spans._repr_html_()


def test_show_takes_a_trace_a_lexicon_a_path_and_phrases(tmp_path):
    lexicon = Lexicon.from_grams(["let me"])
    lexicon.save(tmp_path / "own.json")
    trace = Trace(id="a", text=TEXT, prompt="3 + 4?")
    for known in (lexicon, tmp_path / "own.json", str(tmp_path / "own.json"), ["let me"]):
        shown = show(trace, known)
        assert [span.gram for span in shown.spans] == ["let me"]
        assert shown.trace is trace
    assert "3 + 4?" in shown._repr_html_()
    with pytest.raises(UsageError, match=r"show takes a text or a Trace \(got list\)"):
        show([trace], lexicon)


def test_the_text_of_show_moves_no_cursor_and_hides_nothing():
    shown = show("wait \x1b[2J \u202eevil", ["wait"])
    assert str(shown) == "[wait|other] \\x1b[2J \\u202eevil"
    assert "\x1b" not in repr(shown)


# -- tables as inputs -----------------------------------------------------------------------------------


def test_a_lexicon_is_mined_of_whatever_holds_the_rows(rows, tmp_path):
    lexicons = {name: mine(table, fast_config()) for name, table in tables_of(rows, tmp_path).items()}
    assert all(len(lexicon) > 10 for lexicon in lexicons.values()), lexicons
    lexicons.pop("glob")  # its files are two runs
    assert len({tuple(gram.text for gram in lexicon) for lexicon in lexicons.values()}) == 1, lexicons


def test_traces_come_out_of_whatever_holds_the_rows(rows, tmp_path):
    tables = tables_of(rows[:6], tmp_path)
    for name, table in tables.items():
        traces = list(as_traces(table))
        assert [trace.text for trace in traces] == [row["response"] for row in rows[:6]], name
        assert [trace.correct for trace in traces] == [row["correct"] for row in rows[:6]], name


def test_frames_are_analyzed_and_diagnosed(rows, tmp_path):
    wrong = next(number for number, row in enumerate(rows) if row["correct"] is False)
    tables = tables_of(rows[wrong : wrong + 4], tmp_path)
    config = AnalysisConfig(n_placebos=0, n_draws=10)
    for name, table in tables.items():
        analysis = analyze(table, config)
        assert analysis.frame("corpus")["traces"].sum() == 4, name
        diagnoses = diagnose(table)
        assert len(diagnoses) == sum(row["correct"] is False for row in rows[wrong : wrong + 4]), name
        frame = diagnoses.frame()
        assert frame.kind.tolist() == [diagnosis.kind for diagnosis in diagnoses]
        assert frame.filter(like="p_").sum(axis=1).round(6).tolist() == [1.0] * len(diagnoses)


# -- representations and help ---------------------------------------------------------------------------


def public_objects(rows):
    """Return an object of each public type."""
    lexicon = Lexicon.load("sgram")
    analysis = analyze(rows, AnalysisConfig(n_placebos=0, n_draws=10))
    diagnoses = diagnose(rows)
    trace = Trace(
        id="a\nb", text="wait\n" * 5000, token_ids=tuple(range(9000)), prompt="?" * 9000, meta={"x": "y" * 99}
    )
    return [
        *(lexicon, lexicon.clusters[0], lexicon.grams[0], trace, find_spans(trace.text, ["wait"])),
        *(find_spans("", ["wait"]), show(trace, lexicon), show("", lexicon), analysis, analysis.tables["corpus"]),
        *(diagnoses, diagnoses[0], sgram.MiningConfig(), sgram.SpanFinder(lexicon), sgram.SentenceFinder("sgram")),
        *(sgram.SentenceScorer.load("sgram"), sgram.grade("The answer is 4.", "4")),
    ]


def test_a_representation_has_less_than_three_lines(rows):
    for value in public_objects(rows[:30]):
        text = repr(value)
        assert len(text.splitlines()) < 3, text
        assert len(text) <= LONGEST_REPR, text
        assert "\x1b" not in text


def test_what_displays_itself_displays_as_html_that_is_the_same_each_time(rows):
    displayed = [value for value in public_objects(rows[:30]) if hasattr(value, "_repr_html_")]
    assert len(displayed) == 10
    for value in displayed:
        html = value._repr_html_()
        assert html.startswith('<div class="sgram-output')
        assert html == value._repr_html_()
        assert len(html) < 350_000


@pytest.mark.parametrize("name", [name for name in sgram.__all__ if name != "__version__"])
def test_help_of_a_public_name_has_an_example(name):
    value = getattr(sgram, name)
    stream = io.StringIO()
    pydoc.Helper(output=stream).help(value)
    assert ">>> " in stream.getvalue()
    assert ">>> " in (inspect.getdoc(value) or "")


def test_a_path_object_is_taken_as_well(tmp_path):
    Lexicon.from_grams(["wait"]).save(tmp_path / "own.json")
    assert [span.gram for span in find_spans("Wait.", os.fspath(tmp_path / "own.json"))] == ["wait"]
