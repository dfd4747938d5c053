"""``sgram demo``: the whole chain on the shipped sample traces. Nothing but flags and printing."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    *,
    out: Annotated[Path, Parameter(help="Folder for what the demo writes.")] = Path("reports/demo"),
    embedder: Annotated[str, Parameter(help="auto, hash, static or a sentence-transformers model.")] = "auto",
) -> int:
    """Mine the 108 shipped traces and show the lexicon, offline."""
    from sgram.cli.console import note
    from sgram.cli.mine import mine
    from sgram.files import data_path
    from sgram.lexicon import Lexicon
    from sgram.mining.config import MiningConfig

    sample, lexicon = data_path("sample_traces.jsonl"), out / "lexicon.json"
    note("Mining 108 sample traces (36 problems, three styles) for Strategic Grams ...")
    mine(
        [str(sample)],
        output=str(lexicon),
        config=MiningConfig(embedder=embedder, name="demo"),
        runs=out,
        fresh=True,
    )
    found = Lexicon.load(lexicon)
    print()
    print("To read: " + " \u00b7 ".join(gram.text for gram in found.core))
    note(f"Next: sgram lexicon show {lexicon}   or   sgram mine YOUR_ROLLOUTS.jsonl -o lexicon.json")
    return 0
