"""What must not matter to a lexicon, and what holds of every lexicon; the paper's method has a file of its own."""

import json
import random
import re
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from sgram import Lexicon, mine, read_traces
from sgram.errors import SgramError, UsageError
from sgram.mining import Background, ContrastScorer, Miner, MiningConfig, Resources
from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import encode
from sgram.mining.embed import CHUNK
from sgram.mining.miner import _DigestSum, _documents
from sgram.mining.moves import cluster_move
from sgram.mining.select import ReadingRules
from sgram.text import gram_words
from tests.builders.mining_examples import documents_with, times
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
METHODS = ("sgram", "paper")


@pytest.fixture(scope="module")
def sample():
    return list(read_traces([SAMPLE]))


def config(**given):
    return MiningConfig(**({"embedder": "hash", "scorer": "contrast"} | given))


def fitted(traces, **given):
    return Miner(config(**given)).fit(traces)


class SmallShards(Miner):
    """A miner whose shards are of some kilobytes, all of them on disk."""

    shard_bytes = 5_000

    def _encode(self, traces):
        settings, digests = self.config.resolved(0), _DigestSum()
        documents = _documents(traces, settings["correct_only"], settings["max_chars"], digests)
        store = ArrayStore(self.scratch, limit=0)
        corpus = encode(documents, store, self.resources.workers, self.shard_bytes, keep_text=True)
        return corpus, digests.summary()


@pytest.fixture(scope="module")
def plain(sample):
    return {method: fitted(sample, method=method) for method in METHODS}


def same(one, other):
    assert one.lexicon_ == other.lexicon_
    assert one.lexicon_.digest == other.lexicon_.digest
    assert one.found_.examples == other.found_.examples
    assert one.found_.candidates.texts == other.found_.candidates.texts
    np.testing.assert_array_equal(one.found_.scores, other.found_.scores)
    np.testing.assert_array_equal(one.found_.kept, other.found_.kept)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_traces_does_not_matter(plain, sample, method, seed):
    shuffled = random.Random(seed).sample(sample, len(sample))
    same(plain[method], fitted(iter(shuffled), method=method))


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_workers_does_not_matter(plain, sample, method):
    same(plain[method], Miner(config(method=method), Resources(workers=2)).fit(sample))
    assert mine(sample, config(method=method), workers=2) == plain[method].lexicon_


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [1, 2])
def test_shards_and_spilling_do_not_matter(plain, sample, method, workers, tmp_path):
    heard = []
    miner = SmallShards(
        config(method=method), Resources(workers=workers), scratch=tmp_path, progress=lambda *said: heard.append(said)
    )
    same(plain[method], miner.fit(sample[::-1]))
    assert len(list(tmp_path.glob("ids-*.npy"))) > 10


@pytest.mark.parametrize("method", METHODS)
def test_vectors_of_an_earlier_run_are_used_or_made_anew(sample, method, tmp_path):
    settings = config(method=method, min_df=2, top=1.0)
    whole = Miner(settings, scratch=tmp_path).fit(sample)
    chunks = sorted((tmp_path / "vectors").glob("*.npy"))
    assert len(chunks) == -(-len(whole.found_.kept if method == "sgram" else whole.found_.candidates) // CHUNK) > 1
    chunks[0].unlink()  # a run killed half way
    chunks[1].write_bytes(chunks[1].read_bytes()[:-100])  # or by a full disk
    same(whole, Miner(settings, scratch=tmp_path).fit(sample))
    same(whole, Miner(settings).fit(sample))
    assert sorted((tmp_path / "vectors").glob("*.npy")) == chunks


def test_other_traces_or_another_config_make_another_digest(plain, sample):
    others = [
        fitted(sample[:-1]),
        fitted([replace(sample[0], text=sample[0].text + " "), *sample[1:]]),
        fitted([replace(sample[0], id="new"), *sample[1:]]),
        fitted(sample, top=0.3),
        fitted(sample, name="other"),
    ]
    assert len({miner.lexicon_.digest for miner in (plain["sgram"], *others)}) == 6


def test_no_setting_is_without_effect(sample):
    base = config(min_df=5)
    plain = Miner(base).fit(sample).lexicon_
    changes = {
        "method": "paper",
        "scorer": "labels",
        "top": 20,
        "min_df": 9,
        "min_problems": 15,
        "min_words": 2,
        "max_words": 3,
        "correct_only": True,
        "explained": 0.3,
        "max_chars": 200,
        "similarity": 0.4,
        "seed": 3,
    }
    elsewhere = {"embedder", "contrast_models", "name", "setting"}
    assert changes.keys() == {field.name for field in fields(MiningConfig)} - elsewhere
    for name, value in changes.items():
        other = Miner(replace(base, **{name: value})).fit(sample).lexicon_
        assert other.clusters != plain.clusters, name
    settings = {
        name: mine(sample, config(scorer="labels", setting=name)).clusters for name in ("default", "f1", "clean")
    }
    assert len(set(settings.values())) == 3


def test_a_seed_given_to_mine_is_that_of_the_config(sample):
    assert mine(sample, config(), seed=3) == mine(sample, config(seed=3))
    assert mine(sample, config(), seed=3).source["config"]["seed"] == 3


INVARIANT = [
    {"method": "sgram"},
    {"method": "paper"},
    {"method": "sgram", "max_chars": 400, "min_df": 3},
    {"method": "paper", "max_chars": 400, "similarity": 0.5, "top": 0.5},
    {"method": "sgram", "correct_only": True, "top": 40, "min_problems": 1},
    {"method": "paper", "min_words": 1, "max_words": 2, "correct_only": False},
]


def cut(text, max_chars):
    """The text as far as it is read: up to the last space within the first `max_chars` characters."""
    if len(text) <= max_chars:
        return text
    head = text[:max_chars]
    return head[: max(head.rfind(" "), head.rfind("\n"))]


@pytest.mark.parametrize("given", INVARIANT, ids=lambda given: "-".join(map(str, given.values())))
def test_every_number_of_a_lexicon_is_that_of_a_naive_count(sample, given):
    miner = fitted(sample, **given)
    lexicon, settings = miner.lexicon_, miner.lexicon_.source["config"]
    read = [trace for trace in sample if trace.correct or not settings["correct_only"]]
    texts = [cut(trace.text, settings["max_chars"]) for trace in read]
    held, count = documents_with(texts), times(texts)
    for cluster in lexicon.clusters:
        own = [gram.text for gram in cluster.grams]
        assert cluster.df == len(set().union(*(held[text] for text in own)))
        assert cluster.medoid in own
        assert cluster.move == cluster_move((gram.words, len(held[gram.text])) for gram in cluster.grams)
        for gram in cluster.grams:
            outcomes = Counter(read[place].correct for place in held[gram.text])
            assert (gram.df, gram.count) == (len(held[gram.text]), count[gram.text])
            assert (gram.df_correct, gram.df_wrong) == (outcomes[True], outcomes[False])
            assert gram.df >= settings["min_df"]
            assert settings["min_words"] <= len(gram.words) <= settings["max_words"]
            assert len({read[place].prompt for place in held[gram.text]}) >= settings["min_problems"]


@pytest.mark.parametrize("given", INVARIANT, ids=lambda given: "-".join(map(str, given.values())))
def test_a_lexicon_and_what_was_found_agree(sample, given):
    miner = fitted(sample, **given)
    lexicon, found = miner.lexicon_, miner.found_
    kept = [found.candidates.texts[row] for row in found.kept]
    assert sorted(kept) == sorted(gram.text for gram in lexicon.grams)
    place = {gram.text: (cluster.id, gram) for cluster in lexicon.clusters for gram in cluster.grams}
    for text, row, cluster, core in zip(kept, found.kept, found.clusters, found.core, strict=True):
        assert place[text][0] == cluster
        assert place[text][1].core == core
        assert place[text][1].score == pytest.approx(found.scores[row], abs=1e-6)
    assert lexicon.source["counts"] == found.counts
    assert found.counts == {
        "candidates": len(found.candidates),
        "grams": len(kept),
        "core": len(lexicon.core),
        "clusters": len(lexicon.clusters),
    }
    ranks = [(-cluster.df, cluster.medoid) for cluster in lexicon.clusters]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("method", METHODS)
def test_no_core_gram_holds_another(plain, method):
    core = [gram.text for gram in plain[method].lexicon_.core]
    assert core
    assert not [(one, other) for one in core for other in core if one != other and f" {one} " in f" {other} "]


def test_a_cluster_with_core_grams_is_named_by_one(plain):
    # in the paper's method the reading list is known only when clusters are already named
    clusters = plain["sgram"].lexicon_.clusters
    named = [cluster for cluster in clusters if any(gram.core for gram in cluster.grams)]
    assert named
    for cluster in named:
        assert cluster.medoid in {gram.text for gram in cluster.grams if gram.core}


@pytest.mark.parametrize("method", METHODS)
def test_the_source_says_what_went_in_and_neither_when_nor_where(sample, method, tmp_path):
    lexicon = Miner(config(method=method), scratch=tmp_path).fit(sample).lexicon_
    source = lexicon.source
    assert source.keys() == {"sgram", "config", "inputs", "scorer", "embedder", "counts"}
    assert source["config"] == config(method=method).resolved(source["inputs"]["traces"], 36)
    assert re.fullmatch("[0-9a-f]{64}", source["inputs"]["digest"])
    assert not source["inputs"]["digest"].startswith("0" * 16), "all of its bits are used"
    written = json.dumps(source)
    assert str(tmp_path) not in written
    assert str(SAMPLE.parent) not in written
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d", written)


@pytest.mark.parametrize("method", METHODS)
def test_a_lexicon_comes_back_from_its_file(plain, method, tmp_path):
    path = tmp_path / "mined.json"
    plain[method].lexicon_.save(path)
    assert Lexicon.load(path) == plain[method].lexicon_


@pytest.mark.parametrize("method", METHODS)
def test_the_examples_of_a_cluster_show_its_medoid(plain, sample, method):
    texts = {trace.id: trace.text for trace in sample}
    lexicon, examples = plain[method].lexicon_, plain[method].found_.examples
    assert list(examples) == [cluster.id for cluster in lexicon.clusters]
    for cluster in lexicon.clusters:
        uses = examples[cluster.id]
        assert len(uses) == len({use.trace for use in uses}) == min(3, lexicon.find(cluster.medoid)[1].df)
        for use in uses:
            assert " ".join(gram_words(use.text[use.start : use.end])) == use.gram == cluster.medoid
            assert use.text in texts[use.trace]


def test_the_sample_yields_the_phrases_that_it_is_made_to_hold(plain):
    core = {gram.text for gram in plain["sgram"].lexicon_.core}
    assert {"wait", "hmm", "let me double-check", "alternatively"} <= core
    moves = {cluster.medoid: cluster.move for cluster in plain["sgram"].lexicon_.clusters}
    assert moves["wait"] == "backtracking"
    assert moves["alternatively"] == "branching"


class Shortest:
    """Scores by length only."""

    name = "shortest"
    floor = 0.0
    clean = 0.0
    reading = ReadingRules()
    provenance = {"labels": "none", "n": 3}  # noqa: RUF012

    def score(self, candidates):
        return 10.0 - candidates.n


def test_a_scorer_of_ones_own_decides_what_is_kept_and_is_written_down(sample):
    found = Miner(config(top=10), scorer=Shortest()).fit(sample)
    # every single word ties at the edge, so all of them are kept and nothing longer
    assert {len(gram.words) for gram in found.lexicon_.grams} == {1}
    assert len(found.lexicon_.grams) == int((found.found_.candidates.n == 1).sum()) > 10
    assert found.lexicon_.source["scorer"] == {"name": "shortest", "edge": 9.0, "labels": "none", "n": 3}


def test_a_background_of_ones_own_is_a_scorer(sample):
    searching = [trace for trace in sample if trace.meta["style"] == "searching"]
    others = [trace.text for trace in sample if trace.meta["style"] != "searching"]
    scorer = ContrastScorer(Background.count(others, {"what": "the other styles"}))
    lexicon = Miner(config(), scorer=scorer).fit(searching).lexicon_
    assert lexicon.source["scorer"]["about"] == {"what": "the other styles"}
    assert lexicon.source["scorer"]["n_docs"] == len(others)
    assert lexicon.find("wait") is not None


@pytest.mark.parametrize(
    "scores", [lambda m: np.full(m, np.nan), lambda m: np.zeros(m + 1), lambda m: np.zeros((m, 1))]
)
def test_a_scorer_that_does_not_score_is_named(sample, scores):
    scorer = Shortest()
    scorer.score = lambda candidates: scores(len(candidates))
    with pytest.raises(SgramError, match=r"scorer shortest gave shape .* one finite number a candidate"):
        Miner(config(), scorer=scorer).fit(sample)


def test_contrast_models_add_a_statistic_and_change_no_gram(sample, plain):
    found = fitted(sample, contrast_models=("search",))
    assert plain["sgram"].found_.candidates.model_contrast is None
    contrast = dict(zip(found.found_.candidates.texts, found.found_.candidates.model_contrast.tolist(), strict=True))
    held = documents_with([trace.text for trace in sample], 1)["wait"]
    models = [trace.model for trace in sample]
    inside = sum("search" in models[place] for place in held)
    # 36 traces of the searcher, 72 of the two others
    expected = np.log((inside + 1) / 37) - np.log((len(held) - inside + 1) / 73)
    assert contrast["wait"] == pytest.approx(expected)
    assert found.lexicon_.clusters == plain["sgram"].lexicon_.clusters
    with pytest.raises(UsageError, match="leaves one side without traces; models here: sample-searcher"):
        fitted(sample, contrast_models=("gpt",))


def test_a_miner_only_stores_what_it_is_given(tmp_path):
    settings, resources, scorer = config(), Resources(), Shortest()
    miner = Miner(settings, resources, scorer=scorer, scratch=tmp_path)
    assert (miner.config, miner.resources, miner.scorer, miner.scratch) == (settings, resources, scorer, tmp_path)
    assert not hasattr(miner, "lexicon_")
    assert not list(tmp_path.iterdir())
    assert Miner().config == MiningConfig()


def test_progress_hears_every_stage_in_order(sample):
    heard = []
    Miner(config(), progress=lambda *said: heard.append(said)).fit(sample)
    assert list(dict.fromkeys(stage for stage, _, _ in heard)) == [
        "read",
        "count",
        "candidates",
        "embed",
        "cluster",
        "examples",
    ]
    assert [done for stage, done, _ in heard if stage == "read"][-1] == len(sample)
    for stage in ("count", "embed", "cluster"):
        last = [(done, total) for name, done, total in heard if name == stage][-1]
        assert last[0] == last[1] > 0
    assert all(done <= total or not total for _, done, total in heard)


def test_fitting_again_starts_anew(sample, plain):
    miner = Miner(config())
    miner.fit(sample[:54])
    assert miner.fit(sample).lexicon_ == plain["sgram"].lexicon_


def test_a_finished_fit_leaves_nothing_for_the_next_one_in_its_folder(tmp_path, sample):
    first = Miner(config(), scratch=tmp_path).fit(sample).lexicon_
    other = Miner(config(), scratch=tmp_path).fit(sample[:60]).lexicon_
    assert other == mine(sample[:60], config()) != first
