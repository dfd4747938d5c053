"""Declarations of measures: every one yields its table, and what it declares fits its columns."""

import re
from string import Formatter

import pytest

from sgram.analysis import AnalysisConfig, Column, all_measures, analyze, build_table
from sgram.analysis.figure_specs import BinPlot, CurvePlot, DotPlot, SharePlot
from sgram.analysis.measure import Quantity
from sgram.testbed.task import RIGHT_EXECUTION, RIGHT_METHOD
from tests.builders.analysis_examples import build_trace, byte_ids, write_rollouts, write_run

MEASURES = {measure.name: measure for measure in all_measures()}
QUESTIONS = [
    pytest.param(measure, question, id=f"{name}-{question.name}")
    for name, measure in MEASURES.items()
    for question in measure.questions
]


def run_traces():
    """Return traces of four steps with token ids, entropies and log-probabilities, a third of them wrong."""
    traces = []
    for step in range(4):
        for index, text in enumerate(("so it is. wait no 1 + 1 = 3", "let me check it. so 1 + 1 = 2", "so we wait")):
            ids = byte_ids(text)
            entropies = tuple(2.0 - step / 4 + position % 3 for position in range(len(ids)))
            fields = {"step": step, "prompt": f"p{index}", "group": f"{step}-{index}", "correct": index != 0}
            fields["meta"] = {RIGHT_EXECUTION: step > 0, RIGHT_METHOD: index == step}
            logprobs = tuple(-entropy for entropy in entropies)
            traces.append(
                build_trace(f"{step}-{index}", text, token_ids=ids, entropies=entropies, logprobs=logprobs, **fields)
            )
    return traces


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """An analysis of a small run and of rollouts without steps."""
    folder = tmp_path_factory.mktemp("measures")
    run = write_run(folder, "a", run_traces(), tokenizer=True)
    texts = ["so we add. wait no that is bad. " * (1 + n % 10) for n in range(40)]
    traces = [
        build_trace(str(n), text, group=f"g{n // 4}", correct=n % 2 == 0, reference="4") for n, text in enumerate(texts)
    ]
    return analyze([run, write_rollouts(folder, traces)], AnalysisConfig(n_placebos=1, n_draws=20))


def test_a_run_and_rollouts_give_every_table(analysis):
    assert list(analysis.tables) == list(MEASURES)
    assert analysis.measures == all_measures()
    for name, table in analysis.tables.items():
        assert (table.title, table.columns) == (MEASURES[name].title, MEASURES[name].columns)
        assert table.note == MEASURES[name].note or callable(MEASURES[name].note)


def test_findings_are_those_of_the_questions_in_their_order(analysis):
    order = [(name, question.name) for name, measure in MEASURES.items() for question in measure.questions]
    positions = [order.index((finding.measure, finding.question.name)) for finding in analysis.findings]
    assert positions == sorted(positions)
    assert {finding.source for finding in analysis.findings} == {None, *analysis.sources}


def test_names_are_unique_and_fit_files_and_anchors():
    figures = [figure for measure in MEASURES.values() for figure in measure.figures]
    questions = [question.name for measure in MEASURES.values() for question in measure.questions]
    assert len(MEASURES) == len(all_measures())
    assert len(set(questions)) == len(questions)
    assert len({figure.name for figure in figures}) == len(figures)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in MEASURES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", figure.name) for figure in figures)


def test_a_measure_says_what_inputs_need_as_a_sentence_without_a_full_stop():
    for measure in MEASURES.values():
        assert not measure.needs or (measure.needs[0].isupper() and not measure.needs.endswith("."))


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_a_measure_reads_columns_that_it_declares(measure):
    names = {column.name for column in measure.columns}
    assert len(names) == len(measure.columns)
    columns_read = set()
    for quantity in measure.quantities:
        columns_read |= {quantity.value, *quantity.keys, *quantity.extra, *quantity.where}
        ends = {quantity.low, quantity.high}
        assert ends <= names or measure.name == "architecture", "only the shares of classes have no interval"
    for figure in measure.figures:
        if isinstance(figure, CurvePlot) and figure.table:  # it shows series in the table of another measure
            assert columns_of_figure(figure) <= {column.name for column in MEASURES[figure.table].columns}
        else:
            columns_read |= columns_of_figure(figure)
    assert columns_read <= names


def columns_of_figure(figure):
    if isinstance(figure, CurvePlot):
        return {"source", "step", "series", "list", "value", "low", "high"}
    if isinstance(figure, BinPlot):
        return {figure.low_end, figure.high_end, "value", "low", "high", "list", figure.n} - {""}
    if isinstance(figure, SharePlot):
        return {figure.kind, figure.value, figure.value_at_step, "step"} | columns_of_figure(figure.dots)
    assert isinstance(figure, DotPlot)
    columns = {figure.row_by, *figure.largest, *figure.where, *fields(figure.remark)} - {""}
    for panel in figure.panels:
        columns |= fields(panel.unit)
        columns |= set() if figure.panel_by else fields(panel.title)
        for mark in panel.marks:
            columns |= {mark.value, mark.low, mark.high, *mark.where} - {""}
    return columns | ({figure.panel_by} - {""})


def fields(pattern):
    """Return the names in braces."""
    return {name for _, name, _, _ in Formatter().parse(pattern) if name}


@pytest.mark.parametrize(("measure", "question"), QUESTIONS)
def test_a_question_reads_columns_that_its_measure_declares(measure, question):
    names = {column.name for column in measure.columns}
    columns_read = {*getattr(question, "where", ()), getattr(question, "n", ""), getattr(question, "same", "")}
    columns_read |= {getattr(question, "by", ""), getattr(question, "named_by", "")}
    if question.name not in ("size", "controls", "what settles first"):  # they read other columns or no table
        columns_read |= {question.value, question.low, question.high}
    assert columns_read - {""} <= names


def quantity_pairs(quantity, records, sources=None):
    """Return (source, value, value of the placebo) of each row of a table of these records."""
    columns = [Column(name, name) for name in records[0]]
    pairs = quantity.pairs(build_table("t", "t", columns, records), sources)
    return [(row.get("source"), row["value"], None if placebo is None else placebo["value"]) for row, placebo in pairs]


def test_a_quantity_stands_beside_the_placebo_of_the_same_keys():
    cells = [("a", "all", "SGs", 1.0), ("a", "all", "placebo", 2.0), ("a", "wrong", "SGs", 3.0)]
    cells += [("b", "all", "SGs", 4.0), ("b", "wrong", "placebo", 5.0), ("c", "all", "SGs", None)]
    records = [dict(zip(("source", "outcome", "list", "value"), row, strict=True)) for row in cells]
    by_outcome = Quantity("share", keys=("source", "outcome"))
    assert quantity_pairs(by_outcome, records) == [("a", 1.0, 2.0), ("a", 3.0, None), ("b", 4.0, None)]
    assert quantity_pairs(by_outcome, records, ["b", "c"]) == [("b", 4.0, None)]
    assert quantity_pairs(Quantity("share", where={"outcome": "wrong"}), records) == [("a", 3.0, None)]
    without_lists = [{"value": 1.0}, {"value": 2.0}]
    assert quantity_pairs(Quantity("n"), without_lists, ["a"]) == [(None, 1.0, None), (None, 2.0, None)]


def test_a_quantity_at_the_last_step_is_that_of_each_source():
    cells = [("a", 9, "SGs", 2.0), ("a", 10, "SGs", 3.0), ("a", 9, "placebo", 1.0), ("a", 10, "placebo", 1.5)]
    cells += [("b", 4, "SGs", 4.0), ("b", 4, "placebo", 2.5), ("c", 4, "SGs", 5.0)]
    records = [
        {"series": series, **dict(zip(("source", "step", "list", "value"), row, strict=True))}
        for series in ("entropy", "length")
        for row in cells
    ]
    quantity = Quantity("entropy", where={"series": "entropy"}, last_step=True)
    assert quantity_pairs(quantity, records) == [("a", 3.0, 1.5), ("b", 4.0, 2.5), ("c", 5.0, None)]
    assert quantity_pairs(quantity, records, ["b"]) == [("b", 4.0, 2.5)]
