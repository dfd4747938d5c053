"""Build data/sg_classifier.json: the classifier of grams that `sgram mine` scores with.

    python data/build_classifier.py ../shared/data

The argument is a folder with ``traces/`` and ``labels/``. The target are sentences labeled by the packaged guideline.
They are too few to count grams in, so the packaged sentence scorer (build_sentence_scorer.py), which was fitted to them
with labels of other schemas as priors, labels the sentences of long, searching traces; grams are counted there. Out of
fold, the scorer is fitted without the fold's problems. Degenerate loops are left out. Shares and weights of grams are
kept, no text.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from build_background import LOOP_CHARS, LOOP_RATIO, MAX_CHARS, SHORT_MODELS
from build_sentence_scorer import fit_without, read_priors, read_target

from sgram.evaluation.labeled_documents import read_labels
from sgram.evaluation.train_classifier import FitConfig, LabelSet, ScoredTexts, train_classifier
from sgram.lexicon.sentence_scorer import SentenceScorer
from sgram.mining import Background, Miner, MiningConfig, Resources
from sgram.traces import Trace, read_traces

LONG_FILES = ("mip_overthinking", "skythought_longcot", "reasoningflow", "trace_topology", "marco_o1_demo")
TARGET = "guideline_sentences"
TARGET_WEIGHT = 4.0
"""A labeled occurrence counts as much as so many that the scorer labels."""
FIT = FitConfig(softness=0.5, min_precision=0.9, clean_precision=0.94)
OUTPUT = Path(__file__).parent / "sg_classifier.json"
SOURCES = (
    "jinulee-v/reasoningflow (Apache-2.0)",
    "interp-reasoning/thought-anchors.com (MIT)",
    "tianyi-lab/MiP-Overthinking (MIT)",
    "NovaSky-AI/SkyThought (Apache-2.0)",
    "markyx316/LLM-Reasoning-Trace-Topology (MIT)",
    "AIDC-AI/Marco-o1 (Apache-2.0)",
)


def long_traces(folder: Path) -> Iterator[Trace]:
    """Traces of long chains of thought that are no loops."""
    for name in LONG_FILES:
        for trace in read_traces(folder / "traces" / f"{name}.jsonl.gz"):
            loops = len(trace.text) > LOOP_CHARS and trace.meta.get("zlib_ratio", 1.0) < LOOP_RATIO
            if not loops and trace.model not in SHORT_MODELS.get(name, ()):
                yield trace


def label_sets(folder: Path) -> list[LabelSet]:
    """The sentences labeled by the packaged guideline."""
    return [LabelSet(TARGET, tuple(read_labels(folder / "labels" / f"{TARGET}.jsonl.gz")), TARGET_WEIGHT)]


def scored_texts(folder: Path, traces: Sequence[Trace]) -> ScoredTexts:
    """The traces, with scorers that are fitted as the packaged one."""
    target, priors = read_target(folder), read_priors(folder)
    packaged = SentenceScorer.load("sgram")

    def fit_scorer(problems: frozenset[str]) -> SentenceScorer:
        return fit_without(problems, target, priors, packaged.threshold) if problems else packaged

    texts = tuple(trace.text[:MAX_CHARS] for trace in traces)
    return ScoredTexts("long traces, by the packaged sentence scorer", texts, fit_scorer)


def main(folder: Path) -> None:
    """Count, fit, write, and print the figures."""
    traces = list(long_traces(folder))
    candidates, source = Miner(MiningConfig(), Resources(workers=2)).measure_candidates(traces)
    about = {
        "what": "share of a gram's occurrences that lead a planning sentence",
        "sources": list(SOURCES),
        "inputs": dict(source["inputs"]),
        "built_by": "data/build_classifier.py",
    }
    classifier, cross_validation = train_classifier(
        candidates, Background.packaged(), label_sets(folder), FIT, about, scored_texts(folder, traces)
    )
    classifier.save(OUTPUT)
    for name, figures in cross_validation.to_json().items():
        print(name, figures)
    print(f"{OUTPUT.name}: {len(candidates):,} grams, {len(classifier.counts):,} with labels", classifier.thresholds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
