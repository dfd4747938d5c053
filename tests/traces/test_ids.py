from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.ids import IdRegistry, IdSet, content_digest


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=300))
def test_an_id_set_answers_as_a_set_does(names):
    compact, plain = IdSet(), set()
    for name in names:
        assert compact.add(name) == (name not in plain)
        plain.add(name)
    assert len(compact) == len(plain)


def test_an_id_set_grows_and_stays_small():
    ids = IdSet()
    assert all(ids.add(str(n)) for n in range(50_000))
    assert not any(ids.add(str(n)) for n in range(50_000))
    assert 50_000 * 8 <= ids._slots.itemsize * len(ids._slots) <= 50_000 * 22


def test_created_ids_depend_on_the_content_only_and_are_numbered_when_it_repeats():
    ids = IdRegistry()
    created = [ids.create("p", "t", 1) for _ in range(3)]
    digest = content_digest("p", "t", 1)
    assert created == [digest, f"{digest}~2", f"{digest}~3"]
    assert len(digest) == 16
    assert ids.create("p", "t", 2) != digest
    assert ids.create(None, "t", 1) != digest


def test_an_id_is_registered_once_and_created_ids_avoid_it():
    ids, digest = IdRegistry(), content_digest("p", "t", None)
    assert ids.register("a")
    assert not ids.register("a")
    assert ids.register(digest)
    assert ids.create("p", "t", None) == f"{digest}~2"


def test_digests_cannot_be_confused_across_parts():
    assert content_digest("ab", "c") != content_digest("a", "bc")
    assert content_digest(None) != content_digest("null")
