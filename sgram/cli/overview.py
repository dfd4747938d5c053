"""What ``sgram`` alone and ``sgram --help`` print, and the words that ask for help or for the version."""

from collections.abc import Iterator, Sequence

from sgram.cli.verbs import first_steps, verb_lines

ABOUT = "Find, prove, tag and train on the phrases that carry a reasoning model's plan."
EXIT_CODES = (
    "Exit codes: 0 done, 1 internal error, 2 usage, 3 unusable input,",
    "            4 over the quarantine limit, 130 interrupted",
)


def as_help(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the words ``help`` and ``version`` as the options of cyclopts.

    >>> as_help(["help", "lexicon", "show"])
    ['lexicon', 'show', '--help']
    >>> as_help(["-V"]), as_help(["mine", "help"])
    (['--version'], ['mine', 'help'])
    """
    words = list(arguments)
    if words[:1] == ["help"]:
        return [*(word for word in words[1:] if word not in ("--help", "-h")), "--help"]
    return ["--version"] if words in (["version"], ["-V"]) else words


def overview_lines(first: bool) -> Iterator[str]:
    """Yield the lines of ``sgram --help``; with `first` they begin with what to do first.

    No line is longer than 80 characters.
    """
    yield ABOUT
    yield ""
    if first:
        yield from first_steps()
    else:
        yield "Usage: sgram VERB [OPTIONS] FILES"
    yield ""
    yield from verb_lines()
    yield ""
    yield "sgram help VERB               its options, with examples (or sgram VERB --help)"
    yield "sgram version                 the version (or -V, --version)"
    yield "sgram --install-completion    complete verbs and options in your shell"
    if first:
        yield "sgram --help                  exit codes, and this list"
    if not first:
        yield "sgram --debug VERB            print the traceback of an error"
        yield ""
        yield from EXIT_CODES


def print_overview(first: bool) -> None:
    """Print the overview on stdout."""
    for line in overview_lines(first):
        print(line)
