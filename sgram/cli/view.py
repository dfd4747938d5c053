"""``sgram view``: browse and search traces in a browser, from a server for this computer alone."""

import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.console import note, print_json, print_line
from sgram.cli.number_checks import check_minimum
from sgram.cli.option_groups import OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin
from sgram.cli.read import InputFlags, report_reading
from sgram.cli.shared_flags import AsJson, JudgeAnswers, MaxDiagnosed, path_argument
from sgram.errors import InputError, UsageError

if TYPE_CHECKING:
    from sgram.analysis.viewed_traces import ViewedTraces
    from sgram.reports.trace_store import TraceStore

_PATHS = path_argument("Training runs (or folders of them), files or folders of rollouts.")
_LEXICON = Parameter(help="A lexicon file, or a preset; default: a run's own, and sgram for traces.")
_LARGEST_PORT = 65535


def _check_port(_: object, port: int) -> None:
    check_minimum("port", port, 0)
    if port > _LARGEST_PORT:
        raise UsageError(f"--port must be <= {_LARGEST_PORT:,} (got {port:,})")


def view(
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    lexicon: Annotated[str | None, _LEXICON] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    judge_answers: JudgeAnswers = True,
    max_diagnosed: MaxDiagnosed = 5000,
    port: Annotated[
        int, Parameter(group=OUTPUT, validator=_check_port, help="Port of 127.0.0.1; 0 takes a free one.")
    ] = 0,
    open_page: Annotated[
        bool, Parameter(name="--open", negative="", group=OUTPUT, help="Open the page in the browser.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve all traces to the browser of this computer, to be searched; Ctrl-C ends it.

    The server is read-only and listens on 127.0.0.1 alone. One line is printed: the address.

    sgram view rollouts.jsonl --open
    """
    from sgram.analysis.viewed_traces import ViewedTraces, ViewSettings
    from sgram.reports.trace_store import TraceStore
    from sgram.reports.view_server import ViewServer

    check_no_options(paths, "view")
    check_one_stdin(paths)
    settings = ViewSettings(lexicon, reading.options(), reading.dialect, judge_answers, max_diagnosed)
    with TraceStore() as store:
        viewed_traces = ViewedTraces(paths, settings)
        page = _fill(store, viewed_traces, paths)
        with ViewServer(page, store, port) as server:
            if as_json:
                print_json("view", {"address": server.address, "traces": len(store)})
            else:
                print_line(server.address)
            _flush()
            if open_page:
                webbrowser.open(server.address)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                note("ended")


def _fill(store: "TraceStore", viewed_traces: "ViewedTraces", paths: Sequence[str]) -> bytes:
    """Store the traces, say what was read, and return the page. Raise `InputError` if there is no trace."""
    from sgram.reports.pages.view_page import render_view_page
    from sgram.urls import base_name

    for example in viewed_traces:
        store.add(example)
    for reader in viewed_traces.readers:
        report_reading(reader)
    for remark in viewed_traces.notes:
        note(remark)
    if not len(store):
        raise InputError("the inputs contain no trace; check the paths and --where")
    if store.n_repeated:
        note(f"{store.n_repeated:,} traces repeat another one, and are shown once")
    choices = store.choices()
    n_sources = len(choices["source"])
    facts = [
        f"{len(store):,} traces",
        f"{n_sources:,} run{'s' * (n_sources != 1)} or model{'s' * (n_sources != 1)}",
        f"lexicon {', '.join(lexicon.name for lexicon in viewed_traces.lexicons.values())}",
    ]
    title = base_name(paths[0]) if len(paths) == 1 else f"{base_name(paths[0])} and {len(paths) - 1} more"
    return render_view_page(title, facts, choices)


def _flush() -> None:
    """Write the address out now: a pipe would keep it until the end."""
    import sys

    sys.stdout.flush()
