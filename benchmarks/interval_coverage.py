"""How often do intervals over seeds and start models hold the true mean? Student's, and that over two factors.

    python benchmarks/interval_coverage.py [--grids 4x3,12x3,3x2,2x2,4x5] [--n 20000]

Simulates grids of normal numbers with a variance of 1, of which a share belongs to the start model, a share to the
seed, and the rest to each run. Prints coverage and median half width of both intervals. Takes seconds.
"""

import argparse
import sys

import numpy as np
from scipy.stats import t

from sgram.array_types import FloatArray

SHARES = ((0.0, 0.0), (0.0, 0.5), (0.25, 0.25), (0.5, 0.0), (0.8, 0.0))
"""(share of the start model, share of the seed) of the variance."""


def draw_grids(
    rng: np.random.Generator, n: int, seeds: int, starts: int, of_start: float, of_seed: float
) -> FloatArray:
    """Return (n, seeds, starts) numbers with mean 0 and variance 1."""
    noise = rng.normal(size=(n, seeds, starts)) * (1 - of_start - of_seed) ** 0.5
    by_seed = rng.normal(size=(n, seeds, 1)) * of_seed**0.5
    by_start = rng.normal(size=(n, 1, starts)) * of_start**0.5
    grids: FloatArray = noise + by_seed + by_start
    return grids


def student_half_widths(grids: FloatArray) -> FloatArray:
    """Return (n,) half widths of Student's intervals over all cells."""
    n_cells = grids[0].size
    deviations = grids.reshape(len(grids), -1).std(1, ddof=1)
    half_widths: FloatArray = t.ppf(0.975, n_cells - 1) * deviations / n_cells**0.5
    return half_widths


def crossed_half_widths(grids: FloatArray) -> FloatArray:
    """Return (n,) half widths of `sgram.statistics.crossed_interval`, for all grids at once."""
    _, seeds, starts = grids.shape
    by_seed, by_start = starts * grids.mean(2).var(1, ddof=1), seeds * grids.mean(1).var(1, ddof=1)
    freedom = (by_seed + by_start) ** 2 / (by_seed**2 / (seeds - 1) + by_start**2 / (starts - 1))
    half_widths: FloatArray = t.ppf(0.975, freedom) * ((by_seed + by_start) / (seeds * starts)) ** 0.5
    return half_widths


def coverage_lines(grids: str, n: int) -> list[str]:
    """Return the table as lines of Markdown."""
    lines = [
        "| seeds x start models | variance of start model, seed | Student: coverage | half width "
        "| two factors: coverage | half width |",
        "|---|---|--:|--:|--:|--:|",
    ]
    rng = np.random.default_rng(0)
    for grid in grids.split(","):
        seeds, starts = map(int, grid.split("x"))
        for of_start, of_seed in SHARES:
            drawn = draw_grids(rng, n, seeds, starts, of_start, of_seed)
            distances = abs(drawn.mean((1, 2)))
            cells = []
            for half_widths in (student_half_widths(drawn), crossed_half_widths(drawn)):
                cells += [f"{(distances <= half_widths).mean():.3f}", f"{np.median(half_widths):.2f}"]
            lines.append(f"| {seeds} x {starts} | {of_start:g}, {of_seed:g} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", default="4x3,12x3,3x2,2x2,4x5")
    parser.add_argument("--n", type=int, default=20_000, help="grids for each row")
    options = parser.parse_args()
    print("\n".join(coverage_lines(options.grids, options.n)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
