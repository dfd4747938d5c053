"""The page of ``sgram view``: the look-up of the report alone, for traces that a server on this computer sends."""

from collections.abc import Mapping, Sequence

from sgram.lexicon import MOVE_MEANINGS, MOVES
from sgram.reports.pages.templates import render_page


def render_view_page(title: str, facts: Sequence[str], choices: Mapping[str, Sequence[str]]) -> bytes:
    """Return the page as UTF-8 HTML; its script asks for ``traces`` and ``trace`` below the page's address.

    `choices` are those of `lookup_choices`.

    >>> choices = {name: [] for name in ("source", "outcome", "kind", "move")}
    >>> b"connect-src" in render_view_page("2 traces", [], choices)
    True
    """
    return render_page(
        "view_page",
        shared_styles=["base", "moves", "traces"],
        shared_scripts=["katex.min", "tex", "trace_text", "served_traces", "trace_lookup"],
        asks_own_server=True,
        title=title,
        facts=facts,
        choices=choices,
        all_moves=MOVES,
        legend=[(move, meaning, None) for move, meaning in MOVE_MEANINGS.items()],
    )
