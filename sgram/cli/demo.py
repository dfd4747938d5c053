"""``sgram demo``: the whole chain on what is shipped, each step a command that it shows. Nothing but flags and talk."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sgram.errors import UsageError

ARMS = "grpo,hicra,placebo"


def demo(
    *,
    out: Annotated[Path, Parameter(help="Folder for what the demo writes.")] = Path("reports/demo"),
    embedder: Annotated[str, Parameter(help="auto, hash, static or a sentence-transformers model.")] = "auto",
    steps: Annotated[int, Parameter(help="Steps of each training run; 0: mine, prove and tag only.")] = 60,
    jobs: Annotated[int, Parameter(help="Training runs at once, one thread each.")] = 2,
) -> int:
    """Mine, validate, tag, train a tiny policy with and without HICRA, measure, and write one report; offline.

    What was trained before is not trained again: a demo that was cut off goes on where it stopped.
    """
    from sgram.cli.console import note
    from sgram.files import data_path

    if steps < 0 or jobs < 1:
        raise UsageError("--steps takes a whole number from 0, --jobs one from 1")
    started = time.monotonic()
    sample, labels = data_path("sample_traces.jsonl"), data_path("sample_labels.jsonl")
    mined, page = out / "lexicon.json", out / "report.html"
    chain = _Chain(7 if steps else 5)
    chain.say("Mining 108 sample traces (36 problems, three styles) for Strategic Grams")
    chain.run("mine", sample, "-o", mined, "--embedder", embedder, "--name", "demo", "--runs", out, "--fresh")
    chain.say("Validating: do they find the sentences that a reader labeled as planning?")
    chain.run("validate", mined, "--labels", labels, "--top", 5)
    chain.say("Tagging: the same problem, planning words in the colors of their moves")
    chain.run("tag", sample, "--lexicon", mined, "--show", 1, "--lines", 14)
    inputs: list[Path | str] = [sample]
    lexicon = mined
    if steps:
        chain.say("Training a tiny policy: GRPO, HICRA, and HICRA with random grams in place of its own")
        training = out / "training"
        chain.run("train", "--compare", ARMS, "--steps", steps, "--lexicon", "mined", "--jobs", jobs, "-o", training)
        runs = _run_directories(training, steps, jobs)
        inputs, lexicon = [*runs, sample], out / "both.json"
        chain.say("Merging what was mined from the traces and from the policy's own responses")
        chain.run("lexicon", "merge", mined, runs[0] / "lexicon.json", "-o", lexicon, "--name", "demo")
    chain.say("Measuring: all tables go to files, one is shown")
    shown = "tokens" if steps else "moves"
    chain.run("metrics", *inputs, "--lexicon", lexicon, "--csv", out / "tables", "--table", shown)
    chain.say("Writing the report")
    markdown = out / "report.md"
    chain.run("report", *inputs, "--lexicon", lexicon, "-o", page, "--markdown", markdown, "--title", "sgram demo")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    note(f"Done in {minutes} min {seconds} s. Next: sgram report YOUR_ROLLOUTS.jsonl -o report.html")
    note("Open in a browser:")
    print(page)
    return 0


class _Chain:
    """Steps that are counted and told; each is a command as a user would type it."""

    def __init__(self, total: int):
        self._total, self._at = total, 0

    def say(self, what: str) -> None:
        from sgram.cli.console import note

        self._at += 1
        note("" if self._at == 1 else "\n")
        note(f"[{self._at}/{self._total}] {what}")

    def run(self, *words: object) -> None:
        from sgram.cli import app
        from sgram.cli.console import note

        said = [str(word) for word in words]
        note(f"$ sgram {shlex.join(said)}")
        code = app(said, exit_on_error=False, print_error=False)
        if isinstance(code, int) and code:
            raise SystemExit(code)


def _run_directories(root: Path, steps: int, jobs: int) -> Sequence[Path]:
    """Where the runs of the demo lie; the folder may hold those of other demos."""
    from sgram.cli.train_config import MatrixFlags, TrainFlags, asked_for
    from sgram.training.experiments.run import directory_of

    asked = asked_for(None, TrainFlags(steps=steps, lexicon="mined"), MatrixFlags(compare=ARMS, jobs=jobs))
    return [directory_of(arm.apply(asked.config, seed=0, warmup_seed=0), root) for arm in asked.arms]
