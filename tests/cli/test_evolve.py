"""``sgram evolve`` as a user runs it, on runs that are made up: what is asked for, what is said, what is written."""

import json
from dataclasses import fields

import pytest

import sgram.training.evolve.run as runs
from sgram.cli import main
from sgram.cli.evolve_config import HELP, EvolveFlags, EvolveMatrixFlags, requested_evolve
from sgram.cli.evolve_tables import COLUMNS
from sgram.cli.train_tables import Board
from sgram.errors import SgramError, UsageError
from sgram.training.evolve import evolve_matrix
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.measures import EvolveEvaluation, JudgeMeasures, ProposalMeasures
from sgram.training.evolve.run import EvolveResult

ENDS = {"policy": 0.4, "oracle": 0.6, "random": 0.2}


def evaluation(accuracy: float) -> EvolveEvaluation:
    return EvolveEvaluation(
        240,
        accuracy,
        own={"policy": JudgeMeasures(240, auc=0.8, wrong=0.25), "frozen": JudgeMeasures(240, auc=0.75, wrong=0.3)},
        proposals=ProposalMeasures(128, valid=0.7, classes=7.5),
    )


@pytest.fixture(autouse=True)
def evolved(tmp_path, monkeypatch):
    """Runs are made up: each config that was run, in order. A run leaves a folder, by which it is known again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    ran = []

    def result(config, root):
        end = ENDS.get(config.judge, 0.3) + 0.01 * config.seed
        rows = tuple(
            {"step": step, "proposer/valid": 0.7, "solver/true_accuracy": end, "seconds": 1.0}
            for step in range(1, config.steps + 1)
        )
        name = f"{config.judge}-{config.proposer}-{config.gate}-{config.seed}"
        return EvolveResult(root / f"evolve-{name}", config, evaluation(0.25), evaluation(end), rows)

    def run_evolve(config, root, tell):
        ran.append(config)
        if config.gate == "0.9":
            raise SgramError("the gate 0.9 has let in none of the questions; choose another --gate")
        made = result(config, root)
        tell({"stage": "warm-up", "step": 10})
        for row in made.steps:
            tell(row)
        made.directory.mkdir(parents=True, exist_ok=True)
        return made

    def read_finished(config, root):
        made = result(config, root)
        return made if made.directory.exists() else None

    for module in (runs, evolve_matrix):
        monkeypatch.setattr(module, "run_evolve", run_evolve)
        monkeypatch.setattr(module, "read_finished_evolve", read_finished)
    return ran


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["evolve", *arguments])
    return stop.value.code


def test_each_setting_is_a_flag_with_a_sentence():
    assert {field.name for field in fields(EvolveFlags)} == {field.name for field in fields(EvolveConfig)}
    assert not {field.name for field in fields(EvolveConfig)} - HELP.keys()
    assert not [text for text in HELP.values() if not text.endswith(".")]


def test_one_run_prints_start_and_end_of_all_roles(evolved, capsys):
    assert run("--steps", "12", "--judge", "oracle", "--gate", "0.7") == 0
    (config,) = evolved
    assert (config.steps, config.judge, config.gate, config.roles) == (12, "oracle", "0.7", ("proposer", "solver"))
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("evolve on testbed, 12 steps, seed 0, warm-up seed 0; judge oracle, proposer learned")
    assert [line.split()[-3:] for line in lines if line.startswith("accuracy")] == [["0.250", "0.600", "+0.350"]]
    assert any(line.startswith("frozen judge: AUC") for line in lines)
    assert "step 10/12  valid 0.70, true 0.60" in said.err
    assert run("--steps", "12", "--judge", "oracle", "--gate", "0.7") == 0
    assert len(evolved) == 1
    assert "already finished" in capsys.readouterr().err


def test_json_has_both_evaluations(evolved, capsys):
    assert run("--steps", "2", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["start"]["accuracy"], document["final"]["accuracy"]) == (
        *("sgram-evolve", 0.25),
        0.4,
    )


def test_the_plan_counts_texts_by_kind_and_trains_nothing(evolved, capsys, tmp_path):
    assert run("--dry-run", "--judge-samples", "5") == 0
    out = capsys.readouterr().out
    assert "at most 612 texts (20 proposals, 40 trial answers" in out  # 112 and 5 x 100 judgements
    assert "judgments are 82% of them" in out
    assert run("--dry-run", "--json", "--compare", "evolve,fixed-questions", "--seeds", "0,1") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["runs"], plan["generations"]["evolve"]["judgements of answers"]) == (4, 40)
    assert sum(plan["generations"]["evolve:judge=oracle:proposer=none"].values()) == 40
    assert evolved == []
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_has_verdicts_and_names_what_is_missing(evolved, capsys, tmp_path):
    command = ("--steps", "4", "--seeds", "0,1,2", "-o", "out")
    assert run("--compare", "evolve,judge=random", *command) == 0
    assert [(config.judge, config.seed) for config in evolved] == [
        (judge, seed) for seed in (0, 1, 2) for judge in ("policy", "random")
    ]
    said = capsys.readouterr()
    assert "claim" in said.out
    assert "judge=random" in said.out
    (directory,) = (tmp_path / "out").glob("evolve-compare-*")
    markdown = (directory / "comparison.md").read_text()
    assert "judge=oracle" in markdown, "it is missing, and that is said"
    document = json.loads((directory / "comparison.json").read_bytes())
    missing = {row["arm"] for row in document["missing"]}
    assert "judge=oracle" in missing
    # the same command with another arm adds it to the same folder, and runs nothing twice
    assert run("--compare", "judge=oracle", *command) == 0
    assert len(evolved) == 9
    document = json.loads((directory / "comparison.json").read_bytes())
    assert not {"evolve", "judge=random", "judge=oracle"} & {row["arm"] for row in document["missing"]}
    assert len(list((tmp_path / "out").glob("evolve-compare-*"))) == 1


def test_a_failed_run_is_named_with_its_reason(evolved, capsys):
    assert run("--compare", "evolve,evolve:gate=0.9", "--steps", "2") == 1
    said = capsys.readouterr()
    assert "failed: gate=0.9, seed 0, start 0: the gate 0.9 has let in none" in said.err
    assert "1 of 2 runs failed" in said.err


def test_a_file_holds_settings_and_arms_and_flags_override_it(tmp_path):
    path = tmp_path / "evolve.toml"
    path.write_text(
        'steps = 7\ngate = 0.6\ncompare = ["evolve", "judge=frozen"]\nseeds = [0, 1]\n[task_options]\nmethods = 4\n'
    )
    requested = requested_evolve(path, EvolveFlags(steps=9, task_options=("largest=5",)), EvolveMatrixFlags())
    assert (requested.config.steps, requested.config.gate, requested.n_runs) == (9, "0.6", 4)
    assert requested.config.task_options == {"methods": 4, "largest": 5}
    path.write_text("judge_sample = 3\n")
    with pytest.raises(UsageError, match="unknown setting judge_sample; did you mean judge_samples"):
        requested_evolve(path, EvolveFlags(), EvolveMatrixFlags())
    with pytest.raises(UsageError, match="--seeds and --seed set the same"):
        requested_evolve(None, EvolveFlags(seed=1), EvolveMatrixFlags(seeds="0,1"))


def test_the_live_table_has_columns_by_role():
    shown = Board(1, live=False, columns=COLUMNS)
    row = {"arm": "evolve", "seed": 0, "warmup_seed": 0, "steps": 5, "cell": 0, "event": "step", "step": 3}
    shown({**row, "proposer/valid": 0.5, "judge/auc": 0.75, "seconds": 2.0})
    table = shown.table()
    titles = [str(column.header) for column in table.columns]
    assert titles == ["run", "step", *(title for _, title in COLUMNS), "left"]
    cells = {title: next(iter(column.cells)) for title, column in zip(titles, table.columns, strict=True)}
    assert (cells["valid"], cells["J: AUC"], cells["S: score"]) == ("0.50", "0.75", "-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge", "me"], "judge must be one of"),
        (["--compare", "evolve,best"], "unknown method best"),
        (["--compare", "evolve", "--jobs", "0"], "jobs must be a whole number"),
        (["--gate", "sometimes"], "--gate must be a quantile"),
        (["-o", "file"], "is a file; name a folder"),
    ],
)
def test_what_cannot_be_is_a_usage_error(evolved, capsys, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert evolved == []
