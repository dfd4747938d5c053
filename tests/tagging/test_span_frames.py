import sys

import pandas as pd
import pytest

from sgram.errors import MissingExtraError, UsageError
from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.span_frames import spans_to_frame, traces_to_frame
from sgram.tagging.spans import Span, find_spans
from sgram.traces import Trace

LEXICON = Lexicon.from_grams(["wait", "let me", "let me see"], move="backtracking")
TEXT = "Wait, let — me see."
KINDS = {"start": "int64", "end": "int64", "label": "string", "cluster": "Int64", "gram": "string", "text": "string"}
TRACE_KINDS = {"id": "string", "group": "string", "model": "string", "step": "Int64", "correct": "boolean"}


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(kind) for name, kind in frame.dtypes.items()}


def cluster(gram: str) -> int:
    return LEXICON.find(gram)[0].id


def test_spans_become_rows_with_their_characters_in_the_text():
    frame = spans_to_frame(find_spans(TEXT, LEXICON), TEXT)
    assert frame.values.tolist() == [
        [0, 4, "backtracking", cluster("wait"), "wait", "Wait"],
        [6, 18, "backtracking", cluster("let me see"), "let me see", "let — me see"],
        [6, 14, "backtracking", cluster("let me"), "let me", "let — me"],
    ]
    assert kinds(frame) == KINDS


def test_without_the_text_there_is_no_column_for_it():
    frame = spans_to_frame([Span(0, 4, "other")])
    assert list(frame.columns) == ["start", "end", "label", "cluster", "gram"]
    assert frame.cluster.isna().all()  # a span from a masks file has no cluster and no gram
    assert frame.gram.isna().all()


def test_no_spans_make_an_empty_table_of_the_same_types():
    assert kinds(spans_to_frame([], TEXT)) == KINDS
    assert len(spans_to_frame(iter([]))) == 0
    assert kinds(traces_to_frame([], LEXICON)) == TRACE_KINDS | KINDS
    assert kinds(traces_to_frame([Trace(id="a", text="nothing here")], LEXICON)) == TRACE_KINDS | KINDS


def test_traces_become_rows_with_their_fields():
    traces = [
        Trace(id="a", text="so wait", group="g", model="m", step=3, correct=False),
        Trace(id="b", text="none"),
        Trace(id="c", text="Let me. WAIT"),
    ]
    frame = traces_to_frame(iter(traces), LEXICON)
    assert frame[["id", "start", "end", "gram", "text"]].values.tolist() == [
        ["a", 3, 7, "wait", "wait"],
        ["c", 0, 6, "let me", "Let me"],
        ["c", 8, 12, "wait", "WAIT"],
    ]
    assert kinds(frame) == TRACE_KINDS | KINDS
    assert frame.loc[0, ["group", "model", "step", "correct"]].tolist() == ["g", "m", 3, False]
    assert frame.loc[1, ["group", "model", "step", "correct"]].isna().all()
    # as a notebook uses it
    assert frame.groupby("gram").id.nunique().to_dict() == {"let me": 1, "wait": 2}


def test_one_trace_alone_is_refused():
    with pytest.raises(UsageError, match=r"must be several traces \(got one trace\); write \[trace\]"):
        traces_to_frame(Trace(id="a", text="wait"), LEXICON)


def test_a_missing_library_is_an_error_with_its_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sgram\[pandas\]'"):
        spans_to_frame([])


def test_planning_sentences_have_no_gram_and_no_cluster():
    scorer = SentenceScorer("example", LinearWeights(-1000, {"wait": 2000}), {"monitoring": LinearWeights(0, {})})
    frame = traces_to_frame([Trace(id="a", text="Wait, so. So it is.")], LEXICON, "sentences", scorer)
    assert frame[["start", "end", "label", "text"]].to_numpy().tolist() == [[0, 9, "monitoring", "Wait, so."]]
    assert frame[["gram", "cluster"]].isna().to_numpy().all()
