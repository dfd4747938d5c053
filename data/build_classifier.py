"""Build data/sg_classifier.json: the classifier of grams that `sgram mine` scores with.

    python data/build_classifier.py ../shared/data

The argument is a folder with ``traces/`` and ``labels/``. Statistics are counted on long, searching traces;
labels are ReasoningFlow's (people's) and Thought Anchors' (its authors' model's tags), both evaluated by
cross-validation over problems, and ReasoningFlow's labels by a model, which only add to the training and count a
quarter. Traces on the problems that are evaluated are left out, and so are degenerate loops. Shares and weights
of grams are kept, no text.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from build_background import LOOP_CHARS, LOOP_RATIO, SHORT_MODELS

from sgram.evaluation.held_out_traces import HeldOutFilter
from sgram.evaluation.labeled_documents import read_labels
from sgram.evaluation.train_classifier import LabelSet, train_classifier
from sgram.mining import Background, Miner, MiningConfig, Resources
from sgram.traces import Trace, read_traces

LONG_FILES = ("mip_overthinking", "skythought_longcot", "reasoningflow", "trace_topology", "marco_o1_demo")
MACHINE_WEIGHT = 0.25
OUTPUT = Path(__file__).parent / "sg_classifier.json"


def long_traces(folder: Path) -> Iterator[Trace]:
    """Traces of long chains of thought that are no loops."""
    for name in LONG_FILES:
        for trace in read_traces(folder / "traces" / f"{name}.jsonl.gz"):
            loops = len(trace.text) > LOOP_CHARS and trace.meta.get("zlib_ratio", 1.0) < LOOP_RATIO
            if not loops and trace.model not in SHORT_MODELS.get(name, ()):
                yield trace


def label_sets(folder: Path) -> list[LabelSet]:
    """The labels, people's first."""
    names = {"ReasoningFlow, people": "reasoningflow_human", "Thought Anchors": "thought_anchors_chunks"}
    sets = [LabelSet(name, tuple(read_labels(folder / "labels" / f"{file}.jsonl.gz"))) for name, file in names.items()]
    machine = tuple(read_labels(folder / "labels" / "reasoningflow_llm.jsonl.gz"))
    return [*sets, LabelSet("ReasoningFlow, a model", machine, MACHINE_WEIGHT, evaluated=False)]


def held_out(sets: list[LabelSet]) -> HeldOutFilter:
    """What keeps back the traces on problems that are evaluated."""
    return HeldOutFilter([document for each in sets if each.evaluated for document in each.documents])


def main(folder: Path) -> None:
    """Count, fit, write, and print the figures."""
    sets = label_sets(folder)
    miner = Miner(MiningConfig(), Resources(workers=2))
    candidates, source = miner.measure_candidates(held_out(sets)(long_traces(folder)))
    about = {
        "what": "share of a gram's occurrences that lead a unit labeled as planning",
        "sources": [
            "jinulee-v/reasoningflow (Apache-2.0)",
            "interp-reasoning/thought-anchors.com (MIT)",
            "tianyi-lab/MiP-Overthinking (MIT)",
            "NovaSky-AI/SkyThought (Apache-2.0)",
            "markyx316/LLM-Reasoning-Trace-Topology (MIT)",
            "AIDC-AI/Marco-o1 (Apache-2.0)",
        ],
        "inputs": dict(source["inputs"]),
        "built_by": "data/build_classifier.py",
    }
    classifier, found = train_classifier(candidates, Background.packaged(), sets, provenance=about)
    classifier.save(OUTPUT)
    for name, figures in found.to_json().items():
        print(name, figures)
    print(f"{OUTPUT.name}: {len(candidates):,} grams, {len(classifier.counts):,} with labels", found.thresholds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
