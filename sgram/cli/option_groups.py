"""Headings of the options of a verb in its help: Input, Method, Model as judge, Output, Advanced.

An option without a heading of its own stands under Method. A flag or a class of flags is put under another one with
``Parameter(group=INPUT)``.
"""

from typing import TYPE_CHECKING

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from cyclopts.help import ColumnSpec, HelpEntry
    from rich.console import Console, ConsoleOptions

INPUT = Group("Input", sort_key=1)
METHOD = Group("Method", sort_key=2)
JUDGE = Group("Model as judge", sort_key=3)
OUTPUT = Group("Output", sort_key=4)
ADVANCED = Group("Advanced", sort_key=5)
PARTS = Group("Steps, for more traces than one machine holds (docs/scale.md)", sort_key=6)


def shown_default(default: object) -> object:
    """Return the default that help shows of an option; None for none, where it only says that nothing is set.

    >>> shown_default(20), shown_default(False), shown_default(())
    (20, None, None)
    """
    return default if default or (default == 0 and default is not False) else None


def in_group(parameter: Parameter, group: Group | None) -> Parameter:
    """Return the parameter under the heading `group`; None leaves it under Method."""
    return parameter if group is None else Parameter.combine(parameter, Parameter(group=group))


def help_columns(console: "Console", options: "ConsoleOptions", entries: "list[HelpEntry]") -> "tuple[ColumnSpec, ...]":
    """Return the columns of a panel of help, of which the first is so wide that no name of an option is broken."""
    from cyclopts.help import ColumnSpec
    from cyclopts.help.specs import NameRenderer, get_default_parameter_columns

    *mark, names, description = get_default_parameter_columns(console, options, entries)
    longest = max((len(word) for entry in entries for word in entry.display_labels_with_metavar), default=0)
    width = max(names.max_width or 0, longest + 2)
    names = ColumnSpec(
        renderer=NameRenderer(max_width=width), header=names.header, justify="left", style=names.style, max_width=width
    )
    return (*mark, names, description)
