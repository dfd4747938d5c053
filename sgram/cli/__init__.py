"""The command line: one file for each verb, with its flags, progress and printing.

The verbs are listed in `sgram.cli.verbs`. A verb is imported when it is called, so that ``sgram --help`` needs none of
its libraries.
"""

import errno
import io
import os
import sys

import cyclopts
from cyclopts.help import DefaultFormatter

from sgram.cli.command_line import describe_error, mend
from sgram.cli.option_groups import METHOD, help_columns, shown_default
from sgram.cli.overview import ABOUT, as_help, print_overview
from sgram.cli.verbs import VERBS
from sgram.compiling import NOTE, QUIET, announce_compilation
from sgram.errors import SgramError
from sgram.hub.load_notes import announce_loads

app = cyclopts.App(
    name="sgram",
    help=ABOUT,
    version=lambda: __import__("sgram").__version__,
    help_format="plaintext",
    group_parameters=METHOD,
    help_formatter=DefaultFormatter(column_specs=help_columns),
    default_parameter=cyclopts.Parameter(show_default=shown_default, negative_iterable=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # cyclopts would exit without a message
)
for _verb in VERBS:
    _words = {"usage": f"Usage: sgram {_verb.name} {_verb.usage}"} if _verb.usage else {}
    app.command(_verb.target, name=_verb.name, **_words)
app.register_install_completion_command()


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and exit with its exit code; print a traceback only with ``--debug``."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 gets escapes
    sys.exit(_run(arguments, debug))


def _announce_compiling() -> None:
    from sgram.cli.console import note

    note(NOTE)


def _announce_load(sentence: str) -> None:
    from sgram.cli.console import note

    note(sentence)


def _run(arguments: list[str], debug: bool) -> int:
    if QUIET not in os.environ:
        announce_compilation(_announce_compiling)
    announce_loads(_announce_load)
    try:
        result = _call(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be reported
    except SgramError as error:
        if debug:
            raise
        return _report(str(error), error.exit_code)
    except cyclopts.CycloptsError as error:
        return _report(describe_error(error), 2)
    except KeyboardInterrupt:
        return _report("interrupted; no file is half written, and the same command resumes from finished parts", 130)
    except BrokenPipeError:
        _discard_output()  # the reader (head, less) has exited
        return 0
    except SystemExit as exit_request:
        if isinstance(exit_request.__context__, BrokenPipeError):  # rich exits this way on a broken pipe
            return 0
        raise
    except Exception as error:
        if debug:
            raise
        return _report_unexpected(error)
    return result if isinstance(result, int) else 0


def _call(arguments: list[str]) -> object:
    """Print the overview, or run the verb and return its result."""
    arguments = as_help(arguments)
    if not arguments or arguments in (["--help"], ["-h"]):
        print_overview(first=not arguments)
        return 0
    return app(mend(app, arguments), exit_on_error=False, print_error=False)


def _report_unexpected(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _discard_output()
        return _report("no space left on the disk for output or scratch files; free some space and run again", 1)
    return _report(f"internal error: {type(error).__name__}: {error}; run again with --debug and report it", 1)


def _discard_output() -> None:
    """Discard the rest of stdout's buffer, so that exiting does not raise a second error."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(message: str, code: int) -> int:
    """Print an error on stderr and return the exit code."""
    from sgram.cli.console import printable

    print(f"sgram: {printable(message)}", file=sys.stderr)
    return code
