"""The diffs of CONTRIBUTING.md apply to a copy of the checkout, and what they add works there."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from sgram.analysis.registry import ENTRY_POINTS as MEASURES
from sgram.diagnosis.judges import ENTRY_POINTS as JUDGES
from sgram.lexicon.sentence_scorer import ENTRY_POINTS as SCORERS
from sgram.traces.dialect import ENTRY_POINTS as DIALECTS
from sgram.training.credit.registry import ENTRY_POINTS as METHODS
from tests.builders.diffs import apply_diff
from tests.builders.paths import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMAND = "from sgram.cli import main; main()"
SAMPLE = "data/sample_traces.jsonl"


def section(title: str) -> str:
    return re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, its data and what tests share; compiled kernels come along."""
    for folder in ("sgram", "data", "tests/builders"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("README.md", "pyproject.toml", "tests/__init__.py", "tests/conftest.py"):
        shutil.copy2(ROOT / file, tmp_path / file)
    for folder in (
        "analysis",
        "cli",
        "diagnosis",
        "lexicon",
        "traces",
        "traces/dialects",
        "training",
        "training/credit",
    ):
        folder = f"tests/{folder}"
        (tmp_path / folder).mkdir()
        shutil.copy2(ROOT / folder / "__init__.py", tmp_path / folder)
    return tmp_path


def run_python(copy, *arguments: str) -> str:
    """Run Python in the copy, which comes before any installed package, and return its stdout."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": ""}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=240
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.parametrize(
    ("title", "arguments", "words"),
    [
        ("Add a dialect", ("read", "row.jsonl"), ("quizmaster", "50.0 % of 2 judged", "toy-1 (2)")),
        (
            "Add a measure",
            ("metrics", SAMPLE, "--placebos", "0", "--table", "questions"),
            ("outcome", "value", "wrong"),
        ),
        ("Add a verb", ("words", SAMPLE, "--top", "3"), ("word", "times", "the")),
        (
            "Add a sentence scorer",
            ("tag", SAMPLE, "--mask", "sentences", "--scorer", "doubts", "--json"),
            ('"name": "doubts"', '{"move": "monitoring"'),
        ),
        (
            "Add a credit method",
            ("train", "--method", "opening", "--steps", "2", "--prompts", "2", "--max-tokens", "8", "--dry-run"),
            ("runs     opening", "method=opening"),
        ),
        ("Add a lexicon preset", ("lexicon", "show", "doubt"), ("backtracking", "let me start over", "3 grams")),
    ],
)
def test_a_diff_of_the_page_applies_passes_its_test_and_works(copy, title, arguments, words):
    (diff,) = blocks("diff", section(title))
    paths = apply_diff(diff, copy)
    (test_file,) = (path for path in paths if path.startswith("tests/"))
    for row in blocks("json", section(title)):
        (copy / "row.jsonl").write_text(row, encoding="utf-8")
    code = "import sgram; print(sgram.__file__)"
    assert run_python(copy, "-c", code).strip() == str(copy / "sgram" / "__init__.py")
    run_python(copy, "-m", "pytest", test_file, "-p", "no:randomly")
    output = run_python(copy, "-c", COMMAND, *arguments)
    for word in words:
        assert word in output
    python_files = [path for path in paths if path.endswith(".py")]
    run_python(copy, "-m", "ruff", "check", "--no-cache", *python_files)
    run_python(copy, "-m", "ruff", "format", "--no-cache", "--check", *python_files)


@pytest.mark.parametrize(
    ("title", "files"),
    [
        ("Add a measure", ["sgram/analysis/measures/questions.py", "tests/analysis/test_questions.py"]),
        ("Add a dialect", ["sgram/traces/dialects/quizmaster.py", "tests/traces/dialects/test_quizmaster.py"]),
        ("Add a credit method", ["sgram/training/credit/methods/opening.py", "tests/training/credit/test_opening.py"]),
    ],
)
def test_a_measure_a_dialect_and_a_method_are_a_declaration_and_its_test_and_nothing_else(title, files):
    (diff,) = blocks("diff", section(title))
    assert re.findall(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE) == files
    assert diff.count("--- /dev/null\n") == 2


def test_the_measure_of_the_page_has_a_figure_findings_and_a_section(copy):
    """What follows from the declaration: a figure, a finding in words, a place in the report."""
    apply_diff(blocks("diff", section("Add a measure"))[0], copy)
    report = ("report", SAMPLE, "-o", "report.html", "--csv", "tables", "--figures", "figures", "--json")
    output = run_python(copy, "-c", COMMAND, *report)
    assert '"measure": "questions"' in output
    assert (copy / "tables" / "questions.csv").read_text(encoding="utf-8").startswith("source,outcome,value")
    assert (copy / "figures" / "questions.png").stat().st_size > 1000
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "More measures" in page
    assert "questions a trace" in page.lower()


def test_the_judge_of_the_page_is_found_by_its_entry_point_and_asked(copy):
    python_files = apply_diff(blocks("diff", section("Add a judge"))[0], copy)
    run_python(copy, "-m", "pytest", "tests/diagnosis/test_last_number.py", "-p", "no:randomly")
    (package,) = map(tomllib.loads, blocks("toml", section("Add a judge")))
    metadata = copy / "sgram_last_number-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sgram-last-number\nVersion: 0.1\n")
    ((name, value),) = package["project"]["entry-points"][JUDGES].items()
    (metadata / "entry_points.txt").write_text(f"[{JUDGES}]\n{name} = {value}\n")
    output = run_python(copy, "-c", COMMAND, "diagnose", SAMPLE, "--judge", "last-number", "--judge-traces", "20")
    assert "last-number / classifier" in output
    assert "classifier and last-number" in output
    run_python(copy, "-m", "ruff", "check", "--no-cache", *python_files)
    run_python(copy, "-m", "ruff", "format", "--no-cache", "--check", *python_files)


def test_the_entry_points_of_the_page_are_those_that_are_read():
    groups = [list(tomllib.loads(block)["project"]["entry-points"]) for block in blocks("toml")]
    assert groups == [[DIALECTS], [MEASURES], [JUDGES], [SCORERS], [METHODS]]


def test_what_the_page_tells_to_run_and_to_read_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make ([\w-]+)", PAGE, re.MULTILINE)
    assert len(targets) >= 5
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    added = set(re.findall(r"^\+\+\+ b/(.*)$", PAGE, re.MULTILINE))
    paths = set(re.findall(r"`((?:sgram|tests|data|\.ci)/[\w./-]+)`", PAGE)) - added
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_links_of_the_page_lead_to_files_and_headings():
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE):
        name, _, anchor = link.partition("#")
        text = (ROOT / name).read_text(encoding="utf-8") if name else PAGE
        headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        assert not anchor or anchor in headings, link
