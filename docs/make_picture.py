"""Draw the README's pictures: docs/demo.svg, what ``make demo`` shows, docs/tag.svg, what ``sgram tag --show`` does.

    python docs/make_picture.py

Fonts are left to the viewer: the pictures ask no host for anything.
"""

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from sgram import Lexicon, read_traces
from sgram.cli import tagged_view as shown
from sgram.cli.mine import cluster_table
from sgram.files import data_path
from sgram.lexicon import DEFAULT_LEXICON
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.run import MiningJob
from sgram.tagging.tagged_rollouts import RolloutTagger

FOLDER = Path(__file__).parent
SAMPLE = str(data_path("sample_traces.jsonl"))


def console(width: int) -> Console:
    """A console that keeps what is printed, in color."""
    return Console(
        record=True, width=width, force_terminal=True, color_system="truecolor", highlight=False, file=io.StringIO()
    )


def draw(recorded: Console, name: str) -> None:
    """Write what was printed as an SVG."""
    svg = recorded.export_svg(title="sgram", unique_id=name)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    (FOLDER / f"{name}.svg").write_text(svg)
    print(f"{name}.svg: {len(svg):,} bytes")


def draw_demo() -> None:
    """Mine the sample, draw the table."""
    with tempfile.TemporaryDirectory() as runs:
        job = MiningJob(paths=(SAMPLE,), config=MiningConfig(name="demo"), resources=Resources(), runs=Path(runs))
        outcome = job.run(lambda stage, done, total, remark: None)
    recorded = console(112)
    recorded.print("$ make demo", style="bold")
    recorded.print(cluster_table(outcome, 14))
    draw(recorded, "demo")


def draw_tag() -> None:
    """Tag the first trace of the sample, draw it."""
    recorded = console(100)
    recorded.print("$ sgram tag data/sample_traces.jsonl --show 1 --lines 18", style="bold")
    shown.Console = lambda **_: recorded
    tagger = RolloutTagger(Lexicon.load(DEFAULT_LEXICON))
    shown.show_traces([next(iter(tagger(read_traces([SAMPLE]))))], 18, tagger.lexicon.moves)
    draw(recorded, "tag")


if __name__ == "__main__":
    draw_demo()
    draw_tag()
