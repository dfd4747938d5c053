"""Made-up raters for the tutorial on agreement: two people who label a table of phrases, and differ now and then.

    python docs/tutorials/made_up_raters.py study.csv study.items.jsonl

It reads the key, which raters never see, to have labels that are mostly right. Real raters get the table alone.
"""

import csv
import json
import random
import sys
from pathlib import Path


def label(item: dict[str, object], slips: float, rng: random.Random) -> str:
    """Return the label of a rater: the move of a Strategic Gram, else procedural, with some slips."""
    usual = str(item["move"]) if item["kind"] == "sg" else "procedural"
    if rng.random() >= slips:
        return usual
    return rng.choice(["monitoring", "deduction"] if usual == "procedural" else ["procedural", "goal-setting"])


def main(table: Path, key: Path) -> None:
    """Write ada.csv and ben.csv, the table as each of two raters has filled it in."""
    lines = key.read_text(encoding="utf-8").splitlines()[1:]  # the first line describes the sample
    items = {item["item"]: item for item in map(json.loads, lines)}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for seed, (rater, slips) in enumerate([("ada", 0.08), ("ben", 0.2)]):
        rng = random.Random(seed)
        with Path(f"{rater}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            for row in rows:
                writer.writerow({**row, "label": label(items[row["item"]], slips, rng), "rater": rater})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
