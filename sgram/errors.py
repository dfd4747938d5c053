"""The errors a user may meet. Knows nothing about what went wrong, only how to say it.

A message says what is wrong, where (file and line, or trace id) and what to do next.
Every error carries the exit code that the command line ends with.
"""


class SgramError(Exception):
    """Something failed on our side of the line (exit code 1)."""

    exit_code = 1


class UsageError(SgramError):
    """The command or call cannot be meant this way (exit code 2)."""

    exit_code = 2


class InputError(SgramError):
    """The input cannot be used at all (exit code 3)."""

    exit_code = 3


class QuarantineError(SgramError):
    """More rows than allowed were set aside (exit code 4)."""

    exit_code = 4


class MissingExtraError(SgramError):
    """An optional library is not installed (exit code 1); the message holds the pip command."""
