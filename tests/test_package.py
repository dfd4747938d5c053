"""What the package declares, held against what it does; tests/test_wheel.py builds the wheel."""

import ast
import re
import sys
import tomllib
from importlib import import_module, metadata

import pytest

import sgram
from tests.builders.paths import ROOT
from tests.test_rooms import EAGER

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

# module -> distribution, where their names differ
DISTRIBUTIONS = {
    "huggingface_hub": "huggingface-hub",
    "inspect_ai": "inspect-ai",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "math_verify": "math-verify",
    "mlflow": "mlflow-skinny",
    "reasoning_gym": "reasoning-gym",
    "transfer_queue": "transferqueue",
}
# distributions that come with one that is declared
COMES_WITH = {
    "scipy": "scikit-learn",
    "transformers": "sentence-transformers",
    "tqdm": "sentence-transformers",
    "tokenizers": "sentence-transformers",
    "safetensors": "sentence-transformers",
    "sympy": "math-verify",
    "anyio": "inspect-ai",
}


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def imported(*, at_import: bool = False) -> dict[str, set[str]]:
    """Foreign library -> files of sgram that import it; `at_import`: when they are themselves imported."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "sgram").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body if at_import else ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                library = name.partition(".")[0]
                if library not in sys.stdlib_module_names | {"sgram"}:
                    found.setdefault(library, set()).add(str(path.relative_to(ROOT)))
    return found


def test_every_library_that_is_imported_is_declared():
    declared = {name_of(each) for each in CORE}
    for requirements in EXTRAS.values():
        declared |= {name_of(each) for each in requirements}
    for library, files in imported().items():
        distribution = DISTRIBUTIONS.get(library, library)
        assert distribution in declared or COMES_WITH.get(library) in declared, f"{library} in {sorted(files)}"


def test_what_is_imported_at_once_is_no_extra():
    core = {name_of(each) for each in CORE}
    # a kernel's module is itself imported for a tensor on a GPU only, a trainer's to train, a scorer's to score
    late = {"sgram/tagging/kernel/gpu.py", "sgram/scoring/log_probs.py", "sgram/scoring/local_sampler.py"}
    late |= {
        f"sgram/{name}" for name, _ in EAGER if name.startswith(("training/", "grading/", "integrations/inspect/"))
    }
    own = {library: files - late for library, files in imported(at_import=True).items()}
    assert {library for library, files in own.items() if files} <= core


def test_every_core_dependency_is_used():
    assert {name_of(each) for each in CORE} == imported().keys() & {name_of(each) for each in CORE}


def _required_by(distribution: str) -> set[str]:
    """What an installed distribution needs, extras left out; nothing where it is not installed."""
    try:
        return {name_of(each) for each in metadata.requires(distribution) or () if "extra ==" not in each}
    except metadata.PackageNotFoundError:
        return set()


@pytest.mark.parametrize("library", COMES_WITH)
def test_what_comes_with_a_declared_library_does_come_with_it(library):
    parent = COMES_WITH[library]
    direct = _required_by(parent)
    if not direct:
        pytest.skip(f"{parent} is not installed")
    assert library.replace("_", "-") in direct.union(*map(_required_by, direct))


def test_every_dependency_has_a_least_version():
    for requirement in CORE:
        assert ">=" in requirement, requirement


def test_the_wheel_holds_the_package_and_its_data():
    assert WHEEL["only-include"] == ["data", "sgram"]
    assert WHEEL["sources"] == {"data": "sgram/data"}
    assert "force-include" not in WHEEL, "an editable install would copy data into site-packages"
    assert not (ROOT / "sgram" / "data").exists(), "data would be there twice"
    for name in (
        "sample_traces.jsonl",
        "annotation_guideline.md",
        "sg_classifier.json",
        "sample_labels.jsonl",
        "moves.json",
        "background_short_cot.parquet",
        "lexicons/sgram.json",
        "lexicons/wang2025.json",
        "scorers/sgram.json",
    ):
        assert (ROOT / "data" / name).is_file()


def test_data_are_found_where_the_wheel_puts_them(tmp_path, monkeypatch):
    (tmp_path / "sgram" / "data" / "lexicons").mkdir(parents=True)
    (tmp_path / "sgram" / "data" / "moves.json").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "moves.json").write_text("{}")
    (tmp_path / "data" / "only_here.json").write_text("{}")
    monkeypatch.setattr("sgram.files.__file__", str(tmp_path / "sgram" / "files.py"))
    from sgram.files import data_path

    assert data_path("moves.json") == tmp_path / "sgram" / "data" / "moves.json"
    assert data_path("only_here.json") == tmp_path / "data" / "only_here.json"
    with pytest.raises(sgram.SgramError, match=r"^shipped file data/nothing.json is missing; install sgram again"):
        data_path("nothing.json")


def test_the_version_is_in_one_place():
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "sgram/__init__.py"
    # what hatchling looks for in that file
    found = re.findall(
        r'^__version__ = "([^"]+)"$', (ROOT / "sgram" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found == [sgram.__version__]


def test_the_command_is_there():
    module, _, name = PROJECT["project"]["scripts"]["sgram"].partition(":")
    assert getattr(import_module(module), name) is import_module("sgram.cli").main


def test_the_file_at_the_top_is_two_lines_of_code():
    docstring, *code = ast.parse((ROOT / "cli.py").read_text(encoding="utf-8")).body
    assert isinstance(docstring.value, ast.Constant)
    assert [ast.unparse(line) for line in code] == ["from sgram.cli import main", "main()"]


def test_lint_and_tests_are_one_command_each():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile.partition("\nlint:")[2].partition("\n\n")[0]
    for tool in ("ruff check .", "ruff format --check .", "lint-imports", "mypy"):
        assert tool in lint
    assert "python -m pytest" in makefile.partition("\ntest:")[2].partition("\n\n")[0]
    tools = {name_of(each) for each in EXTRAS["test"]}
    assert tools >= {"ruff", "mypy", "import-linter", "pytest", "hypothesis", "pytest-socket", "pytest-timeout"}
    assert "--disable-socket" in PROJECT["tool"]["pytest"]["ini_options"]["addopts"]
