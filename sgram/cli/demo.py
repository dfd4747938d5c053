"""``sgram demo``: run the whole chain on the shipped sample data; each step is a command that it prints."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sgram.cli import app
from sgram.cli.console import note
from sgram.cli.option_groups import ADVANCED, OUTPUT
from sgram.cli.path_checks import check_outputs
from sgram.cli.shared_flags import number_flag
from sgram.files import data_path

ARMS = "grpo,hicra,placebo"
CHIEF_QUESTIONS = (
    ("accuracy of methods", "accuracy over training", "accuracy"),
    ("strategic errors over training", "kinds of errors"),
    ("exploration over training", "planning share"),
)
"""Questions of a report of which the demo says the answers at its end: of each row the first that has one."""


def demo(
    *,
    out: Annotated[Path, Parameter(name=["--output", "-o"], group=OUTPUT, help="Folder for the demo's output.")] = Path(
        "reports/demo"
    ),
    embedder: Annotated[
        str, Parameter(group=ADVANCED, help="auto, hash, static or a sentence-transformers model.")
    ] = "auto",
    steps: Annotated[int, number_flag("steps", 0, "Steps of each training run; 0: do not train.")] = 60,
    jobs: Annotated[int, number_flag("jobs", 1, "Training runs at the same time, one thread each.", ADVANCED)] = 2,
) -> None:
    """Mine, validate, tag, train a tiny policy with and without HICRA, measure, and write one report; offline.

    Finished training runs are not repeated: an interrupted demo resumes where it stopped.
    """
    check_outputs({"-o": out}, folders=["-o"])
    started = time.monotonic()
    sample, labels = data_path("sample_traces.jsonl"), data_path("sample_labels.jsonl")
    mined, page = out / "lexicon.json", out / "report.html"
    chain = _Chain(7 if steps else 5)
    chain.announce("Mining 108 sample traces (36 problems, three styles) for Strategic Grams")
    chain.run("mine", sample, "-o", mined, "--embedder", embedder, "--name", "demo", "--runs", out, "--fresh")
    chain.announce("Validating: do they find the sentences that a reader labeled as planning?")
    chain.run("validate", mined, "--labels", labels, "--top", 5)
    chain.announce("Tagging: the same problem, planning words in the colors of their moves")
    chain.run("tag", sample, "--lexicon", mined, "--show", 1, "--lines", 14)
    inputs: list[Path | str] = [sample]
    lexicon = mined
    if steps:
        chain.announce("Training a tiny policy: GRPO, HICRA, and HICRA with random grams in place of its own")
        training = out / "training"
        chain.run("train", "--compare", ARMS, "--steps", steps, "--lexicon", "mined", "--jobs", jobs, "-o", training)
        runs = _run_directories(training, steps, jobs)
        inputs, lexicon = [*runs, sample], out / "both.json"
        chain.announce("Merging what was mined from the traces and from the policy's own responses")
        chain.run("lexicon", "merge", mined, runs[0] / "lexicon.json", "-o", lexicon, "--name", "demo")
    chain.announce("Measuring: all tables go to files, one is shown")
    table = "tokens" if steps else "moves"
    chain.run("metrics", *inputs, "--lexicon", lexicon, "--csv", out / "tables", "--table", table)
    chain.announce("Writing the report")
    markdown = out / "report.md"
    report = ["report", *inputs, "--lexicon", lexicon, "-o", page, "--markdown", markdown, "--title", "sgram demo"]
    statements = chain.run(*report)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    note(f"Done in {minutes} min {seconds} s. Next: sgram report YOUR_ROLLOUTS.jsonl -o report.html")
    note("What was found:")
    for sentence in chief_sentences(statements):
        note(f"  {sentence}")
    note(f"Open in a browser: {page.resolve().as_uri()}")
    print(page)


def chief_sentences(statements: object) -> list[str]:
    """Return at most three sentences of the headlines of a report: on accuracy, on errors, on strategies or planning.

    >>> chief_sentences(None)
    []
    """
    if not isinstance(statements, tuple):
        return []
    texts: dict[str, str] = {statement.finding.question.name: statement.text for statement in statements}
    chosen = (next((name for name in names if name in texts), None) for names in CHIEF_QUESTIONS)
    return [texts[name] for name in chosen if name is not None]


class _Chain:
    """The demo's numbered steps; each runs a command as a user would type it."""

    def __init__(self, total: int):
        self._total, self._step = total, 0

    def announce(self, title: str) -> None:
        self._step += 1
        note("" if self._step == 1 else "\n")
        note(f"[{self._step}/{self._total}] {title}")

    def run(self, *words: object) -> object:
        """Run a command and return what its verb returns; exit with its exit code if that is not 0."""
        arguments = [str(word) for word in words]
        note(f"$ sgram {shlex.join(arguments)}")
        result = app(arguments, exit_on_error=False, print_error=False)
        if isinstance(result, int) and result:
            raise SystemExit(result)
        return result


def _run_directories(root: Path, steps: int, jobs: int) -> Sequence[Path]:
    """Return the directories of this demo's runs; `root` may also contain runs of other demos."""
    from sgram.cli.train_config import MatrixFlags, TrainFlags, requested_runs
    from sgram.training.experiments.run import run_directory

    requested = requested_runs(None, TrainFlags(steps=steps, lexicon="mined"), MatrixFlags(compare=ARMS, jobs=jobs))
    return [run_directory(arm.apply(requested.config, seed=0, warmup_seed=0), root) for arm in requested.arms]
