"""Build data/background_short_cot.parquet: how many short chains of thought hold each gram.

    python data/build_background.py ../shared/data

The argument is a folder with ``traces/`` and ``labels/``. Counted are the answers of instruct models, of 2021's
fine-tuned GPT-3 and of a model trained on short chains of thought: they carry a solution out and hardly plan.
Left out: degenerate loops, and every problem on which people labeled sentences, so that a lexicon can be
evaluated on those.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from sgram.mining import Background
from sgram.traces import Trace, read_traces

SHORT_FILES = ("skythought_shortcot", "gsm8k_gpt3_solutions", "qwen25math_8samples")
SHORT_MODELS = {
    "mip_overthinking": ("Qwen/Qwen2.5-32B-Instruct",),
    "reasoningflow": ("Qwen/Qwen2.5-32B-Instruct",),
    "skythought_longcot": ("NovaSky-AI/Sky-T1-math-correct-5K-32B-short-ckpts",),
}
MAX_CHARS = 16_000
LOOP_CHARS, LOOP_RATIO = 3_000, 0.12
"""A longer response that compresses below this ratio repeats itself without end."""
OUTPUT = Path(__file__).parent / "background_short_cot.parquet"


def problem_id(problem: str) -> str:
    """Key of a problem text that survives differences of case and punctuation."""
    return hashlib.sha1(re.sub("[^a-z0-9]", "", problem.lower()).encode()).hexdigest()[:12]  # noqa: S324


def labeled_problems(folder: Path) -> set[str]:
    """Problems whose traces carry sentence labels."""
    import gzip

    with gzip.open(folder / "labels" / "reasoningflow_human.jsonl.gz") as lines:
        problems = {problem_id(orjson.loads(line)["problem"]) for line in lines}
    anchors = read_traces(folder / "traces" / "thought_anchors.jsonl.gz")
    return problems | {trace.group for trace in anchors if trace.group}


def short_traces(folder: Path) -> Iterator[Trace]:
    """Traces of short chains of thought that are no loops and not held out."""
    held_out = labeled_problems(folder)
    for name in (*SHORT_FILES, *SHORT_MODELS):
        for trace in read_traces(folder / "traces" / f"{name}.jsonl.gz"):
            if name in SHORT_MODELS and trace.model not in SHORT_MODELS[name]:
                continue
            loops = len(trace.text) > LOOP_CHARS and trace.meta.get("zlib_ratio", 1.0) < LOOP_RATIO
            if not loops and trace.group not in held_out:
                yield trace


def main(folder: Path) -> None:
    """Count and write."""
    traces = list(short_traces(folder))
    models = sorted({trace.model for trace in traces if trace.model})
    about = {
        "what": "document frequency of 1- to 6-grams in short chains of thought",
        "sources": [
            "NovaSky-AI/SkyThought (Apache-2.0)",
            "openai/grade-school-math (MIT)",
            "QwenLM/Qwen2.5-Math (MIT)",
            "tianyi-lab/MiP-Overthinking (MIT)",
            "jinulee-v/reasoningflow (Apache-2.0)",
        ],
        "models": models,
        "max_chars": MAX_CHARS,
        "left_out": "loops; problems whose traces carry sentence labels",
        "built_by": "data/build_background.py",
    }
    background = Background.count((trace.text[:MAX_CHARS] for trace in traces), about)
    background.save(OUTPUT)
    print(f"{OUTPUT.name}: {background.n_docs:,} traces, {len(background.df):,} grams")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
