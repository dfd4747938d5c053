"""``sgram train`` as a user runs it, on runs that are made up: what is asked for, what is said, what is written."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

import sgram.training.experiments.run as runs
from sgram.cli import app, main, train_tables
from sgram.cli.train_config import HELP, VERB_KEYS, MatrixFlags, TrainFlags, read_config, requested_runs
from sgram.cli.train_tables import Board, curve, duration
from sgram.errors import InputError, MissingExtraError, SgramError, UsageError
from sgram.lexicon import SentenceScorer
from sgram.training.experiments.run_config import RunConfig
from tests.builders.paths import ROOT
from tests.builders.run_examples import config, result, step_row

FINALS = {"grpo": 0.5, "hicra": 0.6, "placebo": 0.55}
if "train" not in list(app):  # registered with the other verbs
    app.command("sgram.cli.train:train", name="train")


@dataclass(frozen=True)
class Plan:
    parameters: int | None = 885_888
    memory: int | None = 3 << 28
    tokens_per_step: int | None = 7168
    seconds_per_step: float | None = 2.5


@pytest.fixture(autouse=True)
def trained_runs(tmp_path, monkeypatch):
    """Runs are made up: each config that was run, in order. A run leaves a file, by which it is known again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    ran = []

    def answer(config, root):
        at = config.seed * 0.011 + config.warmup_seed * 0.02 + (config.seed == 1) * (config.method == "hicra") * 0.03
        return result(config, root, FINALS.get(config.method, 0.4) + at)

    def train(config, root, tell):
        ran.append(config)
        if config.alpha == 99:
            raise SgramError("the loss is not finite at step 3; lower the learning rate")
        if config.alpha == 98:
            raise KeyboardInterrupt
        answered = answer(config, root)
        tell({"stage": "warm-up", "step": 10})
        for row in answered.steps:
            tell(row)
        tell({"stage": "measuring", "done": 0, "of": 480})
        answered.directory.mkdir(parents=True, exist_ok=True)
        (answered.directory / "result.json").write_text("{}")
        return answered

    def finished(config, root):
        answered = answer(config, root)
        return answered if (answered.directory / "result.json").exists() else None

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(runs, "read_finished_run", finished)
    estimate = SimpleNamespace(estimate_run_cost=lambda config: Plan())  # the real module loads torch and TRL
    monkeypatch.setitem(sys.modules, "sgram.training.experiments.estimate", estimate)
    return ran


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["train", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


# -- what is asked for ----------------------------------------------------------------------------------


def test_every_setting_of_a_run_is_a_flag_with_a_line_of_help():
    names = {field.name for field in fields(RunConfig)}
    assert {field.name for field in fields(TrainFlags)} == names
    assert set(HELP) == names
    assert not names & set(VERB_KEYS)
    assert all(getattr(TrainFlags(), name) in (None, ()) for name in names)


def asked(tmp_path, text="", matrix=None, **flags):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return requested_runs(path, TrainFlags(**flags), matrix or MatrixFlags())


def test_flags_override_the_file_and_the_file_the_defaults(tmp_path):
    text = "steps = 5\nalpha = 0.3\nlearning-rate = 1e-4\n[task_options]\nmethods = 5\nlargest = 9\n"
    runs = asked(tmp_path, text, alpha=0.7, task_options=("largest=20", "style = plain"))
    assert runs.config == RunConfig(
        steps=5, alpha=0.7, learning_rate=1e-4, task_options={"methods": 5, "largest": 20, "style": "plain"}
    )
    assert (runs.n_runs, runs.seeds, runs.warmup_seeds, runs.jobs) == (1, (0,), (0,), 1)
    assert [arm.name for arm in runs.arms] == ["hicra"]
    assert requested_runs(None, TrainFlags(), MatrixFlags()).config == RunConfig()


def test_a_preset_gives_what_neither_a_flag_nor_the_file_says(tmp_path):
    text = 'preset = "hard"\nsteps = 150\n[task_options]\nomits = 0.5\n'
    config = asked(tmp_path, text, learning_rate=4e-4, task_options=("slips=0",)).config
    assert config.task_options == {"preset": "hard", "omits": 0.5, "slips": 0}
    assert (config.task, config.steps, config.samples, config.learning_rate) == ("testbed", 150, 16, 4e-4)
    assert config.schedule == "constant"
    assert requested_runs(None, TrainFlags(), MatrixFlags(preset="hard")).config.steps == 75
    with pytest.raises(UsageError, match="unknown preset 'hrad'; the presets are hard"):
        asked(tmp_path, matrix=MatrixFlags(preset="hrad"))
    with pytest.raises(UsageError, match=r"the preset hard is for the task testbed \(got gym:countdown\)"):
        asked(tmp_path, matrix=MatrixFlags(preset="hard"), task="gym:countdown")


def test_values_of_options_are_read_as_toml_reads_them(tmp_path):
    options = ("a=5", "b=0.5", "c=true", 'd="5"', "e=two words", "f=[1, 2]")
    assert asked(tmp_path, task_options=options).config.task_options == {
        "a": 5,
        "b": 0.5,
        "c": True,
        "d": "5",
        "e": "two words",
        "f": [1, 2],
    }


def test_a_file_says_how_many_runs_there_are_too(tmp_path):
    text = 'compare = ["grpo", "hicra:alpha=0.5"]\nseeds = [2, 0]\nwarmup_seeds = "1,0"\njobs = 2\ncontrols = "grpo"\n'
    runs = asked(tmp_path, text)
    assert [arm.name for arm in runs.arms] == ["grpo", "hicra:alpha=0.5"]
    assert (runs.seeds, runs.warmup_seeds, runs.jobs) == ((0, 2), (0, 1), 2)
    assert (runs.controls, runs.n_runs) == (("grpo",), 8)
    assert asked(tmp_path, text, MatrixFlags(seeds="5", jobs=3)).n_runs == 4
    assert asked(tmp_path, text, seed=7).seeds == (7,)  # one seed as a flag overrides the file's several


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stesp = 5", "config.toml: unknown setting stesp; did you mean steps"),
        ("sedes = [1]", "config.toml: unknown setting sedes; did you mean seeds"),
        ('steps = "many"', "config.toml: steps must be an integer (got 'many')"),
        ("bf16 = 1", "config.toml: bf16 must be true or false (got 1)"),
        ("steps = 0", "steps must be a finite number >= 1 (got 0)"),
        ('method = "hicr"', "unknown method hicr; did you mean hicra"),
        ("task_options = 5", "config.toml: task_options must be a table, written below [task_options]"),
        ("learning-rate = 1.0\nlearning_rate = 1.0", "config.toml sets learning_rate twice"),
        ("seeds = [0, 0]", "seeds must be different whole numbers >= 0, such as 0,1,2 (got 0, 0)"),
        ('seeds = "0;1"', "seeds must be different whole numbers >= 0, such as 0,1,2 (got 0;1)"),
        ("warmup_seeds = [-1]", "warmup_seeds must be different whole numbers >= 0"),
        ("compare = 5", "compare must be a list of arms, such as grpo,hicra,placebo"),
        ("jobs = 0", "jobs must be a whole number >= 1 (got 0)"),
        ("jobs = true", "jobs must be a whole number >= 1 (got True)"),
    ],
)
def test_what_a_file_cannot_mean_is_said_with_its_name(tmp_path, text, sentence):
    with pytest.raises(UsageError) as raised:
        asked(tmp_path, text)
    assert sentence in str(raised.value)


def test_a_file_that_cannot_be_read_is_unusable_input(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none\.toml: No such file or directory; check the path"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b"steps = \xff")
    with pytest.raises(InputError, match=r"a\.toml is not UTF-8"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("steps = 5\nseeds = oops\n")
    with pytest.raises(InputError, match=r"b\.toml is not valid TOML: .*line 2"):
        read_config(tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--stesp", "5"), 2, "unknown option --stesp; did you mean --steps?"),
        (("-x.toml",), 2, "unknown option -x.toml; see sgram train --help"),
        (("none.toml",), 3, "cannot read none.toml"),
        (("--seed", "1", "--seeds", "1,2"), 2, "--seeds and --seed set the same; give one of them"),
        (("--warmup-seed", "1", "--warmup-seeds", "1,2"), 2, "--warmup-seeds and --warmup-seed set the same"),
        (("--task-option", "methods"), 2, "invalid --task-option methods; write --task-option key=value"),
        (("--compare", "grpo,hicra:steps=5"), 2, "sets steps, which all arms share"),
        (("--compare", "grpo,hicra", "--controls", "siren"), 2, "the control siren is not among the arms, grpo, hicra"),
        (("--alpha", "99"), 1, "the loss is not finite at step 3; lower the learning rate"),
        (
            ("--alpha", "98"),
            130,
            "interrupted; no file is half written, and the same command resumes from finished parts",
        ),
    ],
)
def test_faults_are_a_sentence_and_an_exit_code(capsys, arguments, code, sentence):
    got, out, err = call(capsys, *arguments)
    assert (got, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_file_where_the_runs_should_go_is_refused_before_anything_runs(capsys, tmp_path, trained_runs):
    (tmp_path / "taken").write_text("")
    assert call(capsys, "-o", "taken")[0] == 2
    assert trained_runs == []


def test_a_missing_library_is_a_sentence_with_its_command(capsys, monkeypatch):
    def missing(config, root):
        raise MissingExtraError("training needs trl: pip install 'sgram[train]'")

    monkeypatch.setattr(runs, "read_finished_run", missing)
    assert call(capsys) == (1, "", "sgram: training needs trl: pip install 'sgram[train]'\n")


# -- one run --------------------------------------------------------------------------------------------


def test_one_run_shows_start_and_end_and_where_to_go_on(capsys, tmp_path, trained_runs):
    code, out, err = call(capsys, "--steps", "30", "--method", "hicra", "-o", "my runs")
    assert code == 0
    assert out.startswith("hicra on testbed, 30 steps, seed 0, warm-up seed 0\n")
    # Wilson's interval of 288 of 480, .6 +- about 1.96 * sqrt(.24 / 480) = .044
    assert re.search(r"pass@1 \[95 %\] +0\.200 \[0\.167 0\.238\] +0\.600 \[0\.556 0\.643\] +\+0\.400", out)
    assert re.search(r"strategic errors +0\.750 +0\.300 +-0\.450", out)
    # accuracy climbs by .4 / 30 a step: means over steps 1-10, 11-20, 21-30 are .2 + .4 / 30 * (5.5, 15.5, 25.5)
    assert out.endswith("accuracy, means of 10 steps: 0.273 0.407 0.540\n")
    lines = err.splitlines()
    assert lines[0] == "hicra, seed 0, start 0: warm-up"
    assert [re.search(r"step (\d+)/30", line)[1] for line in lines if "step " in line] == ["10", "20", "30"]
    assert re.search(
        r"accuracy 0\.33, planning 39 %, H plan 0\.\d\d, H exec 0\.\d\d, H sem 3\.\d\d, tokens 45, s/step 2\.00", err
    )
    assert "40 s left" in err  # 20 steps of 2 s
    assert "run my runs/train-hicra-0.2-0-0, curves.svg in it" in err
    assert "next: sgram mine 'my runs/train-hicra-0.2-0-0/rollouts' -o lexicon.json" in err
    assert (tmp_path / "my runs/train-hicra-0.2-0-0/curves.svg").read_bytes().startswith(b"<?xml")
    assert [config.method for config in trained_runs] == ["hicra"]


def test_a_mask_of_sentences_is_said_in_one_line_with_the_way_to_the_published_one(capsys, trained_runs):
    digest = SentenceScorer.load("sgram").digest[:12]
    code, out, err = call(capsys, "--task", "problems.jsonl", "--model", "smollm2", "--lexicon", "wang2025")
    line = (
        "mask grams-in-sentences (grams of the lexicon inside planning sentences), sentence scorer sgram, digest "
        f"{digest}; --mask grams marks every gram, as HICRA was published"
    )
    assert code == 0
    assert " ".join(err.split()).count(line) == 1
    assert "planning tokens: mask grams-in-sentences by the sentence scorer ab12ab12ab12" in out
    assert trained_runs[-1].mask == "grams-in-sentences"
    for arguments in (("--task", "problems.jsonl", "--mask", "grams", "--seed", "1"), ()):
        code, out, err = call(capsys, *arguments)
        assert (code, "as HICRA was published" in err) == (0, False)
        assert "planning tokens: mask grams\n" in out


def test_a_scorer_that_no_run_uses_is_refused(capsys, trained_runs):
    code, _, err = call(capsys, "--scorer", "sgram")
    assert (code, trained_runs) == (2, [])
    assert "the mask grams uses no sentence scorer, so --scorer has no effect: add --mask" in err
    assert call(capsys, "--scorer", "sgram", "--compare", "grpo,hicra:mask=sentences")[0] == 0
    assert [config.mask for config in trained_runs] == ["grams", "sentences"]


def test_a_finished_run_is_only_read(capsys, trained_runs):
    first = call(capsys, "--steps", "30")
    again = call(capsys, "--steps", "30")
    assert again[:2] == first[:2]
    assert "This run is already finished; its result was read." in again[2]
    assert "step 10/30" not in again[2]
    assert len(trained_runs) == 1


def test_json_is_one_object_on_stdout(capsys):
    code, out, _ = call(capsys, "--steps", "30", "--json", "--seed", "3")
    document = json.loads(out)
    assert (code, out.count("\n"), document["format"], document["version"]) == (0, 1, "sgram-train", 1)
    assert document["run"] == "reports/train-hicra-0.2-3-0"
    assert (document["config"]["seed"], document["steps"], document["reused"]) == (3, 30, False)
    assert document["start"]["pass_at_1"] == 0.2


# -- many runs ------------------------------------------------------------------------------------------


def the_comparison(root):
    (directory,) = Path(root).glob("compare-*")
    return directory


def test_a_comparison_is_shown_and_written(capsys, tmp_path, trained_runs):
    arguments = ("--steps", "30", "--compare", "grpo,hicra,placebo", "--seeds", "0,1,2", "--warmup-seeds", "0,1")
    code, out, err = call(capsys, *arguments)
    assert (code, len(trained_runs)) == (0, 18)
    directory = the_comparison("reports")
    assert sorted(path.name for path in directory.iterdir()) == [
        "comparison.json",
        "comparison.md",
        "curves.svg",
        "differences.csv",
        "differences.svg",
        "run.json",
        "runs.csv",
    ]
    # hicra - grpo: .1 for seeds 0 and 2, .13 for seed 1, from both start models: mean .11; mean square of the seeds
    # 2 * (.01^2 + .02^2 + .01^2) / 2 = .0006, of the start models 0: +- t(.975; 2) sqrt(.0006 / 6) = 4.303 * .01
    assert re.search(r"hicra +grpo +\+0\.110 \[\+0\.067 \+0\.153\] +6 of 6 +higher *\n", out)
    assert re.search(r"placebo +grpo +\+0\.050, no interval +6 of 6 +cannot say", out)
    assert max(map(len, out.splitlines())) <= 80
    assert "18 runs of 30 steps, 1 at once, under reports/" in err
    assert "placebo, seed 2, start 1: finished (18 of 18)" in err
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    again = call(capsys, *arguments)
    assert (again[0], len(trained_runs)) == (0, 18)  # nothing ran
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_seeds_without_arms_are_several_runs_of_one_arm(capsys, trained_runs):
    code, out, _ = call(capsys, "--steps", "30", "--seeds", "1,0", "--json")
    document = json.loads(out)
    assert (code, document["format"], document["arms"]) == (0, "sgram-comparison", ["hicra"])
    assert [(run["arm"], run["seed"]) for run in document["runs"]] == [("hicra", 0), ("hicra", 1)]
    assert document["differences"] == []
    assert document["files"] == ["comparison.json", "comparison.md", "runs.csv", "differences.csv", "curves.svg"]


def test_a_failing_run_is_told_the_rest_is_written_and_the_exit_code_says_so(capsys, trained_runs):
    code, out, err = call(capsys, "--steps", "30", "--compare", "grpo,hicra:alpha=99", "--seeds", "0,1")
    assert (code, len(trained_runs)) == (1, 4)
    assert re.search(r"grpo +2 ", out)
    assert "failed: hicra:alpha=99, seed 1, warm-up seed 0: the loss is not finite at step 3" in err
    assert "2 of 4 runs failed; run the same command to try them again" in err
    assert "Runs that failed" in (the_comparison("reports") / "comparison.md").read_text()


# -- dry run --------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_run_and_runs_nothing(capsys, tmp_path, trained_runs):
    code, out, _ = call(capsys, "--dry-run", "--compare", "grpo,hicra", "--seeds", "0,1", "--jobs", "2")
    assert (code, trained_runs, list(tmp_path.iterdir())) == (0, [], [])
    assert "runs     4 runs: grpo, hicra; seeds 0, 1, warm-up seeds 0; 2 at once" in out
    assert "model    885,888 parameters" in out
    assert "memory   about 768 MiB a run" in out
    assert "a step   8 problems x 8 responses, at most 7,168 tokens" in out
    # 80 steps x 2.5 s x 4 runs / 2 at once = 400 s
    assert "time     at most about 2.50 s a step, 6 min 40 s in all" in out


def test_a_dry_run_says_what_it_does_not_know(capsys, monkeypatch):
    estimate = SimpleNamespace(estimate_run_cost=lambda config: Plan(None, None, None, None))
    monkeypatch.setitem(sys.modules, "sgram.training.experiments.estimate", estimate)
    out = call(capsys, "--dry-run")[1]
    assert out.count("unknown") == 4
    document = json.loads(call(capsys, "--dry-run", "--json")[1])
    assert (document["runs"], document["seconds"], document["memory"], document["arms"]) == (1, None, None, ["hicra"])


# -- progress -------------------------------------------------------------------------------------------


def events(n=1, steps=30):
    labels = {"arm": "hicra", "seed": 0, "warmup_seed": 0, "cell": 0, "cells": n, "steps": steps}
    yield {**labels, "event": "stage", "stage": "warm-up"}
    for step in range(1, steps + 1):
        yield {**labels, "event": "step", **step_row(step, 0.25)}


def test_a_live_board_shows_steps_on_the_way_and_the_newest():
    from rich.console import Console

    board = Board(1, live=False)
    for event in events(steps=17):
        board(event | {"steps": 30})
    console = Console(file=io.StringIO(), width=150)
    console.print(board.table())
    lines = console.file.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[:1]] == [["run", "step"]]
    assert " 10 " in lines[1]
    assert re.search(r" 17/30 +0\.25 +0\.25 +38 % .* 2\.00 +26 s$", lines[2].rstrip())  # 13 steps of 2 s
    assert len(lines) == 3


def test_a_board_of_many_shows_those_that_go_on_and_counts_the_others():
    from rich.console import Console

    board = Board(3, live=False)
    for event in events(3, 12):
        board(event)
    board({"arm": "grpo", "seed": 1, "warmup_seed": 0, "cell": 1, "cells": 3, "steps": 12, "event": "started"})
    board({"arm": "x\x1b[31m", "seed": 1, "warmup_seed": 0, "cell": 2, "cells": 3, "steps": 12, "event": "started"})
    board(
        {
            "arm": "grpo",
            "seed": 1,
            "warmup_seed": 0,
            "cell": 1,
            "cells": 3,
            "steps": 12,
            "event": "failed",
            "message": "no",
        }
    )
    console = Console(file=io.StringIO(), width=150)
    console.print(board.table())
    screen = console.file.getvalue()
    assert "12/12" in screen
    assert "grpo" not in screen
    assert "\x1b" not in screen
    assert "0 of 3 runs ended, 1 failed" in screen


@pytest.mark.parametrize(("color", "live"), [(None, True), ("1", False)])
def test_a_terminal_gets_a_live_table_unless_colors_are_off(color, live):
    script = (
        "from sgram.cli.train_tables import board\n"
        "from tests.builders.run_examples import step_row\n"
        "made = board(1)\n"
        "with made.shown():\n"
        "    for step in range(1, 13):\n"
        "        made({'arm': 'hicra', 'seed': 0, 'warmup_seed': 0, 'cell': 0, 'cells': 1, 'steps': 12,\n"
        "              'event': 'step', **step_row(step, .25)})\n"
    )
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm", "COLUMNS": "150", **({"NO_COLOR": color} if color else {})}
    subprocess.run([sys.executable, "-c", script], stderr=theirs, cwd=ROOT, env=environment, check=True, timeout=60)
    os.close(theirs)
    screen = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            screen += chunk
    except OSError:
        pass  # the other side is closed
    finally:
        os.close(ours)
    assert (b"\x1b[" in screen) == live
    assert (b"step 10/12" in screen) == (not live)
    assert b"reward" in screen


def test_pass_at_1_has_an_interval_over_problems_and_one_where_none_was_solved():
    evaluation = replace(result(config()).final, n=40, pass_at_1=0.5, by_problem=((10, 10),) * 2 + ((10, 0),) * 2)
    # four problems, two of them always solved: half, but next to nothing is known
    assert train_tables._pass_at_1(evaluation) == "0.500 [0.000 1.000]"
    nothing = replace(evaluation, pass_at_1=0.0, by_problem=((10, 0),) * 20)
    # Wilson of 0 of 20 problems: 1.96^2 / (20 + 1.96^2) = .161
    assert train_tables._pass_at_1(nothing) == "0.000 [0.000 0.161]"
    assert train_tables._pass_at_1(replace(evaluation, pass_at_1=None)) == "-"


def test_durations_and_curves_by_hand():
    assert [duration(seconds) for seconds in (0.4, 89, 90, 3600, 7260)] == [
        "0 s",
        "89 s",
        "1 min 30 s",
        "60 min 00 s",
        "2 h 01 min",
    ]
    rows = [{"pass_at_1": 0.1 * (step > 10)} for step in range(1, 21)] + [{"pass_at_1": 0.5}, {}]
    assert curve(rows) == [0.0, pytest.approx(0.1), 0.5]
    described = [train_tables._describe_blocks(n) for n in (1, 4, 10, 20, 21)]
    assert described == [
        "of 1 step",
        "mean of 4 steps",
        "mean of 10 steps",
        "means of 10 steps",
        "means of 10 steps, the last of 1",
    ]
    assert train_tables.cell("planning_share", 0.404) == "40 %"
    assert train_tables.cell("reward", None) == "-"
