"""Malformed inputs, run through the real command: each ends in one sentence with the right exit code, or in
quarantined rows with exact file, line and byte; no traceback, no lost row."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from sgram.cli import main

FIRST = b'{"id":"a","text":"wait, let me see"}'
LAST = b'{"id":"z","text":"so it is four"}'
NATIVE = '{"id":"b","text":"t",%s}'


def run(arguments: list[str], capfd: pytest.CaptureFixture) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["read", *arguments])
    out, err = capfd.readouterr()
    assert "Traceback" not in err + out
    assert "internal error" not in err + out
    return exit_info.value.code, out, err


def rejected_rows(folder: Path) -> list[dict]:
    path = folder / "aside" / "q.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def run_with_summary(path: Path, folder: Path, capfd: pytest.CaptureFixture) -> tuple[int, dict | None, str]:
    """Exit code, the JSON summary (with the invariant asserted) and stderr."""
    arguments = [str(path), "--json", "--quarantine", str(folder / "aside" / "q.jsonl"), "--max-bad", "1"]
    code, out, err = run(arguments, capfd)
    if code:
        assert out == ""
        assert err.startswith("sgram: ")
        assert err.count("\n") == 1
        return code, None, err
    summary = json.loads(out)
    assert summary["rows_in"] == summary["rows_kept"] + summary["rows_skipped"] + summary["rows_quarantined"]
    assert summary["rows_kept"] == summary["n_traces"]
    assert summary["rows_quarantined"] == len(rejected_rows(folder))
    return code, summary, err


# -- one bad row between two good ones: the row is set aside, the others are kept -----------------------

BAD_ROWS: dict[str, tuple[bytes, str]] = {
    "broken_json": (b'{"id":"b","text":"t"', "not valid JSON"),
    "single_quotes": (b"{'id':'b','text':'t'}", "not valid JSON"),
    "trailing_comma": (b'{"id":"b","text":"t",}', "not valid JSON"),
    "two_objects_on_a_line": (FIRST + FIRST, "not valid JSON"),
    "words": (b"hello there", "not valid JSON"),
    "nan_in_a_broken_row": (b'{"id":"b","text":"t","reward":NaN', "not valid JSON"),
    "minus_nan": (b'{"id":"b","text":"t","reward":-NaN}', "not valid JSON"),
    "nesting_of_500": (b'{"id":"b","text":"t","x":' + b"[" * 500 + b"]" * 500 + b"}", "nested more than 200 levels"),
    "number_too_large": (b'{"id":"b","text":"t","reward":1e999}', "not valid JSON"),
    "integer_of_5000_digits": (b'{"id":"b","text":"t","step":' + b"9" * 5000 + b"}", "not valid JSON"),
    "lone_surrogate": (rb'{"id":"b","text":"\ud800"}', "not valid JSON"),
    "reversed_surrogates": (rb'{"id":"b","text":"\udc00\ud800"}', "not valid JSON"),
    "nesting_200000_deep": (b"[" * 200_000, "not valid JSON"),
    "closed_nesting_200000_deep": (
        b'{"id":"b","text":"t","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "not valid JSON",
    ),
    "latin_1": ('{"id":"b","text":"café"}'.encode("latin-1"), "not valid JSON"),
    "byte_ff": (b'{"id":"b","text":"\xff"}', "not valid JSON"),
    "overlong_utf8": (b'{"id":"b","text":"\xc0\x80"}', "not valid JSON"),
    "nul_byte_in_a_string": (b'{"id":"b","text":"a\x00b"}', "not valid JSON"),
    "nul_bytes_alone": (b"\x00" * 100, "not valid JSON"),
    "control_character": (b'{"id":"b","text":"a\x1bb"}', "not valid JSON"),
    "bad_escape": (rb'{"id":"b","text":"\x41"}', "not valid JSON"),
    "form_feed_alone": (b"\x0c{}", "not valid JSON"),
    "byte_order_mark_in_the_middle": (b'\xef\xbb\xbf{"id":"b","text":"t"}', "not valid JSON"),
    "array": (b'["id","text"]', "row is an array, not an object"),
    "string": (b'"text"', "row is a string, not an object"),
    "number": (b"42", "row is a number, not an object"),
    "null": (b"null", "row is null, not an object"),
    "true": (b"true", "row is a boolean, not an object"),
    "empty_object": (b"{}", "row is an object without keys"),
    "no_text": (b'{"id":"b","prompt":"p"}', "no column looks like the response: id, prompt"),
    "text_is_a_number": (b'{"id":"b","text":4}', "field text is a number, not a string"),
    "text_is_an_array": (b'{"id":"b","text":["t"]}', "field text is an array, not a string"),
    "text_is_an_object": (b'{"id":"b","text":{"t":1}}', "field text is an object, not a string"),
    "unknown_keys": (b'{"foo":1,"bar":2}', "no column looks like the response: bar, foo"),
    "escape_sequence_in_a_key": (rb'{"\u001b]8;;x":1}', "no column looks like the response: \\x1b]8;;x"),
    "text_over_the_cap": (
        b'{"id":"b","text":"' + b"x" * 10_000_001 + b'"}',
        "text is longer than the cap of 10000000 characters",
    ),
    "line_over_the_cap": (
        b'{"id":"b","text":"' + b"x" * (64 << 20) + b'"}',
        "longer than the cap of 67108864 bytes a line",
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_set_aside_with_its_place_and_the_others_are_kept(name, tmp_path, capfd):
    row, reason = BAD_ROWS[name]
    row = row if isinstance(row, bytes) else row.encode()
    path = tmp_path / "in.jsonl"
    path.write_bytes(FIRST + b"\n" + row + b"\n" + LAST + b"\n")
    code, summary, err = run_with_summary(path, tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert code == 0
    assert (summary["rows_in"], summary["rows_kept"], summary["rows_quarantined"]) == (3, 2, 1)
    assert (rejected_row["file"], rejected_row["line"], rejected_row["byte"]) == (str(path), 2, len(FIRST) + 1)
    assert rejected_row["reason"].startswith(reason)
    assert len(rejected_row["excerpt"]) <= 200
    assert rejected_row["excerpt"].isprintable()
    assert f"{path}:2" in err.replace("\n", "")


# -- a field that is none between two good rows: the row is kept, the value is in meta, and that is said ------------

ODD_FIELDS: dict[str, tuple[str, object]] = {
    "id_is_an_object": ("id", {}),
    "group_is_an_array": ("group", [1]),
    "prompt_is_a_number": ("prompt", 5),
    "prompt_holds_numbers": ("prompt", [5]),
    "reward_is_a_word": ("reward", "good"),
    "reward_is_a_list_of_words": ("reward", ["good"]),
    "reward_is_huge": ("reward", "1e999"),
    "correct_is_two": ("correct", 2),
    "correct_is_a_word": ("correct", "maybe"),
    "answer_is_an_object": ("answer", {}),
    "reference_is_an_empty_list": ("reference", []),
    "step_is_a_half": ("step", 1.5),
    "step_is_huge": ("step", 1e300),
    "step_has_20_digits": ("step", 99999999999999999999.0),
    "step_is_a_word": ("step", "ten"),
    "model_is_an_array": ("model", ["m"]),
    "run_is_an_object": ("run", {"name": "r"}),
    "token_ids_is_a_string": ("token_ids", "1 2"),
    "token_ids_hold_a_fraction": ("token_ids", [1, 2.5]),
    "token_ids_hold_true": ("token_ids", [True]),
    "token_ids_are_huge": ("token_ids", [1 << 31]),
    "logprobs_hold_null": ("logprobs", [None]),
    "escape_sequence_in_an_id": ("id", {"\x1b]8;;x": 1}),
}


@pytest.mark.parametrize("name", ODD_FIELDS)
def test_a_field_of_another_shape_goes_to_meta_with_a_warning(name, tmp_path, capfd):
    field, value = ODD_FIELDS[name]
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    row = json.dumps({"id": "b", "text": "t", field: value}).encode()
    path.write_bytes(FIRST + b"\n" + row + b"\n" + LAST + b"\n")
    code, out, err = run([str(path), "-o", str(output)], capfd)
    assert (code, out) == (0, "")
    assert f"the column {field} has an unexpected shape in 1 row; it is kept in meta there" in " ".join(err.split())
    rows = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert [row["text"] for row in rows] == ["wait, let me see", "t", "so it is four"]
    assert rows[1]["meta"] == {field: value}
    assert field in ("id", "run") or field not in rows[1]


READ_FIELDS: dict[str, tuple[str, object, object]] = {
    "id_is_a_number": ("id", 7, "7"),
    "reward_is_a_string": ("reward", "1.0", 1.0),
    "correct_is_a_string": ("correct", "yes", True),
    "correct_is_zero": ("correct", 0.0, False),
    "step_is_a_string": ("step", "12", 12),
    "step_is_a_whole_float": ("step", 3.0, 3),
    "reference_is_a_list_of_one": ("reference", ["42"], "42"),
    "answer_is_a_number": ("answer", 42, "42"),
    "prompt_is_messages": ("prompt", [{"role": "user", "content": "q"}], "q"),
    "prompt_is_a_text_in_brackets": ("prompt", '[{"x": 1}]', '[{"x": 1}]'),
    "model_is_null": ("model", None, None),
}


@pytest.mark.parametrize("name", READ_FIELDS)
def test_values_in_usual_spellings_are_read(name, tmp_path, capfd):
    field, value, expected = READ_FIELDS[name]
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text(json.dumps({"id": "b", "text": "t", field: value}) + "\n")
    code, _, err = run([str(path), "-o", str(output)], capfd)
    (row,) = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert (code, row.get(field), row.get("meta")) == (0, expected, None)
    assert err.startswith("1 traces written")


def test_numbers_that_are_no_numbers_are_missing_and_counted_once_a_file(tmp_path, capfd):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text(
        '{"id": "a", "text": "t", "reward": NaN, "entropy": [0.5, -Infinity]}\n{"id": "b", "text": "NaN", "step": 3}\n'
    )
    code, _, err = run([str(path), "-o", str(output)], capfd)
    first, second = (json.loads(line) for line in output.read_bytes().splitlines())
    assert (code, first.get("reward"), first["meta"], second["text"]) == (0, None, {"entropy": [0.5, None]}, "NaN")
    assert f"warning: {path}: 2 numbers are NaN or infinite and read as missing" in " ".join(err.split())
    path.write_text('{"id": "a", "text": "t", "reward": Infinity}\n')
    assert "1 number is NaN or infinite and read as missing" in " ".join(run([str(path)], capfd)[2].split())


def test_numbers_of_tokens_that_do_not_match_go_to_meta(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    fields = {"token_ids": [1, 2], "logprobs": [-0.5], "entropies": [0.5, 0.1]}
    path.write_text(json.dumps({"id": "b", "text": "t", **fields}) + "\n")
    _, _, err = run([str(path), "-o", str(tmp_path / "out.jsonl")], capfd)
    row = json.loads((tmp_path / "out.jsonl").read_bytes())
    assert (row["token_ids"], row["entropies"], row["meta"]) == ([1, 2], [0.5, 0.1], {"logprobs": [-0.5]})
    assert "the column logprobs has an unexpected shape" in err.replace("\n", " ")


def test_meta_that_is_no_object_is_kept_in_meta(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id":"a","text":"t","meta":[1]}\n{"id":"b","text":"t","meta":"word"}\n')
    assert run([str(path), "-o", str(tmp_path / "out.jsonl")], capfd)[0] == 0
    rows = map(json.loads, (tmp_path / "out.jsonl").read_bytes().splitlines())
    assert [row["meta"] for row in rows] == [{"meta": [1]}, {"meta": "word"}]


def test_an_empty_id_is_none(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id":"","text":"t"}\n{"text":"t"}\n')
    assert run([str(path), "-o", str(tmp_path / "out.jsonl")], capfd)[0] == 0
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_bytes().splitlines())
    assert len(first["id"]) == 16
    assert second["id"] == f"{first['id']}~2"


def test_a_row_without_a_response_is_skipped_and_counted(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    path.write_bytes(FIRST + b'\n{"id":"b","text":null}\n' + LAST + b"\n")
    code, summary, err = run_with_summary(path, tmp_path, capfd)
    assert (code, summary["rows_kept"], summary["rows_skipped"], summary["rows_quarantined"]) == (0, 2, 1, 0)
    assert f"1 row of failed rollouts skipped; first: {path}:2: field text is missing" in err.replace("\n", "")


# -- odd but good: every row is kept ------------------------------------------------------------------


def _parquet(**columns: list) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


GOOD_FILES: dict[str, tuple[bytes, int]] = {
    "byte_order_mark": (b"\xef\xbb\xbf" + FIRST + b"\n" + LAST + b"\n", 2),
    "crlf": (FIRST + b"\r\n" + LAST + b"\r\n", 2),
    "no_end_of_the_last_line": (FIRST + b"\n" + LAST, 2),
    "blank_lines": (b"\n \n" + FIRST + b"\n\n\t\n\r\n" + LAST + b"\n\n", 2),
    "duplicate_keys_of_which_the_last_counts": (b'{"id":"a","text":1,"text":"t"}\n', 1),
    "zero_padded_gzip": (gzip.compress(FIRST + b"\n", mtime=0) + b"\0" * 512, 1),
    "gzip_of_two_members": (gzip.compress(FIRST + b"\n", mtime=0) + gzip.compress(LAST + b"\n", mtime=0), 2),
    "zstd_of_two_frames": (zstandard.compress(FIRST + b"\n") + zstandard.compress(LAST + b"\n"), 2),
    "line_separators_inside_a_string": ('{"id":"a","text":"a\u2028b\u0085c"}\n'.encode(), 1),
    "id_is_a_number": (b'{"id":7,"text":"t"}\n', 1),
    "nesting_of_150": (b'{"id":"a","text":"t","meta":{"x":' + b"[" * 150 + b"]" * 150 + b"}}\n", 1),
    "nan": (b'{"id":"b","text":"t","reward":NaN}\n' + LAST, 2),
    "infinities": (b'{"id":"b","text":"t","meta":{"x":[Infinity,-Infinity]}}\n', 1),
    "carriage_returns_alone": (FIRST + b"\r" + LAST + b"\r", 2),
    "objects_on_one_line": (FIRST + LAST, 2),
    "bzip2": (bz2.compress(FIRST + b"\n" + LAST), 2),
    "xz": (lzma.compress(FIRST + b"\n" + LAST), 2),
    "parquet_under_another_name": (_parquet(id=["a", "b"], text=["one", "two"]), 2),
    "array_under_another_name": (b"[" + FIRST + b"," + LAST + b"]", 2),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_an_odd_but_good_file_loses_no_row(name, tmp_path, capfd):
    content, n_rows = GOOD_FILES[name]
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    code, summary, _ = run_with_summary(path, tmp_path, capfd)
    assert code == 0
    assert (summary["rows_in"], summary["rows_kept"]) == (n_rows, n_rows)
    assert not rejected_rows(tmp_path)


# -- files that cannot be used: one sentence ------------------------------------------------------------

Make = Callable[[Path], Path]


def _file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def _zip(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def _missing(folder: Path) -> Path:
    return folder / "nothing.jsonl"


def _through_a_file(folder: Path) -> Path:
    _file("in.jsonl", FIRST)(folder)
    return folder / "in.jsonl" / "more.jsonl"


def _dangling(folder: Path) -> Path:
    (folder / "in.jsonl").symlink_to(folder / "gone.jsonl")
    return folder / "in.jsonl"


def _dangling_inside(folder: Path) -> Path:
    (folder / "runs").mkdir()
    (folder / "runs" / "in.jsonl").symlink_to(folder / "gone.jsonl")
    return folder / "runs"


def _self_link(folder: Path) -> Path:
    (folder / "in.jsonl").symlink_to(folder / "in.jsonl")
    return folder / "in.jsonl"


def _empty_folder(folder: Path) -> Path:
    (folder / "runs").mkdir()
    return folder / "runs"


def _folder_of_others(folder: Path) -> Path:
    (folder / "runs").mkdir()
    for name in ("model.safetensors", "config.json", ".hidden.jsonl", "old.quarantine.jsonl", "run.pkl"):
        _file(name, FIRST)(folder / "runs")
    return folder / "runs"


def _long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def _unfinished_step(folder: Path) -> Path:
    step = folder / "token_exports" / "step_3"
    step.mkdir(parents=True)
    return _file("rank_0.jsonl", b'{"token_ids":[1],"loss_mask":[true]}\n')(step)


def _token_export(folder: Path) -> Path:
    path = _unfinished_step(folder)
    (path.parent / "STABLE").touch()
    return path


ZEROS = bytes(64 << 20)
GOOD_PARQUET = _parquet(id=["a", "b"], text=["one", "two"])

UNUSABLE: dict[str, tuple[Make, int, str]] = {
    "no_such_file": (_missing, 3, "cannot read .*nothing.jsonl: No such file or directory"),
    "path_through_a_file": (_through_a_file, 3, "cannot read .*more.jsonl: Not a directory"),
    "dangling_symlink": (_dangling, 3, "cannot read .*in.jsonl: No such file or directory"),
    "dangling_symlink_in_a_folder": (_dangling_inside, 3, "cannot read .*in.jsonl: No such file"),
    "symlink_to_itself": (_self_link, 3, "cannot read .*in.jsonl: Too many levels of symbolic links"),
    "name_too_long": (_long_name, 3, "cannot read .*xxx: File name too long"),
    "empty_folder": (_empty_folder, 3, "nothing to read in .*runs: it holds no file ending in .jsonl"),
    "folder_of_other_things": (_folder_of_others, 3, "nothing to read in .*runs: it holds no file ending in"),
    "empty_file": (_file("in.jsonl", b""), 3, "no rows in .*in.jsonl"),
    "only_blank_lines": (_file("in.jsonl", b"\n\n  \n\r\n"), 3, "no rows in .*in.jsonl"),
    "only_a_byte_order_mark": (_file("in.jsonl", b"\xef\xbb\xbf"), 3, "no rows in .*in.jsonl"),
    "empty_gzip": (_file("in.jsonl.gz", gzip.compress(b"", mtime=0)), 3, "no rows in"),
    "only_bad_rows": (_file("in.jsonl", b"x\ny\n"), 3, "can be used .2 read.; first: .*in.jsonl:1: not"),
    "keys_of_no_dialect": (_file("in.jsonl", b'{"foo":1,"bar":2}\n'), 3, "no column looks like the response: bar, foo"),
    "binary": (_file("in.jsonl", bytes(range(256)) * 40), 3, "none of the rows can be used .41 read"),
    "utf_16": (_file("in.jsonl", FIRST.decode().encode("utf-16")), 3, "is UTF-16; convert it first"),
    "utf_16_without_mark": (_file("in.jsonl", FIRST.decode().encode("utf-16-le")), 3, "none of the rows can be used"),
    "bzip2_header_alone": (_file("in.jsonl", b"BZh91AY&SY\x00"), 3, "in.jsonl:1: corrupt bzip2 data after byte 0"),
    "xz_header_alone": (_file("in.jsonl", b"\xfd7zXZ\x00\x00\x04"), 3, "in.jsonl:1: corrupt xz data after byte 0"),
    "zip_of_other_things": (_file("in.jsonl", _zip(a=FIRST)), 3, "nothing to read in .*in.jsonl: it holds no file"),
    "zip_in_a_zip": (_file("in.zip", _zip(**{"a.zip": _zip(a=FIRST)})), 3, "in.zip:a.zip is an archive in an archive"),
    "pickle_by_name": (_file("in.pkl", pickle.dumps({"text": "t"})), 3, "looks like a pickle"),
    "pickle_by_content": (_file("in.jsonl", pickle.dumps({"text": "t"})), 3, "is a pickle, which can run code"),
    "torch_file": (_file("in.pt", b"PK\x03\x04"), 3, "looks like a pickle"),
    "joblib_file": (_file("in.joblib", b"\x80\x04"), 3, "looks like a pickle"),
    "gzip_header_alone": (
        _file("in.jsonl.gz", gzip.compress(FIRST, mtime=0)[:5]),
        3,
        "in.jsonl.gz:1: corrupt gzip data",
    ),
    "gzip_of_garbage": (_file("in.jsonl.gz", b"\x1f\x8b" + b"\xff" * 50), 3, "corrupt gzip data after byte 0"),
    "zstd_of_garbage": (_file("in.jsonl", b"\x28\xb5\x2f\xfd" + b"\xff" * 50), 3, "corrupt zstd data after"),
    "gzip_bomb": (_file("in.jsonl.gz", gzip.compress(ZEROS, 9, mtime=0)), 3, "inflates more than 200 times"),
    "zstd_bomb": (_file("in.jsonl.zst", zstandard.compress(ZEROS)), 3, "inflates more than 200 times"),
    "bomb_in_a_bomb": (
        _file("in.jsonl.gz", gzip.compress(gzip.compress(ZEROS, 9, mtime=0), 9, mtime=0)),
        3,
        "none of the rows can be used",
    ),
    "json_array_cut_short": (_file("in.json", b"[" + FIRST[:-5]), 3, "in.json:1: not valid JSON"),
    "json_array_of_numbers": (_file("in.json", b"[1,2]"), 3, "in.json:1.1.: row is a number, not an object"),
    "empty_json_array": (_file("in.json", b"[]"), 3, "no rows in"),
    "no_parquet": (_file("in.parquet", b"hello"), 3, "in.parquet cannot be read as Parquet"),
    "empty_parquet_file": (_file("in.parquet", b""), 3, "in.parquet cannot be read as Parquet"),
    "parquet_cut_short": (_file("in.parquet", GOOD_PARQUET[:-20]), 3, "in.parquet cannot be read as Parquet"),
    "parquet_with_a_wrong_footer": (
        _file("in.parquet", GOOD_PARQUET[:-40] + b"\xff" * 32 + GOOD_PARQUET[-8:]),
        3,
        "cannot be read as Parquet",
    ),
    "parquet_of_other_columns": (
        _file("in.parquet", _parquet(a=[1], b=[2])),
        3,
        "in.parquet:1: no column looks like the response: a, b",
    ),
    "parquet_of_wrong_types": (
        _file("in.parquet", _parquet(id=["a"], text=[1.5])),
        3,
        "field text is a number, not a string",
    ),
    "parquet_without_rows": (_file("in.parquet", _parquet(id=[], text=[])), 3, "no rows in"),
    "parquet_bomb": (
        _file("in.parquet", _parquet(id=["a"], text=["x" * (32 << 20)])),
        3,
        "inflates from .*more than the cap",
    ),
    "no_inspect_log": (_file("in.eval", b"hello"), 3, "in.eval is not an Inspect log: File is not a zip file"),
    "inspect_log_bomb": (_file("in.eval", _zip(header=ZEROS)), 3, "in.eval inflates from .* more than the cap"),
    "unfinished_token_export": (_unfinished_step, 3, "has no STABLE marker beside it yet"),
    "token_export_without_tokenizer": (_token_export, 2, "holds token ids, not text; name the tokenizer"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_input_ends_in_one_sentence(name, tmp_path, capfd):
    make, exit_code, sentence = UNUSABLE[name]
    code, summary, err = run_with_summary(make(tmp_path), tmp_path, capfd)
    assert summary is None
    assert code == exit_code, err
    assert re.search(sentence, err), err


# -- damage behind good rows ----------------------------------------------------------------------------

MANY = b"".join(b'{"id":"%d","text":"wait, let me see %d"}\n' % (n, n * n) for n in range(1, 2001))


def _ends(data: bytes) -> list[int]:
    return [match.end() for match in re.finditer(rb"\n", data)]


DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "truncated_gzip": ("in.jsonl.gz", gzip.compress(MANY, mtime=0)[:-2000], "corrupt gzip data after byte"),
    "gzip_without_its_end": ("in.jsonl.gz", gzip.compress(MANY, mtime=0)[:-8], "corrupt gzip data after byte"),
    "gzip_with_a_wrong_checksum": (
        "in.jsonl.gz",
        gzip.compress(MANY, mtime=0)[:-8] + bytes(8),
        "corrupt gzip data after byte",
    ),
    "gzip_with_garbage_after": (
        "in.jsonl.gz",
        gzip.compress(MANY, mtime=0) + b"garbage",
        "corrupt gzip data after byte",
    ),
    "zstd_with_garbage_after": ("in.jsonl.zst", zstandard.compress(MANY) + b"garbage", "corrupt zstd data after"),
    "bomb_behind_good_rows": (
        "in.jsonl.gz",
        gzip.compress(MANY) + gzip.compress(ZEROS, 9, mtime=0),
        "inflates more than 200 times",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_rows_before_damage_are_kept_and_the_damage_is_one_row(name, tmp_path, capfd):
    file, content, reason = DAMAGED[name]
    path = tmp_path / file
    path.write_bytes(content)
    code, summary, _ = run_with_summary(path, tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert code == 0
    assert summary["rows_quarantined"] == 1
    assert summary["rows_kept"] > 1000
    # the faulty row stands where the last good one ends: line k + 1, byte after the k-th line feed
    assert rejected_row["line"] == summary["rows_kept"] + 1
    assert rejected_row["byte"] == _ends(MANY)[summary["rows_kept"] - 1]
    assert rejected_row["reason"].startswith(reason)
    if name != "truncated_gzip":
        assert summary["rows_kept"] == 2000


def test_a_truncated_zstd_keeps_the_frames_before_the_cut(tmp_path, capfd):
    path = tmp_path / "in.jsonl.zst"
    frame = zstandard.compress(MANY.replace(b'"id":"', b'"id":"again'))
    path.write_bytes(zstandard.compress(MANY) + frame[: len(frame) // 2])
    code, summary, _ = run_with_summary(path, tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert (code, summary["rows_kept"]) == (0, 2000)
    assert (rejected_row["line"], rejected_row["byte"]) == (2001, len(MANY))
    assert rejected_row["reason"].startswith("corrupt zstd data after byte")


def test_a_parquet_page_that_is_damaged_ends_the_file_after_the_rows_before_it(tmp_path, capfd):
    rows = [f"{n} " + str(n * 7919) * 40 for n in range(5000)]
    sink = io.BytesIO()
    table = pa.table({"id": [str(n) for n in range(5000)], "text": rows})
    pq.write_table(table, sink, row_group_size=1000, use_dictionary=False, compression="zstd")
    content = bytearray(sink.getvalue())
    third = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(3).column(1)
    content[third.data_page_offset + 2000 : third.data_page_offset + 2100] = bytes(100)
    path = tmp_path / "in.parquet"
    path.write_bytes(content)
    code, summary, _ = run_with_summary(path, tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert code == 0
    assert summary["rows_kept"] >= 2900  # all of the groups before, as far as whole batches go
    assert rejected_row["line"] == summary["rows_kept"] + 1
    assert rejected_row["byte"] is None
    assert rejected_row["reason"].startswith("corrupt Parquet data, the rest is not read")


def test_bad_values_in_parquet_are_set_aside_by_row_number(tmp_path, capfd):
    path = tmp_path / "in.parquet"
    broken = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.array([0, 2, 4, 6], pa.int32()).buffers()[1], pa.py_buffer(b"ab\xff\xfecd")]
    )
    pq.write_table(pa.table({"id": ["a", "b", "c"], "text": broken, "reward": [1.0, 2.0, float("inf")]}), path)
    code, summary, _ = run_with_summary(path, tmp_path, capfd)
    assert (code, summary["rows_kept"]) == (0, 2)  # an infinity is a missing number
    assert [(row["line"], row["byte"]) for row in rejected_rows(tmp_path)] == [(2, None)]
    assert all(row["reason"].startswith("a value cannot be read") for row in rejected_rows(tmp_path))


# -- limits, loops, streams -----------------------------------------------------------------------------


def test_more_bad_rows_than_allowed_end_with_exit_code_4_and_leave_the_quarantine(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    path.write_bytes(MANY + b"x\n" * 21)  # 21 of 2021 rows are more than 1 %, 20 of 2020 are not
    quarantine_path = tmp_path / "q.jsonl"
    code, out, err = run([str(path), "--quarantine", str(quarantine_path)], capfd)
    assert (code, out) == (4, "")
    assert err.startswith("sgram: 21 of 2021 rows (1.0 %) were set aside, more than 1 %: not valid JSON (21)")
    assert quarantine_path.read_bytes().count(b"\n") == 21
    path.write_bytes(MANY + b"x\n" * 20)
    assert run([str(path), "--quarantine", str(quarantine_path)], capfd)[0] == 0
    assert quarantine_path.read_bytes().count(b"\n") == 20


def test_a_thousand_bad_rows_stop_the_reading_at_once(tmp_path, capfd):
    path = tmp_path / "in.jsonl"
    path.write_bytes(FIRST + b"\n" + b"x\n" * 5000)
    code, _, err = run([str(path), "--quarantine", str(tmp_path / "q.jsonl")], capfd)
    assert code == 4
    assert "1000 of 1001 rows" in err


def test_a_folder_that_contains_itself_is_read_once(tmp_path, capfd):
    runs = tmp_path / "runs"
    (runs / "deep").mkdir(parents=True)
    (runs / "deep" / "in.jsonl").write_bytes(FIRST + b"\n")
    (runs / "deep" / "up").symlink_to(runs)
    code, summary, _ = run_with_summary(runs, tmp_path, capfd)
    assert (code, summary["rows_in"], summary["rows_kept"]) == (0, 1, 1)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_stdin_is_judged_like_a_file(pack, tmp_path, capfd, monkeypatch):
    content = tmp_path / "content"
    content.write_bytes(pack(FIRST + b"\nx\n" + LAST + b"\n"))
    with content.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        code, summary, _ = run_with_summary(Path("-"), tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert (code, summary["rows_kept"]) == (0, 2)
    assert (rejected_row["file"], rejected_row["line"], rejected_row["byte"]) == ("stdin", 2, len(FIRST) + 1)


def test_a_file_name_cannot_drive_the_terminal(tmp_path, capfd):
    path = tmp_path / "in\x1b]8;;http:x\x07\u202e\n.jsonl"
    path.write_bytes(b"x\n")
    code, _, err = run_with_summary(path, tmp_path, capfd)
    assert code == 3
    assert err.rstrip("\n").isprintable()


def test_a_file_name_that_is_not_utf8_is_printed_with_escapes(tmp_path, capfd):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in\xff.jsonl"))
    path.write_bytes(FIRST + b"\nx\n")
    code, _, _ = run_with_summary(path, tmp_path, capfd)
    (rejected_row,) = rejected_rows(tmp_path)
    assert (code, rejected_row["line"]) == (0, 2)
    assert rejected_row["file"].endswith("in\\udcff.jsonl")


def test_a_quarantine_that_cannot_be_written_raises_an_error(tmp_path, capfd):
    path = _file("in.jsonl", FIRST + b"\nx\n")(tmp_path)
    code, _, err = run([str(path), "--quarantine", str(path / "q.jsonl")], capfd)
    assert code == 2  # outputs are checked before anything is read
    assert re.match(r"sgram: cannot write .*q\.jsonl: .*in\.jsonl is not a folder; name another path", err)


def test_there_are_at_least_sixty_malformed_inputs():
    assert len(BAD_ROWS) + len(ODD_FIELDS) + len(UNUSABLE) + len(DAMAGED) >= 100
