"""How well does the sentence scorer find planning and name moves, on what it has not seen?

    python benchmarks/sentence_quality.py [--only folds families moves masks calibration] [--lexicon wang2025]

Labels, priors and settings are those of data/build_sentence_scorer.py; the threshold is the packaged one, fixed before.
Folds: F1 out of fold by problem. Families: one family of models is left out of training at a time. Moves: a scorer
fitted without ReasoningFlow names the moves of its units, whose moves follow from the edges into them. Masks: what
`grams-in-sentences` takes from `grams`, sentences out of fold for the target and by a scorer fitted without the schema
and the problems of the others. Calibration: sentences of ReasoningFlow (science and more) as labels of one's own.
Brackets: 95 %, bootstrap over problems.
"""

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from build_sentence_scorer import PRIORS, read_priors
from corpora import SHARED

from sgram.evaluation.calibrate_sentence_scorer import calibrate
from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, read_labels
from sgram.evaluation.lexicon_comparison import ComparisonConfig
from sgram.evaluation.mask_comparison import compare_masks
from sgram.evaluation.sentence_figures import ProblemDraws, draw_figures, draw_kappa
from sgram.evaluation.train_sentence_scorer import (
    LabeledSentence,
    OutOfFold,
    Prior,
    ScorerFit,
    assign_folds,
    fit_sentence_scorer,
    label_sentences,
    score_out_of_fold,
)
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.lexicon.sentence_scorer import probability_of
from sgram.mining.cues import find_cue_move
from sgram.mining.moves import find_move
from sgram.sentences import grams_of, sentence_tokens
from sgram.statistics import Estimate

PARTS = ("folds", "families", "moves", "masks", "calibration")
LABELS = SHARED / "labels"
TARGET = LABELS / "guideline_sentences.jsonl.gz"
OTHERS = {
    "reasoningflow_human": frozenset({"planning", "reflection"}),
    "reasoningflow_llm": frozenset({"planning", "reflection"}),
    "thought_anchors_chunks": frozenset({"plan_generation", "uncertainty_management", "self_checking"}),
}
FAMILIES = ("DeepSeek-R1", "DeepSeek-V3", "gpt-oss", "Marco-o1", "Qwen2.5", "Qwen3", "QwQ", "s1.1", "Sky-T1")
MOVES_OF_EDGES = {
    "plan:verify": "verification",
    "reflect:positive": "verification",
    "plan:backtrack": "backtracking or branching",
    "reflect:negative": "backtracking or branching",
    "reflect:uncertain": "backtracking or branching",
    "plan:decompose": "goal-setting",
    "plan:proceed": "goal-setting",
}
MERGED = {"backtracking": "backtracking or branching", "branching": "backtracking or branching"}
OWN = (50, 150)
N_OWN_DRAWS = 10


def shown(estimate: Estimate) -> str:
    """Return an estimate as text."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-" if estimate.value is None else f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f} {estimate.high:.3f}]"


def rows_of(path: Path) -> list[dict]:
    """Return the rows of a file of labels."""
    with gzip.open(path) as lines:
        return [orjson.loads(line) for line in lines]


def target_sentences() -> tuple[list[LabeledDocument], list[LabeledSentence], list[dict]]:
    """Return the target's documents that have a word, their sentences, and their rows in the file."""
    by_id = {f"{row['id']}:{row['start']}": row for row in rows_of(TARGET)}
    pairs = [(document, label_sentences([document], POSITIVE_LABELS)) for document in read_labels(TARGET)]
    documents = [document for document, sentences in pairs if sentences]
    return documents, [pair[1][0] for pair in pairs if pair[1]], [by_id[document.id] for document in documents]


def figures_of(out: OutOfFold, threshold: float, rows: np.ndarray | None = None) -> dict[str, Estimate]:
    """Return the figures out of fold, of some rows or all."""
    rows = np.arange(len(out.probabilities)) if rows is None else rows
    draws = ProblemDraws.from_problems([out.problems[row] for row in rows.tolist()])
    figures = draw_figures(draws, out.probabilities[rows], out.is_planning[rows], threshold)
    labels = [out.moves[row] if out.is_planning[row] else None for row in rows.tolist()]
    figures["kappa of moves"] = draw_kappa(draws, labels, [out.predicted_moves[row] for row in rows.tolist()])
    return {name: draws.estimate(figure) for name, figure in figures.items()}


def print_folds(outs: Sequence[OutOfFold], threshold: float) -> None:
    """Print the figures of each partition into folds."""
    columns = [figures_of(out, threshold) for out in outs]
    print(f"\nOut of fold by problem, threshold {threshold:g}")
    print("| figure | " + " | ".join(f"folds of seed {seed}" for seed in range(len(outs))) + " |")
    print("|---|" + "--:|" * len(outs))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(shown(column[name]) for column in columns) + " |")


def print_families(sentences: list[LabeledSentence], rows: list[dict], priors: list[Prior], threshold: float) -> None:
    """Print the figures of each family of models by a scorer that was fitted without it."""
    families = [next(name for name in FAMILIES if name in row["model"]) for row in rows]
    of_sentence = {id(sentence): family for sentence, family in zip(sentences, families, strict=True)}
    out = score_out_of_fold(sentences, priors, fold_of=lambda sentence: of_sentence[id(sentence)])
    print(f"\nOne family of models left out of training, threshold {threshold:g}")
    print("| family | sentences | planning | precision | recall | F1 |\n|---|--:|--:|--:|--:|--:|")
    for family in (*sorted(set(families)), "all"):
        kept = np.array([index for index, name in enumerate(families) if family in (name, "all")])
        figures = figures_of(out, threshold, kept)
        cells = " | ".join(shown(figures[name]) for name in ("precision", "recall", "f1"))
        print(f"| {family} | {len(kept):,} | {out.is_planning[kept].mean():.0%} | {cells} |")


def print_moves(sentences: list[LabeledSentence], rows: list[dict]) -> None:
    """Print kappa of moves with those that the edges of ReasoningFlow tell."""
    training = [sentence for sentence, row in zip(sentences, rows, strict=True) if "reasoningflow" not in row["file"]]
    scorer = fit_sentence_scorer("without ReasoningFlow", training)
    records = [row for row in rows_of(LABELS / "reasoningflow_human.jsonl.gz") if row["annotator"] == "D"]
    labels, moves, forced, problems, units = [], [], [], [], []
    for record in records:
        told: dict[str, set[str]] = {}
        for edge in record["edges"]:
            if edge["label"] in MOVES_OF_EDGES:
                told.setdefault(edge["d"], set()).add(MOVES_OF_EDGES[edge["label"]])
        for node in record["nodes"]:
            names = told.get(node["id"], set())
            text = record["response"][node["start"] : node["end"]]
            if node["source"] != "response" or node["label"] not in ("planning", "reflection") or len(names) != 1:
                continue
            grams = unit_grams(text, scorer)
            if not grams:
                continue
            totals = {move: weights.total(grams) for move, weights in scorer.moves.items()}
            likeliest = max(totals, key=lambda move: totals[move])
            named = [move for move in totals if MERGED.get(move, move) in MOVES_OF_EDGES.values()]
            labels.append(names.pop())
            moves.append(MERGED.get(likeliest, likeliest))
            best = max(named, key=lambda move: totals[move])
            forced.append(MERGED.get(best, best))
            problems.append(record["doc_id"])
            units.append(LabeledSentence(frozenset(grams), node["label"] == "planning", labels[-1], record["doc_id"]))
    draws = ProblemDraws.from_problems(problems)
    counts = ", ".join(f"{name} {labels.count(name):,}" for name in sorted(set(labels)))
    print(
        f"\nMoves of ReasoningFlow by its edges, {len(labels):,} units ({counts}); fitted on {len(training):,} others"
    )
    print(f"kappa, the likeliest of all moves: {shown(draws.estimate(draw_kappa(draws, labels, moves)))}")
    of_these = draws.estimate(draw_kappa(draws, labels, forced))
    print(f"kappa, the likeliest of the moves that edges tell: {shown(of_these)}")
    planned = [label if unit.is_planning else None for label, unit in zip(labels, units, strict=True)]
    for title, named in (("all moves", moves), ("these moves", forced)):
        estimate = draws.estimate(draw_kappa(draws, planned, named))
        n_units = sum(label is not None for label in planned)
        print(f"of {n_units:,} units labeled planning (no reflection), the likeliest of {title}: {shown(estimate)}")
    print_moves_of_edges(units, 10)


def print_moves_of_edges(units: Sequence[LabeledSentence], n_folds: int) -> None:
    """Print kappa of moves by a scorer that was fitted to the edges of other problems of ReasoningFlow."""
    out = score_out_of_fold(units, fit=ScorerFit(n_folds=n_folds))
    draws = ProblemDraws.from_problems(out.problems)
    for title, kept in (("all units", [True] * len(units)), ("units labeled planning", out.is_planning.tolist())):
        labels = [move if is_kept else None for move, is_kept in zip(out.moves, kept, strict=True)]
        kappa = shown(draws.estimate(draw_kappa(draws, labels, out.predicted_moves)))
        print(f"kappa, fitted to the edges of other problems ({n_folds} folds), {title}: {kappa}")


def print_moves_of_grams(documents: list[LabeledDocument], sentences: list[LabeledSentence], lexicon: Lexicon) -> None:
    """Print kappa of a sentence's move with the move of its longest gram: by cues, and by a scorer out of fold."""
    index = UnitIndex.from_documents(documents)
    texts = [gram.text for gram in lexicon.grams]
    longest: dict[int, str] = {}
    for gram, unit in zip(*index.find(texts).gram_unit_pairs(), strict=True):
        longest[int(unit)] = max((longest.get(int(unit), ""), texts[gram]), key=lambda text: (text.count(" "), text))
    rows = [row for row in sorted(longest) if sentences[row].move is not None]
    folds = assign_folds(sentences, 10, 0)
    scorers = [
        fit_sentence_scorer("fold", [sentence for sentence in sentences if folds[sentence.problem] != fold])
        for fold in range(10)
    ]
    words = [longest[row].split(" ") for row in rows]
    by_scorer = [find_move(gram, scorers[folds[sentences[row].problem]]) for gram, row in zip(words, rows, strict=True)]
    draws = ProblemDraws.from_problems([sentences[row].problem for row in rows])
    labels = [sentences[row].move for row in rows]
    print(f"\nMoves of the longest gram of {lexicon.name} in {len(rows):,} labeled planning sentences")
    for title, moves in (("cues", [find_cue_move(gram) for gram in words]), ("a scorer out of fold", by_scorer)):
        print(f"kappa, by {title}: {shown(draws.estimate(draw_kappa(draws, labels, moves)))}")


def unit_grams(text: str, scorer: SentenceScorer) -> list[str]:
    """Return the grams of a text as one sentence."""
    return sorted({" ".join(gram) for gram in grams_of(sentence_tokens(text), scorer.max_tokens)})


def print_masks(
    documents: list[LabeledDocument],
    sentences: list[LabeledSentence],
    out: OutOfFold,
    lexicon: Lexicon,
    threshold: float,
) -> None:
    """Print what grams inside sentences take from grams."""
    print(f"\nWords of {lexicon.name} ({len(lexicon.grams):,} grams), threshold {threshold:g}")
    print(
        "| labels | precision of grams | of grams-in-sentences | % of the words | wrong removed | right kept |\n"
        "|---|--:|--:|--:|--:|--:|"
    )
    index = UnitIndex.from_documents(documents)
    grams = index.find([gram.text for gram in lexicon.grams]).covered_pieces()
    positive = index.positive[index.piece_unit]
    inside = grams & (out.probabilities >= threshold)[index.piece_unit]
    print_mask_row("guideline_sentences, out of fold", grams, inside, positive)
    for name, labels in OTHERS.items():
        others = read_labels(LABELS / f"{name}.jsonl.gz")
        own = UnitIndex.from_documents(others, labels)
        problems = {document.problem for document in others}
        schema = name.split("_")[0]
        priors = [prior for prior in read_priors(SHARED) if not PRIORS[prior.name][0].startswith(schema)]
        training = [
            sentence
            for sentence, row in zip(sentences, target_sentences()[2], strict=True)
            if schema not in row["file"] and sentence.problem not in problems
        ]
        scorer = fit_sentence_scorer("held out", training, priors, ScorerFit(threshold=threshold))
        masks = compare_masks(lexicon, scorer, own, config=ComparisonConfig("problem", 100))
        cells = (masks.row("grams").words.precision, masks.row("grams-in-sentences").words.precision)
        share = masks.row("grams-in-sentences").words.coverage.value
        print(
            f"| {name} | {cells[0].value:.3f} | {cells[1].value:.3f} | {100 * share:.1f} | {masks.wrong_removed:.1%} "
            f"| {masks.right_kept:.1%} |"
        )


def print_mask_row(name: str, grams: np.ndarray, inside: np.ndarray, positive: np.ndarray) -> None:
    """Print a row of the table of masks."""
    wrong, right = grams & ~positive, grams & positive
    print(
        f"| {name} | {right.sum() / grams.sum():.3f} | {(inside & positive).sum() / inside.sum():.3f} "
        f"| {100 * inside.mean():.1f} | {1 - (inside & wrong).sum() / wrong.sum():.1%} "
        f"| {(inside & right).sum() / right.sum():.1%} |"
    )


def print_calibration(sentences: list[LabeledSentence], rows: list[dict], threshold: float) -> None:
    """Print F1 on the rest of ReasoningFlow before and after calibration with a few of its sentences."""
    labels = read_labels(LABELS / "reasoningflow_human.jsonl.gz")
    units = label_sentences(labels, OTHERS["reasoningflow_human"])
    training = [sentence for sentence, row in zip(sentences, rows, strict=True) if "reasoningflow" not in row["file"]]
    priors = [prior for prior in read_priors(SHARED) if not PRIORS[prior.name][0].startswith("reasoningflow")]
    base = fit_sentence_scorer("base", training, priors, ScorerFit(threshold=threshold))
    problems = sorted({unit.problem for unit in units})
    print(f"\nCalibration: sentences of 15 problems of ReasoningFlow, {N_OWN_DRAWS} draws, measured on the others")
    print("| own sentences | F1 before | F1 after | least gain | AP before | AP after |\n|--:|--:|--:|--:|--:|--:|")
    for n_own in OWN:
        results = []
        for seed in range(N_OWN_DRAWS):
            rng = np.random.default_rng(seed)
            own = set(rng.permutation(problems)[:15].tolist())
            pool = [unit for unit in units if unit.problem in own]
            rest = [unit for unit in units if unit.problem not in own]
            chosen = [pool[row] for row in rng.permutation(len(pool))[:n_own].tolist()]
            results.append((*quality(base, rest), *quality(calibrate(base, chosen), rest)))
        before, before_ap, after, after_ap = np.mean(results, axis=0)
        least = min(result[2] - result[0] for result in results)
        print(f"| {n_own} | {before:.3f} | {after:.3f} | {least:+.3f} | {before_ap:.3f} | {after_ap:.3f} |")


def quality(scorer: SentenceScorer, sentences: list[LabeledSentence]) -> tuple[float, float]:
    """Return (F1, average precision) of a scorer."""
    draws = ProblemDraws.from_problems([sentence.problem for sentence in sentences], 0)
    probabilities = np.array([probability_of(scorer.planning.total(sentence.grams)) for sentence in sentences])
    is_planning = np.array([sentence.is_planning for sentence in sentences])
    figures = draw_figures(draws, probabilities, is_planning, scorer.threshold)
    return float(figures["f1"][0]), float(figures["average_precision"][0])


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--lexicon", default="sgram" if "sgram" in Lexicon.presets() else "wang2025")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    documents, sentences, rows = target_sentences()
    priors, threshold = read_priors(SHARED), SentenceScorer.load("sgram").threshold
    print(f"{len(sentences):,} sentences, {sum(sentence.is_planning for sentence in sentences):,} plan")
    n_splits = options.seeds if "folds" in options.only else int("masks" in options.only)
    outs = [score_out_of_fold(sentences, priors, ScorerFit(seed=seed)) for seed in range(n_splits)]
    if "folds" in options.only:
        print_folds(outs, threshold)
    if "families" in options.only:
        print_families(sentences, rows, priors, threshold)
    if "moves" in options.only:
        print_moves(sentences, rows)
        print_moves_of_grams(documents, sentences, Lexicon.load(options.lexicon))
    if "masks" in options.only:
        print_masks(documents, sentences, outs[0], Lexicon.load(options.lexicon), threshold)
    if "calibration" in options.only:
        print_calibration(sentences, rows, threshold)


if __name__ == "__main__":
    main()
