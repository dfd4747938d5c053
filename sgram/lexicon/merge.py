"""Merging of lexicons: the union of their grams, with document frequencies added where that is valid.

Document frequencies may be added only if they were counted on different traces; a trace that two lexicons both
counted would count twice. ``source["inputs"]`` says which traces were counted: a digest or an object with a
``digest`` (as mining writes it, for its whole corpus), or a list of them (as a merge does). So:

- Lexicons that share an input, or of which one does not name its inputs, may have counted the same traces. They form
  one pool, and a gram keeps the numbers of the lexicon with the largest df in the pool.
- Different pools are assumed to have different traces: their numbers are added.

A digest of a whole corpus cannot show that two corpora overlap in part. Their sums count the shared traces twice, so
merge lexicons of disjoint corpora, or mine the union. Otherwise a resulting df is a lower bound of the true one: a
lexicon that does not list a gram does not say how many of its traces contain it. Lexicons without any df do not
affect the numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from sgram.errors import UsageError
from sgram.files import canonical_json
from sgram.lexicon.lexicon import MOVES, Cluster, Gram, Lexicon
from sgram.lexicon.loading import LexiconLike, as_lexicon

_NUMBERS = ("df", "count", "df_correct", "df_wrong")


def merge_lexicons(lexicons: Sequence[LexiconLike], name: str = "merged") -> Lexicon:
    """Return the union of the grams; clusters that share a gram become one. The order of `lexicons` does not matter.

    A lexicon that is listed twice counts once. A gram is core if it is core in one lexicon. It keeps the score that
    goes with the largest df: scores of different runs have no common scale, so they are not averaged. A joined
    cluster takes medoid and score from its part with the largest df, and the move that most of its grams had
    ("other" only if no part had a clear move). Raise `UsageError` if `lexicons` is empty.

    >>> merged = merge_lexicons([Lexicon.from_grams(["wait"]), Lexicon.from_grams(["wait", "hold on"])])
    >>> [gram.text for gram in merged.grams]
    ['hold on', 'wait']
    """
    if not lexicons:
        raise UsageError("merging needs at least one lexicon")
    distinct = sorted(set(map(as_lexicon, lexicons)), key=lambda lexicon: lexicon.digest)
    pools = _find_pools(distinct)
    clusters = [_join_clusters(parts, pools) for parts in _group_clusters(distinct)]
    return Lexicon.build(name, clusters, _merged_source(distinct))


def _connected_groups(chains: Iterable[Iterable[Hashable]]) -> dict[Hashable, Hashable]:
    """Return the representative of the group of each member, where the members of one chain are in one group."""
    parents: dict[Hashable, Hashable] = {}

    def root(member: Hashable) -> Hashable:
        while parents.setdefault(member, member) != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    for chain in chains:
        members = list(chain)
        for member in members:
            root(member)
        for first, second in pairwise(members):
            parents[root(first)] = root(second)
    return {member: root(member) for member in parents}


def _has_df(lexicon: Lexicon) -> bool:
    has_gram_df = any(gram.df is not None for gram in lexicon.grams)
    return has_gram_df or any(cluster.df is not None for cluster in lexicon.clusters)


def _input_digests(lexicon: Lexicon) -> frozenset[str]:
    """Return the digests of the lexicon's inputs; empty if it does not name them."""
    inputs = lexicon.source.get("inputs")
    listed = inputs if isinstance(inputs, list) else [] if inputs is None else [inputs]
    return frozenset(_input_digest(described) for described in listed)


def _input_digest(description: Any) -> str:
    if isinstance(description, dict) and "digest" in description:
        description = description["digest"]
    return description if isinstance(description, str) else canonical_json(description).decode()


def _find_pools(lexicons: Sequence[Lexicon]) -> list[Hashable]:
    """Return the pool of each lexicon: lexicons that may have counted the same traces are in one pool."""
    with_df = [row for row, lexicon in enumerate(lexicons) if _has_df(lexicon)]
    chains: list[list[Hashable]] = [[row, *sorted(_input_digests(lexicons[row]))] for row in with_df]
    if any(len(chain) == 1 for chain in chains):  # a lexicon without inputs may have counted any traces
        chains.append(list(with_df))
    groups = _connected_groups(chains)
    return [groups.get(row, row) for row in range(len(lexicons))]


def _group_clusters(lexicons: Sequence[Lexicon]) -> list[list[tuple[int, Cluster]]]:
    """Return the groups of clusters that become one, each cluster with the row of its lexicon."""
    parts = [(row, cluster) for row, lexicon in enumerate(lexicons) for cluster in lexicon.clusters]
    groups = _connected_groups([gram.words for gram in cluster.grams] for _, cluster in parts)
    joined_parts: dict[Hashable, list[tuple[int, Cluster]]] = defaultdict(list)
    for row, cluster in parts:
        joined_parts[groups[cluster.grams[0].words]].append((row, cluster))
    return list(joined_parts.values())


def _join_clusters(parts: list[tuple[int, Cluster]], pools: list[Hashable]) -> Cluster:
    """Return one cluster of several; `pools` holds the pool of each lexicon."""
    grams_by_words: dict[tuple[str, ...], list[tuple[Hashable, Gram]]] = defaultdict(list)
    votes: Counter[str] = Counter()
    pool_dfs: dict[Hashable, int] = {}
    for row, cluster in parts:
        votes[cluster.move] += len(cluster.grams)
        if cluster.df is not None:
            pool_dfs[pools[row]] = max(pool_dfs.get(pools[row], 0), cluster.df)
        for gram in cluster.grams:
            grams_by_words[gram.words].append((pools[row], gram))
    grams = tuple(_join_grams(pooled_grams) for pooled_grams in grams_by_words.values())
    clusters = sorted((cluster for _, cluster in parts), key=lambda part: (*part.rank, -len(part.grams)))
    scores = [(cluster.df or 0, cluster.score) for cluster in clusters if cluster.score is not None]
    return Cluster(
        id=0,
        grams=grams,
        df=max(sum(pool_dfs.values()), *(gram.df or 0 for gram in grams)) if pool_dfs else None,
        medoid=clusters[0].medoid,
        move=max(votes, key=lambda move: (move != "other", votes[move], -MOVES.index(move))),
        score=max(scores)[1] if scores else None,
    )


def _join_grams(pooled_grams: list[tuple[Hashable, Gram]]) -> Gram:
    """Return one gram of equal ones: in each pool the numbers of the largest df, then their sum over pools."""
    if len(pooled_grams) == 1:
        return pooled_grams[0][1]
    largest: dict[Hashable, Gram] = {}
    for pool, gram in pooled_grams:
        largest[pool] = max(largest.get(pool, gram), gram, key=_numbers_key)
    grams = [gram for gram in largest.values() if gram.df is not None] or [max(largest.values(), key=_numbers_key)]
    sums = {}
    for name in _NUMBERS:
        counts = [getattr(gram, name) for gram in grams]
        sums[name] = None if None in counts else sum(counts)
    scores = [(gram.df or 0, gram.score) for _, gram in pooled_grams if gram.score is not None]
    return Gram(
        words=pooled_grams[0][1].words,
        **sums,
        score=max(scores)[1] if scores else None,
        core=any(gram.core for _, gram in pooled_grams),
    )


def _numbers_key(gram: Gram) -> tuple[float, ...]:
    """Return a sort key: larger numbers later, a missing number before all others."""
    return tuple(-1 if count is None else count for count in (getattr(gram, name) for name in _NUMBERS))


def _merged_source(lexicons: Sequence[Lexicon]) -> dict[str, Any]:
    """Return the provenance of a merge: the lexicons, and their inputs if all of them are named."""
    source: dict[str, Any] = {
        "method": "merge",
        "merged": [{"name": lexicon.name, "digest": lexicon.digest} for lexicon in lexicons],
    }
    digests = [_input_digests(lexicon) for lexicon in lexicons if _has_df(lexicon)]
    if digests and all(digests):
        source["inputs"] = sorted(frozenset[str]().union(*digests))
    return source
