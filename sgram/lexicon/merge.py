"""Several lexicons as one. Knows nothing about the traces behind them, only which inputs they name.

When may document frequencies be added? Only when the traces were different ones; a trace that two lexicons
both counted would count twice. What is known of that is ``source["inputs"]``: a digest or an object with a
``digest`` (as mining writes it, for its whole corpus), or a list of them (as a merge does). So:

- lexicons that share an input, or of which one does not name its inputs, may have counted the same traces:
  they are one pool, and a gram keeps the numbers of the lexicon with the largest df in the pool;
- pools are taken to be about different traces: their numbers are added.

A digest of a whole corpus cannot show that two corpora overlap in part: their sums count the shared traces
twice, so merge lexicons of disjoint corpora, or mine the union. Otherwise a df that comes out is a lower
bound of the true one, since a lexicon that does not list a gram says nothing about how often its traces
hold it. Lexicons without any df take no part in the numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from sgram.errors import UsageError
from sgram.files import canonical_json
from sgram.lexicon.values import MOVES, Cluster, Gram, Lexicon

_NUMBERS = ("df", "count", "df_correct", "df_wrong")


def merge(lexicons: Sequence[Lexicon], name: str = "merged") -> Lexicon:
    """Union of the grams; clusters that share a gram become one. The order of `lexicons` does not matter.

    (Clusters with the same medoid share it.) The same lexicon given twice counts once.
    A gram in several lexicons is core if it is in one of them, and keeps the score that goes with the
    largest df: scores of different runs are no common scale, so they are not averaged. A joined cluster
    takes medoid and score from its part with the largest df, and the move that most of its grams had
    ("other" only if no part had a clear move).
    """
    if not lexicons:
        raise UsageError("merge needs at least one lexicon")
    lexicons = sorted(set(lexicons), key=lambda lexicon: lexicon.digest)
    pools = _pools(lexicons)
    clusters = [_joined(parts, pools) for parts in _joints(lexicons)]
    return Lexicon.build(name, clusters, _source(lexicons))


def _groups(chains: Iterable[Iterable[Hashable]]) -> dict[Hashable, Hashable]:
    """For each item the name of its group, where the items of one chain are in one group."""
    above: dict[Hashable, Hashable] = {}

    def top(item: Hashable) -> Hashable:
        while above.setdefault(item, item) != item:
            above[item] = above[above[item]]
            item = above[item]
        return item

    for chain in chains:
        items = list(chain)
        for item in items:
            top(item)
        for one, other in pairwise(items):
            above[top(one)] = top(other)
    return {item: top(item) for item in above}


def _has_df(lexicon: Lexicon) -> bool:
    return any(counted.df is not None for counted in (*lexicon.clusters, *lexicon.grams))


def _inputs(lexicon: Lexicon) -> frozenset[str]:
    """Digests of the lexicon's inputs; empty if it does not name them."""
    named = lexicon.source.get("inputs")
    entries = named if isinstance(named, list) else [] if named is None else [named]
    return frozenset(_input_digest(entry) for entry in entries)


def _input_digest(entry: Any) -> str:
    if isinstance(entry, dict) and "digest" in entry:
        entry = entry["digest"]
    return entry if isinstance(entry, str) else canonical_json(entry).decode()


def _pools(lexicons: Sequence[Lexicon]) -> list[Hashable]:
    """For each lexicon the name of its pool: those that may have counted the same traces have one name."""
    counted = [at for at, lexicon in enumerate(lexicons) if _has_df(lexicon)]
    chains: list[list[Hashable]] = [[at, *sorted(_inputs(lexicons[at]))] for at in counted]
    if any(len(chain) == 1 for chain in chains):  # its traces may be anyone's
        chains.append(list(counted))
    groups = _groups(chains)
    return [groups.get(at, at) for at in range(len(lexicons))]


def _joints(lexicons: Sequence[Lexicon]) -> list[list[tuple[int, Cluster]]]:
    """The clusters that become one, each with the number of its lexicon."""
    parts = [(at, cluster) for at, lexicon in enumerate(lexicons) for cluster in lexicon.clusters]
    groups = _groups([gram.words for gram in cluster.grams] for _, cluster in parts)
    joints: dict[Hashable, list[tuple[int, Cluster]]] = defaultdict(list)
    for at, cluster in parts:
        joints[groups[cluster.grams[0].words]].append((at, cluster))
    return list(joints.values())


def _joined(parts: list[tuple[int, Cluster]], pools: list[Hashable]) -> Cluster:
    records: dict[tuple[str, ...], list[tuple[Hashable, Gram]]] = defaultdict(list)
    votes: Counter[str] = Counter()
    dfs: dict[Hashable, int] = {}
    for at, cluster in parts:
        votes[cluster.move] += len(cluster.grams)
        if cluster.df is not None:
            dfs[pools[at]] = max(dfs.get(pools[at], 0), cluster.df)
        for gram in cluster.grams:
            records[gram.words].append((pools[at], gram))
    grams = tuple(_summed(entries) for entries in records.values())
    clusters = sorted((cluster for _, cluster in parts), key=lambda part: (*part.rank, -len(part.grams)))
    scores = [(cluster.df or 0, cluster.score) for cluster in clusters if cluster.score is not None]
    return Cluster(
        id=0,
        grams=grams,
        df=max(sum(dfs.values()), *(gram.df or 0 for gram in grams)) if dfs else None,
        medoid=clusters[0].medoid,
        move=max(votes, key=lambda move: (move != "other", votes[move], -MOVES.index(move))),
        score=max(scores)[1] if scores else None,
    )


def _summed(entries: list[tuple[Hashable, Gram]]) -> Gram:
    """One gram of its records: the largest of each pool, and the sum over pools of what all of them know."""
    if len(entries) == 1:
        return entries[0][1]
    best: dict[Hashable, Gram] = {}
    for pool, gram in entries:
        best[pool] = max(best.get(pool, gram), gram, key=_weight)
    counted = [gram for gram in best.values() if gram.df is not None] or [max(best.values(), key=_weight)]
    numbers = {}
    for name in _NUMBERS:
        values = [getattr(gram, name) for gram in counted]
        numbers[name] = None if None in values else sum(values)
    scored = [(gram.df or 0, gram.score) for _, gram in entries if gram.score is not None]
    return Gram(
        words=entries[0][1].words,
        **numbers,
        score=max(scored)[1] if scored else None,
        core=any(gram.core for _, gram in entries),
    )


def _weight(gram: Gram) -> tuple[float, ...]:
    return tuple(-1 if value is None else value for value in (getattr(gram, name) for name in _NUMBERS))


def _source(lexicons: Sequence[Lexicon]) -> dict[str, Any]:
    source: dict[str, Any] = {
        "method": "merge",
        "merged": [{"name": lexicon.name, "digest": lexicon.digest} for lexicon in lexicons],
    }
    counted = [_inputs(lexicon) for lexicon in lexicons if _has_df(lexicon)]
    if counted and all(counted):
        source["inputs"] = sorted(frozenset().union(*counted))
    return source
