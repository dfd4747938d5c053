"""Files read as tasks of an engine give the analysis of files read together."""

import json
from dataclasses import asdict

import pytest

from sgram.analysis import AnalysisConfig, Column, Measure, analyze, register_measure, unregister_measure
from sgram.analysis.columns_store import PerTrace
from sgram.errors import InputError, QuarantineError, SgramError, UsageError
from sgram.traces import ReadOptions
from tests.builders.analysis_examples import build_trace, write_rollouts, write_run
from tests.builders.pickled_tasks import PickledTasks

CONFIG = AnalysisConfig(n_placebos=1, n_draws=20, n_examples=4, n_siblings=2)


def contents(analysis):
    """Return everything that a reader of the analysis sees."""
    return {
        "title": analysis.title,
        "sources": analysis.sources,
        "tables": {name: table.rows for name, table in analysis.tables.items()},
        "examples": [(example.trace.id, example.trace.text) for example in analysis.examples],
        "siblings": [(pair.correct.trace.id, pair.wrong.trace.id) for pair in analysis.sibling_pairs],
        "findings": [asdict(finding) for finding in analysis.findings],
        "provenance": dict(analysis.provenance),
        "notes": analysis.notes,
    }


def assert_equal_by_file(inputs, **arguments):
    """Return the analysis and the engine, after a comparison of both ways."""
    engine = PickledTasks()
    together = analyze(inputs, CONFIG, **arguments)
    by_file = analyze(inputs, CONFIG, engine=engine, **arguments)
    assert repr(contents(by_file)) == repr(contents(together))
    return together, engine


def write_lines(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


TEXTS = ["wait, let me check: it is 4", "so it is 5", "first I add 2 and 2, so it is 4", "we need 7, wait, so it is 6"]


def rows(first, n=8, **fields):
    """Return `n` rows with ids from `first` on, of two problems, right and wrong."""
    return [
        {
            "id": f"t{number}",
            "prompt": f"p{number % 2}",
            "text": f"{TEXTS[number % 4]} ({number})",
            "correct": number % 3 == 0,
            "model": "gpt",
            **fields,
        }
        for number in range(first, first + n)
    ]


def test_files_of_a_folder(tmp_path):
    for number in range(3):
        write_lines(tmp_path / f"{number}.jsonl", rows(8 * number, model=f"m{number % 2}"))
    together, engine = assert_equal_by_file(tmp_path)
    assert together.title == "24 traces of 2 models"
    assert engine.functions == ["survey_file"] * 3 + ["count_file"] * 3  # no id is in two files: no file is read again


def test_ids_that_several_files_have(tmp_path):
    # t4 to t7 are in both files, with the same texts: left out in the second file; t0 to t3 have other texts there
    write_lines(tmp_path / "a.jsonl", rows(0))
    other_texts = [row | {"text": f"hm, {row['text']}"} for row in rows(0, 4)]
    write_lines(tmp_path / "b.jsonl", [*other_texts, *rows(4, 4), *rows(8, 2)])
    write_lines(tmp_path / "c.jsonl", rows(20, 4))
    together, engine = assert_equal_by_file(tmp_path)
    assert together.title == "18 traces of gpt"  # 8 + 4 + 2 + 4
    assert any("4 rows skipped: their id, prompt and text were read before" in note for note in together.notes)
    assert engine.functions.count("survey_file") == 4  # the three files, and b once more


def test_traces_without_ids_that_several_files_have(tmp_path):
    without_ids = [{key: value for key, value in row.items() if key != "id"} for row in rows(0, 4)]
    write_lines(tmp_path / "a.jsonl", without_ids)
    write_lines(tmp_path / "b.jsonl", [*without_ids, *without_ids])
    write_lines(tmp_path / "c.jsonl", without_ids[:2])
    together, _ = assert_equal_by_file(tmp_path)
    assert together.title == "14 traces of gpt"


def test_rewards_are_decided_over_all_files(tmp_path):
    # rewards of the first file are 1 alone, so that by itself it would decide nothing
    unjudged = [{key: value for key, value in row.items() if key != "correct"} for row in rows(0, 16)]
    write_lines(tmp_path / "1.jsonl", [row | {"reward": 1.0} for row in unjudged[:8]])
    write_lines(tmp_path / "2.jsonl", [row | {"reward": number % 2} for number, row in enumerate(unjudged[8:])])
    together, _ = assert_equal_by_file(tmp_path)
    (row,) = together.tables["corpus"].records(source="gpt")
    assert (row["correct"], row["wrong"]) == (12, 4)  # all of the first file and half of the second


def test_answers_are_judged_in_the_tasks(tmp_path):
    unjudged = [row | {"reference": "4", "correct": None} for row in rows(0, 16)]
    write_lines(tmp_path / "1.jsonl", unjudged[:8])
    write_lines(tmp_path / "2.jsonl", unjudged[8:])
    together, _ = assert_equal_by_file(tmp_path)
    assert any("are judged by their reference answers" in note for note in together.notes)


def test_files_without_rollouts_and_rows_that_cannot_be_read(tmp_path):
    write_lines(tmp_path / "a.jsonl", rows(0, 60))
    write_lines(tmp_path / "b.jsonl", [{"path": "x", "size": 3}])
    write_lines(tmp_path / "c.jsonl", rows(100, 60))
    with open(tmp_path / "c.jsonl", "a") as file:
        file.write("{broken\n")
    together, _ = assert_equal_by_file(tmp_path)
    assert any("b.jsonl is left out" in note for note in together.notes)
    assert any("1 rows of" in note for note in together.notes)


def test_runs_with_tokens_and_steps_beside_rollouts(tmp_path):
    traces = [
        build_trace(f"{step}{number}", TEXTS[number], step=step, model=None) for step in (0, 1) for number in range(4)
    ]
    run = write_run(tmp_path, "aaa", traces)
    rollouts = write_rollouts(tmp_path, [build_trace("a", "so it is", model="gpt")], "one.jsonl")
    assert_equal_by_file([run, rollouts])


@pytest.mark.parametrize(
    ("lines", "error"), [(["{broken"] * 2, InputError), ([*map(json.dumps, rows(0, 4)), "{broken"], QuarantineError)]
)
def test_errors_over_all_files_are_the_same(tmp_path, lines, error):
    # one row of 10 is broken, or all of them: more than the share that is allowed over all files
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    write_lines(tmp_path / "b.jsonl", [] if error is InputError else rows(10, 5))
    messages = []
    for engine in (None, PickledTasks()):
        with pytest.raises(error) as raised:
            analyze(tmp_path, CONFIG, engine=engine)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


def test_a_condition_and_a_part_reach_the_tasks(tmp_path):
    thinking = [row | {"text": f"<think>{row['text']}</think> It is {row['id']}."} for row in rows(0, 12)]
    write_lines(tmp_path / "a.jsonl", thinking[:6])
    write_lines(tmp_path / "b.jsonl", [*thinking[6:], *rows(30, 2)])
    assert_equal_by_file(tmp_path, options=ReadOptions(where=("model=gpt",)))
    config = AnalysisConfig(n_placebos=0, n_draws=20, part="reasoning")
    reasoning = analyze(tmp_path, config, engine=PickledTasks())
    assert repr(contents(reasoning)) == repr(contents(analyze(tmp_path, config)))
    assert reasoning.title == "12 traces of gpt, reasoning only"


def test_stdin_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="stdin can be read by this process only"):
        analyze("-", CONFIG, engine=PickledTasks())


def test_a_measure_that_a_worker_does_not_know_is_named(tmp_path):
    write_lines(tmp_path / "a.jsonl", rows(0))
    columns = (Column("n", "lines of text", "count"),)
    measure = Measure("lines", "Lines", columns, lambda data: [], per_trace=PerTrace(lambda trace, marks: [1.0]))

    class Forgetful(PickledTasks):
        """Engine whose workers do not have what a script registered."""

        def run(self, function, *arguments, **named):
            if function.__name__ == "count_file":
                unregister_measure("lines")
            return super().run(function, *arguments, **named)

    register_measure(measure)
    try:
        with pytest.raises(SgramError, match="does not know the measure 'lines'"):
            analyze(tmp_path, CONFIG, engine=Forgetful())
    finally:
        unregister_measure("lines")
