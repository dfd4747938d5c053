import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.containers.csv_files import find_delimiter
from tests.builders.container_rows import kinds_of, records_of, rows_of, write

# a carriage return alone is not quoted by the csv module, so that no reader can tell it from the end of a line
CELLS = st.lists(st.sampled_from(['"', ",", ";", "\t", "\n", "\r\n", " ", "a", "é"]), max_size=8).map("".join)


@given(
    delimiter=st.sampled_from([",", "\t", ";"]),
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
@settings(max_examples=200)
def test_what_the_csv_module_writes_is_read_back(delimiter, rows, line_end, quoting, mark, tmp_path_factory):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([("prompt", "text", "reward"), *rows])
    path = write(tmp_path_factory.mktemp("in") / "in.csv", mark + text.getvalue().encode())
    names = ("prompt", "text", "reward")
    assert records_of(path) == [dict(zip(names, (cell or None for cell in row), strict=True)) for row in rows]


def test_rows_are_told_by_line_and_byte(tmp_path):
    path = write(tmp_path / "in.csv", 'prompt,text\n\n2+2?,"a\nb"\n"é",d\n')
    # the header has 12 bytes, the blank line 1, the first record 11
    assert [(row.line, row.byte, row.record["text"]) for row in rows_of(path)] == [(3, 13, "a\nb"), (5, 24, "d")]


@pytest.mark.parametrize(
    ("lines", "delimiter"),
    [
        (["a,b\n", "1,2\n"], ","),
        (["a\tb\n", "1\t2\n"], "\t"),
        (["a;b\n", "1,5;2\n"], ";"),
        (["prompt,text\n", '"a;b;c","d\te"\n'], ","),
        (["a;b,c\n", "1;2\n", "3;4\n"], ";"),
        (["text\n", '"one, two"\n', "three\n"], ","),
        (["a,b\n", '1,"cut'], ","),
        ([], ","),
    ],
)
def test_the_delimiter_gives_as_many_cells_as_the_header(lines, delimiter):
    assert find_delimiter(lines, "in.csv") == delimiter


def test_the_suffix_tsv_decides_where_nothing_else_does(tmp_path):
    assert find_delimiter(["text\n"], "in.tsv") == "\t"
    path = write(tmp_path / "in.tsv.gz", gzip.compress(b"prompt\ttext\na, b\tc\n"))
    assert kinds_of(path) == {"in.tsv.gz": "csv"}
    assert records_of(path) == [{"prompt": "a, b", "text": "c"}]


def test_cells_stay_strings_and_an_empty_cell_is_missing(tmp_path):
    path = write(tmp_path / "in.csv", ',messages,reward,correct\n0,"[{""role"": ""user""}]",1.0,True\n1,,"",\n')
    # the first column has no name: pandas writes the number of the row there
    assert records_of(path) == [
        {"messages": '[{"role": "user"}]', "reward": "1.0", "correct": "True"},
        {"messages": None, "reward": None, "correct": None},
    ]


def test_faulty_records_are_set_aside_with_line_and_text(tmp_path):
    content = b'prompt,text\na,b\nc\n1,2,3\n\0,x\n"q"x,y\n\xff,z\nd,e\n'
    rows = rows_of(write(tmp_path / "in.csv", content))
    assert [(row.line, row.fault) for row in rows] == [
        (2, ""),
        (3, "the row has 1 cells, the header 2"),
        (4, "the row has 3 cells, the header 2"),
        (5, "a cell holds a NUL byte"),
        (6, """not valid CSV: ',' expected after '"'"""),
        (7, "a cell is not UTF-8"),
        (8, ""),
    ]
    assert rows[5].data == b"\xff,z\n"
    assert rows[6].byte == content.index(b"d,e")


def test_a_quote_that_is_never_closed_costs_its_line_only(tmp_path):
    rows = rows_of(write(tmp_path / "in.csv", 'a,b\n1,"2\n3,4\n5,6\n'))
    assert [(row.line, row.fault) for row in rows] == [(2, "not valid CSV: unexpected end of data"), (3, ""), (4, "")]
    assert rows[0].data == b'1,"2\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("What is 2+2? " * 20 + ",4\n", "has no header: its first row begins with 'What is 2"),
        ("1,2.5\n3,4\n", "has no header: its first row begins with '1, 2.5'; add the names of the columns"),
        (b"text,dom\xedain\nso,4\n", "in the header is not valid UTF-8; rename it"),
        ("text,text\na,b\n", "has two columns named 'text'; rename one"),
        ('"a\n', "the header is not valid CSV: unexpected end of data"),
    ],
)
def test_a_file_without_a_header_is_refused(content, sentence, tmp_path):
    with pytest.raises(InputError) as error:
        rows_of(write(tmp_path / "in.csv", content))
    assert str(error.value).startswith(f"{tmp_path / 'in.csv'}")
    assert sentence in str(error.value)


def test_columns_without_a_name_must_be_empty(tmp_path):
    rows = rows_of(write(tmp_path / "in.csv", "prompt,text,,\na,b,,\nc,d,,e\n"))
    assert [(row.record, row.fault) for row in rows] == [
        ({"prompt": "a", "text": "b"}, ""),
        (None, "cell 4 stands in a column without a name"),
    ]


def test_a_record_over_the_cap_is_set_aside_and_the_next_is_read(tmp_path):
    long = b"x" * 300
    rows = rows_of(
        write(tmp_path / "in.csv", b"a,b\n1," + long + b'\n2,"' + long + b"\n" + long + b'"\n3,4\n'), Caps(100)
    )
    assert [row.record for row in rows if not row.fault] == [{"a": "3", "b": "4"}]
    assert {row.fault for row in rows if row.fault} == {"not valid CSV: longer than the cap of 100 bytes a row"}
    assert rows[-1].line == 5


def test_empty_files_have_no_rows(tmp_path):
    for content in ("", "\n\n", "prompt,text\n", "\ufeff"):
        assert rows_of(write(tmp_path / "in.csv", content)) == []


def test_damage_ends_a_packed_file_with_one_fault(tmp_path):
    text = "prompt,text\n" + "".join(f"{n},{n * 7919}\n" for n in range(30_000))
    rows = rows_of(write(tmp_path / "in.csv.gz", gzip.compress(text.encode())[:-5000]))
    assert len(rows) > 1000
    assert [row.record for row in rows[:-1]] == [
        {"prompt": str(n), "text": str(n * 7919)} for n in range(len(rows) - 1)
    ]
    assert rows[-1].fault.startswith("corrupt gzip data after byte")
