"""Build data/scorers/sgram.json: the default sentence scorer.

    python data/build_sentence_scorer.py ../shared/data

The argument is a folder with ``labels/``. The target are sentences labeled by the packaged guideline; people's labels
of ReasoningFlow, a model's labels of more of its documents, and the tags of Thought Anchors are priors, each with a
model of its own. Weights of grams are kept, no text.
"""

import sys
from pathlib import Path

import numpy as np

from sgram.annotation.coefficients import cohen_kappa
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, read_labels
from sgram.evaluation.train_sentence_scorer import (
    MOVES_OF_LABELS,
    LabeledSentence,
    OutOfFold,
    Prior,
    fit_sentence_scorer,
    label_sentences,
    score_out_of_fold,
)

OUTPUT = Path(__file__).parent / "scorers" / "sgram.json"
# name of the prior: (file of labels, labels that mean planning)
PRIORS = {
    "ReasoningFlow, people": ("reasoningflow_human", ("planning", "reflection")),
    "ReasoningFlow, people: planning alone": ("reasoningflow_human", ("planning",)),
    "ReasoningFlow, a model": ("reasoningflow_llm", ("planning", "reflection")),
    "ReasoningFlow, a model: planning alone": ("reasoningflow_llm", ("planning",)),
    "Thought Anchors": ("thought_anchors_chunks", ("plan_generation", "uncertainty_management", "self_checking")),
}


def read_target(folder: Path) -> list[LabeledSentence]:
    """Return the sentences that are labeled by the packaged guideline."""
    return label_sentences(read_labels(folder / "labels" / "guideline_sentences.jsonl.gz"), POSITIVE_LABELS)


def read_priors(folder: Path) -> list[Prior]:
    """Return the sentences of other schemas."""
    return [
        Prior(name, label_sentences(read_labels(folder / "labels" / f"{file}.jsonl.gz"), frozenset(positive)))
        for name, (file, positive) in PRIORS.items()
    ]


def figures(out: OutOfFold, threshold: float) -> dict[str, float]:
    """Return the figures out of fold: rates at the threshold, precision at recall .75, kappa of the moves."""
    precision, recall, f1 = out.rates(threshold)
    rows = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "precision at recall .75": out.precision_at_recall(0.75),
    }
    pairs = out.move_pairs()
    if pairs:
        names = sorted(MOVES_OF_LABELS.values())
        codes = np.array([[names.index(move) for move in pair] for pair in pairs], np.int16)
        kappa = cohen_kappa(codes, len(names))
        rows["kappa of moves"] = float(kappa.compute(kappa.features.sum(axis=0)[None])[0])
    return {name: round(value, 4) for name, value in rows.items()}


def main(folder: Path) -> None:
    """Fit, measure, write, and print the figures."""
    target, priors = read_target(folder), read_priors(folder)
    out = score_out_of_fold(target, priors)
    rates = figures(out, 0.5)
    source = {
        "target": "guideline_sentences: three model annotators by the packaged guideline",
        "priors": list(PRIORS),
        "sources": ["jinulee-v/reasoningflow (Apache-2.0)", "interp-reasoning/thought-anchors.com (MIT)"],
        "sentences": len(target),
        "out_of_fold": rates,
        "built_by": "data/build_sentence_scorer.py",
    }
    scorer = fit_sentence_scorer("sgram", target, priors, source=source)
    OUTPUT.parent.mkdir(exist_ok=True)
    scorer.save(OUTPUT)
    print(f"{OUTPUT.name}: {len(scorer.planning.grams):,} grams, {OUTPUT.stat().st_size:,} bytes", rates)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
