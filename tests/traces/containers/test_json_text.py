import gzip
import io
import json
import sys

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, iter_rows
from tests.builders.container_rows import records_of, rows_of, write

RECORDS = [{"id": str(n), "text": f"wait, {n} \\ [{{"} for n in range(3)]
LINES = [orjson.dumps(record) for record in RECORDS]

# -- one set of rows in every layout ------------------------------------------------------------------------------

LAYOUTS = {
    "lines": lambda rows: b"\n".join(json.dumps(row).encode() for row in rows),
    "lines with CRLF": lambda rows: b"\r\n".join(map(orjson.dumps, rows)) + b"\r\n",
    "array": lambda rows: json.dumps(rows).encode(),
    "indented array": lambda rows: json.dumps(rows, indent=2).encode(),
    "array of lines": lambda rows: b"[" + b",\n".join(map(orjson.dumps, rows)) + b"]\n",
    "array in the style of tools": lambda rows: b"[\n" + b"\n,\n".join(map(orjson.dumps, rows)) + b"\n]\n",
    "indented objects": lambda rows: b"\n".join(json.dumps(row, indent=4).encode() for row in rows),
    "indented objects with commas": lambda rows: b",\n".join(json.dumps(row, indent=1).encode() for row in rows),
    "objects without line ends": lambda rows: b"".join(map(orjson.dumps, rows)),
    "wrapper": lambda rows: json.dumps({"data": rows}).encode(),
    "indented wrapper": lambda rows: json.dumps({"data": rows}, indent=1).encode(),
    "objects by number": lambda rows: json.dumps({str(n): row for n, row in enumerate(rows)}).encode(),
}
TEXTS = st.text(st.sampled_from('ab"\\[]{},:\n\r\té\u2028NaN '), max_size=12)


@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    rows=st.lists(st.fixed_dictionaries({"question": TEXTS, "response": TEXTS, "n": st.integers(0, 9)}), min_size=1),
    suffix=st.sampled_from([".json", ".jsonl", ".txt"]),
    cap=st.sampled_from([40, 100_000]),
)
@settings(max_examples=300)
def test_the_rows_do_not_depend_on_the_layout_the_suffix_and_the_cap(layout, rows, suffix, cap, tmp_path_factory):
    is_object = layout in ("wrapper", "objects by number", "indented wrapper")
    if cap == 40 and is_object:
        return  # a document over the cap; see below
    largest = max(len(json.dumps([row], indent=4)) for row in rows)
    path = write(tmp_path_factory.mktemp("in") / f"in{suffix}", LAYOUTS[layout](rows))
    assert records_of(path, Caps(max_line_bytes=max(cap, largest))) == rows


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_stdin_may_have_any_layout(layout, pack, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(LAYOUTS[layout](RECORDS)))))
    assert records_of("-") == RECORDS


# -- where rows are -------------------------------------------------------------------------------------------------


def positions(path) -> list[tuple]:
    return [(row.position, row.byte) for row in rows_of(path)]


def test_lines_are_told_with_line_byte_and_bytes(tmp_path):
    path = write(tmp_path / "in.jsonl", b"\n" + LINES[0] + b"\r\n" + LINES[1])
    assert positions(path) == [("2", 1), ("3", 1 + len(LINES[0]) + 2)]
    assert [row.data for row in rows_of(path)] == LINES[:2]


def test_objects_one_after_another_are_told_by_their_first_line(tmp_path):
    path = write(tmp_path / "in.jsonl", '{\n"text": "a"\n}\n\n{\n"text": "b"}\n')
    # 15 bytes of the first object on three lines, 2 line feeds behind it
    assert positions(path) == [("1", 0), ("5", 17)]


def test_elements_of_an_array_are_told_by_number(tmp_path):
    path = write(tmp_path / "in.json", json.dumps(RECORDS, indent=1))
    assert positions(path) == [("1", None), ("2", None), ("3", None)]
    path = write(tmp_path / "in.jsonl", json.dumps(RECORDS))
    assert positions(path) == [("1[1]", 0), ("1[2]", 0), ("1[3]", 0)]


def test_rows_of_a_line_of_lists_are_told_by_line_and_element(tmp_path):
    line = '{"prompt": ["p", "q"], "completion": ["a", "b"]}\n'
    path = write(tmp_path / "completions.jsonl", line + line)
    assert positions(path) == [("1[1]", 0), ("1[2]", 0), ("2[1]", len(line)), ("2[2]", len(line))]
    assert [row.record["completion"] for row in rows_of(path)] == ["a", "b", "a", "b"]


# -- missing numbers and nesting ----------------------------------------------------------------------------------


def test_numbers_that_are_not_finite_are_missing_and_counted(tmp_path):
    path = write(
        tmp_path / "in.jsonl", '{"text": "NaN", "reward": NaN, "x": [-Infinity]}\n{"text": "b", "reward": 1}\n'
    )
    assert [(row.record, row.n_missing) for row in rows_of(path)] == [
        ({"text": "NaN", "reward": None, "x": [None]}, 2),
        ({"text": "b", "reward": 1}, 0),
    ]
    path = write(tmp_path / "in.json", '[{"text": "a", "reward": NaN}, {"text": "b", "reward": Infinity}]')
    assert sum(row.n_missing for row in rows_of(path)) == 2
    assert [row.record["reward"] for row in rows_of(path)] == [None, None]


@pytest.mark.parametrize("layout", ["lines", "array", "indented array", "indented objects", "wrapper"])
def test_a_row_that_is_nested_too_deeply_is_set_aside_and_its_neighbours_are_kept(layout, tmp_path):
    deep = {"text": "b", "x": orjson.loads("[" * 300 + "]" * 300)}
    path = write(tmp_path / "in.json", LAYOUTS[layout]([{"text": "a"}, deep, {"text": "c"}]))
    rows = rows_of(path)
    assert [row.fault for row in rows] == ["", "nested more than 200 levels deep", ""]
    assert [row.record and row.record["text"] for row in rows] == ["a", None, "c"]


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000, "[{" * 100_000])
@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_brackets_without_end_are_one_fault(text, name, tmp_path):
    (row,) = rows_of(write(tmp_path / name, text))
    assert row.fault.startswith("not valid JSON")


# -- damage ----------------------------------------------------------------------------------------------------------


def test_an_array_that_is_cut_short_keeps_the_elements_before_the_cut(tmp_path):
    content = LAYOUTS["array of lines"](RECORDS)
    rows = rows_of(write(tmp_path / "in.json", content[:-10]))
    assert [row.record for row in rows] == [*RECORDS[:2], None]
    assert (rows[2].line, rows[2].fault) == (3, "not valid JSON: a value is cut short; the rest is not read")


def test_a_bad_element_of_a_large_array_costs_its_row_only(tmp_path):
    content = b"[" + b",".join([LINES[0], b'{"text": oops}', LINES[1]]) + b"]"
    rows = rows_of(write(tmp_path / "in.json", content))
    assert [row.record for row in rows] == [RECORDS[0], None, RECORDS[1]]
    assert rows[1].fault.startswith("not valid JSON: ")
    assert rows[1].data == b'{"text": oops}'


def test_objects_of_which_the_last_is_cut_short_are_kept_up_to_it(tmp_path):
    rows = rows_of(write(tmp_path / "in.jsonl", LAYOUTS["indented objects"](RECORDS)[:-3]))
    assert [row.record for row in rows] == [*RECORDS[:2], None]
    assert rows[2].fault == "not valid JSON: a value is cut short; the rest is not read"


def test_a_broken_first_line_does_not_swallow_the_others(tmp_path):
    for broken in (b'{"text": "a"', b'{"text": "a', b"{", b"[", b'[{"text": "a"}', b"[2026-01-01] start", b'{"a": [}'):
        rows = rows_of(write(tmp_path / "in.jsonl", broken + b"\n" + b"\n".join(LINES)))
        assert [row.record for row in rows] == [None, *RECORDS], broken


def test_damage_behind_a_packed_array_keeps_the_elements_before_it(tmp_path):
    rows_written = [{"id": str(n), "text": f"wait, let me see {n * n}"} for n in range(20_000)]
    packed = gzip.compress(json.dumps(rows_written).encode())
    rows = rows_of(write(tmp_path / "in.json.gz", packed[: len(packed) // 2]))
    assert len(rows) > 1000
    assert [row.record for row in rows[:-1]] == rows_written[: len(rows) - 1]
    assert rows[-1].fault.startswith("corrupt gzip data after byte")


# -- caps ------------------------------------------------------------------------------------------------------------


def test_a_wrapper_over_the_cap_is_read_in_parts_with_the_fields_before_its_rows(tmp_path):
    document = {"model": "m", "data": [{"text": "x" * 50, "n": n} for n in range(40)]}
    rows = records_of(write(tmp_path / "in.json", json.dumps(document, indent=1)), Caps(max_line_bytes=200))
    assert rows == [{**row, "__document__": {"model": "m"}} for row in document["data"]]


def test_another_document_over_the_cap_is_refused_with_a_sentence(tmp_path):
    path = write(tmp_path / "in.json", json.dumps({str(n): {"text": "x"} for n in range(40)}, indent=1))
    with pytest.raises(InputError, match=r"in\.json is one JSON document of more than 200 bytes; save its rows as"):
        rows_of(path, Caps(max_line_bytes=200))


def test_an_element_over_the_cap_is_set_aside(tmp_path):
    content = json.dumps([{"text": "a"}, {"text": "x" * 500}, {"text": "b"}])
    rows = rows_of(write(tmp_path / "in.json", content), Caps(max_line_bytes=100))
    assert [row.fault for row in rows] == ["", "longer than the cap of 100 bytes a row", ""]


# -- files that change ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["lines", "array of lines"])
def test_what_is_appended_after_the_file_was_found_is_not_read(layout, tmp_path):
    path = write(tmp_path / "in.json", LAYOUTS[layout](RECORDS))
    (file,), _ = find_input_files(path)
    with path.open("ab") as more:
        more.write(b'\n{"id": "late", "text": "t"}\n')
    assert [row.record for row in iter_rows(file, Caps())] == RECORDS
    rows = iter_rows(find_input_files(path)[0][0], Caps())
    next(rows)
    with path.open("ab") as more:
        more.write(b'{"id": "later", "text": "t"}\n')
    assert all(row.record is None or row.record["id"] != "later" for row in rows)


@pytest.mark.parametrize("layout", ["lines", "array of lines"])
def test_a_file_that_shrinks_raises_an_input_error(layout, tmp_path):
    path = write(tmp_path / "in.jsonl", LAYOUTS[layout](RECORDS * 3000))
    size = path.stat().st_size
    (file,), _ = find_input_files(path)
    with path.open("r+b") as shorter:
        shorter.truncate(1000)
    with pytest.raises(InputError, match=rf"in\.jsonl shrank from {size} to 1000 bytes while it was read; read it"):
        list(iter_rows(file, Caps()))


def test_reading_in_parts_takes_little_memory_and_ends_at_the_first_row_that_is_wanted(tmp_path):
    path = write(tmp_path / "in.json", b"[" + b",\n".join(LINES * 50_000) + b"]")
    (file,), _ = find_input_files(path)
    rows = iter_rows(file, Caps(max_line_bytes=100))
    assert next(rows).record == RECORDS[0]
    assert file.bytes_read < path.stat().st_size / 2
    rows.close()
