"""Where grams of a lexicon occur: spans of texts and planning masks of token ids.

- `spans`: the reference, `find_spans`; `span_finder`: the same, compiled, for a corpus.
- `sentence_finder`: planning sentences, compiled; `mask_kinds`: what a mask marks, grams or sentences.
- `vocabulary`, `spelling`: the bytes of each token of any tokenizer.
- `tagger`: planning masks of token ids; `sentence_rows`: those of sentences; `stream`: both while a model generates.
- `projection`: what spans cover, if a tokenizer does not keep the text.
- `part_marks`: spans and tokens that lie in one part of a trace.
- `tagged_rollouts`: traces in, traces with spans and masks out; `masks`: masks in Parquet.
- `planning_shares`, `summary`: how much is planning, with intervals; `span_frames`: spans as data frames.
- `kernel`: the compiled code.

>>> from sgram import Lexicon, PlanningTagger, find_spans
>>> lexicon = Lexicon.from_grams(["let me"])
>>> find_spans("So let me see.", lexicon)[0].start
3
>>> PlanningTagger(lexicon, [b"So", b" let", b" me", b" see"])([0, 1, 2, 3]).tolist()
[False, True, True, False]
"""
