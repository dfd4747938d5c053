"""Ratings from worked examples of the literature, and literal definitions of agreement in pure Python."""

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
    """Ratings of rows of labels: one row per rater, one character per item, * for a missing rating."""
    return [
        Rating(f"item{column:05}", f"rater{row:02}", label)
        for row, labels in enumerate(rows)
        for column, label in enumerate(labels)
        if label != "*"
    ]


def of_counts(counts) -> list[Rating]:
    """Ratings with these counts: one row per item, one column per label; raters are assigned arbitrarily."""
    labels_by_item = ["".join(str(label) * n for label, n in enumerate(row)) for row in counts]
    return of_rows(*map("".join, zip(*labels_by_item, strict=True)))


def of_table(table) -> list[Rating]:
    """Ratings of two raters, whose contingency table is this square table."""
    pairs = [(a, b) for a, row in enumerate(table) for b, n in enumerate(row) for _ in range(n)]
    return of_rows("".join(str(a) for a, _ in pairs), "".join(str(b) for _, b in pairs))


# -- definitions ----------------------------------------------------------------------------------------


def by_item(ratings) -> dict[str, list[str]]:
    items: dict[str, list[str]] = {}
    for rating in ratings:
        items.setdefault(rating.item, []).append(rating.label)
    return items


def _ratio(numerator, denominator):
    return numerator / denominator if denominator else None


def percent(ratings):
    shares = []
    for labels in by_item(ratings).values():
        pairs = list(combinations(labels, 2))
        if pairs:
            shares.append(sum(a == b for a, b in pairs) / len(pairs))
    return _ratio(sum(shares), len(shares))


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
    n_raters = len({rating.rater for rating in ratings})
    items = [labels for labels in by_item(ratings).values() if len(labels) == n_raters > 1]
    all_labels = [label for labels in items for label in labels]
    if len(set(all_labels)) < 2:
        return None
    observed = sum(sum(a == b for a, b in permutations(labels, 2)) for labels in items)
    observed /= len(items) * n_raters * (n_raters - 1)
    chance = sum((all_labels.count(label) / len(all_labels)) ** 2 for label in set(all_labels))
    return (observed - chance) / (1 - chance)


def ac1(ratings, n_labels=None):
    labels = sorted({rating.label for rating in ratings})
    observed, items = percent(ratings), by_item(ratings).values()
    if observed is None or len(labels) < 2:
        return None
    chance = 0.0
    for label in labels:
        pi = sum(item_labels.count(label) / len(item_labels) for item_labels in items) / len(items)
        chance += pi * (1 - pi)
    chance /= (n_labels or len(labels)) - 1
    return (observed - chance) / (1 - chance)


def cohen(ratings, first, second):
    labels = {
        rater: {rating.item: rating.label for rating in ratings if rating.rater == rater} for rater in (first, second)
    }
    items = labels[first].keys() & labels[second].keys()
    first_labels, second_labels = ([labels[rater][item] for item in items] for rater in (first, second))
    if len({*first_labels, *second_labels}) < 2:
        return None
    n = len(items)
    chance = sum(first_labels.count(label) * second_labels.count(label) for label in set(first_labels)) / n**2
    if chance == 1:
        return None
    return (sum(a == b for a, b in zip(first_labels, second_labels, strict=True)) / n - chance) / (1 - chance)
