import io
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from sgram.cli import main
from sgram.lexicon import Lexicon
from sgram.traces import read_traces, write_traces
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
LINES = SAMPLE.read_bytes().splitlines(keepends=True)


@pytest.fixture(autouse=True)
def workdir(tmp_path, monkeypatch):
    """Every run is in its own folder: runs go to ``reports`` in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mine(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["mine", *map(str, arguments), "--embedder", "hash"])
    return exit_info.value.code, *capsys.readouterr()


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def the_run(folder: Path) -> Path:
    (run_directory,) = (folder / "reports").iterdir()
    return run_directory


# -- stdout carries data, stderr carries talk -----------------------------------------------------------


def test_the_table_goes_to_stdout_and_the_talk_to_stderr(workdir, capsys):
    code, out, err = mine(capsys, SAMPLE)
    lexicon = Lexicon.load(the_run(workdir) / "lexicon.json")
    assert code == 0
    first, *rows = out.splitlines()
    assert first.split() == ["move", "traces", "medoid", "members", "in", "context"]
    readable = [cluster for cluster in lexicon.clusters if any(gram.core for gram in cluster.grams)]
    for row, cluster in zip(rows, readable, strict=False):
        assert row.startswith(cluster.move)
        assert row.split()[1] == str(cluster.df)
        assert cluster.medoid in row
    assert len(rows) == min(20, len(readable))
    assert "108 traces of 108 rows; " in err
    assert f"{len(lexicon.grams)} grams in {len(lexicon.clusters)} clusters" in err
    assert "scorer labels: classifier " in err
    assert " | setting default, grams from probability 0." in err
    assert f"embedder hash, digest {lexicon.digest[:16]}" in err
    assert f"run {the_run(Path())}" in err
    assert "traces of" not in out


def test_json_is_one_object_on_stdout(workdir, capsys):
    code, out, _ = mine(capsys, SAMPLE, "--json", "--rows", "3", "-o", "my.json")
    document = json.loads(out)
    lexicon = Lexicon.load(workdir / "my.json")
    assert (code, out.count("\n"), document["format"], document["version"]) == (0, 1, "sgram-mine", 1)
    assert (document["lexicon"], document["digest"]) == ("my.json", lexicon.digest)
    assert document["rows"] == {"in": 108, "kept": 108, "skipped": 0, "quarantined": 0}
    assert (document["grams"], document["n_clusters"]) == (len(lexicon.grams), len(lexicon.clusters))
    assert document["core"] == [gram.text for gram in lexicon.core]
    assert len(document["clusters"]) == 3
    assert Path(document["run"]) == the_run(Path())


def test_a_dash_writes_the_lexicon_alone_to_stdout(workdir, capsysbinary):
    with pytest.raises(SystemExit) as exit_info:
        main(["mine", str(SAMPLE), "--embedder", "hash", "-o", "-"])
    out, err = capsysbinary.readouterr()
    assert exit_info.value.code == 0
    assert out == (the_run(workdir) / "lexicon.json").read_bytes()
    assert b"108 traces" in err


def test_an_output_file_gets_the_lexicon_and_its_examples(workdir, capsys):
    code, _, err = mine(capsys, SAMPLE, "-o", "deep/my.json")
    assert code == 0
    assert listing(workdir / "deep") == ["my.examples.jsonl", "my.json"]
    assert (workdir / "deep" / "my.json").read_bytes() == (the_run(workdir) / "lexicon.json").read_bytes()
    assert err.endswith(f"run {the_run(Path())}, lexicon deep/my.json\n")


def test_rows_choose_how_much_of_the_table_is_shown(capsys):
    _, all_rows, _ = mine(capsys, SAMPLE, "--rows", "1000")
    n = all_rows.count("\n") - 1
    _, three, err = mine(capsys, SAMPLE, "--rows", "3")
    # columns are as wide as their rows ask for
    assert [row.split()[:3] for row in three.splitlines()] == [row.split()[:3] for row in all_rows.splitlines()[:4]]
    assert f"... {n - 3} more clusters to read (--rows)" in err
    assert mine(capsys, SAMPLE, "--rows", "0")[1].count("\n") == 1


def test_a_finished_run_is_shown_again_and_said_to_be(capsys):
    first = mine(capsys, SAMPLE)
    again = mine(capsys, SAMPLE)
    assert again[:2] == first[:2]
    assert "This run is already finished; --fresh repeats it." in again[2]
    fresh = mine(capsys, SAMPLE, "--fresh")
    assert fresh == first


def test_stdin_is_mined_like_the_file(workdir, capsys, monkeypatch):
    mine(capsys, SAMPLE, "-o", "from_file.json")
    with SAMPLE.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        code, _, _ = mine(capsys, "-", "-o", "from_stdin.json")
    assert code == 0
    assert (workdir / "from_stdin.json").read_bytes() == (workdir / "from_file.json").read_bytes()


# -- settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("top", "meant"), [("0.1", 0.1), (".1", 0.1), ("1.0", 1.0), ("7", 7), ("1", 1)])
def test_top_is_a_share_or_a_number_as_it_is_written(top, meant, capsys, workdir):
    code, _, _ = mine(capsys, SAMPLE, "--top", top, "--json")
    lexicon = Lexicon.load(the_run(workdir) / "lexicon.json")
    assert code == 0
    assert lexicon.source["config"]["top"] == meant
    assert type(lexicon.source["config"]["top"]) is type(meant)


def test_the_papers_method_is_one_setting(workdir, capsys):
    code, _, err = mine(capsys, SAMPLE, "--method", "paper")
    lexicon = Lexicon.load(the_run(workdir) / "lexicon.json")
    assert code == 0
    assert "scorer cluster-df" in err
    assert {len(gram.words) for gram in lexicon.grams} <= {3, 4, 5}  # HICRA §2.1: n from 3 to 5
    correct = sum(trace.correct is True for trace in read_traces(SAMPLE))
    assert lexicon.source["inputs"]["traces"] == correct  # successful traces only
    assert all(gram.df_wrong == 0 for gram in lexicon.grams)


def test_models_can_be_contrasted(workdir, capsys):
    code, _, _ = mine(capsys, SAMPLE, "--contrast-models", "searcher")
    assert code == 0
    rows = pq.read_table(the_run(workdir) / "candidates.parquet").to_pylist()
    contrast = {row["gram"]: row["model_contrast"] for row in rows}
    # only the searcher's traces say "wait"; every style says "so"
    assert contrast["wait"] > 0.5
    assert contrast["wait"] > contrast["so"]
    code, _, err = mine(capsys, SAMPLE, "--contrast-models", "zzz")
    assert (code, err.count("\n")) == (2, 1)
    assert "models in the input: sample-searcher, sample-terse, sample-textbook" in err


def test_conditions_and_a_background_are_taken(workdir, capsys):
    terse = workdir / "terse.jsonl"
    write_traces((trace for trace in read_traces(SAMPLE) if trace.model == "sample-terse"), terse)
    where = ("--where", "model!=sample-terse")
    code, out, err = mine(capsys, SAMPLE, *where, "--background", terse, "--json", "-o", "my.json")
    assert code == 0
    assert json.loads(out)["rows"] == {"in": 108, "kept": 72, "skipped": 36, "quarantined": 0}
    assert "72 traces of 108 rows" in err
    source = Lexicon.load(workdir / "my.json").source
    assert source["scorer"]["about"]["what"] == "traces given by the user"
    assert source["inputs"]["traces"] == 72


def test_the_name_is_the_lexicons(workdir, capsys):
    mine(capsys, SAMPLE, "--name", "mine own", "-o", "my.json")
    assert Lexicon.load(workdir / "my.json").name == "mine own"


# -- a dry run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("--json",), ("--fresh", "-o", "my.json"), ("--method", "paper")])
def test_a_dry_run_touches_nothing(flags, workdir, capsys):
    (workdir / "in.jsonl").write_bytes(b"".join(LINES))
    before = listing(workdir)
    code, out, err = mine(capsys, "in.jsonl", "--dry-run", *flags)
    assert (code, err) == (0, "")
    assert listing(workdir) == before
    if "--json" in flags:
        document = json.loads(out)
        assert (document["format"], document["files"], document["bytes"]) == (
            "sgram-mining-plan",
            1,
            SAMPLE.stat().st_size,
        )
    else:
        assert "in.jsonl" in out


def test_a_dry_run_on_stdin_reads_nothing(workdir, capsys, monkeypatch):
    source = io.BytesIO(b"".join(LINES))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
    code, out, _ = mine(capsys, "-", "--dry-run")
    assert (code, source.tell(), listing(workdir)) == (0, 0, [])
    assert "stdin" in out


def test_a_dry_run_says_what_depends_on_the_traces(capsys):
    config = json.loads(mine(capsys, SAMPLE, "--dry-run", "--json")[1])["config"]
    assert config["min_df"] == "0.5 % of the traces, at least 4"
    assert config["min_problems"] == "0.5 % of the problems, at least 4, at most half of them"
    config = json.loads(mine(capsys, SAMPLE, "--dry-run", "--json", "--method", "paper")[1])["config"]
    assert config["min_problems"] == 1
    flags = ("--min-df", "7", "--min-problems", "3")
    config = json.loads(mine(capsys, SAMPLE, "--dry-run", "--json", *flags)[1])["config"]
    assert (config["min_df"], config["min_problems"]) == (7, 3)


def test_a_dry_run_meets_what_a_run_would_meet_at_its_start(workdir, capsys):
    assert mine(capsys, SAMPLE, "--dry-run", "--where", "color=red")[0] == 2
    assert mine(capsys, SAMPLE, "--dry-run", "-o", workdir)[0] == 2
    assert mine(capsys, "nothing.jsonl", "--dry-run")[0] == 3


# -- what goes wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--whre", "x"], "unknown option --whre; did you mean --where? See sgram mine --help"),
        (["--method", "foo"], "invalid --method 'foo'; choose from sgram, paper"),
        (["--top", "0"], "top must be a share in (0, 1] or a whole number >= 1 (got 0)"),
        (["--top", "2.5"], "top must be a share in (0, 1] or a whole number >= 1 (got 2.5)"),
        (["--top", "-1"], "top must be a share in (0, 1] or a whole number >= 1 (got -1.0)"),
        (["--top", "nan"], "top must be a share in (0, 1] or a whole number >= 1 (got nan)"),
        (["--top", "most"], "--top most is neither a share, such as 0.2, nor a whole number"),
        (["--min-df", "0"], "min_df must be >= 1 (got 0)"),
        (["--min-words", "9"], "min_words must be <= max_words (got 9 and 6)"),
        (["--max-words", "9"], "max_words must be <= 6 (got 9)"),
        (["--similarity", "nan"], "similarity must be in (0, 1] (got nan)"),
        (["--explained", "0"], "explained must be in (0, 2] "),
        (["--workers", "0"], "workers must be >= 1 (got 0)"),
        (["--memory", "huge"], "invalid size 'huge': write bytes or a unit"),
        (["--memory", "1MB"], "memory must be >= 512MiB"),
        (["--rows", "-3"], "--rows must be >= 0 (got -3)"),
        (["--rows", "many"], "invalid --rows 'many'; give a whole number"),
        (["--rows", "\x1b[2J\n[red]"], "invalid --rows '\\x1b[2J\\n[red]'; give a whole number"),
        (["--dialect", "klingon"], "invalid --dialect 'klingon'; choose from auto, "),
        (["--where", "color=red"], "condition 'color=red' is invalid"),
        (["--reward", "acc"], "invalid --reward 'acc'"),
        (["--max-bad", "nan"], "max_bad must be a share of rows from 0 to 1 (got nan)"),
        (["--correct-above", "nan"], "--correct-above and the weights of --reward must be finite numbers"),
        (["--quarantine", str(SAMPLE)], f"{SAMPLE} is an input; name another file for the quarantine"),
        (["-o", str(SAMPLE)], f"{SAMPLE} is an input; name another file for the lexicon"),
        (["-o", "--json"], "-o --json is not a file name"),
        (["-o", "."], "cannot write .: it is a folder; name another path"),
        (["--method"], "--method needs a value; see sgram mine --help"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(arguments, sentence, workdir, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["mine", str(SAMPLE), *arguments])
    out, err = capsys.readouterr()
    assert (exit_info.value.code, out) == (2, "")
    assert err.startswith(f"sgram: {sentence}")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert listing(workdir) == []


def test_an_unknown_embedder_is_told_in_one_sentence(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["mine", str(SAMPLE), "--embedder", "nope"])
    out, err = capsys.readouterr()
    assert (exit_info.value.code, out) == (2, "")
    assert err.startswith("sgram: unknown embedder 'nope'; use auto")
    assert err.count("\n") == 1


def test_nothing_to_mine_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["mine"])
    assert exit_info.value.code == 2
    assert capsys.readouterr().err == (
        "sgram: sgram mine needs PATHS (Files, folders, URLs, or - for stdin); see sgram mine --help\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("nothing.jsonl", None, "cannot read nothing.jsonl: No such file or directory; check the path"),
        ("in.jsonl", b"", "no rows in in.jsonl"),
        ("in.jsonl", b"oops\n", "none of the rows can be used (1 read)"),
        ("in.parquet", b"oops", "in.parquet cannot be read as Parquet"),
        ("in.pkl", b"\x80\x04", "in.pkl looks like a pickle, and loading one can run any code"),
        ("in.jsonl", b'{"text":"wait, let me see"}\n', "no phrase is in 4 of the 1 traces"),
    ],
)
def test_an_input_that_cannot_be_used_ends_with_code_3(name, content, sentence, workdir, capsys):
    if content is not None:
        (workdir / name).write_bytes(content)
    code, out, err = mine(capsys, name, "-o", "my.json")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(f"sgram: {sentence}")
    assert not (workdir / "my.json").exists()


def test_rows_set_aside_are_told_and_too_many_end_with_code_4(workdir, capsys):
    path = workdir / "in.jsonl"
    path.write_bytes(b"oops\n" + b"".join(LINES))
    code, _, err = mine(capsys, path)
    assert code == 0
    aside = f"{the_run(Path())}/quarantine.jsonl"
    assert f"108 traces of 109 rows, 1 set aside (see {aside});" in err
    assert orjson.loads(Path(aside).read_bytes())["line"] == 1
    path.write_bytes(b"oops\n" * 2 + b"".join(LINES))
    code, out, err = mine(capsys, path, "--runs", "other", "-o", "my.json")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert err.startswith("sgram: 2 of 110 rows (1.8 %) were set aside, more than 1 %: not valid JSON (2)")
    assert not list(workdir.rglob("my.json")) + list((workdir / "other").rglob("lexicon.json"))
    (aside,) = (workdir / "other").rglob("quarantine.jsonl")
    assert aside.read_bytes().count(b"\n") == 2


# -- a trace cannot drive the terminal ------------------------------------------------------------------

EVIL = "\x1b]0;owned\x07\x1b[2J\u202e\u2066\x9b31m [red]x[/red] [link=http://x]y[/link]\r\n"


@pytest.fixture
def evil(workdir) -> Path:
    """The sample, with what could drive a terminal in its texts, its ids and its models' names."""
    path = workdir / "in.jsonl"
    rows = [orjson.loads(line) for line in LINES]
    for row in rows:
        row["text"] = row["text"].replace("Hmm", "Hmm [red]\x1b[2J\u202e").replace("et me", f"et me{EVIL}")
        row["id"] = f"\x1b[2J{row['id']}\u202e"
        row["model"] = f"{row['model']}\x1b[2J[red]"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_texts_cannot_drive_the_terminal(evil, capsys):
    code, out, err = mine(capsys, evil, "--rows", "1000")
    assert code == 0
    assert all(line.isprintable() for line in (out + err).split("\n"))
    assert "Hmm [red]\\x1b[2J\\u202e" in out
    code, out, _ = mine(capsys, evil, "--json")
    assert code == 0
    assert out.isascii()
    assert out[:-1].isprintable()
    _, _, err = mine(capsys, evil, "--contrast-models", "zzz")
    assert "models in the input: sample-searcher\\x1b[2J[red], " in err


@pytest.mark.parametrize("name", ["in\x1b[2J\u202e.jsonl", "in\n[red]x.jsonl", "\x1b]0;x\x07"])
def test_a_file_name_cannot_drive_the_terminal(name, workdir, capsys):
    (workdir / name).write_bytes(b"oops\n" + b"".join(LINES))
    outputs = [
        mine(capsys, name, "--dry-run"),
        mine(capsys, name, "-o", f"{name}.json", "--runs", name + "-runs"),
        mine(capsys, name, "--max-bad", "0"),
        mine(capsys, name, "-o", name),
        mine(capsys, f"no{name}"),
        mine(capsys, workdir, "--dry-run", "--json"),
    ]
    in_folder = 0 if name.endswith(".jsonl") else 3  # only known suffixes are looked for in a folder
    assert [code for code, *_ in outputs] == [0, 0, 4, 2, 3, in_folder]
    for _, out, err in outputs:
        assert all(line.isprintable() for line in (out + err).split("\n"))
    stderr = outputs[1][2]
    assert (workdir / f"{name}.json").exists()
    assert ("in [red]x.jsonl.json" in stderr) == ("[red]" in name)


def in_a_terminal(arguments: list[str], workdir: Path, **environment: str) -> str:
    """What the command writes to a terminal of 160 columns."""
    controller, terminal = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    with subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        cwd=workdir,
        stdout=terminal,
        stderr=terminal,
        env=inherited | {"TERM": "xterm-256color", "COLUMNS": "160", **environment},
    ) as process:
        os.close(terminal)
        pieces = []
        try:
            while piece := os.read(controller, 1 << 16):
                pieces.append(piece)
        except OSError:  # how Linux says that the other side is closed
            pass
        assert process.wait() == 0
    os.close(controller)
    return b"".join(pieces).decode()


def test_a_terminal_gets_color_and_a_bar_but_nothing_from_the_traces(evil, workdir):
    screen = in_a_terminal(["mine", str(evil), "--embedder", "hash"], workdir)
    assert "\x1b[1" in screen  # bold
    # rich's own: colors, cursor up and down, erase a line, hide and show the cursor
    visible = re.sub(r"\x1b\[(?:[\d;]*m|\d*[AB]|[012]?K|\?25[hl])", "", screen)
    assert all(line.isprintable() for line in re.split(r"\r?\n|\r", visible))
    assert "Hmm [red]\\x1b[2J\\u202e" in visible


def test_no_color_means_no_color(workdir):
    colored = r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)[;\dm]"
    command = ["mine", str(SAMPLE), "--embedder", "hash"]
    assert re.search(colored, in_a_terminal(command, workdir))
    assert not re.search(colored, in_a_terminal([*command, "--fresh"], workdir, NO_COLOR="1"))


def test_a_file_gets_no_escape_sequence(workdir):
    ran = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "mine", str(SAMPLE), "--embedder", "hash"],
        cwd=workdir,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in ran.stdout + ran.stderr


# -- one part of the traces -----------------------------------------------------------------------------


@pytest.fixture
def unmarked(workdir) -> Path:
    """The sample traces that mark no reasoning."""
    write_traces((trace for trace in read_traces(SAMPLE) if "parts" not in trace.meta), workdir / "unmarked.jsonl")
    return workdir / "unmarked.jsonl"


@pytest.fixture
def marked(unmarked, workdir) -> Path:
    """These traces, each as the reasoning before a short answer, and 7 of them as they are."""
    traces = list(read_traces(unmarked))
    with_marks = [replace(trace, text=f"<think>{trace.text}</think>\n\nThe total is seven.") for trace in traces]
    without = [replace(trace, id=f"plain-{trace.id}") for trace in traces[:7]]
    write_traces([*with_marks, *without], workdir / "marked.jsonl")
    return workdir / "marked.jsonl"


def test_a_part_is_mined_and_said_in_notes_json_and_lexicon(marked, unmarked, workdir, capsys):
    code, out, err = mine(capsys, marked, "--part", "reasoning", "--json", "-o", "my.json")
    assert code == 0
    n_traces = len(list(read_traces(marked)))
    sentence = f"part reasoning: 7 of {n_traces} traces have no marked reasoning and are left out\n"
    assert sentence in err
    document, lexicon = json.loads(out), Lexicon.load(workdir / "my.json")
    assert (document["part"], document["left_out"], document["rows"]["kept"]) == ("reasoning", 7, n_traces)
    assert (lexicon.source["config"]["part"], lexicon.source["inputs"]["left_out"]) == ("reasoning", 7)
    # the grams are those of the reasonings by themselves; the tags hold no word
    mine(capsys, unmarked, "-o", "alone.json")
    assert lexicon.grams == Lexicon.load(workdir / "alone.json").grams
    # a finished run says the same
    assert sentence in mine(capsys, marked, "--part", "reasoning")[2]


def test_each_part_has_a_run_of_its_own(marked, workdir, capsys):
    for part in ("all", "reasoning"):
        assert mine(capsys, marked, "--part", part)[0] == 0
    assert len(list((workdir / "reports").iterdir())) == 2
    assert "already finished" in mine(capsys, marked)[2]


def test_the_plan_says_the_part(marked, capsys):
    assert "part=answer" in mine(capsys, marked, "--part", "answer", "--dry-run")[1]
    assert json.loads(mine(capsys, marked, "--dry-run", "--json")[1])["config"]["part"] == "all"


def test_traces_without_the_part_end_the_run(unmarked, capsys):
    code, out, err = mine(capsys, unmarked, "--part", "reasoning")
    assert (code, out) == (3, "")
    assert err.startswith("sgram: none of the ")
    assert "traces has marked reasoning" in err
    code, _, err = mine(capsys, SAMPLE, "--part", "tool")
    assert (code, err) == (2, "sgram: invalid --part 'tool'; choose from reasoning, answer, all\n")
