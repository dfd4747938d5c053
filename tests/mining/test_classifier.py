"""A fitted classifier of grams: its arithmetic by hand, its file, and what the miner makes of it."""

import gzip
import json
import pickle
import random
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest
from sgram.mining import Background, ContrastScorer, Miner, MiningConfig, classifier
from sgram.mining.classifier import CLIP, FORMAT, VERSION, GramClassifier, LabelScorer, make_scorer
from sgram.mining.config import SETTINGS
from sgram.mining.features import STATS, Features
from sgram.mining.select import LABELED, ReadingRules
from sgram.text import NORMAL_FORM
from tests.builders.mining_examples import make_candidates, sample_traces

BACKGROUND = Background({"wait": 1}, 7, 2, {"what": "short answers"})


def small_classifier(**fields):
    """Return a classifier with two dense columns, two weighted names, one counted gram."""
    return replace(
        GramClassifier(
            ("embedding", "words"),
            ("x", "y"),
            np.array([1.0, 0.0]),
            np.array([2.0, 1.0]),
            np.array([0.5, -1.0]),
            np.array([0.25, 0.0]),
            {"w=wait": 1.5, "first=the": -2.0},
            -0.5,
            8.0,
            {"wait": (3.0, 4.0)},
            {"default": 0.5, "f1": 0.4, "clean": 0.7},
            {"labels": [{"name": "people"}], "note": "é"},
        ),
        **fields,
    )


def word_classifier(**fields):
    """Return a classifier of words only: "wait" weighs much, "so" a little, all else nothing."""
    none = np.zeros(0)
    return small_classifier(
        blocks=("words",),
        dense=(),
        mean=none,
        scale=none,
        weights=none,
        square_weights=none,
        bag={"w=wait": 2.0, "w=so": 0.5},
        intercept=-1.0,
        counts={},
        **fields,
    )


def logistic(logit):
    return 1 / (1 + exp(-logit))


# -- arithmetic -----------------------------------------------------------------------------------------


def test_an_estimate_worked_out_by_hand():
    # Scaled: (3 - 1) / 2 = 1 and 0.5 / 1; -0.5 + 0.5 * 1 - 1 * 0.5 + 0.25 * 1**2 = -0.25; with 1.5 for "wait" 1.25.
    features = Features(("x", "y"), np.array([[3.0, 0.5]]), [("n=1", "w=wait")])
    assert small_classifier().estimate(features).tolist() == pytest.approx([logistic(1.25)])


def test_what_runs_off_the_scale_is_held_at_its_end():
    # (101 - 1) / 2 = 50 counts as 4, and -9 as -4, squares too: -0.5 + 0.5 * 4 + 4 + 0.25 * 16 = 9.5; "the" less 2.
    features = Features(("x", "y"), np.array([[101.0, -9.0], [9.0, -4.0]]), [("first=the",), ("first=the",)])
    assert small_classifier().estimate(features).tolist() == pytest.approx([logistic(7.5)] * 2)
    assert CLIP == 4


def test_a_name_without_a_weight_weighs_nothing():
    features = Features(("x", "y"), np.array([[1.0, 0.0]] * 2), [(), ("last=zebra", "w=zebra")])
    assert small_classifier().estimate(features).tolist() == pytest.approx([logistic(-0.5)] * 2)


def test_the_estimate_gives_way_to_the_share_of_what_was_labeled():
    # 3 of 4 occurrences of "wait" are planning: (3 + 8 * 0.5) / (4 + 8); "so" was not labeled
    assert small_classifier().shrink_to_labels(["wait", "so"], np.array([0.5, 0.3])).tolist() == pytest.approx(
        [7 / 12, 0.3]
    )
    # 300 of 400 outweigh any estimate
    much = small_classifier(counts={"wait": (300.0, 400.0)}).shrink_to_labels(["wait"], np.array([0.01]))
    assert much.tolist() == pytest.approx([(300 + 0.08) / 408])
    assert small_classifier().shrink_to_labels([], np.zeros(0)).shape == (0,)


def test_the_probability_is_the_shrunk_estimate_of_the_grams_features():
    # -1 + 2 for "wait", -1 + 2 + 0.5 for both, -1 for others; of 8 labeled "let me" none is planning: halved
    classifier = replace(word_classifier(), counts={"let me": (0.0, 8.0)})
    probability = classifier.probability(make_candidates(["wait", "so wait", "let me", "the plot"]), BACKGROUND)
    assert probability.tolist() == pytest.approx([logistic(1), logistic(1.5), logistic(-1) / 2, logistic(-1)])


def test_no_grams_have_no_probabilities():
    none = make_candidates([], (5, 0, 0), df=np.zeros((0, 3), np.int64))
    assert word_classifier().probability(none, BACKGROUND).shape == (0,)
    assert GramClassifier.packaged().probability(none, BACKGROUND).shape == (0,)


def test_other_features_than_those_of_the_training_are_refused():
    features = Features(("x",), np.zeros((1, 1)), [()])
    with pytest.raises(
        UsageError, match="trained on 2 dense features, but these 1 differ from them; install the same embedder"
    ):
        small_classifier().estimate(features)


# -- the file -------------------------------------------------------------------------------------------


def test_a_saved_classifier_comes_back(tmp_path):
    path = tmp_path / "classifier.json"
    small_classifier().save(path)
    loaded = GramClassifier.load(path)
    assert loaded.digest == small_classifier().digest
    assert loaded.to_json() == small_classifier().to_json()
    assert loaded.to_bytes() == path.read_bytes() == canonical_json(small_classifier().to_json()) + b"\n"
    assert digest(path.read_bytes().removesuffix(b"\n")) == loaded.digest
    for name in ("blocks", "dense", "bag", "intercept", "shrink", "counts", "thresholds", "source"):
        assert getattr(loaded, name) == getattr(small_classifier(), name), name
    for name in ("mean", "scale", "weights", "square_weights"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(small_classifier(), name))
        assert getattr(loaded, name).dtype == np.float64


values = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(
    st.lists(st.tuples(values, st.floats(1e-6, 1e6), values, values), max_size=5),
    st.dictionaries(st.sampled_from(["w=a", "w=b", "first=a", "n=2"]), values),
    values,
    st.floats(0.1, 100),
)
def test_saving_loses_nothing_after_six_digits_and_nothing_the_second_time(columns, bag, intercept, shrink):
    columns = np.array(columns).reshape(-1, 4).T
    original = GramClassifier(
        ("embedding", "words"),
        tuple(f"e{column}" for column in range(columns.shape[1])),
        *columns,
        bag,
        intercept,
        shrink,
        {"wait": (1 / 3, 2 / 3)},
        dict.fromkeys(SETTINGS, 0.5),
    )
    again = GramClassifier._parse(json.loads(original.to_bytes()))
    assert again.to_bytes() == original.to_bytes()
    assert again.digest == original.digest
    for rounded, full in zip((again.mean, again.scale, again.weights, again.square_weights), columns, strict=True):
        np.testing.assert_allclose(rounded, full, rtol=5.1e-6)
    assert again.counts == {"wait": (0.333333, 0.666667)}


def test_the_file_does_not_depend_on_the_order_of_its_names():
    first = small_classifier(counts={"wait": (3.0, 4.0), "a": (1.0, 2.0)})
    second = replace(
        first,
        bag=dict(reversed(first.bag.items())),
        counts=dict(reversed(first.counts.items())),
        thresholds=dict(reversed(first.thresholds.items())),
        source=dict(reversed(first.source.items())),
    )
    assert first.to_bytes() == second.to_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": ("embedding",)},
        {"dense": ("x", "z")},
        {"mean": np.array([1.0, 0.1])},
        {"scale": np.array([2.0, 1.1])},
        {"weights": np.array([0.5, 1.0])},
        {"square_weights": np.array([0.25, 0.1])},
        {"bag": {"w=wait": 1.5}},
        {"intercept": -0.6},
        {"shrink": 9.0},
        {"counts": {"wait": (2.0, 4.0)}},
        {"thresholds": {"default": 0.6, "f1": 0.4, "clean": 0.7}},
        {"source": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_makes_another_digest(change):
    assert small_classifier(**change).digest != small_classifier().digest


def test_two_classifiers_can_be_compared(tmp_path):
    small_classifier().save(tmp_path / "a.json")
    first, second = (GramClassifier.load(tmp_path / "a.json") for _ in range(2))
    assert (first == second) in (True, False)


def change_at(*path, to):
    """Return a function that sets the part of a document at `path`; None deletes it."""

    def change(document):
        *parents, last = path
        for key in parents:
            document = document[key]
        if to is None:
            del document[last]
        else:
            document[last] = to

    return change


DAMAGED = "is damaged .*; train it again"
FAULTS = {
    "another format": (
        change_at("format", to="sgram-lexicon"),
        'is not a classifier: expected .* "format": "sgram-class',
    ),
    "no format": (change_at("format", to=None), "is not a classifier: expected a JSON object"),
    "a newer version": (change_at("version", to=2), r"version 2 and words sgram-words-1; this sgram reads 1 .* train"),
    "no version": (change_at("version", to=None), "version None .* this sgram reads 1"),
    "other words": (change_at("words", to="sgram-words-0"), "words sgram-words-0; this .* sgram-words-1"),
    **{
        f"no {name}": (change_at(name, to=None), DAMAGED)
        for name in ("blocks", "dense", "bag", "intercept", "shrink", "counts", "thresholds", "source")
    },
    **{
        f"no {name} of columns": (change_at("dense", name, to=None), DAMAGED)
        for name in ("names", "mean", "scale", "weights", "square_weights")
    },
    **{f"no threshold {name}": (change_at("thresholds", name, to=None), DAMAGED) for name in SETTINGS},
    "a null for a number": (change_at("dense", "mean", to=[None, 0.0]), "a number is not finite"),
    "nan as a text": (change_at("intercept", to="nan"), "not finite"),
    "inf as a text": (change_at("bag", "w=wait", to="-inf"), "not finite"),
    "a text for a number": (change_at("dense", "weights", to=["much", 0.0]), DAMAGED),
    "a number for columns": (change_at("dense", "weights", to=1.0), DAMAGED),
    "columns of columns": (change_at("dense", "weights", to=[[1.0, 1.0], [1.0, 1.0]]), DAMAGED),
    "columns too short": (change_at("dense", "square_weights", to=[1.0]), "columns differ in length"),
    "names too few": (change_at("dense", "names", to=["x"]), "columns differ in length"),
    "a negative scale": (change_at("dense", "scale", to=[2.0, -1.0]), "a scale or shrink is not > 0"),
    "a scale of 0": (change_at("dense", "scale", to=[0.0, 1.0]), "a scale or shrink is not > 0"),
    "a shrink of 0": (change_at("shrink", to=0), "a scale or shrink is not > 0"),
    "an unknown block": (change_at("blocks", to=["words", "shape"]), "a block is unknown"),
    "other statistics": (
        change_at("blocks", to=["stats", "words"]),
        "the names of its statistics are not those of this sgram",
    ),
    "a list for a table": (change_at("bag", to=[1.0]), DAMAGED),
    "one count of two": (change_at("counts", "wait", to=[3.0]), DAMAGED),
    "three counts of two": (change_at("counts", "wait", to=[3.0, 4.0, 5.0]), DAMAGED),
    "a null count": (change_at("counts", "wait", to=[3.0, None]), DAMAGED),
    "a text for its source": (change_at("source", to="people"), DAMAGED),
}
SENSELESS = {
    "more planning ones than occurrences": change_at("counts", "wait", to=[9.0, 4.0]),
    "fewer occurrences than none": change_at("counts", "wait", to=[0.0, -8.0]),
    "fewer planning ones than none": change_at("counts", "wait", to=[-9.0, 4.0]),
    "a threshold that nothing can reach": change_at("thresholds", "default", to=1.5),
    "a threshold that everything reaches": change_at("thresholds", "default", to=-1.0),
}


def assert_refused(path, change, match):
    document = json.loads(small_classifier().to_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=match) as raised:
        GramClassifier.load(path)
    assert path.name in str(raised.value), "it says which file"
    return str(raised.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, fault):
    assert_refused(tmp_path / "classifier.json", *FAULTS[fault])


@pytest.mark.parametrize("fault", SENSELESS)
def test_senseless_numbers_are_refused(tmp_path, fault):
    assert_refused(tmp_path / "classifier.json", SENSELESS[fault], "classifier.json")


def test_a_refusal_does_not_repeat_a_whole_file(tmp_path):
    message = assert_refused(tmp_path / "classifier.json", change_at("version", to="1" * 100_000), "version")
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is not JSON"),
        (b"weights: 1", "is not JSON"),
        (small_classifier().to_bytes()[:-20], "is not JSON"),
        (b'{"format": "sgram-classifier", "version": 1, "intercept": NaN}', "is not JSON"),
        (b'{"format": "sgram-classifier", "version": 1, "intercept": 1e999}', "is not JSON"),
        (b'{"format": "sgram-classifier", "version": 1, "note": "\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a classifier"),
        (b"null", "is not a classifier"),
        (b'"sgram-classifier"', "is not a classifier"),
        pytest.param(
            gzip.compress(small_classifier().to_bytes(), mtime=0)[:-6], "corrupt gzip data", id="gzip-cut-short"
        ),
    ],
)
def test_another_file_is_refused(tmp_path, data, match):
    path = tmp_path / "classifier.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"classifier\.json.*{match}"):
        GramClassifier.load(path)


class Trap:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_runs_nothing(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "classifier.pkl"
    path.write_bytes(pickle.dumps(Trap(), protocol))
    with pytest.raises(InputError, match=r"classifier\.pkl"):
        GramClassifier.load(path)
    assert not Path("sprung").exists()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.json"):
        GramClassifier.load(tmp_path / "nowhere.json")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "MAX_BYTES", 1 << 20)
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (1 << 20) + small_classifier().to_bytes())
    with pytest.raises(InputError, match=r"large\.json is larger than 1 MiB, the limit for a classifier"):
        GramClassifier.load(path)
    path.write_bytes(gzip.compress(b" " * (1 << 20) + small_classifier().to_bytes()))
    with pytest.raises(InputError, match=r"large\.json is larger than 1 MiB|large\.json.* bomb"):
        GramClassifier.load(path)


def test_a_compressed_file_is_read(tmp_path):
    path = tmp_path / "classifier.json.gz"
    path.write_bytes(gzip.compress(small_classifier().to_bytes()))
    assert GramClassifier.load(path).digest == small_classifier().digest


def test_the_format_is_named_in_the_file():
    document = small_classifier().to_json()
    assert (document["format"], document["version"], document["words"]) == (FORMAT, VERSION, NORMAL_FORM)
    assert document["dense"]["names"] == ["x", "y"]
    assert document["counts"] == {"wait": [3.0, 4.0]}


# -- the scorer -----------------------------------------------------------------------------------------


def test_a_scorers_floor_is_the_settings_threshold():
    scorers = {setting: LabelScorer(small_classifier(), BACKGROUND, setting) for setting in SETTINGS}
    assert {setting: scorer.floor for setting, scorer in scorers.items()} == {"default": 0.5, "f1": 0.4, "clean": 0.7}
    with pytest.raises(UsageError, match="unknown setting 'best'; expected one of default, f1, clean"):
        _ = LabelScorer(small_classifier(), BACKGROUND, "best").floor


def test_the_core_floor_is_the_clean_threshold_but_never_below_the_floor():
    assert [LabelScorer(small_classifier(), BACKGROUND, setting).core_floor for setting in SETTINGS] == [0.7, 0.7, 0.7]
    low = small_classifier(thresholds={"default": 0.5, "f1": 0.4, "clean": 0.45})
    assert [LabelScorer(low, BACKGROUND, setting).core_floor for setting in SETTINGS] == [0.5, 0.45, 0.45]


def test_a_scorer_says_which_classifier_at_which_threshold():
    scorer = LabelScorer(small_classifier(), BACKGROUND, "f1")
    assert (scorer.name, scorer.reading_rules) == ("labels", LABELED)
    assert scorer.provenance == {
        "setting": "f1",
        "threshold": 0.4,
        "clean_threshold": 0.7,
        "classifier": small_classifier().digest,
        "labels": [{"name": "people"}],
        "about": {"what": "short answers"},
        "n_docs": 7,
    }
    assert LabelScorer(small_classifier(source={}), BACKGROUND).provenance["labels"] == []


def test_scores_are_probabilities_at_six_decimals():
    # 1 / (1 + exp(-1)) = 0.7310585786...
    scores = LabelScorer(word_classifier(), BACKGROUND).score(make_candidates(["wait", "the plot", "the sum"]))
    assert scores.tolist() == [0.731059, 0.268941, 0.0]  # a sum is calculated, not planned
    assert scores.dtype == np.float64


@given(st.permutations(range(4)), st.integers(1, 4))
def test_a_score_does_not_depend_on_the_other_rows(order, n):
    grams = make_candidates(
        ["wait", "so wait", "let me", "i should"], (20, 0, 0), df=[[row + 1, 0, 0] for row in range(4)]
    )
    rows = np.array(order[:n])
    for scorer in (LabelScorer(word_classifier(), BACKGROUND), LabelScorer(PACKAGED, BACKGROUND)):
        np.testing.assert_array_equal(scorer.score(grams.take(rows)), scorer.score(grams)[rows])


PACKAGED = GramClassifier.packaged()


def test_a_config_names_its_scorer():
    by_labels = make_scorer(MiningConfig(setting="clean"), BACKGROUND, small_classifier())
    assert isinstance(by_labels, LabelScorer)
    assert (by_labels.setting, by_labels.background, by_labels.classifier.digest) == (
        "clean",
        BACKGROUND,
        small_classifier().digest,
    )
    contrast = make_scorer(MiningConfig(scorer="contrast"), BACKGROUND)
    assert isinstance(contrast, ContrastScorer)
    assert contrast.background is BACKGROUND
    packaged = make_scorer(MiningConfig())
    assert packaged.classifier.digest == PACKAGED.digest
    assert packaged.background.n_docs == Background.packaged().n_docs


# -- in the miner ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample():
    return sample_traces()


@pytest.fixture(scope="module")
def mined(sample):
    return {setting: Miner(MiningConfig(embedder="hash", setting=setting)).fit(sample) for setting in SETTINGS}


def test_the_miner_scores_with_the_packaged_classifier_unless_told_otherwise(sample, mined):
    plain = Miner(MiningConfig(embedder="hash")).fit(sample)
    assert plain.lexicon_ == mined["default"].lexicon_
    source = plain.lexicon_.source["scorer"]
    assert source["name"] == "labels"
    assert source["classifier"] == PACKAGED.digest
    assert source["threshold"] == PACKAGED.thresholds["default"] <= source["edge"]
    assert source["clean_threshold"] == max(PACKAGED.thresholds["default"], PACKAGED.thresholds["clean"])
    assert [labels["digest"] for labels in source["labels"]] == [
        labels["digest"] for labels in PACKAGED.source["labels"]
    ]
    for setting, miner in mined.items():
        source = miner.lexicon_.source["scorer"]
        assert (source["setting"], source["threshold"]) == (setting, PACKAGED.thresholds[setting])


def test_every_gram_that_reaches_the_threshold_is_kept_and_no_other(mined):
    for setting, miner in mined.items():
        records, floor = miner.records_, PACKAGED.thresholds[setting]
        expected = {
            text for text, score in zip(records.candidates.texts, records.scores, strict=True) if score >= floor
        }
        assert {gram.text for gram in miner.lexicon_.grams} == expected
        assert expected


def test_a_looser_setting_keeps_all_grams_of_a_stricter_one(mined):
    grams = {setting: {gram.text for gram in miner.lexicon_.grams} for setting, miner in mined.items()}
    assert grams["clean"] <= grams["default"] <= grams["f1"]
    assert len(grams["clean"]) < len(grams["f1"])


def test_people_read_only_what_is_clean(mined):
    for miner in mined.values():
        scores = [gram.score for gram in miner.lexicon_.grams if gram.core]
        assert min(scores) >= miner.lexicon_.source["scorer"]["clean_threshold"]
    lists = [{gram.text for gram in miner.lexicon_.grams if gram.core} for miner in mined.values()]
    assert lists[0] == lists[1] == lists[2], "what is clean does not depend on what else is kept for masks"


def test_scores_do_not_depend_on_the_order_of_the_traces(sample):
    scores = []
    for order in (sample, random.Random(3).sample(sample, len(sample))):
        candidates, _ = Miner(MiningConfig()).measure_candidates(order)
        scores.append(
            dict(zip(candidates.texts, LabelScorer(PACKAGED, BACKGROUND).score(candidates).tolist(), strict=True))
        )
    assert scores[0] == scores[1]


def test_a_classifier_of_ones_own_decides_what_is_kept(sample):
    scorer = LabelScorer(word_classifier(), BACKGROUND)
    lexicon = Miner(MiningConfig(embedder="hash", min_df=2), scorer=scorer).fit(sample).lexicon_
    # logistic(-1 + 2) = 0.73 reaches 0.5, logistic(-1 + 0.5) does not
    assert all("wait" in gram.words for gram in lexicon.grams)
    assert "wait" in {gram.text for gram in lexicon.grams}
    assert lexicon.source["scorer"]["classifier"] == word_classifier().digest


def test_traces_without_anything_that_reaches_the_threshold_are_refused(sample):
    strict = word_classifier(thresholds=dict.fromkeys(SETTINGS, 0.99))
    with pytest.raises(
        InputError, match=r"no phrase has a score >= 0\.99 with the scorer labels: it finds no planning language"
    ):
        Miner(MiningConfig(embedder="hash"), scorer=LabelScorer(strict, BACKGROUND)).fit(sample)


def test_the_packaged_classifier_prefers_planning_to_procedure():
    plan, step = ["wait", "let me double-check", "alternatively"], ["the sum of", "equal to", "is equal to"]
    grams = make_candidates(plan + step, (200, 0, 0), df=[[20, 0, 0]] * 6)
    score = LabelScorer(PACKAGED, Background.packaged()).score(grams)
    assert score[:3].min() > score[3:].max()
    assert ((score >= 0) & (score < 1)).all()
    assert PACKAGED.dense[: len(STATS)] == STATS
    assert isinstance(LABELED, ReadingRules)
