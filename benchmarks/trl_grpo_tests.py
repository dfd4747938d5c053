"""Do TRL's own tests of its GRPO trainer pass with sgram's trainer in the place of theirs, masks on?

    python benchmarks/trl_grpo_tests.py TRL [--arms grpo,hicra] [-k EXPRESSION] [--max-steps N] [--out FILE.md]

TRL is its source tree of the installed version (a checkout of the tag: the package on PyPI has no tests); needs pytest
and `pip install -e ".[train,lora]"`. Of the tree only tests/test_grpo_trainer.py and tests/testing_utils.py are run:
they are copied beside models of the hub's names made here (trl_stand_ins.py), so that no network is needed. Read both
files first if the tree is not from somebody you trust: tests are code. Its conftest.py is never loaded.

The file runs once with TRL's own trainer, then once an arm: with `HICRATrainer` and `HICRAConfig` of that method, and a
lexicon that marks words of the vocabulary. A test that passes with TRL's and not with an arm fails because of sgram:
it is listed, exit code 1. What does not pass with TRL's own trainer here (no network, no GPU, no vLLM) is listed as not
run, with its reason. Exit code 2 if TRL's version is not the installed one (--any-version goes on, and says so).

Tests train 51 steps and more each. `--max-steps` bounds them for all trainers where a test sets no number. Without
`--qwen` (the path of qwen.tiktoken, which the package dashscope has) models have 2,027 tokens, a step is fast, and
tests that write Qwen's ids do not run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile

sys.path.insert(0, str(Path(__file__).parent))
from trl_stand_ins import make_stand_ins

ROOT = Path(__file__).parents[1]
FILES = ("test_grpo_trainer.py", "testing_utils.py")
PASSED = ("passed", "xfailed")

Outcomes = dict[str, dict[str, str]]


def run_arm(arm: str, folder: Path, expression: str | None, max_steps: int | None) -> tuple[Outcomes, dict[str, int]]:
    """Return what came of each test with the trainer of an arm, and how many tokens were sampled and marked."""
    outcomes = folder / f"{arm}.json"
    outcomes.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "SGRAM_ARM": arm,
        "SGRAM_OUTCOMES": str(outcomes),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT)]),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(folder / "hub"),
        "SGRAM_MAX_STEPS": "" if max_steps is None else str(max_steps),
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [sys.executable, "-m", "pytest", "grpo_tests", "-q", "-c", "pytest.ini", "-p", "trl_plugin"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short", "--basetemp", str(folder / "temporary")]
    if expression:
        command += ["-k", expression]
    log = folder / f"{arm}.log"
    with log.open("wb") as file:
        subprocess.run(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False)
    if not outcomes.exists():
        raise SystemExit(f"pytest ended early with {arm}:\n{log.read_text(errors='replace')[-3000:]}")
    document = json.loads(outcomes.read_bytes())
    return document["tests"], document["counts"]


def prepare(tree: Path, folder: Path, qwen: Path | None) -> None:
    """Copy the tests, and make the models and data that they load."""
    package = folder / "grpo_tests"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    for name in FILES:
        copyfile(tree / "tests" / name, package / name)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow\n", encoding="utf-8")
    make_stand_ins(folder, qwen)


def compare(own: Outcomes, ours: dict[str, Outcomes]) -> tuple[list[str], list[str]]:
    """Return (a line for each test that fails because of sgram, a line for each that does not run here)."""
    failed = [
        f"{arm}: {name}: {_short(outcomes.get(name, {'reason': 'not collected'})['reason'])}"
        for arm, outcomes in ours.items()
        for name, test in own.items()
        if test["outcome"] in PASSED and outcomes.get(name, {}).get("outcome") not in PASSED
    ]
    not_run = [
        f"{name}: {'skipped' if test['outcome'] == 'skipped' else 'fails with TRL too'}: {_short(test['reason'])}"
        for name, test in own.items()
        if test["outcome"] not in PASSED
    ]
    return failed, not_run


def _short(reason: str) -> str:
    return (reason.splitlines() or [""])[0][:160]


def report(own: Outcomes, ours: dict[str, Outcomes], counts: dict[str, dict[str, int]], about: str) -> tuple[str, bool]:
    """Return the markdown text, and whether no test fails because of sgram."""
    failed, not_run = compare(own, ours)
    lines = [
        about,
        "",
        "| trainer | passed | xfailed | skipped | failed | tokens | marked |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for arm, outcomes in {"TRL's own": own, **ours}.items():
        n = Counter(test["outcome"] for test in outcomes.values())
        tokens = counts.get(arm, {"tokens": 0, "marked": 0})
        share = f"{tokens['marked'] / tokens['tokens']:.1%}" if tokens["tokens"] else "-"
        shown = f"{tokens['tokens']:,}" if tokens["tokens"] else "-"
        lines.append(f"| {arm} | {n['passed']} | {n['xfailed']} | {n['skipped']} | {n['failed']} | {shown} | {share} |")
    lines += ["", f"Fail because of sgram: {len(failed)}", *(f"- {line}" for line in failed)]
    lines += ["", f"Not run here: {len(not_run)}", *(f"- {line}" for line in not_run)]
    return "\n".join(lines) + "\n", not failed


def check_tree(tree: Path, any_version: bool) -> str:
    """Return the version of the tree, or leave with what is wrong with it."""
    absent = [name for name in FILES if not (tree / "tests" / name).is_file()]
    if absent or not (tree / "VERSION").is_file():
        missing = ", ".join(
            [*(f"tests/{name}" for name in absent), *(["VERSION"] * (not (tree / "VERSION").is_file()))]
        )
        print(
            f"{tree} is no source tree of TRL: it has no {missing}; clone it at the tag of {version('trl')}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    found = (tree / "VERSION").read_text(encoding="utf-8").strip()
    if found != version("trl") and not any_version:
        print(
            f"{tree} is TRL {found}, installed is {version('trl')}: check out the tag v{version('trl')}, or add "
            "--any-version",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return found


def main() -> int:
    """Run the arms, print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, metavar="TRL", help="TRL's source tree")
    parser.add_argument("--arms", default="grpo,hicra", help="credit methods, by comma")
    parser.add_argument("-k", dest="expression", help="pytest's -k")
    parser.add_argument("--max-steps", type=int, metavar="N", help="end training after so many steps")
    parser.add_argument("--qwen", type=Path, metavar="FILE", help="qwen.tiktoken, for Qwen's tokenizer")
    parser.add_argument("--work", type=Path, help="folder to keep models and logs in; default: a temporary one")
    parser.add_argument("--any-version", action="store_true")
    parser.add_argument("--out", type=Path, metavar="FILE.md")
    options = parser.parse_args()
    found = check_tree(options.tree, options.any_version)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        prepare(options.tree, folder, options.qwen)
        own, _ = run_arm("trl", folder, options.expression, options.max_steps)
        ours: dict[str, Outcomes] = {}
        counts: dict[str, dict[str, int]] = {}
        for arm in options.arms.split(","):
            ours[arm], counts[arm] = run_arm(arm, folder, options.expression, options.max_steps)
    versions = ", ".join(f"{name} {version(name)}" for name in ("trl", "transformers", "torch"))
    tokenizer = "Qwen's tokenizer" if options.qwen else "a small BPE"
    bound = f", at most {options.max_steps} steps" if options.max_steps else ""
    about = f"Tests of TRL {found}, with {versions}; {tokenizer}, tiny random models{bound}."
    text, is_right = report(own, ours, counts, about)
    print(text, end="")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
