"""Draw docs/demo.svg: what ``make demo`` shows, as a picture for the README.

    python docs/make_picture.py

Fonts are left to the viewer: the picture asks no host for anything.
"""

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from sgram.cli.mine import cluster_table
from sgram.files import data_path
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.job import Job

OUTPUT = Path(__file__).parent / "demo.svg"


def main() -> None:
    """Mine the sample, draw the table."""
    with tempfile.TemporaryDirectory() as runs:
        job = Job(
            paths=(str(data_path("sample_traces.jsonl")),), config=MiningConfig(name="demo"), resources=Resources(),
            runs=Path(runs),
        )  # fmt: skip
        outcome = job.run(lambda stage, done, total, remark: None)
    console = Console(
        record=True,
        width=112,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        file=io.StringIO(),
    )
    console.print("$ make demo", style="bold")
    console.print(cluster_table(outcome, 14))
    svg = console.export_svg(title="sgram", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    OUTPUT.write_text(svg)
    print(f"{OUTPUT.name}: {len(svg):,} bytes")


if __name__ == "__main__":
    main()
