"""Mending of a command line before a verb reads it: other names of options, choices in any case, near names.

What is certain is mended without a word: ``--out`` is ``--output``, ``--threads`` is ``--workers``, ``--min_df`` is
``--min-df``, ``--mask Sentences`` is ``--mask sentences``. Everything else that no verb knows is a `UsageError` that
names what is near.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import cyclopts

from sgram.errors import UsageError
from sgram.files import excerpt

if TYPE_CHECKING:
    from cyclopts.argument import Argument

    Options = Mapping[str, Argument]

ALIASES = {"--out": "--output", "--threads": "--workers"}
"""Other names of options, for verbs that have no option of that name."""
NOT_VERBS = {
    **dict.fromkeys(
        ("analyze", "analyse", "analysis"),
        "use sgram metrics (tables in the terminal) or sgram report (one page with figures)",
    ),
    **dict.fromkeys(
        ("convert", "show", "inspect"), "sgram read --show 2 prints traces, sgram read -o FILE converts them"
    ),
    **dict.fromkeys(
        ("view", "highlight"), "sgram tag --show 2 prints traces with planning words marked, --html writes them"
    ),
    "compare": "sgram lexicon diff compares lexicons, sgram train --compare methods, sgram report runs",
    "grade": "sgram sample grades the responses it samples, sgram diagnose those of rollouts",
    "export": "sgram lexicon export writes grams, sgram annotate export a sample for raters",
    "presets": "sgram lexicon presets lists the lexicons that are shipped",
}
"""Words that people take for verbs, and what to use instead."""
_OPTION = re.compile(r"-[^\d.\s]")


def mend(app: cyclopts.App, arguments: Sequence[str]) -> list[str]:
    """Return the arguments as the verb of `app` that they name takes them.

    Raise `UsageError` for an unknown verb, an unknown option or an unknown choice.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    help_flags = {*app.help_flags, *app.version_flags}
    asks_for_help = not help_flags.isdisjoint(arguments[:end])
    asked = [word for word in arguments if word not in help_flags] if asks_for_help else list(arguments)
    chain, apps, words = app.parse_commands(asked)
    command, verb = apps[-1], " ".join(("sgram", *chain))
    if command.default_command is None:
        if words == ["help"]:
            return [*chain, "--help"]
        if words:
            _check_verb(words[0], chain, [name for name in command if not name.startswith("-")])
        return list(arguments)
    if asks_for_help:
        return list(arguments)
    with app.app_stack(apps):
        arguments_of_verb = command.assemble_argument_collection()
    options = {name: argument for argument in arguments_of_verb for name in argument.names if name.startswith("-")}
    takes_files = any(
        argument.index is not None and argument.parameter.allow_leading_hyphen for argument in arguments_of_verb
    )
    remedy = f"see {verb} --help" + (", or write ./{} for a file" if takes_files else "")
    return [*chain, *_mend_words(words, options, verb, remedy)]


def _check_verb(word: str, chain: Sequence[str], verbs: Sequence[str]) -> None:
    """Raise `UsageError` for a word behind `chain` that is none of its `verbs`."""
    shown, name, of_verb = excerpt(word, 60), " ".join(("sgram", *chain)), " of sgram ".join(("", *chain[:1]))
    if word.startswith("-"):
        raise UsageError(f"{name} has no option {shown}: name a verb first ({', '.join(verbs)})")
    if not chain and word.lower() in NOT_VERBS:
        raise UsageError(f"there is no verb {shown}: {NOT_VERBS[word.lower()]}")
    if not chain and (re.search(r"[./\\*]", word) or Path(word).exists()):
        raise UsageError(f"{shown} is no verb; the verb comes first, such as sgram read {shown}")
    raise UsageError(f"unknown verb {shown}{of_verb}; {suggest(word, verbs)} See {name} --help")


def suggest(word: str, names: Collection[str]) -> str:
    """Return a sentence with the `names` nearest to `word`, or with all of them.

    >>> suggest("mien", ["mine", "read"])
    'did you mean mine?'
    >>> suggest("x", ["mine", "read"])
    'choose from mine, read.'
    """
    near_names = nearest(word, names)
    return f"did you mean {' or '.join(near_names)}?" if near_names else f"choose from {', '.join(names)}."


def nearest(word: str, names: Collection[str]) -> list[str]:
    """Return at most 3 of `names` that begin with `word`, else those that are spelled alike, the nearest first.

    >>> nearest("--judge-mod", ["--judge", "--judge-model"]), nearest("--wrokers", ["--workers", "--where"])
    (['--judge-model'], ['--workers'])
    """
    lower = word.lower().replace("_", "-")
    completions = sorted(name for name in names if name.startswith(lower)) if len(lower.strip("-")) > 1 else []
    alike = get_close_matches(lower, list(names), n=3, cutoff=0.7)
    similarity = {name: SequenceMatcher(None, name, lower).ratio() for name in alike}
    return completions[:3] or [name for name in alike if similarity[name] > similarity[alike[0]] - 0.08]


def _mend_words(words: Sequence[str], options: "Options", verb: str, remedy: str) -> Iterator[str]:
    """Yield the words behind a verb, with the names and choices of its options as they are declared."""
    rest = iter(enumerate(words))
    for number, word in rest:
        if word == "--":
            yield from words[number:]
            return
        is_joined = len(word) > 2 and word[:2] in options  # -n8 is a short option with its value
        if is_joined or not _OPTION.match(word):
            yield word
            continue
        written, sign, value = word.partition("=")
        name = _find_option(written, options, remedy)
        argument = options[name]
        if sign:
            yield f"{name}={_mend_choice(name, value, argument)}"
            continue
        yield name
        _, implicit_value = argument.match(name)
        if implicit_value is not cyclopts.UNSET:  # a flag takes no value
            continue
        _, following = next(rest, (0, None))
        if following is None:
            raise UsageError(f"{name} needs a value; see {verb} --help")
        if _OPTION.match(following) and not argument.parameter.allow_leading_hyphen:
            raise UsageError(
                f"{name} needs a value, but the option {excerpt(following, 60)} follows; see {verb} --help"
            )
        if following == "-" and not argument.parameter.allow_leading_hyphen:
            raise UsageError(f"{name} cannot be - (stdin or stdout); name a file")
        yield _mend_choice(name, following, argument)


def _find_option(written: str, options: "Options", remedy: str) -> str:
    """Return the name of the option that a user wrote; raise `UsageError` with the nearest names if there is none."""
    spelled = written.lower().replace("_", "-")
    for name in (written, spelled, ALIASES.get(spelled, "")):
        if name in options:
            return name
    near_names = nearest(written, [*options, *(alias for alias, name in ALIASES.items() if name in options)])
    shown = excerpt(written, 60)
    remedy = remedy.replace("{}", shown)
    if near_names:
        remedy = f"did you mean {' or '.join(near_names)}? {remedy[0].upper()}{remedy[1:]}"
    raise UsageError(f"unknown option {shown}; {remedy}")


def _mend_choice(name: str, value: str, argument: "Argument") -> str:
    """Return the choice that `value` names in whatever case; raise `UsageError` if there are choices without it."""
    choices = argument.get_choices(force=True) or ()
    if not choices or value in choices:
        return value
    spelled = {choice.lower().replace("_", "-"): choice for choice in choices}
    if choice := spelled.get(value.lower().replace("_", "-")):
        return choice
    near_names = nearest(value, choices) if value else []
    listed = ", ".join(choices)
    remedy = f"did you mean {' or '.join(near_names)}? C" if near_names else "c"
    raise UsageError(f"invalid {name} '{excerpt(value, 60)}'; {remedy}hoose from {listed}")


_KINDS_OF_VALUE = {int: "a whole number", float: "a number", bool: "true or false"}


def describe_error(error: cyclopts.CycloptsError) -> str:
    """Return in a sentence what is wrong with a command line that cyclopts refuses, and where to look."""
    verb = " ".join(("sgram", *(error.command_chain or ())))
    argument = error.argument
    if isinstance(error, cyclopts.MissingArgumentError) and argument is not None:
        words = (argument.parameter.help or "").rstrip(".")
        help_text = f" ({words})" if 0 < len(words) < 100 else ""
        return f"{verb} needs {argument.name}{help_text}; see {verb} --help"
    if isinstance(error, cyclopts.CoercionError) and argument is not None and error.token is not None:
        kinds = [text for kind, text in _KINDS_OF_VALUE.items() if error.target_type is kind]
        wanted = f"give {kinds[0]}" if kinds else f"see {verb} --help"
        return f"invalid {error.token.keyword or argument.name} '{excerpt(error.token.value, 60)}'; {wanted}"
    if isinstance(error, cyclopts.UnusedCliTokensError) and error.unused_tokens:
        return f"{verb} takes no further argument '{excerpt(error.unused_tokens[0], 60)}'; see {verb} --help"
    return f"{str(error).strip()} See {verb} --help"
