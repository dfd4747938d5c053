"""Mining by parts gives the bytes of mining at once, whatever the parts, their order, and what was killed."""

import io
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace

import fsspec
import numpy as np
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgram.engines import SerialEngine
from sgram.errors import InputError, UsageError
from sgram.mining.array_files import ArrayFile, ArrayWriter, pack_strings, unpack_strings, write_arrays
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.parts import steps
from sgram.mining.parts.exact_counts import Union
from sgram.mining.parts.files import read_table
from sgram.mining.parts.folder import open_folder
from sgram.mining.parts.job import choose, join, split_to_url, split_traces
from sgram.mining.parts.plan import LEAST_LOCAL_DF, SplitPlan, group_parts, local_threshold
from sgram.mining.parts.steps import UNION, run_part, run_union
from sgram.mining.products import CANDIDATES, EXAMPLES, LEXICON, SUMMARY
from sgram.mining.run import MiningJob
from sgram.traces import Trace, write_traces
from tests.builders.mining_examples import SAMPLE, documents_of_grams, fast_config, sample_traces

PRODUCTS = (LEXICON, EXAMPLES, CANDIDATES, SUMMARY)
CONFIGS = {
    "sgram": fast_config(),
    "paper": fast_config(method="paper"),
    "labels": MiningConfig(embedder="hash"),
    "models": fast_config(contrast_models=("long",), min_problems=1),
    "reasoning": fast_config(part="reasoning", max_chars=900),
}


real_step = steps._run_step


def silent(*_):
    pass


def job(config, path=SAMPLE, runs="reports", **options):
    return MiningJob(paths=(str(path),), config=config, resources=Resources(), runs=runs, **options)


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in PRODUCTS}


def join_parts(folder, **options):
    return join(folder, Resources(), SerialEngine(), silent, **options)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    """Products of mining at once, by config."""
    runs = tmp_path_factory.mktemp("runs")
    products = {}

    def mine_at_once(name):
        if name not in products:
            products[name] = bytes_of(job(CONFIGS[name], sample_with_models(runs), runs).run(silent).directory)
        return products[name]

    return mine_at_once


def sample_with_models(folder):
    """The sample, with a model named after the style of the trace, and a dataset for every other problem."""
    path = folder / "sample.jsonl"
    if not path.exists():
        traces = [
            replace(trace, model=("short", "long")[number % 2], meta={**trace.meta, "dataset": f"d{number % 3}"})
            for number, trace in enumerate(sample_traces())
        ]
        write_traces(traces, path)
    return path


@pytest.mark.parametrize(
    ("name", "n_parts"), [("sgram", 1), ("paper", 4), ("labels", 7), ("models", 3), ("reasoning", 64)]
)
def test_parts_give_the_bytes_of_mining_at_once(name, n_parts, at_once, tmp_path):
    split_traces(job(CONFIGS[name], sample_with_models(tmp_path)), tmp_path / "parts", n_parts, exact_parts=True)
    join_parts(tmp_path / "parts")
    assert bytes_of(tmp_path / "parts") == at_once(name)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_partition_in_any_order_gives_the_same_bytes(data, at_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    n_parts = data.draw(st.integers(1, 9))
    part_of_id = {trace.id: data.draw(st.integers(0, n_parts - 1)) for trace in sample_traces()}
    mining_job = job(CONFIGS["sgram"], sample_with_models(folder))
    plan = split_traces(
        mining_job, folder / "parts", n_parts, exact_parts=True, part_of=lambda document: part_of_id[document.name]
    )
    assert {part.n_docs for part in plan.parts} <= set(range(1, 109))
    for part in data.draw(st.permutations([part.name for part in plan.parts])):
        run_part(folder / "parts", "part", part, Resources(workers=2))
    run_union(plan, Resources())
    for part in data.draw(st.permutations([part.name for part in plan.parts]))[:2]:
        run_part(folder / "parts", "count", part, Resources())
    join_parts(folder / "parts")
    assert bytes_of(folder / "parts") == at_once("sgram")


@pytest.fixture(params=["file", "memory"])
def remote(request, tmp_path):
    """A folder behind a URL, as its URL and the file system of fsspec that holds it."""
    files = fsspec.filesystem(request.param)
    path = str(tmp_path / "remote") if request.param == "file" else f"/{tmp_path.name}/remote"
    yield f"{request.param}://{path}", files, path
    if files.exists(path):
        files.rm(path, recursive=True)


def test_parts_behind_a_url_give_the_bytes_of_mining_at_once(remote, at_once, tmp_path, monkeypatch):
    url, files, path = remote
    scratch = tmp_path / "scratch"
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    plan = split_to_url(job(CONFIGS["models"], sample_with_models(tmp_path)), url, 3, exact_parts=True, progress=silent)
    assert plan.folder.title == url
    names = {name.removeprefix(path).strip("/") for name in map(str, files.find(path))}
    assert names == {"plan.json", "run.json", *(f"split/{name}.arrays" for name in ("000", "001", "002", "facets"))}
    run_part(url, "part", "001", Resources())
    assert files.exists(f"{path}/part/001.arrays")
    for fresh in (False, False, True):
        with open_folder(url) as folder:
            outcome = join(folder, Resources(), SerialEngine(), silent, fresh=fresh)
            assert bytes_of(folder.path) == at_once("models")
    assert not outcome.reused
    assert {name: files.cat_file(f"{path}/{name}") for name in PRODUCTS} == at_once("models")
    assert list(scratch.iterdir()) == [], "scratch space is deleted"


def test_a_join_behind_a_url_uses_what_is_finished_and_repeats_what_is_cut(remote, at_once, tmp_path, monkeypatch):
    url, files, path = remote
    mining_job = job(CONFIGS["sgram"], sample_with_models(tmp_path))
    split_to_url(mining_job, url, 2, exact_parts=True, progress=silent)
    choose(url, Resources(), SerialEngine(), silent)
    whole = files.cat_file(f"{path}/count/001.arrays")
    files.pipe_file(f"{path}/count/001.arrays", whole[: len(whole) // 2])
    run = []
    monkeypatch.setattr(steps, "_run_step", lambda plan, *what: run.append(what[:2]) or real_step(plan, *what))
    with open_folder(url) as folder:
        join(folder, Resources(), SerialEngine(), silent)
        assert bytes_of(folder.path) == at_once("sgram")
    assert run == [("count", "001"), ("describe", "000"), ("describe", "001")]
    assert files.cat_file(f"{path}/count/001.arrays") == whole


def test_a_finished_split_behind_a_url_is_replaced_only_if_asked(remote, tmp_path):
    url, files, path = remote
    for name in ("sgram", "paper"):
        mining_job = job(CONFIGS[name], sample_with_models(tmp_path))
        if name == "paper":
            with pytest.raises(UsageError, match="holds a finished split; use it, or split again with --fresh"):
                split_to_url(mining_job, url, 2, exact_parts=True, progress=silent)
        split_to_url(mining_job, f"{url}/", 2, exact_parts=True, fresh=name == "paper", progress=silent)
        assert not files.exists(f"{path}/{LEXICON}"), "products of the first split are gone"
        with open_folder(url) as folder:
            assert join(folder, Resources(), SerialEngine(), silent).lexicon.source["config"]["method"] == name


def test_a_url_that_cannot_be_written_is_refused_before_a_trace_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    mining_job = job(CONFIGS["sgram"], sample_with_models(tmp_path))
    with pytest.raises(InputError, match="cannot write file://"):
        split_to_url(mining_job, f"file://{tmp_path}/file/parts", 2, progress=lambda *_: pytest.fail("it was read"))


def test_messages_name_the_url_and_no_scratch_space(remote):
    url, _, _ = remote
    for call in (
        lambda: run_part(url, "part", "000", Resources()),
        lambda: choose(url, Resources(), SerialEngine(), silent),
    ):
        with pytest.raises(InputError, match="holds no finished split") as error:
            call()
        assert url in str(error.value)
        assert ".sgram-" not in str(error.value)


def test_the_union_holds_every_frequent_gram_and_no_gram_that_cannot_be_frequent(tmp_path):
    # An oracle of definitions: document sets of every gram of the sample, by trace.
    traces = sample_traces()
    config = fast_config(min_df=12, max_words=3, explained=None)
    plan = split_traces(job(config), tmp_path, 5, exact_parts=True)
    assert plan.counted_df == 3  # a quarter of 12
    for part in plan.parts:
        run_part(tmp_path, "part", part.name, Resources())
    run_union(plan, Resources())
    table = Union.read(tmp_path / UNION, plan).table
    union = {text for n in range(1, len(table.levels) + 1) for text in table.texts(n)}
    df = {gram: len(documents) for gram, documents in documents_of_grams([trace.text for trace in traces], 4).items()}
    frequent = {gram for gram, count in df.items() if count >= 3}
    assert frequent <= union
    # a gram below the threshold of every part, 3 * n_i / 108 rounded up, is reported by none
    in_some_part = {gram for part in plan.parts for gram in part_grams(plan, part)}
    assert union <= in_some_part


def part_grams(plan, part):
    table = read_table(ArrayFile(plan.folder.path / "part" / f"{part.name}.arrays"))
    return {text for n in range(1, len(table.levels) + 1) for text in table.texts(n)}


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), counted_df=st.integers(1, 30), data=st.data())
def test_a_gram_that_is_frequent_reaches_the_threshold_of_some_part(sizes, counted_df, data):
    df = [data.draw(st.integers(0, size)) for size in sizes]
    thresholds = [local_threshold(counted_df, size, sum(sizes)) for size in sizes]
    if sum(df) >= counted_df:
        assert any(count >= threshold for count, threshold in zip(df, thresholds, strict=True))
    # a threshold above what its part can need would lose grams: one less is too low for the sum
    assert sum(threshold - 1 for threshold in thresholds) < counted_df


def test_parts_are_united_until_every_threshold_is_high_enough():
    # 44 traces of a gram in 400: a part of 100 has the threshold 11, two of them 22, and 20 is asked for.
    assert group_parts([100, 100, 100, 100], counted_df=44) == [[0, 2], [1, 3]]
    assert group_parts([100, 100, 100, 100], counted_df=80) == [[0], [1], [2], [3]]  # 20 each
    assert group_parts([100, 100, 100, 100], counted_df=8) == [[0, 1, 2, 3]]
    # Parts of unequal size: of [0, 2] and [1], the smaller has 100 of 300 traces, a third of 60.
    assert group_parts([100, 100, 100], counted_df=60) == [[0], [1], [2]]
    assert group_parts([100, 0, 100], counted_df=40) == [[0], [2]]
    assert group_parts([0, 0], counted_df=40) == []


def test_the_number_of_parts_is_lowered_unless_it_is_asked_to_stay(tmp_path):
    mining_job = job(fast_config(min_df=40))  # counted from 10 traces on
    lowered = split_traces(mining_job, tmp_path / "lowered", 6)
    kept = split_traces(mining_job, tmp_path / "kept", 6, exact_parts=True)
    assert len(lowered.parts) == 1
    assert lowered.requested_parts == 6
    assert lowered.local_df(lowered.parts[0]) == 10 < LEAST_LOCAL_DF
    assert len(kept.parts) == 6
    join_parts(tmp_path / "lowered")
    join_parts(tmp_path / "kept")
    assert bytes_of(tmp_path / "lowered") == bytes_of(tmp_path / "kept")


def test_choose_and_describe_are_steps_of_their_own_and_join_runs_what_is_missing(tmp_path, at_once):
    plan = split_traces(job(CONFIGS["paper"], sample_with_models(tmp_path)), tmp_path / "parts", 3, exact_parts=True)
    with pytest.raises(InputError, match="run sgram mine union first"):
        run_part(tmp_path / "parts", "count", "000", Resources())
    with pytest.raises(InputError, match="sgram mine part has not been run for the parts 000, 001, 002"):
        run_union(plan, Resources())
    with pytest.raises(InputError, match="run sgram mine choose first"):
        run_part(tmp_path / "parts", "describe", "000", Resources())
    choose(tmp_path / "parts", Resources(), SerialEngine(), silent)
    assert not (tmp_path / "parts" / LEXICON).exists()
    run_part(tmp_path / "parts", "describe", "001", Resources())
    before = (tmp_path / "parts" / "describe" / "001.arrays").stat().st_mtime_ns
    outcome = join_parts(tmp_path / "parts")
    assert not outcome.reused
    assert (tmp_path / "parts" / "describe" / "001.arrays").stat().st_mtime_ns == before
    assert bytes_of(tmp_path / "parts") == at_once("paper")
    assert join_parts(tmp_path / "parts").reused
    assert not join_parts(tmp_path / "parts", fresh=True).reused


def test_files_of_another_split_are_not_mixed_in(tmp_path):
    split_traces(job(fast_config()), tmp_path / "first", 3, exact_parts=True)
    plan = split_traces(job(fast_config(min_df=9)), tmp_path / "second", 3, exact_parts=True)
    for part in ("000", "001", "002"):
        run_part(tmp_path / "first", "part", part, Resources())
    (tmp_path / "first" / "part").rename(tmp_path / "second" / "part")
    with pytest.raises(InputError, match="has not been run for the parts"):
        run_union(plan, Resources())
    with pytest.raises(UsageError, match="holds a finished split"):
        split_traces(job(fast_config()), tmp_path / "second", 3)
    assert len(split_traces(job(fast_config()), tmp_path / "second", 3, exact_parts=True, fresh=True).parts) == 3
    assert not (tmp_path / "second" / "part").exists()


def test_a_split_takes_a_folder_of_its_own(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        split_traces(job(fast_config()), tmp_path, 3)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(InputError, match="holds no finished split"):
        SplitPlan.load(tmp_path)
    with pytest.raises(UsageError, match="1 to 500"):
        split_traces(job(fast_config()), tmp_path / "parts", 501)


def test_a_split_in_the_folder_of_its_inputs_is_not_read_as_an_input(tmp_path):
    path = sample_with_models(tmp_path)
    split_traces(job(fast_config(), tmp_path), tmp_path / "parts", 2, exact_parts=True)
    join_parts(tmp_path / "parts")  # leaves JSON Lines, JSON and Parquet there
    plan = split_traces(job(fast_config(), tmp_path), tmp_path / "parts", 2, exact_parts=True, fresh=True)
    assert plan.inputs["traces"] == 108
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [path.name]


def test_a_part_that_is_not_there_is_named(tmp_path):
    split_traces(job(fast_config()), tmp_path, 3, exact_parts=True)
    with pytest.raises(UsageError, match="no part '009'; its parts are 000 to 002"):
        run_part(tmp_path, "part", "009", Resources())


KILLED = """
import os, sys
from pathlib import Path
from sgram.mining.config import Resources
from sgram.engines import SerialEngine
from sgram.mining.parts.job import join
write, n_left = os.replace, [int(sys.argv[2])]
def replace(*paths):
    n_left[0] -= 1
    if not n_left[0]:
        os.kill(os.getpid(), 9)
    write(*paths)
os.replace = replace
join(Path(sys.argv[1]), Resources(), SerialEngine(), lambda *_: None)
"""


@pytest.mark.parametrize("step", [2, 6])  # of 3 parts: the second part's grams, and its counts behind the union
def test_a_killed_join_goes_on_where_it_was(step, tmp_path, at_once):
    split_traces(job(CONFIGS["sgram"], sample_with_models(tmp_path)), tmp_path / "parts", 3, exact_parts=True)
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "parts", str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = sorted(path.relative_to(tmp_path / "parts") for path in (tmp_path / "parts").rglob("*.arrays"))
    n_split_files = 4  # three parts and the facets
    assert len(finished) == n_split_files + step - 1
    join_parts(tmp_path / "parts")
    assert bytes_of(tmp_path / "parts") == at_once("sgram")


def test_problems_are_counted_over_all_parts(tmp_path):
    # "let me see" is in two traces of each of three problems; each trace is in a part of its own.
    traces = [
        Trace(id=f"t{number}", text=f"Let me see. It is {number}.", group=f"p{number // 2}") for number in range(6)
    ]
    write_traces(traces, tmp_path / "traces.jsonl")
    config = fast_config(min_df=2, min_problems=1, top=1.0)
    split_traces(
        job(config, tmp_path / "traces.jsonl"),
        tmp_path / "parts",
        6,
        exact_parts=True,
        part_of=lambda document: int(document.name[1:]),
    )
    outcome = join_parts(tmp_path / "parts")
    rows = parquet.read_table(outcome.directory / CANDIDATES).to_pylist()
    assert {row["gram"]: (row["df"], row["problems"]) for row in rows if row["n"] == 3} == {"let me see": (6, 3)}


# -- files of arrays ------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6),
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from(["i4", "u8", "f4", "u1"])),
        max_size=5,
    ),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_arrays_come_back_as_they_were_also_by_slices(tmp_path_factory, shapes, start, stop):
    path = tmp_path_factory.mktemp("arrays") / "some.arrays"
    arrays = {
        name: np.arange(rows * columns).astype(dtype).reshape(rows, columns)
        for name, (rows, columns, dtype) in shapes.items()
    }
    write_arrays(path, arrays, {"step": "x"})
    file = ArrayFile(path)
    assert file.names() == sorted(arrays)
    assert file.about == {"step": "x"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(file.get(name), array)
        np.testing.assert_array_equal(file.get(name, start, stop), array[start:stop])
        assert file.get(name).dtype == array.dtype


@given(st.lists(st.binary(max_size=4)))
def test_strings_are_unpacked_as_they_were_packed(strings):
    assert unpack_strings(*pack_strings(strings)) == strings


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path):
    path = tmp_path / "some.arrays"
    write_arrays(path, {"ids": np.arange(9)}, {})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="delete it and run the step"):
            ArrayFile(path)
    path.write_bytes(whole[8:])  # the contents promise more than there is before them
    with pytest.raises(InputError, match="is damaged"):
        ArrayFile(path)
    with pytest.raises(InputError, match="No such file"):
        ArrayFile(tmp_path / "missing.arrays")


def test_a_name_is_taken_once():
    writer = ArrayWriter(io.BytesIO())
    writer.put("ids", np.arange(3))
    with pytest.raises(ValueError, match="already"):
        writer.put("ids", np.arange(3))
