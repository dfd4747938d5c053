"""Draw docs/what_hicra_does.svg: what credit methods do to an outcome reward, by the success rate of a group.

    python docs/make_identity_figure.py

Lines are the closed forms of docs/what_hicra_does.md. Points are computed by `shape_advantages` on groups of eight
responses: the factor is the difference of a correct and a wrong response on planning tokens over that of GRPO, the push
is what is left.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sgram.training import group_advantages, shape_advantages

ALPHA, SIZE = 0.2, 8
METHODS = {"hicra": ("#b5482a", "o"), "hicra-correct": ("#2a6f97", "s"), "hicra-symmetric": ("#6b6b6b", "^")}
PATH = Path(__file__).parent / "what_hicra_does.svg"


def factor_and_push(method: str, n_correct: int) -> tuple[float, float]:
    """Return what a method does to a group of `SIZE` responses: shaped advantage = factor * A + push."""
    rewards, groups = [1.0] * n_correct + [0.0] * (SIZE - n_correct), ["p"] * SIZE
    advantages, ones = group_advantages(rewards, groups), np.ones((SIZE, 1))
    shaped = shape_advantages(advantages, ones.astype(int), ones, groups, ones, method, alpha=ALPHA)[0][:, 0]
    factor = (shaped[0] - shaped[-1]) / (advantages[0] - advantages[-1])
    return factor, shaped[0] - factor * advantages[0]


def closed_forms(method: str, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and push at success rates `p`, rewards not divided by their deviation."""
    spread = p * (1 - p)
    return {
        "hicra": (1 + ALPHA * (1 - 2 * p), 2 * ALPHA * spread),
        "hicra-correct": (1 + ALPHA * (1 - p), ALPHA * spread),
        "hicra-symmetric": (np.full_like(p, 1 + ALPHA), np.zeros_like(p)),
    }[method]


def draw() -> Figure:
    """Return the figure: factor and push over the success rate."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    p, counts = np.linspace(0, 1, 101), range(1, SIZE)
    for method, (color, marker) in METHODS.items():
        points = np.array([factor_and_push(method, count) for count in counts])
        for index, panel in enumerate(panels):
            panel.plot(p, closed_forms(method, p)[index], color=color, lw=1.6)
            panel.plot([count / SIZE for count in counts], points[:, index], marker, color=color, ms=4.5)
    factor, push = panels
    factor.axhline(1, color="#999999", lw=0.8, ls=":")
    factor.set(
        title="Factor of the outcome's credit (GRPO: 1)", xlabel="success rate p of the group", ylim=(0.75, 1.25)
    )
    push.set(
        title="Push on planning tokens, whatever the outcome", xlabel="success rate p of the group", ylim=(-0.01, 0.12)
    )
    factor.text(0.03, 1.225, "hicra-symmetric", color=METHODS["hicra-symmetric"][0], va="center")
    factor.text(0.47, 1.13, "hicra-correct", color=METHODS["hicra-correct"][0], va="center")
    factor.text(0.66, 0.885, "hicra", color=METHODS["hicra"][0], va="center", ha="right")
    push.text(0.5, 0.108, "hicra", color=METHODS["hicra"][0], ha="center")
    push.text(0.5, 0.057, "hicra-correct", color=METHODS["hicra-correct"][0], ha="center")
    push.text(0.5, 0.006, "hicra-symmetric", color=METHODS["hicra-symmetric"][0], ha="center")
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlim(0, 1)
    return figure


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PATH)
    path = parser.parse_args().out
    with mpl.rc_context({"svg.hashsalt": "sgram", "svg.fonttype": "none", "font.size": 10, "axes.titlesize": 11}):
        draw().savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
