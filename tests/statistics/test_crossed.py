"""The interval over seeds and start models against numbers worked out by hand, scipy's power and simulation."""

import math
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.errors import UsageError
from sgram.statistics import crossed_error, crossed_interval, detectable_difference, t_interval

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from interval_coverage import crossed_half_widths, draw_grids

GRID = {(0, 0): 1.0, (0, 1): 3.0, (0, 2): 2.0, (1, 0): 5.0, (1, 1): 5.0, (1, 2): 8.0}


def test_an_interval_by_hand():
    # mean 4; means of the rows 2 and 6: mean square 3 * (4 + 4) / 1 = 24
    # means of the columns 3, 4, 5: mean square 2 * (1 + 0 + 1) / 2 = 2
    # standard error sqrt((24 + 2) / 6) = 2.0817; freedom 26^2 / (24^2 / 1 + 2^2 / 2) = 676 / 578 = 1.1696
    error = crossed_error(GRID)
    assert error is not None
    assert error.standard_error == pytest.approx(math.sqrt(26 / 6))
    assert error.freedom == pytest.approx(676 / 578)
    interval = crossed_interval(GRID)
    assert (interval.n, interval.n_above, interval.mean) == (6, 6, pytest.approx(4))
    # t(.975; 1) is 12.706 and t(.975; 2) is 4.303: the half width is between 8.96 and 26.45
    assert 8.96 < interval.high - interval.mean < 26.45
    assert interval.direction == "cannot say"
    assert 0.05 < interval.p < 0.5


def test_the_order_of_cells_and_the_names_of_levels_do_not_matter():
    renamed = {(7 - row, 10 * column): number for (row, column), number in reversed(GRID.items())}
    assert crossed_interval(renamed) == crossed_interval(GRID)


@given(st.lists(st.floats(-1, 1).map(lambda number: round(number, 3)), min_size=2, max_size=6))
def test_with_one_level_of_a_factor_it_is_students_interval(numbers):
    assert crossed_interval({(seed, 3): number for seed, number in enumerate(numbers)}) == t_interval(numbers)
    assert crossed_interval({(3, start): number for start, number in enumerate(numbers)}) == t_interval(numbers)


def test_a_grid_with_a_hole_is_refused():
    with pytest.raises(UsageError, match=r"each of the 2 x 3 cells \(got 5\)"):
        crossed_interval({cell: number for cell, number in GRID.items() if cell != (0, 1)})
    with pytest.raises(UsageError, match=r"0 x 0 cells"):
        crossed_interval({})


def test_equal_numbers_have_no_interval():
    interval = crossed_interval(dict.fromkeys(GRID, 0.25))
    assert (interval.mean, interval.low) == (0.25, None)
    assert interval.undefined.startswith("all 6 differences are equal")


def test_the_interval_holds_the_mean_where_half_of_the_variance_is_the_start_models():
    # Student's holds it in .76 of such grids
    grids = draw_grids(np.random.default_rng(1), 4000, 4, 3, 0.5, 0.0)
    half_widths = crossed_half_widths(grids)
    assert 0.935 < (abs(grids.mean((1, 2))) <= half_widths).mean() < 0.985
    for grid, half_width in zip(grids[:20], half_widths[:20], strict=True):
        interval = crossed_interval({cell: float(grid[cell]) for cell in product(range(4), range(3))})
        assert interval.high - interval.mean == pytest.approx(half_width)


def test_the_detectable_difference_has_its_power_by_simulation():
    # mean of 5 normal numbers with deviation 1: standard error sqrt(1 / 5), 4 degrees of freedom
    effect = detectable_difference(math.sqrt(1 / 5), 4, alpha=0.05, power=0.8)
    samples = np.random.default_rng(0).normal(effect, 1, size=(20_000, 5))
    statistic = samples.mean(1) / (samples.std(1, ddof=1) / math.sqrt(5))
    assert (abs(statistic) > 2.776).mean() == pytest.approx(0.8, abs=0.01)  # t(.975; 4)
    assert detectable_difference(1.0, 4, alpha=0.01) > detectable_difference(1.0, 4) > detectable_difference(1.0, 40)
