"""Errors that users meet.

A message says what is wrong, where (file and line, or trace id) and what to do next. Every error carries the exit
code of the command line.
"""


class SgramError(Exception):
    """Failure of the program or of its environment (exit code 1).

    >>> SgramError("cannot write out.jsonl: No space left on device").exit_code
    1
    """

    exit_code = 1


class UsageError(SgramError):
    """Invalid argument or combination of arguments (exit code 2).

    >>> UsageError("--judge-traces must be >= 1 (got 0)").exit_code
    2
    """

    exit_code = 2


class InputError(SgramError):
    """Unusable input (exit code 3).

    >>> InputError("no rows in rollouts.jsonl").exit_code
    3
    """

    exit_code = 3


class QuarantineError(SgramError):
    """More rows were rejected than the limit allows (exit code 4)."""

    exit_code = 4


class MissingExtraError(SgramError):
    """A library of an optional extra is not installed (exit code 1). The message holds the pip command."""
