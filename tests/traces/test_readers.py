import gzip
import itertools
import json
import logging
import random
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sgram.errors import InputError, QuarantineError, SgramError, UsageError
from sgram.safe_reading import Caps
from sgram.traces import ReadOptions, TraceReader, read_traces
from sgram.traces.dialect import all_dialects
from sgram.traces.file_tasks import file_tasks
from sgram.traces.ids import content_digest
from sgram.traces.writers import write_traces
from tests.builders.paths import ROOT

SHARED = ROOT.parent / "shared" / "data" / "traces"


def lines(*records: object) -> bytes:
    return b"".join(record if isinstance(record, bytes) else orjson.dumps(record) + b"\n" for record in records)


def put(folder: Path, name: str, *records: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(lines(*records), mtime=0) if name.endswith(".gz") else lines(*records))
    return path


def row_of(name: str, **fields: object) -> dict:
    return {"id": name, "text": f"text of {name}", **fields}


def check_counts(reader: TraceReader) -> None:
    report = reader.report
    for counts in (report, *report.files):
        assert counts.rows_in == counts.rows_kept + counts.rows_skipped + counts.rows_quarantined
    for name in ("rows_in", "rows_kept", "rows_skipped", "rows_quarantined"):
        assert getattr(report, name) == sum(getattr(file, name) for file in report.files)


# -- what is read, in which order -----------------------------------------------------------------------------


def test_one_path_many_paths_and_folders_are_read(tmp_path):
    put(tmp_path, "runs/b/2.jsonl", row_of("b2"))
    put(tmp_path, "runs/a.jsonl.gz", row_of("a"))
    put(tmp_path, "runs/b/10.jsonl", row_of("b10"))
    put(tmp_path, "runs/.hidden/x.jsonl", row_of("hidden"))
    put(tmp_path, "runs/config.json", {"lr": 1})
    put(tmp_path, "runs/b/2.jsonl.quarantine.jsonl", {"file": "x"})
    single = put(tmp_path, "single.txt", row_of("s"))
    assert [trace.id for trace in read_traces(tmp_path / "runs")] == ["a", "b2", "b10"]
    assert [trace.id for trace in read_traces(str(single))] == ["s"]
    assert [trace.id for trace in read_traces([single, str(tmp_path / "runs")])] == ["s", "a", "b2", "b10"]


def test_each_file_is_of_its_own_dialect(tmp_path):
    put(tmp_path, "1.jsonl", row_of("a"))
    put(tmp_path, "2.jsonl", {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]})
    put(tmp_path, "3.jsonl", {"input": "q", "output": "r", "gts": "r", "score": 1.0, "step": 1})
    reader = TraceReader(tmp_path)
    assert [trace.text for trace in reader] == ["text of a", "r", "r"]
    assert [file.dialect for file in reader.report.files] == ["sgram", "columns", "verl"]
    assert reader.report.dialects == {"sgram": 1, "columns": 1, "verl": 1}


def test_a_dialect_may_be_named(tmp_path):
    path = put(tmp_path, "1.jsonl", {"prompt": "q", "completion": "r", "brevity": 0.5})
    assert next(iter(read_traces(path))).reward is None
    assert next(iter(read_traces(path, dialect="trl"))).reward == 0.5


def test_a_file_named_twice_is_read_once_with_a_warning(tmp_path):
    path = put(tmp_path, "1.jsonl", row_of("a"))
    (tmp_path / "link.jsonl").symlink_to(path)
    reader = TraceReader([path, tmp_path])
    assert len(list(reader)) == 1
    assert len(reader.report.warnings) == 2
    assert "is named more than once" in reader.report.warnings[0]


def test_a_json_file_may_hold_one_array_or_one_record_or_lines(tmp_path):
    records = [row_of("a"), {"id": 5, "text": 4}, row_of("b")]
    path = put(tmp_path, "rows.json", b"\xef\xbb\xbf" + json.dumps(records, indent=1).encode())
    reader = TraceReader(path, options=ReadOptions(max_bad=1, quarantine=tmp_path / "q.jsonl"))
    assert [trace.id for trace in reader] == ["a", "b"]
    (rejected_row,) = map(orjson.loads, (tmp_path / "q.jsonl").read_bytes().splitlines())
    assert (rejected_row["line"], rejected_row["byte"], rejected_row["excerpt"]) == (2, None, '{"id":5,"text":4}')
    assert [trace.id for trace in read_traces(put(tmp_path, "one.json", row_of("c")))] == ["c"]
    assert [trace.id for trace in read_traces(put(tmp_path, "two.json", row_of("c"), row_of("d")))] == ["c", "d"]
    small = ReadOptions(caps=Caps(max_line_bytes=100))
    many_rows = put(tmp_path, "many.json", *(row_of(str(n)) for n in range(50)))
    assert len(list(TraceReader(many_rows, options=small))) == 50
    large_array = put(tmp_path, "array.json", [row_of(str(n)) for n in range(50)])
    assert len(list(TraceReader(large_array, options=small))) == 50


# -- ids ----------------------------------------------------------------------------------------------------


def test_rows_without_an_id_get_one_from_their_content(tmp_path):
    row = {"prompt": "q", "text": "r"}
    path = put(tmp_path, "1.jsonl", row, {**row, "text": "s"}, row, row)
    ids = [trace.id for trace in read_traces(path)]
    digest = content_digest("q", "r", None)
    assert ids == [digest, content_digest("q", "s", None), f"{digest}~2", f"{digest}~3"]


def test_a_repeated_id_of_another_text_gets_digits_of_its_digest_even_in_another_file(tmp_path):
    put(tmp_path, "1.jsonl", row_of("0"), row_of("b"))
    put(tmp_path, "2.jsonl", {"id": 0, "text": "another"}, row_of("c"))
    digest = content_digest(None, "another")[:6]
    assert [trace.id for trace in read_traces(tmp_path)] == ["0", "b", f"0~{digest}", "c"]


def test_a_repeated_id_with_the_same_prompt_and_text_is_one_trace(tmp_path):
    put(tmp_path, "1.jsonl", row_of("a", prompt="q"), row_of("b"))
    second = put(tmp_path, "2.jsonl", row_of("a", prompt="q", reward=1), row_of("a", prompt="p"), row_of("b"))
    reader = TraceReader(tmp_path)
    digest = content_digest("p", "text of a")[:6]
    assert [(trace.id, trace.reward) for trace in reader] == [("a", None), ("b", None), (f"a~{digest}", None)]
    assert (reader.report.rows_skipped, reader.report.files[1].rows_repeated) == (2, 2)
    assert reader.report.warnings == [f"{second}: 2 rows skipped: their id, prompt and text were read before"]
    check_counts(reader)


def test_a_list_of_responses_may_be_named(tmp_path):
    path = put(tmp_path, "in.jsonl", {"problem": "2+2?", "tries": ["It is 4.", "It is 5."]})
    named = TraceReader(path, options=ReadOptions(columns={"text": "tries"}))
    assert [(trace.prompt, trace.text) for trace in named] == [("2+2?", "It is 4."), ("2+2?", "It is 5.")]


def test_equal_texts_of_different_samples_are_kept(tmp_path):
    row = {"id": "q1", "prompt": "2+2?", "response": "4"}
    rows = [{**row, "sample_idx": 0}, {**row, "sample_idx": 1}, {**row, "sample_idx": 0}, row]
    reader = TraceReader(put(tmp_path, "1.jsonl", *rows))
    digest = content_digest("2+2?", "4", "1")[:6]
    unnumbered = content_digest("2+2?", "4")[:6]
    assert [trace.id for trace in reader] == ["q1", f"q1~{digest}", f"q1~{unnumbered}"]
    assert reader.report.rows_skipped == 1  # the third row repeats the first


# -- quarantine, limits -------------------------------------------------------------------------------------


def test_a_truncated_gzip_keeps_the_rows_before_the_cut(tmp_path):
    rows = [row_of(str(n), x=n * 7919) for n in range(2000)]
    path = put(tmp_path, "in.jsonl.gz", *rows)
    whole = path.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        reader = TraceReader(path, options=ReadOptions(quarantine=tmp_path / "q.jsonl"))
        kept_traces = list(reader)
        assert [trace.id for trace in kept_traces] == [str(n) for n in range(len(kept_traces))]
        (rejected_row,) = map(orjson.loads, (tmp_path / "q.jsonl").read_bytes().splitlines())
        assert rejected_row["byte"] == len(lines(*rows[: len(kept_traces)]))
        assert rejected_row["line"] == len(kept_traces) + 1
        check_counts(reader)


def test_bad_rows_can_raise_at_once(tmp_path):
    path = put(tmp_path, "in.jsonl", row_of("a"), b"oops\n", row_of("b"))
    read = read_traces(path, on_error="raise")
    assert next(read).id == "a"
    with pytest.raises(InputError, match=r"in\.jsonl:2: not valid JSON"):
        next(read)


def test_the_share_of_bad_rows_is_judged_at_the_end(tmp_path):
    path = put(tmp_path, "in.jsonl", *(row_of(str(n)) for n in range(9)), b"oops\n")
    assert len(list(TraceReader(path, options=ReadOptions(max_bad=0.1)))) == 9
    reader, kept_traces = TraceReader(path, options=ReadOptions(max_bad=0.09)), []
    with pytest.raises(QuarantineError, match=r"1 of 10 rows \(10\.0 %\) were set aside, more than 9 %") as raised:
        kept_traces.extend(reader)
    assert raised.value.exit_code == 4
    assert reader.report.rows_kept == 9
    check_counts(reader)


def test_a_thousand_bad_rows_over_the_share_stop_the_reading(tmp_path):
    path = put(tmp_path, "in.jsonl", row_of("a"), *[b"oops\n"] * 1500, *(row_of(str(n)) for n in range(10**4)))
    reader = TraceReader(path)
    with pytest.raises(QuarantineError, match="1000 of 1001 rows"):
        list(reader)
    generous = TraceReader(path, options=ReadOptions(max_bad=1))
    assert len(list(generous)) == 10_001


def test_nothing_but_bad_rows_is_an_unusable_input(tmp_path):
    path = put(tmp_path, "in.jsonl", b"oops\n" * 1200)
    with pytest.raises(InputError, match=r"none of the rows can be used \(1000 read\); first: .*in\.jsonl:1: not"):
        list(TraceReader(path))
    with pytest.raises(InputError, match=r"no rows in .*empty\.jsonl"):
        list(TraceReader(put(tmp_path, "empty.jsonl")))


def test_rejected_rows_are_logged_once_per_file(tmp_path, caplog):
    put(tmp_path, "1.jsonl", row_of("a"), b"oops\n", b"oops\n")
    put(tmp_path, "2.jsonl", row_of("b"))
    with caplog.at_level(logging.WARNING, "sgram.traces"):
        list(TraceReader(tmp_path, options=ReadOptions(max_bad=1)))
    assert [record.message.split(": ", 1)[1].split(";")[0] for record in caplog.records] == ["rows set aside: 2"]
    caplog.clear()
    list(TraceReader(tmp_path, options=ReadOptions(max_bad=1, quarantine=tmp_path / "q")))
    assert not caplog.records


def test_a_reading_left_early_still_leaves_its_quarantine(tmp_path):
    path = put(tmp_path, "in.jsonl", b"oops\n", row_of("a"), row_of("b"))
    reader = TraceReader(path, options=ReadOptions(max_bad=1, quarantine=tmp_path / "q.jsonl"))
    reading = iter(reader)
    assert next(reading).id == "a"
    reading.close()
    assert (tmp_path / "q.jsonl").read_bytes().count(b"\n") == 1
    check_counts(reader)


def test_the_quarantine_cannot_be_an_input(tmp_path):
    path = put(tmp_path, "in.jsonl", row_of("a"))
    with pytest.raises(UsageError, match="is an input; name another file for the quarantine"):
        TraceReader(path, options=ReadOptions(quarantine=tmp_path / "." / "in.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"dialect": "verlx"}, "unknown dialect 'verlx'; known: auto, "),
        ({"on_error": "ignore"}, "on_error must be quarantine or raise (got 'ignore')"),
        ({"options": ReadOptions(max_bad=1.5)}, "max_bad must be a share of rows from 0 to 1 (got 1.5)"),
        ({"options": ReadOptions(where=("color=red",))}, "condition 'color=red' is invalid"),
    ],
)
def test_invalid_arguments_raise_a_usage_error_before_reading(tmp_path, arguments, sentence):
    path = put(tmp_path, "in.jsonl", row_of("a"))
    with pytest.raises(UsageError) as raised:
        TraceReader(path, **arguments)
    assert str(raised.value).startswith(sentence)
    with pytest.raises(UsageError, match="nothing to read"):
        TraceReader([])


# -- rows that fail, files that are none ----------------------------------------------------------------------


def test_rows_that_say_themselves_that_they_failed_are_skipped_and_counted(tmp_path):
    failed = [{"prompt": "q", "response": "", "error": "timeout"}, {"prompt": "q", "response": None}]
    path = put(tmp_path, "in.jsonl", {"prompt": "q", "response": "r"}, *failed)
    reader = TraceReader(path)
    assert [trace.text for trace in reader] == ["r"]
    assert (reader.report.rows_skipped, reader.report.files[0].rows_failed) == (2, 2)
    (warning,) = reader.report.warnings
    assert warning == f"{path}: 2 rows of failed rollouts skipped; first: {path}:2: the rollout failed: timeout"
    check_counts(reader)


def test_nothing_but_failed_rows_is_an_unusable_input(tmp_path):
    path = put(tmp_path, "in.jsonl", {"prompt": "q", "response": "", "error": "timeout"})
    with pytest.raises(InputError, match=r"none of the rows can be used \(1 read\); first: .*:1: the rollout failed"):
        list(TraceReader(path))


def test_one_failed_response_of_several_leaves_the_others(tmp_path):
    row = {"prompt": "q", "responses": ["one", None, "three"], "correctness": [True, False, False]}
    reader = TraceReader(put(tmp_path, "in.jsonl", row))
    assert [(trace.text, trace.correct) for trace in reader] == [("one", True), ("three", False)]
    check_counts(reader)


def test_a_file_of_a_folder_that_holds_no_rollouts_is_left_out_with_a_warning(tmp_path):
    put(tmp_path, "a.jsonl", row_of("a"))
    metrics = put(tmp_path, "metrics.jsonl", *({"loss": n, "lr": 0.1} for n in range(1500)))
    reader = TraceReader(tmp_path, options=ReadOptions(quarantine=tmp_path / "q.quarantine.jsonl"))
    assert [trace.id for trace in reader] == ["a"]
    (warning,) = reader.report.warnings
    assert warning.startswith(f"{metrics} is left out: none of its first 1,000 rows is a rollout (no column looks like")
    assert (reader.report.rows_in, (tmp_path / "q.quarantine.jsonl").exists()) == (1, False)
    with pytest.raises(InputError, match=r"none of the rows can be used \(1000 read\); first: .*metrics\.jsonl:1: no"):
        list(TraceReader(metrics))
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(InputError, match=r"none of the rows can be used; first: .*metrics\.jsonl:1: no column"):
        list(TraceReader(tmp_path))


def test_bad_rows_before_the_first_good_one_are_set_aside_in_a_folder_too(tmp_path):
    put(tmp_path, "runs/a.jsonl", *[b"oops\n"] * 60, row_of("a"), {"loss": 1})
    put(tmp_path, "runs/b.jsonl", row_of("b"))
    put(tmp_path, "runs2/c.jsonl", {"loss": 1})
    options = ReadOptions(max_bad=1, quarantine=tmp_path / "q.jsonl")
    reader = TraceReader([tmp_path / "runs", tmp_path / "runs2" / "c.jsonl"], options=options)
    assert [trace.id for trace in reader] == ["a", "b"]
    rejected_rows = [orjson.loads(line) for line in (tmp_path / "q.jsonl").read_bytes().splitlines()]
    assert [row["line"] for row in rejected_rows] == [*range(1, 61), 62, 1]
    assert rejected_rows[0]["excerpt"] == "oops"
    assert not reader.report.warnings


def test_a_damaged_file_of_a_folder_is_no_foreign_one(tmp_path):
    put(tmp_path, "a.jsonl", row_of("a"))
    cut = put(tmp_path, "b.jsonl.gz", row_of("b"))
    cut.write_bytes(cut.read_bytes()[:-12])
    reader = TraceReader(tmp_path, options=ReadOptions(max_bad=1))
    assert [trace.id for trace in reader] == ["a"]
    assert reader.report.first_fault.startswith(f"{cut}:1: corrupt gzip data")


def test_a_row_that_fits_no_dialect_names_the_column_to_try(tmp_path):
    path = put(tmp_path, "in.jsonl", {"n": "1", "my_words": "Wait, it is four."})
    with pytest.raises(InputError, match=r"my_words holds .*, --column text=my_words"):
        list(TraceReader(path))
    (trace,) = TraceReader(path, options=ReadOptions(columns={"text": "my_words"}))
    assert (trace.text, trace.meta) == ("Wait, it is four.", {"n": "1"})


def test_optional_fields_of_another_shape_go_to_meta_with_one_warning_a_column(tmp_path):
    rows = [row_of(str(n), group=[n], step="ten", reward="0.5") for n in range(3)]
    path = put(tmp_path, "in.jsonl", *rows)
    reader = TraceReader(path)
    first, *_ = traces = list(reader)
    assert len(traces) == 3
    assert (first.group, first.step, first.reward, first.meta) == (None, None, 0.5, {"group": [0], "step": "ten"})
    assert reader.report.warnings == [
        f"{path}: the column {name} has an unexpected shape in 3 rows; it is kept in meta there"
        for name in ("group", "step")
    ]


# -- runs, rewards ----------------------------------------------------------------------------------------------


def test_the_run_is_told_by_the_user_else_the_data_else_the_place(tmp_path):
    put(tmp_path, "grpo/step_1.jsonl", row_of("a"))
    put(tmp_path, "grpo/step_2.jsonl", row_of("b", run="own"))
    single = put(tmp_path, "hicra.jsonl", row_of("c"))
    reader = TraceReader([tmp_path / "grpo", single])
    assert [(trace.id, trace.run) for trace in reader] == [("a", "grpo"), ("b", "own"), ("c", "hicra")]
    named = TraceReader([f"base={tmp_path}/grpo/*_1.jsonl", f"new={single}"])
    assert [(trace.id, trace.run) for trace in named] == [("a", "base"), ("c", "new")]
    assert named.input_paths == [str(tmp_path / "grpo" / "step_1.jsonl"), str(single)]


def test_a_reward_of_two_values_is_read_as_correctness_and_said(tmp_path):
    put(tmp_path, "a.jsonl", *({"prompt": "q", "response": f"r{n}", "score": n % 2} for n in range(10)))
    put(tmp_path, "b.jsonl", *({"prompt": "q", "response": f"s{n}", "score": n / 4} for n in range(5)))
    reader = TraceReader([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert [trace.correct for trace in reader] == [False, True] * 5 + [None] * 5
    first, second = reader.report.decisions
    assert first.startswith("score is 0 or 1 in all 10 rows of a: read as wrong or right")
    assert second.startswith("score of b goes from 0 to 1 and is not read as correctness")
    plain = TraceReader(tmp_path / "a.jsonl", options=ReadOptions(infer_correct=False))
    assert {trace.correct for trace in plain} == {None}
    assert not plain.report.decisions


def test_all_rows_of_a_run_decide_whether_its_reward_is_correctness(tmp_path):
    ones = [row_of(str(n), reward=n % 2, run="own") for n in range(1500)]
    assert list(read_traces(put(tmp_path, "good.jsonl", *ones)))[-1].correct is True
    path = put(tmp_path, "in.jsonl", *ones, row_of("last", reward=0.5, run="own"))
    assert {trace.correct for trace in read_traces(path)} == {None}
    late = [*(row_of(f"b{n}", run="own") for n in range(1500)), row_of("c", reward=0.5, run="own")]
    put(tmp_path, "runs/1.jsonl", *late)
    put(tmp_path, "runs/2.jsonl", *ones)
    assert {trace.correct for trace in read_traces(tmp_path / "runs")} == {None}


@pytest.mark.parametrize(
    ("numbers", "example"), [((0, 1, 0, 3, 8), "3"), ((100, 0, 100), "100"), ((0.0, 0.125, 1.0), "0.125")]
)
def test_a_column_of_verdicts_that_counts_is_a_verdict_in_no_row(numbers, example, tmp_path):
    rows = [{"prompt": "q", "response": f"r{n}", "correct": number} for n, number in enumerate(numbers)]
    path = put(tmp_path, "in/1.jsonl", *rows[:2])
    put(tmp_path, "in/2.jsonl", *rows[2:])
    reader = TraceReader(path.parent)
    traces = list(reader)
    assert {trace.correct for trace in traces} == {None}
    assert [trace.meta["correct"] for trace in traces] == list(numbers)
    (decision,) = reader.report.decisions
    assert decision.startswith(f"correct holds {example}, and so is not read as correctness in any row; ")
    # a task that reads one of the files knows what the others hold
    tasks = file_tasks(TraceReader(path.parent), "auto")
    assert {trace.correct for task in tasks for trace in task.reader()} == {None}
    named = ReadOptions(columns={"reward": "correct"}, correct_above=0.5)
    assert [trace.correct for trace in TraceReader(path.parent, options=named)] == [number > 0.5 for number in numbers]


def test_numbers_that_are_verdicts_or_none_are_read_as_before(tmp_path):
    rows = [{"prompt": "q", "response": f"r{n}", "correct": number} for n, number in enumerate((0, 1.0, -1, "1", None))]
    reader = TraceReader(put(tmp_path, "in.jsonl", *rows))
    assert [trace.correct for trace in reader] == [False, True, None, True, None]
    assert reader.report.decisions == []


def test_a_reward_that_was_no_verdict_is_none_after_writing_and_reading(tmp_path):
    rows = [{"prompt": "q", "response": f"r{n}", "format_reward": n % 2} for n in range(4)]
    traces = list(read_traces(put(tmp_path, "in.jsonl", *rows)))
    assert [(trace.reward, trace.correct) for trace in traces] == [(0.0, None), (1.0, None)] * 2
    for name in ("out.jsonl.gz", "out.parquet"):
        write_traces(traces, tmp_path / name)
        assert list(read_traces(tmp_path / name)) == traces


# -- conditions, report, progress -----------------------------------------------------------------------------


def test_conditions_skip_rows_and_the_sum_stays_true(tmp_path):
    rows = [row_of(str(n), correct=n % 2 == 0, step=n) for n in range(20)]
    path = put(tmp_path, "in.jsonl", *rows, b"oops\n")
    reader = TraceReader(path, options=ReadOptions(where=("correct=true", "step>=10"), max_bad=1))
    assert [trace.step for trace in reader] == [10, 12, 14, 16, 18]
    report = reader.report
    assert (report.rows_in, report.rows_kept, report.rows_skipped, report.rows_quarantined) == (21, 5, 15, 1)
    check_counts(reader)


def test_correctness_can_be_derived_from_the_reward(tmp_path):
    rows = [row_of("a", reward=1), row_of("b", reward=0.5), row_of("c"), row_of("d", reward=1, correct=False)]
    path = put(tmp_path, "in.jsonl", *rows)
    reader = TraceReader(path, options=ReadOptions(correct_above=0.5))
    assert [trace.correct for trace in reader] == [True, False, None, False]


def test_a_reader_can_be_read_again_and_counts_anew(tmp_path):
    path = put(tmp_path, "in.jsonl", row_of("a"), row_of("b"), b"oops\n")
    reader = TraceReader(path, options=ReadOptions(max_bad=1))
    assert list(reader) == list(reader)
    assert reader.report.rows_in == 3


def test_progress_ends_at_the_size_of_the_input(tmp_path):
    put(tmp_path, "1.jsonl", *(row_of(f"a{n}") for n in range(5000)))
    put(tmp_path, "2.jsonl.gz", *(row_of(f"b{n}") for n in range(5000)))
    reader = TraceReader(tmp_path)
    progress = [reader.bytes_read for _ in reader]
    assert progress == sorted(progress)
    assert reader.bytes_read == reader.bytes_total == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert TraceReader("-").bytes_total is None


def test_unequal_groups_of_a_verl_dump_give_a_warning(tmp_path):
    rows = [{"input": f"q{n // 4}", "output": f"r{n}", "gts": "r", "score": 0, "step": 1} for n in range(11)]
    reader = TraceReader(put(tmp_path, "1.jsonl", *rows))
    groups = [trace.group for trace in reader]
    assert [len(list(members)) for _, members in itertools.groupby(groups)] == [4, 4, 3]
    (warning,) = reader.report.warnings
    assert "groups have 3 to 4 traces" in warning
    even = TraceReader(put(tmp_path, "2.jsonl", *rows[:8]))
    assert len(list(even)) == 8
    assert not even.report.warnings


def test_groups_that_contradict_the_prompts_give_a_warning(tmp_path):
    def warnings(*rows):
        reader = TraceReader(put(tmp_path, "in.jsonl", *rows))
        assert len(list(reader)) == len(rows)
        return reader.report.warnings

    asked = [{"prompt": f"q{n // 2}", "response": f"r{n}"} for n in range(4)]  # two rows of each of two prompts
    assert warnings(*({**row, "task_id": row["prompt"]} for row in asked)) == []
    (mixed,) = warnings(*({**row, "task_id": "sums"} for row in asked))
    assert "2 rows have another prompt than the first row of their group" in mixed
    (single,) = warnings(*({**row, "uid": row["response"]} for row in asked))
    assert "each row is a group of its own, although prompts repeat" in single
    # one sample of each prompt at each step: groups last for a step
    assert warnings(*({**row, "uid": row["prompt"], "step": n % 2} for n, row in enumerate(asked))) == []


def test_an_answer_beside_a_prompt_is_the_reference_unless_sgram_wrote_the_row(tmp_path):
    asked = {"id": "a", "prompt": "2+2?", "text": "It is 5.", "answer": "4"}
    (trace,) = read_traces(put(tmp_path, "theirs.jsonl", asked))
    assert (trace.reference, trace.answer) == ("4", None)
    (trace,) = read_traces(put(tmp_path, "ours.jsonl", {**asked, "answer": "5", "reference": None}))
    assert (trace.reference, trace.answer) == (None, "5")
    (trace,) = read_traces(put(tmp_path, "alone.jsonl", {"id": "a", "text": "It is 5.", "answer": "5"}))
    assert (trace.reference, trace.answer) == (None, "5")


def test_answers_that_differ_within_a_group_are_reported(tmp_path):
    rows = [{"question": q, "response": f"It is {a}.", "answer": a} for q, a in (("2+2?", 4), ("3+3?", 6), ("2+2?", 5))]
    same = TraceReader(put(tmp_path, "same.jsonl", *rows[:2], {**rows[2], "answer": 4}))
    assert ([trace.reference for trace in same], same.report.warnings) == (["4", "6", "4"], [])
    path = put(tmp_path, "differing.jsonl", *rows)
    reader = TraceReader(path)
    assert [trace.reference for trace in reader] == ["4", "6", "5"]
    assert reader.report.warnings == [
        f"{path}: answer was read as the reference, but it differs within a group; if it is the model's answer, "
        "--column answer=answer (columns={'answer': 'answer'} in Python)"
    ]
    named = TraceReader(path, options=ReadOptions(columns={"answer": "answer"}))
    assert ([(trace.answer, trace.reference) for trace in named][2], named.report.warnings) == (("5", None), [])


def test_a_reward_that_is_missing_is_named_with_the_row(tmp_path):
    path = put(tmp_path, "in.jsonl", {"prompt": "2+2?", "response": "It is 4.", "score": 1})
    with pytest.raises(
        UsageError, match=rf"^{re.escape(str(path))}:1: no reward is called 'x'; the numbers here are: "
    ):
        list(TraceReader(path, options=ReadOptions(rewards={"x": 1.0})))


def test_lm_eval_rows_of_a_second_answer_filter_are_skipped(tmp_path):
    def row(doc: int, name: str) -> dict:
        return {"doc_id": doc, "doc_hash": f"h{doc}", "resps": [[f"It is {doc}"]], "target": "1", "filter": name}

    path = put(tmp_path, "samples_x.jsonl", row(1, "strict"), row(1, "flexible"), row(2, "strict"), row(2, "flexible"))
    reader = TraceReader(path)
    assert [trace.group for trace in reader] == ["h1", "h2"]
    assert (reader.report.rows_kept, reader.report.rows_skipped) == (2, 2)
    assert "2 rows whose filter is not strict were skipped" in reader.report.warnings[0]


def test_a_row_that_holds_several_responses_counts_as_several(tmp_path):
    row = {"doc_id": 1, "resps": [["one", "two", "three"]], "target": "1"}
    reader = TraceReader(put(tmp_path, "samples_x.jsonl", row))
    assert [trace.text for trace in reader] == ["one", "two", "three"]
    assert reader.report.rows_in == 3
    check_counts(reader)


# -- properties ---------------------------------------------------------------------------------------------

FRAGMENTS = [
    b'{"id":"%d","text":"t"}',
    b'{"text":"t","step":%d}',
    b'{"id":"same","text":"t"}',
    b"",
    b"  ",
    b"[1]",
    b"{",
    b'{"id":"x%d","text":"t","correct":"no"}',
    b'{"text":"\xff"}',
    b'{"id":"y%d","text":"\\ud800"}',
    b"null",
    b'{"prompt":"q","completion":"r%d"}',
    b"\r",
    b'{"id":"long","text":"' + b"x" * 300 + b'"}',
]


@given(
    pieces=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(FRAGMENTS)), max_size=30),
    suffix=st.sampled_from(["", ".gz"]),
)
@settings(max_examples=200)
def test_no_row_is_ever_lost(pieces, suffix, tmp_path_factory):
    content = b"\n".join(piece.replace(b"%d", str(n).encode()) for n, piece in pieces)
    folder = tmp_path_factory.mktemp("rows")
    path, quarantine_path = folder / f"in.jsonl{suffix}", folder / "q.jsonl"
    path.write_bytes(gzip.compress(content) if suffix else content)
    lines_with_text = [line for line in content.split(b"\n") if line.strip()]
    options = ReadOptions(max_bad=1, quarantine=quarantine_path, caps=Caps(max_line_bytes=200))
    reader = TraceReader(path, options=options)
    try:
        kept_traces = list(reader)
    except InputError as error:
        assume("is one JSON document of more than 200 bytes" not in str(error))
        kept_traces = []
    check_counts(reader)
    assert reader.report.rows_in == len(lines_with_text)
    assert reader.report.rows_kept == len(kept_traces)
    rejected_rows = (
        [orjson.loads(line) for line in quarantine_path.read_bytes().splitlines()] if quarantine_path.exists() else []
    )
    assert len(rejected_rows) == reader.report.rows_quarantined
    starts = [0]
    for line in content.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    assert all(row["byte"] == starts[row["line"] - 1] for row in rejected_rows)


def test_fuzzed_lines_raise_nothing_but_our_own_errors(tmp_path):
    rng = random.Random(7)
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]
    seeds = [
        orjson.dumps(row_of("a", reward=0.5, meta={"x": [1, {"y": None}]}, token_ids=[1, 2])),
        orjson.dumps({"input": "q", "output": "r", "gts": ["r"], "score": 1.0, "step": 3}),
        orjson.dumps({"messages": chat}),
    ]
    rows = []
    for _ in range(3_000):
        row = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(4)):
            offset = rng.randrange(len(row))
            row[offset : offset + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        rows.append(bytes(row))
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join(rows))
    for dialect in ("auto", *all_dialects()):
        reader = TraceReader(path, dialect, options=ReadOptions(max_bad=1))
        try:
            for _ in reader:
                pass
        except SgramError as error:
            assert re.search("none of the rows can be used|name the tokenizer|not an Inspect log", str(error))  # noqa: PT017
        check_counts(reader)
        if dialect == "auto":
            assert not [reason for reason in reader.report.reasons if reason.startswith("row is not of the dialect")]


# -- the real thing -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared trace collection is not beside this checkout")
def test_the_shared_traces_are_read_whole():
    reader, models, right = TraceReader(SHARED), set(), 0
    for trace in reader:
        models.add(trace.model)
        right += trace.correct is True
    # its README says: 17,488 traces; the sum of its column "correct T" is 8,755
    assert (reader.report.rows_kept, reader.report.rows_quarantined, right) == (17_488, 0, 8755)
    assert len(models) == 46
    kept_rows = {Path(file.file).name: file.rows_kept for file in reader.report.files}
    assert kept_rows == {path.name: gzip.decompress(path.read_bytes()).count(b"\n") for path in SHARED.glob("*.gz")}


def test_importing_traces_stays_light():
    code = (
        "import sys, sgram.traces; heavy = ('pyarrow', 'numpy', 'pandas', 'torch', 'tokenizers', 'inspect_ai', 'rich');"
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
