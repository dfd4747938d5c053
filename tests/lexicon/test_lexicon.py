"""Gram, Cluster and Lexicon; their file; the presets."""

import copy
import gzip
import hashlib
import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.lexicon import MOVE_MEANINGS, MOVES, Cluster, Gram, Lexicon, document
from sgram.text import gram_words
from tests.builders.lexicon_examples import cluster, doubts, gram, lexicon, lexicons, patient
from tests.builders.paths import ROOT

PUBLISHED = ROOT.parent / "shared" / "data" / "lexicons" / "wang2025_listing1.json"

DOUBTS = {  # the document of doubts(), written by hand
    "format": "sgram-lexicon",
    "version": 1,
    "name": "made",
    "words": "sgram-words-1",
    "source": {"seed": 1},
    "clusters": [
        {
            "id": 0,
            "move": "verification",
            "df": 9,
            "medoid": "let me check",
            "grams": [{"text": "let me check", "df": 9, "core": True}],
        },
        {
            "id": 1,
            "move": "backtracking",
            "df": 7,
            "score": 1.5,
            "medoid": "wait",
            "grams": [
                {"text": "wait", "df": 5, "count": 8, "df_correct": 3, "df_wrong": 1, "score": 0.25, "core": True},
                {"text": "hold on", "df": 4, "core": False},
            ],
        },
    ],
}

# values


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("Wait",), "write 'wait'"),
        (("wait,",), "write 'wait'"),
        (("let me",), "not in the normal form"),
        (("let’s",), "write 'let's'"),
        (("x1",), "holds no word"),
        ((), "holds no word"),
        (("so", "", "what"), "not in the normal form"),
        (("a.b",), "spans a sentence end"),
        (("a",) * 7, "at most 6"),
        (["wait"], "tuple of strings"),
        ((3,), "tuple of strings"),
    ],
)
def test_words_outside_the_normal_form_are_refused_with_a_sentence(words, reason):
    with pytest.raises(UsageError, match=reason):
        Gram(words)


@patient
@given(st.lists(st.text("abZ'-’ é1,.", max_size=4), max_size=7).map(tuple))
def test_the_quick_check_of_words_agrees_with_gram_words(words):
    try:
        sound = gram_words(" ".join(words)) == words
    except UsageError:
        sound = False
    try:
        accepted = Gram(words).words == words
    except UsageError:
        accepted = False
    assert accepted == sound


def test_numbers_of_a_gram_become_plain_and_scores_keep_six_decimals():
    wait = gram("wait", np.int64(3), count=np.int32(4), score=np.float64(-1e-9))
    assert (wait.df, wait.count, repr(wait.score)) == (3, 4, "0.0")
    assert (type(wait.df), type(wait.score)) == (int, float)
    assert gram("wait", score=2 / 3).score == 0.666667
    assert gram("wait", score=1).score == 1.0


@pytest.mark.parametrize(
    "fields",
    [
        {"df": -1},
        {"df": 1.0},
        {"df": True},
        {"df": 2**63},
        {"count": "3"},
        {"score": float("nan")},
        {"score": float("inf")},
        {"score": "1"},
        {"score": True},
        {"score": [1]},
        {"score": 10**400},
        {"df": 3, "count": 2},
        {"df": 3, "df_correct": 2, "df_wrong": 2},
    ],
)
def test_invalid_numbers_are_refused_with_the_gram(fields):
    with pytest.raises(UsageError, match="wait"):
        Gram(("wait",), **fields)


def test_grams_of_a_cluster_stand_by_df_then_text():
    sorted_cluster = cluster(gram("now", 2), gram("but", 9), gram("also"), gram("hmm", 2))
    assert [member.text for member in sorted_cluster.grams] == ["but", "hmm", "now", "also"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"medoid": "hold on"}, "medoid is not one of its grams"),
        ({"move": "backtracing"}, "unknown move 'backtracing'; known: deduction, branching, backtracking"),
        ({"grams": ()}, "has no gram"),
        ({"df": -4}, "df must be an integer >= 0"),
    ],
)
def test_an_invalid_cluster_is_refused(fields, reason):
    with pytest.raises(UsageError, match=reason):
        Cluster(**{"id": 0, "grams": (gram("wait"),), "df": 1, "medoid": "wait", "move": "other"} | fields)


def test_ids_are_ranks_by_df_then_medoid():
    ranked = lexicon(cluster("wait", df=2), cluster("so"), cluster("but", df=2), cluster("hmm", df=30))
    assert [(member.id, member.medoid) for member in ranked.clusters] == [
        (0, "hmm"),
        (1, "but"),
        (2, "wait"),
        (3, "so"),
    ]


@patient
@given(lexicons(), st.randoms(use_true_random=False))
def test_the_order_in_which_clusters_and_grams_come_does_not_matter(original, rng):
    clusters = []
    for part in rng.sample(original.clusters, len(original.clusters)):
        grams = tuple(rng.sample(part.grams, len(part.grams)))
        clusters.append(Cluster(7, grams, part.df, part.medoid, part.move, part.score))
    again = Lexicon.build(original.name, clusters, original.source)
    assert (again, hash(again)) == (original, hash(original))
    assert again.to_bytes() == original.to_bytes()


def test_a_lexicon_without_grams_or_with_a_gram_twice_is_refused():
    with pytest.raises(UsageError, match="at least one gram"):
        lexicon()
    with pytest.raises(UsageError, match="'hold on' is in clusters 0 and 1"):
        lexicon(cluster("wait", "hold on", df=2), cluster("hmm", "hold on", df=1))
    with pytest.raises(UsageError, match="'wait' is twice in cluster 0"):
        lexicon(cluster("wait", "wait"))


def test_equality_is_the_digest_of_the_canonical_json():
    # sha256 of the hand-written document, keys sorted, no spaces
    canonical = json.dumps(DOUBTS, sort_keys=True, separators=(",", ":")).encode()
    assert doubts().digest == hashlib.sha256(canonical).hexdigest()
    assert doubts() == doubts() == copy.deepcopy(doubts())
    assert doubts() != lexicon(cluster("wait"))
    assert doubts() != "made"
    assert len({doubts(), doubts()}) == 1
    assert doubts().digest[:12] in repr(doubts())


def test_a_lexicon_shares_no_dict_with_its_source_or_its_document():
    source = {"config": {"sizes": (1, 6)}}
    built = Lexicon.build("made", [cluster("wait")], source)
    before = built.to_bytes()
    source["config"]["sizes"] = None
    built.to_json()["source"]["config"].clear()
    assert built.to_bytes() == before
    assert built.source == {"config": {"sizes": [1, 6]}}


@pytest.mark.parametrize("source", [{"p": float("nan")}, {"p": object()}, {"p": "\ud800"}, None, [1]])
def test_a_source_that_is_no_json_is_refused(source):
    with pytest.raises(UsageError, match="source is not JSON"):
        Lexicon("made", (cluster("wait"),), source)


def test_grams_core_and_find_give_the_lists_that_masks_and_people_use():
    two_clusters = doubts()
    assert [member.text for member in two_clusters.grams] == ["let me check", "wait", "hold on"]
    assert [member.text for member in two_clusters.core] == ["let me check", "wait"]
    found_cluster, found_gram = two_clusters.find("  Hold ON, ")
    assert (found_cluster.medoid, found_gram.df) == ("wait", 4)
    assert two_clusters.find("hold") is None
    assert two_clusters.find("1 + 1") is None


def test_from_grams_normalizes_joins_equal_texts_and_forgets_their_order():
    custom = Lexicon.from_grams(["Wait, no!", "hold on", "wait no"], name="mine", move="backtracking")
    assert [member.medoid for member in custom.clusters] == ["hold on", "wait no"]
    assert {member.move for member in custom.clusters} == {"backtracking"}
    assert custom == Lexicon.from_grams(["wait no", "hold on"], name="mine", move="backtracking")


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["wait", "so. then"], "text 2 of the list .* 'so. then' spans a sentence end"),
        (["wait", "3"], "text 2 .* holds no word"),
        (["wait", None], "text 2 of the list is NoneType"),
        ("wait", "a list of texts, not one text"),
        ([], "at least one gram"),
    ],
)
def test_from_grams_names_the_text_that_is_no_gram(texts, reason):
    with pytest.raises(UsageError, match=reason):
        Lexicon.from_grams(texts)


# files


def test_the_document_is_the_one_of_format_version_1():
    assert doubts().to_json() == DOUBTS
    assert Lexicon.from_json(DOUBTS) == doubts()


@patient
@given(original=lexicons())
def test_saving_and_loading_is_identity_and_byte_stable(original, tmp_path_factory):
    path = tmp_path_factory.mktemp("lexicon") / "made.json"
    original.save(path)
    loaded = Lexicon.load(path)
    assert (loaded, loaded.clusters) == (original, original.clusters)
    assert loaded.to_bytes() == path.read_bytes() == original.to_bytes()
    assert path.read_bytes().endswith(b"}\n")


def change(path, value):
    """DOUBTS with the value at `path` put in, or taken out where it is `...`."""
    changed = copy.deepcopy(DOUBTS)
    subtree = changed
    for key in path[:-1]:
        subtree = subtree[key]
    if value is ...:
        del subtree[path[-1]]
    else:
        subtree[path[-1]] = value
    return changed


WAIT = ("clusters", 1, "grams", 0)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("format",), "sgram-mask", "bad.json is not a lexicon"),
        (("version",), 2, "made by a newer sgram .*format version 2.* upgrade"),
        (("version",), "1", "version must be 1, not '1'"),
        (("version",), True, "version must be 1, not true"),
        (("words",), "sgram-words-2", "normal form 'sgram-words-2', this sgram supports 'sgram-words-1'"),
        (("name",), "", "name must be a string that is not empty"),
        (("name",), ..., "the field 'name' is missing"),
        (("source",), [], "source must be an object, not a list"),
        (("source", "p"), float("nan"), "source is not JSON"),
        (("clusters",), [], "clusters must be a list that is not empty"),
        (("clusters", 1), 3, "bad.json, cluster 1: must be an object, not 3"),
        (("clusters", 1, "id"), 2, "ids must be 0, 1, 2, ... in order; found id 2 instead of 1"),
        (("clusters", 1, "df"), 10, "cluster 1 .'wait'. ranks before cluster 0"),
        (("clusters", 1, "move"), "backtracing", "cluster 1: .*unknown move 'backtracing'"),
        (("clusters", 1, "medoid"), "hmm", "cluster 1: .*medoid is not one of its grams"),
        (("clusters", 1, "grams"), [], "cluster 1: grams must be a list that is not empty"),
        (("clusters", 1, "size"), 2, "cluster 1: unknown field 'size'; known: id, move"),
        ((*WAIT, "text"), "Wait", "cluster 1: gram 'Wait' is not in the normal form"),
        ((*WAIT, "text"), "let me check", "medoid is not one of its grams"),
        (("clusters", 1, "grams", 1, "text"), "let me check", "'let me check' is in clusters 0 and 1"),
        ((*WAIT, "text"), "a b c d e f g", "cluster 1: gram 'a b c d e f g' .*at most 6"),
        ((*WAIT, "text"), None, "cluster 1, gram number 0: text must be"),
        ((*WAIT, "text"), "\x1b[31m", r"cluster 1: gram '\\x1b\[31m'"),
        ((*WAIT, "df"), "5", "cluster 1, gram 'wait': df must be an integer >= 0, not '5'"),
        ((*WAIT, "df"), None, "df must be .*, not null; leave it out if it is unknown"),
        ((*WAIT, "df"), -1, "cluster 1, gram 'wait': df must be an integer >= 0, not -1"),
        ((*WAIT, "count"), 4, "cluster 1: gram 'wait': count 4 is below df 5"),
        ((*WAIT, "score"), float("nan"), "cluster 1, gram 'wait': score must be a finite number, not nan"),
        ((*WAIT, "score"), float("-inf"), "cluster 1, gram 'wait': score must be a finite number"),
        ((*WAIT, "core"), 1, "cluster 1, gram 'wait': core must be true or false, not 1"),
        ((*WAIT, "cores"), True, "cluster 1, gram 'wait': unknown field 'cores'"),
    ],
)
def test_a_damaged_document_is_refused_with_file_and_place(tmp_path, path, value, reason):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(change(path, value)))
    with pytest.raises(InputError, match=reason) as caught:
        Lexicon.load(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(pickle.dumps(DOUBTS), "is a pickle, which can run code", id="pickle"),
        (b"", "is not JSON: Expecting value .line 1, column 1."),
        (b'{"format":\n nonsense}', "line 2, column 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"format":"sgram-lexicon","format":"x"}', "the field 'format' appears twice"),
        (b"\x00\xff", "not UTF-8 .byte 1."),
        (b"9" * 5000, "is not JSON"),
        (b"[]", "is not a lexicon"),
        pytest.param(gzip.compress(b"{}", mtime=0)[:-3], "cut short", id="gzip-cut-short"),
    ],
)
def test_a_file_that_holds_no_lexicon_is_refused_by_name(tmp_path, data, reason):
    file = tmp_path / "bad.json"
    file.write_bytes(data)
    with pytest.raises(InputError, match=reason) as caught:
        Lexicon.load(file)
    assert "bad.json" in str(caught.value)


def test_a_file_over_the_size_limit_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "large.json"
    doubts().save(file)
    monkeypatch.setattr(document, "MAX_BYTES", file.stat().st_size)
    assert Lexicon.load(file) == doubts()
    monkeypatch.setattr(document, "MAX_BYTES", file.stat().st_size - 1)
    with pytest.raises(InputError, match=r"large\.json is larger than"):
        Lexicon.load(file)


def test_compressed_files_and_a_byte_order_mark_are_read(tmp_path):
    file = tmp_path / "made.json.gz"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbf" + doubts().to_bytes()))
    assert Lexicon.load(str(file)) == doubts()


@patient
@given(st.data())
def test_any_change_of_one_value_gives_a_lexicon_or_an_input_error(data):
    junk = st.none() | st.booleans() | st.integers(-2, 10) | st.floats() | st.text(max_size=8)
    keys = st.sampled_from(["id", "text", "df", "grams", "clusters", "score", "name", "zzz"])
    values = st.recursive(junk, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2))
    subtree, path = DOUBTS, []
    while isinstance(subtree, dict | list) and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(subtree) if isinstance(subtree, dict) else range(len(subtree))))
        path.append(key)
        subtree = subtree[key]
    try:
        changed = Lexicon.from_json(change(path, data.draw(values)))
    except InputError:
        return
    assert Lexicon.from_json(json.loads(changed.to_bytes())) == changed


def test_the_json_schema_takes_what_we_write_and_refuses_what_we_refuse():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((ROOT / "data/schemas/lexicon.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert schema["$defs"]["cluster"]["properties"]["move"]["enum"] == list(MOVES)
    for good in (DOUBTS, Lexicon.load("wang2025").to_json()):
        validator.validate(good)
    for path, value in [(("version",), 2), (("clusters",), []), ((*WAIT, "df"), -1), ((*WAIT, "cores"), True)]:
        assert not validator.is_valid(change(path, value))


def test_a_bare_name_is_a_preset_and_an_unknown_one_raises_an_error_with_the_presets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doubts().save("wang2025")
    assert len(Lexicon.load("wang2025").grams) == 249
    assert Lexicon.load("./wang2025") == Lexicon.load(Path("wang2025")) == doubts()
    with pytest.raises(UsageError, match=r"unknown lexicon 'Wang2052' .did you mean wang2025\?.*preset .*wang2025"):
        Lexicon.load("Wang2052")
    with pytest.raises(UsageError, match="unknown lexicon ''"):
        Lexicon.load("")
    with pytest.raises(InputError, match=r"cannot read missing\.json"):
        Lexicon.load("missing.json")


# the preset


def test_the_preset_is_what_its_list_builds(tmp_path):
    spec = importlib.util.spec_from_file_location("build_presets", ROOT / "data/build_presets.py")
    build_presets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_presets)
    build_presets.main(tmp_path)
    assert (tmp_path / "wang2025.json").read_bytes() == (ROOT / "data/lexicons/wang2025.json").read_bytes()


def test_the_preset_holds_every_published_string():
    if not PUBLISHED.exists():
        pytest.skip("the published list is not in this checkout's surroundings (shared/data/lexicons)")
    published = json.loads(PUBLISHED.read_text())["grams"]
    rows = (ROOT / "data/lexicons/wang2025.txt").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows if "\t" in row] == published
    preset = Lexicon.load("wang2025")
    assert {member.words for member in preset.grams} == {gram_words(text) for text in published}


def test_the_preset_has_all_moves_readable_clusters_and_no_invented_numbers():
    preset = Lexicon.load("wang2025")
    assert "wang2025" in Lexicon.presets()
    assert len(preset.grams) == len(preset.core) == 249  # normalized, all 249 strings stay different
    assert 50 <= len(preset.clusters) <= 80
    assert {member.move for member in preset.clusters} == set(MOVES) - {"monitoring"}  # assigned before it was a move
    assert set(MOVES) == set(MOVE_MEANINGS)
    assert preset.digest == "1c9ed495ccecb56edf13972cf68e7e07d21e83708095b1389c52a52b7aa955fa"
    assert {(member.df, member.score) for member in preset.clusters} == {(None, None)}
    assert preset.find("Does this hold true?")[0].move == "verification"
    assert preset.find("## Step")[1].text == "step"
