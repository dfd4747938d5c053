"""Dialects of other packages: a tiny one that is installed and read with, and errors of broken ones."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from sgram.errors import InputError, UsageError
from sgram.traces import ReadOptions, TraceReader
from sgram.traces import dialect as registry
from sgram.traces.dialect import ENTRY_POINTS, Dialect, all_dialects, detect, register_dialect, unregister_dialect
from sgram.traces.trace import RowError
from tests.builders.paths import ROOT

PACKAGE = """
from sgram.traces.dialect import Dialect
from sgram.traces.trace import FailedRowError


def parse(record, options):
    if record["said"] is None:
        raise FailedRowError("nothing was said")
    left = {name: value for name, value in record.items() if name not in ("asked", "said")}
    return [{"prompt": record["asked"], "text": record["said"], "columns": left}]


PARLOR = Dialect("parlor", "Parlor", parse, columns=(frozenset({"asked", "said"}),), becomes={"said": "text"})
WHISPER = Dialect("whisper", "Whisper", lambda record, options: [{"text": record["low"]}], (frozenset({"low"}),))
DIALECTS = [PARLOR, WHISPER]
"""
ROWS = [
    {"asked": "2+2?", "said": "It is 4.", "is_correct": True, "topic": "sums"},
    {"asked": "2+2?", "said": "It is 5.", "is_correct": False},
    {"asked": "2+2?", "said": None},
]


@pytest.fixture
def toy():
    """A registered dialect for rows with a column `zig`; it is removed after the test."""
    yield register_dialect(Dialect("toy", "Toy", lambda record, _: [{"text": record["zig"]}], (frozenset({"zig"}),)))
    unregister_dialect("toy")


@pytest.fixture
def with_entries(monkeypatch):
    """A function that makes entry points the installed ones, which are looked up anew before and after the test."""

    def install(*entries):
        monkeypatch.setattr("sgram.declarations.entry_points", lambda group: entries if group == ENTRY_POINTS else [])
        registry._installed.cache_clear()

    yield install
    monkeypatch.undo()
    registry._installed.cache_clear()


def write_rows(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


# -- installed ------------------------------------------------------------------------------------------------------


def run_cli(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def install_package(folder, source, entry):
    (folder / "parlor.py").write_text(source)
    metadata = folder / "parlor-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parlor\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nparlor = {entry}\n")


def test_rows_of_an_installed_dialect_are_read(tmp_path):
    install_package(tmp_path, PACKAGE, "parlor:DIALECTS")
    write_rows(tmp_path / "rows.jsonl", ROWS)
    ran = run_cli(tmp_path, "read", "rows.jsonl", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["dialects"] == {"parlor": 2}
    assert (found["n_traces"], found["n_groups"], found["share_correct"]) == (2, 1, 0.5)
    assert (found["rows_in"], found["rows_skipped"], found["rows_quarantined"]) == (3, 1, 0)
    assert "nothing was said" in ran.stderr
    ran = run_cli(tmp_path, "read", "rows.jsonl", "--dialect", "parlor", "-o", "-")
    first = json.loads(ran.stdout.splitlines()[0])
    assert (first["prompt"], first["text"], first["correct"], first["meta"]) == (
        *("2+2?", "It is 4.", True),
        {"topic": "sums"},
    )


def test_a_package_that_cannot_be_loaded_ends_the_verb_with_a_sentence(tmp_path):
    install_package(tmp_path, "raise ImportError('parlor needs a carpet')", "parlor:DIALECTS")
    write_rows(tmp_path / "rows.jsonl", ROWS)
    ran = run_cli(tmp_path, "read", "rows.jsonl")
    assert (ran.returncode, ran.stdout) == (2, "")
    message = "cannot load the dialect parlor (parlor:DIALECTS): parlor needs a carpet; mend or uninstall its package"
    assert ran.stderr == f"sgram: {message}\n"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("odd", "json:loads", r"^the dialect odd \(json:loads\) is not a Dialect or a list of them; mend or uninstall"),
        ("odd", "string:digits", "is not a Dialect or a list of them"),
        ("gone", "no_such_package:X", r"^cannot load the dialect gone .*No module named 'no_such_package'; mend or"),
        ("old", "json:DIALECT", r"^cannot load the dialect old .*no attribute 'DIALECT'"),
        ("same", "sgram.traces.dialects.trl:TRL", "^2 dialects are named 'trl'; rename or uninstall one of them$"),
    ],
)
def test_a_package_whose_dialect_cannot_be_used_is_named(with_entries, name, value, message):
    with_entries(EntryPoint(name, value, ENTRY_POINTS))
    with pytest.raises(UsageError, match=message):
        all_dialects()


# -- registered -----------------------------------------------------------------------------------------------------


def test_a_registered_dialect_is_tried_first_and_only_until_it_is_removed(toy, tmp_path):
    record = {"zig": "So it is 4.", "completion": "no", "prompt": "2+2?", "step": 1}
    assert next(iter(all_dialects().values())) is toy
    assert detect(record) is toy
    path = write_rows(tmp_path / "rows.jsonl", [record])
    (trace,) = TraceReader(path)
    assert trace.text == "So it is 4."
    unregister_dialect("toy")
    assert "toy" not in all_dialects()
    assert detect(record).name == "trl"
    with pytest.raises(UsageError, match="unknown dialect 'toy'; known: auto, "):
        TraceReader(path, dialect="toy")
    unregister_dialect("toy")  # nothing happens


def test_names_of_dialects_are_their_own(toy):
    assert register_dialect(toy) is toy
    assert list(all_dialects()).count("toy") == 1
    for name in ("toy", "trl"):
        with pytest.raises(UsageError, match=f"a dialect named '{name}' exists already; choose another name"):
            register_dialect(Dialect(name, "Other", lambda record, _: []))


def test_a_name_is_free_again_after_a_removal(toy):
    unregister_dialect("toy")
    other = register_dialect(Dialect("toy", "Other", lambda record, _: []))
    assert all_dialects()["toy"] is other


def test_a_dialect_without_columns_and_function_fits_no_row_and_is_read_where_it_is_named(tmp_path):
    register_dialect(Dialect("blank", "Blank", lambda record, _: [{"text": record["zag"]}]))
    try:
        assert detect({"zag": "a"}) is None
        (trace,) = TraceReader(write_rows(tmp_path / "rows.jsonl", [{"zag": "So."}]), dialect="blank")
        assert trace.text == "So."
    finally:
        unregister_dialect("blank")


def test_a_dialect_that_fails_on_a_row_is_named_and_the_row_is_set_aside(tmp_path):
    def recognize(record):
        return record["kind"] == "toy"

    register_dialect(
        Dialect("toy", "Toy", lambda record, _: [{"text": record["said"][0]}], (frozenset({"said"}),), recognize)
    )
    try:
        with pytest.raises(RowError, match=r"^the dialect toy cannot recognize the row: KeyError$"):
            detect({"said": ["So."]})
        rows = [{"said": ["So."], "kind": "toy"}, {"said": 5, "kind": "toy"}, {"said": ["So."]}]
        path = write_rows(tmp_path / "rows.jsonl", rows)
        reader = TraceReader(path, options=ReadOptions(max_bad=1))
        assert [trace.text for trace in reader] == ["So."]
        assert dict(reader.report.reasons) == {
            "row is not of the dialect toy": 1,
            "the dialect toy cannot recognize the row": 1,
        }
        with pytest.raises(InputError, match=r"rows\.jsonl:2: row is not of the dialect toy: TypeError"):
            list(TraceReader(path, on_error="raise"))
    finally:
        unregister_dialect("toy")


def test_a_dialect_of_an_unknown_container_is_refused_with_the_known_ones(toy, tmp_path):
    register_dialect(Dialect("boxed", "Boxed", lambda record, _: [{"text": record["zig"]}], container="crate"))
    try:
        path = tmp_path / "in.jsonl"
        path.write_text('{"zig": "so"}\n')
        with pytest.raises(
            UsageError, match=r"the dialect boxed is read from .* 'crate', which is unknown; known: lines, "
        ):
            TraceReader(path, "boxed")
        assert [trace.text for trace in TraceReader(path)] == ["so"]
    finally:
        unregister_dialect("boxed")
