import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import sgram
from sgram import errors
from sgram.cli import app, main
from sgram.mining.run import MiningJob
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
EXPORT = ["lexicon", "export", "wang2025"]
VERBS = [name for name in app if not name.startswith("-")]


def run(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(list(arguments))
    return exit_info.value.code, *capsys.readouterr()


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "cli.py"), *arguments]


@pytest.fixture
def failing(monkeypatch, tmp_path):
    """A function that makes ``sgram mine`` fail in the given way, and gives its arguments."""

    def fail(error: BaseException) -> list[str]:
        def raise_it(*_, **__):
            raise error

        monkeypatch.setattr(MiningJob, "run", raise_it)
        return ["mine", str(SAMPLE), "--runs", str(tmp_path)]

    return fail


# -- exit codes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SgramError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.InputError("x"), 3),
        (errors.QuarantineError("x"), 4),
        (errors.MissingExtraError("x"), 1),
    ],
)
def test_an_error_of_ours_is_one_sentence_and_its_exit_code(error, code, failing, capsys):
    assert run(capsys, *failing(error)) == (code, "", "sgram: x\n")


def test_every_kind_of_error_has_a_documented_exit_code(capsys):
    kinds = [error_class for error_class in vars(errors).values() if isinstance(error_class, type)]
    assert {error_class.exit_code for error_class in kinds} == {1, 2, 3, 4}
    help_text = " ".join(run(capsys, "--help")[1].split())
    for words in ("0 done", "1 internal error", "2 usage", "3 unusable input", "4 over the", "130 interrupted"):
        assert words in help_text


def test_an_unexpected_error_is_one_sentence_without_a_traceback(failing, capsys):
    code, out, err = run(capsys, *failing(RuntimeError("boom\x1b[2J\nand more")))
    assert (code, out) == (1, "")
    assert err == ("sgram: internal error: RuntimeError: boom\\x1b[2J and more; run again with --debug and report it\n")


@pytest.mark.parametrize("error", [RuntimeError("boom"), errors.InputError("boom")])
@pytest.mark.parametrize("first", [True, False])
def test_debug_lets_the_traceback_through(error, first, failing):
    arguments = failing(error)
    with pytest.raises(type(error), match="boom"):
        main(["--debug", *arguments] if first else [*arguments, "--debug"])


def test_debug_shows_the_traceback_on_stderr(tmp_path):
    ran = subprocess.run(command("read", str(tmp_path / "nothing.jsonl"), "--debug"), capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Traceback (most recent call last)" in ran.stderr
    assert "InputError: cannot read" in ran.stderr


def test_an_interrupted_command_says_that_it_goes_on(failing, capsys):
    assert run(capsys, *failing(KeyboardInterrupt())) == (
        130,
        "",
        "sgram: interrupted; no file is half written, and the same command resumes from finished parts\n",
    )


def test_a_real_interrupt_ends_with_code_130_and_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")  # nobody writes: the command waits in the middle of its work
    with (
        subprocess.Popen(
            command("read", str(tmp_path / "pipe.jsonl")),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a shell that runs the tests in the background has it ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
        (tmp_path / "pipe.jsonl").open("wb"),  # returns when the other side has opened it
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err == "sgram: interrupted; no file is half written, and the same command resumes from finished parts\n"


def test_a_full_disk_is_told_in_one_sentence(failing, capfd):
    code, _, err = run(capfd, *failing(OSError(28, "No space left on device")))
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("sgram: no space left on the disk for output or scratch files")


# -- stdout that does not take it -----------------------------------------------------------------------


def test_the_reader_of_a_pipe_may_leave():
    ran = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "-", *command(*EXPORT)], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout.count("\n"), ran.stderr) == (0, 1, "")


@pytest.mark.parametrize(
    "arguments", [EXPORT, ["lexicon", "show", "wang2025"], ["read", str(SAMPLE)], ["--help"], ["mine", "--help"]]
)
def test_a_pipe_that_nobody_reads_is_no_error(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(command(*arguments), stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_output_is_an_error_of_one_sentence():
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command(*EXPORT), stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith("sgram: no space left on the disk for output or scratch files")


def test_a_closed_stdout_is_no_error():
    ran = subprocess.run(["bash", "-c", '"$@" >&-', "-", *command(*EXPORT)], stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_terminal_that_is_not_utf8_gets_escapes(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id":"a","text":"wait \u2026 four"}\n', encoding="utf-8")
    ran = subprocess.run(
        command("read", str(path), "--show", "1"),
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"wait \\u2026 four" in ran.stdout
    assert ran.stderr == b""


# -- finding the way ------------------------------------------------------------------------------------


def test_a_wrong_verb_cannot_drive_the_terminal(capsys):
    code, _, err = run(capsys, "mi\x1b[2J\u202ene\n[red]")
    assert (code, err.count("\n")) == (2, 1)
    assert "mi\\x1b[2J\\u202ene\\n[red]" in err


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version_is_the_packages(word, capsys):
    assert run(capsys, word) == (0, f"{sgram.__version__}\n", "")


def test_without_a_verb_it_says_what_to_do_first_and_lists_the_verbs(capsys):
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert out.index("What to do first:\n  sgram demo ") < out.index("\nLook\n")
    assert all(f"\n  {verb} " in out for verb in VERBS)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_has_one_line_a_verb_grouped_by_the_work_within_80_columns(words, capsys):
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    groups = ["Look", "Find", "Validate", "Mark", "Train", "See", "Share"]
    assert [line for line in lines if line in groups] == groups
    listed = [line.split()[0] for line in lines[lines.index("Look") :] if re.match(r"  \S", line)]
    assert sorted(listed) == sorted(VERBS)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["help", "read"], ["read", "--help"]),
        (["help", "read", "--help"], ["read", "--help"]),
        (["help", "lexicon", "show"], ["lexicon", "show", "-h"]),
    ],
)
def test_help_with_a_verb_is_the_help_of_the_verb(words, same, capsys):
    assert run(capsys, *words) == run(capsys, *same)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    code, out, err = run(capsys, verb, "--help")
    assert (code, err) == (0, "")
    assert f"sgram {verb}" in out
    # each flag is explained: its line goes on after name and type
    assert len(out.split()) > 20


def test_every_verb_of_lexicon_has_help(capsys):
    verbs = [name for name in app["lexicon"] if not name.startswith("-")]
    assert set(verbs) >= {"show", "diff", "merge", "check", "export", "presets"}
    for verb in verbs:
        code, out, _ = run(capsys, "lexicon", verb, "--help")
        assert code == 0
        assert f"sgram lexicon {verb}" in out


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ("numpy", "numba", "pyarrow", "orjson", "torch", "sgram.traces", "sgram.mining")),
        (["--version"], ("numpy", "numba", "pyarrow", "orjson", "torch", "sgram.traces", "sgram.mining")),
        (["read", "--help"], ("numpy", "numba", "pyarrow", "torch")),
        (["lexicon", "presets"], ("numpy", "numba", "pyarrow", "torch")),
        (["mine", "--help"], ("pyarrow", "torch", "transformers", "sentence_transformers", "pandas")),
        (["demo", "--help"], ("numba", "pyarrow", "torch")),
    ],
)
def test_a_verb_loads_only_what_it_needs(arguments, absent):
    code = (
        "import sys\nfrom sgram.cli import main\n"
        "try: main(sys.argv[2:])\nexcept SystemExit as left: assert not left.code\n"
        "print([name for name in sys.argv[1].split(',') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, ",".join(absent), *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_compiling_is_announced_on_stderr_and_can_be_silenced(monkeypatch, capfd):
    announcements = []
    monkeypatch.setattr("sgram.cli.announce_compilation", announcements.append)
    monkeypatch.delenv("SGRAM_QUIET_COMPILING")
    run(capfd, "lexicon", "presets")
    (announce,) = announcements
    announce()
    assert capfd.readouterr().err == "compiling kernels; this takes about 20 seconds and happens once\n"
    monkeypatch.setenv("SGRAM_QUIET_COMPILING", "1")
    run(capfd, "lexicon", "presets")
    assert len(announcements) == 1
