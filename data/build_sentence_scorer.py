"""Build data/scorers/sgram.json: the default sentence scorer.

    python data/build_sentence_scorer.py ../shared/data

The argument is a folder with ``labels/``. The target are sentences labeled by the packaged guideline; people's labels
of ReasoningFlow, a model's labels of more of its documents, and the tags of Thought Anchors are priors, each with a
model of its own. Weights of grams are kept, no text.
"""

import gzip
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
from build_background import problem_id

from sgram.annotation.coefficients import cohen_kappa
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, read_labels
from sgram.evaluation.train_sentence_scorer import (
    MOVES_OF_LABELS,
    LabeledSentence,
    OutOfFold,
    Prior,
    ScorerFit,
    describe_labels,
    fit_sentence_scorer,
    label_sentences,
    score_out_of_fold,
)
from sgram.lexicon.sentence_scorer import SentenceScorer

N_SPLITS = 3
"""Partitions into folds over which figures and threshold are averaged."""
TARGET = "guideline_sentences"
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
    return label_sentences(read_labels(labels_path(folder, TARGET)), POSITIVE_LABELS)


def labels_path(folder: Path, name: str) -> Path:
    """Return the file of a set of labels."""
    return folder / "labels" / f"{name}.jsonl.gz"


def read_priors(folder: Path) -> list[Prior]:
    """Return the sentences of other schemas, with the target's keys of problems."""
    priors = []
    for name, (file, positive) in PRIORS.items():
        path = labels_path(folder, file)
        problems = _problems_of_documents(path)
        documents = [
            replace(document, problem=problems.get(document.id, document.problem)) for document in read_labels(path)
        ]
        priors.append(Prior(name, label_sentences(documents, frozenset(positive))))
    return priors


def _problems_of_documents(path: Path) -> dict[str, str]:
    """Return the key of each document's problem, where the file has the problem's text (ReasoningFlow)."""
    with gzip.open(path) as lines:
        rows = [orjson.loads(line) for line in lines]
    return {row["doc_id"]: problem_id(row["problem"]) for row in rows if "doc_id" in row}


def fit_without(
    problems: frozenset[str], target: Sequence[LabeledSentence], priors: Sequence[Prior], threshold: float
) -> SentenceScorer:
    """Return the scorer that is fitted as the packaged one, to labels on other problems than these."""

    def others(sentences: Sequence[LabeledSentence]) -> list[LabeledSentence]:
        return [sentence for sentence in sentences if sentence.problem not in problems]

    own_priors = [Prior(prior.name, others(prior.sentences)) for prior in priors]
    return fit_sentence_scorer("fold", others(target), own_priors, ScorerFit(threshold=threshold))


def figures(out: OutOfFold, threshold: float) -> dict[str, float]:
    """Return the figures out of fold: rates at the threshold, precision at recall .75, kappa of the moves."""
    precision, recall, f1 = out.rates(threshold)
    rows = {"precision": precision, "recall": recall, "f1": f1, "precision_at_recall_75": out.precision_at_recall(0.75)}
    pairs = out.move_pairs()
    if pairs:
        names = sorted(MOVES_OF_LABELS.values())
        codes = np.array([[names.index(move) for move in pair] for pair in pairs], np.int16)
        kappa = cohen_kappa(codes, len(names))
        rows["kappa_of_moves"] = float(kappa.compute(kappa.features.sum(axis=0)[None])[0])
    return rows


def main(folder: Path) -> None:
    """Choose the threshold, fit, measure, write, and print the figures."""
    target, priors = read_target(folder), read_priors(folder)
    splits = [score_out_of_fold(target, priors, ScorerFit(seed=seed)) for seed in range(N_SPLITS)]
    threshold = round(float(np.mean([out.best_threshold() for out in splits])), 2)
    rows = [figures(out, threshold) for out in splits]
    source = {
        "target": "three model annotators by the packaged guideline",
        "labels": [describe_labels(TARGET, read_labels(labels_path(folder, TARGET)))],
        "priors": [describe_labels(name, read_labels(labels_path(folder, file))) for name, (file, _) in PRIORS.items()],
        "sources": ["jinulee-v/reasoningflow (Apache-2.0)", "interp-reasoning/thought-anchors.com (MIT)"],
        "sentences": len(target),
        "out_of_fold": {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]},
        "splits": N_SPLITS,
        "built_by": "data/build_sentence_scorer.py",
    }
    scorer = fit_sentence_scorer("sgram", target, priors, ScorerFit(threshold=threshold), source)
    OUTPUT.parent.mkdir(exist_ok=True)
    scorer.save(OUTPUT)
    for row in rows:
        print({name: round(value, 4) for name, value in row.items()})
    print(f"{OUTPUT.name}: {len(scorer.planning.grams):,} grams, {OUTPUT.stat().st_size:,} bytes", scorer.source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
