"""Names of files that cannot be meant. Knows nothing about what is in the files."""

from collections.abc import Iterable

from sgram.errors import UsageError


def refuse_options(paths: Iterable[str], verb: str) -> None:
    """Refuse what begins with a dash and is not stdin: an option that `verb` does not have, taken for a file."""
    for path in paths:
        if path != "-" and path.startswith("-"):
            raise UsageError(
                f"there is no option {path}; see sgram {verb} --help, or write ./{path} for a file"
            )
