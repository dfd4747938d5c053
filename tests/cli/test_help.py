"""The help of every verb, as it stands in a terminal of 80 columns."""

import re

import pytest

from sgram.cli import app, main

GROUPS = {
    *("Commands", "Arguments", "Input", "Method", "Model as judge", "Output", "Advanced"),
    *("Model", "Scoring by a local model", "Training (--train)", "Sentence scorer", "Several runs"),
    "Steps, for more traces than one machine holds (docs/scale.md)",
}


def paths_of_verbs() -> list[tuple[str, ...]]:
    """Return the words of every verb and of every verb below a verb."""
    verbs = [name for name in app if not name.startswith("-")]
    below = [(verb, name) for verb in verbs for name in app[verb] if not name.startswith("-")]
    return [*((verb,) for verb in verbs), *below]


@pytest.mark.parametrize("words", paths_of_verbs(), ids=" ".join)
def test_help_fits_80_columns_and_its_options_stand_under_headings(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit_info:
        main(["help", *words])
    out, err = capsys.readouterr()
    assert (exit_info.value.code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert set(re.findall(r"^╭─ (.*?) ─+╮$", out, re.MULTILINE)) <= GROUPS
    assert not re.search(r"\[default: (False|None|\(\)|\"\")\]|--empty-", out)
    command = app[words[0]] if len(words) == 1 else app[words[0]][words[1]]
    if command.default_command is None:
        return
    # no name of an option is broken, and each is explained
    with app.app_stack([app, command]):
        arguments = command.assemble_argument_collection(parse_docstring=True)
    for argument in arguments.filter_by(show=True):
        assert argument.parameter.help, argument.name
        assert all(word in out for word in argument.parameter.help.split()), argument.name
        for name in argument.names:
            assert re.search(rf"(?<!\S){re.escape(name)}(?!\S)", out), name
    # an example can be copied: it is one line
    for example in re.findall(r"^\s+((?:sgram|torchrun) .*)$", command.default_command.__doc__ or "", re.MULTILINE):
        assert example in out.splitlines()
