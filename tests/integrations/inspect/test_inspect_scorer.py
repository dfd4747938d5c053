"""Planning in real logs of Inspect: evaluated, scored again, scanned, and read by Inspect and by sgram."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.lexicon import Lexicon
from sgram.traces import read_traces
from tests.builders.paths import ROOT

inspect_ai = pytest.importorskip("inspect_ai", reason="inspect-ai is an extra")
# Inspect leaves streams of anyio open, which are reported when they are collected
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:Unclosed <MemoryObject:ResourceWarning"
)

RIGHT = "Wait, let me check. 6 + 9 = 15. ANSWER: 15"
WRONG = "We get 6 + 9 = 14. ANSWER: 14"
LEXICON = Lexicon.from_grams(["wait", "let me check"], "checks", "verification")


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory):
    path = tmp_path_factory.mktemp("lexicons") / "checks.json"
    LEXICON.save(path)
    return str(path)


def evaluate(folder, scorers, *texts):
    """Return the path of a log of one sample a text, answered by a model that is none."""
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    outputs = [ModelOutput.from_content("mockllm/model", text) for text in texts]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else a tokenizer is downloaded
    samples = [Sample(id=f"s{number}", input="What is 6 + 9?", target="15") for number in range(len(texts))]
    (log,) = inspect_ai.eval(
        Task(dataset=samples, scorer=scorers, name="sums"),
        model=get_model("mockllm/model", custom_outputs=outputs),
        log_dir=str(folder),
        display="none",
        max_samples=1,
    )
    assert log.status == "success", log.error
    return log.location


def planning_metrics(log):
    return {score.name: score.metrics["mean"].value for score in log.results.scores if score.scorer == "planning"}


def sample_scores(log, name="planning"):
    return [sample.scores[name] for sample in log.samples]


@pytest.fixture(scope="module")
def plain_log(tmp_path_factory):
    """A log with Inspect's own scorer alone."""
    from inspect_ai.scorer import answer

    return evaluate(tmp_path_factory.mktemp("plain"), [answer("word")], RIGHT, WRONG)


def check_scores(log):
    """The two samples: planning of the first, the error of the second."""
    first, second = sample_scores(log)
    # "Wait," 5, "let" 3, "me" 2, "check." 6, "6+9=15." 7, "ANSWER:" 7, "15" 2: 32; planning: 4 + 10
    assert first.value["planning_share"] == first.value["verification"] == 14 / 32
    assert (second.value["planning_share"], second.value["error_procedural"]) == (0, 1)
    assert second.metadata["diagnosis"]["kind"] == "procedural"
    metrics = planning_metrics(log)
    assert (metrics["planning_share"], metrics["error_procedural"], metrics["error_strategic"]) == (7 / 32, 0.5, 0)


def test_an_evaluation_is_scored_and_read_by_inspect_and_by_sgram(tmp_path, lexicon):
    from inspect_ai.log import read_eval_log
    from inspect_ai.scorer import answer

    from sgram.integrations.inspect import planning

    path = evaluate(tmp_path, [answer("word"), planning(lexicon)], RIGHT, WRONG)
    check_scores(read_eval_log(path))
    first, second = sorted(read_traces(path), key=lambda trace: trace.group)
    assert (first.text, first.correct, second.correct) == (RIGHT, True, False)
    assert first.meta["scores"]["planning"]["planning_share"] == 14 / 32


def test_scores_of_planning_are_no_grades(tmp_path, lexicon):
    from sgram.integrations.inspect import planning, scan_logs

    path = evaluate(tmp_path, [planning(lexicon)], RIGHT, WRONG)
    assert [(trace.reward, trace.correct) for trace in read_traces(path)] == [(None, None)] * 2
    (scanned,) = scan_logs(path, lexicon=lexicon)
    assert scanned.n_scored == 2


def test_samples_without_text_are_counted_as_unscored(tmp_path, lexicon):
    from inspect_ai.log import read_eval_log

    from sgram.integrations.inspect import planning

    log = read_eval_log(evaluate(tmp_path, [planning(lexicon, part="reasoning")], "<think>Wait.</think>15", "15"))
    first, second = sample_scores(log)
    assert first.value["planning_share"] > 0
    assert math.isnan(second.value)
    assert second.explanation == "The sample has no text (part: reasoning)."
    (share,) = [score for score in log.results.scores if score.name == "planning_share"]
    assert (share.scored_samples, share.unscored_samples) == (1, 1)


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_a_scan_adds_scores_once_and_keeps_all_others(plain_log, tmp_path, lexicon, suffix):
    from inspect_ai.log import read_eval_log, write_eval_log

    from sgram.integrations.inspect import scan_logs

    original = tmp_path / f"sums.{suffix}"
    write_eval_log(read_eval_log(plain_log), str(original))
    before = original.read_bytes()
    (scanned,) = scan_logs(original, tmp_path / "scanned", lexicon=lexicon)
    assert original.read_bytes() == before
    assert (scanned.path, scanned.n_samples, scanned.n_scored) == (tmp_path / "scanned" / original.name, 2, 2)
    assert scanned.metrics["planning_share"] == 7 / 32
    (scanned_again,) = scan_logs([scanned.path], lexicon=lexicon)
    assert scanned_again == scanned
    log = read_eval_log(str(scanned.path))
    check_scores(log)
    assert [sorted(sample.scores) for sample in log.samples] == [["answer", "planning"]] * 2
    assert {trace.text: trace.correct for trace in read_traces(scanned.path)} == {RIGHT: True, WRONG: False}


def test_a_folder_is_searched_and_bad_logs_are_refused(plain_log, tmp_path, lexicon):
    from sgram.integrations.inspect import scan_logs

    folder = Path(plain_log).parent
    assert len(scan_logs(folder, tmp_path / "out", lexicon=lexicon, diagnosis=False)) == 1
    with pytest.raises(InputError, match="no log of Inspect lies in"):
        scan_logs(ROOT / "sgram" / "cli")
    with pytest.raises(InputError, match="there is no log"):
        scan_logs(tmp_path / "missing.eval")
    with pytest.raises(UsageError, match="is a URL; download the log"):
        scan_logs("s3://bucket/a.eval")
    with pytest.raises(UsageError, match="invalid setting of the scorer planning"):
        scan_logs(plain_log, tmp_path / "out", lexikon=lexicon)
    broken = tmp_path / "broken.eval"
    broken.write_bytes(b"PK")
    with pytest.raises(InputError, match="is not an Inspect log"):
        scan_logs(broken)
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read as an Inspect log"):
        scan_logs(tmp_path / "broken.json")
    assert broken.read_bytes() == b"PK"


def test_inspect_finds_the_scorer_by_its_entry_point(plain_log, tmp_path, lexicon):
    from inspect_ai.log import read_eval_log

    # an installation older than this checkout does not declare the entry point; its path comes first here
    metadata = tmp_path / "site" / "sgram_inspect_test-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sgram-inspect-test\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[inspect_ai]\nsgram = sgram.integrations.inspect\n")
    output = tmp_path / "scored.eval"
    options = ["--scorer", "sgram/planning", "-S", f"lexicon={lexicon}", "--action", "append", "--display", "none"]
    subprocess.run(
        [sys.executable, "-m", "inspect_ai", "score", plain_log, *options, "--output-file", str(output)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])},
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    check_scores(read_eval_log(str(output)))


def test_the_entry_point_is_declared():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["inspect_ai"] == {"sgram": "sgram.integrations.inspect"}


def test_without_inspect_the_extra_is_named():
    program = (
        "import sys, json\nsys.modules['inspect_ai'] = None\n"
        "from sgram.errors import MissingExtraError\n"
        "try:\n    import sgram.integrations.inspect\n"
        "except MissingExtraError as error:\n    print(json.dumps(str(error)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout).endswith("pip install 'sgram[inspect]'")
    assert MissingExtraError("").exit_code == 1


def test_the_page_names_the_arguments_and_its_python_runs(plain_log, tmp_path, monkeypatch, capsys):
    import inspect

    from sgram.integrations.inspect import planning

    page = (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `?(\w+)`? \|", page, re.MULTILINE)
    defaults = {name: str(argument.default) for name, argument in inspect.signature(planning).parameters.items()}
    assert {name: default.capitalize() if default == "true" else default for name, default in rows} == defaults
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "sums.eval").write_bytes(Path(plain_log).read_bytes())
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "inspect.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.startswith("scanned/sums.eval 2 0.")
