"""Ratings that the literature works out, and agreement by its definitions: pure Python, a loop a sum."""

from collections import Counter
from itertools import combinations, permutations

from sgram.annotation.ratings import Rating

# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, C: four observers, twelve units; * is missing.
OBSERVERS = ("123321412***", "1233224125*3", "*3332342251*", "12332441251*")
# Fleiss' kappa on Wikipedia: ten subjects, how many of 14 raters chose each of five categories.
FOURTEEN = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)


def of_rows(*rows: str) -> list[Rating]:
    """A row a rater, a character an item, * for a missing rating."""
    return [
        Rating(f"item{place:05}", f"rater{number:02}", label)
        for number, row in enumerate(rows)
        for place, label in enumerate(row)
        if label != "*"
    ]


def of_counts(counts) -> list[Rating]:
    """A row an item, how many gave each label; which rater gave which is made up."""
    chosen = ["".join(str(label) * n for label, n in enumerate(row)) for row in counts]
    return of_rows(*map("".join, zip(*chosen, strict=True)))


def of_table(table) -> list[Rating]:
    """A square table of two raters, how many items got (row, column)."""
    pairs = [(a, b) for a, row in enumerate(table) for b, n in enumerate(row) for _ in range(n)]
    return of_rows("".join(str(a) for a, _ in pairs), "".join(str(b) for _, b in pairs))


# -- definitions ----------------------------------------------------------------------------------------


def by_item(ratings) -> dict[str, list[str]]:
    items: dict[str, list[str]] = {}
    for each in ratings:
        items.setdefault(each.item, []).append(each.label)
    return items


def _over(above, below):
    return above / below if below else None


def percent(ratings):
    shares = []
    for labels in by_item(ratings).values():
        pairs = list(combinations(labels, 2))
        if pairs:
            shares.append(sum(a == b for a, b in pairs) / len(pairs))
    return _over(sum(shares), len(shares))


def alpha(ratings):
    """1 - D_o / D_e from the matrix of coincidences, pair by pair."""
    coincidences: Counter[tuple[str, str]] = Counter()
    for labels in by_item(ratings).values():
        for pair in permutations(labels, 2):
            coincidences[pair] += 1 / (len(labels) - 1)
    sums: Counter[str] = Counter()
    for (first, _), n in coincidences.items():
        sums[first] += n
    if len(sums) < 2:
        return None
    total = sum(sums.values())
    observed = sum(n for (first, second), n in coincidences.items() if first != second) / total
    expected = sum(sums[a] * sums[b] for a in sums for b in sums if a != b) / (total * (total - 1))
    return 1 - observed / expected


def fleiss(ratings):
    n_raters = len({each.rater for each in ratings})
    items = [labels for labels in by_item(ratings).values() if len(labels) == n_raters > 1]
    everything = [label for labels in items for label in labels]
    if len(set(everything)) < 2:
        return None
    observed = sum(sum(a == b for a, b in permutations(labels, 2)) for labels in items)
    observed /= len(items) * n_raters * (n_raters - 1)
    chance = sum((everything.count(label) / len(everything)) ** 2 for label in set(everything))
    return (observed - chance) / (1 - chance)


def ac1(ratings, n_labels=None):
    labels = sorted({each.label for each in ratings})
    observed, items = percent(ratings), by_item(ratings).values()
    if observed is None or len(labels) < 2:
        return None
    chance = 0.0
    for label in labels:
        pi = sum(found.count(label) / len(found) for found in items) / len(items)
        chance += pi * (1 - pi)
    chance /= (n_labels or len(labels)) - 1
    return (observed - chance) / (1 - chance)


def cohen(ratings, first, second):
    given = {name: {each.item: each.label for each in ratings if each.rater == name} for name in (first, second)}
    items = given[first].keys() & given[second].keys()
    ours, theirs = ([given[name][item] for item in items] for name in (first, second))
    if len({*ours, *theirs}) < 2:
        return None
    n = len(items)
    chance = sum(ours.count(label) * theirs.count(label) for label in set(ours)) / n**2
    if chance == 1:
        return None
    return (sum(a == b for a, b in zip(ours, theirs, strict=True)) / n - chance) / (1 - chance)
