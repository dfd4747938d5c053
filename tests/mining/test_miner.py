"""What must not matter to a lexicon, and what holds of every lexicon; the paper's method has a file of its own."""

import json
import random
import re
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from sgram import Lexicon, mine
from sgram.errors import SgramError, UsageError
from sgram.mining import Background, ContrastScorer, Miner, MiningConfig, Resources
from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import encode_documents
from sgram.mining.embed import CHUNK
from sgram.mining.miner import TraceDigests, iter_documents
from sgram.mining.moves import choose_cluster_move, find_move, packaged_namer
from sgram.mining.select import ReadingRules
from sgram.text import gram_words
from sgram.traces.part_texts import PartSelection
from tests.builders.mining_examples import METHODS, SAMPLE, count_uses, documents_of_grams, fast_config, sample_traces


@pytest.fixture(scope="module")
def sample():
    return sample_traces()


def fit_miner(traces, **settings):
    return Miner(fast_config(**settings)).fit(traces)


class SmallShards(Miner):
    """A miner whose shards are of some kilobytes, all of them on disk."""

    shard_bytes = 5_000

    def _encode(self, traces):
        settings, digests = self.config.resolve_settings(0), TraceDigests()
        documents = iter_documents(traces, settings["correct_only"], settings["max_chars"], digests, PartSelection())
        store = ArrayStore(self.scratch, memory_limit=0)
        corpus = encode_documents(documents, store, self.resources.workers, self.shard_bytes, keep_text=True)
        return corpus, digests.summary()


@pytest.fixture(scope="module")
def plain(sample):
    return {method: fit_miner(sample, method=method) for method in METHODS}


def assert_same_lexicon(first, second):
    assert first.lexicon_ == second.lexicon_
    assert first.lexicon_.digest == second.lexicon_.digest
    assert first.records_.examples == second.records_.examples
    assert first.records_.candidates.texts == second.records_.candidates.texts
    np.testing.assert_array_equal(first.records_.scores, second.records_.scores)
    np.testing.assert_array_equal(first.records_.lexicon_rows, second.records_.lexicon_rows)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_traces_does_not_matter(plain, sample, method, seed):
    shuffled = random.Random(seed).sample(sample, len(sample))
    assert_same_lexicon(plain[method], fit_miner(iter(shuffled), method=method))


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_workers_does_not_matter(plain, sample, method):
    assert_same_lexicon(plain[method], Miner(fast_config(method=method), Resources(workers=2)).fit(sample))
    assert mine(sample, fast_config(method=method), workers=2) == plain[method].lexicon_


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [1, 2])
def test_shards_and_spilling_do_not_matter(plain, sample, method, workers, tmp_path):
    miner = SmallShards(fast_config(method=method), Resources(workers=workers), scratch=tmp_path)
    assert_same_lexicon(plain[method], miner.fit(sample[::-1]))
    assert len(list(tmp_path.glob("ids-*.npy"))) > 10


@pytest.mark.parametrize("method", METHODS)
def test_vectors_of_an_earlier_run_are_used_or_made_anew(sample, method, tmp_path):
    settings = fast_config(method=method, min_df=2, top=1.0)
    whole = Miner(settings, scratch=tmp_path).fit(sample)
    chunks = sorted((tmp_path / "vectors").glob("*.npy"))
    assert (
        len(chunks)
        == -(-len(whole.records_.lexicon_rows if method == "sgram" else whole.records_.candidates) // CHUNK)
        > 1
    )
    chunks[0].unlink()  # a run killed half way
    chunks[1].write_bytes(chunks[1].read_bytes()[:-100])  # or by a full disk
    assert_same_lexicon(whole, Miner(settings, scratch=tmp_path).fit(sample))
    assert_same_lexicon(whole, Miner(settings).fit(sample))
    assert sorted((tmp_path / "vectors").glob("*.npy")) == chunks


def test_other_traces_or_another_config_make_another_digest(plain, sample):
    variants = [
        fit_miner(sample[:-1]),
        fit_miner([replace(sample[0], text=sample[0].text + " "), *sample[1:]]),
        fit_miner([replace(sample[0], id="new"), *sample[1:]]),
        fit_miner(sample, top=0.3),
        fit_miner(sample, name="other"),
    ]
    assert len({miner.lexicon_.digest for miner in (plain["sgram"], *variants)}) == 6


def test_no_setting_is_without_effect(sample):
    base = fast_config(min_df=5)
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
        "part": "reasoning",
        "max_chars": 200,
        "similarity": 0.4,
        "seed": 3,
    }
    elsewhere = {"embedder", "contrast_models", "name", "setting"}
    assert changes.keys() == {field.name for field in fields(MiningConfig)} - elsewhere
    for name, setting in changes.items():
        variant = Miner(replace(base, **{name: setting})).fit(sample).lexicon_
        assert variant.clusters != plain.clusters, name
    settings = {
        name: mine(sample, fast_config(scorer="labels", setting=name)).clusters for name in ("default", "f1", "clean")
    }
    assert len(set(settings.values())) == 3


def test_the_seed_of_mine_replaces_that_of_the_config(sample):
    assert mine(sample, fast_config(), seed=3) == mine(sample, fast_config(seed=3))
    assert mine(sample, fast_config(), seed=3).source["config"]["seed"] == 3


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


@pytest.mark.parametrize("settings", INVARIANT, ids=lambda settings: "-".join(map(str, settings.values())))
def test_every_number_of_a_lexicon_is_that_of_a_naive_count(sample, settings):
    lexicon = fit_miner(sample, **settings).lexicon_
    settings = lexicon.source["config"]
    traces = [trace for trace in sample if trace.correct or not settings["correct_only"]]
    texts = [cut(trace.text, settings["max_chars"]) for trace in traces]
    documents, count = documents_of_grams(texts), count_uses(texts)
    for cluster in lexicon.clusters:
        grams = [gram.text for gram in cluster.grams]
        assert cluster.df == len(set().union(*(documents[text] for text in grams)))
        assert cluster.medoid in grams
        assert cluster.move == choose_cluster_move(
            (find_move(gram.words, packaged_namer()), len(documents[gram.text])) for gram in cluster.grams
        )
        for gram in cluster.grams:
            outcomes = Counter(traces[document].correct for document in documents[gram.text])
            assert (gram.df, gram.count) == (len(documents[gram.text]), count[gram.text])
            assert (gram.df_correct, gram.df_wrong) == (outcomes[True], outcomes[False])
            assert gram.df >= settings["min_df"]
            assert settings["min_words"] <= len(gram.words) <= settings["max_words"]
            assert len({traces[document].prompt for document in documents[gram.text]}) >= settings["min_problems"]


@pytest.mark.parametrize("settings", INVARIANT, ids=lambda settings: "-".join(map(str, settings.values())))
def test_a_lexicon_and_the_records_agree(sample, settings):
    miner = fit_miner(sample, **settings)
    lexicon, records = miner.lexicon_, miner.records_
    texts = [records.candidates.texts[row] for row in records.lexicon_rows]
    assert sorted(texts) == sorted(gram.text for gram in lexicon.grams)
    by_text = {gram.text: (cluster.id, gram) for cluster in lexicon.clusters for gram in cluster.grams}
    for text, row, cluster, core in zip(texts, records.lexicon_rows, records.clusters, records.core, strict=True):
        assert by_text[text][0] == cluster
        assert by_text[text][1].core == core
        assert by_text[text][1].score == pytest.approx(records.scores[row], abs=1e-6)
    assert lexicon.source["counts"] == records.counts
    assert records.counts == {
        "candidates": len(records.candidates),
        "grams": len(texts),
        "core": len(lexicon.core),
        "clusters": len(lexicon.clusters),
    }
    ranks = [(-cluster.df, cluster.medoid) for cluster in lexicon.clusters]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("method", METHODS)
def test_no_core_gram_holds_another(plain, method):
    core = [gram.text for gram in plain[method].lexicon_.core]
    assert core
    assert not [(inner, outer) for inner in core for outer in core if inner != outer and f" {inner} " in f" {outer} "]


def test_a_cluster_with_core_grams_is_named_by_one(plain):
    # in the paper's method the reading list is known only when clusters are already named
    clusters = plain["sgram"].lexicon_.clusters
    readable = [cluster for cluster in clusters if any(gram.core for gram in cluster.grams)]
    assert readable
    for cluster in readable:
        assert cluster.medoid in {gram.text for gram in cluster.grams if gram.core}


@pytest.mark.parametrize("method", METHODS)
def test_the_source_says_what_went_in_and_neither_when_nor_where(sample, method, tmp_path):
    lexicon = Miner(fast_config(method=method), scratch=tmp_path).fit(sample).lexicon_
    source = lexicon.source
    assert source.keys() == {"sgram", "config", "inputs", "scorer", "embedder", "moves", "counts"}
    assert source["config"] == fast_config(method=method).resolve_settings(source["inputs"]["traces"], 36)
    assert re.fullmatch("[0-9a-f]{64}", source["inputs"]["digest"])
    assert not source["inputs"]["digest"].startswith("0" * 16), "all of its bits are used"
    source_text = json.dumps(source)
    assert str(tmp_path) not in source_text
    assert str(SAMPLE.parent) not in source_text
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d", source_text)


@pytest.mark.parametrize("method", METHODS)
def test_a_lexicon_comes_back_from_its_file(plain, method, tmp_path):
    path = tmp_path / "mined.json"
    plain[method].lexicon_.save(path)
    assert Lexicon.load(path) == plain[method].lexicon_


@pytest.mark.parametrize("method", METHODS)
def test_the_examples_of_a_cluster_show_its_medoid(plain, sample, method):
    texts = {trace.id: trace.text for trace in sample}
    lexicon, examples = plain[method].lexicon_, plain[method].records_.examples
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
    core_floor = 0.0
    reading_rules = ReadingRules()
    provenance = {"labels": "none", "n": 3}  # noqa: RUF012

    def score(self, candidates):
        return 10.0 - candidates.n


def test_a_scorer_of_ones_own_decides_what_is_kept_and_is_written_down(sample):
    miner = Miner(fast_config(top=10), scorer=Shortest()).fit(sample)
    # every single word ties at the edge, so all of them are kept and nothing longer
    assert {len(gram.words) for gram in miner.lexicon_.grams} == {1}
    assert len(miner.lexicon_.grams) == int((miner.records_.candidates.n == 1).sum()) > 10
    assert miner.lexicon_.source["scorer"] == {"name": "shortest", "edge": 9.0, "labels": "none", "n": 3}


def test_a_background_of_ones_own_is_a_scorer(sample):
    searching = [trace for trace in sample if trace.meta["style"] == "searching"]
    background_texts = [trace.text for trace in sample if trace.meta["style"] != "searching"]
    scorer = ContrastScorer(Background.count(background_texts, {"what": "the other styles"}))
    lexicon = Miner(fast_config(), scorer=scorer).fit(searching).lexicon_
    assert lexicon.source["scorer"]["about"] == {"what": "the other styles"}
    assert lexicon.source["scorer"]["n_docs"] == len(background_texts)
    assert lexicon.find("wait") is not None


@pytest.mark.parametrize(
    "scores", [lambda m: np.full(m, np.nan), lambda m: np.zeros(m + 1), lambda m: np.zeros((m, 1))]
)
def test_a_scorer_that_does_not_score_is_named(sample, scores):
    scorer = Shortest()
    scorer.score = lambda candidates: scores(len(candidates))
    with pytest.raises(SgramError, match=r"scorer shortest returned shape .* one finite number a candidate"):
        Miner(fast_config(), scorer=scorer).fit(sample)


def test_contrast_models_add_a_statistic_and_change_no_gram(sample, plain):
    miner = fit_miner(sample, contrast_models=("search",))
    assert plain["sgram"].records_.candidates.model_contrast is None
    contrast = dict(
        zip(miner.records_.candidates.texts, miner.records_.candidates.model_contrast.tolist(), strict=True)
    )
    documents = documents_of_grams([trace.text for trace in sample], 1)["wait"]
    models = [trace.model for trace in sample]
    inside = sum("search" in models[document] for document in documents)
    # 36 traces of the searcher, 72 of the two others
    expected = np.log((inside + 1) / 37) - np.log((len(documents) - inside + 1) / 73)
    assert contrast["wait"] == pytest.approx(expected)
    assert miner.lexicon_.clusters == plain["sgram"].lexicon_.clusters
    with pytest.raises(UsageError, match="leaves one side without traces; models in the input: sample-searcher"):
        fit_miner(sample, contrast_models=("gpt",))


def test_a_miner_only_stores_its_arguments(tmp_path):
    settings, resources, scorer = fast_config(), Resources(), Shortest()
    miner = Miner(settings, resources, scorer=scorer, scratch=tmp_path)
    assert (miner.config, miner.resources, miner.scorer, miner.scratch) == (settings, resources, scorer, tmp_path)
    assert not hasattr(miner, "lexicon_")
    assert not list(tmp_path.iterdir())
    assert Miner().config == MiningConfig()


def test_progress_is_called_with_every_stage_in_order(sample):
    reports = []
    Miner(fast_config(), progress=lambda *report: reports.append(report)).fit(sample)
    assert list(dict.fromkeys(stage for stage, _, _ in reports)) == [
        "read",
        "count",
        "candidates",
        "embed",
        "cluster",
        "examples",
    ]
    assert [done for stage, done, _ in reports if stage == "read"][-1] == len(sample)
    for stage in ("count", "embed", "cluster"):
        last = [(done, total) for name, done, total in reports if name == stage][-1]
        assert last[0] == last[1] > 0
    assert all(done <= total or not total for _, done, total in reports)


def test_fitting_again_starts_over(sample, plain):
    miner = Miner(fast_config())
    miner.fit(sample[:54])
    assert miner.fit(sample).lexicon_ == plain["sgram"].lexicon_


def test_a_finished_fit_leaves_nothing_for_the_next_one_in_its_folder(tmp_path, sample):
    first = Miner(fast_config(), scratch=tmp_path).fit(sample).lexicon_
    second = Miner(fast_config(), scratch=tmp_path).fit(sample[:60]).lexicon_
    assert second == mine(sample[:60], fast_config()) != first
