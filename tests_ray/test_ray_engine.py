"""Parts as Ray tasks give the bytes of threads, also when a worker or the driver is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import ray

from sgram.analysis import AnalysisConfig, analyze
from sgram.cli import main
from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
from sgram.diagnosis.file_passes import DiagnosisSettings, FilePasses
from sgram.engines import SerialEngine
from sgram.errors import InputError, UsageError
from sgram.files import data_path
from sgram.integrations.ray_engine import RayEngine
from sgram.lexicon import Lexicon
from sgram.mining.config import Resources
from sgram.mining.parts.job import join, split_traces
from sgram.mining.products import CANDIDATES, EXAMPLES, LEXICON, SUMMARY
from sgram.mining.run import MiningJob
from sgram.tagging.tagged_files import TagSettings, plan_files, tag_file
from sgram.traces import TraceReader, read_traces, write_traces
from tests.builders.mining_examples import SAMPLE, fast_config, sample_traces

pytestmark = pytest.mark.enable_socket  # Ray's processes talk to each other
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture(scope="module")
def engine():
    engine = RayEngine("local")
    yield engine
    ray.shutdown()


def silent(*_):
    pass


def split(folder: Path, n_parts: int) -> Path:
    job = MiningJob(paths=(str(SAMPLE),), config=fast_config(), resources=Resources())
    split_traces(job, folder, n_parts, exact_parts=True)
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (LEXICON, EXAMPLES, CANDIDATES, SUMMARY)}


@pytest.fixture(scope="module")
def by_threads(tmp_path_factory) -> dict[str, bytes]:
    folder = split(tmp_path_factory.mktemp("threads") / "parts", 3)
    join(folder, Resources(), SerialEngine(), silent)
    return bytes_of(folder)


@pytest.mark.parametrize("n_parts", [1, 7])
def test_tasks_give_the_bytes_of_threads(n_parts, engine, by_threads, tmp_path):
    folder = split(tmp_path / "parts", n_parts)
    progress = []
    join(folder, Resources(), engine, lambda *report: progress.append(report))
    assert bytes_of(folder) == by_threads
    assert [report for report in progress if report[0] == "describe"][-1] == ("describe", n_parts, n_parts)


def test_a_killed_worker_is_replaced(engine, by_threads, tmp_path):
    folder = split(tmp_path / "parts", 4)
    killed = []

    def kill_one_worker():
        while not killed:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    is_task = (process / "cmdline").read_bytes().startswith(b"ray::_call")
                except OSError:
                    continue
                if is_task:
                    os.kill(int(process.name), signal.SIGKILL)
                    killed.append(process.name)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one_worker, daemon=True)
    killer.start()
    join(folder, Resources(), engine, silent)
    assert killed
    assert bytes_of(folder) == by_threads


DRIVER = """
import sys
from pathlib import Path
from sgram.integrations.ray_engine import RayEngine
from sgram.lexicon import Lexicon
from sgram.mining.config import Resources
from sgram.mining.parts.job import join
join(Path(sys.argv[1]), Resources(), RayEngine("local"), lambda *_: None)
"""


def test_what_a_killed_driver_left_is_used(by_threads, tmp_path):
    folder = split(tmp_path / "parts", 5)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, folder], stdout=subprocess.DEVNULL)
    while not list((folder / "part").glob("0*.arrays")):
        assert driver.poll() is None, "the driver ended before a part was finished"
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    assert not (folder / LEXICON).exists()
    join(folder, Resources(), SerialEngine(), silent)
    assert bytes_of(folder) == by_threads


def test_files_are_tagged_to_the_bytes_of_this_process(engine, tmp_path):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "rollouts").mkdir()
    traces = sample_traces()
    for number in range(3):
        write_traces(traces[number::3], tmp_path / "rollouts" / f"{number}.jsonl")
    settings = TagSettings(Lexicon.load("wang2025"), str(tmp_path / "tokenizer.json"))
    for name, some_engine in (("here", SerialEngine()), ("ray", engine)):
        reader = TraceReader(tmp_path / "rollouts")
        tasks = plan_files(reader, tmp_path / name, settings, "auto")
        outcomes = dict(some_engine.run(tag_file, [(task,) for task in tasks]))
        assert [outcomes[index].traces for index in range(3)] == [36, 36, 36]
    for path in (tmp_path / "here").glob("*.parquet"):
        assert (tmp_path / "ray" / path.name).read_bytes() == path.read_bytes()


def test_files_are_measured_and_diagnosed_as_in_this_process(engine, tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    traces = list(read_traces(data_path("sample_traces.jsonl")))
    for number in range(3):  # each id of the last rows is in two files
        write_traces([*traces[number::3], *traces[-number:]], folder / f"{number}.jsonl")
    config = AnalysisConfig(n_placebos=1, n_draws=20)
    here, there = (analyze(folder, config, engine=some_engine) for some_engine in (None, engine))
    assert {name: table.rows for name, table in there.tables.items()} == {
        name: table.rows for name, table in here.tables.items()
    }
    assert (there.notes, there.provenance) == (here.notes, here.provenance)
    settings = DiagnosisSettings(Lexicon.load("sgram"))
    by_ray, by_file = (
        list(CorpusDiagnosis(passes=FilePasses(TraceReader(folder), "auto", settings, some_engine)))
        for some_engine in (engine, SerialEngine())
    )
    assert by_ray == by_file
    assert len(by_ray) == 40


@pytest.mark.parametrize("verb", ["metrics", "diagnose"])
def test_the_command_line_prints_the_same_by_ray(verb, capsys):
    outputs = []
    for flags in ((), ("--engine", "ray", "--address", "local")):
        with pytest.raises(SystemExit) as ended:
            main([verb, str(data_path("sample_traces.jsonl")), "--json", *flags])
        assert not ended.value.code
        outputs.append(json.loads(capsys.readouterr().out))
    assert outputs[0] == outputs[1]


def test_the_error_of_a_part_is_that_of_the_command(engine, tmp_path):
    folder = split(tmp_path / "parts", 2)
    (folder / "split" / "001.arrays").write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"001\.arrays: it has no table of contents"):
        join(folder, Resources(), engine, silent)


def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path):
    script = "from sgram.integrations.ray_engine import RayEngine\nRayEngine('127.0.0.1:1')"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert UsageError.__name__ in finished.stderr
    assert "no Ray cluster at 127.0.0.1:1" in finished.stderr
