"""What does HICRA change where evaluation has no noise? A tabular policy of one choice and many small steps.

    python benchmarks/credit_toy.py [--seeds 16] [--out FILE.md] [--figure FILE.png]

A response chooses one of K methods for its kind of problem (one planning token), then writes L execution tokens, each
right or wrong; the probabilities of these are shared by all kinds. The reward is 1 if the method and all tokens are
right, else 0. A step has one group of 8 responses for each of 8 kinds. Advantages are `group_advantages` (divided by
the group's deviation) shaped by `shape_advantages`; the gradient is the mean over responses of the sum over tokens, as
all responses have one length. Accuracy is exact: mean over kinds of P(right method), times the product of P(right
token). Arms share all random numbers of a seed, so that their differences are paired.

- easy: 5 methods, the right one chosen with .25 at the start, 10 tokens right with .97 each; hard: 20, .06, 40, .97;
  hard, short: 20, .06, 10, .9. The rates of SGD differ, so that GRPO learns within the run in each setting.
- Controls: HICRA's rule on one random execution token of each response (as many as planning tokens), or on all of
  them; GRPO at 1.2 and 2 times the learning rate, and HICRA at 2 times.
- Mean of run: mean exact accuracy after each update. Steps to a level: first update after which accuracy is at least
  that; half of the procedural (strategic) errors gone: after which P(a wrong token) (P(a wrong method)) is at most
  half of that at the start. A seed that never gets there counts as one step more than the run, and the mean has ">=".
- Changes are against grpo, paired by seed, with Student's 95 % interval.

Nothing is read from disk; the same numbers come out every time. About 15 seconds on one core.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, figure_format, render_figure
from sgram.reports.figures.figure import Point, draw_curve, draw_key, write_curve_names
from sgram.statistics import t_interval
from sgram.training import group_advantages, shape_advantages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_KINDS, GROUP_SIZE = 8, 8
RIGHT = 0
"""Index of the right method."""
LEVELS = (0.3, 0.6)
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of Adam, as in torch


class Setting(NamedTuple):
    """A toy task, and how long and how fast it is trained."""

    name: str
    n_methods: int
    method_start: float
    """P(right method) before training."""
    n_tokens: int
    """Execution tokens of a response."""
    token_start: float
    """P(an execution token is right) before training."""
    optimizer: str
    rate: float
    n_steps: int


class Arm(NamedTuple):
    """A credit method, its strength, and where it gives credit."""

    name: str
    method: str
    alpha: float = 0.0
    credit: Literal["planning", "one execution token", "all execution tokens"] = "planning"
    rate_factor: float = 1.0


class Curves(NamedTuple):
    """Exact probabilities by seed and number of updates, (S, N + 1)."""

    accuracy: FloatArray
    procedural: FloatArray
    """P(at least one execution token is wrong)."""
    strategic: FloatArray
    """P(wrong method)."""


Measures: TypeAlias = dict[str, AnyArray]
"""(S,) numbers by the title of their column."""


class Draws(NamedTuple):
    """Uniform random numbers of all steps, which all arms share. The first axis is the seed, the second the step."""

    methods: FloatArray
    """(S, N, kinds, responses)."""
    tokens: FloatArray
    """(S, N, kinds, responses, L)."""
    placebos: IntArray
    """(S, N, kinds, responses): the execution token that the placebo marks."""


SETTINGS = (
    Setting("easy", 5, 0.25, 10, 0.97, "SGD", 4.0, 40),
    Setting("hard", 20, 0.06, 40, 0.97, "SGD", 10.0, 40),
    Setting("easy", 5, 0.25, 10, 0.97, "Adam", 0.05, 60),
    Setting("hard", 20, 0.06, 40, 0.97, "Adam", 0.05, 80),
    Setting("hard, short", 20, 0.06, 10, 0.9, "Adam", 0.05, 80),
)
BASELINE = Arm("grpo", "grpo")
ARMS = (
    BASELINE,
    *(
        Arm(f"{method} {alpha:g}", method, alpha)
        for method in ("hicra", "hicra-scale", "hicra-push", "hicra-correct", "hicra-symmetric")
        for alpha in (0.2, 1.0)
    ),
    *(
        Arm(f"hicra {alpha:g}, one execution token", "placebo-execution", alpha, "one execution token")
        for alpha in (0.2, 1.0)
    ),
    *(
        Arm(f"hicra {alpha:g}, all execution tokens", "placebo-execution", alpha, "all execution tokens")
        for alpha in (0.2, 1.0)
    ),
    *(Arm(f"grpo, rate x {factor:g}", "grpo", rate_factor=factor) for factor in (1.2, 2.0)),
    Arm("hicra 1, rate x 2", "hicra", 1.0, rate_factor=2.0),
)
FIGURE_ARMS = {
    "grpo": GRAY,
    "hicra 1": COLORS[0],
    "hicra-scale 1": COLORS[2],
    "hicra-push 1": COLORS[1],
    "hicra-symmetric 1": COLORS[3],
    "hicra 1, all execution tokens": COLORS[4],
}
ERROR_COLORS = {
    "procedural": {"grpo": COLORS[4], "hicra 1": COLORS[1]},
    "strategic": {"grpo": COLORS[5], "hicra 1": COLORS[0]},
}


class Optimizer:
    """SGD or Adam, which raises an objective."""

    def __init__(self, name: str, rate: float, parameters: Sequence[FloatArray]) -> None:
        self.name, self.rate, self.parameters, self.n_updates = name, rate, parameters, 0
        self.moments = [(np.zeros_like(array), np.zeros_like(array)) for array in parameters]

    def update(self, gradients: Sequence[FloatArray]) -> None:
        """Change the parameters in place."""
        self.n_updates += 1
        for parameter, gradient, (first, second) in zip(self.parameters, gradients, self.moments, strict=True):
            if self.name == "SGD":
                parameter += self.rate * gradient
                continue
            first += (1 - BETA_1) * (gradient - first)
            second += (1 - BETA_2) * (gradient * gradient - second)
            root = np.sqrt(second / (1 - BETA_2**self.n_updates)) + EPSILON
            parameter += self.rate * first / (1 - BETA_1**self.n_updates) / root


def draw_uniforms(setting: Setting, n_seeds: int) -> Draws:
    """Return the random numbers of a setting; those of a seed do not depend on how many seeds there are."""
    responses = (setting.n_steps, N_KINDS, GROUP_SIZE)
    parts = []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, setting.n_methods, *setting.optimizer.encode()])
        tokens = rng.random((*responses, setting.n_tokens), np.float32)
        parts.append((rng.random(responses), tokens, rng.integers(setting.n_tokens, size=responses)))
    return Draws(*map(np.stack, zip(*parts, strict=True)))


def train(setting: Setting, arm: Arm, draws: Draws) -> Curves:
    """Return the curves of one arm, all seeds at once."""
    n_seeds = len(draws.methods)
    starts = np.full(setting.n_methods, (1 - setting.method_start) / (setting.n_methods - 1))
    starts[RIGHT] = setting.method_start
    method_logits = np.tile(np.log(starts), (n_seeds, N_KINDS, 1))
    token_logits = np.full((n_seeds, setting.n_tokens), np.log(setting.token_start / (1 - setting.token_start)))
    optimizer = Optimizer(setting.optimizer, setting.rate * arm.rate_factor, (method_logits, token_logits))
    curves = []
    for step in range(setting.n_steps + 1):
        method_probabilities = np.exp(method_logits)
        method_probabilities /= method_probabilities.sum(-1, keepdims=True)
        token_probabilities = 1 / (1 + np.exp(-token_logits))
        curves.append(_exact_curves(method_probabilities, token_probabilities))
        if step == setting.n_steps:
            break
        methods = _choose(method_probabilities, draws.methods[:, step])
        is_right = draws.tokens[:, step] < token_probabilities[:, None, None]  # (S, kinds, responses, L)
        rewards = (methods == RIGHT) & is_right.all(-1)
        advantages = _token_advantages(arm, rewards, draws.placebos[:, step], setting.n_tokens)
        optimizer.update(_gradients(advantages, methods, is_right, method_probabilities, token_probabilities))
    return Curves(*np.array(curves).transpose(1, 2, 0))


def _exact_curves(method_probabilities: FloatArray, token_probabilities: FloatArray) -> Curves:
    is_method, is_execution = method_probabilities[..., RIGHT].mean(1), token_probabilities.prod(1)
    return Curves(is_method * is_execution, 1 - is_execution, 1 - is_method)


def _choose(probabilities: FloatArray, uniforms: FloatArray) -> IntArray:
    """Return the (S, kinds, responses) methods that uniform numbers choose."""
    bounds = probabilities.cumsum(-1)[:, :, None, :-1]
    return (uniforms[..., None] >= bounds).sum(-1)


def _token_advantages(arm: Arm, rewards: BoolArray, placebos: IntArray, n_tokens: int) -> FloatArray:
    """Return the (S, kinds, responses, 1 + L) advantages that sgram gives; the planning token is the first."""
    row_rewards = rewards.astype(float).ravel()
    groups = np.arange(row_rewards.size) // GROUP_SIZE
    credit = np.zeros((row_rewards.size, 1 + n_tokens), bool)
    if arm.credit == "planning":
        credit[:, 0] = True
    elif arm.credit == "all execution tokens":
        credit[:, 1:] = True
    else:
        credit[np.arange(row_rewards.size), 1 + placebos.ravel()] = True
    plain = group_advantages(row_rewards, groups, scale="std")
    shaped, _ = shape_advantages(
        plain, None, np.ones_like(credit), groups, credit, arm.method, alpha=arm.alpha, rewards=row_rewards
    )
    return shaped.reshape(*rewards.shape, 1 + n_tokens)


def _gradients(
    advantages: FloatArray,
    methods: IntArray,
    is_right: BoolArray,
    method_probabilities: FloatArray,
    token_probabilities: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients of the logits: mean over responses of A times that of the token's log-probability."""
    n_responses = N_KINDS * GROUP_SIZE
    planning, execution = advantages[..., 0], advantages[..., 1:]
    is_method = methods[..., None] == np.arange(method_probabilities.shape[-1])
    chosen = (planning[..., None] * is_method).sum(2)
    method_gradient = chosen - planning.sum(2)[..., None] * method_probabilities
    token_gradient = (execution * is_right).sum((1, 2)) - execution.sum((1, 2)) * token_probabilities
    return method_gradient / n_responses, token_gradient / n_responses


def first_step(reached: BoolArray) -> IntArray:
    """Return the first step at which each row is true; one more than the last step if there is none."""
    return np.where(reached.any(1), reached.argmax(1), reached.shape[1])


def summarize(curves: Curves) -> Measures:
    """Return the (S,) measures of an arm by column."""
    measures = {"mean of run": curves.accuracy[:, 1:].mean(1), "end": curves.accuracy[:, -1]}
    for level in LEVELS:
        measures[f"steps to {level:g}"] = first_step(curves.accuracy >= level)
    for name in ("procedural", "strategic"):
        errors = getattr(curves, name)
        measures[f"half of {name} errors gone"] = first_step(errors <= errors[:, :1] / 2)
    return measures


def draw_figure(curves: dict[tuple[str, str], dict[str, Curves]], path: Path) -> None:
    """Draw the means over seeds, with `curves` by (optimizer, setting) and arm, into `path`."""
    panels = (("SGD", "easy"), ("SGD", "hard"), ("Adam", "hard"))

    def draw(figure: "Figure") -> None:
        grid = figure.subplots(2, 2).ravel()
        for axes, (optimizer, name) in zip(grid, panels, strict=False):
            lines = [(arm, curves[optimizer, name][arm].accuracy, color) for arm, color in FIGURE_ARMS.items()]
            _draw_lines(axes, f"{optimizer}, {name}: exact accuracy", lines)
        errors = [
            (f"{kind}, {arm}", getattr(curves["Adam", "hard, short"][arm], kind), color)
            for kind, shades in ERROR_COLORS.items()
            for arm, color in shades.items()
        ]
        _draw_lines(grid[3], "Adam, hard, short: errors", errors)
        draw_key(figure, "Means over seeds, by update. Numbers behind methods are alpha.")

    write_bytes(path, render_figure((9.6, 6.4), draw, figure_format(str(path))))


def _draw_lines(axes: "Axes", title: str, lines: Sequence[tuple[str, FloatArray, str]]) -> None:
    ends = []
    for name, numbers, color in lines:
        points = [Point(step, mean) for step, mean in enumerate(numbers.mean(0).tolist())]
        draw_curve(axes, points, color)
        ends.append((name, points[-1], color))
    axes.set_title(title)
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    write_curve_names(axes, ends, 0.06, has_arrows=True)


def format_table(setting: Setting, measures: dict[str, Measures]) -> list[str]:
    """Return the markdown lines of a setting: means over seeds, changes against the baseline in brackets."""
    columns = list(measures[BASELINE.name])
    lines = [f"| arm | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for arm, numbers in measures.items():
        cells = [_format_cell(name, numbers, measures[BASELINE.name], setting.n_steps) for name in columns]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def format_summary(all_measures: dict[Setting, dict[str, Measures]]) -> list[str]:
    """Return the markdown lines of the mean of run by arm and setting."""
    names = [f"{setting.optimizer}, {setting.name}" for setting in all_measures]
    lines = [f"| arm | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for arm in ARMS:
        cells = [
            _format_cell("mean of run", measures[arm.name], measures[BASELINE.name], setting.n_steps)
            for setting, measures in all_measures.items()
        ]
        lines.append(f"| {arm.name} | {' | '.join(cells)} |")
    return lines


def _format_cell(name: str, measures: Measures, baseline_measures: Measures, n_steps: int) -> str:
    """Return the mean of a measure and its change, if all seeds got there. The baseline has no change."""
    numbers, baseline = measures[name], baseline_measures[name]
    is_share = name in ("mean of run", "end")
    digits = 3 if is_share else 1
    bound = ">=" if not is_share and (numbers > n_steps).any() else ""
    text = f"{bound}{numbers.mean():.{digits}f}"
    if measures is baseline_measures or (not is_share and ((numbers > n_steps) | (baseline > n_steps)).any()):
        return text
    change = t_interval((numbers - baseline).tolist())
    if change.low is None or change.high is None or change.mean is None:
        return f"{text} ({_signed(float((numbers - baseline).mean()), digits)})"
    ends = ", ".join(_signed(number, digits) for number in (change.low, change.high))
    return f"{text} ({_signed(change.mean, digits)} [{ends}])"


def _signed(number: float, digits: int) -> str:
    return f"{round(number, digits) + 0.0:+.{digits}f}"


def compare(n_seeds: int, figure_path: Path | None = None) -> list[str]:
    """Return the markdown lines of all settings, and draw the figure if it has a path."""
    all_curves: dict[tuple[str, str], dict[str, Curves]] = {}
    all_measures: dict[Setting, dict[str, Measures]] = {}
    lines = []
    for setting in SETTINGS:
        draws = draw_uniforms(setting, n_seeds)
        curves = {arm.name: train(setting, arm, draws) for arm in ARMS}
        all_curves[setting.optimizer, setting.name] = curves
        all_measures[setting] = {name: summarize(arm_curves) for name, arm_curves in curves.items()}
        lines += ["", f"## {setting.optimizer}, {setting.name}: rate {setting.rate:g}, {setting.n_steps} steps", ""]
        lines += format_table(setting, all_measures[setting])
    if figure_path:
        draw_figure(all_curves, figure_path)
    return [f"## Mean of run, {n_seeds} seeds", "", *format_summary(all_measures), *lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16, help=">= 2")
    parser.add_argument("--out", type=Path, help="also write the tables into this file")
    parser.add_argument("--figure", type=Path, help="also draw the curves into this .svg, .png or .pdf")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error(f"--seeds must be >= 2, for intervals (got {arguments.seeds})")
    started = time.process_time()
    text = "\n".join(compare(arguments.seeds, arguments.figure))
    print(f"{text}\n\n{time.process_time() - started:.0f} s of CPU")
    if arguments.out:
        command = f"python benchmarks/credit_toy.py --seeds {arguments.seeds}"
        write_bytes(arguments.out, f"# {__doc__.partition(chr(10))[0]}\n\nPrinted by `{command}`.\n\n{text}\n".encode())


if __name__ == "__main__":
    main()
