import pytest

from sgram.cli import main
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_one_stdin, check_outputs, check_writable
from sgram.errors import UsageError


def test_files_and_stdin_are_accepted():
    check_no_options(["a.jsonl", "./-b", "-", ""], "mine")


def test_an_unknown_option_is_named_with_what_to_do():
    with pytest.raises(UsageError, match=r"^unknown option --x; see sgram mine --help, or write \./--x for a file$"):
        check_no_options(["a.jsonl", "--x"], "mine")


def test_an_input_is_not_written_over_by_whatever_name(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("x")
    (tmp_path / "link").symlink_to(file)
    for path in (file, tmp_path / "link", f"{tmp_path}/./a.csv"):
        with pytest.raises(UsageError, match="is an input; write to another file"):
            check_not_inputs([path], [str(file)])
    check_not_inputs([tmp_path / "b.csv"], [str(file), "-"])


@pytest.mark.parametrize("name", ["o.jsonl", "in/o.jsonl.gz", "in/o.JSONL.zst", "o.parquet", "o.ndjson"])
def test_rows_are_not_written_where_they_would_be_read_the_next_time(tmp_path, name):
    with pytest.raises(UsageError, match="lies in an input folder, where it would be read; name another"):
        check_not_inputs([tmp_path / name], [str(tmp_path)])
    check_not_inputs([tmp_path / name], [str(tmp_path / "other")])
    check_not_inputs([tmp_path / "o.html", tmp_path / "o.csv"], [str(tmp_path)])
    check_not_inputs([tmp_path / name], [str(tmp_path)], in_folders=False)


def test_writable_paths_are_accepted_and_nothing_is_created(tmp_path):
    (tmp_path / "old.html").write_text("x")
    check_writable([tmp_path / "new.html", tmp_path / "old.html", tmp_path / "a" / "b" / "c.html", "/dev/null"])
    assert [path.name for path in tmp_path.iterdir()] == ["old.html"]


def test_an_unwritable_path_is_refused_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "x.html", "file is not a folder"),
        (tmp_path / "file" / "x" / "y.html", "file is not a folder"),
        (tmp_path / ("a" * 300), "name too long"),
        (tmp_path / "new" / ("a" * 300), "name too long"),
    ):
        with pytest.raises(UsageError, match=rf"(?i)^cannot write .*: .*{reason}; name another path$"):
            check_writable([path])
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UsageError, match="no permission to write in"):
        check_writable([tmp_path / "x.html"])


def test_outputs_are_checked_before_the_work_begins(tmp_path):
    (tmp_path / "file").write_text("x")
    for outputs, folders, sentence in (
        ({"-o": tmp_path}, (), "it is a folder; name another path"),
        ({"--csv": tmp_path / "file" / "x.csv"}, (), "file is not a folder; name another path"),
        ({"-o": tmp_path / "file"}, ["-o"], "is a file; name a folder"),
        ({"-o": tmp_path / "file" / "x"}, ["-o"], "file is not a folder; name another path"),
    ):
        with pytest.raises(UsageError, match=sentence):
            check_outputs(outputs, folders=folders)
    check_outputs({"-o": tmp_path, "--html": tmp_path / "new" / "page.html"}, folders=["-o"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "words",
    [
        ["read", "in.jsonl"],
        ["mine", "in.jsonl"],
        ["diagnose", "in.jsonl"],
        ["report", "in.jsonl"],
        ["train"],
        ["evolve"],
        ["demo"],
        ["lexicon", "merge", "sgram", "wang2025"],
        ["annotate", "export", "sgram", "in.jsonl"],
        ["validate", "sgram", "--labels", "in.jsonl", "--min-precision", "0.9"],
    ],
    ids=" ".join,
)
def test_every_verb_refuses_an_output_that_cannot_be_written_before_it_reads(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit) as exit_info:  # in.jsonl does not exist, and nobody notices
        main([*words, "-o", "file/out.html"])
    assert exit_info.value.code == 2
    assert "cannot write file/out.html" in capsys.readouterr().err


def test_one_input_can_come_from_stdin():
    check_one_stdin(["-", "a.jsonl", ""])
    with pytest.raises(UsageError, match=r"^only one of the inputs can come from stdin; name files for the others$"):
        check_one_stdin(["-", "a.jsonl", "-"])


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ({"-o": "-x"}, r"^-o -x is not a file name; write \./-x if it is one$"),
        ({"-o": None, "--csv": "-"}, "^--csv cannot go to stdout; name a file$"),
        ({"-o": "a.csv", "--csv": "./a.csv"}, r"^-o and --csv both name \./a\.csv; give each a file of its own$"),
        ({"-o": "in.jsonl"}, r"^in\.jsonl is an input; write to another file$"),
    ],
)
def test_outputs_are_files_of_their_own(outputs, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=sentence):
        check_outputs(outputs, ["in.jsonl"])
    check_outputs({"-o": "a.csv", "--csv": "b.csv", "--html": None}, ["in.jsonl", "-", ""])
    check_outputs({"-o": "-"}, ["-"], stdout=True)
