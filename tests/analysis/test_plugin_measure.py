"""Measures of other packages: a tiny one that is installed and shown everywhere, and errors of broken ones."""

import csv
import html
import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from sgram.analysis import (
    AnalysisConfig,
    Column,
    Measure,
    all_measures,
    analyze,
    register_measure,
    trace_mean,
    unregister_measure,
)
from sgram.analysis.registry import ENTRY_POINTS
from sgram.errors import SgramError, UsageError
from tests.builders.analysis_examples import build_lexicon, build_trace, write_rollouts
from tests.builders.paths import ROOT

HEDGES = """
from sgram.analysis import Column, Measure, trace_mean


def count_hedges(trace, marks):
    return sum(word in ("perhaps", "maybe") for word in trace.text.lower().split())


HEDGES = trace_mean("hedges", "Hedging", "the number of hedging words", count_hedges, unit="words")
LINES = Measure("lines", "Lines", (Column("n", "lines", "count"),), lambda data: [{"n": 1}, {"n": 2}])
MEASURES = [HEDGES, LINES]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installed package with two measures, and a function that calls the command line with it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "hedges.py").write_text(HEDGES)
    metadata = folder / "hedges-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hedges\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nhedges = hedges:MEASURES\n")
    # Ten problems with a correct and a wrong trace each. Hedges of correct traces: 0 and 1 in turn; of wrong ones: 2
    # and 3 in turn.
    traces = []
    for n in range(10):
        for correct, hedges in ((True, n % 2), (False, 2 + n % 2)):
            text = f"So we add. {'Maybe ' * hedges}it is 4."
            traces.append(build_trace(f"{n}-{correct}", text, group=str(n), correct=correct))
    build_lexicon().save(folder / "lexicon.json")
    write_rollouts(folder, traces)

    def call(*arguments):
        arguments = [sys.executable, str(ROOT / "cli.py"), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout, ran.stderr

    return folder, call


def test_the_terminal_and_csv_files_show_an_installed_measure(installed):
    folder, call = installed
    flags = ("--lexicon", "lexicon.json", "--placebos", "0")
    out, err = call("metrics", "rollouts.jsonl", *flags)
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("the number of hedging words, words"))
    # mean over ten problems, of which five have 0 + 2 and five have 1 + 3 hedges in two traces: 1.5
    assert re.fullmatch(r"m +all +1\.5 \[1\.[0-4]\d*, 1\.[6-9]\d*\] +20", lines[start + 2].strip())
    assert re.fullmatch(r"m +wrong +2\.5 \[2\.[0-4]\d*, 2\.[6-9]\d*\] +10", lines[start + 4].strip())
    assert "hedges, lines; --table NAME" in " ".join(err.split())
    out, _ = call("metrics", "rollouts.jsonl", *flags, "--table", "lines", "--table", "hedges", "--csv", "tables")
    assert out.splitlines()[:4] == ["n", "1", "2", ""]
    assert out.splitlines()[4].split() == ["source", "outcome", "value", "low", "high", "traces"]
    with (folder / "tables" / "hedges.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["outcome"], row["value"], row["traces"]) for row in rows] == [
        ("all", "1.5", "20"),
        ("correct", "0.5", "10"),
        ("wrong", "2.5", "10"),
    ]
    assert (folder / "tables" / "lines.csv").read_text() == "n\n1\n2\n"


def test_a_report_shows_an_installed_measure(installed):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    folder, call = installed
    files = ("--csv", "csv", "--figures", "figures", "--figure-form", "svg", "--markdown", "r.md", "--json")
    out, _ = call("report", "rollouts.jsonl", "--lexicon", "lexicon.json", "--traces", "1", *files)
    findings = {
        finding["question"]: finding for finding in json.loads(out)["findings"] if finding["measure"] == "hedges"
    }
    assert set(findings) == {"hedges", "hedges by outcome"}
    level, contrast = findings.values()
    assert (level["estimate"]["value"], level["verdict"], level["n"]) == (1.5, "measured", 20)
    assert (contrast["estimate"]["value"], contrast["verdict"], contrast["placebo"]) == (2, "up", None)
    assert (folder / "csv" / "hedges.csv").exists()
    assert (folder / "csv" / "lines.csv").exists(), "the report has the tables of all measures as files"
    assert "hedges.svg" in {path.name for path in (folder / "figures").iterdir()}
    page = (folder / "report.html").read_text()
    (section,) = re.findall(r'<section id="more".*?</section>', page, re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]*>", "", section))
    assert re.search(r"<caption[^>]*>Hedging", section), "its table"
    assert "The number of hedging words: mean over traces." in text, "the caption of its figure"
    assert "Lines" not in text, "a measure without a section is not shown"
    for words in (text_of_page(page), (folder / "r.md").read_text().replace("\\", "")):
        assert contrast["text"].split(": ")[-1] in words
    assert "the number of hedging words is higher for wrong traces than for correct traces" in contrast["text"].lower()


def text_of_page(page):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


def test_a_mean_that_depends_on_the_marks_stands_beside_random_phrases(tmp_path):
    # planning words of a trace: "so" 1 of 5 words, "wait no" 2 of 6, as shares of its words; a trace without "go" has
    # none
    def planning_share(trace, marks):
        return float(marks.planning.mean()) if "go" in trace.text else None

    build_lexicon().save(tmp_path / "lexicon.json")
    texts = ["so we go and add", "wait no we go and add", "we add and add"]
    traces = [build_trace(str(n), texts[n % 3], group=str(n % 6), correct=True) for n in range(18)]
    measure = register_measure(
        trace_mean("density", "Density", "the planning density", planning_share, unit="share", by_list=True)
    )
    try:
        config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=2, n_draws=20)
        analysis = analyze([write_rollouts(tmp_path, traces)], config)
    finally:
        unregister_measure("density")
    sgs, placebo = analysis.tables["density"].records(outcome="all")
    assert (sgs["list"], placebo["list"], sgs["traces"]) == ("SGs", "placebo", 12)
    assert sgs["value"] == pytest.approx((1 / 5 + 2 / 6) / 2)
    # of the problems, half have 1 / 5 only and half 2 / 6 only
    assert 1 / 5 <= sgs["low"] < sgs["value"] < sgs["high"] <= 2 / 6
    assert 0 < placebo["value"] < 1
    assert [column.kind for column in measure.columns if column.name in ("value", "low", "high")] == ["share"] * 3
    assert "density" not in {other.name for other in all_measures()}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("odd", "json:loads", r"the measure odd \(json:loads\) is not a Measure or a list of them; mend or uninstall"),
        ("odd", "json:JSONDecoder", "is not a Measure or a list of them"),
        ("gone", "no_such_package:MEASURE", r"cannot load the measure gone .*No module named 'no_such_package'"),
        ("old", "json:MEASURE", r"cannot load the measure old .*no attribute 'MEASURE'"),
        (
            "same",
            "sgram.analysis.measures.corpus:CORPUS",
            "2 measures are named 'corpus'; rename or uninstall one of them",
        ),
    ],
)
def test_a_package_whose_measure_cannot_be_used_is_named(monkeypatch, name, value, message):
    entries = [EntryPoint(name, value, ENTRY_POINTS)]
    monkeypatch.setattr("sgram.declarations.entry_points", lambda group: entries if group == ENTRY_POINTS else [])
    with pytest.raises(UsageError, match=message):
        all_measures()


def test_registered_measures_come_last_and_have_names_of_their_own():
    length = trace_mean("characters", "Length", "characters", lambda trace, marks: len(trace.text))
    try:
        assert register_measure(length) is register_measure(length)
        assert [measure.name for measure in all_measures()].count("characters") == 1
        assert all_measures()[-1] is length
        for name in ("characters", "corpus"):
            with pytest.raises(UsageError, match=f"a measure named '{name}' exists already; choose another name"):
                register_measure(trace_mean(name, "Other", "others", lambda trace, marks: None))
    finally:
        unregister_measure("characters")
    unregister_measure("characters")  # nothing happens
    assert "characters" not in {measure.name for measure in all_measures()}


def test_a_measure_that_fails_is_named_with_its_trace(tmp_path):
    path = write_rollouts(tmp_path, [build_trace("t1", "So we add.", correct=True)])
    config = AnalysisConfig(n_placebos=0, n_draws=10)

    def check(measure, message):
        register_measure(measure)
        try:
            with pytest.raises(SgramError, match=message):
                analyze([path], config)
        finally:
            unregister_measure(measure.name)

    check(
        trace_mean("halves", "Halves", "halves", lambda trace, _: 1 / 0), "'halves' failed on trace 't1': ZeroDivision"
    )
    wide = Measure("wide", "Wide", (Column("n", "lines", "count"),), lambda data: [{"m": 1}])
    check(wide, "the measure 'wide' failed: ValueError.*has no column m")
