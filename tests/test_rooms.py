"""Rules that every module of ``sgram/`` keeps, read off its syntax tree. What imports what is held by import-linter."""

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import sgram
from sgram.files import data_path
from tests.builders.paths import ROOT

MODULES = sorted((ROOT / "sgram").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT / "sgram")) for path in MODULES]

# foreign library -> rooms (folders) or modules that may import it
ROOMS_OF = {
    "cyclopts": ["cli/"],
    "rich": ["cli/"],
    "jinja2": ["reports/"],
    "pandas": ["frames.py"],
    "numba": ["compiling.py"],
    "torch": [
        *("tagging/tagger.py", "tagging/kernel/gpu.py", "testbed/", "training/", "scoring/", "integrations/verl/"),
        "integrations/trackers.py",  # TensorBoard's writer
    ],
    "triton": ["tagging/kernel/gpu.py"],
    "numpy": [
        "array_types.py",
        "scan.py",
        "file_passes.py",
        "statistics/",
        "metrics/",
        "mining/",
        "tagging/",
        "annotation/",
        "evaluation/",
        "diagnosis/",
        "testbed/",
        "training/",
        "scoring/",
        "analysis/",
        "reports/",
    ],
    "orjson": [
        "quarantine.py",
        "traces/",
        "grading/",
        "lexicon/",
        "mining/",
        "annotation/",
        "evaluation/",
        "testbed/",
        "training/",
        "analysis/",
    ],
    "zstandard": ["safe_reading.py", "traces/"],
    "pyarrow": [
        "traces/",
        "lexicon/",
        "mining/products.py",
        "mining/score.py",
        "tagging/masks.py",
        "tagging/tagged_files.py",
        "evaluation/gram_scores.py",
        "diagnosis/diagnosis_files.py",
    ],
    "narwhals": ["traces/from_python.py", "frames.py"],
    "fsspec": ["urls.py"],
    "aiohttp": ["urls.py"],
    "tokenizers": ["traces/tokens.py", "mining/embed.py", "testbed/"],
    "inspect_ai": ["traces/containers/inspect_logs.py", "integrations/inspect/"],
    "anyio": ["integrations/inspect/"],  # inspect-ai runs scorers by it
    "sentence_transformers": ["mining/embed.py"],
    "transformers": ["progress_bars.py", "testbed/", "training/", "scoring/"],
    "tqdm": ["progress_bars.py"],
    "huggingface_hub": ["hub/publishing.py", "mining/embed.py", "training/models.py"],
    "safetensors": ["mining/embed.py", "testbed/", "training/"],
    "trl": ["training/"],
    "datasets": ["training/evolve/setup.py", "training/experiments/setup.py"],
    "accelerate": ["training/"],
    "peft": ["training/experiments/setup.py", "training/models.py"],
    "math_verify": ["grading/formulas.py"],
    "sympy": ["grading/formulas.py"],
    "reasoning_gym": ["training/tasks/gym_worker.py"],
    "spacy": ["integrations/spacy_component.py"],
    "ray": ["integrations/ray_engine.py"],
    "verl": ["integrations/verl/"],
    "transfer_queue": ["integrations/verl/"],
    "mlflow": ["integrations/trackers.py"],
    "trackio": ["integrations/trackers.py"],
    "wandb": ["integrations/trackers.py"],
    "matplotlib": ["reports/"],
    "krippendorff": ["annotation/coefficients.py"],
    "statsmodels": ["annotation/coefficients.py"],
    "sklearn": ["evaluation/train_classifier.py", "evaluation/train_sentence_scorer.py"],
    "scipy": [
        "statistics/",
        "evaluation/calibrate_sentence_scorer.py",
        "evaluation/train_classifier.py",
        "evaluation/calibrate_sentence_scorer.py",
        "evaluation/train_sentence_scorer.py",
        "diagnosis/fit_locator.py",
    ],
}
# libraries that `import sgram.anything` must not load
LAZY = {
    *("pyarrow", "tokenizers", "inspect_ai", "sentence_transformers", "transformers", "huggingface_hub", "safetensors"),
    *("torch", "pandas", "sklearn", "spacy", "matplotlib", "jinja2", "triton", "krippendorff", "statsmodels", "scipy"),
    *("trl", "datasets", "accelerate", "peft", "math_verify", "sympy", "reasoning_gym", "narwhals"),
    *("ray", "verl", "transfer_queue"),
    *("mlflow", "trackio", "wandb"),
}
# modules that are themselves imported lazily, so that they may import these at once; spaCy imports its component
EAGER = {
    ("scoring/local_sampler.py", "torch"),
    ("scoring/log_probs.py", "torch"),
    ("traces/containers/parquet.py", "pyarrow"),
    ("integrations/spacy_component.py", "spacy"),
    ("tagging/kernel/gpu.py", "triton"),
    ("integrations/inspect/scorers.py", "inspect_ai"),
    ("grading/formulas.py", "math_verify"),
    ("grading/formulas.py", "sympy"),
    ("training/tasks/gym_worker.py", "reasoning_gym"),
    *((f"training/trainer/{name}.py", "trl") for name in ("config", "trl_contract", "trainer")),
    *((f"training/trainer/{name}.py", "torch") for name in ("trainer", "siren", "checks", "state", "sampler")),
    *((f"training/trainer/{name}.py", "torch") for name in ("placebo", "preallocated_cache", "random_sentences")),
    *((f"training/trainer/{name}.py", "torch") for name in ("length_blocks", "step_metrics")),
    *((f"training/experiments/{name}.py", "torch") for name in ("estimate", "evaluate", "setup")),
    ("training/experiments/estimate.py", "trl"),
    *((f"training/trainer/{name}.py", "transformers") for name in ("checks", "mask_share", "preallocated_cache")),
    *((f"training/evolve/{name}.py", "torch") for name in ("trainer", "writers")),
    *((f"training/evolve/{name}.py", "transformers") for name in ("evolve_log", "setup")),
    *(("training/evolve/trainer.py", name) for name in ("accelerate", "trl")),
    ("training/evolve/setup.py", "datasets"),
    ("training/experiments/setup.py", "datasets"),
    ("training/experiments/setup.py", "transformers"),
}
WRITERS = {
    "files.py": "the one module that opens files for writing",
    "run_directory.py": "the lock of a folder, which holds nothing",
    "mining/array_store.py": "scratch arrays, which no other process reads",
}


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / "sgram" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _trees():
    """Syntax trees are kept while the tests of this file run; they are large."""
    yield
    parsed.cache_clear()


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """(top-level module, statement) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name as it is written, or ``.method``, call) of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            written = ast.unparse(node.func)
            yield written if re.fullmatch(r"[\w.]+", written) else f".{node.func.attr}", node


def mode_of(call: ast.Call, place: int) -> str:
    """The mode given to an ``open``; what is not written out counts as writing."""
    given = call.args[place : place + 1] + [word.value for word in call.keywords if word.arg == "mode"]
    if not given:
        return "r"
    return given[0].value if isinstance(given[0], ast.Constant) else "w"


def writes(written: str, call: ast.Call) -> bool:
    """Whether a call opens or writes a file by its path."""
    method = written.rpartition(".")[2]
    if written in ("open", "io.open", "gzip.open"):
        return any(letter in mode_of(call, 1) for letter in "wax+")
    if written in ("os.open", "tempfile.mkstemp"):
        return True
    if written in ("np.save", "np.savez"):
        return ast.unparse(call.args[0]) != "file"  # a file that `write_atomic` has opened
    if method == "open" and written not in ("RunDirectory.open", "np.lib.format.open_memmap"):
        return any(letter in mode_of(call, 0) for letter in "wax+")
    return "." in written and method in ("write_text", "write_bytes", "tofile", "NamedTemporaryFile")


@pytest.mark.parametrize("name", NAMES)
def test_a_module_says_what_it_does_in_its_first_sentence(name):
    docstring = ast.get_docstring(parsed(name)) or ""
    assert docstring.partition("\n\n")[0].endswith((".", ":")), "its first paragraph is a sentence"


@pytest.mark.parametrize("name", NAMES)
def test_only_the_command_line_prints(name):
    if name.startswith("cli/"):
        return
    tree = parsed(name)
    assert [call.lineno for written, call in calls(tree) if written in ("print", "pprint")] == []
    streams = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_stream(node)]
    stdout_by_name = ("traces/writers.py", "annotation/ratings.py")  # ``-`` names it there
    assert streams == [] or name in stdout_by_name


def _is_stream(node: ast.Attribute) -> bool:
    return ast.unparse(node) in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")


@pytest.mark.parametrize("name", NAMES)
def test_only_one_module_opens_files_for_writing(name):
    found = [f"line {call.lineno}: {written}" for written, call in calls(parsed(name)) if writes(written, call)]
    if name in WRITERS:
        assert found, f"{name} writes nothing any more: take it off the list"
    else:
        # os.open: standing in for stdout when its reader has left; webbrowser.open: a page in the browser
        allowed = {"cli/__init__.py": "os.open", "cli/view.py": "webbrowser.open"}.get(name, "nothing")
        assert [call for call in found if allowed not in call] == []


def test_outside_files_only_a_lock_and_scratch_arrays_are_written():
    locks = [call for written, call in calls(parsed("run_directory.py")) if writes(written, call)]
    assert [ast.unparse(call) for call in locks] == ["(folder / LOCK_FILE).open('w')"]
    arrays = [call for written, call in calls(parsed("mining/array_store.py")) if writes(written, call)]
    assert [ast.unparse(call.func) for call in arrays] == ["np.save"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_read_can_run_code(name):
    tree = parsed(name)
    loaders = {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    assert not {library for library, _ in imports(tree)} & loaders
    for written, call in calls(tree):
        assert written not in ("eval", "exec", "compile", "torch.load", "os.system", "os.popen"), written
        assert written.rpartition(".")[2] not in ("read_pickle", "to_pickle"), written
        for word in call.keywords:
            if word.arg in ("allow_pickle", "trust_remote_code", "shell"):
                assert isinstance(word.value, ast.Constant)
                assert word.value.value is False
        if written in ("np.save", "np.load"):
            assert any(word.arg == "allow_pickle" for word in call.keywords), ast.unparse(call)


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_library_is_imported_in_its_own_room_only(name):
    own = sys.stdlib_module_names | {"sgram"}
    for library, statement in imports(parsed(name)):
        if library not in own:
            assert library in ROOMS_OF, f"line {statement.lineno}: {library} has no room"
            places = ROOMS_OF[library]
            assert any(name == place or (place.endswith("/") and name.startswith(place)) for place in places), (
                f"line {statement.lineno}: {library} belongs to {', '.join(places)}"
            )


@pytest.mark.parametrize("name", NAMES)
def test_heavy_libraries_are_imported_when_needed(name):
    for node in parsed(name).body:  # statements that run at import
        for library, statement in imports(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            assert library not in LAZY or (name, library) in EAGER, f"line {statement.lineno}: {library}"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_asks_the_global_generator_the_clock_or_the_current_folder(name):
    forbidden = {
        "random.seed",
        "np.random.seed",
        "time.time",
        "datetime.now",
        "datetime.utcnow",
        "datetime.datetime.now",
        "date.today",
        "os.getcwd",
        "Path.cwd",
        "os.chdir",
        "logging.basicConfig",
    }
    assert not {written for written, _ in calls(parsed(name))} & forbidden
    filters = [call.lineno for written, call in calls(parsed(name)) if written == "warnings.filterwarnings"]
    restored = {call.lineno for block in _blocks_that_restore_warnings(parsed(name)) for _, call in calls(block)}
    assert [line for line in filters if line not in restored] == [], "the filter stays changed for the whole process"
    assert "random" not in {library for library, _ in imports(parsed(name))}


def _blocks_that_restore_warnings(tree: ast.Module) -> list[ast.With]:
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With)]
    return [
        block
        for block in blocks
        if any(ast.unparse(item.context_expr).startswith("warnings.catch_warnings(") for item in block.items)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_error_is_swallowed_whole(name):
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            silent = all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
            assert node.type is not None, f"line {node.lineno}: bare except"
            assert not (broad and silent), f"line {node.lineno}: error swallowed"


def test_no_room_is_a_drawer():
    stems = {Path(name).stem for name in NAMES} | {Path(name).parent.name for name in NAMES}
    assert not stems & {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base", "core"}


# -- the contract of import-linter ----------------------------------------------------------------------


def layers() -> list[list[str]]:
    """Rooms of the contract, from the top."""
    return [re.findall(r"\w+", line) for line in layer_lines()]


def layer_lines() -> list[str]:
    """Lines of the contract, from the top."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    assert contract["type"] == "layers"
    assert contract["exhaustive"]
    return contract["layers"]


def test_every_room_has_its_floor_and_nothing_is_imported_upward():
    floor = {room: number for number, rooms in enumerate(layers()) for room in rooms}
    for name in NAMES:
        room = name.partition("/")[0].removesuffix(".py")
        if room in ("__init__", "__main__"):  # the latter calls the command line
            continue
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sgram."):
                other = node.module.split(".")[1]
                assert other == room or floor[other] > floor[room], f"{name}:{node.lineno} looks up to {other}"


def test_the_floors_are_those_of_the_design():
    assert [room for rooms in layers() for room in rooms] == [
        *("cli", "integrations", "reports", "analysis", "scoring", "training", "testbed", "diagnosis", "evaluation"),
        *("annotation", "tagging", "mining", "lexicon", "grading", "file_passes", "traces", "equations", "metrics"),
        *(
            "statistics",
            "sentences",
            "scan",
            "compiling",
            "progress_bars",
            "declarations",
            "notebook_html",
            "engines",
            "text",
            "quarantine",
        ),
        *("run_directory", "safe_reading", "stored_copies", "urls", "hub", "markdown", "frames", "files"),
        *("array_types", "errors"),
    ]


def module_of(name: str) -> str:
    """The dotted name of a file of the package."""
    return "sgram." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__").removesuffix("__init__")


def import_graph() -> dict[str, set[str]]:
    """Module -> modules of sgram that it imports anywhere, also in functions and for type checking."""
    modules = {module_of(name).removesuffix(".") for name in NAMES}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for name in NAMES:
        module = module_of(name).removesuffix(".")
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sgram":
                targets = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[module] |= {target if target in modules else node.module for target in targets}
            elif isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names if alias.name in modules}
        graph[module] -= {module, "sgram"}  # `import sgram` reads the version
    return graph


def test_no_module_imports_itself_by_way_of_others():
    """Also inside rooms, and whatever is imported in a function or for type checking only."""
    cycle = []
    try:
        graphlib.TopologicalSorter(import_graph()).prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1]
    assert not cycle, f"import cycle: {' -> '.join(cycle)}"


# -- the package as it is loaded ------------------------------------------------------------------------


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `statement`."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sorted(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


def test_importing_sgram_is_light():
    loaded = loaded_by("import sgram")
    assert not {"numpy", "numba", "torch", "pyarrow", "cyclopts", "rich", "orjson", "zstandard"} & loaded
    assert {name for name in loaded if name.startswith("sgram.")} == set()
    assert len(loaded - loaded_by("import importlib")) <= 5


def test_traces_and_lexicons_need_no_array_library():
    loaded = loaded_by("from sgram import Trace, read_traces, write_traces, Lexicon, SgramError")
    assert not {"numpy", "numba", "torch", "pyarrow", "cyclopts", "rich", "pandas"} & loaded


def test_mining_loads_no_encoder_and_no_table_library():
    loaded = loaded_by("from sgram import mine, MiningConfig\nimport sgram.mining.run, sgram.mining.embed")
    heavy = {"torch", "transformers", "sentence_transformers", "pyarrow", "pandas", "sklearn", "rich"}
    assert not heavy & loaded


def test_every_public_name_is_there():
    for name in sgram.__all__:
        assert getattr(sgram, name) is not None
        assert name in dir(sgram)
    assert len(set(sgram.__all__)) == len(sgram.__all__)
    for name in ("Trace", "read_traces", "write_traces", "Lexicon", "mine", "MiningConfig", "SgramError"):
        assert name in sgram.__all__
    with pytest.raises(AttributeError, match="module 'sgram' has no attribute 'nothing'"):
        _ = sgram.nothing


@pytest.mark.parametrize(
    "name",
    [
        "sample_traces.jsonl",
        "sample_labels.jsonl",
        "moves.json",
        "background_short_cot.parquet",
        "sg_classifier.json",
        "annotation_guideline.md",
        "lexicons/sgram.json",
        "lexicons/wang2025.json",
        "schemas/lexicon.schema.json",
        "scorers/sgram.json",
    ],
)
def test_the_data_needed_at_run_time_are_there(name):
    assert data_path(*name.split("/")).stat().st_size > 0
