import json
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest

from sgram.cli import main
from sgram.traces import Trace, read_traces, write_traces
from tests.builders.paths import ROOT

TRACES = [
    Trace(id="a", group="g", run="r", prompt="2+2?", text="Wait, 4", correct=True, reward=1.0, model="m1", step=1),
    Trace(id="b", group="g", run="r", prompt="2+2?", text="It is five", correct=False, reward=0.0, model="m2", step=2),
    Trace(id="c", group="h", run="r", text="Hm", model="m2", step=3, meta={"dataset": "d"}),
]


@pytest.fixture
def path(tmp_path):
    write_traces(TRACES, tmp_path / "in.jsonl")
    return tmp_path / "in.jsonl"


def run(capfd: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["read", *map(str, arguments)])
    return exit_info.value.code, *capfd.readouterr()


def test_a_summary_tells_what_is_there(path, capfd):
    code, out, err = run(capfd, path)
    assert (code, err) == (0, "")
    # (7 + 10 + 2) / 3 = 6.33 characters; 1 of 2 judged is correct
    for words in ("sgram", "groups", "2", "6 characters", "50.0 % of 2 judged", "0.5", "m2 (2), m1 (1)"):
        assert words in out


def test_many_files_are_one_line_and_those_with_broken_rows_have_their_own(tmp_path, capfd):
    for step in range(1, 41):
        traces = [replace(trace, id=f"{trace.id}{step}", text=f"It is {step}", step=step) for trace in TRACES[:2]]
        write_traces(traces, tmp_path / f"step_{step}.jsonl")
    (tmp_path / "step_7.jsonl").write_text('{"id":"x","text":5}\n{"id":"y","text":"good"}\n')
    code, out, _ = run(capfd, tmp_path, "--max-bad", "0.5")
    assert code == 0
    table = [" ".join(line.split()) for line in out.split("\n\n")[0].splitlines()]
    # 39 files of 2 rows; of the other one, 1 of 2 rows was kept
    assert table[1].endswith("step_7.jsonl sgram 2 1 0 1")
    assert table[2] == "39 files, step_1.jsonl to step_40.jsonl sgram 78 78 0 0"
    assert table[3] == "all 80 79 0 1"
    assert len(table) == 4


def test_json_is_one_object_on_stdout(path, capfd):
    code, out, _ = run(capfd, path, "--json")
    document = json.loads(out)
    assert (code, document["format"], document["version"]) == (0, "sgram-read", 1)
    assert {name: document[name] for name in ("n_traces", "n_groups", "share_correct", "mean_reward", "models")} == {
        "n_traces": 3,
        "n_groups": 2,
        "share_correct": 0.5,
        "mean_reward": 0.5,
        "models": {"m2": 2, "m1": 1},
    }
    assert document["files"] == [
        {
            "file": str(path),
            "run": "in",
            "dialect": "sgram",
            "rows_in": 3,
            "rows_kept": 3,
            "rows_skipped": 0,
            "rows_quarantined": 0,
            "first_fault": None,
            "rows_failed": 0,
            "first_failure": None,
            "rows_repeated": 0,
            "numbers_missing": 0,
            "columns": {"read_as": {}, "looks_like": {}, "misfits": {}, "reward_columns": ["reward"]},
        }
    ]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "deep/out.jsonl.zst", "out.parquet"])
def test_an_output_holds_the_same_traces(path, tmp_path, capfd, name):
    code, out, err = run(capfd, path, "-o", tmp_path / name)
    assert (code, out) == (0, "")
    assert err.startswith("3 traces written to ")
    assert list(read_traces(tmp_path / name)) == TRACES
    assert not list(tmp_path.rglob("*.quarantine.jsonl"))


def test_a_dash_writes_and_reads_through_pipes(path):
    command = [sys.executable, "cli.py", "read"]
    first = subprocess.run([*command, str(path), "-o", "-"], cwd=ROOT, capture_output=True, check=True)
    assert [orjson.loads(line)["id"] for line in first.stdout.splitlines()] == ["a", "b", "c"]
    second = subprocess.run([*command, "-", "--json"], cwd=ROOT, input=first.stdout, capture_output=True, check=True)
    assert json.loads(second.stdout)["n_traces"] == 3


def test_conditions_and_a_limit_choose_traces(path, tmp_path, capfd):
    output = tmp_path / "out.jsonl"
    run(capfd, path, "-o", output, "--where", "step>=2", "--where", "model=m2", "--limit", "1")
    assert [trace.id for trace in read_traces(output)] == ["b"]
    code, out, _ = run(capfd, path, "--where", "correct=true", "--json")
    assert (code, json.loads(out)["rows_skipped"]) == (0, 2)
    run(capfd, path, "-o", output, "--where", "correct=none", "--correct-above", "0.5")
    assert [trace.id for trace in read_traces(output)] == ["c"]


def test_rows_set_aside_stand_beside_the_output(path, tmp_path, capfd):
    with path.open("ab") as file:
        file.write(b"oops\n")
    output = tmp_path / "out.jsonl"
    code, _, err = run(capfd, path, "-o", output, "--max-bad", "0.5")
    aside = tmp_path / "out.jsonl.quarantine.jsonl"
    assert code == 0
    assert orjson.loads(aside.read_bytes())["line"] == 4
    assert f"rows set aside: 1; first: {path}:4: not valid JSON" in err.replace("\n", " ")
    code, _, err = run(capfd, path, "-o", tmp_path / "other.jsonl")
    assert (code, (tmp_path / "other.jsonl").exists()) == (4, False)
    assert err.count("\n") == 1


def test_weights_of_rewards_are_taken(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    row = {"step": 1, "prompt": "q", "completion": "r", "accuracy_reward": 1, "format_reward": 1, "advantage": 0}
    path.write_bytes(orjson.dumps(row))
    assert json.loads(run(capfd, path, "--json")[1])["mean_reward"] == 2.0
    weighted = run(capfd, path, "--json", "--reward", "accuracy_reward=1", "--reward", "format_reward=-0.5")
    assert json.loads(weighted[1])["mean_reward"] == 0.5
    code, _, err = run(capfd, path, "--reward", "acc=1")
    numbers = "accuracy_reward, format_reward, advantage"
    assert (code, err) == (2, f"sgram: {path}:1: no reward is called 'acc'; the numbers here are: {numbers}\n")


def test_shown_traces_cannot_drive_the_terminal(tmp_path, capfd):
    evil = Trace(
        id="a\x1b[2J",
        text="one\r\n\x1b]52;c;eA==\x07two\u202e [red]three[/red]",
        model="m\x9b",
        group="g\n\nh",
        prompt="[link=http://x]p[/link]",
        answer="\x07",
    )
    write_traces([evil], tmp_path / "in.jsonl")
    code, out, err = run(capfd, tmp_path / "in.jsonl", "--show", "5")
    assert code == 0
    assert all(line.isprintable() for line in (out + err).split("\n"))
    assert "\\x1b]52;c;eA==\\x07two\\u202e [red]three[/red]" in out
    assert "[link=http://x]p[/link]" in out
    assert "a\\x1b[2J" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--whre", "x"], "unknown option --whre"),
        (["--where", "color=red"], "condition 'color=red' is invalid"),
        (["--reward", "acc"], "invalid --reward 'acc'; write name=weight"),
        (["--reward", "acc=much"], "invalid --reward 'acc=much'"),
        (["--show", "-1"], "--show must be >= 0 (got -1)"),
        (["--limit", "0"], "--limit must be >= 1 (got 0)"),
        (["--max-bad", "2"], "max_bad must be a share of rows from 0 to 1 (got 2.0)"),
        (["--column", "text"], "invalid --column 'text'; write field=NAME"),
        (["--column", "words=x"], "unknown field 'words' of a column; known: text, prompt, reasoning"),
        (["--json", "--show", "1"], "--json prints JSON alone; leave out --json, or --show"),
        (["-o", "x.jsonl", "--quarantine", "./x.jsonl"], "-o and --quarantine both name x.jsonl; give each"),
        (["-o", "-", "--json"], "stdout can hold the traces or the summary, not both"),
        (["-o", "out.csv"], "the name out.csv has no known format; end its name in .jsonl"),
        (["-o", "--json"], "-o --json is not a file name"),
        (["--dialect", "trl", "--tokenizer", "nothing.json"], "nothing.json cannot be read as a tokenizer"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(path, capfd, arguments, sentence):
    code, out, err = run(capfd, path, *arguments)
    assert (code, out) == (3 if "--tokenizer" in arguments else 2, "")
    assert err.startswith(f"sgram: {sentence}")
    assert err.count("\n") == 1


def test_an_input_is_never_written_over(path, tmp_path, capfd, monkeypatch):
    content = path.read_bytes()
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "linked.jsonl").symlink_to(path)
    (tmp_path / "link.jsonl").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for read_path, output in (
        (path, path),
        ("in.jsonl", path),
        (path, tmp_path / "link.jsonl"),
        ("link.jsonl", path),
        ("grpo=in.jsonl", path),
        ("i*.jsonl", path),
        (runs, path),
        ("grpo=runs", path),
    ):
        code, out, err = run(capfd, read_path, "-o", output)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is an input; write to another file" in err
        code, _, err = run(capfd, read_path, "--quarantine", output)
        assert code == 2
        assert "is an input; name another file for the quarantine" in err
    code, _, err = run(capfd, runs, "-o", runs / "deep" / "out.jsonl")
    assert code == 2
    assert "lies in an input folder, where it would be read; name another" in err
    assert path.read_bytes() == content


def test_columns_are_named_and_what_each_was_read_as_is_printed(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    rows = [{"question": "2+2?", "words": f"Wait, {n}.", "verdict": n == 4, "note": "x"} for n in range(3, 6)]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    code, out, err = run(capfd, path)
    assert (code, out) == (3, "")
    assert "--column text=words" in err
    code, out, _ = run(capfd, path, "--column", "text=words", "--column", "correct=verdict")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    for columns in (["words", "text"], ["verdict", "correct"], ["question", "prompt"], ["correct", "33.3", "%"]):
        assert columns in [line[: len(columns)] for line in lines]


def test_a_reward_that_is_read_as_correctness_is_said(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    rows = [{"prompt": "q", "response": f"r{n}", "score": n % 2} for n in range(4)]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    code, out, err = run(capfd, path)
    assert (code, "50.0 % of 4 judged" in out) == (0, True)
    assert " ".join(err.split()).startswith("score is 0 or 1 in all 4 rows: read as wrong or right; --no-infer")
    code, out, err = run(capfd, path, "--no-infer-correct", "--json")
    assert (code, err, json.loads(out)["share_correct"]) == (0, "", None)
    code, out, err = run(capfd, path, "--json")
    document = json.loads(out)
    assert (document["share_correct"], len(document["decisions"])) == (0.5, 1)


def test_huge_rewards_have_a_mean(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    rows = [{"id": str(n), "text": "t", "reward": 1.5e308} for n in range(3)]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    code, out, _ = run(capfd, path, "--json")
    assert (code, json.loads(out)["mean_reward"]) == (0, 1.5e308)
    assert "1.5e+308" in run(capfd, path)[1]


def test_the_run_can_be_named(path, tmp_path, capfd):
    (tmp_path / "bare.jsonl").write_text('{"id": "z", "text": "so"}\n')
    output = tmp_path / "out.jsonl"
    assert run(capfd, f"new={tmp_path}/bare.jsonl", path, "-o", output)[0] == 0
    assert [(trace.id, trace.run) for trace in read_traces(output)] == [
        ("z", "new"),
        ("a", "r"),
        ("b", "r"),
        ("c", "r"),
    ]


def test_a_wrong_flag_of_the_command_line_ends_with_code_2(path, capfd):
    assert run(capfd, path, "--dialect", "foo")[0] == 2
    assert run(capfd)[0] == 2


def test_an_unknown_dialect_is_answered_with_every_dialect(capfd):
    code, _, out = run(capfd, "in.jsonl", "--dialect", "klingon")
    assert code == 2
    for dialect in (
        "sgram",
        "columns",
        "chat-completions",
        "trl",
        "verl",
        "inspect",
        "prime-rl",
        "lm-eval",
        "verifiers",
    ):
        assert dialect in out


def test_reading_needs_no_heavy_library(path):
    code = (
        "import sys\nfrom sgram.cli import main\n"
        "try: main(['read', sys.argv[1], '--json'])\nexcept SystemExit: pass\n"
        "heavy = ('pyarrow', 'numpy', 'numba', 'pandas', 'torch', 'inspect_ai', 'tokenizers')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_threshold_that_is_no_number_is_refused(tmp_path, capfd):
    path = tmp_path / "rollouts.jsonl"
    path.write_text('{"id": "a", "text": "so", "reward": 1}\n')
    with pytest.raises(SystemExit) as exit_info:
        main(["read", str(path), "--correct-above", "nan"])
    assert exit_info.value.code == 2
    assert "--correct-above and the weights of --reward must be finite numbers" in capfd.readouterr().err
