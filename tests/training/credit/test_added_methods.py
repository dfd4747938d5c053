"""Methods that a process registers or that installed packages add."""

from importlib.metadata import EntryPoint

import pytest

from sgram.errors import UsageError
from sgram.training.credit.method import Method
from sgram.training.credit.registry import (
    ENTRY_POINTS,
    METHODS,
    all_methods,
    find_method,
    register_method,
    unregister_method,
)
from sgram.training.experiments.arms import parse_arms


def halve(batch, _):
    """Return half of each advantage."""
    return batch.advantages / 2


HALVED = Method("halved", "A / 2 on every token", "example", at_rollout=halve)
OTHER = Method("halved", "A / 2, again", "example", at_rollout=halve)
HICRA_AGAIN = Method("hicra", "not HICRA", "example", at_rollout=halve)
NOT_A_METHOD = "halved"


@pytest.fixture
def with_entries(monkeypatch):
    """A function that makes entry points the installed ones."""

    def install(*values):
        entries = [EntryPoint(value.rpartition(":")[2].lower(), value, ENTRY_POINTS) for value in values]
        monkeypatch.setattr("sgram.declarations.entry_points", lambda group: entries if group == ENTRY_POINTS else [])

    return install


@pytest.fixture
def registered():
    yield register_method(HALVED)
    unregister_method("halved")


def test_a_registered_method_is_known_by_its_name_until_it_is_removed(registered):
    assert find_method("halved") is registered
    assert list(all_methods())[-1] == "halved"
    assert "halved" not in METHODS
    assert [arm.name for arm in parse_arms("grpo,halved:alpha=0.5")] == ["grpo", "halved:alpha=0.5"]
    unregister_method("halved")
    with pytest.raises(UsageError, match="unknown method 'halved'"):
        find_method("halved")


def test_a_method_registered_again_replaces_the_first(registered):
    register_method(OTHER)
    assert find_method("halved") is OTHER


def test_a_method_of_an_installed_package_is_known_by_its_name(with_entries):
    with_entries(f"{__name__}:HALVED")
    assert find_method("halved") is HALVED
    assert list(all_methods()) == [*METHODS, "halved"]


def test_a_misspelled_name_is_compared_with_added_methods(registered):
    with pytest.raises(UsageError, match=r"did you mean halved\?.*ktae, halved"):
        find_method("halvd")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["NOT_A_METHOD"], "the method not_a_method .* is not a Method or a list of them"),
        (["HICRA_AGAIN"], "'hicra' is the name of a method of sgram; take another name"),
        (["HALVED", "OTHER"], "two packages have a method named 'halved'; uninstall one of them"),
    ],
)
def test_a_package_whose_method_cannot_be_used_is_named_where_a_method_is_looked_up(with_entries, names, message):
    with_entries(*(f"{__name__}:{name}" for name in names))
    assert find_method("hicra") is METHODS["hicra"]  # needs no look-up
    with pytest.raises(UsageError, match=message):
        find_method("halved")


def test_the_name_of_a_method_of_sgram_cannot_be_registered():
    with pytest.raises(UsageError, match="'hicra' is the name of a method of sgram; take another name"):
        register_method(HICRA_AGAIN)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a:b"}, r"the name of a method has letters, digits, '\.', '-' and '_' \(got 'a:b'\)"),
        ({"name": None}, "the name of a method has letters"),
        ({"mask": "plan"}, r"method mine: mask must be one of none, planning, placebo, .* \(got 'plan'\)"),
        ({"at_rollout": 1}, r"method mine: at_rollout must be a function of a batch and settings \(got 1\)"),
        ({"penalty": "kl"}, r"method mine: penalty must be a function .*, none, entropy or siren \(got 'kl'\)"),
        (
            {"needs": ("values",)},
            "method mine: needs must be a tuple of token_ids, rewards, entropies, logps, old_logps",
        ),
        ({"needs": "rewards"}, "method mine: needs must be a tuple"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        Method(**{"name": "mine", "summary": "", "source": ""} | fields)
