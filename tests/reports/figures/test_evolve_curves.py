"""Curves of runs of sgram evolve: numbers of the bands by hand, both layouts, the same bytes for the same runs."""

import re

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")
pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.errors import UsageError
from sgram.reports.figures import evolve_curves
from sgram.reports.figures.evolve_curves import draw_evolve_curves, evaluation_band
from sgram.reports.figures.figure import draw_curve
from sgram.training.evolve.evolve_comparison import QUANTITIES
from sgram.training.evolve.evolve_run import EvolveRun
from tests.builders.evolve_runs import evaluation, run

SHARED = {"evolve": [run(0, (0.25, 0.3, 0.5)), run(1, (0.25, 0.4, 0.4))], "judge=random": [run(0, (0.25, 0.2, 0.3))]}


def drawn(arms, tmp_path, form="svg"):
    path = tmp_path / f"curves.{form}"
    draw_evolve_curves(arms, path)
    return path.read_bytes()


def test_evaluations_become_means_with_the_least_and_the_greatest_run():
    assert [tuple(point) for point in evaluation_band(SHARED["evolve"], "accuracy")] == [
        (0, 0.25, 0.25, 0.25),
        (10, pytest.approx(0.35), 0.3, 0.4),
        (20, pytest.approx(0.45), 0.4, 0.5),
    ]
    assert [tuple(point) for point in evaluation_band(SHARED["judge=random"], "accuracy")][1] == (10, 0.2, None, None)


def test_a_number_that_no_evaluation_has_is_an_empty_band():
    empty = EvolveRun(0, 0, (), ((0, evaluation(0.25)),))
    assert evaluation_band([empty], "accuracy")
    assert evaluation_band([], "accuracy") == []


@pytest.fixture
def _two_panels(monkeypatch):
    """A panel of the steps and one of the evaluations: constrained layout of all of them takes long."""
    monkeypatch.setattr(evolve_curves, "PANELS", [evolve_curves.PANELS[0], evolve_curves.PANELS[6]])


@pytest.mark.usefixtures("_two_panels")
def test_few_arms_share_panels_and_the_figure_has_equal_bytes(tmp_path):
    figure = drawn(SHARED, tmp_path)
    assert figure == drawn(SHARED, tmp_path)
    assert b'width="979.2pt"' in figure  # 13.6 inches of 72 points


def test_a_curve_without_points_draws_nothing():
    # matplotlib counts an empty line with marks as a point at (0, 0) of the figure, and the layout collapses
    from matplotlib.figure import Figure

    axes = Figure(layout="constrained").subplots()
    draw_curve(axes, [], "#000000")
    assert not axes.lines


@pytest.mark.usefixtures("_two_panels")
def test_many_arms_get_a_column_each(tmp_path):
    arms = {f"arm-{number}": [run(0, (0.25, 0.3))] for number in range(7)}
    figure = drawn(arms, tmp_path)
    assert b'width="774pt"' in figure  # 1.3 + 1.35 * 7 = 10.75 inches
    assert len(re.findall(rb'id="axes_\d+"', figure)) == 14  # 2 panels, 7 arms


def test_every_panel_shows_a_number_that_runs_have():
    names = {spec.name for spec in evolve_curves.PANELS if "/" not in spec.name}
    assert names <= set(QUANTITIES)


def test_without_a_run_or_a_number_the_figure_is_refused(tmp_path):
    with pytest.raises(UsageError, match="at least one finished run"):
        draw_evolve_curves({"evolve": []}, tmp_path / "curves.svg")
