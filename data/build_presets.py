"""Build the preset lexicons from their plain lists: ``python -m data.build_presets [FOLDER]``.

A list has one gram a line: the string as published, its move and the medoid of its cluster, with tabs
between them. The JSON that comes out is committed; a test builds it again and compares the bytes.
"""

import sys
from collections import defaultdict
from pathlib import Path

from sgram.cli.console import note
from sgram.errors import InputError
from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.text import gram_words

LISTS = Path(__file__).parent / "lexicons"
CITATION = (
    "Wang et al. 2025, Emergent Hierarchical Reasoning in LLMs through Reinforcement Learning, "
    "arXiv 2509.03646v3, Appendix A, Listing 1"
)


def read_list(path: Path) -> list[tuple[tuple[str, ...], str, str]]:
    """Rows of a list as (words, move, medoid), words and medoid in the normal form."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("# ") or line.strip() in ("", "#"):
            continue
        columns = line.split("\t")
        if len(columns) != 3:
            raise InputError(f"{path.name}, line {number}: {len(columns)} columns, not gram, move and medoid")
        rows.append((gram_words(columns[0]), columns[1], " ".join(gram_words(columns[2]))))
    return rows


def build_wang2025() -> Lexicon:
    """The published list of Wang et al. 2025 as a lexicon; no numbers are known of its grams."""
    rows = read_list(LISTS / "wang2025.txt")
    members: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for words, move, medoid in rows:
        members[medoid, move].add(words)  # a medoid under two moves makes two clusters, which build refuses
    source = {
        "method": "published list",
        "citation": CITATION,
        "list": "data/lexicons/wang2025.txt",
        "published_strings": len(rows),
        "grams": sum(len(grams) for grams in members.values()),
        "moves_and_clusters": "assigned by hand; the paper gives none",
        "core": "all, as published",
    }
    clusters = [
        Cluster(0, tuple(Gram(words) for words in grams), None, medoid, move)
        for (medoid, move), grams in members.items()
    ]
    return Lexicon.build("wang2025", clusters, source)


def main(folder: Path) -> None:
    """Write every preset into `folder`."""
    lexicon = build_wang2025()
    lexicon.save(folder / "wang2025.json")
    source = lexicon.source
    note(
        f"{lexicon.name}: {source['published_strings']} published strings, {source['grams']} grams in the "
        f"normal form, {len(lexicon.clusters)} clusters"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else LISTS)
