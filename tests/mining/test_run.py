import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
from dataclasses import fields, replace
from importlib.util import find_spec
from math import log, sqrt
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from sgram.errors import InputError, QuarantineError, SgramError, UsageError
from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, Resources
from sgram.mining import run as job_module
from sgram.mining.classifier import GramClassifier
from sgram.mining.embed import HashEmbedder
from sgram.mining.products import CANDIDATES, EXAMPLES, LEXICON, MiningOutcome, export_lexicon
from sgram.mining.run import QUARANTINE, MiningJob
from sgram.text import gram_words
from sgram.traces import ReadOptions, TraceReader, read_traces, write_traces
from tests.builders.mining_examples import SAMPLE, documents_of_grams
from tests.builders.paths import ROOT
from tests.builders.pipes import feeding

LINES = SAMPLE.read_bytes().splitlines(keepends=True)
CONFIG = MiningConfig(embedder="hash", scorer="contrast")


class Tight(Resources):
    """Memory for no array at all: every one is spilled to disk."""

    def array_memory(self) -> int:
        return 0


def silent(*_: object) -> None:
    pass


def job(paths, runs, **fields) -> MiningJob:
    path_list = [paths] if isinstance(paths, str | Path) else paths
    return MiningJob(
        **{
            "paths": tuple(map(str, path_list)),
            "config": CONFIG,
            "resources": Resources(),
            "runs": Path(runs),
            **fields,
        }
    )


def run(paths, runs, fresh=False, **fields) -> MiningOutcome:
    return job(paths, runs, **fields).run(silent, fresh)


def products(outcome: MiningOutcome) -> dict[str, bytes]:
    """What a run is for; its summary and its record tell of the files and may differ."""
    return {name: (outcome.directory / name).read_bytes() for name in (LEXICON, EXAMPLES, CANDIDATES)}


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> dict[str, bytes]:
    """Products of a plain run on the sample."""
    return products(run(SAMPLE, tmp_path_factory.mktemp("truth")))


def shards(folder: Path, n: int, seed: int, pack=bytes, suffix=".jsonl") -> list[Path]:
    """The sample's rows in random order in `n` files."""
    rows = LINES.copy()
    random.Random(seed).shuffle(rows)
    folder.mkdir()
    paths = [folder / f"part-{number}{suffix}" for number in range(n)]
    for number, path in enumerate(paths):
        path.write_bytes(pack(b"".join(rows[number::n])))
    return paths


# -- the same traces give the same bytes ----------------------------------------------------------------


@pytest.mark.parametrize(("n", "seed"), [(1, 1), (7, 2), (7, 3)])
def test_shards_and_the_order_of_rows_do_not_matter(n, seed, tmp_path, truth):
    paths = shards(tmp_path / "in", n, seed)
    random.Random(seed).shuffle(paths)
    assert products(run(paths, tmp_path / "runs")) == truth


def test_a_folder_is_the_files_in_it(tmp_path, truth):
    shards(tmp_path / "in", 7, 4, pack=gzip.compress, suffix=".jsonl.gz")
    assert products(run(tmp_path / "in", tmp_path / "runs")) == truth


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz", "in.jsonl.zst", "in.parquet"])
def test_the_form_of_the_files_does_not_matter(name, tmp_path, truth):
    write_traces(read_traces(SAMPLE), tmp_path / name)
    assert products(run(tmp_path / name, tmp_path / "runs")) == truth


@pytest.mark.parametrize("resources", [Resources(workers=2), Tight(), Tight(workers=2, memory=512 << 20)])
def test_workers_and_memory_do_not_matter(resources, tmp_path, truth):
    assert products(run(shards(tmp_path / "in", 3, 5), tmp_path / "runs", resources=resources)) == truth


def test_stdin_gives_what_the_file_gives(tmp_path, truth, monkeypatch):
    outcomes = []
    for _ in range(2):
        with SAMPLE.open("rb") as file:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
            outcomes.append(run("-", tmp_path / "runs"))
    assert [products(outcome) for outcome in outcomes] == [truth, truth]
    # the directory is named by the traces, so the second run is in the first one's place
    assert outcomes[0].directory == outcomes[1].directory
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [outcomes[0].directory.name]


def test_a_pipe_gives_what_the_file_gives_in_the_same_directory(tmp_path, truth):
    with feeding(tmp_path / "pipe", b"".join(LINES)) as pipe:
        outcome = run(pipe, tmp_path / "runs")
    assert products(outcome) == truth
    again = run(SAMPLE, tmp_path / "runs")
    assert (again.directory, again.reused) == (outcome.directory, True)


REWARDED = [
    b'{"id": "%d", "prompt": "p%d", "text": "Let me verify. It is %d.", "score": %d}\n' % (n, n, n, n % 2)
    for n in range(12)
]
"""Rewards that are 0 or 1: those of the odd rows are of correct traces."""


@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions(infer_correct=False), ReadOptions(correct_above=0.5)])
def test_what_is_inferred_is_the_same_from_a_pipe_and_a_file(options, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"".join(REWARDED))
    with feeding(tmp_path / "pipe", file.read_bytes()) as pipe:
        from_pipe = run(pipe, tmp_path / "runs", options=options)
    assert sum(gram.df_correct for gram in from_pipe.lexicon.grams) > 0 or not options.infer_correct
    from_file = run(file, tmp_path / "runs", options=options)
    assert (from_file.directory, from_file.reused) == (from_pipe.directory, True)
    fresh = run(file, tmp_path / "runs", options=options, fresh=True)
    assert fresh.lexicon == from_pipe.lexicon


def test_what_was_inferred_names_the_directory(tmp_path):
    """The rewards of a run with verdicts of its own are not read as verdicts."""
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(b"".join(REWARDED))
    second.write_bytes(b'{"id": "j", "prompt": "p", "text": "Let me verify.", "score": 1, "correct": false}\n')
    apart = MiningJob(
        paths=(str(first), str(second)), config=CONFIG, resources=Resources(), runs=tmp_path / "runs"
    ).identity()["read"]["decisions"]
    assert [(decision["rewards"], decision["correct_above"]) for decision in apart] == [(12, 0.5)]
    assert apart[0]["files"] == [hashlib.sha256(first.read_bytes()).hexdigest()]
    together = MiningJob(
        paths=(f"x={first}", f"x={second}"), config=CONFIG, resources=Resources(), runs=tmp_path / "runs"
    ).identity()["read"]["decisions"]
    assert together == []


# -- inputs that change ---------------------------------------------------------------------------------


def change_when_read(monkeypatch, path: Path, change) -> None:
    """Call `change` once when the traces of `path` are read to be mined, after the last one."""
    read = job_module.TraceReader.__iter__

    def reading(reader):
        yield from read(reader)
        if reader.input_paths == [str(path)]:
            monkeypatch.setattr(job_module.TraceReader, "__iter__", read)
            change(path)

    monkeypatch.setattr(job_module.TraceReader, "__iter__", reading)


def replace_a_word(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"36", b"37", 1))


def swap_for_another(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes()[:-1] + b" ")
    other.replace(path)


@pytest.mark.parametrize("change", [replace_a_word, swap_for_another, lambda path: os.truncate(path, 10)])
def test_an_input_that_changes_while_it_is_read_gives_no_result(change, tmp_path, monkeypatch, truth):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(LINES))
    change_when_read(monkeypatch, path, change)
    with pytest.raises(InputError, match=r"in\.jsonl (changed|shrank .*) while it was read"):
        run(path, tmp_path / "runs")
    (directory,) = (tmp_path / "runs").iterdir()
    assert sorted(part.name for part in directory.iterdir()) == ["lock", "run.json"]
    # under the same name, the same input is mined as ever
    path.write_bytes(b"".join(LINES))
    outcome = run(path, tmp_path / "runs")
    assert (outcome.directory, outcome.reused, products(outcome)) == (directory, False, truth)


def test_a_background_that_changes_while_it_is_read_gives_no_result(tmp_path, monkeypatch):
    path = tmp_path / "background.jsonl"
    path.write_bytes(b"".join(LINES))
    change_when_read(monkeypatch, path, replace_a_word)
    with pytest.raises(InputError, match=r"background\.jsonl changed while it was read"):
        run(SAMPLE, tmp_path / "runs", background=(str(path),))


def test_what_is_appended_while_an_input_is_read_is_not_mined(tmp_path, monkeypatch, truth):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(LINES))

    def append(path: Path) -> None:
        with path.open("ab") as file:
            file.write(LINES[0])

    change_when_read(monkeypatch, path, append)
    assert products(run(path, tmp_path / "runs")) == truth


def test_conditions_leave_traces_out_as_if_they_were_not_there(tmp_path):
    searcher = tmp_path / "searcher.jsonl"
    write_traces((trace for trace in read_traces(SAMPLE) if trace.model == "sample-searcher"), searcher)
    alone = run(searcher, tmp_path / "runs")
    filtered = run(SAMPLE, tmp_path / "runs", options=ReadOptions(where=("model=sample-searcher",)))
    assert products(filtered) == products(alone)
    assert filtered.directory != alone.directory
    # 36 problems in three styles
    assert filtered.summary["rows"] == {"in": 108, "kept": 36, "skipped": 72, "quarantined": 0}


# -- what a run leaves ----------------------------------------------------------------------------------


def test_a_run_leaves_its_products_and_no_scratch(tmp_path):
    outcome = run(SAMPLE, tmp_path / "runs")
    assert sorted(path.name for path in outcome.directory.iterdir()) == [
        "candidates.parquet",
        "examples.jsonl",
        "lexicon.json",
        "lock",
        "run.json",
        "summary.json",
    ]
    assert outcome.lexicon == Lexicon.load(outcome.directory / LEXICON)
    assert not outcome.reused


def test_the_candidates_tell_what_became_of_each(tmp_path):
    outcome = run(SAMPLE, tmp_path / "runs")
    rows = pq.read_table(outcome.directory / CANDIDATES).to_pylist()
    lexicon, counts = outcome.lexicon, outcome.lexicon.source["counts"]
    assert len(rows) == counts["candidates"] > counts["grams"]
    kept_rows = {row["gram"]: row for row in rows if row["cluster"] is not None}
    assert kept_rows.keys() == {gram.text for gram in lexicon.grams}
    for cluster in lexicon.clusters:
        for gram in cluster.grams:
            row = kept_rows[gram.text]
            assert (row["cluster"], row["df"], row["count"]) == (cluster.id, gram.df, gram.count)
            assert (row["df_correct"], row["df_wrong"], row["core"]) == (gram.df_correct, gram.df_wrong, gram.core)
            assert np.isclose(row["score"], gram.score, atol=1e-6)
    assert not any(row["core"] for row in rows if row["cluster"] is None)


def test_examples_show_medoids_in_traces(tmp_path):
    outcome = run(SAMPLE, tmp_path / "runs")
    texts = {trace.id: trace.text for trace in read_traces(SAMPLE)}
    medoids = {cluster.id: cluster.medoid for cluster in outcome.lexicon.clusters}
    assert {example["cluster"] for example in outcome.examples} == medoids.keys()
    for example in outcome.examples:
        assert example["gram"] == medoids[example["cluster"]]
        assert gram_words(example["text"][example["start"] : example["end"]]) == tuple(example["gram"].split())
        assert example["text"] in texts[example["trace"]]


def test_progress_goes_through_the_stages_in_order(tmp_path):
    reports = []
    job(SAMPLE, tmp_path / "runs").run(lambda *report: reports.append(report))
    stages = list(dict.fromkeys(stage for stage, *_ in reports))
    assert stages == ["look", "read", "count", "candidates", "embed", "cluster", "examples"]
    size = SAMPLE.stat().st_size
    assert ("look", size, size, "") in reports
    assert ("read", size, size, "108 rows") in reports
    assert all(done <= total for _, done, total, _ in reports)


def test_the_examples_go_beside_an_exported_lexicon(tmp_path):
    mining_job = job(SAMPLE, tmp_path / "runs")
    outcome = mining_job.run(silent)
    assert export_lexicon(outcome, tmp_path / "deep" / "my.json") == tmp_path / "deep" / "my.examples.jsonl"
    assert (tmp_path / "deep" / "my.json").read_bytes() == (outcome.directory / LEXICON).read_bytes()
    assert (tmp_path / "deep" / "my.examples.jsonl").read_bytes() == (outcome.directory / EXAMPLES).read_bytes()
    assert export_lexicon(outcome, tmp_path / "plain").name == "plain.examples.jsonl"


# -- the directory is named by what decides the result --------------------------------------------------


def test_moving_renaming_or_reordering_files_finds_the_finished_run(tmp_path):
    paths = shards(tmp_path / "in", 3, 6)
    first = run(paths, tmp_path / "runs")
    moved = [paths[index].rename(tmp_path / f"{index}.jsonl") for index in (2, 0, 1)]
    second = run(moved, tmp_path / "runs", resources=Resources(workers=2, memory=1 << 30))
    assert (second.directory, second.reused) == (first.directory, True)
    assert second.lexicon == first.lexicon


def test_one_changed_byte_is_another_run(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(LINES))
    first = job(path, tmp_path / "runs").open_directory()
    path.write_bytes(b"".join(LINES).replace(b"36", b"37", 1))
    second = job(path, tmp_path / "runs").open_directory()
    path.write_bytes(b"".join(LINES[:-1]))
    third = job(path, tmp_path / "runs").open_directory()
    assert len({first.path, second.path, third.path}) == 3


OTHER_SETTINGS = {
    "method": "paper",
    "scorer": "labels",
    "setting": "f1",
    "top": 0.5,
    "min_df": 6,
    "min_problems": 2,
    "min_words": 2,
    "max_words": 4,
    "correct_only": True,
    "explained": 0.5,
    "part": "answer",
    "max_chars": 900,
    "embedder": "static",
    "similarity": 0.5,
    "contrast_models": ("searcher",),
    "seed": 7,
    "name": "other",
}


def test_an_embedder_goes_by_its_name_not_by_the_flag(tmp_path, monkeypatch):
    monkeypatch.setattr("sgram.mining.embed._has_minilm", lambda: False)
    by_flag, by_name = (
        run(SAMPLE, tmp_path / "runs", config=replace(CONFIG, embedder=embedder)) for embedder in ("auto", "hash")
    )
    assert (by_name.directory, by_name.reused) == (by_flag.directory, True)
    assert by_flag.lexicon.source["config"]["embedder"] == "hash"
    fresh = run(SAMPLE, tmp_path / "runs", config=CONFIG, fresh=True)
    assert fresh.lexicon.digest == by_flag.lexicon.digest


def test_every_setting_names_another_directory(tmp_path):
    assert OTHER_SETTINGS.keys() == {field.name for field in fields(MiningConfig)}
    plain = job(SAMPLE, tmp_path)
    identities = [plain.identity()]
    for name, setting in OTHER_SETTINGS.items():
        if name == "embedder" and find_spec("wordllama") is None:
            continue
        scorer = {"scorer": "labels"} if name == "setting" else {}
        identities.append(replace(plain, config=replace(CONFIG, **{name: setting}, **scorer)).identity())
    classifier_path = tmp_path / "own.json"
    replace(GramClassifier.packaged(), shrink=99.0).save(classifier_path)
    by_labels = replace(plain, config=replace(CONFIG, scorer="labels"))
    identities.append(replace(by_labels, classifier=str(classifier_path)).identity())
    options = ReadOptions()
    for change in (
        {"max_bad": 0.5},
        {"where": ("correct=true",)},
        {"columns": {"model": "model"}},
        {"rewards": {"reward": 2.0}},
        {"correct_above": 0.5},
        {"infer_correct": False},
    ):
        identities.append(replace(plain, options=replace(options, **change)).identity())
    identities.append(replace(plain, dialect="sgram").identity())
    identities.append(replace(plain, background=(str(SAMPLE),)).identity())
    less = tmp_path / "less.jsonl"
    less.write_bytes(b"".join(LINES[1:]))
    identities.append(job(less, tmp_path).identity())
    assert len({json.dumps(identity, sort_keys=True) for identity in identities}) == len(identities)


def test_a_classifier_for_a_run_that_uses_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--classifier is for the scorer labels"):
        job(SAMPLE, tmp_path, classifier="own.json").check()


def test_a_classifier_of_ones_own_scores_and_is_named(tmp_path):
    classifier_path = tmp_path / "own.json"
    strict = replace(GramClassifier.packaged(), thresholds={"default": 0.9, "f1": 0.9, "clean": 0.95})
    strict.save(classifier_path)
    config = MiningConfig(embedder="hash")
    outcome = run(SAMPLE, tmp_path / "runs", config=config, classifier=str(classifier_path))
    assert outcome.lexicon.source["scorer"]["classifier"] == strict.digest
    assert min(gram.score for gram in outcome.lexicon.grams) >= 0.9
    assert 0 < len(outcome.lexicon.grams) < len(run(SAMPLE, tmp_path / "runs", config=config).lexicon.grams)
    with feeding(tmp_path / "pipe", classifier_path.read_bytes()) as pipe:
        from_pipe = run(SAMPLE, tmp_path / "runs", config=config, classifier=str(pipe))
    assert (from_pipe.directory, from_pipe.reused) == (outcome.directory, True)


def test_resources_and_quarantine_name_no_other_directory(tmp_path):
    plain = job(SAMPLE, tmp_path)
    other = replace(
        plain,
        resources=Resources(workers=2, memory=1 << 30),
        options=ReadOptions(quarantine=tmp_path / "q"),
        runs=tmp_path / "elsewhere",
    )
    assert plain.identity() == other.identity()


def test_another_version_of_sgram_is_another_run(tmp_path, monkeypatch):
    before = job(SAMPLE, tmp_path).open_directory()
    monkeypatch.setattr(job_module, "__version__", "0.0.0")
    assert job(SAMPLE, tmp_path).open_directory() != before


def test_a_tokenizer_counts_by_its_content(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
    text = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a")).to_str()

    def identity(path):
        return job(SAMPLE, tmp_path, options=ReadOptions(tokenizer=path)).identity()

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "tokenizer.json").write_text(text)
    (tmp_path / "b.json").write_text(text)
    assert identity(tmp_path / "a") == identity(tmp_path / "b.json")
    (tmp_path / "b.json").write_text(f"{text} ")
    assert identity(tmp_path / "a") != identity(tmp_path / "b.json")


# -- a finished run is reused ----------------------------------------------------------------------------


def stamps(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in directory.iterdir() if path.name != "lock"}


def test_a_finished_run_is_reused_without_reading_a_trace(tmp_path, truth, monkeypatch):
    before = stamps(run(SAMPLE, tmp_path / "runs").directory)

    def refuse(*_, **__):
        raise AssertionError("mined again")

    monkeypatch.setattr(TraceReader, "__iter__", refuse)
    monkeypatch.setattr(job_module, "Miner", refuse)
    again = run(SAMPLE, tmp_path / "runs")
    assert again.reused
    assert products(again) == truth
    assert stamps(again.directory) == before
    assert again.summary["rows"]["kept"] == 108


def test_fresh_does_a_finished_run_again_with_the_same_bytes(tmp_path, truth):
    before = stamps(run(SAMPLE, tmp_path / "runs").directory)
    again = run(SAMPLE, tmp_path / "runs", fresh=True)
    assert not again.reused
    assert products(again) == truth
    after = stamps(again.directory)
    assert {name for name in before if after[name] == before[name]} == {"run.json"}


@pytest.mark.parametrize("name", [LEXICON, EXAMPLES, CANDIDATES, "summary.json"])
def test_a_product_that_was_deleted_is_made_again(name, tmp_path, truth):
    first = run(SAMPLE, tmp_path / "runs")
    (first.directory / name).unlink()
    again = run(SAMPLE, tmp_path / "runs")
    assert not again.reused
    assert products(again) == truth


def test_an_interrupted_run_goes_on_without_reading_or_embedding_again(tmp_path, truth, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    def refuse(*_):
        raise AssertionError("done again")

    with monkeypatch.context() as patched:
        patched.setattr(job_module, "write_products", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(SAMPLE, tmp_path / "runs")
    (directory,) = (tmp_path / "runs").iterdir()
    assert not (directory / LEXICON).exists()
    with monkeypatch.context() as patched:
        patched.setattr(TraceReader, "__iter__", refuse)
        patched.setattr(HashEmbedder, "encode", refuse)
        outcome = run(SAMPLE, tmp_path / "runs")
    assert products(outcome) == truth
    assert outcome.summary["rows"] == {"in": 108, "kept": 108, "skipped": 0, "quarantined": 0}
    assert not (directory / "scratch").exists()


HOLD = """
import sys
from pathlib import Path
from sgram.mining import MiningConfig, Resources
from sgram.mining.run import MiningJob
config = MiningConfig(embedder="hash", scorer="contrast")
job = MiningJob(paths=(sys.argv[1],), config=config, resources=Resources(), runs=Path(sys.argv[2]))
with job.open_directory().lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_on_a_run_is_refused_until_the_first_one_ends(tmp_path, truth):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(SAMPLE), str(tmp_path / "runs")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(SgramError, match=r"^another process is working on this run \(.*\); wait for it$"):
            run(SAMPLE, tmp_path / "runs")
        with pytest.raises(SgramError, match="another process is working on this run"):
            run(SAMPLE, tmp_path / "runs", fresh=True)
        first.kill()
    assert products(run(SAMPLE, tmp_path / "runs")) == truth


# -- the user's own background --------------------------------------------------------------------------


def test_a_background_of_the_users_own_is_used_and_named(tmp_path, truth):
    terse = tmp_path / "terse.jsonl"
    write_traces((trace for trace in read_traces(SAMPLE) if trace.model == "sample-terse"), terse)
    outcome = run(SAMPLE, tmp_path / "runs", background=(str(terse),))
    scorer = outcome.lexicon.source["scorer"]
    assert scorer["about"]["what"] == "traces given by the user"
    reversed_rows = tmp_path / "reversed.jsonl"
    reversed_rows.write_bytes(b"".join(reversed(terse.read_bytes().splitlines(keepends=True))))
    other = run(SAMPLE, tmp_path / "runs", background=(str(reversed_rows),))
    assert (other.reused, other.lexicon.digest) == (False, outcome.lexicon.digest), "its order does not matter"
    assert scorer["n_docs"] == 36
    assert products(outcome)[LEXICON] != truth[LEXICON]
    documents = documents_of_grams([trace.text for trace in read_traces(terse)])
    for gram in outcome.lexicon.grams:
        background_df = len(documents[gram.text]) if len(documents[gram.text]) >= 2 else 0
        ratio = log((gram.df + 1) / (108 + 1)) - log((background_df + 1) / (36 + 1))
        score = ratio - sqrt(1 / (gram.df + 1) + 1 / (background_df + 1))
        assert gram.score == pytest.approx(score, abs=1e-5), gram.text


def test_the_background_is_known_by_content(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path in (first, second):
        path.write_bytes(b"".join(LINES[:50]))
    first_identity, second_identity = (
        job(SAMPLE, tmp_path, background=(str(path),)).identity() for path in (first, second)
    )
    assert first_identity == second_identity
    second.write_bytes(b"".join(LINES[:51]))
    assert job(SAMPLE, tmp_path, background=(str(second),)).identity() != first_identity


# -- rows set aside -------------------------------------------------------------------------------------


def with_bad_rows(path: Path, n: int) -> Path:
    path.write_bytes(b"oops\n" * n + b"".join(LINES))
    return path


def test_rows_set_aside_are_counted_and_kept_with_the_run(tmp_path):
    path = with_bad_rows(tmp_path / "in.jsonl", 1)
    outcome = run(path, tmp_path / "runs")
    assert outcome.summary["rows"] == {"in": 109, "kept": 108, "skipped": 0, "quarantined": 1}
    (row,) = map(orjson.loads, (outcome.directory / QUARANTINE).read_bytes().splitlines())
    assert (row["file"], row["line"], row["byte"]) == (str(path), 1, 0)
    assert outcome.lexicon.source["inputs"]["traces"] == 108


def test_more_bad_rows_than_allowed_end_the_run_and_leave_no_lexicon(tmp_path, truth):
    path = with_bad_rows(tmp_path / "in.jsonl", 2)  # 2 of 110 rows are 1.8 %
    with pytest.raises(QuarantineError, match=r"^2 of 110 rows \(1\.8 %\) were set aside, more than 1 %"):
        run(path, tmp_path / "runs")
    (directory,) = (tmp_path / "runs").iterdir()
    assert not (directory / LEXICON).exists()
    assert (directory / QUARANTINE).read_bytes().count(b"\n") == 2
    assert products(run(path, tmp_path / "runs", options=ReadOptions(max_bad=0.02))) == truth


def test_a_quarantine_file_is_written_by_a_new_run_a_refused_one_and_a_reused_one(tmp_path):
    quarantine = tmp_path / "aside.jsonl"
    options = ReadOptions(quarantine=quarantine)
    path = with_bad_rows(tmp_path / "in.jsonl", 1)
    first = run(path, tmp_path / "runs", options=options)
    assert quarantine.read_bytes() == (first.directory / QUARANTINE).read_bytes() != b""
    quarantine.unlink()
    assert run(path, tmp_path / "runs", options=options).reused
    assert quarantine.read_bytes() == (first.directory / QUARANTINE).read_bytes()
    with pytest.raises(QuarantineError):
        run(with_bad_rows(path, 3), tmp_path / "runs", options=options)
    assert quarantine.read_bytes().count(b"\n") == 3


def test_a_file_at_the_quarantines_place_is_left_alone_when_no_row_is_bad(tmp_path):
    quarantine = tmp_path / "aside.txt"
    quarantine.write_text("mine\n")
    outcome = run(SAMPLE, tmp_path / "runs", options=ReadOptions(quarantine=quarantine))
    assert quarantine.read_text() == "mine\n"
    assert not (outcome.directory / QUARANTINE).exists()


def test_rows_of_stdin_that_are_set_aside_can_be_looked_at(tmp_path, monkeypatch):
    def from_stdin(n_bad: int) -> MiningOutcome:
        with with_bad_rows(tmp_path / "in.jsonl", n_bad).open("rb") as file:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
            return run("-", tmp_path / "runs")

    outcome = from_stdin(1)
    assert (outcome.directory / QUARANTINE).read_bytes().count(b"\n") == 1
    assert list((tmp_path / "runs").iterdir()) == [outcome.directory]
    with pytest.raises(QuarantineError, match=r"; see .*; correct them") as refused:
        from_stdin(3)
    quarantine = Path(str(refused.value).partition("; see ")[2].partition("; correct")[0])
    assert quarantine.read_bytes().count(b"\n") == 3


# -- invalid arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": ReadOptions(max_bad=float("nan"))}, r"max_bad must be a share of rows from 0 to 1 \(got nan\)"),
        ({"options": ReadOptions(correct_above=float("nan"))}, "--correct-above and .* finite numbers"),
        ({"options": ReadOptions(rewards={"a": float("inf")})}, "weights of --reward must be finite numbers"),
        ({"options": ReadOptions(where=("color=red",))}, "condition 'color=red' is invalid"),
        ({"options": ReadOptions(quarantine=SAMPLE)}, "is an input; name another file for the quarantine"),
        ({"dialect": "klingon"}, "unknown dialect 'klingon'"),
    ],
)
def test_an_invalid_argument_is_refused_before_anything_is_written(change, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        run(SAMPLE, tmp_path / "runs", **change)
    assert not (tmp_path / "runs").exists()


def test_the_lexicon_never_takes_the_place_of_an_input(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(LINES[0])
    (tmp_path / "link.json").symlink_to(path)
    (tmp_path / "my.examples.jsonl").write_bytes(LINES[1])
    for paths, background, output in (
        (path, (), path),
        (path, (), tmp_path / "link.json"),
        (SAMPLE, (str(path),), path),
        (tmp_path / "my.examples.jsonl", (), tmp_path / "my.json"),
    ):
        with pytest.raises(UsageError, match="is an input; name another file for the lexicon"):
            job(paths, tmp_path / "runs", background=background).check(str(output))
    job(path, tmp_path / "runs").check(str(tmp_path / "in.json"))
    job(path, tmp_path / "runs").check("-")


def test_a_directory_is_no_place_for_a_lexicon(tmp_path):
    with pytest.raises(UsageError, match="is a directory; name a file"):
        job(SAMPLE, tmp_path / "runs").check(str(tmp_path))


def test_a_background_from_a_pipe_gives_what_the_file_gives(tmp_path):
    terse = tmp_path / "terse.jsonl"
    write_traces((trace for trace in read_traces(SAMPLE) if trace.model == "sample-terse"), terse)
    with feeding(tmp_path / "pipe", terse.read_bytes()) as pipe:
        from_pipe = run(SAMPLE, tmp_path / "runs", background=(str(pipe),))
    from_file = run(SAMPLE, tmp_path / "runs", background=(str(terse),))
    assert (from_file.reused, from_file.lexicon) == (True, from_pipe.lexicon)
    with pytest.raises(UsageError, match="only one of the inputs can come from stdin; name files for the others"):
        run("-", tmp_path / "runs", background=("-",))


def test_inputs_that_cannot_be_used_end_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^cannot read .*nothing.jsonl: No such file"):
        run(tmp_path / "nothing.jsonl", tmp_path / "runs")
    with pytest.raises(InputError, match=r"^no phrase is in 1000 of the 108 traces"):
        run(SAMPLE, tmp_path / "runs", config=replace(CONFIG, min_df=1000))
    with pytest.raises(SgramError, match=r"^cannot write .*run.json: Not a directory"):
        run(SAMPLE, SAMPLE)


def test_a_run_of_another_kind_under_the_same_name_is_refused(tmp_path):
    directory = job(SAMPLE, tmp_path / "runs").open_directory()
    directory.part("run.json").write_text("{}\n")
    with pytest.raises(SgramError, match="describes another run; delete"):
        run(SAMPLE, tmp_path / "runs")
