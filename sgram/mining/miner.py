"""From traces to a lexicon: the one place that knows the order of the steps.

read -> encode -> count -> candidates -> score -> embed -> cluster -> select -> lexicon. Both methods share every
step; what differs is `_by_score` and `_by_cluster_df`. Knows nothing about files' dialects or printing.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sgram import __version__
from sgram.errors import InputError, SgramError
from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.mining.array_store import ArrayStore, give_back_freed_memory
from sgram.mining.candidates import Candidates, find_candidates, model_contrast
from sgram.mining.classifier import make_scorer
from sgram.mining.cluster import communities, medoids
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.corpus import CORRECT, FACETS, UNKNOWN, WRONG, Corpus, Document, encode
from sgram.mining.corpus_cache import forget_corpus, load_corpus, save_corpus
from sgram.mining.count import GramTable, count_grams
from sgram.mining.embed import embed_texts, get_embedder
from sgram.mining.examples import Example, find_examples
from sgram.mining.moves import cluster_move
from sgram.mining.occurrences import walk
from sgram.mining.score import Scorer
from sgram.mining.select import ReadingRules, is_complete, keep_top, reading_list
from sgram.traces import Trace

Progress = Callable[[str, int, int], None]
"""Hears (stage, done, total in the stage's unit; 0 where not known)."""

EXTENSION_SHARE = 4
"""Grams are counted down to a quarter of `min_df`: a rarer one can still show that a frequent one is a fragment."""
LONGEST_WORD = 200
"""How far back a cut looks for a space, in characters."""


def mine(
    traces: Iterable[Trace], config: MiningConfig | None = None, *, workers: int = 1, seed: int | None = None
) -> Lexicon:
    """Mine a lexicon of Strategic Grams from `traces`, which are read once.

    The result depends on the set of traces and on `config` only. Raises `InputError` when there are too few traces
    to find anything.
    """
    config = config or MiningConfig()
    if seed is not None:
        from dataclasses import replace

        config = replace(config, seed=seed)
    return Miner(config, Resources(workers=workers)).fit(traces).lexicon_


@dataclass(slots=True)
class Found:
    """What a fit leaves beside the lexicon."""

    candidates: Candidates
    scores: np.ndarray
    """Score of each candidate."""
    kept: np.ndarray
    """Rows of the candidates that are grams of the lexicon."""
    clusters: np.ndarray
    """Cluster id of each kept row."""
    core: np.ndarray
    """Whether each kept row is in the pruned list."""
    examples: Mapping[int, list[Example]] = field(default_factory=dict)
    """Cluster id -> uses of its medoid."""
    counts: Mapping[str, int] = field(default_factory=dict)


class Miner:
    """Mines traces: ``Miner(config).fit(traces).lexicon_``.

    Constructor arguments are only stored; what is learned ends in an underscore: `lexicon_`, `found_`. `scratch` is a
    folder for this one fit: a fit that was killed goes on from what it left there, so never give the folder
    of an unfinished fit to other traces. `keep_corpus` leaves the encoded traces there even after the end, for
    a folder that is named by its inputs (`sgram.mining.run`).
    """

    def __init__(
        self,
        config: MiningConfig | None = None,
        resources: Resources | None = None,
        *,
        scorer: Scorer | None = None,
        scratch: Path | None = None,
        keep_corpus: bool = False,
        progress: Progress | None = None,
    ):
        self.config = config or MiningConfig()
        self.resources = resources or Resources()
        self.scorer = scorer
        self.scratch = scratch
        self.keep_corpus = keep_corpus
        self.progress = progress

    def fit(self, traces: Iterable[Trace]) -> "Miner":
        """Mine `traces`; see `mine`."""
        corpus, table, candidates, source = self._measure(traces)
        choose = self._by_cluster_df if self.config.method == "paper" else self._by_score
        self.lexicon_, self.found_ = choose(corpus, table, candidates, source)
        self._tell("examples", 0, len(self.lexicon_.clusters))
        self.found_.examples = self._examples(corpus, table)
        if self.scratch and not self.keep_corpus:
            forget_corpus(self.scratch)
        return self

    def candidates(self, traces: Iterable[Trace]) -> tuple[Candidates, Mapping]:
        """The candidates of `traces` with their statistics, and the source that a lexicon of them would name."""
        _, _, candidates, source = self._measure(traces)
        return candidates, source

    def _measure(self, traces: Iterable[Trace]) -> tuple[Corpus, GramTable, Candidates, dict]:
        corpus, inputs = self._encode(traces)
        n_docs = int(corpus.n_docs.sum())
        settings = self.config.resolved(n_docs, len(corpus.facet_values[FACETS.index("problem")]))
        if not n_docs:
            raise InputError(_no_traces(self.config, settings))
        source = {"sgram": __version__, "config": settings, "inputs": inputs}
        table = self._count(corpus, settings)
        self._tell("candidates", 0, len(table))
        candidates = find_candidates(
            corpus,
            table,
            lengths=(settings["min_words"], settings["max_words"]),
            min_df=settings["min_df"],
            explained=settings["explained"],
            workers=self.resources.workers,
        )
        if self.config.contrast_models:
            candidates.model_contrast = model_contrast(
                corpus, table, candidates, self.config.contrast_models, self.resources.workers
            )
        problems = np.maximum(candidates.problems, 1)  # whatever a trace holds is in a problem, known or not
        candidates = candidates.take(np.flatnonzero(problems >= settings["min_problems"]))
        if not len(candidates):
            raise InputError(
                f"no phrase is in {settings['min_df']} of the {n_docs} traces and {settings['min_problems']} problems; "
                "give more traces, or a lower --min-df or --min-problems"
            )
        self._tell("candidates", len(table), len(table))
        return corpus, table, candidates, source

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    def _encode(self, traces: Iterable[Trace]) -> tuple[Corpus, Mapping]:
        """The corpus, and the count and digest of its traces; an earlier try's, if it got so far."""
        limit = self.resources.held()
        if self.scratch and (saved := load_corpus(self.scratch, limit)):
            return saved
        settings, digests = self.config.resolved(0), _DigestSum()
        documents = _documents(traces, settings["correct_only"], settings["max_chars"], digests)
        corpus = encode(
            documents,
            ArrayStore(self.scratch, limit),
            workers=self.resources.workers,
            keep_text=True,
            progress=lambda docs, size: self._tell("read", docs, 0),
        )
        if self.scratch:
            save_corpus(corpus, digests.summary())
        return corpus, digests.summary()

    def _count(self, corpus: Corpus, settings: Mapping) -> GramTable:
        least = max(2, settings["min_df"] // EXTENSION_SHARE)
        if settings["explained"] is not None:  # an extension of this df explains a gram of `min_df`
            least = min(least, math.ceil(settings["explained"] * settings["min_df"]))
        return count_grams(
            corpus,
            min(least, settings["min_df"]),
            settings["max_words"] + 1,
            self.resources.workers,
            progress=lambda done, total: self._tell("count", done, total),
        )

    def _cluster(
        self, grams: Candidates, similarity: float, core: np.ndarray | None = None
    ) -> tuple[np.ndarray, list[str], str]:
        """Cluster of each gram, the medoid of each cluster, the embedder's name; what stands alone has its own.

        A medoid is the cluster's name: it is taken among the `core` grams of a cluster if it has any, else
        among its complete phrases, else among all.
        """
        texts = grams.texts
        give_back_freed_memory()  # what counting no longer needs, the sentence encoder does
        embedder = get_embedder(self.config.embedder, self.config.seed)
        cache = self.scratch / "vectors" if self.scratch else None
        vectors = embed_texts(texts, embedder, cache, progress=lambda done, total: self._tell("embed", done, total))
        self._tell("cluster", 0, len(texts))
        labels = communities(vectors, threshold=similarity, min_size=2, keys=texts)
        names = [texts[row] for row in _centers(vectors, labels, grams, core)]
        for row in sorted(np.flatnonzero(labels < 0).tolist(), key=lambda row: texts[row]):
            labels[row] = len(names)
            names.append(texts[row])
        self._tell("cluster", len(texts), len(texts))
        return labels, names, embedder.name

    def _by_score(self, corpus: Corpus, table: GramTable, candidates: Candidates, source: dict) -> tuple:
        """Grams by score, then clusters to name them."""
        settings = source["config"]
        scorer = self.scorer or make_scorer(self.config)
        scores = np.asarray(scorer.score(candidates), np.float64)
        if scores.shape != (len(candidates),) or not np.isfinite(scores).all():
            raise SgramError(
                f"scorer {scorer.name} gave shape {scores.shape}, or values that are not finite, for "
                f"{len(candidates)} candidates; it must give one finite number a candidate"
            )
        kept, edge = keep_top(scores, candidates.texts, settings["top"], scorer.floor)
        if not len(kept):
            others = "" if scorer.name == "contrast" else "--scorer contrast, "
            raise InputError(
                f"no phrase reaches a score of {scorer.floor:g} with the scorer {scorer.name}; these traces show no "
                f"planning language that it knows (try {others}another --background, or --method paper)"
            )
        grams = candidates.take(kept)
        core = reading_list(grams, scorer.reading, clean=scores[kept] >= scorer.clean)
        labels, names, embedder = self._cluster(grams, settings["similarity"], core)
        tally = walk(corpus, table, grams.labels(table, labels), self.resources.workers, spread=False)
        source |= {"scorer": {"name": scorer.name, "edge": round(edge, 6), **scorer.provenance}, "embedder": embedder}
        return self._finish(candidates, scores, kept, labels, names, tally.df.sum(axis=1), source, core)

    def _by_cluster_df(self, corpus: Corpus, table: GramTable, candidates: Candidates, source: dict) -> tuple:
        """HICRA §2.1: cluster every gram, rank clusters by ClusterDF, keep the top share with all their grams.

        What the paper leaves open: the embedder, the clustering rule and its threshold, the least df. A
        gram that joins no community is a cluster of its own.
        """
        settings = source["config"]
        labels, names, embedder = self._cluster(candidates, settings["similarity"])
        tally = walk(corpus, table, candidates.labels(table, labels), self.resources.workers, spread=False)
        df = tally.df.sum(axis=1)
        top, _ = keep_top(df.astype(float), names, settings["top"])
        place = np.full(len(names), -1)
        place[top] = np.arange(len(top))
        kept = np.flatnonzero(place[labels] >= 0)
        source |= {"scorer": {"name": "cluster-df", "clusters": len(names)}, "embedder": embedder}
        scores = df[labels] / max(int(table.n_docs.sum()), 1)
        names = [names[cluster] for cluster in top.tolist()]
        core = reading_list(candidates.take(kept))
        return self._finish(candidates, scores, kept, place[labels[kept]], names, df[top], source, core)

    def _finish(self, candidates, scores, kept, labels, names, cluster_df, source, core) -> tuple[Lexicon, Found]:
        """Build the lexicon of the kept grams; `core` marks those that are for reading."""
        grams = candidates.take(kept)
        members: list[list[Gram]] = [[] for _ in names]
        df = grams.df_total.tolist()
        for row, text in enumerate(grams.texts):
            members[labels[row]].append(
                Gram(
                    tuple(text.split(" ")),
                    df=df[row],
                    count=int(grams.count[row]),
                    df_correct=int(grams.df[row, CORRECT]),
                    df_wrong=int(grams.df[row, WRONG]),
                    score=float(scores[kept[row]]),
                    core=bool(core[row]),
                )
            )
        clusters = [
            Cluster(
                id=0,
                grams=tuple(own),
                df=int(cluster_df[place]),
                medoid=names[place],
                move=cluster_move((gram.words, gram.df) for gram in own),
                score=sum(gram.score for gram in sorted(own, key=lambda gram: gram.text)) / len(own),
            )
            for place, own in enumerate(members)
        ]
        counts = {"candidates": len(candidates), "grams": len(kept), "core": int(core.sum()), "clusters": len(clusters)}
        lexicon = Lexicon.build(self.config.name, clusters, source | {"counts": counts})
        rank = {cluster.medoid: cluster.id for cluster in lexicon.clusters}
        of_row = np.array([rank[names[label]] for label in labels])
        return lexicon, Found(candidates, scores, kept, of_row, core, counts=counts)

    def _examples(self, corpus: Corpus, table: GramTable) -> dict[int, list[Example]]:
        """Uses of each cluster's medoid."""
        candidates = self.found_.candidates
        row_of = {text: row for row, text in enumerate(candidates.texts)}
        medoid_texts = [cluster.medoid for cluster in self.lexicon_.clusters]
        label = np.full(len(candidates), -1, np.int32)
        label[[row_of[text] for text in medoid_texts]] = np.arange(len(medoid_texts))
        uses = find_examples(corpus, table, candidates.labels(table, label), medoid_texts)
        return dict(enumerate(uses))


def _centers(vectors: np.ndarray, labels: np.ndarray, grams: Candidates, core: np.ndarray | None) -> list[int]:
    """Row of each cluster's medoid among the members that read best."""
    rules = ReadingRules()
    reads = np.array([is_complete(grams, row, rules) for row in range(len(grams))], np.int8)
    if core is not None:
        reads += core
    best = np.zeros(int(labels.max(initial=-1)) + 2, np.int8)  # the last entry is for label -1
    np.maximum.at(best, labels, reads)
    return medoids(vectors, np.where(reads == best[labels], labels, -1), keys=grams.texts).tolist()


class _DigestSum:
    """Digest of a multiset of traces: the sum of their digests modulo 2**256, so that order cannot matter."""

    def __init__(self):
        self.total, self.n = 0, 0

    def add(self, trace: Trace) -> int:
        """Take in a trace; returns 64 bits of its own digest."""
        own = hashlib.sha256()
        for fact in (trace.id, trace.text, trace.prompt, trace.group, trace.model, _dataset(trace)):
            try:
                raw = b"" if fact is None else fact.encode()
            except UnicodeEncodeError:
                raise InputError(
                    f"trace {trace.id!r} holds a lone surrogate, which is no character; replace it or leave it out"
                ) from None
            own.update(b"%d:" % (-1 if fact is None else len(raw)))  # lengths keep neighbors apart
            own.update(raw)
        own.update(str(trace.correct).encode())
        own = own.digest()
        self.total = (self.total + int.from_bytes(own, "big")) % (1 << 256)
        self.n += 1
        return int.from_bytes(own[:8], "big")

    def summary(self) -> dict[str, object]:
        """For a lexicon's source."""
        return {"traces": self.n, "digest": f"{self.total:064x}"}


def _dataset(trace: Trace) -> str | None:
    value = trace.meta.get("dataset") if trace.meta else None
    return value if isinstance(value, str) else None


def _documents(traces: Iterable[Trace], correct_only: bool, max_chars: int, digests: _DigestSum) -> Iterator[Document]:
    """Traces as documents: cut to `max_chars` at a space, outcome, facets."""
    for trace in traces:
        if correct_only and trace.correct is not True:
            continue
        key = digests.add(trace)
        outcome = UNKNOWN if trace.correct is None else CORRECT if trace.correct else WRONG
        problem = trace.prompt if trace.prompt is not None else trace.group
        if problem is not None and len(problem) > 32:
            problem = hashlib.blake2b(problem.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        yield Document(_cut(trace.text, max_chars), outcome, (problem, _dataset(trace), trace.model), trace.id, key)


def _cut(text: str, max_chars: int) -> str:
    """The first `max_chars` characters, ending at a space if one is near, so that no word is cut in two."""
    if len(text) <= max_chars:
        return text
    near = max(0, max_chars - LONGEST_WORD)  # scripts without spaces must not lose more than a word
    space = max(text.rfind(" ", near, max_chars), text.rfind("\n", near, max_chars))
    return text[: space if space > 0 else max_chars]


def _no_traces(config: MiningConfig, settings: Mapping) -> str:
    if settings["correct_only"]:
        return f"no trace is known to be correct, and method {config.method!r} mines correct ones only"
    return "there are no traces to mine"
