import gzip
import io
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import SgramError, UsageError
from sgram.traces import ReadOptions, Trace, TraceReader, read_traces, write_traces
from tests.builders.paths import ROOT

SUFFIXES = [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"]
CHARACTERS = st.characters(exclude_categories=["Cs"])
STRINGS = st.text(CHARACTERS, max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def traces(draw: st.DrawFn, number: int) -> Trace:
    def maybe(strategy: st.SearchStrategy):
        return draw(st.none() | strategy)

    n_tokens = draw(st.integers(0, 3))
    numbers = st.lists(FLOATS, min_size=n_tokens, max_size=n_tokens).map(tuple)
    return Trace(
        id=f"{number}{draw(STRINGS)}",
        group=maybe(STRINGS),
        run=draw(STRINGS),  # a missing one is named by the file
        prompt=maybe(STRINGS),
        text=draw(STRINGS),
        reward=maybe(FLOATS),
        correct=maybe(st.booleans()),
        answer=maybe(STRINGS),
        reference=maybe(STRINGS),
        step=maybe(st.integers(-(2**63), 2**63 - 1)),
        model=maybe(STRINGS),
        token_ids=maybe(st.lists(st.integers(0, 2**31 - 1), min_size=n_tokens, max_size=n_tokens).map(tuple)),
        logprobs=maybe(numbers),
        entropies=maybe(numbers),
        meta=draw(st.dictionaries(STRINGS, JSON, max_size=3)),
    )


@st.composite
def several(draw: st.DrawFn) -> list[Trace]:
    return [draw(traces(number)) for number in range(draw(st.integers(1, 4)))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(original=several())
@settings(max_examples=60)
def test_written_traces_are_read_back_equal(suffix, original, folder):
    path = folder / f"traces{suffix}"
    assert write_traces(original, path) == len(original)
    assert list(TraceReader(path, options=ReadOptions(infer_correct=False))) == original


ROWS = [
    {"question": "2+2?", "thinking": "Two and two.", "response": "4", "gold": 4, "score": 1.0, "topic": "sums"},
    {"question": "2+2?", "thinking": "Hm.", "response": "5", "gold": 4, "score": 0.0, "uid": 7, "meta": {"x": [1]}},
    {"id": "a", "text": "<think>So.</think>Four", "step": "3", "group": [1], "reward": [1], "meta": "word"},
    {"id": "a", "text": "another", "correct": "yes", "model": "", "token_ids": [1.5]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "reasoning": "Hm, so."}]},
    {"prompt": '[{"role": "user", "content": "q"}]', "responses": ["r1", "r2"], "correctness": [True, False]},
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_read_and_written_is_read_back_equal(suffix, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    original = list(read_traces(rows))
    assert len(original) == 7
    assert {trace.run for trace in original} == {"rows"}
    write_traces(original, tmp_path / "deep" / f"other{suffix}")
    assert list(read_traces(tmp_path / "deep" / f"other{suffix}")) == original


EXACT = [
    Trace(
        id="a", run="r", text="wait\r\n\u2028 let me\t\x00é😀", reward=0.1, meta={"deep": {"list": [1, 2.5, None, "x"]}}
    ),
    Trace(id="b", run="r", text="", correct=False, step=-1, token_ids=(0, 2**31 - 1), logprobs=(-1e-300, 5e-324)),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_traces_give_the_same_bytes(suffix, tmp_path):
    for name in ("one", "two"):
        write_traces(iter(EXACT), tmp_path / name / f"traces{suffix}")
    first, second = ((tmp_path / name / f"traces{suffix}").read_bytes() for name in ("one", "two"))
    assert first == second
    assert list(read_traces(tmp_path / "one" / f"traces{suffix}")) == EXACT


def test_lines_hold_only_fields_that_are_not_none_and_that_a_reward_is_no_verdict(tmp_path):
    path = tmp_path / "traces.jsonl"
    write_traces(EXACT, path)
    first, second = map(orjson.loads, path.read_bytes().splitlines())
    assert list(first) == ["id", "run", "text", "reward", "correct", "meta"]
    assert first["correct"] is None  # so that no reader infers it from the reward
    assert list(second) == ["id", "run", "text", "correct", "step", "token_ids", "logprobs"]


def test_packed_files_are_real_gzip_and_zstd(tmp_path):
    for suffix, unpack in ((".gz", gzip.decompress), (".zst", zstandard.ZstdDecompressor().stream_reader)):
        path = tmp_path / f"traces.jsonl{suffix}"
        write_traces(EXACT, path)
        unpacked = unpack(path.read_bytes())
        assert (unpacked if isinstance(unpacked, bytes) else unpacked.read()).count(b"\n") == 2


def test_parquet_has_typed_columns_and_says_what_it_is(tmp_path):
    path = tmp_path / "traces.parquet"
    write_traces(EXACT, path)
    table = pq.read_table(path)
    assert table.schema.names == list(Trace.__dataclass_fields__)
    assert str(table.schema.field("reward").type) == "double"
    assert table.schema.metadata[b"format"] == b"sgram-traces"
    assert table.column("correct").to_pylist() == [None, False]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_traces_make_an_empty_file_that_can_be_opened(suffix, tmp_path):
    path = tmp_path / f"traces{suffix}"
    assert write_traces([], path) == 0
    assert path.exists()
    if suffix == ".parquet":
        assert pq.read_table(path).num_rows == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_source_that_fails_leaves_the_old_file(suffix, tmp_path):
    path = tmp_path / f"traces{suffix}"
    path.write_bytes(b"old")

    def failing():
        yield EXACT[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_traces(failing(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (Trace(id="a", text=None), "trace 'a' cannot be written: field text is null"),
        (Trace(id="a", text="\ud800"), "trace 'a' cannot be written: field text holds a lone surrogate"),
        (Trace(id="a", text="t", reward=float("nan")), "trace 'a' cannot be written: field reward is no finite"),
        (Trace(id="a", text="t", meta={"x": float("inf")}), "meta of trace 'a' cannot be written as JSON: it holds"),
        (Trace(id="a", text="t", meta={"x": [{"y": float("nan")}]}), "meta of trace 'a' cannot be written"),
        (Trace(id="a", text="t", meta={"x": b"bytes"}), "meta of trace 'a' cannot be written as JSON: Type is not"),
        (Trace(id="a", text="t", meta={"x": Path()}), "meta of trace 'a' cannot be written as JSON"),
        (Trace(id="a", text="t", meta={1: 2}), "meta of trace 'a' cannot be written as JSON"),
        (Trace(id="a", text="t", meta={"x": "\ud800"}), "meta of trace 'a' cannot be written as JSON"),
        (Trace(id="a", text="t", meta={"x": 1 << 70}), "meta of trace 'a' cannot be written as JSON"),
        (Trace(id="a\x1b", text=5), r"trace 'a\\x1b' cannot be written: field text is a number"),
    ],
)
def test_a_trace_that_cannot_be_written_raises_an_error_with_its_id(suffix, trace, reason, tmp_path):
    with pytest.raises(SgramError) as raised:
        write_traces([trace], tmp_path / f"traces{suffix}")
    assert str(raised.value).startswith(reason)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_that_can_be_read_nest_no_deeper_than_what_can_be_written_and_read_back(suffix, tmp_path):
    def nested(levels: int) -> list:
        return [nested(levels - 1)] if levels > 1 else []

    rows = tmp_path / "rows.jsonl"
    # the row is one level; written, meta is another
    deepest = [{"id": "a", "text": "t", "x": nested(198)}, {"id": "b", "text": "t", "meta": {"x": nested(198)}}]
    too_deep = {"id": "c", "text": "t", "x": nested(199)}
    rows.write_bytes(b"\n".join(map(orjson.dumps, [*deepest, too_deep])))
    reader = TraceReader(rows, options=ReadOptions(max_bad=1))
    original = list(reader)
    assert [trace.meta for trace in original] == [{"x": nested(198)}] * 2
    assert reader.report.first_fault == f"{rows}:3: nested more than 200 levels deep"
    write_traces(original, tmp_path / f"traces{suffix}")
    assert list(read_traces(tmp_path / f"traces{suffix}")) == original


def test_meta_that_nests_too_deeply_cannot_be_written(tmp_path):
    deep = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SgramError, match="meta of trace 'a' cannot be written as JSON"):
        write_traces([Trace(id="a", text="t", meta={"deep": deep})], tmp_path / "traces.jsonl")


@pytest.mark.parametrize("name", ["traces", "traces.csv", "traces.json", "traces.jsonl.bz2", "traces.parquet.gz"])
def test_a_name_without_a_known_format_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match=r"has no known format; end its name in \.jsonl"):
        write_traces(EXACT, tmp_path / name)


def test_a_dash_is_stdout(monkeypatch):
    sink = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sink))
    assert write_traces(EXACT, "-") == 2
    assert [orjson.loads(line)["id"] for line in sink.getvalue().splitlines()] == ["a", "b"]


# The peak of this process alone: ru_maxrss of a child begins at its parent's.
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
MEMORY = f"""
import random, sys
from sgram.traces import Trace, TraceReader, write_traces
n = int(sys.argv[1])
words = random.Random(0)
def traces():
    for number in range(n):
        yield Trace(id=str(number), text=words.randbytes(4600).hex())
write_traces(traces(), sys.argv[2])
assert sum(1 for _ in TraceReader(sys.argv[2])) == n
print({PEAK})
"""


@needs_proc
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst", ".parquet"])
def test_memory_does_not_grow_with_the_number_of_traces(suffix, tmp_path):
    def peak(n_traces: int) -> int:
        command = [sys.executable, "-c", MEMORY, str(n_traces), str(tmp_path / f"{n_traces}{suffix}")]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return int(ran.stdout)

    # 10 MB of text against 120 MB: a peak that grew with it would differ by 110 MB
    small, large = peak(1_000), peak(13_000)
    assert large - small < (90 if suffix == ".parquet" else 25) * 1024
