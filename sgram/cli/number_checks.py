"""Check of numbers from the command line."""

from sgram.errors import UsageError


def check_minimum(flag: str, number: int | None, minimum: int) -> None:
    """Raise `UsageError` if `number` of ``--flag`` is below `minimum`; None means that the flag is not set.

    >>> check_minimum("limit", 0, 1)
    Traceback (most recent call last):
    sgram.errors.UsageError: --limit must be >= 1 (got 0)
    """
    if number is not None and number < minimum:
        raise UsageError(f"--{flag} must be >= {minimum} (got {number})")
