"""Compiled tagging: vocabulary and lexicon as arrays, and the machines that read token ids or text with them.

- `automaton`: a lexicon as a byte trie over its words and an Aho-Corasick automaton over its grams.
- `pieces`: each token of a vocabulary, split into letters, gaps and connectors.
- `tables`: both of them in two flat arrays that a CPU or a GPU can hold.
- `sieve`: a first pass over a row that finds the tokens in which a gram may begin.
- `machine`: the exact rule for one token in any state (numba).
- `rows`: rows of token ids to planning masks, with a fast path for plain tokens (numba).
- `gpu`: the same machine as a GPU kernel (Triton).
- `span_scan`: occurrences of grams in the bytes of a text (numba).
- `sentence_tables`: a sentence scorer as arrays, and the sum of a sentence by them.
- `sentence_scan`: sentences in the bytes of a text with their sums (numba).
- `sentence_heads`: what each token of a vocabulary does to a sentence.
- `sentence_rows`: rows of token ids to the moves of their sentences (numba); `spelled_lines`: their lines that must be
  spelled.

`sgram.tagging.spans.find_spans` is the reference for all of them.
"""
