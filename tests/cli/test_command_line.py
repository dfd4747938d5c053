"""Command lines that are wrong, or nearly right."""

import re

import pytest

from sgram.cli import app, main
from sgram.cli.command_line import ALIASES, mend, nearest
from sgram.errors import UsageError
from tests.builders.paths import ROOT

SAMPLE = str(ROOT / "data" / "sample_traces.jsonl")

WRONG = [
    (["mien"], "unknown verb mien; did you mean mine? See sgram --help"),
    (["help", "raed"], "unknown verb raed; did you mean read? See sgram --help"),
    (["xyzzy"], "unknown verb xyzzy; choose from demo, read, sample, .*, publish. See sgram --help"),
    (["lexicon", "shwo"], "unknown verb shwo of sgram lexicon; did you mean show? See sgram lexicon --help"),
    (["analyze", SAMPLE], "there is no verb analyze: use sgram metrics (.*) or sgram report (.*)"),
    (["rollouts.jsonl"], "rollouts.jsonl is no verb; the verb comes first, such as sgram read rollouts.jsonl"),
    (["--limit", "3"], "sgram has no option --limit: name a verb first (demo, read, .*)"),
    (["mine"], "sgram mine needs PATHS (Files, folders, URLs, or - for stdin); see sgram mine --help"),
    (
        ["mine", SAMPLE, "--wrokers", "3"],
        "unknown option --wrokers; did you mean --workers? See sgram mine --help, or write ./--wrokers for a file",
    ),
    (["train", "--alhpa=2"], "unknown option --alhpa; did you mean --alpha? See sgram train --help"),
    (["tag", SAMPLE, "--sorer", "x"], "unknown option --sorer; did you mean --scorer? .*"),
    (["read", SAMPLE, "-x"], "unknown option -x; see sgram read --help, or write ./-x for a file"),
    (["read", SAMPLE, "--where"], "--where needs a value; see sgram read --help"),
    (
        ["mine", SAMPLE, "--seed", "--json"],
        "--seed needs a value, but the option --json follows; see sgram mine --help",
    ),
    (["read", SAMPLE, "--limit", "many"], "invalid --limit 'many'; give a whole number"),
    (["read", SAMPLE, "--max-bad", "1%"], "invalid --max-bad '1%'; give a number"),
    (["read", SAMPLE, "--limit", "-1"], "--limit must be >= 1 (got -1)"),
    (["read", SAMPLE, "--dialect", "verk"], "invalid --dialect 'verk'; did you mean verl? Choose from auto, .*"),
    (["tag", SAMPLE, "--mask=phrases"], "invalid --mask 'phrases'; choose from grams, sentences, grams-in-sentences"),
    (["sample", "--problems", "p.jsonl"], "sgram sample needs --model; see sgram sample --help"),
    (["lexicon", "diff", "sgram"], "sgram lexicon diff needs NEW (.*); see sgram lexicon diff --help"),
    (["demo", "extra"], "sgram demo takes no further argument 'extra'; see sgram demo --help"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(words[:1] + words[-1:]) for words, _ in WRONG])
def test_a_wrong_command_line_is_answered_with_what_to_write(words, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    out, err = capsys.readouterr()
    assert (exit_info.value.code, out, err.count("\n")) == (2, "", 1)
    pattern = re.escape(f"sgram: {message}").replace(r"\.\*", ".*")
    assert re.fullmatch(pattern, err.rstrip("\n")), err


@pytest.mark.parametrize(
    ("words", "mended"),
    [
        (["mine", "a", "--threads", "3", "--out=x"], ["mine", "a", "--workers", "3", "--output=x"]),
        (["read", "a", "--max_bad", "1", "--JSON"], ["read", "a", "--max-bad", "1", "--json"]),
        (["tag", "a", "--mask", "Grams_In_Sentences"], ["tag", "a", "--mask", "grams-in-sentences"]),
        (["lexicon", "show", "a", "--move=Goal_Setting"], ["lexicon", "show", "a", "--move=goal-setting"]),
        # the value of an option, a number, a short option with its value, and what follows -- are left alone
        (["read", "a", "-o", "-", "--limit", "-3"], ["read", "a", "-o", "-", "--limit", "-3"]),
        (["train", "--system-x"], None),
        (["sample", "--model", "m", "-n8"], ["sample", "--model", "m", "-n8"]),
        (["read", "--", "--out"], ["read", "--", "--out"]),
        (["lexicon", "help"], ["lexicon", "--help"]),
        (["mine", "--wrong", "--help"], ["mine", "--wrong", "--help"]),
        # train has --threads of its own: those of PyTorch
        (["train", "--threads", "2"], ["train", "--threads", "2"]),
    ],
)
def test_what_is_certain_is_mended_and_the_rest_is_left_alone(words, mended):
    if mended is None:
        with pytest.raises(UsageError, match="unknown option"):
            mend(app, words)
    else:
        assert mend(app, words) == mended


def test_an_alias_is_suggested_as_well():
    with pytest.raises(UsageError, match="did you mean --threads"):
        mend(app, ["mine", "a", "--thread", "3"])


def test_aliases_name_no_option_that_a_verb_has_for_something_else():
    assert not set(ALIASES) & set(ALIASES.values())


def test_names_that_begin_alike_come_before_names_that_are_spelled_alike():
    assert nearest("--judge", ["--judge-model", "--judges", "--budge"]) == ["--judge-model", "--judges"]
    assert nearest("x", ["mine"]) == []
