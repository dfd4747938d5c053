"""Build data/lexicons/sgram.json: the lexicon that verbs use where none is named.

    python data/build_lexicon.py ../shared/data

The argument is a folder with ``traces/`` and ``labels/``. The grams are those that `sgram mine` finds in the long
traces with the packaged classifier (build_classifier.py), if at least 1 % of the traces hold them. Three things are
added:

- moves: a gram has the move that the packaged sentence scorer names most often in the planning sentences that hold it;
  a cluster holds grams of one move, and is named after the most frequent one in the readable list;
- topics: phrases of one kind of problem ("there's a typo", of problems that lack a premise) are listed in the source
  and left out of the readable list. Kinds are compared within a model, so that a model's own phrases are no topics;
- figures: the list out of fold. For each fold it is chosen by a classifier fitted without the fold's problems, and by
  a threshold that the other folds choose.

Counts and scores of grams are kept, no text.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from build_background import MAX_CHARS
from build_classifier import FIT, SOURCES, TARGET, label_sets, long_traces, scored_texts
from scipy.sparse import csr_matrix

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.labeled_documents import LabeledDocument, Unit
from sgram.evaluation.train_classifier import ClassifierTrainer
from sgram.lexicon import MOVES, Cluster, Gram, Lexicon
from sgram.lexicon.sentence_scorer import SentenceScorer
from sgram.mining import Background, Miner, MiningConfig, Resources
from sgram.mining.candidates import Candidates
from sgram.mining.classifier import GramClassifier, LabelScorer
from sgram.mining.features import compute_features
from sgram.mining.miner import MiningRecords
from sgram.mining.select import LABELED, select_core
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.traces import Trace

OUTPUT = Path(__file__).parent / "lexicons" / "sgram.json"
READING = replace(LABELED, max_grams=400)
READABLE_SCORE = 0.82
"""Lowest score of a gram in the readable list."""
MIN_DF_SHARE = 0.01
OTHER = "other"
"""Move of grams whose move the lexicon format does not know."""
TOPIC_SHARE = 0.75
"""Least share of a topic phrase's rates that one kind of problems has, within models."""
MIN_TRACES = 30
"""Fewest traces of a model on a kind of problems for a rate."""
KINDS = {"mip-": "ill-posed", "math": "math", "stem-": "stem", "aime": "competition", "amc": "competition"}
"""Beginning of a data set's name -> kind; others are kinds of their own."""


def kind_of_dataset(name: str) -> str:
    """Return the kind of problems of a data set."""
    return next((kind for beginning, kind in KINDS.items() if name.startswith(beginning)), name)


@dataclass(frozen=True)
class Occurrences:
    """Where grams of a list occur in the sentences of traces; each pair (gram, sentence) once."""

    gram: IntArray
    sentence: IntArray
    move: IntArray
    """(S,) number of each sentence's move, -1 for a sentence that does not plan."""
    trace: IntArray
    """(S,) number of each sentence's trace."""
    traces: tuple[Trace, ...]


def find_occurrences(traces: Sequence[Trace], grams: Sequence[str], scorer: SentenceScorer) -> Occurrences:
    """Return the occurrences of `grams` in the scored sentences of `traces`."""
    find, documents, moves, kept = SentenceFinder(scorer), [], [], []
    for number, trace in enumerate(traces):
        offsets = find.offsets(trace.text)
        if len(offsets):
            units = tuple(Unit(start, end, ()) for start, end, *_ in offsets.tolist())
            documents.append(LabeledDocument(str(number), trace.text, units))
            moves.append(offsets[:, 3])
            kept.append(trace)
    index = UnitIndex.from_documents(documents)
    gram, sentence = index.find(grams).gram_unit_pairs()
    return Occurrences(gram, sentence, np.concatenate(moves), index.document, tuple(kept))


def name_moves(occurrences: Occurrences, n_grams: int, scorer: SentenceScorer) -> list[str]:
    """Return each gram's move: the most frequent one of the planning sentences that hold it, the first of equals."""
    names = [move if move in MOVES else OTHER for move in scorer.moves]
    move = occurrences.move[occurrences.sentence]
    counts = np.zeros((n_grams, len(names)), np.int64)
    np.add.at(counts, (occurrences.gram[move >= 0], move[move >= 0]), 1)
    return [names[row.argmax()] if row.any() else OTHER for row in counts]


def topic_shares(occurrences: Occurrences, n_grams: int) -> tuple[FloatArray, list[str]]:
    """Return for each gram the largest share that a kind of problems has of its rates, and the name of that kind.

    A rate is the share of the traces of one model on one kind of problems that hold the gram. Of a kind's share only
    models count that have two kinds or more.
    """
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, trace in enumerate(occurrences.traces):
        rows[str(trace.model), kind_of_dataset(str((trace.meta or {}).get("dataset")))].append(row)
    cells = {cell: members for cell, members in rows.items() if len(members) >= MIN_TRACES}
    n_kinds = Counter(model for model, _ in cells)
    kinds = sorted({kind for model, kind in cells if n_kinds[model] > 1})
    sums = np.zeros((n_grams, len(kinds)))
    holds = _trace_matrix(occurrences, n_grams)
    for (model, kind), members in sorted(cells.items()):
        if n_kinds[model] > 1:
            sums[:, kinds.index(kind)] += np.asarray(holds[:, members].mean(axis=1)).ravel()
    shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-12)
    return shares.max(axis=1), [kinds[kind] for kind in shares.argmax(axis=1)]


def _trace_matrix(occurrences: Occurrences, n_grams: int) -> csr_matrix:
    """Return (grams, traces) with a 1 where a trace holds a gram."""
    trace = occurrences.trace[occurrences.sentence]
    pairs = np.unique(np.stack((occurrences.gram, trace)), axis=1)
    shape = (n_grams, len(occurrences.traces))
    return csr_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=shape)


def cluster_grams(
    mined: Lexicon, records: MiningRecords, moves: Sequence[str], core: BoolArray, occurrences: Occurrences
) -> list[Cluster]:
    """Return the mined clusters, split by move, with their df; `moves` and `core` have one value for each gram."""
    texts = records.candidates.take(records.lexicon_rows).texts
    members: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, (cluster, move) in enumerate(zip(records.clusters.tolist(), moves, strict=True)):
        members[cluster, move].append(row)
    holds = _trace_matrix(occurrences, len(texts))
    clusters = []
    for (_, move), rows in members.items():
        grams = [replace(_mined_gram(mined, texts[row]), core=bool(core[row])) for row in rows]
        medoid = min(grams, key=lambda gram: (not gram.core, gram.rank)).text
        df = int((np.asarray(holds[rows].sum(axis=0)) > 0).sum())
        score = sum(gram.score or 0.0 for gram in sorted(grams, key=lambda gram: gram.text)) / len(grams)
        clusters.append(Cluster(0, tuple(grams), max([df, *(gram.df or 0 for gram in grams)]), medoid, move, score))
    return clusters


def _mined_gram(mined: Lexicon, text: str) -> Gram:
    found = mined.find(text)
    assert found is not None  # noqa: S101
    return found[1]


def make_source(
    mined: Lexicon, figures: Mapping[str, Any], scorer: SentenceScorer, topics: Mapping[str, str], n_core: int
) -> dict[str, Any]:
    """Return the provenance: mining, figures, moves, topics."""
    return {
        **mined.source,
        "method": "mined by sgram from long traces, default of its verbs",
        "built_by": "data/build_lexicon.py",
        "sources": list(SOURCES),
        "moves": {"by": "the packaged sentence scorer", "scorer": scorer.digest},
        "out_of_fold": {"labels": TARGET, **figures},
        "topics": {
            "rule": f"one kind of problems has {TOPIC_SHARE:.0%} of the gram's rates within models",
            "grams": dict(sorted(topics.items())),
        },
        "counts": {**mined.source["counts"], "core": n_core, "topics": len(topics)},
    }


def measure_out_of_fold(candidates: Candidates, folder: Path, traces: Sequence[Trace]) -> dict[str, Any]:
    """Return precision, recall and F1 of the lists of all folds on the labeled sentences."""
    features = compute_features(candidates, Background.packaged(), FIT.blocks)
    trainer = ClassifierTrainer(candidates.texts, features, label_sets(folder), FIT, scored_texts(folder, traces))
    rates: dict[str, Any] = trainer.cross_validate().to_json()[TARGET]["default_nested"]
    return rates


def build(folder: Path) -> Lexicon:
    """Return the lexicon of the long traces in `folder`."""
    traces = [replace(trace, text=trace.text[:MAX_CHARS]) for trace in long_traces(folder)]
    classifier, scorer = GramClassifier.packaged(), SentenceScorer.load("sgram")
    label_scorer = LabelScorer(classifier, Background.packaged())
    min_df = round(MIN_DF_SHARE * len(traces))
    config = MiningConfig(name="sgram", embedder="hash", max_chars=MAX_CHARS, min_df=min_df)
    miner = Miner(config, Resources(workers=2), scorer=label_scorer).fit(traces)
    records = miner.records_
    grams = records.candidates.take(records.lexicon_rows)
    occurrences = find_occurrences(traces, grams.texts, scorer)
    shares, kinds = topic_shares(occurrences, len(grams))
    is_topic = shares >= TOPIC_SHARE
    is_eligible = ~is_topic & (records.scores[records.lexicon_rows] >= READABLE_SCORE)
    core = select_core(grams, READING, is_eligible)
    topics = {text: kind for text, kind, topic in zip(grams.texts, kinds, is_topic, strict=True) if topic}
    moves = name_moves(occurrences, len(grams), scorer)
    clusters = cluster_grams(miner.lexicon_, records, moves, core, occurrences)
    figures = measure_out_of_fold(records.candidates, folder, traces)
    source = make_source(miner.lexicon_, figures, scorer, topics, int(core.sum()))
    source["counts"]["clusters"] = len(clusters)
    return Lexicon.build("sgram", clusters, source)


def main(folder: Path) -> None:
    """Build, write, and print the figures and the most frequent grams."""
    lexicon = build(folder)
    lexicon.save(OUTPUT)
    print(lexicon, lexicon.source["counts"], lexicon.source["out_of_fold"])
    full = sorted(lexicon.grams, key=lambda gram: gram.rank)
    topics = [gram for gram in full if gram.text in lexicon.source["topics"]["grams"]]
    for name, grams in (("full list", full), ("readable list", lexicon.core), ("topics", topics)):
        print(f"50 most frequent of the {name}:", " · ".join(gram.text for gram in grams[:50]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
