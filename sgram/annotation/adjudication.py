"""Adjudication: hand the items in dispute to an adjudicator, and join the verdicts with what raters agree on.

The result is one gold label per item, and labeled text that `sgram validate` reads.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sgram.annotation.disputes import Dispute
from sgram.annotation.formats_csv import encode_rows, is_table, parse_table
from sgram.annotation.items import BlindedItem
from sgram.annotation.ratings import Rating, parse_item
from sgram.annotation.tasks import AnnotationTask
from sgram.annotation.tool_answers import mark_phrase, parse_jsonl, read_export
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.urls import printable_name

ADJUDICATOR = "adjudicator"
"""Rater of the verdicts in a table of disputes, where the adjudicator writes no other name."""
Basis = Literal["verdict", "agreed", "majority"]
_Text = TypeVar("_Text")


@dataclass(frozen=True, slots=True)
class GoldLabel:
    """The label of an item, and what it rests on."""

    item: str
    label: str
    basis: Basis
    """"verdict" of an adjudicator, "agreed" by all raters of the item, or given by more than half of them."""
    n_ratings: int


@dataclass(frozen=True, slots=True)
class Gold:
    """Gold labels of the items that are decided."""

    labels: tuple[GoldLabel, ...]
    """Sorted by item."""
    undecided: tuple[str, ...]
    """Items in dispute without a verdict (and without a majority, where it counts), sorted."""
    n_overruled: int
    """Items on which all raters agree, and on which the verdict differs from them."""

    def count(self, basis: Basis) -> int:
        """Return the number of labels that rest on `basis`."""
        return sum(label.basis == basis for label in self.labels)


@dataclass(frozen=True, slots=True)
class ItemText:
    """The text of an item that was not exported by sgram."""

    text: str
    problem: str | None = None
    """Key of the problem that the text answers; None if the file does not say."""


def decide_gold(ratings: Iterable[Rating], verdicts: Iterable[Rating] = (), *, majority: bool = False) -> Gold:
    """Return the verdict on each rated item, else the label on which its raters agree.

    With `majority`, the label of more than half of an item's raters decides a dispute without a verdict. Raise
    `InputError` if a verdict is on an item without ratings, or if two verdicts on an item differ.

    >>> rows = ["1 ada plan", "1 bob plan", "2 ada plan", "2 bob fact", "3 ada plan", "3 bob fact"]
    >>> gold = decide_gold([Rating(*row.split()) for row in rows], [Rating("2", "eve", "fact")])
    >>> [(label.item, label.label, label.basis) for label in gold.labels], gold.undecided
    ([('1', 'plan', 'agreed'), ('2', 'fact', 'verdict')], ('3',))
    """
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for rating in ratings:
        votes[rating.item][rating.label] += 1
    verdict_by_item = _join_verdicts(verdicts, votes)
    labels, undecided, n_overruled = [], [], 0
    for item, counts in sorted(votes.items()):
        n_ratings = counts.total()
        (label, n_votes), *rivals = counts.most_common()
        if item in verdict_by_item:
            n_overruled += not rivals and verdict_by_item[item] != label
            labels.append(GoldLabel(item, verdict_by_item[item], "verdict", n_ratings))
        elif not rivals:
            labels.append(GoldLabel(item, label, "agreed", n_ratings))
        elif majority and 2 * n_votes > n_ratings:
            labels.append(GoldLabel(item, label, "majority", n_ratings))
        else:
            undecided.append(item)
    return Gold(tuple(labels), tuple(undecided), n_overruled)


def _join_verdicts(verdicts: Iterable[Rating], rated_items: Mapping[str, object]) -> dict[str, str]:
    verdict_by_item: dict[str, str] = {}
    for verdict in verdicts:
        name = f"item '{excerpt(verdict.item, 80)}'"
        if verdict.item not in rated_items:
            raise InputError(f"the verdict on {name} is on no rated item; give the ratings that were adjudicated")
        first_label = verdict_by_item.setdefault(verdict.item, verdict.label)
        if first_label != verdict.label:
            labels = f"'{excerpt(first_label, 60)}' and '{excerpt(verdict.label, 60)}'"
            raise InputError(f"the verdicts on {name} are {labels}; keep one")
    return verdict_by_item


def check_verdicts(verdicts: Iterable[Rating], task: AnnotationTask) -> list[Rating]:
    """Return the verdicts with the labels of `task`, which may be typed in any case of letters.

    Raise `InputError` if a label is unknown.
    """
    checked = []
    for verdict in verdicts:
        label = task.find_label(verdict.label.strip())
        if label is None:
            raise InputError(
                f"the verdict on item '{excerpt(verdict.item, 40)}' has the unknown label "
                f"'{excerpt(verdict.label, 60)}'; must be one of {', '.join(task.labels)}"
            )
        checked.append(Rating(verdict.item, verdict.rater, label))
    return checked


def encode_disputes(
    disputes: Sequence[Dispute],
    items: Mapping[str, BlindedItem] | None = None,
    texts: Mapping[str, ItemText] | None = None,
) -> bytes:
    """Return disputed items as a table for an adjudicator, most disputed first.

    Columns: item, text (if `items` or `texts` are given), ratings (how many raters gave each label), label, to be
    filled in, and rater, which is filled with `ADJUDICATOR`. Raise `InputError` if an item has no text.
    """
    has_texts = items is not None or texts is not None
    rows = [("item", *(["text"] if has_texts else []), "ratings", "label", "rater")]
    for dispute in disputes:
        ratings = ", ".join(f"{label} {n}" for label, n in dispute.counts)
        if items is not None:
            text = [mark_phrase(_find(items, dispute.item))]
        else:
            text = [_find(texts, dispute.item).text] if texts is not None else []
        rows.append((dispute.item, *text, ratings, "", ADJUDICATOR))
    return encode_rows(rows)


def _find(texts: Mapping[str, _Text], item: str) -> _Text:
    if item not in texts:
        raise InputError(
            f"there is no text of item '{excerpt(item, 80)}'; give the file with the texts that were rated"
        )
    return texts[item]


def gold_rows(
    gold: Gold, items: Mapping[str, BlindedItem] | None = None, texts: Mapping[str, ItemText] | None = None
) -> list[dict[str, Any]]:
    """Return gold labels as rows of labeled text for `sgram validate`.

    With `items`, a row is a passage whose only unit is the marked phrase; with `texts`, a labeled sentence; without
    both, item and label alone. Raise `InputError` if an item has no text.

    >>> gold = decide_gold([Rating("s1", "ada", "plan"), Rating("s1", "bob", "plan")])
    >>> gold_rows(gold, texts={"s1": ItemText("Let me check.", "p1")})
    [{'id': 's1', 'text': 'Let me check.', 'label': 'plan', 'problem': 'p1', 'basis': 'agreed'}]
    """
    rows: list[dict[str, Any]] = []
    for label in gold.labels:
        if items is not None:
            item = _find(items, label.item)
            unit = {"start": item.start, "end": item.end, "label": label.label}
            rows.append({"id": label.item, "text": item.text, "units": [unit], "basis": label.basis})
        elif texts is not None:
            text = _find(texts, label.item)
            problem = {} if text.problem is None else {"problem": text.problem}
            rows.append({"id": label.item, "text": text.text, "label": label.label, **problem, "basis": label.basis})
        else:
            rows.append({"item": label.item, "label": label.label, "basis": label.basis})
    return rows


def read_item_texts(path: str | os.PathLike[str]) -> dict[str, ItemText]:
    """Return the text of each item in a file: JSONL or CSV with the item (as in ratings) and ``text``.

    ``problem`` or ``problem_id`` is read too. Raise `InputError`, with the location, if a row has no text, or if an
    item has two texts.
    """
    content, file_name = read_export(path), printable_name(path)
    if content.lstrip()[:1] == b"{":
        rows: Iterable[tuple[str, Mapping[str, Any]]] = parse_jsonl(content, file_name)
    elif is_table(content, {"text"}):
        rows = parse_table(content, file_name)
    else:
        raise InputError(f"{file_name} must be JSONL or CSV with the columns item and text")
    texts: dict[str, ItemText] = {}
    for location, row in rows:
        item, text = parse_item(row, location), row.get("text")
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{location}: text must be a non-empty string")
        problem = next((row[name] for name in ("problem", "problem_id") if row.get(name) not in (None, "")), None)
        item_text = ItemText(text, None if problem is None else str(problem))
        if texts.setdefault(item, item_text) != item_text:
            raise InputError(f"{location}: item '{excerpt(item, 80)}' has another text before; keep one")
    if not texts:
        raise InputError(f"{file_name} has no texts; give a file with the columns item and text")
    return texts
