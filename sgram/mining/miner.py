"""The mining steps in order: encode, count, candidates, score, embed, cluster, select, lexicon.

Both methods share all steps. They differ in `Miner._choose_by_score` and `Miner._choose_by_cluster_df`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sgram import __version__
from sgram.array_types import BoolArray, Float32Array, FloatArray, IntArray
from sgram.errors import InputError, SgramError
from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.mining.array_store import ArrayStore, return_freed_memory
from sgram.mining.candidates import Candidates, measure_candidates
from sgram.mining.classifier import make_scorer
from sgram.mining.cluster import find_communities, find_medoids
from sgram.mining.config import MiningConfig, Resources, least_counted_df
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Corpus, Document, encode_documents
from sgram.mining.corpus_cache import discard_corpus, load_corpus, save_corpus
from sgram.mining.count import GramTable
from sgram.mining.embed import Embedder, embed_texts, get_embedder
from sgram.mining.examples import GramExample
from sgram.mining.measures import ClusterUses, CorpusMeasures, EncodedCorpus
from sgram.mining.moves import choose_cluster_move, find_move, packaged_namer
from sgram.mining.score import Scorer
from sgram.mining.select import ReadingRules, is_complete_phrase, keep_top, select_core
from sgram.traces import Trace, as_traces
from sgram.traces.from_python import Rollouts
from sgram.traces.part_texts import PartSelection

StageProgress = Callable[[str, int, int], None]
"""Is called with (stage, done, total); the unit depends on the stage, total is 0 if unknown."""

LONGEST_WORD = 200
"""Characters before `max_chars` in which a cut searches for a space."""


def mine(traces: Rollouts, config: MiningConfig | None = None, *, workers: int = 1, seed: int | None = None) -> Lexicon:
    """Mine a lexicon of Strategic Grams from `traces`, which are read once.

    `traces` are what `as_traces` takes: traces, paths or patterns, a DataFrame, a data set, rows or texts.

    The result depends on the set of traces and on `config` only. `seed` replaces the seed of the config. Raise
    `InputError` if there are too few traces to find any phrase.

    >>> traces = [Trace(id=f"t{i}", text=f"It is {i}. Let me verify.", group=f"p{i}") for i in range(9)]
    >>> lexicon = mine(traces, MiningConfig(scorer="contrast", embedder="hash"))
    >>> [gram.text for gram in lexicon.grams]
    ['let me verify']
    """
    config = config or MiningConfig()
    if seed is not None:
        config = replace(config, seed=seed)
    return Miner(config, Resources(workers=workers)).fit(traces).lexicon_


@dataclass(slots=True)
class MiningRecords:
    """Intermediate results of a fit: candidates, their scores, and which became grams of the lexicon."""

    candidates: Candidates
    scores: FloatArray
    """Score of each candidate."""
    lexicon_rows: IntArray
    """Rows of the candidates that are grams of the lexicon."""
    clusters: IntArray
    """Cluster id of each of `lexicon_rows`."""
    core: BoolArray
    """Whether each of `lexicon_rows` is in the pruned list."""
    examples: Mapping[int, list[GramExample]] = field(default_factory=dict)
    """Cluster id -> uses of its medoid."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Numbers of candidates, grams, core grams and clusters."""


class Miner:
    """Miner of a lexicon: ``Miner(config).fit(traces).lexicon_``.

    The constructor only stores its arguments. Results end in an underscore: `lexicon_`, `records_`. `scratch` is a
    folder for this one fit. A fit that was killed resumes from the files in it, so never use the folder of an
    unfinished fit for other traces. `embedder` replaces the one that the config names. `keep_corpus` leaves the encoded
    traces in `scratch` after the fit, for a folder whose name identifies its inputs (`sgram.mining.run`). `meanwhile`
    is called before vectors are asked for: other processes may still load the encoder.
    """

    def __init__(
        self,
        config: MiningConfig | None = None,
        resources: Resources | None = None,
        *,
        scorer: Scorer | None = None,
        embedder: Embedder | None = None,
        scratch: Path | None = None,
        keep_corpus: bool = False,
        progress: StageProgress | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self.config = config or MiningConfig()
        self.resources = resources or Resources()
        self.scorer = scorer
        self.embedder = embedder
        self.scratch = scratch
        self.keep_corpus = keep_corpus
        self.progress = progress
        self.meanwhile = meanwhile
        self.lexicon_: Lexicon
        self.records_: MiningRecords

    def fit(self, traces: Rollouts) -> "Miner":
        """Mine `traces`; see `mine`."""
        corpus, inputs = self._encode(traces)
        self.fit_corpus(EncodedCorpus(corpus, self.resources.workers), inputs)
        if self.scratch and not self.keep_corpus:
            discard_corpus(self.scratch)
        return self

    def fit_corpus(self, corpus: CorpusMeasures, inputs: Mapping[str, Any]) -> "Miner":
        """Mine an encoded corpus; `inputs` has the number and the digest of its traces."""
        table, candidates, source = self._measure(corpus, inputs)
        choose = self._choose_by_cluster_df if self.config.method == "paper" else self._choose_by_score
        self.lexicon_, self.records_ = choose(corpus, table, candidates, source)
        return self

    def measure_candidates(self, traces: Rollouts) -> tuple[Candidates, Mapping[str, Any]]:
        """Return the candidates of `traces` with their statistics, and the source of a lexicon made of them."""
        corpus, inputs = self._encode(traces)
        _, candidates, source = self._measure(EncodedCorpus(corpus, self.resources.workers), inputs)
        return candidates, source

    def _measure(
        self, corpus: CorpusMeasures, inputs: Mapping[str, Any]
    ) -> tuple[GramTable, Candidates, dict[str, Any]]:
        n_docs = int(corpus.n_docs.sum())
        settings = self.config.resolve_settings(n_docs, corpus.n_problems)
        if not n_docs:
            raise InputError(no_traces_message(self.config, settings))
        source = {"sgram": __version__, "config": settings, "inputs": inputs}
        table = corpus.count(
            least_counted_df(settings),
            settings["max_words"] + 1,
            lambda done, total: self._report("count", done, total),
        )
        self._report("candidates", 0, len(table))
        candidates = measure_candidates(
            table,
            corpus.tally,
            lengths=(settings["min_words"], settings["max_words"]),
            min_df=settings["min_df"],
            explained=settings["explained"],
        )
        if self.config.contrast_models:
            candidates.model_contrast = corpus.contrast_models(table, candidates, self.config.contrast_models)
        n_problems = np.maximum(candidates.problems, 1)  # every trace belongs to a problem, known or not
        candidates = candidates.take(np.flatnonzero(n_problems >= settings["min_problems"]))
        if not len(candidates):
            raise InputError(
                f"no phrase is in {settings['min_df']} of the {n_docs} traces and in {settings['min_problems']} "
                "problems; give more traces, or a lower --min-df or --min-problems"
            )
        self._report("candidates", len(table), len(table))
        return table, candidates, source

    def _report(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    def _encode(self, traces: Rollouts) -> tuple[Corpus, Mapping[str, Any]]:
        """Return the corpus, and the counts and digest of its traces; from `scratch` if an earlier fit saved them."""
        memory_limit = self.resources.array_memory()
        if self.scratch and (saved := load_corpus(self.scratch, memory_limit)):
            return saved
        settings, digests, selection = self.config.resolve_settings(0), TraceDigests(), PartSelection(self.config.part)
        documents = iter_documents(
            as_traces(traces), settings["correct_only"], settings["max_chars"], digests, selection
        )
        corpus = encode_documents(
            documents,
            ArrayStore(self.scratch, memory_limit),
            workers=self.resources.workers,
            keep_text=True,
            progress=lambda n_docs, n_bytes: self._report("read", n_docs, 0),
        )
        inputs = digests.summary()
        if self.config.part != "all":
            inputs["left_out"] = selection.n_left_out
        if self.scratch:
            save_corpus(corpus, inputs)
        return corpus, inputs

    def _cluster(
        self, grams: Candidates, similarity: float, core: BoolArray | None = None
    ) -> tuple[IntArray, list[str], str]:
        """Return the cluster of each gram, the medoid of each cluster and the name of the embedder.

        A gram without neighbors is a cluster of its own. The medoid names the cluster: it is chosen among the `core`
        grams of a cluster, if it has any, else among its complete phrases, else among all of its grams.
        """
        texts = grams.texts
        if self.meanwhile is not None:
            self.meanwhile()
        return_freed_memory()  # the sentence encoder needs the memory that counting no longer needs
        embedder = self.embedder or get_embedder(self.config.embedder, self.config.seed)
        cache = self.scratch / "vectors" if self.scratch else None
        vectors = embed_texts(texts, embedder, cache, progress=lambda done, total: self._report("embed", done, total))
        self._report("cluster", 0, len(texts))
        labels = find_communities(vectors, threshold=similarity, min_size=2, keys=texts).astype(np.int64)
        medoids = [texts[row] for row in _choose_medoids(vectors, labels, grams, core)]
        for row in sorted(np.flatnonzero(labels < 0).tolist(), key=lambda row: texts[row]):
            labels[row] = len(medoids)
            medoids.append(texts[row])
        self._report("cluster", len(texts), len(texts))
        return labels, medoids, embedder.name

    def _choose_by_score(
        self, corpus: CorpusMeasures, table: GramTable, candidates: Candidates, source: dict[str, Any]
    ) -> tuple[Lexicon, MiningRecords]:
        """Choose grams by score, then cluster them to name them."""
        settings = source["config"]
        scorer = self.scorer or make_scorer(self.config)
        scores = np.asarray(scorer.score(candidates), np.float64)
        if scores.shape != (len(candidates),) or not np.isfinite(scores).all():
            raise SgramError(
                f"scorer {scorer.name} returned shape {scores.shape}, or numbers that are not finite, for "
                f"{len(candidates)} candidates; it must return one finite number a candidate"
            )
        rows, lowest = keep_top(scores, candidates.texts, settings["top"], scorer.floor)
        if not len(rows):
            advice = "" if scorer.name == "contrast" else "--scorer contrast, "
            raise InputError(
                f"no phrase has a score >= {scorer.floor:g} with the scorer {scorer.name}: it finds no planning "
                f"language in these traces; try {advice}another --background, or --method paper"
            )
        grams = candidates.take(rows)
        core = select_core(grams, scorer.reading_rules, is_eligible=scores[rows] >= scorer.core_floor)
        moves = _find_moves(grams)  # before the vectors: other processes may still load the encoder
        labels, medoids, embedder = self._cluster(grams, settings["similarity"], core)
        uses = corpus.find_clusters(table, grams, labels, medoids)
        source |= {"scorer": {"name": scorer.name, "edge": round(lowest, 6), **scorer.provenance}, "embedder": embedder}
        settings["embedder"] = embedder  # what auto or a folder was resolved to
        return self._build(candidates, scores, rows, labels, medoids, uses, source, core, moves)

    def _choose_by_cluster_df(
        self, corpus: CorpusMeasures, table: GramTable, candidates: Candidates, source: dict[str, Any]
    ) -> tuple[Lexicon, MiningRecords]:
        """Cluster all candidates, rank clusters by ClusterDF and keep the top share with all their grams (HICRA §2.1).

        The paper does not state the embedder, the clustering rule, its threshold and the least df. A gram in no
        community is a cluster of its own.
        """
        settings = source["config"]
        labels, medoids, embedder = self._cluster(candidates, settings["similarity"])
        uses = corpus.find_clusters(table, candidates, labels, medoids)
        top, _ = keep_top(uses.df.astype(float), medoids, settings["top"])
        rows = np.flatnonzero(np.isin(labels, top))
        source |= {"scorer": {"name": "cluster-df", "clusters": len(medoids)}, "embedder": embedder}
        settings["embedder"] = embedder  # what auto or a folder was resolved to
        scores = uses.df[labels] / max(int(table.n_docs.sum()), 1)
        grams = candidates.take(rows)
        core, moves = select_core(grams), _find_moves(grams)
        return self._build(candidates, scores, rows, labels[rows], medoids, uses, source, core, moves)

    def _build(
        self,
        candidates: Candidates,
        scores: FloatArray,
        rows: IntArray,
        labels: IntArray,
        medoids: Sequence[str],
        uses: ClusterUses,
        source: dict[str, Any],
        core: BoolArray,
        moves: Sequence[str],
    ) -> tuple[Lexicon, MiningRecords]:
        """Build the lexicon of the candidates in `rows`; `labels`, `core` and `moves` have one value for each of them.

        A label is the number of a cluster in `medoids` and `uses`; clusters without a row are left out.
        """
        grams = candidates.take(rows)
        namer = packaged_namer()
        source |= {"moves": {"by": f"the sentence scorer {namer.name}", "scorer": namer.digest}}
        members: dict[int, list[Gram]] = {label: [] for label in sorted(set(labels.tolist()))}
        move_of = dict(zip(grams.texts, moves, strict=True))
        df, gram_scores = grams.df_total.tolist(), scores[rows].tolist()
        for row, text in enumerate(grams.texts):
            members[int(labels[row])].append(
                Gram(
                    tuple(text.split(" ")),
                    df=df[row],
                    count=int(grams.count[row]),
                    df_correct=int(grams.df[row, CORRECT]),
                    df_wrong=int(grams.df[row, WRONG]),
                    score=gram_scores[row],
                    core=bool(core[row]),
                )
            )
        clusters = [
            Cluster(
                id=0,
                grams=tuple(cluster_grams),
                df=int(uses.df[label]),
                medoid=medoids[label],
                move=choose_cluster_move((move_of[gram.text], gram.df or 0) for gram in cluster_grams),
                score=_mean_score(cluster_grams),
            )
            for label, cluster_grams in members.items()
        ]
        counts = {"candidates": len(candidates), "grams": len(rows), "core": int(core.sum()), "clusters": len(clusters)}
        lexicon = Lexicon.build(self.config.name, clusters, source | {"counts": counts})
        label_of_medoid = {medoids[label]: label for label in members}
        id_of_label = {label_of_medoid[cluster.medoid]: cluster.id for cluster in lexicon.clusters}
        cluster_ids = np.array([id_of_label[label] for label in labels.tolist()])
        self._report("examples", 0, len(clusters))
        examples = uses.find_examples([label_of_medoid[cluster.medoid] for cluster in lexicon.clusters])
        records = MiningRecords(
            candidates, scores, rows, cluster_ids, core, examples=dict(enumerate(examples)), counts=counts
        )
        return lexicon, records


def _find_moves(grams: Candidates) -> list[str]:
    """Return the move of each gram."""
    namer = packaged_namer()
    return [find_move(text.split(" "), namer) for text in grams.texts]


def _mean_score(grams: Sequence[Gram]) -> float:
    """Return the mean score, summed in the order of the texts so that the order of the grams cannot change a bit."""
    return sum(gram.score or 0.0 for gram in sorted(grams, key=lambda gram: gram.text)) / len(grams)


def _choose_medoids(vectors: Float32Array, labels: IntArray, grams: Candidates, core: BoolArray | None) -> list[int]:
    """Return the row of each cluster's medoid among its most readable members: core, complete phrase, any."""
    rules = ReadingRules()
    readability = np.array([is_complete_phrase(grams, row, rules) for row in range(len(grams))], np.int8)
    if core is not None:
        readability += core
    best = np.zeros(int(labels.max(initial=-1)) + 2, np.int8)  # the last row is for label -1
    np.maximum.at(best, labels, readability)
    medoid_rows: list[int] = find_medoids(
        vectors, np.where(readability == best[labels], labels, -1), keys=grams.texts
    ).tolist()
    return medoid_rows


class TraceDigests:
    """Digest of a multiset of traces: the sum of their digests modulo 2**256, so that order does not matter."""

    def __init__(self) -> None:
        self.total, self.n = 0, 0

    def add(self, trace: Trace, mined_text: str) -> int:
        """Add a trace of whose text `mined_text` is read; return 64 bits of its own digest.

        Raise `InputError` if a text has a lone surrogate.
        """
        trace_hash = hashlib.sha256()
        for text in (trace.id, mined_text, trace.prompt, trace.group, trace.model, _dataset(trace)):
            try:
                text_bytes = b"" if text is None else text.encode()
            except UnicodeEncodeError:
                raise InputError(
                    f"trace {trace.id!r} has a lone surrogate, which is not a character; replace it or leave it out"
                ) from None
            trace_hash.update(b"%d:" % (-1 if text is None else len(text_bytes)))  # lengths keep neighbors apart
            trace_hash.update(text_bytes)
        trace_hash.update(str(trace.correct).encode())
        digest = trace_hash.digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % (1 << 256)
        self.n += 1
        return int.from_bytes(digest[:8], "big")

    def summary(self) -> dict[str, object]:
        """Return the count and the digest, for a lexicon's source."""
        return {"traces": self.n, "digest": f"{self.total:064x}"}


def _dataset(trace: Trace) -> str | None:
    name = trace.meta.get("dataset") if trace.meta else None
    return name if isinstance(name, str) else None


def iter_documents(
    traces: Iterable[Trace], correct_only: bool, max_chars: int, digests: TraceDigests, selection: PartSelection
) -> Iterator[Document]:
    """Yield the selected part of traces as documents, cut to `max_chars` at a space, and add them to `digests`."""
    if correct_only:
        traces = (trace for trace in traces if trace.correct is True)
    for trace, part in selection(traces):
        key = digests.add(trace, part.text)
        outcome = UNKNOWN if trace.correct is None else CORRECT if trace.correct else WRONG
        problem = trace.prompt if trace.prompt is not None else trace.group
        if problem is not None and len(problem) > 32:
            problem = hashlib.blake2b(problem.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        yield Document(_cut_text(part.text, max_chars), outcome, (problem, _dataset(trace), trace.model), trace.id, key)


def _cut_text(text: str, max_chars: int) -> str:
    """Return the first `max_chars` characters, up to a space if one is near, so that no word is cut in two."""
    if len(text) <= max_chars:
        return text
    first = max(0, max_chars - LONGEST_WORD)  # scripts without spaces must not lose more than a word
    space = max(text.rfind(" ", first, max_chars), text.rfind("\n", first, max_chars))
    return text[: space if space > 0 else max_chars]


def no_traces_message(config: MiningConfig, settings: Mapping[str, Any]) -> str:
    """Return why there is nothing to mine."""
    if settings["correct_only"]:
        return f"no trace is known to be correct, and method {config.method!r} mines correct traces only"
    return "there are no traces to mine"
