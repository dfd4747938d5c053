"""The wheel: its files and metadata, and the commands of its unpacked copy without any optional library.

Kernels run as Python here (NUMBA_DISABLE_JIT): compiling them takes longer than all else, and the output is the same.
`make dist-check` installs the wheel into a virtual environment and compiles them.
"""

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sgram
from sgram.lexicon import Lexicon
from tests.builders.paths import ROOT
from tests.test_package import CORE, EXTRAS, PROJECT

SUFFIXES = {".py", ".pyi", ".typed", ".css", ".js", ".jinja", ".json", ".jsonl", ".md", ".parquet", ".txt"}
METADATA_FOLDER = f"sgram-{sgram.__version__}.dist-info"

# Every process of the unpacked copy runs this at its start. It hides optional libraries, as if they were not installed,
# and the checkout, which an editable install adds to the path.
SITE_CUSTOMIZE = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path

class CoreFinder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = CoreFinder
copies = [folder for folder in sys.path if Path(folder, "sgram", "__init__.py").exists()]
sys.path[:] = [folder for folder in sys.path if folder not in copies or folder == {site_folder!r}]
"""

# What the script `sgram` of an installed wheel does.
COMMAND = """
from importlib.metadata import distribution
(command,) = distribution("sgram").entry_points.select(group="console_scripts", name="sgram")
command.load()()
"""


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the checkout with the installed backend, without network; return its path."""
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def required_distributions(requirements: Iterable[str]) -> set[str]:
    """Return the names of the distributions that `requirements` install here, without extras."""
    names: set[str] = set()
    pending = [Requirement(requirement) for requirement in requirements]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and name not in names:
            names.add(name)
            pending += map(Requirement, metadata.requires(name) or ())
    return names


def optional_modules() -> list[str]:
    """Return the top-level modules of this environment that no core dependency installs."""
    core = required_distributions(CORE) | {"sgram"}
    return sorted(
        module
        for module, distributions in metadata.packages_distributions().items()
        if not core & set(map(canonicalize_name, distributions))
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def file_names(wheel) -> list[str]:
    """Names of the files in the wheel."""
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def wheel_metadata(wheel) -> Message:
    text = zipfile.ZipFile(wheel).read(f"{METADATA_FOLDER}/METADATA").decode()
    return Parser().parsestr(text)


@pytest.fixture(scope="module")
def site_folder(wheel, tmp_path_factory) -> Path:
    """A folder with the unpacked wheel only."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def environment(site_folder, tmp_path_factory) -> dict[str, str]:
    """Environment variables under which Python imports the unpacked wheel and finds its core dependencies only."""
    hooks = tmp_path_factory.mktemp("hooks")
    code = SITE_CUSTOMIZE.format(absent=set(optional_modules()), site_folder=str(site_folder))
    (hooks / "sitecustomize.py").write_text(code)
    return {
        **os.environ,
        "PYTHONPATH": f"{hooks}{os.pathsep}{site_folder}",
        "NUMBA_DISABLE_JIT": "1",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def run_python(environment, tmp_path):
    """A function that runs code in an empty current folder, `tmp_path`, and returns the finished process."""
    assert list(tmp_path.iterdir()) == []

    def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
        process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        return process

    return run


@pytest.fixture
def sample(site_folder) -> Path:
    """The sample traces of the unpacked wheel."""
    return site_folder / "sgram" / "data" / "sample_traces.jsonl"


def files_below(folder: str, target: str) -> set[str]:
    """Return the files of a folder of the checkout, caches left out, with the names below `target`."""
    paths = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {f"{target}/{path.as_posix()}" for path in paths if "__pycache__" not in path.parts}


# -- files and metadata ---------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_of_the_package_and_of_its_data(file_names):
    data_files = {name for name in files_below("data", "sgram/data") if not name.endswith(".py")}
    metadata_files = {name for name in file_names if name.startswith(f"{METADATA_FOLDER}/")}
    assert len(file_names) == len(set(file_names))
    assert set(file_names) - metadata_files == files_below("sgram", "sgram") | data_files


@pytest.mark.parametrize(
    "name",
    [
        "__init__.pyi",
        "py.typed",
        "data/annotation_guideline.md",
        "data/background_short_cot.parquet",
        "data/error_kinds.json",
        "data/error_locator.json",
        "data/lexicons/sgram.json",
        "data/lexicons/wang2025.json",
        "data/moves.json",
        "data/sample_labels.jsonl",
        "data/sample_traces.jsonl",
        "data/schemas/lexicon.schema.json",
        "data/scorers/sgram.json",
        "data/sg_classifier.json",
        "reports/pages/annotation_page.css",
        "reports/pages/annotation_page.html.jinja",
        "reports/pages/annotation_page.js",
        "reports/pages/base.css",
        "reports/pages/katex.min.js",
        "reports/pages/katex_license.txt",
        "reports/pages/report_page.css",
        "reports/pages/report_page.html.jinja",
        "reports/pages/report_page.js",
        "reports/pages/served_traces.js",
        "reports/pages/tex.js",
        "reports/pages/trace_lookup.js",
        "reports/pages/trace_page.css",
        "reports/pages/trace_page.html.jinja",
        "reports/pages/trace_text.js",
        "reports/pages/traces.css",
    ],
)
def test_the_wheel_holds_a_file_that_the_package_reads(file_names, name):
    assert f"sgram/{name}" in file_names


def test_the_wheel_holds_nothing_else(file_names):
    assert {name.partition("/")[0] for name in file_names} == {"sgram", METADATA_FOLDER}
    package_files = [Path(name) for name in file_names if name.startswith("sgram/")]
    assert {path.suffix for path in package_files} <= SUFFIXES
    folders = {folder for path in package_files for folder in path.parts[:-1]}
    assert not folders & {"__pycache__", "tests", "benchmarks", "docs"}
    assert [path for path in package_files if path.name.startswith(("test_", "conftest", "."))] == []
    assert [path for path in package_files if path.parts[1] == "data" and path.suffix == ".py"] == []


def test_the_metadata_are_those_of_the_project(wheel, wheel_metadata):
    assert wheel.name == f"sgram-{sgram.__version__}-py3-none-any.whl"
    assert wheel_metadata["Name"] == "sgram"
    assert wheel_metadata["Version"] == sgram.__version__
    assert wheel_metadata["Requires-Python"] == PROJECT["project"]["requires-python"]
    assert wheel_metadata.get_all("Provides-Extra") == sorted(EXTRAS)
    requirements = [Requirement(text) for text in wheel_metadata.get_all("Requires-Dist")]
    core = {str(requirement) for requirement in requirements if "extra" not in str(requirement.marker)}
    assert core == {str(Requirement(requirement)) for requirement in CORE}


def test_the_backend_is_installed_with_the_tests():
    backend = Requirement(*PROJECT["build-system"]["requires"])
    (installed,) = (text for text in EXTRAS["test"] if Requirement(text).name == backend.name)
    assert metadata.version(backend.name) in backend.specifier & Requirement(installed).specifier


def test_dist_builds_afresh_and_clean_removes_what_it_built():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    dist = re.search(r"^dist:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert dist.index("rm -rf dist") < dist.index("-m build")
    clean = re.search(r"^clean:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert "dist" in clean.split()


# -- the unpacked copy ----------------------------------------------------------------------------------


def test_the_unpacked_copy_is_imported_without_optional_libraries(run_python, site_folder, sample):
    code = """
import importlib, importlib.metadata, importlib.util, json, sys
from pathlib import Path
import sgram
from sgram.files import data_path

def fails(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return importlib.util.find_spec(name) is None
    return False

print(json.dumps({
    "file": sgram.__file__,
    "data": str(data_path("sample_traces.jsonl")),
    "version": importlib.metadata.version("sgram"),
    "absent": [name for name in sys.argv[1:] if fails(name)],
    "copies": [folder for folder in sys.path if Path(folder, "sgram", "__init__.py").exists()],
}))
"""
    libraries = ["torch", "sentence_transformers", "transformers", "matplotlib", "pandas", "scipy", "spacy", "sklearn"]
    facts = json.loads(run_python(code, *libraries).stdout)
    assert facts["file"] == str(site_folder / "sgram" / "__init__.py")
    assert facts["data"] == str(sample)
    assert facts["version"] == sgram.__version__
    assert facts["absent"] == libraries
    assert facts["copies"] == [str(site_folder)]


def test_find_spans_with_a_preset_of_the_wheel(run_python):
    code = """
import json
from sgram import Lexicon, SpanFinder, find_spans
text = "Wait, let me try another way. We can use the fact that 2 + 2 = 4."
lexicon = Lexicon.load("wang2025")
spans = find_spans(text, lexicon)
assert spans == SpanFinder(lexicon)(text)
print(json.dumps([[text[span.start:span.end], span.label] for span in spans]))
"""
    spans = json.loads(run_python(code).stdout)
    assert ["Wait", "backtracking"] in spans
    assert ["use the fact that", "deduction"] in spans


def test_mine_uses_the_hash_embedder_and_says_so(run_python, sample, tmp_path):
    process = run_python(COMMAND, "mine", sample, "-o", "lexicon.json", "--workers", 1)
    lexicon = Lexicon.load(tmp_path / "lexicon.json")
    assert lexicon.source["embedder"] == "hash"
    grams = {" ".join(gram.words) for gram in lexicon.grams}
    assert {"hold on", "let me double-check"} <= grams
    assert len(lexicon.clusters) >= 20
    assert "let me double-check" in process.stdout
    assert "108 traces of 108 rows; " in process.stderr
    assert f"embedder hash, digest {lexicon.digest[:16]}" in process.stderr
    assert "all-MiniLM-L6-v2 is not installed, so grams were clustered by their words and letters" in process.stderr
    assert "pip install 'sgram[embed]'" in process.stderr


def test_report_writes_the_page_and_its_tables(run_python, sample, tmp_path):
    process = run_python(COMMAND, "report", sample, "--markdown", "report.md", "--csv", "tables", "--traces", 2)
    assert process.stdout.splitlines()[0] == "report.html"
    assert "a figure needs matplotlib" in process.stderr
    assert "pip install 'sgram[figures]'" in process.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for name in ("report_page.css", "report_page.js"):
        lines = (sample.parents[1] / "reports" / "pages" / name).read_text(encoding="utf-8").splitlines()
        assert max(lines, key=len).strip() in page, name
    assert page.count("<table") >= 10
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8").splitlines()
    assert markdown[0] == "# 108 traces of 3 models"
    assert len(markdown) > 100
    with open(tmp_path / "tables" / "corpus.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["traces"]) for row in rows) == 108
    assert sum(int(row["correct"]) for row in rows) == 68  # as data/README.md says
    assert len(list((tmp_path / "tables").glob("*.csv"))) >= 10
