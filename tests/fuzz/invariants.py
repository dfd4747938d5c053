"""What reading must keep, whatever the input: counts, messages, identity, no exception of the program's own."""

import logging
import os
import random
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import orjson

from sgram.errors import SgramError
from sgram.traces.containers.json_shapes import is_conversation
from sgram.traces.dialect import all_dialects
from sgram.traces.readers import COLUMN_FIELDS, ReadOptions, TraceReader
from sgram.traces.trace import Trace, check_trace
from sgram.traces.writers import write_traces
from tests.builders.analysis_examples import write_byte_tokenizer
from tests.fuzz.containers import CONTAINERS, write_rows, write_saved
from tests.fuzz.mutations import change_rows, copy
from tests.fuzz.samples import samples

_Outcome = tuple[str, tuple[int, ...], list[Trace]]
_DAMAGE = re.compile(r": (?:corrupt|the archive is cut short)")
_SLOW_S = 20.0
_MAX_ROWS = 6
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONDITIONS = ("correct=true", "correct!=none", "reward>=0.5", "step<3", "length>10", "text~a", "meta.x=1", "run!=rows")
_OUTPUTS = ("out.jsonl", "out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.parquet")


class Written(NamedTuple):
    """A file to read."""

    path: Path
    container: str
    dialect: str
    n_rows: int
    """How many rows must be found; 0 if that cannot be said."""
    columns: tuple[str, ...]
    """Names of the columns of its rows."""


def write_file(seed: int, number: int, folder: Path) -> Written:
    """Write file `number` of a seed into a folder."""
    chance = random.Random(f"{seed}/{number}")
    containers, dialects = list(CONTAINERS), samples()
    container = containers[number % len(containers)]
    names = list(dialects)
    name = "inspect" if container in ("log", "eval") else names[number // len(containers) % len(names)]
    rows = []
    for place in range(chance.choice((1, 1, 2, 2, 3, 4, _MAX_ROWS))):
        kind = chance.choice(names) if chance.random() < 0.04 else name
        row = orjson.loads(chance.choice(dialects[kind]))
        rows.append(_tell_apart(copy(row), place) if place and chance.random() < 0.8 else row)
    rows = change_rows(rows, chance)
    data, suffix, is_whole = write_rows(rows, chance, container)
    path = folder / ("rows" if container == "saved" else f"rows{suffix}")
    if container == "saved":
        write_saved(data, path, chance)
    else:
        path.write_bytes(data)
    is_countable = is_whole and container in ("lines", "array", "parquet") and not is_conversation(rows)
    n_rows = sum(row not in ([], {}) for row in rows) if is_countable else 0
    names_of_rows = sorted({str(name) for row in rows if isinstance(row, dict) for name in row})
    return Written(path, container, name, n_rows, tuple(names_of_rows))


def _tell_apart(row: object, place: int) -> object:
    """Return a row in which words end with its place."""
    if isinstance(row, dict):
        return {
            name: f"{value} {place}" if isinstance(value, str) and " " in value else _tell_apart(value, place)
            for name, value in row.items()
        }
    return [_tell_apart(value, place) for value in row] if isinstance(row, list) else row


def find_faults_of_part(seed: int, part: int, n_files: int, folder: Path) -> list[str]:
    """Return what is wrong with the reading of the files of a part; each is written into a folder of its own."""
    logging.disable(logging.WARNING)
    try:
        faults: list[str] = []
        for number in range(n_files * part, n_files * (part + 1)):
            own_folder = folder / str(number)
            own_folder.mkdir()
            faults += find_faults(seed, number, own_folder)
        return faults
    finally:
        logging.disable(logging.NOTSET)


def find_faults(seed: int, number: int, folder: Path) -> list[str]:
    """Return what is wrong with the reading of file `number` of a seed, written into an empty folder."""
    began = time.process_time()
    written = write_file(seed, number, folder)
    chance = random.Random(f"{seed}/{number}/reading")
    faults: list[str] = []
    try:
        _check(written, folder, chance, faults)
    except Exception as error:  # any is a fault
        where = traceback.extract_tb(error.__traceback__)[-1]
        faults.append(f"{type(error).__name__}: {str(error)[:200]!r} at {Path(where.filename).name}:{where.lineno}")
    seconds = time.process_time() - began
    if seconds > _SLOW_S:
        faults.append(f"takes {seconds:.1f} s")
    return [f"{number} ({written.container}, {written.dialect}, {written.path.name}): {fault}" for fault in faults]


def _check(written: Written, folder: Path, chance: random.Random, faults: list[str]) -> None:
    path = written.path
    quarantine = folder / "q.quarantine.jsonl"
    dialect = chance.choice(list(all_dialects())) if chance.random() < 0.06 else "auto"
    target = folder if chance.random() < 0.1 else path
    options = ReadOptions(
        quarantine=quarantine, max_bad=1.0, tokenizer=_tokenizer(written, folder), **_choices(written, chance)
    )
    traces: list[Trace] = []
    reader = None
    before = set(folder.iterdir())
    with _expected(faults, path, target) as caught:
        reader = TraceReader(str(target), dialect, options=options)
        traces.extend(reader)
    if reader is not None:
        _check_report(reader, traces, quarantine, bool(caught), faults)
        n_found = reader.report.rows_in
        is_quiet = not caught and not reader.report.rows_quarantined
        if dialect == "auto" and target == path and n_found < written.n_rows and is_quiet:
            faults.append(f"{written.n_rows} rows written, {n_found} found")
        _check_again(reader, path, target, traces, bool(caught), faults)
    for trace in traces:
        check_trace(trace)
    if set(folder.iterdir()) - before - {quarantine}:
        faults.append("a file is left behind")
    if traces and not caught:
        _check_identity(traces, folder, chance, faults)
    if chance.random() < 0.15 and path.is_file() and path.suffix != ".eval":
        check_pipe(path, replace(options, quarantine=None, infer_correct=False), folder, faults)
    if chance.random() < 0.2:
        with _expected(faults, path, target):
            for _ in TraceReader(str(target), dialect, on_error="raise"):
                pass


def _choices(written: Written, chance: random.Random) -> dict[str, Any]:
    """Return options about columns, rewards and conditions; mostly none."""
    names = [*written.columns, "reward", "missing", "meta.parts", "a.b"]
    choices: dict[str, Any] = {}
    if chance.random() < 0.12:
        count = chance.choice((1, 1, 2))
        choices["columns"] = {chance.choice(COLUMN_FIELDS): chance.choice(names) for _ in range(count)}
    if chance.random() < 0.12:
        choices["rewards"] = {
            chance.choice(names): chance.choice((1.0, -0.5, 1e308)) for _ in range(chance.choice((1, 2)))
        }
    if chance.random() < 0.12:
        choices["where"] = tuple(chance.choice(_CONDITIONS) for _ in range(chance.choice((1, 1, 2))))
    if chance.random() < 0.05:
        choices["correct_above"] = chance.choice((0.0, 0.5, -1e308))
    return choices


def check_pipe(path: Path, options: ReadOptions, folder: Path, faults: list[str]) -> None:
    """Read the bytes of a file through a pipe of its name: the traces and the counts of rows must be the same."""
    expected = _outcome(path, options)
    reading, writing = os.pipe()
    feeder = Thread(target=_feed, args=(writing, path.read_bytes()))
    (folder / "pipe").mkdir(exist_ok=True)
    pipe = folder / "pipe" / path.name
    pipe.symlink_to(f"/dev/fd/{reading}")
    feeder.start()
    try:
        outcome = _outcome(pipe, options)
    finally:
        os.close(reading)
        feeder.join()
    if not expected[0] and _DAMAGE.search(outcome[0]):
        return  # an archive in a pipe is copied before it is read: damage behind its rows ends the reading
    expected, outcome = (_without_message(expected), _without_message(outcome))
    for name, through_file, through_pipe in zip(("error", "counts", "traces"), expected, outcome, strict=True):
        if through_file != through_pipe:
            shown = f"{through_file!s:.300} becomes {through_pipe!s:.300}"
            if name == "traces":
                shown = _first_difference(through_file, through_pipe)
            faults.append(f"a pipe gives another {name}: {shown}")
            return


def _outcome(path: Path, options: ReadOptions) -> _Outcome:
    """Return the error, the counts of rows, and the traces of a reading; no counts if it was refused."""
    traces: list[Trace] = []
    try:
        reader = TraceReader(str(path), options=options)
        traces.extend(reader)
    except SgramError as error:
        return f"{type(error).__name__}: {error}", (), traces
    report = reader.report
    return "", (report.rows_in, report.rows_kept, report.rows_skipped, report.rows_quarantined), traces


def _without_message(outcome: _Outcome) -> _Outcome:
    return outcome[0].partition(":")[0], *outcome[1:]


def _feed(writing: int, data: bytes) -> None:
    """Write into a pipe until its reader is gone."""
    with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
        file.write(data)


def _tokenizer(written: Written, folder: Path) -> Path | None:
    """Return a tokenizer for exports of token ids."""
    if not written.dialect.startswith("prime-rl"):
        return None
    path = folder.parent / "tokenizer.json"
    if not path.exists():
        write_byte_tokenizer(path)
    return path


@contextmanager
def _expected(faults: list[str], path: Path, target: Path) -> Iterator[list[str]]:
    """Catch an error of the program, whose message must be one sentence that names the file."""
    caught: list[str] = []
    try:
        yield caught
    except SgramError as error:
        message = str(error)
        caught.append(message)
        if path.name not in message and (target == path or str(target) not in message):
            faults.append(f"the message names no file: {message[:300]!r}")
        _check_message(message, faults)


def _check_message(message: str, faults: list[str]) -> None:
    if not message:
        faults.append("a message is empty")
    if _UNPRINTABLE.search(message):
        faults.append(f"a message is not safe to print: {message[:300]!r}")


def _check_report(reader: TraceReader, traces: list[Trace], quarantine: Path, stopped: bool, faults: list[str]) -> None:
    report = reader.report
    for counts in (report, *report.files):
        if counts.rows_in != counts.rows_kept + counts.rows_skipped + counts.rows_quarantined:
            faults.append(f"rows are lost: {counts.rows_in} in, {counts}"[:400])
    for name in ("rows_in", "rows_kept", "rows_skipped", "rows_quarantined"):
        if getattr(report, name) != sum(getattr(file, name) for file in report.files):
            faults.append(f"{name} is not the sum over the files")
    if report.rows_kept != len(traces) or report.rows_kept != sum(report.dialects.values()):
        faults.append(f"{report.rows_kept} rows kept, {len(traces)} traces, dialects {dict(report.dialects)}")
    lines = [orjson.loads(line) for line in quarantine.read_bytes().splitlines()] if quarantine.exists() else []
    if len(lines) != report.rows_quarantined or sum(report.reasons.values()) != len(lines):
        faults.append(f"{report.rows_quarantined} rows set aside, {len(lines)} of them in the quarantine")
    for line in lines:
        if type(line["line"]) is not int or not line["file"] or not line["reason"]:
            faults.append(f"a row set aside has no place: {line}"[:300])
        for text in line["file"], line["reason"], line["excerpt"]:
            if _UNPRINTABLE.search(text):
                faults.append(f"the quarantine is not safe to print: {text[:300]!r}")
    for file in report.files:
        for message in filter(None, (file.first_fault, file.first_failure)):
            _check_message(message, faults)
            if not message.startswith(f"{file.file}:") or not re.search(r":\d+(\[\d+\])?: .", message):
                faults.append(f"a fault names no row: {message[:300]!r}")
        if bool(file.first_fault) != bool(file.rows_quarantined):
            faults.append("the first fault and the count of faults disagree")
    for message in (*report.warnings, *report.decisions):
        _check_message(message, faults)
    for message in report.warnings:
        is_of_all = message.startswith("--correct-above ")
        if not is_of_all and not any(file.file in message for file in report.files) and not stopped:
            faults.append(f"a warning names no file: {message[:300]!r}")


def _check_again(
    reader: TraceReader, path: Path, target: Path, traces: list[Trace], stopped: bool, faults: list[str]
) -> None:
    """Read a second time with the same reader."""
    again: list[Trace] = []
    with _expected(faults, path, target) as caught:
        again.extend(reader)
    if bool(caught) != stopped or not _are_equal(again, traces):
        faults.append("reading twice gives other traces")


def _check_identity(traces: list[Trace], folder: Path, chance: random.Random, faults: list[str]) -> None:
    """Write the traces and read them back."""
    output = folder / "written" / chance.choice(_OUTPUTS)
    try:
        write_traces(traces, output)
    except SgramError as error:
        faults.append(f"what was read cannot be written: {str(error)[:300]!r}")
        if output.parent.exists() and any(output.parent.iterdir()):
            faults.append("a half file is left")
        return
    if [file.name for file in output.parent.iterdir()] != [output.name]:
        faults.append("a file is left beside the output")
    read = list(TraceReader(str(output)))
    if not _are_equal(read, traces):
        faults.append(f"writing and reading {output.name} gives other traces: {_first_difference(traces, read)}")


def _are_equal(first: list[Trace], second: list[Trace]) -> bool:
    """Return whether traces are equal, also in the types of numbers in `meta`."""
    return first == second and [repr(trace.meta) for trace in first] == [repr(trace.meta) for trace in second]


def _first_difference(first: list[Trace], second: list[Trace]) -> str:
    pair = next((pair for pair in zip(first, second, strict=False) if not _are_equal([pair[0]], [pair[1]])), None)
    return f"{len(first)} and {len(second)} traces" if pair is None else _difference(*pair)


def _difference(first: Trace, second: Trace) -> str:
    for name in Trace.__dataclass_fields__:
        if repr(getattr(first, name)) != repr(getattr(second, name)):
            return f"{name} {str(getattr(first, name))[:120]!r} becomes {str(getattr(second, name))[:120]!r}"
    return "nothing"
