"""How often do intervals of corrected shares cover the truth, whatever the classifier is worth?

    python benchmarks/corrected_shares.py [--draws 2000] [--labels 60]

A setting is a true share of a kind of error, and a classifier with known chances of naming it. A draw is 1,000 wrong
traces of problems of their own, of which 60 are rated: by `sgram annotate export --errors` (stratified by what the
classifier says) or at random. Both intervals come from `sgram.statistics.corrected_share`: by the ratings alone, and
corrected (with the help of the classifier where that is narrower). "Width" is that of corrected intervals in parts of
those of the ratings alone. The second table has traces of few problems, which differ in their shares (Beta with the
given sum of its parameters: the smaller the more problems differ). The same numbers come out every time. About ten
minutes on one core.
"""

import argparse
from dataclasses import dataclass, field

import numpy as np

from sgram.statistics import corrected_share

SHARES = (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98)
N_TRACES = 1000
CLASSIFIERS = {
    "always right": (1.0, 0.0, 0.0),
    "right in 9 of 10": (0.9, 0.1, 0.0),
    "right in 3 of 4": (0.75, 0.25, 0.0),
    "undecided in 2 of 3, else right in 17 of 20": (0.2833, 0.05, 0.6667),
    "a coin": (0.5, 0.5, 0.0),
    "undecided always": (0.0, 0.0, 1.0),
    "wrong in 9 of 10": (0.1, 0.9, 0.0),
    "always wrong": (0.0, 1.0, 0.0),
}
"""Chances that a classifier says what is true, what is not, and undecided."""
GROUPS = ((400, 4.0), (100, 1.0), (30, 1.0), (16, 1.0), (16, 0.3))
"""(problems, sum of the parameters of Beta)."""


@dataclass
class Coverage:
    """Draws whose intervals contain the truth, and widths."""

    covered: list[bool] = field(default_factory=list)
    covered_alone: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    widths_alone: list[float] = field(default_factory=list)

    def add(self, share: float, labels: np.ndarray, said: np.ndarray, problems: np.ndarray) -> None:
        """Add one draw."""
        estimate = corrected_share(labels, said.tolist(), problems.tolist())
        for interval, covered, widths in (
            (estimate.corrected, self.covered, self.widths),
            (estimate.labels_alone, self.covered_alone, self.widths_alone),
        ):
            covered.append(interval.low <= share <= interval.high)
            widths.append(interval.high - interval.low)

    @property
    def relative_width(self) -> float:
        """Mean width of corrected intervals by that of those of the ratings alone."""
        return float(np.mean(self.widths) / np.mean(self.widths_alone))


def draw_traces(
    share: float, classifier: str, problems: np.ndarray, spread: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each trace is of the kind, and what the classifier says: 1, 0 or 2 (undecided)."""
    shares = np.full(len(problems), share)
    if np.isfinite(spread):
        shares = rng.beta(share * spread, (1 - share) * spread, problems.max() + 1)[problems]
    is_kind = (rng.random(len(problems)) < shares).astype(int)
    says = rng.choice(3, len(problems), p=CLASSIFIERS[classifier])
    return is_kind, np.where(says == 2, 2, np.where(says == 0, is_kind, 1 - is_kind))


def draw_rated(said: np.ndarray, n: int, stratified: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the rows that are rated, each with the same chance."""
    if not stratified:
        return rng.choice(len(said), n, replace=False)
    order = np.lexsort((rng.random(len(said)), said))
    return order[((np.arange(n) + rng.random()) * len(said) / n).astype(int)]


def simulate(
    share: float, classifier: str, n_draws: int, n_labels: int, *, n_problems: int = N_TRACES, spread: float = np.inf
) -> dict[bool, Coverage]:
    """Return the coverage of stratified (True) and of simple random samples."""
    rng = np.random.default_rng([int(1000 * share), n_problems, list(CLASSIFIERS).index(classifier)])
    coverage = {True: Coverage(), False: Coverage()}
    for _ in range(n_draws):
        problems = np.arange(N_TRACES) if n_problems == N_TRACES else rng.integers(n_problems, size=N_TRACES)
        is_kind, said = draw_traces(share, classifier, problems, spread, rng)
        for stratified, counted in coverage.items():
            labels = np.full(N_TRACES, np.nan)
            rated = draw_rated(said, n_labels, stratified, rng)
            labels[rated] = is_kind[rated]
            counted.add(share, labels, said, problems)
    return coverage


def row(name: str, share: float, coverage: dict[bool, Coverage]) -> str:
    """Return a row of a Markdown table."""
    cells = [name, f"{share:g}"]
    for counted in coverage.values():
        cells += [f"{np.mean(counted.covered):.3f}", f"{np.mean(counted.covered_alone):.3f}"]
        cells += [f"{np.mean(counted.widths_alone):.2f}", f"{counted.relative_width:.2f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print both tables and the least coverage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--labels", type=int, default=60)
    arguments = parser.parse_args()
    columns = "corrected | ratings alone | width alone | width"
    head = f"| true share | {columns} | {columns} |\n|{'---|' * 10}"
    print(
        f"{arguments.labels} ratings of {N_TRACES:,} traces, {arguments.draws:,} draws; left stratified, right random\n"
    )
    print(f"| classifier {head}", flush=True)
    least = {"0.1 to 0.9": 1.0, "beyond": 1.0}
    for classifier in CLASSIFIERS:
        for share in SHARES:
            coverage = simulate(share, classifier, arguments.draws, arguments.labels)
            print(row(classifier, share, coverage), flush=True)
            part = "0.1 to 0.9" if 0.1 <= share <= 0.9 else "beyond"
            least[part] = min(least[part], *(float(np.mean(counted.covered)) for counted in coverage.values()))
    print(f"\nleast coverage of corrected intervals, by true share: {least}\n")
    print(f"| problems, Beta, classifier {head}", flush=True)
    for n_problems, spread in GROUPS:
        for classifier in ("right in 9 of 10", "a coin"):
            for share in (0.1, 0.5):
                coverage = simulate(
                    share, classifier, arguments.draws, arguments.labels, n_problems=n_problems, spread=spread
                )
                print(row(f"{n_problems}, {spread:g}, {classifier}", share, coverage), flush=True)


if __name__ == "__main__":
    main()
