"""Checks of settings that must be whole numbers, or shares, in a range."""

from collections.abc import Iterable
from typing import Any

from sgram.errors import UsageError


def check_whole_numbers(owner: str, settings: Any, bounds: Iterable[tuple[str, int, int]]) -> None:
    """Raise `UsageError`, which begins with `owner`, unless each named setting is an int from low to high.

    >>> from sgram.testbed.problems import TestbedConfig
    >>> check_whole_numbers("testbed", TestbedConfig(), [("methods", 2, 8)])
    """
    for name, low, high in bounds:
        number = getattr(settings, name)
        if type(number) is not int or not low <= number <= high:
            raise UsageError(f"{owner}: {name} must be a whole number from {low} to {high} (got {number!r})")


def check_shares(owner: str, settings: Any, names: Iterable[str]) -> None:
    """Raise `UsageError`, which begins with `owner`, unless each named setting is a number from 0 to 1.

    >>> from sgram.testbed.two_step_config import TwoStepConfig
    >>> check_shares("testbed", TwoStepConfig(), ["slips"])
    """
    for name in names:
        number = getattr(settings, name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
            raise UsageError(f"{owner}: {name} must be a number from 0 to 1 (got {number!r})")
