"""Evaluation of lexicons on labeled text: precision and recall, placebos, pruning, and training of the gram classifier.

- `labeled_documents` reads texts with labeled units; `label_index` finds the grams of a list in them.
- `precision_recall` and `precision_recall_curve` measure a list of grams, with bootstrap intervals over documents.
- `placebo_lexicons` draws random grams that mark as much text as a lexicon: the control for every claim about one.
- `lexicon_comparison` combines these into the tables of `sgram validate`; `gram_effects` ranks single grams.
- `pruning` removes grams until a lexicon has a minimum precision on held-out documents.
- `train_classifier` fits the gram classifier that `sgram.mining` scores candidates with; `held_out_traces` excludes
  labeled problems from its statistics.
- `train_sentence_scorer` fits a sentence scorer, `calibrate_sentence_scorer` adapts one to a few labels,
  `sentence_figures` measures both out of fold; `mask_comparison` measures every kind of mask, and moves.
"""
